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

/// Lines that call the program, from blocks of shell and YAML. Blocks of text show usage and output.
fn lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut code = None;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            code = match code {
                None => Some(matches!(language, "sh" | "yaml")),
                Some(_) => None,
            };
        } else if code == Some(true) && commands(line) > 0 {
            let (call, note) = line.split_once(" # ").unwrap_or((line, ""));
            let words = note.split_once("ends with ").map(|(_, code)| code);
            let digits = words.map(|code| code.split(|c: char| !c.is_ascii_digit()).next());
            let call = call.trim().trim_start_matches("- ");
            found.push(Line {
                text: call.trim_start_matches("script: ").to_owned(),
                note: note.to_owned(),
                code: digits
                    .flatten()
                    .map_or(0, |code| code.parse().expect("a code")),
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

/// A line that takes longer gets SIGTERM, so that its output is seen.
const LONGEST: Duration = Duration::from_mins(1);

/// The demo on a GitLab of this age; without an access token below 19.
fn run(line: &Line, age: u32) -> Output {
    let mut demo = Demo::settled(Demo::SOME_DAY);
    demo.world.age = age;
    let gitlab = GitLab::start_running(demo.world, 20, 0);
    let mut vars = gitlab.vars(demo.me);
    if age >= 19 {
        vars.insert("JOBGATE_TOKEN".to_owned(), demo.access_token);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = to_paste(vars, env!("CARGO_BIN_EXE_jobgate")) + &line.text;
    let child = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
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
    output
}

/// All lines at once, since some wait for jobs. What ended otherwise than its line says.
fn wrong(lines: &[(String, Line)], age: u32) -> Vec<String> {
    let run = |(file, line): &(String, Line)| {
        let output = run(line, age);
        let [out, log] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        let code = output.status.code();
        (code != Some(line.code))
            .then(|| format!("{file}: {line:?}\nended with {code:?}\n{out}{log}"))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = lines
            .iter()
            .map(|line| scope.spawn(move || run(line)))
            .collect();
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread failed"));
        ended.flatten().collect()
    })
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
        let lines = lines(&text);
        assert!(
            lines.len() >= plain_count(&text),
            "{file}: a line was overlooked"
        );
        all.extend(lines.into_iter().map(|line| (file.clone(), line)));
    }
    let wrong = wrong(&all, 19);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_first_example_needs_gitlab_18_and_a_job_token_where_it_does_not_say_more() {
    let readme = text("README.md");
    let first: Vec<&str> = readme.split_inclusive("```").take(3).collect();
    let lines = lines(&first.concat()).into_iter();
    let plain = lines.filter(|line| !line.note.contains("access token"));
    let plain: Vec<_> = plain.map(|line| ("README.md".to_owned(), line)).collect();
    assert!(plain.len() > 1, "{plain:?}");
    let wrong = wrong(&plain, 18);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
