//! Gate files: what is read, and by line and column what is refused.

use std::path::Path;

use jobgate::exit::{Exit, Stop};
use jobgate::gatefile::GateRef;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn gate(text: &str) -> GateRef {
    GateRef::parse(text).unwrap()
}

fn pick(json: &str) -> Result<Vec<String>, Stop> {
    let conditions = gate("gates.json#production").pick(json.as_bytes())?;
    Ok(conditions.iter().map(ToString::to_string).collect())
}

#[test]
fn a_gate_is_its_conditions_in_order() {
    let file = r#"{
        "staging": {"branch": true},
        "production": {"branch": ["main", "release/*"], "role": "maintainer", "protected-ref": true,
            "jobs": ["unit", "deploy: [eu, blue]"], "approved": "sign off, please", "project": "44",
            "source": ["push", "web"], "newest": true, "tag": "v*"}
    }"#;
    let expected = [
        "branch=main,release/*",
        "role=maintainer",
        "protected-ref",
        "jobs=unit",
        "jobs=deploy: [eu, blue]",
        "approved=sign off, please",
        "project=44",
        "source=push,web",
        "newest",
        "tag=v*",
    ];
    assert_eq!(pick(file).unwrap(), expected);
    assert_eq!(
        pick("\n{\"a\":{\"newest\":true}, \"production\" : { \"user\" : \"m\\u0069ra\" } }\n\n")
            .unwrap(),
        ["user=mira"]
    );
}

/// File, line, column, what is wrong there.
const MISTAKES: &[(&str, usize, usize, &str)] = &[
    ("", 1, 1, "EOF while parsing a value"),
    ("   \n ", 2, 1, "EOF while parsing a value"),
    ("NaN", 1, 1, "expected value"),
    (
        "[]",
        1,
        1,
        "invalid type: sequence, expected an object of gates",
    ),
    (
        "null",
        1,
        4,
        "invalid type: null, expected an object of gates",
    ),
    (
        "{\"production\": 5}",
        1,
        16,
        "invalid type: integer `5`, expected a gate, which is an object of conditions",
    ),
    ("{\"production\": {}}", 1, 17, "a gate without conditions"),
    (
        "{\"production\": {\"newest\": true}} x",
        1,
        34,
        "trailing characters",
    ),
    (
        "{\"production\": {\"newest\": true}}{}",
        1,
        33,
        "trailing characters",
    ),
    (
        "{\"production\": {\"newest\": true},}",
        1,
        33,
        "trailing comma",
    ),
    (
        "{\"production\": {\"newest\": true}",
        1,
        31,
        "EOF while parsing an object",
    ),
    (
        "{\"production\":\n {\"brnch\": \"main\"}}",
        2,
        9,
        "unknown condition \"brnch\"; did you mean \"branch\"?",
    ),
    (
        "{\"ü\": {\"brnch\": 1}}",
        1,
        14,
        "unknown condition \"brnch\"; did you mean \"branch\"?",
    ),
    (
        "{\"a\": {\"newest\": true},\n\"a\": {\"newest\": true}}",
        2,
        3,
        "gate \"a\" is there twice",
    ),
    (
        "{\"a\": {\"role\": \"owner\",\n\"role\": \"guest\"}}",
        2,
        6,
        "condition \"role\" is there twice; use a list",
    ),
    (
        "{\"\": {\"newest\": true}}",
        1,
        3,
        "gate \"\" has a name that FILE#NAME cannot reach",
    ),
    (
        "{\"a#b\": {\"newest\": true}}",
        1,
        6,
        "gate \"a#b\" has a name that FILE#NAME cannot reach",
    ),
    (
        "{\"a\": {\"newest\": false}}",
        1,
        22,
        "false asks for nothing; leave the condition out",
    ),
    (
        "{\"a\": {\"newest\": \"yes\"}}",
        1,
        22,
        "newest takes no value",
    ),
    (
        "{\"a\": {\"newest\": 1}}",
        1,
        18,
        "invalid type: integer `1`, expected true",
    ),
    (
        "{\"a\": {\"role\": true}}",
        1,
        19,
        "invalid type: boolean `true`, expected a string or a list of strings",
    ),
    (
        "{\"a\": {\"role\": null}}",
        1,
        19,
        "invalid type: null, expected a string or a list of strings",
    ),
    (
        "{\"a\": {\"project\": 44}}",
        1,
        20,
        "invalid type: integer `44`, expected a string or a list of strings",
    ),
    (
        "{\"a\": {\"project\": 1e999}}",
        1,
        23,
        "number out of range",
    ),
    (
        "{\"a\": {\"branch\": {}}}",
        1,
        19,
        "invalid type: map, expected a string, a list of strings or true",
    ),
    (
        "{\"a\": {\"branch\": []}}",
        1,
        19,
        "an empty list asks for nothing",
    ),
    (
        "{\"a\": {\"branch\": [\"\"]}}",
        1,
        20,
        "branch has an empty value; is a variable unset?",
    ),
    (
        "{\"a\": {\"branch\": [\"main\",\n \"x,y\"]}}",
        2,
        6,
        "\"x,y\" has a comma; several values are a list",
    ),
    (
        "{\"a\": {\"branch\": [\"main\", 5]}}",
        1,
        27,
        "invalid type: integer `5`, expected a string",
    ),
    (
        "{\"a\": {\"branch\": [\"main\", [\"x\"]]}}",
        1,
        26,
        "invalid type: sequence, expected a string",
    ),
    (
        "{\"a\": {\"branch\": [\"main\" \"x\"]}}",
        1,
        26,
        "expected `,` or `]`",
    ),
    (
        "{\"a\": {\"tier\": \"prod\"}}",
        1,
        21,
        "unknown tier \"prod\"; did you mean \"production\"? (there are production, staging, testing, development, other)",
    ),
    (
        "{\"a\": {\"branch\": \"\u{1}\"}}",
        1,
        19,
        "control character (\\u0000-\\u001F) found while parsing a string",
    ),
    (
        "{\"a\": {\"branch\": \"\\ud800\"}}",
        1,
        25,
        "unexpected end of hex escape",
    ),
    (
        "{\"\\u202e\": {\"x\": 1}}",
        1,
        15,
        "unknown condition \"x\"",
    ),
    ("// no\n{}", 1, 1, "expected value"),
    (
        "\u{feff}{}",
        1,
        1,
        "a byte order mark; save the file as UTF-8 without one",
    ),
];

