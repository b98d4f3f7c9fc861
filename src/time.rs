//! The clock, timestamps as GitLab writes them, and durations as people write them.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

use crate::os::{Interrupt, Slept};

/// The only source of time. The program uses [`RealClock`], tests use a fake clock.
pub trait Clock: Sync {
    /// The time of day of this machine, for display only.
    fn wall(&self) -> Timestamp;
    /// Time since some fixed point; never goes backwards.
    fn monotonic(&self) -> Duration;
    /// Sleeps until the time is over or the program is asked to end.
    fn sleep(&self, duration: Duration, interrupt: &Interrupt) -> Slept;
}

/// The machine's own clock.
pub struct RealClock(Instant);

impl RealClock {
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        let since = UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration, interrupt: &Interrupt) -> Slept {
        interrupt.sleep(duration)
    }
}

/// A point in time, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    /// As GitLab writes it in JSON, with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self::from_time(OffsetDateTime::parse(text, &Rfc3339).ok()?))
    }

    /// As HTTP writes it in `Date` and `Retry-After`.
    pub fn parse_http(text: &str) -> Option<Self> {
        Some(Self::from_time(OffsetDateTime::parse(text, &Rfc2822).ok()?))
    }

    fn from_time(time: OffsetDateTime) -> Self {
        Self(time.unix_timestamp() * 1000 + i64::from(time.millisecond()))
    }

    /// Time from `earlier` to `self`; zero if it is the other way round.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// `12:03:11`, UTC, as in GitLab's own job logs.
    pub fn time_of_day(self) -> String {
        let seconds = self.0.div_euclid(1000).rem_euclid(86_400);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
    }
}

/// RFC 3339, UTC, to the second (milliseconds only where there are any).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or("?"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        // The text itself is not quoted: it comes from outside.
        Self::parse(&text)
            .ok_or_else(|| de::Error::custom("expected a time as in 2026-11-20T08:00:01.120Z"))
    }
}

/// Limits, in characters, which texts an error quotes. A longer text is not a mistyped duration and may be a token.
const LONGEST: usize = 20;

/// Reads `90s`, `5m`, `1h30m`, `1.5h`, `500ms`; a bare number is seconds. At most 100 days.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let Some(seconds) = seconds(text) else {
        let quoted = format!("{text:?} is ");
        let what = if text.len() > LONGEST { "" } else { &quoted };
        return Err(format!(
            "{what}not a duration; use 90s, 5m, 1h30m or a number of seconds"
        ));
    };
    if seconds > 100.0 * 86_400.0 {
        return Err("longer than 100 days".to_owned());
    }
    // Cut to milliseconds: 0.001 has no exact binary form.
    let millis = Duration::from_secs_f64(seconds * 1000.0).as_secs();
    Ok(Duration::from_millis(millis))
}

/// Numbers with units, the largest unit first, or one number alone.
fn seconds(text: &str) -> Option<f64> {
    let (mut rest, mut total, mut last) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let end = tail.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = tail.split_at(end.unwrap_or(tail.len()));
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "" if number == text => 1.0,
            _ => return None,
        };
        if seconds >= last {
            return None;
        }
        last = seconds;
        total += number.parse::<f64>().ok()? * seconds;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// `42s`, `3m12s`, `1h05m`, `2d03h`: at most two units, as in tables and messages.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `--interval MIN..MAX`: the shortest and the longest sleep between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub min: Duration,
    pub max: Duration,
}

impl Interval {
    pub const DEFAULT: Self = Self {
        min: Duration::from_secs(3),
        max: Duration::from_secs(15),
    };

    /// Reads `3s..15s`; one duration alone is a fixed interval.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let (min, max) = (parse_duration(min)?, parse_duration(max)?);
        if min.is_zero() {
            return Err("MIN must be longer than 0; use for example 3s..15s".to_owned());
        }
        if min > max {
            return Err("MIN is longer than MAX; use for example 3s..15s".to_owned());
        }
        Ok(Self { min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_any_offset() {
        let utc = Timestamp::parse("2026-11-20T08:00:01.120Z").expect("utc");
        assert_eq!(Timestamp::parse("2026-11-20T10:00:01.120+02:00"), Some(utc));
        assert_eq!(utc.to_string(), "2026-11-20T08:00:01.12Z");
        assert_eq!(utc.time_of_day(), "08:00:01");
        assert_eq!(
            Timestamp::parse_http("Fri, 20 Nov 2026 08:00:01 GMT"),
            Some(Timestamp::from_millis(utc.millis() - 120))
        );
        for bad in ["", "2026-11-20", "now", "2026-13-20T08:00:01Z"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("90s", 90_000),
            ("20m", 1_200_000),
            ("1h30m", 5_400_000),
            ("7", 7000),
            ("0", 0),
            ("500ms", 500),
            ("1d", 86_400_000),
            ("1.5h", 5_400_000),
            ("1h0m0s", 3_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for bad in [
            "",
            "s",
            "-1",
            "1x",
            "1m1h",
            "1h30",
            "1.5.1h",
            ".",
            " 5",
            "5 s",
            "99999999999999999999",
            "101d",
            "1m1m",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_shown_in_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (42, "42s"),
            (192, "3m12s"),
            (3900, "1h05m"),
            (183_600, "2d03h"),
        ] {
            assert_eq!(human(Duration::from_secs(seconds)), text);
        }
    }
}
