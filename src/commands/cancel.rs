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
GitLab answers yes even if it canceled nothing, so cancel looks at the job again. A job that is manual, has ended or is being canceled needs no request; \
only a job that was named and has passed is refused. --all without JOB means the whole pipeline except the calling job.

--from FILE cancels the jobs that play or retry started, or the pipeline that trigger started. FILE is the --output-file of that command (--output json \
or dotenv), which names them as soon as they are started: one line in after_script cleans up even after a kill, with an access token alone. If FILE does \
not exist, cancel prints a warning and exits with 0. Of a trigger job that was played, it cancels the pipeline that the job has started.

cancel needs an access token with the role Developer and the scope api, or the project's minimum role to cancel. --force ends a job whose runner does \
not finish canceling; it needs the role Maintainer. A trigger job cannot be canceled: cancel the jobs of its pipeline (--downstream).

Exit codes: 0 ok, 2 usage, 4 refused, 5 not-found, 6 unknown, 9 closed (the job's status or a condition does not allow it).",
    example: "\
jobgate cancel soak
jobgate cancel --all --stage verify --status running
jobgate cancel --from started.json",
    groups: &[&WHICH, &CANCELING, &WHERE, &GATING, &OUTPUT, &CONNECTION],
};
