//! The generated parts of README and docs are what the program's own table says. `UPDATE=1 cargo test` rewrites them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use expect_test::expect;
use jobgate::cli::{Group, Opt, Usage, Variable};
use jobgate::commands::help::terms;
use jobgate::commands::options;
use jobgate::exit::Exit;
use jobgate::help::page;
use jobgate::table;

#[path = "../../examples/demo/picture.rs"]
mod picture;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

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
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let text = text.replace("\r\n", "\n");
        let new = parts
            .iter()
            .fold(text, |text, (part, new)| replaced(&text, part, new));
        is_generated(file, &new);
    }
}

#[test]
fn the_picture_shows_what_the_program_prints() {
    is_generated("docs/demo.svg", &picture::svg());
}

/// The file holds this text, or is rewritten with `UPDATE=1`.
#[track_caller]
fn is_generated(file: &str, new: &str) {
    let path = root().join(file);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    if old.replace("\r\n", "\n") == new {
        return;
    }
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    assert!(
        is_set("UPDATE") && !is_set("CI"),
        "{file} differs from what the program prints: run UPDATE=1 cargo test --test it docs (not in a CI job), and commit it"
    );
    std::fs::write(path, new).unwrap();
}

/// README, changes, and what lies in docs.
fn pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("docs")).unwrap();
    let pages = entries.map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension() == Some("md".as_ref()));
    let others = ["README.md", "CHANGELOG.md"];
    pages.chain(others.map(|name| root().join(name))).collect()
}

#[test]
fn readme_is_short_and_long_pages_have_contents() {
    let lines = |text: &str| text.lines().count();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(lines(&readme) <= 200, "README has {} lines", lines(&readme));
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
        let missing = headings.filter(|title| !text.contains(&format!("](#{})", anchor(title))));
        let missing: Vec<&str> = missing.collect();
        // Three screens of 40 lines.
        let is_short = lines(&text) <= 120 || page.ends_with("CHANGELOG.md");
        let page = page.display();
        assert!(
            is_short || missing.is_empty(),
            "{page}: not in its contents: {missing:?}"
        );
        let is_wide = |line: &&str| line.chars().count() > 160;
        let wide: Vec<&str> = text.lines().filter(is_wide).collect();
        assert!(
            wide.is_empty(),
            "{page}: more than 160 characters: {wide:#?}"
        );
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("https://")) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.with_file_name(file),
            };
            let text = std::fs::read_to_string(&target);
            let anchors = |text: String| {
                let titles = text.lines().filter(|line| line.starts_with('#'));
                titles
                    .map(|line| anchor(line.trim_start_matches('#').trim()))
                    .collect::<Vec<_>>()
            };
            let leads = text
                .is_ok_and(|text| place.is_empty() || anchors(text).iter().any(|one| one == place));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_promise_has_its_test() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let page = read("docs/promises.md");
    let promises = page.split("## What no test reaches").next().unwrap();
    let rows = promises.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|row| *row != "| promise | test |");
    let broken: Vec<&str> = rows.clone().filter(|row| !names_a_test(row)).collect();
    assert!(broken.is_empty(), "no such test: {broken:#?}");
    assert!(rows.count() > 250);
    assert!(!names_a_test("| It flies | `wait::ends::it_flies` |"));
    let scripts = page.split("`.ci/").skip(1);
    for script in scripts.map(|rest| rest.split('`').next().unwrap()) {
        assert!(root().join(".ci").join(script).is_file(), ".ci/{script}");
    }
    // Every section of these pages makes promises.
    for file in [
        "README.md",
        "docs/waiting.md",
        "docs/gates.md",
        "docs/tokens.md",
        "docs/reference.md",
    ] {
        let link = file.strip_prefix("docs/").unwrap_or("../README.md");
        let text = read(file);
        let titles = text.lines().filter_map(|line| line.strip_prefix("## "));
        for title in titles.filter(|title| *title != "Links") {
            let link = format!("({link}#{})", anchor(title));
            let (_, rest) = promises.split_once(&link).expect(&link);
            let rest = rest.split("\n[").next().unwrap();
            assert!(
                rest.contains("\n| promise | test |\n|---|---|\n| "),
                "{link}"
            );
        }
    }
}

/// Which of several exit codes counts, as README lists them.
#[test]
fn the_order_of_exit_codes_is_that_of_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme
        .split_once("exits with the first one of this list: ")
        .unwrap();
    let (list, _) = rest.split_once(" (").unwrap();
    let codes = list.split(", ").map(|word| word.parse().unwrap_or(143));
    let exit = |code: u8| Exit::ALL.into_iter().find(|exit| exit.code() == code);
    let order: Vec<Exit> = codes.map(|code| exit(code).unwrap()).collect();
    assert_eq!(order.len(), Exit::ALL.len() - 3);
    for (rank, first) in order.iter().enumerate() {
        for second in &order[rank..] {
            for both in [[*first, *second, Exit::Ok], [Exit::Ok, *second, *first]] {
                assert_eq!(Exit::of_all(both), *first, "{first:?} and {second:?}");
            }
        }
    }
}

