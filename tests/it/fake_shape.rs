//! Each route's answer has exactly the keys and types of its fixture.

use serde_json::Value;

use crate::fake::{GitLab, World, child, ci, job};
use crate::fake_gitlab::{get, post};

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
fn world() -> (World, u64) {
    let mut world = World::new();
    let agents = world.project("ops/agents");
    let project = world.project("group/team/app");
    world.at_project(project).tags.push("v7.0.0".to_owned());
    world.at_project(project).ci = ci().stage("deploy", [job("production").stuck()]);
    world
        .at_project(project)
        .members
        .insert(crate::fake::MIRA, "developer");
    world.environment(project, "prod/eu", "production");
    let configuration = serde_json::json!({
        "default_namespace": "shop",
        "access_as": { "ci_job": {} },
        "environments": ["prod/*"],
        "protected_branches_only": true,
    });
    world.agent(agents, "prod", &["group"], configuration);
    let below = ci().stage("deploy", [job("eu").endless()]);
    let mut unit = job("unit")
        .allow_failure()
        .artifacts()
        .log("failed\n")
        .fails(100);
    unit.coverage = Some(81.5);
    let pipeline = world.pipeline(
        "group/team/app",
        "main",
        ci().stage(
            "test",
            [
                unit.needs([]),
                job("gate").tags(["k8s"]).here().environment("prod/eu"),
            ],
        )
        .stage(
            "deploy",
            [
                child("prod", ci()).needs([]).manual().allow_failure(),
                child("rollout", below).needs([]).depend(),
                job("production").needs([]).manual(),
            ],
        ),
    );
    world.advance_by(200);
    (world, pipeline)
}

#[test]
fn answers_have_the_keys_and_types_of_their_fixtures() {
    let (mut world, pipeline) = world();
    let token = world.project_token(45, "maintainer", &["api"]);
    world.access_tokens[0].expires_at = Some(world.now.plus(std::time::Duration::from_hours(48)));
    let (unit, gate) = (world.job(pipeline, "unit"), world.job(pipeline, "gate"));
    let production = world.job(pipeline, "production");
    let job_token = world.jobs[&gate].token.clone();
    let gitlab = GitLab::start(world);
    let (job, access) = (
        format!("JOB-TOKEN: {job_token}"),
        format!("PRIVATE-TOKEN: {token}"),
    );
    let project = "/projects/45";
    let routes = [
        ("/job".to_owned(), &job, "current_job"),
        ("/job/allowed_agents".to_owned(), &job, "allowed_agents"),
        (
            format!("{project}/jobs?scope[]=failed"),
            &job,
            "project_jobs",
        ),
        (format!("{project}/jobs/{unit}"), &access, "job"),
        (
            format!("{project}/pipelines/{pipeline}/jobs?scope=failed"),
            &job,
            "pipeline_jobs",
        ),
        (
            format!("{project}/pipelines/{pipeline}/trigger_jobs"),
            &job,
            "trigger_jobs",
        ),
        (
            format!("{project}/pipelines/{pipeline}/bridges"),
            &access,
            "trigger_jobs",
        ),
        (format!("{project}/pipelines?ref=main"), &job, "pipelines"),
        (format!("{project}/pipelines/{pipeline}"), &job, "pipeline"),
        (
            format!("{project}/environments?name=prod/eu"),
            &job,
            "environments",
        ),
        (
            format!("{project}/repository/branches?search=main"),
            &access,
            "branches",
        ),
        (
            format!("{project}/repository/branches/main"),
            &access,
            "branch",
        ),
        (format!("{project}/repository/tags"), &access, "tags"),
        (format!("{project}/repository/tags/v7.0.0"), &access, "tag"),
        (project.to_owned(), &access, "project"),
        (
            "/projects/group%2Fteam%2Fapp".to_owned(),
            &access,
            "project",
        ),
        (
            "/personal_access_tokens/self".to_owned(),
            &access,
            "token_self",
        ),
        ("/version".to_owned(), &access, "version"),
    ];
    for (path, header, fixture) in routes {
        let seen = get(&gitlab, &path, header);
        assert_eq!(seen.status, 200, "{path}");
        same_shape(&seen.json(), fixture);
    }
    let played = post(
        &gitlab,
        &format!("{project}/jobs/{production}/play"),
        &token,
    );
    same_shape(&played.json(), "play_job");
    let form = format!("token={job_token}&ref=main&variables[KEY]=value");
    let headers = ["Content-Type: application/x-www-form-urlencoded".to_owned()];
    let made = crate::fake_gitlab::ask(
        &gitlab,
        "POST",
        &format!("{project}/trigger/pipeline"),
        &headers,
        &form,
    );
    assert_eq!(made.status, 201, "{}", made.body);
    same_shape(&made.json(), "trigger_pipeline");
}

#[test]
fn an_old_server_has_fewer_keys() {
    let (mut world, pipeline) = world();
    world.age = 17;
    let gate = world.job(pipeline, "gate");
    let header = format!("JOB-TOKEN: {}", world.jobs[&gate].token);
    let gitlab = GitLab::start(world);
    same_shape(&get(&gitlab, "/job", &header).json(), "current_job_17");
    gitlab.world(|world| {
        world.agents.clear();
        let project = world.at_project(45);
        project.environments.clear();
        project.groups.clear();
    });
    same_shape(
        &get(&gitlab, "/job/allowed_agents", &header).json(),
        "allowed_agents_none",
    );
}
