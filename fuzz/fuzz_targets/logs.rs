//! A job's log and server text on a terminal: harmless, and the same however the bytes arrive.
#![no_main]

use jobgate_fuzz::report::clean_log::{Cleaner, Form, Tail};
use jobgate_fuzz::report::text::{cut, hidden, lines, visible, width};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (size, bytes) = match bytes.split_first() {
        Some((size, rest)) => (usize::from(*size) + 1, rest),
        None => return,
    };
    for form in [Form::Harmless, Form::Plain] {
        let whole = cleaned(form, [bytes]);
        assert_eq!(whole, cleaned(form, bytes.chunks(size)), "{size} {form:?}");
        harmless(&whole, form);
        // Lines beyond every bound, and a cut anywhere in them.
        if bytes.len() > 100 && size % 32 == 0 {
            let long: Vec<u8> = bytes
                .iter()
                .copied()
                .filter(|byte| *byte != b'\n')
                .collect();
            let long = long.repeat(70_000 / long.len().max(1) + 1);
            let whole = cleaned(form, [long.as_slice()]);
            harmless(&whole, form);
            harmless(&cleaned(form, long.chunks(size * 97)), form);
        }
    }
    let mut tail = Tail::new(size % 5);
    let mut one = Tail::new(size % 5);
    bytes.chunks(size).for_each(|chunk| tail.push(chunk));
    one.push(bytes);
    assert!(tail.lines().eq(one.lines()));
    assert!(tail.lines().count() <= size % 5);
    text(&String::from_utf8_lossy(bytes), size % 24 + 1);
});

fn cleaned<'b>(form: Form, chunks: impl IntoIterator<Item = &'b [u8]>) -> String {
    let mut cleaner = Cleaner::new(form);
    let mut out = String::new();
    for chunk in chunks {
        out += &cleaner.push(chunk);
    }
    out + &cleaner.finish()
}

/// Of control sequences only colours and line clearing are left, of plain text none; nothing else acts on a terminal.
fn harmless(text: &str, form: Form) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        assert_eq!(form, Form::Harmless, "{text:?}");
        let after = after
            .strip_prefix('[')
            .unwrap_or_else(|| panic!("{text:?}"));
        let end = after.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'));
        let end = end.unwrap_or_else(|| panic!("{text:?}"));
        assert!(after[end..].starts_with(['m', 'K']), "{text:?}");
        quiet(before);
        rest = &after[end + 1..];
    }
    quiet(rest);
}

fn quiet(text: &str) {
    let joins = |c| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    let acts = |c: char| hidden(c) && !matches!(c, '\n' | '\r' | '\t') && !joins(c);
    assert!(!text.contains(acts), "{text:?}");
}

fn text(text: &str, columns: usize) {
    let shown = visible(text);
    assert!(!shown.contains(|c: char| c.is_control()));
    assert!(width(&cut(&shown, columns)) <= columns);
    for line in lines(&shown, columns) {
        assert!(
            width(&line) <= columns || line.contains("://"),
            "{line:?} {columns}"
        );
    }
}
