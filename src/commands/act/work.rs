//! The work of an action: look, plan, gate, send, look again, job by job, until none is left open.

use std::time::Duration;

use super::parameters::Parameters;
use super::send::Sent;
use super::target::{Aim, Aimed, Target};
use crate::commands::gating::Gating;
use crate::commands::waiting::{Halt, Turns};
use crate::decide::action::{Context, Fate, Options, Plan, Step, Verb, plan};
use crate::decide::gate::Judgement;
use crate::decide::select::newest;
use crate::decide::verdict::Outcome;
use crate::exit::{Exit, Stop};
use crate::find::Place;
use crate::model::{Job, Status};
use crate::report::act::Herald;
use crate::report::events::Missing;
use crate::session::Session;

/// What is wanted of every job.
pub struct Wanted<'a> {
    pub verb: Verb,
    pub options: Options,
    pub parameters: &'a Parameters,
    pub gating: &'a Gating,
}

/// One call's work.
pub struct Work<'w, 'a> {
    pub session: &'w Session<'a>,
    pub wanted: &'w Wanted<'w>,
    pub herald: &'w Herald<'w>,
    pub aim: Aim<'w, 'a>,
    pub targets: Vec<Target>,
    /// Told as soon as a request has had its effect.
    pub started: &'w dyn Fn(&Place, &[Target]),
}

/// Why the work ended before every job was settled.
#[derive(Debug)]
pub enum End {
    Halt(Halt),
    /// Nothing can be done, for a reason of our own.
    Stop(Stop),
    /// A condition does not hold, or could not be told: nothing more is sent.
    Closed(Judgement),
}

impl From<Halt> for End {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl Work<'_, '_> {
    /// Finds the jobs and plans; sends nothing.
    pub fn plan(&mut self, turns: &mut Turns, patient: bool) -> Result<(), End> {
        loop {
            match turns.ask(&mut || self.aim.take())? {
                Aimed::At(targets) => {
                    self.targets = targets;
                    for index in 0..self.targets.len() {
                        self.decide(index);
                    }
                    return Ok(());
                }
                Aimed::Stop(stop) => return Err(End::Stop(stop)),
                Aimed::NotYet(stop) if !patient => return Err(End::Stop(stop)),
                Aimed::NotYet(stop) => {
                    self.aim.waits(&stop);
                    turns.pause(None)?;
                }
            }
        }
    }

    /// Settles every job, or ends for a reason that leaves the rest open.
    pub fn run(&mut self, turns: &mut Turns, patient: bool) -> Result<(), End> {
        loop {
            turns.missing(self.missing(turns.now()));
            for index in 0..self.targets.len() {
                self.settle(turns, index)?;
            }
            let open = self.targets.iter().any(|target| !target.fate.settled());
            if !open || !patient {
                return Ok(());
            }
            turns.pause(None)?;
            self.look(turns)?;
        }
    }

    pub(super) fn look(&mut self, turns: &mut Turns) -> Result<(), End> {
        if let Some(stop) = turns.ask(&mut || self.aim.look())? {
            return Err(End::Stop(stop));
        }
        Ok(())
    }

    /// What the heartbeat names.
    fn missing(&self, seen: Duration) -> Vec<Missing> {
        let targets = self.targets.iter();
        let open = targets.filter(|target| !target.fate.settled());
        open.map(|target| Missing {
            name: target.name.clone(),
            status: Some(target.job.status.clone()),
            running: None,
            seen,
        })
        .collect()
    }

    /// The newest attempt of the job, as last read.
    pub(super) fn newest(&self, index: usize) -> Option<&Job> {
        let name = &self.targets.get(index)?.name;
        newest(self.aim.rows()).find(|job| job.name == *name)
    }

    /// The next step for a job by the last look; `None` where nothing is to be sent now.
    pub(super) fn decide(&mut self, index: usize) -> Option<Step> {
        let job = self.newest(index).cloned();
        let target = self.targets.get_mut(index)?;
        if let Some(job) = job {
            // GitLab has said it of this attempt as it stood then.
            let stands = matches!(job.status, Status::Manual | Status::Scheduled);
            target.unplayable &= stands && job.id == target.job.id;
            target.job = job;
        }
        let plan = self.next(index)?;
        let target = self.targets.get_mut(index)?;
        let (step, fate) = match plan {
            Plan::Do(step) => (Some(step), Fate::Open(String::new())),
            Plan::NotYet(why) => (None, Fate::Open(why)),
            Plan::DoneAlready(why) => (None, Fate::Already(why)),
            Plan::Refuse { why, hint } => (None, Fate::Refused { why, hint }),
        };
        target.step = step;
        target.fate = fate;
        step
    }

