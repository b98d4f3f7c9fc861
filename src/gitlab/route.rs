//! Every endpoint that the program uses: method, path, words, and what GitLab asks of a token.

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

impl Route {
    /// What it does and what it asks of a token. `lib/api/ci/jobs.rb` and its neighbours name, route by route, where a job token is allowed.
    pub fn need(&self) -> Need {
        use JobToken::{Always, Never, Only, Since};
        match self {
            Self::CurrentJob => read("read the calling job", Only, "none"),
            Self::AllowedAgents => read("list the agents of the calling job", Only, "none"),
            Self::TokenSelf => {
                let permission = "Personal Access Token: Read";
                read("describe an access token", Never, permission)
            }
            Self::Version => read("read GitLab's version", Never, "Metadata: Read"),
            Self::Project(_) => read("read a project", Never, "Project: Read"),
            Self::ProjectJobs(_) => read("list the jobs of a project", Since(18, 2), "Job: Read"),
            Self::Pipelines(_) => read("list pipelines", Since(19, 2), "Pipeline: Read"),
            Self::Pipeline(..) => read("read a pipeline", Since(18, 3), "Pipeline: Read"),
            Self::PipelineJobs(..) => {
                let what = "list the jobs of a pipeline";
                read(what, Since(18, 2), "Pipeline: Read")
            }
            Self::TriggerJobs(..) | Self::Bridges(..) => {
                read("list trigger jobs", Since(19, 2), "Pipeline: Read")
            }
            Self::Branches(_) => read("list branches", Since(18, 8), "Branch: Read"),
            Self::Tags(_) => read("list tags", Since(18, 8), "Tag: Read"),
            Self::Environments(_) => read("list environments", Always, "Environment: Read"),
            Self::Deployments(_) => read("list deployments", Always, "Deployment: Read"),
            Self::Trace(..) => read("read job logs", Never, "Job: Read"),
            Self::Play(..) => write("play jobs", Never, "Developer", "Job: Run"),
            Self::Retry(..) => write("retry jobs", Never, "Developer", "Job: Run"),
            Self::Cancel(..) => write("cancel jobs", Never, "Developer", "Job: Update")
                .or("the project's minimum role to cancel"),
            Self::Erase(..) => write("erase jobs", Never, "Maintainer", "Job: Delete")
                .or("Developer for jobs that the token's user started on an unprotected ref"),
            Self::CancelPipeline(..) => {
                write("cancel pipelines", Never, "Developer", "Pipeline: Update")
            }
            Self::TriggerPipeline(_) => write("trigger pipelines", Only, "Developer", "none"),
        }
    }

    /// The project and the path below it; without a project, the path below the API.
    fn place(&self) -> (Option<&Project>, String) {
        let (project, path) = match self {
            Self::CurrentJob => return (None, "/job".to_owned()),
            Self::AllowedAgents => return (None, "/job/allowed_agents".to_owned()),
            Self::TokenSelf => return (None, "/personal_access_tokens/self".to_owned()),
            Self::Version => return (None, "/version".to_owned()),
            Self::Project(project) => (project, String::new()),
            Self::ProjectJobs(project) => (project, "/jobs".to_owned()),
            Self::Pipelines(project) => (project, "/pipelines".to_owned()),
            Self::Pipeline(project, id) => (project, format!("/pipelines/{id}")),
            Self::PipelineJobs(project, id) => (project, format!("/pipelines/{id}/jobs")),
            Self::TriggerJobs(project, id) => (project, format!("/pipelines/{id}/trigger_jobs")),
            Self::Bridges(project, id) => (project, format!("/pipelines/{id}/bridges")),
            Self::Branches(project) => (project, "/repository/branches".to_owned()),
            Self::Tags(project) => (project, "/repository/tags".to_owned()),
            Self::Environments(project) => (project, "/environments".to_owned()),
            Self::Deployments(project) => (project, "/deployments".to_owned()),
            Self::Trace(project, id) => (project, format!("/jobs/{id}/trace")),
            Self::Play(project, id) => (project, format!("/jobs/{id}/play")),
            Self::Retry(project, id) => (project, format!("/jobs/{id}/retry")),
            Self::Cancel(project, id) => (project, format!("/jobs/{id}/cancel")),
            Self::Erase(project, id) => (project, format!("/jobs/{id}/erase")),
            Self::CancelPipeline(project, id) => (project, format!("/pipelines/{id}/cancel")),
            Self::TriggerPipeline(project) => (project, "/trigger/pipeline".to_owned()),
        };
        (Some(project), path)
    }

    pub fn project(&self) -> Option<&Project> {
        self.place().0
    }

    /// The thing inside a project that the route names: "job 90412", "pipeline 7700".
    pub fn record(&self) -> Option<String> {
        let (_, path) = self.place();
        let mut parts = path.split('/').skip(1);
        let (kind, id) = (parts.next()?, parts.next()?);
        match kind {
            "jobs" => Some(format!("job {id}")),
            "pipelines" => Some(format!("pipeline {id}")),
            _ => None,
        }
    }

    /// Below `/api/v4`, as it is sent and as in GitLab's documentation.
    pub fn path(&self) -> String {
        let (project, path) = self.place();
        match project {
            None => path,
            Some(project) => format!("/projects/{}{path}", encode(&project.to_string())),
        }
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

fn write(
    what: &'static str,
    job_token: JobToken,
    role: &'static str,
    permission: &'static str,
) -> Need {
    Need {
        method: "POST",
        what,
        job_token,
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
