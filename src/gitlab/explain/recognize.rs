//! Which kind of refusal an answer is, told from GitLab's own words (`lib/api/helpers.rb`, `lib/api/api_guard.rb`, `lib/api/ci/jobs.rb`).

use super::need::{JobToken, Need};
use super::{Refusal, Why};
use crate::gitlab::TokenKind;
use crate::gitlab::route::{Project, Route};

/// The kind of refusal.
pub fn recognize(refusal: &Refusal) -> Why {
    if refusal.html {
        return page(refusal);
    }
    match refusal.status {
        200..=299 => Why::Page,
        300..=399 => Why::RedirectedAway,
        401 => unauthorized(refusal),
        403 => forbidden(refusal),
        404 => not_found(refusal),
        405 => not_allowed(refusal),
        407 => Why::ProxyLogin,
        409 => conflict(refusal),
        429 => limited(refusal),
        400..=499 => bad_request(refusal),
        status => server_trouble(status),
    }
}

/// A page for browsers. nginx says in its title what it misses.
fn page(refusal: &Refusal) -> Why {
    if matches!(refusal.status, 400 | 495 | 496) && says(refusal, "ssl certificate") {
        return Why::NoClientCertificate;
    }
    if says(refusal, "plain http request was sent to https port") {
        return Why::PlainToTls;
    }
    match refusal.status {
        407 => Why::ProxyLogin,
        429 => Why::TooManyRequests,
        status @ 500.. => server_trouble(status),
        _ => Why::Page,
    }
}

fn server_trouble(status: u16) -> Why {
    match status {
        502..=504 => Why::Gateway,
        520..=527 | 530 => Why::Cdn,
        _ => Why::ServerError,
    }
}

fn unauthorized(refusal: &Refusal) -> Why {
    match refusal.token {
        Some(TokenKind::Access) if says(refusal, "expired") => Why::AccessTokenExpired,
        Some(TokenKind::Access) if says(refusal, "revoked") => Why::AccessTokenRevoked,
        Some(TokenKind::Access) => Why::AccessTokenUnknown,
        Some(TokenKind::Job) => job_token_refused(refusal),
        None if Need::of(refusal.route).job_token == JobToken::Never => Why::NeedsAccessToken,
        None => Why::NoToken,
    }
}

/// Old servers treat a job token as no token at all, wherever they do not take it.
fn job_token_refused(refusal: &Refusal) -> Why {
    match Need::of(refusal.route).job_token {
        JobToken::Never => Why::NeedsAccessToken,
        JobToken::Always => Why::JobTokenDead,
        JobToken::Since(..) | JobToken::Recent if too_old(refusal) => Why::TooOldForJobToken,
        JobToken::Since(..) | JobToken::Recent => Why::JobTokenDead,
    }
}

/// The server may be too old for the job token here: nothing speaks against it, and the token itself is known to be good.
fn too_old(refusal: &Refusal) -> bool {
    if refusal.worked_before {
        return false;
    }
    match (refusal.version, Need::of(refusal.route).job_token) {
        (Some(version), JobToken::Since(major, minor)) => version < (major, minor),
        _ => !refusal.known_projects.is_empty(),
    }
}

fn forbidden(refusal: &Refusal) -> Why {
    match refusal.error {
        Some("insufficient_scope") => return Why::Scope,
        Some("insufficient_granular_scope") => return Why::Granular,
        _ => {}
    }
    let table = [
        ("read-only instance", Why::ReadOnly),
        ("not retryable", Why::NotRetryable),
        ("not erasable", Why::NotErasable),
        ("unauthorized for ci/cd job tokens", Why::NoPermissionExists),
    ];
    if let Some((_, why)) = table.into_iter().find(|(words, _)| says(refusal, words)) {
        return why;
    }
    if says(refusal, "job token not allowed") {
        return allowlist(refusal.message);
    }
    if says(refusal, "the following token permission") {
        return Why::Permissions(permissions(refusal.message));
    }
    let barred = [
        "account",
        "blocked",
        "deactivated",
        "terms of service",
        "password",
        "approval",
    ];
    match refusal.message.split_once(" - ") {
        Some(_) if barred.iter().any(|words| says(refusal, words)) => Why::UserBarred,
        Some(_) => Why::Forbidden,
        None => Why::RoleTooLow,
    }
}

