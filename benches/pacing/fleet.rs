//! Many waits that share one user's rate limit.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jobgate::decide::pace::{Interval, Next, Open, Pace, Random, Trouble, Window};
use jobgate::time::Timestamp;

use crate::stats::{Law, Spread, count, jain};

const SEED: u64 = 20_261_121;
/// Seconds after which a wait gives up: GitLab's default time limit of a job.
const TIMEOUT: f64 = 3600.0;
const LAW: Law = Law {
    median: 600.0,
    cv: 0.3,
    queue: 0.0,
};

#[derive(Clone, Copy)]
pub enum Policy {
    /// Every 30 s; a 429 is waited out as `Retry-After` says.
    Loop,
    /// The program's own pace.
    Rule,
}

/// Fixed windows of a server, as `Rack::Attack` counts them: every request counts, a refused one too.
pub struct Limit {
    quota: f64,
    period: f64,
    window: f64,
    observed: f64,
}

impl Limit {
    pub fn new(quota: f64, period: f64) -> Self {
        Self {
            quota,
            period,
            window: 0.0,
            observed: 0.0,
        }
    }

    fn count(&mut self, now: f64) -> bool {
        let window = (now / self.period).floor();
        if window > self.window {
            (self.window, self.observed) = (window, 0.0);
        }
        self.observed += 1.0;
        self.observed <= self.quota
    }

    fn reset(&self) -> f64 {
        (self.window + 1.0) * self.period
    }

    fn left(&self) -> f64 {
        (self.quota - self.observed).max(0.0)
    }

    fn headers(&self, now: f64) -> Window {
        Window {
            limit: (self.quota * 60.0 / self.period).ceil(),
            observed: self.observed,
            remaining: self.left(),
            reset: seconds(self.reset()),
            date: seconds(now.floor()),
        }
    }
}

fn seconds(seconds: f64) -> Timestamp {
    Timestamp::from_millis(0).plus(Duration::from_secs_f64(seconds))
}

/// What the server says: the window with the fewest requests left, or the one that refuses.
fn ask(limits: &mut [Limit], now: f64) -> Result<Window, (f64, Window)> {
    for limit in limits.iter_mut() {
        if !limit.count(now) {
            return Err((limit.reset() - now, limit.headers(now)));
        }
    }
    let tightest = limits
        .iter()
        .min_by(|a, b| a.left().total_cmp(&b.left()))
        .expect("a limit");
    Ok(tightest.headers(now))
}

struct Waiter {
    start: f64,
    end: f64,
    /// When the wait was over.
    stop: f64,
    past: Vec<Duration>,
    known: bool,
    look: u32,
    good: f64,
    pace: Pace,
}

#[derive(Default)]
pub struct Outcome {
    requests: f64,
    refused: f64,
    /// Requests and refusals after the first minute.
    later: (f64, f64),
    pub delays: Vec<f64>,
    /// Good answers per minute of each wait.
    rates: Vec<f64>,
    timeouts: usize,
}

impl Outcome {
    /// In percent.
    pub fn refused(&self) -> f64 {
        100.0 * self.refused / self.requests
    }

    /// In percent, without the first minute.
    pub fn refused_later(&self) -> f64 {
        100.0 * self.later.1 / self.later.0.max(1.0)
    }

    /// Jain's index of the share of its looks that each wait keeps, compared with the same wait under no limit.
    pub fn fairness(&self, free: &Self) -> f64 {
        let pairs = self.rates.iter().zip(&free.rates);
        jain(&pairs.map(|(kept, all)| kept / all).collect::<Vec<_>>())
    }

    fn note(&mut self, now: f64, refused: bool) {
        let refused = if refused { 1.0 } else { 0.0 };
        self.requests += 1.0;
        self.refused += refused;
        if now > 60.0 {
            self.later = (self.later.0 + 1.0, self.later.1 + refused);
        }
    }
}

/// So many waits that start within `within` seconds.
#[derive(Clone, Copy)]
pub struct Fleet {
    pub waits: usize,
    pub within: f64,
}

impl Fleet {
    /// What happens to them under these limits.
    pub fn run(self, policy: Policy, mut limits: Vec<Limit>) -> Outcome {
        let mut random = Random::new(SEED);
        let mut waiters: Vec<Waiter> = (0..self.waits)
            .map(|seed| waiter(seed as u64, self.within, &mut random))
            .collect();
        let mut queue: BinaryHeap<Reverse<(u64, usize)>> = waiters
            .iter()
            .enumerate()
            .map(|(index, waiter)| Reverse((micros(waiter.start), index)))
            .collect();
        let mut outcome = Outcome::default();
        while let Some(Reverse((at, index))) = queue.pop() {
            let now = Duration::from_micros(at).as_secs_f64();
            let waiter = &mut waiters[index];
            if let Some(delay) = turn(policy, waiter, now, &mut limits, &mut outcome) {
                queue.push(Reverse((micros(now + delay), index)));
            } else {
                waiter.stop = now;
            }
        }
        outcome.rates = waiters.iter().map(Waiter::rate).collect();
        outcome
    }
}

