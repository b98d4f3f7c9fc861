//! What to do when no good answer came: try again after a delay, or stop because the budget is used up.

use std::time::Duration;

use super::crowd::Window;
use super::{Random, scale};

/// What came instead of a good answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// No connection, a lost answer, 5xx, a page that is no JSON. `wait`: what `Retry-After` said.
    Outage { wait: Option<Duration> },
    /// 429: an answer, and proof that nothing was done.
    Limited {
        wait: Option<Duration>,
        window: Option<Window>,
    },
    /// 409 "Resource lock": an answer, and proof that nothing was done.
    Locked,
}

/// The next step after trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Again(Duration),
    /// The budget is used up without one good answer.
    Over,
}

/// First delay after an outage, doubled each time up to [`SLOWEST`].
const FIRST: Duration = Duration::from_secs(1);
const SLOWEST: Duration = Duration::from_secs(30);
/// Delay after a 429 that does not say how long: times crowd, at most a minute (the usual window).
const LIMITED: Duration = Duration::from_secs(10);
const LIMITED_MOST: Duration = Duration::from_mins(1);
/// Those whom one 429 sent to the same moment are spread over this time, times crowd.
const SPREAD: Duration = Duration::from_mins(1);

/// A fold over the answers: how long there has been no good one.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    budget: Duration,
    /// Time without an answer since the last good one. Waiting out a 429 or a lock is not charged.
    spent: Duration,
    /// When the last outage was seen, if no other answer came since.
    last: Option<Duration>,
    /// Outages and locks since the last good answer.
    tries: u32,
}

impl Outage {
    pub fn new(budget: Duration) -> Self {
        Self {
            budget,
            spent: Duration::ZERO,
            last: None,
            tries: 0,
        }
    }

    /// A good answer came.
    pub fn answered(&mut self) {
        *self = Self::new(self.budget);
    }

    /// Time without an answer so far.
    pub fn spent(&self) -> Duration {
        self.spent
    }

    /// A request asked at `asked` brought `trouble` at `now` (both monotonic).
    pub fn failed(
        &mut self,
        trouble: Trouble,
        asked: Duration,
        now: Duration,
        crowd: f64,
        random: &mut Random,
    ) -> Next {
        match trouble {
            Trouble::Outage { wait } => {
                let since = self.last.unwrap_or(asked);
                self.spent = self.spent.saturating_add(now.saturating_sub(since));
                self.last = Some(now);
                let left = self.budget.saturating_sub(self.spent);
                if left.is_zero() {
                    return Next::Over;
                }
                let delay = self.back_off(random).max(wait.unwrap_or_default());
                Next::Again(delay.min(left))
            }
            Trouble::Limited { wait, .. } => {
                self.last = None;
                let wait = wait.unwrap_or(scale(LIMITED, crowd).min(LIMITED_MOST));
                let spread = scale(SPREAD, crowd * random.unit()).min(super::LONGEST);
                Next::Again(wait.saturating_add(spread))
            }
            Trouble::Locked => {
                self.last = None;
                Next::Again(self.back_off(random))
            }
        }
    }

