//! The client with variables, limits and a clock of a test's own.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use jobgate::ci::{Ci, Fixed};
use jobgate::exit::Stop;
use jobgate::gitlab::{Answer, Body, Client, Error, Facts, Note, Project, Route};
use jobgate::host::{Host, Limits, Stream, Vars};
use jobgate::model::{JobId, PipelineId, ProjectId};
use jobgate::os::{Interrupt, Slept};
use jobgate::time::{Clock, RealClock, Timestamp};
use tempfile::NamedTempFile;

pub const JOB_TOKEN: &str = "glcbt-64_hunter2job";
pub const ACCESS_TOKEN: &str = "glpat-hunter2access";

/// Long enough for a loaded machine: a test that expects a limit to strike shortens that one.
pub const LIMITS: Limits = Limits {
    connect: Duration::from_secs(20),
    headers: Duration::from_secs(20),
    per_read: Duration::from_secs(20),
    per_write: Duration::from_secs(20),
    body: Duration::from_secs(20),
    page_bytes: 64 << 10,
    error_bytes: 4 << 10,
    outage: Duration::from_secs(1),
};
pub const SHORT: Duration = Duration::from_millis(150);

/// Real time, but a sleep only moves the clock.
pub struct JumpClock {
    real: RealClock,
    slept: Mutex<Duration>,
}

impl JumpClock {
    pub fn slept(&self) -> Duration {
        *self.slept.lock().unwrap()
    }

    /// Now, for deadlines.
    pub fn now(&self) -> Duration {
        self.monotonic()
    }
}

impl Clock for JumpClock {
    fn wall(&self) -> Timestamp {
        Timestamp::parse("2026-11-20T08:00:00Z").unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic() + self.slept()
    }

    fn sleep(&self, duration: Duration, interrupt: &Interrupt) -> Slept {
        *self.slept.lock().unwrap() += duration;
        interrupt.signal().map_or(Ok(()), Err)
    }
}

pub struct World {
    pub vars: Vec<(String, String)>,
    pub fixed: Fixed,
    pub limits: Limits,
    pub clock: JumpClock,
    pub interrupt: Interrupt,
    pub notes: Mutex<Vec<Note>>,
    warnings: Mutex<Vec<String>>,
}

impl World {
    /// Both tokens are there.
    pub fn new(api: &str) -> Self {
        let world = Self {
            vars: Vec::new(),
            fixed: Fixed::default(),
            limits: LIMITS,
            clock: JumpClock {
                real: RealClock::start(),
                slept: Mutex::default(),
            },
            interrupt: Interrupt::new(),
            notes: Mutex::default(),
            warnings: Mutex::default(),
        };
        world
            .with("CI_API_V4_URL", api)
            .with("CI_JOB_TOKEN", JOB_TOKEN)
            .with("GITLAB_TOKEN", ACCESS_TOKEN)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.retain(|(key, _)| key != name);
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the runner's CA file.
    pub fn trusting(self, ca: &NamedTempFile) -> Self {
        self.with("CI_SERVER_TLS_CA_FILE", ca.path().to_str().unwrap())
    }

    pub fn without(mut self, name: &str) -> Self {
        self.vars.retain(|(key, _)| key != name);
        self
    }

    pub fn run<T>(&self, story: impl FnOnce(&Client) -> T) -> Result<T, Stop> {
        let vars = || {
            self.vars
                .iter()
                .map(|(key, value)| (key.into(), value.into()))
        };
        let ci = Ci::read(&Vars::new(vars()), &self.fixed)?;
        self.warnings.lock().unwrap().clone_from(&ci.warnings);
        let host = Host {
            args: Vec::new(),
            vars: Vars::new(vars()),
            clock: &self.clock,
            interrupt: &self.interrupt,
            seed: 1,
            limits: self.limits,
            out: Stream::new(Box::new(Vec::new()), false),
            log: Stream::new(Box::new(Vec::new()), false),
        };
        let note = |note| self.notes.lock().unwrap().push(note);
        let client = Client::open(&ci, &host, &note)?;
        let result = story(&client);
        no_secret(&format!("{:?}", self.notes.lock().unwrap()));
        Ok(result)
    }

    pub fn client<T>(&self, story: impl FnOnce(&Client) -> T) -> T {
        self.run(story).unwrap()
    }

    pub fn get(&self, route: &Route) -> Result<Answer, Error> {
        checked(self.client(|client| client.get(route, &[])))
    }

    pub fn post(&self, route: &Route) -> Result<Answer, Error> {
        checked(self.client(|client| client.post(route, &Body::None)))
    }

    /// A log as one text.
    pub fn log(&self) -> Result<(String, Facts), Error> {
        let mut bytes = Vec::new();
        let facts = checked(self.client(|client| {
            client.stream(&Route::Trace(project(), JobId(9)), &[], &mut |chunk| {
                bytes.extend_from_slice(chunk);
                ControlFlow::Continue(())
            })
        }))?;
        Ok((String::from_utf8(bytes).unwrap(), facts))
    }

    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap().clone()
    }
}

/// What went wrong in one line: kind, exit code, what a decision may rest on, and the message.
pub fn line<T>(result: Result<T, Error>) -> String {
    let Err(error) = checked(result) else {
        return "good".to_owned();
    };
    let transient = if error.transient() { ", transient" } else { "" };
    let done = if error.nothing_done() {
        ", nothing done"
    } else {
        ""
    };
    let (kind, exit) = (&error.kind, error.exit().code());
    format!("{kind:?}, exit {exit}{transient}{done}: {}", error.message)
}

/// A port on which nothing listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// No error shows a token, in whatever form it is printed.
pub fn checked<T>(result: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = &result {
        let stop = error.stop();
        no_secret(&format!("{error} {error:?} {stop:?} {:?}", stop.hints));
    }
    result
}

pub fn no_secret(shown: &str) {
    assert!(!shown.contains("hunter2"), "{shown}");
}

pub fn project() -> Project {
    Project::Id(ProjectId(44))
}

pub fn jobs() -> Route {
    Route::PipelineJobs(project(), PipelineId(7))
}

pub fn play() -> Route {
    Route::Play(project(), JobId(9))
}
