//! The one loop of all waiting: look, decide, sleep at the pace of the wait, and end in time.

use std::time::Duration;

use crate::decide::deadline::{Bound, JobTime};
use crate::decide::pace::{Interval, Pace};
use crate::exit::{Exit, Signal, Stop};
use crate::gitlab::{Error, Facts, Kind, Route, TokenKind};
use crate::report::events::{Event, Missing};
use crate::report::wait as report;
use crate::session::{Me, Patience, Session};
use crate::time::Timestamp;

/// How long GitLab may give no good answer to a wait.
const OUTAGE: Duration = Duration::from_mins(5);
/// The last look begins at the deadline and may take this long.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// How long to wait and how to look meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The wish; the job's own time limit bounds it. Zero: look once.
    pub timeout: Option<Duration>,
    pub interval: Interval,
    /// How long GitLab may give no good answer; without a wish five minutes.
    pub outage: Option<Duration>,
}

impl Limits {
    /// Looks once instead of waiting.
    pub fn once(&self) -> bool {
        self.timeout == Some(Duration::ZERO)
    }
}

/// What ends a wait, whatever is waited for.
#[derive(Debug)]
pub enum Halt {
    /// The program was asked to end.
    Signal(Signal),
    /// The time is over.
    Timeout,
    /// GitLab's refusal, or its silence for longer than the budget.
    Error(Box<Error>),
    /// The wait makes no sense: its words say why.
    Stop(Box<Stop>),
}

impl Halt {
    pub fn exit(&self) -> Exit {
        match self {
            Self::Signal(signal) => Exit::Signal(*signal),
            Self::Timeout => Exit::Timeout,
            Self::Error(error) => error.exit(),
            Self::Stop(stop) => stop.exit,
        }
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        match error.kind {
            Kind::Interrupted { signal, .. } => Self::Signal(signal),
            Kind::Deadline => Self::Timeout,
            _ => Self::Error(Box::new(error)),
        }
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(Box::new(stop))
    }
}

/// What a look has led to.
#[derive(Debug)]
pub enum Look<T> {
    Done(T),
    /// Look again.
    Again {
        /// After this long it is worth it, whatever the pace says.
        wake: Option<Duration>,
        /// As soon as the pace allows.
        soon: bool,
    },
}

impl<T> Look<T> {
    /// At the pace of the wait.
    pub fn again() -> Self {
        Self::Again {
            wake: None,
            soon: false,
        }
    }
}

/// The looks of one call: their end and their pace.
pub struct Turns<'t> {
    session: &'t Session<'t>,
    pace: Pace,
    /// Pages read by this look.
    pages: usize,
    bound: Bound,
    began: Duration,
    /// By the monotonic clock.
    end: Duration,
    /// The last look may go on until then.
    last: Duration,
    /// When the last look was complete.
    seen: Option<Duration>,
}

impl<'t> Turns<'t> {
    /// Begins the wait by asking which job this is, with the wait's own patience. `alone`: the command line names project and pipeline,
    /// so that an access token suffices; without a job there is no time limit of its own.
    pub fn open(
        session: &'t Session<'t>,
        limits: Limits,
        alone: bool,
    ) -> Result<(Self, Option<Me>), Stop> {
        if !alone {
            let (turns, me) = Self::ask_job(session, limits)?;
            return Ok((turns, Some(me)));
        }
        let known = if session.gitlab.has(TokenKind::Job) {
            Self::ask_job(session, limits).map(Some)
        } else {
            Ok(None)
        };
        match known {
            Ok(Some((turns, me))) => Ok((turns, Some(me))),
            Err(stop) if stop.exit != Exit::Refused => Err(stop),
            Ok(None) | Err(_) => Ok((Self::begin(session, JobTime::default(), limits), None)),
        }
    }

    fn ask_job(session: &'t Session<'t>, limits: Limits) -> Result<(Self, Me), Stop> {
        // For the time being as if the job had just begun.
        let now = Some(session.host.clock.wall());
        let time = JobTime {
            started: now,
            now,
            ..session.job_time()
        };
        let mut turns = Self::new(session, limits);
        turns.limit(time, limits);
        let me = session.ask(|| session.me_of(&session.gitlab.get(&Route::CurrentJob, &[])?));
        let me = me.map_err(|error| turns.stop(&error.into()))?;
        turns.limit(me.time(session), limits);
        turns.warn();
        Ok((turns, me))
    }

    /// Begins the wait where the job's time is known.
    fn begin(session: &'t Session<'t>, time: JobTime, limits: Limits) -> Self {
        let mut turns = Self::new(session, limits);
        turns.limit(time, limits);
        turns.warn();
        turns
    }

    fn new(session: &'t Session<'t>, limits: Limits) -> Self {
        let began = session.now();
        Self {
            session,
            pace: Pace::new(limits.interval, session.host.seed),
            pages: 0,
            bound: Bound::Free(Duration::ZERO),
            began,
            end: began,
            last: began,
            seen: None,
        }
    }

