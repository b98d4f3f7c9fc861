//! From the pipelines to the verdict: the way to the selected jobs, and their sum.

use std::time::Duration;

use crate::decide::look::Unreadable;
use crate::decide::select::Matched;
use crate::decide::verdict::judge::{Judge, by_age};
use crate::decide::verdict::node::{Node, Role, Tracked};
use crate::decide::verdict::{
    APPEAR, Counts, JobOutcome, Looks, Outcome, Reason, StopAt, TriggerJobs, Watch,
};
use crate::exit::Exit;
use crate::model::PipelineKey;

/// What would follow if all that is known were fresh.
pub(super) struct Survey {
    /// The pipelines that bear on it: first the way, so many of them, then those downstream of selected jobs.
    pub needed: Vec<PipelineKey>,
    pub way: usize,
    pub wake: Option<Duration>,
    pub end: Option<End>,
}

/// Why the wait is over.
pub(super) enum End {
    /// The selected jobs have decided.
    Jobs,
    /// A trigger job on the way has started nothing.
    Hop(Box<JobOutcome>),
    Reason(Reason),
}

impl Watch {
    pub(super) fn survey(&self, hopeful: bool) -> Survey {
        let mut judge = Judge::new(&self.nodes, &self.rules, self.now, hopeful);
        let mut needed = Vec::new();
        let end = match self.target(&mut judge, &mut needed) {
            Ok(Some(target)) => self.sum(&mut judge, target),
            Ok(None) => None,
            Err(end) => Some(end),
        };
        let way = needed.len();
        // What the way was known to be, the last look at it has not shown.
        let end = end.filter(|_| !self.lost_way(&needed));
        let below = |key: &PipelineKey| !needed.iter().any(|known| known.id == key.id);
        let below: Vec<PipelineKey> = judge.needed.drain(..).filter(below).collect();
        needed.extend(below);
        let nodes = needed.iter().filter_map(|key| self.nodes.get(&key.id));
        let seeking = nodes.filter(|node| node.seeks);
        let appear = seeking.map(|node| self.appear_left(node));
        let wakes = appear.filter(|left| !left.is_zero()).chain(judge.wake);
        Survey {
            wake: wakes.min(),
            needed,
            way,
            end,
        }
    }

