//! Globs over job names: `*` is any run of characters, `?` is one character, nothing else is special.

/// Whether `text` holds a wildcard at all.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether the whole of `name` matches. At most glob times name steps, whatever the glob: only the last star is ever tried again.
pub fn matches(glob: &str, name: &str) -> bool {
    let (mut glob, mut name) = (glob.chars(), name.chars());
    // What follows the last star, and the part of the name that its run has not taken yet.
    let mut star = None;
    loop {
        let here = name.clone();
        match (glob.next(), name.next()) {
            (Some('*'), _) => {
                name = here;
                star = Some((glob.clone(), name.clone()));
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {}
            _ => {
                let Some((after, rest)) = &mut star else {
                    return false;
                };
                if rest.next().is_none() {
                    return false;
                }
                (glob, name) = (after.clone(), rest.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_and_question_mark_are_special_and_nothing_else() {
        for (glob, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "any/thing: [a, b]", true),
            ("**", "a", true),
            ("?", "é", true),
            ("?", "", false),
            ("?", "ab", false),
            ("??", "日本", true),
            ("*.rs", "lib.rs", true),
            ("*.rs", "lib.rs.bak", false),
            ("deploy: [*]", "deploy: [eu, blue]", true),
            ("deploy: [*]", "deploy: eu", false),
            ("[ab]", "a", false),
            ("[ab]", "[ab]", true),
            ("{a,b}", "a", false),
            (r"\*", "*", false),
            (r"\*", r"\x", true),
            ("test*", "Test", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab", "aab", true),
            ("a?c*", "abc", true),
            ("a*", "", false),
            ("!a", "b", false),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob:?} on {name:?}");
        }
    }

    #[test]
    fn a_hostile_glob_costs_no_more_than_its_length_times_the_names() {
        let name = "a".repeat(255);
        let glob = "a*".repeat(2000) + "b";
        assert!(!matches(&glob, &name));
        assert!(!matches(&("*a".repeat(120) + "*b"), &name));
        assert!(matches(&("*a".repeat(255) + "*"), &name));
        assert!(!matches(&("*a".repeat(256) + "*"), &name));
    }
}
