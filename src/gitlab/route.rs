//! Every endpoint that the program uses, on one page, with the token it takes.

use std::fmt;

use serde::Serialize;

use super::TokenKind;
use crate::model::{JobId, PipelineId, ProjectId};
use crate::url::encode;

/// A project by number or by full path (`group/project`). In JSON a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
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
    /// Only this kind makes sense.
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
    /// `lib/api/ci/jobs.rb` and its neighbours name, route by route, where a job token is allowed.
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
            | Self::Erase(..)
            | Self::CancelPipeline(..)
            | Self::Project(_)
            | Self::TokenSelf
            | Self::Version => Auth::Only(TokenKind::Access),
            Self::ProjectJobs(_)
            | Self::Pipelines(_)
            | Self::Pipeline(..)
            | Self::PipelineJobs(..)
            | Self::TriggerJobs(..)
            | Self::Bridges(..)
            | Self::Branches(_)
            | Self::Tags(_)
            | Self::Environments(_) => Auth::JobFirst,
        }
    }

    pub fn project(&self) -> Option<&Project> {
        match self {
            Self::CurrentJob | Self::AllowedAgents | Self::TokenSelf | Self::Version => None,
            Self::ProjectJobs(project)
            | Self::Pipelines(project)
            | Self::Pipeline(project, _)
            | Self::PipelineJobs(project, _)
            | Self::TriggerJobs(project, _)
            | Self::Bridges(project, _)
            | Self::Job(project, _)
            | Self::Trace(project, _)
            | Self::Play(project, _)
            | Self::Retry(project, _)
            | Self::Cancel(project, _)
            | Self::Erase(project, _)
            | Self::TriggerPipeline(project)
            | Self::CancelPipeline(project, _)
            | Self::Branches(project)
            | Self::Tags(project)
            | Self::Environments(project)
            | Self::Project(project) => Some(project),
        }
    }

    /// Below `/api/v4`, as it is sent.
    pub fn path(&self) -> String {
        let rest = match self {
            Self::CurrentJob => return "/job".to_owned(),
            Self::AllowedAgents => return "/job/allowed_agents".to_owned(),
            Self::TokenSelf => return "/personal_access_tokens/self".to_owned(),
            Self::Version => return "/version".to_owned(),
            Self::Project(_) => String::new(),
            Self::ProjectJobs(_) => "/jobs".to_owned(),
            Self::Pipelines(_) => "/pipelines".to_owned(),
            Self::Pipeline(_, id) => format!("/pipelines/{id}"),
            Self::PipelineJobs(_, id) => format!("/pipelines/{id}/jobs"),
            Self::TriggerJobs(_, id) => format!("/pipelines/{id}/trigger_jobs"),
            Self::Bridges(_, id) => format!("/pipelines/{id}/bridges"),
            Self::CancelPipeline(_, id) => format!("/pipelines/{id}/cancel"),
            Self::Job(_, id) => format!("/jobs/{id}"),
            Self::Trace(_, id) => format!("/jobs/{id}/trace"),
            Self::Play(_, id) => format!("/jobs/{id}/play"),
            Self::Retry(_, id) => format!("/jobs/{id}/retry"),
            Self::Cancel(_, id) => format!("/jobs/{id}/cancel"),
            Self::Erase(_, id) => format!("/jobs/{id}/erase"),
            Self::TriggerPipeline(_) => "/trigger/pipeline".to_owned(),
            Self::Branches(_) => "/repository/branches".to_owned(),
            Self::Tags(_) => "/repository/tags".to_owned(),
            Self::Environments(_) => "/environments".to_owned(),
        };
        let project = self.project().map(ToString::to_string).unwrap_or_default();
        format!("/projects/{}{rest}", encode(&project))
    }
}

/// The path, as in GitLab's documentation.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_gitlabs() {
        let id = Project::Id(ProjectId(44));
        let path = Project::Path("my group/sub".to_owned());
        for (route, expected) in [
            (Route::CurrentJob, "/job"),
            (Route::Project(id.clone()), "/projects/44"),
            (
                Route::PipelineJobs(id.clone(), PipelineId(7)),
                "/projects/44/pipelines/7/jobs",
            ),
            (
                Route::Play(path.clone(), JobId(9)),
                "/projects/my%20group%2Fsub/jobs/9/play",
            ),
            (
                Route::TriggerPipeline(path),
                "/projects/my%20group%2Fsub/trigger/pipeline",
            ),
        ] {
            assert_eq!(route.path(), expected);
        }
    }

    #[test]
    fn a_project_path_cannot_leave_its_segment() {
        let project = Project::Path("../../admin?x=1#".to_owned());
        assert_eq!(
            Route::Project(project).path(),
            "/projects/..%2F..%2Fadmin%3Fx%3D1%23"
        );
    }
}
