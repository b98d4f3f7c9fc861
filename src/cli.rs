//! The command line: plain tables say what exists, [`parse_args`] finds the command and [`Words`] hands its words out.

mod near;
mod words;

use std::ffi::OsString;

use crate::exit::Stop;
pub use words::Words;

/// One option. A switch has no `value`.
#[derive(Debug)]
#[must_use]
pub struct Opt {
    /// With its dashes: `--timeout`.
    pub name: &'static str,
    /// A one-letter form that people know: `-o`.
    pub short: Option<&'static str>,
    /// Placeholder of the value, upper case; `None` for a switch.
    pub value: Option<&'static str>,
    /// May be given more than once.
    pub many: bool,
    /// The CI/CD variable that stands in where the option is not given.
    pub variable: Option<&'static str>,
    /// The only values allowed, offered by completion; empty for any.
    pub choices: &'static [&'static str],
    /// Lower case, no final period, at most 72 columns.
    pub help: &'static str,
}

impl Opt {
    /// A switch.
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            value: None,
            many: false,
            variable: None,
            choices: &[],
            help,
        }
    }

    /// An option with a value.
    pub const fn value(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            value: Some(value),
            many: false,
            variable: None,
            choices: &[],
            help,
        }
    }

    pub const fn short(self, short: &'static str) -> Self {
        Self {
            short: Some(short),
            ..self
        }
    }

    pub const fn many(self) -> Self {
        Self { many: true, ..self }
    }

    pub const fn variable(self, variable: &'static str) -> Self {
        Self {
            variable: Some(variable),
            ..self
        }
    }

    pub const fn choices(self, choices: &'static [&'static str]) -> Self {
        Self { choices, ..self }
    }

    /// `--timeout DURATION`, `--strict`.
    pub fn form(&self) -> String {
        match self.value {
            Some(value) => format!("{} {value}", self.name),
            None => self.name.to_owned(),
        }
    }

    pub fn takes_value(&self) -> bool {
        self.value.is_some()
    }

    /// The value is the path of a file, so that completion offers file names.
    pub fn takes_file(&self) -> bool {
        self.value
            .is_some_and(|value| value == "PATH" || value.starts_with("FILE"))
    }
}

/// Options that belong together, under one heading of the help page. Commands share groups.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    pub options: &'static [&'static Opt],
}

/// Everything that help, README, completion and the parser know of one command.
#[derive(Debug)]
pub struct Usage {
    pub name: &'static str,
    /// As in the usage line: `[JOB...]`; empty if the command takes none.
    pub operands: &'static str,
    /// How few and how many operands are allowed.
    pub arity: (usize, usize),
    /// The only operands allowed, offered by completion; empty for any.
    pub choices: &'static [&'static str],
    /// One line, lower case, no final period.
    pub summary: &'static str,
    /// Paragraphs for the help page, an empty line between them.
    pub details: &'static str,
    /// What an operand may be, with its meaning; empty if that needs no list.
    pub terms: fn() -> Vec<(String, String)>,
    /// Command lines that work, one a line.
    pub example: &'static str,
    pub groups: &'static [&'static Group],
}

impl Usage {
    /// Every option of the command, in the order of the help page.
    pub fn options(&self) -> impl Iterator<Item = &'static Opt> {
        self.groups
            .iter()
            .flat_map(|group| group.options.iter().copied())
    }

    /// The option of this name, long or short.
    pub fn option(&self, name: &str) -> Option<&'static Opt> {
        self.options()
            .find(|option| option.name == name || option.short == Some(name))
    }

    /// `jobgate wait [OPTIONS] JOB...`
    pub fn line(&self) -> String {
        let mut line = format!("jobgate {}", self.name);
        if !self.groups.is_empty() {
            line.push_str(" [OPTIONS]");
        }
        if !self.operands.is_empty() {
            line.push(' ');
            line.push_str(self.operands);
        }
        line
    }

    /// What one operand is called: `JOB`.
    pub fn placeholder(&self) -> &'static str {
        self.operands
            .trim_matches(|c: char| !c.is_ascii_uppercase())
    }

    /// Adds the two hints that end every complaint about this command's words, once.
    pub fn explain(&self, mistake: Stop) -> Stop {
        let usage = format!("usage: {}", self.line());
        if mistake.hints.contains(&usage) {
            return mistake;
        }
        mistake
            .hint(usage)
            .hint(format!("jobgate {} --help", self.name))
    }
}

/// What a command line asks for. A command is named by its index in the table.
#[derive(Debug)]
pub enum Parsed {
    Command(usize, Words),
    /// The page of one command, or the overview.
    Help(Option<usize>),
    Version,
    /// The command line is empty.
    Nothing,
}

/// Reads a whole command line, without the program's own name, against the table of commands.
pub fn parse_args(args: &[OsString], table: &[&'static Usage]) -> Result<Parsed, Stop> {
    let mut words = utf8(args)?.into_iter();
    let Some(first) = words.next() else {
        return Ok(Parsed::Nothing);
    };
    let words: Vec<String> = words.collect();
    match first.as_str() {
        "-h" | "--help" => {
            let command = words.first().map(|name| find_command(name, table));
            return Ok(Parsed::Help(command.transpose()?));
        }
        "-V" | "--version" if words.is_empty() => return Ok(Parsed::Version),
        "-V" | "--version" => {
            return Err(Stop::usage(format!("{first} stands alone")).hint("jobgate --version"));
        }
        _ => {}
    }
    let found = table
        .iter()
        .enumerate()
        .find(|(_, usage)| usage.name == first);
    let Some((index, usage)) = found else {
        return Err(near::unknown_command(&first, &words, table));
    };
    if asks_for_help(&words, usage) {
        return Ok(Parsed::Help(Some(index)));
    }
    Words::check(words, usage, table).map(|words| Parsed::Command(index, words))
}

/// The command of this name, for its help page.
pub fn find_command(name: &str, table: &[&'static Usage]) -> Result<usize, Stop> {
    table
        .iter()
        .position(|usage| usage.name == name)
        .ok_or_else(|| near::unknown_command(name, &[], table))
}

fn utf8(args: &[OsString]) -> Result<Vec<String>, Stop> {
    let mut words = Vec::with_capacity(args.len());
    for (index, arg) in args.iter().enumerate() {
        let Some(word) = arg.to_str() else {
            let position = index + 1;
            return Err(Stop::usage(format!(
                "argument {position} is not valid UTF-8"
            )));
        };
        words.push(word.to_owned());
    }
    Ok(words)
}

/// `--help` counts wherever an option may stand. Where a value is due it is a mistake: an answer of 0 to `--stage "$STAGE"` would be a pass.
fn asks_for_help(words: &[String], usage: &Usage) -> bool {
    let mut value_due = false;
    for word in words {
        match word.as_str() {
            "--" if !value_due => return false,
            "-h" | "--help" if !value_due => return true,
            name => value_due = usage.option(name).is_some_and(Opt::takes_value),
        }
    }
    false
}
