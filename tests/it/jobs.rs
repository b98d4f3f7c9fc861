//! `jobs` shows what a pipeline holds.

use std::process::Stdio;

use jobgate::os::Interrupt;
use serde_json::Value;

use crate::fake::{Allow, Fault, GitLab, Id, MIRA, World, child, ci, downstream, job};
use crate::run::{Outcome, Run};

/// A GitLab, the job that calls, and an access token.
struct Scene {
    gitlab: GitLab,
    me: Id,
    token: String,
}

impl Scene {
    fn new(mut world: World, pipeline: Id) -> Self {
        let token = world.access_token(MIRA, &["api"]);
        let me = world.job(pipeline, "gate");
        Self {
            gitlab: GitLab::start(world),
            me,
            token,
        }
    }

    fn run(&self, words: &str) -> Run {
        Run::new(words)
            .vars(self.gitlab.vars(self.me))
            .var("NO_COLOR", "1")
            .naming(self.gitlab.origin(), "https://gitlab.test")
            .naming("https://gitlab.example.com/", "/")
    }

    /// With the job token alone.
    fn jobs(&self, words: &str) -> Outcome {
        self.run(&format!("jobs {words}")).binary()
    }

    fn both(&self, words: &str) -> Outcome {
        self.with(words).binary()
    }

    fn with(&self, words: &str) -> Run {
        self.run(&format!("jobs {words}"))
            .var("GITLAB_TOKEN", self.token.as_str())
    }

    /// With the access token alone.
    fn access(&self, words: &str) -> Outcome {
        self.with(words).without("CI_JOB_TOKEN").binary()
    }
}

/// A pipeline that stands still, with a little of everything.
fn shop(age: u32) -> Scene {
    let mut world = World::new();
    world.age = age;
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("build", [job("compile").is("success")])
            .stage(
                "test",
                [
                    job("unit")
                        .is("failed")
                        .log_at(0, "one\n\u{1b}[31mtwo\u{1b}[0m\nthree\n"),
                    job("lint")
                        .is("failed")
                        .allow_failure()
                        .because("runner_system_failure"),
                    job("ende zu ende: [日本]").is("running"),
                ],
            )
            .stage(
                "gate",
                [
                    job("gate").here(),
                    job("7").is("manual"),
                    child("parts", ci().stage("part", [job("part").is("success")])).queue(3600),
                ],
            ),
    );
    Scene::new(world, pipeline)
}

