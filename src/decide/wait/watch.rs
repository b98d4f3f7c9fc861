//! The fold over looks.

use std::collections::HashSet;
use std::time::Duration;

use super::judge::{Judge, Nodes};
use super::node::{Context, News, Node};
use super::outcome::{
    Goal, JobOutcome, List, Named, Note, Now, Outcome, Own, Read, Reason, Remark, Step, Verdict,
};
use super::rules::{Counts, Role, Rules, TriggerJobs};
use super::said::Said;
use crate::decide::guard::Guard;
use crate::decide::select::{Operand, Selection};
use crate::exit::Exit;
use crate::model::{Job, JobId, PipelineId, PipelineKey, Status};

/// A wait: what was asked for and what has been seen so far.
///
/// ```text
/// loop {                                           // one look
///     let mut step = watch.look(&[], now);         // begins it
///     while let Verdict::Read(reads) = step.verdict {
///         step = watch.look(&lists_of(reads), now);
///     }
///     match step.verdict { Final(outcome) => return outcome, Waiting {..} => sleep }
/// }
/// ```
///
/// A look that is given up simply starts again.
#[derive(Debug)]
pub struct Watch {
    goal: Goal,
    /// What each hop of the way selects, and what a downstream pipeline does.
    hops: Vec<Selection>,
    everything: Selection,
    rules: Rules,
    own: Option<Own>,
    /// Jobs, by name, with an attempt that exists for certain.
    known: Vec<(String, JobId)>,
    nodes: Nodes,
    /// The pipelines that the verdict depends on, the way first.
    needed: Vec<(PipelineKey, Role)>,
    guard: Guard,
    /// When the look began, by the monotonic clock.
    now: Duration,
    /// Counts the looks.
    look: u64,
    /// No look has come to its end so far.
    first: bool,
    said: Said,
    /// Why nothing in the caller's own pipeline moves.
    idle: Option<Note>,
}

/// What would follow if all that is known were fresh.
struct Survey {
    /// The pipelines that it depends on: first the way, so many of them, then those downstream of selected jobs.
    needed: Vec<(PipelineKey, Role)>,
    wake: Option<Duration>,
    end: End,
}

/// The selected jobs have decided, or not yet; or something else ends the wait.
type End = Result<bool, Reason>;

impl Watch {
    pub fn new(mut goal: Goal, rules: Rules, own: Option<Own>) -> Self {
        // A wait follows names: the newest attempt of each.
        goal.selection.attempts = false;
        let hop = |name: &String| Selection {
            operands: vec![Operand::name(name)],
            ..Selection::default()
        };
        Self {
            hops: goal.downstream.iter().map(hop).collect(),
            everything: Selection {
                all: true,
                ..Selection::default()
            },
            needed: Vec::new(),
            goal,
            rules,
            own,
            known: Vec::new(),
            nodes: Nodes::new(),
            guard: Guard::default(),
            now: Duration::ZERO,
            look: 0,
            first: true,
            said: Said::default(),
            idle: None,
        }
    }

    /// These attempts of selected jobs exist for certain, since this program made them: a list without them is out of date.
    #[must_use]
    pub fn knowing(self, known: Vec<(String, JobId)>) -> Self {
        Self { known, ..self }
    }

    /// Takes in lists, and decides. No lists: a new look begins. A verdict is given only when every pipeline that it depends on was read in
    /// this look.
    pub fn look(&mut self, lists: &[List], now: Now) -> Step {
        if lists.is_empty() {
            self.look += 1;
            self.now = now.monotonic;
        }
        let mut news = News::default();
        let taken = lists
            .iter()
            .try_for_each(|list| self.take(list, now, &mut news));
        let verdict = match taken {
            Ok(()) => self.decide(),
            Err(reason) => Verdict::Final(Box::new(self.outcome(&Err(reason), None, false))),
        };
        // A look that has only begun has shown nothing.
        if !lists.is_empty() {
            self.remark(&mut news);
        }
        Step {
            verdict,
            changes: news.changes,
            notes: news.notes,
        }
    }

