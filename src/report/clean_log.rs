//! A job's log on its way to a reader: harmless to a terminal, or stripped to plain text. Works on chunks, in constant memory.

use super::text::hidden;

/// What a reader wants of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As GitLab shows it: colours, line clearing and section markers stay, every other control sequence goes.
    Harmless,
    /// Text only: no colours, section markers or time stamps, and of an overwritten line what was left to see.
    Plain,
}

/// A control sequence longer than this is none.
const SEQUENCE: usize = 64;
/// A line longer than this is passed on in pieces.
const LINE: usize = 64 << 10;

/// Turns raw log bytes into text. Feed chunks of any size with [`Cleaner::push`], close with [`Cleaner::finish`].
pub struct Cleaner {
    form: Form,
    state: State,
    /// Bytes of a UTF-8 character that is not complete yet.
    partial: Vec<u8>,
    plain: PlainLines,
}

enum State {
    Text,
    Escape,
    /// `ESC [ …`, without the introducer.
    Control(String),
    /// `ESC ] …`, `ESC P …` and their like: swallowed up to their end; `true` right after an ESC inside.
    Swallow(bool),
}

impl Cleaner {
    pub fn new(form: Form) -> Self {
        Self {
            form,
            state: State::Text,
            partial: Vec::new(),
            plain: PlainLines::default(),
        }
    }

    /// Appends what the chunk gives to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut String) {
        let joined;
        let mut bytes = chunk;
        if !self.partial.is_empty() {
            joined = [self.partial.as_slice(), chunk].concat();
            bytes = &joined;
        }
        let mut rest = Vec::new();
        for piece in bytes.utf8_chunks() {
            piece.valid().chars().for_each(|c| self.take(c, out));
            // Cut in the middle of a character at the chunk's end: the next chunk may complete it.
            let at_end = piece.invalid().as_ptr_range().end == bytes.as_ptr_range().end;
            if at_end
                && std::str::from_utf8(piece.invalid())
                    .is_err_and(|error| error.error_len().is_none())
            {
                rest = piece.invalid().to_vec();
            } else if !piece.invalid().is_empty() {
                self.take(char::REPLACEMENT_CHARACTER, out);
            }
        }
        self.partial = rest;
    }

    /// What is still held back, at the end of the log.
    pub fn finish(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.take(char::REPLACEMENT_CHARACTER, out);
        }
        self.state = State::Text;
        self.plain.finish(out);
    }

    fn take(&mut self, c: char, out: &mut String) {
        match &mut self.state {
            State::Text => match c {
                '\u{1b}' => self.state = State::Escape,
                _ => self.text(c, out),
            },
            State::Escape => match c {
                '[' => self.state = State::Control(String::new()),
                ']' | 'P' | 'X' | '^' | '_' => self.state = State::Swallow(false),
                '\u{1b}' => {}
                // Two-character sequences, the longer ones' intermediate bytes included.
                ' '..='/' => {}
                _ => self.state = State::Text,
            },
            State::Control(sequence) => match c {
                '@'..='~' => {
                    let sequence = std::mem::take(sequence);
                    self.state = State::Text;
                    self.control(&sequence, c, out);
                }
                ' '..='?' if sequence.len() < SEQUENCE => sequence.push(c),
                _ => {
                    self.state = State::Text;
                    self.take(c, out);
                }
            },
            State::Swallow(after_escape) => match c {
                '\u{7}' | '\u{9c}' => self.state = State::Text,
                '\\' if *after_escape => self.state = State::Text,
                // A line break ends it too: a forgotten terminator must not swallow the rest of the log.
                '\n' => {
                    self.state = State::Text;
                    self.text(c, out);
                }
                _ => *after_escape = c == '\u{1b}',
            },
        }
    }

    /// Colours (`m`) and line clearing (`K`) are all that may reach a terminal.
    fn control(&mut self, sequence: &str, end: char, out: &mut String) {
        let parameters = sequence
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'));
        if self.form == Form::Harmless && parameters && matches!(end, 'm' | 'K') {
            out.push_str("\u{1b}[");
            out.push_str(sequence);
            out.push(end);
        }
    }

    fn text(&mut self, c: char, out: &mut String) {
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
            return;
        }
        match self.form {
            Form::Plain => self.plain.take(c, out),
            Form::Harmless => push(c, out),
        }
    }
}

/// Characters that cannot be seen or turn the order of others around are shown instead of obeyed.
fn push(c: char, out: &mut String) {
    // Joiners and variation selectors belong to emoji and to many scripts.
    let joins = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    if c.is_ascii() || joins || !hidden(c) {
        out.push(c);
    } else {
        out.extend(c.escape_unicode());
    }
}

