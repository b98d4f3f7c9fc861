//! The talk on standard error.

use super::style::{Color, Paint, Style};
use super::text::visible;
use crate::exit::{Exit, Stop};
use crate::host::Host;

/// The lines printed while the program works: lower case, no final period, one line each. Control characters of a server's text are made
/// visible here. Errors writing to stderr are ignored.
pub struct Talk<'a> {
    host: &'a Host<'a>,
    style: Style,
    quiet: bool,
}

impl<'a> Talk<'a> {
    /// `quiet` leaves warnings and errors, with the hints that belong to them.
    pub fn new(host: &'a Host<'a>, color: Color, quiet: bool) -> Self {
        Self {
            host,
            style: Style::choose(color, &host.vars, host.log.terminal),
            quiet,
        }
    }

    pub fn line(&self, text: &str) {
        self.pieces(&[(text, Paint::Plain)]);
    }

    /// One line of pieces, each in its colour.
    pub fn pieces(&self, pieces: &[(&str, Paint)]) {
        if !self.quiet {
            self.put(pieces);
        }
    }

    pub fn warning(&self, text: &str) {
        self.prefixed("jobgate: warning:", Paint::Warning, text);
    }

    pub fn hint(&self, text: &str) {
        if !self.quiet {
            self.prefixed("jobgate: hint:", Paint::Strong, text);
        }
    }

    /// The end of a call that did not come to an answer.
    pub fn stop(&self, stop: &Stop) {
        for error in stop.error.lines() {
            self.prefixed("jobgate: error:", Paint::Bad, error);
        }
        for hint in stop.hints.iter().flat_map(|hint| hint.lines()) {
            self.prefixed("jobgate: hint:", Paint::Strong, hint);
        }
    }

    /// The end of a call whose answer is not "ok".
    pub fn end(&self, exit: Exit, text: &str) {
        self.prefixed(&format!("jobgate: {}:", exit.name()), Paint::Bad, text);
    }

    fn prefixed(&self, prefix: &str, paint: Paint, text: &str) {
        self.put(&[(prefix, paint), (" ", Paint::Plain), (text, Paint::Plain)]);
    }

    fn put(&self, pieces: &[(&str, Paint)]) {
        let mut line = String::new();
        for (text, paint) in pieces {
            self.style.paint(&mut line, &visible(text), *paint);
        }
        line.push('\n');
        let _ = self.host.log.write(line.as_bytes());
    }
}