    pub(super) fn next(&self, index: usize) -> Option<Plan> {
        let Wanted { verb, options, .. } = self.wanted;
        let target = self.targets.get(index)?;
        let Some(job) = self.newest(index) else {
            return Some(Plan::NotYet("it is not listed any more".into()));
        };
        // A retry, or an erasure, is meant for one attempt; whatever else is meant for the job of that name.
        let one = matches!(verb, Verb::Retry | Verb::Erase) || options.rerun;
        let context = Context {
            newer: (one && job.id > target.meant).then_some(job.id),
            unplayable: target.unplayable,
        };
        Some(match plan(*verb, job, *options, context) {
            Plan::Do(step) => self.takes_parameters(step, job),
            other => other,
        })
    }

    /// GitLab drops in silence what a trigger job, or a retry, does not take.
    fn takes_parameters(&self, step: Step, job: &Job) -> Plan {
        let parameters = self.wanted.parameters;
        let refuse = |why: &str, hint: &str| Plan::Refuse {
            why: why.into(),
            hint: hint.into(),
        };
        if job.trigger && !parameters.is_empty() {
            return refuse(
                "a played trigger job takes no variables and no inputs",
                "set them under `trigger:` in .gitlab-ci.yml, or use jobgate trigger",
            );
        }
        if step == Step::Retry && parameters.has_variables() {
            return refuse(
                "a retried job takes no variables",
                "leave out --variable, or --rerun",
            );
        }
        Plan::Do(step)
    }

    /// Takes one job as far as it goes now.
    fn settle(&mut self, turns: &mut Turns, index: usize) -> Result<(), End> {
        loop {
            let before = self.targets.get(index).map(|target| target.fate.clone());
            if before.as_ref().is_none_or(Fate::settled) {
                return Ok(());
            }
            let Some(step) = self.decide(index) else {
                self.tell(index, before.as_ref());
                return Ok(());
            };
            let Some(job) = self.newest(index).cloned() else {
                return Ok(());
            };
            let sent = self.send(turns, index, step, &job)?;
            match sent {
                Sent::Changed => {}
                Sent::Closed(judgement) => return Err(End::Closed(judgement)),
                Sent::Stopped(why) => return Err(End::Stop(why)),
                Sent::Failed(error) => self.fate(index, Fate::Failed(error.stop())),
                Sent::Accepted => self.confirm(turns, index, step, &job, None)?,
                Sent::Lost(error) => self.confirm(turns, index, step, &job, Some(&error))?,
                Sent::Refused(error) => self.explain(turns, index, step, &error)?,
            }
        }
    }

    /// Takes over what the waiting has seen last.
    pub fn update(&mut self, outcome: &Outcome) {
        for target in &mut self.targets {
            let mut seen = outcome.jobs.iter().filter_map(|seen| seen.job.as_deref());
            if let Some(job) = seen.find(|job| job.name == target.name) {
                target.job = job.clone();
            }
        }
    }

    /// Nothing more is sent: what is still open stays undone.
    pub fn close(&mut self, exit: Exit) {
        for target in &mut self.targets {
            if !target.fate.settled() {
                target.fate = Fate::Closed(exit);
            }
        }
    }

    pub(super) fn fate(&mut self, index: usize, fate: Fate) {
        if let Some(target) = self.targets.get_mut(index) {
            target.fate = fate;
        }
    }

    pub(super) fn done(&mut self, index: usize, fate: Fate, after: Option<Job>) {
        if let Some(target) = self.targets.get_mut(index) {
            target.fate = fate;
            if let Some(job) = after {
                target.job = job;
            }
            self.herald.did(target);
        }
        (self.started)(self.aim.place(), &self.targets);
    }

    /// What has to be waited for, when it is another thing than before.
    fn tell(&self, index: usize, before: Option<&Fate>) {
        if let Some(target) = self.targets.get(index)
            && before != Some(&target.fate)
        {
            self.herald.waits(target);
        }
    }
}
