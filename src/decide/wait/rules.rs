//! The table: what a job counts as by its own row, under the rules of a wait.

use std::time::Duration;

use crate::decide::select::Matched;
use crate::exit::Exit;
use crate::model::{Job, Status};

/// How long a failed job may still be replaced by its own `retry:`.
pub(super) const SETTLE: Duration = Duration::from_secs(10);
/// How long a downstream pipeline may take to appear after the end of its trigger job.
pub(super) const APPEAR: Duration = Duration::from_mins(1);

/// What counts, and for how long.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub want: Want,
    pub failures: Failures,
    /// Statuses other than `success` that pass: `canceled`, `skipped`.
    pub ok: Vec<Status>,
    pub trigger_jobs: TriggerJobs,
    /// Wait for all jobs even after one has failed.
    pub keep_going: bool,
    /// One look decides (`--timeout 0`).
    pub once: bool,
    /// How long a job may be stuck before the wait ends; without it, it is only named.
    pub stuck: Option<Duration>,
}

/// What the wait is for (`--for`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// The jobs have passed.
    #[default]
    Passed,
    /// The jobs have ended, however.
    Finished,
    /// Each job has, or had, one of these statuses.
    Statuses(Vec<Status>),
}

/// What a failure of a job that is allowed to fail is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failures {
    /// A warning, as GitLab's `needs` takes it.
    #[default]
    AsGitLab,
    /// A failure where the job itself is meant; a warning in the pipelines below. A manual job that is meant, if only by a pattern, must be played.
    StrictNamed,
    /// A failure at every depth (`--strict`).
    Strict,
}

/// How trigger jobs are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TriggerJobs {
    /// They pass when the jobs of their downstream pipeline have passed.
    #[default]
    Follow,
    /// By their own status (`--shallow`).
    Shallow,
    /// Not at all (`--no-trigger-jobs`).
    LeaveOut,
}

/// What a pipeline is to the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// On the way to the selected jobs: the hop (by index) starts here.
    Hop(usize),
    /// It holds the selected jobs.
    Target,
    /// A trigger job that is waited for has started it: all its jobs count.
    Downstream,
}

impl Rules {
    /// A failure of this job is a warning.
    pub(super) fn tolerates(&self, job: &Job, role: Role) -> bool {
        job.allow_failure
            && match self.failures {
                Failures::AsGitLab => true,
                Failures::StrictNamed => role == Role::Downstream,
                Failures::Strict => false,
            }
    }

    /// This manual job need not be played.
    fn ignores(&self, job: &Job, matched: Matched, role: Role) -> bool {
        let named = self.failures == Failures::StrictNamed && role != Role::Downstream;
        job.allow_failure && !matched.exact() && !named
    }
}

/// How a job counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counts {
    /// Passed, or reached the status that was waited for.
    Passed,
    /// Failed or canceled, but allowed to fail.
    Warning,
    /// A manual job that is allowed to fail and was not meant by name.
    Ignored,
    /// `--optional`, and the pipeline does not have it.
    Absent,
    Failed,
    Canceled,
    Skipped,
    /// Nothing of that name is there, or no pipeline was started.
    Missing,
    /// The downstream pipeline has no job that counts.
    Empty,
    /// The token cannot read the downstream pipeline.
    Refused,
    /// Downstream pipelines without end.
    TooDeep,
    /// It has ended and will never have the status that was waited for.
    Unreachable,
    /// In the queue for longer than `--stuck` allows.
    Stuck,
    /// Not yet decided.
    Waiting,
    /// A manual job that a person must play.
    Person,
    /// Failed a moment ago; its own `retry:` may still replace it.
    Settling,
}

impl Counts {
    /// How a job counts by its own row alone.
    pub(super) fn of(job: &Job, matched: Matched, role: Role, rules: &Rules) -> Self {
        if let Want::Statuses(wanted) = &rules.want {
            if reached(wanted, job) {
                return Self::Passed;
            }
            if job.status.finished() && !rules.ok.contains(&job.status) {
                // It has ended without the status that was waited for.
                return match job.status {
                    Status::Failed => Self::Failed,
                    Status::Canceled => Self::Canceled,
                    Status::Skipped => Self::Skipped,
                    _ => Self::Unreachable,
                };
            }
        }
        match &job.status {
            Status::Success => Self::Passed,
            ended if ended.finished() && rules.want == Want::Finished => Self::Passed,
            Status::Failed | Status::Canceled if rules.tolerates(job, role) => Self::Warning,
            ended if ended.finished() && rules.ok.contains(ended) => Self::Passed,
            Status::Failed => Self::Failed,
            Status::Canceled => Self::Canceled,
            Status::Skipped => Self::Skipped,
            Status::Manual if rules.ignores(job, matched, role) => Self::Ignored,
            Status::Manual => Self::Person,
            // Not yet; so is a status that GitLab may add.
            _ => Self::Waiting,
        }
    }

