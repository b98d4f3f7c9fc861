//! `cargo run --example demo`: a pipeline's story, run by the real program on an embedded fake GitLab whose clock runs twenty times faster.
//! `cargo run --example demo -- serve` keeps the fake up and prints lines to paste, so that every command of README and docs can be tried by hand.
//! `cargo run --example demo -- picture` prints README's picture.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a demonstration prints, and may fail loudly"
)]

#[path = "../../tests/fake/mod.rs"]
mod fake;
mod picture;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use fake::{Demo, GitLab};
use jobgate::exit::Exit;
use jobgate::host::Stream;

/// What the demo's job does: why, the words of the command, and how it ends.
const STORY: &[(&str, &str, Exit)] = &[
    (
        "The job `release` has just begun. What does GitLab say about it?",
        "whoami",
        Exit::Ok,
    ),
    (
        "Which agents for Kubernetes may it use?",
        "agents",
        Exit::Ok,
    ),
    (
        "It waits for tests of its own pipeline. `lint` is allowed to fail; `integration` fails at first, and GitLab retries it.",
        "wait unit lint integration --timeout 10m",
        Exit::Ok,
    ),
    (
        "The trigger job `images` passes only when the jobs of the pipelines below it have passed, three levels down.",
        "wait images --timeout 10m",
        Exit::Ok,
    ),
    (
        "May the deployment go ahead? `gate` waits until somebody plays the manual job `approve`, and judges all conditions by GitLab's answers.",
        "gate branch=main role=maintainer tier=production newest jobs=unit approved=approve --timeout 10m",
        Exit::Ok,
    ),
    (
        "A gate that demands more stays closed.",
        "gate branch=main role=owner",
        Exit::Closed,
    ),
    (
        "Behind a gate, `play` plays the manual job of a multi-project downstream pipeline and mirrors its result.",
        "play production --downstream rollout --wait --require branch=main --require jobs=integration",
        Exit::Ok,
    ),
    (
        "The second time it sees that the job has passed and sends nothing.",
        "play production --downstream rollout",
        Exit::Ok,
    ),
    (
        "The smoke tests of that pipeline decide.",
        "wait smoke --downstream rollout --timeout 10m",
        Exit::Ok,
    ),
    (
        "The pipeline and all below it, over three levels.",
        "jobs --recursive",
        Exit::Ok,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => story(),
        ["serve"] => serve(0),
        ["serve", port] if port.parse::<u16>().is_ok() => serve(port.parse().unwrap()),
        ["picture"] => {
            print!("{}", picture::svg());
            ExitCode::SUCCESS
        }
        _ => {
            println!("usage: cargo run --example demo [-- serve [PORT] | picture]");
            ExitCode::from(2)
        }
    }
}

/// Ends with 1 if a command ends otherwise than the story says.
fn story() -> ExitCode {
    let demo = Demo::new(now());
    let gitlab = GitLab::start_running(demo.world, 20, 0);
    let mut vars = gitlab.vars(demo.me);
    vars.insert("JOBGATE_TOKEN".to_owned(), demo.access_token);
    if std::env::var_os("NO_COLOR").is_some() || !stdout().is_terminal() {
        vars.insert("NO_COLOR".to_owned(), "1".to_owned());
    }
    let mut good = true;
    for (why, words, expected) in STORY {
        println!("\n# {why}\n$ jobgate {words}");
        stdout().flush().unwrap();
        let (out, log) = (
            Stream::new(Box::new(stdout()), stdout().is_terminal()),
            Stream::new(Box::new(stderr()), stderr().is_terminal()),
        );
        let exit = picture::run(words, vars.clone(), &gitlab.clock(), out, log);
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

/// Keeps the fake up, on real time.
fn serve(port: u16) -> ExitCode {
    println!("# Building the program (cargo build --bin jobgate)");
    stdout().flush().unwrap();
    let Some(program) = program() else {
        println!("# cargo build failed");
        return ExitCode::FAILURE;
    };
    let demo = Demo::settled(now());
    let gitlab = GitLab::start_running(demo.world, 1, port);
    let mut vars = gitlab.vars(demo.me);
    vars.insert("JOBGATE_TOKEN".to_owned(), demo.access_token);
    println!("# Paste these lines into another shell (sh, bash or zsh):\n");
    print!("{}", fake::to_paste(vars, &program));
    println!(
        "\n# That shell is now the job `release`: try `jobgate whoami`, or any line of README.md and docs/. The function replaces {} with this server.",
        fake::SERVER
    );
    println!(
        "# Its access token is in JOBGATE_TOKEN; `unset JOBGATE_TOKEN` shows what the job token can do. Ctrl-C here ends the server."
    );
    stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

/// The program beside this example, built if it is not there or older than its source.
fn program() -> Option<String> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--bin", "jobgate"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    let here = std::env::current_exe().ok()?;
    let path = here.parent()?.parent()?.join("jobgate");
    (built.is_ok_and(|status| status.success()) && path.exists())
        .then(|| path.display().to_string())
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}
