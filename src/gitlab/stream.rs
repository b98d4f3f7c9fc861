//! A log in chunks as they arrive. It may lie on another server (`send.rs`).

use std::io::Read;
use std::ops::ControlFlow;

use super::client::Client;
use super::connection::{Ask, words};
use super::error::{Error, Kind};
use super::facts::{self, Facts};
use super::route::Route;
use super::send::Head;
use crate::url::query;

const CHUNK: usize = 16 << 10;

impl Client<'_> {
    /// A log, in chunks as they arrive; `sink` may stop it early. Returns the headers' facts.
    pub fn stream(
        &self,
        route: &Route,
        pairs: &[(&str, &str)],
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Facts, Error> {
        let found = self.with_token(route, |token| {
            let mut ask = self.ask(token, route, &query(pairs));
            Ok((self.good(&mut ask)?, ask))
        });
        let (head, ask) = found?;
        self.pour(&ask, head, sink)
    }

    fn pour(
        &self,
        ask: &Ask,
        mut head: Head,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Facts, Error> {
        let fail = |kind, message: &str| ask.error(kind, message).of(head.status, &head.facts);
        if facts::content_type(&head.headers, self.mask()) == "text/html" {
            let message = "the answer is not a log but text/html: perhaps a proxy's page";
            return Err(fail(Kind::Unusable, message));
        }
        let mut chunk = vec![0; CHUNK];
        // One reader for the whole log: a second one would start to decompress from the beginning.
        let mut log = head.body.as_reader();
        loop {
            let read = log.read(&mut chunk);
            if let Some(error) = self.ended_by_signal(ask, true) {
                return Err(error);
            }
            if self.over() {
                let message = "the time allowed ended in the middle of the log";
                return Err(fail(Kind::Deadline, message));
            }
            let bytes = match read {
                Ok(0) => return Ok(head.facts),
                Ok(count) => chunk.get(..count).unwrap_or_default(),
                Err(error) => {
                    let why = words(&ureq::Error::from(error), &ask.limits);
                    let why = self.line(&why, 300);
                    return Err(fail(Kind::Lost, &format!("the log was cut short: {why}")));
                }
            };
            if sink(bytes).is_break() {
                return Ok(head.facts);
            }
        }
    }
}
