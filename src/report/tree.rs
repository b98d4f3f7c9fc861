//! A pipeline with everything below it: jobs, trigger jobs and the pipelines that these started, as a table and as JSON.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::RawValue;

use super::jobs::{COLUMNS, row};
use super::json;
use super::style::Paint;
use super::table::{Table, branch as prefix};
use crate::exit::{Exit, Stop};
use crate::model::{Job, PipelineId, PipelineKey};

/// Levels of downstream pipelines that are read.
const DEPTH: usize = 10;
/// Pipelines that are read; GitLab's own limit of a pipeline's hierarchy.
const PIPELINES: usize = 1000;

/// One pipeline of the tree.
#[derive(Debug, Serialize)]
pub struct Branch {
    pub pipeline: PipelineKey,
    pub jobs: Vec<Node>,
}

/// A job or trigger job of the tree.
#[derive(Debug, Serialize)]
pub struct Node {
    /// GitLab's own text of it, where the answer is JSON.
    #[serde(rename = "job")]
    pub text: Option<Box<RawValue>>,
    #[serde(skip)]
    pub job: Job,
    /// It was asked for, and does not only lead to one that was.
    #[serde(skip)]
    pub meant: bool,
    /// A newer attempt of this job exists.
    pub retried: bool,
    pub downstream: Downstream,
}

/// What a trigger job leads to.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Downstream {
    /// A plain job, or a trigger job that has started nothing.
    None,
    Pipeline(Branch),
    /// A pipeline whose jobs do not stand here, and why.
    Unread {
        pipeline: PipelineKey,
        error: Cow<'static, str>,
    },
}

/// What reading one pipeline has brought.
pub enum Read {
    Jobs(Vec<Node>),
    /// GitLab's answer.
    Refused(String),
}

/// Brings the jobs of one pipeline, in stage order.
pub type Reader<'r, E> = dyn FnMut(PipelineKey) -> Result<Read, E> + 'r;

/// The tree, read from its root on. What is not meant and leads to nothing that is is left out. The error is that of an incomplete tree.
pub fn grow<E>(root: PipelineKey, read: &mut Reader<E>) -> Result<(Branch, Option<Stop>), E> {
    let mut walk = Walk::default();
    let branch = match walk.read(root, 0, read)? {
        Downstream::Pipeline(branch) => branch,
        _ => Branch {
            pipeline: root,
            jobs: Vec::new(),
        },
    };
    let unread = walk.unread;
    let error = format!("{unread} downstream pipelines were not read: too deep or too many");
    let stop = Stop::new(Exit::Unknown, error);
    let stop = stop.hint("--pipeline ID of one of them begins the tree there");
    Ok((branch, (unread > 0).then_some(stop)))
}

#[derive(Default)]
struct Walk {
    seen: HashSet<PipelineId>,
    /// Pipelines that are too deep, or too many.
    unread: usize,
}

impl Walk {
    fn read<E>(
        &mut self,
        pipeline: PipelineKey,
        depth: usize,
        read: &mut Reader<E>,
    ) -> Result<Downstream, E> {
        let unread = |error: Cow<'static, str>| Ok(Downstream::Unread { pipeline, error });
        if self.seen.contains(&pipeline.id) {
            return unread("shown elsewhere".into());
        }
        if depth > DEPTH || self.seen.len() >= PIPELINES {
            self.unread += 1;
            return unread("not read: too deep or too many".into());
        }
        self.seen.insert(pipeline.id);
        let mut jobs = match read(pipeline)? {
            Read::Jobs(jobs) => jobs,
            Read::Refused(why) => return unread(why.into()),
        };
        for node in &mut jobs {
            if let Some(started) = &node.job.downstream_pipeline {
                let key = PipelineKey {
                    id: started.id,
                    project_id: started.project_id,
                };
                node.downstream = self.read(key, depth + 1, read)?;
            }
        }
        jobs.retain(|node| {
            let leads = |branch: &Branch| !branch.jobs.is_empty();
            node.meant || matches!(&node.downstream, Downstream::Pipeline(below) if leads(below))
        });
        Ok(Downstream::Pipeline(Branch { pipeline, jobs }))
    }
}

/// One line of the tree as NDJSON.
#[derive(Serialize)]
struct Line<'a> {
    pipeline: PipelineKey,
    job: Option<&'a RawValue>,
}

impl Branch {
    pub fn table(&self) -> Table {
        let mut table = Table::new(COLUMNS);
        pipeline_row(&mut table, "", self.pipeline, "");
        self.rows(&mut Vec::new(), &mut table);
        table
    }

    /// `path`: for every level whether it is the last of its siblings.
    fn rows(&self, path: &mut Vec<bool>, table: &mut Table) {
        for (index, node) in self.jobs.iter().enumerate() {
            path.push(index + 1 == self.jobs.len());
            row(table, &prefix(path), &node.job, node.retried, None);
            path.push(true);
            match &node.downstream {
                Downstream::None => {}
                Downstream::Pipeline(below) => {
                    pipeline_row(table, &prefix(path), below.pipeline, "");
                    below.rows(path, table);
                }
                Downstream::Unread { pipeline, error } => {
                    pipeline_row(table, &prefix(path), *pipeline, error);
                }
            }
            path.truncate(path.len() - 2);
        }
    }

