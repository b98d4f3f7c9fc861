//! The command line: tables say what exists, [`parse_args`] checks the words against them, and [`Words`] hands the checked words out.

mod mistake;
mod table;
mod words;

use std::ffi::OsString;

use crate::exit::Stop;
pub use table::{Group, Opt, Usage, Variable};
use words::{Checked, check, split};
pub use words::{Detail, Words};

/// What a command line asks for.
pub enum Parsed {
    Command(Words),
    /// The page of one command, or the overview without one.
    Help(Option<&'static Usage>, Detail),
    Version,
    /// The command line is empty.
    Nothing,
}

/// Reads a whole command line, without the program's own name, against the table of commands.
pub fn parse_args(args: &[OsString], table: &[&'static Usage]) -> Result<Parsed, Stop> {
    let mut words = utf8(args)?;
    if words.is_empty() {
        return Ok(Parsed::Nothing);
    }
    let position = command_position(&words, table)?;
    let name = words.remove(position);
    if let Some(detail) = Detail::of(&name) {
        let command = words.get(position).map(|name| find_command(name, table));
        return Ok(Parsed::Help(command.transpose()?, detail));
    }
    if matches!(name.as_str(), "-V" | "--version" | "version") {
        return Ok(Parsed::Version);
    }
    let usage = find_command(&name, table)?;
    match check(words, usage, table).map_err(|mistake| usage.explain(mistake))? {
        Checked::Words(words) => Ok(Parsed::Command(words)),
        Checked::Help(detail) => Ok(Parsed::Help(Some(usage), detail)),
    }
}

/// The command of this name.
pub fn find_command(name: &str, table: &[&'static Usage]) -> Result<&'static Usage, Stop> {
    let found = table.iter().find(|usage| usage.name == name);
    found
        .copied()
        .ok_or_else(|| mistake::unknown_command(name, table))
}

/// Where the command's name stands: options with their values may stand before it.
fn command_position(words: &[String], table: &[&'static Usage]) -> Result<usize, Stop> {
    let mut position = 0;
    while let Some(word) = words.get(position) {
        let ends = Detail::of(word).is_some() || matches!(word.as_str(), "-V" | "--version");
        if ends || !word.starts_with('-') {
            return Ok(position);
        }
        let known = table.iter().find_map(|usage| {
            let (name, value) = split(word, usage);
            Some((usage.option(name)?, value))
        });
        let (option, value) = known.ok_or_else(|| mistake::option_of_no_command(word, table))?;
        position += 1 + usize::from(option.takes_value() && value.is_none());
    }
    Err(Stop::usage("the command is missing").hint(mistake::LIST))
}

fn utf8(args: &[OsString]) -> Result<Vec<String>, Stop> {
    let word = |(position, arg): (usize, &OsString)| {
        let error = || Stop::usage(format!("argument {position} is not valid UTF-8"));
        arg.to_str().map(str::to_owned).ok_or_else(error)
    };
    (1..).zip(args).map(word).collect()
}
