//! What needs saying once in a wait.

use std::collections::HashSet;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::node::{News, Node, Tracked};
use super::outcome::{Named, Note, Remark};
use super::rules::{Counts, Rules};
use crate::model::{JobId, Status};

/// A job that is stuck for this long is named.
const STUCK: Duration = Duration::from_mins(5);

/// What was said already, of which job.
#[derive(Debug, Default)]
pub(super) struct Said(HashSet<(Option<JobId>, Discriminant<Remark>)>);

impl Said {
    /// About the jobs of one pipeline.
    pub fn about(&mut self, node: &Node, rules: &Rules, now: Duration, news: &mut News) {
        for tracked in node.jobs.iter().filter(|tracked| tracked.shown) {
            let remarks = [stuck(tracked, rules, now), remark(node, tracked, rules)];
            for what in remarks.into_iter().flatten() {
                // Of many jobs in the same status one is enough.
                let once = matches!(what, Remark::Skipped | Remark::UnknownStatus(_));
                let job = (!once).then_some(tracked.job.id);
                if self.first(job, &what) {
                    let job = Some(Named::new(node.key.id, &tracked.job));
                    news.notes.push(Note { job, what });
                }
            }
        }
    }

    /// It was not said before.
    pub fn first(&mut self, job: Option<JobId>, what: &Remark) -> bool {
        self.0.insert((job, discriminant(what)))
    }
}

fn stuck(tracked: &Tracked, rules: &Rules, now: Duration) -> Option<Remark> {
    let limit = rules.stuck.unwrap_or(STUCK);
    let age = tracked.queued(now).filter(|age| *age >= limit)?;
    Some(Remark::Stuck {
        status: tracked.job.status.clone(),
        age,
        tags: tracked.job.tag_list.clone(),
    })
}

fn remark(node: &Node, tracked: &Tracked, rules: &Rules) -> Option<Remark> {
    let job = &tracked.job;
    if tracked.reached {
        return None;
    }
    if let Some(downstream) = &job.downstream_pipeline {
        let canceled = downstream.status == Status::Canceled;
        return canceled.then_some(Remark::DownstreamCanceled(downstream.id));
    }
    match (
        &job.status,
        Counts::of(job, tracked.matched, node.role, rules),
    ) {
        (Status::Manual, Counts::Person) => Some(Remark::Manual),
        (Status::Manual, Counts::Ignored) => Some(Remark::Ignored),
        (Status::Skipped, Counts::Skipped) => Some(Remark::Skipped),
        (status @ Status::Unknown(_), _) => Some(Remark::UnknownStatus(status.clone())),
        _ => None,
    }
}
