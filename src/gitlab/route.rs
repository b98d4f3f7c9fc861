//! Every endpoint that the program uses, in one table: method, path, words, and what GitLab asks of a token.

use std::fmt;

pub use crate::model::Project;
use crate::model::{JobId, PipelineId};
use crate::url::encode;

/// Which of the two kinds of token a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// `CI_JOB_TOKEN`
    Job,
    /// Project, group or personal access token.
    Access,
}

/// One endpoint with its ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    CurrentJob,
    AllowedAgents,
    TokenSelf,
    Version,
    Project(Project),
    ProjectJobs(Project),
    Pipelines(Project),
    Pipeline(Project, PipelineId),
    PipelineJobs(Project, PipelineId),
    TriggerJobs(Project, PipelineId),
    Bridges(Project, PipelineId),
    Branches(Project),
    Tags(Project),
    Environments(Project),
    Deployments(Project),
    Trace(Project, JobId),
    Play(Project, JobId),
    Retry(Project, JobId),
    Cancel(Project, JobId),
    Erase(Project, JobId),
    CancelPipeline(Project, PipelineId),
    TriggerPipeline(Project),
}

/// One row of the table: what is done and asked, the project, and the path below it, or below the API where there is none.
type Row<'a> = (Need, Option<&'a Project>, String);

impl Route {
    /// The table. `lib/api/ci/jobs.rb` and its neighbours name, route by route, where a job token is allowed.
    fn row(&self) -> Row<'_> {
        use JobToken::{Always, Never, Only, Since};
        match self {
            Self::CurrentJob => read("read the calling job", Only, "none").top("/job"),
            Self::AllowedAgents => {
                read("list the agents of the calling job", Only, "none").top("/job/allowed_agents")
            }
            Self::TokenSelf => read(
                "describe an access token",
                Never,
                "Personal Access Token: Read",
            )
            .top("/personal_access_tokens/self"),
            Self::Version => read("read GitLab's version", Never, "Metadata: Read").top("/version"),
            Self::Project(project) => {
                read("read a project", Never, "Project: Read").of(project, "")
            }
            Self::ProjectJobs(project) => {
                read("list the jobs of a project", Since(18, 2), "Job: Read").of(project, "/jobs")
            }
            Self::Pipelines(project) => {
                read("list pipelines", Since(19, 2), "Pipeline: Read").of(project, "/pipelines")
            }
            Self::Pipeline(project, id) => read("read a pipeline", Since(18, 3), "Pipeline: Read")
                .of(project, format!("/pipelines/{id}")),
            Self::PipelineJobs(project, id) => read(
                "list the jobs of a pipeline",
                Since(18, 2),
                "Pipeline: Read",
            )
            .of(project, format!("/pipelines/{id}/jobs")),
            Self::TriggerJobs(project, id) => {
                read("list trigger jobs", Since(19, 2), "Pipeline: Read")
                    .of(project, format!("/pipelines/{id}/trigger_jobs"))
            }
            Self::Bridges(project, id) => read("list trigger jobs", Since(19, 2), "Pipeline: Read")
                .of(project, format!("/pipelines/{id}/bridges")),
            Self::Branches(project) => read("list branches", Since(18, 8), "Branch: Read")
                .of(project, "/repository/branches"),
            Self::Tags(project) => {
                read("list tags", Since(18, 8), "Tag: Read").of(project, "/repository/tags")
            }
            Self::Environments(project) => {
                read("list environments", Always, "Environment: Read").of(project, "/environments")
            }
            Self::Deployments(project) => {
                read("list deployments", Always, "Deployment: Read").of(project, "/deployments")
            }
            Self::Trace(project, id) => {
                read("read job logs", Never, "Job: Read").of(project, format!("/jobs/{id}/trace"))
            }
            Self::Play(project, id) => {
                write("play jobs", "Developer", "Job: Run").of(project, format!("/jobs/{id}/play"))
            }
            Self::Retry(project, id) => write("retry jobs", "Developer", "Job: Run")
                .of(project, format!("/jobs/{id}/retry")),
            Self::Cancel(project, id) => write("cancel jobs", "Developer", "Job: Update")
                .or("the project's minimum role to cancel")
                .of(project, format!("/jobs/{id}/cancel")),
            Self::Erase(project, id) => write("erase jobs", "Maintainer", "Job: Delete")
                .or("Developer for jobs that the token's user started on an unprotected ref")
                .of(project, format!("/jobs/{id}/erase")),
            Self::CancelPipeline(project, id) => {
                write("cancel pipelines", "Developer", "Pipeline: Update")
                    .of(project, format!("/pipelines/{id}/cancel"))
            }
            Self::TriggerPipeline(project) => {
                let need = write("trigger pipelines", "Developer", "none");
                Need {
                    job_token: Only,
                    ..need
                }
                .of(project, "/trigger/pipeline")
            }
        }
    }

    /// What it does and what it asks of a token.
    pub fn need(&self) -> Need {
        self.row().0
    }

    pub fn project(&self) -> Option<&Project> {
        self.row().1
    }

    /// The thing inside a project that the route names: "job 90412", "pipeline 7700".
    pub fn record(&self) -> Option<String> {
        let (_, _, path) = self.row();
        let mut parts = path.split('/').skip(1);
        let (kind, id) = (parts.next()?, parts.next()?);
        match kind {
            "jobs" => Some(format!("job {id}")),
            "pipelines" => Some(format!("pipeline {id}")),
            _ => None,
        }
    }

    /// Below `/api/v4`, as it is sent.
    pub fn path(&self) -> String {
        let (_, project, path) = self.row();
        match project {
            None => path,
            Some(project) => format!("/projects/{}{path}", encode(&project.to_string())),
        }
    }
}

