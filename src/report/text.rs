//! Text from a server on a terminal: made harmless, measured, cut.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text in one line with everything visible: control, bidi and zero-width characters become `\u{…}`, the rest of Unicode stays.
pub fn visible(text: &str) -> Cow<'_, str> {
    let Some(start) = first_hidden(text) else {
        return Cow::Borrowed(text);
    };
    let (safe, rest) = text.split_at(start);
    let mut shown = safe.to_owned();
    for c in rest.chars() {
        match c {
            // The second half of many emoji.
            '\u{fe0e}' | '\u{fe0f}' if shown.ends_with(symbol) => shown.push(c),
            c if hidden(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Where the first hidden character is. Most texts are printable ASCII, which is looked through faster.
pub fn first_hidden(text: &str) -> Option<usize> {
    let printable = |byte| (b' '..=b'~').contains(&byte);
    let at = text.bytes().position(|byte| !printable(byte))?;
    let rest = text.get(at..)?.find(hidden)?;
    Some(at + rest)
}

/// Characters that act on a terminal or cannot be seen: control, format (bidi, zero width, tags), fillers, line and paragraph separators.
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
        )
}

fn symbol(c: char) -> bool {
    c > '\u{2000}' && !c.is_alphanumeric() && !hidden(c)
}

/// Columns that visible text takes on a terminal.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.width()
}

/// Visible text in at most so many columns. What is cut out of its middle becomes `…`: the names of a matrix differ at their ends.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    // The width of a text is not the sum of its characters' (emoji). Few of them fit, should it be endless.
    let few = 4 * columns;
    let skipped = text.chars().count().saturating_sub(few);
    let mut tail: String = text.chars().skip(skipped).collect();
    // An accent without its letter would stand on the ellipsis.
    while width(&tail) > room / 2 || tail.starts_with(|c: char| c.width() == Some(0)) {
        tail.remove(0);
    }
    let tail = tail.trim_start();
    let mut head: String = text.chars().take(few).collect();
    while width(&head) > room.saturating_sub(width(tail)) && head.pop().is_some() {}
    Cow::Owned(format!("{}…{tail}", head.trim_end()))
}

/// Visible text in lines of at most so many columns, broken at blanks. A longer word is cut, but for a link.
pub fn lines(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word = if word.contains("://") {
            Cow::Borrowed(word)
        } else {
            cut(word, columns)
        };
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(&word) <= columns => line.extend([" ", &word]),
            _ => lines.push(word.into_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_gets_through_and_nothing_else_changes() {
        for (text, expected) in [
            ("", ""),
            ("plain: [a, b] 1/2", "plain: [a, b] 1/2"),
            (
                "日本 é e\u{301} ß עברית عربي",
                "日本 é e\u{301} ß עברית عربي",
            ),
            ("\u{1b}[31mred\u{1b}[0m", r"\u{1b}[31mred\u{1b}[0m"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("nul\0bell\u{7}del\u{7f}", r"nul\u{0}bell\u{7}del\u{7f}"),
            ("csi\u{9b}2J nel\u{85}", r"csi\u{9b}2J nel\u{85}"),
            ("\u{202e}nimda\u{202c}", r"\u{202e}nimda\u{202c}"),
            (
                "a\u{2066}b\u{2069}\u{200f}\u{61c}",
                r"a\u{2066}b\u{2069}\u{200f}\u{61c}",
            ),
            (
                "zero\u{200b}\u{200d}\u{feff}\u{2060}\u{ad}",
                r"zero\u{200b}\u{200d}\u{feff}\u{2060}\u{ad}",
            ),
            ("ls\u{2028}ps\u{2029}", r"ls\u{2028}ps\u{2029}"),
            (
                "tag\u{e0041}\u{1d173}\u{3164}",
                r"tag\u{e0041}\u{1d173}\u{3164}",
            ),
            ("⚙\u{fe0f} main\u{fe0f}", "⚙\u{fe0f} main\\u{fe0f}"),
            (r"back\slash \u{41}", r"back\slash \u{41}"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
            assert!(matches!(visible(expected), Cow::Borrowed(_)) || expected.contains('\u{fe0f}'));
        }
        for c in '\0'..=char::MAX {
            let shown = visible(c.encode_utf8(&mut [0; 4])).into_owned();
            assert!(width(&shown) > 0 || !hidden(c), "{c:?}");
            assert!(!shown.contains(|c: char| c.is_control()), "{c:?}");
        }
    }

    #[test]
    fn a_text_is_cut_to_columns_not_to_characters() {
        for (text, columns, expected) in [
            ("build", 5, "build"),
            ("build", 4, "bu…d"),
            (
                "deploy to production: [eu, blue]",
                24,
                "deploy to pro…[eu, blue]",
            ),
            (
                "deploy to production: [us, blue]",
                24,
                "deploy to pro…[us, blue]",
            ),
            ("deploy: a b", 9, "deplo…a b"),
            ("build", 1, "…"),
            ("", 0, ""),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日…語"),
            ("日本語", 4, "日…"),
            ("日本語", 2, "…"),
            ("ab cd", 4, "ab…d"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("e\u{301}e\u{301}e\u{301}e\u{301}", 3, "e\u{301}…e\u{301}"),
            ("⚙\u{fe0f}⚙\u{fe0f}", 3, "⚙\u{fe0f}…"),
        ] {
            let cut = cut(text, columns);
            assert_eq!(cut, expected, "{text:?} in {columns}");
            assert!(width(&cut) <= columns);
        }
    }
}
