//! Options that several commands take, and the variables that the program reads.

use crate::cli::{Group, Opt};

pub const SERVER: Opt = Opt::value(
    "--server",
    "URL",
    "the GitLab to trust; a CI_API_V4_URL of another origin is refused",
);
pub const CA_FILE: Opt = Opt::value(
    "--ca-file",
    "FILE",
    "certificates to trust besides the built-in public roots (PEM)",
)
.variable("CI_SERVER_TLS_CA_FILE");
pub const PROXY: Opt = Opt::value(
    "--proxy",
    "URL",
    "the way to GitLab, in place of what the proxy variables say",
);
pub const TOKEN_FILE: Opt = Opt::value(
    "--token-file",
    "PATH",
    "file that holds an access token, for what the job token may not do",
)
.variable("JOBGATE_TOKEN_FILE");
pub const DEBUG: Opt = Opt::switch(
    "--debug",
    "show each request: method, URL, status, request id, duration",
)
.variable("JOBGATE_DEBUG");
pub const COLOR: Opt = Opt::value(
    "--color",
    "WHEN",
    "colors; auto means in CI jobs and on terminals, unless NO_COLOR is set",
)
.choices(&["auto", "always", "never"]);
pub const QUIET: Opt =
    Opt::switch("--quiet", "no talk on stderr but warnings and errors").short("-q");

pub const FORMAT: Opt = Opt::value("--output", "FORMAT", "form of the answer; default table")
    .short("-o")
    .choices(&["table", "json", "ndjson", "dotenv"]);
/// Of the commands that list GitLab's own objects.
pub const LISTED: Opt = Opt::value("--output", "FORMAT", "form of the answer; default table")
    .short("-o")
    .choices(&["table", "json", "ndjson"]);
pub const OUTPUT_FILE: Opt = Opt::value(
    "--output-file",
    "PATH",
    "put the answer there, whole or not at all, instead of on stdout",
);

/// The way to GitLab, and how much is said on it: every command that asks GitLab takes these.
pub const CONNECTION: Group = Group {
    title: "connection and talk",
    options: &[
        &SERVER,
        &CA_FILE,
        &PROXY,
        &TOKEN_FILE,
        &DEBUG,
        &COLOR,
        &QUIET,
    ],
};

/// The answer's form and place.
pub const OUTPUT: Group = Group {
    title: "output",
    options: &[&FORMAT, &OUTPUT_FILE],
};

/// A variable of the job that the program reads.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    /// Lower case, no final period.
    pub help: &'static str,
}

const fn variable(name: &'static str, help: &'static str) -> Variable {
    Variable { name, help }
}

/// All of them: they carry credentials, the way to the server and presentation, never a condition or a selection.
pub const VARIABLES: &[Variable] = &[
    variable("CI_API_V4_URL", "where GitLab's API is"),
    variable("CI_JOB_TOKEN", "the job token"),
    variable(
        "CI_JOB_ID",
        "compared with what GitLab says: gate and writes refuse a difference",
    ),
    variable(
        "CI_JOB_TIMEOUT",
        "the job's time limit in seconds, for the default of waiting",
    ),
    variable(
        "RUNNER_SCRIPT_TIMEOUT",
        "the script's own time limit, if the job sets one",
    ),
    variable("JOBGATE_TOKEN_FILE", "path of a file with an access token"),
    variable("JOBGATE_TOKEN", "an access token"),
    variable(
        "GITLAB_TOKEN",
        "an access token, if neither of these is set",
    ),
    variable(
        "CI_SERVER_TLS_CA_FILE",
        "certificates to trust besides the built-in public roots",
    ),
    variable(
        "SSL_CERT_FILE",
        "certificates to trust in place of the built-in public roots",
    ),
    variable(
        "CI_SERVER_TLS_CERT_FILE",
        "client certificate, for GitLab alone",
    ),
    variable("CI_SERVER_TLS_KEY_FILE", "key of the client certificate"),
    variable("https_proxy", "proxy for https, also HTTPS_PROXY"),
    variable("http_proxy", "proxy for http, lower case only"),
    variable("all_proxy", "proxy for both, also ALL_PROXY"),
    variable("no_proxy", "hosts without proxy, also NO_PROXY"),
    variable("GITLAB_CI", "colors are on in a CI job, also CI"),
    variable("JOBGATE_DEBUG", "1 shows each request, as --debug does"),
    variable("NO_COLOR", "any value turns colors off"),
];
