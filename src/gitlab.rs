//! Talking to GitLab: the only user of ureq and rustls. One method per kind of request; every answer and refusal as data.

mod choice;
pub mod error;
pub mod explain;
mod facts;
mod net;
mod page;
mod proxy;
mod resolve;
pub mod route;
mod send;
mod stream;
mod text;
mod tls;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::ci::{Ci, Secret};
use crate::exit::Stop;
use crate::host::Host;
use crate::os::{Interrupt, Woken};
use crate::url::{Url, query};
use choice::Memory;
pub use error::{Error, Kind, Said};
pub use facts::{Facts, Rate};
use net::Line;
pub use page::{Listing, Page};
use resolve::Names;
pub use route::{Project, Route};
use send::{Ask, Text};
use text::Cleaner;

/// Which of the two kinds of token a request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// `CI_JOB_TOKEN`
    Job,
    /// Project, group or personal access token.
    Access,
}

impl TokenKind {
    fn header(self) -> &'static str {
        match self {
            Self::Job => "job-token",
            Self::Access => "private-token",
        }
    }
}

/// Something that happened on the way, for whoever talks to the user. Holds no secret; URLs are already cleaned.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A request and its answer (`status` is `None` if none came). Shown with `--debug`.
    Request {
        method: &'static str,
        url: String,
        status: Option<u16>,
        request_id: Option<String>,
        took: Duration,
    },
    /// A token is used for the first time; where it came from (`GITLAB_TOKEN`, `--token-file`…).
    Using {
        token: TokenKind,
        source: &'static str,
    },
    /// Something the user should know, once: plain http, a job token in the access token's place…
    Warning(String),
}

/// A good answer: the whole of its JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub facts: Facts,
    method: &'static str,
    route: Route,
}

impl Answer {
    /// The body as a type; an answer of another form is an [`Error`] of kind `NotJson`, which counts as transient.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // serde's own message may quote the body.
        serde_json::from_str(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.lacks(&format!(
                "is JSON, but not of the expected form (line {line}, column {column})"
            ))
        })
    }

    /// Something that belongs into this answer is not there.
    pub fn lacks(&self, what: &str) -> Error {
        Error {
            kind: Kind::NotJson,
            method: self.method,
            route: self.route.clone(),
            message: format!("the answer {what}"),
            said: Said::default(),
            status: Some(self.status),
            facts: self.facts.clone(),
            hints: Vec::new(),
            explained: None,
            before: None,
        }
    }
}

