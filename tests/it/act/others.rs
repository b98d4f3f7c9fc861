//! `retry`, `cancel` and `erase`.

use super::Story;
use crate::fake::{child, ci, job};
use expect_test::expect;

#[test]
fn a_retry_follows_the_new_job() {
    let story = Story::new(ci().stage("test", [job("unit").is("failed")]));
    story.whole("retry unit --wait -o dotenv").is(
        0,
        expect![[r#"
            JOBGATE_OUT_RESULT=ok
            JOBGATE_OUT_EXIT_CODE=0
            JOBGATE_OUT_PROJECT_ID=44
            JOBGATE_OUT_PIPELINE_ID=7700
            JOBGATE_OUT_JOB_IDS=90402
            JOBGATE_OUT_JOB_ID=90402
            JOBGATE_OUT_JOB_STATUS=success
            JOBGATE_OUT_JOB_URL=URL/jobs/90402
            JOBGATE_OUT_ACTION=retry
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            pipeline 7700 of project 44
            plan: unit (90400, failed): retry
            using the access token from JOBGATE_TOKEN
            08:00:00 unit (90402, pending): retried  URL/jobs/90402
            08:00:00 pipeline 7700 of project 44, until 08:59:00 at the latest
            08:00:00 unit  pending
            08:00:02 unit  pending → running  (2s in queue)
            08:00:17 unit  running → success
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_name_of_digits_is_reached_by_name() {
    let jobs = [job("123").manual().runs(1), job("90400").is("failed")];
    let story = Story::new(ci().stage("test", jobs));
    for (words, code) in [
        ("jobs --name 123", 0),
        ("play --name 123", 0),
        ("wait --name 123", 0),
        ("erase --name 123 --dry-run", 0),
        ("cancel --name 123", 9),
        ("trace --name 123", 0),
        ("retry --name 90400 --dry-run", 0),
        ("retry 90400 --dry-run", 9),
        ("play 123", 5),
    ] {
        let got = story.run(words);
        assert_eq!(got.code, code, "{words}: {got:?}");
        assert!(code != 5 || got.log.contains("--name 123"), "{got:?}");
    }
    story.gitlab.finish();
}

#[test]
fn an_id_means_the_newest_attempt() {
    let story = Story::new(ci().stage("test", [job("unit").is("failed").runs(5)]));
    let first = story.job("unit");
    assert_eq!(story.run(&format!("retry {first} --wait")).code, 0);
    // It has passed: nothing to retry.
    assert_eq!(story.run(&format!("retry {first}")).code, 9);
    let second = story.job("unit");
    story.gitlab.world(|world| world.flip(second, "failed"));
    story.run(&format!("retry {first}")).is(
        0,
        expect![[r#"
            JOB   RESULT   STATUS      ID
            unit  retried  pending  90403
        "#]],
        expect![[r#"
            plan: unit (90402, failed): retry
            08:00:10 unit (90403, pending): retried  URL/jobs/90403
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 2);
    story.gitlab.finish();
}

#[test]
fn only_what_has_failed_is_retried() {
    let ci = ci().stage(
        "test",
        [
            job("red").is("failed"),
            job("green").is("success"),
            job("manual").is("manual"),
            job("busy").is("running"),
        ],
    );
    let story = Story::new(ci);
    story.run("retry --all --dry-run").is(
        9,
        expect![[r#"
            JOB     RESULT        STATUS   DURATION     ID  NOTE
            red     retry         failed      2m00s  90400
            green   refused       success     2m00s  90401  it has passed
              URL/jobs/90401
            manual  refused       manual             90402  its status is manual
              URL/jobs/90402
            busy    done already  running    59m00s  90403  its status is running
        "#]],
        expect![[r#"
            plan: red (90400, failed): retry
            plan: green (90401, success): refused, it has passed
            plan: manual (90402, manual): refused, its status is manual
            plan: busy (90403, running): done already, its status is running
            jobgate: error: green (90401) cannot be retried: it has passed  URL/jobs/90401
            jobgate: error: manual (90402) cannot be retried: its status is manual  URL/jobs/90402
            jobgate: hint: --rerun retries such a job
            jobgate: hint: `jobgate play` starts a manual job
        "#]],
    );
    story.run("retry --all --status failed").is(
        0,
        expect![[r#"
            JOB  RESULT   STATUS      ID
            red  retried  pending  90405
        "#]],
        expect![[r#"
            plan: red (90400, failed): retry
            08:00:00 red (90405, pending): retried  URL/jobs/90405
        "#]],
    );
    story.run("retry green --rerun -q").is(
        0,
        expect![[r#"
            JOB    RESULT   STATUS      ID
            green  retried  pending  90406
        "#]],
        "",
    );
    story.gitlab.finish();
}

#[test]
fn a_cancel_is_looked_after() {
    let ci = ci().stage(
        "test",
        [
            job("graceful").after_script(5).is("running"),
            job("plain").is("running"),
            job("over").is("failed"),
            child("sub", ci().stage("x", [job("y")])).is("running"),
        ],
    );
    let story = Story::new(ci);
    story.whole("cancel graceful plain over --all").is(
        0,
        expect![[r#"
            JOB       RESULT        STATUS     DURATION     ID  NOTE
            graceful  canceled      canceling    59m00s  90400
            plain     canceled      canceled     59m00s  90401
            over      done already  failed        2m00s  90402  it has failed
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            pipeline 7700 of project 44
            plan: graceful (90400, running): cancel
            plan: plain (90401, running): cancel
            plan: over (90402, failed): done already, it has failed
            using the access token from JOBGATE_TOKEN
            08:00:00 graceful (90400, canceling): canceled  URL/jobs/90400
            08:00:00 plain (90401, canceled): canceled  URL/jobs/90401
        "#]],
    );
    story.run("cancel sub").is(
        9,
        expect![[r#"
            JOB  RESULT   STATUS   DURATION     ID  NOTE
            sub  refused  running    59m00s  90403  GitLab can neither cancel nor erase a trigger job
              URL/jobs/90403
        "#]],
        expect![[r#"
            plan: sub (90403, running): refused, GitLab can neither cancel nor erase a trigger job
            jobgate: error: sub (90403) cannot be canceled: GitLab can neither cancel nor erase a trigger job  URL/jobs/90403
            jobgate: hint: --downstream NAME reaches the jobs of its downstream pipeline
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_cancel_that_came_too_late_is_no_success() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    let unit = story.job("unit");
    story
        .gitlab
        .before("POST */cancel", move |world| world.flip(unit, "success"));
    story.run("cancel unit").is(
        9,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID  NOTE
            unit  refused  success    59m00s  90400  it has passed
              URL/jobs/90400
        "#]],
        expect![[r#"
            plan: unit (90400, running): cancel
            08:00:00 unit (90400, success): refused, it has passed
            jobgate: error: unit (90400) cannot be canceled: it has passed  URL/jobs/90400
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_cancel_that_has_no_effect_is_never_sent_again() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    story.gitlab.answer(
        "POST */cancel",
        crate::fake::Answer::json(201, &serde_json::json!({"id": 1})),
    );
    story.run("cancel unit").is(
        6,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID  NOTE
            unit  unknown  running    59m11s  90400  cancel was sent, and it is not known whether it was done
              URL/jobs/90400
        "#]],
        expect![[r#"
            plan: unit (90400, running): cancel
            08:00:11 unit (90400, running): unknown, cancel was sent, and it is not known whether it was done
            jobgate: error: unit (90400): cancel was sent, and it is not known whether it was done  URL/jobs/90400
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 1);
    story.gitlab.finish();
}

#[test]
fn a_job_that_is_stuck_in_canceling_is_ended_by_force() {
    let story = Story::new(ci().stage("test", [job("unit").after_script(900).is("canceling")]));
    story.run("cancel unit").is(
        0,
        expect![[r#"
            JOB   RESULT        STATUS     DURATION     ID  NOTE
            unit  done already  canceling    59m00s  90400  its status is canceling
        "#]],
        expect![[r#"
            plan: unit (90400, canceling): done already, its status is canceling
        "#]],
    );
    story.run("cancel unit --force").is(
        0,
        expect![[r#"
            JOB   RESULT    STATUS    DURATION     ID
            unit  canceled  canceled    59m00s  90400
        "#]],
        expect![[r#"
            plan: unit (90400, canceling): cancel
            08:00:00 unit (90400, canceled): canceled  URL/jobs/90400
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn what_is_erased_is_done_already() {
    let story = Story::new(ci().stage(
        "test",
        [
            job("unit").artifacts().is("failed"),
            job("busy").is("running"),
        ],
    ));
    story.whole("erase unit").is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS  DURATION     ID
            unit  erased  failed     2m00s  90400
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            pipeline 7700 of project 44
            plan: unit (90400, failed): erase
            using the access token from JOBGATE_TOKEN
            08:00:00 unit (90400, failed): erased  URL/jobs/90400
        "#]],
    );
    story.run("erase unit busy --all").is(
        9,
        expect![[r#"
            JOB   RESULT        STATUS   DURATION     ID  NOTE
            unit  done already  failed      2m00s  90400  it is erased
            busy  refused       running    59m00s  90401  its status is running
              URL/jobs/90401
        "#]],
        expect![[r#"
            plan: unit (90400, failed): done already, it is erased
            plan: busy (90401, running): refused, its status is running
            jobgate: error: busy (90401) cannot be erased: its status is running  URL/jobs/90401
            jobgate: hint: a job can be erased only after it has finished
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn an_erasure_by_id_takes_the_very_attempt() {
    let story = Story::new(ci().stage("test", [job("unit").artifacts().is("failed")]));
    let old = story.job("unit");
    assert_eq!(story.run("retry unit --wait").code, 0);
    story.run(&format!("erase {old}")).is(
        0,
        expect![[r#"
            JOB   RESULT  STATUS  DURATION     ID
            unit  erased  failed     2m00s  90400
        "#]],
        expect![[r#"
            plan: unit (90400, failed): erase
            08:00:17 unit (90400, failed): erased  URL/jobs/90400
        "#]],
    );
    let erased = |id: u64| {
        story
            .gitlab
            .world(|world| world.jobs[&id].erased_at.is_some())
    };
    assert_eq!((erased(old), erased(story.job("unit"))), (true, false));
    story.gitlab.finish();
}
