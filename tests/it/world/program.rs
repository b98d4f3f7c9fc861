//! Whole calls of `wait` on the fake clock, while pages, limits, tokens and the network fail: whatever the exit code says has to be true of
//! the fake's world.

use jobgate::os::Interrupt;

use crate::fake::{Chaos, Ci, Fault, GitLab, Id, Job, ListFault, World, job};
use crate::fake_random::Dice;
use crate::run::Run;

/// One call.
struct Case {
    words: String,
    /// Names or the first letter of jobs of the caller's pipeline; all others where there is none.
    names: Vec<String>,
    exact: bool,
    strict: bool,
}

impl Case {
    fn new(dice: &mut Dice) -> Self {
        let mut case = Self {
            words: String::from("wait --color never --timeout 2m"),
            names: Vec::new(),
            exact: false,
            strict: dice.roll(4) == 0,
        };
        match dice.roll(5) {
            0 => {
                case.names.push("a".to_owned());
                case.words += " a*";
            }
            1 | 2 => {
                case.exact = true;
                for name in ["a0", "b0", "c0"] {
                    if case.names.is_empty() || dice.roll(2) == 0 {
                        case.names.push(name.to_owned());
                        case.words.extend([" ", name]);
                    }
                }
            }
            _ => case.words += " --all",
        }
        if case.strict {
            case.words += " --strict";
        }
        if dice.roll(2) == 0 {
            case.words += " --keep-going";
        }
        case
    }

    fn means(&self, name: &str) -> bool {
        match self.exact {
            _ if name == "gate" => false,
            _ if self.names.is_empty() => true,
            true => self.names.iter().any(|one| one == name),
            false => name.starts_with('a'),
        }
    }

    /// Jobs that count, of these.
    fn counting<'w>(&self, world: &'w World, pipeline: Id, exact: bool) -> Vec<&'w Job> {
        let own = |job: &&Job| self.pipeline(world) != pipeline || self.means(&job.name);
        let ignored = |job: &Job| {
            let manual = job.status == "manual" && job.downstream.is_none();
            manual && !exact && job.spec.allow_failure
        };
        let jobs = world.newest(pipeline).filter(own);
        jobs.filter(|job| !ignored(job)).collect()
    }

    /// The caller's.
    #[allow(clippy::unused_self, reason = "reads as a fact of the case")]
    fn pipeline(&self, world: &World) -> Id {
        let gate = world.jobs.values().find(|job| job.name == "gate");
        gate.expect("the calling job").pipeline
    }

    fn passed(&self, world: &World, job: &Job) -> bool {
        let allowed = job.spec.allow_failure && !self.strict;
        match job.status {
            "failed" | "canceled" => allowed,
            "success" if !job.is_trigger() => true,
            "success" | "running" | "pending" | "manual" if job.is_trigger() => {
                let Some(below) = job.downstream else {
                    return false;
                };
                let jobs = self.counting(world, below, false);
                let all = !jobs.is_empty() && jobs.iter().all(|job| self.passed(world, job));
                all || allowed && jobs.iter().all(|job| self.ended(world, job))
            }
            _ => false,
        }
    }

    /// It has ended, and so has everything that it started.
    fn ended(&self, world: &World, job: &Job) -> bool {
        let below = job.downstream.iter();
        let mut jobs = below.flat_map(|below| self.counting(world, *below, false));
        ["success", "failed", "canceled", "skipped"].contains(&job.status)
            && jobs.all(|job| self.ended(world, job))
    }

    /// Some job that counts, selected or below a selected one, satisfies `test`.
    fn any(&self, world: &World, pipeline: Id, test: &dyn Fn(&Job) -> bool) -> bool {
        let exact = self.exact && pipeline == self.pipeline(world);
        let jobs = self.counting(world, pipeline, exact);
        jobs.iter().any(|job| {
            test(job)
                || job
                    .downstream
                    .is_some_and(|below| self.any(world, below, test))
        })
    }

    /// Why this exit code is not true; empty if it is.
    fn wrong(&self, world: &World, code: i32) -> &'static str {
        let own = self.pipeline(world);
        let jobs = self.counting(world, own, self.exact);
        let passed = !jobs.is_empty() && jobs.iter().all(|job| self.passed(world, job));
        let any = |test: &dyn Fn(&Job) -> bool| self.any(world, own, test);
        let is = |words: &'static [&'static str]| any(&move |job| words.contains(&job.status));
        let moving = [
            "pending",
            "running",
            "preparing",
            "scheduled",
            "waiting_for_resource",
            "canceling",
        ];
        let stands = || {
            let mut others = world.newest(own).filter(|job| job.name != "gate");
            !others.any(|job| moving.contains(&job.status))
        };
        match code {
            0 if !passed => "a pass that is not true",
            0 => "",
            _ if passed => "all have passed",
            1 if !is(&["failed"]) => "nothing has failed",
            7 if !is(&["canceled", "skipped"]) => "nothing is canceled or skipped",
            3 if !is(&[
                "created",
                "manual",
                "scheduled",
                "pending",
                "running",
                "preparing",
                "waiting_for_resource",
            ]) =>
            {
                "all have ended"
            }
            5 if !jobs.is_empty() && !any(&|job| job.is_trigger()) => "there are jobs that count",
            10 if !is(&["created"]) || !stands() => "something moves",
            1 | 3 | 5 | 7 | 10 => "",
            _ => "no reason for this code",
        }
    }
}

