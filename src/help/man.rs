//! The man page `jobgate(1)`: one page for all commands, in the `man` macros that every roff knows.

use std::fmt::Write;

use super::{ABOUT, VERSION, forms, is_shared, remarks, shared_groups};
use crate::cli::{Group, Usage};
use crate::commands::shared::Variable;
use crate::exit::Exit;

/// The whole page.
pub fn page(table: &[&'static Usage], variables: &[Variable]) -> String {
    let mut roff = format!(".TH JOBGATE 1 \"\" \"{VERSION}\"\n.SH NAME\njobgate \\- ");
    let _ = writeln!(roff, "{}", text(ABOUT));
    roff.push_str(".SH SYNOPSIS\n.B jobgate\n.I COMMAND\n[OPTIONS] [OPERANDS]\n");
    roff.push_str(".SH COMMANDS\n");
    for usage in table {
        command(&mut roff, usage, table);
    }
    let shared = shared_groups(table);
    if !shared.is_empty() {
        roff.push_str(".SH OPTIONS OF SEVERAL COMMANDS\n");
    }
    for group in shared {
        options(&mut roff, group);
    }
    roff.push_str(".SH EXIT STATUS\n");
    for exit in Exit::ALL {
        let head = format!("{} ({})", exit.code(), exit.name());
        entry(&mut roff, &head, exit.meaning());
    }
    roff.push_str(".SH ENVIRONMENT\n");
    for variable in variables {
        entry(&mut roff, variable.name, variable.help);
    }
    roff
}

fn command(roff: &mut String, usage: &'static Usage, table: &[&'static Usage]) {
    let _ = writeln!(roff, ".SS {}", quoted(&usage.line()));
    let _ = writeln!(roff, "{}", line(usage.summary));
    for paragraph in usage.details.split("\n\n") {
        if paragraph.starts_with(' ') {
            verbatim(roff, paragraph);
        } else {
            roff.push_str(".PP\n");
            for part in paragraph.lines() {
                let _ = writeln!(roff, "{}", line(part));
            }
        }
    }
    for group in usage.groups {
        if !is_shared(group, table) {
            options(roff, group);
        }
    }
    verbatim(roff, usage.example);
}

fn options(roff: &mut String, group: &Group) {
    let _ = writeln!(roff, ".PP\n{}:", line(group.title));
    for option in group.options {
        entry(
            roff,
            &forms(option),
            &format!("{}{}", option.help, remarks(option)),
        );
    }
}

fn entry(roff: &mut String, head: &str, body: &str) {
    let _ = writeln!(roff, ".TP\n.B {}\n{}", quoted(head), line(body));
}

fn verbatim(roff: &mut String, lines: &str) {
    roff.push_str(".PP\n.nf\n.RS 4\n");
    for part in lines.lines() {
        let _ = writeln!(roff, "{}", line(part));
    }
    roff.push_str(".RE\n.fi\n");
}

/// Running text. Characters that roff would set as typographic signs stay fit to be copied into a shell.
fn text(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '\\' => text.push_str("\\e"),
            '-' => text.push_str("\\-"),
            '\'' => text.push_str("\\(aq"),
            '`' => text.push_str("\\(ga"),
            '~' => text.push_str("\\(ti"),
            '^' => text.push_str("\\(ha"),
            c => text.push(c),
        }
    }
    text
}

/// A whole line of text: a dot at its beginning would be a request.
fn line(plain: &str) -> String {
    let guard = if plain.starts_with('.') { "\\&" } else { "" };
    format!("{guard}{}", text(plain))
}

/// One argument of a macro.
fn quoted(plain: &str) -> String {
    format!("\"{}\"", text(plain).replace('"', "\\(dq"))
}