    /// The exit code that it stands for; `None` while it is open.
    pub fn exit(self) -> Option<Exit> {
        Some(match self {
            Self::Passed | Self::Warning | Self::Ignored | Self::Absent => Exit::Ok,
            Self::Failed => Exit::Failed,
            Self::Canceled | Self::Skipped => Exit::Canceled,
            Self::Missing | Self::Empty => Exit::NotFound,
            Self::Refused => Exit::Refused,
            Self::TooDeep => Exit::Unknown,
            Self::Unreachable | Self::Stuck => Exit::Deadlock,
            Self::Waiting | Self::Person | Self::Settling => return None,
        })
    }

    /// Decided, and not in favour.
    pub fn bad(self) -> bool {
        self.exit().is_some_and(|exit| exit != Exit::Ok)
    }

    pub fn open(self) -> bool {
        self.exit().is_none()
    }
}

/// The job has, or has had, one of these statuses.
pub(super) fn reached(wanted: &[Status], job: &Job) -> bool {
    let ran = job.started_at.is_some() || job.status == Status::Success;
    let mut wanted = wanted.iter();
    wanted.any(|status| *status == job.status || past(status, &job.status, ran))
}

/// A job with status `now` has `status` behind it.
fn past(status: &Status, now: &Status, ran: bool) -> bool {
    match (order(status), order(now)) {
        (Some(0), Some(_)) => true,
        (Some(wanted), Some(ENDED)) => {
            wanted < ENDED && ran && (*status != Status::Canceling || *now == Status::Canceled)
        }
        (Some(wanted), Some(now)) => wanted < now,
        _ => false,
    }
}

const ENDED: u8 = 6;

