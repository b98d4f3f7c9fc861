//! What the head of an answer says, and what its body says where it is a refusal.

use std::time::Duration;

use serde_json::Value;
use ureq::http::HeaderMap;

use super::TokenKind;
use super::error::{Kind, Said};
use super::text::Cleaner;
use crate::time::Timestamp;

/// What the headers of an answer say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The server's clock.
    pub date: Option<Timestamp>,
    pub request_id: Option<String>,
    pub rate: Option<Rate>,
    /// The kind of token that the request carried.
    pub token: Option<TokenKind>,
}

/// `RateLimit-*` of one answer (`lib/gitlab/rack_attack.rb`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests allowed per minute.
    pub limit: f64,
    pub observed: f64,
    pub remaining: f64,
    /// End of the window by the server's clock.
    pub reset: Timestamp,
}

/// A longer wait than this is taken for nonsense.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

impl Facts {
    pub(super) fn read(headers: &HeaderMap, token: Option<TokenKind>, cleaner: &Cleaner) -> Self {
        Self {
            date: header(headers, "date").and_then(Timestamp::parse_http),
            request_id: header(headers, "x-request-id")
                .filter(|id| !id.is_empty())
                .map(|id| cleaner.line(id, 80)),
            rate: rate(headers),
            token,
        }
    }
}

fn rate(headers: &HeaderMap) -> Option<Rate> {
    let number = |name| {
        let number: u32 = header(headers, name)?.parse().ok()?;
        Some(f64::from(number))
    };
    Some(Rate {
        limit: number("ratelimit-limit").filter(|limit| *limit > 0.0)?,
        observed: number("ratelimit-observed")?,
        remaining: number("ratelimit-remaining")?,
        reset: unix(headers, "ratelimit-reset")?,
    })
}

fn unix(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    let seconds: i64 = header(headers, name)?.parse().ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
}

/// How long a 429 asks to wait: `Retry-After` in seconds or as a date, `RateLimit-ResetTime`, `RateLimit-Reset`; points in time are
/// taken against the server's own `Date`, or `now` where it sends none.
pub(super) fn wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let now = header(headers, "date")
        .and_then(Timestamp::parse_http)
        .unwrap_or(now);
    let date = |name| header(headers, name).and_then(Timestamp::parse_http);
    let seconds = || {
        let seconds: u64 = header(headers, "retry-after")?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    };
    let until = || {
        let at = date("retry-after")
            .or_else(|| date("ratelimit-resettime"))
            .or_else(|| unix(headers, "ratelimit-reset"))?;
        Some(at.since(now))
    };
    seconds().or_else(until).map(|wait| wait.min(LONGEST_WAIT))
}

/// The media type alone, lower case: `text/html`.
pub(super) fn content_type(headers: &HeaderMap, cleaner: &Cleaner) -> String {
    let kind = header(headers, "content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    cleaner.line(&kind.to_ascii_lowercase(), 60)
}

/// Reads a refusal's body in all of GitLab's shapes.
pub(super) fn said(body: &[u8], cleaner: &Cleaner) -> Said {
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        return Said::default();
    };
    let text = |key| {
        let value: &Value = object.get(key)?;
        let text = flat(value, 0);
        (!text.is_empty()).then(|| cleaner.line(&text, 400))
    };
    Said {
        message: text("message"),
        error: text("error"),
        description: text("error_description"),
        scope: text("scope"),
    }
}

/// One line for whatever stands under a key; `{"error": "…"}` is its text alone.
fn flat(value: &Value, depth: u8) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if depth < 3 => {
            let items: Vec<_> = items.iter().map(|item| flat(item, depth + 1)).collect();
            items.join(", ")
        }
        Value::Object(fields) if depth < 3 => {
            let fields: Vec<_> = fields
                .iter()
                .map(
                    |(key, value)| match (key.as_str(), flat(value, depth + 1)) {
                        ("error" | "base", text) => text,
                        (key, text) => format!("{key}: {text}"),
                    },
                )
                .collect();
            fields.join("; ")
        }
        other => other.to_string(),
    }
}

/// What a status means for whoever decides.
pub(super) fn kind(status: u16, said: &Said, wait: Option<Duration>) -> Kind {
    let locked = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|text| text.to_ascii_lowercase().contains("resource lock"))
    };
    match status {
        300..=399 => Kind::Redirected,
        401 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        404 => Kind::NotFound,
        409 if locked(&said.message) || locked(&said.error) => Kind::Locked,
        429 => Kind::Limited { wait },
        // 408 and 425 come from proxies and say nothing about GitLab.
        408 | 425 | 500.. => Kind::Server,
        _ => Kind::Refused,
    }
}

