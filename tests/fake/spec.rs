//! What a `.gitlab-ci.yml` says, and what will happen when it runs: the plan of a pipeline as a value.

use serde_json::Value;

use super::word::Status;

/// A pipeline's configuration.
#[derive(Clone, Debug, Default)]
pub struct Ci {
    pub stages: Vec<(String, Vec<JobSpec>)>,
}

pub fn ci() -> Ci {
    Ci::default()
}

impl Ci {
    pub fn stage(mut self, name: &str, jobs: impl IntoIterator<Item = JobSpec>) -> Self {
        self.stages
            .push((name.to_owned(), jobs.into_iter().collect()));
        self
    }
}

/// `when:` of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    OnSuccess,
    OnFailure,
    Always,
    Manual,
    /// Seconds after it could start.
    Delayed(u64),
}

/// How long one attempt runs and how it ends.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Seconds; `None` until somebody ends it.
    pub run: Option<u64>,
    /// `None`: it succeeds.
    pub failure_reason: Option<&'static str>,
}

/// What a trigger job starts.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Another project by path; `None` for a child pipeline.
    pub project: Option<String>,
    pub branch: Option<String>,
    /// The child's configuration; of another project the project's own is taken where this is `None`.
    pub ci: Option<Ci>,
    pub strategy: Strategy,
    /// Seconds before the downstream pipeline exists.
    pub delay: u64,
    /// It never exists, for this reason.
    pub failure_reason: Option<&'static str>,
}

/// `trigger: strategy:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    None,
    Depend,
    Mirror,
}

/// A job or trigger job of a configuration.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a keyword of its own"
)]
pub struct JobSpec {
    pub name: String,
    pub when: When,
    pub allow_failure: bool,
    /// `None`: it waits for the stages before it.
    pub needs: Option<Vec<String>>,
    /// Suffixes of `parallel:`, such as ` 1/3` or `: [eu, blue]`.
    pub parallel: Vec<String>,
    pub tags: Vec<String>,
    pub resource_group: Option<String>,
    pub environment: Option<String>,
    /// `retry:`
    pub retry: usize,
    /// Seconds in the queue; `None` for ever (no runner).
    pub queue: Option<u64>,
    /// Seconds in `preparing` before the queue.
    pub prepare: u64,
    /// One per attempt; the last repeats.
    pub attempts: Vec<Attempt>,
    /// Seconds of `after_script` in `canceling`; `None`: the runner cannot cancel gracefully.
    pub after_script: Option<u64>,
    /// Pieces of the log and the second of the run at which they are written.
    pub log: Vec<(u64, Vec<u8>)>,
    /// It was run with `CI_DEBUG_TRACE`.
    pub debug_trace: bool,
    /// Its deployment still needs an approval.
    pub needs_approval: bool,
    /// Names of the job's declared inputs.
    pub inputs: Vec<String>,
    pub artifacts: bool,
    pub coverage: Option<f64>,
    /// It starts in this status and stays there until a request moves it.
    pub fixed: Option<Status>,
    /// Of a fixed one: seconds between its end and the world's beginning.
    pub ended: u64,
    pub failure_reason: Option<&'static str>,
    pub trigger: Option<Trigger>,
}

/// A job that succeeds after two seconds in the queue and ten of running.
pub fn job(name: &str) -> JobSpec {
    JobSpec {
        name: name.to_owned(),
        when: When::OnSuccess,
        allow_failure: false,
        needs: None,
        parallel: Vec::new(),
        tags: Vec::new(),
        resource_group: None,
        environment: None,
        retry: 0,
        queue: Some(2),
        prepare: 0,
        attempts: Vec::new(),
        after_script: None,
        log: Vec::new(),
        debug_trace: false,
        needs_approval: false,
        inputs: Vec::new(),
        artifacts: false,
        coverage: None,
        fixed: None,
        ended: 600,
        failure_reason: None,
        trigger: None,
    }
}

/// A trigger job with a child pipeline, one second after it was asked for.
pub fn child(name: &str, ci: Ci) -> JobSpec {
    JobSpec {
        trigger: Some(Trigger {
            project: None,
            branch: None,
            ci: Some(ci),
            strategy: Strategy::None,
            delay: 1,
            failure_reason: None,
        }),
        ..job(name)
    }
}

/// A trigger job that starts another project's pipeline, as that project configures it.
pub fn downstream(name: &str, project: &str) -> JobSpec {
    JobSpec {
        trigger: Some(Trigger {
            project: Some(project.to_owned()),
            branch: None,
            ci: None,
            strategy: Strategy::None,
            delay: 1,
            failure_reason: None,
        }),
        ..job(name)
    }
}

impl JobSpec {
    /// The job that calls the program: runs at once and until somebody ends it.
    pub fn here(self) -> Self {
        self.queue(0).endless().needs([])
    }

    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// A manual job that blocks the pipeline until somebody plays it.
    pub fn manual(self) -> Self {
        self.when(When::Manual)
    }

    pub fn delayed(self, seconds: u64) -> Self {
        self.when(When::Delayed(seconds))
    }

    pub fn allow_failure(mut self) -> Self {
        self.allow_failure = true;
        self
    }

