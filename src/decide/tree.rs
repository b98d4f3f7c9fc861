//! A pipeline with everything below it: jobs, trigger jobs and the pipelines that these started.

use std::collections::HashSet;

use super::{select, stages};
use crate::model::{Job, JobId, PipelineId, PipelineKey};

/// Levels of downstream pipelines that are read.
const DEPTH: usize = 10;
/// Pipelines that are read; GitLab's own limit of a pipeline's hierarchy.
const PIPELINES: usize = 1000;

/// One pipeline of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    pub pipeline: PipelineKey,
    /// In stage order.
    pub jobs: Vec<Node>,
}

/// A job or trigger job of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub job: Job,
    /// A newer attempt of this job exists.
    pub retried: bool,
    pub downstream: Downstream,
}

/// What a trigger job leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Downstream {
    /// A plain job, or a trigger job that has started nothing.
    None,
    Pipeline(Branch),
    /// The list of its jobs could not be read.
    Unreadable(PipelineKey),
    /// It stands elsewhere in the tree: a loop.
    Elsewhere(PipelineKey),
    /// Too deep, or one too many.
    NotRead(PipelineKey),
}

impl Downstream {
    pub fn key(&self) -> Option<PipelineKey> {
        match self {
            Self::None => None,
            Self::Pipeline(branch) => Some(branch.pipeline),
            Self::Unreadable(key) | Self::Elsewhere(key) | Self::NotRead(key) => Some(*key),
        }
    }
}

/// Reads a pipeline and everything below it. `read` brings the rows of a pipeline; `None` if it cannot be read.
pub fn grow<E>(
    root: PipelineKey,
    read: &mut dyn FnMut(PipelineKey) -> Result<Option<Vec<Job>>, E>,
) -> Result<Branch, E> {
    match branch(root, 0, &mut HashSet::new(), read)? {
        Downstream::Pipeline(branch) => Ok(branch),
        _ => Ok(Branch {
            pipeline: root,
            jobs: Vec::new(),
        }),
    }
}

fn branch<E>(
    pipeline: PipelineKey,
    depth: usize,
    seen: &mut HashSet<PipelineId>,
    read: &mut dyn FnMut(PipelineKey) -> Result<Option<Vec<Job>>, E>,
) -> Result<Downstream, E> {
    if seen.contains(&pipeline.id) {
        return Ok(Downstream::Elsewhere(pipeline));
    }
    if depth > DEPTH || seen.len() >= PIPELINES {
        return Ok(Downstream::NotRead(pipeline));
    }
    seen.insert(pipeline.id);
    let Some(mut list) = read(pipeline)? else {
        return Ok(Downstream::Unreadable(pipeline));
    };
    let places = stages::places(&list);
    let newest: HashSet<JobId> = select::newest(&list).map(|job| job.id).collect();
    list.sort_unstable_by_key(|job| places.get(&job.id).copied());
    let mut jobs = Vec::new();
    for job in list {
        jobs.push(Node {
            retried: !newest.contains(&job.id),
            downstream: match below(&job) {
                Some(key) => branch(key, depth + 1, seen, read)?,
                None => Downstream::None,
            },
            job,
        });
    }
    Ok(Downstream::Pipeline(Branch { pipeline, jobs }))
}

/// The pipeline that a trigger job started.
fn below(job: &Job) -> Option<PipelineKey> {
    job.downstream_pipeline
        .as_ref()
        .map(|pipeline| PipelineKey {
            id: pipeline.id,
            project_id: pipeline.project_id,
        })
}

