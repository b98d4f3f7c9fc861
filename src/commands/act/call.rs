//! The one course of every action: gate, plan, print the plan, wait until it can be done, gate again, send, look, report.

use std::cell::RefCell;
use std::time::Duration;

use super::options::{OnCancel, Options};
use crate::commands::gating;
use crate::commands::waiting::{Ended, Halt, LISTS, Turns, Wait, wait_for};
use crate::decide::deadline::JobTime;
use crate::decide::select::Selection;
use crate::decide::verdict::Outcome;
use crate::exit::{Exit, Stop};
use crate::find::Finder;
use crate::gitlab::{Error, Kind, TokenKind};
use crate::host::Host;
use crate::model::{JobId, Place};
use crate::report::act::Document;
use crate::report::events::Teller;
use crate::report::{Format, Out, Talk, gate};
use crate::session::{self, Common, Me, Session};

/// One answer of the gate counts for the writes that go out within this time.
const GATE_HOLDS: Duration = Duration::from_secs(2);

/// What an action is about: jobs, or a new pipeline.
pub trait Action {
    /// Project and pipeline are both on the command line: no job token is needed.
    fn placed(&self) -> bool {
        false
    }

    /// `cancel` and `erase` clean up: they go on although the calling job is being canceled.
    fn cleans_up(&self) -> bool {
        false
    }

    /// What is missing before anything can be done: a token, a server that is new enough.
    fn ready(&mut self, call: &Call) -> Result<(), Stop>;

    /// Finds what is meant and prints the plan; sends nothing.
    fn plan(&mut self, call: &mut Call) -> Result<(), End>;

    /// Waits until it can be done, sends, and looks until it is clear what that did.
    fn send(&mut self, call: &mut Call) -> Result<(), End>;

    /// What `--wait` goes on with; `None` if nothing was started.
    fn goal(&self) -> Option<Goal<'_>>;

    /// Takes over what the waiting has seen last.
    fn waited(&mut self, outcome: &Outcome);

    /// The exit codes of everything that was meant; `open` is that of what is still open.
    fn exits(&self, call: &Call, open: Exit) -> Vec<Exit>;

    /// The calling job ends before what was started.
    fn leave(&self, on_cancel: OnCancel);

    fn document(&self, exit: Exit, waited: Option<&Ended>) -> Document;
}

/// The jobs to wait for.
pub struct Goal<'g> {
    pub place: &'g Place,
    pub selection: Selection,
    pub known: Vec<(String, JobId)>,
}

/// Why an action ended before everything was settled.
#[derive(Debug)]
pub enum End {
    Stop(Stop),
    /// A condition does not hold, or could not be checked.
    Closed(Exit),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// One call of an action.
pub struct Call<'c, 'o> {
    pub session: &'c Session<'c>,
    pub options: &'c Options,
    pub turns: Turns<'c>,
    pub gate: Gate<'c>,
    out: &'c RefCell<Out<'o>>,
}

/// The conditions, and the job for which they are judged.
pub struct Gate<'c> {
    session: &'c Session<'c>,
    options: &'c Options,
    /// `None`: there is no job token to ask with.
    pub me: Option<Me>,
    cleans_up: bool,
    /// When they were last found to hold, by the monotonic clock.
    held: Option<Duration>,
}

/// Opens the session for an action, which `begin` makes and hands to its second argument, and delivers its document.
pub fn run(
    host: &Host,
    options: &Options,
    begin: impl FnOnce(&Session, &dyn Fn(&mut dyn Action) -> Exit) -> Exit,
) -> anyhow::Result<Exit> {
    let out = RefCell::new(Out::open(host, options.file.as_deref(), false)?);
    let exit = session::with(&options.common, host, |session| {
        let act = |action: &mut dyn Action| act(session, options, &out, action);
        Ok(begin(session, &act))
    })?;
    finish(host, &options.common, out.into_inner(), exit)
}

