//! How politely and how soon `wait` sees an end: the program's own pace against simulated jobs. All seeds are fixed, so every run gives the
//! same.

use std::time::Duration;

use jobgate::decide::pace::{Interval, Pace, Random};

const WAITS: u32 = 5000;
const SEED: u64 = 20_261_120;

/// Seconds from the start of the wait to the job's end: exponential queue (mean 30 s), then log-normal (median 300 s).
fn end(cv: f64, random: &mut Random) -> f64 {
    let sigma = (1.0 + cv * cv).ln().sqrt();
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * random.unit()).cos();
    -30.0 * (1.0 - random.unit()).ln() + 300.0 * (sigma * normal).exp()
}

/// One wait: looks until the job has ended. Returns the number of requests and the delay.
fn wait(end: f64, mut sleep: impl FnMut() -> f64) -> (u32, f64) {
    let (mut now, mut looks) = (0.0, 1);
    while now < end {
        now += sleep();
        looks += 1;
    }
    (looks, now - end)
}

fn row(name: &str, cv: f64, sleeps: &dyn Fn(u64) -> Box<dyn FnMut() -> f64>) -> Vec<String> {
    let mut random = Random(SEED);
    let (mut requests, mut seconds, mut delays) = (0, 0.0, Vec::new());
    for seed in 0..WAITS {
        let end = end(cv, &mut random);
        let (looks, delay) = wait(end, sleeps(seed.into()));
        requests += looks;
        seconds += end;
        delays.push(delay);
    }
    delays.sort_by(f64::total_cmp);
    let at = |part: usize| delays[delays.len() * part / 100 - 1];
    let hourly = f64::from(requests) / seconds * 3600.0;
    let (median, late, worst) = (at(50), at(90), at(100));
    vec![
        name.to_owned(),
        cv.to_string(),
        format!("{hourly:.0}"),
        format!("{median:.1}"),
        format!("{late:.0}"),
        format!("{worst:.0}"),
    ]
}

/// One row for each pace and spread of the jobs' times.
pub fn rows() -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for cv in [0.1, 0.3, 1.0] {
        for step in [5.0, 10.0, 30.0] {
            let name = format!("loop of {step} s");
            rows.push(row(&name, cv, &|_| Box::new(move || step)));
        }
        rows.push(row("**jobgate**, 3s..15s", cv, &|seed| {
            let mut pace = Pace::new(Interval::DEFAULT, seed);
            Box::new(move || Duration::as_secs_f64(&pace.sleep()))
        }));
    }
    rows
}
