//! Waits that could never end: recognized from full looks at the caller's own pipeline.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::decide::select::Caller;
use crate::model::{Job, Status};

/// For so long nothing may change before a wait is called a deadlock, and in at least so many looks.
const QUIET: Duration = Duration::from_secs(90);
const LOOKS: u32 = 3;

/// For so long only running jobs may be left before somebody is told.
const ONLY_RUNNING: Duration = Duration::from_mins(10);

/// What a full look shows of the pipeline as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Census<'a> {
    /// Equal as long as nothing changes.
    pub fingerprint: u64,
    /// A selected job that has not started and waits for others.
    pub created: Option<&'a Job>,
    /// A manual job that is selected or blocks the pipeline.
    pub manual: Option<&'a Job>,
    pub others: Others,
    /// A pipeline that a trigger job has started is not finished.
    pub downstream: bool,
    /// Trigger jobs are among the rows.
    pub trigger_jobs: bool,
}

/// What the other jobs do, the caller and those that are merely `created` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Others {
    /// Nothing any more.
    Ended,
    /// Some are `running`, nothing else.
    Running,
    /// Some will go on by themselves: in a queue, delayed, being canceled.
    Moving,
}

impl<'a> Census<'a> {
    /// `rows` are all jobs of the caller's pipeline, and its trigger jobs where they can be read.
    pub fn of(
        rows: &'a [Job],
        caller: &Caller,
        selected: impl Fn(&str) -> bool,
        trigger_jobs: bool,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        let mut census = Self {
            fingerprint: 0,
            created: None,
            manual: None,
            others: Others::Ended,
            downstream: false,
            trigger_jobs,
        };
        for job in rows.iter().filter(|job| job.id != caller.id) {
            (job.id, &job.status).hash(&mut hasher);
            if let Some(downstream) = &job.downstream_pipeline {
                downstream.status.hash(&mut hasher);
                census.downstream |= !downstream.status.finished();
            }
            match &job.status {
                Status::Created if selected(&job.name) => {
                    census.created = census.created.or(Some(job));
                }
                Status::Manual if !job.allow_failure || selected(&job.name) => {
                    census.manual = census.manual.or(Some(job));
                }
                Status::Created | Status::Manual => {}
                Status::Running => census.others = census.others.max(Others::Running),
                status if status.finished() => {}
                _ => census.others = Others::Moving,
            }
        }
        census.fingerprint = hasher.finish();
        census
    }

    /// The wait cannot end unless something happens that the pipeline does not show; a manual job may still be played.
    fn idle(&self) -> bool {
        self.created.is_some() && self.others == Others::Ended && !self.downstream
    }
}

/// What the guard has to say about a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The job that is waited for can never start.
    Deadlock,
    /// As `Deadlock`, but trigger jobs cannot be read to be sure.
    MayNeverStart,
    /// Only a manual job could make the pipeline go on.
    Blocking,
    /// Only running jobs are left, which may wait for the calling job.
    OnlyRunning,
}

/// The fold over full looks.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    quiet: Option<Quiet>,
    said: Vec<Sign>,
}

#[derive(Clone, Copy, Debug)]
struct Quiet {
    fingerprint: u64,
    since: Duration,
    looks: u32,
    idle: bool,
}

impl Guard {
    /// A sign is given once; all but `Deadlock` are mere talk.
    pub fn look(&mut self, census: &Census, now: Duration) -> Option<Sign> {
        let quiet = match self.quiet {
            Some(quiet) if quiet.fingerprint == census.fingerprint => Quiet {
                looks: quiet.looks + 1,
                ..quiet
            },
            _ => Quiet {
                fingerprint: census.fingerprint,
                since: now,
                looks: 1,
                idle: census.idle(),
            },
        };
        self.quiet = Some(quiet);
        let lasted = now.saturating_sub(quiet.since);
        if quiet.looks < LOOKS || lasted < QUIET || census.created.is_none() {
            return None;
        }
        let sign = match (census.idle(), census.others) {
            (true, _) if census.manual.is_some() => Sign::Blocking,
            (true, _) if !census.trigger_jobs => Sign::MayNeverStart,
            (true, _) => Sign::Deadlock,
            (false, Others::Running)
                if lasted >= ONLY_RUNNING && census.manual.is_none() && !census.downstream =>
            {
                Sign::OnlyRunning
            }
            _ => return None,
        };
        if self.said.contains(&sign) {
            return None;
        }
        self.said.push(sign);
        Some(sign)
    }

    /// The last full look was like a deadlock: the next ones should be full, too.
    pub fn suspects(&self) -> bool {
        self.quiet.is_some_and(|quiet| quiet.idle)
    }
}