fn not_found(refusal: &Refusal) -> Why {
    if refusal.message.is_empty() && refusal.error.is_some() {
        return Why::UnknownRoute;
    }
    if matches!(refusal.route, Route::CurrentJob | Route::AllowedAgents) {
        return Why::NotAJobToken;
    }
    let hidden = says(refusal, "project not found")
        || matches!(refusal.route, Route::TriggerPipeline(_) | Route::Project(_));
    if !hidden {
        return Why::NoRecord;
    }
    if !project_exists(refusal) {
        return Why::NoProject;
    }
    match refusal.token {
        Some(TokenKind::Job) if takes_job_token_since(refusal) && too_old(refusal) => {
            Why::TooOldForJobToken
        }
        _ => Why::ProjectHidden,
    }
}

fn takes_job_token_since(refusal: &Refusal) -> bool {
    matches!(
        Need::of(refusal.route).job_token,
        JobToken::Since(..) | JobToken::Recent
    )
}

fn project_exists(refusal: &Refusal) -> bool {
    match refusal.route.project() {
        Some(Project::Id(id)) => refusal.known_projects.contains(id),
        _ => false,
    }
}

fn not_allowed(refusal: &Refusal) -> Why {
    if says(refusal, "moved project") {
        Why::MovedProject
    } else if says(refusal, "maximum allowed offset") {
        Why::OffsetTooLarge
    } else if says(refusal, "keyset pagination") {
        Why::KeysetUnknown
    } else {
        Why::Other
    }
}

fn conflict(refusal: &Refusal) -> Why {
    if says(refusal, "resource lock") {
        Why::Locked
    } else if matches!(refusal.route, Route::Erase(..)) {
        Why::StatisticsRefresh
    } else {
        Why::Other
    }
}

fn limited(refusal: &Refusal) -> Why {
    if says(refusal, "this endpoint has been requested too many times") {
        Why::TooManyOfThese
    } else {
        Why::TooManyRequests
    }
}

fn bad_request(refusal: &Refusal) -> Why {
    let table = [
        ("unplayable job", Why::Unplayable),
        ("unknown input", Why::UnknownInput),
        ("reference not found", Why::RefMissing),
        (
            "insufficient permissions to set pipeline variables",
            Why::VariablesDenied,
        ),
        ("insufficient permissions", Why::PipelineDenied),
        ("sufficient permission to run", Why::PipelineDenied),
        ("no stages / jobs", Why::EmptyPipeline),
        ("workflow rules", Why::EmptyPipeline),
        ("rules configuration prevented", Why::EmptyPipeline),
        ("does not have a valid value", Why::BadParameter),
        ("is invalid", Why::BadParameter),
    ];
    table
        .into_iter()
        .find(|(words, _)| says(refusal, words))
        .map_or(Why::Other, |(_, why)| why)
}

/// The answer contains these lower-case words, under whichever key.
fn says(refusal: &Refusal, words: &str) -> bool {
    [
        Some(refusal.message),
        refusal.error,
        refusal.error_description,
    ]
    .into_iter()
    .flatten()
    .any(|text| text.to_ascii_lowercase().contains(words))
}

/// "… not allowed from SOURCE to TARGET."
fn allowlist(message: &str) -> Why {
    let names = message
        .rsplit_once(" not allowed from ")
        .and_then(|(_, names)| names.trim_end_matches('.').split_once(" to "));
    Why::Allowlist {
        from: names.and_then(|(from, _)| name(from)),
        to: names.and_then(|(_, to)| name(to)),
    }
}

/// "… permission is required: `read_jobs`." or "… permissions are required: a, b, and c."
fn permissions(message: &str) -> Vec<String> {
    let list = message.rsplit_once(": ").map_or("", |(_, list)| list);
    list.trim_end_matches('.')
        .split([',', ' '])
        .filter(|word| !word.is_empty() && *word != "and")
        .filter_map(name)
        .collect()
}

/// A name out of a server's sentence, if it looks like one.
fn name(text: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+');
    (!text.is_empty() && text.chars().count() <= 255 && text.chars().all(plain))
        .then(|| text.to_owned())
}
