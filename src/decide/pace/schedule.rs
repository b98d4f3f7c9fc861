//! The next look at jobs whose usual durations are known: Keller's inspection schedule over the chance that one is still open.

use std::time::Duration;

use super::history::median;

/// A job that is waited for and has not ended.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// GitLab's own `duration`, zero before it runs.
    pub elapsed: Duration,
    /// How long it took in earlier runs, newest first; empty if nobody knows.
    pub past: &'a [Duration],
}

/// Jobs that take part: those with most time left; the others hardly matter.
const JOBS: usize = 16;
/// Jobs shorter than this many seconds are looked at as often as one of this length: few looks in all, and nobody waits long.
const SHORT: f64 = 200.0;
/// Seconds of delay that one request is worth.
const WORTH: f64 = 27.0;
/// The same where the interval begins below [`QUICK_MIN`]: whoever asks for that wants to know soon.
const WORTH_QUICK: f64 = 7.0;
const QUICK_MIN: Duration = Duration::from_secs(3);

pub(super) fn worth(min: Duration) -> f64 {
    if min < QUICK_MIN { WORTH_QUICK } else { WORTH }
}

/// One job as numbers, in seconds.
struct Run {
    elapsed: f64,
    past: Vec<f64>,
    median: f64,
    /// Share of the law that knows nothing but the median: an early failure, a new duration.
    unsure: f64,
    /// Share of runs still open at `elapsed`.
    now: f64,
}

impl Run {
    fn new(job: &Open) -> Self {
        let past: Vec<f64> = job.past.iter().map(Duration::as_secs_f64).collect();
        let count = u32::try_from(past.len()).unwrap_or(u32::MAX);
        let mut run = Self {
            elapsed: job.elapsed.as_secs_f64(),
            median: median(job.past).as_secs_f64().max(1.0),
            unsure: (1.0 / (f64::from(count) + 2.0)).max(0.1),
            past,
            now: 1.0,
        };
        run.now = run.open_at(run.elapsed);
        run
    }

    /// Share of runs that are still open at this age: a smooth step at each past duration, and a long tail.
    fn open_at(&self, age: f64) -> f64 {
        let count = u32::try_from(self.past.len()).unwrap_or(u32::MAX);
        let open: f64 = self
            .past
            .iter()
            .map(|past| 1.0 / (1.0 + (age / past.max(1.0)).powi(14)))
            .sum();
        self.unsure / (1.0 + age / self.median)
            + (1.0 - self.unsure) * open / f64::from(count.max(1))
    }

    /// Chance that it has ended this many seconds from now.
    fn ended_in(&self, seconds: f64) -> f64 {
        1.0 - self.open_at(self.elapsed + seconds) / self.now
    }
}

/// Time to the next look, at most `longest` and in whole seconds. All jobs have a past.
pub(super) fn next_look(jobs: &[Open], longest: Duration, worth: f64) -> Duration {
    let mut runs: Vec<Run> = jobs.iter().map(Run::new).collect();
    runs.sort_unstable_by(|a, b| (b.median - b.elapsed).total_cmp(&(a.median - a.elapsed)));
    runs.truncate(JOBS);
    let scale = runs.iter().map(|run| run.median).fold(SHORT, f64::max);
    let (mut open, mut looks, mut seconds) = (1.0_f64, 0.0, 0_u32);
    while looks < 1.0 && u64::from(seconds) < longest.as_secs().max(1) {
        seconds += 1;
        let ended: f64 = runs
            .iter()
            .map(|run| run.ended_in(f64::from(seconds)))
            .product();
        let still = (1.0 - ended).max(1e-9);
        looks += (scale * (open / still).ln().max(0.0)).sqrt() / worth;
        open = still;
    }
    Duration::from_secs(seconds.into()).min(longest)
}
