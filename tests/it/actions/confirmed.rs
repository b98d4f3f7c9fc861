//! What a look after a write tells.

use jobgate::decide::action::Step;
use jobgate::decide::action::confirm::{Confirmation, confirm};
use jobgate::model::Job;
use serde_json::json;

use super::{every_status, job, job_as};

/// A confirmation in one word; `again` allows the same request once more.
fn seen(step: Step, before: &Job, after: &Job) -> &'static str {
    match confirm(step, before, Some(after)) {
        Confirmation::Confirmed(id) if id == before.id => "done",
        Confirmation::Confirmed(id) if id == after.id => "new",
        Confirmation::Confirmed(_) => "wrong id",
        Confirmation::NotDone { repeat: true, .. } => "again",
        Confirmation::NotDone { repeat: false, .. } => "not",
        Confirmation::Unknown(_) => "unknown",
    }
}

#[test]
fn a_look_after_the_write_tells_what_became_of_it() {
    let ran = json!({"started_at": "2026-11-20T08:00:00Z"});
    let cancel = Step::Cancel { force: false };
    let force = Step::Cancel { force: true };
    // status after: play (never started, started, newer attempt), retry (same failed job, newer), cancel, force, erase (no date)
    for (status, row) in [
        ("created", "not not not not new again again not"),
        (
            "waiting_for_callback",
            "done done new not new again again not",
        ),
        (
            "waiting_for_resource",
            "done done new not new again again not",
        ),
        ("preparing", "done done new not new again again not"),
        ("pending", "done done new not new again again not"),
        ("running", "done done new not new again again not"),
        ("success", "done done new not new not not again"),
        ("failed", "unknown done unknown again new done done again"),
        ("canceling", "unknown done unknown not new done again not"),
        ("canceled", "unknown done unknown not new done done again"),
        ("skipped", "not not not not new done done again"),
        ("manual", "again again not not new again again not"),
        ("scheduled", "again again not not new again again not"),
        (
            "splendid",
            "unknown unknown unknown not new unknown unknown not",
        ),
    ] {
        let same = job(status);
        let started = job_as(17, status, &ran);
        let newer = job_as(18, status, &json!({}));
        let cases = [
            seen(Step::Play, &job("manual"), &same),
            seen(Step::Play, &job("manual"), &started),
            seen(Step::Play, &job("manual"), &newer),
            seen(Step::Retry, &job("failed"), &same),
            seen(Step::Retry, &job("failed"), &newer),
            seen(cancel, &job("running"), &same),
            seen(force, &job("canceling"), &same),
            seen(Step::Erase, &job("success"), &same),
        ];
        assert_eq!(cases.join(" "), row, "{status}");
    }
}

#[test]
fn a_play_is_repeated_only_after_a_look_at_the_same_job_still_waiting() {
    for status in every_status() {
        for id in [16, 17, 18] {
            let after = job_as(id, status, &json!({}));
            let repeat = seen(Step::Play, &job("manual"), &after) == "again";
            assert_eq!(
                repeat,
                id == 17 && matches!(status, "manual" | "scheduled"),
                "{id} {status}"
            );
            for step in [Step::Retry, Step::Cancel { force: false }, Step::Erase] {
                let repeat = seen(step, &job("failed"), &after) == "again";
                assert!(!repeat || id == 17, "{step:?} {id} {status}");
            }
        }
    }
}

#[test]
fn what_a_look_does_not_show_is_unknown() {
    let before = job("manual");
    let mut renamed = job("running");
    renamed.name = "other".into();
    let unknown = |why: &str| Confirmation::Unknown(why.into());
    for step in [
        Step::Play,
        Step::Retry,
        Step::Cancel { force: false },
        Step::Erase,
    ] {
        assert_eq!(
            confirm(step, &before, None),
            unknown("the job is not listed any more")
        );
        let older = unknown("GitLab shows an older view of the job");
        assert_eq!(
            confirm(step, &before, Some(&job_as(16, "running", &json!({})))),
            older
        );
        assert_eq!(confirm(step, &before, Some(&renamed)), older);
    }
}

#[test]
fn a_start_from_before_the_play_is_no_start() {
    let ran = json!({"started_at": "2026-11-20T08:00:00Z"});
    let before = job_as(17, "manual", &ran);
    assert_eq!(
        seen(Step::Play, &before, &job_as(17, "canceled", &ran)),
        "unknown"
    );
    let later = json!({"started_at": "2026-11-20T09:00:00Z"});
    assert_eq!(
        seen(Step::Play, &before, &job_as(17, "canceled", &later)),
        "done"
    );
    assert_eq!(
        seen(Step::Play, &before, &job_as(18, "failed", &ran)),
        "new"
    );
}

#[test]
fn an_erased_or_canceled_job_is_confirmed_on_the_job_itself() {
    let date = json!({"erased_at": "2026-11-20T08:00:00Z"});
    assert_eq!(
        seen(Step::Erase, &job("success"), &job_as(17, "success", &date)),
        "done"
    );
    assert_eq!(
        seen(Step::Erase, &job("success"), &job_as(18, "success", &date)),
        "unknown"
    );
    // A newer attempt that runs was not canceled; that the older one was is no comfort, and nothing is sent to another id.
    assert_eq!(
        seen(
            Step::Cancel { force: false },
            &job("running"),
            &job_as(18, "running", &json!({}))
        ),
        "not"
    );
    assert_eq!(
        seen(
            Step::Cancel { force: false },
            &job("running"),
            &job_as(18, "canceled", &json!({}))
        ),
        "new"
    );
}