    fn take(&mut self, list: &List, now: Now, news: &mut News) -> Result<(), Reason> {
        let key = list.read.pipeline;
        // What was not asked for decides nothing.
        let Some(node) = self.nodes.get_mut(&key.id) else {
            return Ok(());
        };
        node.look = self.look;
        let rows = match list.rows {
            Ok(rows) => rows,
            Err(why) => {
                node.unreadable = Some(why);
                return Ok(());
            }
        };
        let own = self.own.as_ref().filter(|own| own.pipeline == key.id);
        let everything = &self.everything;
        let context = Context {
            selection: match node.role {
                Role::Target => &self.goal.selection,
                Role::Hop(hop) => self.hops.get(hop).unwrap_or(everything),
                Role::Downstream => everything,
            },
            caller: own.map(|own| &own.caller),
            rules: &self.rules,
            known: &self.known,
            now,
            first: self.first,
        };
        node.take(list, rows, &context, news)?;
        match own.cloned() {
            Some(own) => self.take_own(&own, list, rows, news),
            None => Ok(()),
        }
    }

    /// What the caller's own pipeline says beyond the selected jobs.
    fn take_own(
        &mut self,
        own: &Own,
        list: &List,
        rows: &[Job],
        news: &mut News,
    ) -> Result<(), Reason> {
        let ending = |status: &Status| matches!(status, Status::Canceling | Status::Canceled);
        let mut caller = rows.iter().filter(|row| row.id == own.caller.id);
        if caller.any(|row| ending(&row.status)) {
            return Err(Reason::CallerCanceled);
        }
        let Some(node) = self.nodes.get(&own.pipeline) else {
            return Ok(());
        };
        if node.role != Role::Target || node.looks == 0 {
            return Ok(());
        }
        let trigger_jobs = list.read.trigger_jobs && !node.no_trigger_jobs;
        let selected = |job: &Job| node.job(&job.name).is_some();
        let stands = self.guard.look(rows, &own.caller, selected, self.now);
        self.idle = None;
        let Some((created, manual)) = stands else {
            return Ok(());
        };
        let named = |job: &Job| Named::new(own.pipeline, job);
        let (what, job) = match manual {
            Some(manual) => (Remark::Blocking, named(manual)),
            None if trigger_jobs => return Err(Reason::Deadlock(named(created))),
            None => (Remark::MayNeverStart, named(created)),
        };
        let first = self.said.first(None, &what);
        let job = Some(job);
        let idle = self.idle.insert(Note { job, what });
        news.notes.extend(first.then(|| idle.clone()));
        Ok(())
    }

    /// What needs saying once.
    fn remark(&mut self, news: &mut News) {
        let nodes = self
            .needed
            .iter()
            .filter_map(|(key, _)| self.nodes.get(&key.id));
        for node in nodes {
            self.said.about(node, &self.rules, self.now, news);
        }
        let Some(target) = self.target_node().filter(|node| self.absent(node)) else {
            return;
        };
        let operands = &self.goal.selection.operands;
        let missing = target.missing.iter();
        let missing = missing.filter_map(|index| operands.get(*index));
        let absent = missing.filter(|operand| operand.optional);
        let absent = absent.map(|one| Note {
            job: None,
            what: Remark::Absent(one.text.clone()),
        });
        let absent: Vec<Note> = absent.collect();
        if absent
            .first()
            .is_some_and(|one| self.said.first(None, &one.what))
        {
            news.notes.extend(absent);
        }
    }

    fn decide(&mut self) -> Verdict {
        let survey = self.survey(false);
        self.adopt(&survey);
        let reads = self.unread(survey.end != Ok(false));
        if !reads.is_empty() {
            return Verdict::Read(reads);
        }
        match &survey.end {
            Ok(false) if self.rules.once => Verdict::Final(Box::new(self.give_up(Exit::Pending))),
            Ok(false) => {
                self.first = false;
                // The lists have not shown what they should have.
                let unclear = |node: &Node| {
                    let unshown = || node.jobs.iter().any(|job| !job.shown);
                    node.unreadable.is_none() && (self.seeks(node) || unshown())
                };
                Verdict::Waiting {
                    wake: survey.wake,
                    soon: self.nodes.values().any(unclear),
                }
            }
            end => Verdict::Final(Box::new(self.outcome(end, None, false))),
        }
    }

