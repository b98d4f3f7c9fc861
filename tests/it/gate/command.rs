//! The command `gate` as a person sees it.

use expect_test::expect;
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
        ci().stage(
            "test",
            [job("unit").is("success"), job("lint").is("failed")],
        )
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
    .is(0, expect![[r#"
        FINDING  CONDITION          GITLAB SAID
        held     project=shop/web   the project is 44 (shop/web)
        held     branch=main        the ref is the branch main
        held     protected-ref      the ref is the branch main, protected
        held     source=push        the source is push
        held     user=mira          the user is mira
        held     role=developer     mira is maintainer in project 44
        held     tier=production    the tier is production
        held     environment=prod*  the environment is production
        held     jobs=unit          unit has passed (success)
        held     newest             no pipeline after 7700 is for another commit
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        trusting https://gitlab.test, which CI_API_V4_URL names; --server fixes it
        using the access token from JOBGATE_TOKEN
        the gate is open: all 10 conditions hold
    "#]]);
    gitlab.finish();
}

#[test]
fn a_closed_gate_says_why() {
    let (gitlab, me, token) = world();
    run(
        &gitlab,
        me,
        &token,
        "gate branch=release/* jobs=lint jobs=nothing jobs=deploy agent=7 approved=unit",
    )
    .is(9, expect![[r#"
        FINDING   CONDITION         GITLAB SAID
        not held  branch=release/*  the ref is the branch main (expected: the ref is a branch that matches release/*)
        not held  jobs=lint         lint is failed (expected: jobs match lint, and all of them have passed)
        not held  jobs=nothing      there is no nothing (expected: jobs match nothing, and all of them have passed)
        unknown   jobs=deploy       the calling job itself is meant (expected: jobs match deploy, and all of them have passed)
        not held  agent=7           no agent is allowed to this job (expected: the job may use agent 7)
        not held  approved=unit     it bears the name of mira, the calling job's own user (expected: somebody else played unit, and it passed)
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        trusting https://gitlab.test, which CI_API_V4_URL names; --server fixes it
        the gate is closed: 5 of 6 conditions do not hold
        jobgate: hint: somebody other than the calling job's user has to play it
    "#]]);
    run(&gitlab, me, &token, "gate tag -o json").is(9, expect![[r#"
        {"result":"closed","exit":9,"conditions":[{"condition":"tag","finding":"not held","expected":"the ref is a tag","said":"the ref is the branch main","hint":null}]}
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        trusting https://gitlab.test, which CI_API_V4_URL names; --server fixes it
        the gate is closed: its condition does not hold
    "#]]);
    run(&gitlab, me, &token, "gate tag branch -o ndjson -q").is(9, expect![[r#"
        {"condition":"tag","finding":"not held","expected":"the ref is a tag","said":"the ref is the branch main","hint":null}
        {"condition":"branch","finding":"held","expected":"the ref is a branch","said":"the ref is the branch main","hint":null}
    "#]], "");
    run(&gitlab, me, &token, "gate tag -o dotenv -q").is(
        9,
        expect![[r#"
        JOBGATE_OUT_RESULT=closed
        JOBGATE_OUT_EXIT_CODE=9
    "#]],
        "",
    );
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
    alone("gate branch=main protected-ref").is(4, expect![[r#"
        FINDING  CONDITION      GITLAB SAID
        held     branch=main    the ref is the branch main
        refused  protected-ref  job tokens cannot list branches on this GitLab; use GitLab 18.8 or later, or an access token (GET /projects/44/repository/branches: 404 Project Not Found (request id 01JD0000000000000000000001)) (expected: the ref is a protected branch or tag)
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        trusting https://gitlab.test, which CI_API_V4_URL names; --server fixes it
        the gate is closed: 1 of 2 conditions could not be told
    "#]]);
    gitlab.faults(
        "GET */allowed_agents*",
        crate::fake::Fault::Broken,
        u32::MAX,
    );
    alone("gate branch=main role=guest -q").is(6, expect![[r#"
        FINDING  CONDITION    GITLAB SAID
        held     branch=main  the ref is the branch main
        unknown  role=guest   the server failed while it worked on the request (GET /job/allowed_agents: 500 Internal Server Error (request id 01JD0000000000000000000008)) (expected: the job's user is at least guest here)
    "#]], "");
    assert_eq!(alone("gate branch=main protected-ref role=guest").code, 4);
    assert_eq!(alone("gate tag protected-ref role=guest").code, 9);
    gitlab.finish();
}

#[test]
fn words_that_mean_nothing_are_told_before_anything_is_asked() {
    let (gitlab, me, token) = world();
    run(&gitlab, me, &token, "gate brunch=main").is(
        2,
        "",
        expect![[r#"
        jobgate: error: CONDITION: unknown condition "brunch"; did you mean "branch"?
        jobgate: hint: jobgate gate --help lists the conditions
    "#]],
    );
    run(&gitlab, me, &token, "gate").is(
        2,
        "",
        expect![[r#"
            jobgate: error: gate needs CONDITION...
            jobgate: hint: usage: jobgate gate [OPTIONS] CONDITION...
            jobgate: hint: jobgate gate --help
        "#]],
    );
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

#[test]
fn the_help_page_names_every_condition() {
    let help = Run::new("gate --help").binary().out;
    for key in jobgate::decide::gate::condition::KEYS {
        let row = help.lines().find(|line| {
            let word = line.split_whitespace().next().unwrap_or_default();
            word.split(['=', '[']).next() == Some(key.name)
        });
        assert!(row.is_some_and(|row| row.starts_with("  ")), "{}", key.name);
    }
}
