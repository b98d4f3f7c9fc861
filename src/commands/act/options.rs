//! Options that several actions take. An option that is not in a command's table reads as not given.

use std::cell::RefCell;

use crate::cli::{Group, Opt, Words};
use crate::commands::gating::Gating;
use crate::commands::jobs::{LOG_TAIL, number};
use crate::commands::logs::show_tails;
use crate::commands::options::{FORMAT, Printing, Where};
use crate::commands::wait_jobs::Ended;
use crate::commands::waiting::{INTERVAL, KEEP_GOING, Patience, SHALLOW, STRICT, TIMEOUT};
use crate::exit::Stop;
use crate::report::{Format, Out};
use crate::session::Session;

pub const DRY_RUN: Opt = Opt::switch("--dry-run", "print the plan and change nothing");
pub const RERUN: Opt = Opt::switch("--rerun", "retry jobs that would otherwise be refused");
pub const FORCE: Opt = Opt::switch("--force", "end a job that is stuck in canceling");
pub const WAIT: Opt = Opt::switch("--wait", "wait for the result, which sets the exit code");
pub const ON_CANCEL: Opt = Opt::value(
    "--on-cancel WHAT",
    "if the calling job stops, leave or cancel started jobs; default leave",
)
.choices(&["leave", "cancel"]);
pub const ALLOW_FAILURE: Opt = Opt::switch(
    "--allow-failure",
    "a failed job counts as passed if it is allowed to fail",
);
/// Of `play` and `retry`; for more there is `jobgate wait`.
pub const WAITING: Group = Group {
    title: "waiting for the jobs",
    options: &[
        &TIMEOUT,
        &INTERVAL,
        &KEEP_GOING,
        &SHALLOW,
        &ALLOW_FAILURE,
        &LOG_TAIL,
    ],
};
/// Of `trigger`.
pub const WAITING_STRICT: Group = Group {
    title: "waiting for the pipeline",
    options: &[
        &TIMEOUT,
        &INTERVAL,
        &KEEP_GOING,
        &SHALLOW,
        &STRICT,
        &LOG_TAIL,
    ],
};

/// What every action takes, whatever it acts on.
pub struct Options {
    pub gating: Gating,
    pub patience: Patience,
    pub until: Until,
    /// Project and pipeline are both on the command line: no job token is needed.
    pub placed: bool,
    /// `cancel` and `erase` clean up: they go on although the calling job is being canceled.
    pub cleans_up: bool,
    /// `--on-cancel cancel`: what was started is canceled when the calling job ends first; else it is left.
    pub cancels: bool,
    /// `--log-tail`: lines to show of each failed job's log after `--wait`.
    pub log_tail: Option<usize>,
    /// Why there is nothing to do, if so: GitLab is not asked.
    pub nothing: Option<String>,
    pub printing: Printing,
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

impl Options {
    pub fn read(words: &mut Words, place: &Where) -> Result<Self, Stop> {
        Ok(Self {
            gating: Gating::read(words)?,
            patience: Patience::read(words, place.no_trigger_jobs)?,
            until: match (words.switch(&DRY_RUN), words.switch(&WAIT)) {
                (true, _) => Until::Planned,
                (false, false) => Until::Sent,
                (false, true) => Until::Finished,
            },
            placed: place.complete(),
            cleans_up: false,
            cancels: words.value(&ON_CANCEL).as_deref() == Some("cancel"),
            log_tail: words.parsed(&LOG_TAIL, number)?,
            nothing: None,
            printing: Printing::read(words, &FORMAT),
        })
    }

    /// The ends of the logs of the jobs that a wait has seen fail, below its table. A log that is not shown does not change how it ended.
    pub fn show_failed(&self, session: &Session, ended: &Ended, out: &RefCell<Out>) {
        if let (Some(keep), Format::Table) = (self.log_tail, self.printing.format)
            && let Some(place) = &ended.place
        {
            let (failed, mut out) = (ended.outcome.failed(), out.borrow_mut());
            let lacks = show_tails(session, &place.project, &failed, keep, &mut out);
            if let Some(stop) = lacks.map_or_else(Some, Stop::all) {
                session.talk.stop(&stop);
            }
        }
    }
}
