//! The looks of all waiting: ask, sleep at the pace of the wait, and end in time.

use std::cell::Cell;
use std::time::Duration;

use crate::decide::deadline::{Bound, JobTime};
use crate::decide::pace::{Interval, Pace};
use crate::exit::{Exit, Stop};
use crate::gitlab::{Error, Kind, Route, TokenKind};
use crate::model::{JobId, Place};
use crate::pipeline::Rows;
use crate::report::events::Event;
use crate::report::wait as report;
use crate::session::{Me, Session};

/// How long GitLab may give no good answer to a wait.
const OUTAGE: Duration = Duration::from_mins(5);
/// A calling job whose row is not in the lists that are read is asked for this often.
const CALLER: Duration = Duration::from_mins(1);
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

/// The looks of one call.
pub struct Turns<'t> {
    pub session: &'t Session<'t>,
    pace: Pace,
    /// Pages read by this look.
    pages: usize,
    bound: Bound,
    /// By the monotonic clock, as are the next ones.
    began: Duration,
    end: Duration,
    /// The last look may go on until then.
    last: Duration,
    /// One look decides.
    once: bool,
    /// When the last look was complete.
    seen: Option<Duration>,
    /// The calling job, if its end ends the wait, and when it was last seen alive.
    caller: Option<(JobId, Duration)>,
    /// GitLab no longer accepts the job token: the calling job has ended during this call.
    pub ended: Cell<bool>,
}

impl<'t> Turns<'t> {
    /// Begins the wait by asking which job this is, with the wait's own patience. `alone`: the command line names project and pipeline,
    /// so that an access token suffices; without a job there is no time limit of its own.
    pub fn open(
        session: &'t Session<'t>,
        limits: Limits,
        alone: bool,
    ) -> Result<(Self, Option<Me>), Stop> {
        let began = session.now();
        let mut turns = Self {
            session,
            pace: Pace::new(limits.interval, session.host.seed),
            pages: 0,
            bound: Bound::Free(Duration::ZERO),
            began,
            end: began,
            last: began,
            once: limits.once(),
            seen: None,
            caller: None,
            ended: Cell::new(false),
        };
        // For the time being as if the job had just begun.
        let now = Some(session.host.clock.wall());
        turns.limit(session.job_time(now, now), limits);
        let mut me = None;
        if !alone || session.gitlab.has(TokenKind::Job) {
            match turns.me() {
                Err(stop) if alone && stop.exit == Exit::Refused => {}
                asked => me = Some(asked?),
            }
        }
        let time = me.as_ref().map(|me| me.time(session));
        turns.limit(time.unwrap_or_default(), limits);
        if let (Bound::Cut { left, .. }, Some(wish)) = (turns.bound, limits.timeout) {
            session.talk.warning(&report::shortened(wish, left));
        }
        Ok((turns, me))
    }

    fn limit(&mut self, time: JobTime, limits: Limits) {
        let now = self.now();
        let gone = now.saturating_sub(self.began);
        // Looking once takes what it takes, though not beyond the job's own end.
        let wish = limits.timeout.filter(|_| !limits.once());
        self.bound = time.bound(wish.map(|wish| wish.saturating_sub(gone)));
        let (Bound::Free(left) | Bound::Job(left) | Bound::Cut { left, .. }) = self.bound;
        self.end = now.saturating_add(left);
        let quick = limits.once().then_some(self.session.host.limits.outage);
        let outage = limits.outage.or(quick).unwrap_or(OUTAGE);
        self.session.wait_with(outage, quick, self.end);
        let job = now.saturating_add(time.left().unwrap_or(Duration::MAX));
        self.last = self.end.saturating_add(LAST_LOOK).min(job);
        self.session.gitlab.set_deadline(Some(self.end));
    }

    /// Asks until there is an answer.
    pub fn ask<T>(&self, ask: impl FnMut() -> Result<T, Error>) -> Result<T, Stop> {
        self.session.ask(ask).map_err(|error| self.stop(&error))
    }

    /// Which job this is.
    pub fn me(&self) -> Result<Me, Stop> {
        let session = self.session;
        let me = session.ask(|| session.me_of(&session.gitlab.get(&Route::CurrentJob, &[])?));
        // At the start of a call, an access token alone may be enough.
        let known = self.caller.is_some();
        let ended = |error: &Error| self.ended.set(known && error.kind == Kind::Unauthorized);
        me.inspect_err(ended).map_err(|error| self.stop(&error))
    }

