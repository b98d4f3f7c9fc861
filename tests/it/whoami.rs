//! `whoami` shows what GitLab says, and nothing else.

use expect_test::{Expect, expect};
use jobgate::os::Interrupt;
use serde_json::{Value, json};

use crate::fake::{Answer, Fault, GitLab, Id, World, ci, job};
use crate::run::{Outcome, Run};

/// A matrix job with environment, runner tag and agent, two minutes after its start.
fn deploying(age: u32) -> (GitLab, Id) {
    let mut world = World::new();
    world.age = age;
    let shop = world.project("shop/web");
    world.environment(shop, "prod/eu", "production");
    world.agent(shop, "prod", &["shop/web"], json!({}));
    let me = job("deploy").matrix(["eu"]).here().endless();
    let me = me.environment("prod/eu").tags(["k8s"]).allow_failure();
    let pipeline = world.pipeline("shop/web", "main", ci().stage("deploy", [me]));
    let me = world.job(pipeline, "deploy: [eu]");
    world.advance_by(120);
    (GitLab::start(world), me)
}

fn run(words: &str, gitlab: &GitLab, me: Id) -> Run {
    Run::new(words)
        .vars(gitlab.vars(me))
        .var("NO_COLOR", "1")
        .naming(gitlab.origin(), "https://gitlab.test")
        .bare()
}

fn on(run: Run, gitlab: &GitLab) -> Outcome {
    run.on(&gitlab.clock(), &Interrupt::new())
}

