//! `cargo run --example demo`: a pipeline's story, shown by the real program on an embedded fake GitLab whose clock runs twenty times faster.
//! `cargo run --example demo -- serve` keeps the fake up and prints what to export, so that every command can be tried by hand.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a demonstration prints, and may fail loudly"
)]

#[path = "../tests/fake/mod.rs"]
mod fake;

use std::ffi::OsString;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

use fake::{Demo, GitLab, Id, demo};
use jobgate::exit::Exit;
use jobgate::host::{Host, Limits, Stream, Vars};
use jobgate::os::Interrupt;

/// What the demo's job does: why, the words of the command, and how it ends.
const STORY: &[(&str, &[&str], Exit)] = &[
    (
        "The job `release` has just begun. Who is it, by GitLab's own word?",
        &["whoami"],
        Exit::Ok,
    ),
    ("Which Kubernetes agents may it use?", &["agents"], Exit::Ok),
    (
        "It waits for tests of its own pipeline. `lint` may fail; `integration` fails at first, and GitLab retries it.",
        &["wait", "unit", "lint", "integration", "--timeout", "10m"],
        Exit::Ok,
    ),
    (
        "The trigger job `images` passes only when the jobs of the pipelines below it have passed, three levels down.",
        &["wait", "images", "--timeout", "10m"],
        Exit::Ok,
    ),
    (
        "May the deployment go ahead? Every condition is asked of GitLab and explained.",
        &[
            "gate",
            "branch=main",
            "role=maintainer",
            "tier=production",
            "newest",
            "jobs=unit*",
        ],
        Exit::Ok,
    ),
    (
        "A gate that demands more stays closed.",
        &["gate", "branch=main", "role=owner"],
        Exit::Closed,
    ),
    (
        "Behind a gate it plays the manual job of a multi-project downstream pipeline, and mirrors its result.",
        &[
            "play",
            "production",
            "--downstream",
            "rollout",
            "--wait",
            "--require",
            "branch=main",
            "--require",
            "jobs=integration",
        ],
        Exit::Ok,
    ),
    (
        "Asked again, it looks and leaves the job alone.",
        &["play", "production", "--downstream", "rollout"],
        Exit::Ok,
    ),
    (
        "The smoke tests down there have the last word.",
        &[
            "wait",
            "smoke",
            "--downstream",
            "rollout",
            "--timeout",
            "10m",
        ],
        Exit::Ok,
    ),
    (
        "And the whole of it, over three levels.",
        &["jobs", "--recursive"],
        Exit::Ok,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => tell(),
        ["serve"] => serve(0),
        ["serve", port] if port.parse::<u16>().is_ok() => serve(port.parse().unwrap()),
        _ => {
            println!("usage: cargo run --example demo [-- serve [PORT]]");
            ExitCode::from(2)
        }
    }
}

/// The story. Ends with 1 if a command ends otherwise than the story says.
fn tell() -> ExitCode {
    let Demo {
        world,
        me,
        access_token,
        ..
    } = demo();
    let gitlab = GitLab::start_running(world, 20, 0);
    let mut good = true;
    for (why, words, expected) in STORY {
        println!("\n# {why}\n$ jobgate {}", shown(words));
        let exit = run(&gitlab, me, &access_token, words);
        if exit != Exit::Ok {
            println!("(exit {}: {})", exit.code(), exit.meaning());
        }
        if exit != *expected {
            println!("this should have been exit {}", expected.code());
            good = false;
        }
    }
    let requests = gitlab.finish().len();
    println!("\nGitLab was asked {requests} times in all.");
    ExitCode::from(u8::from(!good))
}

/// The words as one would type them.
fn shown(words: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.:,%@+".contains(c);
    let quoted = words.iter().map(|word| {
        if word.chars().all(plain) {
            (*word).to_owned()
        } else {
            format!("\"{word}\"")
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The whole program, in this process.
fn run(gitlab: &GitLab, me: Id, access_token: &str, words: &[&str]) -> Exit {
    stdout().flush().unwrap();
    let mut vars = gitlab.vars(me);
    vars.insert("JOBGATE_TOKEN".to_owned(), access_token.to_owned());
    if std::env::var_os("NO_COLOR").is_some() || !stdout().is_terminal() {
        vars.insert("NO_COLOR".to_owned(), "1".to_owned());
    }
    jobgate::run(&Host {
        args: words.iter().map(OsString::from).collect(),
        vars: Vars::new(
            vars.into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        ),
        clock: &gitlab.clock(),
        interrupt: &Interrupt::new(),
        seed: 1,
        limits: Limits::REAL,
        out: Stream::new(Box::new(stdout()), stdout().is_terminal()),
        log: Stream::new(Box::new(stderr()), stderr().is_terminal()),
    })
}

/// Keeps the fake up, on real time.
fn serve(port: u16) -> ExitCode {
    let Demo {
        world,
        me,
        access_token,
        ..
    } = demo();
    let gitlab = GitLab::start_running(world, 1, port);
    let mut vars: Vec<(String, String)> = gitlab.vars(me).into_iter().collect();
    vars.push(("JOBGATE_TOKEN".to_owned(), access_token));
    vars.sort();
    println!("# A GitLab with a pipeline that has just begun. In another shell:");
    for (name, value) in vars {
        println!("export {name}='{}'", value.replace('\'', "'\\''"));
    }
    println!("# then for example: jobgate whoami. Ctrl-C ends it.");
    stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}
