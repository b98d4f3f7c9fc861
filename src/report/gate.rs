//! A gate judged: one line per condition, held or not, and what GitLab said; below it the page of the job for which it does not hold.

use std::collections::HashSet;

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
    web_url: Option<String>,
    hint: Option<String>,
}

/// For programs.
pub fn document(judgement: &Judgement, exit: Exit) -> Document {
    let entry = |line: &Line| Entry {
        condition: line.condition.text.clone(),
        finding: word(line.finding).0,
        expected: expected(&line.condition),
        said: said(line),
        web_url: line.link.clone(),
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
        let (condition, said) = (&line.condition.text, said(line));
        let [condition, said] = [condition, &said].map(|text| (text.as_str(), Paint::Plain));
        table.row(&[word(line.finding), condition, said]);
        line.link.iter().for_each(|url| table.link(url));
    }
    table
}

/// The same on standard error, for a command that goes on only if the gate is open.
pub fn show(judgement: &Judgement, talk: &Talk) {
    for line in &judgement.lines {
        let text = format!("  {}  {}", line.condition.text, said(line));
        let [gate, text] = ["gate: ", &text].map(|text| (text, Paint::Plain));
        talk.pieces(&[gate, word(line.finding), text]);
        let link = line.link.iter();
        link.for_each(|url| talk.pieces(&[("  ", Paint::Plain), (url, Paint::Dim)]));
    }
}

pub const OPEN: &str = "the gate is open: all conditions hold";

/// The end of a gate that is not open.
pub fn end(judgement: &Judgement) -> Option<Stop> {
    let exit = judgement.exit();
    let bad = judgement.lines.iter().filter(|line| line.finding == exit);
    let names: Vec<&str> = bad.clone().map(|line| &*line.condition.text).collect();
    let (listed, count) = (messages::list(&names), names.len());
    let error = match (exit, count) {
        (Exit::Ok, _) => return None,
        (Exit::Closed, 1) => format!("the gate is closed: {listed} does not hold"),
        (Exit::Closed, _) => format!("the gate is closed: {listed} do not hold"),
        (_, 0) => "the gate could not be checked".to_owned(),
        _ => format!("the gate could not be checked: no evidence for {listed}"),
    };
    let mut hints: Vec<String> = bad.flat_map(hints_of).map(str::to_owned).collect();
    let mut said = HashSet::new();
    hints.retain(|hint| said.insert(hint.clone()));
    Some(Stop { exit, error, hints })
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
    Stop::usage(format!("{from}: {what}")).hint("`jobgate gate --help` lists the conditions")
}

/// What GitLab said, or why nothing can be said.
pub fn said(line: &Line) -> String {
    match &line.said {
        Said::Expected => line.condition.row.expected.to_owned(),
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
        Fact::OtherAgents => "the agent is not one of the {} that the job may use",
        Fact::Newer => "the newer pipeline {} of {} is for another commit: {}",
        Fact::NoJob => "the pipeline has no job with exactly this name",
        Fact::TriggerJob => "it is a trigger job, which approves nothing",
        Fact::Manual => "it is manual, for another user to play",
        Fact::Status => "it is {}",
        Fact::OwnUser => "its user is {}, who is also the calling job's user",
        Fact::Retried => "it was retried, so its user {} may only have retried it",
        Fact::Starter => {
            "its user is {}, who started the pipeline; a job that nobody plays has that user, too"
        }
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

/// How the jobs count, those that have not passed first; of a trigger job, those downstream.
fn jobs(outcome: &Outcome) -> String {
    let open = outcome.jobs(|one| !one.passed());
    let passed = outcome.jobs.iter().filter(|one| one.passed());
    let jobs: Vec<String> = open.into_iter().chain(passed).map(counts).collect();
    messages::list(&jobs)
}

/// `unit has passed`
fn counts(outcome: &JobOutcome) -> String {
    let (name, job) = (&outcome.name, outcome.job.as_ref());
    let status = job.map_or("missing", |job| job.status.word());
    match outcome.counts {
        Counts::Passed => format!("{name} has passed"),
        Counts::Warning => format!("{name} has not passed, but is allowed to fail"),
        _ if status == "failed" => format!("{name} has failed"),
        Counts::Canceled | Counts::Skipped => format!("{name} was {status}"),
        _ => format!("{name} is {status}"),
    }
}

/// `--require` has no such option.
const ALLOWED: &str =
    "`jobgate gate --allow-failure` accepts the failure of a job that is allowed to fail";

/// By GitLab's own rule, all would have passed.
fn only_allowed_failures(outcome: &Outcome) -> bool {
    let allowed = |one: &JobOutcome| {
        let ended = matches!(one.counts, Counts::Failed | Counts::Canceled);
        ended && one.job.as_ref().is_some_and(|job| job.allow_failure)
    };
    let ended = matches!(outcome.exit, Exit::Failed | Exit::Canceled);
    ended && outcome.jobs.iter().all(|one| one.passed() || allowed(one))
}

fn hints_of(line: &Line) -> Vec<&str> {
    let fact = match &line.said {
        Said::Fact(fact, _) => fact,
        Said::NoAnswer(stop) => return stop.hints.iter().map(String::as_str).collect(),
        Said::Jobs(outcome) if only_allowed_failures(outcome) => return vec![ALLOWED],
        Said::Expected | Said::Is(_) | Said::Jobs(_) => return Vec::new(),
    };
    vec![match fact {
        // A job that does not deploy can have an environment, too.
        Fact::NoEnvironment => {
            "give the job one without deploying to it: environment: {name: ..., action: verify}"
        }
        Fact::OtherAgents => "`jobgate agents` lists the agents that the job may use",
        Fact::OwnUser | Fact::Starter => "a user other than the calling job's must play it",
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
