//! `wait` ends when it should, with the code that it should, and says why.

mod downstream;
mod edges;
mod ends;
mod guards;
mod polite;
mod precedence;
mod trouble;

use std::path::Path;

use jobgate::os::Interrupt;

use crate::fake::{Ci, GitLab, Id, MIRA, World, job};
use crate::run::{Outcome, Run};

/// A world with one pipeline in which the job `gate` waits.
struct Story {
    gitlab: GitLab,
    pipeline: Id,
    me: Id,
}

impl Story {
    /// The calling job stands in the last stage and runs from the start.
    fn new(ci: Ci) -> Self {
        Self::with(ci, |_, _| {})
    }

    /// The same; `prepare` adds what will happen in the pipeline.
    fn with(ci: Ci, prepare: impl FnOnce(&mut World, Id)) -> Self {
        let mut world = World::new();
        world.project("shop/web");
        let pipeline = world.pipeline("shop/web", "main", ci.stage("gate", [job("gate").here()]));
        prepare(&mut world, pipeline);
        Self::of(world, pipeline)
    }

    fn of(world: World, pipeline: Id) -> Self {
        Self::by(world, pipeline, "gate")
    }

    fn by(mut world: World, pipeline: Id, caller: &str) -> Self {
        world.advance_by(0);
        let me = world.job(pipeline, caller);
        let gitlab = GitLab::start(world);
        Self {
            gitlab,
            pipeline,
            me,
        }
    }

    fn call(&self, words: &str) -> Run {
        Run::new(words)
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .naming(self.gitlab.origin(), "https://gitlab.test")
            .naming("https://gitlab.example.com/shop", "https://gl")
    }

    /// Runs on the world's clock.
    fn run(&self, words: &str) -> Outcome {
        self.on(self.call(words))
    }

    fn on(&self, run: Run) -> Outcome {
        run.on(&self.gitlab.clock(), &Interrupt::new())
    }
}

/// The same without what every wait says first: which token, which pipeline, until when.
fn after_head(outcome: Outcome) -> Outcome {
    let (using, rest) = outcome.log.split_once('\n').unwrap();
    let (start, rest) = rest.split_once('\n').unwrap();
    // No words: one story asserts them.
    assert!(using.ends_with(" CI_JOB_TOKEN"), "{using}");
    assert!(start.contains(char::is_numeric), "{start}");
    Outcome {
        log: rest.to_owned(),
        ..outcome
    }
}

/// Somebody plays a manual job.
fn play(world: &mut World, job: Id) {
    world.play(MIRA, job, Vec::new(), serde_json::Map::new());
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