/// Lines without what only a machine reads.
#[derive(Default)]
struct PlainLines {
    line: String,
    /// The last line is complete, but its line break waits: the next one may be its continuation.
    ended: bool,
    /// A piece of the present line has been passed on already.
    continued: bool,
}

impl PlainLines {
    fn take(&mut self, c: char, out: &mut String) {
        if c == '\n' {
            self.flush(out);
            self.ended = true;
            self.continued = false;
        } else {
            self.line.push(c);
            if self.line.len() >= LINE {
                self.flush(out);
                self.continued = true;
            }
        }
    }

    fn flush(&mut self, out: &mut String) {
        let line = std::mem::take(&mut self.line);
        let (text, appends) = if self.continued {
            (line.as_str(), true)
        } else {
            without_stamp(&line)
        };
        if std::mem::take(&mut self.ended) && !appends {
            out.push('\n');
        }
        visible(text).chars().for_each(|c| push(c, out));
    }

    fn finish(&mut self, out: &mut String) {
        if !self.line.is_empty() {
            self.flush(out);
        }
        if std::mem::take(&mut self.ended) {
            out.push('\n');
        }
        self.continued = false;
    }
}

/// The line behind the runner's time stamp (`2026-11-20T08:00:10.123456Z 00O text`), and whether it goes on with the previous line.
fn without_stamp(line: &str) -> (&str, bool) {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd.ddddddZ xxSf";
    let head = line.as_bytes().get(..SHAPE.len()).unwrap_or_default();
    let fits = head.len() == SHAPE.len()
        && head.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            b'S' => matches!(byte, b'O' | b'E'),
            b'f' => matches!(byte, b' ' | b'+'),
            _ => byte == shape,
        });
    match line.get(SHAPE.len()..) {
        Some(text) if fits => (text, head.last() == Some(&b'+')),
        _ => (line, false),
    }
}

/// The line without section markers, and without what a carriage return let overwrite.
fn visible(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("section_") {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        if let Some(length) = section_marker(from) {
            rest = from.get(length..).unwrap_or_default();
        } else {
            text.push_str("section_");
            rest = from.get("section_".len()..).unwrap_or_default();
        }
    }
    text.push_str(rest);
    let text = text.trim_end_matches('\r');
    text.rsplit('\r').next().unwrap_or_default().to_owned()
}

/// Length of the marker that `text` begins with: `section_start:<unix time>:<name>[options]` or `section_end:…`, and its carriage return.
fn section_marker(text: &str) -> Option<usize> {
    let tail = text
        .strip_prefix("section_start:")
        .or_else(|| text.strip_prefix("section_end:"))?;
    let tail = tail
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .strip_prefix(':')?;
    let name = tail
        .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let options = match name.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => name,
    };
    let end = options.strip_prefix('\r')?;
    Some(text.len() - end.len())
}

/// The last lines of a log, 4 MiB of them at most.
#[derive(Debug)]
pub struct Tail {
    keep: usize,
    kept: Vec<u8>,
    /// Grown to this, what is too old is dropped.
    full: usize,
}

/// The most that is kept of a log's end.
const TAIL: usize = 4 << 20;

impl Tail {
    pub fn new(keep: usize) -> Self {
        Self {
            keep,
            kept: Vec::new(),
            full: LINE,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        if self.kept.len() > self.full {
            let start = self.start().max(self.kept.len().saturating_sub(TAIL));
            self.kept.drain(..start);
            self.full = LINE.max(2 * self.kept.len());
        }
    }

    /// The lines, oldest first, each with its line break if it had one.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.kept.get(self.start()..).unwrap_or_default();
        lines.split_inclusive(|byte| *byte == b'\n')
    }

