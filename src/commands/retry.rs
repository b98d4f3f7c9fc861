//! `retry`: makes a new attempt of jobs that have failed or were canceled.

use super::Command;
use super::act;
use super::act::options::{DRY_RUN, ON_CANCEL, RERUN, WAIT, WAITING};
use super::act::parameters::INPUT;
use super::gating::GATING;
use super::options::{ALL, CONNECTION, OUTPUT, WHERE, WHICH};
use crate::cli::{Group, Usage};
use crate::decide::action::Verb;

pub const COMMAND: Command = Command {
    usage: &USAGE,
    run: |words, host| act::run(Verb::Retry, &USAGE, words, host),
};

const RETRYING: Group = Group {
    title: "retrying",
    options: &[&ALL, &INPUT, &RERUN, &DRY_RUN, &WAIT, &ON_CANCEL],
};

const USAGE: Usage = Usage {
    name: "retry",
    operands: "[JOB...]",
    terms: Vec::new,
    summary: "retries jobs that have failed or were canceled",
    details: "\
A job that has failed or was canceled is retried; one that has passed only with --rerun. One that is on its way is done already: nothing is sent and the exit code is 0. \
An id means the newest attempt of its job. A manual job is refused (9): play runs it.

GitLab makes a new job with a new id, which is followed from then on and shown in the answer. With --wait its result becomes the exit code; \
a failure counts even if the job is allowed to fail, unless --allow-failure takes GitLab's rule.

It takes an access token with the role Developer and the scope api. Conditions (--require) are asked at the start and again directly before every request.",
    example: "\
jobgate retry flaky --wait
jobgate retry --all --status failed --except 'flaky*'",
    groups: &[
        &WHICH,
        &RETRYING,
        &WHERE,
        &GATING,
        &WAITING,
        &OUTPUT,
        &CONNECTION,
    ],
};
