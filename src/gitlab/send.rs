//! From one request to its answer's text: limits, redirects, bounds, and the kind of each bad end.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::HeaderMap;

use super::client::{Client, Note};
use super::connection::{Ask, Connection, FORM, JSON, words};
use super::error::{Error, Kind};
use super::explain::{Fault, Refusal, title};
use super::facts::{self, Facts, header};
use super::proxy;
use super::route::{Route, TokenKind};
use super::said::Said;
use crate::host::Limits;
use crate::os::lock;
use crate::url::Url;

/// Redirects that are followed within the API, or towards a log.
const HOPS: usize = 3;

/// No request lasts as long.
const DAY: Duration = Duration::from_hours(24);

/// An answer's head, its body unread.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) facts: Facts,
    pub(super) headers: HeaderMap,
    pub(super) body: ureq::Body,
}

/// A good answer: the whole of its text.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub facts: Facts,
    pub(super) headers: HeaderMap,
    pub(super) route: Route,
    /// The client's count of good answers.
    pub(super) good: Rc<Cell<u64>>,
}

impl Answer {
    /// The body as a type, which makes it a good answer; one of another form is an [`Error`] of kind `Unusable`, which counts as transient.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let value = self.read()?;
        self.good.update(|answers| answers + 1);
        Ok(value)
    }

    /// The same for a part of what the answer must hold: it is not known yet whether it is a good one.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // serde's own message may quote the body.
        serde_json::from_str(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            self.lacks(&format!(
                "is JSON, but not of the expected form (line {line}, column {column})"
            ))
        })
    }

    /// The answer is not what it should be.
    pub fn lacks(&self, what: &str) -> Error {
        Error::new(Kind::Unusable, &self.route, format!("the answer {what}"))
            .of(self.status, &self.facts)
    }
}

