//! A gate judged: one line per condition, held or not, what GitLab said and what was expected instead.

use serde::Serialize;

use super::style::Paint;
use super::table::{Column, Table};
use super::talk::Talk;
use super::{messages, wait};
use crate::decide::gate::condition::{Condition, Row};
use crate::decide::gate::said::{Fact, Said};
use crate::decide::gate::{Judgement, Line};
use crate::decide::wait::{JobOutcome, Outcome};
use crate::exit::{Exit, Stop};

const COLUMNS: &[Column] = &[
    Column::Left("FINDING"),
    Column::Name("CONDITION"),
    Column::Text("GITLAB SAID"),
];

/// The answer for programs.
#[derive(Serialize)]
pub struct Document {
    result: &'static str,
    exit: u8,
    conditions: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    condition: String,
    finding: &'static str,
    expected: String,
    said: String,
    hint: Option<String>,
}

/// For programs.
pub fn document(judgement: &Judgement) -> Document {
    let exit = judgement.exit();
    let entry = |line: &Line| Entry {
        condition: line.condition.text.clone(),
        finding: word(line.finding).0,
        expected: expected(&line.condition),
        said: said(&line.said),
        hint: Some(hints_of(line).join("; ")).filter(|hint| !hint.is_empty()),
    };
    Document {
        result: exit.name(),
        exit: exit.code(),
        conditions: judgement.lines.iter().map(entry).collect(),
    }
}

/// For people.
pub fn table(judgement: &Judgement) -> Table {
    let mut table = Table::new(COLUMNS);
    for line in &judgement.lines {
        table.row(&[
            word(line.finding),
            (&line.condition.text, Paint::Plain),
            (&outcome(line), Paint::Plain),
        ]);
    }
    table
}

/// The same on standard error, for a command that goes on only if the gate is open.
pub fn show(judgement: &Judgement, talk: &Talk) {
    for line in &judgement.lines {
        let text = format!("  {}  {}", line.condition.text, outcome(line));
        talk.pieces(&[
            ("gate: ", Paint::Plain),
            word(line.finding),
            (&text, Paint::Plain),
        ]);
    }
    hints(judgement, talk);
}

/// What to try, each hint once.
pub fn hints(judgement: &Judgement, talk: &Talk) {
    let mut shown: Vec<&str> = Vec::new();
    for hint in judgement.lines.iter().flat_map(|line| hints_of(line)) {
        if !shown.contains(&hint) {
            talk.hint(hint);
            shown.push(hint);
        }
    }
}

/// `the gate is closed: 2 of 5 conditions not held`
pub fn summary(judgement: &Judgement) -> String {
    let all = judgement.lines.len();
    let exit = judgement.exit();
    let bad = judgement.lines.iter().filter(|line| match exit {
        Exit::Closed => line.finding == exit,
        _ => line.finding != Exit::Ok,
    });
    let some = bad.count();
    match exit {
        Exit::Ok => format!("the gate is open: {all} of {all} conditions held"),
        Exit::Closed => format!("the gate is closed: {some} of {all} conditions not held"),
        _ => format!("the gate could not be checked: {some} of {all} conditions without evidence"),
    }
}

/// `the ref is a branch that matches main or release/*`
pub fn expected(condition: &Condition) -> String {
    let (equal, unequal) = condition.row.verb();
    let unequal = unequal.filter(|_| condition.negated);
    let values = condition.values.join(" or ");
    phrase(condition.row, unequal.unwrap_or(equal), &values)
}

/// The same of any condition with this key: `the ref is a branch that matches GLOB`
pub fn holds(row: &Row) -> String {
    phrase(row, row.verb().0, row.placeholder())
}

fn phrase(row: &Row, verb: &str, values: &str) -> String {
    if values.is_empty() {
        return row.expected.to_owned();
    }
    format!("{}{verb}{values}", row.expected)
}

/// A text that is not a condition; `from` is where it stands.
pub fn mistake(from: &str, what: &str) -> Stop {
    Stop::usage(format!("{from}: {what}")).hint("jobgate gate --help lists the conditions")
}

/// What was expected stands only where it did not come out so.
fn outcome(line: &Line) -> String {
    let said = said(&line.said);
    match line.finding {
        Exit::Ok => said,
        _ => format!("{said} (expected: {})", expected(&line.condition)),
    }
}

/// What GitLab said, or why nothing can be said.
pub fn said(said: &Said) -> String {
    match said {
        Said::Jobs(outcome) => jobs(outcome),
        Said::NoAnswer(stop) => match stop.error.split_once('\n') {
            Some((cause, asked)) => format!("{cause} ({})", asked.replace('\n', "; ")),
            None => stop.error.clone(),
        },
        Said::Fact(fact, names) => {
            let mut names = names.iter();
            let pieces = sentence(*fact).split("{}");
            let pieces = pieces.flat_map(|piece| [piece, names.next().map_or("", String::as_str)]);
            pieces.collect()
        }
    }
}

