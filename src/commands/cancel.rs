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
    terms: Vec::new,
    summary: "cancels jobs and verifies it",
    details: "\
GitLab says yes even where nothing was canceled, so the job is looked at again: canceling and canceled are done (0), a job that has passed meanwhile is refused (9).

A job that has ended otherwise, or is being canceled, is done already. --force ends one whose runner does not finish canceling; it takes the role Maintainer.

It takes an access token with the role Developer and the scope api, or the project's minimum role to cancel. A trigger job cannot be canceled by itself: cancel the jobs of its pipeline (--downstream).",
    example: "\
jobgate cancel soak
jobgate cancel --all --stage verify --status running",
    groups: &[&WHICH, &CANCELING, &WHERE, &GATING, &OUTPUT, &CONNECTION],
};