/// The path, as in GitLab's documentation.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Whether GitLab takes the job token on a route (`route_setting :authentication, job_token_allowed: true`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobToken {
    /// And no access token.
    Only,
    Always,
    /// This release and later ones for certain, perhaps some before it.
    Since(u32, u32),
    Never,
}

/// What a route does and what it asks of a token.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub method: &'static str,
    /// Fits behind "cannot": `list the jobs of a pipeline`.
    pub what: &'static str,
    pub job_token: JobToken,
    /// Least role in the project of the access token's user, as GitLab's pages write it.
    pub role: &'static str,
    /// What may take the place of that role.
    pub or: Option<&'static str>,
    /// Least scope of an access token.
    pub scope: &'static str,
    /// What a fine-grained access token must permit.
    pub permission: &'static str,
}

impl Need {
    /// The route changes something.
    pub fn writes(&self) -> bool {
        self.method == "POST"
    }

    /// `GitLab 19.2`: the first release whose job tokens surely do.
    pub fn release(&self) -> Option<String> {
        match self.job_token {
            JobToken::Since(major, minor) => Some(format!("GitLab {major}.{minor}")),
            _ => None,
        }
    }
}

fn read(what: &'static str, job_token: JobToken, permission: &'static str) -> Need {
    Need {
        method: "GET",
        what,
        job_token,
        role: "Reporter",
        or: None,
        scope: "read_api",
        permission,
    }
}

fn write(what: &'static str, role: &'static str, permission: &'static str) -> Need {
    Need {
        method: "POST",
        what,
        job_token: JobToken::Never,
        role,
        or: None,
        scope: "api",
        permission,
    }
}

impl Need {
    fn or(self, or: &'static str) -> Self {
        let or = Some(or);
        Self { or, ..self }
    }

    fn top<'a>(self, path: &str) -> Row<'a> {
        (self, None, path.to_owned())
    }

    fn of(self, project: &Project, path: impl Into<String>) -> Row<'_> {
        (self, Some(project), path.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProjectId;

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
