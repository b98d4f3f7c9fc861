//! Random numbers that can be played again and made smaller.

use std::time::{Duration, Instant};

/// A small generator (`splitmix64`), so that each seed gives one history. It keeps what it rolled; a row of rolls can be played again, and where
/// such a row ends, everything else is 0. Whoever rolls lets 0 mean what is plain, so that a shorter row with smaller numbers is a simpler history.
pub struct Dice {
    seed: u64,
    again: Option<Vec<u64>>,
    pub rolled: Vec<u64>,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            again: None,
            rolled: Vec::new(),
        }
    }

    pub fn again(rolled: Vec<u64>) -> Self {
        Self {
            again: Some(rolled),
            ..Self::new(0)
        }
    }

    /// 0 up to `sides`, exclusive.
    pub fn roll(&mut self, sides: u64) -> u64 {
        let number = if let Some(again) = &self.again {
            again.get(self.rolled.len()).copied().unwrap_or(0)
        } else {
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        } % sides;
        self.rolled.push(number);
        number
    }

    pub fn count(&mut self, sides: u64) -> usize {
        usize::try_from(self.roll(sides)).unwrap()
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.roll(times) == times - 1
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.count(of.len() as u64)]
    }
}

/// The simplest row of rolls that is still wrong: parts are left out, numbers become 0 or smaller, as long as that goes on to be wrong and for
/// less than a minute.
pub fn simplest(mut rolled: Vec<u64>, wrong: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let began = Instant::now();
    let time_left = || began.elapsed() < Duration::from_secs(40);
    loop {
        let before = rolled.clone();
        for length in [32, 8, 3, 1] {
            let mut at = 0;
            while at < rolled.len() && time_left() {
                let mut shorter = rolled.clone();
                shorter.drain(at..(at + length).min(rolled.len()));
                if wrong(&shorter) {
                    rolled = shorter;
                } else {
                    at += length;
                }
            }
        }
        for at in 0..rolled.len() {
            for smaller in [0, rolled[at] / 2, rolled[at].saturating_sub(1)] {
                if smaller < rolled[at] && time_left() {
                    let mut other = rolled.clone();
                    other[at] = smaller;
                    if wrong(&other) {
                        rolled = other;
                        break;
                    }
                }
            }
        }
        if rolled == before || !time_left() {
            return rolled;
        }
    }
}
