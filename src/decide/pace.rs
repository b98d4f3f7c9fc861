//! When to look again: soon where an end is likely, seldom where it is not, later still where many share one rate limit.

pub mod crowd;
pub mod history;
pub mod outage;
mod schedule;

use std::time::Duration;

pub use crowd::{Crowd, Window};
pub use history::History;
pub use outage::{Next, Outage, Trouble};
pub use schedule::Open;

use crate::time::parse_duration;

/// No sleep is longer than this, however crowded the server is (unless the user's own interval is).
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// `--interval MIN..MAX`: the pace where nobody else is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    min: Duration,
    max: Duration,
}

impl Interval {
    pub const DEFAULT: Self = Self {
        min: Duration::from_secs(3),
        max: Duration::from_secs(60),
    };

    /// Reads `3s..60s`; one duration alone is a fixed interval.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let (min, max) = (parse_duration(min)?, parse_duration(max)?);
        if min.is_zero() {
            return Err("an interval begins above zero; use for example 3s..60s".to_owned());
        }
        if min > max {
            return Err("the interval's end is before its beginning".to_owned());
        }
        Ok(Self { min, max })
    }
}

/// The pace of one wait: told of every answer, asked for every sleep.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Interval,
    crowd: Crowd,
    outage: Outage,
    random: Random,
}

impl Pace {
    /// `budget`: how long the server may give no good answer.
    pub fn new(interval: Interval, budget: Duration, seed: u64) -> Self {
        Self {
            interval,
            crowd: Crowd::default(),
            outage: Outage::new(budget),
            random: Random::new(seed),
        }
    }

    /// A good answer came, with or without rate-limit headers.
    pub fn answered(&mut self, window: Option<Window>) {
        self.outage.answered();
        if let Some(window) = window {
            self.crowd.seen(window);
        }
    }

    /// The sleep before the next look. `jobs`: what is waited for and has not ended; `quiet`: time since anything changed;
    /// `left`: time to the deadline.
    pub fn sleep(&mut self, jobs: &[Open], quiet: Duration, left: Duration) -> Duration {
        let spread = if self.crowd.alone() { 0.1 } else { 0.25 };
        let jitter = self.random.between(1.0 - spread, 1.0 + spread);
        let delay = pace(jobs, quiet, self.interval, self.crowd.factor());
        let longest = LONGEST.max(self.interval.max);
        scale(delay, jitter)
            .clamp(self.interval.min, longest)
            .min(left)
    }

    /// A request asked at `asked` brought no good answer at `now` (both monotonic). `left`: time to the deadline.
    pub fn failed(
        &mut self,
        trouble: Trouble,
        asked: Duration,
        now: Duration,
        left: Duration,
    ) -> Next {
        if let Trouble::Limited { window, .. } = trouble {
            self.crowd.refused(window);
        }
        match self
            .outage
            .failed(trouble, asked, now, self.crowd.factor(), &mut self.random)
        {
            Next::Again(delay) => Next::Again(delay.min(left)),
            Next::Over => Next::Over,
        }
    }

    /// Whether to spend the one request for usual durations, at the wait's look number `look` (from 1) that found jobs open.
    /// A wait that lives to its second look repays it, unless requests are scarce.
    pub fn repays_history(&self, look: u32) -> bool {
        look >= 2 && self.crowd.factor() <= HISTORY_CROWD
    }
}

/// Beyond this factor a wait looks so seldom that one more request is dear.
const HISTORY_CROWD: f64 = 3.0;
/// Without history: half of the quiet time and a bit, between these.
const BLIND: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
const BLIND_MORE: Duration = Duration::from_secs(22);

/// The time to the next look at `jobs`, before jitter. A crowd makes every request dearer and the whole interval longer.
pub fn pace(jobs: &[Open], quiet: Duration, interval: Interval, crowd: f64) -> Duration {
    let longest = LONGEST.max(interval.max);
    let [min, max] = [interval.min, interval.max].map(|end| scale(end, crowd).min(longest));
    if !jobs.is_empty() && jobs.iter().all(|job| !job.past.is_empty()) {
        let worth = schedule::worth(interval.min) * crowd;
        return schedule::next_look(jobs, max.min(LONGEST), worth).clamp(min, max);
    }
    let (soonest, latest) = BLIND;
    let delay = (quiet.min(LONGEST) + BLIND_MORE) / 2;
    scale(delay.clamp(soonest, latest), crowd).clamp(min, max)
}

/// A delay times a factor; the longest sleep if the product is no duration.
fn scale(delay: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(LONGEST)
}

/// Small deterministic random numbers for jitter (`SplitMix64`); no secret depends on them.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to just below 1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        f64::from((mixed >> 32) as u32) / 4_294_967_296.0
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
}
