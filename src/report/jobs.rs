//! Jobs as a table, a pipeline with all below it as a tree, and both as JSON.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use super::clean_log::Tail;
use super::json;
use super::messages::why_failed;
use super::style::{Paint, Style};
use super::table::{Column, Table, branch};
use super::text::visible;
use crate::decide::tree::{Branch, Downstream, Item};
use crate::exit::{Exit, Stop};
use crate::model::{Job, JobId, PipelineId, PipelineKey};
use crate::time::human;

const COLUMNS: &[Column] = &[
    Column::name("JOB"),
    Column::name("STAGE"),
    Column::left("STATUS"),
    Column::right("DURATION"),
    Column::right("QUEUED"),
    Column::right("ID"),
    Column::left("NOTE"),
    Column::left("LINK"),
];

/// Jobs in the order given, each with whether a newer attempt of it exists; of several pipelines with each one's id.
pub fn table(jobs: &[(&Job, bool)], several_pipelines: bool) -> Table {
    let mut table = Table::new(COLUMNS);
    for (job, retried) in jobs {
        let pipeline = job.pipeline.filter(|_| several_pipelines);
        row(&mut table, "", job, *retried, pipeline);
    }
    table
}

/// A pipeline's jobs, and below each trigger job the pipeline that it started.
pub fn tree(root: &Branch, refusals: &Refusals) -> Table {
    let mut table = Table::new(COLUMNS);
    root.lines(&mut |path, item| {
        let prefix = branch(path);
        let (key, note) = match item {
            Item::Job(node) => return row(&mut table, &prefix, &node.job, node.retried, None),
            Item::Pipeline(key) => (Some(key), ""),
            Item::Downstream(below) => (below.key(), why(below, refusals)),
        };
        let Some(key) = key else { return };
        let name = match key.project_id {
            Some(project) => format!("{prefix}pipeline {} of project {project}", key.id),
            None => format!("{prefix}pipeline {}", key.id),
        };
        let mut cells = [("", Paint::Plain); 7];
        cells[0].0 = &name;
        cells[6].0 = note;
        table.row(&cells);
    });
    table
}

fn row(table: &mut Table, prefix: &str, job: &Job, retried: bool, pipeline: Option<PipelineKey>) {
    let paint = if retried {
        Paint::Dim
    } else {
        Paint::status(&job.status, job.allow_failure)
    };
    let mut notes = note(job, retried);
    if let Some(key) = pipeline {
        let comma = if notes.is_empty() { "" } else { ", " };
        notes = format!("pipeline {}{comma}{notes}", key.id);
    }
    table.row(&[
        (&format!("{prefix}{}", job.name), Paint::Plain),
        (&job.stage, Paint::Plain),
        (job.status.word(), paint),
        (&seconds(job.duration), Paint::Plain),
        (&seconds(job.queued_duration), Paint::Plain),
        (&job.id.to_string(), Paint::Dim),
        (&notes, Paint::Plain),
        (&job.web_url, Paint::Dim),
    ]);
}

/// What else a reader should know of a job, in a few words.
pub fn note(job: &Job, retried: bool) -> String {
    let reason = why_failed(job);
    let notes = [
        retried.then_some("retried"),
        job.trigger.then_some("trigger job"),
        job.allow_failure.then_some("allowed to fail"),
        reason.as_deref(),
    ];
    notes.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Nothing where GitLab sent nothing, or no time that could be.
fn seconds(seconds: Option<f64>) -> String {
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .map(human)
        .unwrap_or_default()
}

/// What stands above the end of a failed job's log: its name, why it failed, and its page.
pub fn heading(job: &Job, style: Style) -> String {
    let reason = why_failed(job);
    let reason = reason.as_deref().unwrap_or("failed");
    let mut text = String::from("\n");
    style.paint(&mut text, &visible(&job.name), Paint::Strong);
    let _ = writeln!(text, " ({}): {}", job.id, visible(reason));
    if !job.web_url.is_empty() {
        style.paint(&mut text, &visible(&job.web_url), Paint::Dim);
        text.push('\n');
    }
    if job.trigger {
        text.push_str("  (a trigger job has no log)\n");
    } else if job.erased_at.is_some() {
        text.push_str("  (the log was erased)\n");
    }
    text
}

/// The end of a log below its heading.
pub fn indented(tail: &Tail, put: &mut dyn FnMut(&str)) {
    for line in tail.lines() {
        let line = String::from_utf8_lossy(line);
        put(&format!("  {}\n", line.trim_end_matches('\n')));
    }
}

/// GitLab's own text of each row.
pub type Texts = HashMap<JobId, Box<RawValue>>;

/// A pipeline of the tree, and what it holds or why that cannot be shown.
#[derive(Serialize)]
struct PipelineDocument<'a> {
    pipeline: PipelineKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<JobDocument<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct JobDocument<'a> {
    job: Option<&'a RawValue>,
    retried: bool,
    downstream: Option<PipelineDocument<'a>>,
}

/// One line of the tree as NDJSON.
#[derive(Serialize)]
struct JobLine<'a> {
    pipeline: PipelineKey,
    job: Option<&'a RawValue>,
}

/// The tree as one document.
pub fn tree_document(root: &Branch, texts: &Texts, refusals: &Refusals) -> String {
    json::text(&branch_document(root, texts, refusals)) + "\n"
}

