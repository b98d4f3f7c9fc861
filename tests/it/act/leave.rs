//! What becomes of started jobs when the calling job ends first, and what `after_script` finds.

use expect_test::expect;
use std::sync::{Arc, Mutex};

use jobgate::os::{Interrupt, Signal};

use super::{Story, deploy};
use crate::fake::{Fault, child, ci, job};

fn long() -> crate::fake::Ci {
    ci().stage("deploy", [job("deploy").manual().endless()])
}

#[test]
fn what_was_started_goes_on_unless_asked_otherwise() {
    let rollout = child("rollout", ci().stage("x", [job("eu").endless()])).manual();
    let other = job("other").is("running");
    let plan = long().stage("more", [rollout.needs([]), other]);
    for (words, signal, code, job, status) in [
        ("play deploy", true, 143, 90400, "running"),
        (
            "play deploy --on-cancel cancel",
            false,
            3,
            90400,
            "canceled",
        ),
        // Somebody else has started it.
        ("play other --on-cancel cancel", false, 3, 90402, "running"),
        (
            "play rollout --on-cancel cancel",
            false,
            3,
            90404,
            "canceled",
        ),
    ] {
        let story = Story::with(plan.clone(), |world, _| {
            if signal {
                world.signal_after(30, Signal::Terminate);
            }
        });
        let got = story.run(&format!("{words} --wait --timeout 60s"));
        assert_eq!(got.code, code, "{words}: {got:?}");
        let goes_on = got.log.contains("deploy (90400) goes on  URL/jobs/90400\n");
        assert_eq!(goes_on, !words.contains("--on-cancel"), "{got:?}");
        let ended = story.gitlab.world(|world| world.status(job));
        assert_eq!(ended, status, "{words}: {got:?}");
        let whole = story.gitlab.log().contains("/pipelines/7701/cancel access");
        assert_eq!(whole, words.contains("rollout"), "{words}: {got:?}");
        story.gitlab.finish();
    }
}

