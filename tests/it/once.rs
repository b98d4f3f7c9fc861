//! A write happens once: against a server that loses requests and answers, at most one write is committed for each that was wanted,
//! and none is reported that did not happen. The fake counts what was committed.

use jobgate::os::Interrupt;

use crate::fake::{Allow, Chaos, Fault, GitLab, Id, JobSpec, World, ci, job};
use crate::run::{Outcome, Run};

const SEEDS: u64 = 300;

/// Small numbers out of a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Faults before, during and after the server's commit; none costs real time.
fn faults(seed: u64, one_in: u64) -> Chaos {
    Chaos {
        seed,
        one_in,
        kinds: Fault::passing(),
    }
}

/// A world with one target: what is asked of it, and how often each write was committed to any of its attempts.
struct Trial {
    gitlab: GitLab,
    me: Id,
    token: String,
    pipeline: Id,
}

impl Trial {
    fn new(target: JobSpec) -> Self {
        let mut world = World::new();
        let project = world.project("shop/web");
        let pipeline = world.pipeline(
            "shop/web",
            "main",
            ci().stage("deploy", [target, job("gate").here()]),
        );
        let me = world.job(pipeline, "gate");
        let token = world.project_token(project, "maintainer", &["api"]);
        Self {
            gitlab: GitLab::start(world),
            me,
            token,
            pipeline,
        }
    }

    fn run(&self, words: &str) -> Outcome {
        Run::new(words)
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .var("JOBGATE_TOKEN", &self.token)
            .on(&self.gitlab.clock(), &Interrupt::new())
    }

    /// Committed writes of these kinds to all attempts of `deploy`.
    fn committed(&self, verbs: &[&'static str]) -> u32 {
        self.gitlab.world(|world| {
            let jobs = world.pipelines[&self.pipeline].jobs.iter();
            let named = jobs.filter(|id| world.jobs[id].name == "deploy");
            let ids: Vec<Id> = named.copied().collect();
            let of = |id: &Id| {
                verbs
                    .iter()
                    .map(|verb| world.writes(*id, verb))
                    .sum::<u32>()
            };
            ids.iter().map(of).sum()
        })
    }
}

/// What is tried with one seed.
fn trial(dice: &mut Dice) -> (JobSpec, &'static str, &'static [&'static str]) {
    const STARTS: &[&str] = &["play", "retry"];
    // Fast enough to end between two requests, and slower ones.
    let runs = [0, 1, 5, 60][usize::try_from(dice.roll(4)).unwrap()];
    let queue = dice.roll(3);
    let deploy = job("deploy").runs(runs).queue(queue);
    match dice.roll(8) {
        0 | 1 => (deploy.manual(), "play deploy", STARTS),
        2 => (deploy.delayed(3600), "play deploy", STARTS),
        3 => (
            deploy.manual().fails(runs),
            "play deploy --rerun --wait",
            STARTS,
        ),
        4 => (deploy.is("failed"), "retry deploy", STARTS),
        5 => (deploy.is("canceled"), "play deploy --rerun", STARTS),
        6 => (
            job("deploy").after_script(5).is("running"),
            "cancel deploy",
            &["cancel"],
        ),
        _ => (deploy.artifacts().is("success"), "erase deploy", &["erase"]),
    }
}

#[test]
fn at_most_one_write_is_committed_and_none_is_made_up() {
    let (mut done, mut lost) = (0, 0);
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let (target, words, verbs) = trial(&mut dice);
        let trial = Trial::new(target);
        trial.gitlab.chaos(faults(seed, 2 + dice.roll(3)));
        let got = trial.run(words);
        trial.gitlab.no_more_trouble();
        let committed = trial.committed(verbs);
        let story = || format!("seed {seed}: {words}\n{got:?}\n{}", trial.gitlab.log());
        assert!(committed <= 1, "{committed} writes: {}", story());
        match got.code {
            0 | 1 => assert!(committed == 1, "made up: {}", story()),
            6 => lost += 1,
            _ => panic!("ended otherwise: {}", story()),
        }
        done += u64::from(got.code != 6);
        trial.gitlab.finish();
    }
    // Trouble that passes does not keep the work from being done.
    assert!(
        done > SEEDS * 3 / 4,
        "{done} done, {lost} could not be told"
    );
}

#[test]
fn a_pipeline_is_triggered_once_and_never_made_up() {
    let mut sure = 0;
    for seed in 0..SEEDS / 3 {
        let mut dice = Dice(seed);
        let trial = Trial::new(job("deploy").manual());
        let jobs = ci().stage("check", [job("check").runs(5)]);
        let ops = trial.gitlab.world(|world| {
            let ops = world.project("ops/monitoring");
            world.at_project(ops).ci = jobs;
            world.at_project(ops).allowlist = vec![Allow {
                from: "shop/web".to_owned(),
                policies: None,
            }];
            ops
        });
        trial.gitlab.chaos(faults(seed, 2 + dice.roll(3)));
        let got = trial.run("trigger ops/monitoring --ref main -o json");
        let committed = trial.gitlab.world(|world| world.writes(ops, "trigger"));
        let story = || format!("seed {seed}\n{got:?}\n{}", trial.gitlab.log());
        assert!(committed <= 1, "{committed} pipelines: {}", story());
        match got.code {
            0 => assert!(committed == 1, "made up: {}", story()),
            6 => {}
            _ => panic!("ended otherwise: {}", story()),
        }
        sure += u64::from(got.code == 0);
        trial.gitlab.finish();
    }
    assert!(sure > SEEDS / 12, "{sure}");
}
