//! The name that somebody probably meant.

/// The nearest of `names` by edit distance, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = word.chars().take(64).collect();
    let allowed = (typed.len() / 3).clamp(1, 3);
    names
        .into_iter()
        .map(|name| (edits(&typed, name), name))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// `; did you mean …?` or nothing.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, names).map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

/// Fewest insertions, deletions and replacements that make `name` of `typed`.
fn edits(typed: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=typed.len()).collect();
    for (done, wanted) in name.chars().enumerate() {
        let mut left = done + 1;
        let mut diagonal = done;
        let mut next = vec![left];
        for (typed, above) in typed.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(*typed != wanted))
                .min(left + 1)
                .min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_forgiven_and_another_word_is_not() {
        let names = ["branch", "tag", "role", "protected-ref"];
        for (word, expected) in [
            ("brnch", Some("branch")),
            ("Branch", Some("branch")),
            ("roles", Some("role")),
            ("tga", None),
            ("protected_ref", Some("protected-ref")),
            ("weather", None),
            ("", None),
            ("branch", Some("branch")),
        ] {
            assert_eq!(nearest(word, names), expected, "{word:?}");
        }
        assert_eq!(did_you_mean("rle", names), "; did you mean \"role\"?");
        assert_eq!(did_you_mean("x", []), "");
    }
}
