//! Why GitLab refused a request and what to try: an answer as data in, words for people out. Sends and prints nothing.
//!
//! Each kind of refusal is one [`Arm`]: exit code, cause and hints. It is found here, by GitLab's own words and by the status.

mod arms;
mod network;
mod words;

use super::TokenKind;
use super::route::{JobToken, Project, Route};
use crate::exit::Stop;
use crate::model::ProjectId;

use arms::Arm;
pub use network::Fault;

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
    /// The body is a page for browsers, so the answer does not come from GitLab's API.
    pub html: bool,
    /// Projects that GitLab itself has named in this call, so that they exist: the job's own first.
    pub known_projects: &'a [ProjectId],
    /// The same kind of token has been accepted on this kind of route before, in this call.
    pub worked_before: bool,
    /// Major and minor number of the server's release, where `CI_SERVER_VERSION` says so.
    pub release: Option<(u32, u32)>,
    /// The request set variables of the job or pipeline.
    pub variables: bool,
}

/// The cause of a refusal and what to try, for the person who reads the log.
pub fn explain(refusal: &Refusal) -> Stop {
    let Arm { exit, cause, hints } = recognize(refusal);
    let filled = hints.lines().filter_map(|hint| refusal.fill(hint));
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    Stop {
        exit,
        error: refusal.fill(cause).unwrap_or_default(),
        hints: filled.flat_map(lines).collect(),
    }
}

/// Why a request was not even sent: there is no token of the kind that the route takes.
pub fn explain_no_token(route: &Route) -> Stop {
    explain(&Refusal::new(route, None, 401, ""))
}

/// GitLab's own words in lower case, with their status (`lib/api/helpers.rb`, `lib/api/api_guard.rb`, `lib/api/ci/jobs.rb`).
/// `|` stands between those that mean the same. The first match counts.
const SAID: [(u16, &str, Arm); 27] = [
    (400, "ssl certificate", Arm::NO_CLIENT_CERTIFICATE),
    (400, "sent to https port", Arm::PLAIN_TO_TLS),
    (400, "unplayable job", Arm::UNPLAYABLE),
    (400, "unknown input", Arm::UNKNOWN_INPUT),
    (400, "reference not found", Arm::REF_MISSING),
    (400, "to set pipeline variables", Arm::VARIABLES_DENIED),
    (400, "insufficient permissions", Arm::PIPELINE_DENIED),
    (400, "sufficient permission to run", Arm::PIPELINE_DENIED),
    (400, "no stages / jobs", Arm::EMPTY_PIPELINE),
    (400, "workflow rules", Arm::EMPTY_PIPELINE),
    (400, "rules configuration prevented", Arm::EMPTY_PIPELINE),
    (400, "does not have a valid value", Arm::BAD_PARAMETER),
    (400, "is invalid", Arm::BAD_PARAMETER),
    (401, "token is expired", Arm::EXPIRED),
    (401, "token was revoked", Arm::REVOKED),
    (403, "insufficient_granular_scope", Arm::FINE_GRAINED),
    (403, "insufficient_scope", Arm::SCOPE),
    (403, "read-only instance", Arm::READ_ONLY),
    (403, "not retryable", Arm::NOT_RETRYABLE),
    (403, "not erasable", Arm::NOT_ERASABLE),
    (403, "unauthorized for ci/cd job tokens", Arm::NO_PERMISSION),
    (403, "job token not allowed", Arm::ALLOWLIST),
    (403, "the following token permission", Arm::PERMISSIONS),
    (403, BARRED, Arm::BARRED),
    (405, "moved project", Arm::MOVED),
    (409, "resource lock", Arm::LOCKED),
    (429, "this endpoint has been requested", Arm::ROUTE_LIMIT),
];

/// Why GitLab lets a person or bot in nowhere.
const BARRED: &str = "account|blocked|deactivated|terms of service|password|approval";

