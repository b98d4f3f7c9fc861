//! A job's log on its way to a reader: harmless to a terminal, or stripped to plain text. Works on chunks, in constant memory.

use std::fmt::Write;
use std::str::Chars;

use super::text::first_hidden;

/// What a reader wants of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As GitLab shows it: colours, line clearing and section markers stay, every other control sequence goes.
    Harmless,
    /// Text only: no colours, section markers or time stamps, and of an overwritten line what was left to see.
    Plain,
}

/// A control sequence longer than this is dropped.
const SEQUENCE: usize = 64;
/// A line longer than this is passed on in pieces.
const LINE: usize = 64 << 10;

/// Turns raw log bytes into text, line by line. Feed chunks of any size with [`Cleaner::push`], close with [`Cleaner::finish`].
pub struct Cleaner {
    form: Form,
    /// The line that has no end yet.
    line: Vec<u8>,
    /// Of plain text: the last line's break waits, because the next line may continue that line.
    owed: bool,
    /// A piece of the present line has been passed on already.
    continued: bool,
}

impl Cleaner {
    pub fn new(form: Form) -> Self {
        Self {
            form,
            line: Vec::new(),
            owed: false,
            continued: false,
        }
    }

    /// What the chunk gives.
    pub fn push(&mut self, chunk: &[u8]) -> String {
        let mut out = String::with_capacity(chunk.len());
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.flush(&mut out);
            } else if self.line.len() >= LINE {
                // A character that is cut in the middle waits for its other half.
                let cut = std::str::from_utf8(&self.line).err();
                let cut = cut.filter(|error| error.error_len().is_none());
                let rest = cut.map(|error| self.line.split_off(error.valid_up_to()));
                self.flush(&mut out);
                self.line = rest.unwrap_or_default();
            }
        }
        out
    }

    /// What is still held back, at the end of the log.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        self.flush(&mut out);
        if std::mem::take(&mut self.owed) {
            out.push('\n');
        }
        self.continued = false;
        out
    }

    fn flush(&mut self, out: &mut String) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        if self.form == Form::Harmless {
            return clean(&text, true, out);
        }
        if line.is_empty() {
            return;
        }
        let mut plain = String::with_capacity(text.len());
        clean(&text, false, &mut plain);
        let ended = plain.ends_with('\n');
        let text = plain.trim_end_matches('\n');
        let (text, appends) = if self.continued {
            (text, true)
        } else {
            without_stamp(text)
        };
        if std::mem::take(&mut self.owed) && !appends {
            out.push('\n');
        }
        // What a carriage return let overwrite is not seen in a terminal either.
        let seen = text.trim_end_matches('\r').rsplit('\r').next();
        out.push_str(seen.filter(|seen| !is_section(seen)).unwrap_or_default());
        (self.owed, self.continued) = (ended, !ended);
    }
}

/// The text without control sequences; with `colors`, colours (`m`) and line clearing (`K`) stay.
fn clean(text: &str, colors: bool, out: &mut String) {
    let mut rest = text.chars();
    while let Some(at) = first_hidden(rest.as_str()) {
        let (plain, after) = rest.as_str().split_at(at);
        out.push_str(plain);
        rest = after.chars();
        match rest.next() {
            Some('\u{1b}') => sequence(&mut rest, colors, out),
            // Beside line breaks, what joins or varies the characters beside it: emoji, Arabic and Indic scripts.
            Some(c @ ('\n' | '\r' | '\t' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')) => {
                out.push(c);
            }
            // What cannot be seen, or turns the order of others around, is shown instead of obeyed.
            Some(c) if !c.is_control() => out.extend(c.escape_unicode()),
            _ => {}
        }
    }
    out.push_str(rest.as_str());
}

/// One control sequence, behind its ESC.
fn sequence(rest: &mut Chars, colors: bool, out: &mut String) {
    let text = rest.as_str();
    let length = |fits: fn(char) -> bool| text.find(|c| !fits(c)).unwrap_or(text.len());
    match text.chars().next() {
        Some('[') => {
            let parameters = text.get(1..).unwrap_or_default();
            let length = parameters.find(|c| !matches!(c, ' '..='?'));
            let (parameters, after) = parameters.split_at(length.unwrap_or(parameters.len()));
            *rest = after.chars();
            let end = rest.next().filter(|c| matches!(c, '@'..='~'));
            if end.is_none() {
                *rest = after.chars();
            }
            let plain = |byte| matches!(byte, b'0'..=b'9' | b';' | b':');
            let fits = parameters.len() <= SEQUENCE && parameters.bytes().all(plain);
            if let (true, true, Some(end @ ('m' | 'K'))) = (colors, fits, end) {
                let _ = write!(out, "\u{1b}[{parameters}{end}");
            }
        }
        // Titles, links and the like, up to their end; a line break ends them too: a forgotten end must not swallow the rest.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let ends = [text.find(['\u{7}', '\u{9c}', '\n']), text.find("\u{1b}\\")];
            let end = ends.into_iter().flatten().min().unwrap_or(text.len());
            *rest = text.get(end..).unwrap_or_default().chars();
            match rest.clone().next() {
                Some('\u{1b}') => drop(rest.nth(1)),
                Some('\n') | None => {}
                Some(_) => drop(rest.next()),
            }
        }
        Some('\u{1b}') | None => {}
        // Two characters, or more with intermediate ones.
        Some(_) => drop(rest.nth(length(|c| matches!(c, ' '..='/')))),
    }
}

/// GitLab's marker of a section: `section_start:<unix time>:<name>[options]` or `section_end:…`.
fn is_section(text: &str) -> bool {
    let name = ["section_start:", "section_end:"];
    let tail = name.iter().find_map(|name| text.strip_prefix(name));
    tail.is_some_and(|tail| tail.starts_with(|c: char| c.is_ascii_digit()))
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
            .for_each(|chunk| out += &cleaner.push(chunk));
        out += &cleaner.finish();
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
