//! `cancel`: cancels jobs and verifies it.

use super::Command;
use super::act;
use super::act::from::FROM;
use super::act::options::{DRY_RUN, FORCE};
use super::gating::GATING;
use super::options::{ALL, CONNECTION, OUTPUT, WHERE, WHICH};
use crate::cli::{Group, Usage};
use crate::decide::action::Verb;

pub const COMMAND: Command = Command {
    usage: &USAGE,
    run: |words, host| act::run(Verb::Cancel, &USAGE, words, host),
};

const CANCELING: Group = Group {
    title: "canceling",
    options: &[&ALL, &FROM, &FORCE, &DRY_RUN],
};

const USAGE: Usage = Usage {
    name: "cancel",
    operands: "[JOB...]",
    summary: "cancels jobs and verifies it",
    details: "\
GitLab answers with success even if it canceled nothing, so cancel checks the job afterwards. If a job is manual, has finished or is being canceled, \
cancel sends nothing; it refuses only a job that you select by name or id and that has passed. --all alone selects every job but the calling one.

--from FILE cancels the jobs that play or retry started, and the pipelines that trigger or a played trigger job started. FILE is the --output-file of \
that command, with --output json or dotenv. That command writes FILE as soon as it has started them, so `jobgate cancel --from FILE` in after_script \
cleans up even if the script was killed; it needs no job token. If FILE does not exist, cancel prints a warning and exits with 0.

cancel needs an access token with the role Developer and the scope api, or the project's minimum role to cancel. --force ends a job whose runner does \
not finish canceling; it needs the role Maintainer. GitLab cannot cancel a trigger job: cancel the jobs of its pipeline (--downstream).

Exit codes: 0 ok, 2 usage, 4 refused, 5 not-found, 6 unknown, 9 closed (the job's status or a condition does not allow it).",
    example: "\
jobgate cancel soak
jobgate cancel --all --stage verify --status running
jobgate cancel --from started.json",
    groups: &[&WHICH, &CANCELING, &WHERE, &GATING, &OUTPUT, &CONNECTION],
};
