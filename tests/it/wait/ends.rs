//! The ends that follow from the jobs' own status.

use super::{Story, after_head, play, read};
use crate::fake::{MIRA, World, ci, job};
use expect_test::expect;

#[test]
fn the_first_failure_ends_it() {
    let story = Story::new(ci().stage("test", [job("unit").fails(30), job("slow").runs(3000)]));
    after_head(story.run("wait unit slow")).is(
        1,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID  NOTE
            unit  failed   failed        30s  90400  the script failed
              https://gl/web/-/jobs/90400
            slow  waiting  running       50s  90401
              https://gl/web/-/jobs/90401
        "#]],
        expect![[r#"
            08:00:00 unit  pending
            08:00:00 slow  pending
            08:00:02 unit  pending → running  (2s in queue)
            08:00:02 slow  pending → running  (2s in queue)
            08:00:41 unit  running → failed
            jobgate: failed: unit (90400) in pipeline 7700: the script failed  https://gl/web/-/jobs/90400
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn the_ends_of_all_failed_logs_stand_below_the_table() {
    let log = |name| job(name).is("failed").log_at(0, "one\ntwo\nthree\n");
    let jobs = ci().stage("test", [log("unit"), job("lint").is("success"), log("e2e")]);
    let story = Story::new(jobs);
    let token = story
        .gitlab
        .world(|world| world.access_token(MIRA, &["api"]));
    let call = || story.call("wait --all --keep-going -q --log-tail 2");
    story
        .on(call().var("GITLAB_TOKEN", token))
        .is(1, expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID  NOTE
            unit  failed  failed      2m00s  90400  the script failed
              https://gl/web/-/jobs/90400
            lint  passed  success     2m00s  90401
            e2e   failed  failed      2m00s  90402  the script failed
              https://gl/web/-/jobs/90402

            unit (90400): the script failed
              two
              three

            e2e (90402): the script failed
              two
              three
        "#]], expect![[r#"
            jobgate: failed: unit (90400) in pipeline 7700: the script failed (the first of 2 jobs)  https://gl/web/-/jobs/90400
        "#]]);
    // A log that is not shown does not change how the wait has ended.
    story.on(call()).is(1, expect![[r#"
        JOB   RESULT  STATUS   DURATION     ID  NOTE
        unit  failed  failed      2m00s  90400  the script failed
          https://gl/web/-/jobs/90400
        lint  passed  success     2m00s  90401
        e2e   failed  failed      2m00s  90402  the script failed
          https://gl/web/-/jobs/90402

        unit (90400): the script failed

        e2e (90402): the script failed
    "#]], expect![[r#"
        jobgate: error: job tokens cannot read job logs; use an access token
        jobgate: error: GET /projects/44/jobs/90400/trace: not sent, because there is no access token
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Job: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        jobgate: failed: unit (90400) in pipeline 7700: the script failed (the first of 2 jobs)  https://gl/web/-/jobs/90400
    "#]]);
    story.gitlab.finish();
}

#[test]
fn skipped_is_no_pass_and_the_hint_says_why() {
    let story = Story::new(
        ci().stage("test", [job("unit").runs(10)])
            .stage("after", [job("report").when(crate::fake::When::OnFailure)]),
    );
    after_head(story.run("wait --all")).is(7, expect![[r#"
        JOB     RESULT   STATUS   DURATION     ID
        unit    passed   success       10s  90400
        report  skipped  skipped            90401
          https://gl/web/-/jobs/90401
    "#]], expect![[r#"
        08:00:00 unit  pending
        08:00:00 report  created
        08:00:02 unit  pending → running  (2s in queue)
        08:00:17 unit  running → success
        08:00:17 report  created → skipped
        08:00:17 report is skipped: an earlier job failed, or it is `when: on_failure` (--except leaves jobs out)
        jobgate: canceled: report (90401) in pipeline 7700 is skipped  https://gl/web/-/jobs/90401
    "#]]);
    after_head(story.run("wait --all --except report")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            unit  passed  success       10s  90400
        "#]],
        expect![[r#"
            08:00:27 unit  success
        "#]],
    );
    after_head(story.run("wait --all --ok skipped")).is(
        0,
        expect![[r#"
            JOB     RESULT  STATUS   DURATION     ID
            unit    passed  success       10s  90400
            report  passed  skipped            90401
        "#]],
        expect![[r#"
            08:00:27 unit  success
            08:00:27 report  skipped
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn what_is_not_there_is_not_found() {
    let story = Story::new(ci().stage("test", [job("unit").runs(30)]));
    after_head(story.run("wait --stage tset")).is(
        5,
        "",
        expect![[r#"
            jobgate: error: no job of the pipeline matches
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn an_optional_job_may_be_absent() {
    let story = Story::new(ci().stage("test", [job("unit").is("success")]));
    after_head(story.run("wait unit --optional e2e")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            unit  passed  success     2m00s  90400
            e2e   absent
        "#]],
        expect![[r#"
            08:00:00 unit  success
            08:00:00 the optional job e2e is not in the pipeline
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_manual_job_waits_for_a_person_who_is_told_where() {
    let ci = ci().stage("deploy", [job("approve").manual().runs(5)]);
    let story = Story::with(ci, |world, pipeline| {
        world.after(150, move |world| {
            let job = world.job(pipeline, "approve");
            play(world, job);
        });
    });
    after_head(story.run("wait approve")).is(
        0,
        expect![[r#"
            JOB      RESULT  STATUS   DURATION     ID
            approve  passed  success        5s  90400
        "#]],
        expect![[r#"
            08:00:00 approve  manual
            08:00:00 approve waits for a person to play it: https://gl/web/-/jobs/90400
            08:01:00 waiting for approve (manual)
            08:02:00 waiting for approve (manual)
            08:02:38 approve  manual → success
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_manual_job_that_nobody_needs_to_play_is_ignored() {
    let story = Story::new(
        ci().stage("test", [job("unit").runs(10)])
            .stage("deploy", [job("docs").manual().allow_failure()]),
    );
    after_head(story.run("wait --all")).is(
        0,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID  NOTE
            unit  passed   success       10s  90400
            docs  ignored  manual             90401  allowed to fail
        "#]],
        expect![[r#"
            08:00:00 unit  pending
            08:00:00 docs  created
            08:00:02 unit  pending → running  (2s in queue)
            08:00:17 unit  running → success
            08:00:17 docs  created → manual
            08:00:17 docs is a manual job that is allowed to fail and not selected by name: jobgate does not wait for it
        "#]],
    );
    after_head(story.run("wait doc*")).is(
        5,
        expect![[r#"
            JOB   RESULT   STATUS     ID  NOTE
            docs  ignored  manual  90401  allowed to fail
        "#]],
        expect![[r#"
            08:00:17 docs  manual
            08:00:17 docs is a manual job that is allowed to fail and not selected by name: jobgate does not wait for it
            jobgate: error: nothing to wait for: every job that matches is an optional manual job: docs
            jobgate: hint: name a manual job exactly to wait for it
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn an_unknown_status_is_waited_for_with_one_warning() {
    let story = Story::with(
        ci().stage("test", [job("unit").is("waiting_for_godot")]),
        |world, pipeline| {
            world.after(200, move |world| {
                let job = world.job(pipeline, "unit");
                world.flip(job, "success");
            });
        },
    );
    after_head(story.run("wait unit")).is(0, expect![[r#"
        JOB   RESULT  STATUS      ID
        unit  passed  success  90400
    "#]], expect![[r#"
        08:00:00 unit  waiting_for_godot
        jobgate: warning: unit has the status waiting_for_godot, which this version does not know: it counts as unfinished
        08:01:00 waiting for unit (waiting_for_godot)
        08:02:00 waiting for unit (waiting_for_godot)
        08:03:00 waiting for unit (waiting_for_godot)
        08:03:25 unit  waiting_for_godot → success
    "#]]);
    story.gitlab.finish();
}

#[test]
fn time_runs_out() {
    let story = Story::new(ci().stage("test", [job("unit").runs(3000), job("lint").is("success")]));
    story.run("wait unit lint --timeout 2m").is(
        3,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID
            unit  waiting  running     1m58s  90400
              https://gl/web/-/jobs/90400
            lint  passed   success     2m00s  90401
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            08:00:00 pipeline 7700 of project 44, until 08:02:00 at the latest
            08:00:00 unit  pending
            08:00:00 lint  success
            08:00:02 unit  pending → running  (2s in queue)
            08:01:02 waiting for unit (running 54s)
            jobgate: error: time ran out after 2m00s: unit (90400) in pipeline 7700 is running  https://gl/web/-/jobs/90400
            jobgate: hint: give a longer --timeout, up to this job's own time limit
        "#]],
    );
    let call = story.call("wait unit --timeout 5h");
    story.on(call.var("CI_JOB_TIMEOUT", "300")).is(
        3,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID
            unit  waiting  running     4m28s  90400
              https://gl/web/-/jobs/90400
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: warning: --timeout is cut from 5h00m to 2m30s: this job's own time limit comes first
            08:02:00 pipeline 7700 of project 44, until 08:04:30 at the latest
            08:02:00 unit  running
            08:03:00 waiting for unit (running 2m51s)
            08:04:00 waiting for unit (running 3m49s)
            jobgate: error: time ran out after 2m30s, shortly before this job itself is stopped: unit (90400) in pipeline 7700 is running  https://gl/web/-/jobs/90400
            jobgate: hint: a longer `timeout:` of this job in .gitlab-ci.yml, or of its runner, allows more
        "#]],
    );
    let call = story.call("wait unit");
    story.on(call.var("CI_JOB_TIMEOUT", "100")).is(
        3,
        "",
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            08:04:30 pipeline 7700 of project 44, until 08:04:30 at the latest
            jobgate: error: time ran out after 0s, shortly before this job itself is stopped
            jobgate: hint: a longer `timeout:` of this job in .gitlab-ci.yml, or of its runner, allows more
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_timeout_of_zero_looks_once() {
    let story = Story::new(ci().stage("test", [job("unit").runs(3000), job("lint").is("success")]));
    after_head(story.run("wait unit lint --timeout 0")).is(
        8,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID
            unit  waiting  pending            90400
              https://gl/web/-/jobs/90400
            lint  passed   success     2m00s  90401
        "#]],
        expect![[r#"
            jobgate: pending: unit (90400) in pipeline 7700 is pending  https://gl/web/-/jobs/90400
        "#]],
    );
    after_head(story.run("wait lint --timeout 0")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            lint  passed  success     2m00s  90401
        "#]],
        expect![""],
    );
    after_head(story.run("wait lint nothing --timeout 0")).is(
        5,
        expect![[r#"
            JOB      RESULT   STATUS   DURATION     ID
            lint     passed   success     2m00s  90401
            nothing  missing
        "#]],
        expect![[r#"
            jobgate: error: no job "nothing" in pipeline 7700
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    let events = story.run("wait lint --timeout 0 -o ndjson").out;
    assert!(
        events.contains(r#""event":"change","name":"lint""#),
        "{events}"
    );
    assert_eq!(story.gitlab.finish().len(), 12);
}

#[test]
fn parallel_siblings_are_not_waited_for() {
    let mut world = World::new();
    world.project("shop/web");
    let ci = ci().stage(
        "test",
        [job("unit").is("success"), job("gate").parallel(3).here()],
    );
    let pipeline = world.pipeline("shop/web", "main", ci);
    let story = Story::by(world, pipeline, "gate 2/3");
    after_head(story.run("wait --all")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS   DURATION     ID
            unit  passed  success     2m00s  90400
        "#]],
        expect![[r#"
            08:00:00 unit  success
            08:00:00 left out, as parallel siblings of this job: gate 1/3, gate 3/3
        "#]],
    );
    after_head(story.run("wait gate")).is(
        5,
        "",
        expect![[r#"
            08:00:00 left out, as parallel siblings of this job: gate 1/3, gate 3/3
            jobgate: error: no job of the pipeline matches
            jobgate: hint: `jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn the_whole_document() {
    let story = Story::new(
        ci().stage("test", [job("unit").fails(10), job("lint").runs(5)])
            .stage("deploy", [job("ship")]),
    );
    after_head(story.run("wait unit lint ship absent --keep-going -o json")).is(
        1,
        expect![[r#"
            {"result":"failed","exit":1,"project":44,"pipeline":7700,"jobs":[{"name":"unit","result":"failed","pipeline":7700,"id":90400,"status":"failed","stage":"test","duration":10,"failure_reason":"script_failure","web_url":"https://gl/web/-/jobs/90400","allow_failure":false,"because":[]},{"name":"lint","result":"passed","pipeline":7700,"id":90401,"status":"success","stage":"test","duration":5,"failure_reason":null,"web_url":"https://gl/web/-/jobs/90401","allow_failure":false,"because":[]},{"name":"ship","result":"skipped","pipeline":7700,"id":90402,"status":"skipped","stage":"deploy","duration":null,"failure_reason":null,"web_url":"https://gl/web/-/jobs/90402","allow_failure":false,"because":[]},{"name":"absent","result":"missing","pipeline":7700,"id":null,"status":null,"stage":null,"duration":null,"failure_reason":null,"web_url":null,"allow_failure":false,"because":[]}]}
        "#]],
        expect![[r#"
            08:00:00 unit  pending
            08:00:00 lint  pending
            08:00:00 ship  created
            08:00:02 unit  pending → running  (2s in queue)
            08:00:02 lint  pending → running  (2s in queue)
            08:00:10 lint  running → success
            08:00:13 unit  running → failed
            08:00:13 ship  created → skipped
            08:00:13 ship is skipped: an earlier job failed, or it is `when: on_failure` (--except leaves jobs out)
            jobgate: failed: unit (90400) in pipeline 7700: the script failed  https://gl/web/-/jobs/90400
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn events_as_they_happen() {
    let story = Story::new(ci().stage("deploy", [job("ship").manual().runs(70)]));
    let pipeline = story.pipeline;
    story.gitlab.world(|world| {
        world.after(70, move |world| {
            let job = world.job(pipeline, "ship");
            play(world, job);
        });
    });
    story
        .run("wait ship -o ndjson --quiet")
        .is(0, expect![[r#"
            {"time":"2026-11-20T08:00:00Z","event":"start","project":44,"pipeline":7700,"until":"2026-11-20T08:59:00Z"}
            {"time":"2026-11-20T08:00:00Z","event":"change","name":"ship","id":90400,"pipeline":7700,"web_url":"https://gl/web/-/jobs/90400","from":null,"status":"manual","replaces":null}
            {"time":"2026-11-20T08:00:00Z","event":"note","note":"manual","name":"ship","id":90400,"pipeline":7700,"web_url":"https://gl/web/-/jobs/90400","text":"ship waits for a person to play it: https://gl/web/-/jobs/90400"}
            {"time":"2026-11-20T08:01:00Z","event":"heartbeat","waiting":[{"name":"ship","status":"manual","running":null}]}
            {"time":"2026-11-20T08:01:23.081Z","event":"change","name":"ship","id":90400,"pipeline":7700,"web_url":"https://gl/web/-/jobs/90400","from":"manual","status":"running","replaces":null}
            {"time":"2026-11-20T08:02:23.081Z","event":"heartbeat","waiting":[{"name":"ship","status":"running","running":67}]}
            {"time":"2026-11-20T08:02:36.018Z","event":"change","name":"ship","id":90400,"pipeline":7700,"web_url":"https://gl/web/-/jobs/90400","from":"running","status":"success","replaces":null}
            {"time":"2026-11-20T08:02:36.018Z","event":"end","result":{"result":"ok","exit":0,"project":44,"pipeline":7700,"jobs":[{"name":"ship","result":"passed","pipeline":7700,"id":90400,"status":"success","stage":"deploy","duration":70,"failure_reason":null,"web_url":"https://gl/web/-/jobs/90400","allow_failure":false,"because":[]}]}}
        "#]], "");
    story.gitlab.finish();
}

#[test]
fn variables_for_later_jobs() {
    let story = Story::new(ci().stage(
        "test",
        [job("unit").is("failed"), job("lint").is("success")],
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wait.env");
    let call = story
        .call("wait unit lint -o dotenv -q --output-file")
        .arg(&file);
    story.on(call).is(1, "", expect![[r#"
        jobgate: failed: unit (90400) in pipeline 7700: the script failed  https://gl/web/-/jobs/90400
    "#]]);
    assert_eq!(
        read(&file),
        "JOBGATE_OUT_RESULT=failed\nJOBGATE_OUT_EXIT_CODE=1\nJOBGATE_OUT_PROJECT_ID=44\nJOBGATE_OUT_PIPELINE_ID=7700\n\
         JOBGATE_OUT_PASSED=1\nJOBGATE_OUT_NOT_PASSED=1\nJOBGATE_OUT_UNFINISHED=0\n"
    );
    let one = story.run("wait lint -o dotenv").out;
    assert!(one.contains("JOBGATE_OUT_JOB_ID=90401\nJOBGATE_OUT_JOB_STATUS=success\n"));
    // What GitLab would refuse leaves no file.
    let (long, none) = ("x".repeat(6000), folder.path().join("none.env"));
    let call = story.call("wait lint -o dotenv --pipeline 7700 --project");
    let call = call
        .arg(format!("a/{long}"))
        .arg("--output-file")
        .arg(&none);
    assert_eq!((story.on(call).code, none.exists()), (6, false));
    story.gitlab.finish();
}

#[test]
fn colours_say_what_the_words_say() {
    let story = Story::new(ci().stage("test", [job("unit").is("failed"), job("lint").runs(1)]));
    let told = story.on(story.call("wait unit lint --color always --keep-going"));
    for painted in [
        "\u{1b}[31mfailed\u{1b}[0m  \u{1b}[31mfailed\u{1b}[0m",
        "\u{1b}[32mpassed\u{1b}[0m  \u{1b}[32msuccess\u{1b}[0m",
    ] {
        assert!(told.out.contains(painted), "{}", told.out);
    }
    assert!(
        told.log
            .contains("\u{1b}[33mpending\u{1b}[0m → \u{1b}[34mrunning")
    );
    story.gitlab.finish();
}

#[test]
fn an_outage_is_two_events() {
    let story = Story::new(ci().stage("test", [job("unit").runs(60)]));
    story.gitlab.outage(20, 120, crate::fake::Fault::BadGateway);
    let told = story.run("wait unit -o ndjson -q");
    let events = told.out.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let known = ["trouble", "answers"].contains(&event["event"].as_str().unwrap());
        known.then(|| format!("{event}\n"))
    });
    expect![[r#"
        {"again":6,"event":"trouble","text":"GET /projects/44/pipelines/7700/jobs: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000010)","time":"2026-11-20T08:00:32.911Z"}
        {"event":"answers","time":"2026-11-20T08:02:08.561Z"}
    "#]].assert_eq(&events.collect::<String>());
    story.gitlab.finish();
}
