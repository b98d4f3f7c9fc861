//! What to try for each kind of refusal, the likeliest first, with settings named as GitLab's pages name them.

use super::need::{JobToken, Need};
use super::words::{name_or, place};
use super::{Refusal, Why};
use crate::gitlab::TokenKind;
use crate::gitlab::route::{Project, Route};

const ALLOWLIST: &str = "Settings > CI/CD > Job token permissions > CI/CD job token allowlist";

/// What to try, the likeliest first.
pub fn hints(refusal: &Refusal, why: &Why) -> Vec<String> {
    match why {
        Why::NoToken
        | Why::JobTokenDead
        | Why::NeedsAccessToken
        | Why::TooOldForJobToken
        | Why::AccessTokenUnknown
        | Why::AccessTokenExpired
        | Why::AccessTokenRevoked
        | Why::Scope
        | Why::Granular
        | Why::NotAJobToken => token_hints(refusal, why),
        Why::Allowlist { .. }
        | Why::Permissions(_)
        | Why::NoPermissionExists
        | Why::UserBarred
        | Why::RoleTooLow
        | Why::Forbidden
        | Why::ProjectHidden
        | Why::NoProject
        | Why::PipelineDenied
        | Why::VariablesDenied => right_hints(refusal, why),
        _ => request_hints(refusal, why),
    }
}

fn token_hints(refusal: &Refusal, why: &Why) -> Vec<String> {
    let need = Need::of(refusal.route);
    match why {
        Why::NoToken => vec![
            "run in a job, where GitLab sets CI_JOB_TOKEN, and do not empty or overwrite it".into(),
        ],
        Why::JobTokenDead => vec![
            "a job token dies with its job: it is of no use in another job, nor once this one is canceled".into(),
            "check that no CI/CD variable named CI_JOB_TOKEN or CI_API_V4_URL overwrites GitLab's own".into(),
        ],
        Why::NeedsAccessToken | Why::TooOldForJobToken => vec![use_access_token(refusal)],
        Why::AccessTokenUnknown => vec![
            "check that the token is of this server, whole, and not deleted; a protected variable is empty in a job on an unprotected ref".into(),
        ],
        Why::AccessTokenExpired | Why::AccessTokenRevoked => {
            vec!["make a new one under Settings > Access tokens and replace the variable's value".into()]
        }
        Why::Scope => vec![format!(
            "make an access token with the scope {}{}",
            need.scope,
            match refusal.scope {
                Some(scope) if scope_list(scope) => format!(" (the server names: {scope})"),
                _ => String::new(),
            }
        )],
        Why::Granular => vec![
            "add the permission that the answer names to the token, for this project, or use a token with the scope it needs".into(),
        ],
        _ => vec!["leave CI_JOB_TOKEN as GitLab sets it; an access token belongs into JOBGATE_TOKEN".into()],
    }
}

/// The text looks like scopes, and like few enough to print.
fn scope_list(text: &str) -> bool {
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'_' | b' ');
    text.len() <= 60 && text.bytes().all(plain)
}

fn right_hints(refusal: &Refusal, why: &Why) -> Vec<String> {
    let place = place(refusal);
    match why {
        Why::Allowlist { from, to } => vec![
            format!(
                "in {}: {ALLOWLIST}, add {}",
                name_or(to.as_deref(), &place),
                name_or(from.as_deref(), "the project that this job runs in")
            ),
            member(refusal, &name_or(to.as_deref(), &place)),
        ],
        Why::Permissions(_) => vec![format!(
            "in {place}: {ALLOWLIST}, edit this project's entry under Fine-grained permissions"
        )],
        Why::NoPermissionExists => vec![format!(
            "in {place}: {ALLOWLIST}, choose the default permissions for this project's entry"
        )],
        Why::UserBarred => vec![
            "the reason is in GitLab's answer; that user or an administrator can mend it, or another user starts the job".into(),
        ],
        Why::NoProject | Why::ProjectHidden if allowlist_may_help(refusal) => vec![
            member(refusal, &place),
            format!("in {place}: {ALLOWLIST}, add the project that this job runs in"),
        ],
        Why::VariablesDenied => vec![variables_setting(&place)],
        Why::PipelineDenied => vec![
            member(refusal, &place),
            protected_branch(&place),
        ],
        Why::RoleTooLow if refusal.route.project().is_none() => vec![
            "no role is needed for this, so something in front of GitLab may have answered: check CI_API_V4_URL, and proxies and firewalls on the way".into(),
        ],
        Why::RoleTooLow => {
            let mut hints = vec![member(refusal, &place)];
            if matches!(refusal.route, Route::Play(..) | Route::Retry(..)) {
                hints.push(protected_branch(&place));
                hints.push(protected_environment(&place));
            }
            if refusal.variables {
                hints.push(variables_setting(&place));
            }
            if matches!(refusal.route, Route::Trace(..)) {
                hints.push("the log of a job that ran with CI_DEBUG_TRACE takes the Developer role".into());
            }
            if matches!(refusal.route, Route::Cancel(..)) {
                hints.push("--force takes the Maintainer role".into());
            }
            hints
        }
        _ => vec![member(refusal, &place)],
    }
}

