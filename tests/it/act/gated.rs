//! The gate before a write: asked at the start, and anew directly before each request.

use super::{Story, deploy};
use crate::fake::{ci, job};

#[test]
fn a_closed_gate_sends_nothing() {
    let story = Story::new(deploy());
    story
        .run("play deploy --require branch=release/* --require role=maintainer")
        .is(9, "@OUT", "@LOG");
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
        .is(9, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn each_job_of_several_is_gated_anew() {
    let ci = ci().stage(
        "deploy",
        [
            job("deploy").parallel(3).manual(),
            job("unit").is("success"),
        ],
    );
    let story = Story::new(ci);
    let unit = story.job("unit");
    // The condition stops holding with the second request.
    story.gitlab.before("POST */play", move |world| {
        world.flip(unit, "failed");
    });
    story
        .run("play deploy --all --require jobs=unit")
        .is(9, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

#[test]
fn a_repeat_is_gated_anew() {
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
fn a_gate_file_counts_like_its_conditions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gates.json");
    std::fs::write(
        &path,
        r#"{"production": {"branch": ["main", "release/*"], "role": "owner"}, "staging": {"branch": "main"}}"#,
    )
    .unwrap();
    let story = Story::new(deploy());
    let gate = |name: &str| {
        let call = story
            .call("play deploy --gate")
            .arg(format!("{}#{name}", path.display()));
        story.go(call.naming(folder.path().to_str().unwrap(), "FOLDER"))
    };
    gate("production").is(9, "@OUT", "@LOG");
    gate("nowhere").is(2, "@OUT", "@LOG");
    assert_eq!(story.gitlab.posts(), 0);
    assert_eq!(gate("staging").code, 0);
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

#[test]
fn a_wait_is_gated_at_its_end_too() {
    let story = Story::with(ci().stage("test", [job("unit").runs(60)]), |world, _| {
        world.after(30, |world| {
            world.pipeline("shop/web", "main", ci().stage("test", [job("unit")]));
        });
    });
    story
        .run("wait unit --require newest")
        .is(9, "@OUT", "@LOG");
    story.gitlab.finish();
}
