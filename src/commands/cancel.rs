//! `cancel`: cancels jobs and verifies it.

use super::Command;
use super::act;
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
    options: &[&ALL, &FORCE, &DRY_RUN],
};

const USAGE: Usage = Usage {
    name: "cancel",
    operands: "[JOB...]",
    summary: "cancels jobs and verifies it",
    details: "\
GitLab answers yes even if it canceled nothing, so cancel looks at the job again. A job that has ended or is being canceled needs no request; a job \
that passed before the request reached it is refused.

cancel needs an access token with the role Developer and the scope api, or the project's minimum role to cancel. --force ends a job whose runner does \
not finish canceling; it needs the role Maintainer. A trigger job cannot be canceled: cancel the jobs of its pipeline (--downstream).

Exit codes: 0 ok, 2 usage, 4 refused, 5 not-found, 6 unknown, 9 closed (the job's status or a condition does not allow it).",
    example: "\
jobgate cancel soak
jobgate cancel --all --stage verify --status running",
    groups: &[&WHICH, &CANCELING, &WHERE, &GATING, &OUTPUT, &CONNECTION],
};