impl Client<'_> {
    /// A request without a body.
    pub(super) fn ask<'r>(&self, token: TokenKind, route: &'r Route, query: &str) -> Ask<'r> {
        let mut url = self.ci.api.clone();
        url.path.push_str(&route.path());
        url.query = (!query.is_empty()).then(|| query.to_owned());
        Ask {
            route,
            url,
            token,
            body: None,
            limits: self.limits(route),
        }
    }

    /// The head of a good answer, its body unread. Redirects are followed as far as [`Self::may_follow`] allows.
    pub(super) fn good(&self, ask: &mut Ask) -> Result<Head, Error> {
        let mut foreign = None;
        let mut hops = 0..HOPS;
        loop {
            let head = self.head(ask, foreign.as_ref())?;
            match head.status {
                206 => return Err(self.unusable(ask, &head, "only a part was sent (206)")),
                200..=299 => return Ok(head),
                300..=399 => match location(&head, ask) {
                    Ok(next) if self.may_follow(ask, &next) && hops.next().is_some() => {
                        // Once away, always without token: what the foreign server answered may lead anywhere.
                        if foreign.is_some() || !next.below(&self.ci.api) {
                            foreign = Some(self.foreign(ask, &next)?);
                        }
                        ask.url = next;
                        ask.limits = self.limits(ask.route);
                    }
                    _ => return Err(self.redirected(ask, &head)),
                },
                status if foreign.is_some() => {
                    let origin = ask.url.origin();
                    let message = format!("{origin} answered {status} to the redirect");
                    return Err(ask.error(Kind::Server, message).of(status, &head.facts));
                }
                _ => return Err(self.refusal(ask, head)),
            }
        }
    }

    /// A GET stays below the API's path. A log may lie elsewhere, but https leads to https alone.
    fn may_follow(&self, ask: &Ask, to: &Url) -> bool {
        match ask.route {
            Route::Trace(..) => to.secure || !ask.url.secure,
            _ => !ask.writes() && to.below(&self.ci.api),
        }
    }

    /// A connection to another server: no token, no client certificate and no trust in the CA file.
    fn foreign(&self, ask: &Ask, url: &Url) -> Result<Connection, Error> {
        let proxy = proxy::choose(url, &self.ci.proxies)
            .map_err(|stop| ask.error(Kind::Unreachable, stop.error))?;
        let others = &self.tls.others;
        let foreign = Connection::new(others, others, proxy, &self.interrupt);
        // Replaces the one before, so that following a log for hours does not gather connections.
        *lock(&self.foreign) = Some(foreign.agent.clone());
        Ok(foreign)
    }

    /// Sends, and waits for the head of the answer. A `foreign` connection carries no token.
    fn head(&self, ask: &Ask, foreign: Option<&Connection>) -> Result<Head, Error> {
        self.may_ask(ask, foreign.is_none())?;
        let in_form = ask.body.as_ref().is_some_and(|(kind, _)| *kind == FORM);
        let token = self
            .token(ask.token)
            .filter(|_| foreign.is_none() && !in_form);
        self.using(ask.token);
        let connection = foreign.unwrap_or(&self.connection);
        let begun = self.host.clock.monotonic();
        let result = connection.send(ask, token);
        let took = self.host.clock.monotonic().saturating_sub(begun);
        let note = |answer: &str| {
            let (method, shown) = (ask.route.need().method, self.shown(&ask.url));
            let took = took.as_millis();
            (self.note)(Note::Request(format!("{method} {shown} {answer} {took}ms")));
        };
        let response = result.map_err(|error| {
            note("no answer -");
            self.broken(ask, connection, &error)
        })?;
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        let facts = Facts::read(&parts.headers, self.mask());
        let id = facts.request_id.as_deref().unwrap_or("-");
        note(&format!("{status} {id}"));
        Ok(Head {
            status,
            facts,
            headers: parts.headers,
            body,
        })
    }

    /// The last look before bytes leave.
    fn may_ask(&self, ask: &Ask, home: bool) -> Result<(), Error> {
        if let Some(error) = self.ended_by_signal(ask, false) {
            return Err(error);
        }
        if self.over() {
            return Err(ask.error(Kind::Deadline, "not asked: the time allowed is over"));
        }
        // Tokens go below the API's path and nowhere else, whatever a caller put into a project's name.
        if home && !ask.url.below(&self.ci.api) {
            return Err(ask.error(Kind::Refused, "not asked: the path leaves the API"));
        }
        Ok(())
    }

    /// The host's limits, cut to the time left. A log has no limit of its own.
    fn limits(&self, route: &Route) -> Limits {
        let (limits, left) = (self.host.limits, self.left().unwrap_or(DAY));
        let log = matches!(route, Route::Trace(..));
        Limits {
            connect: left.min(limits.connect),
            headers: left.min(limits.headers),
            per_read: left.min(limits.per_read),
            per_write: left.min(limits.per_write),
            body: if log { left } else { left.min(limits.body) },
            ..limits
        }
    }

    /// GitLab's URLs whole, others without query. No URL of ours holds a secret; server-made ones are cleaned.
    fn shown(&self, url: &Url) -> String {
        let text = if url.same_origin(&self.ci.api) {
            url.to_string()
        } else {
            format!("{}{}", url.origin(), url.path)
        };
        self.line(&text, 500)
    }

    /// A good answer's text.
    pub(super) fn fetch(&self, ask: &mut Ask) -> Result<Answer, Error> {
        let mut head = self.good(ask)?;
        let bound = self.host.limits.page_bytes;
        let body = match read(&mut head.body, bound) {
            Ok(Some(body)) => body,
            Ok(None) => {
                let message = format!("the answer is larger than {bound} bytes");
                return Err(self.unusable(ask, &head, &message));
            }
            Err(error) => return Err(self.cut_short(ask, &head, &error)),
        };
        Ok(Answer {
            status: head.status,
            // What is not UTF-8 is not JSON, and an empty text is not either.
            body: String::from_utf8(body).unwrap_or_default(),
            facts: head.facts,
            headers: head.headers,
            route: ask.route.clone(),
            good: Rc::clone(&self.memory().answers),
        })
    }

    fn cut_short(&self, ask: &Ask, head: &Head, error: &ureq::Error) -> Error {
        let why = self.line(&words(error, &ask.limits), 300);
        self.unusable(ask, head, &format!("the answer was cut short: {why}"))
    }

    /// An answer of which nothing can be taken, unless a signal or the deadline cut it off.
    fn unusable(&self, ask: &Ask, head: &Head, message: &str) -> Error {
        if let Some(error) = self.ended_by_signal(ask, true) {
            return error;
        }
        let late = self.over() && !ask.writes();
        let kind = if late { Kind::Deadline } else { Kind::Unusable };
        ask.error(kind, message).of(head.status, &head.facts)
    }

    /// A signal has arrived.
    pub(super) fn ended_by_signal(&self, ask: &Ask, sent: bool) -> Option<Error> {
        let signal = self.interrupt.signal()?;
        let message = format!("ended by {}", signal.name());
        Some(ask.error(Kind::Interrupted { signal, sent }, message))
    }

    /// A good status with a text that is not JSON: named, never quoted.
    pub(super) fn not_json(&self, answer: &Answer) -> Error {
        let content = facts::content_type(&answer.headers, self.mask());
        let message = match content.as_str() {
            "" => "the answer is not JSON".to_owned(),
            JSON => "the answer says it is JSON, but cannot be read".to_owned(),
            kind => format!("the answer is not JSON but {kind}: perhaps a proxy's page"),
        };
        let error = Error::new(Kind::Unusable, &answer.route, message);
        let error = error.of(answer.status, &answer.facts);
        if content != "text/html" {
            return error;
        }
        let refusal = Refusal {
            html: true,
            ..Refusal::new(&answer.route, None, answer.status, "")
        };
        Error {
            tries: Some(1),
            ..error.explained(&refusal)
        }
    }

    /// An answer that says no.
    fn refusal(&self, ask: &Ask, mut head: Head) -> Error {
        let body = match read(&mut head.body, self.host.limits.error_bytes) {
            // Whatever cut it off may have made the status, too. The status of a 429 and of a broken server says enough.
            Err(error) if head.status < 500 && head.status != 429 => {
                return self.cut_short(ask, &head, &error);
            }
            body => body.ok().flatten().unwrap_or_default(),
        };
        let said = Said::read(&body, self.mask());
        let content = facts::content_type(&head.headers, self.mask());
        let message = said.line(head.status, &content, &body, self.mask());
        let wait = facts::wait(&head.headers, self.host.clock.wall());
        let text = String::from_utf8_lossy(&body);
        let text = match content.as_str() {
            "text/html" => self.line(title(&text), 300),
            "text/plain" => self.line(&text, 300),
            _ => String::new(),
        };
        let kind = Kind::of(head.status, said.locked(), wait);
        let error = ask.error(kind, message).of(head.status, &head.facts);
        let message = said.message.as_deref().unwrap_or(&text);
        let memory = self.memory();
        let worked = (std::mem::discriminant(ask.route), ask.token);
        let body = ask.body.as_ref();
        error.explained(&Refusal {
            error: said.error.as_deref(),
            error_description: said.description.as_deref(),
            html: content == "text/html",
            known_projects: &memory.known,
            worked_before: memory.worked.contains(&worked),
            release: self.ci.release,
            variables: body.is_some_and(|(_, text)| text.contains("variables")),
            ..Refusal::new(ask.route, Some(ask.token), head.status, message)
        })
    }

    fn redirected(&self, ask: &Ask, head: &Head) -> Error {
        let status = head.status;
        let message = match location(head, ask) {
            Ok(target) => {
                let target = self.shown(&target);
                format!("{status}, a redirect to {target}, is not followed")
            }
            Err(why) => format!("{status}, a redirect whose target {why}, is not followed"),
        };
        let error = ask.error(Kind::Redirected, message);
        let refusal = Refusal::new(ask.route, Some(ask.token), status, "");
        error.of(status, &head.facts).explained(&refusal)
    }

    /// No head of an answer came.
    fn broken(&self, ask: &Ask, connection: &Connection, error: &ureq::Error) -> Error {
        let stage = connection.progress.get();
        let fault = Fault::of(&error.to_string());
        let tries = fault.and_then(|fault| fault.tries);
        // What no repeat cures comes before the request is looked at: a server that refuses our client certificate says so after TLS 1.3 let
        // the request go.
        let sent = stage.sent && tries.is_none();
        // The connection was shut down by ourselves.
        if let Some(error) = self.ended_by_signal(ask, sent) {
            return error;
        }
        let kind = match sent {
            // What became of a write is not known, and that matters more than the time.
            true if ask.writes() || !self.over() => Kind::Lost,
            false if !self.over() => Kind::Unreachable,
            _ => Kind::Deadline,
        };
        let proxy = connection.proxy().filter(|_| stage.closed);
        let hints = fault.map_or_else(Vec::new, |fault| {
            fault.hint.lines().map(str::to_owned).collect()
        });
        let way = proxy.map(|proxy| format!(" through the proxy {proxy}"));
        let way = way.unwrap_or_default();
        let mut message = self.line(&words(error, &ask.limits), 300);
        if !sent {
            message = format!("cannot reach {}{way}: {message}", ask.url.origin());
        }
        Error {
            hints,
            tries,
            ..ask.error(kind, message)
        }
    }

    /// There is no token of the kind that the route takes.
    pub(super) fn no_token(kind: TokenKind, route: &Route) -> Error {
        let message = match kind {
            TokenKind::Job => "not sent, because CI_JOB_TOKEN is not set",
            TokenKind::Access => "not sent, because there is no access token",
        };
        Error::new(Kind::NoToken, route, message).explained(&Refusal::new(route, None, 401, ""))
    }
}

/// Where a redirect leads.
fn location(head: &Head, ask: &Ask) -> Result<Url, &'static str> {
    ask.url
        .join(header(&head.headers, "location").unwrap_or_default())
}

/// At most `bound` bytes after decompression; `None` if there are more.
fn read(body: &mut ureq::Body, bound: u64) -> Result<Option<Vec<u8>>, ureq::Error> {
    let mut bytes = Vec::new();
    let mut reader = body.as_reader().take(bound.saturating_add(1));
    reader.read_to_end(&mut bytes).map_err(ureq::Error::from)?;
    Ok((bytes.len() as u64 <= bound).then_some(bytes))
}
