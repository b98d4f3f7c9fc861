//! A network, a server and an operating system that misbehave.

use expect_test::expect;
use std::io::Read;
use std::process::{Child, Command};
use std::time::Duration;

use jobgate::os::Signal;

use super::{Story, after_head};
use crate::fake::{Bad, Chaos, Fault, Logged, MIRA, child, ci, job};

#[test]
fn an_outage_within_the_budget_is_sat_out() {
    let story = Story::new(ci().stage("test", [job("unit").runs(100)]));
    story.gitlab.outage(30, 180, Fault::BadGateway);
    after_head(story.run("wait unit")).is(0, expect![[r#"
        JOB   RESULT  STATUS   DURATION     ID
        unit  passed  success     1m40s  90400
    "#]], expect![[r#"
        08:00:00 unit  pending
        08:00:02 unit  pending → running  (2s in queue)
        08:00:47 GET /projects/44/pipelines/7700/jobs: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000011); asking again in 6s
        jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
        08:01:02 waiting for unit (was running); no good answer for 21s
        08:02:02 waiting for unit (was running); no good answer for 1m21s
        08:03:00 GitLab answers again
        08:03:00 unit  running → success
    "#]]);
    story.gitlab.finish();
}

#[test]
fn json_that_is_no_answer_to_the_question_uses_up_the_budget() {
    let no_pipeline = r#"{"id":90400,"name":"unit","stage":"test","status":"running"}"#;
    for text in ["null", "{}", "\"ok\"", "[\"a\",\"b\"]", no_pipeline] {
        let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
        let fault = Fault::Before(Bad::Json(text));
        story.gitlab.faults("*", fault, u32::MAX);
        let begun = story.gitlab.world(|world| world.now);
        let told = story.run("wait unit --outage-budget 1m");
        let took = story.gitlab.world(|world| world.now).since(begun);
        assert_eq!((told.code, took.as_secs()), (6, 60), "{text}: {}", told.log);
        story.gitlab.finish();
    }
}

#[test]
fn an_outage_beyond_the_budget_is_unknown() {
    let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
    story.gitlab.outage(30, 3000, Fault::Close);
    after_head(story.run("wait unit --outage-budget 90s")).is(6, expect![[r#"
        JOB   RESULT   STATUS   DURATION     ID
        unit  waiting  running       25s  90400
          https://gl/web/-/jobs/90400
    "#]], expect![[r#"
        08:00:00 unit  pending
        08:00:02 unit  pending → running  (2s in queue)
        08:00:47 GET /projects/44/pipelines/7700/jobs: the connection closed during the answer; asking again in 6s
        jobgate: hint: try again; if it lasts, check http or https and the port in CI_API_V4_URL or --server, and firewalls
        08:01:02 waiting for unit (was running); no good answer for 21s
        08:02:02 waiting for unit (was running); no good answer for 1m21s
        jobgate: error: GitLab has given no good answer for 1m30s: GET /projects/44/pipelines/7700/jobs: the connection closed during the answer
        jobgate: hint: try again; if it lasts, check http or https and the port in CI_API_V4_URL or --server, and firewalls
        jobgate: hint: `jobgate wait --outage-budget 15m` waits longer for an answer
    "#]]);
    story.gitlab.finish();
}

#[test]
fn a_blip_is_nobodys_concern() {
    let story = Story::new(ci().stage("test", [job("unit").runs(100)]));
    for fault in [Fault::Page, Fault::Cut, Fault::Broken, Fault::Locked] {
        story.gitlab.fault("GET */pipelines/*", fault);
    }
    after_head(story.run("wait unit")).is(0, expect![[r#"
        JOB   RESULT  STATUS   DURATION     ID
        unit  passed  success     1m40s  90400
    "#]], expect![[r#"
        08:00:05 GET /projects/44/pipelines/7700/jobs: 409 Conflict: Resource lock (request id 01JD0000000000000000000004); asking again in 6s
        jobgate: hint: look at the job before trying again
        08:00:11 GitLab answers again
        08:00:11 unit  running
        08:01:11 waiting for unit (running 1m03s)
        08:01:48 unit  running → success
    "#]]);
    story.gitlab.finish();
}

#[test]
fn a_list_that_fails_beside_a_good_one_is_trouble_that_is_named_and_not_asked_for_without_end() {
    let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
    story
        .gitlab
        .faults("GET */trigger_jobs*", Fault::Broken, u32::MAX);
    after_head(story.run("wait --all --timeout 150s")).is(3, "", expect![[r#"
        08:00:05 GET /projects/44/pipelines/7700/trigger_jobs: 500 Internal Server Error (request id 01JD0000000000000000000008); asking again in 6s
        jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
        08:01:00 waiting for an answer; no good answer for 1m00s
        08:02:00 waiting for an answer; no good answer for 2m00s
        jobgate: error: time ran out after 2m30s
        jobgate: error: GitLab has failed, or is down, overloaded or restarting (500)
        jobgate: error: GET /projects/44/pipelines/7700/trigger_jobs: 500 Internal Server Error (request id 01JD0000000000000000000026)
        jobgate: hint: give a longer --timeout, up to this job's own time limit
        jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
    "#]]);
    let asked = story.gitlab.requests().len();
    assert!(asked < 40, "{asked}");
    story.gitlab.finish();
}

#[test]
fn the_callers_own_end_is_the_end_of_its_token() {
    let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
    let me = story.me;
    story
        .gitlab
        .world(|world| world.after(60, move |world| world.end(me, None)));
    after_head(story.run("wait unit")).is(4, expect![[r#"
        JOB   RESULT   STATUS   DURATION     ID
        unit  waiting  running       54s  90400
          https://gl/web/-/jobs/90400
    "#]], expect![[r#"
        08:00:00 unit  pending
        08:00:02 unit  pending → running  (2s in queue)
        08:01:02 waiting for unit (running 54s)
        jobgate: error: the job token is not valid: its job has ended, or it is not a token of this server
        jobgate: error: GET /projects/44/pipelines/7700/jobs: 401 Unauthorized (request id 01JD0000000000000000000011)
        jobgate: hint: a job token is valid only while its own job runs
        jobgate: hint: check that no CI/CD variable named CI_JOB_TOKEN or CI_API_V4_URL overwrites GitLab's own
    "#]]);
    story.gitlab.finish();
}

#[test]
fn a_429_beyond_the_time_is_a_timeout() {
    let story = Story::new(ci().stage("test", [job("unit").runs(300)]));
    story.gitlab.outage(20, 8000, Fault::Limited(3600));
    after_head(story.run("wait unit --timeout 3m")).is(3, expect![[r#"
        JOB   RESULT   STATUS   DURATION     ID
        unit  waiting  running       15s  90400
          https://gl/web/-/jobs/90400
    "#]], expect![[r#"
        08:00:00 unit  pending
        08:00:02 unit  pending → running  (2s in queue)
        jobgate: error: time ran out after 27s: unit (90400) in pipeline 7700 is running  https://gl/web/-/jobs/90400
        jobgate: error: GitLab's last complete answer is 10s old
        jobgate: error: this GitLab's rate limit is used up
        jobgate: error: GET /projects/44/pipelines/7700/jobs: 429 Retry later; the limit lasts until 09:00:27 (request id 01JD0000000000000000000007)
        jobgate: hint: give a longer --timeout, up to this job's own time limit
        jobgate: hint: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
        jobgate: hint: an administrator can raise it under User and IP rate limits
    "#]]);
    story.gitlab.finish();
}

#[test]
fn who_looks_once_does_not_sit_out_a_limit() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    story.gitlab.fault("GET */jobs?*", Fault::LimitedJson);
    story.run("wait unit --timeout 0 -q").is(
        8,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID
            unit  waiting  running    59m11s  90400
              https://gl/web/-/jobs/90400
        "#]],
        expect![[r#"
            jobgate: pending: unit (90400) in pipeline 7700 is running  https://gl/web/-/jobs/90400
        "#]],
    );
    story
        .gitlab
        .faults("GET */jobs?*", Fault::Limited(600), u32::MAX);
    story
        .run("wait unit --timeout 0 -q")
        .is(6, "", expect![[r#"
            jobgate: error: this GitLab's rate limit is used up
            jobgate: error: GET /projects/44/pipelines/7700/jobs: 429 Retry later; the limit lasts until 08:10:11 (request id 01JD0000000000000000000006)
            jobgate: hint: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
            jobgate: hint: an administrator can raise it under User and IP rate limits
        "#]]);
    story.gitlab.finish();
}

#[test]
fn an_answer_that_never_comes_does_not_outlive_the_time() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    story.gitlab.faults("GET */jobs?*", Fault::Hang, u32::MAX);
    let told = story.call("wait unit --timeout 2s -q").binary();
    told.is(
        3,
        "",
        expect![[r#"
            jobgate: error: time ran out after 12s
            jobgate: error: GET /projects/44/pipelines/7700/jobs: no answer within 9s
            jobgate: hint: give a longer --timeout, up to this job's own time limit
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_caller_that_is_canceled_ends_as_if_told_to() {
    let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
    let me = story.me;
    story.gitlab.world(|world| {
        world.after(60, move |world| world.flip(me, "canceling"));
    });
    after_head(story.run("wait unit")).is(
        143,
        expect![[r#"
            JOB   RESULT   STATUS   DURATION     ID
            unit  waiting  running     1m09s  90400
              https://gl/web/-/jobs/90400
        "#]],
        expect![[r#"
            08:00:00 unit  pending
            08:00:02 unit  pending → running  (2s in queue)
            08:01:02 waiting for unit (running 54s)
            jobgate: error: this job is being canceled
        "#]],
    );
    story.gitlab.finish();
}

#[test]
fn a_signal_ends_a_sleep_with_a_last_report() {
    for (signal, code) in [
        (Signal::Hangup, 129),
        (Signal::Interrupt, 130),
        (Signal::Terminate, 143),
    ] {
        let story = Story::new(ci().stage("test", [job("unit").runs(1000)]));
        story.gitlab.world(|world| world.signal_after(25, signal));
        let run = story.call("wait unit").naming(signal.name(), "SIGNAL");
        after_head(story.on(run)).is(
            code,
            expect![[r#"
                JOB   RESULT   STATUS   DURATION     ID
                unit  waiting  running       15s  90400
                  https://gl/web/-/jobs/90400
            "#]],
            expect![[r#"
                08:00:00 unit  pending
                08:00:02 unit  pending → running  (2s in queue)
                jobgate: error: ended by SIGNAL
            "#]],
        );
        story.gitlab.finish();
    }
}

/// Waits until the program has sent so many requests.
fn until(story: &Story, requests: usize) {
    for _ in 0..1000 {
        if story.gitlab.requests().len() >= requests {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("only these were sent: {}", story.gitlab.log());
}

#[test]
fn a_signal_ends_the_real_program_in_a_request_and_while_it_sleeps() {
    for (pattern, requests) in [
        ("GET */job", 1),
        ("GET */jobs?*", 2),
        ("GET */trigger_jobs?*", 3),
        ("", 3),
    ] {
        let story = Story::new(ci().stage("test", [job("unit").is("running")]));
        story.gitlab.fault(pattern, Fault::Hang);
        let child = story.call("wait unit").command().spawn().unwrap();
        until(&story, requests);
        if pattern.is_empty() {
            // The last answer arrives, and the sleep begins.
            std::thread::sleep(Duration::from_millis(200));
        }
        let id = child.id().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status();
        assert!(kill.unwrap().success());
        let told = ended(child);
        assert_eq!(told.0, 143, "{pattern} {told:?}");
        assert!(told.2.contains("SIGTERM"), "{told:?}");
        story.gitlab.finish();
    }
}

/// Code, standard output and standard error of the program that was started.
fn ended(mut child: Child) -> (i32, String, String) {
    let mut texts = [String::new(), String::new()];
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut texts[0])
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut texts[1])
        .unwrap();
    let [out, log] = texts;
    (child.wait().unwrap().code().unwrap_or(-1), out, log)
}

/// A world in which all depends on the seed, and the code that a wait for `child` and `unit` must end with.
fn any(seed: u64) -> (Story, i32) {
    let [fails, flaky, below] = [0, 1, 2].map(|n| seed % (n + 3) == n);
    let unit = match (flaky, fails) {
        (true, _) => job("unit").fails(20).runs(30).retry(1),
        (false, true) => job("unit").fails(40),
        (false, false) => job("unit").runs(60),
    };
    let e2e = job("e2e").runs(50 + seed % 30);
    let e2e = if below { job("e2e").fails(45) } else { e2e };
    let story = Story::new(
        ci().stage("build", [job("compile").runs(seed % 20)])
            .stage("test", [unit, child("child", ci().stage("test", [e2e]))]),
    );
    let failed = fails && !flaky || below;
    (story, i32::from(failed))
}

/// How long no good answer had come before the last request, and in all.
fn silence(log: &[Logged], chaos: &Chaos) -> Duration {
    let mut asked = std::collections::HashMap::new();
    let mut good = log[0].at;
    for one in log {
        let nth: &mut u64 = asked.entry(one.target.clone()).or_default();
        *nth += 1;
        if chaos.fault(&one.method, &one.target, *nth).is_none() && one.status == 200 {
            good = one.at;
        }
    }
    log.last().unwrap().at.since(good)
}

#[test]
fn a_server_that_misbehaves_on_a_third_of_all_requests_changes_no_verdict() {
    let mut unknown = 0;
    for seed in 0..200 {
        let (story, code) = any(seed);
        let chaos = Chaos::third(seed);
        story.gitlab.chaos(chaos.clone());
        // Half of them with so little patience that it must run out now and then.
        let budget = if seed % 2 == 0 { 300 } else { 3 };
        let told = story.run(&format!(
            "wait unit child --keep-going --outage-budget {budget}s"
        ));
        let log = story.gitlab.finish();
        if chaos.fault("GET", "/api/v4/job", 1) == Some(Fault::Page) {
            // A web page in place of the very first answer: not a GitLab.
            assert_eq!((told.code, log.len()), (6, 1), "{seed}");
        } else if told.code == 6 {
            let silence = silence(&log, &chaos);
            assert!(
                silence >= Duration::from_secs(budget),
                "{seed}: {silence:?}\n{}",
                told.log
            );
            unknown += 1;
        } else {
            assert_eq!(told.code, code, "{seed}\n{}{}", told.out, told.log);
        }
    }
    assert!((2..60).contains(&unknown), "{unknown}");
}

#[test]
fn a_time_that_runs_out_in_an_outage_says_what_the_trouble_was() {
    let story = Story::new(ci().stage("test", [job("unit").is("running")]));
    story
        .gitlab
        .faults("GET */jobs?*", Fault::BadGateway, u32::MAX);
    after_head(story.run("wait unit --timeout 5s")).is(3, "", expect![[r#"
        jobgate: error: time ran out after 5s
        jobgate: error: GitLab has failed, or is down, overloaded or restarting (502)
        jobgate: error: GET /projects/44/pipelines/7700/jobs: status 502 with an unreadable text of type text/html (request id 01JD0000000000000000000004)
        jobgate: hint: give a longer --timeout, up to this job's own time limit
        jobgate: hint: try again later; an administrator can find the request in GitLab's logs by its request id
    "#]]);
    story.gitlab.finish();
}

#[test]
fn project_pipeline_and_an_access_token_suffice() {
    let story = Story::new(ci().stage("test", [job("unit").queue(5).runs(60)]));
    let token = story
        .gitlab
        .world(|world| world.access_token(MIRA, &["api"]));
    let words = "wait unit --project 44 --pipeline 7700";
    let call = |words: &str| story.call(words).var("GITLAB_TOKEN", token.as_str());
    let alone = call(words).without("CI_JOB_TOKEN");
    assert_eq!(story.on(alone).code, 0);
    // In `after_script` of a job that has ended, whose token is dead.
    story.gitlab.world(|world| world.end(story.me, None));
    let got = story.on(call(words));
    assert_eq!(got.code, 0, "{}", got.log);
    // Conditions are judged for a job.
    let got = story.on(call(&format!("{words} --require branch")));
    assert_eq!(got.code, 4, "{}", got.log);
}

/// Commands that wait ask again for 5 minutes, the others for 30 seconds.
#[test]
fn without_an_answer_each_command_ends_in_its_time() {
    for (words, most) in [
        ("wait unit", 300),
        ("trace unit --follow", 300),
        ("gate branch=main --timeout 1h", 300),
        ("gate branch=main", 30),
        ("jobs", 30),
        ("trace unit", 30),
        ("cancel unit", 30),
        ("agents", 30),
    ] {
        let story = Story::new(ci().stage("test", [job("unit").is("running")]));
        let token = story
            .gitlab
            .world(|world| world.access_token(MIRA, &["api"]));
        story.gitlab.outage(0, 9000, Fault::BadGateway);
        let now = || story.gitlab.world(|world| world.now);
        let begun = now();
        let told = story.on(story.call(words).var("GITLAB_TOKEN", token));
        let took = now().since(begun).as_secs();
        assert_eq!((told.code, took), (6, most), "{words}: {}", told.log);
        story.gitlab.finish();
    }
}
