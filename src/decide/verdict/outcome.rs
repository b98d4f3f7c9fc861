//! How a wait ended.

use crate::decide::verdict::{Counts, Named};
use crate::exit::Exit;
use crate::model::{Job, PipelineKey};
use crate::os::Signal;

/// The end of a wait: the code and, job by job, why.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub exit: Exit,
    /// The selected jobs, oldest first, then the operands that mean none.
    pub jobs: Vec<JobOutcome>,
    /// What ended the wait, if it was not the jobs' own status.
    pub reason: Option<Reason>,
}

/// One selected job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOutcome {
    /// Its name, or the operand's text where there is no job.
    pub name: String,
    pub pipeline: PipelineKey,
    /// The newest attempt.
    pub job: Option<Box<Job>>,
    pub counts: Counts,
    /// Of a trigger job: the downstream jobs that did not simply pass, and theirs in turn.
    pub because: Vec<JobOutcome>,
}

impl JobOutcome {
    pub(super) fn of(job: &Job, pipeline: PipelineKey, counts: Counts) -> Self {
        Self {
            name: job.name.clone(),
            pipeline,
            job: Some(Box::new(job.clone())),
            counts,
            because: Vec::new(),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The operand (by index) means the calling job itself.
    NamesCaller(usize),
    /// Which jobs are meant cannot be told: the token cannot read trigger jobs here.
    TriggerJobsRefused,
    /// Several trigger jobs fit the name given with `--downstream`.
    Ambiguous(String),
    /// No job counts: there is none, or all of them (named) are manual jobs that nobody needs to play.
    Nothing { ignored: Vec<String> },
    /// The job (named) can never start, since nothing else in the pipeline will move.
    Deadlock(Named),
    /// The token cannot read the pipeline to which `--downstream` leads.
    PipelineRefused(PipelineKey),
    /// The pipeline to which `--downstream` leads does not exist any more.
    PipelineGone(PipelineKey),
    /// The calling job is being canceled.
    CallerCanceled,
}

impl Reason {
    pub fn exit(&self) -> Exit {
        match self {
            Self::NamesCaller(_) | Self::Ambiguous(_) => Exit::Usage,
            Self::TriggerJobsRefused | Self::PipelineRefused(_) => Exit::Refused,
            Self::Nothing { .. } | Self::PipelineGone(_) => Exit::NotFound,
            Self::Deadlock(_) => Exit::Deadlock,
            Self::CallerCanceled => Exit::Signal(Signal::Terminate),
        }
    }
}
