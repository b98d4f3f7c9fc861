//! Command lines of a small table: what is understood, what is refused, and with which words.

use std::ffi::OsString;

use expect_test::expect;
use jobgate::cli::{Detail, Group, Opt, Parsed, Usage, Words, parse_args};
use jobgate::exit::{Exit, Stop};

const STRICT: Opt = Opt::switch("--strict", "don't [ever] pass $x").short("-s");
const STAGE: Opt = Opt::value("--stage NAME", "only this stage").many();
const TIMEOUT: Opt = Opt::value("--timeout DURATION", "how long");
const CA_FILE: Opt = Opt::value("--ca-file FILE", "certificates");
const FORMAT: Opt = Opt::value("--format FORMAT", "form")
    .short("-o")
    .choices(&["table", "json"]);
const KIND: Opt = Opt::value("--kind KIND", "only these kinds")
    .many()
    .choices(&["red", "green"]);

/// A command that takes jobs.
pub const GO: Usage = Usage {
    name: "go",
    operands: "JOB...",
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
    operands: "[newest|oldest]",
    summary: "lists",
    details: "Lists.",
    example: "jobgate list",
    groups: &[&Group {
        title: "listing",
        options: &[&FORMAT, &STRICT, &KIND],
    }],
};

fn parse(line: &[&str]) -> Result<Parsed, Stop> {
    let args: Vec<OsString> = line.iter().map(Into::into).collect();
    parse_args(&args, &[&GO, &LIST])
}

fn words(line: &[&str]) -> Words {
    match parse(line) {
        Ok(Parsed::Command(words)) => words,
        _ => panic!("{line:?} is no command"),
    }
}

