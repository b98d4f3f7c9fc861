//! Which route a request asks for, by which rules, and the answers of the reading ones.

use serde_json::{Value, json};

use super::act;
use super::answer::{Answer, Request};
use super::auth::Who;
use super::page::{self, Skin};
use super::word::{self, wildcard};
use super::world::{Id, Job, World};

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
}

const READ: &[&str] = &["read_api", "api"];
const WRITE: &[&str] = &["api"];
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
            _ => return None,
        })
    }

    pub fn rule(self) -> Rule {
        let rule = |job_token, policy, anonymous, scopes, query, fields| Rule {
            job_token,
            policy,
            anonymous,
            scopes,
            query,
            fields,
        };
        let pipelines: &[&str] = &[
            "scope",
            "status",
            "ref",
            "sha",
            "username",
            "updated_after",
            "updated_before",
            "created_after",
            "created_before",
            "name",
            "source",
            "order_by",
            "sort",
        ];
        match self {
            Self::CurrentJob | Self::AllowedAgents => rule(17, None, false, READ, &[], &[]),
            Self::TokenSelf => rule(
                0,
                None,
                false,
                &["read_api", "api", "read_user", "self_rotate"],
                &[],
                &[],
            ),
            Self::Version => rule(0, None, false, &["read_api", "api", "read_user"], &[], &[]),
            Self::Project => rule(0, None, true, READ, &["statistics", "license"], &[]),
            Self::ProjectJobs => rule(
                18,
                Some("read_jobs"),
                false,
                READ,
                &["scope", "ref", "pagination", "order_by", "sort", "cursor"],
                &[],
            ),
            Self::Job(_) => rule(0, None, false, READ, &[], &[]),
            Self::Trace(_) => rule(0, None, false, READ, &["byte_offset", "byte_limit"], &[]),
            Self::Play(_) => rule(
                0,
                None,
                false,
                WRITE,
                &[],
                &["job_variables_attributes", "job_inputs"],
            ),
            Self::Retry(_) => rule(0, None, false, WRITE, &[], &["inputs"]),
            Self::Cancel(_) => rule(0, None, false, WRITE, &["force"], &["force"]),
            Self::Erase(_) | Self::CancelPipeline(_) => rule(0, None, false, WRITE, &[], &[]),
            Self::Pipelines => rule(19, Some("read_pipelines"), true, READ, pipelines, &[]),
            Self::Pipeline(_) => rule(19, Some("read_pipelines"), true, READ, &[], &[]),
            Self::PipelineJobs(_) => rule(
                18,
                Some("read_jobs"),
                true,
                READ,
                &["scope", "include_retried"],
                &[],
            ),
            Self::Bridges(_) => rule(19, Some("read_pipelines"), true, READ, &["scope"], &[]),
            Self::TriggerPipeline => rule(
                0,
                None,
                true,
                WRITE,
                &[],
                &["token", "ref", "variables", "inputs"],
            ),
            Self::Branches => rule(0, None, true, READ, &["search", "regex", "sort"], &[]),
            Self::Tags => rule(0, None, true, READ, &["search", "sort", "order_by"], &[]),
            Self::Branch | Self::Tag => rule(0, None, true, READ, &[], &[]),
            Self::Environments => rule(
                17,
                Some("read_environments"),
                false,
                READ,
                &["name", "search", "states"],
                &[],
            ),
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
            found.push("variables and inputs want JSON".to_owned())
        }
        _ => {}
    }
    found
}

/// GitLab's answer. The world may be another one afterwards.
pub fn answer(world: &mut World, request: &Request, skin: &Skin) -> Answer {
    let Some(route) = Route::find(request, world.age) else {
        return Answer::error(404, "404 Not Found");
    };
    respond(world, request, skin, route).unwrap_or_else(|refusal| refusal)
}

fn respond(
    world: &mut World,
    request: &Request,
    skin: &Skin,
    route: Route,
) -> Result<Answer, Answer> {
    let rule = route.rule();
    if world.read_only && request.method != "GET" {
        return Err(Answer::message(
            403,
            "You cannot perform write operations on a read-only instance",
        ));
    }
    let who = world.who(request, &rule)?;
    match route {
        Route::CurrentJob | Route::AllowedAgents => return current(world, who, route),
        Route::TokenSelf => return token_self(world, request, who),
        Route::Version => {
            world.acting(who)?;
            let version =
                json!({ "version": format!("{}.0.0", world.age), "revision": "0ab7ab5b802" });
            return Ok(Answer::json(200, &version));
        }
        _ => {}
    }
    if route == Route::TriggerPipeline {
        return act::trigger(world, request, &rule);
    }
    let project = world.readable(request, who, &rule)?;
    match route {
        Route::Play(id) => act::play(world, request, who, project, id),
        Route::Retry(id) => act::retry(world, request, who, project, id),
        Route::Cancel(id) => act::cancel(world, request, who, project, id),
        Route::Erase(id) => act::erase(world, who, project, id),
        Route::CancelPipeline(id) => act::cancel_pipeline(world, who, project, id),
        _ => read(world, request, skin, route, who, project),
    }
}

