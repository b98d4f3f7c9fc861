//! How the world moves by itself: pipelines start their jobs, jobs run and end, trigger jobs start pipelines.

use std::time::Duration;

use jobgate::time::Timestamp;

use super::spec::{Attempt, Ci, Inputs, JobSpec, Strategy, Trigger, When};
use super::word::{self, Status};
use super::world::{Id, Job, Pipeline, World};

/// What happens to a job next, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A delayed job's time has come.
    Enqueue,
    /// Its preparations are done.
    Prepared,
    /// A runner takes it.
    Run,
    /// Its script ends.
    End,
    /// Its `after_script` ends.
    Canceled,
    /// `retry:` puts a new attempt in its place.
    Retry,
    /// Its downstream pipeline is created.
    Downstream,
}

/// What a new pipeline is made from.
pub struct NewPipeline<'a> {
    pub project: Id,
    pub ref_name: &'a str,
    pub tag: bool,
    pub sha: Option<String>,
    pub source: &'static str,
    pub user: Id,
    pub bridge: Option<Id>,
    pub variables: Vec<(String, String)>,
    pub ci: &'a Ci,
}

impl World {
    /// Somebody pushes: `mira`'s pipeline of this branch begins.
    pub fn pipeline(&mut self, project: &str, branch: &str, ci: Ci) -> Id {
        let project = self
            .project_by_path(project)
            .map(|project| project.id)
            .unwrap_or_else(|| panic!("no project {project}"));
        self.create(NewPipeline {
            project,
            ref_name: branch,
            tag: false,
            sha: None,
            source: "push",
            user: super::world::MIRA,
            bridge: None,
            variables: Vec::new(),
            ci: &ci,
        })
    }

    pub fn create(&mut self, new: NewPipeline) -> Id {
        let id = self.next_id("pipeline");
        let project = self.at_project(new.project);
        project.pipelines += 1;
        let iid = project.pipelines;
        let fixed = |spec: &JobSpec| spec.fixed.is_some_and(|status| status != "created");
        let standing = new.ci.stages.iter().any(|(_, jobs)| jobs.iter().any(fixed));
        let created_at = if standing {
            self.now.minus(Duration::from_secs(3600))
        } else {
            self.now
        };
        self.pipelines.insert(
            id,
            Pipeline {
                id,
                iid,
                project: new.project,
                ref_name: new.ref_name.to_owned(),
                tag: new.tag,
                sha: new.sha.unwrap_or_else(|| format!("{:040x}", id * 7_919)),
                source: new.source,
                user: new.user,
                status: "created",
                created_at,
                updated_at: created_at,
                started_at: None,
                finished_at: None,
                bridge: new.bridge,
                stages: new.ci.stages.iter().map(|(name, _)| name.clone()).collect(),
                jobs: Vec::new(),
                variables: new.variables,
                archived: false,
            },
        );
        for (stage, (_, specs)) in new.ci.stages.iter().enumerate() {
            for spec in specs {
                for name in spec.names() {
                    self.add_job(id, stage, name, spec.clone(), new.user, created_at);
                }
            }
        }
        self.dirty.push(id);
        self.settle();
        id
    }

    fn add_job(
        &mut self,
        pipeline: Id,
        stage: usize,
        name: String,
        spec: JobSpec,
        user: Id,
        created_at: Timestamp,
    ) {
        let id = self.next_id("job");
        let project = self.pipelines[&pipeline].project;
        let mut job = Job {
            id,
            pipeline,
            project,
            name,
            stage,
            status: spec.fixed.unwrap_or("created"),
            attempt: 0,
            retried: false,
            user,
            created_at,
            queued_at: None,
            started_at: None,
            finished_at: None,
            erased_at: None,
            failure_reason: spec.failure_reason,
            played: false,
            due: None,
            downstream: None,
            variables: Vec::new(),
            inputs: Inputs::new(),
            token: format!("glcbt-64_{:x}job{id}", id * 104_729),
            spec,
        };
        let ended = self.now.minus(Duration::from_secs(job.spec.ended));
        match job.status {
            "pending" | "preparing" | "waiting_for_resource" | "waiting_for_callback" => {
                job.queued_at = Some(created_at)
            }
            "running" | "canceling" => {
                job.queued_at = Some(created_at);
                job.started_at = Some(created_at.plus(Duration::from_secs(60)));
            }
            "success" | "failed" | "canceled" => {
                job.queued_at = Some(created_at);
                job.started_at = Some(ended.minus(Duration::from_secs(120)).max(created_at));
                job.finished_at = Some(ended);
            }
            "skipped" => job.finished_at = Some(ended),
            _ => {}
        }
        self.jobs.insert(id, job);
        self.pipelines
            .get_mut(&pipeline)
            .expect("pipeline")
            .jobs
            .push(id);
    }

