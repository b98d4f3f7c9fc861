//! Ends at the edge of what is known: too early, too late, too little.

use std::time::Duration;

use expect_test::expect;
use jobgate::os::Signal;

use super::{Story, after_head};
use crate::fake::{Fault, World, child, ci, job};

/// Runs a wait; its code, and how long it took.
fn timed(story: &Story, words: &str) -> (i32, Duration) {
    let now = || story.gitlab.world(|world| world.now);
    let before = now();
    let code = story.run(words).code;
    (code, now().since(before))
}

fn unit(run: u64) -> Story {
    Story::new(ci().stage("test", [job("unit").runs(run)]))
}

#[test]
fn a_failure_that_gitlab_dates_back_may_still_be_retried() {
    let flaky = job("flaky").fails(30).runs(30).retry(1);
    let story = Story::with(ci().stage("test", [flaky]), |world, _| {
        world.retry_lag = 8;
        world.backdate = 40;
    });
    assert_eq!(story.run("wait flaky --interval 3s").code, 0);
    story.gitlab.finish();
}

#[test]
fn an_operand_of_which_narrowing_leaves_nothing_is_named() {
    let story = Story::new(
        ci().stage("build", [job("compile").is("success")])
            .stage("test", [job("hang").endless()]),
    );
    after_head(story.run("wait hang compile --stage build")).is(
        5,
        expect![[r#"
            JOB      RESULT  STATUS   DURATION     ID
            compile  passed  success     2m00s  90400
        "#]],
        expect![[r#"
            08:00:00 compile  success
            jobgate: error: hang matches jobs, but --stage, --status or --except leaves all of them out
        "#]],
    );
    assert_eq!(story.run("wait hang --stage build --optional nix").code, 5);
    assert_eq!(story.run("wait --optional nix").code, 5);
    story.gitlab.finish();
}

#[test]
fn one_429_costs_what_it_asks_for_and_little_more() {
    let story = unit(20);
    story.gitlab.fault("GET */jobs?*", Fault::Limited(7));
    let (code, time) = timed(&story, "wait unit --interval 3s");
    assert_eq!(code, 0);
    assert!(time < Duration::from_secs(30), "{time:?}");
    story.gitlab.finish();
}

#[test]
fn the_last_look_begins_at_the_deadline() {
    let story = unit(57);
    let (code, time) = timed(&story, "wait unit --interval 50s --timeout 1m");
    assert_eq!((code, time), (0, Duration::from_mins(1)));
    story.gitlab.finish();
    // A failure counts at once then, allowed or not.
    for (weak, code) in [(job("weak").allow_failure(), 0), (job("weak"), 1)] {
        let story = Story::new(ci().stage("test", [weak.fails(57)]));
        let told = story.run("wait weak --interval 50s --timeout 1m");
        let ends = told.log.contains("time ran out");
        assert_eq!((told.code, ends), (code, false), "{}", told.log);
        story.gitlab.finish();
    }
}

#[test]
fn the_scripts_own_limit_counts_from_the_programs_start() {
    // The image was pulled and the cache unpacked for 40 minutes before the script began.
    let story = Story::with(
        ci().stage("test", [job("unit").queue(2700), job("hang").endless()]),
        |world, _| world.advance_by(2400),
    );
    let run = |words: &str| {
        let call = story.call(words).var("RUNNER_SCRIPT_TIMEOUT", "30m");
        story.on(call.var("CI_JOB_TIMEOUT", "10800"))
    };
    let begun = story.gitlab.world(|world| world.now);
    let unit = run("wait unit");
    assert_eq!(unit.code, 0, "{}", unit.log);
    let between = story.gitlab.world(|world| world.now);
    assert_eq!(run("wait hang").code, 3);
    let ended = story.gitlab.world(|world| world.now);
    // A minute less than the limit, so that the program can still report.
    assert!(between.since(begun) > Duration::from_mins(5));
    assert_eq!(ended.since(between), Duration::from_mins(29));
    story.gitlab.finish();
}

#[test]
fn no_sleep_of_a_condition_passes_the_deadline() {
    let story = unit(500);
    story
        .gitlab
        .faults("GET */allowed_agents", Fault::BadGateway, u32::MAX);
    let words = "wait unit --require role=developer --timeout 5s";
    let (code, time) = timed(&story, words);
    assert_eq!(code, 3);
    assert!(time <= Duration::from_secs(5), "{time:?}");
    story.gitlab.finish();
}

#[test]
fn one_401_of_a_list_or_a_condition_is_asked_again() {
    let story = unit(5);
    for path in ["allowed_agents", "job", "jobs?*", "trigger_jobs?*"] {
        let pattern = format!("GET */{path}");
        story.gitlab.fault(&pattern, Fault::Unauthorized);
    }
    let told = story.run("wait unit --require role=developer");
    assert!(told.code == 0 && !told.log.contains("asking"), "{told:?}");
    story.gitlab.finish();
}

#[test]
fn a_signal_before_a_401_is_asked_again_is_no_refusal() {
    for words in ["wait unit", "gate branch=main", "whoami"] {
        let story = unit(5);
        story.gitlab.fault("GET */job", Fault::Unauthorized);
        story
            .gitlab
            .world(|world| world.signal_after(0, Signal::Terminate));
        assert_eq!(story.run(words).code, 143, "{words}");
        story.gitlab.finish();
    }
}

#[test]
fn an_optional_job_that_is_not_there_does_not_turn_a_timeout_into_not_found() {
    let below = ci().stage("below", [job("unit").endless()]);
    let story = Story::new(ci().stage("test", [child("child", below)]));
    let words = "wait unit --downstream child --optional nix --timeout 30s";
    assert_eq!(story.run(words).code, 3);
    story.gitlab.finish();
}

#[test]
fn a_404_that_was_cut_off_says_nothing() {
    let story = unit(20);
    story.gitlab.fault("GET */jobs?*", Fault::CutNotFound);
    assert_eq!(story.run("wait unit").code, 0);
    story.gitlab.finish();
}

#[test]
fn a_pattern_that_only_siblings_fit_may_mean_trigger_jobs_that_are_hidden() {
    let mut world = World::new();
    world.project("shop/web");
    world.age = 18;
    let ci = ci().stage("test", [job("gate").parallel(2).here()]);
    let pipeline = world.pipeline("shop/web", "main", ci);
    let story = Story::by(world, pipeline, "gate 1/2");
    assert_eq!(story.run("wait gate*").code, 4);
    story.gitlab.finish();
}

#[test]
fn a_run_that_ends_before_its_first_look_prints_its_document() {
    let story = unit(5);
    story.gitlab.faults("GET */job", Fault::Unauthorized, 2);
    let told = story.run("wait unit -o json -q");
    told.is(
        4,
        expect![[r#"
        {"result":"refused","exit":4,"project":null,"pipeline":null,"jobs":[]}
    "#]],
        &told.log,
    );
    story.gitlab.finish();
}

#[test]
fn a_caller_that_is_canceled_waits_for_no_pipeline_at_all() {
    for words in ["wait unit --pipeline 7700", "trace unit --follow"] {
        let story = unit(5);
        story
            .gitlab
            .world(|world| world.flip(story.me, "canceling"));
        assert_eq!(story.run(words).code, 143, "{words}");
        assert_eq!(story.gitlab.finish().len(), 1, "{words}");
    }
}

#[test]
fn conditions_are_judged_for_the_job_that_began_to_wait() {
    let jobs = [job("unit").runs(30), job("other").endless()];
    let story = Story::with(ci().stage("test", jobs), |world, pipeline| {
        let [me, other] = ["gate", "other"].map(|name| world.job(pipeline, name));
        world.after(20, move |world| {
            let mine = world.jobs[&me].token.clone();
            world.jobs.get_mut(&me).unwrap().token = "gone".to_owned();
            world.jobs.get_mut(&other).unwrap().token = mine;
        });
    });
    let told = story.run("wait unit --require branch=main");
    let last = told.log.lines().last().unwrap_or_default();
    let expected = "jobgate: error: since the start, the job token's job has changed from 90402 to 90401, or its pipeline has changed";
    assert_eq!((told.code, last), (6, expected), "{}", told.log);
    story.gitlab.finish();
}

#[test]
fn a_unit_of_time_behind_an_operand_is_a_jobs_name() {
    let story = Story::new(ci().stage("test", [job("unit").runs(5), job("m").runs(5)]));
    assert_eq!(story.run("wait --timeout 60 unit m").code, 0);
    story.gitlab.finish();
}
