//! Whatever happens in the fake, its world keeps GitLab's laws.

use std::collections::BTreeMap;

use crate::fake::{Ci, GitLab, JobSpec, MIRA, When, World, child, ci, job};
use crate::fake_gitlab::post;

/// A small generator (`splitmix64`), so that each seed tells one history.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
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
            let spec = if self.roll(3) == 0 {
                spec.fails(run)
            } else {
                spec.runs(run)
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

    fn pipeline(&mut self, depth: u32) -> Ci {
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
            assert_eq!(
                names.insert(&job.name, job.id),
                None,
                "two newest rows of {}",
                job.name
            );
        }
        for row in pipeline
            .jobs
            .iter()
            .map(|id| &world.jobs[id])
            .filter(|job| job.retried)
        {
            assert!(names[&row.name] > row.id, "an old row is the newest");
            assert!(["success", "failed", "canceled", "canceling"].contains(&row.status));
        }
        let over = ["success", "failed", "canceled", "skipped"];
        if over.contains(&pipeline.status) {
            for job in world.newest(pipeline.id) {
                let rests = over.contains(&job.status)
                    || (job.status == "manual" && job.spec.allow_failure);
                assert!(
                    rests,
                    "{} is {} in a pipeline that is {}",
                    job.name, job.status, pipeline.status
                );
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
            let other = other.map(|id| world.jobs[&id].status);
            assert_eq!(
                other, None,
                "job {} is {} and holds {key}, too",
                job.id, job.status
            );
        }
    }
}

#[test]
fn random_histories_keep_the_laws() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut world = World::new();
        let project = world.project("shop/web");
        let token = world.project_token(project, "maintainer", &["api"]);
        let spec = dice.pipeline(2);
        world.pipeline("shop/web", "main", spec);
        let gitlab = GitLab::start(world);
        for _ in 0..25 {
            let jobs: Vec<u64> = gitlab.world(|world| world.jobs.keys().copied().collect());
            let at = usize::try_from(dice.roll(jobs.len() as u64)).unwrap();
            let verb = ["play", "retry", "cancel", "erase"][usize::try_from(dice.roll(4)).unwrap()];
            let seen = post(
                &gitlab,
                &format!("/projects/44/jobs/{}/{verb}", jobs[at]),
                &token,
            );
            assert!(
                [200, 201, 400, 403, 404].contains(&seen.status),
                "seed {seed}: {}",
                seen.text()
            );
            let seconds = dice.roll(20);
            gitlab.world(|world| {
                world.advance_by(seconds);
                lawful(world);
            });
        }
        gitlab.finish();
    }
}

#[test]
fn left_alone_every_pipeline_comes_to_rest() {
    for seed in 0..200 {
        let mut dice = Dice(1000 + seed);
        let mut world = World::new();
        world.project("shop/web");
        let spec = dice.pipeline(2);
        let pipeline = world.pipeline("shop/web", "main", spec);
        world.advance_by(10_000);
        lawful(&world);
        // What is left waits for a person, or for what waits for one.
        let manual: Vec<u64> = world
            .jobs
            .values()
            .filter(|job| job.status == "manual")
            .map(|job| job.id)
            .collect();
        for id in manual {
            world.play(MIRA, id, Vec::new(), serde_json::Map::new());
        }
        let alive = |world: &World| {
            let rows = world.jobs.values().filter(|job| !job.retried);
            let moving = rows.filter(|job| {
                ["pending", "running", "preparing", "scheduled"].contains(&job.status)
            });
            moving.filter(|job| !job.is_trigger()).count()
        };
        world.advance_by(10_000);
        assert_eq!(
            alive(&world),
            0,
            "seed {seed}: {}",
            world.pipelines[&pipeline].status
        );
        lawful(&world);
    }
}
