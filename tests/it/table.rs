//! The rules that the program's own table of commands keeps, and those of the tables that it prints.

use std::collections::HashSet;

use jobgate::cli::Opt;
use jobgate::commands::options;
use jobgate::table;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::fake::{GitLab, MIRA, World, child, ci, job};
use crate::run::Run;

#[test]
fn the_table_keeps_its_rules() {
    let mut names = HashSet::new();
    for usage in table() {
        let name = usage.name;
        assert!(names.insert(name), "{name} twice");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
        sound_text(usage.summary, name);
        assert!(
            !usage.details.is_empty() && !usage.example.is_empty(),
            "{name}"
        );
        for example in usage.example.lines() {
            assert!(example.contains("jobgate "), "{name}: {example}");
        }
        let mut given = HashSet::from(["--help", "-h", "--version", "-V"]);
        for option in usage.options() {
            sound_option(option);
            // A token on the command line could be read by other processes.
            assert!(!option.name.contains("token") || option.name == "--token-file");
            assert!(given.insert(option.name), "{name} {} twice", option.name);
            let short = option.short.is_none_or(|short| given.insert(short));
            assert!(short, "{name} {} twice", option.name);
        }
    }
    for variable in options::VARIABLES {
        let lower = variable.help.trim_end_matches('.') == variable.help;
        assert!(lower && variable.help.len() <= 72, "{}", variable.name);
    }
}

fn sound_option(option: &Opt) {
    let name = option.name;
    let letters = name.strip_prefix("--").unwrap_or_default();
    let lower = letters.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    assert!(lower && letters.len() > 1, "{name}");
    if let Some(short) = option.short {
        let bytes = short.as_bytes();
        assert!(
            bytes.len() == 2 && bytes[0] == b'-' && bytes[1].is_ascii_alphabetic(),
            "{name}"
        );
    }
    sound_text(option.help, name);
    if let Some(value) = option.value {
        // `FILE|builtin`: a word to be typed as it stands may follow.
        let placeholder = value.split('|').next().unwrap_or_default();
        assert!(
            !placeholder.is_empty() && !placeholder.contains(|c: char| c.is_lowercase()),
            "{name} {value}"
        );
    } else {
        assert!(
            !option.many && option.choices.is_empty(),
            "{name} is a switch"
        );
    }
}

fn sound_text(text: &str, name: &str) {
    let first = text.split(' ').next().unwrap_or_default();
    let proper = ["GitLab", "GitLab's"].contains(&first);
    assert!(
        proper || text.starts_with(|c: char| c.is_lowercase()),
        "{name}: {text}"
    );
    assert!(!text.ends_with('.'), "{name}: {text}");
    assert!(text.chars().count() <= 72, "{name}: {text}");
    assert!(text.is_ascii() && !text.contains('\n'), "{name}: {text}");
}

const PATH: &str = "acme-corporation/platform/backend/payment-service";

/// Calls in a pipeline of wide names: ids of eleven digits, a long project path, names without blanks and with wide characters.
fn wide() -> impl Fn(&str) -> Run {
    let mut world = World::new();
    for kind in ["job", "pipeline", "project"] {
        world.next_id_is(kind, 98_765_432_101);
    }
    let (long, cjk, emoji) = (
        "integration-".repeat(20),
        "支払い".repeat(20),
        "🚀⚙\u{fe0f} ".repeat(20),
    );
    let project = world.project(PATH);
    world.environment(project, "prod", "production");
    let environments = vec!["prod"; 30];
    world.agent(
        project,
        &long,
        &[PATH],
        json!({"default_namespace": long, "environments": environments}),
    );
    let below = ci().stage(&long, [job(&cjk).is("failed")]);
    let gate = job("gate").here().environment("prod");
    let no_runner = job(&emoji)
        .is("failed")
        .because("stuck_pending_no_matching_runners");
    let (asked, lint) = (
        job("ask").is("manual"),
        job("lint").is("failed").allow_failure(),
    );
    let ci = ci()
        .stage(
            "gate",
            [gate.tags([
                "a-runner-tag-of-forty-columns",
                "x86_64-gpu-a100-eu-central",
                "macos-sonoma-arm64",
            ])],
        )
        .stage(
            &cjk,
            [
                job(&long).is("waiting_for_callback"),
                lint,
                asked,
                no_runner,
            ],
        )
        .stage(
            &long,
            [job(&cjk).is("success"), child("child", below).queue(0)],
        );
    world.at_project(project).ci = ci.clone();
    let pipeline = world.pipeline(PATH, "main", ci);
    let (me, token) = (
        world.job(pipeline, "gate"),
        world.access_token(MIRA, &["api"]),
    );
    let gitlab = GitLab::start(world);
    move |words| {
        Run::new(words)
            .vars(gitlab.vars(me))
            .var("GITLAB_TOKEN", token.as_str())
    }
}

#[test]
fn no_row_is_wider_than_the_log_of_a_job() {
    let run = wide();
    let commands = "whoami;agents;doctor;jobs;jobs --retried;jobs --recursive;jobs --all-pipelines;wait --all --keep-going --timeout 0;\
        play integration* --all --dry-run;retry * --all --dry-run;cancel * --all --dry-run;erase * --all --dry-run;\
        gate jobs=* branch=main approved=ask environment=integration-integration-integration-integration;trigger 98765432101 --ref main";
    for words in commands.split(';') {
        let got = run(words).var("NO_COLOR", "1").binary();
        assert!(got.out.lines().count() > 1, "{words}: {}", got.log);
        for line in got.out.lines() {
            assert!(
                line.width() <= 110,
                "{words}: {} columns: {line}",
                line.width()
            );
            assert_eq!(line, line.trim_end(), "{words}");
        }
    }
    // What a program reads is whole.
    assert!(
        run("jobs -o json")
            .binary()
            .out
            .contains(&"integration-".repeat(20))
    );
}

#[test]
fn a_job_has_one_colour_in_lines_and_tables() {
    let (run, words) = (wide(), "wait lint ask --strict");
    let got = run(words).binary();
    for text in ["\u{1b}[33mfailed\u{1b}[0m", "\u{1b}[1mmanual\u{1b}[0m"] {
        assert!(
            got.out.contains(text) && got.log.contains(text),
            "{text}: {}{}",
            got.out,
            got.log
        );
    }
    for run in [
        run(words).var("NO_COLOR", "1"),
        run(&format!("{words} --color never")),
    ] {
        let got = run.binary();
        assert!(!got.out.contains('\u{1b}') && !got.log.contains('\u{1b}'));
    }
    // An error that ends the call has its colour, too.
    for (words, error) in [
        ("jobs nope", "\u{1b}[31mjobgate: error:\u{1b}[0m no job "),
        ("jobs nope --color never", "jobgate: error: no job "),
    ] {
        let log = run(words).binary().log;
        assert!(log.contains(error), "{log}");
    }
}
