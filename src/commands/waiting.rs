//! The options of waiting: what counts, and how long to wait for it.

use super::wait_loop::Limits;
use crate::cli::{Group, Opt, Words};
use crate::decide::pace::Interval;
use crate::decide::wait::{Failures, Rules, TriggerJobs, Want};
use crate::exit::Stop;
use crate::model::Status;
use crate::time::parse_duration;

pub const FOR: Opt = Opt::value(
    "--for WHAT",
    "passed (default), finished, or statuses to wait for, with commas",
);
pub const STRICT: Opt = Opt::switch("--strict", "a job that is allowed to fail must pass too");
pub const OK: Opt = Opt::value("--ok STATUSES", "canceled, skipped or both count as passed");
pub const SHALLOW: Opt = Opt::switch(
    "--shallow",
    "judge a trigger job by its own status, not by the pipeline it started",
);
pub const KEEP_GOING: Opt = Opt::switch(
    "--keep-going",
    "wait for all jobs even after one has failed",
);
pub const TIMEOUT: Opt = Opt::value(
    "--timeout DURATION",
    "how long to wait; 0 looks once (what is left of this job)",
);
pub const INTERVAL: Opt = Opt::value(
    "--interval MIN..MAX",
    "shortest and longest sleep between two looks (3s..15s)",
);
pub const STUCK: Opt = Opt::value(
    "--stuck DURATION",
    "end with 10 if a job waits for a runner or resource this long",
);
pub const OUTAGE_BUDGET: Opt = Opt::value(
    "--outage-budget DURATION",
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
        &INTERVAL,
        &STUCK,
        &OUTAGE_BUDGET,
    ],
};

/// What counts, and how long to wait for it.
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
            adjustable: words.takes(&OUTAGE_BUDGET),
        };
        let rules = Rules {
            want: words.parsed(&FOR, want)?.unwrap_or_default(),
            failures: if words.switch(&STRICT) {
                Failures::Strict
            } else {
                Failures::AsGitLab
            },
            ok: words.parsed(&OK, fine)?.unwrap_or_default(),
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

fn status(word: &str) -> Result<Status, String> {
    match Status::parse(word) {
        Status::Unknown(_) => Err(format!(
            "{word:?} is not a status; GitLab's are {}",
            Status::WORDS.join(", ")
        )),
        known => Ok(known),
    }
}

fn want(text: &str) -> Result<Want, String> {
    match text {
        "passed" => Ok(Want::Passed),
        "finished" => Ok(Want::Finished),
        _ => text
            .split(',')
            .map(status)
            .collect::<Result<_, _>>()
            .map(Want::Statuses),
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
