//! What GitLab refuses, each with its cause, its hint and its exit code; and nothing is done.

use expect_test::expect;

use super::{Story, deploy};
use crate::fake::{Fault, Id, World, ci, job};

#[test]
fn without_an_access_token_nothing_is_begun() {
    let story = Story::new(deploy());
    let call = story.call("play deploy").without("JOBGATE_TOKEN");
    story.go(call).is(4, "", expect![[r#"
        using the job token from CI_JOB_TOKEN
        jobgate: error: job tokens cannot play jobs; use an access token
        jobgate: hint: use a project, group or personal access token with role Developer and scope api (fine-grained: Job: Run)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
    "#]]);
    assert_eq!(story.gitlab.log(), "GET /api/v4/job job 200\n");
    story.gitlab.finish();
}

#[test]
fn a_role_that_is_too_low() {
    let mut story = Story::new(deploy());
    story.token = story.gitlab.world(|world| {
        let project = world.project_by_path("shop/web").unwrap().id;
        world.project_token(project, "reporter", &["api"])
    });
    story.run("play deploy").is(4, expect![[r#"
        JOB     RESULT   STATUS     ID  NOTE
        deploy  refused  manual  90400  the access token's user cannot play jobs here
          URL/jobs/90400
    "#]], expect![[r#"
        plan: deploy (90400, manual): play
        08:00:00 deploy (90400, manual): refused
        jobgate: error: the access token's user cannot play jobs here
        jobgate: error: POST /projects/44/jobs/90400/play: 403 Forbidden (request id 01JD0000000000000000000004)
        jobgate: hint: the token's user must be a member of project 44 with the role Developer or higher
        jobgate: hint: the user of a project access token is a member of its project
        jobgate: hint: for a protected ref, in project 44: Settings > Repository must allow that user to push or merge (Protected branches) or to create the tag (Protected tags)
        jobgate: hint: for a protected environment, in project 44: Settings > CI/CD > Protected environments must name that user under Allowed to deploy
        jobgate: hint: for an outdated deployment: use the job of the newest pipeline, or see Settings > CI/CD > General pipelines > Prevent outdated deployment jobs
    "#]]);
    story.gitlab.finish();
}

/// Each refusal by GitLab's own rules: what it says and the exit code; the hints are asserted with `explain`.
#[test]
fn each_refusal_has_its_code_and_its_cause() {
    type Change = fn(&mut World, Id);
    let rules: [(&str, Change); 9] = [
        ("play deploy", |world, project| {
            world.environment(project, "production", "production");
            world.at_project(project).environments[0].deployers = Some(Vec::new());
        }),
        ("play deploy --variable A=1", |world, project| {
            world.at_project(project).variables_role = "no_one_allowed";
        }),
        ("play deploy", |world, _| world.read_only = true),
        ("play deploy", |world, _| {
            let last = world.access_tokens.last_mut().unwrap();
            last.expires_at = Some(world.now);
        }),
        ("play deploy", |world, _| {
            world.access_tokens.last_mut().unwrap().scopes = vec!["read_api"];
        }),
        ("play deploy --input zone=eu", |_, _| {}),
        (
            "play deploy --project shop/old --pipeline 7700",
            |world, project| {
                world.at_project(project).old_paths = vec!["shop/old".to_owned()];
            },
        ),
        ("retry looped", |_, _| {}),
        ("erase silent", |_, _| {}),
    ];
    let mut said = Vec::new();
    for (words, change) in rules {
        let looped = job("looped").is("failed").because("pipeline_loop_detected");
        let deploy = job("deploy").manual().environment("production");
        let ci = ci().stage("deploy", [deploy, looped, job("silent").is("success")]);
        let story = Story::with(ci, |world, pipeline| {
            change(world, world.pipelines[&pipeline].project);
        });
        let got = story.run(words);
        let error = got.log.lines().find(|line| line.contains("error: "));
        said.push(format!(
            "{} {words}: {}\n",
            got.code,
            error.unwrap_or_default()
        ));
        story.gitlab.finish();
    }
    expect![[r#"
        4 play deploy: jobgate: error: the access token's user cannot play jobs here
        4 play deploy --variable A=1: jobgate: error: the access token's user cannot play jobs here
        6 play deploy: jobgate: error: this GitLab accepts no writes at the moment: it is in maintenance mode, or a read-only Geo site
        4 play deploy: jobgate: error: the access token has expired
        4 play deploy: jobgate: error: the access token's scopes do not allow it to play jobs
        2 play deploy --input zone=eu: jobgate: error: the job declares no such input
        2 play deploy --project shop/old --pipeline 7700: jobgate: error: the project has moved, and GitLab does not forward writes to its new path
        9 retry looped: jobgate: error: the job cannot be retried in its present status
        9 erase silent: jobgate: error: the job cannot be erased: it has neither a log nor artifacts
    "#]].assert_eq(&said.concat());
}

#[test]
fn a_rate_limit_is_waited_out() {
    let story = Story::new(deploy());
    story
        .gitlab
        .faults("POST */play", Fault::LimitedAction(60), 2);
    story.run("play deploy").is(0, expect![[r#"
        JOB     RESULT  STATUS      ID
        deploy  played  pending  90400
    "#]], expect![[r#"
        plan: deploy (90400, manual): play
        08:00:00 POST /projects/44/jobs/90400/play: 429 This endpoint has been requested too many times. Try again later. (request id 01JD0000000000000000000004); asking again in 1m01s
        jobgate: hint: try again in some minutes
        08:01:00 waiting for deploy (was manual); the rate limit lasts until 08:01:00
        08:01:01 GitLab answers again
        08:01:01 POST /projects/44/jobs/90400/play: 429 This endpoint has been requested too many times. Try again later. (request id 01JD0000000000000000000008); asking again in 1m01s
        jobgate: hint: try again in some minutes
        08:02:01 waiting for deploy (was manual); the rate limit lasts until 08:02:01
        08:02:02 GitLab answers again
        08:02:02 deploy (90400, pending): played  URL/jobs/90400
    "#]]);
    assert_eq!(story.writes("deploy", "play"), 1);
    story.gitlab.finish();
}

#[test]
fn a_server_that_is_too_old_for_inputs_gets_nothing() {
    let story = Story::with(
        ci().stage("deploy", [job("deploy").manual().inputs(["region"])]),
        |world, _| world.age = 18,
    );
    story.run("play deploy --input region=eu").is(
        9,
        "",
        expect![[r#"
            jobgate: error: this GitLab (18.0.0) would ignore --input: that takes 18.10 or newer
            jobgate: hint: without --input nothing is left out in silence
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn a_lost_answer_is_looked_after() {
    for (fault, posts) in [
        (Fault::Lost, 1),
        (Fault::Cut, 1),
        (Fault::BadGatewayAfter, 1),
        (Fault::Close, 2),
        (Fault::BadGateway, 2),
        (Fault::Page, 2),
        (Fault::Locked, 2),
    ] {
        let story = Story::new(ci().stage("deploy", [job("deploy").manual().runs(600)]));
        story.gitlab.fault("POST */play", fault);
        let got = story.run("play deploy");
        assert_eq!(
            (got.code, story.gitlab.posts()),
            (0, posts),
            "{fault:?} {got:?}"
        );
        assert_eq!(story.writes("deploy", "play"), 1);
        story.gitlab.finish();
    }
    let story = Story::new(ci().stage("deploy", [job("deploy").manual().runs(600)]));
    story.gitlab.fault("POST */play", Fault::BadGatewayAfter);
    story.run("play deploy").is(0, expect![[r#"
        JOB     RESULT  STATUS      ID  NOTE
        deploy  played  pending  90400  the answer was lost, but GitLab shows that it was done
    "#]], expect![[r#"
        plan: deploy (90400, manual): play
        jobgate: warning: POST /projects/44/jobs/90400/play: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000004); checking whether it was done
        08:00:00 deploy (90400, pending): played, the answer was lost, but GitLab shows that it was done  URL/jobs/90400
    "#]]);
    story.gitlab.finish();
}

#[test]
fn requests_that_are_never_answered_come_to_an_end() {
    let story = Story::new(deploy());
    story
        .gitlab
        .faults("POST */play", Fault::BadGateway, u32::MAX);
    story
        .run("play deploy")
        .is(6, expect![[r#"
            JOB     RESULT   STATUS     ID  NOTE
            deploy  unknown  manual  90400  play was sent, and it is not known whether it was done
              URL/jobs/90400
        "#]], expect![[r#"
            plan: deploy (90400, manual): play
            jobgate: warning: POST /projects/44/jobs/90400/play: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000004); checking whether it was done
            jobgate: warning: POST /projects/44/jobs/90400/play: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000010); checking whether it was done
            jobgate: warning: POST /projects/44/jobs/90400/play: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000016); checking whether it was done
            jobgate: warning: POST /projects/44/jobs/90400/play: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000022); checking whether it was done
            jobgate: warning: POST /projects/44/jobs/90400/play: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000028); checking whether it was done
            08:00:14 deploy (90400, manual): unknown, play was sent, and it is not known whether it was done
            jobgate: error: deploy (90400): play was sent, and it is not known whether it was done  URL/jobs/90400
        "#]]);
    assert_eq!(story.gitlab.posts(), 5);
    story.gitlab.finish();
}

#[test]
fn after_a_usage_error_nothing_was_changed() {
    let jobs = [job("a").manual().inputs(["region"]), job("b").manual()];
    let story = Story::new(ci().stage("deploy", jobs));
    let got = story.run("play a b --all --input region=eu");
    assert_eq!((got.code, story.writes("a", "play")), (9, 1), "{got:?}");
    let got = story.run("play b --input region=eu");
    assert_eq!((got.code, story.writes("b", "play")), (2, 0), "{got:?}");
    story.gitlab.finish();
}
