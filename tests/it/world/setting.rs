//! Random pipelines, and what people and machines do while the program runs.

use crate::fake::{Allow, Ci, Id, JobSpec, When, World, child, ci, downstream, job};

use super::dice::Dice;

/// A world in which the program is called.
pub struct Setting {
    pub world: World,
    pub pipeline: Id,
    pub me: Id,
    /// Names of trigger jobs.
    pub triggers: Vec<String>,
    /// A project access token that may do everything.
    pub token: String,
}

pub const PROJECT: &str = "shop/web";
pub const OTHER: &str = "ops/monitoring";

impl Setting {
    pub fn new(dice: &mut Dice) -> Self {
        let mut world = World::new();
        world.age = [19, 19, 18][dice.count(3)];
        let own = world.project(PROJECT);
        let other = world.project(OTHER);
        let allow = Allow {
            from: PROJECT.to_owned(),
            policies: None,
        };
        world.at_project(other).allowlist.push(allow);
        world.at_project(other).ci = pipeline(dice, 0);
        world.environment(own, "production", "production");
        world.agent(own, "eu", &[PROJECT], serde_json::json!({ "id": PROJECT }));
        world.retry_lag = dice.roll(4);
        world.backdate = [0, 0, 40][dice.count(3)];
        let depth = u32::from(dice.roll(2) == 1);
        let mut spec = pipeline(dice, depth);
        match dice.roll(12) {
            10 => spec = spec.stage("d", [job("d").parallel(105).is("success")]),
            8 | 9 => spec = spec.stage("d", [job("d").parallel(3).runs(dice.roll(20))]),
            _ => {}
        }
        let mut gate = job("gate").here();
        if dice.roll(2) == 1 {
            gate = gate.environment("production");
        }
        if dice.roll(2) == 1 {
            gate = gate.after_script(30);
        }
        spec = spec.stage("gate", [gate]);
        let mut deploy = vec![target(dice)];
        if dice.once_in(6) {
            deploy.push(job("late"));
        }
        let pipeline = world.pipeline(PROJECT, "main", spec.stage("deploy", deploy));
        let me = world.job(pipeline, "gate");
        let token = world.project_token(own, "maintainer", &["api"]);
        let bot = world.users.keys().copied().max().unwrap_or_default();
        world.at_project(other).members.insert(bot, "maintainer");
        world.advance_by(dice.roll(60));
        let people = world.user("omar");
        for project in [own, other] {
            world
                .at_project(project)
                .members
                .insert(people, "maintainer");
        }
        for _ in 0..dice.roll(7) {
            event(dice, &mut world, pipeline, people);
        }
        let triggers = world.newest(pipeline).filter(|job| job.is_trigger());
        Self {
            triggers: triggers.map(|job| job.name.clone()).collect(),
            world,
            pipeline,
            me,
            token,
        }
    }
}

/// What is played most often: it waits for nobody but a person.
fn target(dice: &mut Dice) -> JobSpec {
    let runs = [0, 1, 5, 40][dice.count(4)];
    let mut spec = match dice.roll(4) {
        0 | 1 => job("deploy").queue(dice.roll(3)).runs(runs),
        2 => job("deploy").queue(dice.roll(3)).fails(runs),
        _ => child("deploy", pipeline(dice, 0)),
    };
    spec = match dice.roll(4) {
        2 => spec.needs(["a0"]),
        3 => spec.needs(["c0"]),
        _ => spec.needs([]),
    };
    spec = spec.when(
        [
            When::Manual,
            When::Manual,
            When::Manual,
            When::Manual,
            When::Delayed(3600),
            When::OnSuccess,
        ][dice.count(6)],
    );
    spec.allow_failure = dice.roll(2) == 1;
    if dice.once_in(8) && spec.trigger.is_none() {
        spec = spec.is(["failed", "canceled", "success", "skipped"][dice.count(4)]);
    }
    if dice.once_in(4) {
        spec = spec.after_script(5);
    }
    if dice.roll(3) < 2 {
        spec = spec.artifacts();
    }
    spec
}

