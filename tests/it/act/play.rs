//! `play`: what is sent, what is waited for, what is done already.

use jobgate::os::{Interrupt, Signal};

use super::{Story, deploy};
use crate::fake::{Allow, World, child, ci, downstream, job};

#[test]
fn a_manual_job_is_played_and_its_result_mirrored() {
    let story = Story::new(deploy());
    story.run("play deploy --wait").is(0, "@OUT", "@LOG");
    assert_eq!(story.writes("deploy", "play"), 1);
    story.gitlab.finish();
}

#[test]
fn a_job_that_fails_fails_the_caller() {
    let story = Story::new(ci().stage("deploy", [job("deploy").manual().fails(5)]));
    story.run("play deploy --wait -q").is(1, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_second_call_has_nothing_to_do() {
    let story = Story::new(deploy());
    assert_eq!(story.run("play deploy").code, 0);
    story.run("play deploy").is(0, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

#[test]
fn a_plan_changes_nothing() {
    let story = Story::new(ci().stage(
        "deploy",
        [
            job("deploy").matrix(["eu, blue", "us"]).manual(),
            job("docs").is("skipped"),
            job("site").is("success"),
            job("late").is("created"),
        ],
    ));
    story
        .run("play --all --stage deploy --dry-run")
        .is(9, "@OUT", "@LOG");
    story
        .run("play deploy --all --dry-run")
        .is(0, "@OUT", "@LOG");
    story
        .run("play deploy --all --dry-run -o json -q")
        .is(0, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn several_jobs_need_all_and_each_gets_its_own_request() {
    let ci = ci().stage(
        "deploy",
        [job("deploy").parallel(2).manual(), job("x").is("skipped")],
    );
    let story = Story::new(ci);
    story.run("play deploy").is(2, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.run("play deploy x --all").is(9, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn a_job_that_is_not_playable_yet_is_waited_for_by_looking() {
    let ci = ci()
        .stage("build", [job("compile").runs(50)])
        .stage("deploy", [job("deploy").manual()]);
    let story = Story::new(ci);
    story.run("play deploy --now").is(9, "@OUT", "@LOG");
    story.run("play deploy --timeout 0").is(8, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.run("play deploy").is(0, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

#[test]
fn a_job_that_never_becomes_playable_runs_out_of_time() {
    let ci = ci()
        .stage("build", [job("compile").is("running")])
        .stage("deploy", [job("deploy").is("created")]);
    let story = Story::new(ci);
    story.run("play deploy --timeout 40s").is(3, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn an_approval_is_waited_for_by_looking_never_by_asking_again() {
    let story = Story::with(
        ci().stage("deploy", [job("deploy").manual().needs_approval()]),
        |world, pipeline| {
            let deploy = world.job(pipeline, "deploy");
            world.after(60, move |world| {
                world.approve(deploy);
                world.play(
                    crate::fake::MIRA,
                    deploy,
                    Vec::new(),
                    serde_json::Map::new(),
                );
            });
        },
    );
    story.run("play deploy --now").is(9, "@OUT", "@LOG");
    story.run("play deploy").is(0, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn a_delayed_job_starts_at_once() {
    let story = Story::new(ci().stage("deploy", [job("deploy").delayed(3600)]));
    story.run("play deploy -q").is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_failed_job_is_run_once_more_only_if_asked_for() {
    let story = Story::new(ci().stage("deploy", [job("deploy").is("failed")]));
    story.run("play deploy").is(9, "@OUT", "@LOG");
    story
        .run("play deploy --rerun --variable A=1")
        .is(9, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story
        .run("play deploy --rerun --wait")
        .is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn of_a_manual_trigger_job_the_pipeline_that_it_starts_counts() {
    let rollout = child("rollout", ci().stage("x", [job("eu").fails(3)])).manual();
    let story = Story::new(ci().stage("deploy", [rollout]));
    story
        .run("play rollout --variable A=1")
        .is(9, "@OUT", "@LOG");
    story.run("play rollout --wait").is(1, "@OUT", "@LOG");
    story.gitlab.finish();
}

fn shop_and_ops(world: &mut World) {
    let ops = world.project("ops/monitoring");
    world.at_project(ops).ci = ci()
        .stage("prepare", [job("prepare").runs(5)])
        .stage("smoke", [job("smoke").manual()]);
    world.at_project(ops).allowlist = vec![Allow {
        from: "shop/web".to_owned(),
        policies: None,
    }];
}

#[test]
fn a_job_in_a_multi_project_pipeline_is_played_when_that_pipeline_is_there() {
    let mut world = World::new();
    let project = world.project("shop/web");
    shop_and_ops(&mut world);
    let mira = world.access_token(crate::fake::MIRA, &["api"]);
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage(
            "deploy",
            [downstream("monitor", "ops/monitoring").delay(20)],
        )
        .stage("gate", [job("gate").here()]),
    );
    let _ = project;
    let story = Story {
        me: world.job(pipeline, "gate"),
        gitlab: crate::fake::GitLab::start(world),
        pipeline,
        token: mira,
    };
    story
        .run("play smoke --downstream monitor --require branch=main --wait")
        .is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn what_is_not_there_or_is_the_caller_is_told() {
    let story = Story::new(deploy());
    story.run("play deplox").is(5, "@OUT", "@LOG");
    story.run("play gate").is(2, "@OUT", "@LOG");
    story
        .run("play deploy --status running")
        .is(5, "@OUT", "@LOG");
    story
        .run("play smoke --downstream monitor")
        .is(5, "@OUT", "@LOG");
    story.run("play").is(2, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn two_callers_start_one_job_once() {
    for _ in 0..20 {
        let story = Story::new(ci().stage("deploy", [job("deploy").manual().runs(600)]));
        let results = std::thread::scope(|scope| {
            let calls = [(); 2].map(|()| scope.spawn(|| story.run("play deploy")));
            calls.map(|call| call.join().unwrap())
        });
        assert_eq!(story.writes("deploy", "play"), 1, "{results:?}");
        let says = |word: &str| results.iter().filter(|got| got.out.contains(word)).count();
        assert_eq!(
            (says("  played  "), says("  done already  ")),
            (1, 1),
            "{results:?}"
        );
        assert!(results.iter().all(|got| got.code == 0));
        story.gitlab.finish();
    }
}

#[test]
fn a_person_who_was_faster_is_no_failure() {
    let story = Story::new(ci().stage("deploy", [job("deploy").manual().runs(600)]));
    let id = story.job("deploy");
    story.gitlab.before("POST */play", move |world| {
        world.play(crate::fake::MIRA, id, Vec::new(), serde_json::Map::new());
    });
    story.run("play deploy").is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_signal_ends_the_wait_for_a_playable_job() {
    let story = Story::with(
        ci().stage("deploy", [job("deploy").is("created")]),
        |world, _| world.signal_after(30, Signal::Terminate),
    );
    let clock = story.gitlab.clock();
    story
        .call("play deploy")
        .on(&clock, &Interrupt::new())
        .is(143, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}
