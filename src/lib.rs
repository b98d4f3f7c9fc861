//! Gated actions for GitLab CI jobs: the architecture on one page.
//!
//! `main` gathers what the process was given into a [`Host`] and calls [`run`], which is the whole program. A fact goes one way:
//!
//! ```text
//! argv ─ cli::Words ─▶ Options ─┐                                  commands/NAME.rs: words, options, run, in this order
//! variables ─ ci::Ci ───────────┤
//!                               ▼
//!        gitlab::Client ─ rows ─▶ decide::… ─ an enum ─▶ report::… ─▶ stdout; Exit ─▶ the process
//!              ▲                     │
//!              └────── pace ◀─ not yet                               the only loop: look, decide, pace, sleep
//! ```
//!
//! | layer | modules | rule |
//! |---|---|---|
//! | words | [`cli`], [`help`], [`ci`] | one option table makes parser, help, man page, completion and the README's reference |
//! | commands | [`commands`], [`session`], [`find`] | fetch everything a decision needs, ask once, report; one file a command |
//! | gitlab | [`gitlab`] | the only user of ureq and rustls; every answer and refusal as data; explains refusals |
//! | decide | [`decide`] | data in, enum out: nothing there writes, asks, sleeps or reads a clock |
//! | report | [`report`] | the only one that formats; stdout is the answer, stderr is talk |
//!
//! What always holds, checked as text by `tests/it/tidy.rs`: ureq and rustls only below `gitlab`; `unsafe` only in [`os`], each line with
//! its proof; the environment only in `main`; real time only in [`time`] and [`os`]; nobody calls `exit`; no closed vocabulary of GitLab's is
//! compared as a string outside [`model`].
//!
//! What always holds, by design: GitLab is the witness and no variable carries a condition; "could not tell" is neither pass nor failure;
//! a write is sent once, and after a lost answer the program looks before it decides; a secret has no way to be printed.
//!
//! To add a command: a file in `commands` with its table, options and `run`, its name in [`commands::COMMANDS`], its story in `tests/it`.

pub mod ci;
pub mod cli;
pub mod commands;
pub mod decide;
pub mod exit;
pub mod find;
pub mod gatefile;
pub mod gitlab;
pub mod help;
pub mod kubeconfig;
pub mod model;
pub mod near;
pub mod os;
pub mod report;
pub mod session;
pub mod time;
pub mod url;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;

use crate::cli::Parsed;
use crate::commands::COMMANDS;
use crate::exit::{Exit, Stop};
use crate::os::Interrupt;
use crate::time::Clock;

/// Everything that the program gets from outside. In a test: a map, a fake clock, short limits and two buffers.
pub struct Host<'a> {
    /// Without the program's own name.
    pub args: Vec<OsString>,
    pub vars: Vars,
    pub clock: &'a dyn Clock,
    pub interrupt: &'a Interrupt,
    /// For jitter.
    pub seed: u64,
    pub limits: Limits,
    pub out: Stream,
    pub log: Stream,
}

/// The environment. An empty variable counts as absent.
#[derive(Default)]
pub struct Vars(HashMap<OsString, OsString>);

impl Vars {
    pub fn new(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(vars.into_iter().collect())
    }

    /// The variable is there and holds nothing.
    pub fn is_empty(&self, name: &str) -> bool {
        self.0
            .get(std::ffi::OsStr::new(name))
            .is_some_and(|value| value.is_empty())
    }

    /// The value of a variable; exit 2 if it is not UTF-8 (the value is not quoted).
    pub fn get(&self, name: &str) -> Result<Option<&str>, Stop> {
        match self.0.get(std::ffi::OsStr::new(name)) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => value
                .to_str()
                .map(Some)
                .ok_or_else(|| Stop::usage(format!("variable {name} is not valid UTF-8"))),
        }
    }
}

/// Where text goes, and what kind of place it is.
pub struct Stream {
    pub writer: Mutex<Box<dyn Write + Send>>,
    pub terminal: bool,
    /// Columns, if it is a terminal that tells.
    pub width: Option<usize>,
}

impl Stream {
    pub fn new(writer: Box<dyn Write + Send>, terminal: bool, width: Option<usize>) -> Self {
        Self {
            writer: Mutex::new(writer),
            terminal,
            width,
        }
    }
}

/// The network's time-outs and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// TCP, proxy and TLS together; the look-up of the host's name before that has as long again.
    pub connect: Duration,
    /// From the request's end to the answer's headers.
    pub headers: Duration,
    pub per_read: Duration,
    pub per_write: Duration,
    /// A whole body; a log's chunks are checked against the deadline instead.
    pub body: Duration,
    /// Decoded bytes of one page or document.
    pub page_bytes: u64,
    /// Decoded bytes of an answer that says no.
    pub error_bytes: u64,
    /// How long the server may give no good answer to a command that does not wait.
    pub outage: Duration,
}

impl Limits {
    pub const REAL: Self = Self {
        connect: Duration::from_secs(10),
        headers: Duration::from_mins(1),
        per_read: Duration::from_secs(30),
        per_write: Duration::from_secs(30),
        body: Duration::from_mins(1),
        page_bytes: 16 << 20,
        error_bytes: 64 << 10,
        outage: Duration::from_secs(30),
    };
}

/// The whole program.
pub fn run(host: &Host) -> Exit {
    match dispatch(host) {
        Ok(exit) => exit,
        Err(error) => complain(&stop_of(error), host),
    }
}

/// Finds the command that the words name, and runs it.
fn dispatch(host: &Host) -> anyhow::Result<Exit> {
    let table = commands::table();
    let (index, words) = match cli::parse_args(&host.args, &table)? {
        Parsed::Command(index, words) => (index, words),
        Parsed::Help(command) => return Ok(commands::help::show(host, command)?),
        Parsed::Version => return Ok(help::print(host, &format!("{}\n", help::VERSION))?),
        Parsed::Nothing => {
            let width = help::page::width(host.log.width);
            say(host, &help::page::brief(&table, width));
            return Ok(Exit::Usage);
        }
    };
    let command = COMMANDS.get(index).context("no such command")?;
    (command.run)(words, host)
}

/// What to tell about an error: its own words if it is one of ours.
fn stop_of(error: anyhow::Error) -> Stop {
    error
        .downcast::<Stop>()
        .or_else(|error| Ok(error.downcast::<gitlab::Error>()?.stop()))
        .unwrap_or_else(|error: anyhow::Error| Stop::new(Exit::Unknown, format!("{error:#}")))
}

/// The only place that prints an error.
fn complain(stop: &Stop, host: &Host) -> Exit {
    let errors = stop
        .error
        .lines()
        .map(|line| format!("jobgate: error: {line}\n"));
    let hints = stop
        .hints
        .iter()
        .map(|hint| format!("jobgate: hint: {hint}\n"));
    say(host, &errors.chain(hints).collect::<String>());
    stop.exit
}

/// Talk that nobody hears changes nothing.
fn say(host: &Host, text: &str) {
    let mut log = host
        .log
        .writer
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let _ = log.write_all(text.as_bytes()).and_then(|()| log.flush());
}
