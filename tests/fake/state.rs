//! What the server's threads, the story and the clock share; what surrounds the world's answers.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jobgate::time::Timestamp;
use serde_json::Value;

use super::answer::{self, Answer, Request};
use super::auth;
use super::clock::Pace;
use super::fault::{Bad, Fault, To, Trouble, What};
use super::page::Skin;
use super::read;
use super::route::{self, Route};
use super::word;
use super::world::{Event, World};

/// One request as the log keeps it. `status` is 0 where no answer was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// `job`, `access`, `bearer`, `parameter`, `form`, `both` or `none`
    pub token: &'static str,
    pub status: u16,
    pub at: Timestamp,
    /// What went wrong by chance or by script.
    pub fault: Option<Fault>,
}

impl Logged {
    /// `GET /api/v4/job job 200`
    pub fn line(&self) -> String {
        format!(
            "{} {} {} {}",
            self.method, self.target, self.token, self.status
        )
    }
}

/// GitLab's limit of requests per minute, told in `RateLimit-*`.
pub(super) struct Limit {
    per_minute: u64,
    window: i64,
    observed: u64,
}

impl Limit {
    pub fn new(per_minute: u64) -> Self {
        Self {
            per_minute,
            window: 0,
            observed: 0,
        }
    }

    /// Counts a request; `Some` is how many seconds are left if it was one too many.
    fn count(&mut self, now: Timestamp) -> Option<i64> {
        let now = now.millis().div_euclid(1000);
        if now.div_euclid(60) != self.window {
            self.window = now.div_euclid(60);
            self.observed = 0;
        }
        self.observed += 1;
        (self.observed > self.per_minute).then(|| self.reset() - now)
    }

    fn reset(&self) -> i64 {
        (self.window + 1) * 60
    }
}

pub(super) type Slow = Box<dyn Fn(&World) -> bool + Send>;

pub(super) struct State {
    /// `http://127.0.0.1:4711`
    pub origin: String,
    /// Relative root such as `/gitlab`; usually empty.
    pub root: String,
    pub world: World,
    pub began: Timestamp,
    pub pace: Pace,
    pub asked_since_sleep: u32,
    pub log: Vec<Logged>,
    pub violations: Vec<String>,
    pub expected: Vec<String>,
    pub trouble: Trouble,
    pub hooks: Vec<(String, Event)>,
    pub limit: Option<Limit>,
    /// Time that every request takes.
    pub latency: Duration,
    /// The API's URL in links, if another than the address.
    pub link_api: Option<String>,
    /// Bodies are sent in chunks.
    pub chunked: bool,
    /// Requests are not looked at as long as this holds.
    pub slow: Option<Slow>,
    /// Not GitLab at all: everything is answered with this, and no token may ever arrive.
    pub stranger: Option<Answer>,
}

pub struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) stop: AtomicBool,
    pub(super) open: Mutex<Vec<TcpStream>>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Pace::Running { since, factor } = state.pace {
            let now = state.began.plus(since.elapsed() * factor);
            state.world.advance(now);
        }
        state
    }

    /// A slow GitLab: waits as long as the story says, but a second at most.
    pub(super) fn hold(&self) {
        for _ in 0..200 {
            let state = self.lock();
            if !state.slow.as_ref().is_some_and(|slow| slow(&state.world)) {
                return;
            }
            drop(state);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(super) fn opened(&self, stream: TcpStream) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(stream);
    }
}

/// What a client gets to read.
pub(super) enum Reply {
    Whole(Answer),
    Chunked(Answer),
    /// The head, and half of the body that it promises.
    Half(Answer),
    /// Byte by byte, slowly.
    Drip(Answer),
    /// Whole, and then the connection is closed without notice.
    Last(Answer),
    /// These bytes, and then the end.
    Bytes(&'static str),
    Reset,
    Close,
    Hang,
}

/// Another name for loopback, so another origin.
const ELSEWHERE: &str = "localhost";
const SIGN_IN: &str = "/users/sign_in";

/// Longest row of requests that a program may send without sleeping once.
const MOST_WITHOUT_SLEEP: u32 = 5000;

impl State {
    pub fn new(world: World, pace: Pace) -> Self {
        Self {
            origin: String::new(),
            root: String::new(),
            began: world.now,
            world,
            pace,
            asked_since_sleep: 0,
            log: Vec::new(),
            violations: Vec::new(),
            expected: Vec::new(),
            trouble: Trouble::default(),
            hooks: Vec::new(),
            limit: None,
            latency: Duration::ZERO,
            link_api: None,
            chunked: false,
            slow: None,
            stranger: None,
        }
    }

    pub fn api(&self) -> String {
        format!("{}{}/api/v4", self.origin, self.root)
    }

