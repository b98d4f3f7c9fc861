//! Faults of a real network: each kind meets each command, on the first request, the last one, or the write.

use super::{PLAIN, Row, Scene, commands, each, product, writes};
use crate::fake::{Bad, Fault};

/// The first request, the last one, or the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Last,
    Write,
}

fn meets(fault: Fault, place: Place, row: &Row) {
    let pattern = match place {
        Place::First => "GET *".to_owned(),
        Place::Write => "POST *".to_owned(),
        Place::Last => {
            let calm = Scene::new();
            calm.ends(PLAIN, row, row.1);
            let log = calm.gitlab.requests();
            let last = log.iter().rfind(|one| one.method == "GET");
            format!("GET {}", last.unwrap().target)
        }
    };
    let scene = Scene::new();
    scene.gitlab.fault(&pattern, fault);
    let got = scene.run(PLAIN, row);
    let log = scene.gitlab.log();
    // Which pipeline a lost request has started cannot be found out, nor why a write that GitLab has accepted was not done.
    let sent = place == Place::Write
        && (row.0.starts_with("trigger") || fault == Fault::Before(Bad::Json("{}")));
    // A page for browsers as the very first answer is not GitLab's.
    let browser = fault == Fault::Page && log.lines().count() == 1;
    // `doctor` asks each question once, and shows which has no answer.
    let may_be_unknown =
        sent || browser || matches!(fault, Fault::Redirect(..)) || row.0 == "doctor";
    assert!(
        got.code == row.1 || may_be_unknown && got.code == 6,
        "{fault:?} {place:?} {row:?} {got:#?}\n{log}"
    );
}

/// Each kind of fault meets some commands; with `SIGNAL_RUNS`, every command in every place.
#[test]
fn a_fault_that_passes_changes_no_result() {
    use Fault::{Drip, Hang, HangAfter, LimitedAction, LimitedJson, LimitedPlain, LimitedUntil};
    let all = std::env::var_os("SIGNAL_RUNS").is_some();
    let mut faults = Fault::all();
    faults.retain(|fault| match fault {
        Drip | Hang | HangAfter => false,
        LimitedAction(_) | LimitedJson | LimitedPlain | LimitedUntil(_) => all,
        _ => true,
    });
    let mut cases = Vec::new();
    for (number, (fault, row)) in product(&faults, commands()).into_iter().enumerate() {
        let places = [Place::First, Place::Last, Place::Write];
        let places = &places[..if writes(&row) { 3 } else { 2 }];
        let of = places.iter().map(|place| (fault, *place, row));
        let chosen = of.zip(number..).filter(|(_, nth)| all || nth % 11 == 0);
        cases.extend(chosen.map(|(case, _)| case));
    }
    // They mostly sleep.
    each(&cases, 96, |(fault, place, row)| meets(*fault, *place, row));
}

#[test]
fn a_server_that_never_answers_lets_the_time_run_out() {
    let cases = [
        ("GET *", ("wait unit --timeout 1", 3)),
        ("GET *", ("gate branch --timeout 1", 6)),
        ("POST *", ("play deploy --timeout 1", 6)),
    ];
    each(&cases, 4, |(pattern, row)| {
        let scene = Scene::new();
        scene.gitlab.faults(pattern, Fault::Hang, u32::MAX);
        let got = scene.ends(PLAIN, row, row.1);
        // The job may not have been played.
        assert!(!got.log.contains("goes on"), "{got:#?}");
    });
}