fn branch_document<'a>(
    branch: &'a Branch,
    texts: &'a Texts,
    refusals: &'a Refusals,
) -> PipelineDocument<'a> {
    let jobs = branch.jobs.iter().map(|node| JobDocument {
        job: texts.get(&node.job.id).map(|text| &**text),
        retried: node.retried,
        downstream: match &node.downstream {
            Downstream::None => None,
            Downstream::Pipeline(branch) => Some(branch_document(branch, texts, refusals)),
            unread => unread.key().map(|key| PipelineDocument {
                pipeline: key,
                jobs: None,
                error: Some(why(unread, refusals)),
            }),
        },
    });
    PipelineDocument {
        pipeline: branch.pipeline,
        jobs: Some(jobs.collect()),
        error: None,
    }
}

/// The tree's jobs that are meant, one `{pipeline, job}` a line.
pub fn tree_lines(
    branch: &Branch,
    meant: &dyn Fn(JobId) -> bool,
    texts: &Texts,
    put: &mut dyn FnMut(&str),
) {
    for node in &branch.jobs {
        if meant(node.job.id) {
            let line = JobLine {
                pipeline: branch.pipeline,
                job: texts.get(&node.job.id).map(|text| &**text),
            };
            put(&(json::text(&line) + "\n"));
        }
        if let Downstream::Pipeline(below) = &node.downstream {
            tree_lines(below, meant, texts, put);
        }
    }
}

/// Pipelines that cannot be read, and GitLab's answer.
pub type Refusals = HashMap<PipelineId, String>;

/// Why a downstream pipeline is not shown.
fn why<'r>(downstream: &Downstream, refusals: &'r Refusals) -> &'r str {
    match downstream {
        Downstream::None | Downstream::Pipeline(_) => "",
        Downstream::Unreadable(key) => refusals.get(&key.id).map_or("", String::as_str),
        Downstream::Elsewhere(_) => "shown elsewhere",
        Downstream::NotRead(_) => "not read: too deep or too many",
    }
}

/// `--limit` without `--all-pipelines`.
pub fn limit_of_a_pipeline() -> Stop {
    Stop::usage("--limit needs --all-pipelines: a pipeline is listed whole")
}

/// `--all-pipelines --status created`
pub fn created_of_a_project() -> Stop {
    Stop::usage("GitLab leaves jobs that are created out of a project's list")
}

/// `--log-tail` with `--output json`.
pub fn log_tail_without_table() -> Stop {
    Stop::usage("--log-tail needs --output table")
        .hint("jobgate trace JOB prints a log; the ids to ask for are in the JSON")
}

/// So many downstream pipelines of a tree were left out.
pub fn unread(pipelines: usize) -> Option<Stop> {
    let error = format!("{pipelines} downstream pipelines were not read: too deep or too many");
    let stop = Stop::new(Exit::Unknown, error);
    (pipelines > 0).then(|| stop.hint("--pipeline ID of one of them begins the tree there"))
}

/// A search through a project's jobs ended before their end.
pub fn looked_through(jobs: usize) -> String {
    format!("only the newest {jobs} jobs of the project were looked through; --limit 0 goes on")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::decide::tree::grow;
    use crate::model::{PipelineId, PipelineKey, ProjectId};
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
            JOB               STAGE   STATUS  DURATION  QUEUED    ID  NOTE                                         LINK
            deploy: [eu, 青]  deploy  failed     3m12s      0s  4711  retried, allowed to fail, the script failed  https://gitlab.example/j/4711
            go                x       manual                      12  trigger job
            odd                       failed                      13  new\u{1b}reason
        "#]].assert_eq(&printed(&table(&rows, false)));
    }

    #[test]
    fn a_tree_shows_each_pipeline_below_its_trigger_job() {
        let key = |id, project: Option<u64>| PipelineKey {
            id: PipelineId(id),
            project_id: project.map(ProjectId),
        };
        let bridge = |id: u64, name, child: u64| {
            let child = json!({"id": child, "project_id": 7, "status": "running"});
            job(
                &json!({"id": id, "name": name, "stage": "t", "status": "success", "downstream_pipeline": child}),
            )
        };
        let refusals = Refusals::from([(PipelineId(9), "403 Forbidden\n".to_owned())]);
        let grown = grow(key(1, None), &mut |next: PipelineKey| {
            Ok::<_, ()>(match next.id.0 {
                1 => Some(vec![
                    job(&json!({"id": 1, "name": "build", "stage": "b", "status": "success"})),
                    bridge(2, "child", 2),
                    bridge(3, "other", 9),
                ]),
                2 => Some(vec![bridge(4, "back", 1)]),
                _ => None,
            })
        });
        expect![[r#"
            JOB                                  STAGE  STATUS   DURATION  QUEUED  ID  NOTE             LINK
            pipeline 1
            ├─ build                             b      success                     1
            ├─ child                             t      success                     2
            │  └─ pipeline 2 of project 7
            │     └─ back                        t      success                     4
            │        └─ pipeline 1 of project 7                                        shown elsewhere
            └─ other                             t      success                     3
               └─ pipeline 9 of project 7                                              403 Forbidden\n
        "#]].assert_eq(&printed(&tree(&grown.unwrap(), &refusals)));
    }
}
