//! How jobs count together with the pipelines they started.

use std::collections::HashMap;
use std::time::Duration;

use super::node::{Node, Tracked};
use super::outcome::{JobOutcome, Unreadable};
use super::rules::{APPEAR, Counts, Role, Rules, SETTLE, TriggerJobs, Want};
use crate::exit::Exit;
use crate::model::{Job, PipelineId, PipelineKey, Status};

/// Pipelines below one another that are followed.
const DEEPEST: usize = 10;

pub(super) type Nodes = HashMap<PipelineId, Node>;

/// A view of all that is known, at one moment.
pub(super) struct Judge<'a> {
    pub nodes: &'a Nodes,
    pub rules: &'a Rules,
    /// By the monotonic clock.
    pub now: Duration,
    /// There is no time left in which `retry:` could replace a failure: it counts at once.
    pub over: bool,
    /// Downstream pipelines that were needed, the unknown ones among them.
    pub needed: Vec<PipelineKey>,
    /// When the next failure settles.
    pub wake: Option<Duration>,
    above: Vec<PipelineId>,
    judged: HashMap<(PipelineId, bool), Counts>,
}

impl<'a> Judge<'a> {
    pub fn new(nodes: &'a Nodes, rules: &'a Rules, now: Duration, over: bool) -> Self {
        Self {
            nodes,
            rules,
            now,
            over,
            needed: Vec::new(),
            wake: None,
            above: Vec::new(),
            judged: HashMap::new(),
        }
    }

    /// How a selected job counts, downstream pipelines included.
    pub fn job(&mut self, tracked: &Tracked, role: Role) -> Counts {
        let own = self.own(tracked, role);
        if !self.follows(tracked) {
            return own;
        }
        let counts = match tracked.downstream() {
            Some(key) => {
                let below = self.below(tracked, role, key);
                join(&tracked.job.status, own, below)
            }
            None if tracked.job.status == Status::Success => self.childless(tracked),
            None => own,
        };
        // The pipeline below may be that of an older attempt.
        if tracked.shown {
            counts
        } else {
            Counts::Waiting
        }
    }

    /// How the pipeline that a trigger job has started counts for the trigger job.
    fn below(&mut self, tracked: &Tracked, role: Role, key: PipelineKey) -> Counts {
        if !self.rules.tolerates(&tracked.job, role) {
            return self.pipeline(key, self.rules.keep_going);
        }
        match self.pipeline(key, true) {
            Counts::Failed | Counts::Canceled | Counts::Skipped => Counts::Warning,
            below => below,
        }
    }

    /// How a job counts by its own row, once that is settled.
    fn own(&mut self, tracked: &Tracked, role: Role) -> Counts {
        if !tracked.shown {
            return Counts::Waiting;
        }
        if tracked.reached {
            return Counts::Passed;
        }
        if !self.settled(tracked) {
            return Counts::Settling;
        }
        if let Some(limit) = self.rules.stuck
            && tracked.job.downstream_pipeline.is_none()
            && tracked.queued(self.now).is_some_and(|age| age >= limit)
        {
            return Counts::Stuck;
        }
        Counts::of(&tracked.job, tracked.matched, role, self.rules)
    }

    /// A trigger job on the way that has started nothing so far.
    pub fn hop(&mut self, tracked: &Tracked) -> Counts {
        match tracked.job.status {
            _ if !tracked.shown => Counts::Waiting,
            Status::Success if self.stands(tracked, APPEAR) => Counts::Missing,
            Status::Failed if self.stands(tracked, SETTLE) => Counts::Failed,
            Status::Canceled => Counts::Canceled,
            Status::Skipped => Counts::Skipped,
            _ => Counts::Waiting,
        }
    }

    /// A trigger job on the way that has ended and started nothing.
    pub fn ended(trigger: &Job, pipeline: PipelineId) -> JobOutcome {
        let key = PipelineKey {
            id: pipeline,
            project_id: None,
        };
        let counts = match trigger.status {
            Status::Success => Counts::Missing,
            Status::Failed => Counts::Failed,
            Status::Skipped => Counts::Skipped,
            _ => Counts::Canceled,
        };
        JobOutcome::of(trigger, key, counts)
    }

    /// A trigger job that has succeeded and started nothing: the pipeline may show up a moment later.
    fn childless(&mut self, tracked: &Tracked) -> Counts {
        if self.rules.want == Want::Finished {
            Counts::Passed
        } else if self.stands(tracked, APPEAR) {
            Counts::Missing
        } else {
            Counts::Settling
        }
    }

