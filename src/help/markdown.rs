//! The generated parts of README.md and docs/reference.md.

use std::fmt::Write;

use super::page;
use crate::cli::{Usage, Variable};
use crate::exit::Exit;

/// Columns of the reference's pages.
const WIDTH: usize = 100;

/// The commands, one row each.
pub fn commands(table: &[&'static Usage]) -> String {
    let mut text = "| command | does |\n|---|---|\n".to_owned();
    for usage in table {
        let _ = writeln!(text, "| `{}` | {} |", usage.name, usage.summary);
    }
    text
}

/// The numbers that a job ends with.
pub fn exit_codes() -> String {
    let mut text = "| code | name | meaning |\n|---|---|---|\n".to_owned();
    for exit in Exit::ALL {
        let (code, name, meaning) = (exit.code(), exit.name(), exit.meaning());
        let _ = writeln!(text, "| {code} | {name} | {meaning} |");
    }
    text
}

/// The overview, and every command with its own options.
pub fn reference(table: &[&'static Usage], variables: &[Variable]) -> String {
    let overview = page::overview(table, variables, WIDTH);
    let mut text = format!("```text\n{overview}```\n");
    for usage in table {
        let (name, example) = (usage.name, usage.example);
        let page = page::reference(usage, table, WIDTH);
        let _ = write!(
            text,
            "\n## `jobgate {name}`\n\n```text\n{page}```\n\n```sh\n{example}\n```\n"
        );
    }
    text
}
