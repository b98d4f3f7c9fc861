//! The CI/CD components: inputs reach the program as they are or not at all, and no variable takes part.

mod component;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::expect;
use jobgate::cli::{Parsed, parse_args};
use serde_json::json;
use serde_yaml_ng::Value;

use self::component::{Component, Given, Kind};
use crate::examples::{Story, WEB};

fn server() -> Given<'static> {
    ("server", json!("https://gitlab.example.com"))
}

/// Every component, with inputs that are enough.
fn components() -> Vec<(Component, Vec<Given<'static>>)> {
    [
        ("wait", "jobs", "unit"),
        ("gate", "conditions", "newest"),
        ("play", "jobs", "deploy"),
    ]
    .into_iter()
    .map(|(name, list, value)| {
        (
            Component::read(name),
            vec![server(), (list, json!([value]))],
        )
    })
    .collect()
}

/// What a component's script says, on standard error, of a list that it cannot take.
const REFUSAL: &str =
    "jobgate: error: list elements must be strings without the characters \" \\ < > &\n";

/// Runs scripts of components, all in one shell, with a stand-in for the program that prints the words it got. `None` is a script that
/// refused a list. Anything else that a script prints shows, too.
fn words(scripts: &[String]) -> Vec<Option<Vec<String>>> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = "stand_in() { for word; do printf '%s\\0' \"$word\"; done; }\n".to_owned();
    for script in scripts {
        assert_eq!(script.matches("/usr/local/bin/jobgate").count(), 1);
        let script = script.replace("/usr/local/bin/jobgate", "stand_in");
        all += "(set -e\n";
        all += &script;
        all += "\n) 2>&1\ncase $? in 0 | 2) ;; *) exit 1 ;; esac\nprintf '\\001'\n";
    }
    let mut shell = Command::new("/bin/sh")
        .current_dir(folder.path())
        .env_clear()
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
        (call != REFUSAL).then(|| {
            let call = call.strip_suffix('\0').expect("every word ends");
            call.split('\0').map(str::to_owned).collect()
        })
    };
    calls.into_iter().map(words).collect()
}

fn said(name: &str, given: &[Given]) -> String {
    let script = Component::read(name).script(given).expect("good inputs");
    let words = words(&[script]).pop().flatten().expect("a call");
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
                    assert!(input.check(&json!(text)).is_err(), "{name} takes {text:?}");
                }
            }
            let empty = input.check(&json!(""));
            assert!(empty.is_err(), "{name}: GitLab refuses an empty text");
        }
    }
}

/// README and the project's own pipeline use every component as it is.
#[test]
fn what_includes_the_components_gives_them_good_inputs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name| std::fs::read_to_string(root.join(name)).expect("a file");
    let (readme, pipeline) = (read("README.md"), read(".gitlab-ci.yml"));
    let blocks = readme.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let mut names = Vec::new();
    for text in blocks.chain([&*pipeline]) {
        let text: Value = serde_yaml_ng::from_str(text).expect("YAML");
        for include in text["include"].as_sequence().into_iter().flatten() {
            let component = include["component"].as_str().expect("a component");
            let (path, version) = component.split_once('@').expect("a version");
            assert!(["0.1", "$CI_COMMIT_SHA"].contains(&version), "{component}");
            let name = path.rsplit('/').next().expect("a name");
            let inputs = include["inputs"].as_mapping().expect("inputs").iter();
            let inputs = inputs.map(|(name, value)| (name.as_str().expect("a name"), json!(value)));
            said(name, &inputs.collect::<Vec<Given>>());
            names.push(name.to_owned());
        }
    }
    assert_eq!(names, ["wait", "gate", "play", "wait", "gate", "play"]);
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
        wait|--server=https://gitlab.example.com|--for=finished|--timeout=20m|--proxy=http://proxy.example.com:3128|--ca-file=/etc/ssl/ca.pem|--strict|--optional=it's [eu, 日本] $HOME|--optional=x|--except=it's [eu, 日本] $HOME|--except=x|--|it's [eu, 日本] $HOME|x
        gate|--server=https://gitlab.example.com|--timeout=0|--|newest
        gate|--server=https://gitlab.example.com|--timeout=20m|--proxy=http://proxy.example.com:3128|--ca-file=/etc/ssl/ca.pem|--|role=security_manager|jobs=deploy: [eu, 日本] $HOME
        play|--server=https://gitlab.example.com|--timeout=1h|--wait|--on-cancel=leave|--|deploy
        play|--server=https://gitlab.example.com|--timeout=20m|--proxy=http://proxy.example.com:3128|--ca-file=/etc/ssl/ca.pem|--all|--wait|--on-cancel=cancel|--allow-failure|--downstream=it's [eu, 日本] $HOME|--downstream=x|--require=role=security_manager|--require=jobs=deploy: [eu, 日本] $HOME|--|it's [eu, 日本] $HOME|x
    "#]].assert_eq(&shown);
}

const HOSTILE: &[&str] = &[
    "'; touch x; '",
    "x' --strict 'y",
    "x\ntouch x",
    "x\nend\ntouch x",
    "x\r\n- touch x",
    "x\u{2028}touch x",
    "x\u{85}touch x",
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
    "]",
    "{x: y}",
    "x *y",
    "!!python/object:x",
    "*",
    "--ok=canceled,skipped",
    "-",
    "\\",
    "\\'",
    "\\u0026",
    "\"",
    "\" || touch x",
    "x\", \"--strict",
    "$[[ inputs.server ]]",
    "%SERVER%",
    "https://gitlab.example.com/' --ok=skipped '",
    "https://gitlab.example.com@evil.example",
    "",
    " ",
    " x , y ",
    "😀 \u{202e}x",
];

