//! House rules that a text search can check.

mod arrows;
mod trust;

use std::path::{Path, PathBuf};

use jobgate::commands::options::VARIABLES;

/// A file of the project: its path from the project's root, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_source(&self) -> bool {
        self.is_rust() && self.path.starts_with("src/")
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension() == Some("rs".as_ref())
    }

    /// Numbered lines without comments and without the test module at the end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().zip(1..);
        lines
            .take_while(|(line, _)| *line != "#[cfg(test)]")
            .map(|(line, number)| (number, line.split("//").next().unwrap_or_default()))
    }
}

/// Every text file that belongs to the project.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let name = path.to_str().unwrap().replace('\\', "/");
            if ["target", "corpus", "artifacts"]
                .contains(&name.rsplit('/').next().unwrap_or_default())
                || is_foreign(&name)
            {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
                found.push(File { path: name, text });
            }
        }
    }
    assert!(found.iter().any(|file| file.path == "src/lib.rs"));
    found
}

/// Git's own and whatever an editor left: hidden, and not one of the project's hidden files.
fn is_foreign(path: &str) -> bool {
    let own = [".cargo", ".ci", ".gitignore", ".gitlab-ci.yml", ".gitlab"];
    path.starts_with('.') && !own.iter().any(|name| path.split('/').next() == Some(name))
}

/// Fails with the rule and every place that breaks it.
fn keep(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

/// Places in the program's code, outside the `allowed` paths, that hold one of the words.
fn uses<'f>(
    files: impl IntoIterator<Item = &'f File>,
    words: &[&str],
    allowed: &[&str],
) -> Vec<String> {
    let mut places = Vec::new();
    for file in files.into_iter().filter(|file| file.is_source()) {
        if allowed.iter().any(|path| file.path.starts_with(path)) {
            continue;
        }
        for (number, line) in file.code() {
            if words.iter().any(|word| holds(line, word)) {
                places.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    places
}

/// The word stands alone: no letter, digit or `_` goes on where it begins or ends with one.
fn holds(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_word);
        let after = line[at + word.len()..].chars().next().is_some_and(is_word);
        !(before && word.starts_with(is_word) || after && word.ends_with(is_word))
    })
}

#[test]
fn words_stay_where_they_belong() {
    // Where it holds, the words, and where they may stand.
    let rules: [(&str, &str, &[&str], &[&str]); 6] = [
        (
            "only src/gitlab uses ureq and rustls",
            "src/",
            &["ureq", "rustls"],
            &["src/gitlab.rs", "src/gitlab/"],
        ),
        (
            "unsafe code stands only in src/os.rs, each line with its proof",
            "src/",
            &["unsafe"],
            &["src/os.rs"],
        ),
        (
            "src/main.rs reads the environment; src/os.rs removes what would change look-ups",
            "src/",
            &["std::env", "env::var", "env::vars_os", "env::args_os"],
            &["src/main.rs", "src/os.rs"],
        ),
        (
            "real time is asked only in src/time.rs and src/os.rs; everything else gets a Clock",
            "src/",
            &["Instant::now", "SystemTime", "thread::sleep", ".elapsed("],
            &["src/time.rs", "src/os.rs"],
        ),
        (
            "nobody ends the process: main returns the code",
            "src/",
            &["process::exit", "process::abort"],
            &[],
        ),
        (
            "decide turns data into an enum: it writes, asks and sleeps nothing",
            "src/decide",
            &["Write", "Client", "Instant", "Host"],
            &[],
        ),
    ];
    let files = files();
    for (rule, within, words, allowed) in rules {
        let files = files.iter().filter(|file| file.path.starts_with(within));
        keep(rule, &uses(files, words, allowed));
    }
}

/// The row of a condition holds all that there is of it, what it expects included.
const WORDY: &[&str] = &["src/decide/gate/condition.rs"];

#[test]
fn sentences_stand_in_report() {
    let wordy = |file: &File| WORDY.iter().any(|path| file.path.starts_with(path));
    let files: Vec<File> = files().into_iter().filter(|file| !wordy(file)).collect();
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is_source()) {
        let root = file.path.split(['/', '.']).nth(1).unwrap_or_default();
        let lines: Vec<&str> = file.code().map(|(_, line)| line).collect();
        broken.extend(match root {
            "decide" if !file.path.ends_with("/tests.rs") => texts(&lines, &file.path, |_| true),
            "commands" | "session" | "pipeline" => {
                // What reads the words of a call says itself what is wrong with them.
                let reads = ["Err(format!(", "usage(format!("];
                texts(&lines, &file.path, |before| {
                    before.ends_with("format!(") && !reads.iter().any(|end| before.ends_with(end))
                })
            }
            _ => Vec::new(),
        });
    }
    keep(
        "report writes the sentences: decide has no text with a blank in it; commands, session and pipeline format none",
        &broken,
    );
}

/// Text literals that hold a blank, where what stands before them (without blanks) is as asked.
fn texts(lines: &[&str], path: &str, asked: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut found, mut before) = (Vec::new(), String::new());
    for (number, line) in (1..).zip(lines) {
        // Odd pieces stand between quotes; an escaped quote ends none.
        let line = line.replace("\\\"", "");
        for (index, piece) in line.split('"').enumerate() {
            if index % 2 == 1 && piece.contains(' ') && asked(&before) {
                found.push(format!("{path}:{number}: {piece}"));
            }
            before.extend(piece.chars().filter(|c| !c.is_whitespace()));
        }
    }
    found
}

