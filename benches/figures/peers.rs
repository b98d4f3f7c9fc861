//! The commands that are measured, and the programs that people use for the same.

use std::path::Path;
use std::process::Command;

use super::process::{Vars, exists};
use super::server::var;

const PYTHON: &str = "import os, gitlab
gl = gitlab.Gitlab(os.environ['CI_SERVER_URL'], job_token=os.environ['CI_JOB_TOKEN'], ssl_verify=os.environ['CI_SERVER_TLS_CA_FILE'])
print(gl.http_get('/job')['name'], gl.http_get('/job/allowed_agents')['pipeline']['id'])";

const CURL: &str =
    "curl -sS --fail --cacert \"$CI_SERVER_TLS_CA_FILE\" --header \"JOB-TOKEN: $CI_JOB_TOKEN\"";

/// A command with the name that the page shows, or why it cannot be measured here.
pub type Named = (String, Result<Command, String>);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn needs(program: &str, command: Command) -> Result<Command, String> {
    exists(program)
        .then_some(command)
        .ok_or_else(|| format!("{program} is not installed"))
}

/// A call of ours.
pub fn ours(binary: &Path, words: &str) -> Command {
    let mut command = Command::new(binary);
    command.args(words.split_whitespace());
    command
}

/// `whoami` first, then what else asks for the same.
pub fn whoami(binary: &Path, floor: &Path) -> Vec<Named> {
    let curl = format!("{CURL} \"$CI_API_V4_URL/job\"");
    let python = exists("python3")
        && shell("python3 -c 'import gitlab'")
            .output()
            .is_ok_and(|seen| seen.status.success());
    let mut program = Command::new("python3");
    program.args(["-c", PYTHON]);
    vec![
        (
            "`jobgate whoami` (two requests)".to_owned(),
            Ok(ours(binary, "whoami")),
        ),
        (
            "the floor (the same two requests, nothing else)".to_owned(),
            Ok(Command::new(floor)),
        ),
        (
            "`curl -s` (one request)".to_owned(),
            needs("curl", shell(&format!("exec {curl}"))),
        ),
        (
            "`curl -s … \\| jq` (one request)".to_owned(),
            needs("curl", shell(&format!("{curl} | jq -r .name")))
                .and_then(|command| needs("jq", command)),
        ),
        (
            "`glab api job` (one request)".to_owned(),
            needs("glab", glab("job")),
        ),
        (
            "python-gitlab (two requests)".to_owned(),
            python
                .then_some(program)
                .ok_or_else(|| "python-gitlab is not installed".to_owned()),
        ),
        (
            "`true` (its memory is that of the process that measures)".to_owned(),
            Ok(Command::new("true")),
        ),
    ]
}

/// The whole list of a pipeline's jobs: as a table, as JSON, and with other programs.
pub fn jobs(binary: &Path, vars: &Vars, size: usize) -> Vec<Named> {
    let pipeline = var(vars, &format!("PIPELINE_{size}"));
    let list = format!(
        "projects/{}/pipelines/{pipeline}/jobs?per_page=100",
        var(vars, "PROJECT")
    );
    let curl = format!(
        "page=1; while [ -n \"$page\" ]; do {CURL} --dump-header \"$SCRATCH\" \"$CI_API_V4_URL/{list}&page=$page\" \
         | jq -r '.[] | [.name, .stage, .status, .id] | @tsv'; \
         page=$(tr -d '\\r' < \"$SCRATCH\" | sed -n 's/^x-next-page: //Ip'); done"
    );
    vec![
        (
            "`jobgate jobs`".to_owned(),
            Ok(ours(binary, &format!("jobs --pipeline {pipeline}"))),
        ),
        (
            "`jobgate jobs -o json`".to_owned(),
            Ok(ours(binary, &format!("jobs --pipeline {pipeline} -o json"))),
        ),
        (
            "`curl` + `jq`, page by page".to_owned(),
            needs("curl", shell(&curl)).and_then(|command| needs("jq", command)),
        ),
        (
            "`glab api --paginate`".to_owned(),
            needs("glab", glab(&format!("--paginate {list}"))),
        ),
    ]
}

/// One look of `wait` at a whole list.
pub fn wait(binary: &Path, vars: &Vars, size: usize) -> Named {
    let pipeline = var(vars, &format!("PIPELINE_{size}"));
    let words = format!("wait unit* --no-trigger-jobs --timeout 0 --pipeline {pipeline}");
    ("wait".to_owned(), Ok(ours(binary, &words)))
}

/// A log, with the access token.
pub fn log(binary: &Path, vars: &Vars) -> Vec<Named> {
    let pipeline = var(vars, "LOG");
    let job = var(vars, "CHATTY");
    let route = format!("projects/{}/jobs/{job}/trace", var(vars, "PROJECT"));
    let curl = format!(
        "exec curl -sS --fail --cacert \"$CI_SERVER_TLS_CA_FILE\" --header \"PRIVATE-TOKEN: $GITLAB_TOKEN\" \"$CI_API_V4_URL/{route}\""
    );
    vec![
        (
            "`jobgate trace`".to_owned(),
            Ok(ours(binary, &format!("trace chatty --pipeline {pipeline}"))),
        ),
        ("`curl -s`".to_owned(), needs("curl", shell(&curl))),
    ]
}

fn glab(words: &str) -> Command {
    shell(&format!(
        "GITLAB_HOST=\"$CI_SERVER_URL\" SSL_CERT_FILE=\"$CI_SERVER_TLS_CA_FILE\" exec glab api {words}"
    ))
}
