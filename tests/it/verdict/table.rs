//! The table: every status under every rule.

use super::*;

/// Every status: the code of a wait for a job that is meant by name, by name and allowed to fail, by glob, by glob and allowed to fail. `.` goes on.
fn table(rules: &Rules) -> String {
    let mut table = String::new();
    for status in Status::WORDS.iter().chain(&["on_holiday"]) {
        table += status;
        for (operand, allowed) in [("a", false), ("a", true), ("a*", false), ("a*", true)] {
            let row = job(5, "a", status);
            let row = if allowed { tolerated(row) } else { row };
            let mut wait = Wait::new(named(&[operand]), rules.clone()).pipeline(OWN, vec![row]);
            let code = wait.exit(0).map(|code| code.to_string());
            table += " ";
            table += code.as_deref().unwrap_or(".");
        }
        table += "\n";
    }
    table
}

const ALIVE: &str = "created . . . .\nwaiting_for_callback . . . .\nwaiting_for_resource . . . .\npreparing . . . .\npending . . . .\nrunning . . . .\n";

fn expected(success: &str, failed: &str, canceled: &str, skipped: &str) -> String {
    format!(
        "{ALIVE}success {success}\nfailed {failed}\ncanceling . . . .\ncanceled {canceled}\nskipped {skipped}\nmanual . . . 5\nscheduled . . . .\non_holiday . . . .\n"
    )
}

#[test]
fn every_status_by_default() {
    let expected = expected("0 0 0 0", "1 0 1 0", "7 0 7 0", "7 7 7 7");
    assert_eq!(table(&Rules::default()), expected);
}

#[test]
fn every_status_with_strict() {
    let strict = Rules {
        failures: Failures::Strict,
        ..Rules::default()
    };
    let expected = expected("0 0 0 0", "1 1 1 1", "7 7 7 7", "7 7 7 7");
    assert_eq!(table(&strict), expected);
}

#[test]
fn every_status_with_ok() {
    let mut rules = Rules {
        ok: vec![Status::Canceled, Status::Skipped],
        ..Rules::default()
    };
    assert_eq!(
        table(&rules),
        expected("0 0 0 0", "1 0 1 0", "0 0 0 0", "0 0 0 0")
    );
    rules.failures = Failures::Strict;
    assert_eq!(
        table(&rules),
        expected("0 0 0 0", "1 1 1 1", "0 0 0 0", "0 0 0 0")
    );
    rules.ok = vec![Status::Skipped];
    assert_eq!(
        table(&rules),
        expected("0 0 0 0", "1 1 1 1", "7 7 7 7", "0 0 0 0")
    );
}

#[test]
fn every_status_for_finished() {
    let finished = Rules {
        want: Want::Finished,
        failures: Failures::Strict,
        ..Rules::default()
    };
    assert_eq!(
        table(&finished),
        expected("0 0 0 0", "0 0 0 0", "0 0 0 0", "0 0 0 0")
    );
}

/// `--for STATUS` against every status, the ended ones also for a job that never ran.
#[test]
fn every_status_for_a_status() {
    let now = "created manual scheduled waiting_for_resource preparing pending running canceling success failed canceled skipped failed! canceled! on_holiday";
    for (wanted, codes) in [
        ("created", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 ."),
        ("manual", ". 0 . 0 0 0 0 0 0 0 0 7 1 7 ."),
        ("scheduled", ". . 0 0 0 0 0 0 0 0 0 7 1 7 ."),
        ("preparing", ". . . . 0 0 0 0 0 0 0 7 1 7 ."),
        ("pending", ". . . . . 0 0 0 0 0 0 7 1 7 ."),
        ("running", ". . . . . . 0 0 0 0 0 7 1 7 ."),
        ("canceling", ". . . . . . . 0 10 1 0 7 1 7 ."),
        ("success", ". . . . . . . . 0 1 7 7 1 7 ."),
        ("failed", ". . . . . . . . 10 0 7 7 0 7 ."),
        ("canceled", ". . . . . . . . 10 1 0 7 1 0 ."),
        ("skipped", ". . . . . . . . 10 1 7 0 1 7 ."),
        ("pending,failed", ". . . . . 0 0 0 0 0 0 7 0 7 ."),
    ] {
        let statuses = wanted.split(',').map(Status::parse).collect();
        let rules = Rules {
            want: Want::Statuses(statuses),
            ..Rules::default()
        };
        let got: Vec<String> = now
            .split(' ')
            .map(|word| {
                let row = job(5, "a", word.trim_end_matches('!'));
                let row = if word.ends_with('!') {
                    never_started(row)
                } else {
                    row
                };
                let mut wait = Wait::new(named(&["a"]), rules.clone()).pipeline(OWN, vec![row]);
                wait.exit(0)
                    .map_or_else(|| ".".into(), |code| code.to_string())
            })
            .collect();
        assert_eq!(got.join(" "), codes, "--for {wanted}");
    }
}

#[test]
fn what_was_reached_once_stays_reached_until_a_newer_attempt() {
    let rules = Rules {
        want: Want::Statuses(vec![Status::Pending]),
        ..Rules::default()
    };
    let mut wait = Wait::new(named(&["a", "b"]), rules);
    wait.set(OWN, vec![job(5, "a", "pending"), job(4, "b", "created")]);
    assert_eq!(wait.exit(0), None);
    let canceled = never_started(job(5, "a", "canceled"));
    wait.set(OWN, vec![canceled.clone(), job(4, "b", "pending")]);
    assert_eq!(wait.exit(5), Some(0));

    wait = Wait::new(
        named(&["a", "b"]),
        Rules {
            want: Want::Statuses(vec![Status::Pending]),
            ..Rules::default()
        },
    );
    wait.set(OWN, vec![job(5, "a", "pending"), job(4, "b", "created")]);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![job(6, "a", "created"), job(4, "b", "pending")]);
    assert_eq!(wait.exit(5), None);
}
