//! The work of an action: look, plan, gate, send, look again, job by job, until none is left open.

use std::time::Duration;

use super::parameters::Parameters;
use super::target::{Aim, Aimed, Target};
use crate::commands::gating::Gating;
use crate::commands::waiting::{Halt, Turns};
use crate::decide::action::confirm::{Confirmation, confirm};
use crate::decide::action::{Context, Fate, Options, Plan, Step, Verb, plan};
use crate::decide::gate::Judgement;
use crate::decide::select::newest;
use crate::decide::verdict::Outcome;
use crate::exit::{Exit, Stop};
use crate::find::Place;
use crate::gitlab::{Body, Error, Kind, Route};
use crate::model::{Job, JobId, Status};
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

/// What became of one try to send.
enum Sent {
    Accepted,
    /// Bytes had left, and no good answer came.
    Lost(Error),
    /// A refusal that another caller's doing may explain.
    Refused(Error),
    Failed(Error),
    Closed(Judgement),
    Stopped(Stop),
    /// The plan is another one by now.
    Changed,
}

/// A look that contradicts GitLab's answer is taken again, so often.
const CONFIRM: u32 = 5;
/// A request whose answer was lost may still be on its way: only so many looks in a row that show nothing allow another.
const UNDONE: u32 = 2;

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
                Aimed::NotYet(_) => turns.pause(&[], None)?,
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
            turns.pause(&[], None)?;
            self.look(turns)?;
        }
    }

    fn look(&mut self, turns: &mut Turns) -> Result<(), End> {
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
            past: Vec::new(),
        })
        .collect()
    }

    /// The newest attempt of the job, as last read.
    fn newest(&self, index: usize) -> Option<&Job> {
        let name = &self.targets.get(index)?.name;
        newest(self.aim.rows()).find(|job| job.name == *name)
    }

    /// The next step for a job by the last look; `None` where nothing is to be sent now.
    fn decide(&mut self, index: usize) -> Option<Step> {
        let plan = self.next(index)?;
        let job = self.newest(index).cloned();
        let target = self.targets.get_mut(index)?;
        if let Some(job) = job {
            target.job = job;
        }
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

    fn next(&self, index: usize) -> Option<Plan> {
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

    /// Sends once. What proves that nothing was done is waited out and begun again, from the look on.
    fn send(
        &mut self,
        turns: &mut Turns,
        index: usize,
        step: Step,
        job: &Job,
    ) -> Result<Sent, End> {
        let mut stale = false;
        Ok(turns.ask(&mut || {
            if stale {
                if let Some(why) = self.aim.look()? {
                    return Ok(Sent::Stopped(why));
                }
                let same = self.newest(index).is_some_and(|newest| newest.id == job.id);
                if !same || self.decide(index) != Some(step) {
                    return Ok(Sent::Changed);
                }
            }
            stale = true;
            match self
                .wanted
                .gating
                .pass_again(self.session, &|judged| self.herald.gate(judged))
            {
                Err(why) => return Ok(Sent::Stopped(why)),
                Ok(Err(judgement)) => return Ok(Sent::Closed(judgement)),
                Ok(Ok(())) => {}
            }
            self.aim.freeze();
            match self.post(step, job.id) {
                Ok(()) => Ok(Sent::Accepted),
                Err(error) if error.nothing_done() => match error.kind {
                    _ if error.transient() => Err(error),
                    Kind::Interrupted { .. } | Kind::Deadline => Err(error),
                    _ if error.exit() == Exit::Closed => Ok(Sent::Refused(error)),
                    _ => Ok(Sent::Failed(error)),
                },
                Err(error) => Ok(Sent::Lost(error)),
            }
        })?)
    }

    fn post(&self, step: Step, id: JobId) -> Result<(), Error> {
        let project = self.aim.project();
        let parameters = self.wanted.parameters;
        let (route, body) = match step {
            Step::Play => (Route::Play(project, id), parameters.of_play()),
            Step::Retry => (Route::Retry(project, id), parameters.of_retry()),
            Step::Cancel { force } => (
                Route::Cancel(project, id),
                force.then(|| serde_json::json!({"force": true})),
            ),
            Step::Erase => (Route::Erase(project, id), None),
        };
        let body = body.as_ref().map_or(Body::None, Body::Json);
        self.session.gitlab.post(&route, &body).map(|_| ())
    }

    /// After a write: looks until it is plain whether it was done. `lost`: no good answer came.
    fn confirm(
        &mut self,
        turns: &mut Turns,
        index: usize,
        step: Step,
        before: &Job,
        lost: Option<&Error>,
    ) -> Result<(), End> {
        if let Some(error) = lost {
            if let Kind::Interrupted { signal, .. } = error.kind {
                self.fate(index, unknown(step, error));
                return Err(End::Halt(Halt::Signal(signal)));
            }
            let error = format!("{error}; looking whether it was done");
            self.session.talk.warning(&error);
        }
        // Until a look tells, nobody knows.
        let why = lost.map_or_else(|| doubt(step), |error| unknown(step, error));
        self.fate(index, why);
        let (mut undone, mut looks) = (0, 0);
        loop {
            self.look(turns)?;
            looks += 1;
            let after = self.newest(index).cloned();
            let confirmation = confirm(step, before, after.as_ref());
            match confirmation {
                Confirmation::Confirmed(id) => {
                    let answer_lost = lost.is_some();
                    let did = Fate::Did {
                        step,
                        job: id,
                        answer_lost,
                    };
                    self.done(index, did, after);
                    return Ok(());
                }
                Confirmation::NotDone { repeat, .. } if lost.is_some() => {
                    undone = if repeat { undone + 1 } else { UNDONE };
                    if undone >= UNDONE {
                        self.fate(index, Fate::Open(String::new()));
                        return Ok(());
                    }
                }
                Confirmation::NotDone { why, repeat: false } if ended(step, after.as_ref()) => {
                    let hint = "there is nothing left to cancel".into();
                    self.fate(index, Fate::Refused { why, hint });
                    return Ok(());
                }
                Confirmation::NotDone { why, .. } if looks >= CONFIRM => {
                    let why = format!("GitLab accepted it, but {why}");
                    self.fate(index, Fate::Unknown(why));
                    return Ok(());
                }
                Confirmation::Unknown(why) if looks >= CONFIRM => {
                    self.fate(index, Fate::Unknown(why));
                    return Ok(());
                }
                Confirmation::NotDone { .. } | Confirmation::Unknown(_) => {}
            }
            turns.pause_short()?;
        }
    }

    /// GitLab says that the job's status forbids it: somebody else may have done it meanwhile.
    fn explain(
        &mut self,
        turns: &mut Turns,
        index: usize,
        step: Step,
        error: &Error,
    ) -> Result<(), End> {
        self.look(turns)?;
        if let Some(target) = self.targets.get_mut(index) {
            target.unplayable |= step == Step::Play;
        }
        match self.next(index) {
            Some(Plan::DoneAlready(_) | Plan::NotYet(_)) => {}
            _ => self.fate(index, Fate::Failed(error.clone().stop())),
        }
        Ok(())
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

    fn fate(&mut self, index: usize, fate: Fate) {
        if let Some(target) = self.targets.get_mut(index) {
            target.fate = fate;
        }
    }

    fn done(&mut self, index: usize, fate: Fate, after: Option<Job>) {
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

/// The job ended before it could be canceled.
fn ended(step: Step, after: Option<&Job>) -> bool {
    let success = after.is_some_and(|job| job.status == Status::Success);
    success && matches!(step, Step::Cancel { .. })
}

fn unknown(step: Step, error: &Error) -> Fate {
    Fate::Unknown(format!("{}: {error}", doubt(step).why()))
}

fn doubt(step: Step) -> Fate {
    let what = match step {
        Step::Play => "play",
        Step::Retry => "retry",
        Step::Cancel { .. } => "cancel",
        Step::Erase => "erase",
    };
    Fate::Unknown(format!(
        "{what} was sent, and whether it was done is not known"
    ))
}
