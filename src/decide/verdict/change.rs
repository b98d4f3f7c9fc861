//! What a look has brought to light: one line each for whoever reads the log.

use std::time::Duration;

use crate::model::{Job, JobId, PipelineId, PipelineKey, Status};

/// A job in its pipeline, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub pipeline: PipelineId,
    pub name: String,
    pub id: JobId,
    pub url: String,
}

impl Named {
    pub(super) fn new(pipeline: PipelineId, job: &Job) -> Self {
        Self {
            pipeline,
            name: job.name.clone(),
            id: job.id,
            url: job.web_url.clone(),
        }
    }
}

/// A job has another status, or a newer attempt, than in the look before.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub job: Named,
    /// `None` at first sight.
    pub from: Option<Status>,
    pub to: Status,
    /// The attempt that this one replaces.
    pub replaces: Option<JobId>,
    /// Time in the queue, as far as GitLab says.
    pub queued: Option<Duration>,
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
        }
    }
}

/// What a look has given to say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
}

/// Something to say once.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A manual job waits for a person to play it.
    Manual(Named),
    /// Nobody needs to play this manual job; it is not waited for.
    Ignored(Named),
    /// `when: on_failure` jobs are skipped in green pipelines; `--except` leaves them out.
    Skipped(Named),
    /// GitLab has a status that this version does not know; the job counts as unfinished.
    UnknownStatus(Named, Status),
    /// The calling job's own parallel siblings, which are not waited for.
    Siblings(Vec<String>),
    /// The pipeline does not have the job that was asked for with `--optional`.
    Absent(String),
    /// The trigger job has started this pipeline, which is waited for from now on.
    Downstream(Named, PipelineKey),
    /// A newer attempt of the trigger job has started another pipeline.
    PinMoved {
        job: Named,
        from: PipelineId,
        to: PipelineKey,
    },
    /// The pipeline that the trigger job has started was canceled.
    DownstreamCanceled(Named, PipelineId),
    /// The job waits for a runner (`pending`) or for a resource group.
    Stuck {
        job: Named,
        status: Status,
        age: Duration,
        tags: Box<[String]>,
    },
    /// Nothing moves but for a manual job that blocks the pipeline.
    Blocking(Named),
    /// The job has not started, and the only jobs still running may themselves wait for the calling job.
    OnlyRunning(Named),
    /// The job has not started and nothing moves, but trigger jobs cannot be read to be sure.
    MayNeverStart(Named),
}