impl Waiter {
    fn rate(&self) -> f64 {
        self.good / (self.stop - self.start).max(1.0) * 60.0
    }
}

fn waiter(seed: u64, within: f64, random: &mut Random) -> Waiter {
    let start = random.between(0.0, within);
    Waiter {
        start,
        end: start + LAW.run(random),
        stop: start,
        past: LAW.past(12, random),
        known: false,
        look: 0,
        good: 0.0,
        pace: Pace::new(Interval::DEFAULT, Duration::from_mins(5), seed),
    }
}

fn micros(seconds: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(seconds).as_micros()).expect("a short time")
}

/// One look of one waiter; the delay to its next, or `None` if it has ended.
fn turn(
    policy: Policy,
    waiter: &mut Waiter,
    now: f64,
    limits: &mut [Limit],
    outcome: &mut Outcome,
) -> Option<f64> {
    let left = waiter.start + TIMEOUT - now;
    if left <= 0.0 {
        outcome.timeouts += 1;
        return None;
    }
    let answer = ask(limits, now);
    outcome.note(now, answer.is_err());
    let delay = match answer {
        Err((wait, window)) => after_refusal(policy, waiter, now, wait, window),
        Ok(window) => {
            waiter.good += 1.0;
            waiter.look += 1;
            if now >= waiter.end {
                outcome.delays.push(now - waiter.end);
                return None;
            }
            after_look(policy, waiter, now, window, limits, outcome)
        }
    };
    Some(delay.min(left + 0.001))
}

fn after_refusal(policy: Policy, waiter: &mut Waiter, now: f64, wait: f64, window: Window) -> f64 {
    match policy {
        Policy::Loop => wait.ceil(),
        Policy::Rule => {
            let now = Duration::from_secs_f64(now);
            let trouble = Trouble::Limited {
                wait: Some(Duration::from_secs_f64(wait.ceil())),
                window: Some(window),
            };
            match waiter.pace.failed(trouble, now, now, Duration::MAX) {
                Next::Again(delay) => delay.as_secs_f64(),
                Next::Over => unreachable!("a 429 is never charged to the budget"),
            }
        }
    }
}

fn after_look(
    policy: Policy,
    waiter: &mut Waiter,
    now: f64,
    window: Window,
    limits: &mut [Limit],
    outcome: &mut Outcome,
) -> f64 {
    if !matches!(policy, Policy::Rule) {
        return 30.0;
    }
    waiter.pace.answered(Some(window));
    if !waiter.known && waiter.pace.repays_history(waiter.look) {
        let answer = ask(limits, now);
        outcome.note(now, answer.is_err());
        waiter.known = answer.is_ok();
    }
    let job = Open {
        elapsed: Duration::from_secs_f64((now - waiter.start).max(0.0)),
        past: if waiter.known { &waiter.past } else { &[] },
    };
    let quiet = Duration::from_secs_f64((now - waiter.start).max(0.0));
    waiter
        .pace
        .sleep(&[job], quiet, Duration::MAX)
        .as_secs_f64()
}

pub const LIMITS: [&str; 2] = ["2,000 per minute", "5,000 per hour and 100 per minute"];

pub fn limits(which: &str) -> Vec<Limit> {
    match which {
        "2,000 per minute" => vec![Limit::new(2000.0, 60.0)],
        "no limit" => vec![Limit::new(1e9, 60.0)],
        _ => vec![Limit::new(100.0, 60.0), Limit::new(5000.0, 3600.0)],
    }
}

pub fn print() {
    println!(
        "\nMany waits for 10 min jobs (CV 0.3, 20 runs known) that share one limit; each gives up after an hour. Refused: share of \
         429s, in all and after the first minute. Fairness: Jain's index of the share of its looks that each wait keeps."
    );
    for which in LIMITS {
        println!(
            "\n| {which} | waits | start within | requests | refused | later | fairness | median | p90 | p99 | max | gave up |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
        );
        for within in [60.0, 600.0] {
            for waits in [1, 100, 2000, 10_000] {
                let fleet = Fleet { waits, within };
                print_row("loop of 30 s", Policy::Loop, fleet, which);
                print_row("**jobgate**", Policy::Rule, fleet, which);
            }
        }
    }
}

fn print_row(name: &str, policy: Policy, fleet: Fleet, which: &str) {
    let outcome = fleet.run(policy, limits(which));
    let fairness = outcome.fairness(&fleet.run(policy, limits("no limit")));
    println!(
        "| {name} | {} | {:.0} min | {:.0} | {:.1} % | {:.1} % | {fairness:.2} | {} | {:.0} % |",
        fleet.waits,
        fleet.within / 60.0,
        outcome.requests,
        outcome.refused(),
        outcome.refused_later(),
        Spread::of(outcome.delays.clone()).cells(),
        100.0 * count(outcome.timeouts) / count(fleet.waits),
    );
}
