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
/// How steeply the factor rises with the use: 1.5 at 70 %, 5 at 100 %.
const STEEP: f64 = 4.0;
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
        // Never a larger step than would do if all the others took it, too.
        let most = self.factor * (used / AIM).max(1.0);
        self.set((self.factor * wanted).sqrt().min(most));
        self.used = used;
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
