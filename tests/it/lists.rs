//! A list that may have lost rows is never a verdict, whatever the command makes of it.

use jobgate::os::Interrupt;
use serde_json::Value;

use crate::fake::{Answer, Fault, GitLab, Id, ListFault, World, ci, job};
use crate::run::{Outcome, Run};

const FAULTS: [Fault; 4] = [
    Fault::List(ListFault::Empty),
    Fault::List(ListFault::Half),
    Fault::List(ListFault::BadLink),
    Fault::Partial,
];

/// A pipeline whose newest row, the first of the list, has failed.
fn scene() -> (GitLab, Id) {
    let mut world = World::new();
    world.project("shop/web");
    let jobs = [
        job("unit").is("success"),
        job("gate").here().endless(),
        job("lint").is("failed"),
    ];
    let pipeline = world.pipeline("shop/web", "main", ci().stage("test", jobs));
    let me = world.job(pipeline, "gate");
    world.advance_by(60);
    (GitLab::start(world), me)
}

fn run(words: &str, gitlab: &GitLab, me: Id) -> Outcome {
    let run = Run::new(words).vars(gitlab.vars(me));
    run.on(&gitlab.clock(), &Interrupt::new())
}

#[test]
fn a_list_that_stays_incomplete_ends_as_could_not_tell() {
    for fault in FAULTS {
        for words in [
            "gate jobs=*",
            "wait lint unit",
            "wait --all --timeout 0",
            "jobs",
        ] {
            let (gitlab, me) = scene();
            gitlab.faults("GET */pipelines/*/jobs*", fault, u32::MAX);
            let outcome = run(words, &gitlab, me);
            assert_eq!(outcome.code, 6, "{fault:?} {words}: {outcome:?}");
        }
    }
}

#[test]
fn a_parallel_group_that_stays_incomplete_is_no_good_answer_to_a_wait() {
    let mut world = World::new();
    world.project("shop/web");
    let jobs = [job("unit").parallel(3).is("success"), job("gate").here()];
    let pipeline = world.pipeline("shop/web", "main", ci().stage("test", jobs));
    let me = world.job(pipeline, "gate");
    let rows = ["unit 1/3", "unit 3/3"].map(|name| world.job_json(world.job(pipeline, name)));
    let gitlab = GitLab::start(world);
    let short = Answer::json(200, &Value::from(rows.to_vec()));
    gitlab.answers("GET */pipelines/*/jobs*", short, u32::MAX);
    let begun = gitlab.world(|world| world.now);
    let outcome = run("wait unit --outage-budget 1m", &gitlab, me);
    let took = gitlab.world(|world| world.now).since(begun);
    assert_eq!((outcome.code, took.as_secs()), (6, 60), "{outcome:?}");
}

#[test]
fn a_list_that_is_whole_again_is_judged() {
    for fault in FAULTS {
        for (words, code) in [("gate jobs=*", 9), ("wait lint unit", 1), ("jobs", 0)] {
            let (gitlab, me) = scene();
            gitlab.faults("GET */pipelines/*/jobs*", fault, 2);
            let outcome = run(words, &gitlab, me);
            assert_eq!(outcome.code, code, "{fault:?} {words}: {outcome:?}");
        }
    }
}
