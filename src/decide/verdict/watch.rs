//! The fold over looks.

use std::collections::HashSet;
use std::time::Duration;

use crate::decide::guard::{Census, Guard, Sign};
use crate::decide::look::{Look, Now, Pages, Read};
use crate::decide::select::{Operand, Selection};
use crate::decide::verdict::change::Told;
use crate::decide::verdict::judge::Nodes;
use crate::decide::verdict::node::{Context, Node, Role};
use crate::decide::verdict::survey::{End, Survey};
use crate::decide::verdict::tell::Said;
use crate::decide::verdict::{
    Change, Counts, Goal, Looks, Named, Note, Outcome, Own, Reason, Rules, TriggerJobs,
};
use crate::exit::Exit;
use crate::model::{JobId, PipelineId, PipelineKey, Status};

/// What one look has led to.
#[derive(Debug)]
pub struct Step {
    pub verdict: Verdict,
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
}

#[derive(Debug)]
pub enum Verdict {
    Waiting(Next),
    Final(Box<Outcome>),
}

/// How to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// To be read at once, as part of the same turn. If empty, sleep, and begin a new turn with [`Watch::reads`].
    pub at_once: Vec<Read>,
    /// Looking again after this long is worth it, whatever the pace says.
    pub wake: Option<Duration>,
    /// The list was torn or stale: look again as soon as the pace allows.
    pub soon: bool,
}

/// A job that has not ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Open<'a> {
    pub pipeline: PipelineId,
    pub name: &'a str,
    pub status: &'a Status,
    /// Time of running so far, by GitLab's clock.
    pub elapsed: Option<f64>,
}

