//! Gated actions for GitLab CI jobs: the architecture on one page.
//!
//! `main` gathers what the process was given into a [`host::Host`] and calls [`run`], which is the whole program. A fact goes one way:
//!
//! ```text
//! argv ──cli──▶ Words ──▶ Options ─┐                     commands/NAME.rs: option table, Options, read, run, helpers
//! variables ──────ci──▶ Ci ────────┤
//!                                  ▼
//!    gitlab::Client ─▶ rows ─▶ decide ─▶ an enum ─▶ report ─▶ stdout; Exit ─▶ the process
//!          ▲                     │
//!          └─────── pace ◀───────┘ not yet              the one loop with a clock: look, decide, report, sleep
//! ```
//!
//! | layer | modules | rule |
//! |---|---|---|
//! | words | [`cli`], [`help`], [`ci`] | one option table makes parser, help pages, completion and docs/reference.md; `ci` reads variables and tokens |
//! | commands | [`commands`], `session` | fetch everything that a decision needs, ask [`decide`] once, report; one file for each command |
//! | GitLab | [`gitlab`], `pipeline` | `gitlab` is the client: HTTP, TLS, pages, and the explanation of every refusal; `pipeline` is the only reader of job lists, the only walker downstream, and has the only "no such job" |
//! | decide | [`decide`] | plain data in, an enum out: no text for people, no request, no clock |
//! | report | `report` | the only one that formats: sentences in `report/messages.rs` or beside their page, tables, JSON documents, the log on stderr |
//! | below all | [`model`], [`time`], `url`, [`exit`], [`os`], [`host`], `near` | GitLab's objects, time as a parameter, exit codes, signals, what comes from outside |
//!
//! Which module may use which is a table in `tests/it/tidy/arrows.rs`, checked against the `use` lines: no circle, no arrow up.
//! `tests/it/tidy.rs` also checks: ureq and rustls only below `gitlab`; `unsafe` only in [`os`], each line with its proof; the environment
//! only in `main`; real time only in [`time`] and [`os`]; no call of `exit`; no sentence for people in `decide`.
//!
//! By design: GitLab is the witness, and no variable carries a condition; "could not tell" is neither a pass nor a failure; a write is sent
//! once, and before it is repeated its target is looked at again; a secret has no way to be printed, and tokens are masked in every output.
//!
//! To add a command: a file in `commands` with its table, options and `run`, a line in [`table`]'s list, its story in `tests/it`.

pub mod ci;
pub mod cli;
pub mod commands;
pub mod decide;
pub mod exit;
pub mod gitlab;
pub mod help;
pub mod host;
pub mod model;
pub(crate) mod near;
pub mod os;
pub(crate) mod pipeline;
pub(crate) mod report;
pub(crate) mod session;
pub mod time;
pub(crate) mod url;

use crate::cli::{Parsed, Usage};
use crate::commands::options::COLOR;
use crate::commands::{
    Command, agents, cancel, completion, doctor, erase, gate, help as help_command, jobs, play,
    retry, trace, trigger, wait, whoami,
};
use crate::exit::{Exit, Stop};
use crate::host::Host;
use crate::report::{Color, Talk};

/// Every command, in the order of the help page. A new one needs a file of its own in `commands` and a line here.
const COMMANDS: [&Command; 14] = [
    &whoami::COMMAND,
    &agents::COMMAND,
    &doctor::COMMAND,
    &jobs::COMMAND,
    &trace::COMMAND,
    &wait::COMMAND,
    &play::COMMAND,
    &retry::COMMAND,
    &cancel::COMMAND,
    &erase::COMMAND,
    &trigger::COMMAND,
    &gate::COMMAND,
    &completion::COMMAND,
    &help_command::COMMAND,
];

/// The table that parser, help, completion and README are made from.
pub fn table() -> Vec<&'static Usage> {
    COMMANDS.iter().map(|command| command.usage).collect()
}

/// The whole program.
pub fn run(host: &Host) -> Exit {
    // A token among the arguments would be quoted by the error about it.
    for name in ["CI_JOB_TOKEN", "JOBGATE_TOKEN", "GITLAB_TOKEN"] {
        if let Ok(Some(token)) = host.vars.get(name) {
            host.conceal(token.trim());
        }
    }
    let mut color = Color::Auto;
    dispatch(host, &mut color).unwrap_or_else(|stop| {
        Talk::new(host, color, false).stop(&stop);
        stop.exit
    })
}

/// Finds the command that the words name, and runs it. `color` becomes that of the words.
fn dispatch(host: &Host, color: &mut Color) -> Result<Exit, Stop> {
    let table = table();
    let words = match cli::parse_args(&host.args, &table)? {
        Parsed::Command(words) => words,
        Parsed::Help(command, detail) => return help_command::show(host, &table, command, detail),
        Parsed::Version => return help_command::print(host, &format!("{}\n", help::VERSION)),
        Parsed::Nothing => {
            let _ = host.log.write(help::page::brief(&table).as_bytes());
            return Ok(Exit::Usage);
        }
    };
    let named = |command: &&&Command| command.usage.name == words.command();
    let command = COMMANDS.iter().find(named);
    let command = command.ok_or_else(|| Stop::new(Exit::Unknown, "no such command"))?;
    *color = Color::of(words.clone().value(&COLOR).as_deref());
    (command.run)(words, host)
}
