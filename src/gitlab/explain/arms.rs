//! What each refusal means and what to try, one entry per refusal. Settings are named as GitLab's pages name them.
//!
//! `{what}`, `{place}` and the like stand for what is known of the refusal; a hint of which a word is not known is left out.

use crate::exit::Exit;

/// The explanation of one kind of refusal. Lower case, no final period.
#[derive(Clone, Copy)]
pub(super) struct Arm {
    pub(super) exit: Exit,
    pub(super) cause: &'static str,
    /// What to try, one per line, the likeliest first.
    pub(super) hints: &'static str,
}

const fn arm(exit: Exit, cause: &'static str, hints: &'static str) -> Arm {
    Arm { exit, cause, hints }
}

const fn refused(cause: &'static str, hints: &'static str) -> Arm {
    arm(Exit::Refused, cause, hints)
}

const fn unknown(cause: &'static str, hints: &'static str) -> Arm {
    arm(Exit::Unknown, cause, hints)
}

const RENEW: &str =
    "create a new one under Settings > Access tokens and replace the variable's value";
const BARE: &str = "{user} cannot {what} here";

impl Arm {
    // What another token would cure.
    /// The request carried no token, and the job token would do.
    pub(super) const NO_JOB_TOKEN: Self = refused(
        "there is no job token",
        "run jobgate in a GitLab job, where GitLab sets CI_JOB_TOKEN; pass the variable on to sudo and containers",
    );
    /// GitLab takes no job token here, whatever its release.
    pub(super) const ACCESS_TOKEN_ONLY: Self = refused(
        "job tokens cannot {what}; use an access token",
        "{access token}",
    );
    /// A later GitLab takes the job token here.
    pub(super) const TOO_OLD: Self = refused(
        "job tokens cannot {what} on this GitLab; use {release} or later, or an access token",
        "{access token}",
    );
    /// The job has ended, or the text is not a token of this server.
    pub(super) const JOB_ENDED: Self = refused(
        "the job token is not valid: its job has ended, or it is not a token of this server",
        "a job token is valid only while its own job runs\n\
         check that no CI/CD variable named CI_JOB_TOKEN or CI_API_V4_URL overwrites GitLab's own",
    );
    /// `/job` was asked with an access token.
    pub(super) const NOT_A_JOB: Self = refused(
        "only a job token can read the calling job, and another token was sent",
        "leave CI_JOB_TOKEN as GitLab sets it, and put an access token into JOBGATE_TOKEN",
    );
    pub(super) const UNKNOWN_TOKEN: Self = refused(
        "the server does not know this access token",
        "check that the token was created on this server, is complete and was not deleted\n\
         a protected variable is empty in a job on an unprotected ref",
    );
    pub(super) const EXPIRED: Self = refused("the access token has expired", RENEW);
    pub(super) const REVOKED: Self = refused("the access token was revoked", RENEW);
    /// A classic access token lacks a scope.
    pub(super) const SCOPE: Self = refused(
        "the access token's scopes do not allow it to {what}",
        "create an access token with the scope {scope}",
    );
    /// A fine-grained access token lacks a permission.
    pub(super) const FINE_GRAINED: Self = refused(
        "the access token cannot {what}: it lacks the fine-grained permission {permission}",
        "create a new token with this permission for {place}: permissions are fixed when a token is created\n\
         a classic token gets this answer, too, where its group accepts fine-grained tokens alone",
    );

    // What a setting, a role or a membership would cure.
    /// The other project does not take this project's job tokens.
    pub(super) const ALLOWLIST: Self = refused(
        "{place} does not accept job tokens of this project",
        "{allowlist}\n{member}",
    );
    /// The allowlist entry lacks permissions.
    pub(super) const PERMISSIONS: Self = refused(
        "this project's allowlist entry lacks the permission {granted}",
        "edit this project's entry under Fine-grained permissions\n{allowlist setting}",
    );
    /// Fine-grained permissions are on, and none of them opens this route.
    pub(super) const NO_PERMISSION: Self = refused(
        "job tokens with fine-grained permissions cannot {what}",
        "choose the default permissions for this project's entry\n{allowlist setting}",
    );
    /// A person or bot is blocked, deactivated, has not accepted the terms…
    pub(super) const BARRED: Self = refused(
        "GitLab does not let {user} in",
        "see the reason in GitLab's answer; that user or an administrator can remove it, or another user can start the job",
    );
    /// 403 with a reason in the answer itself.
    pub(super) const FORBIDDEN: Self = refused(
        "{user} cannot {what}; GitLab's answer gives the reason",
        "{member}",
    );

    // A bare 403: GitLab's policies have several reasons for it, so all of them are named.
    pub(super) const BARE_READ: Self = refused(BARE, "{member}\n{debug trace}");
    pub(super) const BARE_RUN: Self = refused(BARE, "{member}\n{variables}\n{policies}");
    pub(super) const BARE_CANCEL: Self = refused(
        BARE,
        "{member}\n\
         in {place}: Settings > CI/CD > General pipelines > Minimum role required to cancel a pipeline or job\n\
         --force takes the Maintainer role\n\
         {policies}",
    );
    pub(super) const BARE_ERASE: Self = refused(
        BARE,
        "{member}\n\
         erasing takes the role {role}, or {or}\n\
         {policies}",
    );
    /// On a route that asks for no role.
    pub(super) const NOT_GITLAB: Self = refused(
        BARE,
        "no role is needed for this, so something in front of GitLab may have answered\n\
         check CI_API_V4_URL, and proxies and firewalls between this job and GitLab",
    );
    pub(super) const PIPELINE_DENIED: Self = refused(
        "{user} cannot run a pipeline on this ref of {place}",
        "{member}\n{protected ref}",
    );
    pub(super) const VARIABLES_DENIED: Self =
        refused("{user} cannot set variables in {place}", "{variables}");
    /// GitLab has named the project before.
    pub(super) const HIDDEN: Self = refused(
        "{place} exists, but the token cannot see it",
        "{member}\n{allowlist}",
    );
    pub(super) const NO_PROJECT: Self = arm(
        Exit::NotFound,
        "{place} does not exist, or the token cannot see it",
        "{member}\n{allowlist}",
    );

