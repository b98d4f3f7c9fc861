//! Whatever happens in the fake, its world keeps GitLab's laws.

use std::collections::BTreeMap;

use crate::fake::{Ci, JobSpec, MIRA, When, World, child, ci, job};

/// A small generator (`splitmix64`), so that each seed tells one history.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }

    fn job(&mut self, name: &str, depth: u32) -> JobSpec {
        let mut spec = if depth > 0 && self.roll(4) == 0 {
            let below = child(name, self.pipeline(depth - 1)).delay(self.roll(9));
            match self.roll(3) {
                0 => below.depend(),
                1 => below.mirror(),
                _ => below,
            }
        } else {
            let (queue, run) = (self.roll(9), self.roll(30));
            let spec = job(name).queue(queue).prepare(self.roll(3));
            let spec = match self.roll(3) {
                0 => spec.fails(run),
                _ => spec.runs(run),
            };
            spec.runs(run).retry(usize::try_from(self.roll(3)).unwrap())
        };
        spec.when = match self.roll(8) {
            0 => When::Manual,
            1 => When::Delayed(self.roll(50)),
            2 => When::OnFailure,
            3 => When::Always,
            _ => When::OnSuccess,
        };
        spec.allow_failure = self.roll(4) == 0;
        if self.roll(5) == 0 {
            spec = spec.resource_group("eu");
        }
        if self.roll(5) == 0 {
            spec = spec.needs(["a0"]);
        }
        if self.roll(4) == 0 {
            spec = spec.after_script(self.roll(5));
        }
        spec
    }

    pub fn pipeline(&mut self, depth: u32) -> Ci {
        ["a", "b", "c"].into_iter().fold(ci(), |spec, stage| {
            let jobs: Vec<JobSpec> = (0..=self.roll(2))
                .map(|n| self.job(&format!("{stage}{n}"), depth))
                .collect();
            spec.stage(stage, jobs)
        })
    }
}

/// Each name has one newest row; a pipeline has ended exactly if nothing in it can go on by itself; one job holds a resource group.
fn lawful(world: &World) {
    for pipeline in world.pipelines.values() {
        let mut names = BTreeMap::new();
        for job in world.newest(pipeline.id) {
            let name = &job.name;
            assert_eq!(names.insert(name, job.id), None, "two newest of {name}");
        }
        let rows = pipeline.jobs.iter().map(|id| &world.jobs[id]);
        for row in rows.filter(|job| job.retried) {
            assert!(names[&row.name] > row.id, "an old row is the newest");
            assert!(["success", "failed", "canceled", "canceling"].contains(&row.status));
        }
        let over = ["success", "failed", "canceled", "skipped"];
        if over.contains(&pipeline.status) {
            for job in world.newest(pipeline.id) {
                let optional = job.status == "manual" && job.spec.allow_failure;
                let rests = optional || over.contains(&job.status);
                assert!(rests, "{} in a pipeline that is over", job.status);
            }
        }
    }
    let holds = ["preparing", "pending", "running", "canceling"];
    let mut groups = BTreeMap::new();
    // A trigger job that comes back because its pipeline was retried asks for no resource.
    let jobs = world.jobs.values().filter(|job| !job.is_trigger());
    for job in jobs.filter(|job| holds.contains(&job.status)) {
        if let Some(key) = &job.spec.resource_group {
            let other = groups.insert((job.project, key), job.id);
            assert_eq!(other, None, "job {} holds {key}, too", job.id);
        }
    }
}

#[test]
fn left_alone_every_pipeline_comes_to_rest() {
    for seed in 0..200 {
        let mut dice = Dice(1000 + seed);
        let mut world = World::new();
        world.project("shop/web");
        let spec = dice.pipeline(2);
        world.pipeline("shop/web", "main", spec);
        world.advance_by(10_000);
        lawful(&world);
        // What is left waits for a person, or for what waits for one.
        let jobs = world.jobs.values();
        let manual = jobs.filter(|job| job.status == "manual");
        for id in manual.map(|job| job.id).collect::<Vec<_>>() {
            world.play(MIRA, id, Vec::new(), serde_json::Map::new());
        }
        world.advance_by(10_000);
        let moving = ["pending", "running", "preparing", "scheduled"];
        let mut jobs = world.jobs.values().filter(|job| !job.is_trigger());
        let moves = jobs.any(|job| !job.retried && moving.contains(&job.status));
        assert!(!moves, "seed {seed}");
        lawful(&world);
    }
}
