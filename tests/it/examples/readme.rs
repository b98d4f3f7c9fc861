//! Every line with the program in the code blocks of the READMEs is run, each in a world of its own, and ends as it says.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use super::commands;
use super::runner::{SERVER, command, shim};
use crate::fake::{Allow, GitLab, Id, MIRA, World, child, ci, downstream, job};

/// A line of shell and the exit code that it names (`# exit 9`).
#[derive(Debug, PartialEq, Eq)]
struct Line {
    text: String,
    code: i32,
}

/// Lines that call the program, from blocks of shell and YAML. Blocks without a language show usage and output.
fn lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut code = None;
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            code = match code {
                None => Some(matches!(language, "sh" | "yaml")),
                Some(_) => None,
            };
        } else if code == Some(true) && commands(line) > 0 {
            let (call, note) = line.split_once(" # ").unwrap_or((line, ""));
            let code = note
                .strip_prefix("exit ")
                .map(|code| code.parse().expect("a code"));
            found.push(Line {
                text: call.trim().trim_start_matches("- ").to_owned(),
                code: code.unwrap_or(0),
            });
        }
    }
    found
}

/// A second, simple-minded search: lines that begin with the program's name, outside blocks of plain text.
fn plain_count(text: &str) -> usize {
    let parts = text.split("```").filter(|part| !part.starts_with("text\n"));
    let lines = parts
        .flat_map(str::lines)
        .map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter(|line| line.starts_with("jobgate ")).count()
}

/// A GitLab in which what the READMEs do makes sense: everything has passed where a line waits or judges, and there is work where it acts.
fn world(words: &str) -> (World, Id, String) {
    let acts = |name: &str| words.contains(&format!("jobgate {name}"));
    let mut world = World::new();
    let web = world.project("shop/web");
    world.next_id_is("project", 1234);
    for path in ["ops/monitoring", "ops/agents"] {
        let project = world.project(path);
        let other = world.at_project(project);
        other.allowlist.push(Allow {
            from: "shop/web".to_owned(),
            policies: None,
        });
        other.tags.push("v1.2".to_owned());
        let smoke = job("smoke-test").manual().queue(0).runs(0);
        let check = job("check").queue(0).runs(0);
        other.ci = ci().stage("check", [check]).stage("smoke", [smoke]);
        if acts("trigger") {
            other.ci = ci().stage("check", [job("check").queue(0).runs(0).inputs(["region"])]);
        }
    }
    world.agent(1235, "prod", &["shop/web"], json!({}));
    world.environment(web, "production", "production");
    let passed = |name| job(name).is("success").artifacts().log("one\ntwo\nthree\n");
    let failed = |name| job(name).is("failed").queue(0).runs(0).log("it broke\n");
    let unit = if acts("retry") {
        failed("unit")
    } else {
        passed("unit")
    };
    let group = passed("build").matrix(["eu, blue", "us, green"]);
    let mut test = vec![
        group,
        unit,
        passed("unit-slow"),
        passed("lint"),
        passed("test"),
        passed("test-slow"),
    ];
    if acts("cancel") {
        test.push(job("integration").is("running"));
    }
    if acts("retry") || words.contains("--status failed") {
        test.push(failed("flaky"));
    }
    let deploy = match words {
        _ if words.contains("--downstream deploy") => child(
            "deploy",
            ci().stage("smoke", [job("smoke").queue(0).runs(0)]),
        )
        .needs([]),
        _ if words.contains("deploy: *") => job("deploy").matrix(["eu", "us"]).manual(),
        _ if acts("cancel") => job("deploy").is("running"),
        _ if acts("trace") => passed("deploy"),
        _ => job("deploy").manual().queue(0).runs(0).needs([]),
    };
    let plan = ci()
        .stage("secrets", [passed("leaky-job")])
        .stage("test", test)
        .stage(
            "deploy",
            [
                deploy,
                downstream("trigger-monitoring", "ops/monitoring").needs([]),
            ],
        )
        .stage("gate", [job("here").here().environment("production")]);
    let pipeline = world.pipeline("shop/web", "main", plan);
    world.advance_by(30);
    let token = world.access_token(MIRA, &["api"]);
    let here = world.job(pipeline, "here");
    (world, here, token)
}

/// A line that takes longer is told to end, so that its output is seen.
const LONGEST: Duration = Duration::from_mins(1);

fn run(line: &Line) -> (Output, String) {
    let (world, here, token) = world(&line.text);
    let gitlab = GitLab::start_running(world, 20, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    shim(path);
    command(path, "kubectl", "echo \"kubectl $*\"\n");
    let child = Command::new("sh")
        .args(["-c", &line.text.replace(SERVER, &gitlab.origin())])
        .current_dir(path)
        .env_clear()
        .envs(gitlab.vars(here))
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", path.join("bin").display()),
        )
        .env("JOBGATE_TOKEN", token)
        .env("VERSION", "1.2")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("sh starts");
    let (done, waiting) = mpsc::channel::<()>();
    let id = child.id();
    let guard = std::thread::spawn(move || {
        if waiting.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
            let kill = format!("kill -TERM -{id}");
            let _ = Command::new("sh").arg("-c").arg(kill).status();
        }
    });
    let output = child.wait_with_output().expect("it can be waited for");
    drop(done);
    guard.join().expect("no thread failed");
    gitlab.finish();
    let calls = std::fs::read_to_string(path.join("calls")).unwrap_or_default();
    (output, calls)
}

#[test]
fn every_line_of_the_readmes_ends_as_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for file in [
        "README.md",
        "docs/reference.md",
        "examples/gitlab-ci/README.md",
    ] {
        let text = std::fs::read_to_string(root.join(file)).expect("a README");
        let lines = lines(&text);
        assert!(
            lines.len() >= plain_count(&text),
            "{file}: a line was overlooked"
        );
        for line in &lines {
            let (output, calls) = run(line);
            if calls.lines().count() != commands(&line.text)
                || output.status.code() != Some(line.code)
            {
                let [out, log] =
                    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
                wrong.push(format!("{file}: {line:?}\n{calls}{out}{log}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
