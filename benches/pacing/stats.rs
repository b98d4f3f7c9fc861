//! Laws of chance and figures.

use std::time::Duration;

use jobgate::decide::pace::Random;

/// Times of a job: median seconds of running, coefficient of variation, mean seconds in the queue.
#[derive(Clone, Copy)]
pub struct Law {
    pub median: f64,
    pub cv: f64,
    pub queue: f64,
}

impl Law {
    /// Log-normal.
    pub fn run(self, random: &mut Random) -> f64 {
        let sigma = (1.0 + self.cv * self.cv).ln().sqrt();
        self.median * (sigma * normal(random)).exp()
    }

    /// Exponential.
    pub fn queue(self, random: &mut Random) -> f64 {
        -self.queue * (1.0 - random.unit()).ln()
    }

    pub fn past(self, runs: usize, random: &mut Random) -> Vec<Duration> {
        (0..runs)
            .map(|_| Duration::from_secs_f64(self.run(random)))
            .collect()
    }
}

fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

pub fn count(items: usize) -> f64 {
    f64::from(u32::try_from(items).expect("few items"))
}

/// Share `part` (0 to 1) of `sorted` is not above this.
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    let wanted = part * count(sorted.len());
    let at = (0..sorted.len()).find(|&index| count(index + 1) >= wanted);
    at.and_then(|index| sorted.get(index))
        .or(sorted.last())
        .copied()
        .unwrap_or(f64::NAN)
}

/// Jain's index: 1 if all get the same, 1/n if one gets all.
pub fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (count(shares.len()) * squares)
}

/// `2.5 / 4.5 / 5.0`: median, p90, p99, max.
pub struct Spread {
    pub median: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            median: quantile(&values, 0.5),
            p90: quantile(&values, 0.9),
            p99: quantile(&values, 0.99),
            max: quantile(&values, 1.0),
        }
    }

    pub fn cells(&self) -> String {
        let Self {
            median,
            p90,
            p99,
            max,
        } = self;
        format!("{median:.1} | {p90:.0} | {p99:.0} | {max:.0}")
    }
}
