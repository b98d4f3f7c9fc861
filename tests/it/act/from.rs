//! `cancel --from` and `cancel --all`: what `after_script` cleans up with.

use std::path::{Path, PathBuf};

use expect_test::expect;

use super::started::monitoring;
use super::{Story, deploy};
use crate::fake::{World, child, ci, downstream, job};
use crate::run::Outcome;

/// A folder with a file of this name and content.
fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn from(story: &Story, path: &Path, words: &str) -> Outcome {
    let call = story.call(&format!("cancel {words} --from")).arg(path);
    super::brief(story.go(call.naming(path.to_str().unwrap(), "FILE")))
}

#[test]
fn what_an_action_has_started_is_canceled_by_its_file() {
    let jobs = [
        job("eu").manual().endless(),
        job("us").manual().endless(),
        job("busy").is("running"),
        job("late").is("created"),
    ];
    for form in ["json", "dotenv"] {
        let story = Story::new(ci().stage("deploy", jobs.clone()));
        let (_folder, path) = file("started", "from an earlier call");
        let words = format!("play eu us busy late --all --timeout 10s -o {form} --output-file");
        assert_eq!(story.go(story.call(&words).arg(&path)).code, 3);
        // The job token has ended with its job.
        let (me, us) = (story.me, story.job("us"));
        story.gitlab.world(|world| {
            world.flip(me, "canceled");
            world.flip(us, "success");
        });
        from(&story, &path, "").is(
            0,
            expect![[r#"
                JOB  RESULT        STATUS    DURATION     ID  NOTE
                eu   canceled      canceled       11s  90400
                us   done already  success         8s  90401  it has passed
            "#]],
            expect![[r#"
                plan: eu (90400, running): cancel
                plan: us (90401, success): done already, it has passed
                08:00:13 eu (90400, canceled): canceled  URL/jobs/90400
            "#]],
        );
        assert_eq!(story.gitlab.posts(), 3);
        story.gitlab.finish();
    }
}

#[test]
fn of_trigger_the_whole_pipeline_is_canceled() {
    for form in ["json", "dotenv"] {
        let jobs = ci().stage("check", [job("check").endless(), job("hint").endless()]);
        let story = Story::with(deploy(), monitoring(jobs)).for_mira();
        let (_folder, path) = file("started", "");
        let words = format!("trigger ops/monitoring --ref main -o {form} --output-file");
        assert_eq!(story.go(story.call(&words).arg(&path)).code, 0);
        assert_eq!(from(&story, &path, "--dry-run").code, 0);
        let got = from(&story, &path, "-q");
        assert_eq!((got.code, story.gitlab.posts()), (0, 3), "{got:?}");
        story.gitlab.finish();
    }
}

#[test]
fn of_a_played_trigger_job_the_pipeline_that_it_has_started_is_canceled() {
    let sub = |name| child(name, ci().stage("x", [job(name).endless()])).manual();
    let other = downstream("other", "ops/other")
        .ci(ci().stage("x", [job("y").endless()]))
        .manual();
    let jobs = [sub("eu"), sub("us").depend(), sub("asia"), other];
    let other = |world: &mut World, _| {
        world.project("ops/other");
    };
    let story = Story::with(ci().stage("deploy", jobs), other);
    let (_folder, path) = file("started", "");
    let words = "play --all --stage deploy -o dotenv --output-file";
    assert_eq!(story.go(story.call(words).arg(&path)).code, 0);
    story.gitlab.world(|world| {
        world.advance_by(5);
        let asia = world.job(7703, "asia");
        world.end(asia, None);
    });
    from(&story, &path, "").is(
        4,
        expect![[r#"
            JOB    RESULT        STATUS    DURATION     ID  NOTE
            eu     canceled      canceled        0s  90400
            us     canceled      canceled        4s  90401
            asia   done already  success         0s  90402  it has passed
            other  refused       running         0s  90403  project 45 exists, but the token cannot see it
              URL/jobs/90403
        "#]],
        expect![[r#"
            plan: eu (90400, running): cancel
            plan: us (90401, running): cancel
            plan: asia (90402, success): done already, it has passed
            plan: other (90403, running): cancel
            08:00:05 other (90403, running): refused
            08:00:05 eu (90400, canceled): canceled  URL/jobs/90400
            08:00:05 us (90401, canceled): canceled  URL/jobs/90401
            jobgate: error: project 45 exists, but the token cannot see it
            jobgate: error: POST /projects/45/pipelines/7704/cancel: 404 Project Not Found (request id 01JD0000000000000000000016)
            jobgate: hint: the token's user must be a member of project 45 with the role Developer or higher
            jobgate: hint: the user of a project access token is a member of its project
        "#]],
    );
    let log = story.gitlab.log();
    let post = |id| format!("POST /api/v4/projects/44/pipelines/{id}/cancel access 200");
    assert!(
        [7701, 7702].iter().all(|id| log.contains(&post(id))),
        "{log}"
    );
    story.gitlab.finish();
}

#[test]
fn a_file_that_names_nothing_or_is_another_one() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    let play = r#"{"action":"play","exit":0,"project":44,"pipeline":7700,"jobs":[{"id":90400,"result":"played"}]}"#;
    let env = |lines: &str| {
        format!(
            "JOBGATE_OUT_EXIT_CODE=0\nJOBGATE_OUT_PROJECT_ID=44\nJOBGATE_OUT_PIPELINE_ID=7700\n{lines}"
        )
    };
    let mut said = Vec::new();
    for text in [
        // Nothing was started.
        play.replace("played", "done already"),
        play.replace("7700", "null"),
        env("JOBGATE_OUT_JOB_IDS=\nJOBGATE_OUT_ACTION=retry\n"),
        play.replace("play\"", "trigger\"")
            .replace(",\"jobs\":[{\"id\":90400,\"result\":\"played\"}]", "")
            .replace("7700", "null"),
        // It cannot be told.
        r#"{"action":"trigger","exit":6,"project":44,"pipeline":null}"#.to_owned(),
        // Cut off, or another file.
        String::new(),
        play[..90].to_owned(),
        env("JOBGATE_OUT_JOB_IDS=904"),
        env(""),
        env("JOBGATE_OUT_JOB_IDS=90400 9040x\nJOBGATE_OUT_ACTION=play\n"),
        env("JOBGATE_OUT_JOB_IDS=90400\nJOBGATE_OUT_ACTION=cancel\n"),
        env("JOBGATE_OUT_ACTION=play\n"),
        play.replace("44", "\"../44\""),
        play.replace("90400", "-1"),
        play.replace("play\"", "wait\""),
        "JOB  RESULT  STATUS  ID\n".to_owned(),
        "\u{1b}[2J".to_owned(),
    ] {
        let (_folder, path) = file("f", &text);
        let got = from(&story, &path, "-o dotenv");
        let line = got.log.lines().next().unwrap_or_default();
        said.push(format!("{} {line}\n", got.code));
        said.dedup();
        assert_eq!(got.out.is_empty(), got.code != 0, "{got:?}");
    }
    expect![[r#"
        0 jobgate: warning: FILE names nothing that was started, so there is nothing to cancel
        6 jobgate: error: FILE does not say which pipeline trigger has started, if any
        2 jobgate: error: FILE is not a complete output file of play, retry or trigger
    "#]]
    .assert_eq(&said.concat());
    assert!(story.gitlab.requests().is_empty());
    let (folder, path) = file("f", play);
    from(&story, &folder.path().join("gone"), "-q -o json").is(0, expect![[r#"
        {"result":"ok","exit":0,"action":"cancel","project":null,"pipeline":null,"jobs":[],"waited":null}
    "#]], expect![[r#"
        jobgate: warning: there is no file FILE, so there is nothing to cancel
    "#]]);
    from(&story, folder.path(), "").is(
        2,
        "",
        expect![[r#"
        jobgate: error: FILE is not a regular file
        jobgate: hint: usage: jobgate cancel [OPTIONS] [JOB...] (see jobgate cancel --help)
    "#]],
    );
    for more in ["unit", "--name unit", "--pipeline 7700", "--downstream x"] {
        let got = from(&story, &path, more);
        assert!(
            got.code == 2 && got.log.contains("--from cannot be used with"),
            "{got:?}"
        );
    }
    assert!(story.gitlab.requests().is_empty());
    story.gitlab.finish();
}

#[test]
fn all_means_the_whole_pipeline_but_the_caller() {
    let jobs = [
        job("graceful").after_script(5).is("running"),
        job("over").is("success"),
        job("ask").manual(),
        job("late").is("created"),
        child("sub", ci().stage("x", [job("y")])).manual(),
    ];
    let story = Story::new(ci().stage("test", jobs));
    story.run("cancel --all").is(
        0,
        expect![[r#"
            JOB       RESULT        STATUS     DURATION     ID  NOTE
            graceful  canceled      canceling    59m00s  90400
            over      done already  success       2m00s  90401  it has passed
            ask       done already  manual               90402  it is not running
            late      canceled      canceled             90403
            sub       done already  manual               90404  it is not running
        "#]],
        expect![[r#"
            plan: graceful (90400, running): cancel
            plan: over (90401, success): done already, it has passed
            plan: ask (90402, manual): done already, it is not running
            plan: late (90403, created): cancel
            plan: sub (90404, manual): done already, it is not running
            08:00:00 graceful (90400, canceling): canceled  URL/jobs/90400
            08:00:00 late (90403, canceled): canceled  URL/jobs/90403
        "#]],
    );
    // All requests before the first look.
    let log = story.gitlab.log();
    let posts: Vec<bool> = log.lines().map(|line| line.starts_with("POST")).collect();
    assert!(posts.windows(2).any(|two| two == [true, true]), "{log}");
    assert_eq!(story.gitlab.posts(), 2);
    assert_eq!(
        story
            .run("cancel 'o*' --all".replace('\'', "").as_str())
            .code,
        0
    );
    // A job that was named and has passed was not stopped.
    assert_eq!(story.run("cancel over").code, 9);
    story.gitlab.finish();
}

#[test]
fn a_pipeline_that_is_only_being_started_is_canceled_or_named() {
    let sub = child("sub", ci().stage("x", [job("y").endless()]));
    let slow = sub.clone().manual().queue(4);
    let story = Story::new(ci().stage("deploy", [slow, job("busy").is("running")]));
    let (_folder, path) = file("started", "");
    let words = "play sub -o json --output-file";
    assert_eq!(story.go(story.call(words).arg(&path)).code, 0);
    from(&story, &path, "").is(
        0,
        expect![[r#"
        JOB  RESULT    STATUS    DURATION     ID
        sub  canceled  canceled        0s  90400
    "#]],
        expect![[r#"
        plan: sub (90400, pending): cancel
        08:00:02 sub (90400, canceled): canceled  URL/jobs/90400
    "#]],
    );
    story.gitlab.finish();
    // Of the whole pipeline, too, what goes on below it is named.
    let story = Story::new(ci().stage("deploy", [sub]));
    story.gitlab.world(|world| world.advance_by(5));
    story
        .run("cancel --all")
        .is(0, expect![[r#"
            JOB  RESULT        STATUS   DURATION     ID  NOTE
            sub  done already  success        0s  90400  it has passed, but pipeline 7701 has not finished
        "#]], expect![[r#"
            plan: sub (90400, success): done already, it has passed, but pipeline 7701 has not finished
        "#]]);
    story.run("cancel sub").is(9, expect![[r#"
        JOB  RESULT   STATUS   DURATION     ID  NOTE
        sub  refused  success        0s  90400  it has passed, but pipeline 7701 has not finished
          URL/jobs/90400
    "#]], expect![[r#"
        plan: sub (90400, success): refused, it has passed, but pipeline 7701 has not finished
        jobgate: error: sub (90400) cannot be canceled: it has passed, but pipeline 7701 has not finished  URL/jobs/90400
        jobgate: hint: --downstream NAME reaches the jobs of its downstream pipeline
    "#]]);
    story.gitlab.finish();
}
