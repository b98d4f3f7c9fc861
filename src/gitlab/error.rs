//! What came back instead of an answer.

use std::fmt;
use std::time::Duration;

use super::explain::Explanation;
use super::facts::Facts;
use super::route::Route;
use crate::exit::{Exit, Stop};
use crate::os::Signal;

/// A request that brought no good answer. Holds no secret; server text is masked, cut and safe for a terminal.
#[derive(Clone)]
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
    /// Why, and what to try, where GitLab answered.
    pub explained: Option<Box<Explanation>>,
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

impl Kind {
    /// The exit code if nothing better is known.
    fn exit(&self) -> Exit {
        match self {
            Self::Unauthorized | Self::Forbidden | Self::NoToken => Exit::Refused,
            Self::NotFound => Exit::NotFound,
            Self::Deadline => Exit::Timeout,
            Self::Interrupted { signal, .. } => Exit::Signal(*signal),
            Self::Unreachable
            | Self::Lost
            | Self::Limited { .. }
            | Self::Locked
            | Self::Server
            | Self::NotJson
            | Self::Refused
            | Self::Redirected => Exit::Unknown,
        }
    }
}

impl Error {
    /// A row of a list that is JSON, but not of the expected form. serde's own message may quote the row.
    pub fn bad_row(route: &Route, facts: &Facts, error: &serde_json::Error) -> Self {
        let column = error.column();
        let message = format!("a row of the answer is not of the expected form (column {column})");
        Self::bad_list(route, facts, message)
    }

    /// The list was read to its end and may lack a row all the same.
    pub fn incomplete(route: &Route, facts: &Facts) -> Self {
        let message = "the list changed while it was read and may be incomplete";
        Self::bad_list(route, facts, message.to_owned())
    }

    fn bad_list(route: &Route, facts: &Facts, message: String) -> Self {
        Self {
            kind: Kind::NotJson,
            method: "GET",
            route: route.clone(),
            message,
            said: Said::default(),
            status: None,
            facts: facts.clone(),
            hints: Vec::new(),
            explained: None,
            before: None,
        }
    }

    /// The same request, given up because the program was asked to end.
    #[must_use]
    pub fn interrupted(self, signal: Signal) -> Self {
        let sent = !self.nothing_done();
        Self {
            kind: Kind::Interrupted { signal, sent },
            message: format!(
                "{}; {} came before the next try",
                self.message,
                signal.name()
            ),
            explained: None,
            ..self
        }
    }

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
        let known = match &self.explained {
            Some(explained) => explained.exit,
            None => self.kind.exit(),
        };
        // What another token was forbidden to see is there.
        let forbidden = |before: &Self| before.kind == Kind::Forbidden;
        match known {
            Exit::NotFound if self.before.as_deref().is_some_and(forbidden) => Exit::Refused,
            _ => known,
        }
    }

    /// For the person who reads the log: why, then what was asked and what came back, then what to try.
    pub fn stop(&self) -> Stop {
        let mut error = self.to_string();
        let mut hints = self.hints.clone();
        if let Some(explained) = &self.explained {
            error = format!("{}\n{error}", explained.cause);
            hints.extend(explained.hints.iter().cloned());
        }
        if let Some(before) = &self.before {
            let why = before
                .explained
                .as_ref()
                .map(|explained| explained.cause.as_str());
            error = format!(
                "{error}\nwith the job token: {}",
                why.unwrap_or(&before.message)
            );
        }
        Stop {
            exit: self.exit(),
            error,
            hints,
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

/// The same words: whoever prints an error for a developer must not show more than a user sees.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {}
