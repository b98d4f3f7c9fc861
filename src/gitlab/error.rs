//! What came back instead of an answer.

use std::fmt;
use std::time::Duration;

use super::explain::{Refusal, explain};
use super::facts::Facts;
use super::route::Route;
use crate::exit::{Exit, Signal, Stop};
use crate::model::JobId;

/// A request that brought no good answer. Holds no secret; server text is masked, cut and safe for a terminal.
#[derive(Clone)]
pub struct Error {
    pub kind: Kind,
    pub route: Route,
    /// What came back, in one line.
    pub message: String,
    pub status: Option<u16>,
    /// Server's clock, request id, rate and token, as far as it answered.
    pub facts: Facts,
    /// What to try, where the client itself knows.
    pub hints: Vec<String>,
    /// After this many tries in a row, none of them good, another one cannot help. `None`: a later try may.
    pub tries: Option<u8>,
    /// Why, and what to try, where GitLab answered.
    pub explained: Option<Box<Stop>>,
    /// The job token's refusal that came before, where both tokens were tried.
    pub before: Option<Box<Error>>,
}

/// Kinds of bad ends, as far as a decision rests on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No connection: nothing was sent. TLS, proxy and look-up trouble included.
    Unreachable,
    /// Bytes had left when the connection broke or a limit struck: the server may have done it.
    Lost,
    /// 429: nothing was done. Not before this long from now, if the server said.
    Limited { wait: Option<Duration> },
    /// 409 "Resource lock".
    Locked,
    /// 5xx and what proxies make of it.
    Server,
    /// An answer that does not parse (a proxy's page), is a part only or too large; a list that is not provably whole.
    Unusable,
    /// A list of more pages than any that GitLab has.
    Endless,
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
    /// What a status means; `locked`: the text speaks of a resource lock.
    pub(super) fn of(status: u16, locked: bool, wait: Option<Duration>) -> Self {
        match status {
            300..=399 => Self::Redirected,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            409 if locked => Self::Locked,
            429 => Self::Limited { wait },
            // 408 and 425 come from proxies and say nothing about GitLab.
            408 | 425 | 500.. => Self::Server,
            _ => Self::Refused,
        }
    }

    /// The exit code if nothing better is known; whether a later try may well succeed; whether the server has provably done nothing.
    fn meaning(&self) -> (Exit, bool, bool) {
        match self {
            Self::Unreachable | Self::Limited { .. } => (Exit::Unknown, true, true),
            // GitLab may have committed before it said that a record is locked.
            Self::Lost | Self::Locked | Self::Server | Self::Unusable => {
                (Exit::Unknown, true, false)
            }
            Self::Endless | Self::Refused => (Exit::Unknown, false, true),
            Self::Redirected => (Exit::Unknown, false, false),
            Self::Unauthorized | Self::Forbidden | Self::NoToken => (Exit::Refused, false, true),
            Self::NotFound => (Exit::NotFound, false, true),
            Self::Deadline => (Exit::Timeout, false, true),
            Self::Interrupted { signal, sent } => (Exit::Signal(*signal), false, !sent),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        error.stop()
    }
}

impl Error {
    pub(super) fn new(kind: Kind, route: &Route, message: impl Into<String>) -> Self {
        Self {
            kind,
            route: route.clone(),
            message: message.into(),
            status: None,
            facts: Facts::default(),
            hints: Vec::new(),
            tries: None,
            explained: None,
            before: None,
        }
    }

    /// The same, with what the answer's head says.
    pub(super) fn of(self, status: u16, facts: &Facts) -> Self {
        Self {
            status: Some(status),
            facts: facts.clone(),
            ..self
        }
    }

    /// The same, with why GitLab refused and what to try.
    pub(super) fn explained(self, refusal: &Refusal) -> Self {
        Self {
            explained: Some(Box::new(explain(refusal))),
            ..self
        }
    }

    /// A row of a list that is JSON, but not of the expected form. serde's own message may quote the row.
    pub fn bad_row(route: &Route, facts: &Facts, error: &serde_json::Error) -> Self {
        let column = error.column();
        let message = format!("a row of the answer is not of the expected form (column {column})");
        Self::unusable(route, facts, message)
    }

    /// A list was read to its end and lacks a row all the same.
    pub fn incomplete(route: &Route, facts: &Facts) -> Self {
        let message = "the list lacks jobs of a parallel group";
        Self::unusable(route, facts, message)
    }

    /// A row that does not belong to what the list was asked of.
    pub fn foreign_row(route: &Route, facts: &Facts, job: JobId) -> Self {
        let message = format!("job {job} in the answer is of another pipeline or project");
        Self::unusable(route, facts, message)
    }

    fn unusable(route: &Route, facts: &Facts, message: impl Into<String>) -> Self {
        Self {
            facts: facts.clone(),
            ..Self::new(Kind::Unusable, route, message)
        }
    }

    /// The same request, given up because the program was asked to end.
    #[must_use]
    pub fn interrupted(self, signal: Signal) -> Self {
        let sent = !self.nothing_done();
        let name = signal.name();
        Self {
            kind: Kind::Interrupted { signal, sent },
            message: format!("{}; ended by {name} before the next try", self.message),
            explained: None,
            ..self
        }
    }

    /// A 429 of a limit that GitLab counts per user and job, for this route alone.
    pub fn own_limit(&self) -> bool {
        self.route.need().writes()
            && matches!(self.kind, Kind::Limited { .. })
            && self.message.contains("This endpoint")
    }

    /// A later try may well succeed.
    pub fn transient(&self) -> bool {
        self.kind.meaning().1
    }

    /// Proven: the server did nothing.
    pub fn nothing_done(&self) -> bool {
        self.kind.meaning().2
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
        let explained = self.explained.as_ref();
        let known = explained.map_or(self.kind.meaning().0, |explained| explained.exit);
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
            error = format!("{}\n{error}", explained.error);
            hints.extend(explained.hints.iter().cloned());
        }
        if let Some(before) = &self.before {
            let cause = before.explained.as_ref().map(|explained| &explained.error);
            let why = cause.unwrap_or(&before.message);
            // Each fact is said once.
            if !error.starts_with(why.as_str()) {
                error = format!("{error}\nwith the job token: {why}");
            }
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
        let (method, path) = (self.route.need().method, self.route.path());
        write!(f, "{method} {path}: {}", self.message)?;
        match &self.facts.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

/// The same words: an error printed for a developer must not show more than a user sees.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
