//! Waiting, decided: a fold over looks that says "go on, and read this next" or how it all ended.
//!
//! The order of reading: [`Counts::of`] is the table (one job by its own row), `judge` adds downstream pipelines and sums up, [`Watch`] folds looks.

mod change;
mod judge;
mod node;
mod outcome;
mod plan;
mod survey;
mod tell;
mod want;
mod watch;

use std::time::Duration;

use crate::decide::select::{Caller, Matched, Selection};
use crate::exit::Exit;
use crate::model::{Job, PipelineId, PipelineKey, Status};

pub use change::{Change, Named, Note};
pub use outcome::{JobOutcome, Outcome, Reason};
pub use want::{Want, Way, way};
pub use watch::{Next, Open, Step, Verdict, Watch};

/// How long a failed job may still be replaced by its own `retry:`.
pub const SETTLE: Duration = Duration::from_secs(10);
/// How long a downstream pipeline may take to appear.
pub const APPEAR: Duration = Duration::from_mins(1);

/// What is waited for, and where.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The pipeline where the way starts.
    pub pipeline: PipelineKey,
    /// `--downstream`: names of trigger jobs, one hop each, to the pipeline that holds the selected jobs.
    pub downstream: Vec<String>,
    pub selection: Selection,
}

/// The job that runs this program, and its pipeline.
#[derive(Clone, Debug)]
pub struct Own {
    pub caller: Caller,
    pub pipeline: PipelineId,
}

/// What counts, and for how long.
#[derive(Clone, Debug)]
pub struct Rules {
    pub want: Want,
    pub failures: Failures,
    /// Statuses that pass although they are no success: `canceled`, `skipped`.
    pub ok: Vec<Status>,
    pub trigger_jobs: TriggerJobs,
    pub stop: StopAt,
    pub looks: Looks,
    /// How long a job may be stuck before the wait ends; without it, it is only named.
    pub stuck: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            want: Want::Passed,
            failures: Failures::AsGitLab,
            ok: Vec::new(),
            trigger_jobs: TriggerJobs::Follow,
            stop: StopAt::FirstFailure,
            looks: Looks::UntilDecided,
            stuck: None,
        }
    }
}

/// What a failure of a job that is allowed to fail is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failures {
    /// A warning.
    AsGitLab,
    /// A failure like any other (`--strict`).
    Strict,
    /// A failure for the jobs that are named, a warning for those in the pipelines below them. Every manual job is allowed to fail
    /// unless its YAML says otherwise, so the failure of a job that this program has played must count.
    StrictNamed,
}

impl Failures {
    /// Whether the failure of a job that is allowed to fail counts.
    pub fn strict(self, matched: Matched) -> bool {
        match self {
            Self::AsGitLab => false,
            Self::Strict => true,
            Self::StrictNamed => matched.exact(),
        }
    }
}

/// How trigger jobs are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerJobs {
    /// They pass when the jobs of their downstream pipeline have passed.
    Follow,
    /// By their own status (`--shallow`).
    Shallow,
    /// Not at all (`--no-trigger-jobs`).
    LeaveOut,
}

/// When the wait ends if a job has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopAt {
    FirstFailure,
    /// When all jobs have ended (`--keep-going`).
    End,
}

/// How often to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    UntilDecided,
    /// One turn (`--timeout 0`).
    Once,
}

/// How a job counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counts {
    /// Passed, or reached the status that was waited for.
    Passed,
    /// Failed or canceled, but allowed to fail.
    Warning,
    /// A manual job that is allowed to fail and was not meant by name: nobody needs to play it.
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
    /// A manual job that somebody must play.
    Person,
    /// Failed a moment ago; its own `retry:` may still replace it.
    Settling,
}

impl Counts {
    /// The table: how a job counts by its own row alone.
    pub fn of(job: &Job, matched: Matched, rules: &Rules) -> Self {
        if let Want::Statuses(wanted) = &rules.want {
            match way(wanted, job) {
                Way::Reached => return Self::Passed,
                Way::Never if !rules.ok.contains(&job.status) => return Self::ended(&job.status),
                Way::Never | Way::NotYet => {}
            }
        }
        let tolerated = job.allow_failure && !rules.failures.strict(matched);
        match &job.status {
            Status::Success => Self::Passed,
            ended if ended.finished() && rules.want == Want::Finished => Self::Passed,
            Status::Failed | Status::Canceled if tolerated => Self::Warning,
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

    /// The word for it in tables and events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Ignored => "ignored",
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Skipped => "skipped",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Refused => "refused",
            Self::TooDeep => "too deep",
            Self::Unreachable => "unreachable",
            Self::Stuck => "stuck",
            Self::Waiting => "waiting",
            Self::Person => "manual",
            Self::Settling => "settling",
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
