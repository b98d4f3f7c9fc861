//! Which jobs are meant, and in which order they stand.

use expect_test::expect;
use serde_json::Value;

use super::{Scene, retried, shop};
use crate::fake::{World, ci, job};

#[test]
fn jobs_are_selected_as_everywhere() {
    shop(19).calls(
        &[
            (0, "e*[日本] --except compile"),
            (0, "--stage gate --status manual --status running"),
            (0, "--name 7"),
            (0, "unit --status success"),
            (5, "7 Compile uint lint x*"),
            (2, "90404"),
            (5, "--pipeline 4711"),
        ],
        &expect![[r#"
            $ jobs e*[日本] --except compile
            JOB                   STAGE  STATUS   DURATION  QUEUED     ID
            ende zu ende: [日本]  test   running    59m00s   1m00s  90403
            links: /shop/web/-/jobs/ID
            $ jobs --stage gate --status manual --status running
            JOB   STAGE  STATUS   DURATION  QUEUED     ID
            gate  gate   running        0s      0s  90404
            7     gate   manual                     90405
              /shop/web/-/jobs/90405
            links: /shop/web/-/jobs/ID
            $ jobs --name 7
            JOB  STAGE  STATUS     ID
            7    gate   manual  90405
              /shop/web/-/jobs/90405
            $ jobs unit --status success
            no job matches
            $ jobs 7 Compile uint lint x*
            JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE
            lint  test   failed     2m00s  48m00s  90402  allowed to fail, runner system failure
              /shop/web/-/jobs/90402
            jobgate: error: no job 7 in pipeline 7700
            jobgate: error: no job "Compile" in pipeline 7700; did you mean "compile"?
            jobgate: error: no job "uint" in pipeline 7700; did you mean "lint"?
            jobgate: error: no job matches "x*" in pipeline 7700
            jobgate: hint: for a job of another pipeline, add --pipeline ID; for a job with the name 7, use --name 7
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
            $ jobs 90404
            jobgate: error: "90404" is the calling job itself
            jobgate: hint: name another job of the pipeline
            $ jobs --pipeline 4711
            jobgate: error: project 44 has no pipeline 4711
            jobgate: error: GET /projects/44/pipelines/4711/jobs: 404 Not found (request id 01JD0000000000000000000019)
            jobgate: hint: an id belongs to one project: check the id and --project
        "#]],
    );
}

#[test]
fn the_calling_jobs_siblings_are_left_out_of_groups() {
    let mut world = World::new();
    world.project("shop/web");
    let gate = ci().stage("gate", [job("gate").parallel(3).here()]);
    let pipeline = world.pipeline("shop/web", "main", gate);
    let scene = Scene::of(world, pipeline, "gate 2/3");
    scene.calls(
        &[(0, "gate"), (5, "gat")],
        &expect![[r#"
            $ jobs gate
            left out, as parallel siblings of this job: gate 1/3, gate 3/3
            no job matches
            $ jobs gat
            jobgate: error: no job "gat" in pipeline 7700; did you mean "gate"?
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    let one = scene.run("jobs -o ndjson").arg("gate 1/3").binary();
    assert_eq!((one.code, one.out.lines().count()), (0, 1), "{}", one.log);
}

#[test]
fn older_attempts_place_their_stage_and_are_shown_when_asked_for() {
    let scene = retried();
    // An id of an older attempt means the job.
    scene.calls(
        &[(0, "--retried"), (0, "90400")],
        &expect![[r#"
        $ jobs --retried
        JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE
        compile  build  failed         1s      0s  90400  retried, the script failed
          /shop/web/-/jobs/90400
        compile  build  success        5s      0s  90403
        unit     test   running     1m00s      0s  90401
        gate     gate   running     1m00s      0s  90402
        links: /shop/web/-/jobs/ID
        $ jobs 90400
        JOB      STAGE  STATUS   DURATION  QUEUED     ID
        compile  build  success        5s      0s  90403
        links: /shop/web/-/jobs/ID
    "#]],
    );
    let ids = |words: &str| {
        let lines = scene.jobs(words).out;
        let rows = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| row["id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("-o ndjson"), [90_403, 90_402, 90_401]);
    assert_eq!(ids("-o ndjson --retried"), [90_403, 90_402, 90_401, 90_400]);
    assert_eq!(ids("-o ndjson 90400 --retried"), [90_403, 90_400]);
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let mut world = World::new();
    world.project("shop/web");
    let evil = job("-rf /\u{202e}").is("failed").because("evil\u{7}\n");
    let jobs = ci().stage("\u{1b}[2J", [evil]);
    let jobs = jobs.stage("gate", [job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", jobs);
    let scene = Scene::new(world, pipeline);
    scene.calls(
        &[(0, "-- -rf*")],
        &expect![[r#"
        $ jobs -- -rf*
        JOB            STAGE      STATUS  DURATION  QUEUED     ID  NOTE
        -rf /\u{202e}  \u{1b}[2J  failed     2m00s  48m00s  90400  evil\u{7}\n
          /shop/web/-/jobs/90400
    "#]],
    );
    let json = scene.jobs("-o ndjson -- -rf*").out;
    assert!(json.contains(r#""name":"-rf /\u202e""#), "{json}");
}

#[test]
fn mistakes_are_told_before_anything_is_sent() {
    let scene = shop(19);
    for words in [
        "--status done",
        "--limit 3",
        "--all-pipelines --limit x",
        "--all-pipelines --recursive",
        "--all-pipelines --pipeline 1",
        "--all-pipelines --downstream x",
        "--all-pipelines --status created",
        "--recursive --no-trigger-jobs",
        "--log-tail 3 -o json",
        "-o dotenv",
        "--project 44",
        "--project x",
        "--pipeline x",
        "--output-file /",
    ] {
        let got = scene.jobs(words);
        assert_eq!(
            (got.code, got.out.as_str()),
            (2, ""),
            "{words}: {}",
            got.log
        );
    }
    let asked = scene.gitlab.log();
    // The calling job's project is not known before GitLab is asked.
    assert!(
        asked
            .lines()
            .all(|line| line.starts_with("GET /api/v4/job ")),
        "{asked}"
    );
}
