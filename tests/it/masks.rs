//! No token in any output, not even where the server puts it into a good answer.

use expect_test::expect;
use jobgate::os::Interrupt;

use crate::fake::{Answer, GitLab, Id, MIRA, World, ci, job};
use crate::net::proxies::Proxy;
use crate::run::Run;

/// A world that shows our access token in a job's name, a ref and a log, the latter at the end of whatever piece is read or written at once.
fn indiscreet() -> (GitLab, Id, String) {
    let mut world = World::new();
    let project = world.project("shop/web");
    let token = world.access_token(MIRA, &["api"]);
    world.at_project(project).branches.push(token.clone());
    let text = |filler: usize| format!("{}{token} end\n", "x".repeat(filler));
    let log: String = (32_740..32_770).map(text).collect();
    let spec = ci().stage(
        "build",
        [
            job(&format!("deploy {token}")).is("failed").log(log),
            job("gate").here(),
        ],
    );
    let pipeline = world.pipeline("shop/web", &token, spec);
    let me = world.job(pipeline, "gate");
    (GitLab::start(world), me, token)
}

fn run(words: &str, gitlab: &GitLab, me: Id, token: &str) -> Run {
    Run::new(words)
        .vars(gitlab.vars(me))
        .without("CI_COMMIT_REF_NAME")
        .var("GITLAB_TOKEN", token)
        .var("NO_COLOR", "1")
        .naming(gitlab.origin(), "https://gitlab.test")
}

#[test]
fn text_from_gitlab_is_masked_wherever_it_is_written() {
    let (gitlab, me, token) = indiscreet();
    run("jobs --stage build", &gitlab, me, &token).binary().is(
        0,
        expect![[r#"
            JOB                                STAGE  STATUS   DURATION  QUEUED     ID  NOTE
            deploy [masked]  build  failed      2m00s  48m00s  90400  the script failed
              https://gitlab.example.com/shop/web/-/jobs/90400
            gate                               build  running        0s      0s  90401
            links: https://gitlab.example.com/shop/web/-/jobs/ID
        "#]],
        expect![[r#"
            using the job token from CI_JOB_TOKEN
        "#]],
    );
    // `Run` itself fails where a token is printed.
    for words in [
        "jobs -o json",
        "jobs -o ndjson",
        "jobs --recursive",
        "jobs --log-tail 3",
        "whoami",
        "whoami -o json",
        "whoami -o dotenv",
        "wait --all --keep-going",
        "wait --all -o json",
        "gate branch=main",
    ] {
        let seen = run(words, &gitlab, me, &token).binary();
        let shown = seen.out + &seen.log;
        assert!(shown.contains("[masked]"), "{words}: {shown}");
    }
    run("", &gitlab, me, &token).arg(&token).binary().is(
        2,
        "",
        expect![[r#"
            jobgate: error: no command "[masked]"
            jobgate: hint: `jobgate help` lists the commands
        "#]],
    );
    gitlab.answer(
        "GET /api/v4/job",
        Answer::message(403, format!("403 Forbidden - {token}")),
    );
    let seen = run("whoami", &gitlab, me, &token).binary();
    assert!(seen.log.contains("[masked]"), "{}", seen.log);
}

#[test]
fn a_word_of_gitlabs_that_is_shown_in_another_form_is_masked_first() {
    const TOKEN: &str = "glpat-Under_Score_0001";
    let mut world = World::new();
    world.project("shop/web");
    let jobs = [job("unit").is("failed").because(TOKEN), job("gate").here()];
    let pipeline = world.pipeline("shop/web", "main", ci().stage("test", jobs));
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    let seen = run("jobs unit", &gitlab, me, TOKEN).binary();
    assert!(seen.out.contains("  [masked]\n"), "{}", seen.out);
    gitlab.answer("GET /api/v4/job", Answer::new(403, TOKEN, "no"));
    let seen = run("whoami", &gitlab, me, TOKEN).binary();
    assert!(seen.log.contains("of type [masked]"), "{}", seen.log);
}

#[test]
fn a_log_is_masked_across_pieces_and_in_its_file() {
    let (gitlab, me, token) = indiscreet();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let failed = format!("deploy {token}");
    for words in ["trace", "trace --plain", "trace --tail 5"] {
        let seen = run(words, &gitlab, me, &token).arg(&failed).binary();
        assert!(seen.out.contains("x[masked] end\n"), "{words}");
        assert!(seen.out.ends_with("[masked] end\n"), "{words}");
    }
    let seen = run("trace --output-file", &gitlab, me, &token);
    let seen = seen.arg(&path).arg(&failed).binary();
    assert_eq!((seen.code, seen.out.as_str()), (0, ""), "{}", seen.log);
    let file = std::fs::read_to_string(path).unwrap();
    assert_eq!(file.matches("[masked] end\n").count(), 30);
    assert!(!file.contains(&token));
}

/// As it is written in the proxy's URL and as the proxy gets it.
#[test]
fn a_proxys_password_is_masked_as_a_token_is() {
    let mut world = World::new();
    world.project("shop/web");
    let names = ["seen p:ss-word", "seen p%3Ass-word"];
    let jobs = names.map(|name| job(name).is("success"));
    let jobs = ci()
        .stage("build", jobs)
        .stage("gate", [job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", jobs);
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    let url = Proxy::start(None).url();
    let url = url.replace("//", "//mira:p%3Ass-word@");
    let fixed = format!("jobs --server {} --proxy {url}", gitlab.origin());
    for words in [
        "jobs -o json",
        "jobs p:ss-word",
        "wait seen* --debug",
        &fixed,
    ] {
        let run = Run::new(words)
            .vars(gitlab.vars(me))
            .var("http_proxy", &url);
        let seen = run.on(&gitlab.clock(), &Interrupt::new());
        let shown = seen.out + &seen.log;
        let masked = shown.contains("[masked]") && !shown.contains("ss-word");
        assert!(masked, "{words}: {shown}");
    }
}
