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
const LIMITED_MOST: Duration = Duration::from_secs(60);
/// Those whom one 429 sent to the same moment are spread over this time, times crowd.
const SPREAD: Duration = Duration::from_secs(60);

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
