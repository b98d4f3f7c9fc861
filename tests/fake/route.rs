//! Which route a request asks for, by which rules, and the answers of the reading ones.

use serde_json::{Value, json};

use super::act;
use super::answer::{Answer, Request};
use super::auth::Who;
use super::data::{Id, Job};
use super::page::{self, Skin};
use super::word::{self, wildcard};
use super::world::World;

/// What GitLab demands of a request on one route, and what the route understands.
pub struct Rule {
    /// Major version from which it takes a job token; 0: never.
    pub job_token: u32,
    /// Fine-grained permission that an allowlist entry must grant.
    pub policy: Option<&'static str>,
    /// Everybody may read it where the project is public.
    pub anonymous: bool,
    /// One of these scopes suffices.
    pub scopes: &'static [&'static str],
    pub query: &'static [&'static str],
    pub fields: &'static [&'static str],
}

impl Rule {
    fn job_token(mut self, age: u32, policy: Option<&'static str>) -> Self {
        self.job_token = age;
        self.policy = policy;
        self
    }

    fn public(mut self) -> Self {
        self.anonymous = true;
        self
    }

    fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    fn fields(mut self, names: &'static [&'static str]) -> Self {
        self.fields = names;
        self
    }
}

/// A route with its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    CurrentJob,
    AllowedAgents,
    TokenSelf,
    Version,
    Project,
    ProjectJobs,
    Job(Id),
    Trace(Id),
    Play(Id),
    Retry(Id),
    Cancel(Id),
    Erase(Id),
    Pipelines,
    Pipeline(Id),
    PipelineJobs(Id),
    Bridges(Id),
    CancelPipeline(Id),
    TriggerPipeline,
    Branches,
    Branch,
    Tags,
    Tag,
    Environments,
    Deployments,
}

const READ: Rule = Rule {
    job_token: 0,
    policy: None,
    anonymous: false,
    scopes: &["read_api", "api"],
    query: &[],
    fields: &[],
};
const WRITE: Rule = Rule {
    scopes: &["api"],
    ..READ
};
const PAGE: [&str; 2] = ["page", "per_page"];

impl Route {
    /// `None`: no such route on a server of this age.
    pub fn find(request: &Request, age: u32) -> Option<Self> {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let id = |text: &str| text.parse().ok();
        Some(match (request.method.as_str(), path.as_slice()) {
            ("GET", ["job"]) => Self::CurrentJob,
            ("GET", ["job", "allowed_agents"]) => Self::AllowedAgents,
            ("GET", ["personal_access_tokens", "self"]) => Self::TokenSelf,
            ("GET", ["version"]) => Self::Version,
            ("GET", ["projects", _]) => Self::Project,
            ("GET", ["projects", _, "jobs"]) => Self::ProjectJobs,
            ("GET", ["projects", _, "jobs", job]) => Self::Job(id(job)?),
            ("GET", ["projects", _, "jobs", job, "trace"]) => Self::Trace(id(job)?),
            ("POST", ["projects", _, "jobs", job, "play"]) => Self::Play(id(job)?),
            ("POST", ["projects", _, "jobs", job, "retry"]) => Self::Retry(id(job)?),
            ("POST", ["projects", _, "jobs", job, "cancel"]) => Self::Cancel(id(job)?),
            ("POST", ["projects", _, "jobs", job, "erase"]) => Self::Erase(id(job)?),
            ("GET", ["projects", _, "pipelines"]) => Self::Pipelines,
            ("GET", ["projects", _, "pipelines", pipeline]) => Self::Pipeline(id(pipeline)?),
            ("GET", ["projects", _, "pipelines", pipeline, "jobs"]) => {
                Self::PipelineJobs(id(pipeline)?)
            }
            ("GET", ["projects", _, "pipelines", pipeline, "bridges"]) => {
                Self::Bridges(id(pipeline)?)
            }
            ("GET", ["projects", _, "pipelines", pipeline, "trigger_jobs"]) if age >= 19 => {
                Self::Bridges(id(pipeline)?)
            }
            ("POST", ["projects", _, "pipelines", pipeline, "cancel"]) => {
                Self::CancelPipeline(id(pipeline)?)
            }
            ("POST", ["projects", _, "trigger", "pipeline"]) => Self::TriggerPipeline,
            ("GET", ["projects", _, "repository", "branches"]) => Self::Branches,
            ("GET", ["projects", _, "repository", "branches", _]) => Self::Branch,
            ("GET", ["projects", _, "repository", "tags"]) => Self::Tags,
            ("GET", ["projects", _, "repository", "tags", _]) => Self::Tag,
            ("GET", ["projects", _, "environments"]) => Self::Environments,
            ("GET", ["projects", _, "deployments"]) => Self::Deployments,
            _ => return None,
        })
    }