    /// Follows `--downstream` to the pipeline of the selected jobs, as far as it is there.
    fn target<'a>(
        &'a self,
        judge: &mut Judge<'a>,
        way: &mut Vec<PipelineKey>,
    ) -> Result<Option<&'a Node>, End> {
        let mut key = self.goal.pipeline;
        for name in &self.goal.downstream {
            way.push(key);
            let Some(node) = self.readable(key)? else {
                return Ok(None);
            };
            match self.hop(node, name, judge)? {
                Some(next) => key = next,
                None => return Ok(None),
            }
        }
        way.push(key);
        self.readable(key)
    }

    fn lost_way(&self, way: &[PipelineKey]) -> bool {
        let mut nodes = way.iter().filter_map(|key| self.nodes.get(&key.id));
        nodes.any(|node| matches!(node.role, Role::Hop(_)) && node.torn())
    }

    fn readable(&self, key: PipelineKey) -> Result<Option<&Node>, End> {
        let node = self.nodes.get(&key.id);
        match node.and_then(|node| node.unreadable) {
            Some(Unreadable::Refused) => Err(End::Reason(Reason::PipelineRefused(key))),
            Some(Unreadable::Gone) => Err(End::Reason(Reason::PipelineGone(key))),
            None => Ok(node.filter(|node| node.full_turn > 0)),
        }
    }

    /// The pipeline that the trigger job has started; an error if it never will.
    fn hop<'a>(
        &self,
        node: &'a Node,
        name: &str,
        judge: &mut Judge<'a>,
    ) -> Result<Option<PipelineKey>, End> {
        if node.no_trigger_jobs {
            return Err(End::Reason(Reason::TriggerJobsRefused));
        }
        let tracked = match node.jobs.as_slice() {
            [] if self.absent(node) => {
                return Err(End::Hop(Box::new(JobOutcome::none(
                    name,
                    node.key,
                    Counts::Missing,
                ))));
            }
            [] => return Ok(None),
            [tracked] => tracked,
            _ => return Err(End::Reason(Reason::Ambiguous(name.to_owned()))),
        };
        if let Some(downstream) = tracked.downstream() {
            return Ok(Some(downstream));
        }
        let counts = judge.hop(tracked);
        if counts.open() {
            return Ok(None);
        }
        Err(End::Hop(Box::new(JobOutcome::of(
            &tracked.job,
            node.key,
            counts,
        ))))
    }

    /// Whether the selected jobs have decided.
    fn sum<'a>(&self, judge: &mut Judge<'a>, target: &'a Node) -> Option<End> {
        if self.guesses(target) {
            return Some(End::Reason(Reason::TriggerJobsRefused));
        }
        let mut all: Vec<Counts> = target.jobs.iter().map(|job| judge.job(job)).collect();
        let missing = target.missing.iter();
        all.extend(missing.map(|operand| self.missing(target, *operand)));
        let open = all.iter().any(|counts| counts.open());
        let bad = all.iter().any(|counts| counts.bad());
        let counting = |counts: &Counts| *counts != Counts::Ignored;
        if bad && (!open || self.rules.stop == StopAt::FirstFailure) {
            Some(End::Jobs)
        } else if open || target.complete == 0 {
            None
        } else if all.iter().any(counting) {
            Some(End::Jobs)
        } else if all.is_empty() && !self.absent(target) {
            None
        } else {
            let ignored = by_age(&target.jobs).into_iter();
            let ignored = ignored.map(|tracked| tracked.job.name.clone()).collect();
            Some(End::Reason(Reason::Nothing { ignored }))
        }
    }

    /// The selection cannot be known without the trigger jobs, and the server does not show them.
    fn guesses(&self, target: &Node) -> bool {
        let selection = &self.goal.selection;
        let open_ended = |tracked: &Tracked| tracked.matched > Matched::Id;
        target.no_trigger_jobs
            && self.rules.trigger_jobs != TriggerJobs::LeaveOut
            && (selection.all
                || !selection.stages.is_empty()
                || !target.missing.is_empty()
                || target.jobs.iter().any(open_ended))
    }

    fn missing(&self, target: &Node, operand: usize) -> Counts {
        let operand = self.goal.selection.operands.get(operand);
        if !self.absent(target) {
            Counts::Waiting
        } else if operand.is_some_and(|operand| operand.optional) {
            Counts::Absent
        } else {
            Counts::Missing
        }
    }

    /// What has not been seen in this pipeline will not appear any more.
    pub(super) fn absent(&self, node: &Node) -> bool {
        let looks = match self.rules.looks {
            Looks::UntilDecided if self.is_own(node) => 2,
            _ => 1,
        };
        node.complete >= looks && self.appear_left(node).is_zero()
    }

    /// Something that was asked for is not there, and may still appear.
    pub(super) fn seeks(&self, node: &Node) -> bool {
        node.complete == 0
            || (node.jobs.is_empty() || !node.missing.is_empty()) && !self.absent(node)
    }

    /// For how long a thing may still appear in this pipeline.
    fn appear_left(&self, node: &Node) -> Duration {
        if self.rules.looks == Looks::Once || self.is_own(node) {
            return Duration::ZERO;
        }
        (node.since + APPEAR).saturating_sub(self.now.monotonic)
    }

    /// It is the pipeline of the calling job: all its jobs exist from the start.
    pub(super) fn is_own(&self, node: &Node) -> bool {
        self.own
            .as_ref()
            .is_some_and(|own| own.pipeline == node.key.id)
    }

    /// The end in full: `given` is the code of a wait that had to be given up.
    pub(super) fn outcome(&self, end: Option<&End>, given: Option<Exit>) -> Outcome {
        let mut judge = Judge::new(&self.nodes, &self.rules, self.now, false);
        let mut jobs = self.outcomes(&mut judge, given.is_some());
        let mut reason = None;
        match end {
            Some(End::Hop(job)) => jobs = vec![job.as_ref().clone()],
            Some(End::Reason(why)) => reason = Some(why.clone()),
            Some(End::Jobs) => {}
            None if jobs.is_empty() && self.saw_target() => {
                reason = Some(Reason::Nothing {
                    ignored: Vec::new(),
                });
            }
            None => {}
        }
        let codes = jobs.iter().filter_map(|job| job.counts.exit());
        let codes = codes.chain(reason.as_ref().map(Reason::exit)).chain(given);
        let exit = match Exit::of_all(codes) {
            // Never a pass while something is open.
            Exit::Ok if jobs.iter().any(|job| job.counts.open()) => Exit::Unknown,
            exit => exit,
        };
        Outcome { exit, jobs, reason }
    }

    fn saw_target(&self) -> bool {
        let mut targets = self.nodes.values();
        targets.any(|node| node.role == Role::Target && node.complete > 0)
    }

    /// The selected jobs; before they are known, the trigger job on the way that is waited for.
    fn outcomes<'a>(&'a self, judge: &mut Judge<'a>, given_up: bool) -> Vec<JobOutcome> {
        let mut way = Vec::new();
        let Ok(target) = self.target(judge, &mut way) else {
            return Vec::new();
        };
        let operands = &self.goal.selection.operands;
        if let Some(target) = target {
            let jobs = by_age(&target.jobs).into_iter();
            let mut outcomes: Vec<_> = jobs.map(|job| judge.outcome(target.key, job)).collect();
            for index in &target.missing {
                let counts = match self.missing(target, *index) {
                    Counts::Waiting if given_up => Counts::Missing,
                    counts => counts,
                };
                let text = operands.get(*index).map_or("", |operand| &operand.text);
                outcomes.push(JobOutcome::none(text, target.key, counts));
            }
            return outcomes;
        }
        let Some((key, name)) = way.last().zip(self.goal.downstream.get(way.len() - 1)) else {
            return Vec::new();
        };
        let node = self.nodes.get(&key.id).filter(|node| node.full_turn > 0);
        vec![match node.map(|node| node.jobs.first()) {
            Some(Some(tracked)) => JobOutcome::of(&tracked.job, *key, Counts::Waiting),
            Some(None) => JobOutcome::none(name, *key, Counts::Missing),
            None => JobOutcome::none(name, *key, Counts::Waiting),
        }]
    }
}