    // What lies in the request or in the job.
    pub(super) const NO_RECORD: Self = arm(
        Exit::NotFound,
        "{place} has no {record}",
        "an id belongs to one project: check the id and --project",
    );
    pub(super) const NO_ENDPOINT: Self = unknown(
        "this server has no endpoint to {what}",
        "check that CI_API_V4_URL is the URL of a GitLab and ends with /api/v4; a later release of GitLab may have the endpoint",
    );
    pub(super) const UNPLAYABLE: Self = arm(
        Exit::Closed,
        "the job cannot be played in its present status",
        "the job may already run, wait for an earlier job or an approval, not be a manual job, or be archived",
    );
    pub(super) const UNKNOWN_INPUT: Self = arm(
        Exit::Usage,
        "the job declares no such input",
        "a job's inputs stand under its inputs: keyword; GitLab takes them since 18.10",
    );
    pub(super) const NOT_RETRYABLE: Self = arm(
        Exit::Closed,
        "the job cannot be retried in its present status",
        "GitLab retries only the newest attempt of a finished job that is not archived; a manual job is played",
    );
    /// Erase is sent only for a job that has ended.
    pub(super) const NOT_ERASABLE: Self = arm(
        Exit::Closed,
        "the job cannot be erased: it has neither a log nor artifacts",
        "",
    );
    pub(super) const COUNTING: Self = unknown(
        "GitLab is refreshing the project's artifact statistics, so nothing was erased",
        "try again in some minutes",
    );
    pub(super) const LOCKED: Self = unknown(
        "another request was changing the same job; this request may have been done before that",
        "look at the job before trying again",
    );
    pub(super) const REF_MISSING: Self = arm(
        Exit::NotFound,
        "{place} has no such branch or tag",
        "check --ref: it names a branch or tag of the project whose pipeline is triggered",
    );
    pub(super) const EMPTY_PIPELINE: Self = arm(
        Exit::Closed,
        "the pipeline would have no jobs, so GitLab did not create it",
        "check the keywords rules: and workflow: of that project: this pipeline's source is `pipeline`",
    );
    pub(super) const BAD_PARAMETER: Self = arm(
        Exit::Usage,
        "this GitLab does not know a value of the request",
        "see the parameter in GitLab's answer; an older GitLab knows fewer statuses",
    );
    pub(super) const MOVED: Self = arm(
        Exit::Usage,
        "the project has moved, and GitLab does not forward writes to its new path",
        "use the project's id (CI_PROJECT_ID), which never changes, or its new path",
    );
    pub(super) const REDIRECTED: Self = unknown(
        "the answer is a redirect ({status}), which is not followed with a token",
        "check CI_API_V4_URL and --server: scheme, host and path must be those that GitLab itself uses",
    );

    // What lies in the server or in front of it.
    pub(super) const READ_ONLY: Self = unknown(
        "this GitLab accepts no writes at the moment: it is in maintenance mode, or a read-only Geo site",
        "try again when maintenance mode is off; in place of a secondary Geo site, use the primary site's URL",
    );
    /// The limit that counts all requests of a user or address.
    pub(super) const RATE_LIMIT: Self = unknown(
        "this GitLab's rate limit is used up",
        "all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests\n\
        an administrator can raise it under User and IP rate limits",
    );
    /// A limit that one route has for itself.
    pub(super) const ROUTE_LIMIT: Self = unknown(
        "this GitLab limits how often a user can {what}",
        "try again in some minutes",
    );
    pub(super) const NO_CLIENT_CERTIFICATE: Self = unknown(
        "the server wants a client certificate that it trusts",
        "set CI_SERVER_TLS_CERT_FILE and CI_SERVER_TLS_KEY_FILE to its files; a runner sets them from its tls-cert-file and tls-key-file",
    );
    pub(super) const PLAIN_TO_TLS: Self = unknown(
        "plain http was sent to a port that wants https",
        "CI_API_V4_URL or --server must begin with https://",
    );
    pub(super) const PROXY_LOGIN: Self = unknown(
        "the proxy requires a user and password",
        "put them into the proxy's URL (https_proxy, http_proxy or --proxy)",
    );
    pub(super) const PAGE: Self = unknown(
        "the answer is a web page instead of the API's JSON: a proxy, a login page, or not a GitLab",
        "check CI_API_V4_URL, and whether no_proxy should name its host",
    );
    pub(super) const GATEWAY: Self = unknown(
        "GitLab has failed, or is down, overloaded or restarting ({status})",
        "{later}",
    );
    pub(super) const OTHER: Self = unknown(
        "the server refused the request for the reason in its answer",
        "",
    );
}
