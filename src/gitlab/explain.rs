//! Why GitLab said no and what to try: an answer as data in, words for people out. Nothing is sent or printed here.

mod hints;
mod need;
mod network;
mod recognize;
mod words;

use super::TokenKind;
use super::route::Route;
use crate::exit::Exit;
use crate::model::ProjectId;

pub use need::{JobToken, Need};
pub use network::{Fault, hint};
pub use recognize::recognize;

/// An answer that is not the wanted one. Server texts are masked, in one line and safe for a terminal.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    pub route: &'a Route,
    /// The kind of token that was sent, if any.
    pub token: Option<TokenKind>,
    pub status: u16,
    /// What stood under `message`, made one line; the text itself if the body is plain text, the [`title`] if it is a page.
    pub message: &'a str,
    /// What stood under `error`.
    pub error: Option<&'a str>,
    pub error_description: Option<&'a str>,
    /// The scopes that would do, as the server lists them.
    pub scope: Option<&'a str>,
    /// The body is a page for browsers, so it is not GitLab's API that speaks.
    pub html: bool,
    /// Projects that GitLab itself has named in this call, so that they exist: the job's own first.
    pub known_projects: &'a [ProjectId],
    /// The same kind of token has been accepted on this kind of route before, in this call.
    pub worked_before: bool,
    /// The request set variables of the job or pipeline.
    pub variables: bool,
    /// Major and minor number of the GitLab release, where known.
    pub version: Option<(u32, u32)>,
}

impl<'a> Refusal<'a> {
    /// A refusal of which nothing more is known than status and text.
    pub fn new(route: &'a Route, token: Option<TokenKind>, status: u16, message: &'a str) -> Self {
        Self {
            route,
            token,
            status,
            message,
            error: None,
            error_description: None,
            scope: None,
            html: false,
            known_projects: &[],
            worked_before: false,
            variables: false,
            version: None,
        }
    }
}

/// What to tell the person who reads the log. Lower case, no final period, no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub exit: Exit,
    pub cause: String,
    /// What to try, the likeliest first.
    pub hints: Vec<String>,
}

/// The kinds of refusal that call for different words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing was sent that says who asks.
    NoToken,
    /// The job has ended, or the text is no token of this server.
    JobTokenDead,
    /// No GitLab takes a job token on this route.
    NeedsAccessToken,
    /// A later GitLab takes a job token on this route.
    TooOldForJobToken,
    AccessTokenUnknown,
    AccessTokenExpired,
    AccessTokenRevoked,
    /// A classic access token lacks a scope.
    Scope,
    /// A fine-grained access token lacks a permission.
    Granular,
    /// `/job` was asked with an access token.
    NotAJobToken,
    /// The other project does not let this project's job tokens in. Names as the server gave them, if it did.
    Allowlist {
        from: Option<String>,
        to: Option<String>,
    },
    /// The allowlist entry lacks permissions, in the server's spelling (`read_jobs`).
    Permissions(Vec<String>),
    /// The route cannot be opened by fine-grained permissions.
    NoPermissionExists,
    /// A person or bot is shut out: blocked, deactivated, terms not accepted…
    UserBarred,
    /// 403 without a word more.
    RoleTooLow,
    /// 403 for a reason that is in the answer itself.
    Forbidden,
    /// A project that exists is hidden from the token.
    ProjectHidden,
    NoProject,
    NoRecord,
    UnknownRoute,
    Locked,
    StatisticsRefresh,
    Unplayable,
    UnknownInput,
    NotRetryable,
    NotErasable,
    RefMissing,
    /// The user may not run a pipeline on this ref.
    PipelineDenied,
    VariablesDenied,
    /// No job would be in the pipeline.
    EmptyPipeline,
    BadParameter,
    KeysetUnknown,
    OffsetTooLarge,
    /// A write to a project's old path.
    MovedProject,
    /// A redirect that the client did not follow.
    RedirectedAway,
    ReadOnly,
    /// 429 of the limit that counts all requests of a user or address.
    TooManyRequests,
    /// 429 of a limit that one route has for itself.
    TooManyOfThese,
    /// The front server wants a client certificate.
    NoClientCertificate,
    /// Plain http was spoken to a port that wants TLS.
    PlainToTls,
    ProxyLogin,
    /// A page for browsers where JSON belongs.
    Page,
    /// 520 to 527: the content delivery network did not get an answer from GitLab.
    Cdn,
    /// 502, 503, 504: GitLab is restarting, overloaded or in maintenance.
    Gateway,
    ServerError,
    /// Anything else that GitLab will not do.
    Other,
}

/// Why a request was not even sent: there is no token of the kind that the route takes.
pub fn explain_no_token(route: &Route) -> Explanation {
    explain(&Refusal::new(route, None, 401, ""))
}

/// The cause of a refusal and what to try.
pub fn explain(refusal: &Refusal) -> Explanation {
    let why = recognize(refusal);
    Explanation {
        exit: words::exit(&why),
        cause: words::cause(refusal, &why),
        hints: hints::hints(refusal, &why),
    }
}

/// What a page for browsers calls itself.
pub fn title(page: &str) -> &str {
    // Lower case of ASCII letters alone keeps every byte where it is.
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>").map(|at| at + "<title>".len());
    let end = lower.find("</title>");
    let title = start.zip(end).and_then(|(start, end)| page.get(start..end));
    title.unwrap_or_default().trim()
}
