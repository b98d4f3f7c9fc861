//! A gate judged: one line per condition, held or not, what GitLab said and what was expected instead.

use serde::Serialize;

use super::messages;
use super::style::Paint;
use super::table::{Column, Table};
use super::talk::Talk;
use crate::decide::gate::condition::Condition;
use crate::decide::gate::said::{Fact, Said};
use crate::decide::gate::{Judgement, Line};
use crate::decide::wait::{Counts, JobOutcome, Outcome};
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
pub fn document(judgement: &Judgement, exit: Exit) -> Document {
    let entry = |line: &Line| Entry {
        condition: line.condition.text.clone(),
        finding: word(line.finding).0,
        expected: expected(&line.condition),
        said: said(line),
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
}

pub const OPEN: &str = "the gate is open: all conditions hold";

/// The end of a gate that is not open.
pub fn end(judgement: &Judgement) -> Option<Stop> {
    let exit = judgement.exit();
    let lines = judgement.lines.iter();
    let bad: Vec<&Line> = lines.filter(|line| line.finding == exit).collect();
    let names = bad.iter().map(|line| line.condition.text.as_str());
    let names = messages::list(&names.collect::<Vec<_>>());
    let error = match (exit, bad.len()) {
        (Exit::Ok, _) => return None,
        (Exit::Closed, 1) => format!("the gate is closed: {names} does not hold"),
        (Exit::Closed, _) => format!("the gate is closed: {names} do not hold"),
        (_, 0) => "the gate could not be checked".to_owned(),
        _ => format!("the gate could not be checked: no evidence for {names}"),
    };
    let mut stop = Stop::new(exit, error);
    for hint in bad.into_iter().flat_map(hints_of) {
        if !stop.hints.iter().any(|known| known == hint) {
            stop = stop.hint(hint);
        }
    }
    Some(stop)
}

/// `the ref is a branch that matches main or release/*`
pub fn expected(condition: &Condition) -> String {
    let expected = condition.row.expected.to_owned();
    let (equal, unequal) = condition.row.verb();
    let unequal = unequal.filter(|_| condition.negated);
    match condition.values.join(" or ").as_str() {
        "" => expected,
        values => expected + unequal.unwrap_or(equal) + values,
    }
}

/// A text that is not a condition; `from` is where it stands.
pub fn mistake(from: &str, what: &str) -> Stop {
    Stop::usage(format!("{from}: {what}")).hint("jobgate gate --help lists the conditions")
}

/// What was expected stands only where it did not come out so.
fn outcome(line: &Line) -> String {
    let said = said(line);
    match line.finding {
        Exit::Ok => said,
        _ => format!("{said} (expected: {})", expected(&line.condition)),
    }
}

/// What GitLab said, or why nothing can be said.
pub fn said(line: &Line) -> String {
    match &line.said {
        Said::Is(value) => format!("{} is {value}", line.condition.row.expected),
        Said::Jobs(outcome) => jobs(outcome),
        Said::NoAnswer(stop) => stop.error.replace('\n', "; "),
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
        Fact::Project => "the job's project is {} ({})",
        Fact::Branch => "the ref is the branch {}",
        Fact::Tag => "the ref is the tag {}",
        Fact::OtherRef => "the ref is {}, neither branch nor tag",
        Fact::Protected => "GitLab lists {} as protected",
        Fact::NotProtected => "GitLab lists {} as not protected",
        Fact::RefNotListed => "GitLab does not list {}",
        Fact::NoEnvironment => "the job has no environment",
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
        Fact::Silent => "GitLab names no {}",
        Fact::TwoRefs => "GitLab says that the job's ref is {} and its pipeline's is {}",
        Fact::OtherJob => "GET /job and GET /job/allowed_agents name different jobs",
        Fact::Slug => "GitLab lists {} environments with the job's slug {}",
        Fact::PipelineWithoutRef => "GitLab lists pipeline {} without its ref",
        Fact::TwoCommits => "GitLab names two commits of pipeline {}",
        Fact::PipelineHidden => "the pipelines that GitLab lists do not show pipeline {}",
    }
}

/// How the jobs count, those that have not passed first.
fn jobs(outcome: &Outcome) -> String {
    let mut jobs: Vec<&JobOutcome> = outcome.jobs.iter().collect();
    jobs.sort_by_key(|job| job.counts.exit() == Some(Exit::Ok));
    let jobs: Vec<String> = jobs.into_iter().map(counts).collect();
    messages::list(&jobs)
}

/// `unit has passed`
fn counts(
    JobOutcome {
        name, job, counts, ..
    }: &JobOutcome,
) -> String {
    let status = job.as_ref().map_or("missing", |job| job.status.word());
    match counts {
        Counts::Passed => format!("{name} has passed"),
        Counts::Warning => format!("{name} has not passed, but is allowed to fail"),
        _ if status == "failed" => format!("{name} has failed"),
        Counts::Canceled | Counts::Skipped => format!("{name} was {status}"),
        _ => format!("{name} is {status}"),
    }
}

fn hints_of(line: &Line) -> Vec<&str> {
    let fact = match &line.said {
        Said::Fact(fact, _) => fact,
        Said::NoAnswer(stop) => return stop.hints.iter().map(String::as_str).collect(),
        Said::Is(_) | Said::Jobs(_) => return Vec::new(),
    };
    vec![match fact {
        // A job that does not deploy can have an environment, too.
        Fact::NoEnvironment => {
            "give the job one without deploying to it: environment: {name: ..., action: verify}"
        }
        Fact::OtherAgents => "jobgate agents lists the agents that the job may use",
        Fact::OwnUser | Fact::Starter => "a user other than the calling job's has to play it",
        Fact::Retried => "approve in a new pipeline",
        _ => return Vec::new(),
    }]
}

/// The word for a finding.
fn word(finding: Exit) -> (&'static str, Paint) {
    match finding {
        Exit::Ok => ("held", Paint::Good),
        Exit::Closed | Exit::Pending => ("not held", Paint::Bad),
        Exit::Refused => ("refused", Paint::Warning),
        _ => ("unknown", Paint::Warning),
    }
}
