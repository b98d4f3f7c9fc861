//! What GitLab refuses, each with its cause, its hint and its exit code; and nothing is done.

use super::{Story, deploy};
use crate::fake::{Answer, Fault, ci, job};

#[test]
fn without_an_access_token_nothing_is_begun() {
    let story = Story::new(deploy());
    let call = story.call("play deploy").without("JOBGATE_TOKEN");
    story.go(call).is(4, "@OUT", "@LOG");
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
    story.run("play deploy").is(4, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_scope_that_is_too_small() {
    let mut story = Story::new(deploy());
    story.token = story
        .gitlab
        .world(|world| world.access_token(crate::fake::MIRA, &["read_api"]));
    story.run("play deploy").is(4, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_protected_environment() {
    let ci = ci().stage("deploy", [job("deploy").manual().environment("production")]);
    let story = Story::with(ci, |world, pipeline| {
        let project = world.pipelines[&pipeline].project;
        world.environment(project, "production", "production");
        world.at_project(project).environments[0].deployers = Some(Vec::new());
    });
    story.run("play deploy").is(4, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn variables_that_nobody_may_set() {
    let story = Story::with(deploy(), |world, pipeline| {
        let project = world.pipelines[&pipeline].project;
        world.at_project(project).variables_role = "no_one_allowed";
    });
    story
        .run("play deploy --variable A=1")
        .is(4, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn an_input_that_the_job_does_not_have() {
    let story = Story::new(ci().stage("deploy", [job("deploy").manual().inputs(["region"])]));
    story
        .run("play deploy --input zone=eu")
        .is(2, "@OUT", "@LOG");
    story
        .run("play deploy --input region=eu")
        .is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn an_archived_job() {
    let story = Story::with(deploy(), |world, pipeline| {
        world.pipelines.get_mut(&pipeline).unwrap().archived = true;
    });
    story.run("play deploy").is(9, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn a_read_only_instance() {
    let story = Story::with(deploy(), |world, _| world.read_only = true);
    story.run("play deploy").is(6, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_job_that_cannot_be_retried_or_erased() {
    let ci = ci().stage(
        "test",
        [
            job("looped").is("failed").because("pipeline_loop_detected"),
            job("silent").is("success"),
        ],
    );
    let story = Story::new(ci);
    story.run("retry looped").is(9, "@OUT", "@LOG");
    story.run("erase silent").is(9, "@OUT", "@LOG");
    story.gitlab.answer(
        "POST */erase",
        Answer::message(409, "409 Conflict - Statistics are being refreshed"),
    );
    story.run("erase silent").is(6, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_rate_limit_is_waited_out() {
    let story = Story::new(deploy());
    story
        .gitlab
        .faults("POST */play", Fault::LimitedAction(60), 2);
    story.run("play deploy").is(0, "@OUT", "@LOG");
    assert_eq!(story.writes("deploy", "play"), 1);
    story.gitlab.finish();
}

#[test]
fn a_resource_lock_is_waited_out() {
    let story = Story::new(deploy());
    story.gitlab.faults("POST */play", Fault::Locked, 3);
    assert_eq!(story.run("play deploy").code, 0);
    assert_eq!(story.writes("deploy", "play"), 1);
    story.gitlab.finish();
}

#[test]
fn a_moved_project() {
    let story = Story::with(deploy(), |world, pipeline| {
        let project = world.pipelines[&pipeline].project;
        world.at_project(project).old_paths = vec!["shop/old".to_owned()];
    });
    let pipeline = story.pipeline;
    story
        .run(&format!(
            "play deploy --project shop/old --pipeline {pipeline}"
        ))
        .is(2, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_token_that_has_expired() {
    let mut story = Story::new(deploy());
    story.token = story.gitlab.world(|world| {
        let token = world.access_token(crate::fake::MIRA, &["api"]);
        let last = world.access_tokens.last_mut().unwrap();
        last.expires_at = Some(world.now);
        token
    });
    story.run("play deploy").is(4, "@OUT", "@LOG");
    story.gitlab.finish();
}

#[test]
fn a_server_that_is_too_old_for_inputs_gets_nothing() {
    let story = Story::with(
        ci().stage("deploy", [job("deploy").manual().inputs(["region"])]),
        |world, _| world.age = 18,
    );
    story
        .run("play deploy --input region=eu")
        .is(9, "@OUT", "@LOG");
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
    story.run("play deploy").is(0, "@OUT", "@LOG");
    story.gitlab.finish();
}
