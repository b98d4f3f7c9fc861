//! The goals of the pace, each with what was measured.

use crate::fleet::{self, Fleet};
use crate::single::{Outcome, Policy, early_failures, waits};
use crate::stats::Law;

const RULE: Policy = Policy::Rule("3s..60s");
const QUICK: Policy = Policy::Rule("2s..60s");

fn law(minutes: f64, cv: f64) -> Law {
    Law {
        median: minutes * 60.0,
        cv,
        queue: 30.0,
    }
}

/// The largest figure over jobs of 5 and 20 minutes and the given laws and numbers of known runs.
fn worst(cvs: &[f64], runs: &[usize], figure: impl Fn(Law, usize) -> f64) -> f64 {
    let mut worst = f64::MIN;
    for minutes in [5.0, 20.0] {
        for &cv in cvs {
            for &runs in runs {
                worst = worst.max(figure(law(minutes, cv), runs));
            }
        }
    }
    worst
}

/// Requests in percent of those of another way to wait.
fn against(policy: Policy, other: Policy, law: Law, runs: usize) -> f64 {
    100.0 * waits(policy, law, runs).per_hour / waits(other, law, 0).per_hour
}

fn row(goal: &str, measured: f64, at_most: f64, unit: &str) {
    let met = if measured <= at_most {
        "met"
    } else {
        "**not met**"
    };
    println!("| {goal} | {at_most}{unit} | {measured:.1}{unit} | {met} |");
}

pub fn print() {
    println!("\n| goal | at most | measured | |\n|---|--:|--:|---|");
    known();
    quick();
    unknown();
    shared();
    short();
}

fn known() {
    let few = [0.1, 0.3];
    for (runs, name) in [(5, "5 runs known"), (20, "20 runs known")] {
        let delay = |figure: fn(Outcome) -> f64, cvs: &[f64]| {
            worst(cvs, &[runs], |law, runs| figure(waits(RULE, law, runs)))
        };
        let asked = worst(&few, &[runs], |law, runs| {
            against(RULE, Policy::Loop(30.0), law, runs)
        });
        let say = |what: &str| format!("{name}, CV up to 0.3, jobs of 5 and 20 min: {what}");
        row(&say("requests, of a 30 s loop's"), asked, 103.0, " %");
        row(
            &say("median delay"),
            delay(|it| it.delay.median, &few),
            10.0,
            " s",
        );
        row(
            &say("median delay at CV 0.1"),
            delay(|it| it.delay.median, &few[..1]),
            7.0,
            " s",
        );
        row(&say("p90"), delay(|it| it.delay.p90, &few), 25.0, " s");
        row(&say("worst"), delay(|it| it.delay.max, &few), 66.0, " s");
    }
}

fn quick() {
    let few = [0.1, 0.3];
    let median = worst(&few, &[20], |law, runs| {
        waits(QUICK, law, runs).delay.median
    });
    let asked = worst(&few, &[20], |law, runs| {
        against(QUICK, Policy::Loop(5.0), law, runs)
    });
    row(
        "`--interval 2s..60s`, 20 runs known, CV up to 0.3: median delay",
        median,
        3.0,
        " s",
    );
    row(
        "`--interval 2s..60s`: requests, of a 5 s loop's",
        asked,
        52.0,
        " %",
    );
}

fn unknown() {
    let all = [0.1, 0.3, 1.0];
    let asked = worst(&all, &[0], |law, runs| {
        against(RULE, Policy::Exponential, law, runs)
    });
    let slower = worst(&all, &[0], |law, runs| {
        let other = waits(Policy::Exponential, law, 0).delay.median;
        100.0 * waits(RULE, law, runs).delay.median / other
    });
    row(
        "no history, any CV: requests, of an exponential loop's (3 s to 30 s)",
        asked,
        100.0,
        " %",
    );
    row(
        "no history, any CV: median delay, of an exponential loop's",
        slower,
        100.0,
        " %",
    );
}

fn shared() {
    let [minute, hour] = fleet::LIMITS;
    for (which, waits, within) in [
        (minute, 100, 60.0),
        (minute, 2000, 60.0),
        (minute, 2000, 600.0),
        (hour, 100, 600.0),
        (hour, 200, 600.0),
    ] {
        let fleet = Fleet { waits, within };
        let outcome = fleet.run(fleet::Policy::Rule, fleet::limits(which));
        let free = fleet.run(fleet::Policy::Rule, fleet::limits("no limit"));
        let minutes = within / 60.0;
        let say =
            |what: &str| format!("{waits} waits within {minutes:.0} min under {which}: {what}");
        row(
            &say("refused after the first minute"),
            outcome.refused_later(),
            1.0,
            " %",
        );
        let unfair = 100.0 * (1.0 - outcome.fairness(&free));
        row(&say("unfairness (1 - Jain's index)"), unfair, 2.0, " %");
    }
}

fn short() {
    let looks = |policy, runs| (waits(policy, law(1.0, 0.3), runs).each * 10.0).round() / 10.0;
    row(
        "1 min jobs: requests of one wait, against a 30 s loop's",
        looks(RULE, 20),
        looks(Policy::Loop(30.0), 0),
        "",
    );
    let early = early_failures(RULE, law(5.0, 0.3), 20).delay.median;
    row(
        "5 min jobs that fail in the first half: median delay",
        early,
        19.0,
        " s",
    );
}
