//! Whatever happens in the fake, its world keeps GitLab's laws.

use std::collections::BTreeMap;

use crate::fake::{Job, MIRA, World};
use crate::world::{Dice, pipeline};

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
        let mut dice = Dice::new(1000 + seed);
        let mut world = World::new();
        world.project("shop/web");
        let spec = pipeline(&mut dice, 2);
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
        let endless = |job: &Job| {
            job.spec
                .attempts
                .iter()
                .any(|attempt| attempt.run.is_none())
        };
        let stands = |job: &Job| job.is_trigger() || job.spec.queue.is_none() || endless(job);
        let mut jobs = world.jobs.values().filter(|job| !stands(job));
        let moves = jobs.any(|job| !job.retried && moving.contains(&job.status));
        assert!(!moves, "seed {seed}");
        lawful(&world);
    }
}
