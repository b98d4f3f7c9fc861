//! What a wait is for, what each look brings, and what it leads to.

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use super::rules::Counts;
use crate::decide::select::{Caller, Selection};
use crate::exit::Exit;
use crate::model::{Job, JobId, PipelineId, PipelineKey, Status};
use crate::time::Timestamp;

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

/// One pipeline to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub pipeline: PipelineKey,
    /// The trigger jobs, too.
    pub trigger_jobs: bool,
    /// With `include_retried`: an operand is an id that may be that of an older attempt.
    pub retried: bool,
}

/// What one [`Read`] brought. A list that is not complete does not count: it is read again.
#[derive(Clone, Debug)]
pub struct List<'a> {
    pub read: &'a Read,
    /// Jobs and trigger jobs, in any order; older attempts and duplicates do no harm.
    pub rows: Result<&'a [Job], Unreadable>,
    /// The token cannot read trigger jobs here: `rows` holds none.
    pub no_trigger_jobs: bool,
}

/// Why a downstream pipeline could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The token may not (403, or 404 for another project).
    Refused,
    /// GitLab does not have the pipeline (any more).
    Gone,
}

/// When lists were read.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the clock that only goes forward.
    pub monotonic: Duration,
    /// `Date` of the first answer, by which GitLab's own times are measured.
    pub server: Option<Timestamp>,
}

/// What lists have led to.
#[derive(Debug)]
pub struct Step {
    pub verdict: Verdict,
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
}

#[derive(Debug)]
pub enum Verdict {
    /// To be read as part of the same look.
    Read(Vec<Read>),
    /// Not decided yet.
    Waiting {
        /// Looking again after this long is worth it, whatever the pace says.
        wake: Option<Duration>,
        /// The lists have not shown what they should have: look again as soon as the pace allows.
        soon: bool,
    },
    Final(Box<Outcome>),
}

/// A job in its pipeline, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    pub name: String,
    pub id: JobId,
    pub pipeline: PipelineId,
    #[serde(rename = "web_url")]
    pub url: String,
}

impl Named {
    pub(super) fn new(pipeline: PipelineId, job: &Job) -> Self {
        Self {
            name: job.name.clone(),
            id: job.id,
            pipeline,
            url: job.web_url.clone(),
        }
    }
}

/// A job has another status, or a newer attempt, than in the look before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    #[serde(flatten)]
    pub job: Named,
    /// `None` at first sight.
    pub from: Option<Status>,
    #[serde(rename = "status")]
    pub to: Status,
    /// The attempt that this one replaces.
    pub replaces: Option<JobId>,
    /// Time in the queue, as far as GitLab says.
    #[serde(skip)]
    pub queued: Option<Duration>,
    #[serde(skip)]
    pub allow_failure: bool,
}

impl Change {
    pub(super) fn first(pipeline: PipelineId, job: &Job) -> Self {
        let queued = job.queued_duration;
        Self {
            job: Named::new(pipeline, job),
            from: None,
            to: job.status.clone(),
            replaces: None,
            queued: queued.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            allow_failure: job.allow_failure,
        }
    }
}

/// Something to say once, about this job if it is about one.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub job: Option<Named>,
    pub what: Remark,
}

