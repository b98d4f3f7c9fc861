//! How the world moves by itself: pipelines start their jobs, jobs run and end, trigger jobs start pipelines.

use std::time::Duration;

use jobgate::time::Timestamp;

use super::data::{Id, Job, Pipeline};
use super::spec::{Attempt, Ci, Inputs, JobSpec, Strategy, Trigger, When};
use super::word::{self, Status};
use super::world::World;

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

impl World {
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
    pub(super) fn inherit(&mut self, bridge: Id, status: Status) {
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
        let (now, lag, backdate) = (self.now, self.retry_lag, self.backdate);
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
        job.spec.fixed = None;
        match to {
            "pending" => job.queued_at = Some(now),
            "running" => job.started_at = job.started_at.or(Some(now)),
            _ => {}
        }
        job.finished_at = match to {
            "failed" => Some(Timestamp::from_millis(now.millis() - backdate * 1000)),
            "success" | "canceled" => Some(now),
            _ => None,
        };
        job.due = job
            .next_step(lag)
            .map(|(seconds, due)| (now.plus(Duration::from_secs(seconds)), due));
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

    /// A pipeline is deleted, and its trigger job no longer tells of it.
    pub fn delete(&mut self, id: Id) {
        let Some(pipeline) = self.pipelines.remove(&id) else {
            return;
        };
        for job in &pipeline.jobs {
            self.jobs.remove(job);
        }
        self.dirty.retain(|dirty| *dirty != id);
        if let Some(bridge) = pipeline
            .bridge
            .and_then(|bridge| self.jobs.get_mut(&bridge))
        {
            bridge.downstream = None;
        }
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
    /// What happens next by itself, and in how many seconds.
    fn next_step(&self, retry_lag: u64) -> Option<(u64, Due)> {
        let delay = match self.spec.when {
            When::Delayed(seconds) => Some(seconds),
            _ => None,
        };
        let again = !self.retried && self.attempt < self.spec.retry;
        match (self.status, &self.spec.trigger) {
            ("scheduled", _) => delay.map(|seconds| (seconds, Due::Enqueue)),
            ("preparing", _) => Some((self.spec.prepare, Due::Prepared)),
            ("pending", Some(trigger)) => Some((trigger.delay, Due::Downstream)),
            ("pending", None) => self.spec.queue.map(|seconds| (seconds, Due::Run)),
            ("running", None) => self.this_attempt().run.map(|seconds| (seconds, Due::End)),
            ("canceling", _) => self
                .spec
                .after_script
                .map(|seconds| (seconds, Due::Canceled)),
            ("failed", _) => again.then_some((retry_lag, Due::Retry)),
            _ => None,
        }
    }

    fn this_attempt(&self) -> Attempt {
        let attempts = &self.spec.attempts;
        let usual = Attempt {
            run: Some(10),
            failure_reason: None,
        };
        attempts
            .get(self.attempt)
            .or(attempts.last())
            .cloned()
            .unwrap_or(usual)
    }
}
