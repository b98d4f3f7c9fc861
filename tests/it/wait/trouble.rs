//! A network, a server and an operating system that misbehave.

use std::io::Read;
use std::process::Child;
use std::time::Duration;

use jobgate::os::{Interrupt, Signal};

use super::{Story, after_head};
use crate::fake::{Chaos, Fault, GitLab, Logged, World, child, ci, job};

#[test]
fn an_outage_within_the_budget_is_sat_out() {
    let story = Story::new(ci().stage("test", [job("unit").runs(100)]));
    story.gitlab.outage(30, 180, Fault::BadGateway);
    after_head(story.run("wait unit")).is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn an_outage_beyond_the_budget_is_unknown() {
    let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
    story.gitlab.outage(30, 3000, Fault::Close);
    after_head(story.run("wait unit --outage-budget 90s")).is(6, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_blip_is_nobodys_concern() {
    let story = Story::new(ci().stage("test", [job("unit").runs(100)]));
    for fault in [Fault::Page, Fault::Cut, Fault::Broken, Fault::Locked] {
        story.gitlab.fault("GET */pipelines/*", fault);
    }
    after_head(story.run("wait unit")).is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn one_401_is_asked_again() {
    let story = Story::new(ci().stage("test", [job("unit").runs(100)]));
    story.gitlab.fault("GET */jobs?*", Fault::Unauthorized);
    story.gitlab.fault("GET */trigger_jobs?*", Fault::Unauthorized);
    after_head(story.run("wait unit")).is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn the_callers_own_end_is_the_end_of_its_token() {
    let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
    let me = story.me;
    story
        .gitlab
        .world(|world| world.after(60, move |world| world.end(me, None)));
    after_head(story.run("wait unit")).is(4, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_429_is_waited_out_and_never_charged() {
    let story = Story::new(ci().stage("test", [job("unit").runs(300)]));
    story.gitlab.outage(20, 800, Fault::Limited(100));
    after_head(story.run("wait unit --outage-budget 60s")).is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_429_beyond_the_time_is_a_timeout() {
    let story = Story::new(ci().stage("test", [job("unit").runs(300)]));
    story.gitlab.outage(20, 8000, Fault::Limited(3600));
    after_head(story.run("wait unit --timeout 3m")).is(3, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_limit_that_is_shared_is_kept() {
    let story = Story::new(ci().stage("test", [job("unit").runs(600)]));
    story.gitlab.limit(10);
    let told = story.run("wait unit");
    assert_eq!(told.code, 0, "{}", told.log);
    let refused = |one: &&Logged| one.status == 429;
    let log = story.gitlab.finish();
    assert!(log.iter().filter(refused).count() <= 1);
}

#[test]
fn a_server_that_does_not_know_a_status_is_asked_for_all() {
    let jobs = (0..120).map(|n| job(&format!("old {n}")).is("success"));
    let story = Story::new(ci().stage("test", jobs.chain([job("unit").runs(100)])));
    let refused = crate::fake::Answer::message(400, "scope[] does not have a valid value");
    story.gitlab.answers("GET *scope*running*", refused, u32::MAX);
    let told = story.run("wait unit");
    assert_eq!(told.code, 0, "{}", told.log);
    let scoped = |one: &&Logged| one.status == 400;
    let log = story.gitlab.finish();
    assert_eq!(log.iter().filter(scoped).count(), 1);
}

#[test]
fn a_caller_that_is_canceled_ends_as_if_told_to() {
    let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
    let me = story.me;
    story.gitlab.world(|world| {
        world.after(60, move |world| world.flip(me, "canceling"));
    });
    after_head(story.run("wait unit")).is(143, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_signal_ends_a_sleep_with_a_last_report() {
    for (signal, code) in [
        (Signal::Hangup, 129),
        (Signal::Interrupt, 130),
        (Signal::Terminate, 143),
    ] {
        let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
        story.gitlab.world(|world| world.signal_after(25, signal));
        let told = after_head(story.run("wait unit"));
        let name = signal.name();
        told.is(
            code,
            "
JOB   RESULT   STATUS   DURATION     ID  NOTE  LINK
unit  waiting  running        8s  90400        https://gl/web/-/jobs/90400
",
            &format!(
                "
08:00:00 unit  pending
08:00:10 unit  pending → running  (2s in queue)
jobgate: error: {name} came
"
            ),
        );
        story.gitlab.finish();
    }
}

/// Waits until the program has sent so many requests.
fn until(story: &Story, requests: usize) {
    for _ in 0..1000 {
        if story.gitlab.requests().len() >= requests {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("only these were sent: {}", story.gitlab.log());
}

fn terminate(child: &Child) {
    let id = i32::try_from(child.id()).unwrap();
    // SAFETY: sends a signal to the process that the test itself has started.
    assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
}
