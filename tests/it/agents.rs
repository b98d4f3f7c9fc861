//! `agents` lists the agents for Kubernetes that the job may use.

use expect_test::expect;
use serde_json::{Value, json};

use crate::fake::{GitLab, Id, Protected, World, ci, job};
use crate::run::{Outcome, Run};

/// A deploy job that two of three agents are allowed to, one of them in production only.
fn deploying(age: u32) -> (GitLab, Id) {
    let mut world = World::new();
    world.age = age;
    let shop = world.project("shop/web");
    let ops = world.project("ops/agents");
    world.environment(shop, "prod", "production");
    world.agent(ops, "prod", &["shop/web"], json!({"default_namespace": "shop", "access_as": {"ci_job": {}}, "environments": ["prod*"], "protected_branches_only": true}));
    world.agent(ops, "staging", &["shop"], json!({}));
    world.agent(ops, "secret", &["bank/core"], json!({}));
    let shop = world.projects.get_mut(&shop).unwrap();
    shop.protected_branches.push(Protected {
        pattern: "main".to_owned(),
        role: "maintainer",
    });
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("deploy", [job("deploy").here().environment("prod")]),
    );
    let me = world.job(pipeline, "deploy");
    (GitLab::start(world), me)
}

fn run(words: &str, (gitlab, me): &(GitLab, Id)) -> Outcome {
    Run::new(words)
        .vars(gitlab.vars(*me))
        .var("NO_COLOR", "1")
        .binary()
}

#[test]
fn the_allowed_agents_are_listed() {
    for age in [17, 18, 19] {
        let world = deploying(age);
        run("agents", &world).is(
            0,
            expect![[r#"
                ID  CONFIG PROJECT  NAMESPACE  ENVIRONMENTS
                12  ops/agents      shop       prod*
                13  ops/agents                 any
            "#]],
            expect![[r#"
                using the job token from CI_JOB_TOKEN
            "#]],
        );
        world.0.finish();
    }
}

#[test]
fn agents_are_meant_by_id_or_config_project() {
    let world = deploying(19);
    let ids = |words: &str| {
        let got = run(&format!("agents -o json --quiet {words}"), &world);
        let rows: Vec<Value> = serde_json::from_str(&got.out).unwrap_or_default();
        let rows = rows.iter().map(|row| row["id"].as_u64().unwrap());
        (got.code, rows.collect::<Vec<_>>())
    };
    assert_eq!(ids("12"), (0, vec![12]));
    assert_eq!(ids("ops/agents"), (0, vec![12, 13]));
    assert_eq!(ids("14"), (5, vec![]));
    assert_eq!(ids("Ops/agents"), (5, vec![]));
    run("agents bank/core --quiet", &world).is(5, "", expect![[r#"
        jobgate: error: this job may not use agent "bank/core"
        jobgate: hint: this job may use: 12 (ops/agents), 13 (ops/agents)
        jobgate: hint: `ci_access` in an agent's configuration file names the projects and groups that may use it
    "#]]);
    world.0.finish();
}

#[test]
fn json_is_gitlabs_own_complete() {
    let world = deploying(19);
    let agents = world.0.world(|shop| shop.allowed_agents_json(world.1));
    let listed = run("agents -o json", &world);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed, agents["allowed_agents"]);
    world.0.finish();
}

#[test]
fn a_job_without_agents_has_an_empty_list() {
    let mut world = World::new();
    world.project("shop/web");
    let deploy = ci().stage("deploy", [job("deploy").here()]);
    let pipeline = world.pipeline("shop/web", "main", deploy);
    let me = world.job(pipeline, "deploy");
    let world = (GitLab::start(world), me);
    run("agents --quiet", &world).is(0, expect![""], "");
    run("agents --quiet -o json", &world).is(
        0,
        expect![[r#"
        []
    "#]],
        "",
    );
    run("agents --quiet 12", &world).is(5, "", expect![[r#"
        jobgate: error: this job may not use agent "12"
        jobgate: hint: this job may not use any agent
        jobgate: hint: `ci_access` in an agent's configuration file names the projects and groups that may use it
    "#]]);
    world.0.finish();
}