fn recognize(refusal: &Refusal) -> Arm {
    let status = match refusal.status {
        status @ (401 | 403 | 404 | 405 | 407 | 409 | 429) => status,
        // 422 and the like speak of the request, as 400 does.
        400..=499 => 400,
        status => status,
    };
    // Of a page for browsers only nginx's own titles count, which come first.
    let mut said = SAID
        .into_iter()
        .take(if refusal.html { 2 } else { SAID.len() });
    if let Some((.., arm)) = said.find(|(when, words, _)| *when == status && refusal.says(words)) {
        return arm;
    }
    match status {
        407 => Arm::PROXY_LOGIN,
        429 => Arm::RATE_LIMIT,
        // 520 and up: the content delivery network got no answer from GitLab.
        0..=199 | 500.. => Arm::GATEWAY,
        _ if refusal.html => Arm::PAGE,
        200..=299 => Arm::PAGE,
        300..=399 => Arm::REDIRECTED,
        401 => unauthorized(refusal),
        403 => forbidden(refusal),
        404 => not_found(refusal),
        409 if matches!(refusal.route, Route::Erase(..)) => Arm::COUNTING,
        _ => Arm::OTHER,
    }
}

fn unauthorized(refusal: &Refusal) -> Arm {
    match refusal.token {
        Some(TokenKind::Access) => Arm::UNKNOWN_TOKEN,
        // Old servers treat a job token as no token at all, wherever they do not take it.
        _ if refusal.route.need().job_token == JobToken::Never => Arm::ACCESS_TOKEN_ONLY,
        Some(TokenKind::Job) if too_old(refusal) => Arm::TOO_OLD,
        Some(TokenKind::Job) => Arm::JOB_ENDED,
        None => Arm::NO_JOB_TOKEN,
    }
}

/// The server may be too old for the job token here: nothing speaks against it, and the token itself is known to be good.
fn too_old(refusal: &Refusal) -> bool {
    let JobToken::Since(major, minor) = refusal.route.need().job_token else {
        return false;
    };
    let older = refusal.release.is_none_or(|it| it < (major, minor));
    older && !refusal.worked_before && !refusal.known_projects.is_empty()
}

fn forbidden(refusal: &Refusal) -> Arm {
    match refusal.route {
        _ if refusal.message.contains(" - ") => Arm::FORBIDDEN,
        Route::Play(..) | Route::Retry(..) => Arm::BARE_RUN,
        Route::Cancel(..) | Route::CancelPipeline(..) => Arm::BARE_CANCEL,
        Route::Erase(..) => Arm::BARE_ERASE,
        route if route.project().is_none() => Arm::NOT_GITLAB,
        _ => Arm::BARE_READ,
    }
}

fn not_found(refusal: &Refusal) -> Arm {
    let known = matches!(refusal.route.project(), Some(Project::Id(id)) if refusal.known_projects.contains(id));
    match refusal.route {
        _ if refusal.message.is_empty() && refusal.error.is_some() => Arm::NO_ENDPOINT,
        Route::CurrentJob | Route::AllowedAgents => Arm::NOT_A_JOB,
        Route::TriggerPipeline(_) | Route::Project(_) if known => Arm::HIDDEN,
        Route::TriggerPipeline(_) | Route::Project(_) => Arm::NO_PROJECT,
        _ if !refusal.says("project not found") => Arm::NO_RECORD,
        _ if !known => Arm::NO_PROJECT,
        _ if refusal.token == Some(TokenKind::Job) && too_old(refusal) => Arm::TOO_OLD,
        _ => Arm::HIDDEN,
    }
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
            html: false,
            known_projects: &[],
            worked_before: false,
            release: None,
            variables: false,
        }
    }

    /// The answer contains these lower-case words, under whichever key.
    fn says(&self, words: &str) -> bool {
        let texts = [Some(self.message), self.error, self.error_description];
        let text = texts.map(|text| text.unwrap_or_default().to_ascii_lowercase());
        words
            .split('|')
            .any(|words| text.iter().any(|text| text.contains(words)))
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
