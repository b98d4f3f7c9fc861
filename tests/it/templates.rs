//! The CI/CD components: inputs reach the program as they are or not at all, and no variable takes part.

mod component;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::expect;
use jobgate::cli::{Parsed, parse_args};

use self::component::{Component, Kind};
use crate::examples::{Story, WEB};

const SERVER: (&str, &str) = ("server", "https://gitlab.example.com");

/// Every component, with inputs that are enough.
fn components() -> Vec<(Component, Vec<(&'static str, &'static str)>)> {
    vec![
        (Component::read("wait"), vec![SERVER, ("jobs", "unit")]),
        (Component::read("gate"), vec![SERVER]),
        (Component::read("play"), vec![SERVER, ("job", "deploy")]),
    ]
}

/// Runs scripts of components, all in one shell, with a stand-in for the program that prints the words it got. Anything else that a script
/// prints shows, too.
fn words(scripts: &[String], variables: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = "stand_in() { for word; do printf '%s\\0' \"$word\"; done; }\n".to_owned();
    for script in scripts {
        assert_eq!(script.matches("/usr/local/bin/jobgate").count(), 1);
        let script = script.replace("/usr/local/bin/jobgate", "stand_in");
        all += "(set -e\n";
        all += &script;
        all += "\n) || exit\nprintf '\\001'\n";
    }
    let mut shell = Command::new("/bin/sh")
        .current_dir(folder.path())
        .env_clear()
        .envs(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let mut input = shell.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || input.write_all(all.as_bytes()));
    let output = shell.wait_with_output().expect("sh ends");
    writer.join().expect("no panic").expect("sh reads it all");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{scripts:?}");
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 0, "a script wrote a file: {scripts:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut calls: Vec<&str> = text.split('\u{1}').collect();
    assert_eq!(calls.pop(), Some(""), "printed something else: {text:?}");
    let words = |call: &str| {
        let call = call.strip_suffix('\0').expect("every word ends");
        call.split('\0').map(str::to_owned).collect()
    };
    calls.into_iter().map(words).collect()
}

fn said(name: &str, given: &[(&str, &str)]) -> String {
    let script = Component::read(name).script(given).expect("good inputs");
    let words = words(&[script], &BTreeMap::new()).concat();
    let args: Vec<OsString> = words.iter().map(OsString::from).collect();
    let known = parse_args(&args, &jobgate::table());
    assert!(matches!(known, Ok(Parsed::Command(_))), "{words:?}");
    words.join("|")
}

#[test]
fn every_component_is_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let files = std::fs::read_dir(folder).expect("the folder");
    let mut names: Vec<_> = files
        .map(|file| file.expect("a file").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["gate.yml", "play.yml", "wait.yml"]);
}

#[test]
fn every_text_is_bounded() {
    for (component, _) in components() {
        for input in &component.inputs {
            let name = format!("{}: {}", component.name, input.name);
            assert!(input.description.is_some(), "{name} is not described");
            assert!(
                !matches!(input.kind, Kind::Anything),
                "{name} takes anything"
            );
            if let Kind::Regex(regex) = &input.kind {
                let regex = regex.as_str();
                assert!(regex.starts_with('^') && regex.ends_with('$'), "{name}");
            }
            for bad in [
                "'", "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\0", "\u{1b}", "\t",
            ] {
                for text in [
                    bad.to_owned(),
                    format!("a{bad}b"),
                    format!("a{bad}"),
                    format!("{bad}a"),
                ] {
                    assert!(input.check(&text).is_err(), "{name} takes {text:?}");
                }
            }
            assert!(input.check("").is_err(), "GitLab refuses an empty text");
        }
    }
}