/// A line of words that hold no blank.
fn line(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

#[test]
fn options_stand_anywhere_and_in_every_form() {
    for text in [
        "go --timeout 5m -s --stage a --stage=b x y",
        "go x --stage=a y --stage b --strict --timeout=5m",
        "go --stage=a -s --stage=b --timeout=5m -- x y",
        "--timeout 5m --strict go --stage=a x --stage b y",
        "go --timeout 1m -s --stage a --stage=b x --strict y --timeout 5m",
    ] {
        let mut words = words(&line(text));
        assert_eq!(words.command(), "go");
        assert_eq!(words.operands(), ["x", "y"], "{text}");
        assert_eq!(words.values(&STAGE), ["a", "b"], "{text}");
        assert_eq!(words.value(&TIMEOUT).as_deref(), Some("5m"), "{text}");
        assert_eq!(words.value(&CA_FILE), None, "{text}");
        assert!(words.switch(&STRICT), "{text}");
        words.done();
    }
    for text in [
        "list -ojson",
        "list -o=json",
        "-ojson list",
        "list --format json",
    ] {
        let mut words = words(&line(text));
        assert_eq!(words.value(&FORMAT).as_deref(), Some("json"), "{text}");
    }
    for text in ["list --kind red,green", "list --kind=red --kind green"] {
        assert_eq!(words(&line(text)).values(&KIND), ["red", "green"], "{text}");
    }
}

#[test]
fn values_and_operands_are_taken_as_they_stand() {
    let mut words = words(&line(
        "go --stage=--strict --stage a=b,c --stage== -- --help -- -x",
    ));
    assert_eq!(words.values(&STAGE), ["--strict", "a=b,c", "="]);
    assert_eq!(words.operands(), ["--help", "--", "-x"]);
    assert!(!words.switch(&STRICT));
}

#[test]
fn parsed_names_the_option_and_keeps_the_value_to_itself() {
    fn number(text: &str) -> Result<u8, String> {
        text.parse().map_err(|_| "not a number".to_owned())
    }
    let mut bad = words(&line("go x --timeout secret"));
    let stop = bad.parsed(&TIMEOUT, number).unwrap_err();
    assert_eq!(stop, GO.explain(Stop::usage("--timeout: not a number")));
    let mut good = words(&line("go x --timeout 7"));
    assert_eq!(good.parsed(&TIMEOUT, number), Ok(Some(7)));
    assert_eq!(good.parsed(&CA_FILE, number), Ok(None));
}

/// Command lines, a bar between them.
const WRONG: &str = "go|go |go -- |go x --stage|go x --stage |go x --stage=|go x --stage --strict|go x --stage --|go x --stage --help|go x --ca-file -|\
    go x --strict=yes|go x --strict=|go x --tiemout=secret|go x --time 5|go x -timeout 5|go x ---strict|go x --format json|go x -5|\
    go x -sx|go --bogus x -h|list -oyaml|list --format jsno|list --format=yaml|list --kind red,gren|list --kind red,|list newset|\
    list newest oldest|go x --\u{202e}\u{1b}[31m|lsit|LIST|deploy||--tiemout=secret go x|--help lsit";

#[test]
fn a_wrong_line_is_explained() {
    let mut shown = Vec::new();
    let long = "ä".repeat(10_000);
    for text in WRONG.split('|').chain([long.as_str()]) {
        let stop = parse(&line(text)).map(|_| "accepted").expect_err(text);
        assert_eq!(stop.exit, Exit::Usage, "{text}");
        let words: String = text.chars().take(40).collect();
        shown.push(format!(
            "{words:?}: {} ({})\n",
            stop.error,
            stop.hints.join("; ")
        ));
    }
    expect![[r#"
        "go": go needs an operand: JOB... (usage: jobgate go [OPTIONS] JOB... (see jobgate go --help))
        "go ": JOB is empty (is a variable unset or empty?)
        "go -- ": JOB is empty (is a variable unset or empty?)
        "go x --stage": --stage needs a value: --stage NAME (usage: jobgate go [OPTIONS] JOB... (see jobgate go --help))
        "go x --stage ": the value of --stage is empty (is a variable unset or empty?)
        "go x --stage=": the value of --stage is empty (is a variable unset or empty?)
        "go x --stage --strict": --stage needs a value, and the next word starts with a dash (if that is the value, write --stage=VALUE)
        "go x --stage --": --stage needs a value, and the next word starts with a dash (if that is the value, write --stage=VALUE)
        "go x --stage --help": --stage needs a value, and the next word starts with a dash (if that is the value, write --stage=VALUE)
        "go x --ca-file -": --ca-file needs a value, and the next word starts with a dash (if that is the value, write --ca-file=VALUE)
        "go x --strict=yes": --strict takes no value (usage: jobgate go [OPTIONS] JOB... (see jobgate go --help))
        "go x --strict=": --strict takes no value (usage: jobgate go [OPTIONS] JOB... (see jobgate go --help))
        "go x --tiemout=secret": go has no option "--tiemout" (did you mean --timeout DURATION?)
        "go x --time 5": go has no option "--time" (did you mean --timeout DURATION?)
        "go x -timeout 5": go has no option "-timeout" (did you mean --timeout DURATION?)
        "go x ---strict": go has no option "---strict" (did you mean --strict?)
        "go x --format json": go has no option "--format" (--format is an option of list)
        "go x -5": go has no option "-5" (if it is meant as JOB, put -- before it)
        "go x -sx": go has no option "-sx" (if it is meant as JOB, put -- before it)
        "go --bogus x -h": go has no option "--bogus" (usage: jobgate go [OPTIONS] JOB... (see jobgate go --help))
        "list -oyaml": --format must be one of table, json, not "yaml" (usage: jobgate list [OPTIONS] [newest|oldest] (see jobgate list --help))
        "list --format jsno": --format must be one of table, json, not "jsno" (did you mean json?)
        "list --format=yaml": --format must be one of table, json, not "yaml" (usage: jobgate list [OPTIONS] [newest|oldest] (see jobgate list --help))
        "list --kind red,gren": --kind must be one of red, green, not "gren" (did you mean green?)
        "list --kind red,": the value of --kind is empty (is a variable unset or empty?)
        "list newset": the operand must be one of newest, oldest, not "newset" (did you mean newest?)
        "list newest oldest": list takes one operand, not 2 (put a word with spaces in quotes)
        "go x --\u{202e}\u{1b}[31m": go has no option "--\u{202e}\u{1b}[31m" (usage: jobgate go [OPTIONS] JOB... (see jobgate go --help))
        "lsit": no command "lsit" (did you mean `jobgate list`?)
        "LIST": no command "LIST" (did you mean `jobgate list`?)
        "deploy": no command "deploy" (`jobgate help` lists the commands)
        "": the command is an empty word (is a variable unset or empty?)
        "--tiemout=secret go x": go has no option "--tiemout" (did you mean --timeout DURATION?)
        "--help lsit": no command "lsit" (did you mean `jobgate list`?)
        "ääääääääääääääääääääääääääääääääääääääää": no command "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää"… (`jobgate help` lists the commands)
    "#]]
    .assert_eq(&shown.concat());
}

#[test]
fn help_counts_where_an_option_may_stand() {
    for (text, command, detail) in [
        ("--help", None, Detail::Full),
        ("-h", None, Detail::Short),
        ("--help list", Some("list"), Detail::Full),
        ("-s -h list", Some("list"), Detail::Short),
        ("go --help", Some("go"), Detail::Full),
        ("go --stage x -h -- y", Some("go"), Detail::Short),
    ] {
        let Ok(Parsed::Help(found, as_much)) = parse(&line(text)) else {
            panic!("{text} is no call for help");
        };
        assert_eq!((found.map(|usage| usage.name), as_much), (command, detail));
    }
    for text in ["-V", "--version", "version"] {
        assert!(matches!(parse(&[text]), Ok(Parsed::Version)), "{text}");
    }
    for text in ["", "--", "--timeout 5", "-s"] {
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(matches!(parse(&words), Ok(Parsed::Nothing)), "{text}");
    }
    assert_eq!(words(&line("go -- --help")).operands(), ["--help"]);
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_named_by_position() {
    use std::os::unix::ffi::OsStringExt;
    let args = ["go".into(), OsString::from_vec(vec![b'x', 0xff])];
    let stop = parse_args(&args, &[&GO]).map(|_| "accepted").unwrap_err();
    assert_eq!(stop, Stop::usage("argument 2 is not valid UTF-8"));
}

/// Every option of every command, in one line: each comes out where its command asks for it.
#[test]
fn every_command_takes_every_option_of_its_table() {
    let table = jobgate::table();
    for usage in &table {
        let mut args = vec![OsString::from(usage.name)];
        for option in usage.options() {
            args.push(option.name.into());
            if option.takes_value() {
                args.push(option.choices.first().unwrap_or(&"x").into());
            }
        }
        if usage.arity().0 > 0 {
            args.push(usage.choices().first().unwrap_or(&"x").into());
        }
        let Ok(Parsed::Command(mut words)) = parse_args(&args, &table) else {
            panic!("{args:?} is refused");
        };
        for option in usage.options() {
            let expected = option.choices.first().unwrap_or(&"x");
            match option.value {
                None => assert!(words.switch(option)),
                Some(_) => assert_eq!(words.values(option), [*expected]),
            }
        }
        words.operands();
        words.done();
    }
}

/// An option may stand before the command, and shared groups are printed once: a name and a title mean one thing everywhere.
#[test]
fn one_name_means_one_thing() {
    let table = jobgate::table();
    let groups = || {
        table
            .iter()
            .flat_map(|usage| usage.groups.iter().map(|group| (usage.name, *group)))
    };
    for (command, own) in groups() {
        for (other, group) in groups() {
            let names =
                |group: &Group| group.options.iter().map(|one| one.name).collect::<Vec<_>>();
            let same = own.title != group.title || names(own) == names(group);
            assert!(same, "{} of {command} and {other}", own.title);
            for (one, two) in own
                .options
                .iter()
                .flat_map(|one| group.options.iter().map(move |two| (one, two)))
            {
                let same = one.name != two.name
                    || (one.takes_value(), one.short) == (two.takes_value(), two.short);
                assert!(same, "{} of {command} and {other}", one.name);
            }
        }
    }
}
