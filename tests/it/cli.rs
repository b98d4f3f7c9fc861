//! Command lines of a small table: what is understood, what is refused, and with which words.

use std::ffi::OsString;

use jobgate::cli::{Group, Opt, Parsed, Usage, parse_args};
use jobgate::exit::{Exit, Stop};

const STRICT: Opt = Opt::switch("--strict", "don't [ever] pass $x").short("-s");
const STAGE: Opt = Opt::value("--stage", "NAME", "only this stage").many();
const TIMEOUT: Opt = Opt::value("--timeout", "DURATION", "how long");
const CA_FILE: Opt = Opt::value("--ca-file", "FILE", "certificates");
const FORMAT: Opt = Opt::value("--format", "FORMAT", "form")
    .short("-o")
    .choices(&["table", "json"]);

/// A command that takes jobs.
pub const GO: Usage = Usage {
    name: "go",
    operands: "JOB...",
    arity: (1, usize::MAX),
    terms: Vec::new,
    choices: &[],
    summary: "goes",
    details: "Goes.",
    example: "jobgate go build",
    groups: &[&Group {
        title: "options",
        options: &[&STAGE, &STRICT, &TIMEOUT, &CA_FILE],
    }],
};

/// A command that takes one of two words.
pub const LIST: Usage = Usage {
    name: "list",
    operands: "[ORDER]",
    arity: (0, 1),
    terms: Vec::new,
    choices: &["newest", "oldest"],
    summary: "lists",
    details: "Lists.",
    example: "jobgate list",
    groups: &[&Group {
        title: "options",
        options: &[&FORMAT, &STRICT],
    }],
};

fn parse(line: &[&str]) -> Result<Parsed, Stop> {
    let args: Vec<OsString> = line.iter().map(Into::into).collect();
    parse_args(&args, &[&GO, &LIST])
}

#[test]
fn options_stand_anywhere_and_in_every_form() {
    for line in [
        &[
            "go",
            "--timeout",
            "5m",
            "-s",
            "--stage",
            "a",
            "--stage=b",
            "x",
            "y",
        ][..],
        &[
            "go",
            "x",
            "--stage=a",
            "y",
            "--stage",
            "b",
            "--strict",
            "--timeout=5m",
        ],
        &[
            "go",
            "--stage=a",
            "-s",
            "--stage=b",
            "--timeout=5m",
            "--",
            "x",
            "y",
        ],
    ] {
        let Ok(Parsed::Command(0, mut words)) = parse(line) else {
            panic!("{line:?} was refused");
        };
        assert_eq!(words.operands(), ["x", "y"], "{line:?}");
        assert_eq!(words.values(&STAGE), ["a", "b"], "{line:?}");
        assert_eq!(words.value(&TIMEOUT).as_deref(), Some("5m"), "{line:?}");
        assert_eq!(words.value(&CA_FILE), None, "{line:?}");
        assert!(words.switch(&STRICT), "{line:?}");
        words.done();
    }
}

#[test]
fn values_and_operands_are_taken_as_they_stand() {
    let line = [
        "go",
        "--stage=--strict",
        "--stage",
        "a=b",
        "--stage==",
        "--",
        "--help",
        "--",
        "-x",
    ];
    let Ok(Parsed::Command(0, mut words)) = parse(&line) else {
        panic!("refused");
    };
    assert_eq!(words.values(&STAGE), ["--strict", "a=b", "="]);
    assert_eq!(words.operands(), ["--help", "--", "-x"]);
    assert!(!words.switch(&STRICT));
}

#[test]
fn parsed_names_the_option_and_keeps_the_value_to_itself() {
    fn number(text: &str) -> Result<u8, String> {
        text.parse().map_err(|_| "not a number".to_owned())
    }
    let Ok(Parsed::Command(0, mut words)) = parse(&["go", "x", "--timeout", "secret"]) else {
        panic!("refused");
    };
    let stop = words.parsed(&TIMEOUT, number).unwrap_err();
    assert_eq!(stop, GO.explain(Stop::usage("--timeout: not a number")));
    assert_eq!(format!("{words:?}"), "words of go");
    let Ok(Parsed::Command(0, mut words)) = parse(&["go", "x", "--timeout", "7"]) else {
        panic!("refused");
    };
    assert_eq!(words.parsed(&TIMEOUT, number), Ok(Some(7)));
    assert_eq!(words.parsed(&CA_FILE, number), Ok(None));
}

