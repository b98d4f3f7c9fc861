//! `help`: the overview and the page of one command.

use crate::cli::{Usage, Words, find_command};
use crate::commands::{Command, options, table};
use crate::exit::{Exit, Stop};
use crate::help::page;
use crate::{Host, help};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const USAGE: Usage = Usage {
    name: "help",
    operands: "[COMMAND]",
    arity: (0, 1),
    terms: Vec::new,
    choices: &[],
    summary: "tells what the commands do",
    details: "Without a command: all commands in one line each, exit codes and variables.",
    example: "jobgate help\njobgate help completion",
    groups: &[],
};

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let command = words.operands().into_iter().next();
    words.done();
    let table = table();
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
        None => page::overview(&table, options::VARIABLES, width),
    };
    help::print(host, &text)
}
