//! Several ends at once: a signal, then 4, 6, 1, 7, 9, 10, 5, 3, 8.

use jobgate::os::Signal;

use super::Story;
use crate::fake::{Fault, JobSpec, World, ci, downstream, job};

/// What can be the end of a wait, the most important first. 9 belongs to gates.
const ENDS: [i32; 9] = [143, 4, 6, 1, 7, 10, 5, 3, 8];

/// The jobs that make for this end, if jobs do.
fn jobs(end: i32) -> Option<JobSpec> {
    Some(match end {
        4 => downstream("shut", "ops/shut"),
        1 => job("bad").is("failed"),
        7 => job("off").is("canceled"),
        // A person has been asked for too long.
        10 => job("stuck").stuck(),
        _ => return None,
    })
}

/// Runs a wait that has both ends.
fn both(first: i32, second: i32) -> i32 {
    let ends = [first, second];
    let mut world = World::new();
    world.project("shop/web");
    world.project("ops/shut");
    let specs = ends.iter().filter_map(|end| jobs(*end));
    let ci = ci().stage(
        "test",
        specs.chain([job("slow").endless(), job("good").is("success")]),
    );
    let pipeline = world.pipeline("shop/web", "main", ci.stage("gate", [job("gate").here()]));
    let mut story = Story::of(world, pipeline);
    let mut words = "wait --keep-going --stuck 30s".to_owned();
    for end in ends {
        words += match end {
            4 => " shut",
            1 => " bad",
            7 => " off",
            10 => " stuck",
            5 => " absent",
            3 => " slow --timeout 5m",
            8 => " slow --timeout 0",
            6 => " slow --outage-budget 20s",
            _ => " slow",
        };
    }
    if ends.contains(&6) {
        story.gitlab.outage(100, 4000, Fault::Close);
    }
    if ends.contains(&143) {
        story
            .gitlab
            .world(|world| world.signal_after(90, Signal::Terminate));
    }
    story.me = story.gitlab.world(|world| world.job(pipeline, "gate"));
    let told = story.run(&words);
    story.gitlab.finish();
    told.code
}

#[test]
fn the_more_important_end_is_the_code() {
    for (rank, first) in ENDS.into_iter().enumerate() {
        for second in ENDS.into_iter().skip(rank + 1) {
            // These exclude each other: looking once leaves no time for what takes time.
            let once = second == 8;
            if once && matches!(first, 143 | 6 | 10 | 3 | 4) {
                continue;
            }
            assert_eq!(both(first, second), first, "{first} and {second}");
        }
    }
}
