//! What people write: conditions, globs and durations (against a second reader of each), and whole command lines.
#![no_main]

use std::ffi::OsString;
use std::time::Duration;

use jobgate_fuzz::cli::parse_args;
use jobgate_fuzz::decide::gate::condition::Condition;
use jobgate_fuzz::decide::select::glob;
use jobgate_fuzz::table;
use jobgate_fuzz::time::{Interval, human, parse_duration};
use libfuzzer_sys::fuzz_target;
use wildmatch::WildMatch;

fuzz_target!(|text: &str| {
    condition(text);
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    // For wildmatch a backslash is special.
    if !text.contains('\\') {
        assert_eq!(
            glob::matches(one, other),
            WildMatch::new(one).matches(other),
            "{one:?} {other:?}"
        );
    }
    assert!(!glob::matches(one, other) || glob::is_glob(one) || one == other);
    duration(text);
    let args: Vec<OsString> = text.split('\n').map(OsString::from).collect();
    let _ = parse_args(&args, &table());
});

fn condition(text: &str) {
    let Ok(condition) = Condition::parse(text) else {
        return;
    };
    assert_eq!(condition.text, text);
    assert!(
        condition
            .values
            .iter()
            .all(|value| !value.trim().is_empty()),
        "{condition:?}"
    );
    let name = text.split(['=', '!']).next().unwrap_or_default();
    assert_eq!(name, condition.row.name());
    assert_eq!(text[name.len()..].starts_with('!'), condition.negated);
    assert_eq!(text.contains('='), !condition.values.is_empty());
}

fn duration(text: &str) {
    let read = parse_duration(text);
    match second_reader(text) {
        // A hair around a millisecond and around the limit: the second reader has no fractions of one.
        Some(millis) if millis < 100 * 86_400_000 => {
            let read = read
                .clone()
                .unwrap_or_else(|error| panic!("{text:?} {error}"));
            assert!(
                read.as_millis().abs_diff(millis) <= 1,
                "{text:?} {read:?} {millis}"
            );
        }
        Some(_) => {}
        None => assert!(read.is_err(), "{text:?} {read:?}"),
    }
    if let Ok(read) = read {
        let shown = human(read);
        let again = parse_duration(&shown).unwrap_or_else(|error| panic!("{shown} {error}"));
        assert!(
            again <= read && read - again < Duration::from_secs(3600),
            "{text:?} {shown}"
        );
    }
    if let Ok(interval) = Interval::parse(text) {
        assert!(!interval.min.is_zero() && interval.min <= interval.max);
    }
}

/// Milliseconds, cut; `None` for what is no duration. Reads from the right, in whole numbers.
fn second_reader(text: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 5] = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    if let Some(seconds) = number(text, 1000) {
        return Some(seconds);
    }
    let (mut rest, mut total, mut smallest) = (text, 0, 0);
    while !rest.is_empty() {
        let (unit, millis) = UNITS.iter().find(|(unit, _)| rest.ends_with(unit))?;
        rest = rest.strip_suffix(unit)?;
        let digits = rest
            .chars()
            .rev()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .count();
        let (before, value) = rest.split_at(rest.len() - digits);
        (*millis > smallest).then_some(())?;
        smallest = *millis;
        total = number(value, *millis)?.saturating_add(total);
        rest = before;
    }
    (!text.is_empty()).then_some(total)
}

/// `12`, `1.5`, `1.`, `.5` of so many milliseconds.
fn number(text: &str, millis: u128) -> Option<u128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())).then_some(())?;
    let value = |text: &str| {
        text.bytes().fold(0_u128, |value, byte| {
            value
                .saturating_mul(10)
                .saturating_add(u128::from(byte - b'0'))
        })
    };
    // Twelve digits behind the point are more than any unit needs.
    let part: String = part
        .chars()
        .chain("000000000000".chars())
        .take(12)
        .collect();
    let part = value(&part) * millis / 1_000_000_000_000;
    Some(value(whole).saturating_mul(millis).saturating_add(part))
}
