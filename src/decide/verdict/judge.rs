//! How jobs count together with the pipelines they started.

use std::collections::HashMap;
use std::time::Duration;

use crate::decide::look::{Now, Unreadable};
use crate::decide::verdict::node::{Node, Sight, Tracked};
use crate::decide::verdict::{
    APPEAR, Counts, JobOutcome, Rules, SETTLE, StopAt, TriggerJobs, Want,
};
use crate::exit::Exit;
use crate::model::{PipelineId, PipelineKey, Status};

/// Pipelines below one another that are followed.
const DEEPEST: usize = 10;

pub(super) type Nodes = HashMap<PipelineId, Node>;

/// A look at all that is known, at one moment.
pub(super) struct Judge<'a> {
    pub nodes: &'a Nodes,
    pub rules: &'a Rules,
    pub now: Now,
    /// A job that is gone from a scoped list counts as passed: to find out whether a full look is worth its requests.
    pub hopeful: bool,
    /// Pipelines that were needed, the unknown ones among them.
    pub needed: Vec<PipelineKey>,
    /// When the next failure settles.
    pub wake: Option<Duration>,
    above: Vec<PipelineId>,
    judged: HashMap<(PipelineId, StopAt), Counts>,
}

impl<'a> Judge<'a> {
    pub fn new(nodes: &'a Nodes, rules: &'a Rules, now: Now, hopeful: bool) -> Self {
        Self {
            nodes,
            rules,
            now,
            hopeful,
            needed: Vec::new(),
            wake: None,
            above: Vec::new(),
            judged: HashMap::new(),
        }
    }

    /// How a selected job counts, downstream pipelines included.
    pub fn job(&mut self, tracked: &Tracked) -> Counts {
        let own = self.own(tracked);
        if !self.follows(tracked) {
            return own;
        }
        let counts = match tracked.downstream() {
            Some(key) => {
                let below = self.below(tracked, key);
                join(&tracked.job.status, own, below)
            }
            None if tracked.job.status == Status::Success => self.childless(tracked),
            None => own,
        };
        match tracked.sight {
            Sight::Row => counts,
            Sight::Gone if self.hopeful => counts,
            Sight::Gone | Sight::Lost => Counts::Waiting,
        }
    }

    /// How the pipeline that a trigger job has started counts for the trigger job.
    fn below(&mut self, tracked: &Tracked, key: PipelineKey) -> Counts {
        if !tracked.job.allow_failure || self.rules.failures.strict(tracked.matched) {
            return self.pipeline(key, self.rules.stop);
        }
        match self.pipeline(key, StopAt::End) {
            Counts::Failed | Counts::Canceled | Counts::Skipped => Counts::Warning,
            below => below,
        }
    }

    /// How a job counts by its own row, once that is settled.
    pub fn own(&mut self, tracked: &Tracked) -> Counts {
        match tracked.sight {
            Sight::Lost => return Counts::Waiting,
            Sight::Gone if self.hopeful => return Counts::Passed,
            Sight::Gone => return Counts::Waiting,
            Sight::Row => {}
        }
        if tracked.reached {
            return Counts::Passed;
        }
        if !self.settled(tracked) {
            return Counts::Settling;
        }
        let downstream = tracked.job.downstream_pipeline.is_some();
        if let Some(limit) = self.rules.stuck
            && !downstream
            && age(tracked, self.now).is_some_and(|age| age >= limit)
        {
            return Counts::Stuck;
        }
        Counts::of(&tracked.job, tracked.matched, self.rules)
    }

    /// A trigger job on the way that has started nothing so far.
    pub fn hop(&mut self, tracked: &Tracked) -> Counts {
        match tracked.job.status {
            _ if tracked.sight != Sight::Row => Counts::Waiting,
            Status::Success if self.old(tracked) => Counts::Missing,
            Status::Failed if self.old(tracked) => Counts::Failed,
            Status::Canceled => Counts::Canceled,
            Status::Skipped => Counts::Skipped,
            _ => Counts::Waiting,
        }
    }

    /// A trigger job that has started nothing. The pipeline may show up a moment after the job's end.
    fn childless(&mut self, tracked: &Tracked) -> Counts {
        if self.rules.want == Want::Finished {
            Counts::Passed
        } else if self.old(tracked) {
            Counts::Missing
        } else {
            Counts::Settling
        }
    }

