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

/// `the gate is closed: 2 of 5 conditions do not hold`
pub fn summary(judgement: &Judgement) -> String {
    let all = judgement.lines.len();
    let count = |finding| {
        let lines = judgement.lines.iter();
        lines.filter(|line| line.finding == finding).count()
    };
    let some = |some: usize| format!("{some} of {all}");
    match (judgement.exit(), all) {
        (Exit::Ok, 1) => "the gate is open: its condition holds".to_owned(),
        (Exit::Ok, _) => format!("the gate is open: all {all} conditions hold"),
        (Exit::Closed, 1) => "the gate is closed: its condition does not hold".to_owned(),
        (Exit::Closed, _) => {
            let not = some(count(Finding::NotHeld));
            format!("the gate is closed: {not} conditions do not hold")
        }
        (_, 1) => "the gate is closed: its condition could not be told".to_owned(),
        _ => {
            let untold = count(Finding::Refused) + count(Finding::Unavailable);
            format!(
                "the gate is closed: {} conditions could not be told",
                some(untold)
            )
        }
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
