//! Parses the command line: [`Usage`] tables list the options, [`parse_args`] checks the words against them, and [`Words`] returns the values.

mod mistake;
mod table;
mod words;

use std::ffi::OsString;

use crate::exit::Stop;
pub use table::{Group, Opt, Usage, Variable};
pub use words::{Detail, Parsed, Words};
use words::{check, split};

/// Parses a command line, without the program's own name, by the table of commands.
pub fn parse_args(args: &[OsString], table: &[&'static Usage]) -> Result<Parsed, Stop> {
    let mut words = utf8(args)?;
    let position = command_position(&words, table);
    if position >= words.len() {
        return Ok(Parsed::Nothing);
    }
    let name = words.remove(position);
    if let Some(detail) = Detail::of(&name) {
        let command = words.get(position).map(|name| find_command(name, table));
        return Ok(Parsed::Help(command.transpose()?, detail));
    }
    if VERSION.contains(&name.as_str()) {
        return Ok(Parsed::Version);
    }
    let usage = find_command(&name, table)?;
    check(words, usage, table).map_err(|mistake| usage.explain(mistake))
}

const VERSION: [&str; 3] = ["-V", "--version", "version"];

/// Finds the command of this name.
pub fn find_command(name: &str, table: &[&'static Usage]) -> Result<&'static Usage, Stop> {
    let found = table.iter().find(|usage| usage.name == name);
    found
        .copied()
        .ok_or_else(|| mistake::unknown_command(name, table))
}

/// Finds the position of the command's name. Options and their values may precede it; [`check`] tests later whether the command has them.
fn command_position(words: &[String], table: &[&'static Usage]) -> usize {
    let mut position = 0;
    while let Some(word) = words.get(position) {
        if !word.starts_with('-') || Detail::of(word).is_some() || VERSION.contains(&word.as_str())
        {
            break;
        }
        let takes_next = table.iter().any(|usage| {
            let (name, value) = split(word, usage);
            value.is_none() && usage.option(name).is_some_and(Opt::takes_value)
        });
        position += 1 + usize::from(takes_next);
    }
    position
}

fn utf8(args: &[OsString]) -> Result<Vec<String>, Stop> {
    let word = |(position, arg): (usize, &OsString)| {
        let error = || Stop::usage(format!("argument {position} is not valid UTF-8"));
        arg.to_str().map(str::to_owned).ok_or_else(error)
    };
    (1..).zip(args).map(word).collect()
}