/// How to send a write's parameters.
pub enum Body<'a> {
    None,
    Json(&'a serde_json::Value),
    /// `trigger` alone: the job token travels as the field `token`, added by the client.
    FormWithJobToken(&'a [(String, String)]),
}

/// Pages are fetched on at most this many lines at once.
const LINES: usize = 4;
/// What is left for canceling once the program was asked to end.
const FRESH: Duration = Duration::from_secs(4);

/// The way to one GitLab server.
pub struct Client<'a> {
    ci: &'a Ci,
    host: &'a Host<'a>,
    note: &'a (dyn Fn(Note) + Sync),
    origin: String,
    cleaner: Cleaner,
    tls: tls::Configs,
    names: Names,
    lines: Vec<Line>,
    /// The line to wherever a log was redirected, while it is in use.
    away: Arc<Mutex<Option<ureq::Agent>>>,
    /// Of the monotonic clock.
    deadline: Mutex<Option<Duration>>,
    /// False for the client that cancels after an interrupt.
    heeds_interrupt: bool,
    memory: Mutex<Memory>,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl<'a> Client<'a> {
    /// Checks what the way to GitLab depends on; sends nothing. From here on an interrupt cuts requests short.
    pub fn open(
        ci: &'a Ci,
        host: &'a Host<'a>,
        note: &'a (dyn Fn(Note) + Sync),
    ) -> Result<Self, Stop> {
        let tls = tls::Configs::new(&ci.trust)?;
        let names = Names::new(host.interrupt.clone());
        let client = Self::build(ci, host, note, tls, names, true)?;
        let agents: Vec<_> = client.lines.iter().map(Line::agent).collect();
        let away = Arc::clone(&client.away);
        host.interrupt.on_raise(Box::new(move || {
            let away = away.lock().unwrap_or_else(PoisonError::into_inner).take();
            agents
                .into_iter()
                .chain(away)
                .for_each(ureq::Agent::shutdown);
        }));
        for warning in &ci.warnings {
            note(Note::Warning(warning.clone()));
        }
        if !ci.api.secure && !ci.api.loopback() {
            note(Note::Warning(format!(
                "{} is plain http: tokens can be read on the way",
                client.origin
            )));
        }
        Ok(client)
    }

    fn build(
        ci: &'a Ci,
        host: &'a Host<'a>,
        note: &'a (dyn Fn(Note) + Sync),
        tls: tls::Configs,
        names: Names,
        heeds_interrupt: bool,
    ) -> Result<Self, Stop> {
        let proxy = proxy::choose(&ci.api, &ci.proxies)?;
        let lines =
            std::iter::repeat_with(|| Line::new(&tls.gitlab, &tls.others, proxy.clone(), &names))
                .take(LINES)
                .collect();
        let tokens = [
            ci.job_token.as_ref(),
            ci.access.as_ref().map(|access| &access.token),
        ];
        let mut secrets = proxy::passwords(&ci.proxies);
        secrets.extend(
            tokens
                .into_iter()
                .flatten()
                .map(|token| token.reveal().to_owned()),
        );
        Ok(Self {
            ci,
            host,
            note,
            origin: ci.api.origin(),
            cleaner: Cleaner::new(secrets),
            tls,
            names,
            lines,
            away: Arc::default(),
            deadline: Mutex::new(None),
            heeds_interrupt,
            memory: Mutex::default(),
        })
    }

    /// For canceling what was started after an interrupt has shut this client down: new connections, and four seconds in all.
    pub fn fresh(&self) -> Result<Self, Stop> {
        let (tls, names) = (self.tls.clone(), self.names.heeding(Interrupt::new()));
        let fresh = Self::build(self.ci, self.host, self.note, tls, names, false)?;
        fresh.set_deadline(Some(self.host.clock.monotonic().saturating_add(FRESH)));
        *fresh.memory() = self.memory().clone();
        Ok(fresh)
    }

    /// The origin that is trusted, as printed: `https://gitlab.example.com`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port of the proxy on the way to GitLab.
    pub fn proxy(&self) -> Option<&str> {
        self.lines.first()?.proxy()
    }

    /// No request goes on beyond this point of the monotonic clock.
    pub fn set_deadline(&self, monotonic: Option<Duration>) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = monotonic;
    }

    /// One document. A 401 to `GET /job` is asked once more after a second: at a job's start a replica may not know it yet.
    pub fn get(&self, route: &Route, pairs: &[(&str, &str)]) -> Result<Answer, Error> {
        let first = self.get_once(route, pairs);
        match &first {
            Err(error) if error.kind == Kind::Unauthorized && *route == Route::CurrentJob => {}
            _ => return first,
        }
        let second = Duration::from_secs(1).min(self.left().unwrap_or(Duration::MAX));
        match self.host.clock.sleep(second, self.host.interrupt) {
            Woken::Signal(_) if self.heeds_interrupt => first,
            _ => self.get_once(route, pairs),
        }
    }

    fn get_once(&self, route: &Route, pairs: &[(&str, &str)]) -> Result<Answer, Error> {
        let text = self.with_token(route, |token| {
            self.fetch(&self.get_ask(route, &query(pairs), Some(token)), 0)
        })?;
        self.answer(text, "GET", route)
    }

    /// One document, asked with one kind of token and no other: to find out what that token may do.
    pub fn get_as(
        &self,
        token: TokenKind,
        route: &Route,
        pairs: &[(&str, &str)],
    ) -> Result<Answer, Error> {
        if !self.has(token) {
            return Err(Self::no_token(token, route));
        }
        let text = self.fetch(&self.get_ask(route, &query(pairs), Some(token)), 0)?;
        self.answer(text, "GET", route)
    }

    /// A write, sent once, on a connection of its own.
    pub fn post(&self, route: &Route, body: &Body) -> Result<Answer, Error> {
        let text = self.with_token(route, |token| {
            let (kind, text, header) = match body {
                Body::None => (None, String::new(), Some(token)),
                Body::Json(value) => (Some("application/json"), value.to_string(), Some(token)),
                Body::FormWithJobToken(fields) => (
                    Some("application/x-www-form-urlencoded"),
                    self.form(fields),
                    None,
                ),
            };
            self.fetch(
                &Ask {
                    post: true,
                    route,
                    url: self.url(route, ""),
                    token: header,
                    carried: Some(token),
                    body: kind.map(|kind| (kind, text.as_str())),
                },
                0,
            )
        })?;
        self.answer(text, "POST", route)
    }

    fn form(&self, fields: &[(String, String)]) -> String {
        let token = self.token(TokenKind::Job).map_or("", Secret::reveal);
        let mut pairs = vec![("token", token)];
        pairs.extend(
            fields
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
        query(&pairs)
    }

    fn answer(&self, text: Text, method: &'static str, route: &Route) -> Result<Answer, Error> {
        let whole: Result<IgnoredAny, _> = serde_json::from_str(&text.body);
        if whole.is_err() {
            return Err(self.not_json(&text, method, route));
        }
        self.count_answer();
        Ok(Answer {
            status: text.status,
            body: text.body,
            facts: text.facts,
            method,
            route: route.clone(),
        })
    }

    fn url(&self, route: &Route, query: &str) -> Url {
        let mut url = self.ci.api.clone();
        url.path.push_str(&route.path());
        url.query = (!query.is_empty()).then(|| query.to_owned());
        url
    }

    fn get_ask<'r>(&self, route: &'r Route, query: &str, token: Option<TokenKind>) -> Ask<'r> {
        Ask {
            post: false,
            route,
            url: self.url(route, query),
            token,
            carried: token,
            body: None,
        }
    }

    /// Time left until the deadline; `None` without one.
    fn left(&self) -> Option<Duration> {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        Some(deadline?.saturating_sub(self.host.clock.monotonic()))
    }
}
