//! The gate before a write: asked at the start, and again directly before each request.

use super::{Story, deploy};
use crate::fake::{ci, job};
use expect_test::expect;

#[test]
fn a_closed_gate_sends_nothing() {
    let story = Story::new(deploy());
    story
        .run("play deploy --require branch=release/* --require role=maintainer")
        .is(
            9,
            "",
            expect![[r#"
            gate: not held  branch=release/*  the ref is the branch main
            gate: held  role=maintainer  the role of the job's user in its project is maintainer
            jobgate: error: the gate is closed: branch=release/* does not hold
        "#]],
        );
    for words in [
        "retry deploy --require tag",
        "cancel deploy --require tag",
        "erase deploy --require tag",
        "trigger shop/web --ref main --require tag",
        "wait deploy --require tag",
    ] {
        assert_eq!(story.run(words).code, 9, "{words}");
    }
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn a_gate_that_closes_while_play_waits_sends_nothing() {
    let ci = ci()
        .stage(
            "build",
            [job("compile").runs(120), job("unit").is("success")],
        )
        .stage("deploy", [job("deploy").manual()]);
    let story = Story::with(ci, |world, pipeline| {
        let unit = world.job(pipeline, "unit");
        world.after(60, move |world| {
            world.retry(crate::fake::MIRA, unit);
        });
        // The stage must go on for `deploy` to become playable.
        world.after(70, move |world| {
            let again = world.job(pipeline, "unit");
            world.flip(again, "failed");
            let deploy = world.job(pipeline, "deploy");
            world.flip(deploy, "manual");
        });
    });
    story
        .run("play deploy --require jobs=unit --wait -o json")
        .is(9, expect![[r#"
            {"result":"closed","exit":9,"action":"play","project":44,"pipeline":7700,"jobs":[{"name":"deploy","id":90402,"status":"manual","web_url":"URL/jobs/90402","result":"gate closed","why":"nothing was sent"}],"waited":null}
        "#]], expect![[r#"
            gate: held  jobs=unit  unit has passed
            plan: deploy (90402, created): not yet, its status is created
            08:01:00 waiting for deploy (created)
            gate: not held  jobs=unit  unit has failed
              URL/jobs/90404
            jobgate: error: the gate is closed: jobs=unit does not hold
        "#]]);
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn writes_of_several_jobs_are_gated_every_two_seconds() {
    let ci = ci().stage(
        "deploy",
        [
            job("deploy").parallel(3).manual(),
            job("unit").is("success"),
        ],
    );
    let story = Story::new(ci);
    let unit = story.job("unit");
    // Every request takes a second: one answer of the gate is good for two of them, and the condition stops holding with the first.
    story.gitlab.latency(std::time::Duration::from_secs(1));
    story.gitlab.before("POST */play", move |world| {
        world.flip(unit, "failed");
    });
    story.run("play deploy --all --require jobs=unit").is(
        9,
        expect![[r#"
            JOB         RESULT       STATUS   DURATION     ID  NOTE
            deploy 1/3  played       running        3s  90400
            deploy 2/3  played       running        2s  90401
            deploy 3/3  gate closed  manual             90402  nothing was sent
              URL/jobs/90402
        "#]],
        expect![[r#"
            gate: held  jobs=unit  unit has passed
            plan: deploy 1/3 (90400, manual): play
            plan: deploy 2/3 (90401, manual): play
            plan: deploy 3/3 (90402, manual): play
            gate: held  jobs=unit  unit has passed
            gate: not held  jobs=unit  unit has failed
              URL/jobs/90403
            08:00:15 deploy 1/3 (90400, running): played  URL/jobs/90400
            08:00:15 deploy 2/3 (90401, running): played  URL/jobs/90401
            08:00:15 deploy 3/3 (90402, manual): gate closed, nothing was sent
            jobgate: error: the gate is closed: jobs=unit does not hold
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn a_repeat_is_gated_again() {
    let story = Story::new(ci().stage(
        "deploy",
        [job("deploy").manual(), job("unit").is("success")],
    ));
    let unit = story.job("unit");
    story
        .gitlab
        .fault("POST */play", crate::fake::Fault::LimitedAction(30));
    story.gitlab.before("POST */play", move |world| {
        world.flip(unit, "failed");
    });
    let got = story.run("play deploy --require jobs=unit");
    assert_eq!((got.code, story.gitlab.posts()), (9, 1), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn what_cannot_be_told_is_no_way_through() {
    let story = Story::new(deploy());
    story.gitlab.faults(
        "GET */allowed_agents*",
        crate::fake::Fault::BadGateway,
        u32::MAX,
    );
    let got = story.run("play deploy --require role=maintainer");
    assert_eq!((got.code, story.gitlab.posts()), (6, 0), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn a_wait_is_gated_at_its_end_too() {
    let story = Story::with(ci().stage("test", [job("unit").runs(60)]), |world, _| {
        world.after(30, |world| {
            world.pipeline("shop/web", "main", ci().stage("test", [job("unit")]));
        });
    });
    story.run("wait unit --require newest").is(
        9,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            unit  passed  success     1m00s  90400
        "#]],
        expect![[r#"
            gate: held  newest  no newer pipeline of this ref is for another commit
            08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
            08:00:00 unit  pending
            08:00:02 unit  pending → running  (2s in queue)
            08:01:02 waiting for unit (running 54s)
            08:01:11 unit  running → success
            gate: not held  newest  the newer pipeline 7701 of main is for another commit: 00000000
            jobgate: error: the gate is closed: newest does not hold
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn no_condition_is_waited_for() {
    let jobs = [job("deploy").manual(), job("unit").runs(60)];
    let story = Story::new(ci().stage("deploy", jobs));
    let now = || story.gitlab.world(|world| world.now);
    let begun = now();
    for words in ["play deploy", "wait unit", "cancel unit"] {
        let got = story.run(&format!("{words} --require jobs=unit"));
        assert_eq!((got.code, now()), (9, begun), "{words}: {got:?}");
    }
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}
