//! One document asked for, or one write sent.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::client::Client;
use super::connection::{Ask, FORM, JSON};
use super::error::Error;
use super::route::{Route, TokenKind};
use super::send::Answer;
use crate::ci::Secret;
use crate::url::query;

/// How to send a write's parameters.
pub enum Body<'a> {
    None,
    Json(&'a serde_json::Value),
    /// `trigger` alone: the job token travels as the field `token`, added by the client.
    FormWithJobToken(&'a [(String, String)]),
}

impl Client<'_> {
    /// One document.
    pub fn get(&self, route: &Route, pairs: &[(&str, &str)]) -> Result<Answer, Error> {
        self.with_token(route, |token| {
            self.document(&mut self.ask(token, route, &query(pairs)))
        })
    }

    /// Sleeps, if there is time left for it. A signal ends the sleep, and then also the next request before it is sent.
    pub(super) fn rest(&self, time: Duration) -> bool {
        let fits = self.left().is_none_or(|left| left >= time);
        if fits {
            let _ = self.host.clock.sleep(time, &self.interrupt);
        }
        fits
    }

    /// One document, asked with one kind of token and no other: to find out what that token may do.
    pub fn get_as(
        &self,
        token: TokenKind,
        route: &Route,
        pairs: &[(&str, &str)],
    ) -> Result<Answer, Error> {
        if !self.has(token) {
            return Err(Self::no_token(token, route));
        }
        self.document(&mut self.ask(token, route, &query(pairs)))
    }

    /// A write, sent once, on a connection of its own.
    pub fn post(&self, route: &Route, body: &Body) -> Result<Answer, Error> {
        self.with_token(route, |token| {
            let mut ask = self.ask(token, route, "");
            ask.body = match body {
                Body::None => None,
                Body::Json(value) => Some((JSON, value.to_string())),
                Body::FormWithJobToken(fields) => Some((FORM, self.form(fields))),
            };
            self.document(&mut ask)
        })
    }

    fn form(&self, fields: &[(String, String)]) -> String {
        let token = self.token(TokenKind::Job).map_or("", Secret::reveal);
        let fields = fields
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let pairs: Vec<_> = [("token", token)].into_iter().chain(fields).collect();
        query(&pairs)
    }

    /// An answer whose text is JSON to its end; to a write, an object.
    fn document(&self, ask: &mut Ask) -> Result<Answer, Error> {
        let answer = self.fetch(ask)?;
        let form = !ask.writes() || answer.body.trim_start().starts_with('{');
        if !form || serde_json::from_str::<IgnoredAny>(&answer.body).is_err() {
            return Err(self.not_json(&answer));
        }
        Ok(answer)
    }
}
