//! Plans for the four writes on jobs.

mod confirmed;
mod once;

use jobgate::decide::action::{Context, Options, Plan, Step, Verb, plan};
use jobgate::model::{Job, JobId, Status};
use serde_json::{Value, json};

const PLAIN: Options = Options {
    rerun: false,
    force: false,
};
const RERUN: Options = Options {
    rerun: true,
    ..PLAIN
};
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
    // status, play, --rerun, called unplayable, a trigger job, the same --rerun
    for (status, row) in [
        ("created", "wait wait wait wait wait"),
        ("waiting_for_callback", "done done done done done"),
        ("waiting_for_resource", "done done done done done"),
        ("preparing", "done done done done done"),
        ("pending", "done done done done done"),
        ("running", "done done done done done"),
        ("success", "done done done done done"),
        ("failed", "refuse RETRY refuse refuse RETRY"),
        ("canceling", "wait wait wait wait wait"),
        ("canceled", "refuse RETRY refuse refuse RETRY"),
        ("skipped", "refuse refuse refuse refuse refuse"),
        ("manual", "PLAY PLAY wait PLAY PLAY"),
        ("scheduled", "PLAY PLAY wait wait wait"),
        ("splendid", "wait wait wait wait wait"),
    ] {
        let cases = [
            planned(Verb::Play, &job(status), PLAIN, FRESH),
            planned(Verb::Play, &job(status), RERUN, FRESH),
            planned(Verb::Play, &job(status), PLAIN, UNPLAYABLE),
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
            "it has failed (--rerun runs it once more)",
        ),
        (Verb::Play, "created", PLAIN, FRESH, "it is created"),
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
            "it has passed (there is nothing left to cancel)",
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
