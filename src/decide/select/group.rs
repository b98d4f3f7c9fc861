//! How GitLab groups the jobs that `parallel:` makes of one entry in `.gitlab-ci.yml`.

/// The group of a parallel or matrix job's name: `build` of `build 1/3`, `deploy` of `deploy: [eu, blue]`. `None` if it has no such suffix.
///
/// As `group_name` in `app/models/commit_status.rb` has it: up to three suffixes, each `N/M`, `N:M`, `N M` or `[…]` behind blanks or colons.
pub fn of(name: &str) -> Option<&str> {
    let mut rest = name.trim_end_matches(blank);
    let mut suffixes = 0;
    while suffixes < 3 {
        let Some(shorter) = without_list(rest).or_else(|| without_numbers(rest)) else {
            break;
        };
        rest = shorter;
        suffixes += 1;
    }
    let group = rest.trim_matches(blank);
    (suffixes > 0 && !group.is_empty()).then_some(group)
}

/// Group, number and count of a name that `parallel: N` made: `unit 2/5`.
pub fn numbered(name: &str) -> Option<(&str, u32, u32)> {
    let (group, numbers) = name.rsplit_once(' ')?;
    let (number, of) = numbers.split_once('/')?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| plain(number))?;
    let of = of.parse().ok().filter(|_| plain(of))?;
    // GitLab's own limit of `parallel:` is 200; another name only looks like one of a group.
    (1..=of).contains(&number).then_some(())?;
    (of <= 200 && !group.is_empty()).then_some((group, number, of))
}

/// Drops ` [eu, blue]`, from the first list on.
fn without_list(name: &str) -> Option<&str> {
    let inner = name.strip_suffix(']')?;
    inner
        .match_indices('[')
        .find_map(|(at, _)| without_separators(inner.get(..at)?))
}

/// Drops ` 1/3`.
fn without_numbers(name: &str) -> Option<&str> {
    let rest = without(name, |c| c.is_ascii_digit())?;
    let rest = without(rest, |c| blank(c) || matches!(c, ':' | '/' | '\\'))?;
    without_separators(without(rest, |c| c.is_ascii_digit())?)
}

fn without_separators(name: &str) -> Option<&str> {
    without(name, |c| blank(c) || matches!(c, ':' | '\u{8}'))
}

/// Drops the characters of one kind at the end; `None` if there are none.
fn without(text: &str, kind: fn(char) -> bool) -> Option<&str> {
    let rest = text.trim_end_matches(kind);
    (rest.len() < text.len()).then_some(rest)
}

/// Ruby's `\s`.
fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_parallel_group_says_how_many_there_are() {
        for (name, expected) in [
            ("unit 2/5", Some(("unit", 2, 5))),
            ("unit tests 200/200", Some(("unit tests", 200, 200))),
            ("unit 6/5", None),
            ("unit 0/5", None),
            ("unit 1/201", None),
            ("unit +1/5", None),
            ("unit 1/2/3", None),
            ("unit", None),
            (" 1/2", None),
            ("1/2", None),
        ] {
            assert_eq!(numbered(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_group_is_the_name_without_what_parallel_put_behind_it() {
        for (name, group) in [
            ("build 1/3", Some("build")),
            ("build 10/12", Some("build")),
            ("build 1:3", Some("build")),
            ("build 1 3", Some("build")),
            ("build: 1/3", Some("build")),
            ("build:1/3", Some("build")),
            ("build 1 / 3", Some("build")),
            (r"build 1\3", Some("build")),
            ("deploy: [eu, blue]", Some("deploy")),
            ("deploy: []", Some("deploy")),
            ("deploy [eu]", Some("deploy")),
            ("deploy: [a [b], c]", Some("deploy")),
            ("deploy: [a] and [b]", Some("deploy")),
            ("déploi/é 日: [ü]", Some("déploi/é 日")),
            ("build 1/3 [x]", Some("build")),
            ("build: [x] 1/3", Some("build")),
            ("a 1 2 3 4 5 6", Some("a")),
            ("a 1 2 3 4 5 6 7 8", Some("a 1 2")),
            ("a 1 2 3", Some("a 1")),
            ("build 1/3 ", Some("build")),
            (" build  1/3", Some("build")),
            ("build", None),
            ("build 3", None),
            ("build1/3", None),
            ("build 1/", None),
            ("build 1/2/3", None),
            ("build 1/2 3", None),
            ("build[eu]", None),
            ("build: [eu", None),
            ("build: eu]", None),
            ("build: [eu] x", None),
            ("build 1-3", None),
            ("1/3", None),
            ("[a]", None),
            (": [a]", None),
            ("", None),
            ("]", None),
            ("[]", None),
        ] {
            assert_eq!(of(name), group, "{name:?}");
        }
    }
}
