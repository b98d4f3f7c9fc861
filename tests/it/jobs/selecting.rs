//! Which jobs are meant, and in which order they stand.

use expect_test::expect;
use serde_json::Value;

use super::{Scene, retried, shop};
use crate::fake::{GitLab, World, ci, job};
use crate::run::Run;

#[test]
fn jobs_are_selected_as_everywhere() {
    let scene = shop(19);
    scene
        .jobs("e*[日本] --except compile")
        .is(0, expect![[r#"
            JOB                   STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
            ende zu ende: [日本]  test   running    59m00s   1m00s  90403        /shop/web/-/jobs/90403
        "#]], expect![[r#"
            using the job token from CI_JOB_TOKEN
        "#]]);
    scene.jobs("--status failed --except l*").is(
        0,
        expect![[r#"
            JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
            unit  test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
        "#]],
    );
    scene
        .jobs("--stage gate --status manual --status running")
        .is(
            0,
            expect![[r#"
            JOB   STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
            gate  gate   running        0s      0s  90404        /shop/web/-/jobs/90404
            7     gate   manual                     90405        /shop/web/-/jobs/90405
        "#]],
            expect![[r#"
            using the job token from CI_JOB_TOKEN
        "#]],
        );
    scene.jobs("--name 7").is(
        0,
        expect![[r#"
        JOB  STAGE  STATUS  DURATION  QUEUED     ID  NOTE  LINK
        7    gate   manual                    90405        /shop/web/-/jobs/90405
    "#]],
        expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]],
    );
    scene.jobs("unit --status success").is(
        0,
        expect![[r#"
            JOB  STAGE  STATUS  DURATION  QUEUED  ID  NOTE  LINK
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
        "#]],
    );
    scene.jobs("7 uint compile x*").is(
        5,
        expect![[r#"
            JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
            compile  build  success     2m00s  48m00s  90400        /shop/web/-/jobs/90400
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: no job 7 in pipeline 7700
            jobgate: error: no job "uint" in pipeline 7700; did you mean "lint"?
            jobgate: error: no job matches "x*" in pipeline 7700
            jobgate: hint: a job of another pipeline needs --pipeline ID
            jobgate: hint: a name of digits only is reached with --name 7
            jobgate: hint: jobgate jobs lists the jobs of a pipeline
        "#]],
    );
    scene.jobs("gate").is(
        2,
        "",
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: "gate" is the calling job itself
            jobgate: hint: jobgate whoami shows the calling job
        "#]],
    );
    scene.jobs("90404").is(
        2,
        "",
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: "90404" is the calling job itself
            jobgate: hint: jobgate whoami shows the calling job
        "#]],
    );
    scene.jobs("--pipeline 4711").is(5, "", expect![[r#"
        using the job token from CI_JOB_TOKEN
        jobgate: error: project 44 has no pipeline 4711
        jobgate: error: GET /projects/44/pipelines/4711/jobs: 404 Not found (request id 01JD0000000000000000000025)
        jobgate: hint: an id belongs to one project (--project); a trigger job has no log and cannot be read by its id
    "#]]);
    scene
        .jobs("--project 99 --pipeline 4711")
        .is(5, "", expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: project 99 does not exist, or the token cannot see it
            jobgate: error: GET /projects/99/pipelines/4711/jobs: 404 Project Not Found (request id 01JD0000000000000000000027)
            jobgate: hint: the user who started the job must be a member of project 99 with the role Reporter or higher
            jobgate: hint: in project 99: Settings > CI/CD > Job token permissions > CI/CD job token allowlist, add the project that this job runs in
        "#]]);
}

#[test]
fn the_calling_jobs_siblings_are_left_out_of_groups() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("gate", [job("gate").parallel(3).here()]),
    );
    let me = world.job(pipeline, "gate 2/3");
    let gitlab = GitLab::start(world);
    let run = |words| {
        Run::new(words)
            .vars(gitlab.vars(me))
            .var("NO_COLOR", "1")
            .naming("https://gitlab.example.com/", "/")
    };
    run("jobs gate").binary().is(
        0,
        expect![[r#"
            JOB  STAGE  STATUS  DURATION  QUEUED  ID  NOTE  LINK
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            left out, as parallel siblings of this job: gate 1/3, gate 3/3
        "#]],
    );
    run("jobs").arg("gate 1/3").binary().is(
        0,
        expect![[r#"
            JOB       STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
            gate 1/3  gate   running        0s      0s  90400        /shop/web/-/jobs/90400
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
        "#]],
    );
}

#[test]
fn older_attempts_place_their_stage_and_are_shown_when_asked_for() {
    let scene = retried();
    scene.jobs("").is(
        0,
        expect![[r#"
        JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
        compile  build  success        5s      0s  90403        /shop/web/-/jobs/90403
        unit     test   running     1m00s      0s  90401        /shop/web/-/jobs/90401
        gate     gate   running     1m00s      0s  90402        /shop/web/-/jobs/90402
    "#]],
        expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]],
    );
    scene.jobs("--retried").is(0, expect![[r#"
        JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE                        LINK
        compile  build  failed         1s      0s  90400  retried, the script failed  /shop/web/-/jobs/90400
        compile  build  success        5s      0s  90403                              /shop/web/-/jobs/90403
        unit     test   running     1m00s      0s  90401                              /shop/web/-/jobs/90401
        gate     gate   running     1m00s      0s  90402                              /shop/web/-/jobs/90402
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]]);
    // An id of an older attempt means the job.
    scene.jobs("90400").is(
        0,
        expect![[r#"
        JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
        compile  build  success        5s      0s  90403        /shop/web/-/jobs/90403
    "#]],
        expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]],
    );
    scene
        .jobs("90400 --retried")
        .is(0, expect![[r#"
            JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE                        LINK
            compile  build  failed         1s      0s  90400  retried, the script failed  /shop/web/-/jobs/90400
            compile  build  success        5s      0s  90403                              /shop/web/-/jobs/90403
        "#]], expect![[r#"
            using the job token from CI_JOB_TOKEN
        "#]]);
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
    assert_eq!(ids("-o ndjson 90400"), [90_403]);
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage(
            "\u{1b}[2J",
            [job("-rf /\u{202e}").is("failed").because("evil\u{7}\n")],
        )
        .stage("gate", [job("gate").here()]),
    );
    let scene = Scene::new(world, pipeline);
    scene.jobs("-- -rf*").is(0, expect![[r#"
        JOB            STAGE      STATUS  DURATION  QUEUED     ID  NOTE         LINK
        -rf /\u{202e}  \u{1b}[2J  failed     2m00s  48m00s  90400  evil\u{7}\n  /shop/web/-/jobs/90400
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]]);
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
