//! What the head of an answer says.

use std::time::Duration;

use ureq::http::HeaderMap;

use super::route::TokenKind;
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
    /// Less than a fifth of the rate limit is left.
    pub fn scarce(&self) -> bool {
        let all = |rate: &Rate| rate.observed + rate.remaining;
        self.rate
            .is_some_and(|rate| rate.remaining * 5.0 < all(&rate))
    }

    pub(super) fn read(headers: &HeaderMap, token: TokenKind, cleaner: &Cleaner) -> Self {
        Self {
            date: header(headers, "date").and_then(Timestamp::parse_http),
            request_id: header(headers, "x-request-id")
                .filter(|id| !id.is_empty())
                .map(|id| cleaner.line(id, 80)),
            rate: rate(headers),
            token: Some(token),
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
}
