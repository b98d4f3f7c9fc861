//! Everything that is printed from the tables of the command line: help pages, completion scripts, the README's reference.
//! No text of its own about any command.

pub mod complete;
pub mod markdown;
pub mod page;

use crate::cli::{Group, Opt, Usage};

/// What the program is, in one sentence.
pub const ABOUT: &str = env!("CARGO_PKG_DESCRIPTION");

/// The name and version, as `--version` prints them.
pub const VERSION: &str = concat!("jobgate ", env!("CARGO_PKG_VERSION"));

/// What stands behind an option's help: choices, repetition. Empty if there is nothing to say.
fn remarks(option: &Opt) -> String {
    let choices = (!option.choices.is_empty()).then(|| option.choices.join(", "));
    let many = option.many.then(|| "repeatable".to_owned());
    let remarks: Vec<String> = [choices, many].into_iter().flatten().collect();
    if remarks.is_empty() {
        return String::new();
    }
    format!(" [{}]", remarks.join("; "))
}

/// `-o, --output FORMAT`
fn forms(option: &Opt) -> String {
    match option.short {
        Some(short) => format!("{short}, {}", option.form()),
        None => option.form(),
    }
}

/// Groups that more than one command takes, each once, in the order of their first use.
fn shared_groups(table: &[&'static Usage]) -> Vec<&'static Group> {
    let mut shared: Vec<&Group> = Vec::new();
    for group in table.iter().flat_map(|usage| usage.groups) {
        let known = shared.iter().any(|known| known.title == group.title);
        if !known && is_shared(group, table) {
            shared.push(group);
        }
    }
    shared
}

/// Groups are constants and have no identity but their title.
fn is_shared(group: &Group, table: &[&'static Usage]) -> bool {
    let takes = |usage: &&&Usage| usage.groups.iter().any(|other| other.title == group.title);
    table.iter().filter(takes).count() > 1
}
