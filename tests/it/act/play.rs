//! `play`: what is sent, what is waited for, what is done already.

use expect_test::expect;
use jobgate::os::{Interrupt, Signal};

use super::started::monitoring;
use super::{Story, deploy};
use crate::fake::{World, child, ci, downstream, job};

#[test]
fn a_manual_job_is_played_and_its_result_mirrored() {
    let story = Story::new(deploy());
    story.whole("play deploy --wait").is(
        0,
        expect![[r#"
            JOB     RESULT  STATUS   DURATION     ID
            deploy  passed  success       10s  90400
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            pipeline 7700 of project 44
            plan: deploy (90400, manual): play
            using the access token from JOBGATE_TOKEN
            08:00:00 deploy (90400, pending): played  URL/jobs/90400
            08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
            08:00:00 deploy  pending
            08:00:02 deploy  pending → running  (2s in queue)
            08:00:17 deploy  running → success
        "#]],
    );
    assert_eq!(story.writes("deploy", "play"), 1);
    story.gitlab.finish();
}

#[test]
fn a_job_that_is_allowed_to_fail_fails_the_caller_unless_said_otherwise() {
    let deploy = || job("deploy").manual().allow_failure().fails(5);
    let story = Story::new(ci().stage("deploy", [deploy()]));
    assert_eq!(story.run("play deploy --wait").code, 1);
    assert_eq!(story.run("retry deploy --wait").code, 1);
    let got = story.run("retry deploy --wait --allow-failure");
    assert_eq!(got.code, 0, "{got:?}");
    // Below a trigger job GitLab's rule counts.
    let below = job("eu").allow_failure().fails(5);
    let rollout = child("rollout", ci().stage("x", [below, job("us")])).manual();
    let story = Story::new(ci().stage("deploy", [rollout.allow_failure()]));
    assert_eq!(story.run("play rollout --wait").code, 0);
    story.gitlab.finish();
}

#[test]
fn a_plan_changes_nothing() {
    let story = Story::new(ci().stage(
        "deploy",
        [
            job("deploy").matrix(["eu, blue", "us"]).manual(),
            job("docs").is("skipped"),
            job("site").is("success"),
            job("late").is("created"),
        ],
    ));
    story.run("play --all --stage deploy --dry-run").is(
        9,
        expect![[r#"
            JOB                 RESULT        STATUS   DURATION     ID  NOTE
            deploy: [eu, blue]  play          manual             90400
            deploy: [us]        play          manual             90401
            docs                refused       skipped            90402  its status is skipped
              URL/jobs/90402
            site                done already  success     2m00s  90403  it has passed
            late                not yet       created            90404  its status is created
              URL/jobs/90404
        "#]],
        expect![[r#"
            plan: deploy: [eu, blue] (90400, manual): play
            plan: deploy: [us] (90401, manual): play
            plan: docs (90402, skipped): refused, its status is skipped
            plan: site (90403, success): done already, it has passed
            plan: late (90404, created): not yet, its status is created
            jobgate: error: docs (90402) cannot be played: its status is skipped  URL/jobs/90402
            jobgate: hint: retry the job whose failure skipped this one
        "#]],
    );
    story
        .run("play deploy --all --dry-run -o json -q")
        .is(0, expect![[r#"
            {"result":"ok","exit":0,"action":"play","project":44,"pipeline":7700,"jobs":[{"name":"deploy: [eu, blue]","id":90400,"status":"manual","web_url":"URL/jobs/90400","result":"play","why":""},{"name":"deploy: [us]","id":90401,"status":"manual","web_url":"URL/jobs/90401","result":"play","why":""}],"waited":null}
        "#]], "");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn several_jobs_need_all_and_each_gets_its_own_request() {
    let ci = ci().stage(
        "deploy",
        [job("deploy").parallel(2).manual(), job("x").is("skipped")],
    );
    let story = Story::new(ci);
    story.run("play deploy").is(
        2,
        "",
        expect![[r#"
            pipeline 7700 of project 44
            jobgate: error: 2 jobs match: deploy 1/2, deploy 2/2
            jobgate: hint: name one of them, or add --all to act on each
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 0);
    story.run("play deploy x --all").is(
        9,
        expect![[r#"
            JOB         RESULT   STATUS      ID  NOTE
            deploy 1/2  played   pending  90400
            deploy 2/2  played   pending  90401
            x           refused  skipped  90402  its status is skipped
              URL/jobs/90402
        "#]],
        expect![[r#"
            plan: deploy 1/2 (90400, manual): play
            plan: deploy 2/2 (90401, manual): play
            plan: x (90402, skipped): refused, its status is skipped
            08:00:00 deploy 1/2 (90400, pending): played  URL/jobs/90400
            08:00:00 deploy 2/2 (90401, pending): played  URL/jobs/90401
            jobgate: error: x (90402) cannot be played: its status is skipped  URL/jobs/90402
            jobgate: hint: retry the job whose failure skipped this one
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn a_job_that_is_not_playable_yet_is_waited_for_by_looking() {
    let ci = ci()
        .stage("build", [job("compile").runs(50)])
        .stage("deploy", [job("deploy").manual()]);
    let story = Story::new(ci);
    story.run("play deploy --timeout 0").is(
        9,
        expect![[r#"
            JOB     RESULT   STATUS      ID  NOTE
            deploy  refused  created  90401  its status is created
              URL/jobs/90401
        "#]],
        expect![[r#"
            plan: deploy (90401, created): refused, its status is created
            jobgate: error: deploy (90401) cannot be played: its status is created  URL/jobs/90401
            jobgate: hint: a --timeout longer than 0 waits until it is possible
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 0);
    story.run("play deploy").is(
        0,
        expect![[r#"
            JOB     RESULT  STATUS      ID
            deploy  played  pending  90401
        "#]],
        expect![[r#"
            plan: deploy (90401, created): not yet, its status is created
            08:00:53 deploy (90401, pending): played  URL/jobs/90401
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

/// `deploy` waits for an approval of its deployment to production.
fn blocked(more: impl FnOnce(&mut World, crate::fake::Id)) -> Story {
    let deploy = job("deploy").manual().environment("production");
    let ci = ci().stage("deploy", [deploy.needs_approval()]);
    Story::with(ci, |world, pipeline| {
        let project = world.pipelines[&pipeline].project;
        world.environment(project, "production", "production");
        let deploy = world.job(pipeline, "deploy");
        more(world, deploy);
    })
}

#[test]
fn an_approval_is_waited_for_and_then_the_job_is_played() {
    let story = blocked(|world, deploy| world.after(60, move |world| world.approve(deploy)));
    story.run("play deploy").is(0, expect![[r#"
        JOB     RESULT  STATUS      ID
        deploy  played  pending  90400
    "#]], expect![[r#"
        plan: deploy (90400, manual): play
        08:00:00 deploy (90400, manual): not yet, its deployment to production waits for an approval  URL/environments/300
        08:01:00 waiting for deploy (manual)
        08:01:08 deploy (90400, pending): played  URL/jobs/90400
    "#]]);
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn an_approval_that_does_not_come_or_cannot_be_seen() {
    let story = blocked(|_, _| {});
    story
        .run("play deploy --timeout 40s")
        .is(3, expect![[r#"
            JOB     RESULT   STATUS     ID  NOTE
            deploy  not yet  manual  90400  its deployment to production waits for an approval
              URL/jobs/90400
        "#]], expect![[r#"
            plan: deploy (90400, manual): play
            08:00:00 deploy (90400, manual): not yet, its deployment to production waits for an approval  URL/environments/300
            jobgate: error: time ran out after 40s
            jobgate: hint: give a longer --timeout, up to this job's own time limit
        "#]]);
    let forbidden = crate::fake::Answer::message(403, "403 Forbidden");
    story
        .gitlab
        .answers("GET */deployments*", forbidden, u32::MAX);
    story.run("play deploy").is(9, expect![[r#"
        JOB     RESULT   STATUS     ID  NOTE
        deploy  refused  manual  90400  the job cannot be played in its present status
          URL/jobs/90400
    "#]], expect![[r#"
        plan: deploy (90400, manual): play
        08:00:40 deploy (90400, manual): refused
        jobgate: error: the job cannot be played in its present status
        jobgate: error: POST /projects/44/jobs/90400/play: 400 Bad request - Unplayable Job (request id 01JD0000000000000000000033)
        jobgate: hint: the job may already run, wait for an earlier job or an approval, not be a manual job, or be archived
    "#]]);
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
    // The job token may not list deployments, the access token may.
    let story = blocked(|world, deploy| world.after(60, move |world| world.approve(deploy)));
    let forbidden = crate::fake::Answer::message(403, "403 Forbidden");
    story.gitlab.answer("GET */deployments*", forbidden);
    assert_eq!(story.run("play deploy").code, 0);
    let log = story.gitlab.log();
    assert!(
        log.contains("status=blocked&per_page=100 access 200"),
        "{log}"
    );
    story.gitlab.finish();
}

#[test]
fn what_was_unplayable_for_a_moment_is_played_when_it_waits_again() {
    let ci = ci()
        .stage("build", [job("compile").is("success")])
        .stage("deploy", [job("deploy").manual()]);
    let story = Story::new(ci);
    let deploy = story.job("deploy");
    // Between the look and the request somebody has it start over.
    story.gitlab.before("POST */play", move |world| {
        world.flip(deploy, "created");
        world.after(60, move |world| world.flip(deploy, "manual"));
        world.after(300, move |world| world.flip(deploy, "success"));
    });
    let got = story.run("play deploy --timeout 4m");
    assert_eq!((got.code, story.gitlab.posts()), (0, 2), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn after_a_lost_answer_no_newer_attempt_is_asked_instead() {
    let story = Story::new(ci().stage("deploy", [job("deploy").manual()]));
    let deploy = story.job("deploy");
    story.gitlab.fault("POST */play", crate::fake::Fault::Lost);
    story.gitlab.before("POST */play", move |world| {
        world.after(1, move |world| {
            world.end(deploy, Some("script_failure"));
            let again = world.retry(crate::fake::MIRA, deploy);
            world.flip(again, "manual");
        });
    });
    story.gitlab.latency(std::time::Duration::from_secs(1));
    let got = story.run("play deploy");
    assert_eq!((got.code, story.gitlab.posts()), (6, 1), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn a_plan_waits_for_nothing() {
    let child = child("rollout", ci().stage("x", [job("eu").manual()]));
    let story = Story::new(
        ci().stage("build", [job("compile").runs(600)])
            .stage("deploy", [child]),
    );
    story
        .run("play eu --downstream rollout --dry-run")
        .is(5, expect![[""]], expect![[r#"
            jobgate: error: trigger job rollout of pipeline 7700 has started no pipeline and is created
        "#]]);
    story.gitlab.finish();
}

#[test]
fn a_long_rate_limit_at_the_start_is_waited_out() {
    let story = Story::new(deploy());
    let limited = crate::fake::Fault::Limited(120);
    story.gitlab.fault("GET */job", limited);
    assert_eq!(story.run("play deploy").code, 0);
    story.gitlab.finish();
}

#[test]
fn a_failed_job_is_run_once_more_only_if_asked_for() {
    let story = Story::new(ci().stage("deploy", [job("deploy").is("failed")]));
    story.run("play deploy").is(
        9,
        expect![[r#"
            JOB     RESULT   STATUS  DURATION     ID  NOTE
            deploy  refused  failed     2m00s  90400  it has failed
              URL/jobs/90400
        "#]],
        expect![[r#"
            plan: deploy (90400, failed): refused, it has failed
            jobgate: error: deploy (90400) cannot be played: it has failed  URL/jobs/90400
            jobgate: hint: --rerun retries such a job
        "#]],
    );
    story.run("play deploy --rerun --variable A=1").is(
        9,
        expect![[r#"
            JOB     RESULT   STATUS  DURATION     ID  NOTE
            deploy  refused  failed     2m00s  90400  a retry takes no variables (of a trigger job, no inputs)
              URL/jobs/90400
        "#]],
        expect![[r#"
            plan: deploy (90400, failed): refused, a retry takes no variables (of a trigger job, no inputs)
            jobgate: error: deploy (90400) cannot be played: a retry takes no variables (of a trigger job, no inputs)  URL/jobs/90400
            jobgate: hint: leave them out, or use `jobgate trigger`
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 0);
    story.run("play deploy --rerun --wait").is(
        0,
        expect![[r#"
            JOB     RESULT  STATUS   DURATION     ID
            deploy  passed  success       10s  90402
        "#]],
        expect![[r#"
            plan: deploy (90400, failed): retry
            08:00:00 deploy (90402, pending): retried  URL/jobs/90402
            08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
            08:00:00 deploy  pending
            08:00:02 deploy  pending → running  (2s in queue)
            08:00:17 deploy  running → success
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn of_a_manual_trigger_job_the_pipeline_that_it_starts_counts() {
    let rollout = child(
        "rollout",
        ci().stage("x", [job("eu").fails(3).log("one\ntwo\nthree\n")]),
    )
    .manual();
    let story = Story::new(ci().stage("deploy", [rollout]));
    story.run("play rollout --wait --log-tail 2").is(
        1,
        expect![[r#"
            JOB      RESULT  STATUS   DURATION     ID  NOTE
            rollout  failed  success        0s  90400  started pipeline 7701
              URL/jobs/90400
            └─ eu    failed  failed         3s  90402  the script failed
                 URL/jobs/90402

            eu (90402): the script failed
              two
              three
        "#]],
        expect![[r#"
            plan: rollout (90400, manual): play
            08:00:00 rollout (90400, pending): played  URL/jobs/90400
            08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
            08:00:00 rollout  pending
            08:00:02 rollout  pending → success
            08:00:02 rollout has started pipeline 7701
            08:00:02 eu (pipeline 7701)  pending
            08:00:05 eu (pipeline 7701)  pending → running  (2s in queue)
            08:00:08 eu (pipeline 7701)  running → failed
            jobgate: failed: eu (90402) in pipeline 7701: the script failed  URL/jobs/90402
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_job_in_a_multi_project_pipeline_is_played_when_that_pipeline_is_there() {
    let ops = ci()
        .stage("prepare", [job("prepare").runs(5)])
        .stage("smoke", [job("smoke").manual()]);
    let monitor = downstream("monitor", "ops/monitoring").delay(20);
    let story = Story::with(ci().stage("deploy", [monitor]), monitoring(ops)).for_mira();
    story
        .run("play smoke --downstream monitor --require branch=main --wait")
        .is(0, expect![[r#"
            JOB    RESULT  STATUS   DURATION     ID
            smoke  passed  success       10s  90403
        "#]], expect![[r#"
            gate: held  branch=main  the ref is the branch main
            trigger job monitor of pipeline 7700 has started no pipeline and is pending; waiting for it
            pipeline 7701 of project 45
            plan: smoke (90403, created): not yet, its status is created
            gate: held  branch=main  the ref is the branch main
            08:00:39 smoke (90403, pending): played  https://gitlab.example.com/ops/monitoring/-/jobs/90403
            08:00:39 pipeline 7701 of project 45, until 08:59:00 at the latest
            08:00:39 smoke  pending
            08:00:42 smoke  pending → running  (2s in queue)
            08:00:55 smoke  running → success
        "#]]);
    story.gitlab.finish();
}

#[test]
fn what_is_not_there_or_is_the_caller_is_told() {
    let story = Story::new(deploy());
    assert_eq!(story.run("play gate").code, 2);
    story.run("play deploy --status running").is(
        5,
        "",
        expect![[r#"
            pipeline 7700 of project 44
            jobgate: error: no job matches in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    story.run("play smoke --downstream monitor").is(
        5,
        "",
        expect![[r#"
            jobgate: error: no trigger job "monitor" in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    assert_eq!(story.run("play").code, 2);
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn two_callers_start_one_job_once() {
    for _ in 0..20 {
        let story = Story::new(ci().stage("deploy", [job("deploy").manual().runs(600)]));
        let results = std::thread::scope(|scope| {
            let calls = [(); 2].map(|()| scope.spawn(|| story.run("play deploy")));
            calls.map(|call| call.join().unwrap())
        });
        assert_eq!(story.writes("deploy", "play"), 1, "{results:?}");
        let says = |word: &str| results.iter().filter(|got| got.out.contains(word)).count();
        assert_eq!(
            (says("  played  "), says("  done already  ")),
            (1, 1),
            "{results:?}"
        );
        assert!(results.iter().all(|got| got.code == 0));
        story.gitlab.finish();
    }
}

#[test]
fn a_person_who_was_faster_is_no_failure() {
    let story = Story::new(ci().stage("deploy", [job("deploy").manual().runs(600)]));
    let id = story.job("deploy");
    story.gitlab.before("POST */play", move |world| {
        world.play(crate::fake::MIRA, id, Vec::new(), serde_json::Map::new());
    });
    story.run("play deploy").is(
        0,
        expect![[r#"
            JOB     RESULT        STATUS      ID  NOTE
            deploy  done already  pending  90400  its status is pending
        "#]],
        expect![[r#"
            plan: deploy (90400, manual): play
            08:00:00 deploy (90400, pending): done already, its status is pending
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_signal_ends_the_wait_for_a_playable_job() {
    let story = Story::with(
        ci().stage("deploy", [job("deploy").is("created")]),
        |world, _| world.signal_after(30, Signal::Terminate),
    );
    let clock = story.gitlab.clock();
    story.call("play deploy").on(&clock, &Interrupt::new()).is(
        143,
        expect![[r#"
            JOB     RESULT   STATUS      ID  NOTE
            deploy  not yet  created  90400  its status is created
              URL/jobs/90400
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            pipeline 7700 of project 44
            plan: deploy (90400, created): not yet, its status is created
            jobgate: error: ended by SIGTERM
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}