    /// The decoded parts of a path below the API; none elsewhere.
    fn segments(&self, target: &str) -> Vec<String> {
        let path = target.split('?').next().unwrap_or_default();
        let below = path
            .strip_prefix(self.root.as_str())
            .and_then(|path| path.strip_prefix("/api/v4/"));
        let parts = below.unwrap_or_default().split('/').map(answer::decode);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// Judges, answers and logs one request.
    pub fn serve(&mut self, mut request: Request) -> Reply {
        let api = self.link_api.clone().unwrap_or_else(|| self.api());
        request.path = self.segments(&request.target);
        if matches!(self.pace, Pace::Sleeping) && !self.latency.is_zero() {
            let now = self.world.now.plus(self.latency);
            self.world.advance(now);
        }
        self.judge(&request);
        self.run_hooks(&request);
        self.world.witnessed(None);
        let reply = self.reply(&request, &Skin { api });
        let status = match &reply {
            Reply::Whole(answer)
            | Reply::Chunked(answer)
            | Reply::Half(answer)
            | Reply::Drip(answer)
            | Reply::Last(answer) => answer.status,
            Reply::Bytes(_) | Reply::Reset | Reply::Close | Reply::Hang => 0,
        };
        self.log.push(Logged {
            token: auth::kind(&request),
            method: request.method,
            target: request.target,
            status,
            at: self.world.now,
            fault: self.trouble.latest.take(),
        });
        reply
    }

    fn judge(&mut self, request: &Request) {
        self.asked_since_sleep += 1;
        let mut found = if self.elsewhere(request).is_some() {
            let token = auth::kind(request) != "none";
            Vec::from_iter(token.then(|| "a token for a stranger".to_owned()))
        } else {
            route::violations(request, Route::find(request, self.world.age))
        };
        if self.asked_since_sleep == MOST_WITHOUT_SLEEP && matches!(self.pace, Pace::Sleeping) {
            found.push(format!("{MOST_WITHOUT_SLEEP} requests without one sleep"));
        }
        let line = format!("{} {}", request.method, request.target);
        self.violations
            .extend(found.into_iter().map(|found| format!("{found}: {line}")));
    }

    fn run_hooks(&mut self, request: &Request) {
        let line = format!("{} {}", request.method, request.target);
        let hooks = std::mem::take(&mut self.hooks);
        for (pattern, event) in hooks {
            if word::wildcard(&pattern, &line) {
                event(&mut self.world);
                self.world.settle();
            } else {
                self.hooks.push((pattern, event));
            }
        }
    }

    fn reply(&mut self, request: &Request, skin: &Skin) -> Reply {
        if let Some(answer) = self.elsewhere(request) {
            return Reply::Whole(answer);
        }
        let now = self.world.now;
        let what = self.trouble.next(&request.method, &request.target, now);
        let fault = match what {
            None => return self.whole(request, skin),
            Some(What::Answer(answer)) => return Reply::Whole(self.dress(answer)),
            Some(What::Fault(fault)) => fault,
        };
        self.trouble.latest = Some(fault);
        let mut answer = if fault.committed() {
            let done = read::answer(&mut self.world, request, skin);
            fault.spoil(done, request, || self.earlier(request, skin))
        } else {
            fault.answer(now)
        };
        if let Fault::Redirect(_, to) = fault {
            answer = answer.with("Location", self.place(to, request));
        }
        let answer = self.dress(answer);
        match fault {
            Fault::Close | Fault::Lost => Reply::Close,
            Fault::Hang | Fault::HangAfter => Reply::Hang,
            Fault::Before(Bad::Reset) | Fault::After(Bad::Reset) => Reply::Reset,
            Fault::Before(Bad::Bytes(text)) | Fault::After(Bad::Bytes(text)) => Reply::Bytes(text),
            Fault::Cut | Fault::CutNotFound => Reply::Half(answer),
            Fault::Drip => Reply::Drip(answer),
            Fault::Leave => Reply::Last(answer),
            _ => Reply::Whole(answer),
        }
    }

    /// What stands outside GitLab's API, if the request was led there: any token is a violation.
    fn elsewhere(&self, request: &Request) -> Option<Answer> {
        let mut headers = request.headers.iter();
        let led = headers.any(|(name, value)| name == "host" && value.starts_with(ELSEWHERE));
        let found = match request.target.as_str() {
            SIGN_IN => Some(Fault::Page.answer(self.world.now)),
            _ => led.then(|| Answer::new(200, "application/json", "[]")),
        };
        self.stranger.clone().or(found)
    }

    fn place(&self, to: To, request: &Request) -> String {
        match to {
            To::SignIn => SIGN_IN.to_owned(),
            To::Elsewhere => self.origin.replace("127.0.0.1", ELSEWHERE) + &request.target,
            To::Same => request.target.clone(),
        }
    }

    /// The rows of the page before the one that is asked for by its number.
    fn earlier(&mut self, request: &Request, skin: &Skin) -> Vec<Value> {
        let mut request = request.clone();
        let page = request.query.iter_mut().find(|(name, _)| name == "page");
        let Some((_, page)) = page.filter(|(_, page)| page != "1") else {
            return Vec::new();
        };
        *page = page
            .parse::<u64>()
            .unwrap_or(1)
            .saturating_sub(1)
            .to_string();
        let answer = read::answer(&mut self.world, &request, skin);
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    fn whole(&mut self, request: &Request, skin: &Skin) -> Reply {
        let now = self.world.now;
        let over = self.limit.as_mut().and_then(|limit| limit.count(now));
        let answer = match over {
            Some(left) => Answer::new(429, "text/plain", "Retry later\n")
                .with("Retry-After", left.to_string()),
            None => read::answer(&mut self.world, request, skin),
        };
        let answer = self.dress(answer);
        if self.chunked {
            return Reply::Chunked(answer);
        }
        Reply::Whole(answer)
    }

    /// The headers of every answer.
    fn dress(&self, mut answer: Answer) -> Answer {
        let origin = &self.origin;
        for (name, value) in &mut answer.headers {
            if name == "Location" && value.starts_with('/') {
                value.insert_str(0, origin);
            }
        }
        let answer = answer
            .with("Date", word::http_date(self.world.now))
            .with("Cache-Control", "max-age=0, private, must-revalidate")
            .with("X-Request-Id", format!("01JD{:022}", self.log.len()));
        let Some(limit) = &self.limit else {
            return answer;
        };
        let remaining = limit.per_minute.saturating_sub(limit.observed);
        answer
            .with("RateLimit-Limit", limit.per_minute.to_string())
            .with("RateLimit-Name", "throttle_authenticated_api")
            .with("RateLimit-Observed", limit.observed.to_string())
            .with("RateLimit-Remaining", remaining.to_string())
            .with("RateLimit-Reset", limit.reset().to_string())
    }
}
