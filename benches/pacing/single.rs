//! One wait for one job, nobody else there.

use std::time::Duration;

use jobgate::decide::pace::{Interval, Open, Pace, Random};

use crate::stats::{Law, Spread, count};

const WAITS: usize = 5000;
const SEED: u64 = 20_261_120;
const FOREVER: Duration = Duration::from_secs(1 << 30);

#[derive(Clone, Copy)]
pub enum Policy {
    /// Look every so many seconds.
    Loop(f64),
    /// From 3 s, half as much again each time, to 30 s.
    Exponential,
    /// The program's own pace.
    Rule(&'static str),
}

/// Sums over many waits.
pub struct Outcome {
    pub per_hour: f64,
    /// Requests of one wait.
    pub each: f64,
    pub delay: Spread,
}

/// Waits for jobs of one law, of which so many earlier runs are known.
pub fn waits(policy: Policy, law: Law, runs: usize) -> Outcome {
    many(policy, law, runs, |random| law.run(random))
}

/// Jobs that usually take as long as `law` says, but fail somewhere in the first half of that.
pub fn early_failures(policy: Policy, law: Law, runs: usize) -> Outcome {
    many(policy, law, runs, |random| {
        random.between(0.0, law.median / 2.0)
    })
}

fn many(policy: Policy, law: Law, runs: usize, run: impl Fn(&mut Random) -> f64) -> Outcome {
    let mut random = Random::new(SEED);
    let (mut requests, mut seconds, mut delays) = (0.0, 0.0, Vec::with_capacity(WAITS));
    for seed in 0..WAITS {
        let past = law.past(runs.min(12), &mut random);
        let start = law.queue(&mut random);
        let end = start + run(&mut random);
        let wait = match policy {
            Policy::Loop(step) => wait_by(end, |_| step),
            Policy::Exponential => wait_by(end, |looks| (3.0 * 1.5_f64.powi(looks)).min(30.0)),
            Policy::Rule(interval) => wait_by_rule(interval, start, end, &past, seed as u64),
        };
        requests += wait.requests;
        seconds += end;
        delays.push(wait.delay);
    }
    Outcome {
        per_hour: requests / seconds * 3600.0,
        each: requests / count(WAITS),
        delay: Spread::of(delays),
    }
}

pub struct Wait {
    pub requests: f64,
    pub delay: f64,
}

fn wait_by(end: f64, step: impl Fn(i32) -> f64) -> Wait {
    let (mut now, mut looks) = (0.0, 0);
    while now < end {
        now += step(looks);
        looks += 1;
    }
    Wait {
        requests: f64::from(looks) + 1.0,
        delay: now - end,
    }
}

fn wait_by_rule(interval: &str, start: f64, end: f64, past: &[Duration], seed: u64) -> Wait {
    let interval = Interval::parse(interval).expect("an interval");
    let mut pace = Pace::new(interval, FOREVER, seed);
    let (mut now, mut requests, mut known, mut look) = (0.0, 0.0, false, 0);
    let (mut changed, mut running, mut last) = (0.0, false, 0.0);
    loop {
        requests += 1.0;
        look += 1;
        if now >= end {
            // After a long sleep the look asks for unfinished jobs only; the end is confirmed by a full one.
            requests += if last < 30.0 { 0.0 } else { 1.0 };
            return Wait {
                requests,
                delay: now - end,
            };
        }
        if (now >= start) != running {
            running = now >= start;
            changed = now;
        }
        if !known && pace.repays_history(look) {
            known = true;
            requests += 1.0;
        }
        let job = Open {
            elapsed: Duration::from_secs_f64((now - start).max(0.0)),
            past: if known { past } else { &[] },
        };
        let quiet = Duration::from_secs_f64(now - changed);
        last = pace.sleep(&[job], quiet, FOREVER).as_secs_f64();
        now += last;
    }
}

pub const POLICIES: [(&str, Policy, usize); 7] = [
    ("loop of 5 s", Policy::Loop(5.0), 0),
    ("loop of 10 s", Policy::Loop(10.0), 0),
    ("loop of 30 s", Policy::Loop(30.0), 0),
    ("exponential 3 s to 30 s", Policy::Exponential, 0),
    ("jobgate, no history", Policy::Rule("3s..60s"), 0),
    ("**jobgate, 20 runs known**", Policy::Rule("3s..60s"), 20),
    (
        "jobgate `--interval 2s..60s`, 20 runs known",
        Policy::Rule("2s..60s"),
        20,
    ),
];

pub fn print() {
    println!(
        "Requests per hour and delay (seconds from the job's end to the verdict); {WAITS} waits each; 5 min jobs (median), log-normal with coefficient of variation CV; queue exponential, mean 30 s."
    );
    for cv in [0.1, 0.3, 1.0] {
        println!(
            "\n| CV {cv} | requests per hour | requests | median | p90 | p99 | max |\n|---|--:|--:|--:|--:|--:|--:|"
        );
        for (name, policy, runs) in POLICIES {
            let law = Law {
                median: 300.0,
                cv,
                queue: 30.0,
            };
            let outcome = waits(policy, law, runs);
            println!(
                "| {name} | {:.0} | {:.1} | {} |",
                outcome.per_hour,
                outcome.each,
                outcome.delay.cells()
            );
        }
    }
}
