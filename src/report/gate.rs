//! A gate judged: one line per condition, held or not, what GitLab said and what was expected instead.

use serde::Serialize;

use super::style::Paint;
use super::table::{Column, Table};
use super::talk::Talk;
use crate::decide::gate::condition::{Condition, Mistake, Row, Takes};
use crate::decide::gate::said::{Approval, Gap, Protection, RefKind, Said};
use crate::decide::gate::{Finding, Judgement, Line};
use crate::decide::wait::{Counts, JobOutcome, Outcome, Reason};
use crate::exit::{Exit, Stop};
use crate::near::did_you_mean;

const COLUMNS: &[Column] = &[
    Column::left("FINDING"),
    Column::left("CONDITION"),
    Column::left("GITLAB SAID"),
];
/// So many jobs that have not passed are named.
const NAMED: usize = 5;
const PLAY_IT: &str = "a user other than the calling job's has to play it";

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
        condition: line.condition.to_string(),
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
            (&line.condition.to_string(), Paint::Plain),
            (&outcome(line), Paint::Plain),
        ]);
    }
    table
}

/// The same on standard error, for a command that goes on only if the gate is open.
pub fn tell(judgement: &Judgement, talk: &Talk) {
    for line in &judgement.lines {
        let text = format!("  {}  {}", line.condition, outcome(line));
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

/// `the gate is closed: 2 of 5 conditions do not hold`
pub fn summary(judgement: &Judgement) -> String {
    let all = judgement.lines.len();
    let exit = judgement.exit();
    let bad = judgement.lines.iter().filter(|line| match exit {
        Exit::Closed => line.finding == Finding::NotHeld,
        _ => line.finding != Finding::Held,
    });
    let some = format!("{} of {all} conditions", bad.count());
    match (exit, all) {
        (Exit::Ok, 1) => "the gate is open: its condition holds".to_owned(),
        (Exit::Ok, _) => format!("the gate is open: all {all} conditions hold"),
        (Exit::Closed, 1) => "the gate is closed: its condition does not hold".to_owned(),
        (Exit::Closed, _) => format!("the gate is closed: {some} do not hold"),
        (_, 1) => "the gate could not be checked: no evidence for its condition".to_owned(),
        _ => format!("the gate could not be checked: no evidence for {some}"),
    }
}

/// How a command ends whose gate is not open.
pub fn stop(judgement: &Judgement) -> Stop {
    Stop::new(judgement.exit(), summary(judgement))
}

/// `the ref is a branch that matches main or release/*`
pub fn expected(condition: &Condition) -> String {
    let (alone, equal, unequal) = condition.row.expected;
    let values = condition.values.join(" or ");
    match unequal.filter(|_| condition.negated) {
        _ if values.is_empty() => alone.to_owned(),
        Some(unequal) => format!("{alone}{unequal}{values}"),
        None => format!("{alone}{equal}{values}"),
    }
}

/// The same of any condition with this key: `the ref is a branch [that matches GLOB]`
pub fn holds(row: &Row) -> String {
    let (alone, equal, _) = row.expected;
    match row.takes {
        Takes::Nothing | Takes::One(_) => alone.to_owned(),
        Takes::AnyNumber(value) => format!("{alone} [{}{value}]", equal.trim_start()),
        Takes::Values(value) => format!("{alone}{equal}{value}"),
    }
}

/// A text that is not a condition; `from` is where it stands.
pub fn mistake(from: &str, mistake: &Mistake) -> Stop {
    let Mistake { what, unknown } = mistake;
    let near = unknown
        .iter()
        .map(|(word, known)| did_you_mean(word, known.iter().copied()));
    let near: String = near.collect();
    Stop::usage(format!("{from}: {what}{near}")).hint("jobgate gate --help lists the conditions")
}

/// What was expected stands only where it did not come out so.
fn outcome(line: &Line) -> String {
    let said = said(line);
    match line.finding {
        Finding::Held => said,
        _ => format!("{said} (expected: {})", expected(&line.condition)),
    }
}

/// What GitLab said, or why nothing can be said.
pub fn said(line: &Line) -> String {
    match &line.said {
        Ok(said) => known(said),
        Err(gap) => unknown(gap),
    }
}

fn known(said: &Said) -> String {
    match said {
        Said::Project {
            id,
            path: Some(path),
            ..
        } => format!("the project is {id} ({path})"),
        Said::Project { id, .. } => format!("the project is {id}"),
        Said::Ref(kind, name) => of_ref(*kind, name),
        Said::Protection(kind, name, protection) => {
            let protection = match protection {
                Protection::Protected => "protected",
                Protection::Unprotected => "not protected",
                Protection::NotListed => "which GitLab does not list",
            };
            format!("{}, {protection}", of_ref(*kind, name))
        }
        Said::Source(source) => format!("the source is {}", source.word()),
        Said::User(user) => format!("the user is {user}"),
        Said::Role {
            user,
            project,
            role: Some(role),
        } => {
            format!("{user} is {} in project {project}", role.word())
        }
        Said::Role {
            user,
            project,
            role: None,
        } => {
            format!("{user} has no known role in project {project}")
        }
        Said::NoEnvironment => "the job has no environment".to_owned(),
        Said::Tier(tier) => format!("the tier is {}", tier.word()),
        Said::Environment(name) => format!("the environment is {name}"),
        Said::Agent(id, project) => format!("agent {id} of {project} is allowed"),
        Said::NoAgent { others: 0 } => "no agent is allowed to this job".to_owned(),
        Said::NoAgent { others } => {
            format!("none of the {others} agents that are allowed to this job")
        }
        Said::Jobs(outcome) => jobs(outcome),
        Said::Approval(approval) => approved(approval),
        Said::Newest(own) => format!("no pipeline after {own} is for another commit"),
        Said::Newer(row) => match row.sha.get(..8).unwrap_or(&row.sha) {
            "" => format!(
                "pipeline {} of {} is for an unknown commit",
                row.id, row.ref_name
            ),
            sha => format!("pipeline {} of {} is for {sha}", row.id, row.ref_name),
        },
    }
}

fn unknown(gap: &Gap) -> String {
    match gap {
        Gap::NoAnswer(stop) => match stop.error.split_once('\n') {
            Some((cause, asked)) => format!("{cause} ({})", asked.replace('\n', "; ")),
            None => stop.error.clone(),
        },
        Gap::NotAsked => "GitLab was not asked".to_owned(),
        Gap::Jobs(outcome) => jobs(outcome),
        Gap::NoUser => "GitLab names no user of this job".to_owned(),
        Gap::NoSource => "GitLab names no source of this pipeline".to_owned(),
        Gap::NoTier => "GitLab names no tier of the job's environment".to_owned(),
        Gap::NoRef => "GitLab does not say what the job's ref is".to_owned(),
        Gap::TwoRefs(job, pipeline) => {
            format!("GitLab says that the job's ref is {job} and its pipeline's is {pipeline}")
        }
        Gap::NoProjectPath(id, url) => format!(
            "the path of project {id} cannot be read from the job's URL {url:?}; write project={id}"
        ),
        Gap::OtherJob => "GET /job and GET /job/allowed_agents name different jobs".to_owned(),
        Gap::NoSlug => "GitLab names no slug of the job's environment".to_owned(),
        Gap::SlugNotListed(slug) => {
            format!("GitLab lists no environment with the job's slug {slug}")
        }
        Gap::SlugListedTwice(slug) => {
            format!("GitLab lists several environments with the slug {slug}")
        }
        Gap::NoPlayer => "GitLab does not name the user who played it".to_owned(),
        Gap::NoStarter => "GitLab does not name the user who started the pipeline".to_owned(),
        Gap::PipelineWithoutRef(id) => format!("GitLab lists pipeline {id} without its ref"),
        Gap::TwoCommits(id) => format!("GitLab names two commits of pipeline {id}"),
        Gap::PipelineHidden(id) => {
            format!("the pipelines that GitLab lists do not show pipeline {id}")
        }
    }
}

fn of_ref(kind: RefKind, name: &str) -> String {
    match kind {
        RefKind::Branch => format!("the ref is the branch {name}"),
        RefKind::Tag => format!("the ref is the tag {name}"),
        RefKind::Internal => format!("the ref is {name}, neither branch nor tag"),
    }
}

fn approved(approval: &Approval) -> String {
    match approval {
        Approval::NoJob => "the pipeline has no job of exactly this name".to_owned(),
        Approval::TriggerJob => "it is a trigger job, which approves nothing".to_owned(),
        Approval::Manual(url) => format!("it is manual: {url}"),
        Approval::Status(status) => format!("it is {}", status.word()),
        Approval::OwnUser(name) => {
            format!("it bears the name of {name}, the calling job's own user")
        }
        Approval::Retried(name) => format!(
            "it was retried, so {name} may only have retried it; a new pipeline can be approved"
        ),
        Approval::Starter(name) => format!(
            "it bears the name of {name}, who started the pipeline, as a job does that was not played"
        ),
        Approval::By(name) => format!("{name} played it, and it passed"),
    }
}

/// The jobs and their status, those that have not passed first.
fn jobs(outcome: &Outcome) -> String {
    match &outcome.reason {
        Some(Reason::NamesCaller(_)) => return "the calling job itself is meant".to_owned(),
        Some(Reason::TriggerJobsRefused) => {
            return "which jobs are meant cannot be told without the trigger jobs, which this token may not read".to_owned();
        }
        _ => {}
    }
    let passed = |job: &&JobOutcome| job.counts.exit() == Some(Exit::Ok);
    let (passed, others): (Vec<_>, Vec<_>) = outcome.jobs.iter().partition(passed);
    let mut words: Vec<String> = others.iter().take(NAMED).map(|job| one(job)).collect();
    if others.len() > NAMED {
        words.push(format!("{} more have not passed", others.len() - NAMED));
    }
    match passed.as_slice() {
        [] => {}
        [only] => words.push(one(only)),
        all => words.push(format!("{} jobs have passed", all.len())),
    }
    if words.is_empty() {
        return "no job matches".to_owned();
    }
    words.join(", ")
}

fn one(outcome: &JobOutcome) -> String {
    let name = &outcome.name;
    match (&outcome.job, outcome.counts) {
        (None, _) => format!("there is no {name}"),
        (Some(_), Counts::Refused) => format!("the pipeline that {name} started cannot be read"),
        (Some(job), Counts::Passed | Counts::Warning) => {
            format!("{name} has passed ({})", job.status.word())
        }
        (Some(job), _) => format!("{name} is {}", job.status.word()),
    }
}

fn hints_of(line: &Line) -> Vec<&str> {
    match &line.said {
        Err(Gap::NoAnswer(stop)) => stop.hints.iter().map(String::as_str).collect(),
        Ok(Said::Project {
            case_differs: true, ..
        }) => vec!["letter case counts"],
        // A job that does not deploy can have an environment, too.
        Ok(Said::NoEnvironment) => {
            vec![
                "give the job one without deploying to it: environment: {name: ..., action: verify}",
            ]
        }
        Ok(Said::NoAgent { others: 1.. }) => {
            vec!["jobgate agents lists the agents that the job may use"]
        }
        Ok(Said::Approval(Approval::Manual(_) | Approval::OwnUser(_) | Approval::Starter(_))) => {
            vec![PLAY_IT]
        }
        _ => Vec::new(),
    }
}

fn word(finding: Finding) -> (&'static str, Paint) {
    match finding {
        Finding::Held => ("held", Paint::Good),
        Finding::NotHeld => ("not held", Paint::Bad),
        Finding::Refused => ("refused", Paint::Warning),
        Finding::Unknown => ("unknown", Paint::Warning),
    }
}
