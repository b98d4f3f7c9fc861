//! The check of the command line against a matcher that is plainly right, over every short command line of a small table.

use std::ffi::OsString;

use jobgate::cli::{Group, Opt, Parsed, Usage, Words, parse_args};

const FLAG: Opt = Opt::switch("--flag", "a switch").short("-f");
const VALUE: Opt = Opt::value("--value TEXT", "a value").short("-o");
const MANY: Opt = Opt::value("--many TEXT", "many values").many();
const USAGE: Usage = Usage {
    name: "try",
    operands: "[WORD...]",
    summary: "tries words",
    details: "",
    example: "",
    groups: &[&Group {
        title: "options",
        options: &[&FLAG, &VALUE, &MANY],
    }],
};

/// An empty word is among them.
const TOKENS: &str = "--flag -f --flag=x --value -o --value=--flag -ox --value= --many --many=--many -fo --  - x --fla";

#[derive(Clone, Debug, Default, PartialEq)]
struct Meaning {
    flag: bool,
    value: Option<String>,
    many: Vec<String>,
    operands: Vec<String>,
}

/// Reads left to right, one rule per arm; `None` for a command line that must be refused.
fn expected(mut words: &[&str]) -> Option<Meaning> {
    let mut meaning = Meaning::default();
    loop {
        words = match words {
            [] => break,
            ["--", rest @ ..] => {
                meaning
                    .operands
                    .extend(rest.iter().map(ToString::to_string));
                break;
            }
            ["--flag" | "-f", rest @ ..] => {
                meaning.flag = true;
                rest
            }
            ["--value" | "-o", "x", rest @ ..] | ["-ox", rest @ ..] => {
                meaning.value = Some("x".to_owned());
                rest
            }
            ["--value=--flag", rest @ ..] => {
                meaning.value = Some("--flag".to_owned());
                rest
            }
            ["--many", "x", rest @ ..] => {
                meaning.many.push("x".to_owned());
                rest
            }
            ["--many=--many", rest @ ..] => {
                meaning.many.push("--many".to_owned());
                rest
            }
            [word @ ("-" | "x"), rest @ ..] => {
                meaning.operands.push((*word).to_owned());
                rest
            }
            _ => return None,
        };
    }
    (!meaning.operands.contains(&String::new())).then_some(meaning)
}

fn read(mut words: Words, order: [u8; 3]) -> Meaning {
    let mut meaning = Meaning::default();
    for step in order {
        match step {
            0 => meaning.flag = words.switch(&FLAG),
            1 => meaning.value = words.value(&VALUE),
            _ => meaning.many = words.values(&MANY),
        }
    }
    meaning.operands = words.operands();
    words.done();
    meaning
}

/// Options are asked for in any order.
const ORDERS: [[u8; 3]; 3] = [[0, 1, 2], [1, 2, 0], [2, 1, 0]];

/// Returns whether the line was accepted.
fn compare(line: &[&str]) -> bool {
    let args: Vec<OsString> = ["try"].iter().chain(line).map(Into::into).collect();
    match (parse_args(&args, &[&USAGE]), expected(line)) {
        (Ok(Parsed::Command(words)), Some(meaning)) => {
            for order in ORDERS {
                assert_eq!(read(words.clone(), order), meaning, "{line:?} {order:?}");
            }
            true
        }
        (Err(_), None) => false,
        (_, expected) => panic!("{line:?}: expected {expected:?}"),
    }
}

#[test]
fn every_short_command_line_means_one_thing_or_is_refused() {
    let tokens: Vec<&str> = TOKENS.split(' ').collect();
    let (mut lines, mut accepted) = (0, 0);
    for length in 0..=4_u32 {
        for number in 0..tokens.len().pow(length) {
            let token = |place| tokens[number / tokens.len().pow(place) % tokens.len()];
            let line: Vec<&str> = (0..length).map(token).collect();
            lines += 1;
            accepted += u32::from(compare(&line));
        }
    }
    assert_eq!(lines, 69_905);
    assert!(accepted > 500, "only {accepted} lines were accepted");
}
