//! From one request to its answer's text: limits, redirects, bounds, and what each bad end is called.

use std::io::Read;
use std::time::Duration;

use ureq::http::{HeaderMap, Response};

use super::explain::{Explanation, Refusal, explain as explain_refusal, explain_no_token, title};
use super::facts::{self, Facts, header};
use super::net::{Broken, Cut, Line, Shot, words};
use super::{Client, Error, Kind, Note, Route, Said, TokenKind};
use crate::os::Signal;
use crate::url::Url;

/// Redirects that are followed within the API, or towards a log.
pub(super) const HOPS: usize = 3;

/// One request.
pub(super) struct Ask<'r> {
    pub(super) post: bool,
    pub(super) route: &'r Route,
    pub(super) url: Url,
    /// Goes into a header.
    pub(super) token: Option<TokenKind>,
    /// What the request is known to GitLab by, be it in a header or in a form.
    pub(super) carried: Option<TokenKind>,
    pub(super) body: Option<(&'static str, &'r str)>,
}

/// An answer's head, its body unread.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) facts: Facts,
    pub(super) headers: HeaderMap,
    pub(super) body: ureq::Body,
    pub(super) cut: Cut,
}

/// An answer's text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) status: u16,
    pub(super) facts: Facts,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Ask<'_> {
    pub(super) fn method(&self) -> &'static str {
        if self.post { "POST" } else { "GET" }
    }
}

