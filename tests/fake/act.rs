//! The requests that change the world: `lib/api/ci/jobs.rb`, `lib/api/ci/pipelines.rb`, `lib/api/ci/triggers.rb`.

use serde_json::{Value, json};

use super::answer::{Answer, Request};
use super::auth::Who;
use super::create::NewPipeline;
use super::data::Id;
use super::route::Rule;
use super::spec::{Inputs, When};
use super::word;
use super::world::World;

impl World {
    fn commit(&mut self, id: Id, verb: &'static str) {
        *self.committed.entry((id, verb)).or_default() += 1;
        self.witnessed(Some((id, verb)));
    }

    fn archived(&self, job: Id) -> bool {
        self.pipelines[&self.jobs[&job].pipeline].archived
    }

    fn retryable(&self, id: Id) -> bool {
        let job = &self.jobs[&id];
        let looped = matches!(
            job.failure_reason,
            Some(
                "pipeline_loop_detected"
                    | "reached_max_descendant_pipelines_depth"
                    | "deployment_rejected"
            )
        );
        match job.status {
            _ if job.retried || self.archived(id) => false,
            "failed" => !looped,
            status => matches!(status, "success" | "canceled" | "canceling"),
        }
    }

    fn playable(&self, id: Id) -> bool {
        let job = &self.jobs[&id];
        let action = match job.spec.when {
            When::Manual => true,
            When::Delayed(_) => !job.is_trigger(),
            _ => false,
        };
        let waiting = match job.status {
            "manual" => true,
            "scheduled" => !job.is_trigger(),
            _ => !job.is_trigger() && self.retryable(id),
        };
        action && waiting && !self.archived(id) && !job.spec.needs_approval
    }

    fn show(&self, id: Id) -> Value {
        if self.jobs[&id].is_trigger() {
            self.bridge_json(id)
        } else {
            self.job_json(id)
        }
    }

    fn unknown_inputs(&self, id: Id, inputs: &Inputs) -> Option<Answer> {
        let known = &self.jobs[&id].spec.inputs;
        let unknown: Vec<&str> = inputs
            .keys()
            .filter(|name| !known.contains(name))
            .map(String::as_str)
            .collect();
        let s = if unknown.len() > 1 { "s" } else { "" };
        (!unknown.is_empty())
            .then(|| Answer::bad(&format!("Unknown input{s}: {}", unknown.join(", "))))
    }
}

fn object(fields: &serde_json::Map<String, Value>, name: &str) -> Result<Inputs, Answer> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(Inputs::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(Answer::error(400, &format!("{name} is invalid"))),
    }
}

fn variables(fields: &serde_json::Map<String, Value>) -> Result<Vec<(String, String)>, Answer> {
    let Some(list) = fields.get("job_variables_attributes") else {
        return Ok(Vec::new());
    };
    let invalid = || Answer::error(400, "job_variables_attributes is invalid");
    let list = list.as_array().ok_or_else(invalid)?;
    list.iter()
        .map(|one| {
            let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
            text("key").zip(text("value")).ok_or_else(invalid)
        })
        .collect()
}

pub fn play(
    world: &mut World,
    request: &Request,
    who: Who,
    project: Id,
    id: Id,
) -> Result<Answer, Answer> {
    let user = world.acting(who)?;
    let trigger = world.processable(project, id)?.is_trigger();
    let fields = request.fields()?;
    let variables = variables(&fields)?;
    let inputs = if world.age >= 19 {
        object(&fields, "job_inputs")?
    } else {
        Inputs::new()
    };
    if !world.may_update(user, id) || !world.may_deploy(user, id) {
        return Err(Answer::forbidden());
    }
    if !world.playable(id) {
        return Err(Answer::bad("Unplayable Job"));
    }
    if !trigger {
        if !variables.is_empty() && !world.may_set_variables(user, project) {
            return Err(Answer::forbidden());
        }
        if let Some(refusal) = world.unknown_inputs(id, &inputs) {
            return Err(refusal);
        }
    }
    world.commit(id, "play");
    let new = world.play(user, id, variables, inputs);
    if new != id {
        // Older servers show the row that was replaced.
        let shown = if world.age >= 19 { new } else { id };
        return Ok(Answer::json(200, &world.job_json(shown)));
    }
    Ok(Answer::json(200, &world.show(id)))
}

