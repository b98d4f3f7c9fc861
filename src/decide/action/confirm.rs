//! After a write: what a fresh look says about it. The answer of the write itself proves little: GitLab answers 201 to a cancel
//! that canceled nothing and, on servers before 18.10, names the old job when a play made a new one (`lib/api/ci/jobs.rb`).

use super::plan::Verb;
use crate::model::{Job, Status};

/// What a look says about a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Done, by this write or somebody else's.
    Done,
    /// Not done. `repeat`: the same request may be sent to the same job id once more.
    NotDone { repeat: bool },
    /// The rows do not show it. Nothing may be sent.
    Unclear,
}

/// `before` is the row that the write was planned on, `after` the newest attempt of the same name as read since, if there is one.
pub fn confirm(verb: Verb, before: &Job, after: Option<&Job>) -> Effect {
    // Else it is not listed any more, or GitLab shows an older view.
    let listed = |after: &&Job| after.name == before.name && after.id >= before.id;
    let Some(after) = after.filter(listed) else {
        return Effect::Unclear;
    };
    let newer = after.id > before.id;
    let ran = after.started_at.is_some() && (newer || after.started_at != before.started_at);
    let not_done = |repeat| Effect::NotDone { repeat };
    match (verb, &after.status) {
        (Verb::Play, Status::Manual | Status::Scheduled) => not_done(!newer),
        // A retry of an earlier job puts a manual one back to the start.
        (Verb::Play, Status::Created | Status::Skipped) => not_done(false),
        (Verb::Play, Status::WaitingForCallback | Status::WaitingForResource) => Effect::Done,
        (Verb::Play, Status::Preparing | Status::Pending | Status::Running) => Effect::Done,
        (Verb::Play, Status::Success) => Effect::Done,
        // These can befall a job that nobody played.
        (Verb::Play, Status::Failed | Status::Canceling | Status::Canceled) if ran => Effect::Done,
        (Verb::Play, _) | (Verb::Cancel, Status::Unknown(_)) => Effect::Unclear,
        (Verb::Retry, _) if newer => Effect::Done,
        // GitLab retries one job id once at most and refuses the second time: asking again cannot make two.
        (Verb::Retry, Status::Success | Status::Failed | Status::Canceled) => {
            not_done(after.status == before.status)
        }
        (Verb::Retry, _) | (Verb::Cancel, Status::Success) => not_done(false),
        (Verb::Cancel, Status::Canceled) => Effect::Done,
        (Verb::Cancel, Status::Canceling) if before.status != Status::Canceling => Effect::Done,
        // The job has ended without an effect, whatever ended it.
        (Verb::Cancel, Status::Failed | Status::Skipped) => Effect::Done,
        (Verb::Cancel, _) => not_done(!newer),
        (Verb::Erase, _) if newer => Effect::Unclear,
        (Verb::Erase, _) if after.erased_at.is_some() => Effect::Done,
        (Verb::Erase, status) => not_done(status.finished()),
    }
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
    fn seen(verb: Verb, before: &Job, after: &Job) -> &'static str {
        match confirm(verb, before, Some(after)) {
            Effect::Done if after.id == before.id => "done",
            Effect::Done => "new",
            Effect::NotDone { repeat: true } => "again",
            Effect::NotDone { repeat: false } => "not",
            Effect::Unclear => "unknown",
        }
    }

    #[test]
    fn a_look_after_the_write_tells_what_became_of_it() {
        let ran = json!({"started_at": "2026-11-20T08:00:00Z"});
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
                seen(Verb::Play, &plain("manual"), &same),
                seen(Verb::Play, &plain("manual"), &started),
                seen(Verb::Play, &plain("manual"), &newer),
                seen(Verb::Retry, &plain("failed"), &same),
                seen(Verb::Retry, &plain("failed"), &newer),
                seen(Verb::Cancel, &plain("running"), &same),
                seen(Verb::Cancel, &plain("canceling"), &same),
                seen(Verb::Erase, &plain("success"), &same),
            ];
            assert_eq!(cases.join(" "), row, "{status}");
        }
    }

    #[test]
    fn a_play_is_repeated_only_after_a_look_at_the_same_job_still_waiting() {
        for status in every_status() {
            for id in [16, 17, 18] {
                let after = job(id, status, &json!({}));
                let repeat = seen(Verb::Play, &plain("manual"), &after) == "again";
                assert_eq!(
                    repeat,
                    id == 17 && matches!(status, "manual" | "scheduled"),
                    "{id} {status}"
                );
                for verb in [Verb::Retry, Verb::Cancel, Verb::Erase] {
                    let repeat = seen(verb, &plain("failed"), &after) == "again";
                    assert!(!repeat || id == 17, "{verb:?} {id} {status}");
                }
            }
        }
    }

    #[test]
    fn what_a_look_does_not_show_is_unknown() {
        let before = plain("manual");
        let mut renamed = plain("running");
        renamed.name = "other".into();
        for verb in [Verb::Play, Verb::Retry, Verb::Cancel, Verb::Erase] {
            let older = job(16, "running", &json!({}));
            for after in [None, Some(&older), Some(&renamed)] {
                assert_eq!(confirm(verb, &before, after), Effect::Unclear);
            }
        }
    }

    #[test]
    fn a_start_from_before_the_play_is_no_start() {
        let ran = json!({"started_at": "2026-11-20T08:00:00Z"});
        let before = job(17, "manual", &ran);
        assert_eq!(
            seen(Verb::Play, &before, &job(17, "canceled", &ran)),
            "unknown"
        );
        let later = json!({"started_at": "2026-11-20T09:00:00Z"});
        assert_eq!(
            seen(Verb::Play, &before, &job(17, "canceled", &later)),
            "done"
        );
        assert_eq!(seen(Verb::Play, &before, &job(18, "failed", &ran)), "new");
    }

    #[test]
    fn an_erased_or_canceled_job_is_confirmed_on_the_job_itself() {
        let date = json!({"erased_at": "2026-11-20T08:00:00Z"});
        assert_eq!(
            seen(Verb::Erase, &plain("success"), &job(17, "success", &date)),
            "done"
        );
        assert_eq!(
            seen(Verb::Erase, &plain("success"), &job(18, "success", &date)),
            "unknown"
        );
        // A newer attempt that runs was not canceled; that the older one was does not help, and nothing is sent to another id.
        assert_eq!(
            seen(
                Verb::Cancel,
                &plain("running"),
                &job(18, "running", &json!({}))
            ),
            "not"
        );
        assert_eq!(
            seen(
                Verb::Cancel,
                &plain("running"),
                &job(18, "canceled", &json!({}))
            ),
            "new"
        );
    }
}