#[test]
fn inputs_become_words() {
    let mut shown = String::new();
    for (component, base) in components() {
        let (name, all) = (&component.name, full(&component));
        shown += &[said(name, &base), said(name, &all)].join("\n");
        shown += "\n";
    }
    expect![[r#"
        wait|--server=https://gitlab.example.com|--for=passed|--timeout=1h|--|unit
        wait|--server=https://gitlab.example.com|--for=finished|--timeout=20m|--strict|--except=deploy: [eu, "blue"] $HOME 日本|--optional=x|--|deploy: [eu, "blue"] $HOME 日本|x|x
        gate|--server=https://gitlab.example.com|--|protected-ref|newest
        gate|--server=https://gitlab.example.com|--|project=x|branch=x|tag=x|protected-ref|role=owner|tier=other|environment=x|jobs=deploy: [eu, "blue"] $HOME 日本|jobs=x|approved=x|newest
        play|--server=https://gitlab.example.com|--timeout=1h|--wait|--on-cancel=leave|--|deploy
        play|--server=https://gitlab.example.com|--timeout=20m|--all|--downstream=x|--require=branch=x|--require=role=owner|--wait|--allow-failure|--on-cancel=cancel|--|x
    "#]].assert_eq(&shown);
}

const HOSTILE: &[&str] = &[
    "'; touch x; '",
    "x' --strict 'y",
    "x\ntouch x",
    "x\r\n- touch x",
    "x\u{2028}touch x",
    "$(touch x)",
    "`touch x`",
    "${IFS}touch${IFS}x",
    "x; touch x",
    "x && touch x",
    "x | touch x",
    "x > x",
    "x # y",
    "x: y",
    "[x, y]",
    "{x: y}",
    "&x *y",
    "!!python/object:x",
    "*",
    "--ok=canceled,skipped",
    "-",
    "\\",
    "\\'",
    "\"",
    "\" || touch x",
    "$[[ inputs.server ]]",
    "%SERVER%",
    "https://gitlab.example.com/' --ok=skipped '",
    "https://gitlab.example.com@evil.example",
    "",
    " ",
    "😀 \u{202e}x",
];

/// What must not get into the single quotes in which every input stands.
const ENDS_QUOTES: [char; 4] = ['\'', '\n', '\r', '\u{2028}'];

/// The words with hostile values: the same as with a harmless one, but for the value.
fn holds(component: &Component, base: &[(&str, &str)], name: &str, values: &[&str]) {
    let script = |value: &str| component.script(&[base, &[(name, value)]].concat()).ok();
    let Some(harmless) = script("harmless") else {
        return;
    };
    // A dash alone means that nothing is asked for; where it is required, it is a word like others.
    let required = base.iter().any(|(other, _)| *other == name);
    let values = values.iter().filter(|value| **value != "-" || required);
    let (values, mut scripts): (Vec<&str>, Vec<String>) = values
        .filter_map(|value| Some((*value, script(value)?)))
        .unzip();
    scripts.push(harmless);
    let mut calls = words(&scripts, &BTreeMap::new());
    let harmless = calls.pop().expect("the last one");
    for (value, words) in values.iter().zip(calls) {
        let expected: Vec<String> = harmless
            .iter()
            .map(|word| word.replace("harmless", value))
            .collect();
        assert_eq!(words, expected, "{name}={value:?}");
    }
}

#[test]
fn hostile_inputs_are_refused_or_are_words() {
    for (component, base) in components() {
        for input in &component.inputs {
            for value in HOSTILE.iter().filter(|value| value.contains(ENDS_QUOTES)) {
                let given = [&base[..], &[(&input.name, value)]].concat();
                assert!(
                    component.render(&given).is_err(),
                    "{}: {value:?}",
                    input.name
                );
            }
            holds(&component, &base, &input.name, HOSTILE);
        }
    }
}

/// Every input that takes part in what is run, given something.
fn full(component: &Component) -> Vec<(&str, &str)> {
    let value = |name| match name {
        "server" => "https://gitlab.example.com",
        "except" | "jobs" => "deploy: [eu, \"blue\"] $HOME 日本",
        "timeout" => "20m",
        "job-name" => ".name",
        "stage" => "test",
        "image" => "image",
        _ => "x",
    };
    component
        .inputs
        .iter()
        .filter_map(|input| {
            let name = input.name.as_str();
            match &input.kind {
                Kind::Boolean => Some((name, "true")),
                Kind::Options(options) => Some((name, options.last()?.as_str())),
                _ if name == "job-name" && component.name != "gate" => Some((name, "name")),
                _ => Some((name, value(name))),
            }
        })
        .collect()
}

#[test]
fn no_variable_changes_what_is_run() {
    for (component, _) in components() {
        let given = full(&component);
        let text = component.render(&given).expect("good inputs");
        assert!(!text.contains("variables"), "{text}");
        // `$HOME` is part of an input, in single quotes.
        let text = text.replace("\"$@\"", "").replace("$HOME", "");
        assert!(!text.contains('$'), "{text}");
    }
}

/// A component's job among jobs of its user's.
fn pipeline(name: &str, given: &[(&str, &str)], own: &str) -> String {
    let component = Component::read(name).render(given);
    format!("{}\n{own}", component.expect("good inputs"))
}

const DEPLOY: &str = "stages: [test, deploy]
unit: {stage: test, script: [./test.sh unit]}
deploy: {extends: .jobgate-gate, stage: deploy, script: [./deploy.sh]}
";

#[test]
fn gate_keeps_a_job_from_deploying() {
    let inputs = |branch| {
        [
            SERVER,
            ("branch", branch),
            ("jobs", "unit"),
            ("role", "developer"),
        ]
    };
    let call = |branch| {
        format!(
            "gate --server=https://gitlab.example.com -- branch={branch} protected-ref role=developer jobs=unit newest"
        )
    };
    let story = |branch| {
        let text = pipeline("gate", &inputs(branch), DEPLOY);
        Story::text("gate", &text).token(WEB, "reporter", "read_api")
    };
    story("main").run().is(
        "unit 0, deploy 0",
        "test.sh unit\ndeploy.sh",
        &format!("0 {}", call("main")),
    );
    story("release/*").run().is(
        "unit 0, deploy 9",
        "test.sh unit",
        &format!("9 {}", call("release/*")),
    );
}

#[test]
fn a_gate_without_conditions_is_a_mistake() {
    let inputs = [SERVER, ("protected-ref", "false"), ("newest", "false")];
    Story::text("gate", &pipeline("gate", &inputs, DEPLOY))
        .run()
        .is(
            "unit 0, deploy 2",
            "test.sh unit",
            "2 gate --server=https://gitlab.example.com --",
        );
}
