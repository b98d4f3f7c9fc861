//! What GitLab was asked and what it said, piece by piece, each with its own way to be missing.

use super::said::{Gap, RefKind};
use crate::decide::wait::Outcome;
use crate::exit::Stop;
use crate::model::{AllowedAgents, Environment, GitRef, Job, Pipeline, ProjectId, Source, User};

/// An answer, or what came instead of it.
pub type Fetched<T> = Result<T, Stop>;

/// Everything that conditions are judged by. A piece that was not asked for is `None`, and never opens a gate.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub calling: Calling,
    /// `GET /job/allowed_agents`
    pub agents: Option<Fetched<AllowedAgents>>,
    /// All environments of the calling job's project, stopped ones too.
    pub environments: Option<Fetched<Vec<Environment>>>,
    /// Branches or tags, as [`Calling::ref_kind`] says. A search may have narrowed the list: only equal names count.
    pub refs: Option<Fetched<Vec<GitRef>>>,
    /// The calling job's own pipeline, asked for by its id: this answer alone names who started it.
    pub pipeline: Option<Fetched<Pipeline>>,
    pub of_ref: Option<Fetched<PipelinesOfRef>>,
    /// Every attempt of every job and trigger job of the calling job's pipeline (`include_retried=true`).
    pub attempts: Option<Fetched<Vec<Job>>>,
    /// One entry for each selection of a `jobs=` condition.
    pub jobs: Vec<(String, Fetched<Outcome>)>,
}

impl Evidence {
    /// Nothing but the calling job.
    pub fn of(calling: Calling) -> Self {
        Self {
            calling,
            agents: None,
            environments: None,
            refs: None,
            pipeline: None,
            of_ref: None,
            attempts: None,
            jobs: Vec::new(),
        }
    }
}

/// The calling job as `GET /job` describes it.
#[derive(Clone, Debug)]
pub struct Calling {
    pub job: Job,
    pub pipeline: Pipeline,
    pub project: ProjectId,
    /// As [`Job::tag`], but absent is not false: a gate must not take silence for a branch.
    pub tag: Option<bool>,
    /// Relative root of the GitLab server: `/gitlab`, or empty. It stands before the project's path in every URL.
    pub root: String,
}

impl Calling {
    /// An error if GitLab did not say, or said two things: both fields come from the same pipeline.
    pub fn ref_kind(&self) -> Result<RefKind, Gap> {
        let Job { ref_name, .. } = &self.job;
        let pipeline = &self.pipeline.ref_name;
        if !pipeline.is_empty() && pipeline != ref_name {
            return Err(Gap::TwoRefs(ref_name.clone(), pipeline.clone()));
        }
        match (self.tag, ref_name.as_str()) {
            (None, _) | (_, "") => Err(Gap::NoRef),
            (_, name) if name.starts_with("refs/") => Ok(RefKind::Internal),
            (Some(true), _) => Ok(RefKind::Tag),
            (Some(false), _) => Ok(RefKind::Branch),
        }
    }

    pub(super) fn source(&self) -> Result<&Source, Gap> {
        self.pipeline.source.as_ref().ok_or(Gap::NoSource)
    }

    pub(super) fn user(&self) -> Result<&User, Gap> {
        let user = self.job.user.as_deref();
        user.filter(|user| !user.username.is_empty())
            .ok_or(Gap::NoUser)
    }
}

/// Pipelines of the calling job's ref, newest first, read at least down to the first one that is not newer than the calling job's.
#[derive(Clone, Debug, Default)]
pub struct PipelinesOfRef {
    pub rows: Vec<Pipeline>,
    /// The same for `source=parent_pipeline`, which the plain list leaves out; read only if the calling job is in a child pipeline.
    pub children: Option<Vec<Pipeline>>,
}

/// One thing to ask GitLab for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    AllowedAgents,
    Environments,
    Refs,
    Pipeline,
    PipelinesOfRef,
    Attempts,
    /// The jobs that each `jobs=` condition means.
    Jobs,
}

/// An answer that was asked for and came.
pub(super) fn known<T>(piece: Option<&Fetched<T>>) -> Result<&T, Gap> {
    match piece {
        Some(Ok(piece)) => Ok(piece),
        Some(Err(stop)) => Err(Gap::NoAnswer(stop.clone())),
        None => Err(Gap::NotAsked),
    }
}
