//! The commands and what they share.

pub mod act;
pub mod agents;
pub mod cancel;
pub mod completion;
pub mod doctor;
pub mod erase;
pub mod gate;
pub mod gating;
pub mod help;
pub mod jobs;
pub mod logs;
pub mod options;
pub mod play;
pub mod retry;
pub mod trace;
pub mod trigger;
pub mod wait;
pub mod wait_jobs;
mod wait_loop;
mod waiting;
pub mod whoami;

use crate::cli::{Usage, Words};
use crate::exit::{Exit, Stop};
use crate::host::Host;

/// A command: its entry in the table of words, and what it does.
pub struct Command {
    pub usage: &'static Usage,
    pub run: fn(Words, &Host) -> Result<Exit, Stop>,
}
