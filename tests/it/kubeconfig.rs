//! Kubeconfigs as GitLab and others write them, and as nobody should.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use jobgate::exit::Exit;
use jobgate::kubeconfig::{Context, parse, read};
use jobgate::model::AgentId;
use proptest::prelude::*;

const GITLAB: &str = include_str!("../fixtures/kubeconfig/gitlab.yaml");
const MERGED: &str = include_str!("../fixtures/kubeconfig/merged.yaml");
const KUBECTL: &str = include_str!("../fixtures/kubeconfig/kubectl.yaml");
const JSON: &str = include_str!("../fixtures/kubeconfig/config.json");

const SEPARATOR: &str = if cfg!(windows) { ";" } else { ":" };

fn context(agent: u64, name: &str, namespace: Option<&str>) -> Context {
    Context {
        agent: AgentId(agent),
        name: name.into(),
        namespace: namespace.map(Into::into),
    }
}

#[test]
fn every_notation_is_read() {
    let prod = context(12, "ops/agents:prod", Some("shop"));
    let staging = context(7, "ops/agents:staging", None);
    let table = [
        (GITLAB, vec![prod.clone(), staging]),
        (MERGED, vec![context(12, "ops/agents:prod", Some("123"))]),
        (KUBECTL, vec![context(12, "prod", Some("shop"))]),
        (JSON, vec![prod.clone()]),
        ("", vec![]),
        ("---\nkind: Config\ncontexts: []\n", vec![]),
        ("kind: Config\ncontexts:\n", vec![]),
        ("{}", vec![]),
        (r#"{"contexts": null}"#, vec![]),
    ];
    for (text, contexts) in table {
        assert_eq!(parse(text.as_bytes()), Ok(contexts), "{text}");
    }
    // A byte order mark and Windows' line ends change nothing.
    let windows = format!("\u{feff}{}", GITLAB.replace('\n', "\r\n"));
    assert_eq!(parse(windows.as_bytes()), parse(GITLAB.as_bytes()));
    assert_eq!(prod.project_and_agent(), Some(("ops/agents", "prod")));
    assert_eq!(context(1, "prod", None).project_and_agent(), None);
}

#[test]
fn only_agents_count() {
    for user in [
        "admin",
        "agent",
        "agent:",
        "agent:x",
        "agent:+1",
        "agent:-1",
        "agent: 1",
        "agent:99999999999999999999",
        "Agent:1",
        "~",
        "",
    ] {
        let text = format!("contexts:\n- name: a\n  context:\n    user: '{user}'\n");
        assert_eq!(parse(text.as_bytes()), Ok(vec![]), "{user}");
    }
}

/// What is wrong is told by line and column.
#[test]
fn flaws_are_found_where_they_are() {
    let item =
        |lines: &str| format!("contexts:\n- name: a:b\n  context:\n    user: agent:1\n{lines}");
    let table = [
        // An alias, an anchor, a tag, flow notation, text blocks: nothing is expanded, so nothing can explode.
        ("a: &a [x]\ncontexts: *a\n".into(), (2, 11)),
        ("contexts: &a\n- name: x\n".into(), (1, 11)),
        ("contexts: !!seq\n- name: x\n".into(), (1, 11)),
        ("contexts: [{name: x}]\n".into(), (1, 11)),
        ("contexts:\n- {name: x}\n".into(), (2, 3)),
        ("contexts:\n- name: |\n    x\n".into(), (3, 5)),
        ("contexts:\n- name: >-\n".into(), (2, 9)),
        ("contexts:\n- <<: *a\n".into(), (2, 3)),
        ("contexts:\n- ? name\n".into(), (2, 3)),
        ("contexts:\n- - name: x\n".into(), (2, 3)),
        ("contexts:\n- name: *a\n".into(), (2, 9)),
        ("contexts:\n- name: {}\n".into(), (2, 9)),
        ("contexts:\n  context: x\n".into(), (2, 3)),
        ("contexts: x\n".into(), (1, 11)),
        ("contexts:\n- context: x\n".into(), (2, 12)),
        ("contexts:\n- name: x\n  more\n".into(), (3, 3)),
        ("contexts:\n- name: x: y\n".into(), (2, 9)),
        ("contexts:\n- name: x\n    y\n".into(), (3, 5)),
        // Quotes and escapes.
        ("contexts:\n- name: 'x\n".into(), (2, 9)),
        ("contexts:\n- name: \"x\n".into(), (2, 9)),
        ("contexts:\n- name: \"\\q\"\n".into(), (2, 9)),
        ("contexts:\n- name: \"\\ud800\"\n".into(), (2, 9)),
        ("contexts:\n- name: \"\\x1\"\n".into(), (2, 9)),
        ("contexts:\n- name: 'x'y\n".into(), (2, 9)),
        ("contexts:\n- name: 'x'#y\n".into(), (2, 9)),
        // Indentation.
        ("contexts:\n\t- name: x\n".into(), (2, 1)),
        ("contexts:\n- name: x\n\tcontext:\n".into(), (3, 1)),
        ("contexts:\n  - name: x\n - name: y\n".into(), (3, 2)),
        ("contexts:\n-   name: x\n  context:\n".into(), (3, 3)),
        ("  kind: Config\ncontexts:\n".into(), (2, 1)),
        // The same thing twice.
        ("contexts:\nkind: x\ncontexts:\n".into(), (3, 1)),
        (item("  name: b\n"), (5, 3)),
        (item("    user: agent:2\n"), (5, 5)),
        (item("- name: a:b\n"), (5, 3)),
        (item("---\n"), (5, 1)),
        (item("...\n"), (5, 1)),
        // A name that would not stay on its line.
        (
            item("- context:\n    user: agent:2\n  name: \"a\\nb\"\n"),
            (5, 3),
        ),
        (item("- context:\n    user: agent:2\n"), (5, 3)),
        (item("    namespace: \"\\e[31m\"\n"), (2, 3)),
        // Bytes that are no text.
        ("kind: C\0".into(), (1, 8)),
        ("kind: Config\nä: \0".into(), (2, 4)),
        // JSON.
        ("{\"contexts\": [}".into(), (1, 15)),
        ("{\n  \"contexts\": [{\"name\": 12}]\n}".into(), (2, 26)),
        ("{\"contexts\": []} x".into(), (1, 18)),
        ("{\"contexts\": [], \"contexts\": []}".into(), (1, 27)),
    ];
    for (text, place) in table {
        let text: String = text;
        let flaw = parse(text.as_bytes()).expect_err(&text);
        assert_eq!((flaw.line, flaw.column), place, "{text:?}: {flaw}");
    }
    let flaw = parse(b"kind: Config\nab\xff").unwrap_err();
    assert_eq!(flaw.to_string(), "line 2, column 3: not valid UTF-8");
}

/// Large and deep files end soon, whatever they are.
#[test]
fn large_files_are_no_burden() {
    let large = |part: &str| part.repeat((1 << 20) / part.len());
    let mut many = String::from("contexts:\n");
    for agent in 0..12_000 {
        write!(
            many,
            "- name: p/a:{agent}\n  context:\n    user: agent:{agent}\n"
        )
        .unwrap();
    }
    assert_eq!(parse(many.as_bytes()).unwrap().len(), 12_000);
    let mut keys = String::new();
    for key in 0..90_000 {
        writeln!(keys, "k{key}: v").unwrap();
    }
    assert_eq!(parse(keys.as_bytes()), Ok(vec![]));
    let deep: Vec<_> = (0..1_000)
        .map(|depth| {
            format!(
                "{}k:
",
                " ".repeat(depth)
            )
        })
        .collect();
    let deep = deep.concat();
    assert_eq!(
        parse(format!("x:\n {}", deep.replace('\n', "\n ")).as_bytes()),
        Ok(vec![])
    );
    assert!(parse(format!("contexts:\n {}", deep.replace('\n', "\n ")).as_bytes()).is_err());
    for part in [
        "[",
        "{",
        "- ",
        "{\"a\":",
        "a: &a *a\n",
        "\"",
        "\n",
        "#",
        "a",
        "contexts: ",
    ] {
        // It need not be read, only answered.
        let _ = parse(large(part).as_bytes());
    }
}

fn write_file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn all_files_of_the_list_count() {
    let folder = tempfile::tempdir().unwrap();
    let gitlab = write_file(folder.path(), "gitlab", GITLAB);
    let own = write_file(
        folder.path(),
        "own",
        "contexts:\n- name: ops/agents:prod\n  context:\n    user: agent:99\n- name: x/y:z\n  context:\n    user: agent:5\n- name: x/y:taken\n  context:\n    user: agent:6\n",
    );
    // A name that the first file gives to somebody else is taken.
    let first = write_file(
        folder.path(),
        "first",
        "contexts:\n- name: x/y:taken\n  context:\n    user: admin\n",
    );
    let missing = folder.path().join("missing");
    let list = [missing.to_str().unwrap(), &first, &gitlab, "", &own].join(SEPARATOR);
    let names: Vec<_> = read(&list)
        .unwrap()
        .into_iter()
        .map(|context| (context.agent.0, context.name))
        .collect();
    let expected = [
        (12, "ops/agents:prod"),
        (7, "ops/agents:staging"),
        (5, "x/y:z"),
    ];
    assert_eq!(
        names,
        expected.map(|(agent, name)| (agent, name.to_owned()))
    );
    assert_eq!(read("").unwrap(), vec![]);
}

#[cfg(unix)]
#[test]
fn what_is_no_kubeconfig_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let broken = write_file(folder.path(), "broken", "contexts: glcbt-secret\n");
    let large = write_file(folder.path(), "large", &"#".repeat((1 << 20) + 1));
    let full = write_file(folder.path(), "full", &"#".repeat(1 << 20));
    let place = folder.path().to_str().unwrap();
    for (list, message) in [
        (
            broken.as_str(),
            "line 1, column 11: expected this on the lines below",
        ),
        (large.as_str(), "is larger than 1 MiB"),
        (place, "is not a regular file"),
        ("/dev/null", "is not a regular file"),
    ] {
        let stop = read(list).unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        assert_eq!(stop.error, format!("kubeconfig {list}: {message}"));
        assert!(!stop.error.contains("secret"));
    }
    assert_eq!(read(&full).unwrap(), vec![]);
    let long = "x".repeat(5000);
    for text in [
        format!("contexts:\n- {long}: glcbt-secret{long}"),
        format!(r#"{{"contexts": "glcbt-secret{long}"}}"#),
    ] {
        let stop = read(&text).unwrap_err();
        assert_eq!(
            stop.error,
            "KUBECONFIG holds a text, not the paths of files"
        );
    }
    let strange = read("/dev/zero\u{1b}[2J\0").unwrap_err();
    assert!(
        !strange.error.contains(char::is_control),
        "{}",
        strange.error
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    /// Whatever the damage, there is an answer, and an error holds nothing of the file.
    #[test]
    fn damage_is_survived(
        which in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b" -:\"'#&*[]{}|>\n\t\\\0\xff".to_vec()), 0..3_u8), 1..6),
    ) {
        let mut bytes = [GITLAB, MERGED, KUBECTL, JSON].map(str::as_bytes).get(which).unwrap().to_vec();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at + 1),
            }
        }
        match parse(&bytes) {
            Ok(contexts) => prop_assert!(contexts.iter().all(|context| !context.name.contains(char::is_control))),
            Err(flaw) => {
                let lines = bytes.split(|byte| *byte == b'\n').count();
                prop_assert!(flaw.line >= 1 && flaw.line <= lines && flaw.column >= 1);
                prop_assert!(!flaw.to_string().contains("Secret"));
            }
        }
    }
}