    fn limit(&mut self, time: JobTime, limits: Limits) {
        let now = self.now();
        let gone = now.saturating_sub(self.began);
        // Looking once takes what it takes, though not beyond the job's own end.
        let wish = limits.timeout.filter(|_| !limits.once());
        self.bound = time.bound(wish.map(|wish| wish.saturating_sub(gone)));
        self.end = now.saturating_add(self.bound.duration());
        let quick = self.session.host.limits.outage;
        self.session.asking.wait_with(Patience {
            outage: limits
                .outage
                .unwrap_or(if limits.once() { quick } else { OUTAGE }),
            limits: limits.once().then_some(quick),
            end: Some(self.end),
        });
        let job = now.saturating_add(time.left().unwrap_or(Duration::MAX));
        self.last = self.end.saturating_add(LAST_LOOK).min(job);
        self.session.gitlab.set_deadline(Some(self.end));
    }

    fn warn(&self) {
        if let Bound::Cut { wish, left } = self.bound {
            self.session.talk.warning(&report::shortened(wish, left));
        }
    }

    /// Asks until there is an answer.
    pub fn ask<T>(&mut self, ask: &mut dyn FnMut() -> Result<T, Error>) -> Result<T, Halt> {
        Ok(self.session.ask(ask)?)
    }

    /// Looks until it is done, and sleeps in between. The last look begins when the time is over.
    pub fn until<T>(
        &mut self,
        look: &mut dyn FnMut(&mut Self) -> Result<Look<T>, Halt>,
    ) -> Result<T, Halt> {
        loop {
            let before = self.left();
            match look(self) {
                Ok(Look::Done(done)) => return Ok(done),
                Ok(Look::Again { soon: true, .. }) => self.pause_short()?,
                Ok(Look::Again { wake, .. }) => self.pause(wake)?,
                // The time ran out in the middle of a look.
                Err(Halt::Timeout) if !before.is_zero() && self.left().is_zero() => {
                    self.begin_last_look();
                }
                Err(halt) => return Err(halt),
            }
        }
    }

    /// This look has read so many pages, the last with these headers.
    pub fn answered(&mut self, pages: usize, facts: &Facts) {
        self.pages += pages;
        self.pace.looked(self.pages, facts.scarce());
    }

    /// Sleeps until the next look, or until `wake` if that comes before.
    pub fn pause(&mut self, wake: Option<Duration>) -> Result<(), Halt> {
        self.seen = Some(self.now());
        self.pages = 0;
        let left = self.left();
        if left.is_zero() {
            return Err(Halt::Timeout);
        }
        let pace = self.pace.sleep();
        let delay = wake.map_or(pace, |wake| pace.min(wake));
        let slept = self.session.asking.sleep(delay.min(left));
        slept.map_err(Halt::Signal)?;
        if self.left().is_zero() {
            self.begin_last_look();
        }
        Ok(())
    }

    fn begin_last_look(&mut self) {
        self.pages = 0;
        self.session.gitlab.set_deadline(Some(self.last));
    }

    /// Sleeps as short as the interval allows.
    pub fn pause_short(&mut self) -> Result<(), Halt> {
        self.pace.changed();
        self.pause(None)
    }

    /// Something has changed and was said: looks are worth more, and the heartbeat can wait.
    pub fn changed(&mut self) {
        self.pace.changed();
        self.session.asking.talked();
    }

    /// What the heartbeat names until further notice.
    pub fn missing(&mut self, missing: Vec<Missing>) {
        self.session.asking.missing(missing);
    }

    pub fn session(&self) -> &'t Session<'t> {
        self.session
    }

    pub fn write(&self, event: &Event) {
        self.session.events.write(event);
    }

    /// By the monotonic clock.
    pub fn now(&self) -> Duration {
        self.session.now()
    }

    /// Time left to wait.
    pub fn left(&self) -> Duration {
        self.end.saturating_sub(self.now())
    }

    /// The end by this machine's time of day.
    pub fn ends(&self) -> Timestamp {
        self.session.host.clock.wall().plus(self.left())
    }

    /// The words for the end.
    pub fn stop(&self, halt: &Halt) -> Stop {
        let now = self.now();
        let trouble = self.session.asking.trouble();
        match halt {
            Halt::Signal(signal) => report::signaled(halt.exit(), signal.name()),
            Halt::Stop(stop) => (**stop).clone(),
            Halt::Timeout => {
                let waited = now.saturating_sub(self.began);
                let age = self.seen.map(|seen| now.saturating_sub(seen));
                let trouble = trouble.map(|(_, error)| error);
                report::timeout(self.bound, waited, age, trouble)
            }
            Halt::Error(error) => match trouble {
                Some((since, _)) if error.transient() && !error.limited() => {
                    report::silence(now.saturating_sub(since), error.stop())
                }
                _ => error.stop(),
            },
        }
    }
}
