//! Near misses: what a mistaken word was probably meant to be.

use super::{Opt, Usage};
use crate::exit::Stop;
use crate::near::nearest;

/// The usual cause of an empty word in a CI job.
pub(super) const UNSET: &str = "is a variable unset or empty?";

/// Longest part of a word that a message repeats, in characters.
const QUOTED: usize = 60;

/// The word in double quotes, control and bidi characters made visible, cut where it is long.
pub(super) fn quoted(word: &str) -> String {
    match word.char_indices().nth(QUOTED) {
        None => format!("{word:?}"),
        Some((end, _)) => format!("{:?}…", word.split_at(end).0),
    }
}

pub(super) fn unknown_command(word: &str, rest: &[String], table: &[&'static Usage]) -> Stop {
    let names = || table.iter().map(|usage| usage.name);
    let list = "jobgate help lists the commands";
    if word.starts_with('-') {
        let stop = Stop::usage(format!(
            "the command comes first, not {}",
            quoted(name(word))
        ));
        return match rest.iter().find(|word| names().any(|name| name == *word)) {
            Some(command) => stop.hint(format!("jobgate {command} [OPTIONS]")),
            None => stop.hint(list),
        };
    }
    let stop = if word.is_empty() {
        Stop::usage("the command is an empty word").hint(UNSET)
    } else {
        Stop::usage(format!("no command {}", quoted(word)))
    };
    match nearest(word, names()) {
        Some(name) => stop.hint(format!("did you mean jobgate {name}?")),
        None => stop,
    }
    .hint(list)
}

pub(super) fn unknown_option(word: &str, usage: &'static Usage, table: &[&'static Usage]) -> Stop {
    let stop = Stop::usage(format!(
        "{} has no option {}",
        usage.name,
        quoted(name(word))
    ));
    if let Some(hint) = dashes(word, usage).or_else(|| short_forms(word, usage)) {
        return stop.hint(hint);
    }
    let meant =
        nearest_option(name(word), usage).map(|option| format!("did you mean {}?", option.form()));
    let has_it = |other: &&&Usage| other.option(name(word)).is_some();
    let others: Vec<&str> = table
        .iter()
        .filter(has_it)
        .map(|other| other.name)
        .collect();
    let elsewhere = (!others.is_empty()).then(|| format!("an option of {}", others.join(", ")));
    if meant.is_some() || elsewhere.is_some() {
        return meant.into_iter().chain(elsewhere).fold(stop, Stop::hint);
    }
    match usage.placeholder() {
        "" => stop,
        operand => stop.hint(format!("if it is meant as {operand}, put -- before it")),
    }
}

pub(super) fn not_a_choice(what: &str, word: &str, choices: &[&'static str]) -> Stop {
    let stop = Stop::usage(format!(
        "{what} must be one of {}, not {}",
        choices.join(", "),
        quoted(word)
    ));
    match nearest(word, choices.iter().copied()) {
        Some(choice) => stop.hint(format!("did you mean {choice}?")),
        None => stop,
    }
}

/// An operand that is an option without its dashes or with those of a word processor. Behind `--` it is taken as it stands.
pub(super) fn looks_like_option(word: &str, usage: &'static Usage) -> Result<(), Stop> {
    let bare = word.trim_start_matches(is_dash);
    let option = match word.split_once('=') {
        _ if bare.len() < word.len() => long_or_short(bare, usage),
        // Conditions are pairs themselves.
        Some(_) if usage.placeholder() != "CONDITION" => {
            long_or_short(bare, usage).filter(|option| option.takes_value())
        }
        _ => None,
    };
    option.map_or(Ok(()), |option| {
        Err(Stop::usage(format!("{} is no option", quoted(name(word))))
            .hint(format!("did you mean {}?", option.form()))
            .hint("if it is meant as it stands, put -- before it"))
    })
}

/// `-timeout`, `---timeout`, `-o=json`: the right name with wrong dashes.
fn dashes(word: &str, usage: &'static Usage) -> Option<String> {
    let bare = word.trim_start_matches(is_dash);
    let option = long_or_short(bare, usage)?;
    let forms = match option.short {
        Some(short) => format!("{short} or {}", option.form()),
        None => option.form(),
    };
    (option.name != word).then(|| format!("did you mean {forms}?"))
}

/// `-ojson`, `-qo`: short options stand alone, their values in the next word.
fn short_forms(word: &str, usage: &'static Usage) -> Option<String> {
    if word.starts_with("--") {
        return None;
    }
    let (short, _) = word.split_at_checked(2)?;
    let option = usage.option(short)?;
    if let Some(value) = option.value {
        return Some(format!("the value is a word of its own: {short} {value}"));
    }
    Some(format!("short options are not combined: {short} …"))
}

/// The option whose name without dashes this is, a value behind `=` left aside.
fn long_or_short(bare: &str, usage: &'static Usage) -> Option<&'static Opt> {
    let bare = name(bare);
    usage.options().find(|option| {
        let short = option.short.unwrap_or_default();
        option.name.trim_start_matches('-') == bare
            || (!bare.is_empty() && short.trim_start_matches('-') == bare)
    })
}

/// Without `=` and what follows: that may be a secret.
fn name(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

/// The dashes of keyboards, word processors and web pages.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

fn nearest_option(word: &str, usage: &'static Usage) -> Option<&'static Opt> {
    let name = nearest(word, usage.options().map(|option| option.name))?;
    usage.option(name)
}