/// A wait: what was asked for and what has been seen so far.
///
/// ```text
/// loop {                                            // one turn
///     let mut reads = watch.reads(slept);
///     loop {
///         let step = watch.look(&look_at(reads), now);
///         match step.verdict {
///             Final(outcome) => return outcome,
///             Waiting(next) if next.at_once.is_empty() => break,
///             Waiting(next) => reads = next.at_once,
///         }
///     }
///     slept = sleep(pace(watch.open(), next.wake, next.soon));
/// }
/// ```
///
/// A read that fails is asked again, or the turn is given up by beginning a new one.
#[derive(Debug)]
pub struct Watch {
    pub(super) goal: Goal,
    /// What each hop of the way selects, and what a downstream pipeline does.
    pub(super) hops: Vec<Selection>,
    pub(super) everything: Selection,
    pub(super) rules: Rules,
    pub(super) own: Option<Own>,
    /// Jobs, by name, with an attempt that exists for certain.
    known: Vec<(String, JobId)>,
    pub(super) nodes: Nodes,
    /// The pipelines that bear on the verdict, the way first.
    pub(super) needed: Vec<PipelineKey>,
    pub(super) guard: Guard,
    pub(super) now: Now,
    /// Counts the turns: [`Watch::reads`] begins one.
    pub(super) turn: u64,
    pub(super) scopes_refused: bool,
    pub(super) said: Said,
}

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
            needed: vec![goal.pipeline],
            goal,
            rules,
            own,
            known: Vec::new(),
            nodes: Nodes::new(),
            guard: Guard::default(),
            now: Now {
                monotonic: Duration::ZERO,
                server: None,
            },
            turn: 0,
            scopes_refused: false,
            said: Said::default(),
        }
    }

    /// These attempts of selected jobs exist for certain, since this program made them: a list without them is out of date.
    #[must_use]
    pub fn knowing(self, known: Vec<(String, JobId)>) -> Self {
        Self { known, ..self }
    }

    /// The server does not know one of the statuses in `scope[]` (400): no more scoped reads.
    pub fn refuse_scopes(&mut self) {
        self.scopes_refused = true;
    }

    /// Takes in what was read, and decides.
    pub fn look(&mut self, look: &Look, now: Now) -> Step {
        self.now = now;
        let mut told = Told::default();
        let verdict = match self.take(look, &mut told) {
            Ok(()) => self.decide(),
            Err(reason) => Verdict::Final(Box::new(self.outcome(Some(&End::Reason(reason)), None))),
        };
        self.tell(&mut told);
        Step {
            verdict,
            changes: told.changes,
            notes: told.notes,
        }
    }

    fn take(&mut self, look: &Look, told: &mut Told) -> Result<(), Reason> {
        let start = self.now.monotonic;
        let first = self.goal.pipeline;
        let role = self.role(0);
        self.nodes
            .entry(first.id)
            .or_insert_with(|| Node::new(first, role, start));
        for pages in &look.pages {
            self.take_pages(pages, told)?;
        }
        for (pipeline, why) in &look.unreadable {
            if let Some(node) = self.nodes.get_mut(pipeline) {
                node.unreadable = Some(*why);
                node.full_turn = self.turn;
            }
        }
        Ok(())
    }

    fn take_pages(&mut self, pages: &Pages, told: &mut Told) -> Result<(), Reason> {
        let Some(node) = self.nodes.get_mut(&pages.pipeline) else {
            return Ok(());
        };
        let own = self.own.as_ref();
        let own = own.filter(|own| own.pipeline == pages.pipeline);
        let hop = match node.role {
            Role::Hop(hop) => self.hops.get(hop),
            Role::Target | Role::Downstream => None,
        };
        let context = Context {
            selection: match node.role {
                Role::Target => &self.goal.selection,
                Role::Hop(_) | Role::Downstream => hop.unwrap_or(&self.everything),
            },
            caller: own.map(|own| &own.caller),
            rules: &self.rules,
            known: match node.role {
                Role::Target => &self.known,
                Role::Hop(_) | Role::Downstream => &[],
            },
            follows: hop.is_some() || self.rules.trigger_jobs == TriggerJobs::Follow,
            now: self.now,
            turn: self.turn,
        };
        node.read(pages, &context, told)?;
        self.take_own(pages, told)
    }

    /// What the caller's own pipeline says beyond the selected jobs.
    fn take_own(&mut self, pages: &Pages, told: &mut Told) -> Result<(), Reason> {
        let own = self.own.as_ref();
        let own = own.filter(|own| own.pipeline == pages.pipeline);
        let Some((own, node)) = own.zip(self.nodes.get(&pages.pipeline)) else {
            return Ok(());
        };
        let ending = |status: &Status| matches!(status, Status::Canceling | Status::Canceled);
        let mut rows = pages.rows.iter();
        if rows.any(|row| row.id == own.caller.id && ending(&row.status)) {
            return Err(Reason::CallerCanceled);
        }
        if node.role != Role::Target || node.complete_turn != self.turn {
            return Ok(());
        }
        let trigger_jobs = pages.lists.trigger_jobs() && !node.no_trigger_jobs;
        let selected = |name: &str| node.job(name).is_some();
        let census = Census::of(pages.rows, &own.caller, selected, trigger_jobs);
        let sign = self.guard.look(&census, self.now.monotonic);
        let Some((sign, created)) = sign.zip(census.created) else {
            return Ok(());
        };
        let created = Named::new(pages.pipeline, created);
        let manual = census.manual.map(|job| Named::new(pages.pipeline, job));
        told.notes.extend(match sign {
            Sign::Deadlock => return Err(Reason::Deadlock(created)),
            Sign::MayNeverStart => Some(Note::MayNeverStart(created)),
            Sign::OnlyRunning => Some(Note::OnlyRunning(created)),
            Sign::Blocking => manual.map(Note::Blocking),
        });
        Ok(())
    }

    /// What the pipeline is that stands at this position of the way.
    pub(super) fn role(&self, position: usize) -> Role {
        if position < self.hops.len() {
            Role::Hop(position)
        } else {
            Role::Target
        }
    }

    /// What all that is known leads to. A verdict is final only if every pipeline that bears on it was read in full in this turn.
    fn decide(&mut self) -> Verdict {
        let survey = self.survey(true);
        self.adopt(&survey);
        let at_once = self.at_once(survey.end.is_some());
        if !at_once.is_empty() {
            let next = Next {
                at_once,
                ..Next::default()
            };
            return Verdict::Waiting(next);
        }
        match &survey.end {
            Some(end) => Verdict::Final(Box::new(self.outcome(Some(end), None))),
            None if self.rules.looks == Looks::Once => {
                Verdict::Final(Box::new(self.give_up(Exit::Pending)))
            }
            None => Verdict::Waiting(Next {
                at_once,
                wake: survey.wake,
                soon: self.nodes.values().any(|node| self.unclear(node)),
            }),
        }
    }

    /// Makes the pipelines that bear on the verdict known, and forgets the others.
    fn adopt(&mut self, survey: &Survey) {
        let needed: HashSet<PipelineId> = survey.needed.iter().map(|key| key.id).collect();
        self.nodes.retain(|id, _| needed.contains(id));
        self.needed.clone_from(&survey.needed);
        for (position, key) in survey.needed.iter().enumerate() {
            // The way ends with the target; what follows was started by jobs that are waited for.
            let role = if position < survey.way {
                self.role(position)
            } else {
                Role::Downstream
            };
            let new = || Node::new(*key, role, self.now.monotonic);
            let seeks = self.nodes.get(&key.id).is_none_or(|node| self.seeks(node));
            self.nodes.entry(key.id).or_insert_with(new).seeks = seeks;
        }
    }

    /// The last look has not shown what it should have.
    fn unclear(&self, node: &Node) -> bool {
        let missing = node.complete == 0 || (node.seeks && self.is_own(node));
        node.unreadable.is_none() && (missing || node.torn())
    }

    /// How it stands when the shell has to end the wait: out of time, interrupted, no answer.
    pub fn give_up(&self, exit: Exit) -> Outcome {
        let survey = self.survey(false);
        self.outcome(survey.end.as_ref(), Some(exit))
    }

    /// The pipeline that holds the selected jobs, once the way leads there.
    pub fn pipeline(&self) -> Option<PipelineKey> {
        let target = |node: &&Node| node.role == Role::Target;
        self.nodes.values().find(target).map(|node| node.key)
    }

    /// The jobs that have not ended, those that wait for a person among them: for the pace and the heartbeat.
    pub fn open(&self) -> impl Iterator<Item = Open<'_>> {
        let nodes = self.needed.iter().filter_map(|key| self.nodes.get(&key.id));
        nodes.flat_map(|node| {
            let open = node.jobs.iter().filter(|tracked| {
                let ignored =
                    Counts::of(&tracked.job, tracked.matched, &self.rules) == Counts::Ignored;
                let counts = !tracked.job.status.finished() && !ignored && !tracked.reached;
                // The jobs that it has started say more than the trigger job itself.
                counts && tracked.downstream().is_none()
            });
            open.map(|tracked| Open {
                pipeline: node.key.id,
                name: &tracked.job.name,
                status: &tracked.job.status,
                elapsed: tracked.job.duration,
            })
        })
    }
}
