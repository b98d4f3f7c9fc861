//! When to look again, and how long to leave a server alone that does not answer or asks for a pause.

use std::time::Duration;

pub use crate::time::Interval;

/// The sleeps of one wait: they grow while nothing changes.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Interval,
    /// The next sleep, before jitter and stretching.
    next: Duration,
    /// Pages read by the last look.
    pages: u32,
    /// Little is left of the rate limit.
    scarce: bool,
    random: Random,
}

impl Pace {
    pub fn new(interval: Interval, seed: u64) -> Self {
        Self {
            interval,
            next: interval.min,
            pages: 0,
            scarce: false,
            random: Random(seed),
        }
    }

    /// A look has read this many pages; `scarce` says whether less than a fifth of the rate limit is left.
    pub fn looked(&mut self, pages: usize, scarce: bool) {
        self.pages = u32::try_from(pages).unwrap_or(u32::MAX);
        self.scarce = scarce;
    }

    /// Something has changed: the sleeps begin at MIN again.
    pub fn changed(&mut self) {
        self.next = self.interval.min;
    }

    /// The sleep before the next look.
    pub fn sleep(&mut self) -> Duration {
        let delay = scale(self.next, self.random.between(0.9, 1.1));
        self.next = scale(self.next, 1.5).min(self.interval.max);
        // A look at a large pipeline is expensive for the server: at most one page a second.
        let delay = delay.max(Duration::from_secs(1).saturating_mul(self.pages));
        if self.scarce {
            delay.saturating_mul(2)
        } else {
            delay
        }
    }
}

/// First delay after trouble, doubled each time up to [`SLOWEST`].
const FIRST: Duration = Duration::from_secs(1);
const SLOWEST: Duration = Duration::from_secs(30);
/// The pause after a 429 that does not say how long.
const LIMITED: Duration = Duration::from_secs(10);
/// A 429 may say "now", again and again.
const LEAST: Duration = Duration::from_secs(1);
/// Clients that one 429 sent to the same moment are spread over this time, and over half of the pause when 429s follow each other.
const SPREAD: Duration = Duration::from_secs(3);

/// How long there has been no good answer, and how long to wait before the next try.
#[derive(Clone, Debug)]
pub struct Outage {
    budget: Duration,
    /// Time without a good answer; the pauses of 429s are not charged.
    spent: Duration,
    /// When trouble was last seen, if no 429 came since.
    last: Option<Duration>,
    tries: u32,
    /// 429s in a row.
    limits: u32,
    random: Random,
}

impl Outage {
    /// `budget`: how long the server may give no good answer.
    pub fn new(budget: Duration, seed: u64) -> Self {
        Self {
            budget,
            spent: Duration::ZERO,
            last: None,
            tries: 0,
            limits: 0,
            random: Random(seed),
        }
    }

    /// A good answer came: the budget is whole again, and the next delay is short.
    pub fn answered(&mut self) {
        self.refill();
        self.tries = 0;
        self.limits = 0;
    }

    /// Good answers come among bad ones: the budget is whole again.
    pub fn refill(&mut self) {
        self.spent = Duration::ZERO;
        self.last = None;
    }

    /// A request sent at `asked` had brought no good answer by `now` (both monotonic). The delay before the next try; `None` if the budget
    /// is used up.
    pub fn failed(&mut self, asked: Duration, now: Duration) -> Option<Duration> {
        self.limits = 0;
        let since = self.last.unwrap_or(asked);
        self.spent = self.spent.saturating_add(now.saturating_sub(since));
        self.last = Some(now);
        let left = self.budget.saturating_sub(self.spent);
        let delay = FIRST
            .saturating_mul(2_u32.saturating_pow(self.tries))
            .min(SLOWEST);
        self.tries = self.tries.saturating_add(1);
        let delay = scale(delay, self.random.between(0.5, 1.0));
        // The last try comes at the very end of the budget.
        (!left.is_zero()).then_some(delay.min(left))
    }

    /// The answer was 429, which is never charged. `wait`: what it asked for. The pause, and what to add so that clients do not come back
    /// together.
    pub fn limited(&mut self, wait: Option<Duration>) -> (Duration, Duration) {
        self.last = None;
        let wait = wait.unwrap_or(LIMITED).max(LEAST);
        let spread = if self.limits == 0 { SPREAD } else { wait / 2 };
        self.limits = self.limits.saturating_add(1);
        (wait, scale(spread, self.random.unit()))
    }
}