/// One job of any kind.
fn any(dice: &mut Dice, name: &str, depth: u32) -> JobSpec {
    let starts = depth > 0 && dice.once_in(3);
    let mut spec = if starts {
        let below = match dice.roll(4) {
            3 => downstream(name, OTHER),
            _ => child(name, pipeline(dice, depth - 1)),
        };
        let below = below.delay(dice.roll(9));
        match dice.roll(6) {
            3 => below.depend(),
            4 => below.mirror(),
            5 => below.childless("downstream_pipeline_creation_failed"),
            _ => below,
        }
    } else {
        let (queue, run) = (dice.roll(9), dice.roll(30));
        let spec = job(name).queue(queue).prepare(dice.roll(3));
        let spec = match dice.roll(30) {
            20..=27 => spec.fails(run),
            28 => spec.stuck(),
            29 => spec.endless(),
            _ => spec.runs(run),
        };
        spec.runs(run).retry(dice.count(3))
    };
    spec.when = match dice.roll(16) {
        12 => When::Always,
        13 => When::OnFailure,
        14 => When::Delayed(dice.roll(50)),
        15 => When::Manual,
        _ => When::OnSuccess,
    };
    spec.allow_failure = dice.once_in(3);
    if dice.once_in(5) {
        spec = spec.resource_group("eu");
    }
    if dice.once_in(5) {
        spec = spec.needs(["a0"]);
    }
    if dice.once_in(4) {
        spec = spec.after_script(dice.roll(5));
    }
    spec.artifacts = dice.roll(2) == 1;
    spec
}

/// Up to two jobs in each of three stages, and pipelines below them down to this depth.
pub fn pipeline(dice: &mut Dice, depth: u32) -> Ci {
    ["a", "b", "c"].into_iter().fold(ci(), |spec, stage| {
        let jobs: Vec<JobSpec> = (0..=dice.roll(2))
            .map(|n| any(dice, &format!("{stage}{n}"), depth))
            .collect();
        spec.stage(stage, jobs)
    })
}

/// Something happens within two minutes.
fn event(dice: &mut Dice, world: &mut World, pipeline: Id, person: Id) {
    let (after, nth, what) = (dice.roll(120), dice.count(16), dice.roll(13));
    world.after(after, move |world| {
        let mut jobs: Vec<(Id, &str, bool)> = world
            .jobs
            .values()
            .filter(|job| !job.retried && job.name != "gate")
            .map(|job| (job.id, job.status, job.is_trigger()))
            .collect();
        let only = |jobs: &mut Vec<(Id, &str, bool)>, words: &[&str]| {
            jobs.retain(|(_, status, _)| words.contains(status));
            jobs.get(nth % jobs.len().max(1)).map(|job| job.0)
        };
        match what {
            0..=3 => {
                if let Some(id) = only(&mut jobs, &["manual"]) {
                    world.play(person, id, Vec::new(), serde_json::Map::new());
                }
            }
            4 | 5 => {
                if let Some(id) = only(&mut jobs, &["failed", "canceled"]) {
                    world.retry(person, id);
                }
            }
            6 | 7 => {
                jobs.retain(|(_, _, trigger)| !trigger);
                if let Some(id) = only(&mut jobs, &["created", "pending", "running", "scheduled"]) {
                    world.cancel_job(id);
                }
            }
            8 | 10 | 11 => {
                world.pipeline(PROJECT, "main", ci().stage("a", [job("a0")]));
            }
            9 => {
                // GitLab adds statuses; after a while the job goes on.
                if let Some(id) = only(&mut jobs, &["pending", "running"]) {
                    world.flip(id, "on_holiday");
                    world.after(30, move |world| {
                        if world.jobs.contains_key(&id) {
                            world.flip(id, "success");
                        }
                    });
                }
            }
            _ if nth < 4 => world.cancel_job(world.job(pipeline, "gate")),
            _ => {
                let below = world.pipelines.values().filter(|one| one.bridge.is_some());
                let below: Vec<Id> = below.map(|one| one.id).collect();
                if let Some(id) = below.get(nth % below.len().max(1)) {
                    world.delete(*id);
                }
            }
        }
    });
}
