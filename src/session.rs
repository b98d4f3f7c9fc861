//! What one call of a command works with: the way to GitLab, the talk, and who is asking.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::ci::{Ci, Fixed};
use crate::decide::deadline::JobTime;
use crate::decide::pace::Outage;
use crate::decide::select::Caller;
use crate::exit::{Exit, Signal, Stop};
use crate::gitlab::{Answer, Client, Error, Facts, Kind, Note, Project, Route};
use crate::host::Host;
use crate::model::{CurrentJob, Job, Pipeline, Place, ProjectId, Status};
use crate::report::events::{Event, EventWriter, Missing};
use crate::report::{Color, Talk, messages};
use crate::time::Timestamp;

/// While nothing changes, a heartbeat says this often what is waited for.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// Trouble that is over sooner than this is not mentioned.
const BLIP: Duration = Duration::from_secs(10);

/// Options that every command that asks GitLab takes.
#[derive(Clone, Default)]
pub struct Common {
    pub fixed: Fixed,
    pub debug: bool,
    pub color: Color,
    pub quiet: bool,
}

/// One call's surroundings, passed around besides data.
pub struct Session<'a> {
    pub host: &'a Host<'a>,
    pub ci: &'a Ci,
    pub gitlab: &'a Client<'a>,
    pub talk: &'a Talk<'a>,
    pub color: Color,
    pub events: &'a EventWriter<'a>,
    asking: RefCell<Asking>,
    /// When this program began, by the monotonic clock.
    began: Duration,
}

/// Opens the way to GitLab and works with it. Nothing is sent before `work` asks.
pub fn with<T>(
    common: &Common,
    host: &Host,
    work: impl FnOnce(&Session) -> Result<T, Stop>,
) -> Result<T, Stop> {
    streaming(common, host, None, work)
}

/// The same; `stream` takes each event as a line of JSON.
pub fn streaming<T>(
    common: &Common,
    host: &Host,
    stream: Option<&dyn Fn(&str)>,
    work: impl FnOnce(&Session) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let began = host.clock.monotonic();
    let ci = Ci::read(&host.vars, &common.fixed)?;
    let talk = Talk::new(host, common.color, common.quiet);
    let debug = common.debug || host.vars.get("JOBGATE_DEBUG")?.is_some_and(|on| on != "0");
    let note = |note: Note| {
        if debug || !matches!(note, Note::Request(_)) {
            talk.line(&messages::note(&note));
        }
    };
    let gitlab = Client::open(&ci, host, &note)?;
    for warning in &ci.warnings {
        talk.warning(warning);
    }
    let events = EventWriter::new(&talk, host.clock, stream);
    work(&Session {
        host,
        ci: &ci,
        gitlab: &gitlab,
        talk: &talk,
        color: common.color,
        events: &events,
        asking: RefCell::new(Asking::new(host)),
        began,
    })
}

/// The calling job, as GitLab knows it.
#[derive(Debug)]
pub struct Me {
    /// GitLab's own object.
    pub raw: Box<RawValue>,
    pub job: Job,
    pub pipeline: Pipeline,
    pub project: ProjectId,
    pub more: CurrentJob,
    pub facts: Facts,
}

impl Me {
    pub fn place(&self) -> Place {
        Place {
            project: Project::Id(self.project),
            pipeline: self.pipeline.id,
        }
    }

    pub fn caller(&self) -> Caller {
        Caller {
            id: self.job.id,
            name: self.job.name.clone(),
        }
    }

    /// A job that is canceled opens no gate, starts nothing and waits for nothing, as after SIGTERM.
    pub fn alive(&self) -> Result<(), Stop> {
        if matches!(self.job.status, Status::Canceling | Status::Canceled) {
            return Err(Stop::new(Exit::TERMINATED, messages::CALLER_CANCELED));
        }
        Ok(())
    }

    /// What is known of the job's own time limits.
    pub fn time(&self, session: &Session) -> JobTime {
        session.job_time(self.job.started_at, self.facts.date)
    }
}