impl World {
    /// Somebody plays a job. Returns the row that runs: a new one if the job had ended.
    pub fn play(
        &mut self,
        user: Id,
        id: Id,
        variables: Vec<(String, String)>,
        inputs: Inputs,
    ) -> Id {
        if word::finished(self.status(id)) {
            return self.clone_job(id, Some(user), variables, inputs);
        }
        if let Some(job) = self.jobs.get_mut(&id) {
            job.played = true;
            job.user = user;
            job.variables = variables;
            job.inputs = inputs;
        }
        self.enqueue(id);
        self.reset_skipped(id, user);
        self.settle();
        id
    }

    /// Somebody retries a job. Returns the new row.
    pub fn retry(&mut self, user: Id, id: Id) -> Id {
        assert!(self.retryable(id), "job {id} cannot be retried");
        self.clone_job(id, Some(user), Vec::new(), Inputs::new())
    }

    /// The deployment of a job gets its approval.
    pub fn approve(&mut self, id: Id) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.spec.needs_approval = false;
        }
    }
}

pub fn retry(
    world: &mut World,
    request: &Request,
    who: Who,
    project: Id,
    id: Id,
) -> Result<Answer, Answer> {
    let user = world.acting(who)?;
    world.processable(project, id)?;
    let fields = request.fields()?;
    let inputs = if world.age >= 19 {
        object(&fields, "inputs")?
    } else {
        Inputs::new()
    };
    if !world.may_update(user, id) || !world.may_deploy(user, id) {
        return Err(Answer::forbidden());
    }
    if !world.retryable(id) {
        return Err(Answer::forbidden_because("Job is not retryable"));
    }
    if let Some(refusal) = world.unknown_inputs(id, &inputs) {
        return Err(refusal);
    }
    world.commit(id, "retry");
    let new = world.clone_job(id, Some(user), Vec::new(), inputs);
    Ok(Answer::json(201, &world.job_json(new)))
}

pub fn cancel(
    world: &mut World,
    request: &Request,
    who: Who,
    project: Id,
    id: Id,
) -> Result<Answer, Answer> {
    let user = world.acting(who)?;
    world.build(project, id)?;
    let frozen = world.archived(id) && world.age < 18;
    if !world.may_update(user, id) || !world.may_cancel(user, project) || frozen {
        return Err(Answer::forbidden());
    }
    let fields = request.fields()?;
    let force = request.query("force") == Some("true")
        || fields
            .get("force")
            .is_some_and(|force| *force == json!(true) || *force == json!("true"));
    let force = force && world.age >= 18;
    if force && !world.at_least(project, user, "maintainer") {
        return Err(Answer::forbidden());
    }
    world.commit(id, "cancel");
    if force {
        if world.status(id) == "canceling" {
            world.go(id, "canceled");
        }
    } else {
        world.cancel_job(id);
    }
    world.settle();
    Ok(Answer::json(201, &world.job_json(id)))
}

impl World {
    /// Takes effect only on what can be canceled.
    pub fn cancel_job(&mut self, id: Id) {
        let job = &self.jobs[&id];
        let graceful = job.status == "running" && job.spec.after_script.is_some();
        if graceful {
            self.go(id, "canceling");
        } else if word::cancelable(job.status) {
            self.go(id, "canceled");
        }
    }
}

pub fn erase(world: &mut World, who: Who, project: Id, id: Id) -> Result<Answer, Answer> {
    let user = world.acting(who)?;
    let job = world.build(project, id)?;
    let own = job.user == user || world.at_least(project, user, "maintainer");
    if !own || !world.may_update(user, id) {
        return Err(Answer::forbidden());
    }
    let has = job.spec.artifacts || job.log_size(world.now) > 0;
    // Since about 18.2 archived jobs can be erased (MR 196414).
    let frozen = world.archived(id) && world.age < 18;
    if frozen
        || !has
        || job.erased_at.is_some()
        || !matches!(job.status, "success" | "failed" | "canceled")
    {
        return Err(Answer::forbidden_because("Job is not erasable!"));
    }
    let now = world.now;
    if let Some(job) = world.jobs.get_mut(&id) {
        job.erased_at = Some(now);
    }
    world.commit(id, "erase");
    Ok(Answer::json(201, &world.job_json(id)))
}

