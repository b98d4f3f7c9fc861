//! The one random test: whole calls of the program in random worlds, while people, pages, limits, tokens and the network get in its way. What the
//! exit code says has to be true of the world, no write may happen twice or behind a closed gate, and no sleep may pass the deadline.
//!
//! The world knows nothing of the program's rules. 50,000 calls, and how they ended:
//!
//! ```text
//! WORLD_CASES=50000 cargo test --release --test it what_the_program_says_is_true -- --nocapture
//! ```

#![allow(clippy::unwrap_used)]

mod call;
mod calls;
mod dice;
mod setting;
mod verdict;

pub use dice::Dice;
pub use setting::pipeline;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZero;
use std::sync::Mutex;

use call::Verb;
use calls::{Played, Wrong, play};

/// How often which command ended how.
#[derive(Default)]
struct Tally {
    codes: BTreeMap<(Verb, i32), usize>,
    requests: usize,
    faults: BTreeMap<String, usize>,
    writes: usize,
    /// Seeds.
    wrong: Vec<(u64, Wrong)>,
}

impl Tally {
    fn add(&mut self, seed: u64, played: Played) {
        *self.codes.entry((played.verb, played.code)).or_default() += 1;
        self.requests += played.requests;
        self.writes += played.writes;
        for fault in played.faults {
            *self.faults.entry(format!("{fault:?}")).or_default() += 1;
        }
        self.wrong.extend(played.wrong.map(|wrong| (seed, wrong)));
    }

    fn print(&self) {
        let runs: usize = self.codes.values().sum();
        let (requests, faults) = (self.requests, self.faults.values().sum::<usize>());
        let (writes, wrong) = (self.writes, self.wrong.len());
        println!(
            "{runs} calls, {requests} requests, {faults} of them with a fault, {writes} writes; {wrong} are wrong"
        );
        let mut ends: BTreeMap<Verb, String> = BTreeMap::new();
        for ((verb, code), count) in &self.codes {
            let _ = write!(ends.entry(*verb).or_default(), "  {code}: {count}");
        }
        for (verb, codes) in ends {
            println!("{:8}{codes}", format!("{verb:?}").to_lowercase());
        }
        let faults = self
            .faults
            .iter()
            .map(|(fault, count)| format!("{fault} {count}"));
        println!("faults  {}", faults.collect::<Vec<_>>().join(", "));
    }
}

/// 2,000 calls, or as many as `WORLD_CASES` says. `WORLD_SEED` plays one. The first that is wrong is made simpler.
#[test]
fn what_the_program_says_is_true() {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let seeds = match number("WORLD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WORLD_CASES").unwrap_or(2_000),
    };
    let (seeds, tally) = (Mutex::new(seeds), Mutex::new(Tally::default()));
    let next = || seeds.lock().unwrap().next();
    let work = || {
        while let Some(seed) = next() {
            let played = play(&mut Dice::new(seed));
            tally.lock().unwrap().add(seed, played);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let mut tally = tally.into_inner().unwrap();
    tally.print();
    tally.wrong.sort_unstable_by_key(|(seed, _)| *seed);
    for (seed, wrong) in &tally.wrong {
        println!(
            "WORLD_SEED={seed}: {}: {}",
            wrong.what,
            wrong.story.lines().next().unwrap_or_default()
        );
    }
    if let Some((seed, wrong)) = tally.wrong.first() {
        let story = simplest(*seed, &wrong.what);
        let again = format!("WORLD_SEED={seed} cargo test --test it what_the_program_says_is_true");
        panic!("the simplest form of the first:\n{story}\nonce more: {again}");
    }
}

/// The simplest call that is wrong in the same way.
fn simplest(seed: u64, what: &str) -> String {
    let mut dice = Dice::new(seed);
    drop(play(&mut dice));
    let wrong = |rolled: &[u64]| {
        let wrong = play(&mut Dice::again(rolled.to_vec())).wrong;
        wrong.filter(|wrong| wrong.what == what)
    };
    let rolled = dice::simplest(dice.rolled, |rolled| wrong(rolled).is_some());
    wrong(&rolled).unwrap_or_default().story
}
