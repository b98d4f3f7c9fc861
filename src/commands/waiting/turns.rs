//! The one loop of all waiting: ask until there is an answer, sleep until asking again is worth it, and end in time.

use std::time::Duration;

use crate::decide::deadline::{Bound, JobTime};
use crate::decide::pace::{Interval, Outage as Budget, Pace};
use crate::exit::{Exit, Stop};
use crate::gitlab::{Error, Facts, Kind, Route};
use crate::os::{Signal, Woken};
use crate::report::events::{Event, Missing, Silence, Teller};
use crate::session::{Me, Session};
use crate::time::{Timestamp, human};

/// While nothing changes, somebody hears so often what is waited for.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// Trouble that is over sooner than this is nobody's concern.
const BLIP: Duration = Duration::from_secs(10);
/// The last look is taken so long before the time is over.
const LAST: Duration = Duration::from_secs(2);
/// A 401 is asked once more after this.
const SECOND: Duration = Duration::from_secs(1);

/// What ends a wait, whatever is waited for.
#[derive(Debug)]
pub enum Halt {
    /// The program was asked to end.
    Signal(Signal),
    /// The time is over.
    Timeout,
    /// GitLab's refusal, or its silence for longer than the budget.
    Error(Box<Error>),
    /// What is waited for is not what can be done something with.
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

/// How long GitLab may give no good answer while somebody waits.
const OUTAGE: Duration = Duration::from_mins(5);

/// One wait: its end, its pace, and what it has to say meanwhile.
pub struct Turns<'t> {
    session: &'t Session<'t>,
    teller: &'t Teller<'t>,
    pace: Pace,
    /// Pages read since the last sleep.
    pages: usize,
    budget: Budget,
    bound: Bound,
    began: Duration,
    /// All of these by the monotonic clock.
    end: Duration,
    beat: Duration,
    missing: Vec<Missing>,
    outage: Option<Outage>,
    troubled: Duration,
    /// Of who looks once: how much trouble in all.
    quick: Option<Duration>,
}

/// A row of requests without a good answer.
struct Outage {
    since: Duration,
    told: bool,
    /// The last of them was a 429.
    limited: bool,
    /// What came last.
    error: String,
}

impl<'t> Turns<'t> {
    /// Begins the wait by asking which job this is, with the wait's own patience.
    pub fn open(
        session: &'t Session<'t>,
        teller: &'t Teller<'t>,
        limits: Limits,
    ) -> Result<(Self, Me), Stop> {
        let mut turns = Self::new(session, teller, limits);
        // For the time being as if the job had just begun.
        let now = Some(session.host.clock.wall());
        let time = JobTime {
            started: now,
            now,
            job: session.ci.job_timeout,
            script: session.ci.script_timeout,
        };
        turns.limit(time, limits);
        let me = turns.ask(&mut || session.me_of(&session.gitlab.get(&Route::CurrentJob, &[])?));
        let me = me.map_err(|halt| turns.stop(&halt))?;
        turns.limit(me.time(session.ci), limits);
        turns.warn();
        Ok((turns, me))
    }

    /// Begins the wait, at once after GitLab has told the job's time. No request goes on beyond its end.
    pub fn begin(
        session: &'t Session<'t>,
        teller: &'t Teller<'t>,
        time: JobTime,
        limits: Limits,
    ) -> Self {
        let mut turns = Self::new(session, teller, limits);
        turns.limit(time, limits);
        turns.warn();
        turns
    }

    fn new(session: &'t Session<'t>, teller: &'t Teller<'t>, limits: Limits) -> Self {
        let began = session.host.clock.monotonic();
        let quick = session.host.limits.outage;
        let budget = limits
            .outage
            .unwrap_or(if limits.once() { quick } else { OUTAGE });
        Self {
            session,
            teller,
            pace: Pace::new(limits.interval, session.host.seed),
            pages: 0,
            budget: Budget::new(budget, session.host.seed),
            bound: Bound::Free(Duration::ZERO),
            began,
            end: began,
            beat: began.saturating_add(HEARTBEAT),
            missing: Vec::new(),
            outage: None,
            troubled: Duration::ZERO,
            quick: limits.once().then_some(budget),
        }
    }

