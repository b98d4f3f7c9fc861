//! The fake as a story holds it: a world behind a loopback address.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::clock::{FakeClock, Pace};
use super::data::Id;
use super::fault::{Chaos, Fault, What};
use super::http;
use super::state::{Limit, Logged, Shared, State};
use super::tls::Tls;
use super::world::World;

/// A GitLab on loopback. Ending it checks that nobody did what no client may do.
pub struct GitLab {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// What a client of a TLS server has to trust.
    trust: Option<String>,
    accepting: Option<JoinHandle<()>>,
    checked: bool,
}

impl GitLab {
    /// Plain HTTP, and a clock that only sleeping moves.
    pub fn start(world: World) -> Self {
        Self::open(State::new(world, Pace::Sleeping), None, 0)
    }

    /// The same over TLS with this identity.
    pub fn start_tls(world: World, tls: Tls) -> Self {
        Self::open(State::new(world, Pace::Sleeping), Some(tls), 0)
    }

    /// Plain HTTP on a port (0: any), and a clock that runs so many times faster than the real one.
    pub fn start_running(world: World, factor: u32, port: u16) -> Self {
        let since = Instant::now();
        Self::open(
            State::new(world, Pace::Running { since, factor }),
            None,
            port,
        )
    }

    /// Another origin that answers everything alike. A token that reaches it is a violation.
    pub fn stranger(answer: Answer) -> Self {
        let mut state = State::new(World::new(), Pace::Sleeping);
        state.stranger = Some(answer);
        Self::open(state, None, 0)
    }

    fn open(mut state: State, tls: Option<Tls>, port: u16) -> Self {
        state.world.settle();
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            stop: AtomicBool::new(false),
            open: Mutex::new(Vec::new()),
        });
        let listener =
            TcpListener::bind(("127.0.0.1", port)).expect("no such port free on loopback");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        shared.lock().origin = format!("{scheme}://{address}");
        let mut gitlab = Self {
            shared,
            address,
            trust: tls.as_ref().map(|tls| tls.trust.clone()),
            accepting: None,
            checked: false,
        };
        let shared = Arc::clone(&gitlab.shared);
        gitlab.accepting = Some(http::accept(listener, shared, tls.map(Arc::new)));
        gitlab
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

    /// PEM that a client has to trust, where this speaks TLS.
    pub fn trust(&self) -> Option<&str> {
        self.trust.as_deref()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:4711`
    pub fn origin(&self) -> String {
        self.shared.lock().origin.clone()
    }

    /// `CI_API_V4_URL`
    pub fn api(&self) -> String {
        self.shared.lock().api()
    }

    /// The predefined variables of a job, as its runner sets them.
    pub fn vars(&self, job: Id) -> HashMap<String, String> {
        let mut vars = self.world(|world| world.vars(job));
        vars.insert("CI_API_V4_URL".to_owned(), self.api());
        vars.insert("CI_SERVER_URL".to_owned(), self.origin());
        vars
    }

    /// The next request like this (`POST */play`, `*` for anything) goes wrong.
    pub fn fault(&self, pattern: &str, fault: Fault) {
        self.faults(pattern, fault, 1);
    }

    /// The next so many requests like this go wrong; `u32::MAX` for all.
    pub fn faults(&self, pattern: &str, fault: Fault, times: u32) {
        self.shared
            .lock()
            .trouble
            .script(pattern, What::Fault(fault), times);
    }

    /// The next request like this gets this answer, whatever GitLab would say.
    pub fn answer(&self, pattern: &str, answer: Answer) {
        self.answers(pattern, answer, 1);
    }

    /// The next so many requests like this get this answer; `u32::MAX` for all.
    pub fn answers(&self, pattern: &str, answer: Answer, times: u32) {
        self.shared
            .lock()
            .trouble
            .script(pattern, What::Answer(answer), times);
    }

    /// A share of all requests goes wrong from now on.
    pub fn chaos(&self, chaos: Chaos) {
        self.shared.lock().trouble.chaos = Some(chaos);
    }

    /// Every request between these seconds from now goes wrong.
    pub fn outage(&self, from: u64, to: u64, fault: Fault) {
        let mut state = self.shared.lock();
        let at = |seconds| state.world.now.plus(Duration::from_secs(seconds));
        let outage = (at(from), at(to), fault);
        state.trouble.outages.push(outage);
    }

    pub fn no_more_trouble(&self) {
        self.shared.lock().trouble.clear();
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
        self.shared.lock().limit = Some(Limit::new(per_minute));
    }

    /// Every request takes so long.
    pub fn latency(&self, latency: Duration) {
        self.shared.lock().latency = latency;
    }

    /// Requests take a little while of real time as long as this holds, for a story with real scripts beside the program.
    pub fn slow_while(&self, slow: impl Fn(&World) -> bool + Send + 'static) {
        self.shared.lock().slow = Some(Box::new(slow));
    }

    /// Links point here, as behind a proxy that changes the address.
    pub fn links_to(&self, api: &str) {
        self.shared.lock().link_api = Some(api.to_owned());
    }

    /// GitLab lives below a relative root, such as `/gitlab`.
    pub fn root(&self, root: &str) {
        root.clone_into(&mut self.shared.lock().root);
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
        self.requests()
            .iter()
            .map(|one| one.line() + "\n")
            .collect()
    }

    /// Writes so far, refused ones included.
    pub fn posts(&self) -> usize {
        self.requests()
            .iter()
            .filter(|one| one.method == "POST")
            .count()
    }

    /// This story breaks a rule on purpose: a violation that contains this text is none. (A violation that never happens is one.)
    pub fn expect_violation(&self, text: &str) {
        self.shared.lock().expected.push(text.to_owned());
    }

    /// Ends the server and fails if anybody did what no client may do. Returns the log of requests.
    pub fn finish(mut self) -> Vec<Logged> {
        self.shut();
        self.check();
        self.requests()
    }

    fn check(&mut self) {
        self.checked = true;
        let broken = self.shared.state.is_poisoned();
        let log = self.log();
        assert!(!broken, "the world itself failed; requests:\n{log}");
        let state = self.shared.lock();
        let expected = |found: &&String| {
            !state
                .expected
                .iter()
                .any(|text| found.contains(text.as_str()))
        };
        let found: Vec<&String> = state.violations.iter().filter(expected).collect();
        assert!(found.is_empty(), "{found:#?}\nrequests:\n{log}");
        for text in &state.expected {
            let happened = state
                .violations
                .iter()
                .any(|found| found.contains(text.as_str()));
            assert!(
                happened,
                "expected, but it did not happen: {text}\nrequests:\n{log}"
            );
        }
    }

    fn shut(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let mut open = self
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
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
