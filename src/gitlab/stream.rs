//! A log in chunks. It may lie elsewhere: other origins get no token, no client certificate and no trust in the CA file.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::PoisonError;

use super::client::Client;
use super::connection::{Ask, Connection, words};
use super::error::{Error, Kind};
use super::facts::{self, Facts};
use super::proxy;
use super::route::Route;
use super::send::{HOPS, Head, location};
use crate::url::{Url, query};

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
            let ask = self.ask(token, route, &query(pairs));
            Ok((self.find_log(&ask)?, ask))
        });
        let (head, ask) = found?;
        self.pour(&ask, head, sink)
    }

    fn find_log(&self, ask: &Ask) -> Result<Head, Error> {
        let mut url = ask.url.clone();
        let mut head = self.head(ask, &url, None)?;
        let mut foreign = None;
        for _ in 0..HOPS {
            if !(300..=399).contains(&head.status) {
                break;
            }
            let next = location(&head, &url).ok();
            let Some(next) = next.filter(|next| next.secure || !url.secure) else {
                return Err(self.redirected(ask, &head, &url));
            };
            // Once away, always without token: what the foreign server answered may lead anywhere.
            if foreign.is_some() || !next.below(&self.ci.api) {
                foreign = Some(self.foreign(ask, &next)?);
            }
            head = self.head(ask, &next, foreign.as_ref())?;
            url = next;
        }
        match head.status {
            206 => Err(self.unusable(ask, &head, "only a part of the log was sent (206)")),
            200..=299 => Ok(head),
            300..=399 => Err(self.redirected(ask, &head, &url)),
            status if foreign.is_some() => {
                let message = format!("{} answered {status} to the redirect", url.origin());
                Err(ask.error(Kind::Server, message).of(status, &head.facts))
            }
            _ => Err(self.refusal(ask, head)),
        }
    }

    fn foreign(&self, ask: &Ask, url: &Url) -> Result<Connection, Error> {
        let proxy = proxy::choose(url, &self.ci.proxies)
            .map_err(|stop| ask.error(Kind::Unreachable, stop.error))?;
        let others = &self.tls.others;
        let foreign = Connection::new(others, others, proxy, &self.interrupt);
        // Replaces the one before, so that following a log for hours does not gather connections.
        *self.foreign.lock().unwrap_or_else(PoisonError::into_inner) = Some(foreign.agent());
        Ok(foreign)
    }

    fn pour(
        &self,
        ask: &Ask,
        mut head: Head,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Facts, Error> {
        let fail = |kind, message: &str| ask.error(kind, message).of(head.status, &head.facts);
        if facts::content_type(&head.headers, &self.cleaner) == "text/html" {
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
                    let why = words(&ureq::Error::from(error), &head.limits);
                    let why = self.cleaner.line(&why, 300);
                    return Err(fail(Kind::Lost, &format!("the log was cut short: {why}")));
                }
            };
            if sink(bytes).is_break() {
                return Ok(head.facts);
            }
        }
    }
}
