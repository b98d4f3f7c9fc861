//! After a write: what a fresh look says about it. The answer of the write itself proves little: GitLab answers 201 to a cancel
//! that canceled nothing and, on servers before 18.10, names the old job when a play made a new one (`lib/api/ci/jobs.rb`).

use super::plan::Step;
use crate::model::{Job, JobId, Status};

/// Whether the write was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Done, by this write or somebody else's; the job to follow from here on.
    Confirmed(JobId),
    /// Not done. `repeat`: the same request may be sent to the same job id once more.
    NotDone { repeat: bool },
    /// It cannot be told. Nothing may be sent.
    Unknown(Doubt),
}

/// Why it cannot be told whether a write was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// No look has followed yet.
    NotLooked,
    /// The list of jobs no longer has the job.
    Unlisted,
    /// GitLab shows an attempt older than the one that was written to.
    OlderView,
    /// The job's status fits a write that was done and one that was not.
    Unclear(JobId, Status),
    /// The answer was lost, and a newer attempt has taken the job's place.
    Replaced(JobId, Status),
    /// GitLab accepted the write, but no look shows an effect.
    NoEffect(JobId, Status),
    /// So many requests were sent, and none was answered.
    NoAnswer(u32),
}

/// `before` is the row that the write was planned on, `after` the newest attempt of the same name as read since, if there is one.
pub fn confirm(step: Step, before: &Job, after: Option<&Job>) -> Confirmation {
    let Some(after) = after else {
        return Confirmation::Unknown(Doubt::Unlisted);
    };
    if after.name != before.name || after.id < before.id {
        return Confirmation::Unknown(Doubt::OlderView);
    }
    match step {
        Step::Play => played(before, after),
        Step::Retry => retried(before, after),
        Step::Cancel { force } => canceled(force, before, after),
        Step::Erase => erased(before, after),
    }
}

fn played(before: &Job, after: &Job) -> Confirmation {
    let ran = after.started_at.is_some()
        && (after.id > before.id || after.started_at != before.started_at);
    match &after.status {
        Status::Manual | Status::Scheduled => not_done(after.id == before.id),
        // A retry of an earlier job puts a manual one back to the start.
        Status::Created | Status::Skipped => not_done(false),
        Status::Preparing | Status::WaitingForCallback | Status::WaitingForResource => done(after),
        Status::Pending | Status::Running | Status::Success => done(after),
        // These can befall a job that nobody played.
        Status::Failed | Status::Canceling | Status::Canceled if ran => done(after),
        _ => unclear(after),
    }
}

fn retried(before: &Job, after: &Job) -> Confirmation {
    if after.id > before.id {
        return done(after);
    }
    // GitLab retries one job id once at most and refuses the second time: asking again cannot make two.
    let repeat = matches!(
        after.status,
        Status::Success | Status::Failed | Status::Canceled
    );
    not_done(repeat && after.status == before.status)
}

fn canceled(force: bool, before: &Job, after: &Job) -> Confirmation {
    match &after.status {
        Status::Canceled => done(after),
        Status::Canceling if !force => done(after),
        // It has ended without an effect, whoever ended it.
        Status::Failed | Status::Skipped => done(after),
        Status::Success => not_done(false),
        Status::Unknown(_) => unclear(after),
        _ => not_done(after.id == before.id),
    }
}

fn erased(before: &Job, after: &Job) -> Confirmation {
    if after.id > before.id {
        return Confirmation::Unknown(Doubt::Replaced(after.id, after.status.clone()));
    }
    if after.erased_at.is_some() {
        done(after)
    } else {
        not_done(after.status.finished())
    }
}

fn done(after: &Job) -> Confirmation {
    Confirmation::Confirmed(after.id)
}

fn not_done(repeat: bool) -> Confirmation {
    Confirmation::NotDone { repeat }
}

