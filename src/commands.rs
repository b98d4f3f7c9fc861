//! The commands and what they share.

pub(crate) mod act;
pub(crate) mod agents;
pub(crate) mod cancel;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod erase;
pub(crate) mod gate;
pub(crate) mod gating;
pub mod help;
pub(crate) mod jobs;
pub(crate) mod logs;
pub mod options;
pub(crate) mod play;
pub(crate) mod retry;
pub(crate) mod trace;
pub(crate) mod trigger;
pub(crate) mod wait;
pub(crate) mod wait_jobs;
mod wait_loop;
mod waiting;
pub(crate) mod whoami;

use crate::cli::{Usage, Words};
use crate::exit::{Exit, Stop};
use crate::host::Host;

/// A command: its entry in the table of words, and what it does.
pub struct Command {
    pub usage: &'static Usage,
    pub run: fn(Words, &Host) -> Result<Exit, Stop>,
}
