//! A log on its way from GitLab to the reader.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::decide::part::{Ask, Read, Reader};
use crate::gitlab::{Error, Kind, Route};
use crate::report::Out;
use crate::report::log::{Cleaner, Form, Tail};
use crate::session::Session;

/// What was read, and what becomes of it.
pub struct Log<'o, 'h> {
    reader: Reader,
    sink: Sink<'o, 'h>,
}

struct Sink<'o, 'h> {
    out: &'o mut Out<'h>,
    /// `None`: the bytes as they are.
    form: Option<Form>,
    cleaner: Option<Cleaner>,
    /// Holds everything back until the log's present end was seen.
    tail: Option<Tail>,
    text: String,
}

impl<'o, 'h> Log<'o, 'h> {
    pub fn new(out: &'o mut Out<'h>, form: Option<Form>, tail: Option<usize>) -> Self {
        Self {
            reader: Reader::default(),
            sink: Sink {
                out,
                form,
                cleaner: form.map(Cleaner::new),
                tail: tail.map(Tail::new),
                text: String::new(),
            },
        }
    }

    /// Asks once for what is new. With `early`, it ends when nobody takes the output any more.
    pub fn read(&mut self, session: &Session, route: &Route, early: bool) -> Result<Read, Error> {
        let ask = self.reader.ask();
        let (offset, limit) = match ask {
            Ask::Whole => (String::new(), String::new()),
            Ask::Part { offset, limit } => (offset.to_string(), limit.to_string()),
        };
        let part = [
            ("byte_offset", offset.as_str()),
            ("byte_limit", limit.as_str()),
        ];
        let pairs = if ask == Ask::Whole { &[][..] } else { &part };
        let (sink, mut answer) = (&mut self.sink, self.reader.answer());
        let mut closed = false;
        let read = session.gitlab.stream(route, pairs, &mut |chunk| {
            let flow = answer.take(chunk, &mut |new| sink.put(new));
            closed = early && !sink.out.delivers();
            if closed { ControlFlow::Break(()) } else { flow }
        });
        match read {
            Ok(_) if closed => Ok(Read::All),
            Ok(_) => Ok(answer.end(&mut |new| sink.put(new))),
            Err(error) if error.kind == Kind::Refused && ask != Ask::Whole => {
                self.reader.no_parts();
                Ok(Read::More)
            }
            Err(error) => Err(error),
        }
    }

    /// Bytes read so far.
    pub fn read_so_far(&self) -> u64 {
        self.reader.read()
    }

    /// How long reading again should wait.
    pub fn pause(&self) -> Duration {
        self.reader.pause()
    }

    /// Another log begins, from its first byte.
    pub fn anew(&mut self) {
        self.reader = Reader::default();
        self.sink.finish();
        self.sink.cleaner = self.sink.form.map(Cleaner::new);
    }

    /// The log's present end was reached: the last lines are shown, and from here on everything.
    pub fn shown(&mut self) {
        self.sink.let_go();
    }

    pub fn end(mut self) {
        self.sink.finish();
        self.sink.let_go();
    }
}

impl Sink<'_, '_> {
    fn put(&mut self, bytes: &[u8]) {
        let Some(cleaner) = &mut self.cleaner else {
            return self.pass(bytes);
        };
        let mut text = std::mem::take(&mut self.text);
        cleaner.push(bytes, &mut text);
        self.pass(text.as_bytes());
        text.clear();
        self.text = text;
    }

    /// What the cleaner holds back.
    fn finish(&mut self) {
        if let Some(cleaner) = &mut self.cleaner {
            let mut text = String::new();
            cleaner.finish(&mut text);
            self.pass(text.as_bytes());
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        match &mut self.tail {
            Some(tail) => tail.push(bytes),
            None => self.out.bytes(bytes),
        }
    }

    fn let_go(&mut self) {
        if let Some(tail) = self.tail.take() {
            for line in tail.lines() {
                self.out.bytes(line);
            }
        }
    }
}
