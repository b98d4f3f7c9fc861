//! `play`: starts manual and delayed jobs, here or in a downstream pipeline, as soon as they can be started.

use super::Command;
use super::act;
use super::act::options::{DRY_RUN, ON_CANCEL, RERUN, WAIT, WAITING};
use super::act::parameters::{INPUT, VARIABLE};
use super::gating::GATING;
use super::options::{ALL, CONNECTION, OUTPUT, WHERE, WHICH};
use crate::cli::{Group, Usage};
use crate::decide::action::Verb;

pub const COMMAND: Command = Command {
    usage: &USAGE,
    run: |words, host| act::run(Verb::Play, &USAGE, words, host),
};

const PLAYING: Group = Group {
    title: "playing",
    options: &[&ALL, &VARIABLE, &INPUT, &RERUN, &DRY_RUN, &WAIT, &ON_CANCEL],
};

const USAGE: Usage = Usage {
    name: "play",
    operands: "[JOB...]",
    summary: "plays manual and delayed jobs in this or a downstream pipeline",
    details: "\
play plays manual and delayed jobs, trigger jobs included. If a job cannot be played yet, or its deployment waits for an approval, play waits, at most \
for --timeout. If a job is already running or has passed, play sends nothing. play refuses a job that has failed or was canceled; --rerun retries it.

play needs an access token with the role Developer and the scope api. GitLab runs the job as the user of that token, so put conditions here \
(--require) and not into the played job. play checks them at the start and again before every request (with --all, at most every 2 seconds); if a condition no longer holds, play sends \
nothing and exits with 9.

With --wait, the exit code is the result of the job, or of the pipeline that a trigger job starts. A failed job counts as failed even if it is allowed \
to fail (a manual job is, unless its YAML says otherwise); --allow-failure counts it as passed.

play sends each request once. If the answer is lost, play checks whether the job was played. With --all, play goes on after a job that it refuses.

--input reads numbers, true, false, lists and quoted strings as JSON, and everything else as a string. play never prints the values of variables and \
inputs.

Exit codes: 0 ok, 2 usage, 3 timeout, 4 refused, 5 not-found, 6 unknown, 9 closed (the job's status or a condition does not allow it); with --wait \
also 1 failed, 7 canceled, 8 pending, 10 deadlock.",
    example: "\
jobgate play review --require branch=main --wait
jobgate play production --downstream rollout --variable REGION=eu --wait
jobgate play --all --stage deploy --dry-run",
    groups: &[
        &WHICH,
        &PLAYING,
        &WHERE,
        &GATING,
        &WAITING,
        &OUTPUT,
        &CONNECTION,
    ],
};
