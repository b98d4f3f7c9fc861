//! The words of a command: checked once from left to right, then handed out in any order.
//!
//! [`check`] alone decides what every word is. A parser that searches the line for the option that is asked for next takes an option for the
//! value of another one, and its answers depend on the order of asking.

use super::mistake;
use super::table::{Opt, Usage};
use crate::exit::Stop;

/// How much a help page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// `-h`: one screen.
    Short,
    /// `--help`: everything.
    Full,
}

impl Detail {
    /// `-h` and `--help`.
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "-h" => Some(Self::Short),
            "--help" => Some(Self::Full),
            _ => None,
        }
    }
}

/// What a command line asks for.
pub enum Parsed {
    Command(Words),
    /// The page of one command, or the overview without one.
    Help(Option<&'static Usage>, Detail),
    Version,
    /// No command is named.
    Nothing,
}

/// Checks all words but the command's name against the command's table. The table of all commands is for hints and for the command `help`.
pub(super) fn check(
    words: Vec<String>,
    usage: &'static Usage,
    table: &[&'static Usage],
) -> Result<Parsed, Stop> {
    let (mut options, mut operands) = (Vec::new(), Vec::new());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            operands.extend(words.by_ref());
        } else if word == "-" || !word.starts_with('-') {
            operands.push(word);
        } else if let Some(detail) = Detail::of(&word) {
            return Ok(Parsed::Help(Some(usage), detail));
        } else {
            let (name, value) = split(&word, usage);
            let option = usage
                .option(name)
                .ok_or_else(|| mistake::unknown_option(name, usage, table))?;
            match (option.value, value) {
                (None, None) => options.push((option.name, None)),
                (None, Some(_)) => {
                    return Err(Stop::usage(format!("{} takes no value", option.name)));
                }
                (Some(_), Some(value)) => push_value(&mut options, option, value)?,
                (Some(_), None) => {
                    push_value(&mut options, option, &next_value(option, words.next())?)?;
                }
            }
            if let Some(next) = words.peek() {
                mistake::not_a_unit(next, &options, usage)?;
            }
        }
    }
    check_operands(&operands, usage)?;
    Ok(Parsed::Command(Words {
        usage,
        table: table.to_vec(),
        options,
        operands,
        unread: usage.options().map(|option| option.name).collect(),
    }))
}

/// Splits `--name=value` and `-ovalue`.
pub(super) fn split<'a>(word: &'a str, usage: &Usage) -> (&'a str, Option<&'a str>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
    }
    match word.split_at_checked(2) {
        Some((short, value))
            if !value.is_empty() && usage.option(short).is_some_and(Opt::takes_value) =>
        {
            (short, Some(value.strip_prefix('=').unwrap_or(value)))
        }
        _ => (word, None),
    }
}

/// The word behind an option is its value, unless it looks like an option itself: `--except --dry-run` must not cancel for real.
fn next_value(option: &Opt, word: Option<String>) -> Result<String, Stop> {
    let name = option.name;
    match word {
        None => Err(Stop::usage(format!(
            "{name} needs a value: {}",
            option.form()
        ))),
        Some(word) if word.starts_with('-') => {
            let error = format!("{name} needs a value, and the next word starts with a dash");
            Err(Stop::usage(error).hint(format!("if that is the value, write {name}=VALUE")))
        }
        Some(word) => Ok(word),
    }
}

/// Checks the option's value and adds it. A comma list of the option's choices counts as if each were given alone.
fn push_value(options: &mut Vec<Given>, option: &'static Opt, value: &str) -> Result<(), Stop> {
    let list = option.many && !option.choices.is_empty();
    let values: Vec<&str> = if list {
        value.split(',').collect()
    } else {
        vec![value]
    };
    for value in values {
        if value.is_empty() {
            let error = format!("the value of {} is empty", option.name);
            return Err(Stop::usage(error).hint(mistake::UNSET));
        }
        if !option.choices.is_empty() && !option.choices.contains(&value) {
            return Err(mistake::not_a_choice(option.name, value, option.choices));
        }
        options.push((option.name, Some(value.to_owned())));
    }
    Ok(())
}

fn check_operands(operands: &[String], usage: &Usage) -> Result<(), Stop> {
    let (name, placeholder, given) = (usage.name, usage.placeholder(), operands.len());
    let (fewest, most) = usage.arity();
    if given < fewest {
        return Err(Stop::usage(format!(
            "{name} needs an operand: {}",
            usage.operands
        )));
    }
    if given > most {
        let most = if most == 0 {
            "no operand"
        } else {
            "one operand"
        };
        let error = format!("{name} takes {most}, not {given}");
        return Err(Stop::usage(error).hint("put a word with spaces in quotes"));
    }
    let choices = usage.choices();
    for operand in operands {
        if operand.is_empty() {
            return Err(Stop::usage(format!("{placeholder} is empty")).hint(mistake::UNSET));
        }
        if !choices.is_empty() && !choices.contains(&operand.as_str()) {
            return Err(mistake::not_a_choice("the operand", operand, &choices));
        }
    }
    Ok(())
}

/// An option of the command line: its long name, and its value, which a switch does not have.
type Given = (&'static str, Option<String>);

/// The checked words of one command line, which cannot be printed: values may be secrets. Each is handed out once; [`Words::done`] proves that none was forgotten.
#[derive(Clone)]
pub struct Words {
    usage: &'static Usage,
    table: Vec<&'static Usage>,
    options: Vec<Given>,
    operands: Vec<String>,
    /// Names of the table's options that the command has not asked for yet.
    unread: Vec<&'static str>,
}

impl Words {
    /// The name of the command.
    pub fn command(&self) -> &'static str {
        self.usage.name
    }

    /// Every command's entry, for those that print them.
    pub fn table(&self) -> &[&'static Usage] {
        &self.table
    }

    /// Whether the option stands on the command line. It still has to be read.
    pub fn given(&self, option: &'static Opt) -> bool {
        self.options.iter().any(|(name, _)| *name == option.name)
    }

    pub fn switch(&mut self, option: &'static Opt) -> bool {
        self.unread.retain(|name| *name != option.name);
        self.given(option)
    }

    /// The value of an option; the last one where it is given more than once.
    pub fn value(&mut self, option: &'static Opt) -> Option<String> {
        self.values(option).pop()
    }

    /// All values of an option that may be repeated, in order.
    pub fn values(&mut self, option: &'static Opt) -> Vec<String> {
        self.unread.retain(|name| *name != option.name);
        let given = self.options.iter().filter(|(name, _)| *name == option.name);
        given.filter_map(|(_, value)| value.clone()).collect()
    }

    /// Parses the option's value. An error names the option; the value itself is not quoted here, because it may be a secret.
    pub fn parsed<T>(
        &mut self,
        option: &'static Opt,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Stop> {
        let read = self.value(option).map(|value| parse(&value)).transpose();
        read.map_err(|error| {
            let error = format!("{}: {error}", option.name);
            self.usage.explain(Stop::usage(error))
        })
    }

    pub fn operands(&mut self) -> Vec<String> {
        std::mem::take(&mut self.operands)
    }

    /// Fails in debug builds if the command left an option of its table or an operand unread: a mistake of ours that every test of the command shows.
    pub fn done(self) {
        debug_assert!(self.unread.is_empty(), "never read: {:?}", self.unread);
        debug_assert!(self.operands.is_empty(), "operands were not read");
    }
}
