//! A pipeline and everything below it.

use expect_test::expect;
use serde_json::Value;

use super::Scene;
use crate::fake::{Allow, World, child, ci, downstream, job};

/// Three levels, the last one in another project.
fn levels(open: bool) -> Scene {
    let mut world = World::new();
    world.project("shop/web");
    let charts = world.project("ops/charts");
    world.at_project(charts).ci = ci().stage(
        "roll",
        [
            job("apply").is("failed").log_at(0, "boom\n"),
            job("check").is("success"),
        ],
    );
    if open {
        world.at_project(charts).allowlist.push(Allow {
            from: "shop/web".to_owned(),
            policies: None,
        });
    } else {
        world.at_project(charts).members.clear();
    }
    let parts = ci().stage(
        "part",
        [
            job("part").is("success"),
            downstream("charts", "ops/charts").queue(0),
        ],
    );
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage(
            "build",
            [
                job("compile").is("success"),
                job("gate").here(),
                child("parts", parts).queue(0),
            ],
        ),
    );
    world.advance_by(30);
    Scene::new(world, pipeline)
}

#[test]
fn a_tree_shows_every_pipeline_below() {
    let scene = levels(true);
    scene.calls(
        &[
            (0, "--recursive"),
            (5, "--recursive part chekc"),
            (0, "--downstream parts --downstream charts"),
            (5, "--downstream Parts"),
            (5, "--downstream compile"),
        ],
        &expect![[r#"
            $ jobs --recursive
            JOB          STAGE  STATUS   DURATION  QUEUED     ID  NOTE
            compile      build  success     2m00s  48m00s  90400
            gate         build  running       30s      0s  90401
            parts        build  success        0s      1s  90402  started pipeline 7701
            ├─ part      part   success     2m00s  48m00s  90403
            └─ charts    part   success        0s      1s  90404  started pipeline 7702
               ├─ apply  roll   failed      2m00s  48m00s  90405  the script failed
               │    /ops/charts/-/jobs/90405
               └─ check  roll   success     2m00s  48m00s  90406
            $ jobs --recursive part chekc
            JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE
            parts    build  success        0s      1s  90402  started pipeline 7701
            └─ part  part   success     2m00s  48m00s  90403
            links: /shop/web/-/jobs/ID
            jobgate: error: no job "chekc" in pipeline 7700 and the pipelines below it; did you mean "check"?
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            $ jobs --downstream parts --downstream charts
            JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE
            apply  roll   failed      2m00s  48m00s  90405  the script failed
              /ops/charts/-/jobs/90405
            check  roll   success     2m00s  48m00s  90406
            links: /ops/charts/-/jobs/ID
            pipeline 7701 of project 44, started by parts in pipeline 7700
            pipeline 7702 of project 45, started by charts in pipeline 7701
            $ jobs --downstream Parts
            jobgate: error: no trigger job "Parts" in pipeline 7700; did you mean "parts"?
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            $ jobs --downstream compile
            jobgate: error: no trigger job "compile" in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    let apply = scene.both("--recursive apply --log-tail 5");
    apply.is(
        0,
        expect![[r#"
            JOB          STAGE  STATUS   DURATION  QUEUED     ID  NOTE
            parts        build  success        0s      1s  90402  started pipeline 7701
            └─ charts    part   success        0s      1s  90404  started pipeline 7702
               └─ apply  roll   failed      2m00s  48m00s  90405  the script failed
                    /ops/charts/-/jobs/90405
            links: /shop/web/-/jobs/ID

            apply (90405): the script failed
              boom
        "#]],
        "",
    );
}

#[test]
fn a_tree_is_a_document_or_a_line_per_job() {
    let scene = levels(true);
    let tree: Value = serde_json::from_str(&scene.jobs("--recursive -o json").out).unwrap();
    let child = &tree["jobs"][2]["downstream"];
    let chart = &child["jobs"][1]["downstream"];
    assert_eq!(
        tree["pipeline"],
        serde_json::json!({"id": 7700, "project_id": 44})
    );
    assert_eq!(
        child["pipeline"],
        serde_json::json!({"id": 7701, "project_id": 44})
    );
    assert_eq!(
        chart["pipeline"],
        serde_json::json!({"id": 7702, "project_id": 45})
    );
    assert_eq!(chart["jobs"][0]["job"]["failure_reason"], "script_failure");
    assert_eq!(chart["jobs"][0]["downstream"], Value::Null);
    assert_eq!(chart["jobs"][0]["retried"], false);
    // What leads to a job that is meant stays in the tree, and is no line of its own.
    let tree: Value = serde_json::from_str(&scene.jobs("--recursive apply -o json").out).unwrap();
    assert_eq!(tree["jobs"][0]["job"]["name"], "parts");
    assert_eq!(
        tree["jobs"][0]["downstream"]["jobs"][0]["job"]["name"],
        "charts"
    );
    let lines = scene.jobs("--recursive a* p* -o ndjson").out;
    let rows = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let names: Vec<String> = rows
        .map(|row| {
            format!(
                "{}/{}",
                row["pipeline"]["id"],
                row["job"]["name"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(names, ["7700/parts", "7701/part", "7702/apply"]);
}

#[test]
fn a_pipeline_that_cannot_be_read_is_named_and_the_rest_is_shown() {
    let scene = levels(false);
    scene.calls(&[(4, "--recursive")], &expect![[r#"
        $ jobs --recursive
        JOB        STAGE  STATUS   DURATION  QUEUED     ID  NOTE
        compile    build  success     2m00s  48m00s  90400
        gate       build  running       30s      0s  90401
        parts      build  success        0s      1s  90402  started pipeline 7701
        ├─ part    part   success     2m00s  48m00s  90403
        └─ charts  part   success        0s      1s  90404
             started pipeline 7702, 403 Forbidden - Authentication by CI/CD job token not allowed from web to charts.
        links: /shop/web/-/jobs/ID
        jobgate: error: project 45 does not accept job tokens of this project
        jobgate: error: GET /projects/45/pipelines/7702/jobs: 403 Forbidden - Authentication by CI/CD job token not allowed from web to charts. (request id 01JD0000000000000000000005)
        jobgate: hint: add the project that this job runs in (web) to the allowlist
        jobgate: hint: see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in project 45
        jobgate: hint: the user who started the job must be a member of project 45 with the role Reporter or higher
    "#]]);
    let got = scene.jobs("--recursive -o json");
    let tree: Value = serde_json::from_str(&got.out).unwrap();
    let charts = &tree["jobs"][2]["downstream"]["jobs"][1]["downstream"];
    assert_eq!(charts["pipeline"]["id"], 7702);
    assert!(
        charts["error"].as_str().unwrap().contains("403"),
        "{charts}"
    );
    assert_eq!(got.code, 4);
}