#[test]
fn the_pages_name_the_rust_that_the_project_needs() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let manifest = read("Cargo.toml");
    let (_, rest) = manifest.split_once("\nrust-version = \"").unwrap();
    let version = rest.split('"').next().unwrap();
    assert!(read("README.md").contains(&format!("needs Rust {version} or newer")));
    assert!(read("docs/contributing.md").contains(&format!("older than {version}:")));
}

/// The row ends with the path of a test: `wait::ends::time_runs_out` in tests/it, `url::tests::loopback_is_known` in src.
fn names_a_test(row: &str) -> bool {
    let path = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
    let path: Vec<&str> = path.trim_matches('`').split("::").collect();
    let Some((name, modules)) = path.split_last() else {
        return false;
    };
    let file = match modules {
        [modules @ .., "tests"] => format!("src/{}.rs", modules.join("/")),
        modules => format!("tests/it/{}.rs", modules.join("/")),
    };
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let before = text.split_once(&format!("fn {name}("));
    // What stands between it and the item before.
    before.is_some_and(|(before, _)| before.rsplit("}\n").next().unwrap().contains("#[test]"))
}

/// As GitLab and GitHub name a heading's place.
fn anchor(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
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
    let pages = table
        .iter()
        .map(|usage| page::command(usage, &terms(usage)));
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

        JOB: name of a job or of a parallel or matrix group, glob with * and ?, or id

        A paragraph that is long enough to be broken at the right margin of a page with
        eighty columns.

          shape   kept
            as it is

        selection:
              --stage NAME        only jobs of this stage [repeatable]
          -a, --all               all a|b

        output:
          -o, --output FORMAT     output format; default table [table, json, dotenv]
              --output-file PATH  write the output to this file instead of stdout

        examples:
          jobgate one build

        jobgate help lists exit codes and variables
    "#]]
    .assert_eq(&page::command(&ONE, &[]));
}

#[test]
fn options_of_several_commands_are_explained_once() {
    let reference = reference_text(&[&ONE, &TWO], &[]);
    assert_eq!(reference.matches("--output FORMAT").count(), 1);
    expect![[r#"
        usage: jobgate one [OPTIONS] JOB...

        JOB: name of a job or of a parallel or matrix group, glob with * and ?, or id

        A paragraph that is long enough to be broken at the right margin of a page with
        eighty columns.

          shape   kept
            as it is

        selection:
              --stage NAME        only jobs of this stage [repeatable]
          -a, --all               all a|b

        more options: --output --output-file
    "#]]
    .assert_eq(&reference_page(&ONE, &[&ONE, &TWO]));
    let overview = page::overview(&[&ONE, &TWO], &[]);
    assert_eq!(overview.matches("--output FORMAT").count(), 1);
    assert!(!overview.contains("--stage"), "{overview}");
}

/// The commands, one row each; those that people come for stand first.
fn commands_table(table: &[&'static Usage]) -> String {
    let mut text = "| command | does |\n|---|---|\n".to_owned();
    let first = ["gate", "wait", "play"];
    let mut rows = table.to_vec();
    rows.sort_by_key(|usage| {
        first
            .iter()
            .position(|name| *name == usage.name)
            .unwrap_or(first.len())
    });
    for usage in rows {
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

/// The whole page of a command, without what other pages or the overview say: of options that other commands have, too, the names alone.
fn reference_page(usage: &'static Usage, table: &[&'static Usage]) -> String {
    let (whole, short) = (
        page::command(usage, &terms(usage)),
        page::short(usage, &terms(usage), table),
    );
    let more = |part: &&str| part.starts_with("more options:");
    let said_elsewhere = |part: &&str| {
        let title = part.split(":\n").next().unwrap_or_default();
        let shared = usage.groups.iter().any(|group| group.title == title) && !short.contains(part);
        shared || title == "examples" || part.starts_with("jobgate help lists")
    };
    let parts = whole.split("\n\n").skip(1);
    let parts = parts.filter(|part| !said_elsewhere(part));
    let parts: Vec<&str> = parts.chain(short.split("\n\n").filter(more)).collect();
    parts.join("\n\n").trim_end().to_owned() + "\n"
}

/// The overview, and every command with its own options.
fn reference_text(table: &[&'static Usage], variables: &[Variable]) -> String {
    let overview = page::overview(table, variables);
    let links = table
        .iter()
        .map(|usage| format!("- [{0}](#jobgate-{0})\n", usage.name));
    let links: String = links.collect();
    let mut text = format!("{links}\n```text\n{overview}```\n");
    for usage in table {
        let (name, example) = (usage.name, usage.example);
        let page = reference_page(usage, table);
        let _ = write!(
            text,
            "\n## `jobgate {name}`\n\n```text\n{page}```\n\n```sh\n{example}\n```\n"
        );
    }
    text
}
