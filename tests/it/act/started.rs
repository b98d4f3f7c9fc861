//! `trigger`: another project's pipeline, started with the job token.

use expect_test::expect;
use jobgate::os::{Interrupt, Signal};

use super::{Story, deploy};
use crate::fake::{Allow, Ci, Fault, MIRA, World, ci, job};
use crate::run::{Outcome, Run};

pub(super) fn monitoring(jobs: Ci) -> impl FnOnce(&mut World, crate::fake::Id) {
    |world, _| {
        let ops = world.project("ops/monitoring");
        world.at_project(ops).ci = jobs;
        world.at_project(ops).allowlist = vec![Allow {
            from: "shop/web".to_owned(),
            policies: None,
        }];
    }
}

fn checks() -> Ci {
    ci().stage(
        "check",
        [job("check").runs(30), job("hint").fails(3).allow_failure()],
    )
}

/// With the job token alone.
fn run(story: &Story, words: &str) -> Outcome {
    super::brief(story.go(story.call(words).without("JOBGATE_TOKEN")))
}

#[test]
fn a_pipeline_is_started_and_mirrored_with_the_job_token_alone() {
    let story = Story::with(deploy(), monitoring(checks()));
    run(
        &story,
        "trigger ops/monitoring --ref main --variable A=1 --wait",
    )
    .is(0, expect![[r#"
        JOB    RESULT   STATUS   DURATION     ID  NOTE
        check  passed   success       30s  90402
        hint   warning  failed         3s  90403  allowed to fail, the script failed
          https://gitlab.example.com/ops/monitoring/-/jobs/90403
    "#]], expect![[r#"
        plan: trigger ops/monitoring at main
        08:00:00 triggered: pipeline 7701 of project 45  https://gitlab.example.com/ops/monitoring/-/pipelines/7701
        08:00:00 pipeline 7701 of project 45, until 08:59:00 at the latest
        08:00:00 check  pending
        08:00:00 hint  pending
        08:00:02 check  pending → running  (2s in queue)
        08:00:02 hint  pending → running  (2s in queue)
        08:00:05 hint  running → failed
        08:00:40 check  running → success
    "#]]);
    run(&story, "trigger 45 --ref main -o json -q").is(0, expect![[r#"
        {"result":"ok","exit":0,"action":"trigger","project":45,"pipeline":7702,"ref":"main","web_url":"https://gitlab.example.com/ops/monitoring/-/pipelines/7702","waited":null}
    "#]], "");
    assert!(
        story
            .gitlab
            .requests()
            .iter()
            .all(|one| one.token != "access")
    );
    story.gitlab.finish();
}

#[test]
fn inputs_are_sent_whatever_the_servers_version() {
    let story = Story::with(deploy(), |world, pipeline| {
        monitoring(checks())(world, pipeline);
        world.age = 18;
    });
    let words = "trigger ops/monitoring --ref main --input region=eu --input size=[1,2]";
    let got = story.run(words);
    assert_eq!(got.code, 0, "{got:?}");
    let made = |world: &mut World| world.pipelines[&7701].inputs.clone();
    let made = story.gitlab.world(made);
    assert_eq!(
        (made["region"].as_str(), made["size"].as_str()),
        (Some("eu"), Some("[1,2]"))
    );
    assert!(!story.gitlab.log().contains("/version"));
    story.gitlab.finish();
}

#[test]
fn the_access_token_lists_what_the_job_token_may_not() {
    let story = Story::with(deploy(), |world, pipeline| {
        monitoring(checks())(world, pipeline);
        // Job tokens cannot list trigger jobs yet.
        world.age = 18;
    });
    let mira = story
        .gitlab
        .world(|world| world.access_token(MIRA, &["read_api"]));
    let words = "trigger ops/monitoring --ref main --wait -o dotenv";
    let call = story.call(words).var("JOBGATE_TOKEN", mira);
    story.go(call).is(0, expect![[r#"
        JOBGATE_OUT_RESULT=ok
        JOBGATE_OUT_EXIT_CODE=0
        JOBGATE_OUT_PROJECT_ID=45
        JOBGATE_OUT_PIPELINE_ID=7701
        JOBGATE_OUT_PIPELINE_URL=https://gitlab.example.com/ops/monitoring/-/pipelines/7701
        JOBGATE_OUT_ACTION=trigger
    "#]], expect![[r#"
        using the job token from CI_JOB_TOKEN
        plan: trigger ops/monitoring at main
        08:00:00 triggered: pipeline 7701 of project 45  https://gitlab.example.com/ops/monitoring/-/pipelines/7701
        08:00:00 pipeline 7701 of project 45, until 08:59:00 at the latest
        using the access token from JOBGATE_TOKEN
        08:00:00 check  pending
        08:00:00 hint  pending
        08:00:02 check  pending → running  (2s in queue)
        08:00:02 hint  pending → running  (2s in queue)
        08:00:05 hint  running → failed
        08:00:40 check  running → success
    "#]]);
    let log = story.gitlab.log();
    for asked in [
        "/trigger/pipeline form 201",
        "/jobs?per_page=100 job 200",
        "/bridges?per_page=100 access 200",
    ] {
        assert!(log.contains(asked), "{log}");
    }
    story.gitlab.finish();
}

#[test]
fn a_plan_starts_nothing() {
    let story = Story::with(deploy(), monitoring(checks()));
    run(
        &story,
        "trigger ops/monitoring --ref main --variable TOKEN=x --dry-run",
    )
    .is(
        0,
        "",
        expect![[r#"
            plan: trigger ops/monitoring at main
        "#]],
    );
    run(&story, "trigger ops/monitoring").is(
        2,
        "",
        expect![[r#"
            jobgate: error: trigger needs --ref: a branch or tag
            jobgate: hint: usage: jobgate trigger [OPTIONS] PROJECT (see jobgate trigger --help)
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn a_failure_downstream_is_one_here() {
    let jobs = ci().stage("check", [job("check").fails(30)]);
    let story = Story::with(deploy(), monitoring(jobs));
    let got = run(&story, "trigger ops/monitoring --ref main --wait -o dotenv");
    assert_eq!(got.code, 1, "{got:?}");
    assert!(
        got.out.contains("JOBGATE_OUT_PIPELINE_ID=7701\n"),
        "{got:?}"
    );
    story.gitlab.finish();
}

#[test]
fn after_a_lost_answer_nothing_is_assumed_and_newer_pipelines_are_listed() {
    let story = Story::with(deploy(), monitoring(checks()));
    // In the same second, by which GitLab's clock tells pipelines apart: this one is not newer.
    assert_eq!(run(&story, "trigger ops/monitoring --ref main").code, 0);
    story.gitlab.fault("POST */trigger/pipeline", Fault::Close);
    run(&story, "trigger ops/monitoring --ref main").is(6, "", expect![[r#"
        plan: trigger ops/monitoring at main
        jobgate: error: POST /projects/ops%2Fmonitoring/trigger/pipeline: the connection closed during the answer
        jobgate: error: GitLab may have started a pipeline all the same; these are new:
        jobgate: error: pipeline 7701 of main by mira, created 2026-11-20T08:00:00Z  https://gitlab.example.com/ops/monitoring/-/pipelines/7701
        jobgate: hint: look at the newest pipelines of the ref before triggering again
    "#]]);
    story
        .gitlab
        .fault("POST */trigger/pipeline", Fault::BadGatewayAfter);
    // Another job's request is served just before.
    story.gitlab.before("POST */trigger/pipeline", |world| {
        world.pipeline_with("ops/monitoring", "main", checks(), |new| {
            new.source = "pipeline";
        });
    });
    run(&story, "trigger ops/monitoring --ref main").is(6, "", expect![[r#"
        plan: trigger ops/monitoring at main
        jobgate: error: GitLab has failed, or is down, overloaded or restarting (502)
        jobgate: error: POST /projects/ops%2Fmonitoring/trigger/pipeline: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000009)
        jobgate: error: GitLab may have started a pipeline all the same; these are new:
        jobgate: error: pipeline 7703 of main by mira, created 2026-11-20T08:00:02.934Z  https://gitlab.example.com/ops/monitoring/-/pipelines/7703
        jobgate: error: pipeline 7702 of main by mira, created 2026-11-20T08:00:02.934Z  https://gitlab.example.com/ops/monitoring/-/pipelines/7702
        jobgate: hint: look at the newest pipelines of the ref before triggering again
    "#]]);
    assert_eq!(story.gitlab.posts(), 3);
    // Job tokens cannot list pipelines before GitLab 19.2.
    story.gitlab.world(|world| world.age = 18);
    story.gitlab.fault("POST */trigger/pipeline", Fault::Locked);
    run(&story, "trigger ops/monitoring --ref main").is(6, "", expect![[r#"
        plan: trigger ops/monitoring at main
        jobgate: error: another request was changing the same job; this request may have been done before that
        jobgate: error: POST /projects/ops%2Fmonitoring/trigger/pipeline: 409 Conflict: Resource lock (request id 01JD0000000000000000000013)
        jobgate: error: GitLab may have started a pipeline all the same; the new pipelines of main by mira cannot be listed:
        jobgate: error: project ops/monitoring does not exist, or the token cannot see it
        jobgate: error: GET /projects/ops%2Fmonitoring/pipelines: 404 Project Not Found (request id 01JD0000000000000000000014)
        jobgate: hint: the user who started the job must be a member of project ops/monitoring with the role Reporter or higher
        jobgate: hint: add the project that this job runs in to the allowlist
        jobgate: hint: see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in project ops/monitoring
        jobgate: hint: look at the newest pipelines of the ref before triggering again
    "#]]);
    story.gitlab.finish();
}

#[test]
fn a_limit_is_waited_out_unless_it_lasts_longer_than_the_time() {
    let story = Story::with(deploy(), monitoring(checks()));
    story
        .gitlab
        .faults("POST */trigger/pipeline", Fault::Limited(20), 2);
    let got = run(&story, "trigger ops/monitoring --ref main");
    assert_eq!((got.code, story.gitlab.posts()), (0, 3), "{got:?}");
    // A limit that lasts beyond the time allowed is no reason to sleep.
    let trigger = "POST */trigger/pipeline";
    story.gitlab.fault(trigger, Fault::Limited(20));
    let now = || story.gitlab.world(|world| world.now);
    let begun = now();
    let words = "trigger ops/monitoring --ref main --wait --timeout 10s";
    assert_eq!((run(&story, words).code, now()), (3, begun));
    assert_eq!(story.gitlab.posts(), 4);
    story.gitlab.finish();
}

#[test]
fn refusals_are_explained() {
    let story = Story::with(deploy(), monitoring(checks()));
    run(&story, "trigger ops/monitoring --ref nowhere").is(5, "", expect![[r#"
        plan: trigger ops/monitoring at nowhere
        jobgate: error: project ops/monitoring has no such branch or tag
        jobgate: error: POST /projects/ops%2Fmonitoring/trigger/pipeline: 400 Reference not found (request id 01JD0000000000000000000002)
        jobgate: hint: check --ref: it names a branch or tag of the project whose pipeline is triggered
    "#]]);
    run(&story, "trigger ops/secret --ref main").is(5, "", expect![[r#"
        plan: trigger ops/secret at main
        jobgate: error: project ops/secret does not exist, or the token cannot see it
        jobgate: error: POST /projects/ops%2Fsecret/trigger/pipeline: 404 Project Not Found (request id 01JD0000000000000000000005)
        jobgate: hint: the user who started the job must be a member of project ops/secret with the role Developer or higher
        jobgate: hint: add the project that this job runs in to the allowlist
        jobgate: hint: see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in project ops/secret
    "#]]);
    story
        .gitlab
        .world(|world| world.at_project(45).variables_role = "no_one_allowed");
    run(&story, "trigger ops/monitoring --ref main --variable A=1").is(4, "", expect![[r#"
        plan: trigger ops/monitoring at main
        jobgate: error: the user who started this job cannot set variables in project ops/monitoring
        jobgate: error: POST /projects/ops%2Fmonitoring/trigger/pipeline: 400 Insufficient permissions to set pipeline variables (request id 01JD0000000000000000000008)
        jobgate: hint: in project ops/monitoring: Settings > CI/CD > Variables > Minimum role to use pipeline variables
    "#]]);
    story
        .gitlab
        .world(|world| world.at_project(45).members.clear());
    run(&story, "trigger ops/monitoring --ref main").is(5, "", expect![[r#"
        plan: trigger ops/monitoring at main
        jobgate: error: project ops/monitoring does not exist, or the token cannot see it
        jobgate: error: POST /projects/ops%2Fmonitoring/trigger/pipeline: 404 Not found (request id 01JD0000000000000000000011)
        jobgate: hint: the user who started the job must be a member of project ops/monitoring with the role Developer or higher
        jobgate: hint: add the project that this job runs in to the allowlist
        jobgate: hint: see Settings > CI/CD > Job token permissions > CI/CD job token allowlist in project ops/monitoring
    "#]]);
    story.gitlab.finish();
}

#[test]
fn what_was_started_is_canceled_if_asked_for() {
    let jobs = ci().stage("check", [job("check").endless()]);
    let story = Story::with(deploy(), |world, pipeline| {
        monitoring(jobs)(world, pipeline);
        world.signal_after(60, Signal::Terminate);
    });
    let words = "trigger ops/monitoring --ref main --wait --on-cancel cancel";
    let got = run(&story, words);
    assert_eq!((got.code, story.gitlab.posts()), (4, 0), "{got:?}");
    let token = story
        .gitlab
        .world(|world| world.access_token(MIRA, &["api"]));
    let call: Run = story.call(words).var("JOBGATE_TOKEN", token);
    call.on(&story.gitlab.clock(), &Interrupt::new())
        .is(143, expect![[r#"
            JOB    RESULT   STATUS   DURATION     ID
            check  waiting  running       54s  90402
              https://gitlab.example.com/ops/monitoring/-/jobs/90402
        "#]], expect![[r#"
            using the job token from CI_JOB_TOKEN
            plan: trigger ops/monitoring at main
            08:00:00 triggered: pipeline 7701 of project 45  https://gitlab.example.com/ops/monitoring/-/pipelines/7701
            08:00:00 pipeline 7701 of project 45, until 08:59:00 at the latest
            08:00:00 check  pending
            08:00:02 check  pending → running  (2s in queue)
            using the access token from JOBGATE_TOKEN
            pipeline 7701 is being canceled
            jobgate: error: ended by SIGTERM
        "#]]);
    assert!(
        story
            .gitlab
            .log()
            .contains("/pipelines/7701/cancel access 200")
    );
    story.gitlab.finish();
}
