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
    terms: Vec::new,
    summary: "plays manual and delayed jobs, here or downstream",
    details: "\
With --wait the job's result becomes the exit code. The failure of a job that was played counts even if it is allowed to fail, \
as every manual job is unless its YAML says otherwise; --allow-failure takes GitLab's rule.

A manual or delayed job is played; one that is not playable yet, or whose deployment waits for an approval, is waited for (--timeout) by looking. \
One that is on its way or has passed is done already: nothing is sent and the exit code is 0. \
One that has failed or was canceled is refused (9), or with --rerun retried. A trigger job is played, too; with --wait the pipeline that it starts counts.

It takes an access token with the role Developer and the scope api. The job then runs as the token's user, \
so conditions belong here (--require), not into the played job. They are asked at the start and again directly before every request; \
if one does not hold any more, nothing is sent and the exit code is 9.

A request is sent once. If its answer is lost, a look shows whether it was done. Where several jobs match (--all), one that is refused does not keep the others from being played.

--input takes a number, true, false, a list or a text in quotes as in JSON, and anything else as text. Values of variables and inputs are never shown.",
    example: "\
jobgate play review --require branch=main --wait
jobgate play production --downstream rollout --variable REGION=eu --wait --timeout 30m
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