    fn back_off(&mut self, random: &mut Random) -> Duration {
        let delay = FIRST
            .saturating_mul(2_u32.saturating_pow(self.tries))
            .min(SLOWEST);
        self.tries = self.tries.saturating_add(1);
        scale(delay, random.between(0.5, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Trouble = Trouble::Outage { wait: None };
    const BUDGET: Duration = Duration::from_mins(5);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Tries until the budget is used up; the delays, and when it was over.
    fn outlast(
        outage: &mut Outage,
        trouble: Trouble,
        mut now: Duration,
    ) -> (Vec<Duration>, Duration) {
        let mut random = Random::new(1);
        let mut delays = Vec::new();
        loop {
            match outage.failed(trouble, now, now, 1.0, &mut random) {
                Next::Again(delay) => {
                    assert!(!delay.is_zero());
                    delays.push(delay);
                    now += delay;
                }
                Next::Over => return (delays, now),
            }
        }
    }

    #[test]
    fn an_outage_is_tried_through_to_the_budget_s_very_end() {
        let (delays, over) = outlast(&mut Outage::new(BUDGET), DOWN, seconds(1000));
        assert_eq!(over, seconds(1300));
        assert!((10..30).contains(&delays.len()), "{}", delays.len());
        assert!(delays.iter().all(|delay| *delay <= SLOWEST));
        assert!(delays[0] <= FIRST);
    }

    #[test]
    fn a_long_sleep_before_the_first_failure_is_not_charged() {
        let mut outage = Outage::new(seconds(30));
        outage.answered();
        let next = outage.failed(DOWN, seconds(3600), seconds(3601), 1.0, &mut Random::new(1));
        assert!(matches!(next, Next::Again(_)));
        assert_eq!(outage.spent(), seconds(1));
    }

    #[test]
    fn the_time_of_the_request_itself_is_charged() {
        let mut outage = Outage::new(seconds(30));
        let next = outage.failed(DOWN, seconds(0), seconds(60), 1.0, &mut Random::new(1));
        assert_eq!(next, Next::Over);
    }

    #[test]
    fn one_good_answer_starts_afresh() {
        let mut outage = Outage::new(BUDGET);
        let (_, over) = outlast(&mut outage, DOWN, seconds(0));
        outage.answered();
        let (delays, again) = outlast(&mut outage, DOWN, over);
        assert_eq!(again, over + BUDGET);
        assert!(delays[0] <= FIRST);
    }

    #[test]
    fn limits_and_locks_are_not_charged_but_do_not_excuse_the_outage_either() {
        let limited = Trouble::Limited {
            wait: Some(seconds(60)),
            window: None,
        };
        let mut random = Random::new(1);
        let mut outage = Outage::new(seconds(100));
        let mut now = Duration::ZERO;
        let mut fail = |trouble, took, pause| {
            let next = outage.failed(trouble, now, now + took, 1.0, &mut random);
            now += took + pause;
            (next, outage.spent())
        };
        assert_eq!(fail(DOWN, seconds(40), seconds(10)).1, seconds(40));
        assert_eq!(fail(limited, seconds(1), seconds(3600)).1, seconds(40));
        assert_eq!(fail(DOWN, seconds(30), seconds(10)).1, seconds(70));
        assert_eq!(
            fail(Trouble::Locked, seconds(1), seconds(3600)).1,
            seconds(70)
        );
        assert_eq!(fail(DOWN, seconds(10), seconds(5)).1, seconds(80));
        assert_eq!(
            fail(DOWN, seconds(15), seconds(0)),
            (Next::Over, seconds(100))
        );
    }

    #[test]
    fn what_retry_after_says_is_waited_out() {
        let mut random = Random::new(1);
        let mut outage = Outage::new(BUDGET);
        let mut ask = |trouble| match outage.failed(trouble, BUDGET, BUDGET, 1.0, &mut random) {
            Next::Again(delay) => delay,
            Next::Over => panic!("over"),
        };
        let wait = Some(seconds(20));
        assert_eq!(ask(Trouble::Outage { wait }), seconds(20));
        let delay = ask(Trouble::Limited { wait, window: None });
        assert!((seconds(20)..seconds(80)).contains(&delay), "{delay:?}");
        // Longer than the budget: one last try at its end.
        let wait = Some(Duration::MAX);
        assert_eq!(ask(Trouble::Outage { wait }), BUDGET);
        assert_eq!(ask(Trouble::Limited { wait, window: None }), Duration::MAX);
        let delay = ask(Trouble::Limited {
            wait: None,
            window: None,
        });
        assert!((seconds(10)..=seconds(120)).contains(&delay), "{delay:?}");
    }

    #[test]
    fn many_who_were_refused_together_do_not_come_back_together() {
        let wait = Some(seconds(30));
        let delays: Vec<u64> = (0..600)
            .map(|seed| {
                let mut random = Random::new(seed);
                let limited = Trouble::Limited { wait, window: None };
                match Outage::new(BUDGET).failed(limited, seconds(0), seconds(0), 1.0, &mut random)
                {
                    Next::Again(delay) => delay.as_secs(),
                    Next::Over => panic!("over"),
                }
            })
            .collect();
        for second in 30..90 {
            let there = delays.iter().filter(|delay| **delay == second).count();
            assert!(
                (1..40).contains(&there),
                "{there} of 600 in second {second}"
            );
        }
    }
}