/// How far a job with this status has come; `None` for an unknown one.
fn order(status: &Status) -> Option<u8> {
    Some(match status {
        Status::Created => 0,
        Status::Manual | Status::Scheduled => 1,
        Status::WaitingForResource | Status::WaitingForCallback | Status::Preparing => 2,
        Status::Pending => 3,
        Status::Running => 4,
        Status::Canceling => 5,
        Status::Success | Status::Failed | Status::Canceled | Status::Skipped => ENDED,
        Status::Unknown(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::wait::tests::*;

    /// Every status: the code of a wait for a job that is meant by name, by name and allowed to fail, by glob, by glob and allowed to fail. `.` goes on.
    fn table(rules: &Rules) -> String {
        let mut table = String::new();
        for status in Status::WORDS.iter().chain(&["on_holiday"]) {
            table += status;
            for (operand, allowed) in [("a", false), ("a", true), ("a*", false), ("a*", true)] {
                let row = job(5, "a", status);
                let row = if allowed { tolerated(row) } else { row };
                let mut wait = Wait::new(named(&[operand]), rules.clone()).pipeline(OWN, vec![row]);
                let code = wait.exit(0).map(|code| code.to_string());
                table += " ";
                table += code.as_deref().unwrap_or(".");
            }
            table += "\n";
        }
        table
    }

    const ALIVE: &str = "created . . . .\nwaiting_for_callback . . . .\nwaiting_for_resource . . . .\npreparing . . . .\npending . . . .\nrunning . . . .\n";

    fn expected(success: &str, failed: &str, canceled: &str, skipped: &str) -> String {
        format!(
            "{ALIVE}success {success}\nfailed {failed}\ncanceling . . . .\ncanceled {canceled}\nskipped {skipped}\nmanual . . . 5\nscheduled . . . .\non_holiday . . . .\n"
        )
    }

    #[test]
    fn every_status_by_default() {
        let expected = expected("0 0 0 0", "1 0 1 0", "7 0 7 0", "7 7 7 7");
        assert_eq!(table(&Rules::default()), expected);
    }

    #[test]
    fn every_status_with_strict() {
        let strict = Rules {
            failures: Failures::Strict,
            ..Rules::default()
        };
        let expected = expected("0 0 0 0", "1 1 1 1", "7 7 7 7", "7 7 7 7");
        assert_eq!(table(&strict), expected);
    }

    #[test]
    fn every_status_with_ok() {
        let mut rules = Rules {
            ok: vec![Status::Canceled, Status::Skipped],
            ..Rules::default()
        };
        assert_eq!(
            table(&rules),
            expected("0 0 0 0", "1 0 1 0", "0 0 0 0", "0 0 0 0")
        );
        rules.failures = Failures::Strict;
        assert_eq!(
            table(&rules),
            expected("0 0 0 0", "1 1 1 1", "0 0 0 0", "0 0 0 0")
        );
        rules.ok = vec![Status::Skipped];
        assert_eq!(
            table(&rules),
            expected("0 0 0 0", "1 1 1 1", "7 7 7 7", "0 0 0 0")
        );
    }

    #[test]
    fn every_status_for_finished() {
        let finished = Rules {
            want: Want::Finished,
            failures: Failures::Strict,
            ..Rules::default()
        };
        assert_eq!(
            table(&finished),
            expected("0 0 0 0", "0 0 0 0", "0 0 0 0", "0 0 0 0")
        );
    }

    /// `--for STATUS` against every status, the ended ones also for a job that never ran.
    #[test]
    fn every_status_for_a_status() {
        let now = "created manual scheduled waiting_for_resource preparing pending running canceling success failed canceled skipped failed! canceled! on_holiday";
        for (wanted, codes) in [
            ("created", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 ."),
            ("manual", ". 0 . 0 0 0 0 0 0 0 0 7 1 7 ."),
            ("scheduled", ". . 0 0 0 0 0 0 0 0 0 7 1 7 ."),
            ("preparing", ". . . . 0 0 0 0 0 0 0 7 1 7 ."),
            ("pending", ". . . . . 0 0 0 0 0 0 7 1 7 ."),
            ("running", ". . . . . . 0 0 0 0 0 7 1 7 ."),
            ("canceling", ". . . . . . . 0 10 1 0 7 1 7 ."),
            ("success", ". . . . . . . . 0 1 7 7 1 7 ."),
            ("failed", ". . . . . . . . 10 0 7 7 0 7 ."),
            ("canceled", ". . . . . . . . 10 1 0 7 1 0 ."),
            ("skipped", ". . . . . . . . 10 1 7 0 1 7 ."),
            ("pending,failed", ". . . . . 0 0 0 0 0 0 7 0 7 ."),
        ] {
            let statuses = wanted.split(',').map(Status::parse).collect();
            let rules = Rules {
                want: Want::Statuses(statuses),
                ..Rules::default()
            };
            let got: Vec<String> = now
                .split(' ')
                .map(|word| {
                    let row = job(5, "a", word.trim_end_matches('!'));
                    let row = if word.ends_with('!') {
                        never_started(row)
                    } else {
                        row
                    };
                    let mut wait = Wait::new(named(&["a"]), rules.clone()).pipeline(OWN, vec![row]);
                    wait.exit(0)
                        .map_or_else(|| ".".into(), |code| code.to_string())
                })
                .collect();
            assert_eq!(got.join(" "), codes, "--for {wanted}");
        }
    }

    #[test]
    fn what_was_reached_once_stays_reached_until_a_newer_attempt() {
        let rules = Rules {
            want: Want::Statuses(vec![Status::Pending]),
            ..Rules::default()
        };
        let mut wait = Wait::new(named(&["a", "b"]), rules);
        wait.set(OWN, vec![job(5, "a", "pending"), job(4, "b", "created")]);
        assert_eq!(wait.exit(0), None);
        let canceled = never_started(job(5, "a", "canceled"));
        wait.set(OWN, vec![canceled.clone(), job(4, "b", "pending")]);
        assert_eq!(wait.exit(5), Some(0));

        wait = Wait::new(
            named(&["a", "b"]),
            Rules {
                want: Want::Statuses(vec![Status::Pending]),
                ..Rules::default()
            },
        );
        wait.set(OWN, vec![job(5, "a", "pending"), job(4, "b", "created")]);
        assert_eq!(wait.exit(0), None);
        wait.set(OWN, vec![job(6, "a", "created"), job(4, "b", "pending")]);
        assert_eq!(wait.exit(5), None);
    }
}
