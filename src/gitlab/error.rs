//! What came back instead of an answer.

use std::fmt;
use std::time::Duration;

use super::TokenKind;
use super::route::Route;
use crate::exit::{Exit, Stop};
use crate::time::Timestamp;

/// A request that brought no good answer. Holds no secret; server text is masked, cut and safe for a terminal.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    pub method: &'static str,
    pub route: Route,
    /// As the server said it, in one line.
    pub message: String,
    pub status: Option<u16>,
    pub request_id: Option<String>,
    pub token: Option<TokenKind>,
    /// The server's clock, if it answered.
    pub date: Option<Timestamp>,
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
    /// 403, and 404 where it means that the token may not see it.
    Forbidden,
    /// 404 "Project Not Found", job, pipeline, route.
    NotFound,
    /// 400, 405, 422 and the like: the request itself was refused.
    Refused,
    /// A redirect that is not followed.
    Redirected,
    /// No token of the needed kind is there; nothing was sent.
    NoToken,
    /// The program was asked to end.
    Interrupted,
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
        !matches!(
            self.kind,
            Kind::Lost | Kind::Server | Kind::NotJson | Kind::Interrupted | Kind::Redirected
        )
    }

    /// The exit code if nothing better is known.
    pub fn exit(&self) -> Exit {
        unimplemented!()
    }

    /// For the person who reads the log: what was asked, what came back, why, what to try.
    pub fn stop(&self) -> Stop {
        unimplemented!()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