    /// An end that GitLab itself may take back a moment later has stood long enough.
    fn settled(&mut self, tracked: &Tracked) -> bool {
        match tracked.job.status {
            Status::Failed => self.stands(tracked, SETTLE),
            // The failure that skips it may still be retried, which brings it back.
            Status::Skipped if tracked.moved => self.stands(tracked, SETTLE),
            _ => true,
        }
    }

    /// The job has had its status for this long.
    fn stands(&mut self, tracked: &Tracked, long: Duration) -> bool {
        let stood = self.now.saturating_sub(tracked.since) + tracked.stood;
        let left = long.saturating_sub(stood);
        if left.is_zero() || self.over {
            return true;
        }
        // Half a second more, for the server's clock shows whole seconds only.
        let left = left + Duration::from_millis(500);
        self.wake = Some(self.wake.map_or(left, |wake| wake.min(left)));
        false
    }

    /// The pipeline that the trigger job starts matters.
    fn follows(&self, tracked: &Tracked) -> bool {
        tracked.job.trigger
            && !tracked.reached
            && self.rules.trigger_jobs == TriggerJobs::Follow
            && match &self.rules.want {
                Want::Passed | Want::Finished => true,
                // The success of a trigger job is that of its pipeline; its other statuses are its own.
                Want::Statuses(wanted) => {
                    wanted.contains(&Status::Success) && tracked.job.status == Status::Success
                }
            }
    }

    /// How all jobs of a downstream pipeline count together: at the first failure, or when all have come to their end.
    fn pipeline(&mut self, key: PipelineKey, to_end: bool) -> Counts {
        if let Some(counts) = self.judged.get(&(key.id, to_end)) {
            return *counts;
        }
        if self.above.len() >= DEEPEST || self.above.contains(&key.id) {
            return Counts::TooDeep;
        }
        if !self.needed.iter().any(|needed| needed.id == key.id) {
            self.needed.push(key);
        }
        let nodes = self.nodes;
        let Some(node) = nodes.get(&key.id) else {
            return Counts::Waiting;
        };
        self.above.push(key.id);
        let counts = self.together(node, to_end);
        self.above.pop();
        self.judged.insert((key.id, to_end), counts);
        counts
    }

    fn together(&mut self, node: &'a Node, to_end: bool) -> Counts {
        match node.unreadable {
            Some(Unreadable::Refused) => return Counts::Refused,
            Some(Unreadable::Gone) => return Counts::Missing,
            None if node.looks == 0 => return Counts::Waiting,
            None => {}
        }
        if node.no_trigger_jobs && self.rules.trigger_jobs != TriggerJobs::LeaveOut {
            return Counts::Refused;
        }
        let jobs = node.jobs.iter();
        let all: Vec<Counts> = jobs.map(|job| self.job(job, Role::Downstream)).collect();
        let waiting = all.iter().any(|counts| counts.open());
        let code = Exit::of_all(all.iter().filter_map(|counts| counts.exit()));
        let worst = all
            .iter()
            .copied()
            .find(|counts| counts.bad() && counts.exit() == Some(code));
        match worst {
            Some(worst) if !waiting || !to_end => worst,
            _ if waiting => Counts::Waiting,
            _ if all.contains(&Counts::Warning) => Counts::Warning,
            _ if all.contains(&Counts::Passed) => Counts::Passed,
            _ => Counts::Empty,
        }
    }

    /// A selected job and, below it, what did not simply pass.
    pub fn outcome(&mut self, key: PipelineKey, tracked: &Tracked, role: Role) -> JobOutcome {
        let counts = self.job(tracked, role);
        let mut because = Vec::new();
        if counts != Counts::Passed
            && self.follows(tracked)
            && let Some(below) = tracked.downstream()
            && self.above.len() < DEEPEST
            && !self.above.contains(&below.id)
            && let Some(node) = self.nodes.get(&below.id)
        {
            self.above.push(below.id);
            for tracked in node.by_age() {
                let outcome = self.outcome(below, tracked, Role::Downstream);
                if !matches!(outcome.counts, Counts::Passed | Counts::Ignored) {
                    because.push(outcome);
                }
            }
            self.above.pop();
        }
        JobOutcome {
            because,
            ..JobOutcome::of(&tracked.job, key, counts)
        }
    }
}

/// A trigger job's own status and its pipeline, taken together. The status lags behind, or mirrors the pipeline, or says no more than that
/// the pipeline was started.
fn join(status: &Status, own: Counts, below: Counts) -> Counts {
    if matches!(
        below,
        Counts::Refused | Counts::Missing | Counts::Empty | Counts::TooDeep
    ) {
        return below;
    }
    match status {
        Status::Success
        | Status::Manual
        | Status::Running
        | Status::Pending
        | Status::Preparing
        | Status::WaitingForResource
        | Status::WaitingForCallback => below,
        _ if own.open() && below.bad() => below,
        _ => own,
    }
}
