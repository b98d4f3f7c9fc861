//! `trigger`: another project's pipeline, started with the job token.

use jobgate::os::{Interrupt, Signal};

use super::{Story, deploy};
use crate::fake::{Allow, Ci, Fault, MIRA, World, ci, job};
use crate::run::{Outcome, Run};

fn monitoring(jobs: Ci) -> impl FnOnce(&mut World, crate::fake::Id) {
    |world, _| {
        let ops = world.project("ops/monitoring");
        world.at_project(ops).ci = jobs;
        world.at_project(ops).allowlist = vec![Allow {
            from: "shop/web".to_owned(),
            policies: None,
        }];
    }
}

fn checks() -> Ci {
    ci().stage(
        "check",
        [job("check").runs(30), job("hint").fails(3).allow_failure()],
    )
}

/// With the job token alone.
fn run(story: &Story, words: &str) -> Outcome {
    story.go(story.call(words).without("JOBGATE_TOKEN"))
}

#[test]
fn a_pipeline_is_started_and_mirrored_with_the_job_token_alone() {
    let story = Story::with(deploy(), monitoring(checks()));
    run(
        &story,
        "trigger ops/monitoring --ref main --variable A=1 --wait",
    )
    .is(0, "@OUT", "@LOG");
    run(&story, "trigger 45 --ref main -o json -q").is(0, "@OUT", "@LOG");
    assert!(
        story
            .gitlab
            .requests()
            .iter()
            .all(|one| one.token != "access")
    );
    story.gitlab.finish();
}

#[test]
fn a_plan_starts_nothing() {
    let story = Story::with(deploy(), monitoring(checks()));
    run(
        &story,
        "trigger ops/monitoring --ref main --variable TOKEN=x --dry-run",
    )
    .is(0, "@OUT", "@LOG");
    run(&story, "trigger ops/monitoring").is(2, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn a_failure_downstream_is_one_here() {
    let jobs = ci().stage("check", [job("check").fails(30)]);
    let story = Story::with(deploy(), monitoring(jobs));
    let got = run(&story, "trigger ops/monitoring --ref main --wait -o dotenv");
    assert_eq!(got.code, 1, "{got:?}");
    assert!(
        got.out.contains("JOBGATE_OUT_PIPELINE_ID=7701\n"),
        "{got:?}"
    );
    story.gitlab.finish();
}

#[test]
fn of_a_lost_answer_the_only_new_pipeline_is_assumed() {
    let story = Story::with(deploy(), monitoring(checks()));
    story.gitlab.fault("POST */trigger/pipeline", Fault::Lost);
    run(&story, "trigger ops/monitoring --ref main").is(0, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

#[test]
fn none_or_several_are_never_assumed() {
    let story = Story::with(deploy(), monitoring(checks()));
    story.gitlab.fault("POST */trigger/pipeline", Fault::Close);
    run(&story, "trigger ops/monitoring --ref main").is(6, "@OUT", "@LOG");
    story
        .gitlab
        .fault("POST */trigger/pipeline", Fault::BadGatewayAfter);
    story.gitlab.before("POST */trigger/pipeline", |world| {
        let me = world.job(7700, "gate");
        let _ = me;
        world.triggered("ops/monitoring", "main", MIRA);
    });
    run(&story, "trigger ops/monitoring --ref main").is(6, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn a_limit_is_waited_out_and_a_lock_is_not_trusted() {
    let story = Story::with(deploy(), monitoring(checks()));
    story
        .gitlab
        .faults("POST */trigger/pipeline", Fault::Limited(20), 2);
    let got = run(&story, "trigger ops/monitoring --ref main");
    assert_eq!((got.code, story.gitlab.posts()), (0, 3), "{got:?}");
    story.gitlab.fault("POST */trigger/pipeline", Fault::Locked);
    let got = run(&story, "trigger ops/monitoring --ref main");
    assert_eq!((got.code, story.gitlab.posts()), (6, 4), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn refusals_are_explained() {
    let story = Story::with(deploy(), monitoring(checks()));
    run(&story, "trigger ops/monitoring --ref nowhere").is(5, "@OUT", "@LOG");
    run(&story, "trigger ops/secret --ref main").is(5, "@OUT", "@LOG");
    story
        .gitlab
        .world(|world| world.at_project(45).variables_role = "no_one_allowed");
    run(&story, "trigger ops/monitoring --ref main --variable A=1").is(4, "@OUT", "@LOG");
    story
        .gitlab
        .world(|world| world.at_project(45).members.clear());
    run(&story, "trigger ops/monitoring --ref main").is(5, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_gate_stands_before_it() {
    let story = Story::with(deploy(), monitoring(checks()));
    run(&story, "trigger ops/monitoring --ref main --require tag").is(9, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn what_was_started_is_canceled_if_asked_for() {
    let jobs = ci().stage("check", [job("check").endless()]);
    let story = Story::with(deploy(), |world, pipeline| {
        monitoring(jobs)(world, pipeline);
        world.signal_after(60, Signal::Terminate);
    });
    let words = "trigger ops/monitoring --ref main --wait --on-cancel cancel";
    let got = run(&story, words);
    assert_eq!((got.code, story.gitlab.posts()), (4, 0), "{got:?}");
    let token = story
        .gitlab
        .world(|world| world.access_token(MIRA, &["api"]));
    let call: Run = story.call(words).var("JOBGATE_TOKEN", token);
    call.on(&story.gitlab.clock(), &Interrupt::new())
        .is(143, "@OUT", "@LOG");
    assert!(
        story
            .gitlab
            .log()
            .contains("/pipelines/7701/cancel access 200")
    );
    story.gitlab.finish();
}
