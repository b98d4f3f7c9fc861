//! Talking to GitLab: the only user of ureq and rustls. One method per kind of request; every answer and refusal as data.

pub mod error;
pub mod explain;
pub mod route;

use std::ops::ControlFlow;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::Host;
use crate::ci::Fixed;
use crate::exit::Stop;
use crate::time::Timestamp;
pub use error::{Error, Kind};
pub use route::{Project, Route};

/// Which of the two kinds of token a request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `CI_JOB_TOKEN`
    Job,
    /// Project, group or personal access token.
    Access,
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

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub facts: Facts,
}

/// What the headers of an answer say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The server's clock.
    pub date: Option<Timestamp>,
    pub request_id: Option<String>,
    pub rate: Option<Rate>,
    pub token: Option<TokenKind>,
}

/// `RateLimit-*` of one answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests allowed per minute.
    pub limit: f64,
    pub observed: f64,
    pub remaining: f64,
    /// End of the window by the server's clock.
    pub reset: Timestamp,
}

/// One page of a list.
pub struct Page {
    pub rows: Vec<Box<RawValue>>,
    pub facts: Facts,
    /// All rows of the list, if the server counts them (`X-Total`).
    pub total: Option<u64>,
}

/// How to send a write's parameters.
pub enum Body<'a> {
    None,
    Json(&'a serde_json::Value),
    /// `trigger` alone: the job token travels as the field `token`, added by the client.
    FormWithJobToken(&'a [(String, String)]),
}

/// The way to one GitLab server.
pub struct Client<'a> {
    #[expect(dead_code, reason = "skeleton")]
    host: &'a Host<'a>,
}

impl<'a> Client<'a> {
    /// Reads and checks everything that the way to GitLab depends on, sends nothing.
    pub fn open(
        _fixed: &Fixed,
        _host: &'a Host<'a>,
        _note: &'a (dyn Fn(Note) + Sync),
    ) -> Result<Self, Stop> {
        unimplemented!()
    }

    /// The origin that is trusted, as printed: `https://gitlab.example.com`.
    pub fn origin(&self) -> &str {
        unimplemented!()
    }

    /// No request goes on beyond this point of the monotonic clock.
    pub fn set_deadline(&self, _monotonic: Option<Duration>) {
        unimplemented!()
    }

    /// One document.
    pub fn get(&self, _route: &Route, _query: &[(&str, &str)]) -> Result<Answer, Error> {
        unimplemented!()
    }

    /// A list to its end, page by page in the server's order; `each` may stop it early.
    pub fn pages(
        &self,
        _route: &Route,
        _query: &[(&str, &str)],
        _each: &mut dyn FnMut(Page) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        unimplemented!()
    }

    /// A write, sent once.
    pub fn post(&self, _route: &Route, _body: &Body) -> Result<Answer, Error> {
        unimplemented!()
    }

    /// A log, in chunks as they arrive; `sink` may stop it early. Returns the headers' facts.
    pub fn stream(
        &self,
        _route: &Route,
        _query: &[(&str, &str)],
        _sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Facts, Error> {
        unimplemented!()
    }
}

impl Answer {
    /// The body as a type; an answer that does not parse is an [`Error`] of kind `NotJson`, which counts as transient.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        unimplemented!()
    }
}
