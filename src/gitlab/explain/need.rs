//! What each route asks of a token.

use crate::gitlab::route::Route;

/// Whether a route takes the job token (`route_setting :authentication, job_token_allowed: true`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobToken {
    Always,
    /// This release and later ones for certain, perhaps some before it.
    Since(u32, u32),
    /// Recent releases; which was the first is not known.
    Recent,
    Never,
}

/// What a token must be good for.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Fits behind "may": `list the jobs of a pipeline`.
    pub what: &'static str,
    pub job_token: JobToken,
    /// Least role in the project of the access token's user.
    pub role: &'static str,
    /// Least scope of an access token.
    pub scope: &'static str,
}

impl Need {
    pub fn of(route: &Route) -> Self {
        use JobToken::{Always, Never, Recent, Since};
        let reads = |what, job_token| Self {
            what,
            job_token,
            role: "Reporter",
            scope: "read_api",
        };
        let writes = |what, role| Self {
            what,
            job_token: Never,
            role,
            scope: "api",
        };
        match route {
            Route::CurrentJob => reads("ask which job it belongs to", Always),
            Route::AllowedAgents => reads("list the agents that the job may use", Always),
            Route::ProjectJobs(_) => reads("list the jobs of a project", Since(18, 2)),
            Route::PipelineJobs(..) => reads("list the jobs of a pipeline", Since(18, 2)),
            Route::Pipeline(..) => reads("read a pipeline", Since(18, 3)),
            Route::Pipelines(_) => reads("list pipelines", Since(19, 2)),
            Route::TriggerJobs(..) | Route::Bridges(..) => {
                reads("list the trigger jobs of a pipeline", Since(19, 2))
            }
            Route::Branches(_) => reads("list branches", Recent),
            Route::Tags(_) => reads("list tags", Recent),
            Route::Environments(_) => reads("list environments", Always),
            Route::Job(..) => reads("read a single job", Never),
            Route::Trace(..) => reads("read a log", Never),
            Route::Project(_) => reads("read a project", Never),
            Route::TokenSelf => reads("read about an access token", Never),
            Route::Version => reads("ask for GitLab's version", Never),
            Route::Play(..) => writes("play a job", "Developer"),
            Route::Retry(..) => writes("retry a job", "Developer"),
            Route::Cancel(..) => writes("cancel a job", "Developer"),
            Route::CancelPipeline(..) => writes("cancel a pipeline", "Developer"),
            Route::Erase(..) => writes("erase a job", "Maintainer"),
            Route::TriggerPipeline(_) => Self {
                job_token: Always,
                ..writes("trigger a pipeline", "Developer")
            },
        }
    }

    /// The route changes something.
    pub fn writes(&self) -> bool {
        self.scope == "api"
    }

    /// "GitLab 19.2 or later", for the routes that once took no job token.
    pub fn release(&self) -> String {
        match self.job_token {
            JobToken::Since(major, minor) => format!("GitLab {major}.{minor} or later"),
            JobToken::Always | JobToken::Recent | JobToken::Never => "a later GitLab".into(),
        }
    }
}

/// The thing inside a project that a route names: "job 90412", "pipeline 7700".
pub fn record(route: &Route) -> Option<String> {
    match route {
        Route::Job(_, job)
        | Route::Trace(_, job)
        | Route::Play(_, job)
        | Route::Retry(_, job)
        | Route::Cancel(_, job)
        | Route::Erase(_, job) => Some(format!("job {job}")),
        Route::Pipeline(_, pipeline)
        | Route::PipelineJobs(_, pipeline)
        | Route::TriggerJobs(_, pipeline)
        | Route::Bridges(_, pipeline)
        | Route::CancelPipeline(_, pipeline) => Some(format!("pipeline {pipeline}")),
        _ => None,
    }
}
