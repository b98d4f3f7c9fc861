//! One request of an action: sent once, behind the gate, and looked after until it is plain what it did.

use super::work::{End, Work};
use crate::commands::waiting::{Halt, Turns};
use crate::decide::action::confirm::{Confirmation, confirm};
use crate::decide::action::{Fate, Plan, Step};
use crate::decide::gate::Judgement;
use crate::exit::{Exit, Stop};
use crate::gitlab::{Body, Error, Kind, Route};
use crate::model::{Job, JobId, Status};

/// What became of one try to send.
pub(super) enum Sent {
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
/// So many requests without an answer are enough, although looks show that none has done anything.
const TRIES: u32 = 5;

impl Work<'_, '_> {
    /// Sends once. What proves that nothing was done is waited out and begun again, from the look on.
    pub(super) fn send(
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
    pub(super) fn confirm(
        &mut self,
        turns: &mut Turns,
        index: usize,
        step: Step,
        before: &Job,
        lost: Option<&Error>,
    ) -> Result<(), End> {
        self.doubt(index, step, lost)?;
        (self.started)(self.aim.place(), &self.targets);
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
                // It may have been done to the attempt before: none is asked in its place.
                Confirmation::NotDone { why, .. }
                    if lost.is_some() && replaced(before, after.as_ref()) =>
                {
                    let unknown = doubt(step);
                    let fate = Fate::Unknown(format!("{}: by now {why}", unknown.why()));
                    self.fate(index, fate);
                    return Ok(());
                }
                Confirmation::NotDone { repeat, .. } if lost.is_some() => {
                    undone = if repeat { undone + 1 } else { UNDONE };
                    if undone >= UNDONE {
                        self.undone(index, step);
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

    /// A request without an answer has done nothing: it may be sent again, though not for ever.
    fn undone(&mut self, index: usize, step: Step) {
        let Some(target) = self.targets.get_mut(index) else {
            return;
        };
        target.lost += 1;
        target.fate = if target.lost < TRIES {
            Fate::Open(String::new())
        } else {
            let what = doubt(step);
            Fate::Unknown(format!("{}: no answer to {TRIES} requests", what.why()))
        };
    }

    /// Until a look tells, nobody knows.
    fn doubt(&mut self, index: usize, step: Step, lost: Option<&Error>) -> Result<(), End> {
        let Some(error) = lost else {
            self.fate(index, doubt(step));
            return Ok(());
        };
        self.fate(index, unknown(step, error));
        if let Kind::Interrupted { signal, .. } = error.kind {
            return Err(End::Halt(Halt::Signal(signal)));
        }
        let error = format!("{error}; looking whether it was done");
        self.session.talk.warning(&error);
        Ok(())
    }

    /// GitLab says that the job's status forbids it: somebody else may have done it meanwhile.
    pub(super) fn explain(
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
}

/// A newer attempt has taken the job's place.
fn replaced(before: &Job, after: Option<&Job>) -> bool {
    after.is_some_and(|after| after.id > before.id)
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
