//! Options that several actions take.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::{Group, Opt, Words};
use crate::commands::gating::Gating;
use crate::commands::options::{FORMAT, OUTPUT_FILE};
use crate::commands::wait_loop::Limits;
use crate::commands::waiting::{INTERVAL, KEEP_GOING, SHALLOW, STRICT, TIMEOUT};
use crate::decide::pace::Interval;
use crate::decide::wait::{Failures, Rules, StopAt, TriggerJobs};
use crate::exit::Stop;
use crate::report::Format;
use crate::session::Common;

pub const DRY_RUN: Opt = Opt::switch("--dry-run", "stop after the plan; nothing is changed");
pub const RERUN: Opt = Opt::switch("--rerun", "run a job once more that has ended");
pub const FORCE: Opt = Opt::switch("--force", "end a job that is stuck in canceling");
pub const WAIT: Opt = Opt::switch("--wait", "wait until it has ended, as `jobgate wait` does");
pub const ON_CANCEL: Opt = Opt::value(
    "--on-cancel",
    "WHAT",
    "what to do with it if this job ends first; default leave",
)
.choices(&["leave", "cancel"]);
pub const ALLOW_FAILURE: Opt = Opt::switch(
    "--allow-failure",
    "a job that is allowed to fail may fail, as in GitLab",
);
/// Of `play` and `retry`; for more there is `jobgate wait`.
pub const WAITING: Group = Group {
    title: "waiting with --wait",
    options: &[&TIMEOUT, &INTERVAL, &KEEP_GOING, &SHALLOW, &ALLOW_FAILURE],
};
/// Of `trigger`.
pub const WAITING_STRICT: Group = Group {
    title: "waiting for the pipeline",
    options: &[&TIMEOUT, &INTERVAL, &KEEP_GOING, &SHALLOW, &STRICT],
};

/// What every action takes, whatever it acts on.
pub struct Options {
    pub gating: Gating,
    pub limits: Limits,
    pub rules: Rules,
    pub until: Until,
    /// Project and pipeline are both on the command line: no job token is needed.
    pub placed: bool,
    /// `cancel` and `erase` clean up: they go on although the calling job is being canceled.
    pub cleans_up: bool,
    pub on_cancel: OnCancel,
    pub format: Format,
    pub file: Option<PathBuf>,
    pub common: Common,
}

/// How far an action goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// `--dry-run`
    Planned,
    Sent,
    /// `--wait`
    Finished,
}

/// `--on-cancel`: what becomes of what was started when the calling job ends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCancel {
    Leave,
    Cancel,
}

impl Options {
    /// Of an action that starts nothing.
    pub fn read(words: &mut Words) -> Result<Self, Stop> {
        Ok(Self {
            gating: Gating::read(words)?,
            // It waits for nothing: trouble and rate limits are sat out for 30 s in all.
            limits: Limits {
                timeout: Some(Duration::ZERO),
                interval: Interval::DEFAULT,
                outage: None,
            },
            rules: Rules::default(),
            placed: false,
            cleans_up: true,
            until: if words.switch(&DRY_RUN) {
                Until::Planned
            } else {
                Until::Sent
            },
            on_cancel: OnCancel::Leave,
            format: words.parsed(&FORMAT, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        })
    }

    /// Of `play`, `retry` and `trigger`, which start something and can wait for it.
    pub fn read_starting(
        words: &mut Words,
        failures: Failures,
        no_trigger_jobs: bool,
    ) -> Result<Self, Stop> {
        let mut options = Self::read(words)?;
        options.limits = Limits::read(words)?;
        let shallow = words.switch(&SHALLOW);
        options.rules = Rules {
            failures,
            trigger_jobs: match (no_trigger_jobs, shallow) {
                (true, _) => TriggerJobs::LeaveOut,
                (false, true) => TriggerJobs::Shallow,
                (false, false) => TriggerJobs::Follow,
            },
            stop: if words.switch(&KEEP_GOING) {
                StopAt::End
            } else {
                StopAt::FirstFailure
            },
            looks: options.limits.looks(),
            ..Rules::default()
        };
        if words.switch(&WAIT) && options.until == Until::Sent {
            options.until = Until::Finished;
        }
        options.cleans_up = false;
        if words.value(&ON_CANCEL).as_deref() == Some("cancel") {
            options.on_cancel = OnCancel::Cancel;
        }
        Ok(options)
    }
}
