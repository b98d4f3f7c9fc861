//! From a request to its answer: who asks, for which project, and what there is to read.

use serde_json::{Value, json};

use super::act;
use super::answer::{Answer, Request};
use super::auth::Who;
use super::data::{Id, Job};
use super::page::{self, Skin};
use super::route::Route;
use super::shape::extend;
use super::word::{self, wildcard};
use super::world::World;

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
    Ok(match route {
        Route::Job(id) => Answer::json(200, &world.job_json(world.build(project, id)?.id)),
        Route::Trace(id) => trace(world, request, who, project, id)?,
        Route::ProjectJobs => {
            let rows = project_rows(world, request, project)?;
            page::uncounted(request, skin, rows, |id| world.job_json(id))?
        }
        Route::PipelineJobs(id) => {
            let retried = matches!(request.query("include_retried"), Some("true" | "1"));
            let kind = |job: &Job| !job.is_trigger() && (retried || !job.retried);
            let rows = pipeline_rows(world, request, project, id, kind)?;
            page::counted(request, skin, &rows, |id| world.job_json(id))
        }
        Route::Bridges(id) => {
            let kind = |job: &Job| job.is_trigger() && !job.retried;
            let rows = pipeline_rows(world, request, project, id, kind)?;
            page::counted(request, skin, &rows, |id| world.bridge_json(id))
        }
        Route::Pipelines => {
            let rows = pipelines(world, request, project)?;
            page::counted(request, skin, &rows, |id| world.pipeline_basic(id))
        }
        Route::Pipeline(id) => {
            let pipeline = world.in_project(project, id)?;
            let mut body = world.pipeline_full(pipeline);
            extend(&mut body, json!({ "name": null }));
            Answer::json(200, &body)
        }
        Route::Deployments => {
            let rows = deployments(world, request, project);
            page::counted(request, skin, &rows, |id| world.deployment_json(id))
        }
        _ => repository(world, request, skin, route, who, project)?,
    })
}

fn repository(
    world: &World,
    request: &Request,
    skin: &Skin,
    route: Route,
    who: Who,
    project: Id,
) -> Result<Answer, Answer> {
    let data = &world.projects[&project];
    let (branch, tag) = (
        |name: &str| world.branch_json(data, name),
        |name: &str| world.tag_json(data, name),
    );
    Ok(match route {
        Route::Branches => page::counted(request, skin, &names(request, &data.branches)?, branch),
        Route::Branch => one(request, &data.branches, "404 Branch Not Found", branch)?,
        Route::Tags => page::counted(request, skin, &names(request, &data.tags)?, tag),
        Route::Tag => one(request, &data.tags, "404 Tag Not Found", tag)?,
        Route::Environments => {
            let (name, search) = (request.query("name"), request.query("search"));
            let all = data
                .environments
                .iter()
                .map(|environment| environment.name.as_str());
            let rows: Vec<&str> = all
                .filter(|found| name.is_none_or(|name| name == *found))
                .filter(|found| search.is_none_or(|search| found.contains(search)))
                .collect();
            page::counted(request, skin, &rows, |name: &str| {
                World::environment_json(data, name)
            })
        }
        _ => {
            let user = world.acting(who).unwrap_or_default();
            Answer::json(200, &World::project_json(data, user))
        }
    })
}

/// Newest first; `created` rows are left out, and only new servers know `ref`.
fn project_rows(world: &World, request: &Request, project: Id) -> Result<Vec<Id>, Answer> {
    let scope = page::scope(request)?;
    let ref_name = request.query("ref").filter(|_| world.age >= 19);
    let jobs = world.jobs.values().rev();
    let rows = jobs
        .filter(|job| job.project == project && !job.is_trigger() && job.status != "created")
        .filter(|job| scope.is_empty() || scope.contains(&job.status))
        .filter(|job| ref_name.is_none_or(|name| world.pipelines[&job.pipeline].ref_name == name))
        .map(|job| job.id);
    Ok(rows.collect())
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
    if request.query("order_by") == Some("updated_at") {
        rows.sort_by_key(|id| (world.pipelines[id].updated_at, *id));
    }
    if request.query("sort") != Some("asc") {
        rows.reverse();
    }
    Ok(rows)
}

/// Jobs with an environment; of those that wait for an approval the deployment is blocked.
fn deployments(world: &World, request: &Request, project: Id) -> Vec<Id> {
    let wanted = request.query("status");
    let jobs = world.jobs.values().filter(|job| {
        job.project == project && job.spec.environment.is_some() && job.status != "created"
    });
    let is = |job: &&Job| wanted.is_none_or(|wanted| wanted == World::deployment_status(job));
    jobs.filter(is).map(|job| job.id).collect()
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
    let answer = Answer::new(200, "text/plain", part).with(
        "Content-Disposition",
        format!("infile; filename=\"{id}.log\""),
    );
    // As nginx does for clients that take it.
    let gzip = request.header("accept-encoding") == Some("gzip");
    Ok(if gzip && part.len() >= 1000 {
        answer.gzipped()
    } else {
        answer
    })
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
