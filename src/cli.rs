//! The words of the command line: plain tables say what exists, [`Words`] checks an argv against them and hands the words out.

use crate::exit::Stop;

/// One option. A switch has no `value`.
#[derive(Debug)]
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
}

/// Options that belong together, under one heading of the help page. Commands share groups.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    pub options: &'static [&'static Opt],
}

/// Everything that help, README, man page, completion and the parser know of one command.
#[derive(Debug)]
pub struct Usage {
    pub name: &'static str,
    /// As in the usage line: `[JOB...]`; empty if the command takes none.
    pub operands: &'static str,
    /// How few and how many operands are allowed.
    pub arity: (usize, usize),
    /// One line, lower case, no final period.
    pub summary: &'static str,
    /// Paragraphs for the help page.
    pub details: &'static str,
    /// Command lines that work, one a line.
    pub example: &'static str,
    pub groups: &'static [&'static Group],
}

/// The checked words of one command line. Each is handed out once; [`Words::done`] proves that none was forgotten.
#[derive(Debug)]
pub struct Words {
    operands: Vec<String>,
}

impl Words {
    /// Checks `args` (without program and command name) against the table.
    pub fn check(_args: Vec<String>, _usage: &'static Usage) -> Result<Self, Stop> {
        unimplemented!()
    }

    pub fn switch(&mut self, _option: &'static Opt) -> bool {
        unimplemented!()
    }

    pub fn value(&mut self, _option: &'static Opt) -> Option<String> {
        unimplemented!()
    }

    /// All values of an option that may be repeated, in order.
    pub fn values(&mut self, _option: &'static Opt) -> Vec<String> {
        unimplemented!()
    }

    /// A value read by `parse`, whose error text is put behind the option's name.
    pub fn parsed<T>(
        &mut self,
        _option: &'static Opt,
        _parse: fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Stop> {
        unimplemented!()
    }

    pub fn operands(&mut self) -> Vec<String> {
        std::mem::take(&mut self.operands)
    }

    /// Panics if the table holds an option that the command did not read: a mistake of ours that every test of the command shows.
    pub fn done(self) {}
}
