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
const LONGEST: Duration = Duration::from_mins(20);

/// `--interval MIN..MAX`: the pace where nobody else is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    min: Duration,
    max: Duration,
}

impl Interval {
    pub const DEFAULT: Self = Self {
        min: Duration::from_secs(3),
        max: Duration::from_mins(1),
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

    /// The server gives good answers: no outage.
    pub fn alive(&mut self) {
        self.outage.answered();
    }

    /// A good answer came, with or without rate-limit headers.
    pub fn answered(&mut self, window: Option<Window>) {
        self.alive();
        match window {
            Some(window) => self.crowd.seen(window),
            None => self.crowd.seen_nothing(),
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

    /// The shortest sleep, where what the last look brought is worth little.
    pub fn soon(&mut self, left: Duration) -> Duration {
        let longest = LONGEST.max(self.interval.max);
        let delay = scale(self.interval.min, self.crowd.factor());
        scale(delay, self.random.between(1.0, 1.1))
            .min(longest)
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
/// Without history: half of the quiet time and a bit, up to this.
const BLIND_MOST: Duration = Duration::from_secs(30);
const BLIND_MORE: Duration = Duration::from_secs(22);

/// The time to the next look at `jobs`, before jitter. A crowd makes every request dearer and the whole interval longer.
pub fn pace(jobs: &[Open], quiet: Duration, interval: Interval, crowd: f64) -> Duration {
    let longest = LONGEST.max(interval.max);
    let [min, max] = [interval.min, interval.max].map(|end| scale(end, crowd).min(longest));
    if !jobs.is_empty() && jobs.iter().all(|job| !job.past.is_empty()) {
        let worth = schedule::worth(interval.min) * crowd;
        return schedule::next_look(jobs, max.min(LONGEST), worth).clamp(min, max);
    }
    let delay = (quiet.min(LONGEST) + BLIND_MORE) / 2;
    scale(delay.min(BLIND_MOST), crowd).clamp(min, max)
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

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Duration = Duration::MAX;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn job(elapsed: u64, past: &[Duration]) -> Open<'_> {
        Open {
            elapsed: seconds(elapsed),
            past,
        }
    }

    fn gap(jobs: &[Open], quiet: u64, interval: &str, crowd: f64) -> u64 {
        let interval = Interval::parse(interval).expect(interval);
        pace(jobs, seconds(quiet), interval, crowd).as_secs()
    }

    fn window(observed: f64, remaining: f64, to_come: u64) -> Window {
        let date = crate::time::Timestamp::from_millis(0);
        Window {
            limit: observed + remaining,
            observed,
            remaining,
            reset: date.plus(seconds(to_come)),
            date,
        }
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

    #[test]
    fn without_history_looks_get_rarer_while_nothing_changes() {
        let blind = |quiet| gap(&[job(quiet, &[])], quiet, "3s..60s", 1.0);
        assert_eq!([0, 10, 20, 100].map(blind), [11, 16, 21, 30]);
        assert_eq!(blind(u64::MAX), 30);
    }

    #[test]
    fn one_job_without_history_makes_the_whole_wait_blind() {
        let past = [seconds(3600); 12];
        let jobs = [job(0, &past), job(0, &[])];
        assert_eq!(gap(&jobs, 0, "3s..60s", 1.0), 11);
        assert_eq!(gap(&[], 0, "3s..60s", 1.0), 11);
    }

    #[test]
    fn looks_are_rare_at_first_and_dense_near_the_usual_end() {
        let past = [seconds(600); 12];
        let known = |elapsed| gap(&[job(elapsed, &past)], 0, "3s..60s", 1.0);
        assert_eq!(known(0), 60);
        assert!((3..=15).contains(&known(590)), "{}", known(590));
        assert!(known(590) < known(500), "{} {}", known(590), known(500));
        // Far over its time: nobody knows, so rare again.
        assert!(known(3000) > 30, "{}", known(3000));
    }

    #[test]
    fn all_jobs_count_so_the_longest_sets_the_pace() {
        let (short, long) = ([seconds(60); 12], [seconds(3600); 12]);
        let both = [job(58, &short), job(58, &long)];
        assert_eq!(gap(&both, 0, "3s..60s", 1.0), 60);
        assert!(gap(&both[..1], 0, "3s..60s", 1.0) < 20);
        // Ten that each may end any moment: all ten hardly will, so the look comes later than for one.
        let spread: Vec<Duration> = (5..17).map(|tens| seconds(tens * 10)).collect();
        let ten = vec![job(80, &spread); 10];
        assert!(gap(&ten, 0, "3s..60s", 1.0) > gap(&ten[..1], 0, "3s..60s", 1.0) + 5);
        let many = vec![job(58, &short); 1000];
        assert!(gap(&many, 0, "3s..60s", 1.0) < 60);
    }

    #[test]
    fn the_interval_holds_whatever_the_jobs_are() {
        let odd = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
        for interval in [
            "1s..1s",
            "10ms..50ms",
            "3s..60s",
            "45s..2m",
            "90m..2h",
            "100d",
        ] {
            let Interval { min, max } = Interval::parse(interval).expect(interval);
            for elapsed in [0, 1, 300, u64::MAX] {
                for past in [&odd[..], &odd[..1], &odd[2..], &[]] {
                    let jobs = [job(elapsed, past)];
                    let gap = pace(&jobs, seconds(elapsed), Interval { min, max }, 1.0);
                    assert!((min..=max).contains(&gap), "{interval} {elapsed} {gap:?}");
                }
            }
        }
    }

    #[test]
    fn no_sleep_passes_the_deadline_or_undercuts_the_interval() {
        let past = [seconds(300); 12];
        let mut pace = Pace::new(Interval::DEFAULT, seconds(300), 7);
        for elapsed in 0..400 {
            let jobs = [job(elapsed, &past)];
            let sleep = pace.sleep(&jobs, seconds(elapsed), FOREVER);
            assert!((seconds(3)..=seconds(66)).contains(&sleep), "{sleep:?}");
            assert!(pace.sleep(&jobs, seconds(elapsed), seconds(2)) <= seconds(2));
        }
        assert_eq!(pace.sleep(&[], FOREVER, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_crowd_slows_down_up_to_twenty_minutes_and_lets_go_again() {
        let past = [seconds(3600); 12];
        let jobs = [job(0, &past)];
        let mut pace = Pace::new(Interval::DEFAULT, seconds(300), 7);
        for _ in 0..50 {
            pace.answered(Some(window(2000.0, 0.0, 30)));
        }
        let crowded = pace.sleep(&jobs, seconds(0), FOREVER);
        assert!((seconds(300)..=LONGEST).contains(&crowded), "{crowded:?}");
        assert!(!pace.repays_history(2));
        for _ in 0..50 {
            pace.answered(Some(window(1.0, 1999.0, 1)));
        }
        assert!(pace.sleep(&jobs, seconds(0), FOREVER) <= seconds(66));
        assert!(pace.repays_history(2) && !pace.repays_history(1));
    }

    #[test]
    fn a_limit_is_waited_out_and_never_charged() {
        let mut pace = Pace::new(Interval::DEFAULT, seconds(10), 7);
        let hour = Trouble::Limited {
            wait: Some(seconds(3600)),
            window: None,
        };
        for turn in 0..100 {
            let now = seconds(turn * 4000);
            match pace.failed(hour, now, now, FOREVER) {
                Next::Again(delay) => assert!(delay >= seconds(3600), "{delay:?}"),
                Next::Over => panic!("charged at turn {turn}"),
            }
            assert_eq!(
                pace.failed(hour, now, now, seconds(5)),
                Next::Again(seconds(5))
            );
        }
    }

    #[test]
    fn jitter_is_the_seed_s_and_spreads_evenly() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [(); 1000].map(|()| random.unit())
        };
        assert!(draw(1).iter().eq(draw(1).iter()));
        assert!(draw(1).iter().ne(draw(2).iter()));
        let mean = draw(3).iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!(draw(4).iter().all(|unit| (0.0..1.0).contains(unit)));
    }
}
