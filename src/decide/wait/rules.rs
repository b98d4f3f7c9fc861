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
    /// Statuses that pass although they are no success: `canceled`, `skipped`.
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
    /// A failure where the job itself is meant; a warning in the pipelines below.
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
            match way(wanted, job) {
                Way::Reached => return Self::Passed,
                Way::Never if !rules.ok.contains(&job.status) => return Self::ended(&job.status),
                Way::Never | Way::NotYet => {}
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
            Status::Manual if job.allow_failure && !matched.exact() => Self::Ignored,
            Status::Manual => Self::Person,
            Status::Created
            | Status::WaitingForCallback
            | Status::WaitingForResource
            | Status::Preparing
            | Status::Pending
            | Status::Running
            | Status::Canceling
            | Status::Scheduled
            | Status::Unknown(_) => Self::Waiting,
        }
    }

    /// A job that has ended without the status that was waited for.
    fn ended(status: &Status) -> Self {
        match status {
            Status::Failed => Self::Failed,
            Status::Canceled => Self::Canceled,
            Status::Skipped => Self::Skipped,
            _ => Self::Unreachable,
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

/// Where a job stands on its way to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Reached,
    NotYet,
    /// It has ended without.
    Never,
}

/// Where the job stands on its way to the nearest of the wanted statuses.
pub fn way(wanted: &[Status], job: &Job) -> Way {
    let ran = job.started_at.is_some() || job.status == Status::Success;
    if wanted
        .iter()
        .any(|status| *status == job.status || past(status, &job.status, ran))
    {
        Way::Reached
    } else if job.status.finished() {
        Way::Never
    } else {
        Way::NotYet
    }
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
