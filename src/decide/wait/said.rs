//! What needs saying once in a wait.

use std::collections::HashSet;
use std::time::Duration;

use super::node::{News, Node, Tracked};
use super::outcome::{Named, Note};
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
            let limit = rules.stuck.unwrap_or(STUCK);
            let stuck = tracked.queued(now).filter(|age| *age >= limit);
            if let Some(age) = stuck
                && self.stuck.insert(tracked.job.id)
            {
                news.notes.push(Note::Stuck {
                    job: Named::new(node.key.id, &tracked.job),
                    status: tracked.job.status.clone(),
                    age,
                    tags: tracked.job.tag_list.clone(),
                });
            }
            news.notes.extend(self.note(node, tracked, rules));
        }
    }

    /// About an optional operand (by index) that means no job; false if that was said.
    pub fn absent(&mut self, operand: usize) -> bool {
        self.absent.insert(operand)
    }

    fn note(&mut self, node: &Node, tracked: &Tracked, rules: &Rules) -> Option<Note> {
        let job = &tracked.job;
        let named = || Named::new(node.key.id, job);
        if tracked.reached {
            return None;
        }
        if let Some(downstream) = &job.downstream_pipeline {
            let canceled = downstream.status == Status::Canceled;
            return (canceled && self.jobs.insert(job.id))
                .then(|| Note::DownstreamCanceled(named(), downstream.id));
        }
        let counts = Counts::of(job, tracked.matched, node.role, rules);
        match (&job.status, counts) {
            (Status::Manual, Counts::Person) if self.jobs.insert(job.id) => {
                Some(Note::Manual(named()))
            }
            (Status::Manual, Counts::Ignored) if self.jobs.insert(job.id) => {
                Some(Note::Ignored(named()))
            }
            (Status::Skipped, Counts::Skipped) if !self.skipped => {
                self.skipped = true;
                Some(Note::Skipped(named()))
            }
            (status @ Status::Unknown(_), _) if self.words.insert(status.clone()) => {
                Some(Note::UnknownStatus(named(), status.clone()))
            }
            _ => None,
        }
    }
}