/// A delay times a factor; the longest duration if the product is none.
fn scale(delay: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// Small deterministic random numbers for jitter (`SplitMix64`); no secret depends on them.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_interval_is_read_as_people_write_it() {
        let both = |min, max| Interval {
            min: seconds(min),
            max: seconds(max),
        };
        for (text, interval) in [
            ("3s..60s", both(3, 60)),
            ("3..60", both(3, 60)),
            ("10s", both(10, 10)),
            ("1m..1h", both(60, 3600)),
        ] {
            assert_eq!(Interval::parse(text), Ok(interval), "{text}");
        }
        for bad in [
            "",
            "..",
            "3s..",
            "..60s",
            "60s..3s",
            "0s..5s",
            "0",
            "3s...60s",
            "3s..5s..9s",
        ] {
            assert!(Interval::parse(bad).is_err(), "{bad}");
        }
    }

    /// The sleeps of seven looks in tenths of a second, each within a tenth of what it should be.
    fn sleeps(pace: &mut Pace, expected: &[f64]) {
        for seconds in expected {
            let sleep = pace.sleep().as_secs_f64();
            assert!(
                (seconds * 0.899..=seconds * 1.101).contains(&sleep),
                "{sleep} instead of {seconds}"
            );
        }
    }

    #[test]
    fn sleeps_grow_while_nothing_changes_and_a_change_ends_that() {
        let mut pace = Pace::new(Interval::DEFAULT, 7);
        sleeps(&mut pace, &[3.0, 4.5, 6.75, 10.125, 15.0, 15.0]);
        pace.changed();
        sleeps(&mut pace, &[3.0, 4.5]);
        let mut fixed = Pace::new(Interval::parse("10s").expect("an interval"), 7);
        sleeps(&mut fixed, &[10.0, 10.0, 10.0]);
    }

    #[test]
    fn large_pipelines_and_scarce_requests_stretch_a_sleep() {
        let mut pace = Pace::new(Interval::DEFAULT, 7);
        pace.looked(100, false);
        assert_eq!(pace.sleep(), seconds(100));
        pace.looked(8, true);
        assert_eq!(pace.sleep(), seconds(16));
        pace.looked(2, false);
        pace.changed();
        sleeps(&mut pace, &[3.0]);
    }

    /// Tries until the budget is used up; the delays, and when it was over.
    fn outlast(outage: &mut Outage, mut now: Duration) -> (Vec<Duration>, Duration) {
        let mut delays = Vec::new();
        while let Some(delay) = outage.failed(now, now) {
            assert!(!delay.is_zero());
            delays.push(delay);
            now += delay;
        }
        (delays, now)
    }

    #[test]
    fn an_outage_is_tried_through_to_the_budgets_very_end() {
        let mut outage = Outage::new(seconds(300), 1);
        let (delays, over) = outlast(&mut outage, seconds(1000));
        assert_eq!(over, seconds(1300));
        assert!((10..30).contains(&delays.len()), "{}", delays.len());
        assert!(delays.iter().all(|delay| *delay <= SLOWEST));
        outage.answered();
        let (delays, again) = outlast(&mut outage, over);
        assert_eq!(again, over + seconds(300));
        assert!(delays[0] <= FIRST);
    }

    #[test]
    fn requests_are_charged_and_the_sleep_before_them_is_not() {
        let mut outage = Outage::new(seconds(30), 1);
        assert!(outage.failed(seconds(3600), seconds(3601)).is_some());
        assert_eq!(outage.spent, seconds(1));
        let mut outage = Outage::new(seconds(30), 1);
        assert_eq!(outage.failed(seconds(0), seconds(60)), None);
    }

    #[test]
    fn a_429_is_not_charged_and_does_not_excuse_the_outage_either() {
        let mut outage = Outage::new(seconds(50), 1);
        assert!(outage.failed(seconds(0), seconds(40)).is_some());
        outage.limited(Some(seconds(3600)));
        assert!(outage.failed(seconds(4000), seconds(4009)).is_some());
        assert_eq!(outage.failed(seconds(4009), seconds(4010)), None);
    }

    #[test]
    fn a_429_is_waited_out_with_a_spread_that_grows_when_429s_follow_each_other() {
        let spread = |pause: (Duration, Duration), most: u64| {
            assert!(pause.1 <= seconds(most), "{pause:?}");
        };
        for seed in 0..100 {
            let mut outage = Outage::new(seconds(300), seed);
            let first = outage.limited(Some(seconds(60)));
            assert_eq!(first.0, seconds(60));
            spread(first, 3);
            spread(outage.limited(Some(seconds(60))), 30);
            assert_eq!(outage.limited(None).0, seconds(10));
            assert_eq!(outage.limited(Some(Duration::ZERO)).0, seconds(1));
            assert_eq!(outage.limited(Some(Duration::MAX)).0, Duration::MAX);
            outage.answered();
            spread(outage.limited(Some(seconds(60))), 3);
        }
    }
}