    fn warn(&self) {
        if let Bound::Cut { wish, left } = self.bound {
            let (left, wish) = (human(left), human(wish));
            self.session.talk.warning(&format!(
                "waiting {left} instead of {wish}: this job's own time limit comes before"
            ));
        }
    }

    fn limit(&mut self, time: JobTime, limits: Limits) {
        let now = self.now();
        let gone = now.saturating_sub(self.began);
        // Looking once takes what it takes, though not beyond the job's own end.
        let wish = limits.timeout.filter(|_| !limits.once());
        self.bound = time.bound(wish.map(|wish| wish.saturating_sub(gone)));
        self.end = now.saturating_add(self.bound.duration());
        self.session.gitlab.set_deadline(Some(self.end));
    }

    /// Asks until there is an answer. A refusal ends it: 401 the second time, all others at once.
    pub fn ask<T>(&mut self, ask: &mut dyn FnMut() -> Result<T, Error>) -> Result<T, Halt> {
        let mut unauthorized = false;
        loop {
            let (asked, answers) = (self.now(), self.session.gitlab.answers());
            let error = match ask() {
                Ok(answer) => {
                    self.alive();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if self.session.gitlab.answers() > answers {
                self.alive();
            }
            let delay = match error.kind {
                Kind::Interrupted { signal, .. } => return Err(Halt::Signal(signal)),
                Kind::Deadline => return Err(Halt::Timeout),
                Kind::Unauthorized if !unauthorized => {
                    unauthorized = true;
                    SECOND
                }
                _ if error.transient() => match self.delay(&error, asked) {
                    Some(delay) => {
                        self.note(&error, asked, delay);
                        delay
                    }
                    None => return Err(Halt::Error(Box::new(error))),
                },
                _ => return Err(Halt::Error(Box::new(error))),
            };
            self.sleep(delay)?;
            self.troubled += self.now().saturating_sub(asked);
        }
    }

    /// How long to leave the server alone after trouble; none if there was too much of it.
    fn delay(&mut self, error: &Error, asked: Duration) -> Option<Duration> {
        let (now, left) = (self.now(), self.left());
        let Kind::Limited { wait } = error.kind else {
            return Some(self.budget.failed(asked, now)?.min(left));
        };
        let pause = self.budget.limited(wait);
        let Some(quick) = self.quick else {
            return Some(pause.wait.saturating_add(pause.spread).min(left));
        };
        // With --timeout 0, the window of a rate limit is not waited for.
        let spent = self.troubled.saturating_add(pause.wait);
        (spent <= quick).then_some(pause.wait)
    }

    /// What the head of a good answer tells: how crowded the server is.
    pub fn answered(&mut self, facts: &Facts, pages: usize) {
        self.pages += pages;
        let rate = facts.rate;
        let scarce = rate.is_some_and(|rate| rate.remaining * 5.0 < rate.observed + rate.remaining);
        self.pace.looked(self.pages, scarce);
    }

    fn alive(&mut self) {
        self.budget.answered();
        if self.outage.take().is_some_and(|outage| outage.told) {
            self.teller.tell(&Event::Answers);
            self.beat = self.now().saturating_add(HEARTBEAT);
        }
    }

    fn note(&mut self, error: &Error, asked: Duration, delay: Duration) {
        let now = self.now();
        let outage = self.outage.get_or_insert(Outage {
            since: asked,
            told: false,
            limited: false,
            error: String::new(),
        });
        outage.limited = matches!(error.kind, Kind::Limited { .. });
        outage.error = error.to_string();
        if !outage.told && now.saturating_add(delay).saturating_sub(outage.since) >= BLIP {
            outage.told = true;
            self.teller.tell(&Event::Trouble {
                error: &error.to_string(),
                delay,
            });
        }
    }

    /// Something has changed and was told: looks are worth more, and the heartbeat can wait.
    pub fn changed(&mut self) {
        self.pace.changed();
        self.beat = self.now().saturating_add(HEARTBEAT);
    }

    /// What the heartbeat names until further notice.
    pub fn missing(&mut self, missing: Vec<Missing>) {
        self.missing = missing;
    }

    /// Sleeps until the next look: as the pace of `jobs` says, or until `wake` if that comes before.
    pub fn pause(&mut self, wake: Option<Duration>) -> Result<(), Halt> {
        let left = self.left();
        self.pages = 0;
        let pace = self.pace.sleep();
        let delay = wake.map_or(pace, |wake| pace.min(wake));
        self.sleep_to_look(delay, left)
    }

    /// Sleeps as short as the interval allows: what was read is not worth much.
    pub fn pause_short(&mut self) -> Result<(), Halt> {
        self.pace.changed();
        self.pause(None)
    }

    /// Not up to the very end: the time that is left is worth a last look.
    fn sleep_to_look(&mut self, delay: Duration, left: Duration) -> Result<(), Halt> {
        let last = left.saturating_sub(LAST);
        self.sleep(if last.is_zero() {
            left
        } else {
            delay.min(last)
        })
    }

    /// Sleeps, and says each minute what is missing.
    fn sleep(&mut self, delay: Duration) -> Result<(), Halt> {
        let until = self.now().saturating_add(delay).min(self.end);
        loop {
            let now = self.now();
            if now >= self.beat {
                self.beat = now.saturating_add(HEARTBEAT);
                self.heartbeat(now);
            }
            if now >= self.end {
                return Err(Halt::Timeout);
            }
            if now >= until {
                return Ok(());
            }
            let step = until.min(self.beat).saturating_sub(now);
            let host = self.session.host;
            if let Woken::Signal(signal) = host.clock.sleep(step, host.interrupt) {
                return Err(Halt::Signal(signal));
            }
        }
    }

    fn heartbeat(&self, now: Duration) {
        self.teller.tell(&Event::Heartbeat {
            missing: &self.missing,
            now,
            silent: self.outage.as_ref().map(|outage| Silence {
                time: now.saturating_sub(outage.since),
                limited: outage.limited,
            }),
        });
    }

    pub fn session(&self) -> &'t Session<'t> {
        self.session
    }

    pub fn teller(&self) -> &'t Teller<'t> {
        self.teller
    }

    /// Time that went by without a good answer so far, all trouble taken together.
    pub fn troubled(&self) -> Duration {
        self.troubled
    }

    /// By the monotonic clock.
    pub fn now(&self) -> Duration {
        self.session.host.clock.monotonic()
    }

    /// Time left to wait.
    pub fn left(&self) -> Duration {
        self.end.saturating_sub(self.now())
    }

    /// The end by this machine's time of day.
    pub fn until(&self) -> Timestamp {
        self.session.host.clock.wall().plus(self.left())
    }

    /// What to tell about the end.
    pub fn stop(&self, halt: &Halt) -> Stop {
        match halt {
            Halt::Signal(signal) => Stop::new(halt.exit(), format!("{} came", signal.name())),

            Halt::Stop(stop) => (**stop).clone(),
            Halt::Timeout => self.timeout(),
            Halt::Error(error) => match &self.outage {
                Some(outage) if error.transient() => self.silence(error, outage),
                _ => error.stop(),
            },
        }
    }

    fn silence(&self, error: &Error, outage: &Outage) -> Stop {
        let silent = human(self.now().saturating_sub(outage.since));
        let stop = error.stop();
        Stop {
            error: format!(
                "GitLab has given no good answer for {silent}\n{}",
                stop.error
            ),
            ..stop
        }
        .hint("--outage-budget DURATION allows more")
    }

    fn timeout(&self) -> Stop {
        let waited = human(self.now().saturating_sub(self.began));
        let mut stop = match self.bound {
            Bound::Free(_) => Stop::new(Exit::Timeout, format!("time ran out after {waited}"))
                .hint("--timeout DURATION allows more, up to what is left of this job"),
            Bound::Job(_) | Bound::Cut { .. } => Stop::new(
                Exit::Timeout,
                format!("time ran out after {waited}: this job itself will soon be stopped"),
            )
            .hint("`timeout:` of this job in .gitlab-ci.yml, or its runner's, allows more"),
        };
        if let Some(outage) = &self.outage {
            stop.error = format!("{}\n{}", stop.error, outage.error);
        }
        stop
    }
}