impl Client<'_> {
    /// A good answer's text. A GET follows redirects that stay below the API's path.
    pub(super) fn fetch(&self, ask: &Ask, line: usize) -> Result<Text, Error> {
        let mut url = ask.url.clone();
        let mut hop = 0;
        loop {
            let head = self.head(ask, &url, ask.token, self.line(line))?;
            match head.status {
                200..=299 => return self.text(ask, head),
                300..=399 if !ask.post && hop < HOPS => {
                    let next = location(&head, &url).ok();
                    let Some(next) = next.filter(|next| next.below(&self.ci.api)) else {
                        return Err(self.redirected(ask, &head, &url));
                    };
                    url = next;
                    hop += 1;
                }
                300..=399 => return Err(self.redirected(ask, &head, &url)),
                _ => return Err(self.refusal(ask, head)),
            }
        }
    }

    /// Sends, and waits for the head of the answer.
    pub(super) fn head(
        &self,
        ask: &Ask,
        url: &Url,
        token: Option<TokenKind>,
        line: Option<&Line>,
    ) -> Result<Head, Error> {
        let (line, cut) = self.may_ask(ask, url, token, line)?;
        if let Some(kind) = ask.carried {
            self.using(kind);
        }
        let header = token.and_then(|kind| Some((kind.header(), self.token(kind)?)));
        let shot = Shot {
            post: ask.post,
            url,
            token: header,
            body: ask.body,
            cut,
        };
        let begun = self.host.clock.monotonic();
        let result = line.send(&shot);
        let took = self.host.clock.monotonic().saturating_sub(begun);
        let head = result.map(|response| self.split(response, ask.carried, cut));
        let facts = head.as_ref().ok();
        (self.note)(Note::Request {
            method: ask.method(),
            url: self.shown(url),
            status: facts.map(|head| head.status),
            request_id: facts.and_then(|head| head.facts.request_id.clone()),
            took,
        });
        head.map_err(|broken| self.broken(ask, url, &broken))
    }

    /// The last look before bytes leave.
    fn may_ask<'l>(
        &self,
        ask: &Ask,
        url: &Url,
        token: Option<TokenKind>,
        line: Option<&'l Line>,
    ) -> Result<(&'l Line, Cut), Error> {
        if let Some(signal) = self.interrupted() {
            let message = "not asked: the program was told to end";
            return Err(Self::error(ask, interrupted(signal, false), message));
        }
        let (Some(line), Some(cut)) = (line, self.cut(ask)) else {
            let message = "not asked: the time allowed is over";
            return Err(Self::error(ask, Kind::Deadline, message));
        };
        // Tokens go below the API's path and nowhere else, whatever a caller put into a project's name.
        if (token.is_some() || ask.post) && !url.below(&self.ci.api) {
            let message = "not asked: the path leaves the API";
            return Err(Self::error(ask, Kind::Refused, message));
        }
        Ok((line, cut))
    }

    fn split(&self, response: Response<ureq::Body>, token: Option<TokenKind>, cut: Cut) -> Head {
        let (parts, body) = response.into_parts();
        Head {
            status: parts.status.as_u16(),
            facts: Facts::read(&parts.headers, token, &self.cleaner),
            headers: parts.headers,
            body,
            cut,
        }
    }

    /// The limits, cut to the time left; `None` if there is none.
    fn cut(&self, ask: &Ask) -> Option<Cut> {
        let limits = &self.host.limits;
        let left = self.left();
        if left.is_some_and(|left| left.is_zero()) {
            return None;
        }
        let cut = |limit: Duration| limit.min(left.unwrap_or(limit));
        let log = matches!(ask.route, Route::Trace(..));
        Some(Cut {
            connect: cut(limits.connect),
            headers: cut(limits.headers),
            per_read: cut(limits.per_read),
            per_write: cut(limits.per_write),
            body: if log { left } else { Some(cut(limits.body)) },
        })
    }

    pub(super) fn line(&self, number: usize) -> Option<&Line> {
        self.lines.get(number)
    }

    pub(super) fn interrupted(&self) -> Option<Signal> {
        self.host
            .interrupt
            .signal()
            .filter(|_| self.heeds_interrupt)
    }

    /// GitLab's URLs whole, others without query. No URL of ours holds a secret; server-made ones are cleaned.
    fn shown(&self, url: &Url) -> String {
        let text = if url.same_origin(&self.ci.api) {
            url.to_string()
        } else {
            format!("{}{}", url.origin(), url.path)
        };
        self.cleaner.line(&text, 500)
    }

    fn text(&self, ask: &Ask, mut head: Head) -> Result<Text, Error> {
        let read = read(&mut head.body, self.host.limits.page_bytes);
        if let Some(signal) = self.interrupted() {
            return Err(Self::error(
                ask,
                interrupted(signal, true),
                "the program was told to end",
            ));
        }
        let fault = |message: String| {
            let late = self.over() && !ask.post;
            let kind = if late { Kind::Deadline } else { Kind::NotJson };
            Self::error(ask, kind, message).of(&head)
        };
        let body = match read {
            Ok(Some(body)) => body,
            Ok(None) => {
                let bound = self.host.limits.page_bytes;
                return Err(fault(format!("the answer is larger than {bound} bytes")));
            }
            Err(error) => {
                let why = self.cleaner.line(&words(&error, &head.cut), 300);
                return Err(fault(format!("the answer was cut short: {why}")));
            }
        };
        let Ok(body) = String::from_utf8(body) else {
            return Err(fault(self.no_json_text(&head.headers)));
        };
        Ok(Text {
            status: head.status,
            facts: head.facts,
            headers: head.headers,
            body,
        })
    }

    /// A good status with a text that is no JSON: named, never quoted.
    pub(super) fn not_json(&self, text: &Text, method: &'static str, route: &Route) -> Error {
        let html = facts::content_type(&text.headers, &self.cleaner) == "text/html";
        let refusal = Refusal {
            html,
            ..Refusal::new(route, text.facts.token, text.status, "")
        };
        Error {
            kind: Kind::NotJson,
            method,
            route: route.clone(),
            message: self.no_json_text(&text.headers),
            said: Said::default(),
            status: Some(text.status),
            facts: text.facts.clone(),
            hints: Vec::new(),
            explained: html.then(|| Box::new(explain_refusal(&refusal))),
            before: None,
        }
    }

    fn no_json_text(&self, headers: &HeaderMap) -> String {
        match facts::content_type(headers, &self.cleaner).as_str() {
            "" => "the answer is no JSON".to_owned(),
            "application/json" => "the answer says it is JSON, but cannot be read".to_owned(),
            kind => format!("the answer is no JSON but {kind}: perhaps a proxy's page"),
        }
    }

    /// An answer that says no.
    pub(super) fn refusal(&self, ask: &Ask, mut head: Head) -> Error {
        // A text that cannot be read leaves the status, which says enough.
        let body = read(&mut head.body, self.host.limits.error_bytes);
        let body = body.ok().flatten().unwrap_or_default();
        let said = facts::said(&body, &self.cleaner);
        let content = facts::content_type(&head.headers, &self.cleaner);
        let message = facts::message(head.status, &said, &content, &body, &self.cleaner);
        let wait = facts::wait(&head.headers, self.host.clock.wall());
        let kind = facts::kind(head.status, &said, wait);
        let page = content == "text/html";
        let text = String::from_utf8_lossy(&body);
        let text = match content.as_str() {
            "text/html" => self.cleaner.line(title(&text), 300),
            "text/plain" => self.cleaner.line(&text, 300),
            _ => String::new(),
        };
        let explained = self.explain(ask, head.status, &said, &text, page);
        Error {
            said,
            explained: Some(Box::new(explained)),
            ..Self::error(ask, kind, message).of(&head)
        }
    }

    fn explain(&self, ask: &Ask, status: u16, said: &Said, words: &str, html: bool) -> Explanation {
        let memory = self.memory();
        explain_refusal(&Refusal {
            error: said.error.as_deref(),
            error_description: said.description.as_deref(),
            scope: said.scope.as_deref(),
            html,
            known_projects: &memory.known,
            version: memory.version,
            worked_before: memory
                .worked
                .contains(&(std::mem::discriminant(ask.route), ask.carried)),
            variables: ask.body.is_some_and(|(_, text)| text.contains("variables")),
            ..Refusal::new(
                ask.route,
                ask.carried,
                status,
                said.message.as_deref().unwrap_or(words),
            )
        })
    }

    pub(super) fn redirected(&self, ask: &Ask, head: &Head, from: &Url) -> Error {
        let status = head.status;
        let target = location(head, from);
        let message = match &target {
            Ok(target) => format!(
                "{status}, a redirect to {}, is not followed",
                self.shown(target)
            ),
            Err(why) => format!("{status}, a redirect whose target {why}, is not followed"),
        };
        let mut error = Self::error(ask, Kind::Redirected, message).of(head);
        if target.is_ok_and(|target| target.secure && !from.secure && target.host == from.host) {
            error
                .hints
                .push("GitLab wants https: CI_API_V4_URL and --server must say so".to_owned());
        } else {
            let refusal = Refusal::new(ask.route, ask.carried, status, "");
            error.explained = Some(Box::new(explain_refusal(&refusal)));
        }
        error
    }

    fn broken(&self, ask: &Ask, url: &Url, broken: &Broken) -> Error {
        // A write that may have been done is never just "too late".
        let kind = match (self.interrupted(), broken.sent) {
            (Some(signal), sent) => interrupted(signal, sent),
            (None, sent) if self.over() && !(ask.post && sent) => Kind::Deadline,
            (None, true) => Kind::Lost,
            (None, false) => Kind::Unreachable,
        };
        if let Kind::Interrupted { .. } = kind {
            // The connection was shut down by ourselves.
            return Self::error(ask, kind, "the program was told to end");
        }
        let mut message = self.cleaner.line(&broken.why, 300);
        if !broken.sent {
            message = format!("cannot reach {}: {message}", url.origin());
        }
        Error {
            hints: broken.hint.iter().map(|&hint| hint.to_owned()).collect(),
            ..Self::error(ask, kind, message)
        }
    }

    /// The deadline has passed.
    pub(super) fn over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// There is no token of the kind that the route takes.
    pub(super) fn no_token(kind: TokenKind, route: &Route) -> Error {
        Error {
            kind: Kind::NoToken,
            method: route.need().method,
            route: route.clone(),
            message: match kind {
                TokenKind::Job => "not sent, because CI_JOB_TOKEN is not set".to_owned(),
                TokenKind::Access => "not sent, because there is no access token".to_owned(),
            },
            said: Said::default(),
            status: None,
            facts: Facts::default(),
            hints: Vec::new(),
            explained: Some(Box::new(explain_no_token(route))),
            before: None,
        }
    }

    pub(super) fn error(ask: &Ask, kind: Kind, message: impl Into<String>) -> Error {
        Error {
            kind,
            method: ask.method(),
            route: ask.route.clone(),
            message: message.into(),
            said: Said::default(),
            status: None,
            facts: Facts {
                token: ask.carried,
                ..Facts::default()
            },
            hints: Vec::new(),
            explained: None,
            before: None,
        }
    }
}

impl Error {
    pub(super) fn of(self, head: &Head) -> Self {
        Self {
            status: Some(head.status),
            facts: head.facts.clone(),
            ..self
        }
    }
}

pub(super) fn interrupted(signal: Signal, sent: bool) -> Kind {
    Kind::Interrupted { signal, sent }
}

/// Where a redirect leads.
pub(super) fn location(head: &Head, from: &Url) -> Result<Url, &'static str> {
    from.join(header(&head.headers, "location").unwrap_or_default())
}

/// At most `bound` bytes after decompression; `None` if there are more.
fn read(body: &mut ureq::Body, bound: u64) -> Result<Option<Vec<u8>>, ureq::Error> {
    let mut bytes = Vec::new();
    let mut reader = body.as_reader().take(bound.saturating_add(1));
    reader.read_to_end(&mut bytes).map_err(ureq::Error::from)?;
    Ok((bytes.len() as u64 <= bound).then_some(bytes))
}
