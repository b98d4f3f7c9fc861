//! Each route's answer has exactly the keys and types of its fixture.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fake::{Id, MIRA, World, child, ci, job};
use crate::fake_gitlab::Shop;

/// Every key with its type, one a line: `.pipeline.id number`. Of an array's elements each is listed.
fn shape(at: &str, value: &Value, lines: &mut Vec<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    lines.push(format!("{at} {kind}"));
    match value {
        Value::Array(rows) => {
            for (n, row) in rows.iter().enumerate() {
                shape(&format!("{at}[{n}]"), row, lines);
            }
        }
        Value::Object(object) => {
            for (key, value) in object {
                shape(&format!("{at}.{key}"), value, lines);
            }
        }
        _ => {}
    }
}

fn same_shape(answer: &Value, fixture: &str) {
    let path = format!(
        "{}/tests/fixtures/{fixture}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let fixture_value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    shape("", &fixture_value, &mut wanted);
    shape("", answer, &mut found);
    wanted.sort();
    found.sort();
    let missing: Vec<_> = wanted.iter().filter(|line| !found.contains(line)).collect();
    let surplus: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{fixture}: missing {missing:#?}, surplus {surplus:#?}"
    );
}

/// A pipeline with a row for each fixture.
fn world() -> (World, Id) {
    let mut world = World::new();
    let agents = world.project("ops/agents");
    let project = world.project("group/team/app");
    world.environment(project, "prod/eu", "production");
    let at = world.at_project(project);
    at.tags.push("v7.0.0".to_owned());
    at.ci = ci().stage("deploy", [job("production").stuck()]);
    at.members.insert(MIRA, "developer");
    let configuration = json!({
        "default_namespace": "shop",
        "access_as": { "ci_job": {} },
        "environments": ["prod/*"],
        "protected_branches_only": true,
    });
    world.agent(agents, "prod", &["group"], configuration);
    let mut unit = job("unit").allow_failure().artifacts().log("failed\n");
    unit.coverage = Some(81.5);
    let below = ci().stage("deploy", [job("eu").endless()]);
    let gate = job("gate").tags(["k8s"]).here().environment("prod/eu");
    let deploy = [
        child("prod", ci()).needs([]).manual().allow_failure(),
        child("rollout", below).needs([]).depend(),
        job("production").needs([]).manual(),
    ];
    let spec = ci().stage("test", [unit.fails(100).needs([]), gate]);
    let pipeline = world.pipeline("group/team/app", "main", spec.stage("deploy", deploy));
    world.advance_by(200);
    (world, pipeline)
}

#[test]
fn answers_have_the_keys_and_types_of_their_fixtures() {
    let (world, pipeline) = world();
    let shop = Shop::start(world, pipeline);
    shop.gitlab.world(|world| {
        let soon = world.now.plus(Duration::from_hours(48));
        world.access_tokens[0].expires_at = Some(soon);
    });
    for (request, fixture) in [
        ("job GET /job", "current_job"),
        ("job GET /job/allowed_agents", "allowed_agents"),
        ("job GET /projects/45/jobs?scope[]=failed", "project_jobs"),
        ("access GET /projects/45/jobs/:unit", "job"),
        (
            "job GET /projects/45/pipelines/:pipeline/jobs?scope=failed",
            "pipeline_jobs",
        ),
        (
            "job GET /projects/45/pipelines/:pipeline/trigger_jobs",
            "trigger_jobs",
        ),
        (
            "access GET /projects/45/pipelines/:pipeline/bridges",
            "trigger_jobs",
        ),
        ("job GET /projects/45/pipelines?ref=main", "pipelines"),
        ("job GET /projects/45/pipelines/:pipeline", "pipeline"),
        (
            "job GET /projects/45/environments?name=prod/eu",
            "environments",
        ),
        (
            "access GET /projects/45/repository/branches?search=main",
            "branches",
        ),
        ("access GET /projects/45/repository/branches/main", "branch"),
        ("access GET /projects/45/repository/tags", "tags"),
        ("access GET /projects/45/repository/tags/v7.0.0", "tag"),
        ("access GET /projects/45", "project"),
        ("access GET /projects/group%2Fteam%2Fapp", "project"),
        ("access GET /personal_access_tokens/self", "token_self"),
        ("access GET /version", "version"),
        ("access POST /projects/45/jobs/:production/play", "play_job"),
        (
            "job POST /projects/45/trigger/pipeline token=$&ref=main&variables[KEY]=value",
            "trigger_pipeline",
        ),
    ] {
        let seen = shop.ask(request);
        assert!(
            [200, 201].contains(&seen.status),
            "{request}: {}",
            seen.body
        );
        same_shape(&seen.json(), fixture);
    }
}

#[test]
fn an_old_server_has_fewer_keys() {
    let (mut world, pipeline) = world();
    world.age = 17;
    let shop = Shop::start(world, pipeline);
    same_shape(&shop.ask("job GET /job").json(), "current_job_17");
    shop.gitlab.world(|world| {
        world.agents.clear();
        let project = world.at_project(45);
        project.environments.clear();
        project.groups.clear();
    });
    let agents = shop.ask("job GET /job/allowed_agents").json();
    same_shape(&agents, "allowed_agents_none");
}