    pub fn needs<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.needs = Some(names.map(str::to_owned).to_vec());
        self
    }

    /// `parallel: N`; GitLab takes no more than 200.
    pub fn parallel(mut self, count: usize) -> Self {
        assert!((1..=200).contains(&count), "parallel: {count}");
        self.parallel = (1..=count).map(|n| format!(" {n}/{count}")).collect();
        self
    }

    /// `parallel: matrix:`, one text per combination: `eu, blue`.
    pub fn matrix<const N: usize>(mut self, values: [&str; N]) -> Self {
        self.parallel = values.map(|text| format!(": [{text}]")).to_vec();
        self
    }

    pub fn tags<const N: usize>(mut self, tags: [&str; N]) -> Self {
        self.tags = tags.map(str::to_owned).to_vec();
        self
    }

    pub fn resource_group(mut self, key: &str) -> Self {
        self.resource_group = Some(key.to_owned());
        self
    }

    pub fn environment(mut self, name: &str) -> Self {
        self.environment = Some(name.to_owned());
        self
    }

    pub fn retry(self, retry: usize) -> Self {
        Self { retry, ..self }
    }

    pub fn queue(mut self, seconds: u64) -> Self {
        self.queue = Some(seconds);
        self
    }

    /// No runner takes it.
    pub fn stuck(mut self) -> Self {
        self.queue = None;
        self
    }

    pub fn prepare(self, prepare: u64) -> Self {
        Self { prepare, ..self }
    }

    fn attempt(mut self, run: Option<u64>, failure_reason: Option<&'static str>) -> Self {
        self.attempts.push(Attempt {
            run,
            failure_reason,
        });
        self
    }

    /// The next attempt succeeds after so many seconds.
    pub fn runs(self, seconds: u64) -> Self {
        self.attempt(Some(seconds), None)
    }

    /// The next attempt fails after so many seconds.
    pub fn fails(self, seconds: u64) -> Self {
        self.attempt(Some(seconds), Some("script_failure"))
    }

    pub fn fails_with(self, seconds: u64, reason: &'static str) -> Self {
        self.attempt(Some(seconds), Some(reason))
    }

    /// The next attempt runs until somebody ends it.
    pub fn endless(self) -> Self {
        self.attempt(None, None)
    }

    /// Its runner cancels gracefully, with an `after_script` of so many seconds.
    pub fn after_script(mut self, seconds: u64) -> Self {
        self.after_script = Some(seconds);
        self
    }

    /// Something is written to the log at this second of the run.
    pub fn log_at(mut self, second: u64, text: impl Into<Vec<u8>>) -> Self {
        self.log.push((second, text.into()));
        self
    }

    pub fn log(self, text: impl Into<Vec<u8>>) -> Self {
        self.log_at(0, text)
    }

    pub fn debug_trace(mut self) -> Self {
        self.debug_trace = true;
        self
    }

    pub fn needs_approval(mut self) -> Self {
        self.needs_approval = true;
        self
    }

    pub fn inputs<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.inputs = names.map(str::to_owned).to_vec();
        self
    }

    pub fn artifacts(mut self) -> Self {
        self.artifacts = true;
        self
    }

    /// It is in this status from the start and stays there until a request moves it.
    pub fn is(self, status: Status) -> Self {
        let when = match status {
            "manual" => When::Manual,
            "scheduled" => When::Delayed(3600),
            _ => self.when,
        };
        Self {
            when,
            fixed: Some(status),
            failure_reason: (status == "failed").then_some("script_failure"),
            ..self
        }
    }

    /// Of a job that [`JobSpec::is`] finished: it ended so many seconds ago.
    pub fn ended(self, ended: u64) -> Self {
        Self { ended, ..self }
    }

    pub fn because(mut self, reason: &'static str) -> Self {
        self.failure_reason = Some(reason);
        self
    }

    fn trigger(mut self, change: impl FnOnce(&mut Trigger)) -> Self {
        if let Some(trigger) = &mut self.trigger {
            change(trigger);
        }
        self
    }

    pub fn depend(self) -> Self {
        self.trigger(|trigger| trigger.strategy = Strategy::Depend)
    }

    pub fn mirror(self) -> Self {
        self.trigger(|trigger| trigger.strategy = Strategy::Mirror)
    }

    /// Seconds before the downstream pipeline exists.
    pub fn delay(self, seconds: u64) -> Self {
        self.trigger(|trigger| trigger.delay = seconds)
    }

    /// The downstream pipeline cannot be created.
    pub fn childless(self, reason: &'static str) -> Self {
        self.trigger(|trigger| trigger.failure_reason = Some(reason))
    }

    /// The other project's branch.
    pub fn branch(self, branch: &str) -> Self {
        self.trigger(|trigger| trigger.branch = Some(branch.to_owned()))
    }

    /// What the other project runs, instead of what it configures.
    pub fn ci(self, ci: Ci) -> Self {
        self.trigger(|trigger| trigger.ci = Some(ci))
    }

    /// Every name this job has in a pipeline.
    pub fn names(&self) -> Vec<String> {
        if self.parallel.is_empty() {
            return vec![self.name.clone()];
        }
        self.parallel
            .iter()
            .map(|suffix| format!("{}{suffix}", self.name))
            .collect()
    }
}

/// Inputs as a play or retry carries them.
pub type Inputs = serde_json::Map<String, Value>;