    /// Where the last lines begin.
    fn start(&self) -> usize {
        if self.keep == 0 {
            return self.kept.len();
        }
        let ends = self.kept.iter().enumerate().rev();
        // A line break at the very end begins no line.
        let mut ends = ends.skip(1).filter(|(_, byte)| **byte == b'\n');
        ends.nth(self.keep - 1).map_or(0, |(at, _)| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(form: Form, log: &[u8], chunk: usize) -> String {
        let (mut cleaner, mut out) = (Cleaner::new(form), String::new());
        log.chunks(chunk)
            .for_each(|chunk| cleaner.push(chunk, &mut out));
        cleaner.finish(&mut out);
        out
    }

    /// However the log is cut into chunks, the text is the same.
    #[track_caller]
    fn check(form: Form, log: &str, expected: &str) {
        for chunk in [1, 2, 3, 7, 1000] {
            assert_eq!(
                clean(form, log.as_bytes(), chunk),
                expected,
                "in chunks of {chunk}"
            );
        }
    }

    #[test]
    fn colours_line_clearing_and_sections_reach_the_terminal_and_nothing_else() {
        let log = "section_start:1700000000:build[collapsed=true]\r\x1b[0K\x1b[36;1mbuild\x1b[0;m\nüber\t1\r2\n";
        check(Form::Harmless, log, log);
        check(
            Form::Harmless,
            "a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c\x1b[2Jd\x1b[10Ae\x1bcf\x1b[?25lg\x1b(Bh",
            "abcdefgh",
        );
        check(
            Form::Harmless,
            "bell\x07 del\x7f c1\u{9b}31m nul\0",
            "bell del c131m nul",
        );
        check(Form::Harmless, "a\x1b]0;never closed\nb", "a\nb");
        check(Form::Harmless, "cut \x1b[3", "cut ");
        let invisible = "a\u{200b}b\u{feff}c\u{e0041}d\u{202e}e 👩\u{200d}🚀 ⚙\u{fe0f}";
        let shown =
            r"a\u{200b}b\u{feff}c\u{e0041}d\u{202e}e 👩".to_owned() + "\u{200d}🚀 ⚙\u{fe0f}";
        check(Form::Harmless, invisible, &shown);
        check(Form::Plain, invisible, &shown);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_one_by_one() {
        for chunk in [1, 2, 5] {
            assert_eq!(
                clean(Form::Harmless, b"a\xff\xfeb\xe2\x82", chunk),
                "a\u{fffd}\u{fffd}b\u{fffd}"
            );
            assert_eq!(clean(Form::Harmless, "a€b".as_bytes(), chunk), "a€b");
        }
    }

    #[test]
    fn plain_text_has_no_stamps_sections_or_colours() {
        check(
            Form::Plain,
            "2026-11-20T08:00:10.123456Z 00O section_start:1:a-b.c\r\x1b[0K\x1b[32mhead\x1b[0m\r\n\
             2026-11-20T08:00:10.123456Z 00O one, \n\
             2026-11-20T08:00:11.000000Z 00O+still one\n\
             2026-11-20T08:00:11.000000Z 01E 10%\r50%\r100%\n\
             section_end:2:a-b.c\r\x1b[0Kdone section_start:x\n",
            "head\none, still one\n100%\ndone section_start:x\n",
        );
        check(Form::Plain, "no line break", "no line break");
        check(Form::Plain, "\n\na\n", "\n\na\n");
        check(
            Form::Plain,
            "2026-11-20T08:00:10.123456Z 00X not a stamp\n",
            "2026-11-20T08:00:10.123456Z 00X not a stamp\n",
        );
    }

    #[test]
    fn a_line_without_end_is_passed_on_in_pieces() {
        let long = "x".repeat(3 * LINE + 5);
        check(
            Form::Plain,
            &format!("{long}\nb\n"),
            &format!("{long}\nb\n"),
        );
    }

    fn last(keep: usize, pieces: &[&str]) -> Vec<String> {
        let mut tail = Tail::new(keep);
        for piece in pieces {
            tail.push(piece.as_bytes());
        }
        let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        tail.lines().map(text).collect()
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        assert_eq!(last(2, &["a\nb", "c\n", "d", "e"]), ["bc\n", "de"]);
        assert_eq!(last(2, &["a\n", "b\n", "\n"]), ["b\n", "\n"]);
        assert_eq!(last(9, &["a\nb"]), ["a\n", "b"]);
        assert_eq!(last(1, &["a"]), ["a"]);
        for (keep, pieces) in [(0, &["a\n"][..]), (3, &[]), (3, &[""])] {
            assert_eq!(last(keep, pieces), [""; 0]);
        }
        let line = "x".repeat(99) + "\n";
        let many = vec![line.as_str(); 5000];
        assert_eq!(last(3000, &many), vec![line.clone(); 3000]);
    }

    #[test]
    fn the_tail_of_a_log_without_lines_is_bounded() {
        let mut tail = Tail::new(3);
        for _ in 0..2000 {
            tail.push(&[b'x'; 16 << 10]);
        }
        assert!(tail.kept.capacity() <= 5 * TAIL);
        assert!(tail.lines().map(<[u8]>::len).sum::<usize>() >= TAIL);
    }
}
