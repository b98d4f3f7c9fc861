//! The completion scripts in their shells. What this machine lacks is skipped aloud.

use std::io::Write;
use std::process::Command;

use jobgate::cli::Usage;
use jobgate::help::complete;
use jobgate::table;

use crate::cli::{GO, LIST};

fn sample() -> Vec<&'static Usage> {
    vec![&GO, &LIST]
}

/// Output of a script in a shell; `None`, said aloud, where there is no such shell.
fn in_shell(shell: &str, arguments: &[&str], folder: &std::path::Path) -> Option<String> {
    let run = Command::new(shell)
        .args(arguments)
        .current_dir(folder)
        .output();
    let Ok(run) = run else {
        // Not with `eprintln!`, which the test runner keeps to itself.
        let skipped = format!("SKIPPED: no {shell} on this machine\n");
        let _ = std::io::stderr().write_all(skipped.as_bytes());
        return None;
    };
    let talk = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && talk.is_empty(), "{shell}: {talk}");
    Some(String::from_utf8(run.stdout).unwrap())
}

/// What bash offers for the last of the words, as it splits them.
fn offers(words: &[&str], folder: &std::path::Path) -> Option<Vec<String>> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "set -u\n{}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_jobgate\n((${{#COMPREPLY[@]}})) && printf '%s\\n' \"${{COMPREPLY[@]}}\"; exit 0",
        complete::bash(&sample()),
        quoted.join(" "),
        words.len() - 1
    );
    let offers = in_shell("bash", &["--norc", "-c", &script], folder)?;
    Some(offers.lines().map(ToOwned::to_owned).collect())
}

#[test]
fn bash_offers_what_may_stand_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca one.pem"), "").unwrap();
    std::fs::write(folder.path().join("other"), "").unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["jobgate", ""], &["go", "list", "--help", "--version"]),
        (&["jobgate", "g"], &["go"]),
        (
            &["jobgate", "list", "-"],
            &["--format", "--strict", "--kind", "--help"],
        ),
        (&["jobgate", "go", "--s"], &["--stage", "--strict"]),
        (&["jobgate", "list", "--format", ""], &["table", "json"]),
        (&["jobgate", "list", "-o", "j"], &["json"]),
        (&["jobgate", "list", "--format", "="], &["table", "json"]),
        (&["jobgate", "list", "--format", "=", "t"], &["table"]),
        (&["jobgate", "go", "--ca-file", "ca"], &["ca one.pem"]),
        (&["jobgate", "go", "--stage", ""], &[]),
        (&["jobgate", "go", "x", ""], &[]),
        (&["jobgate", "list", "n"], &["newest"]),
        (&["jobgate", "list", "--", "--f"], &[]),
        (&["jobgate", "bogus", "--f"], &[]),
    ];
    for (words, expected) in cases {
        let Some(offered) = offers(words, folder.path()) else {
            return;
        };
        assert_eq!(offered, *expected, "{words:?}");
    }
}

#[test]
fn the_scripts_of_all_commands_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, script) in [
        ("bash", complete::bash(&table())),
        ("zsh", complete::zsh(&table())),
        ("fish", complete::fish(&table())),
        ("zsh", complete::zsh(&sample())),
        ("fish", complete::fish(&sample())),
    ] {
        let path = folder.path().join("script");
        std::fs::write(&path, &script).unwrap();
        in_shell(shell, &["-n", path.to_str().unwrap()], folder.path());
        for usage in table() {
            let known = script.contains(usage.name) || script.contains(LIST.name);
            assert!(known, "{shell} does not know {}", usage.name);
        }
    }
}

#[test]
fn odd_characters_stay_text() {
    let zsh = complete::zsh(&sample());
    assert!(zsh.contains(r"don'\''t \[ever\] pass $x"), "{zsh}");
    let fish = complete::fish(&sample());
    assert!(fish.contains(r"'don\'t [ever] pass $x'"), "{fish}");
}