/// Delivers the answer. That it could not be delivered never hides a worse end.
pub fn finish(host: &Host, common: &Common, out: Out, exit: Exit) -> anyhow::Result<Exit> {
    let Err(stop) = out.finish() else {
        return Ok(exit);
    };
    Talk::new(host, common.color, common.quiet).stop(&stop);
    Ok(Exit::of_all([exit, stop.exit]))
}

fn act(session: &Session, options: &Options, out: &RefCell<Out>, action: &mut dyn Action) -> Exit {
    let teller = Teller::new(session, None);
    let (exit, waited) = match open(session, options, &teller, action) {
        Ok((turns, me)) => {
            let gate = Gate {
                session,
                options,
                me,
                cleans_up: action.cleans_up(),
                held: None,
            };
            Call {
                session,
                options,
                turns,
                gate,
                out,
            }
            .run(action)
        }
        Err(stop) => {
            session.talk.stop(&stop);
            (stop.exit, None)
        }
    };
    let document = action.document(exit, waited.as_ref());
    match write(&document, options, session, out) {
        Ok(()) => exit,
        Err(stop) => {
            session.talk.stop(&stop);
            Exit::of_all([exit, stop.exit])
        }
    }
}

/// Begins by asking which job this is, unless an access token and the command line suffice.
fn open<'c>(
    session: &'c Session<'c>,
    options: &Options,
    teller: &'c Teller<'c>,
    action: &dyn Action,
) -> Result<(Turns<'c>, Option<Me>), Stop> {
    let alone = action.placed() && options.gating.is_empty();
    let without_job = || Turns::begin(session, teller, JobTime::default(), options.limits);
    if alone && !session.gitlab.has(TokenKind::Job) {
        return Ok((without_job(), None));
    }
    match Turns::open(session, teller, options.limits) {
        Ok((turns, me)) => Ok((turns, Some(me))),
        Err(stop) if alone && stop.exit == Exit::Refused => Ok((without_job(), None)),
        Err(stop) => Err(stop),
    }
}

fn write(
    document: &Document,
    options: &Options,
    session: &Session,
    out: &RefCell<Out>,
) -> Result<(), Stop> {
    let mut out = out.borrow_mut();
    match (options.format, &document.table) {
        (Format::Json, _) => out.text(&document.json),
        (Format::Dotenv, _) => out.text(&document.dotenv.text()?),
        (_, Some(table)) => out.table(table, session.color),
        (_, None) => {}
    }
    Ok(())
}

impl Call<'_, '_> {
    fn run(mut self, action: &mut dyn Action) -> (Exit, Option<Ended>) {
        let mut exits = Vec::new();
        let mut open = Exit::Pending;
        if let Err(end) = self.steps(action) {
            open = match end {
                End::Stop(stop) => {
                    self.session.talk.stop(&stop);
                    stop.exit
                }
                End::Closed(exit) => exit,
            };
            exits.push(open);
        }
        let waited = if exits.is_empty() {
            self.wait(action)
        } else {
            None
        };
        if let Some(ended) = &waited {
            action.waited(&ended.outcome);
            open = ended.outcome.exit;
            exits.push(open);
        }
        if matches!(open, Exit::Signal(_) | Exit::Timeout) {
            action.leave(self.options.on_cancel);
        }
        exits.extend(action.exits(&self, open));
        (Exit::of_all(exits), waited)
    }

    fn steps(&mut self, action: &mut dyn Action) -> Result<(), End> {
        if let Some(me) = &self.gate.me {
            gating::trust(self.session, me)?;
        }
        action.ready(self)?;
        self.gate.first()?;
        action.plan(self)?;
        if self.options.dry_run {
            return Ok(());
        }
        action.send(self)
    }

    /// Goes on with everything that was started.
    fn wait(&mut self, action: &dyn Action) -> Option<Ended> {
        if !self.options.wait || self.options.dry_run {
            return None;
        }
        let goal = action.goal()?;
        let wait = Wait {
            place: goal.place,
            downstream: &[],
            selection: &goal.selection,
            lists: LISTS,
            known: goal.known,
            rules: &self.options.rules,
            me: self.gate.me.as_ref(),
        };
        let ended = wait_for(&mut self.turns, &Finder::new(self.session.gitlab), &wait);
        if let Some(stop) = &ended.stop {
            self.session.talk.stop(stop);
        }
        Some(ended)
    }

