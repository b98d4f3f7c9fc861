//! The words for each kind of refusal: its exit code and its cause in one line.

use super::need::{Need, record};
use super::{Refusal, Why};
use crate::exit::Exit;
use crate::gitlab::TokenKind;

pub fn exit(why: &Why) -> Exit {
    match why {
        Why::UnknownInput | Why::BadParameter | Why::MovedProject => Exit::Usage,
        Why::NoToken
        | Why::JobTokenDead
        | Why::NeedsAccessToken
        | Why::TooOldForJobToken
        | Why::AccessTokenUnknown
        | Why::AccessTokenExpired
        | Why::AccessTokenRevoked
        | Why::Scope
        | Why::Granular
        | Why::NotAJobToken
        | Why::Allowlist { .. }
        | Why::Permissions(_)
        | Why::NoPermissionExists
        | Why::UserBarred
        | Why::RoleTooLow
        | Why::Forbidden
        | Why::ProjectHidden
        | Why::PipelineDenied
        | Why::VariablesDenied => Exit::Refused,
        Why::NoProject | Why::NoRecord | Why::RefMissing => Exit::NotFound,
        Why::Unplayable | Why::NotRetryable | Why::NotErasable | Why::EmptyPipeline => Exit::Closed,
        Why::UnknownRoute
        | Why::Locked
        | Why::StatisticsRefresh
        | Why::KeysetUnknown
        | Why::OffsetTooLarge
        | Why::RedirectedAway
        | Why::ReadOnly
        | Why::TooManyRequests
        | Why::TooManyOfThese
        | Why::NoClientCertificate
        | Why::PlainToTls
        | Why::ProxyLogin
        | Why::Page
        | Why::Cdn
        | Why::Gateway
        | Why::ServerError
        | Why::Other => Exit::Unknown,
    }
}

/// One line: what the refusal means.
pub fn cause(refusal: &Refusal, why: &Why) -> String {
    let what = Need::of(refusal.route).what;
    match why {
        Why::NoToken => "no token was sent".into(),
        Why::JobTokenDead => "this job token is not valid (any more): the job has ended on the server, or the token is not its own".into(),
        Why::NeedsAccessToken => format!("no job token may {what}: that takes an access token"),
        Why::TooOldForJobToken => format!(
            "on this GitLab no job token may {what}: that takes {}, or an access token",
            Need::of(refusal.route).release()
        ),
        Why::AccessTokenUnknown => "the server does not know this access token".into(),
        Why::AccessTokenExpired => "the access token has expired".into(),
        Why::AccessTokenRevoked => "the access token was revoked".into(),
        Why::Scope => format!("the access token's scopes do not let it {what}"),
        Why::Granular => format!("the fine-grained access token has no permission to {what}"),
        Why::NotAJobToken => "only a running job's own token can ask about the job, and another token was sent".into(),
        Why::Allowlist { from, to } => format!(
            "{} does not let job tokens of {} in",
            name_or(to.as_deref(), "that project"),
            name_or(from.as_deref(), "this project")
        ),
        Why::Permissions(names) => match names.as_slice() {
            [] => "this project's allowlist entry lacks a permission".into(),
            names => format!("this project's allowlist entry lacks {}", permissions(names)),
        },
        Why::NoPermissionExists => format!("with fine-grained permissions on, no job token may {what}"),
        Why::UserBarred => format!("{} is barred from this GitLab", whose(refusal)),
        Why::RoleTooLow => format!("{} may not {what} here", whose(refusal)),
        Why::Forbidden => format!("{} may not {what}, for the reason that GitLab gives", whose(refusal)),
        Why::ProjectHidden => format!("the token does not see {}, which exists", place(refusal)),
        Why::NoProject => format!("{} does not exist, or this token may not see it", place(refusal)),
        Why::NoRecord => format!(
            "{} has no {}",
            place(refusal),
            record(refusal.route).unwrap_or_else(|| "such thing".into())
        ),
        why => cause_in_request(refusal, why),
    }
}

