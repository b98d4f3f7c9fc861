//! What GitLab was asked and what it said, piece by piece, each with its own way to be missing.

use std::collections::HashMap;

use super::said::{Fact, Said};
use crate::decide::wait::Outcome;
use crate::exit::Stop;
use crate::model::{
    AllowedAgents, CurrentJob, Environment, GitRef, Job, Pipeline, ProjectId, Source, User,
};

/// An answer, or what came instead of it.
pub type Fetched<T> = Result<T, Stop>;

/// How a wait would end now for the jobs of each `jobs=` and `approved=`, by the condition's text.
pub type Seen = HashMap<String, Fetched<Outcome>>;

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
    /// Pipelines of the calling job's ref, newest first, read at least down to the first one that is not newer than the calling job's. In a child
    /// pipeline a second list, which the first one leaves out: that of `source=parent_pipeline`.
    pub of_ref: Option<Fetched<Vec<Vec<Pipeline>>>>,
    /// Every attempt of every job and trigger job of the calling job's pipeline (`include_retried=true`).
    pub attempts: Option<Vec<Job>>,
    pub jobs: Seen,
}

/// The calling job as `GET /job` describes it.
#[derive(Clone, Debug)]
pub struct Calling {
    pub job: Job,
    pub pipeline: Pipeline,
    pub project: ProjectId,
    pub more: CurrentJob,
    /// Relative root of the GitLab server: `/gitlab`, or empty. It stands before the project's path in every URL.
    pub root: String,
}

impl Calling {
    /// Branch, tag or other ref; an error if GitLab did not say, or said two things: both fields come from the same pipeline.
    pub fn ref_kind(&self) -> Result<Fact, Said> {
        let name = &self.more.ref_name;
        let of_pipeline = &self.pipeline.ref_name;
        if !of_pipeline.is_empty() && of_pipeline != name {
            return Err(Fact::TwoRefs.of(&[name, of_pipeline]));
        }
        match self.more.tag {
            Some(_) if name.starts_with("refs/") => Ok(Fact::OtherRef),
            Some(tag) if !name.is_empty() => Ok(if tag { Fact::Tag } else { Fact::Branch }),
            _ => Err(Fact::Silent.of(&[&"ref"])),
        }
    }

    pub(super) fn source(&self) -> Result<&Source, Said> {
        let source = self.pipeline.source.as_ref();
        source.ok_or_else(|| Fact::Silent.of(&[&"source"]))
    }

    pub(super) fn user(&self) -> Result<&User, Said> {
        let user = self.job.user.as_deref();
        user.filter(|user| !user.username.is_empty())
            .ok_or_else(|| Fact::Silent.of(&[&"user"]))
    }
}

/// An answer that was asked for and came.
pub(super) fn known<T>(piece: Option<&Fetched<T>>) -> Result<&T, Said> {
    match piece {
        Some(Ok(piece)) => Ok(piece),
        Some(Err(stop)) => Err(Said::NoAnswer(stop.clone())),
        None => Err(Fact::NotAsked.of(&[])),
    }
}
