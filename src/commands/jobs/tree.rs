//! A pipeline with everything below it.

use std::collections::HashSet;

use super::list::{self, Texts};
use super::{Flaws, Task, digest};
use crate::commands::located::{Located, absent};
use crate::decide::tree::{Branch, Downstream, Item, Walk};
use crate::exit::{Exit, Stop};
use crate::find::{Place, TriggerJobs, refused};
use crate::gitlab::Project;
use crate::model::{Job, JobId, PipelineKey};
use crate::report::{Format, Out, jobs};

/// What was read on the way.
struct Walked {
    tree: Branch,
    meant: HashSet<JobId>,
    texts: Texts,
    /// Indices of operands that mean nothing anywhere.
    missing: HashSet<usize>,
}

pub fn show(task: &Task, located: &Located, out: &mut Out, flaws: &mut Flaws) -> Result<(), Stop> {
    let Walked {
        mut tree,
        meant,
        texts,
        missing,
    } = walk(task, located, flaws)?;
    tree.keep(&meant);
    match task.options.format {
        Format::Json => out.text(&(jobs::tree_object(&tree, &texts).end() + "\n")),
        Format::Table => {
            out.table(&jobs::tree(&tree), task.session.color);
            let rows = listed(&tree, &meant);
            digest::show(task, &located.place.project, &rows, out, flaws)?;
        }
        _ => jobs::tree_lines(&tree, &|id| meant.contains(&id), &texts, &mut |line| {
            out.text(line);
        }),
    }
    unread(&tree, flaws);
    let operands = task.options.selection.operands.iter().enumerate();
    let missing = operands.filter(|(index, _)| missing.contains(index));
    let of = format!("in pipeline {} and below", located.place.pipeline);
    for (_, operand) in missing {
        flaws.add(absent(operand, &of, [].into_iter()));
    }
    Ok(())
}

fn walk(task: &Task, located: &Located, flaws: &mut Flaws) -> Result<Walked, Stop> {
    let home = &located.place;
    let root = PipelineKey {
        id: home.pipeline,
        project_id: match &home.project {
            Project::Id(id) => Some(*id),
            Project::Path(_) => None,
        },
    };
    let mut walk = Walk::new(root);
    let (mut meant, mut texts) = (HashSet::new(), Texts::new());
    let mut missing: HashSet<usize> = (0..task.options.selection.operands.len()).collect();
    let own = located.me.as_ref();
    while let Some(key) = walk.ask() {
        if let Some(project) = key.project_id {
            task.session.gitlab.know(project);
        }
        let found = match list::read(task, &place(home, key)) {
            Ok(found) => found,
            Err(error) if key != root && refused(&error) => {
                walk.read(key, Err(error.message.clone()));
                flaws.add(error.stop());
                continue;
            }
            Err(error) => return Err(error.stop()),
        };
        if let TriggerJobs::Closed(error) = &found.trigger_jobs {
            flaws.add(error.stop());
        }
        let caller = own.filter(|me| me.pipeline.id == key.id);
        let caller = caller.map(crate::session::Me::caller);
        let selected = list::choose(task, &found.jobs, caller.as_ref())?;
        meant.extend(selected.jobs.iter().map(|chosen| chosen.job.id));
        missing.retain(|index| selected.missing.contains(index));
        texts.extend(found.texts);
        walk.read(key, Ok(found.jobs));
    }
    let tree = walk.tree().map_err(|why| Stop::new(Exit::Unknown, why))?;
    Ok(Walked {
        tree,
        meant,
        texts,
        missing,
    })
}

fn place(home: &Place, key: PipelineKey) -> Place {
    let project = key.project_id.map(Project::Id);
    Place {
        project: project.unwrap_or_else(|| home.project.clone()),
        pipeline: key.id,
    }
}

/// The jobs that are meant, in the order of the tree.
fn listed<'t>(tree: &'t Branch, meant: &HashSet<JobId>) -> Vec<&'t Job> {
    let mut rows = Vec::new();
    tree.lines(&mut |_, item| {
        if let Item::Job(node) = item
            && meant.contains(&node.job.id)
        {
            rows.push(&node.job);
        }
    });
    rows
}

fn unread(tree: &Branch, flaws: &mut Flaws) {
    let mut unread = 0;
    tree.lines(&mut |_, item| {
        unread += usize::from(matches!(item, Item::Downstream(Downstream::NotRead(_))));
    });
    if unread > 0 {
        flaws.add(
            Stop::new(
                Exit::Unknown,
                format!("{unread} downstream pipelines were not read: too deep or too many"),
            )
            .hint("--pipeline ID of one of them begins the tree there"),
        );
    }
}
