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
    terms: Vec::new,
    summary: "removes log and artifacts of finished jobs",
    details: "\
Only a finished job can be erased; one that is erased is done already. An id means that very attempt, a name the newest one.

It takes an access token with the role Maintainer and the scope api, or Developer for jobs that the token's user started on an unprotected ref.",
    example: "jobgate erase lint\njobgate erase --all --stage test --dry-run",
    groups: &[&WHICH, &ERASING, &WHERE, &GATING, &OUTPUT, &CONNECTION],
};
