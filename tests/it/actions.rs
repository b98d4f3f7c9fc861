//! Plans and confirmations for the four writes on jobs, and the pipeline that a lost `trigger` started.

use jobgate::decide::action::confirm::{Confirmation, confirm};
use jobgate::decide::action::{Context, Options, Plan, Step, Verb, plan};
use jobgate::decide::trigger::{Assumed, Triggered, find_assumed};
use jobgate::model::{Job, JobId, Pipeline, PipelineId, Status};
use jobgate::time::Timestamp;
use serde_json::{Value, json};

const PLAIN: Options = Options {
    rerun: false,
    now: false,
    force: false,
};
const RERUN: Options = Options {
    rerun: true,
    ..PLAIN
};
const NOW: Options = Options { now: true, ..PLAIN };
const FORCE: Options = Options {
    force: true,
    ..PLAIN
};
const FRESH: Context = Context {
    newer: None,
    unplayable: false,
};
const UNPLAYABLE: Context = Context {
    unplayable: true,
    ..FRESH
};

fn job(status: &str) -> Job {
    job_as(17, status, &json!({}))
}

fn job_as(id: u64, status: &str, more: &Value) -> Job {
    let mut text = json!({"id": id, "name": "deploy", "status": status});
    text.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_str(&text.to_string()).unwrap()
}

fn trigger_job(status: &str) -> Job {
    Job {
        trigger: true,
        ..job(status)
    }
}

/// A plan in one word.
fn word(plan: &Plan) -> &'static str {
    match plan {
        Plan::Do(Step::Play) => "PLAY",
        Plan::Do(Step::Retry) => "RETRY",
        Plan::Do(Step::Cancel { force: false }) => "CANCEL",
        Plan::Do(Step::Cancel { force: true }) => "FORCE",
        Plan::Do(Step::Erase) => "ERASE",
        Plan::DoneAlready(_) => "done",
        Plan::Refuse { .. } => "refuse",
        Plan::NotYet(_) => "wait",
    }
}

fn planned(verb: Verb, job: &Job, options: Options, context: Context) -> &'static str {
    word(&plan(verb, job, options, context))
}

/// Every known status and one that GitLab may add.
fn every_status() -> impl Iterator<Item = &'static str> {
    Status::WORDS.iter().copied().chain(["splendid"])
}

#[test]
fn play_is_planned_by_status() {
    // status, play, --rerun, --now, called unplayable, unplayable --now, a trigger job, the same --rerun
    for (status, row) in [
        ("created", "wait wait refuse wait refuse wait wait"),
        ("waiting_for_callback", "done done done done done done done"),
        ("waiting_for_resource", "done done done done done done done"),
        ("preparing", "done done done done done done done"),
        ("pending", "done done done done done done done"),
        ("running", "done done done done done done done"),
        ("success", "done done done done done done done"),
        ("failed", "refuse RETRY refuse refuse refuse refuse RETRY"),
        ("canceling", "wait wait refuse wait refuse wait wait"),
        ("canceled", "refuse RETRY refuse refuse refuse refuse RETRY"),
        (
            "skipped",
            "refuse refuse refuse refuse refuse refuse refuse",
        ),
        ("manual", "PLAY PLAY PLAY wait refuse PLAY PLAY"),
        ("scheduled", "PLAY PLAY PLAY wait refuse wait wait"),
        ("splendid", "wait wait refuse wait refuse wait wait"),
    ] {
        let cases = [
            planned(Verb::Play, &job(status), PLAIN, FRESH),
            planned(Verb::Play, &job(status), RERUN, FRESH),
            planned(Verb::Play, &job(status), NOW, FRESH),
            planned(Verb::Play, &job(status), PLAIN, UNPLAYABLE),
            planned(Verb::Play, &job(status), NOW, UNPLAYABLE),
            planned(Verb::Play, &trigger_job(status), PLAIN, FRESH),
            planned(Verb::Play, &trigger_job(status), RERUN, FRESH),
        ];
        assert_eq!(cases.join(" "), row, "{status}");
    }
}

#[test]
fn retry_cancel_and_erase_are_planned_by_status() {
    // status, retry, retry --rerun, retry a trigger job, cancel, cancel --force, cancel a trigger job, erase, erase a trigger job
    for (status, row) in [
        (
            "created",
            "done done done CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "waiting_for_callback",
            "done done done CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "waiting_for_resource",
            "done done done CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "preparing",
            "done done done CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "pending",
            "done done done CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "running",
            "done done done CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "success",
            "refuse RETRY refuse refuse refuse refuse ERASE refuse",
        ),
        ("failed", "RETRY RETRY RETRY done done done ERASE refuse"),
        (
            "canceling",
            "wait wait wait done FORCE refuse refuse refuse",
        ),
        ("canceled", "RETRY RETRY RETRY done done done ERASE refuse"),
        (
            "skipped",
            "refuse refuse refuse done done done refuse refuse",
        ),
        (
            "manual",
            "refuse refuse refuse CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "scheduled",
            "done done done CANCEL CANCEL refuse refuse refuse",
        ),
        (
            "splendid",
            "wait wait wait CANCEL CANCEL refuse refuse refuse",
        ),
    ] {
        let cases = [
            planned(Verb::Retry, &job(status), PLAIN, FRESH),
            planned(Verb::Retry, &job(status), RERUN, FRESH),
            planned(Verb::Retry, &trigger_job(status), PLAIN, FRESH),
            planned(Verb::Cancel, &job(status), PLAIN, FRESH),
            planned(Verb::Cancel, &job(status), FORCE, FRESH),
            planned(Verb::Cancel, &trigger_job(status), PLAIN, FRESH),
            planned(Verb::Erase, &job(status), PLAIN, FRESH),
            planned(Verb::Erase, &trigger_job(status), PLAIN, FRESH),
        ];
        assert_eq!(cases.join(" "), row, "{status}");
    }
    let erased = job_as(17, "failed", &json!({"erased_at": "2026-11-20T08:00:00Z"}));
    assert_eq!(planned(Verb::Erase, &erased, PLAIN, FRESH), "done");
}

