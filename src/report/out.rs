//! The answer: to standard output, or to the file of `--output-file`.

use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;

use super::file::OutputFile;
use super::json;
use super::messages::not_printed;
use super::style::{Color, Style, for_people};
use super::table::{Table, WIDTH};
use super::text::visible;
use crate::exit::{Exit, Stop};
use crate::host::Host;

/// Bytes that are collected before they are written, unless the output is live.
const CHUNK: usize = 32 << 10;

/// Where the answer goes. An error in writing never ends the work: [`Out::finish`] returns it.
#[must_use]
pub struct Out<'a> {
    host: &'a Host<'a>,
    file: Option<OutputFile>,
    live: bool,
    buffer: Vec<u8>,
    place: Place,
}

/// What became of the place that the answer goes to.
#[derive(Debug)]
enum Place {
    Open,
    /// Nobody reads standard output any more.
    Closed,
    /// It could not be written, and why.
    Failed(String),
}

impl<'a> Out<'a> {
    /// Before the first request. `live`: each text is written at once; a file then grows instead of being put in place as a whole.
    pub fn open(host: &'a Host<'a>, file: Option<&Path>, live: bool) -> Result<Self, Stop> {
        Ok(Self {
            host,
            file: file
                .map(|path| OutputFile::create(path, live))
                .transpose()?,
            live,
            buffer: Vec::new(),
            place: Place::Open,
        })
    }

    /// A file gets colours only if they are asked for.
    pub fn style(&self, color: Color) -> Style {
        if self.file.is_some() && color == Color::Auto {
            return Style::PLAIN;
        }
        Style::choose(color, &self.host.vars, self.host.out.terminal)
    }

    pub fn table(&mut self, table: &Table, color: Color) {
        let people = for_people(&self.host.vars, self.host.out.terminal);
        // A cut could leave the beginning of a token, which is masked only as a whole.
        let whole = self.host.out.mask.apply(table.text()) == table.text();
        let width = (people && whole && self.file.is_none()).then_some(WIDTH);
        table.print(self.style(color), width, &mut |line| self.text(line));
    }

    /// One line of JSON: a document or an event of ours.
    pub fn json(&mut self, value: &impl Serialize) {
        self.text(&(json::text(value) + "\n"));
    }

    /// Text as it is, line breaks included. A live output takes whole lines.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.live || self.buffer.len() >= CHUNK {
            self.flush();
        }
    }

    /// Whether anybody still gets what is written. Commands that only print may stop early if not.
    pub fn delivers(&self) -> bool {
        matches!(self.place, Place::Open)
    }

    /// Writes what was collected, but for an end that may be the beginning of a token.
    pub fn flush(&mut self) {
        let open = self.host.out.mask.open_end(&self.buffer);
        self.write(self.buffer.len().saturating_sub(open));
    }

    fn write(&mut self, length: usize) {
        let rest = self.buffer.split_off(length);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        match (&self.place, &mut self.file) {
            _ if bytes.is_empty() => {}
            (Place::Open, None) => {
                if let Err(error) = self.host.out.write(&bytes) {
                    self.place = if error.kind() == ErrorKind::BrokenPipe {
                        Place::Closed
                    } else {
                        Place::Failed(not_printed(&error))
                    };
                }
            }
            (Place::Open, Some(file)) => {
                if let Err(error) = file.write(&self.host.out.mask.apply(&bytes)) {
                    self.fail(&error);
                    let _ = self.host.log.write(&bytes);
                }
            }
            (Place::Failed(_), Some(_)) => {
                let _ = self.host.log.write(&bytes);
            }
            _ => {}
        }
    }

    /// Puts a whole file in place with what was written so far; what follows is its next version.
    pub fn place(&mut self) {
        self.write(self.buffer.len());
        if let (Place::Open, Some(file)) = (&self.place, &mut self.file)
            && let Err(error) = file.place()
        {
            self.fail(&error);
        }
    }

    /// The end of a complete answer. Dropping instead leaves a whole file as it was before.
    pub fn finish(&mut self) -> Result<(), Stop> {
        self.place();
        let Place::Failed(why) = &self.place else {
            return Ok(());
        };
        let stop = Stop::new(Exit::Unknown, why);
        Err(match self.file {
            Some(_) => stop.hint("the answer was written to standard error instead"),
            None => stop,
        })
    }

    /// From here on the answer goes to standard error, beginning with what the file holds but nobody would see.
    fn fail(&mut self, error: &std::io::Error) {
        if let Some(file) = &mut self.file {
            let path = file.path().to_string_lossy().into_owned();
            let _ = file.rescue().and_then(|bytes| self.host.log.write(&bytes));
            self.place = Place::Failed(format!(
                "cannot write output file {}: {error}",
                visible(&path)
            ));
        }
    }
}
