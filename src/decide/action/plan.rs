//! What to do about one job in its present status.

use crate::decide::select::Matched;
use crate::model::{Job, JobId, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Play,
    Retry,
    Cancel,
    Erase,
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    pub verb: Verb,
    /// How the job was meant.
    pub matched: Matched,
    /// `--rerun`: a job that has ended may run once more.
    pub rerun: bool,
    /// `--force`: end a job that is stuck in `canceling`.
    pub force: bool,
    /// Wait for a job that cannot be acted on yet; false refuses it.
    pub waits: bool,
    pub given: Given,
}

/// Parameters that are given to start the job with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    pub variables: bool,
    pub inputs: bool,
}

/// The next step for one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The request to send: of a play that runs a job once more, a retry.
    Do(Verb),
    /// Nothing to send: what was asked for has happened. Success.
    DoneAlready(Why),
    /// Nothing to send: the job's status forbids it. Exit 9.
    Refuse(Why),
    /// Nothing to send yet: look again later.
    NotYet(Why),
}

/// Why nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its status says it all.
    Status(Status),
    /// A newer attempt has taken the place of the one that was chosen.
    Replaced(JobId),
    Archived,
    Erased,
    /// The list of jobs no longer has it.
    Unlisted,
    /// GitLab's API neither cancels nor erases trigger jobs.
    TriggerJob,
    /// A delayed trigger job starts by itself; only a manual one can be played.
    StartsByItself,
    /// GitLab ignores variables of a retry, and variables and inputs of a trigger job.
    TakesNoParameters,
    /// A manual job does not run: there is nothing to cancel.
    NotRunning,
    /// Its deployment waits for an approval.
    Approval,
}

/// `job` is the newest attempt as just read, `attempt` the one that was chosen. `blocked`: its deployment waits for an approval.
pub fn plan(action: Action, job: &Job, attempt: JobId, blocked: bool) -> Plan {
    let why = Why::Status(job.status.clone());
    let plan = match action.verb {
        // A retry is meant for the attempt that was chosen: running a newer one again would be a second run.
        Verb::Retry if job.id > attempt => done(Why::Replaced(job.id)),
        Verb::Play if action.rerun && job.id > attempt => done(Why::Replaced(job.id)),
        Verb::Play => match &job.status {
            Status::Manual | Status::Scheduled if blocked => Plan::NotYet(Why::Approval),
            Status::Manual => Plan::Do(Verb::Play),
            // `app/models/ci/bridge.rb`: only a manual trigger job is playable; a delayed one starts by itself.
            Status::Scheduled if job.trigger => Plan::NotYet(Why::StartsByItself),
            Status::Scheduled => Plan::Do(Verb::Play),
            Status::Created | Status::Canceling | Status::Unknown(_) => Plan::NotYet(why),
            Status::Failed | Status::Canceled if action.rerun => Plan::Do(Verb::Retry),
            Status::Failed | Status::Canceled | Status::Skipped => Plan::Refuse(why),
            // On its way, or passed.
            _ => done(why),
        },
        Verb::Retry => match &job.status {
            Status::Failed | Status::Canceled => Plan::Do(Verb::Retry),
            Status::Success if action.rerun => Plan::Do(Verb::Retry),
            Status::Success | Status::Manual | Status::Skipped => Plan::Refuse(why),
            // It has not ended, or its status is not known: no success to report and nothing to send.
            Status::Canceling | Status::Unknown(_) => Plan::NotYet(why),
            // On its way.
            _ => done(why),
        },
        Verb::Cancel => match &job.status {
            Status::Canceled | Status::Skipped | Status::Failed => done(why),
            // A named job was meant to be stopped and has passed; of a pattern, what is left was meant.
            Status::Success if action.matched.exact() => Plan::Refuse(why),
            Status::Success => done(why),
            // GitLab answers 201 to the cancel of a manual job and changes nothing.
            Status::Manual => done(Why::NotRunning),
            // `lib/api/ci/jobs.rb`: cancel and erase look for builds only.
            _ if job.trigger => Plan::Refuse(Why::TriggerJob),
            Status::Canceling if !action.force => done(why),
            _ => Plan::Do(Verb::Cancel),
        },
        Verb::Erase => match &job.status {
            _ if job.trigger => Plan::Refuse(Why::TriggerJob),
            _ if job.erased_at.is_some() => done(Why::Erased),
            Status::Success | Status::Failed | Status::Canceled => Plan::Do(Verb::Erase),
            _ => Plan::Refuse(why),
        },
    };
    let runs = matches!(action.verb, Verb::Play | Verb::Retry);
    let Given { variables, inputs } = action.given;
    let dropped = |verb| variables && verb == Verb::Retry || job.trigger && (variables || inputs);
    match plan {
        // `app/models/ci/processable.rb`: archived jobs can be canceled and erased, not run.
        Plan::Do(_) | Plan::NotYet(_) if job.archived && runs => Plan::Refuse(Why::Archived),
        // GitLab drops without a word what a trigger job, or a retry, does not take.
        Plan::Do(verb) if dropped(verb) => Plan::Refuse(Why::TakesNoParameters),
        Plan::NotYet(why) if !action.waits => Plan::Refuse(why),
        plan => plan,
    }
}

