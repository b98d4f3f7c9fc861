//! What needs saying once in a wait.

use std::collections::HashSet;
use std::time::Duration;

use super::node::{News, Node, Tracked};
use super::outcome::{Named, Note, Remark};
use super::rules::{Counts, Rules};
use crate::model::{JobId, Status};

/// A job that is stuck for this long is named.
const STUCK: Duration = Duration::from_mins(5);

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct Said {
    skipped: bool,
    jobs: HashSet<JobId>,
    stuck: HashSet<JobId>,
    words: HashSet<Status>,
    absent: HashSet<usize>,
}

impl Said {
    /// About the jobs of one pipeline.
    pub fn about(&mut self, node: &Node, rules: &Rules, now: Duration, news: &mut News) {
        for tracked in node.jobs.iter().filter(|tracked| tracked.shown) {
            let stuck = self.stuck(tracked, rules, now);
            let remarks = stuck.into_iter().chain(self.remark(node, tracked, rules));
            news.notes.extend(remarks.map(|what| Note {
                job: Some(Named::new(node.key.id, &tracked.job)),
                what,
            }));
        }
    }

    /// About an optional operand (by index) that means no job; false if that was said.
    pub fn absent(&mut self, operand: usize) -> bool {
        self.absent.insert(operand)
    }

    fn stuck(&mut self, tracked: &Tracked, rules: &Rules, now: Duration) -> Option<Remark> {
        let limit = rules.stuck.unwrap_or(STUCK);
        let age = tracked.queued(now).filter(|age| *age >= limit)?;
        self.stuck.insert(tracked.job.id).then(|| Remark::Stuck {
            status: tracked.job.status.clone(),
            age,
            tags: tracked.job.tag_list.clone(),
        })
    }

    fn remark(&mut self, node: &Node, tracked: &Tracked, rules: &Rules) -> Option<Remark> {
        let job = &tracked.job;
        if tracked.reached {
            return None;
        }
        if let Some(downstream) = &job.downstream_pipeline {
            let canceled = downstream.status == Status::Canceled;
            let new = canceled && self.jobs.insert(job.id);
            return new.then_some(Remark::DownstreamCanceled(downstream.id));
        }
        let counts = Counts::of(job, tracked.matched, node.role, rules);
        match (&job.status, counts) {
            (Status::Manual, Counts::Person) if self.jobs.insert(job.id) => Some(Remark::Manual),
            (Status::Manual, Counts::Ignored) if self.jobs.insert(job.id) => Some(Remark::Ignored),
            (Status::Skipped, Counts::Skipped) if !self.skipped => {
                self.skipped = true;
                Some(Remark::Skipped)
            }
            (status @ Status::Unknown(_), _) if self.words.insert(status.clone()) => {
                Some(Remark::UnknownStatus(status.clone()))
            }
            _ => None,
        }
    }
}