#[test]
fn it_is_canceled_on_a_signal() {
    let story = Story::with(long(), |world, _| world.signal_after(60, Signal::Terminate));
    story
        .call("play deploy --wait --on-cancel cancel")
        .on(&story.gitlab.clock(), &Interrupt::new())
        .is(
            143,
            expect![[r#"
                JOB     RESULT   STATUS   DURATION     ID
                deploy  waiting  running       54s  90400
                  URL/jobs/90400
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
                deploy (90400) is being canceled
                jobgate: error: ended by SIGTERM
            "#]],
        );
    let deploy = story.job("deploy");
    assert_eq!(story.gitlab.world(|world| world.status(deploy)), "canceled");
    story.gitlab.finish();
}

/// No signal arrives, and GitLab no longer takes the job's token.
#[test]
fn what_was_started_is_canceled_when_its_job_token_has_ended() {
    let below = ci().stage("x", [job("eu").manual().endless()]);
    let own = job("own").manual().endless();
    let jobs = ci().stage("deploy", [own, child("rollout", below)]);
    for (words, id, said) in [
        ("eu --downstream rollout", 90403, "goes on"),
        (
            "eu --downstream rollout --on-cancel cancel",
            90403,
            "is being canceled",
        ),
        ("own --on-cancel cancel", 90400, "is being canceled"),
    ] {
        let story = Story::with(jobs.clone(), |world, pipeline| {
            world.advance_by(30);
            let me = world.job(pipeline, "gate");
            world.after(60, move |world| world.end(me, None));
        });
        let got = story.run(&format!("play {words} --wait"));
        let runs = story.gitlab.world(|world| world.status(id)) == "running";
        assert_eq!((got.code, runs), (4, said == "goes on"), "{words}: {got:?}");
        for said in ["its job has ended", &format!("({id}) {said}")] {
            assert!(got.log.contains(said), "{words}: {got:?}");
        }
        story.gitlab.finish();
    }
}

/// As in `after_script`: an access token alone is enough.
#[test]
fn a_job_token_that_had_ended_before_the_call_cancels_nothing() {
    let story = Story::new(deploy());
    story.gitlab.world(|world| world.end(story.me, None));
    let got = story.run("play deploy --project 44 --pipeline 7700 --wait --on-cancel cancel");
    assert_eq!((got.code, story.gitlab.posts()), (0, 1), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn the_ids_are_in_the_file_as_soon_as_something_was_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.env");
    let story = Story::new(deploy());
    let file = path.clone();
    // The first look after the one that has shown it running.
    story.gitlab.before("GET */jobs?scope*", move |_| {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("JOBGATE_OUT_RESULT=pending\n"), "{text}");
        assert!(text.contains("JOBGATE_OUT_JOB_ID=90400\n"), "{text}");
    });
    let call = story
        .call("play deploy --wait -o dotenv --output-file")
        .arg(&path);
    let got = story.go(call);
    assert_eq!(got.code, 0, "{got:?}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "JOBGATE_OUT_RESULT=ok\nJOBGATE_OUT_EXIT_CODE=0\nJOBGATE_OUT_PROJECT_ID=44\nJOBGATE_OUT_PIPELINE_ID=7700\nJOBGATE_OUT_JOB_IDS=90400\n\
         JOBGATE_OUT_JOB_ID=90400\nJOBGATE_OUT_JOB_STATUS=success\nJOBGATE_OUT_JOB_URL=https://gitlab.example.com/shop/web/-/jobs/90400\n\
         JOBGATE_OUT_ACTION=play\n"
    );
    story.gitlab.finish();
}

#[test]
fn a_request_is_in_the_file_before_anybody_has_looked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.env");
    let story = Story::new(deploy());
    story.gitlab.latency(std::time::Duration::from_secs(1));
    let (file, read) = (path.clone(), Arc::new(Mutex::new(String::new())));
    let seen = Arc::clone(&read);
    // With the next request, which is the look.
    story.gitlab.before("POST */play", move |world| {
        world.after(1, move |_| {
            *seen.lock().unwrap() = std::fs::read_to_string(&file).unwrap_or_default();
        });
    });
    let call = story.call("play deploy -o dotenv --output-file").arg(&path);
    assert_eq!(story.go(call).code, 0);
    let read = read.lock().unwrap();
    assert!(read.contains("JOBGATE_OUT_JOB_ID=90400\n"), "{read}");
    story.gitlab.finish();
}

/// The interrupt comes while a request like this is under way.
fn interrupted(story: &Story, pattern: &str, words: &str) -> crate::run::Outcome {
    let interrupt = Interrupt::new();
    let raise = interrupt.clone();
    story
        .gitlab
        .before(pattern, move |_| raise.raise(Signal::Terminate));
    story.call(words).on(&story.gitlab.clock(), &interrupt)
}

#[test]
fn what_nobody_has_looked_at_yet_is_canceled_too() {
    let failed = ci().stage("deploy", [job("deploy").is("failed")]);
    for (ci, words) in [(long(), "play"), (failed, "retry")] {
        let story = Story::new(ci);
        let pattern = format!("POST */{words}");
        let got = interrupted(
            &story,
            &pattern,
            &format!("{words} deploy --on-cancel cancel"),
        );
        assert_eq!((got.code, story.gitlab.posts()), (143, 2), "{got:?}");
        let deploy = story.job("deploy");
        assert_eq!(story.gitlab.world(|world| world.status(deploy)), "canceled");
        story.gitlab.finish();
    }
}

#[test]
fn what_was_not_started_is_left_as_it_is() {
    for words in ["play", "retry"] {
        let deploy = match words {
            "play" => job("deploy").manual(),
            _ => job("deploy").is("failed"),
        };
        let story = Story::new(ci().stage("deploy", [deploy]));
        let pattern = format!("POST */{words}");
        story.gitlab.fault(&pattern, Fault::Close);
        let got = interrupted(
            &story,
            &pattern,
            &format!("{words} deploy --on-cancel cancel"),
        );
        assert_eq!((got.code, story.gitlab.posts()), (143, 1), "{got:?}");
        story.gitlab.finish();
    }
}

#[test]
fn what_was_started_before_the_gate_of_the_next_is_canceled() {
    let deploy = job("deploy").manual().endless().parallel(3);
    let story = Story::new(ci().stage("deploy", [deploy]));
    let interrupt = Interrupt::new();
    let raise = interrupt.clone();
    // Every request takes a second, and the seventh asks for the calling job, before the third play.
    story.gitlab.latency(std::time::Duration::from_secs(1));
    story.gitlab.world(|world| {
        world.after(7, move |_| raise.raise(Signal::Terminate));
    });
    let got = story
        .call("play deploy --all --require branch=main --on-cancel cancel")
        .on(&story.gitlab.clock(), &interrupt);
    let log = story.gitlab.log();
    assert_eq!(got.code, 143, "{got:?}\n{log}");
    let asked: Vec<&str> = log.lines().skip(6).collect();
    assert!(asked[0].contains("GET /api/v4/job "), "{log}");
    let canceled = asked
        .iter()
        .filter(|line| line.contains("/cancel access 201"));
    assert_eq!(canceled.count(), 2, "{log}");
    let first = story.job("deploy 1/3");
    assert_eq!(story.gitlab.world(|world| world.status(first)), "canceled");
    story.gitlab.finish();
}

#[test]
fn a_cancel_after_a_signal_takes_four_seconds_at_most() {
    let story = Story::with(long(), |world, _| world.signal_after(60, Signal::Terminate));
    story.gitlab.fault("POST */cancel", Fault::Hang);
    let got = story.run("play deploy --wait --on-cancel cancel");
    let limit = got.log.contains("/cancel: no answer within 4s\n");
    assert!(got.code == 143 && limit, "{got:?}");
}
