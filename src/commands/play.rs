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
    summary: "plays manual and delayed jobs, here or downstream",
    details: "\
play plays manual and delayed jobs, trigger jobs included. If a job is not playable yet, or its deployment waits for an approval, play waits for it \
(--timeout). A job that is already running or has passed needs no request. A job that has failed or was canceled is refused; --rerun retries it.

play needs an access token with the role Developer and the scope api. GitLab runs the job as that token's user, so put conditions here (--require), \
not into the played job. play checks them at the start and again before every request; if one does not hold any more, play sends nothing and exits \
with 9.

With --wait the result of the job becomes the exit code, for a trigger job the result of the pipeline that it starts. A failure counts even if the job \
is allowed to fail, as every manual job is unless its YAML says otherwise; --allow-failure takes GitLab's rule.

play sends a request once. If the answer is lost, play looks at the job to see whether it was played. With --all, one refused job does not keep the \
others from being played.

--input takes a number, true, false, a list or a quoted text as in JSON, and anything else as text. Values of variables and inputs are never printed.

Exit codes: 0 ok, 2 usage, 3 timeout, 4 refused, 5 not-found, 6 unknown, 9 closed (the job's status or a condition does not allow it); with --wait also \
1 failed, 7 canceled, 8 pending, 10 deadlock.",
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