/// Command line, error, the hints before the usage line.
type Refusal = (
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
);

const UNSET: &str = "is a variable unset or empty?";

const REFUSALS: &[Refusal] = &[
    (&["go"], "go needs JOB...", &[]),
    (&["go", ""], "JOB is empty", &[UNSET]),
    (&["go", "--", ""], "JOB is empty", &[UNSET]),
    (
        &["go", "x", "--stage"],
        "--stage needs a value: --stage NAME",
        &[],
    ),
    (
        &["go", "x", "--stage", ""],
        "the value of --stage is empty",
        &[UNSET],
    ),
    (
        &["go", "x", "--stage="],
        "the value of --stage is empty",
        &[UNSET],
    ),
    (
        &["go", "x", "--stage", "--strict"],
        "--stage needs a value, and the next word starts with a dash",
        &["if that is the value, write --stage=VALUE"],
    ),
    (
        &["go", "x", "--stage", "--"],
        "--stage needs a value, and the next word starts with a dash",
        &["if that is the value, write --stage=VALUE"],
    ),
    (
        &["go", "x", "--stage", "--help"],
        "--stage needs a value, and the next word starts with a dash",
        &["if that is the value, write --stage=VALUE"],
    ),
    (
        &["go", "x", "--ca-file", "-"],
        "--ca-file needs a value, and the next word starts with a dash",
        &["if that is the value, write --ca-file=VALUE"],
    ),
    (&["go", "x", "--strict=yes"], "--strict takes no value", &[]),
    (&["go", "x", "--strict="], "--strict takes no value", &[]),
    (
        &["go", "x", "--strict", "-s"],
        "--strict is given twice",
        &[],
    ),
    (
        &["go", "x", "--timeout=1", "--timeout", "2"],
        "--timeout is given twice",
        &[],
    ),
    (
        &["go", "x", "--tiemout=secret"],
        "go has no option \"--tiemout\"",
        &["did you mean --timeout DURATION?"],
    ),
    (
        &["go", "x", "--time", "5"],
        "go has no option \"--time\"",
        &["did you mean --timeout DURATION?"],
    ),
    (
        &["go", "x", "-timeout", "5"],
        "go has no option \"-timeout\"",
        &["did you mean --timeout DURATION?"],
    ),
    (
        &["go", "x", "---strict"],
        "go has no option \"---strict\"",
        &["did you mean -s or --strict?"],
    ),
    (
        &["go", "x", "—timeout", "5"],
        "\"—timeout\" is no option",
        &[
            "did you mean --timeout DURATION?",
            "if it is meant as it stands, put -- before it",
        ],
    ),
    (
        &["go", "x", "timeout=5"],
        "\"timeout\" is no option",
        &[
            "did you mean --timeout DURATION?",
            "if it is meant as it stands, put -- before it",
        ],
    ),
    (
        &["go", "x", "--format", "json"],
        "go has no option \"--format\"",
        &["an option of list"],
    ),
    (
        &["go", "x", "-5"],
        "go has no option \"-5\"",
        &["if it is meant as JOB, put -- before it"],
    ),
    (
        &["go", "x", "-sx"],
        "go has no option \"-sx\"",
        &["short options are not combined: -s …"],
    ),
    (
        &["list", "-ojson"],
        "list has no option \"-ojson\"",
        &["the value is a word of its own: -o FORMAT"],
    ),
    (
        &["list", "-o=json"],
        "list has no option \"-o\"",
        &["did you mean -o or --format FORMAT?"],
    ),
    (
        &["list", "--format", "jsno"],
        "--format must be one of table, json, not \"jsno\"",
        &["did you mean json?"],
    ),
    (
        &["list", "--format=yaml"],
        "--format must be one of table, json, not \"yaml\"",
        &[],
    ),
    (
        &["list", "newset"],
        "ORDER must be one of newest, oldest, not \"newset\"",
        &["did you mean newest?"],
    ),
    (
        &["list", "newest", "oldest"],
        "list takes one ORDER, not 2",
        &["a word with spaces must stand in quotes"],
    ),
    (
        &["go", "x", "--\u{202e}\u{1b}[31m"],
        "go has no option \"--\\u{202e}\\u{1b}[31m\"",
        &["if it is meant as JOB, put -- before it"],
    ),
];

