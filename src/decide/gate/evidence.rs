//! What GitLab was asked and what it said, piece by piece, each with its own way to be missing.

use super::condition::Condition;
use crate::exit::Exit;
use crate::model::{AllowedAgents, CurrentJob, Environment, GitRef, Job, Pipeline, Source, User};

/// One piece of evidence. The texts say what was asked and what came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched<T> {
    Known(T),
    /// A token is missing, or GitLab refused it.
    Refused(String),
    /// It could not be had: an outage, an old server, an answer that makes no sense.
    Unavailable(String),
}

impl<T> Default for Fetched<T> {
    fn default() -> Self {
        Self::Unavailable("GitLab was not asked".into())
    }
}

impl<T> Fetched<T> {
    pub(super) fn known(&self) -> Result<&T, Gap> {
        match self {
            Self::Known(piece) => Ok(piece),
            Self::Refused(why) => Err(Gap::Refused(why.clone())),
            Self::Unavailable(why) => Err(Gap::Unavailable(why.clone())),
        }
    }
}

/// Why nothing can be said about a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    Refused(String),
    Unavailable(String),
}

/// Shorthand for evidence that is there but does not say enough.
pub(super) fn unclear<T>(why: impl Into<String>) -> Result<T, Gap> {
    Err(Gap::Unavailable(why.into()))
}

/// Everything that conditions are judged by. What was not fetched is `Unavailable`, so that forgetting a piece never opens a gate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    pub calling: Fetched<Calling>,
    /// `GET /job/allowed_agents`
    pub agents: Fetched<AllowedAgents>,
    /// All environments of the calling job's project, stopped ones too.
    pub environments: Fetched<Vec<Environment>>,
    pub refs: Fetched<ListedRefs>,
    /// The calling job's own pipeline, asked for by its id: alone this names who started it.
    pub pipeline: Fetched<Pipeline>,
    pub of_ref: Fetched<PipelinesOfRef>,
    /// Every attempt of every job and trigger job of the calling job's pipeline (`include_retried=true`).
    pub attempts: Fetched<Vec<Job>>,
    /// One entry for each selection of a `jobs=` condition.
    pub jobs: Vec<(String, Fetched<JobsEvidence>)>,
}

/// The calling job, as `GET /job` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Calling {
    pub job: Job,
    pub current: CurrentJob,
    /// Relative root of the GitLab server: `/gitlab`, or empty. It stands before the project's path in every URL.
    pub root: String,
}

/// What a job's ref is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefKind {
    Branch,
    Tag,
    /// Of a merge request or another one that GitLab keeps for itself (`refs/...`): neither branch nor tag.
    Internal,
}

impl Calling {
    /// `None` if GitLab did not say.
    pub fn ref_kind(&self) -> Option<RefKind> {
        match (self.current.tag?, self.job.ref_name.as_str()) {
            (_, "") => None,
            (_, name) if name.starts_with("refs/") => Some(RefKind::Internal),
            (true, _) => Some(RefKind::Tag),
            (false, _) => Some(RefKind::Branch),
        }
    }

    /// Whether the calling job is in a child pipeline, which the plain list of pipelines leaves out.
    pub fn in_child(&self) -> Option<bool> {
        let source = self.current.pipeline.as_ref()?.source.as_ref()?;
        Some(*source == Source::ParentPipeline)
    }

    pub(super) fn pipeline(&self) -> Result<&Pipeline, Gap> {
        match &self.current.pipeline {
            Some(pipeline) => Ok(pipeline),
            None => unclear("GitLab names no pipeline of this job"),
        }
    }

    pub(super) fn is_in(&self, pipeline: &Pipeline) -> bool {
        self.pipeline().is_ok_and(|own| own.id == pipeline.id)
    }

    pub(super) fn user(&self) -> Result<&User, Gap> {
        match self.job.user.as_deref() {
            Some(user) if !user.username.is_empty() => Ok(user),
            _ => unclear("GitLab names no user of this job"),
        }
    }
}

/// Branches or tags as listed, to the end of the list. A search may have narrowed the list: only equal names count.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedRefs {
    pub kind: RefKind,
    pub rows: Vec<GitRef>,
}

/// Pipelines of the calling job's ref, newest first, read at least down to the first one that is not newer than the calling job's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelinesOfRef {
    pub rows: Vec<Pipeline>,
    /// The same for `source=parent_pipeline`; read only if the calling job is in a child pipeline.
    pub children: Option<Vec<Pipeline>>,
}

/// What one fresh look at the jobs of a selection gave.
#[derive(Clone, Debug, PartialEq)]
pub struct JobsEvidence {
    /// Jobs that matched and count; manual ones that only a glob matched do not.
    pub matched: usize,
    /// What `wait --timeout 0` would end with.
    pub verdict: Exit,
    /// The jobs and their status in a few words, the worst first.
    pub said: String,
}

/// One thing to ask GitLab for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece<'a> {
    Calling,
    AllowedAgents,
    Environments,
    /// Branches or tags, as [`Calling::ref_kind`] says; nothing for an internal ref.
    Refs,
    Pipeline,
    PipelinesOfRef,
    Attempts,
    /// The verdict on one selection.
    Jobs(&'a str),
}

/// What must be asked to judge the conditions, and nothing else; each piece once, the calling job first.
pub fn needs(conditions: &[Condition]) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece> = conditions.iter().flat_map(needs_of).collect();
    if !pieces.is_empty() {
        pieces.push(Piece::Calling);
    }
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

fn needs_of(condition: &Condition) -> Vec<Piece<'_>> {
    match condition {
        Condition::Branch(_) | Condition::Tag(_) | Condition::Source(_) | Condition::User(_) => {
            vec![Piece::Calling]
        }
        Condition::Project(_) | Condition::Role(_) | Condition::Tier(_) | Condition::Agent(_) => {
            vec![Piece::AllowedAgents]
        }
        Condition::ProtectedRef => vec![Piece::Refs],
        Condition::Environment(_) => vec![Piece::AllowedAgents, Piece::Environments],
        Condition::Jobs(selection) => vec![Piece::Jobs(selection)],
        Condition::Approved(_) => vec![Piece::Attempts, Piece::Pipeline],
        Condition::Newest => vec![Piece::PipelinesOfRef],
    }
}
