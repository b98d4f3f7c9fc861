//! The fake's pipelines run as GitLab's do: scheduling, trigger jobs, and what requests do to them.

use expect_test::expect;
use serde_json::Map;

use crate::fake::{Ci, Id, MIRA, When, World, child, ci, downstream, job};
use crate::fake_gitlab::{Shop, world};

/// A world with this pipeline.
fn run(spec: Ci) -> (World, Id) {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline("shop/web", "main", spec);
    (world, pipeline)
}

/// The status of a pipeline and of its newest rows: `success: a success, b skipped`.
fn statuses(world: &World, pipeline: Id) -> String {
    let rows = world
        .newest(pipeline)
        .map(|job| format!("{} {}", job.name, job.status));
    let rows: Vec<_> = rows.collect();
    format!("{}: {}", world.pipelines[&pipeline].status, rows.join(", "))
}

/// The statuses after each of these numbers of seconds.
fn timeline(world: &mut World, pipeline: Id, steps: &[u64]) -> String {
    let shown = steps.iter().map(|seconds| {
        world.advance_by(*seconds);
        format!(
            "+{seconds}s {}
",
            statuses(world, pipeline)
        )
    });
    shown.collect()
}

#[test]
fn a_pipeline_runs_stage_by_stage_as_the_clock_goes_on() {
    let (mut world, pipeline) = world();
    let first = world.job(pipeline, "unit 1/2");
    expect![[r#"
            +0s running: compile pending, lint pending, unit 1/2 created, unit 2/2 created, ship created, gate running, pages created
            +2s running: compile running, lint running, unit 1/2 created, unit 2/2 created, ship created, gate running, pages created
            +60s running: compile success, lint failed, unit 1/2 pending, unit 2/2 pending, ship created, gate running, pages created
            +33s running: compile success, lint failed, ship created, gate running, pages created, unit 1/2 pending, unit 2/2 pending
            +32s running: compile success, lint failed, ship manual, gate running, pages pending, unit 1/2 success, unit 2/2 success
            +1s running: compile success, lint failed, ship manual, gate running, pages success, unit 1/2 success, unit 2/2 success
        "#]].assert_eq(&timeline(&mut world, pipeline, &[0, 2, 60, 33, 32, 1]));
    // A failure with retry has a new row.
    assert!(world.job(pipeline, "unit 1/2") > first && world.jobs[&first].retried);
    let page = world.downstream(world.job(pipeline, "pages")).unwrap();
    assert_eq!(world.pipelines[&page].source, "parent_pipeline");
    let gate = world.job(pipeline, "gate");
    world.end(gate, None);
    assert_eq!(world.pipelines[&pipeline].status, "manual");
}

#[test]
fn a_failure_skips_what_comes_after_it_but_not_what_waits_for_it() {
    let after = [
        job("c"),
        job("d").needs(["b"]),
        job("cleanup").when(When::OnFailure),
        job("always").when(When::Always),
    ];
    let spec = ci().stage("build", [job("a").fails(5), job("b").runs(5)]);
    let (mut world, pipeline) = run(spec.stage("test", after));
    expect![[r#"
            +60s failed: a failed, b success, c skipped, d success, cleanup success, always success
        "#]]
    .assert_eq(&timeline(&mut world, pipeline, &[60]));
    // A retry gives the skipped another chance.
    let a = world.job(pipeline, "a");
    world.retry(MIRA, a);
    expect![[r#"
            +0s running: b success, c created, d success, cleanup success, always success, a pending
        "#]]
    .assert_eq(&timeline(&mut world, pipeline, &[0]));
}

#[test]
fn retry_makes_one_new_row_after_the_lag_until_attempts_run_out() {
    let failing = job("a").queue(0).fails(10).retry(2);
    let (mut world, pipeline) = run(ci().stage("x", [failing]).stage("y", [job("b")]));
    world.retry_lag = 5;
    // A failure that will be replaced decides nothing.
    expect![[r#"
            +12s running: a failed, b created
            +3s running: b created, a running
            +60s failed: b skipped, a failed
        "#]]
    .assert_eq(&timeline(&mut world, pipeline, &[12, 3, 60]));
    assert_eq!(world.pipelines[&pipeline].jobs.len(), 4);
}

/// What a trigger job shows of its downstream pipeline, by strategy and by that pipeline's end.
#[test]
fn trigger_jobs_mirror_as_their_strategy_says() {
    let shown = [
        job("a").runs(5),
        job("a").fails(5),
        job("a").manual(),
        job("a").when(When::OnFailure),
    ]
    .map(|one| {
        let below = ci().stage("x", [one]);
        let triggers = [
            child("none", below.clone()),
            child("depend", below.clone()).depend(),
            child("mirror", below).mirror(),
        ];
        let (mut world, pipeline) = run(ci().stage("x", triggers));
        world.advance_by(60);
        let below = world.downstream(world.job(pipeline, "depend")).unwrap();
        let end = world.pipelines[&below].status;
        format!("below {end}; {}\n", statuses(&world, pipeline))
    });
    expect![[r#"
        below success; success: none success, depend success, mirror success
        below failed; failed: none success, depend failed, mirror failed
        below manual; running: none success, depend running, mirror manual
        below skipped; failed: none success, depend failed, mirror skipped
    "#]]
    .assert_eq(&shown.concat());
}

#[test]
fn a_trigger_job_may_fail_to_start_anything_and_may_come_back() {
    let late = child("late", ci().stage("y", [job("a").fails(5)]));
    let jobs = [
        downstream("nowhere", "no/such"),
        child("refused", ci()).childless("reached_max_descendant_pipelines_depth"),
        late.delay(20).depend(),
    ];
    let (mut world, pipeline) = run(ci().stage("x", jobs));
    expect![[r#"
            +10s running: nowhere failed, refused failed, late pending
        "#]]
    .assert_eq(&timeline(&mut world, pipeline, &[10]));
    let nowhere = &world.jobs[&world.job(pipeline, "nowhere")];
    let reason = "downstream_bridge_project_not_found";
    assert_eq!(nowhere.failure_reason, Some(reason));
    let late = world.job(pipeline, "late");
    assert_eq!(world.downstream(late), None);
    expect![[r#"
            +60s failed: nowhere failed, refused failed, late failed
        "#]]
    .assert_eq(&timeline(&mut world, pipeline, &[60]));
    let below = world.downstream(late).unwrap();
    let failed = world.job(below, "a");
    world.retry(MIRA, failed);
    expect![[r#"
            +2s running: a running
        "#]]
    .assert_eq(&timeline(&mut world, below, &[2]));
    assert_eq!(world.status(late), "running");
}

#[test]
fn cancel_answers_201_whatever_it_did() {
    let slow = job("gate").here().after_script(20);
    let jobs = [job("done").is("success"), job("quick").here(), slow];
    let (world, pipeline) = run(ci().stage("x", jobs));
    Shop::start(world, pipeline).transcript(expect![[r#"
        access POST /projects/44/jobs/:done/cancel -> 201 success
        access POST /projects/44/jobs/:quick/cancel -> 201 canceled
        access POST /projects/44/jobs/:gate/cancel -> 201 canceling
        access POST /projects/44/jobs/:gate/cancel {"force":true} -> 201 canceled
    "#]]);
}

#[test]
fn playing_a_finished_manual_job_is_a_retry_which_old_servers_hide() {
    for (age, shows_new) in [(18, false), (19, true)] {
        let spec = ci().stage("x", [job("ship").manual(), job("gate").here()]);
        let (mut world, pipeline) = run(spec);
        world.age = age;
        let old = world.job(pipeline, "ship");
        world.play(MIRA, old, Vec::new(), Map::new());
        world.advance_by(60);
        let shop = Shop::start(world, pipeline);
        let seen = shop.ask("access POST /projects/44/jobs/:ship/play");
        assert_eq!(seen.status, 200);
        let new = seen.json()["id"].as_u64() != Some(old);
        assert_eq!(new, shows_new, "age {age}");
        assert_ne!(shop.gitlab.world(|world| world.job(pipeline, "ship")), old);
    }
}
