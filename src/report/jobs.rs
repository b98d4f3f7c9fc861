//! Jobs as a table, and a pipeline with all below it as a tree.

use std::time::Duration;

use super::style::Paint;
use super::table::{Column, Table, branch};
use crate::decide::reason;
use crate::decide::tree::{Branch, Downstream, Item};
use crate::model::{Job, Status};
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

/// Jobs in the order given, each with whether a newer attempt of it exists.
pub fn table<'a>(jobs: impl IntoIterator<Item = (&'a Job, bool)>) -> Table {
    let mut table = Table::new(COLUMNS);
    for (job, retried) in jobs {
        row(&mut table, "", job, retried);
    }
    table
}

/// A pipeline's jobs, and below each trigger job the pipeline that it started.
pub fn tree(root: &Branch) -> Table {
    let mut table = Table::new(COLUMNS);
    root.lines(&mut |path, item| {
        let prefix = branch(path);
        let (key, note) = match item {
            Item::Job(node) => return row(&mut table, &prefix, &node.job, node.retried),
            Item::Pipeline(key) => (key, ""),
            Item::Downstream(below) => match below {
                Downstream::None => return,
                Downstream::Pipeline(branch) => (branch.pipeline, ""),
                Downstream::Unreadable(key, why) => (*key, why.as_str()),
                Downstream::Elsewhere(key) => (*key, "shown elsewhere"),
                Downstream::NotRead(key) => (*key, "not read: too deep or too many"),
            },
        };
        let name = match key.project_id {
            Some(project) => format!("{prefix}pipeline {} of project {project}", key.id),
            None => format!("{prefix}pipeline {}", key.id),
        };
        let empty = ("", Paint::Plain);
        let (name, note) = ((name.as_str(), Paint::Plain), (note, Paint::Plain));
        table.row(&[name, empty, empty, empty, empty, empty, note]);
    });
    table
}

fn row(table: &mut Table, prefix: &str, job: &Job, retried: bool) {
    let paint = if retried {
        Paint::Dim
    } else {
        Paint::status(&job.status, job.allow_failure)
    };
    table.row(&[
        (&format!("{prefix}{}", job.name), Paint::Plain),
        (&job.stage, Paint::Plain),
        (job.status.word(), paint),
        (&seconds(job.duration), Paint::Plain),
        (&seconds(job.queued_duration), Paint::Plain),
        (&job.id.to_string(), Paint::Dim),
        (&note(job, retried), Paint::Plain),
        (&job.web_url, Paint::Dim),
    ]);
}

/// What else a reader should know of a job, in a few words.
pub fn note(job: &Job, retried: bool) -> String {
    let reason = job
        .failure_reason
        .as_deref()
        .filter(|_| job.status == Status::Failed);
    let notes = [
        retried.then_some("retried"),
        job.trigger.then_some("trigger job"),
        job.allow_failure.then_some("allowed to fail"),
        reason.map(reason::words),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::decide::tree::Walk;
    use crate::model::{PipelineId, PipelineKey, ProjectId};
    use crate::report::Style;

    fn job(value: &serde_json::Value) -> Job {
        serde_json::from_str(&value.to_string()).unwrap()
    }

    fn printed(table: &Table) -> Vec<String> {
        let mut lines = Vec::new();
        table.print(Style::PLAIN, None, &mut |line| {
            lines.push(line.trim_end_matches('\n').to_owned());
        });
        lines
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
        assert_eq!(
            printed(&table(rows)),
            [
                "JOB               STAGE   STATUS  DURATION  QUEUED    ID  NOTE                                         LINK",
                "deploy: [eu, 青]  deploy  failed     3m12s      0s  4711  retried, allowed to fail, the script failed  https://gitlab.example/j/4711",
                "go                x       manual                      12  trigger job",
                "odd                       failed                      13  new\\u{1b}reason",
            ]
        );
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
        let mut walk = Walk::new(key(1, None));
        while let Some(next) = walk.ask() {
            let list = match next.id.0 {
                1 => Ok(vec![
                    job(&json!({"id": 1, "name": "build", "stage": "b", "status": "success"})),
                    bridge(2, "child", 2),
                    bridge(3, "other", 9),
                ]),
                2 => Ok(vec![bridge(4, "back", 1)]),
                _ => Err("403 Forbidden\n".to_owned()),
            };
            walk.read(next, list);
        }
        assert_eq!(
            printed(&tree(&walk.tree().unwrap())),
            [
                "JOB                                  STAGE  STATUS   DURATION  QUEUED  ID  NOTE             LINK",
                "pipeline 1",
                "├─ build                             b      success                     1",
                "├─ child                             t      success                     2",
                "│  └─ pipeline 2 of project 7",
                "│     └─ back                        t      success                     4",
                "│        └─ pipeline 1 of project 7                                        shown elsewhere",
                "└─ other                             t      success                     3",
                "   └─ pipeline 9 of project 7                                              403 Forbidden\\n",
            ]
        );
    }
}