/// A third, an eighth or none of the requests fail, each in its own way.
fn chaos(dice: &mut Dice) -> Option<Chaos> {
    let mut kinds = vec![
        Fault::Close,
        Fault::Lost,
        Fault::Cut,
        Fault::Broken,
        Fault::BadGateway,
        Fault::Limited(1),
        Fault::Limited(7),
        Fault::LimitedJson,
        Fault::CutNotFound,
        Fault::Partial,
    ];
    kinds.extend(ListFault::ALL.map(Fault::List));
    let one_in = *dice.pick(&[0, 3, 5, 8]);
    let seed = dice.roll(u64::MAX);
    (one_in > 0).then_some(Chaos {
        seed,
        one_in,
        kinds,
    })
}

fn pipeline(dice: &mut Dice) -> Ci {
    let depth = u32::from(dice.roll(2) == 0);
    let mut spec = dice.pipeline(depth);
    let parallel = match dice.roll(12) {
        0 => 105,
        1 | 2 => 3,
        _ => 0,
    };
    if parallel > 0 {
        spec = spec.stage("d", [job("d").parallel(parallel).is("success")]);
    }
    spec.stage("gate", [job("gate").here()])
}

/// What is wrong with the call of this seed, and how it went.
fn play(seed: u64) -> Option<String> {
    let dice = &mut Dice(seed);
    let mut world = World::new();
    world.project("shop/web");
    world.retry_lag = dice.roll(4);
    world.backdate = *dice.pick(&[0, 0, 40]);
    let pipeline = world.pipeline("shop/web", "main", pipeline(dice));
    let me = world.job(pipeline, "gate");
    world.advance_by(dice.roll(60));
    let case = Case::new(dice);
    let gitlab = GitLab::start(world);
    if let Some(chaos) = chaos(dice) {
        gitlab.chaos(chaos);
    }
    if dice.roll(3) == 0 {
        gitlab.fault("*", Fault::Unauthorized);
    }
    let call = Run::new(&case.words).vars(gitlab.vars(me));
    let got = call.on(&gitlab.clock(), &Interrupt::new());
    let mut wrong = gitlab.world(|world| case.wrong(world, got.code));
    // The last look failed, and the program says so.
    let says = |words: &str| got.log.lines().any(|line| line.contains(words));
    if got.code == 3 && (says("error: GET ") || says("last complete answer is")) {
        wrong = "";
    }
    let (words, code, log) = (&case.words, got.code, gitlab.log());
    gitlab.finish();
    (!wrong.is_empty()).then(|| {
        let (out, talk) = (got.out, got.log);
        let again = format!("WORLD_SEED={seed} cargo test --test it what_the_program_says");
        format!("{words}, exit {code}: {wrong}\n{out}{talk}\n{log}\nonce more: {again}")
    })
}

/// An eighth of the cases: of 2,000, or as many as `WORLD_CASES` says. `WORLD_SEED` plays one.
fn cases(eighth: u64) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds: Vec<u64> = match number("WORLD_SEED") {
        Some(seed) => vec![seed],
        None => (10_000 + eighth..10_000 + number("WORLD_CASES").unwrap_or(2_000))
            .step_by(8)
            .collect(),
    };
    let wrong: Vec<String> = seeds.into_iter().filter_map(play).collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong[0]);
}

// Eight tests, so that they run at the same time.

#[test]
fn what_the_program_says_is_true_1() {
    cases(0);
}

#[test]
fn what_the_program_says_is_true_2() {
    cases(1);
}

#[test]
fn what_the_program_says_is_true_3() {
    cases(2);
}

#[test]
fn what_the_program_says_is_true_4() {
    cases(3);
}

#[test]
fn what_the_program_says_is_true_5() {
    cases(4);
}

#[test]
fn what_the_program_says_is_true_6() {
    cases(5);
}

#[test]
fn what_the_program_says_is_true_7() {
    cases(6);
}

#[test]
fn what_the_program_says_is_true_8() {
    cases(7);
}
