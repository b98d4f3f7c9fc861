//! Every line with the program in the code blocks of README and docs is run in the demo's world, and ends as it says.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::commands;
use crate::fake::{Demo, GitLab, to_paste};

/// A line of shell and the exit code that it names (`# ends with 9`).
#[derive(Debug, PartialEq, Eq)]
struct Line {
    text: String,
    note: String,
    code: i32,
}

/// Blocks of shell and YAML with their lines that call the program. Blocks of text show usage and output.
fn blocks(text: &str) -> Vec<Vec<Line>> {
    let mut found = vec![Vec::new()];
    let mut code = None;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            code = match code {
                None => Some(matches!(language, "sh" | "yaml")),
                Some(_) => None,
            };
            found.push(Vec::new());
        } else if code == Some(true) && commands(line) > 0 {
            let (call, note) = line.split_once(" # ").unwrap_or((line, ""));
            let words = note.split_once("ends with ").map(|(_, code)| code);
            let digits = words.map(|code| code.split(|c: char| !c.is_ascii_digit()).next());
            let call = call.trim().trim_start_matches("- ");
            found.last_mut().expect("a block").push(Line {
                text: call.trim_start_matches("script: ").to_owned(),
                note: note.to_owned(),
                code: digits
                    .flatten()
                    .map_or(0, |code| code.parse().expect("a code")),
            });
        }
    }
    found.retain(|block| !block.is_empty());
    found
}

/// A second, simple-minded search: lines that begin with the program's name, in blocks but those of plain text.
fn plain_count(text: &str) -> usize {
    let code = text.split("```").skip(1).step_by(2);
    let lines = code
        .filter(|block| !block.starts_with("text\n"))
        .flat_map(str::lines)
        .map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter(|line| line.starts_with("jobgate ")).count()
}

/// A line that takes longer gets SIGTERM, so that its output is seen.
const LONGEST: Duration = Duration::from_mins(1);

/// A block in the demo's world on a GitLab of this age, without an access token below 19. What ended otherwise than its line says.
fn run(block: &[Line], age: u32) -> Vec<String> {
    let mut demo = Demo::settled(Demo::SOME_DAY);
    demo.world.age = age;
    let gitlab = GitLab::start_running(demo.world, 20, 0);
    let mut vars = gitlab.vars(demo.me);
    if age >= 19 {
        vars.insert("JOBGATE_TOKEN".to_owned(), demo.access_token);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let paste = to_paste(vars, env!("CARGO_BIN_EXE_jobgate"));
    let mut wrong = Vec::new();
    for line in block {
        let output = shell(&format!("{paste}{}", line.text), folder.path());
        let [out, log] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        let code = output.status.code();
        if code != Some(line.code) {
            wrong.push(format!("{line:?}\nended with {code:?}\n{out}{log}"));
        }
    }
    gitlab.finish();
    wrong
}

fn shell(script: &str, folder: &Path) -> Output {
    let child = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"))
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
    output
}

/// All blocks at once, since some lines wait for jobs.
#[track_caller]
fn all_end_as_they_say(blocks: &[Vec<Line>], age: u32) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = blocks
            .iter()
            .map(|block| scope.spawn(move || run(block, age)))
            .collect();
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread failed"));
        ended.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_line_of_readme_and_docs_ends_as_it_says() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let pages = std::fs::read_dir(docs)
        .expect("docs")
        .map(|entry| entry.expect("a page"));
    let names = pages.map(|page| format!("docs/{}", page.file_name().to_string_lossy()));
    let files = names.filter(|name| Path::new(name).extension() == Some("md".as_ref()));
    let mut all = Vec::new();
    for file in files.chain(["README.md", "examples/gitlab-ci/README.md"].map(str::to_owned)) {
        let text = text(&file);
        let blocks = blocks(&text);
        let found: usize = blocks.iter().map(Vec::len).sum();
        assert!(found >= plain_count(&text), "{file}: a line was overlooked");
        all.extend(blocks);
    }
    all_end_as_they_say(&all, 19);
}

#[test]
fn the_first_example_needs_gitlab_18_and_a_job_token_where_it_does_not_say_more() {
    let mut first = blocks(&text("README.md")).swap_remove(0);
    first.retain(|line| !line.note.contains("access token"));
    assert!(first.len() > 1, "{first:?}");
    all_end_as_they_say(&[first], 18);
}