#[test]
fn a_wrong_line_is_explained() {
    for (line, error, hints) in REFUSALS {
        let stop = parse(line).map(|_| "accepted").unwrap_err();
        assert_eq!(stop.error, *error, "{line:?}");
        assert_eq!(stop.exit, Exit::Usage);
        let usage = if line[0] == "go" {
            ["usage: jobgate go [OPTIONS] JOB...", "jobgate go --help"]
        } else {
            [
                "usage: jobgate list [OPTIONS] [ORDER]",
                "jobgate list --help",
            ]
        };
        assert_eq!(stop.hints, [*hints, &usage].concat(), "{line:?}");
    }
}

#[test]
fn an_unknown_command_is_explained() {
    let list = "jobgate help lists the commands";
    for (line, error, hints) in [
        (
            &["lsit"][..],
            "no command \"lsit\"",
            &["did you mean jobgate list?", list][..],
        ),
        (&["deploy"], "no command \"deploy\"", &[list]),
        (&[""], "the command is an empty word", &[UNSET, list]),
        (&["--"], "the command comes first, not \"--\"", &[list]),
        (
            &["--timeout=5", "go", "x"],
            "the command comes first, not \"--timeout\"",
            &["jobgate go [OPTIONS]"],
        ),
        (
            &["--help", "lsit"],
            "no command \"lsit\"",
            &["did you mean jobgate list?", list],
        ),
        (
            &["--version", "go"],
            "--version stands alone",
            &["jobgate --version"],
        ),
    ] {
        let stop = parse(line).map(|_| "accepted").unwrap_err();
        assert_eq!(stop.error, error, "{line:?}");
        assert_eq!(stop.hints, hints, "{line:?}");
        assert_eq!(stop.exit, Exit::Usage);
    }
}

#[test]
fn a_long_word_is_cut_in_messages() {
    let stop = parse(&["ä".repeat(10_000).as_str()])
        .map(|_| "accepted")
        .unwrap_err();
    assert_eq!(stop.error, format!("no command \"{}\"…", "ä".repeat(60)));
}

#[test]
fn help_counts_where_an_option_may_stand() {
    for (line, command) in [
        (&["--help"][..], None),
        (&["-h"], None),
        (&["--help", "list"], Some(1)),
        (&["go", "--help"], Some(0)),
        (&["go", "--bogus", "x", "-h"], Some(0)),
        (&["go", "--stage", "x", "--help", "--", "y"], Some(0)),
        (&["list", "too", "many", "--help"], Some(1)),
    ] {
        let Ok(Parsed::Help(found)) = parse(line) else {
            panic!("{line:?} is no call for help");
        };
        assert_eq!(found, command, "{line:?}");
    }
    assert!(matches!(parse(&["-V"]), Ok(Parsed::Version)));
    assert!(matches!(parse(&["--version"]), Ok(Parsed::Version)));
    assert!(matches!(parse(&[]), Ok(Parsed::Nothing)));
    assert!(matches!(
        parse(&["go", "--", "--help"]),
        Ok(Parsed::Command(0, _))
    ));
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_named_by_position() {
    use std::os::unix::ffi::OsStringExt;
    let args = ["go".into(), OsString::from_vec(vec![b'x', 0xff])];
    let stop = parse_args(&args, &[&GO]).map(|_| "accepted").unwrap_err();
    assert_eq!(stop, Stop::usage("argument 2 is not valid UTF-8"));
}
