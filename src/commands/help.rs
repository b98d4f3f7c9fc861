//! `help`: the overview, the page of one command, the man page.

use crate::cli::{Group, Opt, Usage, Words, find_command};
use crate::commands::{Command, shared, table};
use crate::exit::{Exit, Stop};
use crate::help::{man, page};
use crate::{Host, help};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const MAN: Opt = Opt::switch("--man", "print the man page of all commands (roff)");

const USAGE: Usage = Usage {
    name: "help",
    operands: "[COMMAND]",
    arity: (0, 1),
    choices: &[],
    summary: "tells what the commands do",
    details: "\
Without a command: all commands in one line each, exit codes and variables.

The man page can be read at once: `jobgate help --man | man -l -`.",
    example: "\
jobgate help
jobgate help completion
jobgate help --man",
    groups: &[&Group {
        title: "options",
        options: &[&MAN],
    }],
};

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let manual = words.switch(&MAN);
    let command = words.operands().into_iter().next();
    words.done();
    let table = table();
    if manual {
        if command.is_some() {
            let mistake = Stop::usage("--man is one page for all commands, not for one");
            return Err(USAGE.explain(mistake).into());
        }
        return Ok(help::print(host, &man::page(&table, shared::VARIABLES))?);
    }
    let command = command
        .map(|name| find_command(&name, &table))
        .transpose()?;
    Ok(show(host, command)?)
}

/// Prints the page of one command (its index in the table), or the overview.
pub fn show(host: &Host, command: Option<usize>) -> Result<Exit, Stop> {
    let table = table();
    let width = page::width(host.out.width);
    let text = match command.and_then(|index| table.get(index)) {
        Some(usage) => page::command(usage, width),
        None => page::overview(&table, shared::VARIABLES, width),
    };
    help::print(host, &text)
}