    /// An end that GitLab itself may take back a moment later has stood long enough.
    fn settled(&mut self, tracked: &Tracked) -> bool {
        match tracked.job.status {
            Status::Failed => self.old(tracked),
            // Skipped before our eyes: the failure that skips it may still be retried, which brings it back.
            Status::Skipped if tracked.moved => self.old(tracked),
            _ => true,
        }
    }

    /// The end lies back longer than [`SETTLE`], by the server's clock or since it was first seen.
    fn old(&mut self, tracked: &Tracked) -> bool {
        let seen = self.now.monotonic.saturating_sub(tracked.since);
        let by_server = match (self.now.server, tracked.job.finished_at) {
            (Some(now), Some(end)) => now.since(end),
            _ => Duration::ZERO,
        };
        let left = SETTLE.saturating_sub(seen.max(by_server));
        if left.is_zero() {
            return true;
        }
        // Half a second more, for the server's clock shows whole seconds only.
        let left = left + Duration::from_millis(500);
        self.wake = Some(self.wake.map_or(left, |wake| wake.min(left)));
        false
    }

    /// The pipeline that the trigger job starts matters.
    pub fn follows(&self, tracked: &Tracked) -> bool {
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

    /// How all jobs of a downstream pipeline count together.
    fn pipeline(&mut self, key: PipelineKey, stop: StopAt) -> Counts {
        if let Some(counts) = self.judged.get(&(key.id, stop)) {
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
        let counts = self.together(node, stop);
        self.above.pop();
        self.judged.insert((key.id, stop), counts);
        counts
    }

    fn together(&mut self, node: &'a Node, stop: StopAt) -> Counts {
        match node.unreadable {
            Some(Unreadable::Refused) => return Counts::Refused,
            Some(Unreadable::Gone) => return Counts::Missing,
            None if node.complete == 0 => return Counts::Waiting,
            None => {}
        }
        if node.no_trigger_jobs && self.rules.trigger_jobs != TriggerJobs::LeaveOut {
            return Counts::Refused;
        }
        let all: Vec<Counts> = node.jobs.iter().map(|tracked| self.job(tracked)).collect();
        let waiting = all.iter().any(|counts| counts.open());
        let code = Exit::of_all(all.iter().filter_map(|counts| counts.exit()));
        let worst = all
            .iter()
            .copied()
            .find(|counts| counts.bad() && counts.exit() == Some(code));
        match worst {
            Some(worst) if !waiting || stop == StopAt::FirstFailure => worst,
            _ if waiting => Counts::Waiting,
            _ if all.contains(&Counts::Warning) => Counts::Warning,
            _ if all.contains(&Counts::Passed) => Counts::Passed,
            _ if self.may_appear(node) => Counts::Waiting,
            _ => Counts::Empty,
        }
    }

    /// A pipeline without jobs may just be coming up.
    fn may_appear(&self, node: &Node) -> bool {
        let seen = self.now.monotonic.saturating_sub(node.since);
        node.jobs.is_empty() && seen < APPEAR
    }

    /// A selected job and, below it, what did not simply pass.
    pub fn outcome(&mut self, key: PipelineKey, tracked: &Tracked) -> JobOutcome {
        let counts = self.job(tracked);
        let mut because = Vec::new();
        if counts != Counts::Passed
            && self.follows(tracked)
            && let Some(below) = tracked.downstream()
            && self.above.len() < DEEPEST
            && !self.above.contains(&below.id)
            && let Some(node) = self.nodes.get(&below.id)
        {
            self.above.push(below.id);
            for tracked in by_age(&node.jobs) {
                let outcome = self.outcome(below, tracked);
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

/// A trigger job's own status and its pipeline, taken together. The status lags behind, or mirrors the pipeline, or says no more than that the pipeline was started.
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

/// Oldest first.
pub(super) fn by_age(jobs: &[Tracked]) -> Vec<&Tracked> {
    let mut jobs: Vec<&Tracked> = jobs.iter().collect();
    jobs.sort_unstable_by_key(|tracked| tracked.job.id);
    jobs
}

/// How long a job has been waiting for a runner or a resource group; `None` if it is not.
pub(super) fn age(tracked: &Tracked, now: Now) -> Option<Duration> {
    let seen = now.monotonic.saturating_sub(tracked.since);
    match tracked.job.status {
        Status::Pending => {
            let queued = tracked.job.queued_duration.unwrap_or_default();
            Some(seen.max(Duration::try_from_secs_f64(queued).unwrap_or_default()))
        }
        Status::WaitingForResource => Some(seen),
        _ => None,
    }
}