    /// One document.
    pub fn document(&self) -> String {
        json::text(self) + "\n"
    }

    /// The jobs that are meant, one `{pipeline, job}` a line.
    pub fn lines(&self, put: &mut dyn FnMut(&str)) {
        self.meant(&mut |branch, node| {
            let line = Line {
                pipeline: branch.pipeline,
                job: node.text.as_deref(),
            };
            put(&(json::text(&line) + "\n"));
        });
    }

    /// Hands out the jobs that are meant, in the order of the tree.
    pub fn meant<'t>(&'t self, each: &mut dyn FnMut(&'t Self, &'t Node)) {
        for node in &self.jobs {
            if node.meant {
                each(self, node);
            }
            if let Downstream::Pipeline(below) = &node.downstream {
                below.meant(each);
            }
        }
    }
}

fn pipeline_row(table: &mut Table, prefix: &str, key: PipelineKey, note: &str) {
    let name = match key.project_id {
        Some(project) => format!("{prefix}pipeline {} of project {project}", key.id),
        None => format!("{prefix}pipeline {}", key.id),
    };
    let mut cells = [("", Paint::Plain); 7];
    cells[0].0 = &name;
    cells[6].0 = note;
    table.row(&cells);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

    use expect_test::expect;

    use super::*;
    use crate::report::style::Style;

    fn key(id: u64) -> PipelineKey {
        PipelineKey {
            id: PipelineId(id),
            project_id: None,
        }
    }

    /// `name` or `name>downstream`; a name with `!` is not meant.
    fn nodes(rows: &[&str]) -> Read {
        let node = |text: &&str| {
            let (name, below) = text.split_once('>').unwrap_or((text, ""));
            let below = below.parse::<u64>().ok();
            let below = below.map(|id| serde_json::json!({"id": id, "status": "success"}));
            let job = serde_json::json!({
                "id": 1, "name": name, "stage": "s", "status": "success", "downstream_pipeline": below,
            });
            Node {
                text: None,
                job: serde_json::from_value(job).unwrap(),
                meant: !name.ends_with('!'),
                retried: false,
                downstream: Downstream::None,
            }
        };
        Read::Jobs(rows.iter().map(node).collect())
    }

    fn tree(read: &mut dyn FnMut(u64) -> Read) -> (Branch, Option<Stop>) {
        grow(key(1), &mut |key| Ok::<_, ()>(read(key.id.0))).unwrap()
    }

    /// The first column, and the notes.
    fn drawn(branch: &Branch) -> String {
        let mut text = String::new();
        branch.table().print(Style::PLAIN, None, &mut |line| {
            let name = line.split(" s  ").next().unwrap_or(line);
            text += &(name.trim_end().to_owned() + "\n");
        });
        text
    }

    #[test]
    fn what_leads_to_a_job_that_is_meant_stays() {
        let (branch, stop) = tree(&mut |id| match id {
            1 => nodes(&["build!", "child!>2", "elsewhere>9", "idle!>3"]),
            2 => nodes(&["plan!", "up>1", "ship"]),
            3 => nodes(&["rest!"]),
            _ => Read::Refused("403 Forbidden".to_owned()),
        });
        assert_eq!(stop, None);
        expect![[r#"
            JOB                     STAGE  STATUS   DURATION  QUEUED  ID  NOTE             LINK
            pipeline 1
            ├─ child!
            │  └─ pipeline 2
            │     ├─ up
            │     │  └─ pipeline 1                                        shown elsewhere
            │     └─ ship
            └─ elsewhere
               └─ pipeline 9                                              403 Forbidden
        "#]]
        .assert_eq(&drawn(&branch));
        expect![[r#"
            {"pipeline":{"id":1,"project_id":null},"jobs":[{"job":null,"retried":false,"downstream":{"pipeline":{"id":2,"project_id":null},"jobs":[{"job":null,"retried":false,"downstream":{"pipeline":{"id":1,"project_id":null},"error":"shown elsewhere"}},{"job":null,"retried":false,"downstream":null}]}},{"job":null,"retried":false,"downstream":{"pipeline":{"id":9,"project_id":null},"error":"403 Forbidden"}}]}
        "#]].assert_eq(&branch.document());
    }

    #[test]
    fn depth_and_number_end() {
        // A chain without an end, and a pipeline that starts thousands.
        let mut asked = 0;
        let (chain, stop) = tree(&mut |id| {
            asked += 1;
            nodes(&[&format!("t>{}", id + 1)])
        });
        assert_eq!((asked, stop.unwrap().exit), (1 + DEPTH, Exit::Unknown));
        let last = drawn(&chain).lines().last().unwrap().to_owned();
        assert!(
            last.contains("pipeline 12") && last.contains("not read"),
            "{last}"
        );
        let rows: Vec<String> = (2..5000).map(|id| format!("t{id}>{id}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut asked = 0;
        tree(&mut |id| {
            asked += 1;
            nodes(if id == 1 { &rows } else { &[] })
        });
        assert_eq!(asked, PIPELINES);
    }
}
