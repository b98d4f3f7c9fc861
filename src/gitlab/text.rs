//! Server text made fit for messages: our secrets masked, one line. `report` makes visible what acts on a terminal.

/// Knows the secrets that no message may hold.
pub(super) struct Cleaner {
    secrets: Vec<String>,
}

impl Cleaner {
    /// The longest first, so that none is left in part where one holds another.
    pub(super) fn new(mut secrets: Vec<String>) -> Self {
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// One line of at most `longest` characters.
    pub(super) fn line(&self, text: &str, longest: usize) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "[masked]");
        }
        let mut rest = text.trim().chars();
        let mut line: String = rest.by_ref().take(longest).collect();
        if rest.next().is_some() {
            line.push('…');
        }
        line.replace(['\n', '\r', '\t'], " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_no_secret_and_no_line_break() {
        let cleaner = Cleaner::new(vec!["tok".into(), "token-1".into(), String::new()]);
        for (text, line) in [
            ("plain Ä …", "plain Ä …"),
            ("a token-1 and tok", "a [masked] and [masked]"),
            ("x\ty\r\nz", "x y  z"),
            ("  padded  ", "padded"),
        ] {
            assert_eq!(cleaner.line(text, 100), line);
        }
        assert_eq!(cleaner.line(&"x".repeat(10), 4), "xxxx…");
        assert_eq!(cleaner.line("ab token-1", 5), "ab [m…");
    }
}
