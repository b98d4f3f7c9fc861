//! Actions on jobs, told as stories with everything that a person sees.

mod ends;
mod from;
mod gated;
mod leave;
mod others;
mod play;
mod refused;
mod started;
mod threats;

use jobgate::os::Interrupt;

use crate::fake::{Ci, GitLab, Id, MIRA, World, ci, job};
use crate::run::{Outcome, Run};

/// A pipeline of `shop/web` on main, an access token of a maintainer, and the job that calls: the last one, `gate`.
struct Story {
    gitlab: GitLab,
    me: Id,
    pipeline: Id,
    token: String,
}

impl Story {
    fn new(ci: Ci) -> Self {
        Self::with(ci, |_, _| {})
    }

    /// `more` changes the world before it begins; it gets the pipeline.
    fn with(ci: Ci, more: impl FnOnce(&mut World, Id)) -> Self {
        let mut world = World::new();
        let project = world.project("shop/web");
        let token = world.project_token(project, "maintainer", &["api"]);
        let ci = ci.stage("gate", [job("gate").here()]);
        let pipeline = world.pipeline("shop/web", "main", ci);
        let me = world.job(pipeline, "gate");
        more(&mut world, pipeline);
        Self {
            gitlab: GitLab::start(world),
            me,
            pipeline,
            token,
        }
    }

    /// With a token of the pipeline's user, who is a member of every project.
    fn for_mira(mut self) -> Self {
        self.token = self
            .gitlab
            .world(|world| world.access_token(MIRA, &["api"]));
        self
    }

    fn call(&self, words: &str) -> Run {
        let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
        let origin = self.gitlab.origin();
        Run::new(&format!("{first} --server {origin} {rest}"))
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .var("JOBGATE_TOKEN", &self.token)
            .naming(origin, "https://gitlab.test")
            .naming("https://gitlab.example.com/shop/web/-", "URL")
    }

    /// Without the lines that every run begins with; one story of each command asserts them with [`Self::whole`].
    fn run(&self, words: &str) -> Outcome {
        brief(self.whole(words))
    }

    fn whole(&self, words: &str) -> Outcome {
        self.go(self.call(words))
    }

    fn go(&self, run: Run) -> Outcome {
        run.on(&self.gitlab.clock(), &Interrupt::new())
    }

    fn job(&self, name: &str) -> Id {
        self.gitlab.world(|world| world.job(self.pipeline, name))
    }

    /// Committed writes to the newest attempt of a job.
    fn writes(&self, name: &str, verb: &'static str) -> u32 {
        let id = self.job(name);
        self.gitlab.world(|world| world.writes(id, verb))
    }
}

fn brief(mut outcome: Outcome) -> Outcome {
    let pipeline = outcome.log.contains("plan: ");
    let head = |line: &&str| {
        let own = line.starts_with("pipeline 7700 ") && line.ends_with(" 44\n");
        line.ends_with("_TOKEN\n") || (pipeline && own)
    };
    let lines = outcome.log.split_inclusive('\n').filter(|line| !head(line));
    outcome.log = lines.collect();
    outcome
}

fn deploy() -> Ci {
    ci().stage("deploy", [job("deploy").manual()])
}
