//! The real program asked for help, and told nonsense.

use std::process::{Command, Output, Stdio};

use jobgate::commands::table;

/// The real program, with no variable set.
fn jobgate(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jobgate"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_mistake_is_told_on_stderr() {
    let told = told(&jobgate(&["completion", "bsah"]));
    let talk = "\
jobgate: error: SHELL must be one of bash, zsh, fish, not \"bsah\"
jobgate: hint: did you mean bash?
jobgate: hint: usage: jobgate completion SHELL
jobgate: hint: jobgate completion --help
";
    assert_eq!(told, (Some(2), String::new(), talk.to_owned()));
}

#[test]
fn no_word_at_all_is_a_mistake() {
    let (code, answer, talk) = told(&jobgate(&[]));
    assert_eq!((code, answer.as_str()), (Some(2), ""));
    assert!(talk.starts_with("usage: jobgate COMMAND"), "{talk}");
    for usage in table() {
        let unwrapped = talk.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(usage.summary), "{talk}");
    }
}

#[test]
fn every_way_to_a_help_page_leads_to_the_same() {
    let overview = jobgate(&["help"]).stdout;
    assert_eq!(jobgate(&["--help"]).stdout, overview);
    assert_eq!(jobgate(&["-h"]).stdout, overview);
    for usage in table() {
        let page = jobgate(&["help", usage.name]);
        for line in [
            ["--help", usage.name],
            [usage.name, "--help"],
            [usage.name, "-h"],
        ] {
            assert_eq!(jobgate(&line), page, "{line:?}");
        }
        let (code, answer, talk) = told(&page);
        assert_eq!((code, talk.as_str()), (Some(0), ""));
        assert!(answer.contains(&usage.line()), "{answer}");
        for option in usage.options() {
            assert!(answer.contains(&option.form()), "{answer}");
        }
    }
    let version = format!("jobgate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(told(&jobgate(&["-V"])), (Some(0), version, String::new()));
}

#[test]
fn help_refuses_what_it_does_not_know() {
    for line in [&["help", "bogus"][..], &["help", "a", "b"]] {
        let (code, answer, talk) = told(&jobgate(line));
        assert_eq!((code, answer.as_str()), (Some(2), ""), "{line:?}");
        assert!(talk.starts_with("jobgate: error: "), "{talk}");
    }
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    for line in [&["help"][..], &["completion", "bash"], &["--version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(line).stdout(writer).output().unwrap();
        assert_eq!(
            told(&output),
            (Some(0), String::new(), String::new()),
            "{line:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_success() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let (code, _, talk) = told(&program(&["help"]).stdout(full).output().unwrap());
    assert_eq!(code, Some(6));
    assert!(
        talk.starts_with("jobgate: error: could not write the answer: "),
        "{talk}"
    );
}