pub fn cancel_pipeline(world: &mut World, who: Who, project: Id, id: Id) -> Result<Answer, Answer> {
    let user = world.acting(who)?;
    let pipeline = world.in_project(project, id)?;
    if !world.may_cancel(user, project) {
        return Err(Answer::forbidden());
    }
    world.cancel_all(pipeline);
    world.commit(id, "cancel");
    world.settle();
    Ok(Answer::json(200, &world.pipeline_full(pipeline)))
}

impl World {
    /// Every job of a pipeline, and its child pipelines (`Ci::CancelPipelineService`).
    fn cancel_all(&mut self, pipeline: Id) {
        let jobs: Vec<Id> = self.newest(pipeline).map(|job| job.id).collect();
        for id in jobs {
            let downstream = self.jobs[&id].downstream;
            let child =
                downstream.filter(|child| self.pipelines[child].source == "parent_pipeline");
            self.cancel_job(id);
            if let Some(child) = child {
                self.cancel_all(child);
            }
        }
    }
}

/// The token, of a running job, comes as the field `token`.
pub fn trigger(world: &mut World, request: &Request, rule: &Rule) -> Result<Answer, Answer> {
    let fields = request.fields()?;
    let missing = |name: &str| Answer::error(400, &format!("{name} is missing"));
    let text = |name: &str| {
        fields
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| missing(name))
    };
    let (token, ref_name) = (text("token")?, text("ref")?);
    let job = world.triggering_job(token)?;
    let found = world.readable(request, Who::Job(job), rule);
    // Whoever may not read the project does not learn that it exists.
    let hidden = |refusal: Answer| {
        if refusal.status == 403 {
            Answer::not_found()
        } else {
            refusal
        }
    };
    let project = found.map_err(hidden)?;
    let variables: Vec<(String, String)> = object(&fields, "variables")?
        .into_iter()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let user = world.jobs[&job].user;
    let tag = world.projects[&project]
        .tags
        .iter()
        .any(|tag| tag == ref_name);
    let reason = world.no_pipeline(project, user, ref_name, tag, !variables.is_empty());
    if let Some(reason) = reason {
        return Err(Answer::message(400, json!({ "base": [reason] })));
    }
    let made = world.create(NewPipeline {
        project,
        ref_name,
        tag,
        sha: None,
        source: "pipeline",
        user,
        bridge: None,
        variables,
        inputs: object(&fields, "inputs")?,
        ci: world.projects[&project].ci.clone(),
    });
    world.commit(project, "trigger");
    Ok(Answer::json(201, &world.pipeline_full(made)))
}

impl World {
    /// Why no pipeline can be created (`Ci::CreatePipelineService`).
    fn no_pipeline(
        &self,
        project: Id,
        user: Id,
        ref_name: &str,
        tag: bool,
        variables: bool,
    ) -> Option<&'static str> {
        let data = &self.projects[&project];
        let least = self
            .ref_protected(project, ref_name, tag)
            .map_or("developer", |protected| protected.role);
        let allowed =
            self.at_least(project, user, least) && self.at_least(project, user, "developer");
        if !tag && !data.branches.iter().any(|branch| branch == ref_name) {
            Some("Reference not found")
        } else if !allowed {
            Some("Insufficient permissions to create a new pipeline")
        } else if variables && !self.may_set_variables(user, project) {
            Some("Insufficient permissions to set pipeline variables")
        } else if data.ci.stages.is_empty() {
            Some(
                "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline.",
            )
        } else {
            None
        }
    }

    /// `Ci::PipelineTriggerService` tells why a job's token is no good.
    fn triggering_job(&self, token: &str) -> Result<Id, Answer> {
        let job = self.jobs.values().find(|job| job.token == token);
        let job = job.ok_or_else(Answer::not_found)?;
        if !word::executing(job.status) {
            return Err(Answer::message(401, "Job is not running"));
        }
        Ok(job.id)
    }
}