    pub fn rule(self) -> Rule {
        match self {
            Self::CurrentJob | Self::AllowedAgents => READ.job_token(17, None),
            Self::TokenSelf | Self::Version => Rule {
                scopes: &["read_api", "api", "read_user"],
                ..READ
            },
            Self::Project => READ.public(),
            Self::Branch | Self::Tag => READ.job_token(19, Some("read_repositories")).public(),
            Self::Branches => {
                let rule = READ.job_token(19, Some("read_repositories")).public();
                rule.query(&["search", "regex"])
            }
            Self::Tags => {
                let rule = READ.job_token(19, Some("read_repositories")).public();
                rule.query(&["search"])
            }
            Self::Environments => READ
                .job_token(17, Some("read_environments"))
                .query(&["name", "search"]),
            Self::Deployments => READ.job_token(17, Some("read_deployments")).query(&[
                "status",
                "environment",
                "order_by",
                "sort",
            ]),
            Self::ProjectJobs => READ.job_token(18, Some("read_jobs")).query(&[
                "scope",
                "ref",
                "pagination",
                "order_by",
                "sort",
                "cursor",
            ]),
            Self::PipelineJobs(_) => {
                let rule = READ.job_token(18, Some("read_jobs")).public();
                rule.query(&["scope", "include_retried"])
            }
            Self::Pipelines => READ.job_token(19, Some("read_pipelines")).public().query(&[
                "status",
                "ref",
                "sha",
                "username",
                "updated_after",
                "source",
                "order_by",
                "sort",
            ]),
            Self::Pipeline(_) => READ.job_token(19, Some("read_pipelines")).public(),
            Self::Bridges(_) => {
                let rule = READ.job_token(19, Some("read_pipelines")).public();
                rule.query(&["scope"])
            }
            Self::Job(_) => READ,
            Self::Trace(_) => READ.query(&["byte_offset", "byte_limit"]),
            Self::Play(_) => WRITE.fields(&["job_variables_attributes", "job_inputs"]),
            Self::Retry(_) => WRITE.fields(&["inputs"]),
            Self::Cancel(_) => WRITE.query(&["force"]).fields(&["force"]),
            Self::Erase(_) | Self::CancelPipeline(_) => WRITE,
            Self::TriggerPipeline => {
                WRITE
                    .public()
                    .fields(&["token", "ref", "variables", "inputs"])
            }
        }
    }

    fn is_list(self) -> bool {
        matches!(
            self,
            Self::ProjectJobs
                | Self::Pipelines
                | Self::PipelineJobs(_)
                | Self::Bridges(_)
                | Self::Branches
                | Self::Tags
                | Self::Environments
                | Self::Deployments
        )
    }
}

/// What no client of ours may ever send, whatever GitLab would make of it.
pub fn violations(request: &Request, route: Option<Route>) -> Vec<String> {
    let mut found = Vec::new();
    if request.header("job-token").is_some() && request.header("private-token").is_some() {
        found.push("both tokens in one request".to_owned());
    }
    for (name, _) in &request.query {
        if matches!(
            name.as_str(),
            "private_token" | "job_token" | "access_token" | "token"
        ) {
            found.push(format!("token in the URL ({name})"));
        }
    }
    let Some(route) = route else {
        let known = request
            .path
            .last()
            .is_some_and(|last| last == "trigger_jobs");
        if !known {
            found.push("unknown route".to_owned());
        }
        return found;
    };
    let rule = route.rule();
    for (name, _) in &request.query {
        let plain = name.trim_end_matches("[]");
        let paging = route.is_list() && PAGE.contains(&plain);
        if !paging && !rule.query.contains(&plain) && !plain.ends_with("token") {
            found.push(format!("unknown query parameter {name}"));
        }
    }
    for name in request.fields().unwrap_or_default().keys() {
        if !rule.fields.contains(&name.as_str()) {
            found.push(format!("unknown body field {name}"));
        }
    }
    if request.method == "GET" && !request.body.is_empty() {
        found.push("a body in a GET".to_owned());
    }
    let form = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    match route {
        Route::TriggerPipeline if !form => found.push("trigger wants a form".to_owned()),
        Route::TriggerPipeline if super::auth::kind(request) != "form" => {
            found.push("trigger wants its token as a form field alone".to_owned());
        }
        Route::Play(_) | Route::Retry(_) if form => {
            found.push("variables and inputs want JSON".to_owned());
        }
        _ => {}
    }
    found
}
