//! The one course of every action: gate, plan, print the plan, wait until it can be done, gate again, send, look, report.

use std::cell::RefCell;
use std::time::Duration;

use super::options::{Options, Until};
use crate::commands::gating;
use crate::commands::wait_jobs::{Ended, wait_for, watch};
use crate::commands::wait_loop::Turns;
use crate::decide::select::{Operand, Selection};
use crate::decide::wait::Outcome;
use crate::exit::{Exit, Stop};
use crate::gitlab::{Error, Kind};
use crate::model::{JobId, Place};
use crate::report::act::Ending;
use crate::report::{Format, Out, Talk, wait};
use crate::session::{Me, Session};

/// One answer of the gate counts for the writes that go out within this time.
const GATE_HOLDS: Duration = Duration::from_secs(2);

/// What an action is about: jobs, or a new pipeline.
pub trait Action {
    /// What is missing before anything can be done: a token, a server that is new enough.
    fn ready(&mut self, call: &Call) -> Result<(), Stop>;

    /// Finds what is meant and prints the plan; sends nothing.
    fn plan(&mut self, call: &mut Call) -> Result<(), Stop>;

    /// Waits until it can be done, sends, and looks until it is clear what that did.
    fn send(&mut self, call: &mut Call) -> Result<(), Stop>;

    /// What `--wait` goes on with; `None` if nothing was started.
    fn goal(&self) -> Option<Goal<'_>>;

    /// Takes over what the waiting has seen last.
    fn waited(&mut self, _: &Outcome) {}

    /// Explains what has failed. The exit codes of everything that was meant; `open` is that of what is still open.
    fn exits(&self, _: &Call, _: Exit) -> Vec<Exit> {
        Vec::new()
    }

    /// The calling job ends before what was started.
    fn leave(&self, cancel: bool);

    fn ending<'e>(&'e self, exit: Exit, waited: Option<&'e Outcome>) -> Ending<'e>;
}

/// The jobs to wait for, by name, each with the attempt that is known; without a list all jobs of the pipeline.
pub type Goal<'g> = (&'g Place, Option<Vec<(String, JobId)>>);

/// One call of an action.
pub struct Call<'c, 'o> {
    pub session: &'c Session<'c>,
    pub options: &'c Options,
    pub turns: Turns<'c>,
    /// The calling job; `None` where there is no job token to ask with.
    pub me: Option<Me>,
    /// When the conditions were last found to hold, by the monotonic clock.
    held: Option<Duration>,
    /// They do not hold any more, or could not be checked: nothing more is sent.
    pub closed: bool,
    out: &'c RefCell<Out<'o>>,
}

/// How it ended, the delivery of the answer included: that it could not be delivered never hides a worse end.
pub fn with_delivery(talk: &Talk, exit: Exit, delivered: Result<(), Stop>) -> Exit {
    let Err(stop) = delivered else {
        return exit;
    };
    talk.stop(&stop);
    Exit::of_all([exit, stop.exit])
}

/// The whole course of an action, and the delivery of its document.
pub fn act(session: &Session, options: &Options, action: &mut dyn Action) -> Result<Exit, Stop> {
    let file = options.printing.file.as_deref();
    let out = RefCell::new(Out::open(session.host, file, false)?);
    let (exit, waited, stop) = if let Some(why) = &options.nothing {
        session.talk.warning(why);
        (Exit::Ok, None, None)
    } else {
        // An access token and the command line suffice where nothing is asked about the calling job.
        let alone = options.placed && options.gating.is_empty();
        match Turns::open(session, options.patience.limits, alone) {
            Ok((turns, me)) => {
                let call = Call {
                    session,
                    options,
                    turns,
                    me,
                    held: None,
                    closed: false,
                    out: &out,
                };
                call.run(action)
            }
            Err(stop) => (stop.exit, None, Some(stop)),
        }
    };
    let outcome = waited.as_ref().map(|ended| &ended.outcome);
    let ending = action.ending(exit, outcome);
    let written = write(&ending, options, &out);
    if let Some(ended) = &waited {
        options.show_failed(session, ended, &out);
    }
    // The sentence that says how it ended is the last one in the job's log.
    out.borrow_mut().flush();
    if let Some(stop) = stop.or_else(|| ending.stop()) {
        session.talk.stop(&stop);
    }
    if let Some(ended) = &waited {
        wait::end(&ended.outcome, ended.stop.as_ref(), session.talk);
    }
    let delivered = written.and_then(|()| out.borrow_mut().finish());
    Ok(with_delivery(session.talk, exit, delivered))
}

fn write(ending: &Ending, options: &Options, out: &RefCell<Out>) -> Result<(), Stop> {
    let mut out = out.borrow_mut();
    match options.printing.format {
        Format::Json => out.text(&ending.json()),
        Format::Dotenv => out.text(&ending.dotenv().text()?),
        _ => ending.print(&mut out, options.printing.common.color),
    }
    Ok(())
}

