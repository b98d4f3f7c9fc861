//! `erase`: removes log and artifacts of finished jobs.

use super::Command;
use super::act;
use super::act::options::DRY_RUN;
use super::gating::GATING;
use super::options::{ALL, CONNECTION, OUTPUT, WHERE, WHICH};
use crate::cli::{Group, Usage};
use crate::decide::action::Verb;

pub const COMMAND: Command = Command {
    usage: &USAGE,
    run: |words, host| act::run(Verb::Erase, &USAGE, words, host),
};

const ERASING: Group = Group {
    title: "erasing",
    options: &[&ALL, &DRY_RUN],
};

const USAGE: Usage = Usage {
    name: "erase",
    operands: "[JOB...]",
    summary: "removes the log and artifacts of finished jobs",
    details: "\
erase removes the log and the artifacts of finished jobs. If a job is already erased, erase sends nothing. A name selects the newest attempt, an id \
exactly that attempt.

erase needs an access token with the role Maintainer and the scope api, or Developer for jobs that the token's user started on an unprotected ref.

Exit codes: 0 ok, 2 usage, 4 refused, 5 not-found, 6 unknown, 9 closed (the job's status or a condition does not allow it).",
    example: "jobgate erase lint\njobgate erase --all --stage test --dry-run",
    groups: &[&WHICH, &ERASING, &WHERE, &GATING, &OUTPUT, &CONNECTION],
};
