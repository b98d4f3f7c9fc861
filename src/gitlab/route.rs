//! Every endpoint that the program uses, on one page, with the token it takes.

use std::fmt;

use super::TokenKind;
use crate::model::{JobId, PipelineId, ProjectId};

/// A project by number or by full path (`group/project`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Project {
    Id(ProjectId),
    Path(String),
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// Which token a route is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Only the job token makes sense.
    Only(TokenKind),
    /// The job token first; where GitLab refuses it (401, 403, 404) and there is an access token, that one from then on.
    JobFirst,
}

/// One endpoint with its ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    CurrentJob,
    AllowedAgents,
    ProjectJobs(Project),
    Pipelines(Project),
    Pipeline(Project, PipelineId),
    PipelineJobs(Project, PipelineId),
    TriggerJobs(Project, PipelineId),
    Bridges(Project, PipelineId),
    Job(Project, JobId),
    Trace(Project, JobId),
    Play(Project, JobId),
    Retry(Project, JobId),
    Cancel(Project, JobId),
    Erase(Project, JobId),
    TriggerPipeline(Project),
    CancelPipeline(Project, PipelineId),
    Branches(Project),
    Tags(Project),
    Environments(Project),
    Project(Project),
    TokenSelf,
    Version,
}

impl Route {
    pub fn auth(&self) -> Auth {
        match self {
            Self::CurrentJob | Self::AllowedAgents | Self::TriggerPipeline(_) => {
                Auth::Only(TokenKind::Job)
            }
            Self::Job(..)
            | Self::Trace(..)
            | Self::Play(..)
            | Self::Retry(..)
            | Self::Cancel(..)
            | Self::Erase(..) => Auth::Only(TokenKind::Access),
            Self::CancelPipeline(..) | Self::Project(_) | Self::TokenSelf | Self::Version => {
                Auth::Only(TokenKind::Access)
            }
            _ => Auth::JobFirst,
        }
    }
}