fn done(why: Why) -> Plan {
    Plan::DoneAlready(why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    const PLAIN: Action = Action {
        verb: Verb::Play,
        matched: Matched::Name,
        rerun: false,
        force: false,
        waits: true,
        given: Given {
            variables: false,
            inputs: false,
        },
    };

    fn job(id: u64, status: &str, more: &Value) -> Job {
        let mut text = json!({"id": id, "name": "deploy", "status": status});
        let more = more.as_object().unwrap().clone();
        text.as_object_mut().unwrap().extend(more);
        serde_json::from_str(&text.to_string()).unwrap()
    }

    /// A plan in one word.
    fn word(plan: &Plan) -> &'static str {
        match plan {
            Plan::Do(Verb::Play) => "PLAY",
            Plan::Do(Verb::Retry) => "RETRY",
            Plan::Do(Verb::Cancel) => "CANCEL",
            Plan::Do(Verb::Erase) => "ERASE",
            Plan::DoneAlready(_) => "done",
            Plan::Refuse(_) => "refuse",
            Plan::NotYet(_) => "wait",
        }
    }

    fn planned(action: Action, job: &Job) -> &'static str {
        word(&plan(action, job, job.id, false))
    }

    fn of(verb: Verb) -> Action {
        Action { verb, ..PLAIN }
    }

    fn plain(status: &str) -> Job {
        job(17, status, &json!({}))
    }

    fn trigger_job(status: &str) -> Job {
        Job {
            trigger: true,
            ..plain(status)
        }
    }

    const RERUN: Action = Action {
        rerun: true,
        ..PLAIN
    };

    /// Every known status and one that GitLab may add.
    fn every_status() -> impl Iterator<Item = &'static str> {
        Status::WORDS.iter().copied().chain(["splendid"])
    }

    #[test]
    fn play_is_planned_by_status() {
        let once = Action {
            waits: false,
            ..PLAIN
        };
        // status, play, --rerun, --timeout 0, approval missing, a trigger job, the same --rerun
        for (status, row) in [
            ("created", "wait wait refuse wait wait wait"),
            ("waiting_for_callback", "done done done done done done"),
            ("waiting_for_resource", "done done done done done done"),
            ("preparing", "done done done done done done"),
            ("pending", "done done done done done done"),
            ("running", "done done done done done done"),
            ("success", "done done done done done done"),
            ("failed", "refuse RETRY refuse refuse refuse RETRY"),
            ("canceling", "wait wait refuse wait wait wait"),
            ("canceled", "refuse RETRY refuse refuse refuse RETRY"),
            ("skipped", "refuse refuse refuse refuse refuse refuse"),
            ("manual", "PLAY PLAY PLAY wait PLAY PLAY"),
            ("scheduled", "PLAY PLAY PLAY wait wait wait"),
            ("splendid", "wait wait refuse wait wait wait"),
        ] {
            let plain = plain(status);
            let cases = [
                planned(PLAIN, &plain),
                planned(RERUN, &plain),
                planned(once, &plain),
                word(&plan(PLAIN, &plain, plain.id, true)),
                planned(PLAIN, &trigger_job(status)),
                planned(RERUN, &trigger_job(status)),
            ];
            assert_eq!(cases.join(" "), row, "{status}");
        }
    }

    #[test]
    fn retry_cancel_and_erase_are_planned_by_status() {
        let (retry, cancel, erase) = (of(Verb::Retry), of(Verb::Cancel), of(Verb::Erase));
        let rerun = Action {
            rerun: true,
            ..retry
        };
        let force = Action {
            force: true,
            ..cancel
        };
        // status, retry, retry --rerun, cancel, cancel --force, erase; of a trigger job: retry, cancel, erase
        for (status, row) in [
            (
                "created",
                "done done CANCEL CANCEL refuse done refuse refuse",
            ),
            (
                "waiting_for_callback",
                "done done CANCEL CANCEL refuse done refuse refuse",
            ),
            (
                "waiting_for_resource",
                "done done CANCEL CANCEL refuse done refuse refuse",
            ),
            (
                "preparing",
                "done done CANCEL CANCEL refuse done refuse refuse",
            ),
            (
                "pending",
                "done done CANCEL CANCEL refuse done refuse refuse",
            ),
            (
                "running",
                "done done CANCEL CANCEL refuse done refuse refuse",
            ),
            (
                "success",
                "refuse RETRY refuse refuse ERASE refuse refuse refuse",
            ),
            ("failed", "RETRY RETRY done done ERASE RETRY done refuse"),
            (
                "canceling",
                "wait wait done CANCEL refuse wait refuse refuse",
            ),
            ("canceled", "RETRY RETRY done done ERASE RETRY done refuse"),
            (
                "skipped",
                "refuse refuse done done refuse refuse done refuse",
            ),
            (
                "manual",
                "refuse refuse done done refuse refuse done refuse",
            ),
            (
                "scheduled",
                "done done CANCEL CANCEL refuse done refuse refuse",
            ),
            (
                "splendid",
                "wait wait CANCEL CANCEL refuse wait refuse refuse",
            ),
        ] {
            let (plain, trigger_job) = (plain(status), trigger_job(status));
            let cases = [retry, rerun, cancel, force, erase].map(|action| planned(action, &plain));
            let triggers = [retry, cancel, erase].map(|action| planned(action, &trigger_job));
            let cases = cases.join(" ") + " " + &triggers.join(" ");
            assert_eq!(cases, row, "{status}");
        }
        let matched = Action {
            matched: Matched::Everything,
            ..force
        };
        assert_eq!(planned(matched, &plain("success")), "done");
        let erased = job(17, "failed", &json!({"erased_at": "2026-11-20T08:00:00Z"}));
        assert_eq!(planned(erase, &erased), "done");
    }

    #[test]
    fn an_archived_job_never_runs_but_can_be_canceled_and_erased() {
        for verb in [Verb::Play, Verb::Retry, Verb::Cancel, Verb::Erase] {
            for status in every_status() {
                let action = Action {
                    verb,
                    force: true,
                    ..RERUN
                };
                let archived = Job {
                    archived: true,
                    ..plain(status)
                };
                let expected = match planned(action, &plain(status)) {
                    "PLAY" | "RETRY" | "wait" => "refuse",
                    other => other,
                };
                assert_eq!(planned(action, &archived), expected, "{verb:?} {status}");
            }
        }
    }

    #[test]
    fn what_runs_again_is_the_attempt_that_was_chosen() {
        for status in every_status() {
            for action in [of(Verb::Retry), RERUN] {
                let newer = plan(action, &plain(status), JobId(16), false);
                assert_eq!(
                    newer,
                    Plan::DoneAlready(Why::Replaced(JobId(17))),
                    "{status}"
                );
            }
        }
        // Whatever else is asked for is meant for the newest attempt.
        let newer = plan(PLAIN, &plain("manual"), JobId(16), false);
        assert_eq!(newer, Plan::Do(Verb::Play));
    }

    #[test]
    fn parameters_that_gitlab_would_ignore_are_refused() {
        let given = |variables, inputs| Action {
            given: Given { variables, inputs },
            ..RERUN
        };
        let (variables, inputs) = (given(true, false), given(false, true));
        assert_eq!(planned(inputs, &trigger_job("manual")), "refuse");
        assert_eq!(planned(variables, &trigger_job("manual")), "refuse");
        assert_eq!(planned(variables, &plain("manual")), "PLAY");
        assert_eq!(planned(variables, &plain("failed")), "refuse");
        assert_eq!(planned(inputs, &plain("failed")), "RETRY");
    }
}
