//! Options of waiting, shared by `wait`, `play --wait`, `retry --wait` and `trigger --wait`, and the one loop: look, decide, pace, sleep.

use std::time::Duration;

use crate::cli::{Group, Opt, Words};
use crate::decide::pace::Interval;
use crate::exit::Stop;
use crate::model::Status;
use crate::time::parse_duration;

pub const FOR: Opt = Opt::value(
    "--for",
    "WHAT",
    "passed (default), finished, or statuses to wait for, with commas",
);
pub const STRICT: Opt = Opt::switch("--strict", "a job that is allowed to fail must pass too");
pub const OK: Opt = Opt::value(
    "--ok",
    "STATUSES",
    "canceled, skipped or both count as passed",
);
pub const SHALLOW: Opt = Opt::switch(
    "--shallow",
    "judge a trigger job by its own status, not by the pipeline it started",
);
pub const KEEP_GOING: Opt = Opt::switch(
    "--keep-going",
    "wait for all jobs even after one has failed",
);
pub const SETTLE: Opt = Opt::value(
    "--settle",
    "DURATION",
    "how long a failure must stand before it counts (10s)",
);
pub const TIMEOUT: Opt = Opt::value(
    "--timeout",
    "DURATION",
    "how long to wait; 0 looks once (what is left of this job)",
);
pub const APPEAR: Opt = Opt::value(
    "--appear",
    "DURATION",
    "how long a job or pipeline may take to appear (60s)",
);
pub const INTERVAL: Opt = Opt::value("--interval", "MIN..MAX", "pace of looking (3s..60s)");
pub const STUCK: Opt = Opt::value(
    "--stuck",
    "DURATION",
    "end with 10 if a job waits for a runner or resource this long",
);
pub const OUTAGE_BUDGET: Opt = Opt::value(
    "--outage-budget",
    "DURATION",
    "how long GitLab may give no good answer (5m)",
);
pub const WAITING: Group = Group {
    title: "waiting",
    options: &[
        &FOR,
        &STRICT,
        &OK,
        &SHALLOW,
        &KEEP_GOING,
        &TIMEOUT,
        &SETTLE,
        &APPEAR,
        &INTERVAL,
        &STUCK,
        &OUTAGE_BUDGET,
    ],
};

/// What a wait waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum For {
    Passed,
    Finished,
    Statuses(Vec<Status>),
}

/// How to wait.
#[derive(Clone, Debug)]
pub struct Patience {
    pub goal: For,
    pub strict: bool,
    pub ok: Vec<Status>,
    pub shallow: bool,
    pub keep_going: bool,
    pub settle: Duration,
    /// The wish; the job's own time limit bounds it.
    pub timeout: Option<Duration>,
    pub appear: Duration,
    pub interval: Interval,
    pub stuck: Option<Duration>,
    pub outage: Duration,
}

impl Patience {
    pub fn read(words: &mut Words) -> Result<Self, Stop> {
        let seconds = Duration::from_secs;
        Ok(Self {
            goal: words.parsed(&FOR, goal)?.unwrap_or(For::Passed),
            strict: words.switch(&STRICT),
            ok: words.parsed(&OK, fine)?.unwrap_or_default(),
            shallow: words.switch(&SHALLOW),
            keep_going: words.switch(&KEEP_GOING),
            settle: words
                .parsed(&SETTLE, parse_duration)?
                .unwrap_or(seconds(10)),
            timeout: words.parsed(&TIMEOUT, parse_duration)?,
            appear: words
                .parsed(&APPEAR, parse_duration)?
                .unwrap_or(seconds(60)),
            interval: words
                .parsed(&INTERVAL, Interval::parse)?
                .unwrap_or(Interval::DEFAULT),
            stuck: words.parsed(&STUCK, parse_duration)?,
            outage: words
                .parsed(&OUTAGE_BUDGET, parse_duration)?
                .unwrap_or(seconds(300)),
        })
    }
}

fn status(word: &str) -> Result<Status, String> {
    match Status::parse(word) {
        Status::Unknown(_) => Err(format!(
            "{word:?} is not a status; GitLab's are {}",
            Status::WORDS.join(", ")
        )),
        known => Ok(known),
    }
}

fn goal(text: &str) -> Result<For, String> {
    match text {
        "passed" => Ok(For::Passed),
        "finished" => Ok(For::Finished),
        _ => text
            .split(',')
            .map(status)
            .collect::<Result<_, _>>()
            .map(For::Statuses),
    }
}

/// Statuses that `--ok` may turn into a pass. A failure never is one: that is `allow_failure` in `.gitlab-ci.yml`.
fn fine(text: &str) -> Result<Vec<Status>, String> {
    text.split(',')
        .map(|word| match status(word)? {
            known @ (Status::Canceled | Status::Skipped) => Ok(known),
            _ => Err(format!(
                "only canceled and skipped can be made to count as passed, not {word}"
            )),
        })
        .collect()
}