#[test]
fn one_l() {
    let wrong = ["ed", "ing"].map(|end| format!("cancell{end}"));
    let mut broken = Vec::new();
    for file in files() {
        for (line, number) in file.text.lines().zip(1..) {
            let lower = line.to_lowercase();
            if wrong.iter().any(|word| lower.contains(word)) {
                broken.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    keep("GitLab writes canceled and canceling with one l", &broken);
}

/// Words that readers stumble over, and those for which the project has another one. "could not tell" is the name of an outcome.
const BANNED: &str = "told|tells|mend|mends|mended|seldom|belongs into|dear|anew|whoever|bear|bears|has a say|sigterm came|fixes it|\
    env var|env vars|ci token|phase|by nobody|is no|are no";

#[test]
fn plain_english() {
    let read = |path: &str| {
        let folders = [
            "src/",
            "docs/",
            "examples/",
            "templates/",
            "benches/",
            ".ci/",
        ];
        folders.iter().any(|folder| path.starts_with(folder)) || !path.contains('/')
    };
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| read(&file.path)) {
        for (line, number) in file.text.lines().zip(1..) {
            let lower = line.to_lowercase().replace("there is no ", "");
            if BANNED.split('|').any(|word| holds(&lower, word)) {
                broken.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    keep("these words have plainer ones (see BANNED)", &broken);
}

#[test]
fn tests_in_source_files_are_one_module_at_the_end() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.is_source()) {
        let mut parts = file.text.split("cfg(test)");
        let (Some(_), Some(tests)) = (parts.next(), parts.next()) else {
            continue;
        };
        let module = tests.strip_prefix("]\nmod tests {\n");
        let outside = tests == "]\nmod tests;\n";
        let at_end = outside
            || module.is_some_and(|module| {
                module
                    .find("\n}\n")
                    .is_some_and(|end| end + 3 == module.len())
            });
        if !at_end || parts.next().is_some() {
            broken.push(file.path.clone());
        }
    }
    keep(
        "#[cfg(test)] stands once in a file, before a module `tests` that ends the file",
        &broken,
    );
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.is_source()) {
        let lines = file.code().count();
        if lines > 600 {
            broken.push(format!("{}: {lines} lines", file.path));
        }
    }
    keep(
        "a source file has at most 600 lines before its tests: split it by idea",
        &broken,
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let files = files().into_iter().filter(File::is_rust);
    let silent = files.filter(|file| !file.text.starts_with("//! "));
    keep(
        "every Rust file begins with a line of //!",
        &silent.map(|file| file.path).collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_knows_the_machine_it_was_written_on() {
    let folders = ["home", "root", "work", "Users", "tmp"].map(|name| format!("/{name}/"));
    let mut broken = Vec::new();
    for file in files() {
        for (line, number) in file.text.lines().zip(1..) {
            if folders.iter().any(|folder| starts_a_path(line, folder)) {
                broken.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    keep("no file names a folder of somebody's machine", &broken);
}

/// The folder stands at the root, not inside a longer path or URL.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.~}/".contains(c))
    })
}

#[test]
fn every_variable_that_is_read_is_documented() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.is_source()) {
        for (number, line) in file.code() {
            for word in line.split('"').skip(1).step_by(2) {
                let ours = ["CI_", "RUNNER_", "JOBGATE_", "GITLAB_"];
                let name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                let variable =
                    word.chars().all(name) && ours.iter().any(|own| word.starts_with(own));
                let output = word.starts_with("JOBGATE_OUT_");
                let known = VARIABLES.iter().any(|known| known.name == word);
                if variable && !output && !known {
                    broken.push(format!("{}:{number}: {word}", file.path));
                }
            }
        }
    }
    keep(
        "every variable that the program reads stands in options::VARIABLES",
        &broken,
    );
}

#[test]
fn the_searches_find_what_they_look_for() {
    let file = |text: &str| File {
        path: "src/x.rs".to_owned(),
        text: text.to_owned(),
    };
    let bad = [
        file("use ureq::Agent;"),
        file("fn f() {\n    rustls::x();\n}"),
        file("std::process::exit(1)"),
    ];
    assert_eq!(
        uses(&bad, &["ureq", "rustls", "process::exit"], &[]).len(),
        3
    );
    assert_eq!(uses(&bad, &["ureq", "rustls"], &["src/x"]).len(), 0);
    let lines = ["a(\"one\", \"two words\")", "b(", "  \"three words\","];
    assert_eq!(
        texts(&lines, "x.rs", |before| before.ends_with("b(")),
        ["x.rs:3: three words"]
    );
    assert_eq!(texts(&lines, "x.rs", |_| true).len(), 2);
    let harmless = [
        file("// ureq does this"),
        file("let my_ureq = ureqs;"),
        file("#[cfg(test)]\nmod tests { use ureq; }"),
    ];
    assert_eq!(uses(&harmless, &["ureq"], &[]).len(), 0);
    let folder = format!("/{}/", "home");
    assert!(starts_a_path(&format!("see {folder}me"), &folder));
    assert!(!starts_a_path(
        &format!("https://x.example{folder}me"),
        &folder
    ));
}
