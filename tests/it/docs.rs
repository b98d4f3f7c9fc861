//! The generated parts of README and docs are what the program's own table says. `UPDATE=1 cargo test` rewrites them.

use std::fmt::Write;
use std::path::Path;

use expect_test::expect;
use jobgate::cli::{Group, Opt, Usage, Variable};
use jobgate::commands::options;
use jobgate::exit::Exit;
use jobgate::help::page;
use jobgate::table;

#[test]
fn the_docs_say_what_the_table_says() {
    let table = table();
    let readme = [
        ("commands", commands_table(&table)),
        ("exit codes", exit_codes_table()),
    ];
    let reference = reference_text(&table, options::VARIABLES);
    for (file, parts) in [
        ("README.md", &readme[..]),
        ("docs/reference.md", &[("reference", reference)]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\r\n", "\n");
        let mut expected = text.clone();
        for (part, new) in parts {
            expected = replaced(&expected, part, new);
        }
        if text == expected {
            continue;
        }
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let update = is_set("UPDATE") && !is_set("CI");
        assert!(
            update,
            "{file} differs from the program's table: run UPDATE=1 cargo test --test it docs (not in a CI job), and commit it"
        );
        std::fs::write(path, expected).unwrap();
    }
}

/// The text with a new part between the two markers, which must both be there once.
fn replaced(text: &str, part: &str, new: &str) -> String {
    let (begin, end) = (
        format!("<!-- begin {part} -->\n"),
        format!("<!-- end {part} -->"),
    );
    let mut halves = text.split(&begin);
    let before = halves.next().unwrap();
    let rest = halves.next().unwrap_or_else(|| panic!("no line {begin}"));
    assert!(halves.next().is_none(), "{begin} twice");
    let (_, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("no line {end} behind its beginning"));
    let new = new.trim_end();
    format!("{before}{begin}\n{new}\n\n{end}{after}")
}

#[test]
fn pages_fit_their_width() {
    let table = table();
    let pages = table.iter().map(|usage| page::command(usage));
    for text in pages.chain([page::overview(&table, options::VARIABLES)]) {
        for line in text.lines() {
            let columns = line.chars().count();
            // Examples and usage lines are not broken: they must stay fit to be copied.
            let whole = line.contains("jobgate ");
            assert!(columns <= 80 || whole, "{columns} columns: {line}");
            assert_eq!(line, line.trim_end(), "blanks at the end");
        }
    }
}

const STAGE: Opt = Opt::value("--stage NAME", "only jobs of this stage").many();
const ALL: Opt = Opt::switch("--all", "all a|b").short("-a");

const fn sample(name: &'static str, groups: &'static [&'static Group]) -> Usage {
    Usage {
        name,
        operands: "JOB...",
        terms: Vec::new,
        summary: "does this and that",
        details: "\
A paragraph that is long enough to be broken at the right margin of a page with eighty columns.

  shape   kept
    as it is",
        example: "jobgate one build",
        groups,
    }
}

const ONE: Usage = sample(
    "one",
    &[
        &Group {
            title: "selection",
            options: &[&STAGE, &ALL],
        },
        &options::OUTPUT,
    ],
);
const TWO: Usage = sample("two", &[&options::OUTPUT]);

#[test]
fn a_page_shows_all_that_the_table_knows() {
    expect![[r#"
        jobgate one: does this and that

        usage: jobgate one [OPTIONS] JOB...

        A paragraph that is long enough to be broken at the right margin of a page with
        eighty columns.

          shape   kept
            as it is

        selection:
              --stage NAME        only jobs of this stage [repeatable]
          -a, --all               all a|b

        output:
          -o, --output FORMAT     form of the answer; default table [table, json,
                                  dotenv]
              --output-file PATH  put the answer there, whole or not at all, instead of
                                  on stdout

        examples:
          jobgate one build

        jobgate help lists exit codes and variables
    "#]]
    .assert_eq(&page::command(&ONE));
}

#[test]
fn options_of_several_commands_are_explained_once() {
    let reference = reference_text(&[&ONE, &TWO], &[]);
    assert_eq!(reference.matches("--output FORMAT").count(), 1);
    expect![[r#"
        usage: jobgate one [OPTIONS] JOB...

        A paragraph that is long enough to be broken at the right margin of a page with
        eighty columns.

          shape   kept
            as it is

        selection:
              --stage NAME        only jobs of this stage [repeatable]
          -a, --all               all a|b

        more options: --output --output-file
    "#]]
    .assert_eq(&page::reference(&ONE, &[&ONE, &TWO]));
    let overview = page::overview(&[&ONE, &TWO], &[]);
    assert_eq!(overview.matches("--output FORMAT").count(), 1);
    assert!(!overview.contains("--stage"), "{overview}");
}

/// The commands, one row each.
fn commands_table(table: &[&'static Usage]) -> String {
    let mut text = "| command | does |\n|---|---|\n".to_owned();
    for usage in table {
        let _ = writeln!(text, "| `{}` | {} |", usage.name, usage.summary);
    }
    text
}

/// The numbers that a job ends with.
fn exit_codes_table() -> String {
    let mut text = "| code | name | meaning |\n|---|---|---|\n".to_owned();
    for exit in Exit::ALL {
        let (code, name, meaning) = (exit.code(), exit.name(), exit.meaning());
        let _ = writeln!(text, "| {code} | {name} | {meaning} |");
    }
    text
}

/// The overview, and every command with its own options.
fn reference_text(table: &[&'static Usage], variables: &[Variable]) -> String {
    let overview = page::overview(table, variables);
    let mut text = format!("```text\n{overview}```\n");
    for usage in table {
        let (name, example) = (usage.name, usage.example);
        let page = page::reference(usage, table);
        let _ = write!(
            text,
            "\n## `jobgate {name}`\n\n```text\n{page}```\n\n```sh\n{example}\n```\n"
        );
    }
    text
}