/// Causes that lie in the request, the thing asked for or the server, not in the token.
fn cause_in_request(refusal: &Refusal, why: &Why) -> String {
    let what = Need::of(refusal.route).what;
    let status = refusal.status;
    match why {
        Why::UnknownRoute => format!("this server has no endpoint to {what}"),
        Why::Locked => "another request was changing the same thing, nothing was done".into(),
        Why::StatisticsRefresh => "the project's artifact statistics are being counted, nothing was erased".into(),
        Why::Unplayable => "the job cannot be played in its present status".into(),
        Why::UnknownInput => "the job declares no such input".into(),
        Why::NotRetryable => "the job cannot be retried in its present status".into(),
        Why::NotErasable => "the job cannot be erased: it has not finished, or nothing is left to erase".into(),
        Why::RefMissing => format!("{} has no such branch or tag", place(refusal)),
        Why::PipelineDenied => format!("{} may not run a pipeline on this ref of {}", whose(refusal), place(refusal)),
        Why::VariablesDenied => format!("{} may not set variables in {}", whose(refusal), place(refusal)),
        Why::EmptyPipeline => "the pipeline would have no jobs, so none was made".into(),
        Why::BadParameter => "this GitLab does not know a value that was asked for".into(),
        Why::KeysetUnknown => "this GitLab cannot page through the list in this order".into(),
        Why::OffsetTooLarge => "the list is longer than this GitLab will page through".into(),
        Why::MovedProject => "the project has moved, and a write to its old path is not passed on".into(),
        Why::RedirectedAway => format!("the answer is a redirect ({status}) that is not followed with a token"),
        Why::ReadOnly => "this GitLab takes no writes at the moment: maintenance, or a read-only copy".into(),
        Why::TooManyRequests => "this GitLab's limit of requests is used up".into(),
        Why::TooManyOfThese => format!("this GitLab limits how often one may {what}"),
        Why::NoClientCertificate => "the server wants a client certificate that it trusts".into(),
        Why::PlainToTls => "plain http was spoken to a port that wants https".into(),
        Why::ProxyLogin => "the proxy wants a user and password".into(),
        Why::Page => "a web page came back instead of the API's answer: a proxy, a login page, or not a GitLab".into(),
        Why::Cdn => format!("the server in front of GitLab got no answer from it ({status})"),
        Why::Gateway => "the GitLab behind this address is down, overloaded or restarting".into(),
        Why::ServerError => "the server failed while it worked on the request".into(),
        _ => "the server refused the request, and its own words are all that is known".into(),
    }
}

/// `read_jobs` as GitLab's documentation and pages write it: `READ_JOBS (Jobs: Read)`.
fn permissions(names: &[String]) -> String {
    let full = |name: &String| match name.split_once('_') {
        Some(("read", thing)) => format!("{} ({}: Read)", name.to_uppercase(), title(thing)),
        Some(("admin", thing)) => {
            format!("{} ({}: Read and write)", name.to_uppercase(), title(thing))
        }
        _ => name.to_uppercase(),
    };
    names.iter().map(full).collect::<Vec<_>>().join(" and ")
}

fn title(words: &str) -> String {
    let words = words.replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Whom GitLab takes the request to come from.
fn whose(refusal: &Refusal) -> &'static str {
    match refusal.token {
        Some(TokenKind::Job) => "the user who started this job",
        Some(TokenKind::Access) => "the access token's user",
        None => "a visitor without token",
    }
}

pub fn place(refusal: &Refusal) -> String {
    refusal.route.project().map_or_else(
        || "this server".into(),
        |project| format!("project {project}"),
    )
}

/// A project's name out of GitLab's answer, or other words for it.
pub fn name_or(name: Option<&str>, otherwise: &str) -> String {
    name.map_or_else(|| otherwise.to_owned(), |name| format!("project {name}"))
}
