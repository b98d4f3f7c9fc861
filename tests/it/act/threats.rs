//! Lies, traps and secrets.

use expect_test::expect;
use jobgate::os::Interrupt;

use super::{Story, deploy};
use crate::fake::{Answer, GitLab, ci, job};

/// Every variable that GitLab or a user might set, with a lie.
fn lies() -> Vec<(String, String)> {
    let lies = [
        ("CI_COMMIT_BRANCH", "release/9"),
        ("CI_COMMIT_REF_NAME", "release/9"),
        ("CI_COMMIT_REF_PROTECTED", "true"),
        ("CI_COMMIT_SHA", "ffffffffffffffffffffffffffffffffffffffff"),
        ("CI_COMMIT_TAG", "v1"),
        ("CI_DEFAULT_BRANCH", "release/9"),
        ("CI_ENVIRONMENT_NAME", "production"),
        ("CI_ENVIRONMENT_TIER", "production"),
        ("CI_JOB_NAME", "other"),
        ("CI_JOB_STAGE", "other"),
        ("CI_JOB_STATUS", "success"),
        ("CI_NODE_TOTAL", "9"),
        ("CI_PIPELINE_ID", "1"),
        ("CI_PIPELINE_SOURCE", "schedule"),
        ("CI_PROJECT_ID", "999"),
        ("CI_PROJECT_PATH", "evil/project"),
        ("CI_SERVER_HOST", "evil.example"),
        ("CI_SERVER_URL", "https://evil.example"),
        ("GITLAB_USER_LOGIN", "root"),
        ("JOBGATE_ALL", "1"),
        ("JOBGATE_DRY_RUN", "1"),
        ("JOBGATE_OUT_RESULT", "ok"),
        ("JOBGATE_PIPELINE", "1"),
        ("JOBGATE_PROJECT", "999"),
        ("JOBGATE_REQUIRE", "branch=main"),
        ("JOBGATE_RERUN", "1"),
        ("JOBGATE_SERVER", "https://evil.example"),
    ];
    let owned = lies.map(|(name, lie)| (name.to_owned(), lie.to_owned()));
    owned.into_iter().collect()
}

#[test]
fn no_variable_is_evidence() {
    let story = Story::new(deploy());
    let conditions =
        "gate branch=main project=44 source=push user=mira role=maintainer newest jobs=gat?";
    let against = "gate branch=release/* tag user=root environment=production source=schedule tier=production project=999";
    for words in [conditions, against, "whoami", "jobs", "agents"] {
        let honest = story.whole(words);
        let lied = story.go(story.call(words).vars(lies()));
        assert_eq!(honest, lied);
    }
    let lied = story.go(story.call("play deploy --require user=mira").vars(lies()));
    assert_eq!(lied.code, 0, "{lied:?}");
    story.gitlab.finish();
}

