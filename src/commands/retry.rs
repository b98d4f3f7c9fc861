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
    summary: "retries jobs that have failed or were canceled",
    details: "\
retry retries jobs that have failed or were canceled, and with --rerun jobs that have passed. If a job is already running, retry sends nothing. retry \
refuses a manual job: use play. An id selects the newest attempt of its job.

GitLab creates a job with a new id, which retry prints. With --wait, the exit code is the result of the new job. A failed job counts as failed even if \
it is allowed to fail; --allow-failure counts it as passed.

retry needs an access token with the role Developer and the scope api. It checks conditions (--require) at the start and again before every request \
(with --all, at most every 2 seconds).

Exit codes: 0 ok, 2 usage, 3 timeout, 4 refused, 5 not-found, 6 unknown, 9 closed (the job's status or a condition does not allow it); with --wait \
also 1 failed, 7 canceled, 8 pending, 10 deadlock.",
    example: "jobgate retry flaky --wait\njobgate retry --all --status failed --except 'flaky*'",
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