fn current(world: &World, who: Who, route: Route) -> Result<Answer, Answer> {
    match who {
        Who::Nobody => Err(Answer::unauthorized()),
        Who::User(_) => Err(Answer::message(404, "404 Job Not Found")),
        Who::Job(id) if route == Route::CurrentJob => Ok(Answer::json(200, &world.job_json(id))),
        Who::Job(id) => Ok(Answer::json(200, &world.allowed_agents_json(id))),
    }
}

fn token_self(world: &World, request: &Request, who: Who) -> Result<Answer, Answer> {
    let user = world.acting(who)?;
    let text = request.header("private-token").unwrap_or_default();
    let found = world
        .access_tokens
        .iter()
        .enumerate()
        .find(|(_, token)| token.text == text);
    let (at, token) = found.ok_or_else(Answer::unauthorized)?;
    let body = json!({
        "id": at + 1,
        "name": "deploy",
        "revoked": token.revoked,
        "created_at": "2026-01-05T09:00:00.000Z",
        "description": null,
        "scopes": token.scopes,
        "user_id": user,
        "last_used_at": word::iso(world.now),
        "active": true,
        "expires_at": token.expires_at.map(|at| word::iso(at)[..10].to_owned()),
    });
    Ok(Answer::json(200, &body))
}

fn read(
    world: &World,
    request: &Request,
    skin: &Skin,
    route: Route,
    who: Who,
    project: Id,
) -> Result<Answer, Answer> {
    let data = &world.projects[&project];
    Ok(match route {
        Route::Project => Answer::json(
            200,
            &world.project_json(data, world.acting(who).unwrap_or(0)),
        ),
        Route::Job(id) => Answer::json(200, &world.job_json(world.build(project, id)?.id)),
        Route::Trace(id) => trace(world, request, who, project, id)?,
        Route::ProjectJobs => {
            let scope = page::scope(request)?;
            let ref_name = request.query("ref");
            let rows = world
                .jobs
                .values()
                .filter(|job| {
                    job.project == project && !job.is_trigger() && job.status != "created"
                })
                .filter(|job| scope.is_empty() || scope.contains(&job.status))
                .filter(|job| {
                    ref_name.is_none_or(|name| world.pipelines[&job.pipeline].ref_name == name)
                })
                .map(|job| job.id);
            page::uncounted(request, skin, rows.rev().collect(), |id| world.job_json(id))?
        }
        Route::PipelineJobs(id) => {
            let retried = matches!(request.query("include_retried"), Some("true" | "1"));
            let rows = pipeline_rows(world, request, project, id, |job| {
                !job.is_trigger() && (retried || !job.retried)
            })?;
            page::counted(request, skin, &rows, |id| world.job_json(id))
        }
        Route::Bridges(id) => {
            let rows = pipeline_rows(world, request, project, id, |job| {
                job.is_trigger() && !job.retried
            })?;
            page::counted(request, skin, &rows, |id| world.bridge_json(id))
        }
        Route::Pipelines => {
            page::counted(request, skin, &pipelines(world, request, project)?, |id| {
                world.pipeline_basic(id)
            })
        }
        Route::Pipeline(id) => {
            let pipeline = world.in_project(project, id)?;
            let mut body = world.pipeline_full(pipeline);
            super::shape::extend(&mut body, json!({ "name": null }));
            Answer::json(200, &body)
        }
        Route::Branches => {
            let rows = names(request, &data.branches)?;
            page::counted(request, skin, &rows, |name: &str| {
                world.branch_json(data, name)
            })
        }
        Route::Tags => {
            let rows = names(request, &data.tags)?;
            page::counted(request, skin, &rows, |name: &str| {
                world.tag_json(data, name)
            })
        }
        Route::Branch => one(request, &data.branches, "404 Branch Not Found", |name| {
            world.branch_json(data, name)
        })?,
        Route::Tag => one(request, &data.tags, "404 Tag Not Found", |name| {
            world.tag_json(data, name)
        })?,
        Route::Environments => {
            let (name, search) = (request.query("name"), request.query("search"));
            let rows: Vec<&str> = data
                .environments
                .iter()
                .map(|environment| environment.name.as_str())
                .filter(|found| name.is_none_or(|name| name == *found))
                .filter(|found| search.is_none_or(|search| found.contains(search)))
                .collect();
            page::counted(request, skin, &rows, |name: &str| {
                world.environment_json(data, name)
            })
        }
        _ => return Err(Answer::error(404, "404 Not Found")),
    })
}

