//! One time for the world and for the program under test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jobgate::os::{Interrupt, Slept};
use jobgate::time::{Clock, Timestamp};

use super::state::Shared;

/// How the world's time goes by.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// It stands still between sleeps, and a sleep is over at once.
    Sleeping,
    /// It goes so many times faster than real time.
    Running { since: Instant, factor: u32 },
}

/// The clock of the world, for the program under test.
#[derive(Clone)]
pub struct FakeClock {
    pub(super) shared: Arc<Shared>,
}

impl Clock for FakeClock {
    fn wall(&self) -> Timestamp {
        self.shared.lock().world.now
    }

    fn monotonic(&self) -> Duration {
        let state = self.shared.lock();
        state.world.now.since(state.began) + Duration::from_hours(1)
    }

    fn sleep(&self, duration: Duration, interrupt: &Interrupt) -> Slept {
        let pace = self.shared.lock().pace;
        if let Pace::Running { factor, .. } = pace {
            return interrupt.sleep(duration / factor);
        }
        if let Some(signal) = interrupt.signal() {
            return Err(signal);
        }
        let mut state = self.shared.lock();
        state.asked_since_sleep = 0;
        state.world.witnessed(None);
        // A sleep that is shorter than the clock's unit still moves it, so that no loop stands still.
        let to = state.world.now.plus(duration.max(Duration::from_millis(1)));
        let signal = state
            .world
            .signals
            .front()
            .copied()
            .filter(|(at, _)| *at <= to);
        let Some((at, signal)) = signal else {
            state.world.advance(to);
            return Ok(());
        };
        state.world.signals.pop_front();
        state.world.advance(at);
        drop(state);
        interrupt.raise(signal);
        Err(signal)
    }
}