    /// Asks until there is an answer.
    pub fn ask<T>(&mut self, ask: &mut dyn FnMut() -> Result<T, Error>) -> Result<T, End> {
        self.turns.ask(ask).map_err(|halt| self.end(&halt))
    }

    pub fn end(&self, halt: &Halt) -> End {
        End::Stop(self.turns.stop(halt))
    }

    /// Puts the ids in place as soon as something was started, so that `after_script` can clean up even after a kill.
    pub fn interim(&self, document: &Document) {
        if self.options.file.is_some() {
            let _ = write(document, self.options, self.session, self.out);
            self.out.borrow_mut().place();
        }
    }
}

impl Gate<'_> {
    /// The conditions at the start, to fail early.
    fn first(&self) -> Result<(), End> {
        match &self.me {
            Some(me) => self.pass(me),
            None => Ok(()),
        }
    }

    fn pass(&self, me: &Me) -> Result<(), End> {
        if !self.cleans_up {
            gating::alive(me)?;
        }
        let Some(judgement) = self.options.gating.closed(self.session, me)? else {
            return Ok(());
        };
        self.session.talk.line(&gate::summary(&judgement));
        Err(End::Closed(judgement.exit()))
    }

    /// The next write needs a fresh answer.
    pub fn expire(&mut self) {
        self.held = None;
    }

    /// Directly before a write: the same job must still be the caller, and the conditions must hold by fresh evidence.
    pub fn again(&mut self) -> Result<(), End> {
        let now = self.session.host.clock.monotonic();
        let holds = |held: Duration| now.saturating_sub(held) < GATE_HOLDS;
        let Some(before) = &self.me else {
            return Ok(());
        };
        if self.held.is_some_and(holds) {
            return Ok(());
        }
        self.pass(&gating::same(self.session, before)?)?;
        self.held = Some(self.session.host.clock.monotonic());
        Ok(())
    }
}

/// What became of one request.
pub enum Sent<T> {
    Accepted(T),
    /// Bytes had left, and no good answer came: it may have been done.
    Lost(Error),
    /// GitLab refused it; nothing was done.
    Refused(Error),
    /// It was not sent: by now the plan is another one.
    Changed,
}

/// One try to send.
pub enum Attempt<T> {
    Answer(Result<T, Box<Error>>),
    Changed,
    End(End),
}

/// Sends once. What proves that nothing was done (429, no connection, a first 401) is waited out and begun again. `attempt` gets whether
/// this is a repeat: then it looks at the target before it sends.
pub fn send_once<T>(
    turns: &mut Turns,
    attempt: &mut dyn FnMut(bool) -> Result<Attempt<T>, Error>,
) -> Result<Sent<T>, End> {
    let mut repeat = false;
    let mut ended = None;
    let sent = turns.ask(&mut || {
        let error = match attempt(std::mem::replace(&mut repeat, true))? {
            Attempt::Answer(Ok(answer)) => return Ok(Sent::Accepted(answer)),
            Attempt::Answer(Err(error)) => *error,
            Attempt::Changed => return Ok(Sent::Changed),
            Attempt::End(end) => {
                ended = Some(end);
                return Ok(Sent::Changed);
            }
        };
        match error.kind {
            Kind::Unreachable | Kind::Limited { .. } | Kind::Unauthorized | Kind::Deadline => {
                Err(error)
            }
            Kind::Interrupted { sent: false, .. } => Err(error),
            // GitLab may have committed before it failed to get the lock.
            Kind::Locked => Ok(Sent::Lost(error)),
            _ if error.nothing_done() => Ok(Sent::Refused(error)),
            _ => Ok(Sent::Lost(error)),
        }
    });
    if let Some(end) = ended {
        return Err(end);
    }
    match sent {
        Ok(sent) => Ok(sent),
        Err(Halt::Error(error)) if error.kind == Kind::Unauthorized => Ok(Sent::Refused(*error)),
        Err(halt) => Err(End::Stop(turns.stop(&halt))),
    }
}