impl Session<'_> {
    /// Which job this is. From here on a 404 for its project is known to be a refusal.
    pub fn me(&self) -> Result<Me, Stop> {
        Ok(self.ask(|| self.me_of(&self.gitlab.get(&Route::CurrentJob, &[])?))?)
    }

    /// The same out of an answer to `GET /job`.
    pub fn me_of(&self, answer: &Answer) -> Result<Me, Error> {
        let job: Job = answer.read()?;
        let more: CurrentJob = answer.read()?;
        let lacks = || answer.lacks("names no pipeline or project");
        let pipeline = more.pipeline.clone().ok_or_else(lacks)?;
        let project = pipeline.project_id.ok_or_else(lacks)?;
        self.gitlab.know(project);
        Ok(Me {
            raw: answer.json()?,
            job,
            pipeline,
            project,
            more,
            facts: answer.facts.clone(),
        })
    }

    /// GitLab's relative URL root: `/gitlab`, or nothing.
    pub fn root(&self) -> &str {
        self.ci.api.path.strip_suffix("/api/v4").unwrap_or_default()
    }

    /// Warns of a `CI_JOB_ID` other than the token's job.
    pub fn warn_of_other_job(&self, me: Option<&Me>) {
        if let Some(other) = me.and_then(|me| self.other_job(me)) {
            self.talk.warning(&other);
        }
    }

    /// A `CI_JOB_ID` other than the token's job: somebody mixed the variables of two jobs.
    pub fn other_job(&self, me: &Me) -> Option<String> {
        let said = self.ci.job.filter(|said| *said != me.job.id)?;
        Some(messages::other_job(said, me.job.id))
    }

    /// By the monotonic clock.
    pub fn now(&self) -> Duration {
        self.host.clock.monotonic()
    }

    /// The time limits of a job that started at this moment of the server's clock, as far as variables say.
    pub fn job_time(&self, started: Option<Timestamp>, now: Option<Timestamp>) -> JobTime {
        JobTime {
            started,
            now,
            job: self.ci.job_timeout,
            script: self.ci.script_timeout,
            running: self.now().saturating_sub(self.began),
        }
    }
}

/// Where the asking stands.
struct Asking {
    outage: Outage,
    /// How long rate limits may still hold up the call; `None`: until its end.
    limits: Option<Duration>,
    /// No sleep passes this point of the monotonic clock.
    end: Duration,
    /// Requests without a good answer since the last one, if there were any.
    trouble: Option<Trouble>,
    /// Time that trouble took so far.
    troubled: Duration,
    /// When the next heartbeat is due.
    heartbeat: Duration,
    /// What it names.
    missing: Vec<Missing>,
}

/// A row of requests without a good answer.
struct Trouble {
    since: Duration,
    said: bool,
    /// The end of GitLab's rate limit, if the last answer was a 429 that says it.
    limited: Option<Timestamp>,
    /// What came last, and what to try.
    last: Stop,
}

impl Asking {
    /// As patient as commands that do not wait.
    fn new(host: &Host) -> Self {
        Self {
            outage: Outage::new(host.limits.outage, host.seed),
            limits: Some(host.limits.outage),
            end: Duration::MAX,
            trouble: None,
            troubled: Duration::ZERO,
            heartbeat: host.clock.monotonic().saturating_add(HEARTBEAT),
            missing: Vec::new(),
        }
    }

    /// The delay before the next try; `None` if there is none. `left`: time to the end.
    fn delay(&mut self, error: &Error, asked: Duration, now: Duration) -> Option<Duration> {
        let Kind::Limited { wait } = error.kind else {
            return self.outage.failed(asked, now);
        };
        let (wait, spread) = self.outage.limited(wait);
        let delay = if error.own_limit() {
            // GitLab counts this request per user and job: no other client comes back at the same moment.
            wait + Duration::from_secs(1)
        } else {
            wait.saturating_add(spread)
        };
        let Some(limits) = &mut self.limits else {
            return Some(delay);
        };
        let delay = delay.min(*limits);
        *limits = limits.saturating_sub(delay);
        (delay >= wait).then_some(delay)
    }
}

