//! `agents` says which agents for Kubernetes the job may use, and hands one's context to `kubectl`.

use expect_test::expect;
use serde_json::{Value, json};

use crate::fake::{GitLab, Id, Protected, World, ci, job};
use crate::run::Run;

/// A deploy job that two of three agents are allowed to, one of them in production only.
fn deploying(age: u32) -> (GitLab, Id, tempfile::TempDir) {
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
    (GitLab::start(world), me, tempfile::tempdir().unwrap())
}

fn run(words: &str, (gitlab, me, folder): &(GitLab, Id, tempfile::TempDir)) -> Run {
    Run::new(words)
        .vars(gitlab.vars(*me))
        .var("KUBECONFIG", gitlab.kubeconfig(*me, folder.path()))
        .var("NO_COLOR", "1")
        .naming(folder.path().to_string_lossy(), "DIR")
}

const USING: &str = "using the job token from CI_JOB_TOKEN\n";

const LIST: &str = "
ID  CONFIG PROJECT  NAME     CONTEXT             NAMESPACE  ACCESS AS  ENVIRONMENTS  PROTECTED ONLY
12  ops/agents      prod     ops/agents:prod     shop       ci_job     prod*         yes
13  ops/agents      staging  ops/agents:staging             agent      any           no
";

#[test]
fn the_allowed_agents_are_listed_with_their_names() {
    for age in [17, 18, 19] {
        let world = deploying(age);
        run("agents", &world).binary().is(0, LIST, USING);
        world.0.finish();
    }
}

#[test]
fn one_agent_is_found_by_id_project_or_name() {
    let world = deploying(19);
    let only = "
ID  CONFIG PROJECT  NAME  CONTEXT          NAMESPACE  ACCESS AS  ENVIRONMENTS  PROTECTED ONLY
12  ops/agents      prod  ops/agents:prod  shop       ci_job     prod*         yes
";
    for agent in ["12", "ops/agents:prod"] {
        run("agents", &world).arg(agent).binary().is(0, only, USING);
    }
    world.0.finish();
}

#[test]
fn the_context_alone_is_for_kubectl() {
    let world = deploying(19);
    for agent in ["12", "ops/agents:prod"] {
        let told = run("agents --context", &world).arg(agent).binary();
        told.is(
            0,
            expect![[r#"
            ops/agents:prod
        "#]],
            USING,
        );
    }
    run("agents --context", &world).binary().is(
        2,
        "",
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: 2 agents are allowed to this job: --context needs an AGENT
            jobgate: hint: usage: jobgate agents [OPTIONS] [AGENT]
            jobgate: hint: jobgate agents --help
        "#]],
    );
    run("agents 12 --context", &world)
        .without("KUBECONFIG")
        .binary()
        .is(6, "", expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: no file in KUBECONFIG has a context for agent 12
            jobgate: hint: GitLab sets KUBECONFIG for jobs that may use an agent: do not overwrite it
        "#]]);
    world.0.finish();
}

#[test]
fn an_agent_that_is_not_allowed_is_not_found() {
    let world = deploying(19);
    for (agent, what) in [
        ("14", "agent 14"),
        ("bank/core", "an agent of \"bank/core\""),
        ("ops/agents:secret", "agent \"ops/agents:secret\""),
    ] {
        run("agents", &world).arg(agent).binary().is(
            5,
            "",
            &format!(
                "
using the job token from CI_JOB_TOKEN
jobgate: error: {what} is not allowed to this job
jobgate: hint: allowed are: 12 (ops/agents:prod), 13 (ops/agents:staging)
jobgate: hint: an agent's ci_access in its configuration file names projects, groups, environments and protected branches
"
            ),
        );
    }
    run("agents ops/agents", &world)
        .binary()
        .is(2, "", expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: an agent of "ops/agents" could be any of 12 (ops/agents:prod), 13 (ops/agents:staging)
            jobgate: hint: use the id, or CONFIG_PROJECT:NAME
        "#]]);
    world.0.finish();
}

#[test]
fn json_is_gitlabs_own_complete() {
    let world = deploying(19);
    let agents = world.0.world(|shop| shop.allowed_agents_json(world.1));
    let all = agents["allowed_agents"].clone();
    let told = run("agents -o json", &world).binary();
    assert_eq!((told.code, told.log.as_str()), (0, USING));
    assert_eq!(serde_json::from_str::<Value>(&told.out).unwrap(), all);
    let told = run("agents -o ndjson 13", &world).binary();
    assert_eq!(serde_json::from_str::<Value>(&told.out).unwrap(), all[1]);
    assert_eq!(told.out.matches('\n').count(), 1);
    world.0.finish();
}

#[test]
fn a_kubeconfig_that_cannot_be_read_is_refused_without_its_text() {
    let world = deploying(19);
    let file = world.2.path().join("broken");
    std::fs::write(&file, "contexts:\n- name: a\n\tuser: ci:12:glcbt-secret\n").unwrap();
    let told = run("agents", &world)
        .var("KUBECONFIG", file.as_os_str())
        .binary();
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    assert!(
        told.log
            .contains("kubeconfig DIR/broken: line 3, column 1:"),
        "{}",
        told.log
    );
    assert!(!told.log.contains("secret"), "{}", told.log);
    let told = run("agents", &world)
        .var("KUBECONFIG", world.2.path())
        .binary();
    assert_eq!(told.code, 2, "a folder: {}", told.log);
    assert_eq!(world.0.requests().len(), 0, "nothing was asked");
    world.0.finish();
}

#[test]
fn words_that_make_no_sense_are_refused_before_anything_is_asked() {
    let world = deploying(19);
    for words in [
        "agents nonsense",
        "agents 99999999999999999999",
        "agents -o dotenv",
        "agents --context -o json",
        "agents 12 13",
        "agents ops/agents:",
    ] {
        let told = run(words, &world).binary();
        assert_eq!(
            (told.code, told.out.as_str()),
            (2, ""),
            "{words}: {}",
            told.log
        );
    }
    assert_eq!(world.0.requests().len(), 0);
    world.0.finish();
}

#[test]
fn a_job_without_agents_has_an_empty_list() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("deploy", [job("deploy").here()]),
    );
    let me = world.job(pipeline, "deploy");
    let world = (GitLab::start(world), me, tempfile::tempdir().unwrap());
    let title =
        "ID  CONFIG PROJECT  NAME  CONTEXT  NAMESPACE  ACCESS AS  ENVIRONMENTS  PROTECTED ONLY\n";
    run("agents", &world).binary().is(0, title, USING);
    run("agents -o json", &world).binary().is(
        0,
        expect![[r#"
            []
        "#]],
        USING,
    );
    let told = run("agents --context", &world).binary();
    assert_eq!((told.code, told.out.as_str()), (5, ""), "{}", told.log);
    world.0.finish();
}
