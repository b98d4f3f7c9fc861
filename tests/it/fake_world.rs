//! The fake's pipelines run as GitLab's do: scheduling, trigger jobs, and what requests do to them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::fake::{Ci, GitLab, MIRA, World, child, ci, demo, downstream, job};
use crate::fake_gitlab::{ask, get, post};

/// A world with this pipeline.
fn run(spec: Ci) -> (World, u64) {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline("shop/web", "main", spec);
    (world, pipeline)
}

/// Names and statuses of a pipeline's newest rows: `a success, b running`.
fn statuses(world: &World, pipeline: u64) -> String {
    let rows = world
        .newest(pipeline)
        .map(|job| format!("{} {}", job.name, job.status));
    rows.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_failure_skips_what_comes_after_it_but_not_what_waits_for_it() {
    let (mut world, pipeline) = run(ci()
        .stage("build", [job("a").fails(5), job("b").runs(5)])
        .stage(
            "test",
            [
                job("c"),
                job("d").needs(["b"]),
                job("cleanup").when(crate::fake::When::OnFailure),
                job("always").when(crate::fake::When::Always),
            ],
        ));
    world.advance_by(60);
    assert_eq!(
        statuses(&world, pipeline),
        "a failed, b success, c skipped, d success, cleanup success, always success"
    );
    assert_eq!(world.pipelines[&pipeline].status, "failed");
    let a = world.job(pipeline, "a");
    world.retry(MIRA, a);
    assert_eq!(
        world.status(world.job(pipeline, "c")),
        "created",
        "a retry gives the skipped another chance"
    );
}

#[test]
fn manual_jobs_block_unless_they_may_fail() {
    let blocking = ci()
        .stage("a", [job("ask").manual()])
        .stage("b", [job("after")]);
    let (mut world, pipeline) = run(blocking);
    world.advance_by(60);
    assert_eq!(statuses(&world, pipeline), "ask manual, after created");
    assert_eq!(world.pipelines[&pipeline].status, "manual");
    let optional = ci()
        .stage("a", [job("ask").manual().allow_failure()])
        .stage("b", [job("after")]);
    let (mut world, pipeline) = run(optional);
    world.advance_by(60);
    assert_eq!(statuses(&world, pipeline), "ask manual, after success");
    assert_eq!(world.pipelines[&pipeline].status, "success");
}

#[test]
fn a_resource_group_admits_one_job_at_a_time() {
    let (mut world, first) = run(ci().stage("deploy", [job("a").resource_group("eu").runs(10)]));
    let second = world.pipeline(
        "shop/web",
        "main",
        ci().stage("deploy", [job("b").resource_group("eu").prepare(3)]),
    );
    assert_eq!(statuses(&world, first), "a pending");
    assert_eq!(statuses(&world, second), "b waiting_for_resource");
    world.advance_by(12);
    assert_eq!(statuses(&world, first), "a success");
    assert_eq!(statuses(&world, second), "b preparing");
    world.advance_by(3);
    assert_eq!(statuses(&world, second), "b pending");
}

#[test]
fn a_delayed_job_starts_when_its_time_has_come_or_is_played() {
    let (mut world, pipeline) = run(ci().stage("x", [job("a").delayed(60), job("b").delayed(600)]));
    assert_eq!(statuses(&world, pipeline), "a scheduled, b scheduled");
    world.advance_by(60);
    assert_eq!(statuses(&world, pipeline), "a pending, b scheduled");
    let b = world.job(pipeline, "b");
    assert_eq!(world.play(MIRA, b, Vec::new(), serde_json::Map::new()), b);
    assert_eq!(world.status(b), "pending");
}

#[test]
fn retry_makes_one_new_row_after_the_lag_until_attempts_run_out() {
    let (mut world, pipeline) = run(ci()
        .stage("x", [job("a").queue(0).fails(10).retry(2)])
        .stage("y", [job("b")]));
    world.retry_lag = 5;
    world.advance_by(12);
    assert_eq!(
        statuses(&world, pipeline),
        "a failed, b created",
        "a failure that will be replaced decides nothing"
    );
    assert_eq!(world.pipelines[&pipeline].status, "running");
    world.advance_by(3);
    assert_eq!(statuses(&world, pipeline), "b created, a running");
    world.advance_by(60);
    assert_eq!(statuses(&world, pipeline), "b skipped, a failed");
    assert_eq!(world.pipelines[&pipeline].jobs.len(), 4);
}

/// What a trigger job says of its downstream pipeline, by strategy and by that pipeline's end.
#[test]
fn trigger_jobs_mirror_as_their_strategy_says() {
    let ends = [
        ("success", ci().stage("x", [job("a").runs(5)])),
        ("failed", ci().stage("x", [job("a").fails(5)])),
        ("manual", ci().stage("x", [job("a").manual()])),
        (
            "skipped",
            ci().stage("x", [job("a").when(crate::fake::When::OnFailure)]),
        ),
    ];
    let wanted = [
        ("success", "success", "success"),
        ("success", "failed", "failed"),
        ("success", "running", "manual"),
        ("success", "failed", "skipped"),
    ];
    for ((end, below), (none, depend, mirror)) in ends.into_iter().zip(wanted) {
        let (mut world, pipeline) = run(ci().stage(
            "x",
            [
                child("none", below.clone()),
                child("depend", below.clone()).depend(),
                child("mirror", below).mirror(),
            ],
        ));
        world.advance_by(60);
        let expected = format!("none {none}, depend {depend}, mirror {mirror}");
        assert_eq!(statuses(&world, pipeline), expected, "{end}");
        let below = world.downstream(world.job(pipeline, "depend")).unwrap();
        assert_eq!(world.pipelines[&below].status, end);
    }
}

#[test]
fn a_trigger_job_may_fail_to_start_anything_and_may_come_back() {
    let (mut world, pipeline) = run(ci().stage(
        "x",
        [
            downstream("nowhere", "no/such"),
            child("refused", ci()).childless("reached_max_descendant_pipelines_depth"),
            child("late", ci().stage("y", [job("a").fails(5)]))
                .delay(20)
                .depend(),
        ],
    ));
    world.advance_by(10);
    assert_eq!(
        statuses(&world, pipeline),
        "nowhere failed, refused failed, late pending"
    );
    let nowhere = &world.jobs[&world.job(pipeline, "nowhere")];
    assert_eq!(
        nowhere.failure_reason,
        Some("downstream_bridge_project_not_found")
    );
    assert_eq!(world.downstream(world.job(pipeline, "late")), None);
    world.advance_by(60);
    let late = world.job(pipeline, "late");
    assert_eq!(world.status(late), "failed");
    let below = world.downstream(late).unwrap();
    let failed = world.job(below, "a");
    let again = world.retry(MIRA, failed);
    world.advance_by(2);
    assert_eq!(
        (world.status(again), world.status(late)),
        ("running", "running")
    );
}

#[test]
fn an_impossible_step_is_the_worlds_own_mistake() {
    let (mut world, pipeline) = run(ci().stage("x", [job("a").is("success")]));
    let a = world.job(pipeline, "a");
    assert!(catch_unwind(AssertUnwindSafe(|| world.end(a, None))).is_err());
    world.flip(a, "hibernating");
    assert_eq!(
        world.pipelines[&pipeline].status, "running",
        "unknown words are alive"
    );
}

#[test]
fn cancel_answers_201_whatever_it_did() {
    let mut world = World::new();
    let project = world.project("shop/web");
    let spec = ci().stage(
        "x",
        [
            job("done").is("success"),
            job("quick").here(),
            job("slow").here().after_script(20),
        ],
    );
    let pipeline = world.pipeline("shop/web", "main", spec);
    let token = world.project_token(project, "maintainer", &["api"]);
    let jobs = ["done", "quick", "slow"].map(|name| world.job(pipeline, name));
    let gitlab = GitLab::start(world);
    let after = jobs.map(|id| {
        let seen = post(&gitlab, &format!("/projects/44/jobs/{id}/cancel"), &token);
        format!(
            "{} {}",
            seen.status,
            seen.json()["status"].as_str().unwrap()
        )
    });
    assert_eq!(after, ["201 success", "201 canceled", "201 canceling"]);
    let headers = [
        format!("PRIVATE-TOKEN: {token}"),
        "Content-Type: application/json".to_owned(),
    ];
    let path = format!("/projects/44/jobs/{}/cancel", jobs[2]);
    let forced = ask(&gitlab, "POST", &path, &headers, r#"{"force":true}"#);
    assert_eq!(forced.json()["status"], "canceled");
}

#[test]
fn playing_a_finished_manual_job_is_a_retry_which_old_servers_hide() {
    for (age, shows_new) in [(18, false), (19, true)] {
        let mut world = World::new();
        world.age = age;
        let project = world.project("shop/web");
        let pipeline = world.pipeline("shop/web", "main", ci().stage("x", [job("ship").manual()]));
        let token = world.project_token(project, "maintainer", &["api"]);
        let ship = world.job(pipeline, "ship");
        world.play(MIRA, ship, Vec::new(), serde_json::Map::new());
        world.advance_by(60);
        let gitlab = GitLab::start(world);
        let seen = post(&gitlab, &format!("/projects/44/jobs/{ship}/play"), &token);
        assert_eq!(seen.status, 200);
        assert_eq!(
            seen.json()["id"].as_u64() != Some(ship),
            shows_new,
            "age {age}"
        );
        assert_ne!(gitlab.world(|world| world.job(pipeline, "ship")), ship);
    }
}

#[test]
fn canceling_a_pipeline_reaches_its_child_pipelines() {
    let below = ci().stage("y", [job("deep").endless()]);
    let (mut world, pipeline) = run(ci().stage(
        "x",
        [
            child("c", below).depend(),
            job("a").is("success"),
            job("m").manual(),
        ],
    ));
    let token = world.project_token(44, "developer", &["api"]);
    world.advance_by(10);
    let gitlab = GitLab::start(world);
    assert_eq!(
        post(
            &gitlab,
            &format!("/projects/44/pipelines/{pipeline}/cancel"),
            &token
        )
        .status,
        200
    );
    gitlab.world(|world| {
        assert_eq!(
            statuses(world, pipeline),
            "c canceled, a success, m canceled"
        );
        let below = world.downstream(world.job(pipeline, "c")).unwrap();
        assert_eq!(statuses(world, below), "deep canceled");
    });
}

#[test]
fn agents_are_filtered_by_environment_and_protected_ref() {
    let mut demo = demo();
    demo.world.at_project(46).branches.push("topic".to_owned());
    let topic = demo
        .world
        .pipeline("shop/web", "topic", ci().stage("x", [job("gate").here()]));
    let gate = demo.world.job(topic, "gate");
    let header = |world: &World, job: u64| format!("JOB-TOKEN: {}", world.jobs[&job].token);
    let (me, gate) = (header(&demo.world, demo.me), header(&demo.world, gate));
    let gitlab = GitLab::start(demo.world);
    let agents = |header: &str| {
        get(&gitlab, "/job/allowed_agents", header).json()["allowed_agents"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((agents(&me), agents(&gate)), (2, 1));
}

#[test]
fn the_demo_runs_over_three_levels_to_a_person() {
    let mut demo = demo();
    demo.world.advance_by(400);
    let world = &demo.world;
    let images = world
        .downstream(world.job(demo.pipeline, "images"))
        .unwrap();
    let scan = world.downstream(world.job(images, "scan")).unwrap();
    assert_eq!(
        statuses(world, scan),
        "licenses success, vulnerabilities success"
    );
    let rollout = world.job(demo.pipeline, "rollout");
    assert_eq!(world.status(rollout), "running");
    let below = world.downstream(rollout).unwrap();
    assert_eq!(
        statuses(world, below),
        "plan success, production manual, smoke: [eu] created, smoke: [us] created"
    );
    let earlier = world
        .jobs
        .values()
        .filter(|job| job.name == "compile" && job.status == "success")
        .count();
    assert_eq!(earlier, 6);
}

#[test]
fn a_downstream_pipeline_may_vanish() {
    let (mut world, pipeline) = run(ci().stage(
        "x",
        [child("c", ci().stage("y", [job("a").endless()])).depend()],
    ));
    world.advance_by(10);
    let c = world.job(pipeline, "c");
    world.delete(world.downstream(c).unwrap());
    world.advance_by(10);
    assert_eq!((world.downstream(c), world.status(c)), (None, "running"));
}
