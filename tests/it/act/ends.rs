//! Ends that are easily wrong: a calling job that is being canceled or is another one by now, nothing found, limits that last.

use expect_test::expect;

use super::started::monitoring;
use super::{Story, deploy};
use crate::fake::{Fault, child, ci, job};

#[test]
fn a_caller_that_is_being_canceled_starts_nothing_but_cleans_up() {
    let deploy = job("deploy").manual().endless();
    let unit = job("unit").artifacts().is("failed");
    let jobs = [deploy, unit, job("slow").is("running")];
    let story = Story::new(ci().stage("deploy", jobs));
    let me = story.me;
    story.gitlab.world(|world| world.flip(me, "canceling"));
    story.run("play deploy").is(
        143,
        "",
        expect![[r#"
            jobgate: error: this job is being canceled
        "#]],
    );
    assert_eq!(story.run("retry unit").code, 143);
    assert_eq!(story.run("trigger shop/web --ref main").code, 143);
    assert_eq!(story.gitlab.posts(), 0);
    assert_eq!(story.run("cancel slow").code, 0);
    assert_eq!(story.run("erase unit").code, 0);
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn a_caller_in_another_pipeline_or_project_by_now_sends_nothing() {
    for moves_project in [false, true] {
        let story = Story::new(deploy());
        let me = story.me;
        story.gitlab.before("GET */trigger_jobs*", move |world| {
            if moves_project {
                let (mine, other) = (world.jobs[&me].pipeline, world.project("shop/other"));
                world.pipelines.get_mut(&mine).unwrap().project = other;
            } else {
                let plan = deploy().stage("gate", [job("gate")]);
                world.jobs.get_mut(&me).unwrap().pipeline =
                    world.pipeline("shop/web", "main", plan);
            }
        });
        let got = story.run("play deploy -q");
        assert_eq!((got.code, story.gitlab.posts()), (6, 0), "{got:?}");
        assert!(got.log.contains("its pipeline has changed"), "{got:?}");
    }
}

#[test]
fn a_caller_that_is_canceled_while_play_waits_sends_nothing() {
    let build = ci().stage("build", [job("compile").runs(50)]);
    let story = Story::with(
        build.stage("deploy", [job("deploy").manual()]),
        |world, pipeline| {
            let me = world.job(pipeline, "gate");
            world.after(30, move |world| world.flip(me, "canceling"));
        },
    );
    let got = story.run("play deploy");
    assert_eq!((got.code, story.gitlab.posts()), (143, 0), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn a_caller_that_is_canceled_waits_for_no_other_pipeline_either() {
    for words in [
        "wait slow --pipeline 7701",
        "trace slow --follow --pipeline 7701",
        "play deploy --wait --pipeline 7701",
        "play later --pipeline 7701",
        "trigger ops/monitoring --ref main --wait",
    ] {
        let story = Story::with(ci(), |world, pipeline| {
            let jobs = [job("slow").endless(), job("deploy").manual().endless()];
            let jobs = ci().stage("test", jobs);
            let jobs = jobs.stage("later", [job("later").manual()]);
            monitoring(ci().stage("check", [job("slow").endless()]))(world, pipeline);
            let me = world.job(pipeline, "gate");
            assert_eq!(world.pipeline("shop/web", "main", jobs), 7701);
            world.after(100, move |world| world.flip(me, "canceling"));
        });
        let got = story.run(words);
        let end = story.gitlab.world(|world| world.now).time_of_day();
        let within = ("08:01:40".to_owned().."08:03:00".to_owned()).contains(&end);
        assert_eq!(got.code, 143, "{words}: {got:?}");
        let last = "jobgate: error: this job is being canceled";
        assert!(got.log.contains(last), "{words}: {got:?}");
        assert!(within, "{words}: {end}");
    }
}

#[test]
fn a_token_that_stands_for_another_job_by_now_sends_nothing() {
    let jobs = [job("deploy").manual(), job("other").is("running")];
    let story = Story::new(ci().stage("deploy", jobs));
    let (me, other) = (story.me, story.job("other"));
    // Between the first asking and the second, directly before the write.
    story.gitlab.before("GET */trigger_jobs*", move |world| {
        let mine = world.jobs[&me].token.clone();
        world.jobs.get_mut(&me).unwrap().token = "gone".to_owned();
        world.jobs.get_mut(&other).unwrap().token = mine;
    });
    story.run("play deploy").is(6, expect![[r#"
        JOB     RESULT       STATUS     ID  NOTE
        deploy  gate closed  manual  90400  nothing was sent
          URL/jobs/90400
    "#]], expect![[r#"
        plan: deploy (90400, manual): play
        jobgate: error: since the start, the job token's job has changed from 90402 to 90401, or its pipeline has changed
    "#]]);
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn a_limit_of_its_own_costs_play_a_second_more_than_it_asks_for() {
    let story = Story::new(ci().stage("deploy", [job("deploy").manual()]));
    story.gitlab.fault("POST */play", Fault::LimitedAction(7));
    let now = || story.gitlab.world(|world| world.now);
    let begun = now();
    assert_eq!(story.run("play deploy").code, 0);
    assert_eq!(now().since(begun).as_secs(), 8);
    story.gitlab.finish();
}

#[test]
fn archived_jobs_are_canceled_and_erased() {
    let jobs = [
        job("old").artifacts().is("failed"),
        job("slow").is("running"),
    ];
    let story = Story::with(ci().stage("test", jobs), |world, pipeline| {
        world.pipelines.get_mut(&pipeline).unwrap().archived = true;
    });
    assert_eq!(story.run("erase old").code, 0);
    assert_eq!(story.run("cancel slow").code, 0);
    assert_eq!(story.run("retry old").code, 9);
    story.gitlab.finish();
}

#[test]
fn what_a_trigger_job_has_not_started_cannot_be_cleaned_up() {
    let rollout = child("rollout", ci().stage("x", [job("eu")])).manual();
    let story = Story::new(ci().stage("deploy", [rollout]));
    for words in ["cancel --all", "erase eu"] {
        let got = story.run(&format!("{words} --downstream rollout"));
        assert_eq!(got.code, 5, "{got:?}");
    }
    story
        .run("cancel eu --downstream rollout -o json")
        .is(5, expect![[r#"
            {"result":"not-found","exit":5,"action":"cancel","project":44,"pipeline":7700,"jobs":[],"waited":null}
        "#]], expect![[r#"
            jobgate: error: trigger job rollout of pipeline 7700 has started no pipeline and is manual
        "#]]);
    story.gitlab.finish();
}

#[test]
fn nothing_to_clean_up_is_no_failure() {
    let story = Story::new(ci().stage("test", [job("unit").is("success")]));
    assert_eq!(story.run("cancel --all --status running").code, 0);
    assert_eq!(story.run("erase unit --status failed").code, 0);
    assert_eq!(story.run("retry unit --status failed").code, 5);
    assert_eq!(story.run("cancel nothing").code, 5);
    story.gitlab.finish();
}

#[test]
fn an_action_that_ends_early_prints_its_document() {
    let story = Story::new(deploy());
    story
        .run("play nowhere -o json")
        .is(5, expect![[r#"
            {"result":"not-found","exit":5,"action":"play","project":44,"pipeline":7700,"jobs":[],"waited":null}
        "#]], expect![[r#"
            pipeline 7700 of project 44
            jobgate: error: no job "nowhere" in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]]);
    story
        .gitlab
        .faults("GET */job", Fault::BadGateway, u32::MAX);
    story
        .run("play deploy -o json -q --timeout 0")
        .is(6, expect![[r#"
            {"result":"unknown","exit":6,"action":"play","project":null,"pipeline":null,"jobs":[],"waited":null}
        "#]], expect![[r#"
            jobgate: error: GitLab has given no good answer for 30s: GitLab has failed, or is down, overloaded or restarting (502)
            jobgate: error: GET /job: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000009)
            jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
            jobgate: hint: `jobgate wait --outage-budget 15m` waits longer for an answer
        "#]]);
    story
        .run("trigger ops/web --ref main -o dotenv -q --timeout 0")
        .is(6, expect![[r#"
            JOBGATE_OUT_RESULT=unknown
            JOBGATE_OUT_EXIT_CODE=6
            JOBGATE_OUT_PROJECT_PATH=ops/web
            JOBGATE_OUT_ACTION=trigger
        "#]], expect![[r#"
            jobgate: error: GitLab has given no good answer for 30s: GitLab has failed, or is down, overloaded or restarting (502)
            jobgate: error: GET /job: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000016)
            jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
            jobgate: hint: `jobgate wait --outage-budget 15m` waits longer for an answer
        "#]]);
    story.gitlab.finish();
}

#[test]
fn cancel_does_not_wait_for_a_long_rate_limit() {
    let story = Story::new(ci().stage("test", [job("slow").is("running")]));
    story.gitlab.fault("POST */cancel", Fault::Limited(92));
    story.run("cancel slow").is(6, expect![[r#"
        JOB   RESULT  STATUS   DURATION     ID
        slow  cancel  running    59m00s  90400
    "#]], expect![[r#"
        plan: slow (90400, running): cancel
        jobgate: error: this GitLab's rate limit is used up
        jobgate: error: POST /projects/44/jobs/90400/cancel: 429 Retry later; the limit lasts until 08:01:32 (request id 01JD0000000000000000000004)
        jobgate: hint: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
        jobgate: hint: an administrator can raise it under User and IP rate limits
    "#]]);
    story
        .gitlab
        .fault("POST */cancel", Fault::LimitedAction(20));
    assert_eq!(story.run("cancel slow").code, 0);
    story.gitlab.finish();
}

#[test]
fn an_access_token_is_enough_where_project_and_pipeline_are_given() {
    let jobs = [job("deploy").manual(), job("slow").is("running")];
    let story = Story::new(ci().stage("deploy", jobs));
    let words = format!(
        "play deploy --project shop/web --pipeline {} --wait",
        story.pipeline
    );
    let call = story.call(&words).without("CI_JOB_TOKEN");
    super::brief(story.go(call)).is(
        0,
        expect![[r#"
            JOB     RESULT  STATUS   DURATION     ID
            deploy  passed  success       10s  90400
        "#]],
        expect![[r#"
            pipeline 7700 of project shop/web
            plan: deploy (90400, manual): play
            08:00:00 deploy (90400, pending): played  URL/jobs/90400
            08:00:00 pipeline 7700 of project shop/web, until 09:00:00 at the latest
            08:00:00 deploy  pending
            08:00:02 deploy  pending → running  (2s in queue)
            08:00:17 deploy  running → success
        "#]],
    );
    let me = story.me;
    story.gitlab.world(|world| world.flip(me, "success"));
    let words = words
        .replace("play deploy", "cancel slow")
        .replace(" --wait", "");
    assert_eq!(story.run(&words).code, 0);
    assert_eq!(story.run(&format!("{words} --require branch=main")).code, 4);
    story.gitlab.finish();
}

/// With `--server`, and no variable of a job.
#[test]
fn these_commands_need_no_job_and_the_others_do() {
    for (words, code) in [
        ("jobs", 0),
        ("jobs --recursive", 0),
        ("trace unit", 0),
        ("wait unit", 1),
        ("play deploy", 0),
        ("retry unit", 0),
        ("cancel slow", 0),
        ("erase unit", 0),
        ("wait unit --require branch", 4),
        ("whoami", 4),
        ("agents", 4),
        ("gate branch", 4),
        ("trigger shop/web --ref main", 4),
    ] {
        let unit = job("unit").artifacts().is("failed");
        let jobs = [unit, job("deploy").manual(), job("slow").is("running")];
        let story = Story::new(ci().stage("deploy", jobs));
        let place = match words.split(' ').next() {
            Some("whoami" | "agents" | "gate" | "trigger") => "",
            _ => " --project shop/web --pipeline 7700",
        };
        let got = story.go(story
            .call(&format!("{words}{place}"))
            .without("CI_JOB_TOKEN")
            .without("CI_JOB_ID")
            .without("CI_API_V4_URL"));
        assert_eq!(got.code, code, "{words}: {got:?}");
        story.gitlab.finish();
    }
}