    /// Ends now and later on when the calling job is canceled.
    pub fn end_with(&mut self, me: &Me) -> Result<(), Stop> {
        self.caller = Some((me.job.id, self.now()));
        me.alive()
    }

    /// A wait for another pipeline reads no list with the caller's row, and with an access token lists go on after the caller's end. GitLab
    /// signals a canceled job late, or not at all where the runner cannot pass it on, and refuses its token (401) only once it has ended; so
    /// GitLab is asked again now and then.
    fn check_caller(&mut self) -> Result<(), Stop> {
        let now = self.now();
        let due = |(_, seen): &(JobId, Duration)| now.saturating_sub(*seen) >= CALLER;
        if self.caller.as_ref().is_some_and(due) {
            let me = self.me()?;
            self.end_with(&me)?;
        }
        Ok(())
    }

    /// This look has read these rows: a page for each hundred, and a last one.
    pub fn answered(&mut self, rows: &Rows) {
        self.pages += rows.jobs.len() / 100 + 1;
        self.pace.looked(self.pages, rows.facts.scarce);
        let now = self.now();
        if let Some((caller, seen)) = &mut self.caller
            && rows
                .jobs
                .iter()
                .any(|row| row.id == *caller && !row.status.finished())
        {
            *seen = now;
        }
    }

    /// Says where the wait begins, and until when it may take.
    pub fn start(&self, place: &Place) {
        self.session.events.write(&Event::Start {
            project: &place.project,
            pipeline: place.pipeline,
            until: self.session.host.clock.wall().plus(self.left()),
            once: self.once,
        });
    }

    /// Looks until there is a verdict. The last look begins when the time is over.
    pub fn until<T>(
        &mut self,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, Stop>,
    ) -> Result<T, Stop> {
        loop {
            match look(self) {
                Ok(Some(verdict)) => return Ok(verdict),
                Ok(None) => {}
                // The time ran out in the middle of a look.
                Err(stop) if stop.exit == Exit::Timeout && self.begin_last_look() => {}
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Sleeps until the next look, or until `wake` if that comes before.
    pub fn pause(&mut self, wake: Option<Duration>) -> Result<(), Stop> {
        self.seen = Some(self.now());
        if self.left().is_zero() {
            return Err(self.timeout(None));
        }
        let pace = self.pace.sleep();
        let delay = wake.map_or(pace, |wake| pace.min(wake)).min(self.left());
        let slept = self.session.sleep(delay);
        slept.map_err(report::signaled)?;
        self.pages = 0;
        if self.begin_last_look() {
            return Ok(());
        }
        self.check_caller()
    }

    /// Sleeps as short as the interval allows.
    pub fn pause_short(&mut self) -> Result<(), Stop> {
        self.pace.changed();
        self.pause(None)
    }

    /// When the time is over, requests may go on for the last look; false if it is not over, or if the last look has begun before.
    pub fn begin_last_look(&mut self) -> bool {
        let begins = self.left().is_zero() && self.last > self.end;
        if begins {
            self.session.gitlab.set_deadline(Some(self.last));
            self.last = self.end;
        }
        begins
    }

    /// Something has changed and was said: looks are worth more, and the heartbeat can wait.
    pub fn changed(&mut self) {
        self.pace.changed();
        self.session.talked();
    }

    /// By the monotonic clock.
    pub fn now(&self) -> Duration {
        self.session.now()
    }

    /// Time left to wait.
    pub fn left(&self) -> Duration {
        self.end.saturating_sub(self.now())
    }

    /// The words for an error that ends the wait.
    pub fn stop(&self, error: &Error) -> Stop {
        match (&error.kind, self.session.trouble()) {
            (Kind::Interrupted { signal, .. }, _) => report::signaled(*signal),
            (Kind::Deadline, _) => self.timeout(Some(error)),
            (Kind::Limited { .. }, _) => error.stop(),
            // More time does not make a host name exist.
            (_, Some((since, _))) if error.transient() && error.tries.is_none() => {
                let silent = self.now().saturating_sub(since);
                report::silence(silent, error)
            }
            _ => error.stop(),
        }
    }

    /// `error`: what ended the last request. It is shown if no look was ever complete.
    fn timeout(&self, error: Option<&Error>) -> Stop {
        let now = self.now();
        let age = self.seen.map(|seen| now.saturating_sub(seen));
        let trouble = self.session.trouble().map(|(_, last)| last);
        let first = error
            .filter(|_| age.is_none() && self.end > self.began)
            .map(Error::stop);
        let trouble = trouble.or(first);
        report::timeout(self.bound, now.saturating_sub(self.began), age, trouble)
    }
}
