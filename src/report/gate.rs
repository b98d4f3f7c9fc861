//! A gate judged: one line per condition, held or not, what was expected and what GitLab said.

use super::json::Object;
use super::style::Paint;
use super::table::{Column, Table};
use super::talk::Talk;
use crate::decide::gate::{Finding, Judgement, Line};
use crate::exit::Exit;

const COLUMNS: &[Column] = &[
    Column::left("FINDING"),
    Column::left("CONDITION"),
    Column::left("GITLAB SAID"),
];

/// For people.
pub fn table(judgement: &Judgement) -> Table {
    let mut table = Table::new(COLUMNS);
    for line in &judgement.lines {
        table.row(&[
            (line.finding.word(), paint(line.finding)),
            (&line.condition, Paint::Plain),
            (&said(line), Paint::Plain),
        ]);
    }
    table
}

/// The same while something else is being done, on standard error.
pub fn tell(judgement: &Judgement, talk: &Talk) {
    for line in &judgement.lines {
        talk.pieces(&[
            ("gate: ", Paint::Plain),
            (line.finding.word(), paint(line.finding)),
            (
                &format!("  {}  {}", line.condition, said(line)),
                Paint::Plain,
            ),
        ]);
    }
    hints(judgement, talk);
}

/// What to try, each hint once.
pub fn hints(judgement: &Judgement, talk: &Talk) {
    let mut told: Vec<&str> = Vec::new();
    for hint in judgement.lines.iter().filter_map(|line| line.hint) {
        if !told.contains(&hint) {
            talk.hint(hint);
            told.push(hint);
        }
    }
}

/// `gate closed: 2 of 5 conditions do not hold`
pub fn summary(judgement: &Judgement) -> String {
    let all = judgement.lines.len();
    let count = |finding| {
        let lines = judgement.lines.iter();
        lines.filter(|line| line.finding == finding).count()
    };
    let untold = count(Finding::Refused) + count(Finding::Unavailable);
    match (judgement.exit(), count(Finding::NotHeld)) {
        (Exit::Ok, _) => format!("the gate is open: {} held", of(all, all)),
        (Exit::Closed, not) => format!("the gate is closed: {} not held", of(not, all)),
        _ => format!("the gate is closed: {} could not be told", of(untold, all)),
    }
}

fn of(some: usize, all: usize) -> String {
    match all {
        1 => "the condition".to_owned(),
        _ if some == all => format!("all {all} conditions"),
        _ => format!("{some} of {all} conditions"),
    }
}

/// For programs.
pub fn object(line: &Line) -> Object {
    let object = Object::new()
        .text("condition", &line.condition)
        .text("finding", line.finding.word())
        .text("expected", &line.expected)
        .text("said", &line.said);
    match line.hint {
        Some(hint) => object.text("hint", hint),
        None => object.null("hint"),
    }
}

/// What was expected stands only where it did not come out so.
fn said(line: &Line) -> String {
    match line.finding {
        Finding::Held => line.said.clone(),
        _ => format!("{} (expected: {})", line.said, line.expected),
    }
}

fn paint(finding: Finding) -> Paint {
    match finding {
        Finding::Held => Paint::Good,
        Finding::NotHeld => Paint::Bad,
        Finding::Refused | Finding::Unavailable => Paint::Warning,
    }
}