#[test]
fn a_pipeline_is_shown_in_the_order_of_its_stages() {
    shop(19).jobs("").is(0, r"
JOB                   STAGE  STATUS   DURATION  QUEUED     ID  NOTE                                              LINK
compile               build  success     2m00s  48m00s  90400                                                    /shop/web/-/jobs/90400
unit                  test   failed      2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
lint                  test   failed      2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402
ende zu ende: [日本]  test   running    59m00s   1m00s  90403                                                    /shop/web/-/jobs/90403
gate                  gate   running        0s      0s  90404                                                    /shop/web/-/jobs/90404
7                     gate   manual                     90405                                                    /shop/web/-/jobs/90405
parts                 gate   created                    90406  trigger job                                       /shop/web/-/jobs/90406
", "using the job token from CI_JOB_TOKEN\n");
}

#[test]
fn gitlab_17_shows_lists_to_access_tokens_only() {
    let scene = shop(17);
    scene.jobs("").is(4, "", r"
using the job token from CI_JOB_TOKEN
jobgate: error: on this GitLab no job token may list the jobs of a pipeline: that takes GitLab 18.2 or later, or an access token
jobgate: error: GET /projects/44/pipelines/7700/jobs: 404 Project Not Found (request id 01JD0000000000000000000001)
jobgate: hint: put an access token (project, group or personal) with the role Reporter and the scope read_api into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
");
    scene.both("unit lint").is(0, r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE                                              LINK
unit  test   failed     2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
lint  test   failed     2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402
", r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
");
    scene.access("unit").is(4, "", r"
jobgate: error: GET /job: not asked: CI_JOB_TOKEN is not set
jobgate: hint: GitLab sets it in every job; it is not passed on by `sudo` or into containers by itself
jobgate: hint: --project and --pipeline together need no job token
");
    scene.access("--project 44 --pipeline 7700 unit parts").is(
        0,
        r"
JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE               LINK
unit   test   failed      2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
parts  gate   created                    90406  trigger job        /shop/web/-/jobs/90406
",
        "using the access token from GITLAB_TOKEN\n",
    );
    scene.access("--project 44 --all-pipelines --limit 1").is(
        0,
        r"
JOB  STAGE  STATUS  DURATION  QUEUED     ID  PIPELINE  NOTE  LINK
7    gate   manual                    90405      7700        /shop/web/-/jobs/90405
",
        "using the access token from GITLAB_TOKEN\n",
    );
    let log = scene.gitlab.log();
    assert!(!log.contains("bearer") && !log.contains("both"), "{log}");
}

#[test]
fn gitlab_18_shows_trigger_jobs_to_access_tokens_only() {
    let scene = shop(18);
    scene.jobs("--status manual").is(4, r"
JOB  STAGE  STATUS  DURATION  QUEUED     ID  NOTE  LINK
7    gate   manual                    90405        /shop/web/-/jobs/90405
", r"
using the job token from CI_JOB_TOKEN
jobgate: error: on this GitLab no job token may list the trigger jobs of a pipeline: that takes GitLab 19.2 or later, or an access token
jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000003)
jobgate: hint: put an access token (project, group or personal) with the role Reporter and the scope read_api into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
jobgate: hint: --no-trigger-jobs leaves trigger jobs out
");
    // Names, groups and ids that are found among the jobs need no trigger jobs.
    scene.jobs("unit 90402").is(0, r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE                                              LINK
unit  test   failed     2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
lint  test   failed     2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402
", "using the job token from CI_JOB_TOKEN\n");
    scene.jobs("u*").is(4, r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
unit  test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
", r"
using the job token from CI_JOB_TOKEN
jobgate: error: on this GitLab no job token may list the trigger jobs of a pipeline: that takes GitLab 19.2 or later, or an access token
jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000011)
jobgate: hint: put an access token (project, group or personal) with the role Reporter and the scope read_api into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
jobgate: hint: --no-trigger-jobs leaves trigger jobs out
");
    scene.jobs("parts").is(4, "JOB  STAGE  STATUS  DURATION  QUEUED  ID  NOTE  LINK\n", r#"
using the job token from CI_JOB_TOKEN
jobgate: error: on this GitLab no job token may list the trigger jobs of a pipeline: that takes GitLab 19.2 or later, or an access token
jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000015)
jobgate: error: no job "parts" in pipeline 7700
jobgate: hint: put an access token (project, group or personal) with the role Reporter and the scope read_api into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
jobgate: hint: --no-trigger-jobs leaves trigger jobs out
"#);
    scene.jobs("u* --no-trigger-jobs").is(
        0,
        r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
unit  test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("--stage build").is(4, r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
compile  build  success     2m00s  48m00s  90400        /shop/web/-/jobs/90400
", r"
using the job token from CI_JOB_TOKEN
jobgate: error: on this GitLab no job token may list the trigger jobs of a pipeline: that takes GitLab 19.2 or later, or an access token
jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000021)
jobgate: hint: put an access token (project, group or personal) with the role Reporter and the scope read_api into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
jobgate: hint: --no-trigger-jobs leaves trigger jobs out
");
    scene.jobs("--recursive unit").is(4, r"
JOB                          STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
pipeline 7700 of project 44
└─ unit                      test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
", r"
using the job token from CI_JOB_TOKEN
jobgate: error: on this GitLab no job token may list the trigger jobs of a pipeline: that takes GitLab 19.2 or later, or an access token
jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000025)
jobgate: hint: put an access token (project, group or personal) with the role Reporter and the scope read_api into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
");
    scene.both("parts").is(
        0,
        r"
JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
",
        r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
",
    );
    scene.access("--project shop/web --pipeline 7700 parts").is(
        0,
        r"
JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
",
        "using the access token from GITLAB_TOKEN\n",
    );
}

#[test]
fn gitlab_19_shows_all_to_the_job_token() {
    let scene = shop(19);
    scene.jobs("parts").is(
        0,
        r"
JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.both("parts").is(
        0,
        r"
JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.access("--project 44 --pipeline 7700 parts").is(
        0,
        r"
JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
",
        "using the access token from GITLAB_TOKEN\n",
    );
}

#[test]
fn jobs_are_selected_as_everywhere() {
    let scene = shop(19);
    scene.jobs("e*[日本] --except compile").is(
        0,
        r"
JOB                   STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
ende zu ende: [日本]  test   running    59m00s   1m00s  90403        /shop/web/-/jobs/90403
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("--status failed --except l*").is(
        0,
        r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
unit  test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene
        .jobs("--stage gate --status manual --status running")
        .is(
            0,
            r"
JOB   STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
gate  gate   running        0s      0s  90404        /shop/web/-/jobs/90404
7     gate   manual                     90405        /shop/web/-/jobs/90405
",
            "using the job token from CI_JOB_TOKEN\n",
        );
    scene.jobs("--name 7").is(
        0,
        r"
JOB  STAGE  STATUS  DURATION  QUEUED     ID  NOTE  LINK
7    gate   manual                    90405        /shop/web/-/jobs/90405
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("unit --status success").is(
        0,
        "JOB  STAGE  STATUS  DURATION  QUEUED  ID  NOTE  LINK\n",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("7 uint compile x*").is(
        5,
        r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
compile  build  success     2m00s  48m00s  90400        /shop/web/-/jobs/90400
",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: no job 7 in pipeline 7700
jobgate: error: no job "uint" in pipeline 7700; did you mean "lint"?
jobgate: error: no job matches "x*" in pipeline 7700
jobgate: hint: a job of another pipeline needs --pipeline ID
jobgate: hint: a name of digits only is reached with --name 7
"#,
    );
    scene.jobs("gate").is(
        2,
        "",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: "gate" is the calling job itself
jobgate: hint: jobgate whoami tells about it
"#,
    );
    scene.jobs("90404").is(
        2,
        "",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: "90404" is the calling job itself
jobgate: hint: jobgate whoami tells about it
"#,
    );
    scene.jobs("--pipeline 4711").is(5, "", r"
using the job token from CI_JOB_TOKEN
jobgate: error: project 44 has no pipeline 4711
jobgate: error: GET /projects/44/pipelines/4711/jobs: 404 Not found (request id 01JD0000000000000000000025)
jobgate: hint: an id counts in its own project only: check --project
");
    scene.jobs("--project 99 --pipeline 4711").is(5, "", r"
using the job token from CI_JOB_TOKEN
jobgate: error: project 99 does not exist, or this token may not see it
jobgate: error: GET /projects/99/pipelines/4711/jobs: 404 Project Not Found (request id 01JD0000000000000000000027)
jobgate: hint: the user who started the job must be a member of project 99 with the role Reporter or higher
jobgate: hint: in project 99: Settings > CI/CD > Job token permissions > CI/CD job token allowlist, add the project that this job runs in
");
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
        "JOB  STAGE  STATUS  DURATION  QUEUED  ID  NOTE  LINK\n",
        r"
using the job token from CI_JOB_TOKEN
left out, as parallel jobs of the calling one: gate 3/3, gate 1/3
",
    );
    run("jobs").arg("gate 1/3").binary().is(
        0,
        r"
JOB       STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
gate 1/3  gate   running        0s      0s  90400        /shop/web/-/jobs/90400
",
        "using the job token from CI_JOB_TOKEN\n",
    );
}

/// `build` was retried as a whole, so that its newest attempts have the highest ids.
fn retried() -> Scene {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("build", [job("compile").queue(0).fails(1).runs(5).retry(1)])
            .stage("test", [job("unit").needs([]).queue(0).runs(3600)])
            .stage("gate", [job("gate").here()]),
    );
    world.advance_by(60);
    Scene::new(world, pipeline)
}

#[test]
fn older_attempts_place_their_stage_and_are_shown_when_asked_for() {
    let scene = retried();
    scene.jobs("").is(
        0,
        r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
compile  build  success        5s      0s  90403        /shop/web/-/jobs/90403
unit     test   running     1m00s      0s  90401        /shop/web/-/jobs/90401
gate     gate   running     1m00s      0s  90402        /shop/web/-/jobs/90402
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("--retried").is(
        0,
        r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE                        LINK
compile  build  failed         1s      0s  90400  retried, the script failed  /shop/web/-/jobs/90400
compile  build  success        5s      0s  90403                              /shop/web/-/jobs/90403
unit     test   running     1m00s      0s  90401                              /shop/web/-/jobs/90401
gate     gate   running     1m00s      0s  90402                              /shop/web/-/jobs/90402
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    // An id of an older attempt means the job.
    scene.jobs("90400").is(
        0,
        r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
compile  build  success        5s      0s  90403        /shop/web/-/jobs/90403
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("90400 --retried").is(
        0,
        r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE                        LINK
compile  build  failed         1s      0s  90400  retried, the script failed  /shop/web/-/jobs/90400
compile  build  success        5s      0s  90403                              /shop/web/-/jobs/90403
",
        "using the job token from CI_JOB_TOKEN\n",
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
    assert_eq!(ids("-o ndjson 90400"), [90_403]);
}

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
    scene.jobs("--recursive").is(0, r"
JOB                                      STAGE  STATUS   DURATION  QUEUED     ID  NOTE               LINK
pipeline 7700 of project 44
├─ compile                               build  success     2m00s  48m00s  90400                     /shop/web/-/jobs/90400
├─ gate                                  build  running       30s      0s  90401                     /shop/web/-/jobs/90401
└─ parts                                 build  success        0s      1s  90402  trigger job        /shop/web/-/jobs/90402
   └─ pipeline 7701 of project 44
      ├─ part                            part   success     2m00s  48m00s  90403                     /shop/web/-/jobs/90403
      └─ charts                          part   success        0s      1s  90404  trigger job        /shop/web/-/jobs/90404
         └─ pipeline 7702 of project 45
            ├─ apply                     roll   failed      2m00s  48m00s  90405  the script failed  /ops/charts/-/jobs/90405
            └─ check                     roll   success     2m00s  48m00s  90406                     /ops/charts/-/jobs/90406
", "using the job token from CI_JOB_TOKEN\n");
    scene.jobs("--recursive --status failed").is(0, r"
JOB                                      STAGE  STATUS   DURATION  QUEUED     ID  NOTE               LINK
pipeline 7700 of project 44
└─ parts                                 build  success        0s      1s  90402  trigger job        /shop/web/-/jobs/90402
   └─ pipeline 7701 of project 44
      └─ charts                          part   success        0s      1s  90404  trigger job        /shop/web/-/jobs/90404
         └─ pipeline 7702 of project 45
            └─ apply                     roll   failed      2m00s  48m00s  90405  the script failed  /ops/charts/-/jobs/90405
", "using the job token from CI_JOB_TOKEN\n");
    scene.jobs("--recursive part chekc").is(5, r"
JOB                                STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
pipeline 7700 of project 44
└─ parts                           build  success        0s      1s  90402  trigger job  /shop/web/-/jobs/90402
   └─ pipeline 7701 of project 44
      └─ part                      part   success     2m00s  48m00s  90403               /shop/web/-/jobs/90403
", r#"
using the job token from CI_JOB_TOKEN
jobgate: error: no job "chekc" in pipeline 7700 and below
"#);
    scene.jobs("--downstream parts --downstream charts").is(
        0,
        r"
JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE               LINK
apply  roll   failed      2m00s  48m00s  90405  the script failed  /ops/charts/-/jobs/90405
check  roll   success     2m00s  48m00s  90406                     /ops/charts/-/jobs/90406
",
        r"
using the job token from CI_JOB_TOKEN
pipeline 7701 of project 44, started by parts in pipeline 7700
pipeline 7702 of project 45, started by charts in pipeline 7701
",
    );
    scene.jobs("--downstream part").is(
        5,
        "",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: no trigger job "part" in pipeline 7700
jobgate: hint: jobgate jobs lists the trigger jobs of a pipeline
"#,
    );
    scene.jobs("--downstream compile").is(
        5,
        "",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: no trigger job "compile" in pipeline 7700
jobgate: hint: jobgate jobs lists the trigger jobs of a pipeline
"#,
    );
    scene.both("--recursive apply --log-tail 5").is(0, r"
JOB                                      STAGE  STATUS   DURATION  QUEUED     ID  NOTE               LINK
pipeline 7700 of project 44
└─ parts                                 build  success        0s      1s  90402  trigger job        /shop/web/-/jobs/90402
   └─ pipeline 7701 of project 44
      └─ charts                          part   success        0s      1s  90404  trigger job        /shop/web/-/jobs/90404
         └─ pipeline 7702 of project 45
            └─ apply                     roll   failed      2m00s  48m00s  90405  the script failed  /ops/charts/-/jobs/90405

apply (90405): the script failed
/ops/charts/-/jobs/90405
  boom
", r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
");
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
fn a_pipeline_that_cannot_be_read_is_told_and_the_rest_is_shown() {
    let scene = levels(false);
    scene.jobs("--recursive").is(4, r"
JOB                                      STAGE  STATUS   DURATION  QUEUED     ID  NOTE                                                                               LINK
pipeline 7700 of project 44
├─ compile                               build  success     2m00s  48m00s  90400                                                                                     /shop/web/-/jobs/90400
├─ gate                                  build  running       30s      0s  90401                                                                                     /shop/web/-/jobs/90401
└─ parts                                 build  success        0s      1s  90402  trigger job                                                                        /shop/web/-/jobs/90402
   └─ pipeline 7701 of project 44
      ├─ part                            part   success     2m00s  48m00s  90403                                                                                     /shop/web/-/jobs/90403
      └─ charts                          part   success        0s      1s  90404  trigger job                                                                        /shop/web/-/jobs/90404
         └─ pipeline 7702 of project 45                                           403 Forbidden - Authentication by CI/CD job token not allowed from web to charts.
", r"
using the job token from CI_JOB_TOKEN
jobgate: error: project charts does not let job tokens of project web in
jobgate: error: GET /projects/45/pipelines/7702/jobs: 403 Forbidden - Authentication by CI/CD job token not allowed from web to charts. (request id 01JD0000000000000000000005)
jobgate: hint: in project charts: Settings > CI/CD > Job token permissions > CI/CD job token allowlist, add project web
jobgate: hint: the user who started the job must be a member of project charts with the role Reporter or higher
");
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

#[test]
fn a_projects_jobs_come_newest_first() {
    let scene = retried();
    scene.jobs("--all-pipelines").is(0, r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  PIPELINE  NOTE               LINK
compile  build  success        5s      0s  90403      7700                     /shop/web/-/jobs/90403
gate     gate   running     1m00s      0s  90402      7700                     /shop/web/-/jobs/90402
unit     test   running     1m00s      0s  90401      7700                     /shop/web/-/jobs/90401
compile  build  failed         1s      0s  90400      7700  the script failed  /shop/web/-/jobs/90400
", "using the job token from CI_JOB_TOKEN\n");
    scene.jobs("--all-pipelines compile --limit 1").is(
        0,
        r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  PIPELINE  NOTE  LINK
compile  build  success        5s      0s  90403      7700        /shop/web/-/jobs/90403
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("--all-pipelines --status failed nope").is(
        5,
        r"
JOB  STAGE  STATUS  DURATION  QUEUED  ID  PIPELINE  NOTE  LINK
",
        r#"
using the job token from CI_JOB_TOKEN
jobgate: error: no job "nope" in project 44
"#,
    );
    let asked = scene.gitlab.log();
    let last = asked.lines().last().unwrap();
    assert_eq!(
        last,
        "GET /api/v4/projects/44/jobs?per_page=100&pagination=keyset&order_by=id&sort=desc&scope%5B%5D=failed job 200"
    );
}

#[test]
fn a_projects_jobs_are_read_no_further_than_asked() {
    let scene = many(250);
    let pages = |words: &str| {
        let before = scene.gitlab.requests().len();
        let got = scene.jobs(words);
        assert_eq!(got.code, 0, "{}", got.log);
        let asked = &scene.gitlab.requests()[before..];
        let pages = asked
            .iter()
            .filter(|one| one.target.contains("keyset"))
            .count();
        (got.out.lines().count(), pages)
    };
    assert_eq!(pages("--all-pipelines -o ndjson"), (100, 1));
    assert_eq!(pages("--all-pipelines -o ndjson --limit 0"), (251, 3));
    assert_eq!(pages("--all-pipelines -o ndjson --limit 101"), (101, 2));
    assert_eq!(pages("--all-pipelines -o ndjson job-9 --limit 1"), (1, 3));
}

fn many(count: usize) -> Scene {
    let mut world = World::new();
    world.project("shop/web");
    let jobs = (0..count).map(|n| job(&format!("job-{n}")).is("success"));
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("test", jobs.collect::<Vec<_>>())
            .stage("gate", [job("gate").here()]),
    );
    Scene::new(world, pipeline)
}

/// GitLab's own objects, as the fake has them.
fn objects(scene: &Scene, retried: bool) -> Vec<Value> {
    let rows: Vec<Value> = scene.gitlab.world(|world| {
        let jobs = world.pipelines[&7700].jobs.iter().rev();
        let jobs = jobs.filter(|id| retried || !world.jobs[id].retried);
        let (trigger, plain): (Vec<Id>, Vec<Id>) = jobs.partition(|id| world.jobs[id].is_trigger());
        let plain = plain.iter().map(|id| world.job_json(*id));
        plain
            .chain(trigger.iter().map(|id| world.bridge_json(*id)))
            .collect()
    });
    let text = serde_json::to_string(&rows).unwrap();
    serde_json::from_str(&text.replace("https://gitlab.example.com/", "/")).unwrap()
}

#[test]
fn json_is_gitlabs_own_objects_in_gitlabs_order() {
    let scene = shop(19);
    let expected = objects(&scene, false);
    let list: Vec<Value> = serde_json::from_str(&scene.jobs("-o json").out).unwrap();
    assert_eq!(list, expected);
    let lines = scene.jobs("-o ndjson").out;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, expected);
    let list: Vec<Value> = serde_json::from_str(&scene.jobs("-o json u* parts").out).unwrap();
    let names: Vec<&str> = list
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["unit", "parts"]);
    scene
        .jobs("-o json --status skipped")
        .is(0, "[]\n", "using the job token from CI_JOB_TOKEN\n");
    scene
        .jobs("-o ndjson --status skipped")
        .is(0, "", "using the job token from CI_JOB_TOKEN\n");
}

#[test]
fn no_page_is_read_twice() {
    let scene = many(250);
    assert_eq!(scene.jobs("").code, 0);
    scene.jobs("--status failed").is(
        0,
        "JOB  STAGE  STATUS  DURATION  QUEUED  ID  NOTE  LINK\n",
        "using the job token from CI_JOB_TOKEN\n",
    );
    let pages = |log: &str| log.lines().filter(|line| line.contains("/jobs?")).count();
    assert_eq!(pages(&scene.gitlab.log()), 6);
}

#[test]
fn jobs_that_are_retried_meanwhile_are_neither_hidden_nor_doubled() {
    for words in ["", "-o json", "-o ndjson", "job-* -o json --name job-3"] {
        let scene = many(250);
        // The oldest job and the newest one get new attempts while the second page is on its way.
        scene
            .gitlab
            .before("GET *pipelines/7700/jobs*page=2*", |world| {
                for name in ["job-0", "job-249"] {
                    let id = world.job(7700, name);
                    world.retry(MIRA, id);
                }
            });
        let got = scene.jobs(words);
        assert_eq!(got.code, 0, "{}", got.log);
        for n in 0..250 {
            let name = if words.contains("json") {
                format!("\"name\":\"job-{n}\"")
            } else {
                format!("job-{n} ")
            };
            let shown = got.out.matches(&name).count();
            assert_eq!(shown, 1, "{words}: {name}");
        }
    }
}

#[test]
fn the_digest_of_failed_jobs_ends_their_logs() {
    let scene = shop(19);
    scene.both("--status failed --log-tail 2").is(0, r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE                                              LINK
unit  test   failed     2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
lint  test   failed     2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402

unit (90401): the script failed
/shop/web/-/jobs/90401
  two
  three

lint (90402): the runner or its system failed
/shop/web/-/jobs/90402
", r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
");
    // Without an access token the table is still worth printing.
    scene.jobs("--log-tail 2").is(4, r"
JOB                   STAGE  STATUS   DURATION  QUEUED     ID  NOTE                                              LINK
compile               build  success     2m00s  48m00s  90400                                                    /shop/web/-/jobs/90400
unit                  test   failed      2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
lint                  test   failed      2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402
ende zu ende: [日本]  test   running    59m00s   1m00s  90403                                                    /shop/web/-/jobs/90403
gate                  gate   running        0s      0s  90404                                                    /shop/web/-/jobs/90404
7                     gate   manual                     90405                                                    /shop/web/-/jobs/90405
parts                 gate   created                    90406  trigger job                                       /shop/web/-/jobs/90406

unit (90401): the script failed
/shop/web/-/jobs/90401

lint (90402): the runner or its system failed
/shop/web/-/jobs/90402
", r"
using the job token from CI_JOB_TOKEN
jobgate: error: GET /projects/44/jobs/90401/trace: not asked: GitLab takes no job token for this, and there is no access token
jobgate: hint: put a project, group or personal access token into the CI/CD variable JOBGATE_TOKEN (masked), or name a file with --token-file
");
    scene.jobs("compile --log-tail 2").is(
        0,
        r"
JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
compile  build  success     2m00s  48m00s  90400        /shop/web/-/jobs/90400
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene.jobs("unit --log-tail 0").is(
        0,
        r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
unit  test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401

unit (90401): the script failed
/shop/web/-/jobs/90401
",
        "using the job token from CI_JOB_TOKEN\n",
    );
    scene
        .gitlab
        .answer("GET *90401/trace*", crate::fake::Answer::forbidden());
    scene.both("unit lint --log-tail 1").is(4, r"
JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE                                              LINK
unit  test   failed     2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
lint  test   failed     2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402

unit (90401): the script failed
/shop/web/-/jobs/90401

lint (90402): the runner or its system failed
/shop/web/-/jobs/90402
", r"
using the job token from CI_JOB_TOKEN
using the access token from GITLAB_TOKEN
jobgate: error: the access token's user may not read a log here
jobgate: error: GET /projects/44/jobs/90401/trace: 403 Forbidden (request id 01JD0000000000000000000017)
jobgate: hint: the token's user must be a member of project 44 with the role Reporter or higher; a project access token made there is one
jobgate: hint: the log of a job that ran with CI_DEBUG_TRACE takes the Developer role
");
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
    scene.jobs("-- -rf*").is(
        0,
        r"
JOB            STAGE      STATUS  DURATION  QUEUED     ID  NOTE         LINK
-rf /\u{202e}  \u{1b}[2J  failed     2m00s  48m00s  90400  evil\u{7}\n  /shop/web/-/jobs/90400
",
        "using the job token from CI_JOB_TOKEN\n",
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

#[test]
fn silence_ends_with_could_not_tell() {
    let scene = shop(19);
    scene
        .gitlab
        .faults("GET *trigger_jobs*", Fault::BadGateway, u32::MAX);
    let clock = scene.gitlab.clock();
    scene
        .run("jobs --quiet")
        .on(&clock, &Interrupt::new())
        .is(6, "", r"
jobgate: error: the GitLab behind this address is down, overloaded or restarting
jobgate: error: GET /projects/44/pipelines/7700/trigger_jobs: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000012)
jobgate: hint: try again later; the request id helps an administrator to find it in the logs
");
    scene.gitlab.no_more_trouble();
    // Trouble that passes is no trouble, and nothing is written twice.
    scene.gitlab.fault("GET *trigger_jobs*", Fault::BadGateway);
    let got = scene
        .run("jobs --quiet -o ndjson")
        .on(&clock, &Interrupt::new());
    assert_eq!((got.code, got.out.lines().count()), (0, 7), "{}", got.log);
}

#[test]
fn an_answer_goes_into_a_file() {
    let scene = shop(19);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.json");
    let got = scene
        .run("jobs unit -o json --output-file")
        .arg(&path)
        .binary();
    assert_eq!((got.code, got.out.as_str()), (0, ""));
    let list: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(list.len(), 1);
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    let scene = many(900);
    let mut child = scene
        .run("jobs -o ndjson")
        .command()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
