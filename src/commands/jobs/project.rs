//! The jobs of all pipelines of a project.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde_json::value::RawValue;

use super::list::{slim, unfiltered};
use super::{Flaws, Task, digest};
use crate::commands::located::{absent, locate};
use crate::decide::select::{Selection, select};
use crate::exit::Stop;
use crate::gitlab::Project;
use crate::model::{Job, JobId};
use crate::report::jobs::JsonRows;
use crate::report::{Format, Out, jobs};

/// Without `--limit 0` no more rows are looked through.
const LOOKED_THROUGH: usize = 10_000;

/// What was met so far; it stays when the list has to be read again.
#[derive(Default)]
struct Met {
    seen: HashSet<JobId>,
    kept: Vec<Job>,
    shown: usize,
    /// Indices of operands that have meant something.
    hit: HashSet<usize>,
}

pub fn show(task: &Task, limit: usize, out: &mut Out, flaws: &mut Flaws) -> Result<(), Stop> {
    let options = task.options;
    let project = project(task)?;
    let rule = Selection {
        attempts: true,
        ..options.selection.clone()
    };
    let mut json = (options.format != Format::Table).then(|| JsonRows::new(options.format));
    let mut met = Met::default();
    let page = if limit > 0 && unfiltered(&rule) {
        limit.min(100)
    } else {
        100
    };
    let enough = |met: &Met| limit > 0 && (met.shown >= limit || met.seen.len() >= LOOKED_THROUGH);
    let read = task.session.steady(|| {
        let each = &mut |job: Job, raw: &RawValue| {
            if !met.seen.insert(job.id) {
                return ControlFlow::Continue(());
            }
            if meant(&rule, &job, &mut met.hit) {
                met.shown += 1;
                match &mut json {
                    Some(json) => json.put(raw, &mut |piece| out.text(piece)),
                    None => met.kept.push(slim(job)),
                }
            }
            if enough(&met) || !out.delivers() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        task.finder
            .project_rows(&project, &rule.statuses, page, each)
    });
    read.map_err(|error| error.stop())?;
    if let Some(json) = json {
        json.end(&mut |piece| out.text(piece));
    } else {
        let rows: Vec<&Job> = met.kept.iter().collect();
        out.table(&jobs::project_table(&rows), task.session.color);
        digest::show(task, &project, &rows, out, flaws)?;
    }
    let cut = limit > 0 && met.shown < limit && met.seen.len() >= LOOKED_THROUGH;
    if cut {
        task.session.talk.warning(&format!(
            "only the newest {LOOKED_THROUGH} jobs of the project were looked through; --limit 0 goes on"
        ));
    }
    let operands = rule.operands.iter().enumerate();
    let missing = operands.filter(|(index, _)| !met.hit.contains(index));
    let missing = missing.filter(|_| cut || limit == 0 || met.shown < limit);
    let of = format!("in project {project}");
    for (_, operand) in missing {
        flaws.add(absent(operand, &of, [].into_iter()));
    }
    Ok(())
}

/// The project that is named, or the calling job's own.
fn project(task: &Task) -> Result<Project, Stop> {
    match &task.options.choice.project {
        Some(project) => Ok(project.clone()),
        None => Ok(locate(task.session, &task.finder, &task.options.choice)?
            .place
            .project),
    }
}

/// Each row stands for itself: an operand means it by name, group, glob or id.
fn meant(rule: &Selection, job: &Job, hit: &mut HashSet<usize>) -> bool {
    select(rule, std::slice::from_ref(job), None).is_ok_and(|selected| {
        hit.extend((0..rule.operands.len()).filter(|index| !selected.missing.contains(index)));
        !selected.jobs.is_empty()
    })
}
