//! Types of the tables of commands, options and variables, which parser, help, completion and docs read.

use crate::exit::Stop;

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
    /// May be given more than once; the values add up. Otherwise the last one counts.
    pub many: bool,
    /// The only values allowed, offered by completion; empty for any. With `many`, a value may be a comma list of them.
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
            choices: &[],
            help,
        }
    }

    /// An option with a value: `--timeout DURATION`.
    pub const fn value(form: &'static str, help: &'static str) -> Self {
        let mut blank = 0;
        while form.as_bytes()[blank] != b' ' {
            blank += 1;
        }
        let (name, value) = form.split_at(blank);
        Self {
            value: Some(value.split_at(1).1),
            ..Self::switch(name, help)
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

/// Options under one heading of the help page. A group that several commands share has the same title in all of them.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    pub options: &'static [&'static Opt],
}

/// A variable of the job that the program reads.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    /// Lower case, no final period.
    pub help: &'static str,
}

/// Describes one command for parser, help, completion and docs.
#[derive(Debug)]
pub struct Usage {
    pub name: &'static str,
    /// As in the usage line: `JOB...`, `[AGENT]`, `bash|zsh|fish`; empty if the command takes none.
    pub operands: &'static str,
    /// One line, lower case, no final period.
    pub summary: &'static str,
    /// Paragraphs for the help page, an empty line between them.
    pub details: &'static str,
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
        let (name, operands) = (self.name, self.operands);
        let options = if self.groups.is_empty() {
            ""
        } else {
            " [OPTIONS]"
        };
        let line = format!("jobgate {name}{options} {operands}");
        line.trim_end().to_owned()
    }

    /// The smallest and the largest number of operands.
    pub fn arity(&self) -> (usize, usize) {
        let fewest = !self.operands.is_empty() && !self.operands.starts_with('[');
        let most = match self.operands {
            "" => 0,
            several if several.contains("...") => usize::MAX,
            _ => 1,
        };
        (usize::from(fewest), most)
    }

    /// The only operands allowed, offered by completion; empty for any.
    pub fn choices(&self) -> Vec<&'static str> {
        match self.operands.trim_matches(['[', ']']) {
            words if words.contains('|') => words.split('|').collect(),
            _ => Vec::new(),
        }
    }

    /// The placeholder of one operand: `JOB`; empty if the operand is one of a few words.
    pub fn placeholder(&self) -> &'static str {
        self.operands
            .trim_matches(|c: char| !c.is_ascii_uppercase())
    }

    /// Adds the usage line to an error about this command's words that has no hint of its own.
    pub fn explain(&self, mistake: Stop) -> Stop {
        if !mistake.hints.is_empty() {
            return mistake;
        }
        let (line, name) = (self.line(), self.name);
        mistake.hint(format!("usage: {line} (see jobgate {name} --help)"))
    }
}
