//! `doctor`: what each token may do, what to switch on, and which commands work.

use std::collections::HashSet;

use super::style::Paint;
use super::table::{Column, Table};
use super::text::visible;
use super::{Color, Out};
use crate::exit::{Exit, Stop};
use crate::gitlab::Route;

/// What one token, or the better one of two, can do. The best comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Works {
    Yes,
    Partly,
    /// GitLab did not answer, or does not say.
    Unknown,
    No,
}

impl Works {
    /// 0 only if all works.
    pub fn exit(self) -> Exit {
        match self {
            Self::Yes => Exit::Ok,
            Self::Partly | Self::No => Exit::Refused,
            Self::Unknown => Exit::Unknown,
        }
    }
}

/// What one token can make of one route: all of it, or how much and why not more.
pub type Cell = Result<(), (Works, Stop)>;

/// One route, and what the job token and the access token can make of it; `None` for a token that was not asked.
pub struct Row {
    pub route: Route,
    pub cells: [Option<Cell>; 2],
}

/// Whether a command works, and what it lacks.
pub struct Verdict<'r> {
    pub command: &'static str,
    pub works: Works,
    pub missing: Vec<&'r Row>,
}

impl Row {
    /// What the better token makes of it.
    pub fn works(&self) -> Works {
        let works = self.cells.iter().flatten().map(works);
        works.min().unwrap_or(Works::Unknown)
    }
}

fn works(cell: &Cell) -> Works {
    cell.as_ref().err().map_or(Works::Yes, |(works, _)| *works)
}

const ROWS: &[Column] = &[
    Column::Left("CAPABILITY"),
    Column::Left("JOB TOKEN"),
    Column::Left("ACCESS TOKEN"),
];
const VERDICTS: &[Column] = &[Column::Left(""), Column::Text("")];

const JUDGED: &str = "doctor checks the calling job's project and changes nothing:\nfor play, retry, cancel and erase it checks the scopes and role of the access token\n";

/// Without a job, there is no project to ask about.
const ALONE: &str =
    "jobs, trace, wait, play, retry, cancel and erase may work with --project and --pipeline\n";

/// The page. `commands`: those that were asked about. `alone`: there is an access token and no job.
pub fn print(rows: &[Row], commands: &[Verdict], alone: bool, out: &mut Out, color: Color) {
    let mut table = Table::new(ROWS);
    for Row { route, cells } in rows {
        let [job, access] = cells.each_ref().map(|cell| {
            cell.as_ref()
                .map_or(("-", Paint::Dim), |cell| word(works(cell)))
        });
        table.row(&[(route.need().what, Paint::Plain), job, access]);
    }
    out.table(&table, color);
    out.text(JUDGED);
    out.text(if alone { ALONE } else { "" });
    out.text(&advice(rows));
    out.text("\n");
    let mut table = Table::new(VERDICTS);
    for (works, title) in [
        (Works::Yes, "works"),
        (Works::Partly, "works in part"),
        (Works::No, "does not work"),
        (Works::Unknown, "unknown"),
    ] {
        let of = commands.iter().filter(|verdict| verdict.works == works);
        let names: Vec<String> = of.map(command).collect();
        if !names.is_empty() {
            table.row(&[(title, Paint::Dim), (&names.join(", "), word(works).1)]);
        }
    }
    out.table(&table, color);
}

/// How a run ended that did not end well.
pub fn end(exit: Exit) -> &'static str {
    match exit {
        Exit::Refused => "the tokens do not allow everything that the commands of --for need",
        _ => "GitLab did not say everything that the tokens allow",
    }
}

/// What keeps both tokens from something, and what to try; what the same would open stands together.
fn advice(rows: &[Row]) -> String {
    let rows = rows.iter().filter(|row| row.works() != Works::Yes);
    let cells = rows.flat_map(|row| row.cells.iter().flatten());
    let mut groups: Vec<(&[String], Vec<&str>)> = Vec::new();
    for (_, Stop { error, hints, .. }) in cells.filter_map(|cell| cell.as_ref().err()) {
        match groups.iter_mut().find(|(known, _)| known == hints) {
            None => groups.push((hints, error.lines().collect())),
            Some((_, lines)) => lines.extend(error.lines()),
        }
    }
    let mut text = String::new();
    for (hints, mut lines) in groups {
        let mut said = HashSet::new();
        lines.retain(|line| said.insert(*line));
        text.push('\n');
        for line in lines {
            text.extend([&visible(line), "\n"]);
        }
        for hint in hints {
            text.extend(["  try: ", &visible(hint), "\n"]);
        }
    }
    text
}

fn word(works: Works) -> (&'static str, Paint) {
    match works {
        Works::Yes => ("yes", Paint::Good),
        Works::Partly => ("in part", Paint::Warning),
        Works::No => ("no", Paint::Bad),
        Works::Unknown => ("unknown", Paint::Warning),
    }
}

/// The command, and where it works in part: which part.
fn command(verdict: &Verdict) -> String {
    let parts: Vec<_> = verdict.missing.iter().map(|row| part(row)).collect();
    match verdict.works {
        Works::Partly => format!("{} ({})", verdict.command, parts.join(", ")),
        _ => verdict.command.to_owned(),
    }
}

/// What is left of a command that works without this.
fn part(row: &Row) -> String {
    let need = row.route.need();
    match (&row.route, need.or) {
        (Route::Bridges(..), _) => "exact names only".to_owned(),
        (_, Some(or)) => format!("only as {or}"),
        _ => format!("cannot {}", need.what),
    }
}

pub fn fine_grained() -> Stop {
    let error = "GitLab does not say what this access token can do";
    Stop::new(Exit::Unknown, error).hint(
        "check in GitLab that a fine-grained token permits Job: Run (play, retry), Job: Update (cancel) or Job: Delete (erase) for this project; permissions are fixed when a token is created",
    )
}

pub fn no_membership() -> Stop {
    let error = "GitLab names no membership of the access token's user in this project";
    Stop::new(Exit::Unknown, error).hint("use a project access token of this project")
}

pub fn nobody_cancels() -> Stop {
    Stop::new(Exit::Refused, "no role can cancel jobs in this project").hint(
        "see Settings > CI/CD > General pipelines > Minimum role required to cancel a pipeline or job",
    )
}
