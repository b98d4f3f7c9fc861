//! Jobs as a table, the ends of their logs, and the sentences of `jobs`.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use serde_json::value::RawValue;

use super::messages::why_failed;
use super::style::{Paint, Style};
use super::table::{Column, Table};
use super::text::visible;
use crate::model::{Job, JobId, Status};
use crate::time::human;

/// Of lists, waits and actions: what none of the rows has is left out.
pub(super) const COLUMNS: &[Column] = &[
    Column::Name("JOB"),
    Column::Name("STAGE"),
    Column::Left("RESULT"),
    Column::Left("STATUS"),
    Column::Right("DURATION"),
    Column::Right("QUEUED"),
    Column::Right("PIPELINE"),
    Column::Right("ID"),
    Column::Text("NOTE"),
];

/// Jobs in the order given, each with whether a newer attempt of it exists; of several pipelines with each one's id.
pub fn table(jobs: &[(&Job, bool)], several_pipelines: bool) -> Table {
    let mut table = Table::new(COLUMNS);
    for (job, retried) in jobs {
        let pipeline = job.pipeline.filter(|_| several_pipelines);
        let pipeline = pipeline.map_or_else(String::new, |key| key.id.to_string());
        listed(&mut table, "", job, &pipeline, &note(job, *retried));
    }
    table
}

/// A job of a list. Its link is worth a click if it did not pass or a person must play it.
pub(super) fn listed(table: &mut Table, prefix: &str, job: &Job, pipeline: &str, note: &str) {
    let name = format!("{prefix}{}", job.name);
    let queued = seconds(job.queued_duration);
    let (no_result, more) = (("", Paint::Plain), [&*job.stage, &queued, pipeline]);
    let link = matches!(
        job.status,
        Status::Failed | Status::Canceled | Status::Manual
    );
    row(table, &name, job, no_result, more, note, link);
    if !link {
        table.listed(&job.web_url);
    }
}

/// A job and what became of it. `more`: stage, time in the queue and pipeline. `link`: the job's page stands below the row.
pub(super) fn row(
    table: &mut Table,
    name: &str,
    job: &Job,
    result: (&str, Paint),
    [stage, queued, pipeline]: [&str; 3],
    note: &str,
    link: bool,
) {
    let status = Paint::status(&job.status, job.allow_failure);
    table.row(&[
        (name, Paint::Plain),
        (stage, Paint::Plain),
        result,
        (job.status.word(), status),
        (&seconds(job.duration), Paint::Plain),
        (queued, Paint::Plain),
        (pipeline, Paint::Dim),
        (&job.id.to_string(), Paint::Dim),
        (note, Paint::Plain),
    ]);
    if link {
        table.link(&job.web_url);
    }
}

/// What else a reader should know of a job, in a few words.
pub fn note(job: &Job, retried: bool) -> String {
    let started = job.downstream_pipeline.as_deref();
    let trigger = started.map(|pipeline| format!("started pipeline {}", pipeline.id));
    let reason = why_failed(job);
    let notes = [
        retried.then_some("retried"),
        trigger.as_deref().or(job.trigger.then_some("trigger job")),
        job.allow_failure.then_some("allowed to fail"),
        reason.as_deref(),
    ];
    notes.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Nothing where GitLab sent nothing, or no time that could be.
fn seconds(seconds: Option<f64>) -> String {
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.map(human).unwrap_or_default()
}

/// What stands above the end of a failed job's log: its name and why it failed. The link stands in the table.
pub fn heading(job: &Job, style: Style) -> String {
    let reason = why_failed(job);
    let reason = reason.as_deref().unwrap_or("failed");
    let mut text = String::from("\n");
    style.paint(&mut text, &visible(&job.name), Paint::Strong);
    let _ = writeln!(text, " ({}): {}", job.id, visible(reason));
    if job.erased_at.is_some() {
        text.push_str("  (the log was erased)\n");
    }
    text
}

/// A line at the end of a log, below its heading.
pub fn indented(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    format!("  {}\n", line.trim_end_matches('\n'))
}

/// GitLab's own text of each row.
pub type Texts = HashMap<JobId, Box<RawValue>>;

/// The table has no row.
pub const EMPTY: &str = "no job matches";

/// The search did not reach the project's oldest jobs.
pub fn looked_through(jobs: usize) -> String {
    format!("jobs has read only the newest {jobs} jobs of the project; --limit 0 reads all of them")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::report::style::Style;

    fn job(value: &serde_json::Value) -> Job {
        serde_json::from_str(&value.to_string()).unwrap()
    }

    fn printed(table: &Table) -> String {
        let mut text = String::new();
        table.print(Style::PLAIN, None, &mut |line| text.push_str(line));
        text
    }

    #[test]
    fn a_job_is_told_in_one_row() {
        let failed = job(&json!({
            "id": 4711, "name": "deploy: [eu, 青]", "stage": "deploy", "status": "failed", "allow_failure": true,
            "duration": 192.4, "queued_duration": 0.9, "failure_reason": "script_failure",
            "web_url": "https://gitlab.example/j/4711",
        }));
        let mut manual = job(&json!({
            "id": 12, "name": "go", "stage": "x", "status": "manual", "duration": -1.0, "queued_duration": 1e300,
            "failure_reason": "script_failure",
        }));
        manual.trigger = true;
        let odd = job(
            &json!({"id": 13, "name": "odd", "status": "failed", "failure_reason": "new\u{1b}reason"}),
        );
        let rows = [(&failed, true), (&manual, false), (&odd, false)];
        expect![[r#"
            JOB               STAGE   STATUS  DURATION  QUEUED    ID  NOTE
            deploy: [eu, 青]  deploy  failed     3m12s      0s  4711  retried, allowed to fail, the script failed
              https://gitlab.example/j/4711
            go                x       manual                      12  trigger job
            odd                       failed                      13  new\u{1b}reason
        "#]].assert_eq(&printed(&table(&rows, false)));
    }
}
