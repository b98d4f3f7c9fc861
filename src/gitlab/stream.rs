//! A log in chunks. It may lie elsewhere: other origins get no token, no client certificate and no trust in the CA file.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::PoisonError;

use super::facts::{self, Facts};
use super::net::{Line, words};
use super::send::{Ask, HOPS, Head, interrupted, location};
use super::{Client, Error, Kind, Route, proxy};
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
        let head = self.with_token(route, |token| {
            self.find_log(&self.get_ask(route, &query(pairs), Some(token)))
        })?;
        let ask = self.get_ask(route, "", head.facts.token);
        self.pour(&ask, head, sink)
    }

    fn find_log(&self, ask: &Ask) -> Result<Head, Error> {
        let mut url = ask.url.clone();
        let mut head = self.head(ask, &url, ask.token, self.line(0))?;
        let mut away = false;
        for _ in 0..HOPS {
            if !(300..=399).contains(&head.status) {
                break;
            }
            let next = location(&head, &url).ok();
            let Some(next) = next.filter(|next| next.secure || !url.secure) else {
                return Err(self.redirected(ask, &head, &url));
            };
            // Once away, always without token: who was asked in between may say anything.
            away |= !next.below(&self.ci.api);
            head = if away {
                let line = self.foreign_line(ask, &next)?;
                self.head(ask, &next, None, Some(&line))?
            } else {
                self.head(ask, &next, ask.token, self.line(0))?
            };
            url = next;
        }
        match head.status {
            200..=299 => Ok(head),
            300..=399 => Err(self.redirected(ask, &head, &url)),
            _ if away => {
                let status = head.status;
                let message = format!("{} answered {status} to the redirect", url.origin());
                Err(Self::error(ask, Kind::Server, message).of(&head))
            }
            _ => Err(self.refusal(ask, head)),
        }
    }

    fn foreign_line(&self, ask: &Ask, url: &Url) -> Result<Line, Error> {
        let proxy = proxy::choose(url, &self.ci.proxies)
            .map_err(|stop| Self::error(ask, Kind::Unreachable, stop.error))?;
        let line = Line::new(&self.tls.others, &self.tls.others, proxy, &self.names);
        // Replaces the one before, so that following a log for hours does not gather connections.
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.agent());
        Ok(line)
    }

    fn pour(
        &self,
        ask: &Ask,
        mut head: Head,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Facts, Error> {
        if facts::content_type(&head.headers, &self.cleaner) == "text/html" {
            let message = "the answer is no log but text/html: perhaps a proxy's page";
            return Err(Self::error(ask, Kind::NotJson, message).of(&head));
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = head.body.as_reader().read(&mut chunk);
            if let Some(signal) = self.interrupted() {
                return Err(Self::error(
                    ask,
                    interrupted(signal, true),
                    "the program was told to end",
                )
                .of(&head));
            }
            if self.over() {
                let message = "the time allowed ended in the middle of the log";
                return Err(Self::error(ask, Kind::Deadline, message).of(&head));
            }
            let bytes = match read {
                Ok(0) => return Ok(head.facts),
                Ok(count) => chunk.get(..count).unwrap_or_default(),
                Err(error) => {
                    let why = words(&ureq::Error::from(error), &head.cut);
                    let message =
                        format!("the log was cut short: {}", self.cleaner.line(&why, 300));
                    return Err(Self::error(ask, Kind::Lost, message).of(&head));
                }
            };
            if sink(bytes).is_break() {
                return Ok(head.facts);
            }
        }
    }
}
