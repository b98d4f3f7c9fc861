//! The words behind the command's name: checked once from left to right, then handed out in any order.
//!
//! pico-args alone searches the whole line for whatever is asked next: it takes an option for another one's value and its answers depend on
//! the order of asking. So [`Words::check`] decides what every word is, and pico-args gets a line in which nothing can be mistaken: long names,
//! each value in a word of its own behind a `=`, which no option's name begins with.

use std::convert::Infallible;
use std::fmt;

use pico_args::Arguments;

use super::{Opt, Usage, near};
use crate::exit::Stop;

/// The checked words of one command line. Each is handed out once; [`Words::done`] proves that none was forgotten.
#[derive(Clone)]
pub struct Words {
    usage: &'static Usage,
    options: Arguments,
    operands: Vec<String>,
    /// Names of the table's options that the command has not asked for yet.
    unread: Vec<&'static str>,
}

impl Words {
    /// Checks `words` (without program and command name) against the command's table; `table` holds all commands, for hints.
    pub fn check(
        words: Vec<String>,
        usage: &'static Usage,
        table: &[&'static Usage],
    ) -> Result<Self, Stop> {
        let checked = sort(words, usage, table).and_then(|sorted| {
            arity(&sorted.operands, usage)?;
            Ok(sorted)
        });
        let sorted = checked.map_err(|mistake| usage.explain(mistake))?;
        let line = sorted.options.into_iter().map(Into::into).collect();
        Ok(Self {
            usage,
            options: Arguments::from_vec(line),
            operands: sorted.operands,
            unread: usage.options().map(|option| option.name).collect(),
        })
    }

    /// Whether the option stands on the command line. It still has to be read.
    pub fn given(&self, option: &'static Opt) -> bool {
        let mut copy = self.options.clone();
        copy.contains(option.name)
    }

    pub fn switch(&mut self, option: &'static Opt) -> bool {
        self.read(option);
        self.options.contains(option.name)
    }

    pub fn value(&mut self, option: &'static Opt) -> Option<String> {
        self.values(option).into_iter().next()
    }

    /// All values of an option that may be repeated, in order.
    pub fn values(&mut self, option: &'static Opt) -> Vec<String> {
        self.read(option);
        self.extract(option.name)
    }

    /// A value read by `parse`, whose error text is put behind the option's name. The value itself is not quoted: it may be a secret.
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

    fn extract(&mut self, name: &'static str) -> Vec<String> {
        let values = self.options.values_from_fn(name, unmark);
        values.expect("the check has put a value behind every option that takes one")
    }

    fn read(&mut self, option: &'static Opt) {
        let before = self.unread.len();
        self.unread.retain(|name| *name != option.name);
        debug_assert!(
            self.unread.len() < before,
            "{} is not in the command's table, or was read twice",
            option.name
        );
    }
}

/// Shows no word: values may be secrets.
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "words of {}", self.usage.name)
    }
}

/// Stands before every value, so that none can look like an option's name.
const MARK: char = '=';

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that pico-args asks for"
)]
fn unmark(value: &str) -> Result<String, Infallible> {
    Ok(value.strip_prefix(MARK).unwrap_or(value).to_owned())
}

#[derive(Default)]
struct Sorted {
    /// `--name` for a switch, `--name` and `=value` for an option with a value.
    options: Vec<String>,
    operands: Vec<String>,
}

impl Sorted {
    /// Notes the option that the word names. A value never equals a name here: it begins with the mark.
    fn option(
        &mut self,
        word: &str,
        usage: &'static Usage,
        table: &[&'static Usage],
    ) -> Result<&'static Opt, Stop> {
        let (name, _) = split(word);
        let option = usage
            .option(name)
            .ok_or_else(|| near::unknown_option(name, usage, table))?;
        if self.options.iter().any(|given| given == option.name) && !option.many {
            return Err(Stop::usage(format!("{} is given twice", option.name)));
        }
        self.options.push(option.name.to_owned());
        Ok(option)
    }
}

fn sort(
    words: Vec<String>,
    usage: &'static Usage,
    table: &[&'static Usage],
) -> Result<Sorted, Stop> {
    let mut sorted = Sorted::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            for operand in words {
                sorted.operands.push(operand_of(operand, usage)?);
            }
            break;
        }
        if word == "-" || !word.starts_with('-') {
            near::looks_like_option(&word, usage)?;
            sorted.operands.push(operand_of(word, usage)?);
            continue;
        }
        let option = sorted.option(&word, usage, table)?;
        let attached = split(&word).1;
        match (option.value, attached) {
            (None, None) => {}
            (None, Some(_)) => {
                return Err(Stop::usage(format!("{} takes no value", option.name)));
            }
            (Some(_), Some(value)) => sorted.options.push(value_of(option, value)?),
            (Some(_), None) => sorted.options.push(next_value(option, words.next())?),
        }
    }
    Ok(sorted)
}

/// `--name=value` apart; a short option takes its value in the next word only.
fn split(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name, Some(value)),
        _ => (word, None),
    }
}

fn operand_of(word: String, usage: &Usage) -> Result<String, Stop> {
    if word.is_empty() {
        let name = match usage.placeholder() {
            "" => "an operand",
            name => name,
        };
        return Err(Stop::usage(format!("{name} is empty")).hint(near::UNSET));
    }
    if !usage.choices.is_empty() && !usage.choices.contains(&word.as_str()) {
        return Err(near::not_a_choice(
            usage.placeholder(),
            &word,
            usage.choices,
        ));
    }
    Ok(word)
}

fn next_value(option: &Opt, word: Option<String>) -> Result<String, Stop> {
    let Some(word) = word else {
        return Err(Stop::usage(format!(
            "{} needs a value: {}",
            option.name,
            option.form()
        )));
    };
    if word.starts_with('-') {
        let name = option.name;
        let error = format!("{name} needs a value, and the next word starts with a dash");
        return Err(Stop::usage(error).hint(format!("if that is the value, write {name}=VALUE")));
    }
    value_of(option, &word)
}

fn value_of(option: &Opt, value: &str) -> Result<String, Stop> {
    if value.is_empty() {
        return Err(
            Stop::usage(format!("the value of {} is empty", option.name)).hint(near::UNSET),
        );
    }
    if !option.choices.is_empty() && !option.choices.contains(&value) {
        return Err(near::not_a_choice(option.name, value, option.choices));
    }
    Ok(format!("{MARK}{value}"))
}

fn arity(operands: &[String], usage: &Usage) -> Result<(), Stop> {
    let (fewest, most) = usage.arity;
    let (name, placeholder) = (usage.name, usage.placeholder());
    let given = operands.len();
    if given < fewest {
        return Err(Stop::usage(format!("{name} needs {}", usage.operands)));
    }
    if given <= most {
        return Ok(());
    }
    let error = match most {
        0 => format!("{name} takes no operand"),
        1 => format!("{name} takes one {placeholder}, not {given}"),
        _ => format!("{name} takes at most {most} {placeholder}, not {given}"),
    };
    Err(Stop::usage(error).hint("a word with spaces must stand in quotes"))
}