/// The job token asked for another project than the job's own.
fn allowlist_may_help(refusal: &Refusal) -> bool {
    let own = refusal.known_projects.first();
    refusal.token == Some(TokenKind::Job)
        && !matches!((refusal.route.project(), own), (Some(Project::Id(id)), Some(own)) if id == own)
}

fn request_hints(refusal: &Refusal, why: &Why) -> Vec<String> {
    let hint: &str = match why {
        Why::NoRecord => match refusal.route {
            Route::Job(..) | Route::Trace(..) | Route::Cancel(..) | Route::Erase(..) => {
                "an id counts in its own project only (--project); a trigger job has no log and is not read by its id"
            }
            _ => "an id counts in its own project only: check --project",
        },
        Why::UnknownRoute => match refusal.route {
            Route::CurrentJob | Route::AllowedAgents => {
                "check that CI_API_V4_URL leads to a GitLab and ends with /api/v4"
            }
            Route::TriggerJobs(..) => {
                "GitLab 19.2 brought it; older ones list trigger jobs under /bridges"
            }
            _ => "a later release of GitLab may have it",
        },
        Why::Unplayable => {
            "it may be running already, still wait for an earlier job or an approval, not be manual, or be archived"
        }
        Why::UnknownInput => {
            "the job's own inputs stand under its inputs: keyword; GitLab takes them from 18.10 on"
        }
        Why::NotRetryable => {
            "only a finished job's newest attempt is retried, and none that is archived; a manual job is played"
        }
        Why::NotErasable => "wait until it has finished",
        Why::RefMissing => "check --ref: it is a branch or tag of the project that is triggered",
        Why::EmptyPipeline => {
            "see the rules: and workflow: keywords of that project for the source pipeline"
        }
        Why::BadParameter => "an older GitLab knows fewer statuses; its answer names the parameter",
        Why::KeysetUnknown => {
            "a later release of GitLab can; a pipeline's own jobs need no such paging"
        }
        Why::OffsetTooLarge => {
            "narrow the list with --status, or ask for a pipeline's jobs instead of a project's"
        }
        Why::MovedProject => {
            "use the project's number (CI_PROJECT_ID), which never changes, or its new path"
        }
        Why::RedirectedAway => {
            "check CI_API_V4_URL and --server: scheme, host and path must be those that GitLab itself uses"
        }
        Why::ReadOnly => {
            "try again once maintenance mode is off; on a Geo secondary site use the primary's address"
        }
        Why::TooManyRequests => {
            "all jobs of one user share it: wait longer between looks (--interval), or ask an administrator about User and IP rate limits"
        }
        Why::TooManyOfThese => match refusal.route {
            Route::ProjectJobs(_) => "the jobs of one pipeline have no such limit (--pipeline)",
            _ => "try again in some minutes",
        },
        Why::NoClientCertificate => {
            "CI_SERVER_TLS_CERT_FILE and CI_SERVER_TLS_KEY_FILE name one; the runner sets them from its own tls-cert-file and tls-key-file"
        }
        Why::PlainToTls => "CI_API_V4_URL or --server must begin with https://",
        Why::ProxyLogin => "put them into the proxy's URL (https_proxy, http_proxy or --proxy)",
        Why::Page => "check CI_API_V4_URL, and whether no_proxy should name its host",
        Why::Cdn | Why::Gateway | Why::ServerError if Need::of(refusal.route).writes() => {
            "look before trying again: it may have been done all the same"
        }
        Why::Cdn | Why::Gateway | Why::ServerError => {
            "try again later; the request id helps an administrator to find it in the logs"
        }
        Why::StatisticsRefresh => "try again in some minutes",
        Why::Locked => "try again",
        _ => return Vec::new(),
    };
    vec![hint.into()]
}

/// Where an access token for this route comes from and goes to, or what the one that is there lacks.
fn use_access_token(refusal: &Refusal) -> String {
    let Need { role, scope, .. } = Need::of(refusal.route);
    let token = if refusal.route.project().is_some() {
        format!(
            "an access token (project, group or personal) with the role {role} and the scope {scope}"
        )
    } else {
        format!("an access token with the scope {scope}")
    };
    format!(
        "put {token} into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN"
    )
}

fn member(refusal: &Refusal, place: &str) -> String {
    let Need {
        role, job_token, ..
    } = Need::of(refusal.route);
    match refusal.token {
        Some(TokenKind::Access) => format!(
            "the token's user must be a member of {place} with the role {role} or higher; a project access token made there is one"
        ),
        _ if job_token == JobToken::Never => use_access_token(refusal),
        _ => format!(
            "the user who started the job must be a member of {place} with the role {role} or higher"
        ),
    }
}

fn protected_branch(place: &str) -> String {
    format!(
        "in {place}: Settings > Repository > Protected branches must let that user merge or push"
    )
}

fn protected_environment(place: &str) -> String {
    format!(
        "in {place}: Settings > CI/CD > Protected environments must name that user under Allowed to deploy"
    )
}

fn variables_setting(place: &str) -> String {
    format!("in {place}: Settings > CI/CD > Variables > Minimum role to use pipeline variables")
}
