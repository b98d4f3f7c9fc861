//! How jobs count together with the pipelines they started.

use std::collections::HashMap;
use std::time::Duration;

use super::node::{Node, Tracked};
use super::outcome::{JobOutcome, Unreadable};
use super::rules::{APPEAR, Counts, Role, Rules, SETTLE, TriggerJobs, Want};
use crate::exit::Exit;
use crate::model::{PipelineId, PipelineKey, Status};

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
                let tolerated = self.rules.tolerates(&tracked.job, role);
                let below = match self.pipeline(key, tolerated || self.rules.keep_going) {
                    Counts::Failed | Counts::Canceled | Counts::Skipped if tolerated => {
                        Counts::Warning
                    }
                    below => below,
                };
                join(&tracked.job.status, own, below)
            }
            None if tracked.job.status != Status::Success || self.rules.want == Want::Finished => {
                own
            }
            // It has succeeded and started nothing: the pipeline may show up a moment later.
            None if self.stands(tracked, APPEAR) => Counts::Missing,
            None => Counts::Settling,
        };
        // The pipeline below may be that of an older attempt.
        if tracked.shown {
            counts
        } else {
            Counts::Waiting
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
        // An end that GitLab itself may take back a moment later must have stood long enough. So must a skip, for the failure that skips it may
        // still be retried, which brings the job back.
        let status = &tracked.job.status;
        let early = *status == Status::Failed || *status == Status::Skipped && tracked.moved;
        if early && !self.stands(tracked, SETTLE) {
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
    let nothing = matches!(
        below,
        Counts::Refused | Counts::Missing | Counts::Empty | Counts::TooDeep
    );
    match status {
        Status::Success
        | Status::Manual
        | Status::Running
        | Status::Pending
        | Status::Preparing
        | Status::WaitingForResource
        | Status::WaitingForCallback => below,
        _ if nothing || own.open() && below.bad() => below,
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::wait::tests::*;
    use crate::decide::wait::*;

    /// A trigger job of each strategy, at each stage of its child pipeline's life: its own status, the child's only job, the code.
    #[test]
    fn a_trigger_job_passes_when_its_jobs_have() {
        for (strategy, own, child, code) in [
            ("none", "success", "running", None),
            ("none", "success", "success", Some(0)),
            ("none", "success", "failed", Some(1)),
            ("none", "success", "canceled", Some(7)),
            ("none", "success", "skipped", Some(7)),
            ("none", "success", "manual", None),
            ("none", "success", "on_holiday", None),
            ("depend", "running", "running", None),
            ("depend", "running", "manual", None),
            ("depend", "running", "failed", Some(1)),
            ("depend", "pending", "success", Some(0)),
            ("depend", "success", "success", Some(0)),
            ("depend", "failed", "failed", Some(1)),
            ("depend", "failed", "skipped", Some(1)),
            ("depend", "canceled", "canceled", Some(7)),
            ("mirror", "manual", "manual", None),
            ("mirror", "manual", "success", Some(0)),
            ("mirror", "skipped", "skipped", Some(7)),
            ("any", "created", "success", None),
            ("any", "canceling", "success", None),
        ] {
            let rows = vec![trigger(5, "t", own, Some((60, child)))];
            let mut wait = Wait::new(named(&["t"]), Rules::default())
                .pipeline(OWN, rows)
                .pipeline(60, vec![job(70, "x", child)]);
            assert_eq!(wait.exit(0), code, "{strategy}: {own}, child {child}");
        }
    }

    #[test]
    fn a_trigger_job_that_may_fail_takes_its_pipeline_along() {
        let rows = vec![tolerated(trigger(5, "t", "success", Some((60, "running"))))];
        let child = vec![job(70, "x", "failed"), job(71, "y", "running")];
        let mut wait = Wait::new(named(&["t"]), Rules::default())
            .pipeline(OWN, rows.clone())
            .pipeline(60, child);
        assert_eq!(wait.exit(0), None);
        wait.set(60, vec![job(70, "x", "failed"), job(71, "y", "success")]);
        let outcome = wait.turn(5).expect("the test's own data");
        assert_eq!(outcome.exit, Exit::Ok);
        assert_eq!(outcome.jobs[0].counts, Counts::Warning);
        let strict = Rules {
            failures: Failures::Strict,
            ..Rules::default()
        };
        let mut wait = Wait::new(named(&["t"]), strict)
            .pipeline(OWN, rows)
            .pipeline(60, vec![job(70, "x", "failed"), job(71, "y", "success")]);
        assert_eq!(wait.exit(0), Some(1));
    }

    #[test]
    fn a_shallow_wait_takes_the_trigger_jobs_own_word() {
        let shallow = Rules {
            trigger_jobs: TriggerJobs::Shallow,
            ..Rules::default()
        };
        let rows = vec![trigger(5, "t", "success", Some((60, "failed")))];
        let mut wait = Wait::new(named(&["t"]), shallow.clone()).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), Some(0));
        assert_eq!(wait.reads.len(), 1);
        let rows = vec![trigger(5, "t", "success", None)];
        let mut wait = Wait::new(named(&["t"]), shallow).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), Some(0));
    }

    #[test]
    fn a_trigger_job_that_started_nothing_decides() {
        for (status, code) in [
            ("success", 5),
            ("failed", 1),
            ("canceled", 7),
            ("skipped", 7),
        ] {
            let rows = vec![trigger(5, "t", status, None)];
            let mut wait = Wait::new(named(&["t"]), Rules::default()).pipeline(OWN, rows);
            assert_eq!(wait.exit(0), Some(code), "{status}");
        }
        // Right after its end, the pipeline may still show up.
        let mut wait = Wait::new(named(&["t"]), Rules::default());
        let now = wait.now();
        wait.set(OWN, vec![ended_at(trigger(5, "t", "success", None), now)]);
        wait.set(60, vec![job(70, "x", "success")]);
        assert_eq!(wait.exit(0), None);
        wait.set(OWN, vec![trigger(5, "t", "success", Some((60, "success")))]);
        assert_eq!(wait.exit(5), Some(0));
    }

    #[test]
    fn three_levels_down_the_cause_is_named() {
        let mut wait = Wait::new(all(), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
            .pipeline(60, vec![trigger(6, "u", "success", Some((61, "running")))])
            .pipeline(61, vec![job(70, "x", "running"), job(71, "y", "success")]);
        assert_eq!(wait.exit(0), None);
        wait.set(61, vec![job(70, "x", "failed"), job(71, "y", "success")]);
        assert_eq!(wait.exit(10), None);
        let outcome = wait.turn(10).expect("the test's own data");
        assert_eq!(outcome.exit, Exit::Failed);
        let u = &outcome.jobs[0].because[0];
        let x = &u.because[0];
        assert_eq!((u.name.as_str(), u.pipeline.id.0), ("u", 60));
        assert_eq!((x.name.as_str(), x.pipeline.id.0), ("x", 61));
        assert_eq!((u.because.len(), x.counts), (1, Counts::Failed));
    }

    #[test]
    fn a_downstream_pipeline_that_cannot_be_read_is_refused() {
        for status in ["running", "success", "failed"] {
            let rows = vec![tolerated(trigger(5, "t", status, Some((60, "running"))))];
            let mut wait = Wait::new(named(&["t"]), Rules::default()).pipeline(OWN, rows);
            wait.refused = vec![60];
            let outcome = wait.turn(0).expect("an end");
            assert_eq!(outcome.exit, Exit::Refused);
            assert_eq!(outcome.jobs[0].counts, Counts::Refused);
        }
    }

    #[test]
    fn downstream_pipelines_without_end_are_not_followed() {
        // A loop, as no honest server has it.
        let mut wait = Wait::new(all(), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
            .pipeline(60, vec![trigger(6, "u", "success", Some((60, "running")))]);
        assert_eq!(wait.exit(0), Some(6));
        let mut deep = Wait::new(all(), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))]);
        for id in 60..80 {
            deep.set(
                id,
                vec![trigger(id, "u", "success", Some((id + 1, "running")))],
            );
        }
        assert_eq!(deep.exit(0), Some(6));
    }

    #[test]
    fn a_newer_attempt_of_the_trigger_job_moves_the_pin() {
        let mut wait = Wait::new(named(&["t"]), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
            .pipeline(60, vec![job(70, "x", "running")]);
        assert_eq!(wait.exit(0), None);
        // The old pipeline passes, but a newer attempt has started another one.
        wait.set(OWN, vec![trigger(8, "t", "success", Some((61, "running")))]);
        wait.set(60, vec![job(70, "x", "success")]);
        wait.set(61, vec![job(80, "x", "running")]);
        assert_eq!(wait.exit(20), None);
        assert!(matches!(
            remarks(&wait).last(),
            Some(Remark::PinMoved { from, to }) if from.0 == 60 && to.0 == 61
        ));
        wait.set(61, vec![job(80, "x", "success")]);
        assert_eq!(wait.exit(20), Some(0));
    }

    #[test]
    fn the_way_downstream_is_walked_and_pinned() {
        let goal = Goal {
            pipeline: key(OWN),
            downstream: vec!["t".into(), "u".into()],
            selection: named(&["x"]),
        };
        let mut wait = Wait::of(goal.clone(), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "pending", None)])
            .pipeline(60, vec![trigger(6, "u", "success", Some((61, "running")))])
            .pipeline(61, vec![job(70, "x", "running"), job(71, "y", "failed")]);
        assert_eq!(wait.exit(0), None);
        assert_eq!(wait.exit(600), None);
        wait.set(OWN, vec![trigger(5, "t", "success", Some((60, "running")))]);
        assert_eq!(wait.exit(10), None);
        wait.set(61, vec![job(70, "x", "success"), job(71, "y", "failed")]);
        let outcome = wait.turn(10).expect("the test's own data");
        assert_eq!(
            (outcome.exit, outcome.jobs[0].pipeline.id.0),
            (Exit::Ok, 61)
        );

        for (status, code) in [
            ("success", 5),
            ("failed", 1),
            ("canceled", 7),
            ("skipped", 7),
        ] {
            let mut wait = Wait::of(goal.clone(), Rules::default())
                .pipeline(OWN, vec![trigger(5, "t", status, None)]);
            let outcome = wait.turn(0).expect("an end");
            assert_eq!(outcome.exit.code(), code);
            assert_eq!(outcome.jobs[0].name, "t");
        }
        let mut wait = Wait::of(goal, Rules::default()).pipeline(OWN, vec![job(5, "t", "success")]);
        assert_eq!(wait.exit(0), Some(5));
    }

    #[test]
    fn without_trigger_jobs_only_exact_names_can_be_trusted() {
        let rows = || vec![job(5, "a", "success"), job(4, "b 1/2", "success")];
        for (selection, code) in [
            (named(&["a"]), Some(0)),
            (named(&["b"]), Some(0)),
            (named(&["5"]), Some(0)),
            (named(&["a*"]), Some(4)),
            (named(&["a", "c"]), Some(4)),
            (all(), Some(4)),
        ] {
            let mut wait = Wait::new(selection.clone(), Rules::default()).pipeline(OWN, rows());
            wait.no_trigger_jobs = true;
            assert_eq!(wait.exit(0), code, "{selection:?}");
        }
        let left_out = Rules {
            trigger_jobs: TriggerJobs::LeaveOut,
            ..Rules::default()
        };
        let mut wait = Wait::new(all(), left_out).pipeline(OWN, rows());
        assert_eq!(wait.exit(0), Some(0));
        assert!(wait.reads.iter().all(|read| !read.trigger_jobs));
    }

    #[test]
    fn a_refused_pipeline_is_asked_again_only_before_the_end() {
        let rows = |status: &str| {
            vec![
                trigger(5, "t", "success", Some((60, "running"))),
                job(4, "b", status),
            ]
        };
        let keep_going = Rules {
            keep_going: true,
            ..Rules::default()
        };
        let mut wait = Wait::new(all(), keep_going).pipeline(OWN, rows("running"));
        wait.refused = vec![60];
        assert!((0..10).all(|_| wait.exit(10).is_none()));
        let asked = |wait: &Wait| {
            wait.reads
                .iter()
                .filter(|read| read.pipeline.id.0 == 60)
                .count()
        };
        assert_eq!(asked(&wait), 1);
        wait.set(OWN, rows("success"));
        assert_eq!(wait.exit(10), Some(4));
        assert_eq!(asked(&wait), 2);
    }

    #[test]
    fn the_open_jobs_are_those_of_the_pipelines_that_were_started() {
        let mut wait = Wait::new(all(), Rules::default())
            .pipeline(
                OWN,
                vec![
                    trigger(5, "t", "running", Some((60, "running"))),
                    job(4, "b", "success"),
                    job(3, "c", "manual"),
                ],
            )
            .pipeline(60, vec![job(70, "x", "running"), job(71, "y", "failed")]);
        wait.pipelines[1].1[1].finished_at = None;
        assert_eq!(wait.exit(0), None);
        let outcome = wait.watch.give_up(Exit::Pending);
        let open = outcome.jobs(|one| one.counts.open());
        let open: Vec<&str> = open.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(open, ["c", "x", "y"]);
    }

    #[test]
    fn a_trigger_job_without_a_row_does_not_pass_by_its_pipeline() {
        let mut wait = Wait::new(named(&["t"]), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
            .pipeline(60, vec![job(70, "x", "running")]);
        assert_eq!(wait.exit(0), None);
        wait.set(60, vec![job(70, "x", "success")]);
        wait.set(OWN, vec![]);
        assert_eq!(wait.exit(10), None);
    }

    #[test]
    fn a_failed_trigger_job_on_the_way_may_be_retried() {
        let goal = Goal {
            pipeline: key(OWN),
            downstream: vec!["t".into()],
            selection: all(),
        };
        let mut wait = Wait::of(goal, Rules::default());
        let now = wait.now();
        wait.set(OWN, vec![ended_at(trigger(5, "t", "failed", None), now)]);
        assert_eq!(wait.exit(0), None);
        wait.set(OWN, vec![trigger(6, "t", "success", Some((60, "running")))]);
        wait.set(60, vec![job(70, "x", "success")]);
        assert_eq!(wait.exit(12), Some(0));
    }

    #[test]
    fn a_way_that_is_not_shown_any_more_leads_to_no_verdict() {
        let goal = Goal {
            pipeline: key(OWN),
            downstream: vec!["t".into()],
            selection: named(&["x"]),
        };
        for status in ["success", "failed"] {
            let mut wait = Wait::of(goal.clone(), Rules::default())
                .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
                .pipeline(60, vec![job(70, "x", "running")]);
            assert_eq!(wait.exit(0), None);
            // Where the list does not show the trigger job, a newer attempt may be what is missing.
            wait.set(OWN, vec![]);
            wait.set(60, vec![job(70, "x", status)]);
            assert!(wait.turn(5).expect_err("goes on").soon, "{status}");
            wait.set(OWN, vec![trigger(8, "t", "success", Some((61, "running")))]);
            wait.set(61, vec![job(80, "x", "running")]);
            assert_eq!(wait.exit(3), None);
            wait.set(61, vec![job(80, "x", "success")]);
            assert_eq!(wait.exit(5), Some(0));
        }
    }
}
