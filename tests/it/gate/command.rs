//! The command `gate` as a person sees it.

use jobgate::os::Interrupt;

use crate::fake::{GitLab, World, ci, job};
use crate::run::Run;

fn world() -> (GitLab, u64, String) {
    let mut world = World::new();
    let project = world.project("shop/web");
    world.environment(project, "production", "production");
    let token = world.project_token(project, "maintainer", &["read_api"]);
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("test", [job("unit").is("success"), job("lint").is("failed")])
            .stage("deploy", [job("deploy").here().environment("production")]),
    );
    let me = world.job(pipeline, "deploy");
    (GitLab::start(world), me, token)
}

fn run(gitlab: &GitLab, me: u64, token: &str, words: &str) -> crate::run::Outcome {
    Run::new(words)
        .vars(gitlab.vars(me))
        .var("NO_COLOR", "1")
        .var("JOBGATE_TOKEN", token)
        .naming(gitlab.origin(), "https://gitlab.test")
        .on(&gitlab.clock(), &Interrupt::new())
}

#[test]
fn an_open_gate_says_what_held() {
    let (gitlab, me, token) = world();
    run(
        &gitlab,
        me,
        &token,
        "gate project=shop/web branch=main protected-ref source=push user=mira role=developer tier=production environment=prod* jobs=unit newest",
    )
    .is(0, "@OUT", "@LOG");
    gitlab.finish();
}

#[test]
fn a_closed_gate_says_why() {
    let (gitlab, me, token) = world();
    run(&gitlab, me, &token, "gate branch=release/* jobs=lint jobs=nothing jobs=deploy agent=7 approved=unit").is(9, "@OUT", "@LOG");
    run(&gitlab, me, &token, "gate tag -o json").is(9, "@OUT", "@LOG");
    run(&gitlab, me, &token, "gate tag branch -o ndjson -q").is(9, "@OUT", "@LOG");
    run(&gitlab, me, &token, "gate tag -o dotenv -q").is(9, "@OUT", "@LOG");
    gitlab.finish();
}

#[test]
fn what_cannot_be_told_is_no_pass() {
    let (gitlab, me, _) = world();
    let alone = |words: &str| {
        Run::new(words)
            .vars(gitlab.vars(me))
            .var("NO_COLOR", "1")
            .naming(gitlab.origin(), "https://gitlab.test")
            .on(&gitlab.clock(), &Interrupt::new())
    };
    // No job token may list branches.
    alone("gate branch=main protected-ref").is(4, "@OUT", "@LOG");
    gitlab.faults("GET */allowed_agents*", crate::fake::Fault::Broken, u32::MAX);
    alone("gate branch=main role=guest -q").is(6, "@OUT", "@LOG");
    assert_eq!(alone("gate branch=main protected-ref role=guest").code, 4);
    assert_eq!(alone("gate tag protected-ref role=guest").code, 9);
    gitlab.finish();
}

#[test]
fn words_that_mean_nothing_are_told_before_anything_is_asked() {
    let (gitlab, me, token) = world();
    run(&gitlab, me, &token, "gate brunch=main").is(2, "@OUT", "@LOG");
    run(&gitlab, me, &token, "gate").is(2, "@OUT", "@LOG");
    assert!(gitlab.requests().is_empty());
    gitlab.finish();
}

#[test]
fn only_what_is_needed_is_asked() {
    let (gitlab, me, token) = world();
    run(&gitlab, me, &token, "gate branch=main jobs=unit jobs=lint");
    assert_eq!(
        gitlab.log(),
        "GET /api/v4/job job 200\n\
         GET /api/v4/projects/44/pipelines/7700/jobs?per_page=100 job 200\n\
         GET /api/v4/projects/44/pipelines/7700/trigger_jobs?per_page=100 job 200\n"
    );
    gitlab.finish();
}
