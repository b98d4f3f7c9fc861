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

/// Loads `$SCRIPT` in an interactive zsh on a terminal of its own, types the line and a tab, and prints what is offered.
const ZSH: &str = r#"
zmodload zsh/zpty
cat >setup <<'END'
PROMPT=
autoload -U compinit; compinit -u -D
source $SCRIPT
bindkey '^I' complete-word
comppostfuncs=(exit)
compadd() {
  [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }
  local -a hits
  builtin compadd -A hits "$@"
  print -rl -- $hits >>offers
  builtin compadd "$@"
}
echo ready
END
zpty shell zsh -f -i
zpty -w shell source ./setup
while zpty -r shell line; do [[ $line == *ready* ]] && break; done
zpty -w -n shell "$LINE"$'\t'
while zpty -r shell line; do :; done
sort -u offers | grep .
"#;

/// What zsh or fish offers for the end of the line.
fn typed(shell: &str, line: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), "").unwrap();
    let (script, program) = match shell {
        "zsh" => (
            complete::zsh(&table()),
            format!("SCRIPT=./script LINE='{line}'\nexport SCRIPT\n{ZSH}"),
        ),
        _ => (
            complete::fish(&table()),
            format!("source script; complete -C '{line}' | string split -f 1 \\t | sort -u"),
        ),
    };
    std::fs::write(folder.path().join("script"), script).unwrap();
    let bare = if shell == "zsh" { "-f" } else { "--no-config" };
    let offers = in_shell(shell, &[bare, "-c", &program], folder.path())?;
    Some(offers.lines().map(ToOwned::to_owned).collect())
}

#[test]
fn zsh_and_fish_offer_what_may_stand_there() {
    for (shells, line, expected) in [
        ("zsh fish", "jobgate w", "wait whoami"),
        ("zsh fish", "jobgate help p", "play"),
        ("zsh fish", "jobgate completion ", "bash fish zsh"),
        ("zsh fish", "jobgate wait unit --str", "--strict"),
        ("zsh fish", "jobgate jobs -o ", "json ndjson table"),
        ("zsh fish", "jobgate wait --for p --ok s", "skipped"),
        ("zsh fish", "jobgate cancel --status f", "failed"),
        ("zsh", "jobgate cancel --status failed,sk", "skipped"),
        ("zsh fish", "jobgate play --ca-file ca", "ca.pem"),
        ("zsh", "jobgate jobs -oj", "json"),
        ("fish", "jobgate jobs -oj", "-ojson"),
        ("fish", "jobgate -", "--help --version -h"),
    ] {
        for shell in shells.split(' ') {
            if let Some(offered) = typed(shell, line) {
                assert_eq!(offered.join(" "), expected, "{shell}: {line}");
            }
        }
    }
}

#[test]
fn scripts_hold_no_syntax_error() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, script) in [
        ("bash", complete::bash(&table())),
        ("zsh", complete::zsh(&sample())),
        ("fish", complete::fish(&sample())),
    ] {
        std::fs::write(folder.path().join("script"), &script).unwrap();
        in_shell(shell, &["-n", "script"], folder.path());
    }
}

#[test]
fn odd_characters_stay_text() {
    let zsh = complete::zsh(&sample());
    assert!(zsh.contains(r"don'\''t \[ever\] pass $x"), "{zsh}");
    let fish = complete::fish(&sample());
    assert!(fish.contains(r"'don\'t [ever] pass $x'"), "{fish}");
}
