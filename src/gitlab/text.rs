//! Server text made fit for messages: our tokens masked, one line. `report` makes visible what acts on a terminal.

use crate::host::Mask;

/// One line of at most `longest` characters. Tokens are masked here, too, because a cut token would not be found where text is written.
pub(super) fn line(mask: &Mask, text: &str, longest: usize) -> String {
    let masked = mask.apply(text.as_bytes());
    let text = String::from_utf8_lossy(&masked);
    let mut rest = text.trim().chars();
    let mut line: String = rest.by_ref().take(longest).collect();
    if rest.next().is_some() {
        line.push('…');
    }
    line.replace(['\n', '\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_no_secret_and_no_line_break() {
        let mask = Mask::default();
        for token in ["token-one", "token-one-more"] {
            mask.add(token);
        }
        for (text, line) in [
            ("plain Ä …", "plain Ä …"),
            ("a token-one-more and token-one", "a [masked] and [masked]"),
            ("x\ty\r\nz", "x y  z"),
            ("  padded  ", "padded"),
        ] {
            assert_eq!(super::line(&mask, text, 100), line);
        }
        assert_eq!(line(&mask, &"x".repeat(10), 4), "xxxx…");
        assert_eq!(line(&mask, "ab token-one", 5), "ab [m…");
    }
}
