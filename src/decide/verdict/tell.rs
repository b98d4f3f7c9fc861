//! What needs saying, once.

use std::collections::HashSet;
use std::time::Duration;

use crate::decide::verdict::change::Told;
use crate::decide::verdict::judge::age;
use crate::decide::verdict::node::{Node, Role, Sight, Tracked};
use crate::decide::verdict::{Counts, Named, Note, Rules, Watch};
use crate::model::{JobId, PipelineId, Status};

/// For so long a job may be stuck before it is named.
const STUCK: Duration = Duration::from_mins(5);

/// What was said about the wait as a whole.
#[derive(Debug, Default)]
pub(super) struct Said {
    skipped: bool,
    jobs: HashSet<JobId>,
    stuck: HashSet<JobId>,
    words: HashSet<Status>,
    absent: HashSet<usize>,
}

impl Watch {
    pub(super) fn tell(&mut self, told: &mut Told) {
        for key in &self.needed {
            let Some(node) = self.nodes.get(&key.id) else {
                continue;
            };
            for tracked in &node.jobs {
                if tracked.sight != Sight::Row {
                    continue;
                }
                let limit = self.rules.stuck.unwrap_or(STUCK);
                let stuck = age(tracked, self.now).filter(|age| *age >= limit);
                if let Some(age) = stuck
                    && self.said.stuck.insert(tracked.job.id)
                {
                    told.notes.push(Note::Stuck {
                        job: Named::new(key.id, &tracked.job),
                        status: tracked.job.status.clone(),
                        age,
                        tags: tracked.job.tag_list.clone(),
                    });
                }
                told.notes
                    .extend(self.said.note(key.id, tracked, &self.rules));
            }
        }
        self.tell_absent(told);
    }

    /// Optional jobs that the pipeline does not have.
    fn tell_absent(&mut self, told: &mut Told) {
        let target = |node: &&Node| node.role == Role::Target && self.absent(node);
        let Some(target) = self.nodes.values().find(target) else {
            return;
        };
        for index in &target.missing {
            let operand = self.goal.selection.operands.get(*index);
            if let Some(operand) = operand.filter(|operand| operand.optional)
                && self.said.absent.insert(*index)
            {
                told.notes.push(Note::Absent(operand.text.clone()));
            }
        }
    }
}

impl Said {
    fn note(&mut self, pipeline: PipelineId, tracked: &Tracked, rules: &Rules) -> Option<Note> {
        let job = &tracked.job;
        let named = || Named::new(pipeline, job);
        if tracked.reached {
            return None;
        }
        if let Some(downstream) = &job.downstream_pipeline {
            let canceled = downstream.status == Status::Canceled;
            return (canceled && self.jobs.insert(job.id))
                .then(|| Note::DownstreamCanceled(named(), downstream.id));
        }
        match (&job.status, Counts::of(job, tracked.matched, rules)) {
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
