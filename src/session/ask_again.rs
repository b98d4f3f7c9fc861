//! Asking until there is an answer: one loop, one budget and one tracker of trouble for every request of a call.

use std::cell::RefCell;
use std::time::Duration;

use crate::decide::pace::Outage;
use crate::exit::Signal;
use crate::gitlab::{Client, Error, Kind};
use crate::host::Host;
use crate::os::Woken;
use crate::report::events::{Event, EventWriter, Missing};
use crate::report::{Talk, messages};

/// While nothing changes, a heartbeat says this often what is waited for.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// In a wait, trouble that is over sooner than this is not mentioned.
const BLIP: Duration = Duration::from_secs(10);

/// Asks for one call.
pub struct Asking<'a> {
    host: &'a Host<'a>,
    gitlab: &'a Client<'a>,
    talk: &'a Talk<'a>,
    events: &'a EventWriter<'a>,
    state: RefCell<State>,
}

/// Where the asking stands.
struct State {
    outage: Outage,
    /// How long rate limits may still hold up the call; `None`: until its end.
    limits: Option<Duration>,
    /// No sleep passes this point of the monotonic clock.
    end: Option<Duration>,
    /// Requests without a good answer since the last one, if there were any.
    trouble: Option<Trouble>,
    /// Tries since the last good answer.
    tries: u8,
    /// Time that trouble took so far.
    troubled: Duration,
    /// Of a wait: when the next heartbeat is due, and what it names.
    heartbeat: Option<(Duration, Vec<Missing>)>,
}

/// A row of requests without a good answer.
struct Trouble {
    since: Duration,
    told: bool,
    /// What came last.
    error: String,
}

impl State {
    /// The delay before the next try; `None` if there is none. `left`: time to the end.
    fn delay(&mut self, error: &Error, asked: Duration, now: Duration) -> Option<Duration> {
        let Kind::Limited { wait } = error.kind else {
            return self.outage.failed(asked, now);
        };
        let pause = self.outage.limited(wait);
        let delay = if error.own_limit() {
            // GitLab counts this request per user and job: no other client comes back at the same moment.
            pause.wait + Duration::from_secs(1)
        } else {
            pause.wait.saturating_add(pause.spread)
        };
        let Some(limits) = &mut self.limits else {
            return Some(delay);
        };
        let delay = delay.min(*limits);
        *limits = limits.saturating_sub(delay);
        (delay >= pause.wait).then_some(delay)
    }
}

impl<'a> Asking<'a> {
    /// As patient as commands that do not wait.
    pub(super) fn new(
        host: &'a Host<'a>,
        gitlab: &'a Client<'a>,
        talk: &'a Talk<'a>,
        events: &'a EventWriter<'a>,
    ) -> Self {
        Self {
            host,
            gitlab,
            talk,
            events,
            state: RefCell::new(State {
                outage: Outage::new(host.limits.outage, host.seed),
                limits: Some(host.limits.outage),
                end: None,
                trouble: None,
                tries: 0,
                troubled: Duration::ZERO,
                heartbeat: None,
            }),
        }
    }

    /// The call waits from here on, with heartbeats, to this point of the monotonic clock. `outage`: how long GitLab may give no good answer;
    /// `limits`: how long rate limits may hold it up in all, `None` for all its time.
    pub fn wait_with(&self, outage: Duration, limits: Option<Duration>, end: Duration) {
        let mut state = self.state.borrow_mut();
        state.outage = Outage::new(outage, self.host.seed);
        state.limits = limits;
        state.end = Some(end);
        state.heartbeat = Some((self.now().saturating_add(HEARTBEAT), Vec::new()));
    }

    /// What the heartbeat names until further notice.
    pub fn missing(&self, missing: Vec<Missing>) {
        if let Some((_, known)) = &mut self.state.borrow_mut().heartbeat {
            *known = missing;
        }
    }

    /// Something was said: the heartbeat can wait.
    pub fn talked(&self) {
        if let Some((due, _)) = &mut self.state.borrow_mut().heartbeat {
            *due = self.now().saturating_add(HEARTBEAT);
        }
    }

