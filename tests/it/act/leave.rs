//! What becomes of started jobs when the calling job ends first, and what `after_script` finds.

use jobgate::os::{Interrupt, Signal};

use super::{Story, deploy};
use crate::fake::{child, ci, job};

fn long() -> crate::fake::Ci {
    ci().stage("deploy", [job("deploy").manual().endless()])
}

#[test]
fn it_goes_on_unless_asked_otherwise() {
    let story = Story::with(long(), |world, _| world.signal_after(60, Signal::Terminate));
    story
        .call("play deploy --wait -q")
        .on(&story.gitlab.clock(), &Interrupt::new())
        .is(
            143,
            r"
JOB     RESULT   STATUS   DURATION     ID  NOTE  LINK
deploy  waiting  running       35s  90400        URL/jobs/90400
",
            r"
jobgate: error: SIGTERM came
",
        );
    let deploy = story.job("deploy");
    assert_eq!(story.gitlab.world(|world| world.status(deploy)), "running");
    story.gitlab.finish();
}

#[test]
fn it_is_canceled_on_a_signal() {
    let story = Story::with(long(), |world, _| world.signal_after(60, Signal::Terminate));
    story
        .call("play deploy --wait --on-cancel cancel")
        .on(&story.gitlab.clock(), &Interrupt::new())
        .is(
            143,
            r"
JOB     RESULT   STATUS   DURATION     ID  NOTE  LINK
deploy  waiting  running       35s  90400        URL/jobs/90400
",
            r"
using the job token from CI_JOB_TOKEN
pipeline 7700 of project 44
plan: deploy (90400, manual): play
using the access token from JOBGATE_TOKEN
08:00:00 deploy: played, 90400 is pending  URL/jobs/90400
08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
08:00:00 deploy  pending
08:00:10 deploy  pending → running  (2s in queue)
jobgate: error: SIGTERM came
deploy (90400) is being canceled
",
        );
    let deploy = story.job("deploy");
    assert_eq!(story.gitlab.world(|world| world.status(deploy)), "canceled");
    story.gitlab.finish();
}

#[test]
fn it_is_canceled_when_time_runs_out() {
    let story = Story::new(long());
    let got = story.run("play deploy --wait --on-cancel cancel --timeout 60s");
    assert_eq!(got.code, 3, "{got:?}");
    let deploy = story.job("deploy");
    assert_eq!(story.gitlab.world(|world| world.status(deploy)), "canceled");
    story.gitlab.finish();
}

#[test]
fn what_somebody_else_started_is_left_alone() {
    let story = Story::new(ci().stage("deploy", [job("deploy").is("running")]));
    let got = story.run("play deploy --wait --on-cancel cancel --timeout 60s");
    assert_eq!((got.code, story.gitlab.posts()), (3, 0), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn of_a_trigger_job_the_pipeline_is_canceled() {
    let rollout = child("rollout", ci().stage("x", [job("eu").endless()])).manual();
    let story = Story::new(ci().stage("deploy", [rollout]));
    let got = story.run("play rollout --wait --on-cancel cancel --timeout 60s");
    assert_eq!(got.code, 3, "{got:?}");
    assert!(
        story
            .gitlab
            .log()
            .contains("/pipelines/7701/cancel access 200"),
        "{}",
        story.gitlab.log()
    );
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
         JOBGATE_OUT_JOB_ID=90400\nJOBGATE_OUT_JOB_STATUS=success\nJOBGATE_OUT_JOB_URL=https://gitlab.example.com/shop/web/-/jobs/90400\n"
    );
    story.gitlab.finish();
}

#[test]
fn events_stream_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let story = Story::new(deploy());
    let call = story.call("play deploy -o ndjson --output-file").arg(&path);
    let got = story.go(call);
    assert_eq!((got.code, got.out.as_str()), (0, ""), "{got:?}");
    let text = std::fs::read_to_string(&path).unwrap();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let words: Vec<&str> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(words, ["plan", "job", "end"]);
    assert_eq!(events[2]["result"]["jobs"][0]["result"], "played");
    story.gitlab.finish();
}