/// What JSON escapes, and a list's element therefore cannot hold.
fn escaped(text: &str) -> bool {
    text.contains(|one: char| "\"\\<>&\u{2028}\u{2029}".contains(one) || one < ' ')
}

#[test]
fn hostile_inputs_are_refused_or_are_words() {
    for (component, base) in components() {
        for input in &component.inputs {
            let list = matches!(input.kind, Kind::Array);
            let given = |value: &str| {
                let value = if list {
                    json!([value, "x"])
                } else {
                    json!(value)
                };
                component.script(&[&base[..], &[(&input.name, value)]].concat())
            };
            let Ok(harmless) = given("harmless") else {
                continue;
            };
            // GitLab refuses a value, or inserts it. What breaks the YAML is refused, too.
            let taken = HOSTILE
                .iter()
                .filter_map(|value| Some((*value, given(value).ok()?)));
            let (values, mut scripts): (Vec<&str>, Vec<String>) = taken.unzip();
            scripts.push(harmless);
            let mut calls = words(&scripts);
            let harmless = calls.pop().flatten().expect("a call");
            for (value, words) in values.iter().zip(calls) {
                let expected = harmless.iter().map(|word| word.replace("harmless", value));
                let expected = (!list || !escaped(value)).then(|| expected.collect());
                assert_eq!(words, expected, "{}={value:?}", input.name);
            }
            if list {
                assert!(values.len() > 30, "{}: {values:?}", input.name);
            }
        }
    }
}

#[test]
fn a_list_of_anything_but_texts_is_refused() {
    for value in [
        json!([1]),
        json!(["x", true]),
        json!([["x"]]),
        json!([{"x": "y"}]),
        json!([null]),
    ] {
        for (component, mut base) in components() {
            base[1].1 = value.clone();
            let script = component.script(&base).expect("GitLab takes any list");
            assert_eq!(words(&[script]), [None], "{value}");
        }
    }
}

/// Every input that takes part in what is run, given something.
fn full(component: &Component) -> Vec<Given<'_>> {
    let value = |name| match name {
        "server" => "https://gitlab.example.com",
        "proxy" => "http://proxy.example.com:3128",
        "ca-file" => "/etc/ssl/ca.pem",
        "timeout" => "20m",
        "job-name" if component.name == "gate" => ".name",
        "job-name" => "name",
        "stage" => "test",
        "image" => "image",
        other => panic!("a value for {other}"),
    };
    let inputs = component.inputs.iter().filter_map(|input| {
        let name = input.name.as_str();
        let value = match &input.kind {
            Kind::Boolean => json!(true),
            Kind::Options(options) => json!(options.last()?),
            Kind::Array if ["conditions", "require"].contains(&name) => {
                json!(["role=security_manager", "jobs=deploy: [eu, 日本] $HOME"])
            }
            Kind::Array => json!(["it's [eu, 日本] $HOME", "x"]),
            _ => json!(value(name)),
        };
        Some((name, value))
    });
    inputs.collect()
}

#[test]
fn no_variable_changes_what_is_run() {
    for (component, _) in components() {
        let text = component.render(&full(&component)).expect("good inputs");
        assert!(!text.contains("variables:"), "{text}");
        // `$HOME` is part of an input; `line` and `list` are the script's own.
        let own = ["\"$@\"", "$HOME", "$list", "${list", "${line"];
        let text = own.iter().fold(text, |text, own| text.replace(own, ""));
        assert!(!text.contains('$'), "{text}");
    }
}

/// A component's job among jobs of its user's.
fn pipeline(name: &str, given: &[Given], own: &str) -> String {
    let component = Component::read(name).render(given);
    format!("{}\n{own}", component.expect("good inputs"))
}

const DEPLOY: &str = "stages: [test, deploy]
unit: {stage: test, script: [./test.sh unit]}
deploy: {extends: .jobgate-gate, stage: deploy, script: [./deploy.sh]}
";

#[test]
fn gate_keeps_a_job_from_deploying() {
    let story = |branch| {
        let conditions = json!([
            branch,
            "protected-ref",
            "role=developer",
            "jobs=unit",
            "newest"
        ]);
        let text = pipeline("gate", &[server(), ("conditions", conditions)], DEPLOY);
        Story::text("gate", &text).token(WEB, "reporter", "read_api")
    };
    let call = |branch| {
        format!(
            "gate --server=https://gitlab.example.com --timeout=0 -- {branch} protected-ref role=developer jobs=unit newest"
        )
    };
    story("branch=main").run().is(
        "unit 0, deploy 0",
        "test.sh unit\ndeploy.sh",
        &format!("0 {}", call("branch=main")),
    );
    story("branch=release/*").run().is(
        "unit 0, deploy 9",
        "test.sh unit",
        &format!("9 {}", call("branch=release/*")),
    );
}

#[test]
fn a_gate_without_conditions_is_a_mistake() {
    let text = pipeline("gate", &[server(), ("conditions", json!([]))], DEPLOY);
    Story::text("gate", &text).run().is(
        "unit 0, deploy 2",
        "test.sh unit",
        "2 gate --server=https://gitlab.example.com --timeout=0 --",
    );
}
