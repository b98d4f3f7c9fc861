//! Options of waiting: which jobs pass, and how long to wait.

use super::jobs::LOG_TAIL;
use super::wait_loop::Limits;
use crate::cli::{Group, Opt, Words};
use crate::decide::pace::Interval;
use crate::decide::wait::{Failures, Rules, TriggerJobs, Want};
use crate::exit::Stop;
use crate::model::Status;
use crate::time::parse_duration;

pub const FOR: Opt = Opt::value("--for WHAT", "result or status to wait for; default passed")
    .many()
    .choices(&WANTS);
/// `passed`, `finished` and every status.
const WANTS: [&str; 2 + Status::WORDS.len()] = {
    let mut words = ["passed"; 2 + Status::WORDS.len()];
    words[1] = "finished";
    let (_, statuses) = words.split_at_mut(2);
    statuses.copy_from_slice(Status::WORDS);
    words
};
pub const STRICT: Opt = Opt::switch("--strict", "also count failures of jobs allowed to fail");
/// A failure never counts as passed: that is `allow_failure` in `.gitlab-ci.yml`.
pub const OK: Opt = Opt::value("--ok STATUS", "jobs with this status count as passed")
    .many()
    .choices(&["canceled", "skipped"]);
pub const SHALLOW: Opt = Opt::switch("--shallow", "judge trigger jobs by their own status only");
pub const KEEP_GOING: Opt = Opt::switch(
    "--keep-going",
    "wait for all jobs even after one has failed",
);
pub const TIMEOUT: Opt = Opt::value(
    "--timeout DURATION",
    "maximum wait; 0: check once; default: the calling job's remaining time",
);
pub const INTERVAL: Opt = Opt::value(
    "--interval MIN..MAX",
    "pause between checks, MIN to MAX; default 3s..15s",
);
pub const STUCK: Opt = Opt::value(
    "--stuck DURATION",
    "exit with 10 if a job waits this long for a runner",
);
pub const OUTAGE_BUDGET: Opt = Opt::value(
    "--outage-budget DURATION",
    "longest outage of GitLab, then exit with 6; default 5m",
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
        &INTERVAL,
        &STUCK,
        &OUTAGE_BUDGET,
        &LOG_TAIL,
    ],
};

/// Which jobs pass, and how long to wait.
#[derive(Clone, Debug)]
pub struct Patience {
    pub rules: Rules,
    pub limits: Limits,
}

impl Patience {
    /// Of every command that waits; options that it does not take are absent. `no_trigger_jobs`: they were left out of the selection.
    pub fn read(words: &mut Words, no_trigger_jobs: bool) -> Result<Self, Stop> {
        let interval = words.parsed(&INTERVAL, Interval::parse)?;
        let limits = Limits {
            timeout: words.parsed(&TIMEOUT, parse_duration)?,
            interval: interval.unwrap_or(Interval::DEFAULT),
            outage: words.parsed(&OUTAGE_BUDGET, parse_duration)?,
        };
        let rules = Rules {
            want: want(&words.values(&FOR))?,
            failures: if words.switch(&STRICT) {
                Failures::Strict
            } else {
                Failures::AsGitLab
            },
            ok: words
                .values(&OK)
                .iter()
                .map(|word| Status::parse(word))
                .collect(),
            trigger_jobs: match (no_trigger_jobs, words.switch(&SHALLOW)) {
                (true, _) => TriggerJobs::LeaveOut,
                (false, true) => TriggerJobs::Shallow,
                (false, false) => TriggerJobs::Follow,
            },
            keep_going: words.switch(&KEEP_GOING),
            once: limits.once(),
            stuck: words.parsed(&STUCK, parse_duration)?,
        };
        Ok(Self { rules, limits })
    }
}

fn want(words: &[String]) -> Result<Want, Stop> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["passed"] => Ok(Want::Passed),
        ["finished"] => Ok(Want::Finished),
        several if several.contains(&"passed") || several.contains(&"finished") => Err(
            Stop::usage("--for takes passed alone, finished alone, or statuses"),
        ),
        statuses => Ok(Want::Statuses(
            statuses.iter().map(|word| Status::parse(word)).collect(),
        )),
    }
}