    /// What is still to be read in this look. A pipeline that was refused is asked for again only before the end.
    fn unread(&self, ends: bool) -> Vec<Read> {
        let needed = self.needed.iter();
        let nodes = needed.filter_map(|(key, _)| self.nodes.get(&key.id));
        let unread = |node: &&Node| node.look != self.look && (node.unreadable.is_none() || ends);
        nodes.filter(unread).map(|node| self.read(node)).collect()
    }

    fn read(&self, node: &Node) -> Read {
        let target = node.role == Role::Target;
        let left_out = self.rules.trigger_jobs == TriggerJobs::LeaveOut && target;
        // Once no trigger job is selected they are not asked for again, unless the guard needs to know of every job.
        let own = self.own.as_ref().map(|own| own.pipeline);
        let guarded = own == Some(node.key.id) && self.guard.suspects();
        let selected = node.jobs.iter().any(|job| job.job.trigger);
        let needed = !node.no_trigger_jobs && (self.seeks(node) || selected || guarded);
        Read {
            pipeline: node.key,
            trigger_jobs: !left_out && needed,
            retried: target && self.seeks_attempt(node),
        }
    }

    /// An operand that has met no job so far is an id, perhaps that of an older attempt.
    fn seeks_attempt(&self, node: &Node) -> bool {
        let open = |index: &usize| node.looks == 0 || node.missing.contains(index);
        let operands = self.operands().iter().enumerate();
        let mut operands = operands.filter(|(index, _)| open(index));
        operands.any(|(_, operand)| operand.is_id())
    }

    /// Takes note of the pipelines that the verdict depends on, and forgets the others.
    fn adopt(&mut self, survey: &Survey) {
        let needed: HashSet<PipelineId> = survey.needed.iter().map(|(key, _)| key.id).collect();
        self.nodes.retain(|id, _| needed.contains(id));
        self.needed.clone_from(&survey.needed);
        for (key, role) in &survey.needed {
            let node = self.nodes.entry(key.id);
            node.or_insert_with(|| Node::new(*key, *role, self.now));
        }
    }

    /// How it stands when the shell has to end the wait: out of time, interrupted, no answer.
    pub fn give_up(&self, exit: Exit) -> Outcome {
        let over = exit == Exit::Timeout;
        let survey = self.survey(over);
        // The last look has shown everything: what GitLab might still take back counts as it is.
        let decided = over && survey.end == Ok(true) && self.unread(true).is_empty();
        self.outcome(&survey.end, (!decided).then_some(exit), over)
    }

    /// What was asked for.
    pub fn operands(&self) -> &[Operand] {
        &self.goal.selection.operands
    }

    /// The pipeline that holds the selected jobs, once the way leads there.
    pub fn pipeline(&self) -> Option<PipelineKey> {
        self.target_node().map(|node| node.key)
    }

    fn target_node(&self) -> Option<&Node> {
        self.nodes.values().find(|node| node.role == Role::Target)
    }

    /// What was said and still holds: a person must play a job, no runner has taken it, nothing moves.
    pub fn known(&self) -> Vec<Note> {
        let mut news = News::default();
        let mut said = Said::default();
        let nodes = self
            .needed
            .iter()
            .filter_map(|(key, _)| self.nodes.get(&key.id));
        nodes.for_each(|node| said.about(node, &self.rules, self.now, &mut news));
        let stands = |note: &Note| matches!(note.what, Remark::Manual | Remark::Stuck { .. });
        news.notes.retain(stands);
        news.notes.extend(self.idle.clone());
        news.notes
    }
}

/// From the pipelines to the verdict: the way to the selected jobs, and their sum.
impl Watch {
    /// `over`: no time is left in which a failure could be replaced.
    fn survey(&self, over: bool) -> Survey {
        let over = over || self.rules.once;
        let mut judge = Judge::new(&self.nodes, &self.rules, self.now, over);
        let mut needed = Vec::new();
        let target = self.target(&mut judge, &mut needed);
        let end = target.and_then(|node| node.map_or(Ok(false), |node| self.sum(&mut judge, node)));
        // What the way was known to be, the last look at it has not shown.
        let mut nodes = needed.iter().filter_map(|(key, _)| self.nodes.get(&key.id));
        let unshown = |node: &Node| node.jobs.iter().any(|job| !job.shown);
        let lost = nodes.any(|node| matches!(node.role, Role::Hop(_)) && unshown(node));
        let end = if lost { Ok(false) } else { end };
        let below = |key: &PipelineKey| !needed.iter().any(|(known, _)| known.id == key.id);
        let below: Vec<PipelineKey> = judge.needed.drain(..).filter(below).collect();
        needed.extend(below.into_iter().map(|key| (key, Role::Downstream)));
        Survey {
            wake: judge.wake,
            needed,
            end,
        }
    }

