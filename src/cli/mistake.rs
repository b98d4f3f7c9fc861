//! Errors about words that no command or option has, each with a hint to the nearest one.

use super::table::{Opt, Usage};
use crate::exit::Stop;
use crate::near::nearest;

/// Names the usual cause of an empty word in a CI job.
pub(super) const UNSET: &str = "is a variable unset or empty?";
/// Limits, in characters, how much of a word a message repeats.
const QUOTED: usize = 60;

pub(super) fn unknown_command(word: &str, table: &[&'static Usage]) -> Stop {
    if word.is_empty() {
        return Stop::usage("the command is an empty word").hint(UNSET);
    }
    let stop = Stop::usage(format!("no command {}", quoted(word)));
    let names = table.iter().map(|usage| usage.name);
    match nearest(word, names.chain(["version"])) {
        Some(name) => stop.hint(format!("did you mean `jobgate {name}`?")),
        None => stop.hint("`jobgate help` lists the commands"),
    }
}

pub(super) fn unknown_option(word: &str, usage: &'static Usage, table: &[&'static Usage]) -> Stop {
    let name = name(word);
    let stop = Stop::usage(format!("{} has no option {}", usage.name, quoted(name)));
    let others = table
        .iter()
        .filter_map(|other| Some((other.name, other.option(name)?)));
    let (others, options): (Vec<&str>, Vec<&Opt>) = others.unzip();
    // `gate --require branch=main`: the value of another command's option is an operand of this command.
    let operand = usage.placeholder();
    if options.iter().any(|option| option.value == Some(operand)) {
        return stop.hint(format!("write the {operand} without {name}"));
    }
    if !others.is_empty() {
        return stop.hint(format!("{name} is an option of {}", others.join(", ")));
    }
    let known = usage.options().map(|option| option.name);
    // -timeout, ---timeout: the name is right and the dashes are wrong.
    let meant = nearest(&format!("--{}", name.trim_start_matches('-')), known);
    if let Some(option) = meant.and_then(|name| usage.option(name)) {
        return stop.hint(format!("did you mean {}?", option.form()));
    }
    if operand.is_empty() || name.starts_with("--") {
        return stop;
    }
    stop.hint(format!("if it is meant as {operand}, put -- before it"))
}

pub(super) fn not_a_choice(what: &str, word: &str, choices: &[&'static str]) -> Stop {
    let (list, word_in_quotes) = (choices.join(", "), quoted(word));
    let stop = Stop::usage(format!(
        "{what} must be one of {list}, not {word_in_quotes}"
    ));
    match nearest(word, choices.iter().copied()) {
        Some(choice) => stop.hint(format!("did you mean {choice}?")),
        None => stop,
    }
}

/// `--timeout 5 minutes` is two words: the second one would be an operand.
pub(super) fn not_a_unit(
    word: &str,
    line: &[(&str, Option<String>)],
    usage: &Usage,
) -> Result<(), Stop> {
    const UNITS: &str =
        "s sec secs second seconds m min mins minute minutes h hour hours d day days";
    let Some((name, Some(number))) = line.last() else {
        return Ok(());
    };
    let option = usage.option(name);
    let duration = option.is_some_and(|option| option.value == Some("DURATION"));
    let bare = number.bytes().all(|byte| byte.is_ascii_digit());
    if !(duration && bare && UNITS.split(' ').any(|unit| unit == word)) {
        return Ok(());
    }
    let error = format!("{name}: a duration is one word, not {number} {word}");
    let letter = word.get(..1).unwrap_or_default();
    Err(Stop::usage(error).hint(format!("write {name} {number}{letter}")))
}

/// Puts the word in double quotes, escapes control and bidi characters, and cuts a long word.
fn quoted(word: &str) -> String {
    match word.char_indices().nth(QUOTED) {
        None => format!("{word:?}"),
        Some((end, _)) => format!("{:?}…", word.split_at(end).0),
    }
}

/// Removes `=` and the value behind it, which may be a secret.
fn name(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}
