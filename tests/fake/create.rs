//! New pipelines, new attempts of jobs, and what trigger jobs start.

use std::time::Duration;

use jobgate::time::Timestamp;

use super::data::{Id, Job, Pipeline};
use super::schedule::Due;
use super::spec::{Ci, Inputs, JobSpec, Strategy, Trigger};
use super::world::{MIRA, World};

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
    pub inputs: Inputs,
    pub ci: Ci,
}

impl World {
    /// Somebody pushes: `mira`'s pipeline of this branch begins.
    pub fn pipeline(&mut self, project: &str, branch: &str, ci: Ci) -> Id {
        self.pipeline_with(project, branch, ci, |_| {})
    }

    /// The same, but for a tag, another source, user or commit: `|new| new.tag = true`.
    pub fn pipeline_with(
        &mut self,
        project: &str,
        ref_name: &str,
        ci: Ci,
        change: impl FnOnce(&mut NewPipeline),
    ) -> Id {
        let project = self.project_by_path(project).map(|project| project.id);
        let project = project.expect("no such project");
        let mut new = NewPipeline {
            project,
            ref_name,
            tag: false,
            sha: None,
            source: "push",
            user: MIRA,
            bridge: None,
            variables: Vec::new(),
            inputs: Inputs::new(),
            ci,
        };
        change(&mut new);
        self.create(new)
    }

    pub(super) fn create(&mut self, new: NewPipeline) -> Id {
        let id = self.next_id("pipeline");
        let project = self.at_project(new.project);
        project.pipelines += 1;
        let iid = project.pipelines;
        let fixed = |spec: &JobSpec| spec.fixed.is_some_and(|status| status != "created");
        let standing = new.ci.stages.iter().any(|(_, jobs)| jobs.iter().any(fixed));
        let created_at = if standing {
            before(self.now, Duration::from_hours(1))
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
                inputs: new.inputs,
                archived: false,
            },
        );
        for (stage, (_, specs)) in new.ci.stages.iter().enumerate() {
            for spec in specs {
                let mut one = spec.clone();
                one.parallel.clear();
                for name in spec.names() {
                    self.add_job(id, stage, name, one.clone(), new.user, created_at);
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
        let ended = before(self.now, Duration::from_secs(job.spec.ended));
        match job.status {
            "pending" | "preparing" | "waiting_for_resource" | "waiting_for_callback" => {
                job.queued_at = Some(created_at);
            }
            "running" | "canceling" => {
                job.queued_at = Some(created_at);
                job.started_at = Some(created_at.plus(Duration::from_mins(1)));
            }
            "success" | "failed" | "canceled" => {
                job.queued_at = Some(created_at);
                job.started_at = Some(before(ended, Duration::from_mins(2)).max(created_at));
                job.finished_at = Some(ended);
            }
            _ => {}
        }
        self.jobs.insert(id, job);
        self.pipelines
            .get_mut(&pipeline)
            .expect("pipeline")
            .jobs
            .push(id);
    }

    pub(super) fn start_downstream(&mut self, id: Id) {
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
                inputs: Inputs::new(),
                ci,
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
        old.due = old.due.filter(|(_, due)| *due != Due::Retry);
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
}

fn before(time: Timestamp, duration: Duration) -> Timestamp {
    Timestamp::from_millis(time.millis() - i64::try_from(duration.as_millis()).expect("short"))
}
