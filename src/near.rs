//! Finds the name that a misspelled word probably stands for.

/// Limits how many characters are compared. A longer word is not a misspelled name.
const LONGEST: usize = 64;

/// Returns the name that is few edits away from `word` (ignoring case), or the nearest name that begins with `word`.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = letters(word);
    let count = word.trim_start_matches('-').chars().count();
    if count == 0 {
        return None;
    }
    let allowed = (count / 3).clamp(1, 3);
    names
        .into_iter()
        .map(|name| (edits(&typed, &letters(name)), name))
        .filter(|(edits, name)| *edits <= allowed || (count >= 2 && name.starts_with(word)))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// `; did you mean …?` or nothing.
pub fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

fn letters(text: &str) -> Vec<char> {
    text.chars()
        .flat_map(char::to_lowercase)
        .take(LONGEST)
        .collect()
}

/// Counts the fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (above[j] + usize::from(x != y))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            let swapped = i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x;
            if swapped {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_swaps_once() {
        for (a, b, count) in [
            ("", "", 0),
            ("", "ab", 2),
            ("wait", "wait", 0),
            ("wiat", "wait", 1),
            ("wat", "wait", 1),
            ("waits", "wait", 1),
            ("wbit", "wait", 1),
            ("play", "erase", 4),
            ("über", "uber", 1),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(edits(&chars(a), &chars(b)), count, "{a} {b}");
            assert_eq!(edits(&chars(b), &chars(a)), count, "{b} {a}");
        }
    }

    #[test]
    fn a_slip_finds_its_name_and_noise_finds_none() {
        let names = ["wait", "whoami", "play", "retry", "trace", "trigger"];
        for (word, name) in [
            ("wiat", Some("wait")),
            ("who", Some("whoami")),
            ("ply", Some("play")),
            ("tr", Some("trace")),
            ("Wait", Some("wait")),
            ("w", None),
            ("", None),
            ("deploy", None),
            ("xyz", None),
        ] {
            assert_eq!(nearest(word, names), name, "{word}");
        }
    }

    #[test]
    fn a_suggestion_is_a_half_sentence() {
        assert_eq!(did_you_mean(Some("role")), "; did you mean \"role\"?");
        assert_eq!(did_you_mean(None), "");
    }
}