/// The page of every server.
fn page() -> Expect {
    expect![[r#"
        job          90400 deploy: [eu]
        link         https://gitlab.example.com/shop/web/-/jobs/90400
        stage        deploy
        status       running
        tags         k8s
        pipeline     7700 from push
        link         https://gitlab.example.com/shop/web/-/pipelines/7700
        ref          branch main at 00000000
        project      44 shop/web
        user         51 mira
        roles        guest, planner, reporter, security_manager, developer, maintainer
        environment  prod-eu (tier production)
    "#]]
}

#[test]
fn a_job_learns_who_it_is_on_every_server() {
    for age in [17, 18, 19] {
        let (gitlab, me) = deploying(age);
        let whoami = Run::new("whoami").vars(gitlab.vars(me));
        let got = whoami.var("NO_COLOR", "1").binary();
        if age == 19 {
            got.is(
                0,
                page(),
                expect![[r#"
                    using the job token from CI_JOB_TOKEN
                "#]],
            );
        }
        // The role of security managers came with GitLab 19.
        assert_eq!(got.out.contains("security_manager"), age == 19);
        assert_eq!((got.code, gitlab.requests().len()), (0, 2));
        gitlab.finish();
    }
}

#[test]
fn json_is_gitlabs_own_complete() {
    let (gitlab, me) = deploying(19);
    let got = run("whoami -o json", &gitlab, me).binary();
    assert_eq!((got.code, got.log.as_str()), (0, ""));
    assert_eq!(got.out.matches('\n').count(), 1, "one line");
    let got: Value = serde_json::from_str(&got.out).unwrap();
    let (job, agents) = gitlab.world(|world| (world.job_json(me), world.allowed_agents_json(me)));
    assert_eq!(got, json!({"job": job, "allowed_agents": agents}));
    gitlab.finish();
}

#[test]
fn later_jobs_get_it_as_variables() {
    let (gitlab, me) = deploying(19);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whoami.env");
    run("whoami -o dotenv --output-file", &gitlab, me)
        .arg(&file)
        .binary()
        .is(0, "", "");
    let got = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        got,
        "JOBGATE_OUT_JOB_ID=90400\nJOBGATE_OUT_JOB_NAME=deploy: [eu]\nJOBGATE_OUT_JOB_STAGE=deploy\nJOBGATE_OUT_PIPELINE_ID=7700\n\
         JOBGATE_OUT_PIPELINE_SOURCE=push\nJOBGATE_OUT_PROJECT_ID=44\nJOBGATE_OUT_PROJECT_PATH=shop/web\nJOBGATE_OUT_REF=main\n\
         JOBGATE_OUT_REF_TYPE=branch\nJOBGATE_OUT_SHA=0000000000000000000000000000000003a26cac\nJOBGATE_OUT_USER=mira\n\
         JOBGATE_OUT_SECONDS_LEFT=3480\nJOBGATE_OUT_ROLE=maintainer\nJOBGATE_OUT_ENVIRONMENT_SLUG=prod-eu\n\
         JOBGATE_OUT_ENVIRONMENT_TIER=production\n"
    );
    gitlab.finish();
}

#[test]
fn a_merge_requests_ref_is_no_branch_to_later_jobs() {
    let mut world = World::new();
    world.project("shop/web");
    let jobs = ci().stage("test", [job("unit").here()]);
    let pipeline = world.pipeline("shop/web", "refs/merge-requests/1/head", jobs);
    let me = world.job(pipeline, "unit");
    let gitlab = GitLab::start(world);
    let got = run("whoami -o dotenv", &gitlab, me).binary().out;
    assert!(got.contains("REF=refs/merge-requests/1/head\nJOBGATE_OUT_SHA="));
    gitlab.finish();
}

#[test]
fn what_a_later_job_would_read_otherwise_is_not_written() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("deploy", [job("cost $HOME").here()]),
    );
    let me = world.job(pipeline, "cost $HOME");
    let gitlab = GitLab::start(world);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whoami.env");
    let got = run("whoami -o dotenv --output-file", &gitlab, me)
        .arg(&file)
        .binary();
    assert_eq!((got.code, got.out.as_str()), (6, ""));
    assert!(got.log.contains("JOBGATE_OUT_JOB_NAME"), "{}", got.log);
    assert!(!file.exists());
    gitlab.finish();
}

#[test]
fn a_page_without_agents_says_so() {
    let (gitlab, me) = deploying(19);
    gitlab.faults("*/job/allowed_agents", Fault::Unauthorized, 2);
    let got = run("whoami", &gitlab, me).binary();
    let unknown = ["groups", "roles", "environment", "agents"];
    assert!(
        !got.out
            .lines()
            .any(|line| unknown.iter().any(|key| line.starts_with(key)))
    );
    assert_eq!(got.code, 0);
    expect![[r#"
        jobgate: warning: roles and environment are not known: 401 Unauthorized
    "#]]
    .assert_eq(&got.log);
    gitlab.faults("*/job/allowed_agents", Fault::Unauthorized, 2);
    let got = run("whoami -o json", &gitlab, me).binary();
    let got: Value = serde_json::from_str(&got.out).unwrap();
    assert_eq!(got["allowed_agents"], Value::Null);
    gitlab.faults("*/job/allowed_agents", Fault::Unauthorized, 2);
    let got = run("whoami -o dotenv", &gitlab, me).binary().out;
    assert!(!got.contains("ROLE") && !got.contains("ENVIRONMENT") && got.contains("USER=mira"));
    gitlab.finish();
}

#[test]
fn each_mistake_with_the_token_is_explained() {
    let (gitlab, me) = deploying(19);
    let whoami = || run("whoami", &gitlab, me);
    let missing = "
jobgate: error: there is no job token
jobgate: error: GET /job: not sent, because CI_JOB_TOKEN is not set
jobgate: hint: run jobgate in a GitLab job, where GitLab sets CI_JOB_TOKEN; pass the variable on to sudo and containers
";
    whoami().without("CI_JOB_TOKEN").binary().is(4, "", missing);
    whoami().var("CI_JOB_TOKEN", "").binary().is(4, "", missing);
    on(whoami().var("CI_JOB_TOKEN", "glcbt-garbage"), &gitlab).is(4, "", expect![[r#"
        jobgate: error: the job token is not valid: its job has ended, or it is not a token of this server
        jobgate: error: GET /job: 401 Unauthorized (request id 01JD0000000000000000000001)
        jobgate: hint: a job token is valid only while its own job runs
        jobgate: hint: check that no CI/CD variable named CI_JOB_TOKEN or CI_API_V4_URL overwrites GitLab's own
    "#]]);
    gitlab.finish();
}

#[test]
fn the_way_to_gitlab_is_checked_before_anything_is_sent() {
    let (gitlab, me) = deploying(19);
    let whoami = || run("whoami", &gitlab, me);
    whoami()
        .without("CI_API_V4_URL")
        .binary()
        .is(2, "", expect![[r#"
            jobgate: error: CI_API_V4_URL is not set, so the address of GitLab is unknown
            jobgate: hint: GitLab sets it in its jobs; elsewhere give --server https://gitlab.example.com
        "#]]);
    for bad in [
        "ftp://x/api/v4",
        "https://user:secret-word@x/api/v4",
        "https://x/api/v4?a=b",
        "https://x/api/v4#a",
        "x",
        "https://",
    ] {
        let got = whoami().var("CI_API_V4_URL", bad).binary();
        assert_eq!((got.code, got.out.as_str()), (2, ""), "{bad}");
        assert!(!got.log.contains("secret-word"), "{}", got.log);
    }
    whoami().var("CI_JOB_ID", "x17").binary().is(
        2,
        "",
        expect![[r#"
            jobgate: error: variable CI_JOB_ID is not a number
        "#]],
    );
    assert_eq!(gitlab.requests().len(), 0);
    let server = format!("whoami --server {}", gitlab.origin());
    run(&server, &gitlab, me).binary().is(0, page(), "");
    gitlab.finish();
}

#[test]
fn trouble_is_waited_out_and_then_could_not_tell() {
    let (gitlab, me) = deploying(19);
    for fault in [
        Fault::Close,
        Fault::BadGateway,
        Fault::Broken,
        Fault::Cut,
        Fault::Locked,
        Fault::Limited(1),
    ] {
        gitlab.fault("*/job", fault);
        let got = on(run("whoami", &gitlab, me), &gitlab);
        assert_eq!(got.code, 0, "{fault:?}: {}", got.log);
        gitlab.faults("*", fault, u32::MAX);
        let got = on(run("whoami", &gitlab, me), &gitlab);
        assert_eq!(
            (got.code, got.out.as_str()),
            (6, ""),
            "{fault:?}: {}",
            got.log
        );
        assert!(
            got.log.contains("asking again in") && got.log.contains("\njobgate: error: GET /job: "),
            "{}",
            got.log
        );
        gitlab.no_more_trouble();
    }
    gitlab.faults("*", Fault::Limited(3600), u32::MAX);
    on(run("whoami", &gitlab, me), &gitlab).is(6, "", expect![[r#"
        jobgate: error: this GitLab's rate limit is used up
        jobgate: error: GET /job: 429 Retry later; the limit lasts until 09:05:05 (request id 01JD0000000000000000000077)
        jobgate: hint: all jobs of one user share the limit; `jobgate wait --interval 10s..60s` sends fewer requests
        jobgate: hint: an administrator can raise it under User and IP rate limits
    "#]]);
    gitlab.finish();
}

#[test]
fn a_page_for_browsers_as_the_first_answer_ends_it_at_once() {
    let (gitlab, me) = deploying(19);
    gitlab.faults("*", Fault::Page, u32::MAX);
    on(run("whoami", &gitlab, me), &gitlab).is(6, "", expect![[r#"
        jobgate: error: the answer is a web page instead of the API's JSON: a proxy, a login page, or not a GitLab
        jobgate: error: GET /job: the answer is not JSON but text/html: perhaps a proxy's page (request id 01JD0000000000000000000000)
        jobgate: hint: check CI_API_V4_URL, and whether no_proxy should name its host
    "#]]);
    assert_eq!(gitlab.requests().len(), 1);
    gitlab.finish();
}

#[test]
fn a_server_that_limits_for_no_time_at_all_is_not_hammered() {
    let (gitlab, me) = deploying(19);
    gitlab.faults("*", Fault::Limited(0), u32::MAX);
    let got = on(run("whoami", &gitlab, me), &gitlab);
    assert_eq!((got.code, got.out.as_str()), (6, ""), "{}", got.log);
    assert!(got.log.contains("asking again in "), "{}", got.log);
    assert!(gitlab.requests().len() <= 31);
    gitlab.finish();
}

#[test]
fn debug_shows_requests_and_no_token() {
    let (gitlab, me) = deploying(19);
    for debug in [
        run("whoami --debug", &gitlab, me),
        run("whoami", &gitlab, me).var("JOBGATE_DEBUG", "1"),
    ] {
        let before = gitlab.requests().len();
        let [first, second] = [before, before + 1].map(|number| format!("01JD{number:022}"));
        let debug = debug.naming(first, "ID-1").naming(second, "ID-2");
        on(debug, &gitlab).is(
            0,
            page(),
            expect![[r#"
                debug: GET https://gitlab.test/api/v4/job 200 ID-1 0ms
                debug: GET https://gitlab.test/api/v4/job/allowed_agents 200 ID-2 0ms
            "#]],
        );
    }
    gitlab.finish();
}

#[test]
fn quiet_keeps_warnings() {
    let (gitlab, me) = deploying(19);
    let mixed_up = run("whoami -q", &gitlab, me).var("CI_JOB_ID", "5");
    mixed_up.binary().is(
        0,
        page(),
        expect![[r#"
        jobgate: warning: CI_JOB_ID is 5, but the job token belongs to job 90400
    "#]],
    );
    gitlab.finish();
}

#[test]
fn text_from_gitlab_cannot_steer_a_terminal() {
    let mut world = World::new();
    world.project("shop/web");
    let name = "evil\u{1b}[31m\u{202e}";
    let pipeline = world.pipeline("shop/web", "main", ci().stage("deploy", [job(name).here()]));
    let me = world.job(pipeline, name);
    let gitlab = GitLab::start(world);
    for words in ["whoami", "whoami -o json"] {
        let vars = gitlab.vars(me);
        let got = Run::new(words)
            .vars(vars)
            .without("CI_JOB_NAME")
            .var("NO_COLOR", "1")
            .binary();
        assert_eq!(got.code, 0, "{}", got.log);
        assert!(!got.out.contains(['\u{1b}', '\u{202e}']), "{:?}", got.out);
    }
    let said = "403 Forbidden - \u{1b}[2J\u{202e}\u{200b}\u{feff}\u{e0041}\nx";
    gitlab.answer("GET /api/v4/job", Answer::message(403, said));
    run("whoami", &gitlab, me)
        .binary()
        .is(4, "", expect![[r#"
            jobgate: error: the user who started this job cannot read the calling job; GitLab's answer gives the reason
            jobgate: error: GET /job: 403 Forbidden - \u{1b}[2J\u{202e}\u{200b}\u{feff}\u{e0041} x (request id 01JD0000000000000000000004)
        "#]]);
    gitlab.finish();
}

#[test]
fn nothing_is_kept_between_two_calls() {
    let (gitlab, me) = deploying(19);
    let folder = tempfile::tempdir().unwrap();
    for words in [
        "whoami",
        "jobs",
        "gate branch=main",
        "wait --all --timeout 0",
    ] {
        let call = run(words, &gitlab, me).var("HOME", folder.path());
        let mut command = call.var("TMPDIR", folder.path()).command();
        assert!(command.current_dir(folder.path()).output().is_ok());
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{words}: {left:?}");
    }
    gitlab.finish();
}
