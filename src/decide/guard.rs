//! Waits that could never end: recognized from looks at the caller's own pipeline.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::decide::select::Caller;
use crate::model::{Job, Status};

/// For so long nothing may change before a wait is called a deadlock, and in at least so many looks.
const QUIET: Duration = Duration::from_secs(90);
const LOOKS: u32 = 3;

/// What goes on in the pipeline as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Activity<'a> {
    /// Equal as long as nothing changes.
    pub fingerprint: u64,
    /// A selected job that has not started and waits for others.
    pub created: Option<&'a Job>,
    /// A manual job that is selected or blocks the pipeline.
    pub manual: Option<&'a Job>,
    /// Another job, the caller and those that are merely `created` apart, runs or will go on by itself.
    pub moving: bool,
    /// A pipeline that a trigger job has started is not finished.
    pub downstream: bool,
    /// Trigger jobs are among the rows.
    pub trigger_jobs: bool,
}

impl<'a> Activity<'a> {
    /// `rows` are all jobs of the caller's pipeline, and its trigger jobs where they can be read.
    pub fn of(
        rows: &'a [Job],
        caller: &Caller,
        selected: impl Fn(&str) -> bool,
        trigger_jobs: bool,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        let mut activity = Self {
            fingerprint: 0,
            created: None,
            manual: None,
            moving: false,
            downstream: false,
            trigger_jobs,
        };
        for job in rows.iter().filter(|job| job.id != caller.id) {
            (job.id, &job.status).hash(&mut hasher);
            if let Some(downstream) = &job.downstream_pipeline {
                downstream.status.hash(&mut hasher);
                activity.downstream |= !downstream.status.finished();
            }
            match &job.status {
                Status::Created if selected(&job.name) => {
                    activity.created = activity.created.or(Some(job));
                }
                Status::Manual if !job.allow_failure || selected(&job.name) => {
                    activity.manual = activity.manual.or(Some(job));
                }
                Status::Created | Status::Manual => {}
                status if status.finished() => {}
                _ => activity.moving = true,
            }
        }
        activity.fingerprint = hasher.finish();
        activity
    }

    /// The wait cannot end unless something happens that the pipeline does not show; a manual job may still be played.
    fn idle(&self) -> bool {
        self.created.is_some() && !self.moving && !self.downstream
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
}

/// The fold over looks.
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
    pub fn look(&mut self, activity: &Activity, now: Duration) -> Option<Sign> {
        let quiet = match self.quiet {
            Some(quiet) if quiet.fingerprint == activity.fingerprint => Quiet {
                looks: quiet.looks + 1,
                ..quiet
            },
            _ => Quiet {
                fingerprint: activity.fingerprint,
                since: now,
                looks: 1,
                idle: activity.idle(),
            },
        };
        self.quiet = Some(quiet);
        let lasted = now.saturating_sub(quiet.since);
        if quiet.looks < LOOKS || lasted < QUIET {
            return None;
        }
        let sign = match activity {
            activity if !activity.idle() => return None,
            activity if activity.manual.is_some() => Sign::Blocking,
            activity if !activity.trigger_jobs => Sign::MayNeverStart,
            _ => Sign::Deadlock,
        };
        if self.said.contains(&sign) {
            return None;
        }
        self.said.push(sign);
        Some(sign)
    }

    /// The last look was like a deadlock: the next ones should show trigger jobs, too.
    pub fn suspects(&self) -> bool {
        self.quiet.is_some_and(|quiet| quiet.idle)
    }
}