#[test]
fn another_jobs_id_is_a_contradiction_that_nobody_passes() {
    let story = Story::new(deploy());
    for words in [
        "gate branch=main",
        "play deploy",
        "trigger shop/web --ref main",
    ] {
        let got = story.go(story.call(words).var("CI_JOB_ID", "17"));
        assert_eq!(got.code, 6, "{got:?}");
    }
    let got = story.go(story.call("gate branch=main").var("CI_JOB_ID", "17"));
    got.is(
        6,
        "",
        expect![[r#"
            using the job token from CI_JOB_TOKEN
            jobgate: error: CI_JOB_ID is 17, but the job token belongs to job 90401
            jobgate: error: the gate could not be checked
            jobgate: hint: leave CI_JOB_ID and CI_JOB_TOKEN as GitLab sets them
        "#]],
    );
    assert_eq!(story.gitlab.posts(), 0);
    story.gitlab.finish();
}

#[test]
fn a_lying_server_is_not_asked_where_the_command_line_names_the_true_one() {
    let story = Story::new(deploy());
    let liar = GitLab::stranger(Answer::json(200, &serde_json::json!({})));
    let call = story.call("play deploy").var("CI_API_V4_URL", liar.api());
    let got = story.go(call.naming(liar.origin(), "https://evil.test"));
    got.is(2, "", expect![[r#"
        jobgate: error: CI_API_V4_URL is https://evil.test/api/v4, but --server means https://gitlab.test/api/v4; nothing was sent
        jobgate: hint: the variable was set by hand, or the job runs on another GitLab than --server names
    "#]]);
    assert!(story.gitlab.requests().is_empty());
    assert!(liar.finish().is_empty());
    story.gitlab.finish();
}

#[test]
fn without_it_the_trusted_origin_is_named() {
    let story = Story::new(deploy());
    for words in [
        "gate branch=main",
        "play deploy --dry-run",
        "trigger shop/web --ref main --dry-run",
        "cancel deploy --project 44 --pipeline 7700",
    ] {
        let mut run = crate::run::Run::new(words)
            .vars(story.gitlab.vars(story.me))
            .var("NO_COLOR", "1")
            .var("JOBGATE_TOKEN", &story.token);
        if words.starts_with("cancel") {
            run = run.without("CI_JOB_TOKEN");
        }
        let got = run.on(&story.gitlab.clock(), &Interrupt::new());
        let line = format!("{} from CI_API_V4_URL", story.gitlab.api());
        assert!(got.log.contains(&line), "{got:?}");
    }
    story.gitlab.finish();
}

#[test]
fn below_another_path_the_path_is_named_too() {
    let story = Story::new(deploy());
    story.gitlab.root("/gitlab");
    let got = crate::run::Run::new("gate branch=main")
        .vars(story.gitlab.vars(story.me))
        .on(&story.gitlab.clock(), &Interrupt::new());
    let api = format!(
        "{}/gitlab/api/v4 from CI_API_V4_URL",
        story.gitlab.origin().trim_end_matches("/gitlab")
    );
    assert!(got.log.contains(&api), "{got:?}");
    story.gitlab.finish();
}

#[test]
fn values_of_variables_and_inputs_are_never_shown() {
    let story = Story::new(ci().stage("deploy", [job("deploy").manual().inputs(["region"])]));
    let call = story
        .call("play deploy --debug --variable SECRET --input region=hunter2-in -o json")
        .arg("--variable")
        .arg("LINES=hunter2-a\nhunter2-b")
        .var("SECRET", "hunter2-env\nmore");
    let got = story.go(call);
    assert_eq!(got.code, 0, "{got:?}");
    assert!(!format!("{got:?}").contains("hunter2"), "{got:?}");
    let deploy = story.job("deploy");
    let (variables, inputs) = story.gitlab.world(|world| {
        let job = &world.jobs[&deploy];
        (job.variables.clone(), job.inputs.clone())
    });
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        variables,
        [
            pair("SECRET", "hunter2-env\nmore"),
            pair("LINES", "hunter2-a\nhunter2-b")
        ]
    );
    assert_eq!(inputs["region"], "hunter2-in");
    for words in [
        "play deploy --variable ä=hunter2",
        "play deploy --input =hunter2",
        "play deploy --variable A=hunter2 --variable A=hunter2",
    ] {
        let got = story.run(words);
        assert!(
            got.code == 2 && !format!("{got:?}").contains("hunter2"),
            "{got:?}"
        );
    }
    story.gitlab.finish();
}

#[test]
fn a_name_cannot_act_on_the_terminal() {
    let evil = "dep\u{1b}[2Jloy\u{202e}\n";
    let story = Story::new(ci().stage("deploy", [job(evil).manual(), job("x").manual()]));
    for call in [
        story.call("play --all --dry-run"),
        story.call("play --stage deploy"),
        story.call("play").arg(evil),
        story.call("play --rerun").arg(format!("{evil}x")),
        story
            .call("cancel --all --require")
            .arg(format!("jobs={evil}")),
    ] {
        let got = story.go(call);
        let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !got.out.contains(hidden) && !got.log.contains(hidden),
            "{got:?}"
        );
    }
    story.gitlab.finish();
}
