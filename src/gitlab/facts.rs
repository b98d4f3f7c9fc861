//! What the head of an answer says.

use std::time::Duration;

use ureq::http::HeaderMap;

use super::text;
use crate::host::Mask;
use crate::time::Timestamp;

/// What the headers of an answer say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The server's clock.
    pub date: Option<Timestamp>,
    pub request_id: Option<String>,
    /// Less than a fifth of the rate limit is left (`RateLimit-*`, `lib/gitlab/rack_attack.rb`).
    pub scarce: bool,
}

/// A longer wait than this is taken for nonsense.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

impl Facts {
    pub(super) fn read(headers: &HeaderMap, mask: &Mask) -> Self {
        Self {
            date: header(headers, "date").and_then(Timestamp::parse_http),
            request_id: header(headers, "x-request-id")
                .filter(|id| !id.is_empty())
                .map(|id| text::line(mask, id, 80)),
            scarce: scarce(headers),
        }
    }
}

fn scarce(headers: &HeaderMap) -> bool {
    let number = |name| header(headers, name)?.parse::<u32>().ok().map(u64::from);
    let both = number("ratelimit-observed").zip(number("ratelimit-remaining"));
    both.is_some_and(|(observed, remaining)| remaining * 5 < observed + remaining)
}

fn unix(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    let seconds: i64 = header(headers, name)?.parse().ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
}

/// How long a 429 asks to wait: `Retry-After` in seconds or as a date, `RateLimit-Reset`; points in time are
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
        let at = date("retry-after").or_else(|| unix(headers, "ratelimit-reset"))?;
        Some(at.since(now))
    };
    seconds().or_else(until).map(|wait| wait.min(LONGEST_WAIT))
}

/// The media type alone, lower case: `text/html`.
pub(super) fn content_type(headers: &HeaderMap, mask: &Mask) -> String {
    let kind = header(headers, "content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    text::line(mask, kind, 60).to_ascii_lowercase()
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
    fn a_429_says_when_in_three_ways() {
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
        for (observed, remaining, expected) in [
            ("12", "1988", false),
            ("80", "20", false),
            ("81", "19", true),
            ("5", "0", true),
            ("0", "0", false),
            ("NaN", "0", false),
            ("-1", "0", false),
        ] {
            let pairs = [
                ("ratelimit-observed", observed),
                ("ratelimit-remaining", remaining),
            ];
            assert_eq!(scarce(&headers(&pairs)), expected, "{observed} {remaining}");
        }
        assert!(!scarce(&headers(&[("ratelimit-remaining", "0")])));
    }
}
