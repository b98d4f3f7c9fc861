//! `jobs` shows what a pipeline holds.

mod digest;
mod lists;
mod selecting;
mod trees;

use crate::fake::{GitLab, Id, MIRA, World, child, ci, job};
use crate::run::{Outcome, Run};
use std::fmt::Write;

use expect_test::{Expect, expect};

/// A GitLab, the job that calls, and an access token.
struct Scene {
    gitlab: GitLab,
    me: Id,
    token: String,
}

impl Scene {
    fn new(world: World, pipeline: Id) -> Self {
        Self::of(world, pipeline, "gate")
    }

    fn of(mut world: World, pipeline: Id, caller: &str) -> Self {
        let token = world.access_token(MIRA, &["api"]);
        let me = world.job(pipeline, caller);
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
            .bare()
    }

    /// Several calls with the job token, each with its exit code, and all that they print.
    fn calls(&self, calls: &[(i32, &str)], expected: &Expect) {
        let mut text = String::new();
        for (code, words) in calls {
            let got = self.jobs(words);
            assert_eq!(got.code, *code, "{words}: {}", got.log);
            let _ = write!(text, "$ jobs {words}\n{}{}", got.out, got.log);
        }
        expected.assert_eq(&text);
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
    let scene = shop(19);
    let jobs = Run::new("jobs").vars(scene.gitlab.vars(scene.me));
    let jobs = jobs
        .var("NO_COLOR", "1")
        .naming("https://gitlab.example.com/", "/");
    jobs.binary().is(0, expect![[r#"
        JOB                   STAGE  STATUS   DURATION  QUEUED     ID  NOTE
        compile               build  success     2m00s  48m00s  90400
        unit                  test   failed      2m00s  48m00s  90401  the script failed
          /shop/web/-/jobs/90401
        lint                  test   failed      2m00s  48m00s  90402  allowed to fail, runner system failure
          /shop/web/-/jobs/90402
        ende zu ende: [日本]  test   running    59m00s   1m00s  90403
        gate                  gate   running        0s      0s  90404
        7                     gate   manual                     90405
          /shop/web/-/jobs/90405
        parts                 gate   created                    90406  trigger job
        links: /shop/web/-/jobs/ID
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
    "#]]);
}

#[test]
fn gitlab_17_shows_lists_to_access_tokens_only() {
    let scene = shop(17);
    scene.calls(&[(4, "")], &expect![[r#"
        $ jobs 
        jobgate: error: job tokens cannot list the jobs of a pipeline on this GitLab; use GitLab 18.2 or later, or an access token
        jobgate: error: GET /projects/44/pipelines/7700/jobs: 404 Project Not Found (request id 01JD0000000000000000000001)
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Pipeline: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
    "#]]);
    assert_eq!(scene.both("unit lint").code, 0);
    assert_eq!(scene.access("unit").code, 4);
    assert_eq!(
        scene.access("--project 44 --pipeline 7700 unit parts").code,
        0
    );
    assert_eq!(
        scene.access("--project 44 --all-pipelines --limit 1").code,
        0
    );
    let log = scene.gitlab.log();
    assert!(!log.contains("bearer") && !log.contains("both"), "{log}");
}

#[test]
fn gitlab_18_shows_trigger_jobs_to_access_tokens_only() {
    let scene = shop(18);
    scene.calls(&[(4, "--status manual"), (4, "parts")], &expect![[r#"
        $ jobs --status manual
        JOB  STAGE  STATUS     ID
        7    gate   manual  90405
          /shop/web/-/jobs/90405
        jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
        jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000003)
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Pipeline: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        jobgate: hint: --no-trigger-jobs leaves trigger jobs out
        $ jobs parts
        jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
        jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000007)
        jobgate: error: no job "parts" in pipeline 7700
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Pipeline: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        jobgate: hint: --no-trigger-jobs leaves trigger jobs out
        jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
    "#]]);
    // Names, groups and ids that are found among the jobs need no trigger jobs.
    for (code, words) in [
        (0, "unit 90402"),
        (4, "u*"),
        (0, "u* --no-trigger-jobs"),
        (4, "--stage build"),
        (4, "--recursive unit"),
    ] {
        assert_eq!(scene.jobs(words).code, code, "{words}");
    }
    assert_eq!(scene.both("parts").code, 0);
    let alone = scene.access("--project shop/web --pipeline 7700 parts");
    assert_eq!(alone.code, 0, "{}", alone.log);
}

/// `after_script` of a canceled job cleans up with these.
#[test]
fn a_canceled_caller_still_reads() {
    let scene = shop(19);
    scene
        .gitlab
        .world(|world| world.flip(scene.me, "canceling"));
    for words in ["whoami", "jobs unit", "trace unit --plain"] {
        let run = scene.run(words).var("GITLAB_TOKEN", scene.token.as_str());
        let got = run.binary();
        assert_eq!(got.code, 0, "{words}: {}", got.log);
    }
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
