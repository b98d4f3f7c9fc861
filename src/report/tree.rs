//! A pipeline with everything below it: jobs, trigger jobs and the pipelines that these started, as a table and as JSON.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::RawValue;

use super::jobs::{COLUMNS, listed, note};
use super::table::{Table, tree};
use crate::exit::{Exit, Stop};
use crate::model::{Job, PipelineId, PipelineKey};

/// Levels of downstream pipelines that are read.
const DEPTH: usize = 10;
/// Pipelines that are read; GitLab's own limit of a pipeline's hierarchy.
const PIPELINES: usize = 1000;

/// One pipeline of the tree.
#[derive(Debug, Serialize)]
pub struct Branch {
    pipeline: PipelineKey,
    #[serde(flatten)]
    read: Read,
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
    /// What a trigger job leads to. `None` for a plain job, and for a trigger job that has started nothing.
    pub downstream: Option<Branch>,
}

/// What reading one pipeline has brought.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    Jobs(Vec<Node>),
    /// The jobs do not stand here, and why: GitLab's answer, or a limit of the tree.
    Error(String),
}

/// Brings the jobs of one pipeline, in stage order.
pub type Reader<'r> = dyn FnMut(PipelineKey) -> Result<Read, Stop> + 'r;

/// The tree, read from its root on. What is not meant and leads to nothing that is is left out. The error is that of an incomplete tree.
pub fn grow(root: PipelineKey, read: &mut Reader) -> Result<(Branch, Option<Stop>), Stop> {
    let mut walk = Walk::default();
    let branch = walk.read(root, 0, read)?;
    let unread = walk.unread;
    let error = format!("{unread} downstream pipelines were not read: too deep or too many");
    let stop = Stop::new(Exit::Unknown, error);
    let stop = stop.hint("--pipeline ID of one of them starts the tree there");
    Ok((branch, (unread > 0).then_some(stop)))
}

#[derive(Default)]
struct Walk {
    seen: HashSet<PipelineId>,
    /// Pipelines that are too deep, or too many.
    unread: usize,
}

impl Walk {
    fn read(
        &mut self,
        pipeline: PipelineKey,
        depth: usize,
        read: &mut Reader,
    ) -> Result<Branch, Stop> {
        let mut branch = Branch {
            pipeline,
            read: Read::Error("shown elsewhere".to_owned()),
        };
        if self.seen.contains(&pipeline.id) {
            return Ok(branch);
        }
        if depth > DEPTH || self.seen.len() >= PIPELINES {
            self.unread += 1;
            branch.read = Read::Error("not read: too deep or too many".to_owned());
            return Ok(branch);
        }
        self.seen.insert(pipeline.id);
        branch.read = read(pipeline)?;
        let Read::Jobs(jobs) = &mut branch.read else {
            return Ok(branch);
        };
        for node in jobs.iter_mut() {
            if let Some(started) = &node.job.downstream_pipeline {
                node.downstream = Some(self.read(started.key(), depth + 1, read)?);
            }
        }
        jobs.retain(|node| node.meant || !node.below().is_empty());
        Ok(branch)
    }
}

/// One line of the tree as NDJSON.
#[derive(Serialize)]
struct Line<'a> {
    pipeline: PipelineKey,
    job: Option<&'a RawValue>,
}

impl Node {
    /// The jobs of the pipeline that a trigger job leads to.
    fn below(&self) -> &[Self] {
        self.downstream.as_ref().map_or(&[], Branch::jobs)
    }
}

impl Branch {
    pub fn table(&self) -> Table {
        let mut table = Table::new(COLUMNS);
        tree(self.jobs(), Node::below, None, &mut |prefix, node| {
            let mut note = note(&node.job, node.retried);
            if let Some(Read::Error(error)) = node.downstream.as_ref().map(|below| &below.read) {
                note.extend([", ", error]);
            }
            listed(&mut table, prefix, &node.job, "", &note);
        });
        table
    }

    fn jobs(&self) -> &[Node] {
        match &self.read {
            Read::Jobs(jobs) => jobs,
            Read::Error(_) => &[],
        }
    }

    /// One of its jobs as NDJSON.
    pub fn line<'n>(&self, node: &'n Node) -> impl Serialize + use<'n> {
        Line {
            pipeline: self.pipeline,
            job: node.text.as_deref(),
        }
    }

    /// Hands out the jobs that are meant, in the order of the tree.
    pub fn meant<'t>(&'t self, each: &mut dyn FnMut(&'t Self, &'t Node)) {
        for node in self.jobs() {
            if node.meant {
                each(self, node);
            }
            if let Some(below) = &node.downstream {
                below.meant(each);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

    use expect_test::expect;

    use super::*;
    use crate::report::style::Style;
    use crate::report::table::WIDTH;

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
                downstream: None,
            }
        };
        Read::Jobs(rows.iter().map(node).collect())
    }

    fn tree(read: &mut dyn FnMut(u64) -> Read) -> (Branch, Option<Stop>) {
        grow(key(1), &mut |key| Ok(read(key.id.0))).unwrap()
    }

    fn drawn(branch: &Branch) -> String {
        let mut text = String::new();
        let table = branch.table();
        table.print(Style::PLAIN, Some(WIDTH), &mut |line| text += line);
        text
    }

    #[test]
    fn what_leads_to_a_job_that_is_meant_stays() {
        let (branch, stop) = tree(&mut |id| match id {
            1 => nodes(&["build!", "child!>2", "elsewhere>9", "idle!>3"]),
            2 => nodes(&["plan!", "up>1", "ship"]),
            3 => nodes(&["rest!"]),
            _ => Read::Error("403 Forbidden".to_owned()),
        });
        assert_eq!(stop, None);
        expect![[r#"
            JOB        STAGE  STATUS   ID  NOTE
            child!     s      success   1  started pipeline 2
            ├─ up      s      success   1  started pipeline 1, shown elsewhere
            └─ ship    s      success   1
            elsewhere  s      success   1  started pipeline 9, 403 Forbidden
        "#]]
        .assert_eq(&drawn(&branch));
        expect![[r#"
            {"pipeline":{"id":1,"project_id":null},"jobs":[{"job":null,"retried":false,"downstream":{"pipeline":{"id":2,"project_id":null},"jobs":[{"job":null,"retried":false,"downstream":{"pipeline":{"id":1,"project_id":null},"error":"shown elsewhere"}},{"job":null,"retried":false,"downstream":null}]}},{"job":null,"retried":false,"downstream":{"pipeline":{"id":9,"project_id":null},"error":"403 Forbidden"}}]}
        "#]].assert_eq(&(crate::report::json::text(&branch) + "\n"));
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
