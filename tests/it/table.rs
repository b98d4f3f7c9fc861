//! The rules that the program's own table of commands keeps.

use std::collections::HashSet;

use jobgate::cli::Opt;
use jobgate::commands::options;
use jobgate::table;

#[test]
fn the_table_keeps_its_rules() {
    let mut names = HashSet::new();
    for usage in table() {
        let name = usage.name;
        assert!(names.insert(name), "{name} twice");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
        sound_text(usage.summary, name);
        assert!(
            !usage.details.is_empty() && !usage.example.is_empty(),
            "{name}"
        );
        for example in usage.example.lines() {
            assert!(example.contains("jobgate "), "{name}: {example}");
        }
        let mut given = HashSet::from(["--help", "-h", "--version", "-V"]);
        for option in usage.options() {
            sound_option(option);
            assert!(given.insert(option.name), "{name} {} twice", option.name);
            let short = option.short.is_none_or(|short| given.insert(short));
            assert!(short, "{name} {} twice", option.name);
        }
    }
    for variable in options::VARIABLES {
        let lower = variable.help.trim_end_matches('.') == variable.help;
        assert!(lower && variable.help.len() <= 72, "{}", variable.name);
    }
}

#[test]
fn options_of_several_commands_keep_the_rules() {
    for group in [options::CONNECTION, options::OUTPUT] {
        assert_eq!(group.title, group.title.to_lowercase());
        for option in group.options {
            sound_option(option);
        }
    }
}

fn sound_option(option: &Opt) {
    let name = option.name;
    let letters = name.strip_prefix("--").unwrap_or_default();
    let lower = letters.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    assert!(lower && letters.len() > 1, "{name}");
    if let Some(short) = option.short {
        let bytes = short.as_bytes();
        assert!(
            bytes.len() == 2 && bytes[0] == b'-' && bytes[1].is_ascii_alphabetic(),
            "{name}"
        );
    }
    sound_text(option.help, name);
    if let Some(value) = option.value {
        // `FILE|builtin`: a word to be typed as it stands may follow.
        let placeholder = value.split('|').next().unwrap_or_default();
        assert!(
            !placeholder.is_empty() && !placeholder.contains(|c: char| c.is_lowercase()),
            "{name} {value}"
        );
    } else {
        assert!(
            !option.many && option.choices.is_empty(),
            "{name} is a switch"
        );
    }
}

fn sound_text(text: &str, name: &str) {
    let first = text.split(' ').next().unwrap_or_default();
    let proper = ["GitLab", "GitLab's"].contains(&first);
    assert!(
        proper || text.starts_with(|c: char| c.is_lowercase()),
        "{name}: {text}"
    );
    assert!(!text.ends_with('.'), "{name}: {text}");
    assert!(text.chars().count() <= 72, "{name}: {text}");
    assert!(text.is_ascii() && !text.contains('\n'), "{name}: {text}");
}