/// The names stand in the places of `{}`.
fn sentence(fact: Fact) -> &'static str {
    match fact {
        Fact::Project => "the project is {} ({})",
        Fact::ProjectInOtherCase => "the project is {} ({}); letter case counts",
        Fact::Branch => "the ref is the branch {}",
        Fact::Tag => "the ref is the tag {}",
        Fact::OtherRef => "the ref is {}, neither branch nor tag",
        Fact::Protected => "GitLab lists {} as protected",
        Fact::NotProtected => "GitLab lists {} as not protected",
        Fact::RefNotListed => "GitLab does not list {}",
        Fact::Source => "the source is {}",
        Fact::User => "the user is {}",
        Fact::Role => "{} is {} in project {}",
        Fact::NoRole => "{} has no known role in project {}",
        Fact::NoEnvironment => "the job has no environment",
        Fact::Tier => "the tier is {}",
        Fact::Environment => "the environment is {}",
        Fact::Agent => "agent {} of {} is allowed",
        Fact::OtherAgents => "it is not one of the agents that the job may use ({})",
        Fact::Newest => "no pipeline after {} is for another commit",
        Fact::Newer => "pipeline {} of {} is for commit {}",
        Fact::NoJob => "the pipeline has no job of exactly this name",
        Fact::TriggerJob => "it is a trigger job, which approves nothing",
        Fact::Manual => "it is manual, for another user to play: {}",
        Fact::Status => "it is {}",
        Fact::OwnUser => "its user is {}, the calling job's own user",
        Fact::Retried => "it was retried, so its user {} may only have retried it",
        Fact::Starter => "its user is {}, who started the pipeline, as of every job not played",
        Fact::Played => "{} played it, and it passed",
        Fact::NotAsked => "GitLab was not asked",
        Fact::NoUser => "GitLab names no user of this job",
        Fact::NoSource => "GitLab names no source of this pipeline",
        Fact::NoRef => "GitLab does not say what the job's ref is",
        Fact::TwoRefs => "GitLab says that the job's ref is {} and its pipeline's is {}",
        Fact::ProjectPath => "the job's URL does not show the path of project {}: {}",
        Fact::OtherJob => "GET /job and GET /job/allowed_agents name different jobs",
        Fact::NotOfEnvironment => "GitLab names no {} of the job's environment",
        Fact::Slug => "GitLab lists {} environments with the job's slug {}",
        Fact::NoPlayer => "GitLab does not name the user who played it",
        Fact::NoStarter => "GitLab does not name the user who started the pipeline",
        Fact::PipelineWithoutRef => "GitLab lists pipeline {} without its ref",
        Fact::TwoCommits => "GitLab names two commits of pipeline {}",
        Fact::PipelineHidden => "the pipelines that GitLab lists do not show pipeline {}",
    }
}

/// How the jobs count, those that have not passed first.
fn jobs(outcome: &Outcome) -> String {
    let reason = outcome.reason.as_ref();
    if let Some(stop) = reason.and_then(|_| wait::stop(outcome, None)) {
        return stop.error;
    }
    let mut jobs: Vec<&JobOutcome> = outcome.jobs.iter().collect();
    jobs.sort_by_key(|job| job.counts.exit() == Some(Exit::Ok));
    let jobs = jobs.into_iter();
    let words: Vec<String> = jobs
        .map(|job| format!("{} {}", job.name, wait::word(job.counts)))
        .collect();
    messages::list(&words)
}

fn hints_of(line: &Line) -> Vec<&str> {
    let fact = match &line.said {
        Said::Fact(fact, _) => fact,
        Said::Jobs(_) => return Vec::new(),
        Said::NoAnswer(stop) => return stop.hints.iter().map(String::as_str).collect(),
    };
    vec![match fact {
        // A job that does not deploy can have an environment, too.
        Fact::NoEnvironment => {
            "give the job one without deploying to it: environment: {name: ..., action: verify}"
        }
        Fact::OtherAgents => "jobgate agents lists the agents that the job may use",
        Fact::OwnUser | Fact::Starter => "a user other than the calling job's has to play it",
        Fact::ProjectPath => "project=ID compares the project by its id",
        Fact::Retried => "approve in a new pipeline",
        _ => return Vec::new(),
    }]
}

/// The word for a finding.
fn word(finding: Exit) -> (&'static str, Paint) {
    match finding {
        Exit::Ok => ("held", Paint::Good),
        Exit::Closed => ("not held", Paint::Bad),
        Exit::Refused => ("refused", Paint::Warning),
        _ => ("unknown", Paint::Warning),
    }
}