/// A refusal in one line: the server's words, or what kind of page it sent.
pub(super) fn message(
    status: u16,
    said: &Said,
    kind: &str,
    body: &[u8],
    cleaner: &Cleaner,
) -> String {
    let words = match (&said.message, &said.error, &said.description) {
        (Some(message), _, _) => message.clone(),
        (None, Some(error), Some(description)) => format!("{error}: {description}"),
        (None, Some(error), None) => error.clone(),
        (None, None, Some(description)) => description.clone(),
        (None, None, None) if kind == "text/plain" && !body.is_empty() => {
            cleaner.line(&String::from_utf8_lossy(body), 200)
        }
        (None, None, None) if body.is_empty() => return format!("status {status} without a text"),
        (None, None, None) if kind.is_empty() => {
            return format!("status {status} with an unreadable text");
        }
        (None, None, None) => {
            return format!("status {status} with an unreadable text of type {kind}");
        }
    };
    // GitLab repeats the status in most of its messages.
    if words.starts_with(&status.to_string()) {
        words
    } else {
        format!("{status} {words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(*name, value.parse().expect("header value"));
        }
        map
    }

    #[test]
    fn a_429_says_when_in_four_ways() {
        let now = Timestamp::parse("2026-11-20T08:00:00Z").expect("now");
        let date = ("date", "Fri, 20 Nov 2026 10:00:00 GMT");
        for (pairs, seconds) in [
            (&[("retry-after", "30")][..], Some(30)),
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after", " 7 ")], Some(7)),
            (
                &[date, ("retry-after", "Fri, 20 Nov 2026 10:00:45 GMT")],
                Some(45),
            ),
            (&[("retry-after", "Fri, 20 Nov 2026 08:00:05 GMT")], Some(5)),
            (
                &[date, ("retry-after", "Fri, 20 Nov 2026 09:00:00 GMT")],
                Some(0),
            ),
            (
                &[
                    date,
                    ("ratelimit-resettime", "Fri, 20 Nov 2026 10:01:00 GMT"),
                ],
                Some(60),
            ),
            (&[date, ("ratelimit-reset", "1795168812")], Some(12)),
            (
                &[
                    ("retry-after", "soon"),
                    date,
                    ("ratelimit-reset", "1795168812"),
                ],
                Some(12),
            ),
            (&[("retry-after", "99999999")], Some(86_400)),
            (&[("retry-after", "-1")], None),
            (&[date], None),
            (&[("ratelimit-reset", "9999999999999999")], None),
        ] {
            assert_eq!(
                wait(&headers(pairs), now).map(|wait| wait.as_secs()),
                seconds,
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn all_shapes_of_a_refusal_become_one_line() {
        let cleaner = Cleaner::new(Vec::new());
        for (status, kind, body, expected) in [
            (
                401,
                "application/json",
                r#"{"message":"401 Unauthorized"}"#,
                "401 Unauthorized",
            ),
            (
                429,
                "application/json",
                r#"{"message":{"error":"Too many. Try later."}}"#,
                "429 Too many. Try later.",
            ),
            (
                400,
                "application/json",
                r#"{"message":{"name":["is long","is bad"],"base":["x"]}}"#,
                "400 x; name: is long, is bad",
            ),
            (
                400,
                "application/json",
                r#"{"error":"scope does not have a valid value"}"#,
                "400 scope does not have a valid value",
            ),
            (
                403,
                "application/json",
                r#"{"error":"insufficient_scope","error_description":"needs more","scope":"api"}"#,
                "403 insufficient_scope: needs more",
            ),
            (429, "text/plain", "Retry later\n", "429 Retry later"),
            (
                502,
                "text/html",
                "<h1>secret</h1>",
                "status 502 with an unreadable text of type text/html",
            ),
            (
                500,
                "application/json",
                r#"{"message": broken secret"#,
                "status 500 with an unreadable text of type application/json",
            ),
            (
                404,
                "application/json",
                r#"["x"]"#,
                "status 404 with an unreadable text of type application/json",
            ),
            (503, "", "", "status 503 without a text"),
        ] {
            let said = said(body.as_bytes(), &cleaner);
            let text = message(status, &said, kind, body.as_bytes(), &cleaner);
            assert_eq!(text, expected, "{body}");
        }
    }

    #[test]
    fn a_rate_is_whole_or_absent() {
        let all = [
            ("ratelimit-limit", "2000"),
            ("ratelimit-observed", "12"),
            ("ratelimit-remaining", "1988"),
            ("ratelimit-reset", "1795168812"),
        ];
        assert!(rate(&headers(&all)).is_some());
        assert_eq!(rate(&headers(all.get(..3).unwrap_or_default())), None);
        assert_eq!(
            rate(&headers(&[
                ("ratelimit-limit", "0"),
                all[1],
                all[2],
                all[3]
            ])),
            None
        );
        assert_eq!(
            rate(&headers(&[
                ("ratelimit-limit", "NaN"),
                all[1],
                all[2],
                all[3]
            ])),
            None
        );
    }

    #[test]
    fn only_a_resource_lock_is_a_lock() {
        let cleaner = Cleaner::new(Vec::new());
        for (body, kind_) in [
            (r#"{"message":"409 Conflict: Resource lock"}"#, Kind::Locked),
            (r#"{"message":"409 Conflict"}"#, Kind::Refused),
        ] {
            assert_eq!(kind(409, &said(body.as_bytes(), &cleaner), None), kind_);
        }
    }
}