impl Call<'_, '_> {
    /// Every step of it: the exit code, what the waiting has shown, and what ended the steps early.
    fn run(mut self, action: &mut dyn Action) -> (Exit, Option<Ended>, Option<Stop>) {
        let stop = self.steps(action).err();
        let waited = stop.is_none().then(|| self.wait(action)).flatten();
        let ended = waited.as_ref().map(|ended| ended.outcome.exit);
        let open = stop.as_ref().map(|stop| stop.exit).or(ended);
        if let Some(Ended { outcome, .. }) = &waited {
            action.waited(outcome);
        }
        if matches!(open, Some(Exit::Signal(_) | Exit::Timeout)) || self.turns.ended.get() {
            action.leave(self.options.cancels);
        }
        let mut exits = action.exits(&self, open.unwrap_or(Exit::Pending));
        exits.extend(open);
        (Exit::of_all(exits), waited, stop)
    }

    fn steps(&mut self, action: &mut dyn Action) -> Result<(), Stop> {
        match &self.me {
            Some(me) => gating::trust(self.session, me)?,
            None => gating::name_server(self.session),
        }
        action.ready(self)?;
        if let Some(me) = &self.me {
            if !self.options.cleans_up {
                self.turns.end_with(me)?;
            }
            pass(self.options, &mut self.turns, me)?;
        }
        action.plan(self)?;
        if self.options.until == Until::Planned {
            return Ok(());
        }
        action.send(self)
    }

    /// Goes on with everything that was started.
    fn wait(&mut self, action: &dyn Action) -> Option<Ended> {
        let (place, known) = action.goal()?;
        let names = known.iter().flatten().map(|(name, _)| Operand::name(name));
        let selection = Selection {
            operands: names.collect(),
            all: known.is_none(),
            ..Selection::default()
        };
        if self.options.until != Until::Finished {
            return None;
        }
        let rules = &self.options.patience.rules;
        let watch = watch(place, &[], &selection, rules, self.me.as_ref());
        let watch = watch.knowing(known.unwrap_or_default());
        Some(wait_for(&mut self.turns, place, watch, &mut |_, _, _| {
            Ok(())
        }))
    }

    /// Directly before a write: the same job must still be the caller, and the conditions must hold by fresh evidence. `repeat`: an
    /// earlier answer does not count.
    fn pass_again(&mut self, repeat: bool) -> Result<(), Stop> {
        let holds = |held: Duration| self.session.now().saturating_sub(held) < GATE_HOLDS;
        let Some(before) = &self.me else {
            return Ok(());
        };
        if !repeat && self.held.is_some_and(holds) {
            return Ok(());
        }
        let same = gating::same(&self.turns, before);
        let passed = same.and_then(|me| pass(self.options, &mut self.turns, &me));
        self.closed = matches!(&passed, Err(stop) if !matches!(stop.exit, Exit::Signal(_)));
        self.held = Some(self.session.now());
        passed
    }

    /// Sends once. What proves that nothing was done (429, no connection) is waited out and begun again. `look` looks at the
    /// target before a repeat and says whether the request is still wanted, or that there is nothing to look at any more; then the gate is asked, and `post` sends.
    pub fn send_once<A, T>(
        &mut self,
        action: &mut A,
        look: &mut dyn FnMut(&mut A) -> Looked<bool>,
        post: &mut dyn FnMut(&mut A) -> Result<T, Error>,
    ) -> Result<Sent<T>, Stop> {
        let mut repeat = false;
        let sent = self.session.ask(|| {
            match if repeat { look(action)? } else { Ok(true) } {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(Sent::Changed)),
                Err(stop) => return Ok(Err(stop)),
            }
            if let Err(stop) = self.pass_again(repeat) {
                return Ok(Err(stop));
            }
            repeat = true;
            post(action)
                .map_or_else(classify, |answer| Ok(Sent::Accepted(answer)))
                .map(Ok)
        });
        sent.map_err(|error| self.turns.stop(&error))?
    }

    /// Puts the ids in place as soon as something was started, so that `after_script` can clean up even after a kill.
    pub fn interim(&self, ending: &Ending) {
        if self.options.printing.file.is_some() {
            let _ = write(ending, self.options, self.out);
            self.out.borrow_mut().place();
        }
    }
}

/// The calling job may go on: it is not being canceled, and the conditions hold.
pub fn pass(options: &Options, turns: &mut Turns, me: &Me) -> Result<(), Stop> {
    // A job that is being canceled starts nothing any more, as after SIGTERM. What cleans up goes on.
    if !options.cleans_up {
        me.alive()?;
    }
    options.gating.pass(turns, me)
}

/// A look that did not fail: what it shows, or that there is nothing to look at any more.
pub type Looked<T> = Result<Result<T, Stop>, Error>;

/// What became of one request.
pub enum Sent<T> {
    Accepted(T),
    /// Bytes had left, and no good answer came: it may have been done.
    Lost(Error),
    /// GitLab refused it; nothing was done.
    Refused(Error),
    /// Nothing was sent: by now the plan is another one.
    Changed,
}

/// `Err` for what proves that nothing was done and may be different the next time.
fn classify<T>(error: Error) -> Result<Sent<T>, Error> {
    match error.kind {
        Kind::Unreachable | Kind::Limited { .. } | Kind::Deadline => Err(error),
        Kind::Interrupted { sent: false, .. } => Err(error),
        _ if error.nothing_done() => Ok(Sent::Refused(error)),
        // A resource lock, too: GitLab may have committed before it failed to get it.
        _ => Ok(Sent::Lost(error)),
    }
}
