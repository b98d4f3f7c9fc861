//! `jobs` shows what a pipeline holds.

mod digest;
mod lists;
mod selecting;
mod trees;

use crate::fake::{GitLab, Id, MIRA, World, child, ci, job};
use crate::run::{Outcome, Run};
use expect_test::expect;

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
    shop(19).jobs("").is(0, expect![[r#"
        JOB                   STAGE  STATUS   DURATION  QUEUED     ID  NOTE                                              LINK
        compile               build  success     2m00s  48m00s  90400                                                    /shop/web/-/jobs/90400
        unit                  test   failed      2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
        lint                  test   failed      2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402
        ende zu ende: [日本]  test   running    59m00s   1m00s  90403                                                    /shop/web/-/jobs/90403
        gate                  gate   running        0s      0s  90404                                                    /shop/web/-/jobs/90404
        7                     gate   manual                     90405                                                    /shop/web/-/jobs/90405
        parts                 gate   created                    90406  trigger job                                       /shop/web/-/jobs/90406
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]]);
}

#[test]
fn gitlab_17_shows_lists_to_access_tokens_only() {
    let scene = shop(17);
    scene.jobs("").is(4, "", expect![[r#"
        using the job token from CI_JOB_TOKEN
        jobgate: error: job tokens cannot list the jobs of a pipeline on this GitLab; use GitLab 18.2 or later, or an access token
        jobgate: error: GET /projects/44/pipelines/7700/jobs: 404 Project Not Found (request id 01JD0000000000000000000001)
        jobgate: hint: put an access token (project, group or personal) with role Reporter and scope read_api (fine-grained: Pipeline: Read) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
    "#]]);
    scene.both("unit lint").is(0, expect![[r#"
        JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE                                              LINK
        unit  test   failed     2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
        lint  test   failed     2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        using the access token from GITLAB_TOKEN
    "#]]);
    scene.access("unit").is(4, "", expect![[r#"
        jobgate: error: no token was sent
        jobgate: error: GET /job: not sent, because CI_JOB_TOKEN is not set
        jobgate: hint: run in a GitLab job, where GitLab sets CI_JOB_TOKEN; sudo and containers get the variable only if it is passed on
        jobgate: hint: --project and --pipeline together need no job token
    "#]]);
    scene
        .access("--project 44 --pipeline 7700 unit parts")
        .is(0, expect![[r#"
            JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE               LINK
            unit   test   failed      2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
            parts  gate   created                    90406  trigger job        /shop/web/-/jobs/90406
        "#]], expect![[r#"
            using the access token from GITLAB_TOKEN
        "#]]);
    scene.access("--project 44 --all-pipelines --limit 1").is(
        0,
        expect![[r#"
            JOB  STAGE  STATUS  DURATION  QUEUED     ID  PIPELINE  NOTE  LINK
            7    gate   manual                    90405      7700        /shop/web/-/jobs/90405
        "#]],
        expect![[r#"
            using the access token from GITLAB_TOKEN
        "#]],
    );
    let log = scene.gitlab.log();
    assert!(!log.contains("bearer") && !log.contains("both"), "{log}");
}

#[test]
fn gitlab_18_shows_trigger_jobs_to_access_tokens_only() {
    let scene = shop(18);
    scene
        .jobs("--status manual")
        .is(4, expect![[r#"
            JOB  STAGE  STATUS  DURATION  QUEUED     ID  NOTE  LINK
            7    gate   manual                    90405        /shop/web/-/jobs/90405
        "#]], expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
            jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000003)
            jobgate: hint: put an access token (project, group or personal) with role Reporter and scope read_api (fine-grained: Pipeline: Read) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
            jobgate: hint: --no-trigger-jobs leaves trigger jobs out
        "#]]);
    // Names, groups and ids that are found among the jobs need no trigger jobs.
    scene.jobs("unit 90402").is(0, expect![[r#"
        JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE                                              LINK
        unit  test   failed     2m00s  48m00s  90401  the script failed                                 /shop/web/-/jobs/90401
        lint  test   failed     2m00s  48m00s  90402  allowed to fail, the runner or its system failed  /shop/web/-/jobs/90402
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]]);
    scene.jobs("u*").is(4, expect![[r#"
        JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
        unit  test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
        jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000011)
        jobgate: hint: put an access token (project, group or personal) with role Reporter and scope read_api (fine-grained: Pipeline: Read) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        jobgate: hint: --no-trigger-jobs leaves trigger jobs out
    "#]]);
    scene.jobs("parts").is(4, expect![[r#"
        JOB  STAGE  STATUS  DURATION  QUEUED  ID  NOTE  LINK
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
        jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000015)
        jobgate: error: no job "parts" in pipeline 7700
        jobgate: hint: put an access token (project, group or personal) with role Reporter and scope read_api (fine-grained: Pipeline: Read) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        jobgate: hint: --no-trigger-jobs leaves trigger jobs out
        jobgate: hint: jobgate jobs lists the jobs of a pipeline
    "#]]);
    scene.jobs("u* --no-trigger-jobs").is(
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
        .jobs("--stage build")
        .is(4, expect![[r#"
            JOB      STAGE  STATUS   DURATION  QUEUED     ID  NOTE  LINK
            compile  build  success     2m00s  48m00s  90400        /shop/web/-/jobs/90400
        "#]], expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
            jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000021)
            jobgate: hint: put an access token (project, group or personal) with role Reporter and scope read_api (fine-grained: Pipeline: Read) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
            jobgate: hint: --no-trigger-jobs leaves trigger jobs out
        "#]]);
    scene
        .jobs("--recursive unit")
        .is(4, expect![[r#"
            JOB                          STAGE  STATUS  DURATION  QUEUED     ID  NOTE               LINK
            pipeline 7700 of project 44
            └─ unit                      test   failed     2m00s  48m00s  90401  the script failed  /shop/web/-/jobs/90401
        "#]], expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
            jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000025)
            jobgate: hint: put an access token (project, group or personal) with role Reporter and scope read_api (fine-grained: Pipeline: Read) into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        "#]]);
    scene.both("parts").is(
        0,
        expect![[r#"
        JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
        parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
    "#]],
        expect![[r#"
        using the job token from CI_JOB_TOKEN
        using the access token from GITLAB_TOKEN
    "#]],
    );
    scene.access("--project shop/web --pipeline 7700 parts").is(
        0,
        expect![[r#"
            JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
            parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
        "#]],
        expect![[r#"
            using the access token from GITLAB_TOKEN
        "#]],
    );
}

#[test]
fn gitlab_19_shows_all_to_the_job_token() {
    let scene = shop(19);
    scene.jobs("parts").is(
        0,
        expect![[r#"
        JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
        parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
    "#]],
        expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]],
    );
    scene.both("parts").is(
        0,
        expect![[r#"
        JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
        parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
    "#]],
        expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]],
    );
    scene.access("--project 44 --pipeline 7700 parts").is(
        0,
        expect![[r#"
            JOB    STAGE  STATUS   DURATION  QUEUED     ID  NOTE         LINK
            parts  gate   created                    90406  trigger job  /shop/web/-/jobs/90406
        "#]],
        expect![[r#"
            using the access token from GITLAB_TOKEN
        "#]],
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
