//! The fake as a story holds it: a world behind a loopback address.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jobgate::time::Timestamp;

use super::answer::{Answer, Request};
use super::auth;
use super::clock::{FakeClock, Pace};
use super::fault::{Chaos, Fault, Scripted};
use super::http;
use super::page::Skin;
use super::route::{self, Route};
use super::tls::Tls;
use super::word;
use super::world::{Event, Id, World};

/// One request as the log keeps it. `status` is 0 where no answer was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub method: String,
    pub target: String,
    /// `job`, `access`, `bearer`, `parameter`, `form`, `both` or `none`
    pub token: &'static str,
    pub status: u16,
    pub at: Timestamp,
}

/// GitLab's limit of requests per minute, told in `RateLimit-*`.
struct Limit {
    per_minute: u64,
    window: i64,
    observed: u64,
}

pub(super) struct State {
    pub world: World,
    pub began: Timestamp,
    pub pace: Pace,
    pub asked_since_sleep: u32,
    log: Vec<Logged>,
    violations: Vec<String>,
    expected: Vec<String>,
    scripted: Vec<Scripted>,
    chaos: Option<Chaos>,
    hooks: Vec<(String, Event)>,
    asked: BTreeMap<(String, String), u64>,
    limit: Option<Limit>,
    /// Origin and root in links, if another than the address.
    link_api: Option<String>,
    /// No body is sent with `Content-Length`.
    chunked: bool,
}

pub struct Shared {
    state: Mutex<State>,
    stop: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
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

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(super) fn opened(&self, stream: TcpStream) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stream);
    }
}

/// What the skin does with a request.
pub(super) enum Reply {
    Whole {
        answer: Answer,
        chunked: bool,
    },
    /// The head, and half of the body that it promises.
    Half(Answer),
    Close,
    Hang,
}

/// A GitLab on loopback. Ending it checks that nobody did what no client may do.
pub struct GitLab {
    shared: Arc<Shared>,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    accepting: Option<JoinHandle<()>>,
    checked: bool,
}

impl GitLab {
    /// Plain HTTP, and a clock that only sleeping moves.
    pub fn start(world: World) -> Self {
        Self::open(world, Pace::Sleeping, None, 0)
    }

    /// The same over TLS with this identity.
    pub fn start_tls(world: World, tls: Tls) -> Self {
        Self::open(world, Pace::Sleeping, Some(tls), 0)
    }

    /// Plain HTTP on a port, and a clock that runs so many times faster than the real one.
    pub fn start_running(world: World, factor: u32, port: u16) -> Self {
        let pace = Pace::Running {
            since: Instant::now(),
            factor,
        };
        Self::open(world, pace, None, port)
    }