    /// Follows `--downstream` to the pipeline of the selected jobs, as far as it is there.
    fn target<'a>(
        &'a self,
        judge: &mut Judge<'a>,
        way: &mut Vec<(PipelineKey, Role)>,
    ) -> Result<Option<&'a Node>, Reason> {
        let mut key = self.goal.pipeline;
        for (hop, name) in self.goal.downstream.iter().enumerate() {
            way.push((key, Role::Hop(hop)));
            let Some(node) = self.readable(key)? else {
                return Ok(None);
            };
            match self.hop(node, name, judge)? {
                Some(next) => key = next,
                None => return Ok(None),
            }
        }
        way.push((key, Role::Target));
        self.readable(key)
    }

    fn readable(&self, key: PipelineKey) -> Result<Option<&Node>, Reason> {
        let node = self.nodes.get(&key.id);
        match node.and_then(|node| node.unreadable) {
            Some(why) => Err(Reason::Unreadable(key.id, why)),
            None => Ok(node.filter(|node| node.look > 0)),
        }
    }

    /// The pipeline that the trigger job has started; an error if it never will.
    fn hop<'a>(
        &self,
        node: &'a Node,
        name: &str,
        judge: &mut Judge<'a>,
    ) -> Result<Option<PipelineKey>, Reason> {
        let tracked = match node.jobs.as_slice() {
            _ if node.no_trigger_jobs => return Err(Reason::TriggerJobsRefused),
            [] if self.absent(node) => {
                let missing = JobOutcome::none(name, node.key, Counts::Missing);
                return Err(Reason::NotStarted(Box::new(missing)));
            }
            [] => return Ok(None),
            [tracked] => tracked,
            several => {
                let names = several.iter().map(|tracked| tracked.job.name.clone());
                return Err(Reason::Ambiguous(
                    name.to_owned(),
                    node.key.id,
                    names.collect(),
                ));
            }
        };
        if let Some(downstream) = tracked.downstream() {
            return Ok(Some(downstream));
        }
        let counts = judge.hop(tracked);
        if counts.open() {
            return Ok(None);
        }
        let ended = JobOutcome::of(&tracked.job, node.key, counts);
        Err(Reason::NotStarted(Box::new(ended)))
    }

    /// Whether the selected jobs have decided.
    fn sum<'a>(&self, judge: &mut Judge<'a>, target: &'a Node) -> End {
        // The selection cannot be known without the trigger jobs, and the server does not show them.
        if target.no_trigger_jobs
            && self.rules.trigger_jobs != TriggerJobs::LeaveOut
            && (target.open_ended || !target.missing.is_empty())
        {
            return Err(Reason::TriggerJobsRefused);
        }
        let operand = |index: &usize| self.goal.selection.operands.get(*index);
        if let Some(operand) = target.emptied.iter().find_map(operand) {
            return Err(Reason::NarrowedAway(operand.text.clone()));
        }
        let jobs = target.jobs.iter();
        let mut all: Vec<Counts> = jobs.map(|job| judge.job(job, Role::Target)).collect();
        let missing = target.missing.iter();
        all.extend(missing.map(|operand| self.missing(target, *operand)));
        let open = all.iter().any(|counts| counts.open());
        let bad = all.iter().any(|counts| counts.bad());
        let counting = |counts: &Counts| !matches!(counts, Counts::Ignored | Counts::Absent);
        if bad && (!open || !self.rules.keep_going) {
            Ok(true)
        } else if open || target.looks == 0 {
            Ok(false)
        } else if all.iter().any(counting) {
            Ok(true)
        } else if target.jobs.is_empty() && !self.absent(target) {
            Ok(false)
        } else {
            let ignored = target.by_age().into_iter();
            let ignored = ignored.map(|tracked| tracked.job.name.clone()).collect();
            Err(Reason::Nothing { ignored })
        }
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

    /// What has not been seen in this pipeline will not appear any more: all its jobs exist from its creation. A job that is retried while
    /// a list of several pages is read can be missing from it, so that two lists must agree.
    fn absent(&self, node: &Node) -> bool {
        let looks = if node.one_page || self.rules.once {
            1
        } else {
            2
        };
        node.looks >= looks
    }

    /// Something that was asked for is not there, and may only have been missed.
    fn seeks(&self, node: &Node) -> bool {
        node.looks == 0 || (node.jobs.is_empty() || !node.missing.is_empty()) && !self.absent(node)
    }

    /// The end in full: `given` is the code of a wait that had to be given up. `over`: no time is left in which a failure could be replaced.
    fn outcome(&self, end: &End, given: Option<Exit>, over: bool) -> Outcome {
        let over = over || self.rules.once;
        let mut judge = Judge::new(&self.nodes, &self.rules, self.now, over);
        let mut jobs = self.outcomes(&mut judge);
        let empty = || jobs.is_empty() && self.target_node().is_some_and(|node| self.absent(node));
        let ignored = Vec::new();
        let reason = match end {
            Err(reason) => Some(reason.clone()),
            Ok(true) => None,
            Ok(false) => empty().then_some(Reason::Nothing { ignored }),
        };
        if let Some(Reason::NotStarted(job)) = &reason {
            jobs = vec![job.as_ref().clone()];
        }
        let codes = jobs.iter().filter_map(|job| job.counts.exit());
        let codes = codes
            .chain(reason.as_ref().and_then(Reason::exit))
            .chain(given);
        let exit = match Exit::of_all(codes) {
            // Never a pass while something is open.
            Exit::Ok if jobs.iter().any(|job| job.counts.open()) => Exit::Unknown,
            exit => exit,
        };
        Outcome { exit, jobs, reason }
    }

    /// The selected jobs; before they are known, the trigger job on the way that is waited for.
    fn outcomes<'a>(&'a self, judge: &mut Judge<'a>) -> Vec<JobOutcome> {
        let mut way = Vec::new();
        let Ok(target) = self.target(judge, &mut way) else {
            return Vec::new();
        };
        let operands = &self.goal.selection.operands;
        if let Some(target) = target {
            let jobs = target.by_age().into_iter();
            let outcome = |job| judge.outcome(target.key, job, Role::Target);
            let mut outcomes: Vec<_> = jobs.map(outcome).collect();
            for index in &target.missing {
                let counts = self.missing(target, *index);
                let text = operands.get(*index).map_or("", |operand| &operand.text);
                outcomes.push(JobOutcome::none(text, target.key, counts));
            }
            return outcomes;
        }
        let Some(((key, _), name)) = way.last().zip(self.goal.downstream.get(way.len() - 1)) else {
            return Vec::new();
        };
        let tracked = self.nodes.get(&key.id).and_then(|node| node.jobs.first());
        vec![match tracked {
            Some(tracked) => JobOutcome::of(&tracked.job, *key, Counts::Waiting),
            None => JobOutcome::none(name, *key, Counts::Waiting),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::wait::tests::*;

    /// A wait whose job never starts; one turn each 30 s, for the notes and the code that it gets.
    fn quiet(rows: &[Job], turns: u32) -> (Option<u8>, Vec<Note>) {
        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows.to_vec());
        let code = (0..turns).find_map(|turn| wait.exit(if turn == 0 { 0 } else { 30 }));
        (code, wait.notes)
    }

    #[test]
    fn a_job_that_can_never_start_is_a_deadlock() {
        let created = job(5, "a", "created");
        let caller = job(1, "wait", "running");
        let done = job(2, "b", "success");
        let quietly = |more: &[Job]| {
            let mut rows = vec![created.clone(), caller.clone(), done.clone()];
            rows.extend_from_slice(more);
            quiet(&rows, 8)
        };
        assert_eq!(quietly(&[]).0, Some(10));
        assert_eq!(quietly(&[job(9, "c", "created")]).0, Some(10));
        assert_eq!(quietly(&[tolerated(job(9, "c", "manual"))]).0, Some(10));
        let ended = trigger(9, "t", "success", Some((60, "failed")));
        assert_eq!(quietly(&[ended]).0, Some(10));
        for (more, notes) in [
            (job(9, "c", "running"), 0),
            (job(9, "c", "scheduled"), 0),
            (job(9, "c", "on_holiday"), 0),
            (job(9, "c", "canceling"), 0),
            (trigger(9, "t", "success", Some((60, "running"))), 0),
            (trigger(9, "t", "success", Some((60, "manual"))), 0),
            (job(9, "c", "manual"), 1),
        ] {
            let (code, notes_given) = quietly(std::slice::from_ref(&more));
            assert_eq!(code, None, "{} {:?}", more.name, more.status);
            assert_eq!(notes_given.len(), notes);
        }
    }

    #[test]
    fn a_deadlock_takes_time_and_looks() {
        let rows = [job(5, "a", "created"), job(1, "wait", "running")];
        assert_eq!(quiet(&rows, 3).0, None);
        assert_eq!(quiet(&rows, 4).0, Some(10));
        // Two looks far apart are not enough, and a change starts the count again.
        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows.to_vec());
        assert_eq!(wait.exit(0), None);
        assert_eq!(wait.exit(200), None);
        let mut changed = rows.to_vec();
        changed.push(job(9, "c", "success"));
        wait.set(OWN, changed);
        assert_eq!(wait.exit(30), None);
        assert_eq!(wait.exit(60), None);
        assert_eq!(wait.exit(20), None);
        assert_eq!(wait.exit(10), Some(10));
    }

    #[test]
    fn a_blocking_job_is_named_and_the_wait_goes_on() {
        let rows = [
            job(5, "a", "created"),
            job(1, "wait", "running"),
            job(9, "approve", "manual"),
        ];
        let (code, notes) = quiet(&rows, 30);
        assert_eq!(code, None);
        let [note] = notes.as_slice() else {
            panic!("{notes:?}")
        };
        assert_eq!(note.what, Remark::Blocking);
        let url = note.job.as_ref().map(|job| job.url.as_str());
        assert_eq!(url, Some("https://gitlab.example/-/jobs/9"));
    }

    #[test]
    fn elsewhere_nothing_is_called_a_deadlock() {
        let goal = Goal {
            pipeline: key(60),
            downstream: vec![],
            selection: named(&["a"]),
        };
        let mut wait = Wait::of(goal, Rules::default()).pipeline(60, vec![job(5, "a", "created")]);
        assert!((0..50).all(|_| wait.exit(30).is_none()));
    }

    #[test]
    fn where_trigger_jobs_cannot_be_read_a_deadlock_is_only_a_guess() {
        let rows = vec![job(5, "a", "created"), job(1, "wait", "running")];
        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows);
        wait.no_trigger_jobs = true;
        assert!((0..20).all(|_| wait.exit(30).is_none()));
        assert_eq!(remarks(&wait), [&Remark::MayNeverStart]);
    }

    #[test]
    fn a_stuck_job_is_named_and_with_a_limit_ends_the_wait() {
        let mut pending = job(5, "a", "pending");
        pending.tag_list = Box::new(["gpu".to_owned()]);
        let mut wait =
            Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, vec![pending.clone()]);
        assert_eq!(wait.exit(0), None);
        assert_eq!(wait.exit(299), None);
        assert!(wait.notes.is_empty());
        assert_eq!(wait.exit(1), None);
        assert_eq!(wait.exit(300), None);
        let noted = remarks(&wait);
        let [Remark::Stuck { age, tags, .. }] = noted.as_slice() else {
            panic!("{noted:?}")
        };
        assert_eq!(
            (*age, tags.join(",")),
            (Duration::from_mins(5), "gpu".into())
        );

        let limited = Rules {
            stuck: Some(Duration::from_mins(2)),
            ..Rules::default()
        };
        pending.queued_duration = Some(130.0);
        let mut wait = Wait::new(named(&["a"]), limited.clone()).pipeline(OWN, vec![pending]);
        assert_eq!(wait.exit(0), Some(10));
        let rows = vec![job(5, "a", "waiting_for_resource")];
        let mut wait = Wait::new(named(&["a"]), limited).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), None);
        assert_eq!(wait.exit(119), None);
        assert_eq!(wait.exit(1), Some(10));
    }
}