    /// Lets time pass, event by event.
    pub fn advance(&mut self, to: Timestamp) {
        self.settle();
        while let Some(next) = self.next_event().filter(|next| *next <= to) {
            self.now = self.now.max(next);
            if self.events.first().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, _, event) = self.events.remove(0);
                event(self);
            } else {
                self.fire();
            }
            self.settle();
        }
        self.now = self.now.max(to);
    }

    pub fn advance_by(&mut self, seconds: u64) {
        self.advance(self.now.plus(Duration::from_secs(seconds)));
    }

    fn next_event(&self) -> Option<Timestamp> {
        let scripted = self.events.first().map(|(at, ..)| *at);
        let jobs = self
            .jobs
            .values()
            .filter_map(|job| job.due.map(|(at, _)| at));
        scripted.into_iter().chain(jobs).min()
    }

    /// The first job whose time has come takes its step.
    fn fire(&mut self) {
        let now = self.now;
        let first = self
            .jobs
            .values_mut()
            .filter(|job| job.due.is_some_and(|(at, _)| at <= now))
            .min_by_key(|job| job.due.map(|(at, _)| at));
        let Some((id, due)) = first.and_then(|job| Some((job.id, job.due.take()?.1))) else {
            return;
        };
        match due {
            Due::Enqueue => self.enqueue(id),
            Due::Prepared => self.go(id, "pending"),
            Due::Run => self.go(id, "running"),
            Due::Canceled => self.go(id, "canceled"),
            Due::Downstream => self.start_downstream(id),
            Due::Retry => {
                self.clone_job(id, None, Vec::new(), Inputs::new());
            }
            Due::End => match self.jobs[&id].this_attempt().failure_reason {
                None => self.go(id, "success"),
                Some(reason) => self.fail(id, reason),
            },
        }
    }

    /// Works off everything that follows from what just changed.
    pub(super) fn settle(&mut self) {
        loop {
            while let Some(pipeline) = self.dirty.pop() {
                self.process(pipeline);
            }
            let now = self.now;
            if !self
                .jobs
                .values()
                .any(|job| job.due.is_some_and(|(at, _)| at <= now))
            {
                return;
            }
            self.fire();
        }
    }

    /// One run of `Ci::PipelineProcessing::AtomicProcessingService`.
    fn process(&mut self, pipeline: Id) {
        // A failure that `retry:` is about to replace decides nothing.
        if self
            .newest(pipeline)
            .any(|job| job.due.is_some_and(|(_, due)| due == Due::Retry))
        {
            return;
        }
        let mut created: Vec<(usize, Id)> = self
            .newest(pipeline)
            .filter(|job| job.status == "created" && job.spec.fixed != Some("created"))
            .map(|job| (job.stage, job.id))
            .collect();
        created.sort_unstable();
        let mut again = false;
        for (_, id) in created {
            again |= self.consider(id);
        }
        if again {
            self.dirty.push(pipeline);
            return;
        }
        self.grant_resources(pipeline);
        let status = word::composite(
            self.newest(pipeline)
                .map(|job| (job.status, job.spec.allow_failure)),
            false,
        );
        self.set_pipeline_status(pipeline, status.unwrap_or("created"));
    }

    /// Starts or skips a created job if what it waits for has ended (`Ci::ProcessBuildService`).
    fn consider(&mut self, id: Id) -> bool {
        let job = &self.jobs[&id];
        let before = match &job.spec.needs {
            Some(needs) => word::composite(
                self.newest(job.pipeline)
                    .filter(|other| {
                        needs
                            .iter()
                            .any(|need| *need == other.name || *need == other.spec.name)
                    })
                    .map(|other| (other.status, other.spec.allow_failure)),
                true,
            ),
            None => word::composite(
                self.newest(job.pipeline)
                    .filter(|other| other.stage < job.stage)
                    .map(|other| (other.status, other.spec.allow_failure)),
                false,
            ),
        }
        .unwrap_or("success");
        if !word::finished(before) {
            return false;
        }
        let wanted: &[Status] = match job.spec.when {
            When::OnFailure => &["failed"],
            When::Always => &["success", "failed", "skipped"],
            _ if job.spec.needs.is_some() => &["success"],
            _ => &["success", "skipped"],
        };
        match job.spec.when {
            _ if !wanted.contains(&before) => self.go(id, "skipped"),
            When::Manual if !job.played => self.go(id, "manual"),
            When::Delayed(_) if !job.played => self.go(id, "scheduled"),
            _ => self.enqueue(id),
        }
        true
    }

    /// Towards a runner, over `waiting_for_resource` and `preparing` where the job has to.
    pub(super) fn enqueue(&mut self, id: Id) {
        let job = &self.jobs[&id];
        if job.spec.resource_group.is_some() && job.status != "waiting_for_resource" {
            self.go(id, "waiting_for_resource");
        } else if job.spec.prepare > 0 && !job.is_trigger() {
            self.go(id, "preparing");
        } else {
            self.go(id, "pending");
        }
    }

    fn grant_resources(&mut self, pipeline: Id) {
        let project = self.pipelines[&pipeline].project;
        let key = |job: &Job| job.spec.resource_group.clone();
        let held: Vec<String> = self
            .jobs
            .values()
            .filter(|job| {
                job.project == project
                    && matches!(
                        job.status,
                        "preparing" | "pending" | "running" | "canceling"
                    )
            })
            .filter_map(key)
            .collect();
        let next = self
            .jobs
            .values()
            .filter(|job| {
                job.project == project
                    && job.status == "waiting_for_resource"
                    && job.spec.fixed.is_none()
            })
            .find(|job| key(job).is_some_and(|key| !held.contains(&key)))
            .map(|job| job.id);
        if let Some(id) = next {
            self.enqueue(id);
        }
    }

    fn set_pipeline_status(&mut self, id: Id, status: Status) {
        let now = self.now;
        let pipeline = self.pipelines.get_mut(&id).expect("pipeline");
        if pipeline.status == status {
            return;
        }
        pipeline.status = status;
        pipeline.updated_at = now;
        if status == "running" {
            pipeline.started_at = pipeline.started_at.or(Some(now));
        }
        pipeline.finished_at = word::finished(status).then_some(now);
        if let Some(bridge) = pipeline.bridge {
            self.inherit(bridge, status);
        }
    }

    /// A trigger job with a strategy follows its downstream pipeline (`Ci::Bridge#inherit_status_from_downstream`).
    fn inherit(&mut self, bridge: Id, status: Status) {
        let job = &self.jobs[&bridge];
        let strategy = job
            .spec
            .trigger
            .as_ref()
            .map_or(Strategy::None, |trigger| trigger.strategy);
        let to = match (strategy, status) {
            (Strategy::None, _) => return,
            (_, "success" | "failed" | "canceled") => status,
            (Strategy::Depend, "skipped") => "failed",
            (Strategy::Mirror, "manual" | "skipped") => status,
            // A retry downstream brings a finished trigger job back.
            (_, "running" | "pending") if word::finished(job.status) || job.status == "manual" => {
                "running"
            }
            _ => return,
        };
        if job.downstream.is_some() && job.status != to && !job.retried {
            if to == "failed" {
                self.fail(bridge, "unknown_failure");
            } else {
                self.go(bridge, to);
            }
        }
    }

    pub(super) fn fail(&mut self, id: Id, reason: &'static str) {
        self.jobs.get_mut(&id).expect("job").failure_reason = Some(reason);
        self.go(id, "failed");
    }

    /// The only way in which a job's status changes by the rules; an impossible step is a mistake of the world's.
    pub(super) fn go(&mut self, id: Id, to: Status) {
        let (now, lag) = (self.now, self.retry_lag);
        let job = self.jobs.get_mut(&id).expect("job");
        let legal = if job.is_trigger() {
            word::legal_for_trigger(job.status, to)
        } else {
            word::legal(job.status, to)
        };
        assert!(
            legal,
            "job {id} ({}) cannot go from {} to {to}",
            job.name, job.status
        );
        job.status = to;
        job.due = None;
        job.spec.fixed = None;
        let after = |seconds: u64| now.plus(Duration::from_secs(seconds));
        match to {
            "created" => job.finished_at = None,
            "scheduled" => {
                if let When::Delayed(seconds) = job.spec.when {
                    job.due = Some((after(seconds), Due::Enqueue));
                }
            }
            "preparing" => job.due = Some((after(job.spec.prepare), Due::Prepared)),
            "pending" => {
                job.queued_at = Some(now);
                job.finished_at = None;
                job.due = match &job.spec.trigger {
                    Some(trigger) => Some((after(trigger.delay), Due::Downstream)),
                    None => job.spec.queue.map(|seconds| (after(seconds), Due::Run)),
                };
            }
            "running" => {
                job.started_at = job.started_at.or(Some(now));
                job.finished_at = None;
                if !job.is_trigger() {
                    job.due = job
                        .this_attempt()
                        .run
                        .map(|seconds| (after(seconds), Due::End));
                }
            }
            "canceling" => {
                job.due = job
                    .spec
                    .after_script
                    .map(|seconds| (after(seconds), Due::Canceled))
            }
            "success" | "failed" | "canceled" | "skipped" => job.finished_at = Some(now),
            _ => {}
        }
        if to == "failed" && !job.retried && job.attempt < job.spec.retry {
            job.due = Some((after(lag), Due::Retry));
        }
        self.dirty.push(job.pipeline);
        if word::finished(to) {
            self.wake_resource_group(id);
        }
    }

    /// Another pipeline's job may wait for what this one held.
    fn wake_resource_group(&mut self, id: Id) {
        let job = &self.jobs[&id];
        let Some(key) = &job.spec.resource_group else {
            return;
        };
        let waiting: Vec<Id> = self
            .jobs
            .values()
            .filter(|other| other.project == job.project && other.status == "waiting_for_resource")
            .filter(|other| other.spec.resource_group.as_ref() == Some(key))
            .map(|other| other.pipeline)
            .collect();
        self.dirty.extend(waiting);
    }

    fn start_downstream(&mut self, id: Id) {
        let job = &self.jobs[&id];
        let pipeline = &self.pipelines[&job.pipeline];
        let Some(trigger) = job.spec.trigger.clone() else {
            return;
        };
        let (user, ref_name, sha, tag, project) = (
            job.user,
            pipeline.ref_name.clone(),
            pipeline.sha.clone(),
            pipeline.tag,
            pipeline.project,
        );
        let made = self.downstream_project(&trigger, project).map(|target| {
            let child = trigger.project.is_none();
            let ci = trigger
                .ci
                .clone()
                .unwrap_or_else(|| self.projects[&target].ci.clone());
            self.create(NewPipeline {
                project: target,
                ref_name: if child {
                    &ref_name
                } else {
                    trigger.branch.as_deref().unwrap_or("main")
                },
                tag: child && tag,
                sha: child.then_some(sha),
                source: if child { "parent_pipeline" } else { "pipeline" },
                user,
                bridge: Some(id),
                variables: Vec::new(),
                ci: &ci,
            })
        });
        match made {
            Err(reason) => self.fail(id, reason),
            Ok(made) => {
                let job = self.jobs.get_mut(&id).expect("job");
                job.downstream = Some(made);
                job.started_at = Some(self.now);
                if trigger.strategy == Strategy::None {
                    self.go(id, "success");
                } else {
                    self.go(id, "running");
                    let status = self.pipelines[&made].status;
                    self.inherit(id, status);
                }
            }
        }
    }

    fn downstream_project(&self, trigger: &Trigger, own: Id) -> Result<Id, &'static str> {
        if let Some(reason) = trigger.failure_reason {
            return Err(reason);
        }
        match &trigger.project {
            None => Ok(own),
            Some(path) => self
                .project_by_path(path)
                .map(|project| project.id)
                .ok_or("downstream_bridge_project_not_found"),
        }
    }

    /// A new attempt in the place of a finished one, in one step (`Ci::RetryJobService`).
    pub(super) fn clone_job(
        &mut self,
        id: Id,
        user: Option<Id>,
        variables: Vec<(String, String)>,
        inputs: Inputs,
    ) -> Id {
        let old = self.jobs.get_mut(&id).expect("job");
        old.retried = true;
        old.due = None;
        let (pipeline, stage, name, spec, attempt) = (
            old.pipeline,
            old.stage,
            old.name.clone(),
            old.spec.clone(),
            old.attempt,
        );
        let user = user.unwrap_or(old.user);
        let spec = JobSpec {
            fixed: None,
            failure_reason: None,
            ..spec
        };
        self.add_job(pipeline, stage, name, spec, user, self.now);
        let new = *self.pipelines[&pipeline].jobs.last().expect("job");
        let job = self.jobs.get_mut(&new).expect("job");
        job.attempt = attempt + 1;
        job.played = true;
        job.variables = variables;
        job.inputs = inputs;
        self.reset_skipped(new, user);
        self.dirty.push(pipeline);
        self.settle();
        new
    }

    /// Later jobs that were skipped because of this one get another chance (`Ci::ResetSkippedJobsService`).
    pub(super) fn reset_skipped(&mut self, id: Id, user: Id) {
        let job = &self.jobs[&id];
        let mut names = vec![job.name.clone(), job.spec.name.clone()];
        let (pipeline, stage) = (job.pipeline, job.stage);
        let mut skipped: Vec<Id> = Vec::new();
        let mut later: Vec<&Job> = self
            .newest(pipeline)
            .filter(|job| job.status == "skipped")
            .collect();
        later.sort_by_key(|job| (job.stage, job.id));
        for other in later {
            let depends = match &other.spec.needs {
                Some(needs) => needs.iter().any(|need| names.contains(need)),
                None => other.stage > stage,
            };
            if depends {
                names.push(other.name.clone());
                skipped.push(other.id);
            }
        }
        for id in skipped {
            self.go(id, "created");
            self.jobs.get_mut(&id).expect("job").user = user;
        }
    }

    /// A job's status changes against all rules, as a bug or a person at the database would do it; it stays so.
    pub fn flip(&mut self, id: Id, status: Status) {
        let now = self.now;
        let job = self.jobs.get_mut(&id).expect("job");
        job.status = status;
        job.due = None;
        job.spec.fixed = Some(status);
        job.finished_at = word::finished(status).then_some(now);
        job.failure_reason = (status == "failed").then_some("script_failure");
        if word::executing(status) {
            job.started_at = job.started_at.or(Some(now));
        }
        self.dirty.push(job.pipeline);
        self.settle();
    }

    /// The runner reports the end of an endless job.
    pub fn end(&mut self, id: Id, failure_reason: Option<&'static str>) {
        match failure_reason {
            None => self.go(id, "success"),
            Some(reason) => self.fail(id, reason),
        }
        self.settle();
    }
}

impl Job {
    fn this_attempt(&self) -> Attempt {
        let attempts = &self.spec.attempts;
        attempts
            .get(self.attempt)
            .or(attempts.last())
            .cloned()
            .unwrap_or(Attempt {
                run: Some(10),
                failure_reason: None,
            })
    }
}
