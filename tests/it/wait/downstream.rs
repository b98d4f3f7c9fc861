//! Trigger jobs count as the pipelines do that they have started.

use super::{Story, after_head};
use crate::fake::{Allow, Ci, JobSpec, MIRA, World, child, ci, downstream, job};
use expect_test::expect;

/// A pipeline whose trigger job `child` has this strategy.
fn with_child(below: Ci, strategy: fn(JobSpec) -> JobSpec) -> Story {
    Story::new(ci().stage("test", [strategy(child("child", below))]))
}

#[test]
fn a_failure_below_is_shown_with_its_way() {
    let lowest = ci().stage("test", [job("unit").runs(30), job("e2e").fails(90)]);
    let middle = ci().stage("test", [job("lint").runs(5), child("grandchild", lowest)]);
    let story = Story::new(
        ci().stage("build", [job("compile").runs(10)])
            .stage("test", [child("child", middle).depend()]),
    );
    after_head(story.run("wait compile child")).is(
        1,
        expect![[r#"
            JOB            RESULT  STATUS   DURATION     ID  NOTE
            compile        passed  success       10s  90400
            child          failed  success        7s  90401  started pipeline 7701
              https://gl/web/-/jobs/90401
            └─ grandchild  failed  success        0s  90404  started pipeline 7702
                 https://gl/web/-/jobs/90404
               └─ e2e      failed  failed      1m30s  90406  the script failed
                    https://gl/web/-/jobs/90406
        "#]],
        expect![[r#"
            08:00:00 compile  pending
            08:00:00 child  created
            08:00:02 compile  pending → running  (2s in queue)
            08:00:17 compile  running → success
            08:00:17 child  created → running  (1s in queue)
            08:00:17 child has started pipeline 7701
            08:00:17 lint (pipeline 7701)  running
            08:00:17 grandchild (pipeline 7701)  success
            08:00:17 grandchild has started pipeline 7702
            08:00:17 unit (pipeline 7702)  running
            08:00:17 e2e (pipeline 7702)  running
            08:00:20 child  running → success
            08:00:20 lint (pipeline 7701)  running → success
            08:00:58 unit (pipeline 7702)  running → success
            08:01:55 e2e (pipeline 7702)  running → failed
            jobgate: failed: e2e (90406) in pipeline 7702: the script failed  https://gl/web/-/jobs/90406
        "#]],
    );
    after_head(story.run("wait child --shallow")).is(
        0,
        expect![[r#"
            JOB    RESULT  STATUS   DURATION     ID  NOTE
            child  passed  success        7s  90401  started pipeline 7701
        "#]],
        expect![[r#"
            08:02:06 child  success
            08:02:06 child has started pipeline 7701
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn the_way_leads_to_a_job_of_a_pipeline_that_appears_late() {
    let below = ci().stage("test", [job("smoke").runs(20), job("other").fails(5)]);
    let story = Story::new(
        ci().stage("build", [job("compile").runs(100)])
            .stage("test", [child("child", below).delay(30)]),
    );
    after_head(story.run("wait smoke --downstream child")).is(
        0,
        expect![[r#"
            JOB    RESULT  STATUS   DURATION     ID
            smoke  passed  success       20s  90403
        "#]],
        expect![[r#"
            08:00:00 child  created
            08:01:00 waiting for child (created)
            08:01:51 child  created → pending
            08:02:17 child  pending → success
            08:02:17 child has started pipeline 7701
            08:02:17 smoke (pipeline 7701)  running
            08:02:42 smoke (pipeline 7701)  running → success
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_job_that_does_not_appear_downstream_is_not_found_in_the_end() {
    let story = with_child(ci().stage("test", [job("smoke").runs(3)]), |job| job);
    after_head(story.run("wait smock --downstream child")).is(
        5,
        expect![[r#"
            JOB    RESULT
            smock  missing
        "#]],
        expect![[r#"
            08:00:00 child  pending
            08:00:02 child  pending → success
            08:00:02 child has started pipeline 7701
            jobgate: error: no job "smock" in pipeline 7701
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_trigger_job_without_a_pipeline_decides_at_once() {
    let story = Story::new(ci().stage(
        "test",
        [child("child", ci()).childless("downstream_pipeline_creation_failed")],
    ));
    after_head(story.run("wait child")).is(
        1,
        expect![[r#"
        JOB    RESULT  STATUS     ID  NOTE
        child  failed  failed  90400  trigger job, downstream pipeline creation failed
          https://gl/web/-/jobs/90400
    "#]],
        expect![[r#"
            08:00:00 child  pending
            08:00:02 child  pending → failed
            jobgate: failed: child (90400) in pipeline 7700: downstream pipeline creation failed  https://gl/web/-/jobs/90400
        "#]],
    );
    after_head(story.run("wait smoke --downstream child")).is(
        1,
        expect![[r#"
        JOB    RESULT  STATUS     ID  NOTE
        child  failed  failed  90400  trigger job, downstream pipeline creation failed
          https://gl/web/-/jobs/90400
    "#]],
        expect![[r#"
            08:00:13 child  failed
            jobgate: error: trigger job child of pipeline 7700 has started no pipeline and is failed
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_newer_attempt_of_the_trigger_job_moves_the_pin() {
    let below = ci().stage("test", [job("smoke").runs(200)]);
    let story = Story::with(
        ci().stage("test", [child("child", below)]),
        |world, pipeline| {
            world.after(60, move |world| {
                let trigger = world.job(pipeline, "child");
                world.retry(MIRA, trigger);
            });
        },
    );
    after_head(story.run("wait smoke --downstream child")).is(
        0,
        expect![[r#"
            JOB    RESULT  STATUS   DURATION     ID
            smoke  passed  success     3m20s  90404
        "#]],
        expect![[r#"
            08:00:00 child  pending
            08:00:02 child  pending → success
            08:00:02 child has started pipeline 7701
            08:00:02 smoke (pipeline 7701)  pending
            08:00:05 smoke (pipeline 7701)  pending → running  (2s in queue)
            08:01:05 waiting for smoke (running 56s)
            08:01:13 child  success → success  (retried: 90403 replaces 90400)
            08:01:13 a newer attempt of child has started pipeline 7702, which counts instead of 7701
            08:01:13 smoke (pipeline 7702)  running
            08:02:13 waiting for smoke (running 1m07s)
            08:03:13 waiting for smoke (running 2m08s)
            08:04:13 waiting for smoke (running 3m08s)
            08:04:26 smoke (pipeline 7702)  running → success
        "#]],
    );
    story.gitlab.finish();
}

/// `deploy` starts a pipeline of another project, which lets the job tokens of these projects in.
fn elsewhere(allowed: &[&str]) -> Story {
    let mut world = World::new();
    let project = world.project("ops/deploy");
    world.at_project(project).ci = ci().stage("deploy", [job("ship").runs(60)]);
    let allow = allowed.iter().map(|path| Allow {
        from: (*path).to_owned(),
        policies: None,
    });
    world.at_project(project).allowlist.extend(allow);
    world.project("shop/web");
    let ci = ci()
        .stage("deploy", [downstream("deploy", "ops/deploy")])
        .stage("gate", [job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", ci);
    Story::of(world, pipeline)
}

#[test]
fn another_project_that_cannot_be_read_is_a_refusal() {
    let story = elsewhere(&[]);
    story.run("wait deploy").is(4, expect![[r#"
        JOB     RESULT   STATUS   DURATION     ID  NOTE
        deploy  refused  success        0s  90400  started pipeline 7701
          https://gl/web/-/jobs/90400
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        08:00:00 pipeline 7700 of project 45, until 08:59:00 at the latest
        08:00:00 deploy  pending
        08:00:02 deploy  pending → success
        08:00:02 deploy has started pipeline 7701
        jobgate: error: the pipeline that deploy has started cannot be read
        jobgate: error: project 44 does not accept job tokens of this project
        jobgate: error: GET /projects/44/pipelines/7701/jobs: 403 Forbidden - Authentication by CI/CD job token not allowed from web to deploy. (request id 01JD0000000000000000000005)
        jobgate: hint: add the project that this job runs in (web) to the allowlist
        jobgate: hint: see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in project 44
        jobgate: hint: the user who started the job must be a member of project 44 with the role Reporter or higher
        jobgate: hint: `jobgate wait --shallow` judges a trigger job by its own status
    "#]]);
    story
        .run("wait ship --downstream deploy")
        .is(4, "", expect![[r#"
            using the job token from CI_JOB_TOKEN
            08:00:02 pipeline 7700 of project 45, until 08:59:00 at the latest
            08:00:02 deploy  success
            08:00:02 deploy has started pipeline 7701
            jobgate: error: pipeline 7701, to which --downstream leads, cannot be read
            jobgate: error: project 44 does not accept job tokens of this project
            jobgate: error: GET /projects/44/pipelines/7701/jobs: 403 Forbidden - Authentication by CI/CD job token not allowed from web to deploy. (request id 01JD0000000000000000000009)
            jobgate: hint: add the project that this job runs in (web) to the allowlist
            jobgate: hint: see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in project 44
            jobgate: hint: the user who started the job must be a member of project 44 with the role Reporter or higher
        "#]]);
    story.gitlab.finish();
}

#[test]
fn where_trigger_jobs_cannot_be_read_exact_names_still_work() {
    let story = Story::new(ci().stage("test", [job("unit").runs(30), job("lint").is("success")]));
    story.gitlab.world(|world| world.age = 18);
    after_head(story.run("wait unit lint")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            unit  passed  success       30s  90400
            lint  passed  success     2m00s  90401
        "#]],
        expect![[r#"
            08:00:00 unit  pending
            08:00:00 lint  success
            08:00:02 unit  pending → running  (2s in queue)
            08:00:41 unit  running → success
        "#]],
    );
    after_head(story.run("wait --stage test")).is(4, expect![[r#"
        JOB   RESULT  STATUS   DURATION     ID
        unit  passed  success       30s  90400
        lint  passed  success     2m00s  90401
    "#]], expect![[r#"
        08:00:41 unit  success
        08:00:41 lint  success
        jobgate: error: without the pipeline's trigger jobs, it is not known which jobs match
        jobgate: error: job tokens cannot list trigger jobs on this GitLab; use GitLab 19.2 or later, or an access token
        jobgate: error: GET /projects/44/pipelines/7700/bridges: 404 Project Not Found (request id 01JD0000000000000000000013)
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Pipeline: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        jobgate: hint: exact names of jobs work without them; `jobgate wait --no-trigger-jobs` leaves them out
    "#]]);
    after_head(story.run("wait --stage test --no-trigger-jobs")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            unit  passed  success       30s  90400
            lint  passed  success     2m00s  90401
        "#]],
        expect![[r#"
            08:00:41 unit  success
            08:00:41 lint  success
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn any_pipeline_that_can_be_read_can_be_waited_for() {
    let story = elsewhere(&["shop/web"]);
    assert_eq!(story.run("wait deploy").code, 0);
    after_head(story.run("wait ship -R ops/deploy --pipeline 7701")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            ship  passed  success     1m00s  90402
        "#]],
        expect![[r#"
            08:01:13 ship  success
        "#]],
    );
    after_head(story.run("wait ship --pipeline 1")).is(5, "", expect![[r#"
        jobgate: error: project 45 has no pipeline 1
        jobgate: error: GET /projects/45/pipelines/1/jobs: 404 Not found (request id 01JD0000000000000000000035)
        jobgate: hint: an id belongs to one project: check the id and --project
    "#]]);
    story.gitlab.finish();
}

/// What leads to no result: no job that counts, several trigger jobs, a pipeline that is deleted.
#[test]
fn a_downstream_pipeline_that_says_nothing_is_no_pass() {
    let optional = || ci().stage("x", [job("docs").manual().allow_failure()]);
    let jobs = [
        child("empty", optional()),
        child("two", optional()).parallel(2),
    ];
    let story = Story::new(ci().stage("test", jobs.map(|job| job.queue(0))));
    story.gitlab.world(|world| world.advance_by(30));
    for (words, code, said) in [
        ("wait empty", 5, "has no job that counts"),
        ("gate jobs=empty", 9, "jobs=empty does not hold"),
        (
            "wait docs --downstream two",
            2,
            "matches several trigger jobs",
        ),
        ("jobs --downstream two", 2, "matches several trigger jobs"),
        ("wait empty --for success", 5, "has no job that counts"),
        ("wait --all empty", 2, "--all"),
        ("wait docs --downstream emty", 5, "did you mean"),
        ("wait docs --project 44", 2, "--pipeline"),
    ] {
        let told = story.run(words);
        let whole = told.code == code && told.log.contains(said);
        assert!(whole, "{words}: {told:?}");
    }
    story.gitlab.world(|world| {
        let two = world.job(story.pipeline, "two 2/2");
        let started = world.downstream(two).unwrap();
        world.delete(started);
    });
    after_head(story.run("wait two?2/2")).is(5, expect![[r#"
        JOB      RESULT   STATUS   DURATION     ID  NOTE
        two 2/2  missing  success        0s  90402  trigger job
          https://gl/web/-/jobs/90402
    "#]], expect![[r#"
        08:00:30 two 2/2  success
        jobgate: error: trigger job two 2/2 has ended (success), and GitLab shows no pipeline that it started
    "#]]);
    let gone = crate::fake::Answer::message(404, "404 Not found");
    let list = "GET */pipelines/7701/jobs*";
    story.gitlab.answers(list, gone, u32::MAX);
    for words in ["wait empty", "wait docs --downstream empty"] {
        let told = story.run(words);
        assert_eq!(told.code, 5, "{words}: {told:?}");
    }
    // Job tokens cannot list trigger jobs there.
    story.gitlab.world(|world| world.age = 18);
    for words in ["wait docs", "jobs", "play docs --dry-run"] {
        let told = story.run(&format!("{words} --downstream empty"));
        assert_eq!(told.code, 4, "{words}: {told:?}");
    }
    story.gitlab.finish();
}