#[test]
fn an_archived_job_is_never_written_to() {
    for verb in [Verb::Play, Verb::Retry, Verb::Cancel, Verb::Erase] {
        for status in every_status() {
            let archived = Job {
                archived: true,
                ..job(status)
            };
            let options = Options {
                rerun: true,
                now: false,
                force: true,
            };
            let expected = match planned(verb, &job(status), options, FRESH) {
                "done" => "done",
                _ => "refuse",
            };
            assert_eq!(
                planned(verb, &archived, options, FRESH),
                expected,
                "{verb:?} {status}"
            );
        }
    }
}

#[test]
fn a_superseded_attempt_is_never_written_to() {
    let context = Context {
        newer: Some(JobId(18)),
        unplayable: false,
    };
    for status in every_status() {
        assert_eq!(planned(Verb::Retry, &job(status), PLAIN, context), "done");
        assert_eq!(planned(Verb::Play, &job(status), RERUN, context), "done");
        assert_eq!(planned(Verb::Play, &job(status), PLAIN, context), "refuse");
        assert_eq!(
            planned(Verb::Cancel, &job(status), FORCE, context),
            "refuse"
        );
        assert_eq!(planned(Verb::Erase, &job(status), PLAIN, context), "refuse");
    }
    let plan = plan(Verb::Retry, &job("failed"), PLAIN, context);
    assert_eq!(
        plan,
        Plan::DoneAlready("attempt 18 has taken its place".into())
    );
}

#[test]
fn a_plan_says_why_and_what_to_try() {
    let said = |verb, status, options, context| match plan(verb, &job(status), options, context) {
        Plan::Refuse { why, hint } => format!("{why} ({hint})"),
        Plan::DoneAlready(why) | Plan::NotYet(why) => why,
        Plan::Do(step) => format!("{step:?}"),
    };
    for (verb, status, options, context, expected) in [
        (
            Verb::Play,
            "failed",
            PLAIN,
            FRESH,
            "it is failed (--rerun runs it once more)",
        ),
        (Verb::Play, "created", PLAIN, FRESH, "it is created"),
        (
            Verb::Play,
            "created",
            NOW,
            FRESH,
            "it is created (without --now, play waits until it is playable)",
        ),
        (
            Verb::Play,
            "manual",
            PLAIN,
            UNPLAYABLE,
            "it is manual, but GitLab calls it unplayable: an approval may be pending",
        ),
        (
            Verb::Retry,
            "manual",
            PLAIN,
            FRESH,
            "it is manual (play runs it)",
        ),
        (
            Verb::Cancel,
            "success",
            PLAIN,
            FRESH,
            "it is success (there is nothing left to cancel)",
        ),
        (
            Verb::Erase,
            "running",
            PLAIN,
            FRESH,
            "it is running (only a finished job can be erased; wait --for finished)",
        ),
    ] {
        assert_eq!(said(verb, status, options, context), expected);
    }
}

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

fn row(id: u64, more: &Value) -> Pipeline {
    let mut text = json!({"id": id, "ref": "main", "status": "created", "source": "pipeline",
        "created_at": "2026-11-20T08:00:05.500Z"});
    text.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_str(&text.to_string()).unwrap()
}

#[test]
fn a_lost_trigger_is_found_if_exactly_one_pipeline_fits() {
    let triggered = Triggered {
        ref_name: "main",
        username: "mira",
        since: Timestamp::parse("2026-11-20T08:00:05Z").unwrap(),
    };
    let found = |rows: &[Pipeline]| find_assumed(rows, &triggered);
    let plain = |id| row(id, &json!({}));
    assert_eq!(found(&[]), Assumed::None);
    assert_eq!(found(&[plain(9)]), Assumed::One(PipelineId(9)));
    assert_eq!(found(&[plain(9), plain(9)]), Assumed::One(PipelineId(9)));
    let both = Assumed::Several(vec![PipelineId(8), PipelineId(9)]);
    assert_eq!(found(&[plain(9), plain(8)]), both);
    for unfit in [
        json!({"ref": "Main"}),
        json!({"ref": "refs/heads/main"}),
        json!({"source": "trigger"}),
        json!({"source": "parent_pipeline"}),
        json!({"source": null}),
        json!({"created_at": "2026-11-20T08:00:04.999Z"}),
        json!({"user": {"id": 1, "username": "tom"}}),
    ] {
        assert_eq!(found(&[row(7, &unfit)]), Assumed::None, "{unfit}");
        assert_eq!(
            found(&[plain(9), row(7, &unfit)]),
            Assumed::One(PipelineId(9)),
            "{unfit}"
        );
    }
    for fit in [
        json!({"created_at": "2026-11-20T08:00:05Z"}),
        json!({"user": {"id": 1, "username": "mira"}}),
    ] {
        assert_eq!(found(&[row(7, &fit)]), Assumed::One(PipelineId(7)), "{fit}");
    }
    // Of one without a time it cannot be told: it is neither the one, nor is another the only one.
    let timeless = row(8, &json!({"created_at": null}));
    assert_eq!(
        found(std::slice::from_ref(&timeless)),
        Assumed::Several(vec![PipelineId(8)])
    );
    assert_eq!(found(&[plain(9), timeless]), both);
}