/// As an event it is its name alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Remark {
    /// A manual job waits for a person to play it.
    Manual,
    /// An optional manual job that was matched by a pattern only: it is not waited for.
    Ignored,
    /// `when: on_failure` jobs are skipped in green pipelines.
    Skipped,
    /// GitLab has a status that this version does not know; the job counts as unfinished.
    UnknownStatus(#[serde(skip)] Status),
    /// The calling job's own parallel siblings, which are not waited for.
    Siblings(#[serde(skip)] Vec<String>),
    /// The pipeline does not have the job that was asked for with `--optional`.
    Absent(#[serde(skip)] String),
    /// The trigger job has started this pipeline, which is waited for from now on.
    Downstream(#[serde(skip)] PipelineId),
    /// A newer attempt of the trigger job has started another pipeline.
    PinMoved {
        #[serde(skip)]
        from: PipelineId,
        #[serde(skip)]
        to: PipelineId,
    },
    /// The pipeline that the trigger job has started was canceled.
    DownstreamCanceled(#[serde(skip)] PipelineId),
    /// The job waits for a runner (`pending`) or for a resource group.
    Stuck {
        #[serde(skip)]
        status: Status,
        #[serde(skip)]
        age: Duration,
        #[serde(skip)]
        tags: Box<[String]>,
    },
    /// Nothing moves but for a manual job that blocks the pipeline.
    Blocking,
    /// The job has not started and nothing moves, but trigger jobs cannot be read to be sure.
    MayNeverStart,
}

/// The end of a wait: the code and, job by job, why.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub exit: Exit,
    /// The selected jobs, oldest first, then the operands that mean none.
    pub jobs: Vec<JobOutcome>,
    /// What ended the wait, if it was not the jobs' own status.
    pub reason: Option<Reason>,
}

impl Outcome {
    /// The jobs for which `wanted` holds. A trigger job stands back behind those of its pipelines, which say more.
    pub fn jobs(&self, wanted: impl Fn(&JobOutcome) -> bool) -> Vec<&JobOutcome> {
        let mut found = Vec::new();
        self.jobs
            .iter()
            .for_each(|job| job.find(&wanted, &mut found));
        found
    }

    /// The jobs that have failed, downstream ones included.
    pub fn failed(&self) -> Vec<&Job> {
        let status = |one: &JobOutcome| Some(one.job.as_ref()?.status.clone());
        let failed = self.jobs(|one| status(one) == Some(Status::Failed));
        failed.iter().filter_map(|one| one.job.as_deref()).collect()
    }
}

/// One selected job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOutcome {
    /// Its name, or the operand's text where there is no job.
    pub name: String,
    pub pipeline: PipelineKey,
    /// The newest attempt.
    pub job: Option<Rc<Job>>,
    pub counts: Counts,
    /// Of a trigger job: the downstream jobs that did not simply pass, and theirs in turn.
    pub because: Vec<JobOutcome>,
}

impl JobOutcome {
    /// It has passed, possibly with a warning, or it does not count.
    pub fn passed(&self) -> bool {
        self.counts.exit() == Some(Exit::Ok)
    }

    fn find<'o>(&'o self, wanted: &impl Fn(&Self) -> bool, found: &mut Vec<&'o Self>) {
        let before = found.len();
        self.because.iter().for_each(|job| job.find(wanted, found));
        if found.len() == before && wanted(self) {
            found.push(self);
        }
    }

    pub(super) fn of(job: &Rc<Job>, pipeline: PipelineKey, counts: Counts) -> Self {
        Self {
            job: Some(Rc::clone(job)),
            ..Self::none(&job.name, pipeline, counts)
        }
    }

    /// There is no such job.
    pub(super) fn none(name: &str, pipeline: PipelineKey, counts: Counts) -> Self {
        Self {
            name: name.to_owned(),
            pipeline,
            job: None,
            counts,
            because: Vec::new(),
        }
    }
}

/// An end that does not follow from the jobs' own status.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The operand means the calling job itself.
    NamesCaller(String),
    /// Narrowing leaves no job of this operand.
    NarrowedAway(String),
    /// Which jobs are meant cannot be known: the token cannot read trigger jobs here.
    TriggerJobsRefused,
    /// Several trigger jobs (named) of this pipeline fit the name given with `--downstream`.
    Ambiguous(String, PipelineId, Vec<String>),
    /// The trigger job on the way has ended and started nothing, or there is none of that name.
    NotStarted(Box<JobOutcome>),
    /// No job counts: there is none, or all of them (named) are optional manual jobs.
    Nothing { ignored: Vec<String> },
    /// The job (named) can never start, since nothing else in the pipeline will move.
    Deadlock(Named),
    /// The pipeline to which `--downstream` leads cannot be read.
    Unreadable(PipelineId, Unreadable),
    /// The calling job is being canceled.
    CallerCanceled,
}

impl Reason {
    /// The code; `None` where it is that of the job.
    pub fn exit(&self) -> Option<Exit> {
        Some(match self {
            Self::NamesCaller(_) | Self::Ambiguous(..) => Exit::Usage,
            Self::TriggerJobsRefused | Self::Unreadable(_, Unreadable::Refused) => Exit::Refused,
            Self::Nothing { .. } | Self::NarrowedAway(_) | Self::Unreadable(..) => Exit::NotFound,
            Self::Deadlock(_) => Exit::Deadlock,
            Self::CallerCanceled => Exit::TERMINATED,
            Self::NotStarted(..) => return None,
        })
    }
}
