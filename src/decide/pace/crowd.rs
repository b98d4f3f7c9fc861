//! How much slower to go because others use the same rate limit: all jobs that one user started share that user's.

use crate::time::Timestamp;

/// What `RateLimit-*` and `Date` of one answer say. GitLab shows the limit with the fewest requests left
/// (`lib/gitlab/middleware/rack_attack_headers.rb`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Requests per minute, rounded up, whatever the window's real length.
    pub limit: f64,
    /// Requests so far in this window.
    pub observed: f64,
    /// Requests left in this window.
    pub remaining: f64,
    /// The window's end by the server's clock.
    pub reset: Timestamp,
    /// The server's clock.
    pub date: Timestamp,
}

/// Use of the window that is aimed at: leaves room for other tools of the same user.
const AIM: f64 = 0.6;
/// Projected use before anything was seen.
const FIRST_USE: f64 = 0.65;
/// How steeply the factor rises with the use: 1.3 at 70 %, 3.3 at 100 %.
const STEEP: f64 = 3.0;
/// Seven good answers without headers make up for one 429.
const BACK: f64 = 0.9;
/// A multiple of the ordinary interval beyond this would be over the longest sleep anyway.
const SLOWEST: f64 = 400.0;

/// A fold over the answers' windows. The factor is drawn to a value that depends on the use alone, so all who share a limit end up alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crowd {
    factor: f64,
    /// Projected share of the window that will be used at its end.
    used: f64,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            factor: 1.0,
            used: FIRST_USE,
        }
    }
}

impl Crowd {
    /// How many times the ordinary interval to wait; 1 where nobody else is in the way.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    pub fn alone(&self) -> bool {
        self.factor <= 1.0
    }

    /// A good answer.
    pub fn seen(&mut self, window: Window) {
        let Some(used) = self.projected(window) else {
            return;
        };
        let wanted = (STEEP * (used - AIM)).exp();
        // At most doubled at once: the others slow down, too.
        self.set((self.factor * wanted).sqrt().min(2.0 * self.factor));
        self.used = used;
    }

    /// A good answer of a server that tells no window: slowly back to the ordinary pace.
    pub fn seen_nothing(&mut self) {
        self.set(self.factor * BACK);
    }

    /// A 429, with or without headers.
    pub fn refused(&mut self, window: Option<Window>) {
        let used = window.and_then(|window| self.projected(window));
        let step = used.map_or(2.0, |used| (used / AIM).clamp(1.3, 4.0));
        self.set(self.factor * step);
        self.used = used.unwrap_or(self.used);
    }

    fn set(&mut self, factor: f64) {
        self.factor = factor.clamp(1.0, SLOWEST);
    }

    /// The use of the window at its end if it goes on like this: what is used of it over what is gone of it, drawn towards
    /// the last projection as if that had been seen for a third of a window. `None` if the headers make no sense.
    fn projected(&self, window: Window) -> Option<f64> {
        let sound = window.limit >= 1.0 && window.observed >= 0.0 && window.remaining >= 0.0;
        if !sound {
            return None;
        }
        let (quota, minutes) = size(window);
        let to_come = window.reset.since(window.date).as_secs_f64() / 60.0 / minutes;
        let gone = (1.0 - to_come).max(0.0);
        let used = (window.observed / quota + self.used / 3.0) / (gone + 1.0 / 3.0);
        used.is_finite().then_some(used.min(100.0))
    }
}