/// One line of the printed tree.
#[derive(Clone, Copy, Debug)]
pub enum Item<'t> {
    /// The root.
    Pipeline(PipelineKey),
    Job(&'t Node),
    /// What a trigger job leads to, one level below it; never `Downstream::None`.
    Downstream(&'t Downstream),
}

impl Branch {
    /// Leaves out every job that is not meant, except trigger jobs that lead to one that is.
    pub fn keep(&mut self, meant: &HashSet<JobId>) {
        self.jobs.retain_mut(|node| {
            let mut leads = false;
            if let Downstream::Pipeline(branch) = &mut node.downstream {
                branch.keep(meant);
                leads = !branch.jobs.is_empty();
            }
            leads || meant.contains(&node.job.id)
        });
    }

    /// Hands out the tree line by line, each with its path: for every level whether it is the last of its siblings.
    pub fn lines<'t>(&'t self, each: &mut dyn FnMut(&[bool], Item<'t>)) {
        each(&[], Item::Pipeline(self.pipeline));
        self.below(&mut Vec::new(), each);
    }

    fn below<'t>(&'t self, path: &mut Vec<bool>, each: &mut dyn FnMut(&[bool], Item<'t>)) {
        for (index, node) in self.jobs.iter().enumerate() {
            path.push(index + 1 == self.jobs.len());
            each(path, Item::Job(node));
            if node.downstream != Downstream::None {
                path.push(true);
                each(path, Item::Downstream(&node.downstream));
                if let Downstream::Pipeline(branch) = &node.downstream {
                    branch.below(path, each);
                }
                path.pop();
            }
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn key(id: u64) -> PipelineKey {
        PipelineKey {
            id: PipelineId(id),
            project_id: None,
        }
    }

    /// `name` or `name>downstream`, in the order of their ids. A name that comes again is a newer attempt.
    fn list(first: u64, rows: &[&str]) -> Vec<Job> {
        let row = |(id, text): (u64, &&str)| {
            let (name, downstream) = match text.split_once('>') {
                Some((name, id)) => (name, id.parse::<u64>().ok()),
                None => (*text, None),
            };
            let downstream =
                downstream.map(|id| serde_json::json!({"id": id, "status": "success"}));
            let job = serde_json::json!({
                "id": id, "name": name, "stage": "s", "status": "success", "downstream_pipeline": downstream,
            });
            serde_json::from_value(job).unwrap()
        };
        (first..).zip(rows).map(row).collect()
    }

    /// Reads a world of pipelines; pipelines that are not in it cannot be read.
    fn tree(world: &[(u64, &[&str])]) -> Branch {
        read(world[0].0, &mut |id| {
            let found = world.iter().find(|known| known.0 == id)?;
            Some(list(id * 100, found.1))
        })
    }

    fn read(root: u64, read: &mut dyn FnMut(u64) -> Option<Vec<Job>>) -> Branch {
        grow(key(root), &mut |key| Ok::<_, ()>(read(key.id.0))).unwrap()
    }

    fn drawn(branch: &Branch) -> Vec<String> {
        let mut lines = Vec::new();
        branch.lines(&mut |path, item| {
            let path: String = path
                .iter()
                .map(|last| if *last { '`' } else { '|' })
                .collect();
            let text = match item {
                Item::Pipeline(key) => format!("#{}", key.id),
                Item::Job(node) if node.retried => format!("({})", node.job.name),
                Item::Job(node) => node.job.name.clone(),
                Item::Downstream(Downstream::Pipeline(branch)) => {
                    format!("#{}", branch.pipeline.id)
                }
                Item::Downstream(Downstream::Unreadable(key)) => format!("#{} unreadable", key.id),
                Item::Downstream(Downstream::Elsewhere(key)) => format!("#{} elsewhere", key.id),
                Item::Downstream(Downstream::NotRead(key)) => format!("#{} not read", key.id),
                Item::Downstream(Downstream::None) => "none".to_owned(),
            };
            lines.push(format!("{path}{text}"));
        });
        lines
    }

    #[test]
    fn a_tree_shows_three_levels_and_what_could_not_be_read() {
        let mut grown = tree(&[
            (1, &["build", "child>2", "build", "elsewhere>9"]),
            (2, &["plan", "deploy>3"]),
            (3, &["ship"]),
        ]);
        assert_eq!(
            drawn(&grown),
            [
                "#1",
                "|(build)",
                "|build",
                "|child",
                "|`#2",
                "|`|plan",
                "|``deploy",
                "|```#3",
                "|````ship",
                "`elsewhere",
                "``#9 unreadable",
            ]
        );
        grown.keep(&HashSet::from([JobId(300), JobId(100)]));
        assert_eq!(
            drawn(&grown),
            [
                "#1",
                "|(build)",
                "`child",
                "``#2",
                "```deploy",
                "````#3",
                "`````ship"
            ]
        );
        grown.keep(&HashSet::new());
        assert_eq!(drawn(&grown), ["#1"]);
        assert_eq!(drawn(&tree(&[(1, &["a>1"])]))[2], "``#1 elsewhere");
    }

    #[test]
    fn loops_and_depth_end() {
        assert_eq!(
            drawn(&tree(&[(1, &["a>2", "b>2"]), (2, &["up>1", "self>2"])])),
            [
                "#1",
                "|a",
                "|`#2",
                "|`|up",
                "|`|`#1 elsewhere",
                "|``self",
                "|```#2 elsewhere",
                "`b",
                "``#2 elsewhere",
            ]
        );
        // A chain without an end, and a pipeline that starts thousands.
        let mut asked = 0;
        let chain = read(1, &mut |id| {
            asked += 1;
            Some(list(id * 10, &[&format!("t>{}", id + 1)]))
        });
        assert_eq!(asked, 1 + DEPTH);
        let lines = drawn(&chain);
        assert_eq!(lines.last().unwrap(), &("`".repeat(22) + "#12 not read"));
        let rows: Vec<String> = (2..5000).map(|id| format!("t{id}>{id}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut asked = 0;
        read(1, &mut |id| {
            asked += 1;
            Some(list(1, if id == 1 { &rows } else { &[] }))
        });
        assert_eq!(asked, PIPELINES);
    }

    #[test]
    fn pipelines_that_start_each_other_nest_no_deeper_than_the_limit() {
        // Each is a child of the root and of the one before it.
        let rows: Vec<String> = (2..50).map(|id| format!("t{id}>{id}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let tree = read(1, &mut |id| {
            let next = format!("t>{}", id + 1);
            let next = [next.as_str()];
            Some(list(id * 100, if id == 1 { &rows } else { &next }))
        });
        let lines = drawn(&tree);
        let depth = |line: &String| line.matches(['`', '|']).count();
        assert_eq!(lines.iter().map(depth).max(), Some(2 * (DEPTH + 1)));
        // What is too deep below one is read where it is nearer.
        assert!(lines.contains(&"|`#12".to_owned()));
    }
}
