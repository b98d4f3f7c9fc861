//! What came back instead of an answer.

use std::fmt;
use std::time::Duration;

use super::facts::Facts;
use super::route::Route;
use crate::exit::{Exit, Stop};
use crate::os::Signal;

/// A request that brought no good answer. Holds no secret; server text is masked, cut and safe for a terminal.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    pub method: &'static str,
    pub route: Route,
    /// What came back, in one line.
    pub message: String,
    /// What the server's JSON said, key by key.
    pub said: Said,
    pub status: Option<u16>,
    /// Server's clock, request id, rate and token, as far as it answered.
    pub facts: Facts,
    /// What to try, where the client itself knows.
    pub hints: Vec<String>,
    /// The job token's refusal that came before, where both tokens were tried.
    pub before: Option<Box<Error>>,
}

/// The keys in which GitLab explains a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `message`; an object is written in one line: `name: is too long, is bad; ref: is missing`.
    pub message: Option<String>,
    /// `error`, such as `insufficient_scope`.
    pub error: Option<String>,
    /// `error_description`
    pub description: Option<String>,
    /// `scope`: what the token would need.
    pub scope: Option<String>,
}

/// Kinds of bad ends, as far as anybody decides on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No connection: nothing was sent. TLS, proxy and look-up trouble included.
    Unreachable,
    /// Bytes had left when the connection broke or a limit struck: the server may have done it.
    Lost,
    /// 429: nothing was done. Not before this long from now, if the server said.
    Limited { wait: Option<Duration> },
    /// 409 "Resource lock": nothing was done.
    Locked,
    /// 5xx and what proxies make of it.
    Server,
    /// A 2xx that does not parse (a proxy's page), is cut short or is too large.
    NotJson,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404: no such thing, or the token may not see it.
    NotFound,
    /// 400, 405, 422 and the like: the request itself was refused.
    Refused,
    /// A redirect that is not followed.
    Redirected,
    /// No token of the needed kind is there; nothing was sent.
    NoToken,
    /// The time allowed is over. A write that had been sent is `Lost` instead.
    Deadline,
    /// The program was asked to end; `sent` if bytes had left by then.
    Interrupted { signal: Signal, sent: bool },
}

impl Error {
    /// A later try may well succeed.
    pub fn transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unreachable
                | Kind::Lost
                | Kind::Limited { .. }
                | Kind::Locked
                | Kind::Server
                | Kind::NotJson
        )
    }

    /// Proven: the server did nothing.
    pub fn nothing_done(&self) -> bool {
        match self.kind {
            Kind::Lost | Kind::Server | Kind::NotJson | Kind::Redirected => false,
            Kind::Interrupted { sent, .. } => !sent,
            Kind::Unreachable
            | Kind::Limited { .. }
            | Kind::Locked
            | Kind::Unauthorized
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Refused
            | Kind::NoToken
            | Kind::Deadline => true,
        }
    }

    /// 401, 403 and 404: what another token might change.
    pub fn token_refused(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unauthorized | Kind::Forbidden | Kind::NotFound
        )
    }

    /// The exit code if nothing better is known.
    pub fn exit(&self) -> Exit {
        match self.kind {
            Kind::Unauthorized | Kind::Forbidden | Kind::NoToken => Exit::Refused,
            // What another token was forbidden to see is there.
            Kind::NotFound
                if self
                    .before
                    .as_ref()
                    .is_some_and(|before| before.kind == Kind::Forbidden) =>
            {
                Exit::Refused
            }
            Kind::NotFound => Exit::NotFound,
            Kind::Deadline => Exit::Timeout,
            Kind::Interrupted { signal, .. } => Exit::Signal(signal),
            Kind::Unreachable
            | Kind::Lost
            | Kind::Limited { .. }
            | Kind::Locked
            | Kind::Server
            | Kind::NotJson
            | Kind::Refused
            | Kind::Redirected => Exit::Unknown,
        }
    }

    /// For the person who reads the log: what was asked, what came back, why, what to try.
    pub fn stop(&self) -> Stop {
        let error = match &self.before {
            Some(before) => format!("{self}\nwith the job token: {}", before.message),
            None => self.to_string(),
        };
        Stop {
            exit: self.exit(),
            error,
            hints: self.hints.clone(),
        }
    }
}

/// What was asked and what came back.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.route, self.message)?;
        match &self.facts.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
