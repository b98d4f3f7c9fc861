//! How a wait ended, job by job: a table for people, a document for programs, variables for later jobs.

use std::time::Duration;

use super::dotenv::Dotenv;
use super::json::Object;
use super::messages::failure_reason;
use super::style::Paint;
use super::table::{Column, Table, branch};
use crate::decide::verdict::{Counts, JobOutcome, Outcome};
use crate::exit::Exit;
use crate::find::Place;
use crate::model::{Job, Status};
use crate::time::human;

const COLUMNS: &[Column] = &[
    Column::name("JOB"),
    Column::left("RESULT"),
    Column::left("STATUS"),
    Column::right("DURATION"),
    Column::right("ID"),
    Column::left("NOTE"),
    Column::left("LINK"),
];

/// The selected jobs, and below a trigger job those downstream that explain its result.
pub fn table(outcome: &Outcome) -> Table {
    let mut table = Table::new(COLUMNS);
    rows(&mut table, &outcome.jobs, &mut Vec::new());
    table
}

fn rows(table: &mut Table, jobs: &[JobOutcome], path: &mut Vec<bool>) {
    for (index, outcome) in jobs.iter().enumerate() {
        // The selected jobs are no branches: only what is below one is.
        let below = !path.is_empty();
        if below {
            path.pop();
            path.push(index + 1 == jobs.len());
        }
        row(table, &branch(path), outcome);
        path.push(false);
        rows(table, &outcome.because, path);
        path.pop();
    }
}

fn row(table: &mut Table, prefix: &str, outcome: &JobOutcome) {
    let name = format!("{prefix}{}", outcome.name);
    let result = (outcome.counts.word(), paint(outcome.counts));
    let Some(job) = &outcome.job else {
        table.row(&[(&name, Paint::Plain), result]);
        return;
    };
    table.row(&[
        (&name, Paint::Plain),
        result,
        (
            job.status.word(),
            Paint::status(&job.status, job.allow_failure),
        ),
        (&duration(job).map(human).unwrap_or_default(), Paint::Plain),
        (&job.id.to_string(), Paint::Dim),
        (&note(job), Paint::Plain),
        (&job.web_url, Paint::Dim),
    ]);
}

fn paint(counts: Counts) -> Paint {
    match counts {
        Counts::Passed => Paint::Good,
        Counts::Warning | Counts::Person => Paint::Warning,
        Counts::Ignored | Counts::Absent => Paint::Dim,
        Counts::Waiting | Counts::Settling => Paint::Busy,
        _ => Paint::Bad,
    }
}

fn note(job: &Job) -> String {
    let failed = job.status == Status::Failed;
    let downstream = job.downstream_pipeline.as_ref();
    let notes = [
        job.allow_failure.then(|| "allowed to fail".to_owned()),
        downstream.map(|pipeline| format!("started pipeline {}", pipeline.id)),
        job.failure_reason
            .as_deref()
            .filter(|_| failed)
            .map(|why| failure_reason(why).to_owned()),
    ];
    notes.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn duration(job: &Job) -> Option<Duration> {
    Duration::try_from_secs_f64(job.duration?).ok()
}

/// The whole outcome as one object.
pub fn json(outcome: &Outcome, place: &Place) -> Object {
    Object::new()
        .text("result", outcome.exit.name())
        .number("exit", outcome.exit.code().into())
        .project(&place.project)
        .number("pipeline", place.pipeline.0)
        .list("jobs", outcome.jobs.iter().map(job_json))
}

fn job_json(outcome: &JobOutcome) -> Object {
    let object = Object::new()
        .text("name", &outcome.name)
        .text("result", outcome.counts.word())
        .number("pipeline", outcome.pipeline.id.0);
    let object = match &outcome.job {
        None => [
            "id",
            "status",
            "stage",
            "duration",
            "failure_reason",
            "web_url",
        ]
        .into_iter()
        .fold(object, Object::null)
        .flag("allow_failure", false),
        Some(job) => {
            let object = object
                .number("id", job.id.0)
                .text("status", job.status.word())
                .text("stage", &job.stage);
            let object = match duration(job) {
                Some(duration) => object.number("duration", duration.as_secs()),
                None => object.null("duration"),
            };
            let object = match &job.failure_reason {
                Some(reason) => object.text("failure_reason", reason),
                None => object.null("failure_reason"),
            };
            object
                .text("web_url", &job.web_url)
                .flag("allow_failure", job.allow_failure)
        }
    };
    object.list("because", outcome.because.iter().map(job_json))
}

/// Variables for later jobs. Names of jobs are left out: they may hold what GitLab would expand.
pub fn dotenv(outcome: &Outcome, place: &Place) -> Dotenv {
    let mut dotenv = Dotenv::new();
    dotenv.set("RESULT", outcome.exit.name());
    dotenv.set("EXIT_CODE", outcome.exit.code().to_string());
    dotenv.project(&place.project);
    dotenv.set("PIPELINE_ID", place.pipeline.to_string());
    let count = |wanted: fn(Counts) -> bool| {
        let jobs = outcome.jobs.iter();
        jobs.filter(|job| wanted(job.counts)).count().to_string()
    };
    dotenv.set("PASSED", count(|counts| counts.exit() == Some(Exit::Ok)));
    dotenv.set("NOT_PASSED", count(Counts::bad));
    dotenv.set("UNFINISHED", count(Counts::open));
    if let [only] = outcome.jobs.as_slice()
        && let Some(job) = &only.job
    {
        dotenv.set("JOB_ID", job.id.to_string());
        dotenv.set("JOB_STATUS", job.status.word());
        dotenv.set("JOB_URL", &job.web_url);
    }
    dotenv
}
