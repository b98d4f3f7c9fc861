//! Help pages for people: the overview and the pages of one command.

use std::fmt::Write;

use super::ABOUT;
use crate::cli::{Group, Usage, Variable};
use crate::exit::Exit;

/// Columns of the left side of a list, indentation included; a longer entry has a line of its own.
const LEFT: usize = 26;

const MORE: &str = "\njobgate COMMAND -h shows the main options, --help all of them\n";
const JOB: &str =
    "\nJOB: name of a job or of a parallel or matrix group, glob with * and ?, or id\n";
const DURATION: &str = "\nDURATION: 90s, 5m, 1h30m, or a number of seconds\n";

/// Width of every page in columns, which fits each terminal and job log.
const WIDTH: usize = 80;

/// The whole page of one command. `terms` are what an operand may be, with its meaning; none if that needs no list.
pub fn command(usage: &Usage, terms: &[(String, String)]) -> String {
    let mut page = head(usage, terms);
    for paragraph in usage.details.split("\n\n") {
        page.push('\n');
        fill(&mut page, paragraph);
    }
    for group in usage.groups {
        options(&mut page, group);
    }
    if page.contains(" DURATION") {
        page.push_str(DURATION);
    }
    examples(&mut page, usage);
    page.push_str("\njobgate help lists exit codes and variables\n");
    page
}

/// The page of one command on one screen: without details, and with only the names of options that other commands have, too.
pub fn short(usage: &Usage, terms: &[(String, String)], table: &[&'static Usage]) -> String {
    let mut page = head(usage, terms);
    let groups = usage.groups.iter().copied();
    let (shared, own): (Vec<&Group>, Vec<&Group>) =
        groups.partition(|group| is_shared(group, table));
    for group in own {
        options(&mut page, group);
    }
    let shared = shared.iter().flat_map(|group| group.options);
    let names: Vec<&str> = shared.map(|option| option.name).collect();
    if !names.is_empty() {
        page.push('\n');
        fill(&mut page, &format!("more options: {}", names.join(" ")));
    }
    examples(&mut page, usage);
    let _ = writeln!(page, "\njobgate {} --help explains all options", usage.name);
    page
}

/// Summary, usage line, and what an operand may be.
fn head(usage: &Usage, terms: &[(String, String)]) -> String {
    let (name, summary, line) = (usage.name, usage.summary, usage.line());
    let mut page = String::new();
    fill(&mut page, &format!("jobgate {name}: {summary}"));
    let _ = writeln!(page, "\nusage: {line}");
    if usage.placeholder() == "JOB" {
        page.push_str(JOB);
    }
    if !terms.is_empty() {
        let _ = writeln!(page, "\n{}s:", usage.placeholder().to_lowercase());
    }
    for (form, meaning) in terms {
        entry(&mut page, form, meaning, LEFT);
    }
    page
}

fn examples(page: &mut String, usage: &Usage) {
    page.push_str("\nexamples:\n");
    for example in usage.example.lines() {
        line(page, &format!("  {example}"));
    }
}

/// All commands in one line each, what they have in common, exit codes and variables.
pub fn overview(table: &[&'static Usage], variables: &[Variable]) -> String {
    let mut page = String::new();
    fill(&mut page, &format!("jobgate: {ABOUT}"));
    page.push('\n');
    commands(&mut page, table);
    for group in shared_groups(table) {
        options(&mut page, group);
    }
    page.push_str("\nexit codes:\n");
    for exit in Exit::ALL {
        let left = format!("{:3} {}", exit.code(), exit.name());
        entry(&mut page, &left, exit.meaning(), 18);
    }
    page.push_str("\nvariables:\n");
    for variable in variables {
        entry(&mut page, variable.name, variable.help, LEFT);
    }
    page.push_str(MORE);
    page
}

/// All commands in one line each.
pub fn brief(table: &[&'static Usage]) -> String {
    let mut page = String::new();
    commands(&mut page, table);
    page.push_str(MORE);
    page
}

fn commands(page: &mut String, table: &[&'static Usage]) {
    page.push_str("usage: jobgate COMMAND [OPTIONS] [OPERANDS]\n\ncommands:\n");
    for usage in table {
        entry(page, usage.name, usage.summary, 14);
    }
}

fn options(page: &mut String, group: &Group) {
    let _ = writeln!(page, "\n{}:", group.title);
    for option in group.options {
        let short = option
            .short
            .map_or("   ".to_owned(), |short| format!("{short},"));
        let left = format!("{short} {}", option.form());
        let (help, choices) = (option.help, option.choices.join(", "));
        let text = match (choices.as_str(), option.many) {
            ("", false) => help.to_owned(),
            ("", true) => format!("{help} [repeatable]"),
            (choices, false) => format!("{help} [{choices}]"),
            (choices, true) => format!("{help} [{choices}; repeatable]"),
        };
        entry(page, &left, &text, LEFT);
    }
}

/// One entry of a list: a name at the left, its text beside it, or below it where the name is long.
fn entry(page: &mut String, name: &str, text: &str, left: usize) {
    let mut lead = format!("  {name}");
    if lead.len() + 2 > left {
        line(page, &lead);
        lead.clear();
    }
    for text in wrap(text, WIDTH.saturating_sub(left)) {
        line(page, &format!("{lead:left$}{text}"));
        lead.clear();
    }
}

/// A paragraph; one that begins with a blank keeps its shape.
fn fill(page: &mut String, paragraph: &str) {
    let lines = if paragraph.starts_with(' ') {
        paragraph.lines().map(str::to_owned).collect()
    } else {
        wrap(paragraph, WIDTH)
    };
    for text in lines {
        line(page, &text);
    }
}

fn line(page: &mut String, text: &str) {
    page.push_str(text.trim_end());
    page.push('\n');
}

/// Lines of at most `width` columns; a longer word has a line of its own. The program's own texts are plain ASCII.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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

/// Whether several commands have this group. Groups are constants, so the title identifies them.
fn is_shared(group: &Group, table: &[&'static Usage]) -> bool {
    let takes = |usage: &&&Usage| usage.groups.iter().any(|other| other.title == group.title);
    table.iter().filter(takes).count() > 1
}