fn pipeline_rows(
    world: &World,
    request: &Request,
    project: Id,
    id: Id,
    kind: impl Fn(&Job) -> bool,
) -> Result<Vec<Id>, Answer> {
    let pipeline = world.in_project(project, id)?;
    let scope = page::scope(request)?;
    let mut rows: Vec<Id> = world.pipelines[&pipeline]
        .jobs
        .iter()
        .filter(|id| kind(&world.jobs[id]))
        .filter(|id| scope.is_empty() || scope.contains(&world.jobs[id].status))
        .copied()
        .collect();
    rows.reverse();
    Ok(rows)
}

fn pipelines(world: &World, request: &Request, project: Id) -> Result<Vec<Id>, Answer> {
    if let Some(order) = request
        .query("order_by")
        .filter(|order| !["id", "status", "ref", "updated_at", "user_id"].contains(order))
    {
        return Err(Answer::error(
            400,
            &format!("order_by does not have a valid value: {order}"),
        ));
    }
    let is = |name: &str, value: &str| request.query(name).is_none_or(|wanted| wanted == value);
    let mut rows: Vec<Id> = world
        .pipelines
        .values()
        .filter(|pipeline| pipeline.project == project)
        .filter(|pipeline| is("ref", &pipeline.ref_name) && is("sha", &pipeline.sha))
        .filter(|pipeline| is("status", pipeline.status))
        .filter(|pipeline| is("username", &world.users[&pipeline.user].username))
        // Without a source GitLab leaves child pipelines out (`Ci::PipelinesFinder`).
        .filter(|pipeline| match request.query("source") {
            Some(source) => pipeline.source == source,
            None => pipeline.source != "parent_pipeline",
        })
        .filter(|pipeline| {
            let updated = word::iso(pipeline.updated_at);
            request
                .query("updated_after")
                .is_none_or(|after| updated.as_str() >= after)
        })
        .map(|pipeline| pipeline.id)
        .collect();
    if request.query("sort") != Some("asc") {
        rows.reverse();
    }
    Ok(rows)
}

/// `search`: anywhere in the name, `^` and `$` bind it to its ends.
fn names<'a>(request: &Request, all: &'a [String]) -> Result<Vec<&'a str>, Answer> {
    let pattern = match (request.query("search"), request.query("regex")) {
        (Some(_), Some(_)) => {
            return Err(Answer::error(400, "search, regex are mutually exclusive"));
        }
        (Some(search), None) => search.to_lowercase(),
        (None, Some(regex)) => regex.to_owned(),
        (None, None) => String::new(),
    };
    let head = if pattern.starts_with('^') { "" } else { "*" };
    let tail = if pattern.ends_with('$') { "" } else { "*" };
    let pattern = format!("{head}{}{tail}", pattern.trim_matches(['^', '$']));
    let mut found: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|name| wildcard(&pattern, &name.to_lowercase()))
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn one(
    request: &Request,
    all: &[String],
    missing: &str,
    json: impl Fn(&str) -> Value,
) -> Result<Answer, Answer> {
    let name = request.path.last().map(String::as_str).unwrap_or_default();
    if all.iter().any(|known| known == name) {
        return Ok(Answer::json(200, &json(name)));
    }
    Err(Answer::message(404, missing))
}

fn trace(
    world: &World,
    request: &Request,
    who: Who,
    project: Id,
    id: Id,
) -> Result<Answer, Answer> {
    let job = world.build(project, id)?;
    let user = world.acting(who)?;
    if job.spec.debug_trace && !world.at_least(project, user, "developer") {
        return Err(Answer::forbidden());
    }
    let log = job.log(world.now);
    let number = |name: &str, least: usize, most: usize| match request.query(name) {
        None => Ok(None),
        Some(text) => match text.parse::<usize>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Answer::error(
                400,
                &format!("{name} does not have a valid value"),
            )),
        },
    };
    let mut part = log.as_slice();
    if world.age >= 19 {
        let offset = number("byte_offset", 0, usize::MAX)?
            .unwrap_or(0)
            .min(log.len());
        let limit = number("byte_limit", 1, 512_000)?.unwrap_or(log.len());
        part = &log[offset..log.len().min(offset.saturating_add(limit))];
    }
    Ok(Answer::new(200, "text/plain", part).with(
        "Content-Disposition",
        format!("infile; filename=\"{id}.log\""),
    ))
}

impl World {
    /// A job of a project that is no trigger job.
    pub fn build(&self, project: Id, id: Id) -> Result<&Job, Answer> {
        self.processable(project, id).and_then(|job| {
            if job.is_trigger() {
                Err(Answer::not_found())
            } else {
                Ok(job)
            }
        })
    }

    /// A job or trigger job of a project.
    pub fn processable(&self, project: Id, id: Id) -> Result<&Job, Answer> {
        self.jobs
            .get(&id)
            .filter(|job| job.project == project)
            .ok_or_else(Answer::not_found)
    }

    pub fn in_project(&self, project: Id, pipeline: Id) -> Result<Id, Answer> {
        let found = self
            .pipelines
            .get(&pipeline)
            .filter(|pipeline| pipeline.project == project);
        found
            .map(|pipeline| pipeline.id)
            .ok_or_else(Answer::not_found)
    }
}
