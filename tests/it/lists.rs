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

/// The failed job stands on page 2. Each form in which page 1 may say so, or hide it.
#[test]
fn a_failure_on_the_second_page_is_found_or_the_list_is_incomplete() {
    let next = |relation: &str| format!("<https://x/y?per_page=100&page=2>; rel={relation}");
    let first = ("Link", "<https://x/y?page=1>; rel=\"first\"".to_owned());
    for (found, headers) in [
        (true, vec![]),
        (true, vec![first, ("Link", next("next"))]),
        (true, vec![("Link", next("\"next prefetch\""))]),
        (
            false,
            vec![("X-Total", "150".into()), ("X-Next-Page", String::new())],
        ),
        (false, vec![("X-Next-Page", "zwölf".into())]),
        (false, vec![("Link", next("\"nächste\""))]),
        (
            false,
            vec![("X-Next-Page", "2".into()), ("X-Empty", "2".into())],
        ),
    ] {
        let mut world = World::new();
        world.project("shop/web");
        let many = job("unit").parallel(120).is("success");
        let jobs = [job("lint").is("failed"), many, job("gate").here()];
        let pipeline = world.pipeline("shop/web", "main", ci().stage("test", jobs));
        let me = world.job(pipeline, "gate");
        world.advance_by(60);
        let ids = (me - 99..=me).rev();
        let rows: Vec<_> = ids.map(|id| world.job_json(id)).collect();
        let gitlab = GitLab::start(world);
        let page = Answer::json(200, &rows.into());
        if headers.iter().any(|(name, _)| *name == "X-Empty") {
            let empty = Answer::json(200, &Value::Array(Vec::new()));
            gitlab.answers("GET */jobs?per_page=100&page=2", empty, u32::MAX);
        }
        let page = headers
            .iter()
            .fold(page, |page, (name, value)| page.with(name, value));
        gitlab.answers("GET */jobs?per_page=100", page, u32::MAX);
        let codes =
            ["gate jobs=*", "wait --all --timeout 0"].map(|words| run(words, &gitlab, me).code);
        assert_eq!(codes, if found { [9, 1] } else { [6, 6] }, "{headers:?}");
        gitlab.finish();
    }
}

/// The failed job stands on page 2, and the `Link` of page 1 leads to page 3.
#[test]
fn a_link_that_leaves_a_page_out_makes_no_list() {
    for fault in [ListFault::FarLink, ListFault::TwoLinks] {
        let mut world = World::new();
        world.project("shop/web");
        let jobs = (0..240).map(|n| match n {
            130 => job("lint").is("failed"),
            n => job(&format!("unit{n}")).is("success"),
        });
        let spec = ci().stage("test", jobs).stage("gate", [job("gate").here()]);
        let pipeline = world.pipeline("shop/web", "main", spec);
        let me = world.job(pipeline, "gate");
        world.advance_by(60);
        let gitlab = GitLab::start(world);
        gitlab.faults("GET */jobs?*", Fault::List(fault), u32::MAX);
        for words in ["gate jobs=*", "wait --all --timeout 0", "jobs"] {
            let outcome = run(words, &gitlab, me);
            assert_eq!(outcome.code, 6, "{fault:?} {words}: {outcome:?}");
        }
    }
}

/// A job of a group is missing on each page, and no total shows it. A project's list may end within a group.
#[test]
fn every_reader_of_a_pipelines_jobs_misses_the_job_of_a_parallel_group() {
    let mut world = World::new();
    let project = world.project("shop/web");
    let token = world.project_token(project, "maintainer", &["api"]);
    let jobs = (0..240).map(|n| job(&format!("unit{n}")).is("success"));
    let group = job("e2e").parallel(200).is("success");
    let spec = ci().stage("test", jobs.chain([group, job("lint").is("failed")]));
    let ship = job("ship").manual();
    let spec = spec.stage("gate", [ship, job("gate").here().needs([])]);
    let pipeline = world.pipeline("shop/web", "main", spec);
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    let short = Fault::List(ListFault::ShortGroup);
    gitlab.faults("GET */jobs?*", short, u32::MAX);
    let row = "jobs --all-pipelines --status success --limit 0";
    let readers = "jobs, jobs --recursive, jobs --retried --stage gate --status manual, trace unit7, cancel --all, erase unit7, \
        wait unit7 --timeout 0, wait --all --timeout 0, gate jobs=unit*, gate approved=unit7, play ship, retry lint";
    for words in readers.split(", ").chain([row]) {
        let run = Run::new(words).vars(gitlab.vars(me));
        let run = run.var("GITLAB_TOKEN", &token);
        let outcome = run.on(&gitlab.clock(), &Interrupt::new());
        let why = outcome.log.contains("lacks jobs of a parallel group");
        let expected = if words == row { (0, false) } else { (6, true) };
        assert_eq!((outcome.code, why), expected, "{words}: {outcome:?}");
    }
    assert_eq!(gitlab.posts(), 0);
    gitlab.finish();
}