#[test]
fn every_mistake_has_its_line_and_column() {
    for (json, line, column, what) in MISTAKES {
        let stop = pick(json).unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        let expected = format!("gate file gates.json, line {line}, column {column}: {what}");
        assert_eq!(stop.error, expected, "{json}");
    }
}

#[test]
fn depth_is_no_way_to_break_in() {
    let deep = "[".repeat(60_000);
    for (json, place) in [
        (
            deep.clone(),
            "column 1: invalid type: sequence, expected an object of gates",
        ),
        (
            format!("{{\"a\": {{\"branch\": {deep}"),
            "column 18: invalid type: sequence, expected a string",
        ),
        (
            "{\"a\":".repeat(10_000),
            "column 9: unknown condition \"a\"",
        ),
    ] {
        assert_eq!(
            pick(&json).unwrap_err().error,
            format!("gate file gates.json, line 1, {place}")
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_stand() {
    for (bytes, place) in [
        (&b"{\n  \"a\xff\"}"[..], "line 2, column 5"),
        (b"\xff\xfe{\0}\0", "line 1, column 1"),
        (b"{\"\xc3\xbc\": \xc3", "line 1, column 7"),
    ] {
        let stop = gate("g#production").pick(bytes).unwrap_err();
        assert_eq!(stop.error, format!("gate file g, {place}: not valid UTF-8"));
    }
}

#[test]
fn an_unknown_gate_is_answered_with_the_nearest() {
    let file = "{\"prodution\": {\"newest\": true},\n \"dev\": {\"newest\": true}}\n";
    let stop = pick(file).unwrap_err();
    assert_eq!(stop.exit, Exit::Usage);
    let expected = "gate file gates.json, line 3, column 1: no gate \"production\" up to the end; did you mean \"prodution\"?";
    assert_eq!(stop.error, expected);
    assert_eq!(stop.hints, ["its gates are [\"prodution\", \"dev\"]"]);
    assert_eq!(
        pick("{}").unwrap_err().error,
        "gate file gates.json, line 1, column 2: no gate \"production\" up to the end"
    );
}

#[test]
fn the_last_hash_splits_file_and_name() {
    let parsed = gate("dir/a#b.json#prod");
    assert_eq!(
        (parsed.file.as_path(), parsed.name.as_str()),
        (Path::new("dir/a#b.json"), "prod")
    );
    for bad in ["", "#", "gates.json", "gates.json#", "#prod"] {
        let error = format!("{bad:?} does not name a file and one of its gates: FILE#NAME");
        assert_eq!(GateRef::parse(bad), Err(error));
    }
}

#[test]
fn a_file_name_cannot_write_to_the_terminal() {
    let stop = gate("a\u{1b}[2J\u{202e}#x").pick(b"{").unwrap_err();
    assert!(
        stop.error
            .starts_with("gate file a\\u{1b}[2J\\u{202e}, line 1"),
        "{}",
        stop.error
    );
}

#[test]
fn only_a_small_regular_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let conditions = |name: &str| {
        GateRef {
            file: path(name),
            name: "a".into(),
        }
        .conditions()
    };
    let good = "{\"a\": {\"newest\": true}}";
    let padded = |size: usize| format!("{good}{}", " ".repeat(size - good.len()));
    std::fs::write(path("good"), good).unwrap();
    std::fs::write(path("limit"), padded(64 << 10)).unwrap();
    std::fs::write(path("huge"), padded((64 << 10) + 1)).unwrap();
    assert_eq!(conditions("good").unwrap().len(), 1);
    assert_eq!(conditions("limit").unwrap().len(), 1);
    let refused = |name: &str, why: &str| {
        let stop = conditions(name).unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        assert_eq!(
            stop.error,
            format!("gate file {}: {why}", path(name).display())
        );
    };
    refused("huge", "larger than 64 KiB");
    refused("", "not a regular file");
    refused("absent", "No such file or directory (os error 2)");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(path("good"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("absent"), path("dangling")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        refused(
            "link",
            "a symbolic link, not a regular file; name the file itself",
        );
        refused(
            "dangling",
            "a symbolic link, not a regular file; name the file itself",
        );
        refused("socket", "not a regular file");
        let null = GateRef {
            file: "/dev/null".into(),
            name: "a".into(),
        }
        .conditions()
        .unwrap_err();
        assert_eq!(null.error, "gate file /dev/null: not a regular file");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, failure_persistence: None, rng_seed: RngSeed::Fixed(13), ..ProptestConfig::default()
    })]

    /// Whatever is in the file: it is a gate with conditions, or exit 2 with a place inside the file.
    #[test]
    fn a_damaged_file_is_a_gate_or_a_usage_error(
        cut in 0..120_usize,
        length in 0..4_usize,
        put in prop_oneof!["[\\[\\]{}\",:tn0#]{0,3}".prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..3)],
    ) {
        let file = br#"{"a": {"branch": ["main", "x/*"], "newest": true},
 "production": {"role": "owner", "jobs": ["unit", "lint"]}}"#;
        let mut bytes = file.to_vec();
        let cut = cut.min(bytes.len());
        let end = (cut + length).min(bytes.len());
        bytes.splice(cut..end, put);
        match gate("g#production").pick(&bytes) {
            Ok(conditions) => prop_assert!(!conditions.is_empty()),
            Err(stop) => {
                prop_assert_eq!(stop.exit, Exit::Usage);
                let placed = stop.error.starts_with("gate file g, line ");
                prop_assert!(placed && !stop.error.contains(char::is_control), "{}", stop.error);
            }
        }
    }
}