    /// Asks until there is an answer, for as long as the call's patience lasts. What no repeat can cure, a refusal above all, ends it at once.
    pub fn ask<T>(&self, mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        loop {
            let (asked, answers) = (self.now(), self.gitlab.answers());
            let result = ask();
            // In a wait, which its end bounds, GitLab is not silent where it has answered some of several requests.
            let bounded = self.state.borrow().limits.is_none();
            if result.is_ok() || (bounded && self.gitlab.answers() > answers) {
                self.answered();
            }
            let error = match result {
                Err(error) if error.transient() => error,
                other => return other,
            };
            if self.hopeless(&error) {
                return Err(error);
            }
            let (now, left) = (self.now(), self.left());
            let delay = self.state.borrow_mut().delay(&error, asked, now);
            let again = delay.map(|delay| delay.min(left));
            self.note(&error, asked, again.unwrap_or_default());
            let Some(delay) = again else {
                return Err(error);
            };
            // A rate limit that outlasts the time is no reason to sleep.
            let too_late = matches!(error.kind, Kind::Limited { wait } if wait >= Some(left));
            if left.is_zero() || too_late {
                return Err(error.too_late());
            }
            if let Err(signal) = self.sleep(delay) {
                return Err(error.interrupted(signal));
            }
            self.state.borrow_mut().troubled += self.now().saturating_sub(asked);
        }
    }

    /// Until the first good answer of the run, what no repeat can cure ends at once: a certificate of an unknown authority, a host name that
    /// does not exist, a page for browsers.
    fn hopeless(&self, error: &Error) -> bool {
        let mut state = self.state.borrow_mut();
        state.tries = state.tries.saturating_add(1);
        self.gitlab.answers() == 0 && error.tries.is_some_and(|tries| state.tries >= tries)
    }

    /// A good answer came.
    fn answered(&self) {
        let trouble = {
            let mut state = self.state.borrow_mut();
            state.outage.answered();
            state.tries = 0;
            state.trouble.take()
        };
        if self.waits() && trouble.is_some_and(|trouble| trouble.told) {
            self.events.write(&Event::Answers {});
            self.talked();
        }
    }

    /// Says what the trouble is: in a wait once it lasts, elsewhere before each sleep.
    fn note(&self, error: &Error, asked: Duration, delay: Duration) {
        let (now, waits) = (self.now(), self.waits());
        let mut state = self.state.borrow_mut();
        let trouble = state.trouble.get_or_insert(Trouble {
            since: asked,
            told: false,
            error: String::new(),
        });
        trouble.error = error.to_string();
        if !waits && !delay.is_zero() {
            let line = messages::asking_again(&error.message, delay);
            self.talk.line(&line);
        } else if waits && !trouble.told && now.saturating_sub(trouble.since) + delay >= BLIP {
            trouble.told = true;
            self.events.write(&Event::Trouble {
                again: delay.as_secs(),
                text: &trouble.error,
            });
        }
    }

    /// Sleeps; a wait says each minute what is missing.
    pub fn sleep(&self, delay: Duration) -> Result<(), Signal> {
        let until = self.now().saturating_add(delay);
        loop {
            let now = self.now();
            let beat = self.beat(now);
            if now >= until {
                return Ok(());
            }
            let step = until.min(beat.unwrap_or(until)).saturating_sub(now);
            let woken = self.host.clock.sleep(step, self.host.interrupt);
            if let Woken::Signal(signal) = woken {
                return Err(signal);
            }
        }
    }

    /// Writes the heartbeat if it is due; when the next one is.
    fn beat(&self, now: Duration) -> Option<Duration> {
        let state = self.state.borrow();
        let (due, missing) = state.heartbeat.as_ref()?;
        if now < *due {
            return Some(*due);
        }
        self.events.write(&Event::Heartbeat {
            waiting: missing,
            silent: state
                .trouble
                .as_ref()
                .map(|trouble| now.saturating_sub(trouble.since)),
        });
        drop(state);
        self.talked();
        Some(now.saturating_add(HEARTBEAT))
    }

    fn waits(&self) -> bool {
        self.state.borrow().heartbeat.is_some()
    }

    /// Since when there has been no good answer, and what came last.
    pub fn trouble(&self) -> Option<(Duration, String)> {
        let state = self.state.borrow();
        let trouble = state.trouble.as_ref()?;
        Some((trouble.since, trouble.error.clone()))
    }

    /// Time that went by without a good answer so far, all trouble taken together.
    pub fn troubled(&self) -> Duration {
        self.state.borrow().troubled
    }

    fn now(&self) -> Duration {
        self.host.clock.monotonic()
    }

    /// Time left to the end.
    fn left(&self) -> Duration {
        let end = self.state.borrow().end;
        end.map_or(Duration::MAX, |end| end.saturating_sub(self.now()))
    }
}
