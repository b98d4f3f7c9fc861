//! A pipeline with everything below it: jobs, trigger jobs and the pipelines that these started.

use std::collections::{HashMap, HashSet, VecDeque};

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

/// Collects the lists of a tree: ask [`Walk::ask`] what to read, hand it to [`Walk::read`], until there is no more.
#[derive(Debug)]
pub struct Walk {
    root: PipelineKey,
    queue: VecDeque<(PipelineKey, usize)>,
    depth: usize,
    seen: HashSet<PipelineId>,
    lists: HashMap<PipelineId, Option<Vec<Job>>>,
}

impl Walk {
    pub fn new(root: PipelineKey) -> Self {
        Self {
            root,
            queue: VecDeque::from([(root, 0)]),
            depth: 0,
            seen: HashSet::from([root.id]),
            lists: HashMap::new(),
        }
    }

    /// The next pipeline whose jobs and trigger jobs are to be read.
    pub fn ask(&mut self) -> Option<PipelineKey> {
        let (pipeline, depth) = self.queue.pop_front()?;
        self.depth = depth;
        Some(pipeline)
    }

    /// The rows of the pipeline that [`Walk::ask`] named last; none if it could not be read.
    pub fn read(&mut self, pipeline: PipelineKey, list: Option<Vec<Job>>) {
        for key in list.iter().flatten().filter_map(below) {
            if self.depth < DEPTH && self.seen.len() < PIPELINES && self.seen.insert(key.id) {
                self.queue.push_back((key, self.depth + 1));
            }
        }
        self.lists.insert(pipeline.id, list);
    }

    /// The tree of what was read.
    pub fn tree(mut self) -> Branch {
        match self.grow(self.root, 0) {
            Downstream::Pipeline(branch) => branch,
            _ => Branch {
                pipeline: self.root,
                jobs: Vec::new(),
            },
        }
    }

    fn grow(&mut self, pipeline: PipelineKey, depth: usize) -> Downstream {
        if depth > DEPTH || !self.seen.contains(&pipeline.id) {
            return Downstream::NotRead(pipeline);
        }
        let mut list = match self.lists.remove(&pipeline.id) {
            None => return Downstream::Elsewhere(pipeline),
            Some(None) => return Downstream::Unreadable(pipeline),
            Some(Some(list)) => list,
        };
        let places = stages::places(&list);
        let newest: HashSet<JobId> = select::newest(&list).map(|job| job.id).collect();
        list.sort_unstable_by_key(|job| places.get(&job.id).copied());
        let jobs = list.into_iter().map(|job| Node {
            retried: !newest.contains(&job.id),
            downstream: match below(&job) {
                Some(key) => self.grow(key, depth + 1),
                None => Downstream::None,
            },
            job,
        });
        Downstream::Pipeline(Branch {
            pipeline,
            jobs: jobs.collect(),
        })
    }
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

    /// Walks a world of pipelines; pipelines that are not in it cannot be read.
    fn walk(world: &[(u64, &[&str])]) -> Walk {
        let mut walk = Walk::new(key(world[0].0));
        while let Some(next) = walk.ask() {
            let found = world.iter().find(|(id, _)| *id == next.id.0);
            let list = found.map(|(id, rows)| list(id * 100, rows));
            walk.read(next, list);
        }
        walk
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
        let tree = walk(&[
            (1, &["build", "child>2", "build", "elsewhere>9"]),
            (2, &["plan", "deploy>3"]),
            (3, &["ship"]),
        ]);
        let mut tree = tree.tree();
        assert_eq!(
            drawn(&tree),
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
        tree.keep(&HashSet::from([JobId(300), JobId(100)]));
        assert_eq!(
            drawn(&tree),
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
        tree.keep(&HashSet::new());
        assert_eq!(drawn(&tree), ["#1"]);
        assert_eq!(drawn(&walk(&[(1, &["a>1"])]).tree())[2], "``#1 elsewhere");
    }

    #[test]
    fn loops_and_depth_end() {
        let tree = walk(&[(1, &["a>2", "b>2"]), (2, &["up>1", "self>2"])]);
        assert_eq!(
            drawn(&tree.tree()),
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
        let mut chain = Walk::new(key(1));
        let mut asked = 0;
        while let Some(next) = chain.ask() {
            asked += 1;
            chain.read(
                next,
                Some(list(next.id.0 * 10, &[&format!("t>{}", next.id.0 + 1)])),
            );
        }
        assert_eq!(asked, 1 + DEPTH);
        let lines = drawn(&chain.tree());
        assert_eq!(lines.last().unwrap(), &("`".repeat(22) + "#12 not read"));
        let rows: Vec<String> = (2..5000).map(|id| format!("t{id}>{id}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut wide = Walk::new(key(1));
        let mut asked = 0;
        while let Some(next) = wide.ask() {
            asked += 1;
            wide.read(
                next,
                Some(if next.id.0 == 1 {
                    list(1, &rows)
                } else {
                    Vec::new()
                }),
            );
        }
        assert_eq!(asked, PIPELINES);
    }

    #[test]
    fn pipelines_that_start_each_other_nest_no_deeper_than_the_limit() {
        // Each is a child of the root and of the one before it.
        let rows: Vec<String> = (2..50).map(|id| format!("t{id}>{id}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut walk = Walk::new(key(1));
        while let Some(next) = walk.ask() {
            let next_one = format!("t>{}", next.id.0 + 1);
            let rows = if next.id.0 == 1 {
                rows.clone()
            } else {
                vec![next_one.as_str()]
            };
            walk.read(next, Some(list(next.id.0 * 100, &rows)));
        }
        let lines = drawn(&walk.tree());
        let deepest = lines
            .iter()
            .map(|line| line.matches(['`', '|']).count())
            .max();
        assert_eq!(deepest, Some(2 * (DEPTH + 1)));
        assert!(lines.contains(&"|`#12".to_owned()));
    }
}