/// Asking until there is an answer: one loop, one budget and one tracker of trouble for every request of a call.
impl Session<'_> {
    /// The call waits from here on, with heartbeats, to this point of the monotonic clock. `outage`: how long GitLab may give no good answer;
    /// `limits`: how long rate limits may hold it up in all, `None` for all its time.
    pub fn wait_with(&self, outage: Duration, limits: Option<Duration>, end: Duration) {
        let mut state = self.asking.borrow_mut();
        state.outage = Outage::new(outage, self.host.seed);
        state.limits = limits;
        state.end = end;
        state.heartbeat = self.now().saturating_add(HEARTBEAT);
    }

    /// What the heartbeat names until further notice.
    pub fn missing(&self, missing: Vec<Missing>) {
        self.asking.borrow_mut().missing = missing;
    }

    /// Something was said: the heartbeat can wait.
    pub fn talked(&self) {
        self.asking.borrow_mut().heartbeat = self.now().saturating_add(HEARTBEAT);
    }

    /// Asks until there is an answer, for as long as the call's patience lasts. What no repeat can cure, a refusal above all, ends it at once.
    pub fn ask<T>(&self, mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        let mut tries = 0_u8;
        loop {
            let (asked, answers) = (self.now(), self.gitlab.answers());
            let result = ask();
            // In a wait, which its end bounds, GitLab is not silent where it has answered some of several requests. That is trouble all the same.
            let bounded = self.asking.borrow().limits.is_none();
            if result.is_ok() {
                self.answered();
            } else if bounded && self.gitlab.answers() > answers {
                self.asking.borrow_mut().outage.refill();
            }
            let mut error = match result {
                Err(error) if error.transient() => error,
                other => return other,
            };
            tries = tries.saturating_add(1);
            // Until the first good answer of the run, what no repeat can cure ends at once: a certificate of an unknown authority, a host name
            // that does not exist, a page for browsers.
            if self.gitlab.answers() == 0 && error.tries.is_some_and(|most| tries >= most) {
                return Err(error);
            }
            let (now, left) = (self.now(), self.left());
            // Sleeping through a rate limit that outlasts the time is useless.
            let limited = matches!(error.kind, Kind::Limited { wait } if wait >= Some(left));
            let delay = self.asking.borrow_mut().delay(&error, asked, now);
            let again = delay.filter(|_| !left.is_zero() && !limited);
            let again = again.map(|delay| delay.min(left));
            if let (None, Kind::Limited { wait: Some(wait) }) = (again, &error.kind) {
                let until = self.host.clock.wall().plus(*wait);
                error.message = messages::limit_lasts(&error.message, until);
            }
            self.note(&error, asked, again);
            let Some(again) = again else {
                if delay.is_some() {
                    // There is no time left for another try.
                    error.kind = Kind::Deadline;
                }
                return Err(error);
            };
            if let Err(signal) = self.sleep(again) {
                return Err(error.interrupted(signal));
            }
            self.asking.borrow_mut().troubled += self.now().saturating_sub(asked);
        }
    }

    /// A good answer came.
    fn answered(&self) {
        let mut state = self.asking.borrow_mut();
        state.outage.answered();
        let trouble = state.trouble.take();
        drop(state);
        if trouble.is_some_and(|trouble| trouble.said) {
            self.events.write(&Event::Answers {});
            self.talked();
        }
    }

    /// Says, once it lasts, what the trouble is and what to try.
    fn note(&self, error: &Error, asked: Duration, again: Option<Duration>) {
        let now = self.now();
        let mut state = self.asking.borrow_mut();
        let trouble = state.trouble.get_or_insert_with(|| Trouble {
            since: asked,
            said: false,
            limited: None,
            last: error.stop(),
        });
        trouble.last = error.stop();
        trouble.limited = match error.kind {
            Kind::Limited { wait } => wait.map(|wait| self.host.clock.wall().plus(wait)),
            _ => None,
        };
        let lasts = |again| now.saturating_sub(trouble.since) + again >= BLIP;
        if let Some(again) = again.filter(|again| !trouble.said && lasts(*again)) {
            trouble.said = true;
            self.events.write(&Event::Trouble {
                again: again.as_secs(),
                text: &error.to_string(),
            });
            for hint in &trouble.last.hints {
                self.talk.hint(hint);
            }
        }
    }

    /// Sleeps, and says each minute what is missing.
    pub fn sleep(&self, delay: Duration) -> Result<(), Signal> {
        let until = self.now().saturating_add(delay);
        loop {
            let now = self.now();
            let beat = self.beat(now);
            if now >= until {
                return Ok(());
            }
            let step = until.min(beat).saturating_sub(now);
            self.host.clock.sleep(step, self.host.interrupt)?;
        }
    }

    /// Writes the heartbeat if it is due; when the next one is.
    fn beat(&self, now: Duration) -> Duration {
        let state = self.asking.borrow();
        if now < state.heartbeat {
            return state.heartbeat;
        }
        let trouble = state.trouble.as_ref();
        self.events.write(&Event::Heartbeat {
            waiting: &state.missing,
            silent: trouble.map(|it| (now.saturating_sub(it.since), it.limited)),
        });
        drop(state);
        self.talked();
        now.saturating_add(HEARTBEAT)
    }

    /// Since when there has been no good answer, and what came last.
    pub fn trouble(&self) -> Option<(Duration, Stop)> {
        let state = self.asking.borrow();
        let trouble = state.trouble.as_ref();
        trouble.map(|trouble| (trouble.since, trouble.last.clone()))
    }

    /// Time that went by without a good answer so far, all trouble taken together.
    pub fn troubled(&self) -> Duration {
        self.asking.borrow().troubled
    }

    /// Time left to the end.
    fn left(&self) -> Duration {
        self.asking.borrow().end.saturating_sub(self.now())
    }
}
