//! `doctor` tells what works and what to switch on, and never changes anything.
//!
//! Each story's whole result, with the requests that GitLab saw, stands in a file of its name; `UPDATE=1 cargo test` rewrites them.

mod judged;
mod servers;
mod tokens;
mod ways;

use std::path::Path;
use std::time::Duration;

use jobgate::os::{Interrupt, Woken};
use jobgate::time::{Clock, Timestamp};

use crate::fake::{FakeClock, GitLab, Id, Logged, World, ci, job};
use crate::run::{Outcome, Run};

/// A private project with a pipeline in which the job `gate` runs.
struct Shop {
    world: World,
    project: Id,
    me: Id,
}

fn shop() -> Shop {
    let mut world = World::new();
    let project = world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("build", [job("compile")])
            .stage("gate", [job("gate").here()]),
    );
    let me = world.job(pipeline, "gate");
    Shop { world, project, me }
}

/// A call of this job in this GitLab.
fn call(words: &str, gitlab: &GitLab, me: Id) -> Run {
    Run::new(words)
        .vars(gitlab.vars(me))
        .var("NO_COLOR", "1")
        .naming(gitlab.origin(), "https://gitlab.test")
        .naming(gitlab.address().to_string(), "gitlab.test")
}

/// Runs it on GitLab's own clock and holds everything against the story's file.
#[track_caller]
fn story(name: &str, run: Run, gitlab: GitLab) {
    let got = run.on(&gitlab.clock(), &Interrupt::new());
    told(name, &got, gitlab);
}

#[track_caller]
fn told(name: &str, got: &Outcome, gitlab: GitLab) {
    let requests = gitlab.finish();
    for one in &requests {
        assert_eq!(one.method, "GET", "doctor never writes: {}", one.line());
    }
    let lines: String = requests
        .iter()
        .map(|one| Logged::line(one) + "\n")
        .collect();
    let Outcome { code, out, log } = got;
    let text = format!("exit {code}\n--- stdout\n{out}--- stderr\n{log}--- requests\n{lines}");
    same(name, &text);
}

#[track_caller]
fn same(name: &str, got: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/doctor");
    let file = folder.join(format!("{name}.txt"));
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("UPDATE") && !is_set("CI") {
        std::fs::write(&file, got).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let expected = expected.replace("\r\n", "\n");
    assert!(got == expected, "{name}: got\n{got}\nexpected\n{expected}");
}

/// The world's clock, but what this machine takes for the time of day is off.
struct Skewed {
    clock: FakeClock,
    seconds: i64,
}

impl Clock for Skewed {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.wall().millis() + self.seconds * 1000)
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration, interrupt: &Interrupt) -> Woken {
        self.clock.sleep(duration, interrupt)
    }
}