fn unclear(after: &Job) -> Confirmation {
    Confirmation::Unknown(Doubt::Unclear(after.id, after.status.clone()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn job(id: u64, status: &str, more: &Value) -> Job {
        let mut text = json!({"id": id, "name": "deploy", "status": status});
        let more = more.as_object().unwrap().clone();
        text.as_object_mut().unwrap().extend(more);
        serde_json::from_str(&text.to_string()).unwrap()
    }

    fn plain(status: &str) -> Job {
        job(17, status, &json!({}))
    }

    /// Every known status and one that GitLab may add.
    fn every_status() -> impl Iterator<Item = &'static str> {
        Status::WORDS.iter().copied().chain(["splendid"])
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
            let same = plain(status);
            let started = job(17, status, &ran);
            let newer = job(18, status, &json!({}));
            let cases = [
                seen(Step::Play, &plain("manual"), &same),
                seen(Step::Play, &plain("manual"), &started),
                seen(Step::Play, &plain("manual"), &newer),
                seen(Step::Retry, &plain("failed"), &same),
                seen(Step::Retry, &plain("failed"), &newer),
                seen(cancel, &plain("running"), &same),
                seen(force, &plain("canceling"), &same),
                seen(Step::Erase, &plain("success"), &same),
            ];
            assert_eq!(cases.join(" "), row, "{status}");
        }
    }

    #[test]
    fn a_play_is_repeated_only_after_a_look_at_the_same_job_still_waiting() {
        for status in every_status() {
            for id in [16, 17, 18] {
                let after = job(id, status, &json!({}));
                let repeat = seen(Step::Play, &plain("manual"), &after) == "again";
                assert_eq!(
                    repeat,
                    id == 17 && matches!(status, "manual" | "scheduled"),
                    "{id} {status}"
                );
                for step in [Step::Retry, Step::Cancel { force: false }, Step::Erase] {
                    let repeat = seen(step, &plain("failed"), &after) == "again";
                    assert!(!repeat || id == 17, "{step:?} {id} {status}");
                }
            }
        }
    }

    #[test]
    fn what_a_look_does_not_show_is_unknown() {
        let before = plain("manual");
        let mut renamed = plain("running");
        renamed.name = "other".into();
        for step in [
            Step::Play,
            Step::Retry,
            Step::Cancel { force: false },
            Step::Erase,
        ] {
            assert_eq!(
                confirm(step, &before, None),
                Confirmation::Unknown(Doubt::Unlisted)
            );
            let older = Confirmation::Unknown(Doubt::OlderView);
            assert_eq!(
                confirm(step, &before, Some(&job(16, "running", &json!({})))),
                older
            );
            assert_eq!(confirm(step, &before, Some(&renamed)), older);
        }
    }

    #[test]
    fn a_start_from_before_the_play_is_no_start() {
        let ran = json!({"started_at": "2026-11-20T08:00:00Z"});
        let before = job(17, "manual", &ran);
        assert_eq!(
            seen(Step::Play, &before, &job(17, "canceled", &ran)),
            "unknown"
        );
        let later = json!({"started_at": "2026-11-20T09:00:00Z"});
        assert_eq!(
            seen(Step::Play, &before, &job(17, "canceled", &later)),
            "done"
        );
        assert_eq!(seen(Step::Play, &before, &job(18, "failed", &ran)), "new");
    }

    #[test]
    fn an_erased_or_canceled_job_is_confirmed_on_the_job_itself() {
        let date = json!({"erased_at": "2026-11-20T08:00:00Z"});
        assert_eq!(
            seen(Step::Erase, &plain("success"), &job(17, "success", &date)),
            "done"
        );
        assert_eq!(
            seen(Step::Erase, &plain("success"), &job(18, "success", &date)),
            "unknown"
        );
        // A newer attempt that runs was not canceled; that the older one was is no comfort, and nothing is sent to another id.
        assert_eq!(
            seen(
                Step::Cancel { force: false },
                &plain("running"),
                &job(18, "running", &json!({}))
            ),
            "not"
        );
        assert_eq!(
            seen(
                Step::Cancel { force: false },
                &plain("running"),
                &job(18, "canceled", &json!({}))
            ),
            "new"
        );
    }
}
