//! Signals at random moments: a documented code, no write twice, and a pass only if it is true.

use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{PLAIN, ROWS, Row, Scene, each, ended};
use crate::world::Dice;

/// What never ends by itself in a world that stands still.
const WAITS: [&str; 8] = [
    "wait soak",
    "wait soak --output ndjson",
    "trace soak --follow",
    "gate jobs=soak --timeout 1h",
    "play deploy --wait --on-cancel cancel",
    "play deploy --wait --output json --output-file out",
    "retry broken --wait --on-cancel cancel",
    "trigger ops/checks --ref main --wait --on-cancel cancel",
];

pub fn send(signal: &str, child: &Child) {
    let (option, id) = (format!("-{signal}"), child.id().to_string());
    let status = Command::new("kill").args([option, id]).status();
    assert!(status.unwrap().success());
}

/// How it ended: before `main`, by the signal, or as without it.
fn meets(row: &Row, delay: Duration, (name, number): (&str, i32)) -> usize {
    let scene = Scene::new();
    // Each request takes a few milliseconds.
    let hold = AtomicBool::new(false);
    let slow = move |_: &_| !hold.fetch_xor(true, Ordering::SeqCst);
    scene.gitlab.slow_while(slow);
    let child = scene.command(PLAIN, row.0).spawn().unwrap();
    std::thread::sleep(delay);
    send(name, &child);
    let got = ended(child);
    let story = format!("{name} after {delay:?}");
    scene.check(row, &got, &story);
    let story = format!("{story} {row:?} {got:#?}\n{}", scene.gitlab.log());
    if let Ok(document) = std::fs::read(scene.folder.path().join("out")) {
        assert!(
            serde_json::from_slice::<Value>(&document).is_ok(),
            "{story}"
        );
    }
    if row.0.contains("--on-cancel cancel") && got.log.contains("played  ") {
        let mut committed = scene
            .gitlab
            .world(|world| world.committed.clone())
            .into_keys();
        assert!(committed.any(|(_, verb)| verb == "cancel"), "{story}");
    }
    match got.code {
        code if code == -number && scene.gitlab.log().is_empty() => 0,
        code if code == 128 + number => 1,
        code if code == row.1 => 2,
        _ => panic!("{story}"),
    }
}

/// `SIGNAL_RUNS` many; `SIGNAL_SEED` repeats the one of a failure.
#[test]
fn a_signal_at_a_random_moment_ends_each_command_with_a_code_that_is_true() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let first = number("SIGNAL_SEED").unwrap_or_else(|| jobgate::os::seed() >> 1);
    let waits = WAITS.map(|words| (words, -1));
    let rows = [&ROWS[..], &waits[..]].concat();
    let seen = [const { AtomicUsize::new(0) }; 3];
    let last = first + number("SIGNAL_RUNS").unwrap_or(24);
    let seeds: Vec<u64> = (first..last).collect();
    each(&seeds, 8, |seed| {
        let mut dice = Dice::new(*seed);
        let mut roll = |sides: usize| usize::try_from(dice.roll(sides as u64)).unwrap();
        let row = &rows[roll(rows.len())];
        let signal = [("HUP", 1), ("INT", 2), ("TERM", 15)][roll(3)];
        let delay = Duration::from_micros(dice.roll(50_000));
        println!(
            "SIGNAL_RUNS=1 SIGNAL_SEED={seed}: SIG{} after {delay:?}: {}",
            signal.0, row.0
        );
        seen[meets(row, delay, signal)].fetch_add(1, Ordering::SeqCst);
    });
    let [early, ended, late] = seen.map(AtomicUsize::into_inner);
    println!("before main {early}, ended by the signal {ended}, as without it {late}");
}