    fn open(mut world: World, pace: Pace, tls: Option<Tls>, port: u16) -> Self {
        world.settle();
        let state = State {
            began: world.now,
            world,
            pace,
            asked_since_sleep: 0,
            log: Vec::new(),
            violations: Vec::new(),
            expected: Vec::new(),
            scripted: Vec::new(),
            chaos: None,
            hooks: Vec::new(),
            asked: BTreeMap::new(),
            limit: None,
            link_api: None,
            chunked: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            stop: AtomicBool::new(false),
            open: Mutex::new(Vec::new()),
        });
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("no free port on loopback");
        let address = listener.local_addr().expect("an address");
        let tls = tls.map(Arc::new);
        let accepting = http::accept(listener, Arc::clone(&shared), tls.clone(), address);
        Self {
            shared,
            address,
            tls,
            accepting: Some(accepting),
            checked: false,
        }
    }

    pub fn clock(&self) -> FakeClock {
        FakeClock {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Looks at the world, or changes it.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.shared.lock();
        let seen = look(&mut state.world);
        state.world.settle();
        seen
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:4711`
    pub fn origin(&self) -> String {
        origin(self.tls.is_some(), self.address)
    }

    /// `CI_API_V4_URL`
    pub fn api(&self) -> String {
        format!("{}/api/v4", self.origin())
    }

    /// The predefined variables of a job, as its runner sets them.
    pub fn vars(&self, job: Id) -> HashMap<String, String> {
        let (api, origin) = (self.api(), self.origin());
        self.world(|world| {
            let job = &world.jobs[&job];
            let pipeline = &world.pipelines[&job.pipeline];
            let project = &world.projects[&job.project];
            let protected = world
                .ref_protected(project.id, &pipeline.ref_name, pipeline.tag)
                .is_some();
            let mut vars = vec![
                ("CI", "true".to_owned()),
                ("GITLAB_CI", "true".to_owned()),
                ("CI_API_V4_URL", api),
                ("CI_SERVER_URL", origin),
                ("CI_JOB_TOKEN", job.token.clone()),
                ("CI_JOB_ID", job.id.to_string()),
                ("CI_JOB_NAME", job.name.clone()),
                ("CI_JOB_STAGE", pipeline.stages[job.stage].clone()),
                ("CI_JOB_STATUS", "running".to_owned()),
                ("CI_JOB_TIMEOUT", "3600".to_owned()),
                ("CI_PROJECT_ID", project.id.to_string()),
                ("CI_PROJECT_PATH", project.path.clone()),
                ("CI_PIPELINE_ID", pipeline.id.to_string()),
                ("CI_PIPELINE_IID", pipeline.iid.to_string()),
                ("CI_PIPELINE_SOURCE", pipeline.source.to_owned()),
                ("CI_COMMIT_REF_NAME", pipeline.ref_name.clone()),
                ("CI_COMMIT_REF_PROTECTED", protected.to_string()),
                ("CI_COMMIT_SHA", pipeline.sha.clone()),
                ("GITLAB_USER_LOGIN", world.users[&job.user].username.clone()),
            ];
            if let Some(at) = job.started_at {
                vars.push(("CI_JOB_STARTED_AT", at.to_string()));
            }
            if let Some(name) = &job.spec.environment {
                vars.push(("CI_ENVIRONMENT_NAME", name.clone()));
            }
            vars.into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        })
    }

    /// Writes the kubeconfig that GitLab hands to a job with agents (`app/services/ci/generate_kubeconfig_service.rb`).
    pub fn kubeconfig(&self, job: Id, dir: &Path) -> PathBuf {
        let text = self.world(|world| world.kubeconfig(job));
        let path = dir.join("kubeconfig");
        std::fs::write(&path, text).expect("kubeconfig written");
        path
    }

    /// The next request like this (`POST */play`, `*` for anything) goes wrong.
    pub fn fault(&self, pattern: &str, fault: Fault) {
        self.faults(pattern, fault, 1);
    }

    /// The next so many requests like this go wrong; `u32::MAX` for all.
    pub fn faults(&self, pattern: &str, fault: Fault, times: u32) {
        self.shared.lock().scripted.push(Scripted {
            pattern: pattern.to_owned(),
            fault,
            times,
        });
    }

    pub fn no_more_faults(&self) {
        let mut state = self.shared.lock();
        state.scripted.clear();
        state.chaos = None;
    }

    /// A share of all requests goes wrong from now on.
    pub fn chaos(&self, chaos: Chaos) {
        self.shared.lock().chaos = Some(chaos);
    }

    /// Just before the next request like this is looked at, something happens. Once.
    pub fn before(&self, pattern: &str, event: impl FnOnce(&mut World) + Send + 'static) {
        self.shared
            .lock()
            .hooks
            .push((pattern.to_owned(), Box::new(event)));
    }

    /// Every answer tells this limit; beyond it the answer is 429 until the minute is over.
    pub fn limit(&self, per_minute: u64) {
        self.shared.lock().limit = Some(Limit {
            per_minute,
            window: 0,
            observed: 0,
        });
    }

    /// Links point here, as behind a proxy that changes the address.
    pub fn links_to(&self, api: &str) {
        self.shared.lock().link_api = Some(api.to_owned());
    }

    /// Bodies are sent in chunks, without `Content-Length`.
    pub fn chunked(&self) {
        self.shared.lock().chunked = true;
    }

    pub fn requests(&self) -> Vec<Logged> {
        self.shared.lock().log.clone()
    }

    /// The requests so far, one per line: `GET /api/v4/job job 200`.
    pub fn log(&self) -> String {
        let line = |one: &Logged| {
            format!(
                "{} {} {} {}\n",
                one.method, one.target, one.token, one.status
            )
        };
        self.requests().iter().map(line).collect()
    }

    /// Writes so far, refused ones included.
    pub fn posts(&self) -> usize {
        self.requests()
            .iter()
            .filter(|one| one.method == "POST")
            .count()
    }

    /// This story breaks a rule on purpose: a violation that contains this text is none.
    pub fn expect_violation(&self, text: &str) {
        self.shared.lock().expected.push(text.to_owned());
    }

    /// Ends the server and fails if anybody did what no client may do. Returns the world as it was left.
    pub fn finish(mut self) -> Logs {
        self.shut();
        self.check();
        Logs {
            requests: self.requests(),
        }
    }

    fn check(&mut self) {
        self.checked = true;
        let broken = self.shared.state.is_poisoned();
        let state = self.shared.lock();
        let unexpected: Vec<&String> = state
            .violations
            .iter()
            .filter(|found| {
                !state
                    .expected
                    .iter()
                    .any(|text| found.contains(text.as_str()))
            })
            .collect();
        let log: Vec<String> = state
            .log
            .iter()
            .map(|one| format!("{} {} {} {}", one.method, one.target, one.token, one.status))
            .collect();
        assert!(
            !broken,
            "the world itself failed; requests:\n{}",
            log.join("\n")
        );
        assert!(
            unexpected.is_empty(),
            "{unexpected:#?}\nrequests:\n{}",
            log.join("\n")
        );
    }

    fn shut(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for stream in self
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Drop for GitLab {
    fn drop(&mut self) {
        self.shut();
        if !self.checked && !std::thread::panicking() {
            self.check();
        }
    }
}

/// What is left of a fake that was ended.
pub struct Logs {
    pub requests: Vec<Logged>,
}

pub(super) fn origin(tls: bool, address: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// Longest row of requests that a program may send without sleeping once.
const MOST_WITHOUT_SLEEP: u32 = 5000;

impl State {
    /// Judges, answers and logs one request.
    pub(super) fn serve(&mut self, request: &Request, api: &str) -> Reply {
        let skin = Skin {
            api: self.link_api.clone().unwrap_or_else(|| api.to_owned()),
        };
        self.judge(request);
        self.run_hooks(request);
        let fault = self.next_fault(request);
        let answer = match fault {
            Some(fault) if !fault.committed() => fault.answer(),
            _ => {
                let limited = self.limited();
                let answer =
                    limited.unwrap_or_else(|| route::answer(&mut self.world, request, &skin));
                Some(fault.and_then(Fault::answer).unwrap_or(answer))
            }
        };
        let sent = !matches!(
            fault,
            Some(Fault::Close | Fault::Lost | Fault::Hang | Fault::HangAfter)
        );
        self.log.push(Logged {
            method: request.method.clone(),
            target: request.target.clone(),
            token: auth::kind(request),
            status: answer
                .as_ref()
                .filter(|_| sent)
                .map_or(0, |answer| answer.status),
            at: self.world.now,
        });
        let Some(answer) = answer.filter(|_| sent) else {
            let hang = matches!(fault, Some(Fault::Hang | Fault::HangAfter));
            return if hang { Reply::Hang } else { Reply::Close };
        };
        let answer = self.dress(answer);
        match fault {
            Some(Fault::Cut) => Reply::Half(answer),
            _ => Reply::Whole {
                answer,
                chunked: self.chunked,
            },
        }
    }

    fn judge(&mut self, request: &Request) {
        let route = Route::find(request, self.world.age);
        for found in route::violations(request, route) {
            self.violations
                .push(format!("{found}: {} {}", request.method, request.target));
        }
        self.asked_since_sleep += 1;
        if self.asked_since_sleep == MOST_WITHOUT_SLEEP && matches!(self.pace, Pace::Sleeping) {
            self.violations
                .push(format!("{MOST_WITHOUT_SLEEP} requests without one sleep"));
        }
    }

    fn run_hooks(&mut self, request: &Request) {
        let line = format!("{} {}", request.method, request.target);
        let (now, later) = std::mem::take(&mut self.hooks)
            .into_iter()
            .partition(|(pattern, _)| word::wildcard(pattern, &line));
        self.hooks = later;
        let now: Vec<(String, Event)> = now;
        for (_, event) in now {
            event(&mut self.world);
            self.world.settle();
        }
    }

    fn next_fault(&mut self, request: &Request) -> Option<Fault> {
        let (method, target) = (request.method.as_str(), request.target.as_str());
        if let Some(scripted) = self
            .scripted
            .iter_mut()
            .find(|one| one.matches(method, target))
        {
            if scripted.times != u32::MAX {
                scripted.times -= 1;
            }
            return Some(scripted.fault);
        }
        let asked = self
            .asked
            .entry((method.to_owned(), target.to_owned()))
            .or_default();
        *asked += 1;
        self.chaos.as_ref()?.fault(method, target, *asked)
    }

    fn limited(&mut self) -> Option<Answer> {
        let now = self.world.now.millis().div_euclid(1000);
        let limit = self.limit.as_mut()?;
        if now.div_euclid(60) != limit.window {
            limit.window = now.div_euclid(60);
            limit.observed = 0;
        }
        limit.observed += 1;
        let over = limit.observed > limit.per_minute;
        let left = (limit.window + 1) * 60 - now;
        over.then(|| {
            Answer::new(429, "text/plain", "Retry later\n").with("Retry-After", left.to_string())
        })
    }

    /// The headers of every answer.
    fn dress(&self, answer: Answer) -> Answer {
        let mut answer = answer
            .with("Date", word::http_date(self.world.now))
            .with("Cache-Control", "max-age=0, private, must-revalidate")
            .with("X-Request-Id", format!("01JD{:022}", self.log.len()));
        if let Some(limit) = &self.limit {
            let reset = (limit.window + 1) * 60;
            answer = answer
                .with("RateLimit-Limit", limit.per_minute.to_string())
                .with("RateLimit-Name", "throttle_authenticated_api")
                .with("RateLimit-Observed", limit.observed.to_string())
                .with(
                    "RateLimit-Remaining",
                    limit.per_minute.saturating_sub(limit.observed).to_string(),
                )
                .with("RateLimit-Reset", reset.to_string());
        }
        answer
    }
}
