//! The generated parts of the README.

use std::fmt::Write;

use super::{forms, is_shared, remarks, shared_groups};
use crate::cli::{Group, Usage, Variable};
use crate::exit::Exit;

/// The commands, one row each.
pub fn commands(table: &[&'static Usage]) -> String {
    let mut text = "| command | does |\n|---|---|\n".to_owned();
    for usage in table {
        let _ = writeln!(text, "| `{}` | {} |", usage.name, cell(usage.summary));
    }
    text
}

/// Every command with all its options.
pub fn reference(table: &[&'static Usage]) -> String {
    let mut text = String::new();
    for usage in table {
        command(&mut text, usage, table);
    }
    for group in shared_groups(table) {
        let _ = writeln!(text, "### Options: {}\n", group.title);
        options(&mut text, group);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The numbers that a job ends with.
pub fn exit_codes() -> String {
    let mut text = "| code | name | meaning |\n|---|---|---|\n".to_owned();
    for exit in Exit::ALL {
        let (code, name, meaning) = (exit.code(), exit.name(), cell(exit.meaning()));
        let _ = writeln!(text, "| {code} | {name} | {meaning} |");
    }
    text
}

/// Every variable that the program reads.
pub fn variables(variables: &[Variable]) -> String {
    let mut text = "| variable | meaning |\n|---|---|\n".to_owned();
    for variable in variables {
        let _ = writeln!(text, "| `{}` | {} |", variable.name, cell(variable.help));
    }
    text
}

fn command(text: &mut String, usage: &'static Usage, table: &[&'static Usage]) {
    let _ = writeln!(text, "### `jobgate {}`\n", usage.name);
    let _ = writeln!(text, "{}\n", sentence(usage.summary));
    let _ = writeln!(text, "```\n{}\n```\n", usage.line());
    for paragraph in usage.details.split("\n\n") {
        if paragraph.starts_with(' ') {
            let _ = writeln!(text, "```\n{paragraph}\n```\n");
        } else {
            let words: Vec<&str> = paragraph.split_whitespace().collect();
            let _ = writeln!(text, "{}\n", words.join(" "));
        }
    }
    let terms = (usage.terms)();
    if !terms.is_empty() {
        let title = usage.placeholder().to_lowercase();
        let _ = writeln!(text, "| {title} | |\n|---|---|");
        for (form, meaning) in terms {
            let _ = writeln!(
                text,
                "| `{}` | {} |",
                form.replace('|', "\\|"),
                cell(&meaning)
            );
        }
        text.push('\n');
    }
    let mut elsewhere = Vec::new();
    for group in usage.groups {
        if is_shared(group, table) {
            elsewhere.push(format!("*{}*", group.title));
        } else {
            options(text, group);
        }
    }
    if !elsewhere.is_empty() {
        let _ = writeln!(text, "Options listed below: {}\n", elsewhere.join(", "));
    }
    let _ = writeln!(text, "```sh\n{}\n```\n", usage.example);
}

fn options(text: &mut String, group: &Group) {
    let _ = writeln!(text, "| {} | |\n|---|---|", group.title);
    for option in group.options {
        let help = cell(&format!("{}{}", option.help, remarks(option)));
        let _ = writeln!(text, "| `{}` | {help} |", forms(option).replace('|', "\\|"));
    }
    text.push('\n');
}

/// Text for a table's cell, in which a bar would end the cell and `<` begin a tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// A summary as a sentence of running text.
fn sentence(summary: &str) -> String {
    let mut letters = summary.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", letters.as_str())
}
