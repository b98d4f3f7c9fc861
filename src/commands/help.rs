//! `help`: the overview and the page of one command.

use std::io::ErrorKind;

use super::Command;
use super::options::VARIABLES;
use crate::cli::{Detail, Usage, Words, find_command};
use crate::decide::gate::condition::{ROWS, Row, Takes};
use crate::exit::{Exit, Stop};
use crate::help::page;
use crate::host::Host;
use crate::report::messages;

pub const COMMAND: Command = Command { usage: &USAGE, run };

const USAGE: Usage = Usage {
    name: "help",
    operands: "[COMMAND]",
    summary: "shows help on jobgate or on one command",
    details: "Without COMMAND, help shows all commands, the options that several commands share, the exit codes and the variables.",
    example: "jobgate help\njobgate help completion",
    groups: &[],
};

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let name = words.operands().into_iter().next();
    let table = words.table().to_vec();
    words.done();
    let command = name.map(|name| find_command(&name, &table)).transpose()?;
    show(host, &table, command, Detail::Full)
}

/// Prints the page of one command, or the overview.
pub fn show(
    host: &Host,
    table: &[&'static Usage],
    command: Option<&'static Usage>,
    detail: Detail,
) -> Result<Exit, Stop> {
    let text = match (command, detail) {
        (Some(usage), Detail::Full) => page::command(usage, &terms(usage)),
        (Some(usage), Detail::Short) => page::short(usage, &terms(usage), table),
        (None, Detail::Full) => page::overview(table, VARIABLES),
        (None, Detail::Short) => page::brief(table),
    };
    print(host, &text)
}

/// What an operand of the command may be, with its meaning, where that needs a list.
pub fn terms(usage: &Usage) -> Vec<(String, String)> {
    let conditions = ROWS.iter().filter(|_| usage.placeholder() == "CONDITION");
    let sentence = |row: &Row| match (row.takes, row.form.split_once('=')) {
        (Takes::Values(verb) | Takes::AnyNumber(verb), Some((_, value))) => {
            row.expected.to_owned() + verb.0 + value.trim_end_matches(']')
        }
        _ => row.expected.to_owned(),
    };
    conditions
        .map(|row| (row.form.to_owned(), sentence(row)))
        .collect()
}

/// Writes an answer that has no verdict. If the reader closes the pipe early, the exit code is 0.
pub fn print(host: &Host, text: &str) -> Result<Exit, Stop> {
    match host.out.write(text.as_bytes()) {
        Ok(()) => Ok(Exit::Ok),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(error) => Err(Stop::new(Exit::Unknown, messages::not_printed(&error))),
    }
}