/// Requests that the window allows, and its length in minutes. The limit is told per minute, what is left is told per window.
fn size(window: Window) -> (f64, f64) {
    let to_come = window.reset.since(window.date).as_secs_f64() / 60.0;
    if window.remaining < 1.0 {
        let minutes = to_come.max(1.0);
        return (window.limit * minutes, minutes);
    }
    let quota = window.observed + window.remaining;
    (quota, (quota / window.limit).max(to_come))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A window as a server with this quota per so many seconds tells it, `gone` seconds after the window began.
    fn window(quota: f64, period: f64, observed: f64, gone: f64) -> Window {
        let date = Timestamp::from_millis(1_800_000_000_000);
        Window {
            limit: (quota * 60.0 / period).ceil(),
            observed,
            remaining: (quota - observed).max(0.0),
            reset: date.plus(Duration::from_secs_f64(period - gone)),
            date,
        }
    }

    fn after(windows: impl IntoIterator<Item = Window>) -> f64 {
        let mut crowd = Crowd::default();
        windows.into_iter().for_each(|window| crowd.seen(window));
        crowd.factor()
    }

    #[test]
    fn nobody_else_means_no_slower() {
        assert!(Crowd::default().alone());
        assert!(
            after((0..60).map(|gone| window(2000.0, 60.0, f64::from(gone), f64::from(gone))))
                <= 1.0
        );
        // The last second of a quiet window: little is left of it, but nearly nothing was used.
        assert!(after([window(2000.0, 60.0, 300.0, 59.0)]) <= 1.0);
    }

    #[test]
    fn use_counts_by_the_time_it_took() {
        let early = after([window(2000.0, 60.0, 1000.0, 10.0)]);
        let late = after([window(2000.0, 60.0, 1000.0, 55.0)]);
        assert!(early > 1.2 && late <= 1.0, "{early} {late}");
    }

    #[test]
    fn an_hourly_window_is_read_by_its_own_length() {
        // 5,000 per hour is told as 84 per minute: half of them after 59 minutes is no crowd, four fifths after 20 minutes is one.
        assert!(after([window(5000.0, 3600.0, 2500.0, 3540.0)]) <= 1.0);
        assert!(after([window(5000.0, 3600.0, 4000.0, 1200.0)]) > 1.5);
    }

    #[test]
    fn all_who_share_a_limit_end_alike() {
        let steady = || (0..40).map(|_| window(2000.0, 60.0, 1500.0, 55.0));
        let mut slow = Crowd::default();
        for _ in 0..5 {
            slow.refused(None);
        }
        assert!(slow.factor() > 20.0);
        steady().for_each(|window| slow.seen(window));
        let fresh = after(steady());
        assert!(
            (slow.factor() / fresh - 1.0).abs() < 0.05,
            "{} {fresh}",
            slow.factor()
        );
        assert!(fresh > 1.2);
    }

    #[test]
    fn a_refusal_slows_down_with_or_without_headers() {
        for said in [None, Some(window(100.0, 60.0, 500.0, 30.0))] {
            let mut crowd = Crowd::default();
            crowd.refused(said);
            assert!((1.3..=4.0).contains(&crowd.factor()), "{crowd:?}");
            (0..1000).for_each(|_| crowd.refused(said));
            assert!(crowd.factor() <= SLOWEST);
        }
    }

    #[test]
    fn without_headers_good_answers_lead_back() {
        let mut crowd = Crowd::default();
        crowd.refused(None);
        (0..6).for_each(|_| crowd.seen_nothing());
        assert!(!crowd.alone());
        crowd.seen_nothing();
        assert!(crowd.alone());
    }

    #[test]
    fn headers_that_make_no_sense_change_nothing_for_the_worse() {
        let good = window(2000.0, 60.0, 100.0, 30.0);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300] {
            for (limit, observed, remaining) in
                [(bad, 1.0, 1.0), (60.0, bad, 1.0), (60.0, 1.0, bad)]
            {
                let mut crowd = Crowd::default();
                for millis in [i64::MIN, 0, i64::MAX] {
                    crowd.seen(Window {
                        limit,
                        observed,
                        remaining,
                        reset: Timestamp::from_millis(millis),
                        ..good
                    });
                }
                assert!((1.0..=SLOWEST).contains(&crowd.factor()), "{bad} {crowd:?}");
                (0..60).for_each(|_| crowd.seen(good));
                assert!(crowd.alone(), "{bad} {crowd:?}");
            }
        }
    }
}
