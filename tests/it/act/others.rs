//! `retry`, `cancel` and `erase`.

use super::Story;
use crate::fake::{child, ci, job};

#[test]
fn a_retry_follows_the_new_job() {
    let story = Story::new(ci().stage("test", [job("unit").is("failed")]));
    let old = story.job("unit");
    story
        .run("retry unit --wait -o dotenv")
        .is(0, "@OUT", "@LOG");
    // By the id of the attempt that was retried it is done already, however often it is asked.
    story.run(&format!("retry {old}")).is(0, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

#[test]
fn only_what_has_failed_is_retried() {
    let ci = ci().stage(
        "test",
        [
            job("red").is("failed"),
            job("green").is("success"),
            job("manual").is("manual"),
            job("busy").is("running"),
        ],
    );
    let story = Story::new(ci);
    story.run("retry --all --dry-run").is(9, "@OUT", "@LOG");
    story
        .run("retry --all --status failed")
        .is(0, "@OUT", "@LOG");
    story.run("retry green --rerun -q").is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_cancel_is_looked_after() {
    let ci = ci().stage(
        "test",
        [
            job("graceful").after_script(5).is("running"),
            job("plain").is("running"),
            job("over").is("failed"),
            child("sub", ci().stage("x", [job("y")])).is("running"),
        ],
    );
    let story = Story::new(ci);
    story
        .run("cancel graceful plain over --all")
        .is(0, "@OUT", "@LOG");
    story.run("cancel sub").is(9, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_cancel_that_came_too_late_is_no_success() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    let unit = story.job("unit");
    story
        .gitlab
        .before("POST */cancel", move |world| world.flip(unit, "success"));
    story.run("cancel unit").is(9, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_cancel_that_has_no_effect_is_never_sent_again() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    story.gitlab.answer(
        "POST */cancel",
        crate::fake::Answer::json(201, &serde_json::json!({"id": 1})),
    );
    let got = story.run("cancel unit");
    assert_eq!((got.code, story.gitlab.posts()), (6, 1), "{got:?}");
    assert!(got.out.contains("GitLab accepted it, but job"), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn a_job_that_is_stuck_in_canceling_is_ended_by_force() {
    let story = Story::new(ci().stage("test", [job("unit").after_script(900).is("canceling")]));
    story.run("cancel unit").is(0, "@OUT", "@LOG");
    story.run("cancel unit --force").is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn an_erasure_is_meant_for_one_attempt() {
    let story = Story::new(ci().stage(
        "test",
        [
            job("unit").artifacts().is("failed"),
            job("busy").is("running"),
        ],
    ));
    let old = story.job("unit");
    story.run("erase unit").is(0, "@OUT", "@LOG");
    story.run("erase unit busy --all").is(9, "@OUT", "@LOG");
    assert_eq!(story.run("retry unit").code, 0);
    story.run(&format!("erase {old}")).is(9, "@OUT", "@LOG");
    story.gitlab.finish();
}
