//! The jobs of one pipeline.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use serde_json::value::RawValue;

use super::{Flaws, Reach, Task, digest};
use crate::commands::located::{Located, absent, is_id, names_caller};
use crate::decide::select::glob::is_glob;
use crate::decide::select::{self, Caller, Operand, Selected, Selection, newest};
use crate::decide::stages;
use crate::exit::Stop;
use crate::find::{Place, Scope, TriggerJobs, Unique};
use crate::gitlab::Error;
use crate::model::{Job, JobId};
use crate::report::jobs::JsonRows;
use crate::report::{Format, Out, jobs};

/// GitLab's own text of rows.
pub type Texts = HashMap<JobId, Box<RawValue>>;

/// The rows of one pipeline.
pub struct Found {
    pub jobs: Vec<Job>,
    /// Of the rows that may be meant, where the answer is JSON.
    pub texts: Texts,
    pub trigger_jobs: TriggerJobs,
}

pub fn show(task: &Task, located: &Located, out: &mut Out, flaws: &mut Flaws) -> Result<(), Stop> {
    let options = task.options;
    let place = &located.place;
    if options.format != Format::Table && unfiltered(&options.selection) {
        return stream(task, place, out, flaws);
    }
    let found = read(task, place).map_err(|error| error.stop())?;
    let selected = choose(task, &found.jobs, located.caller().as_ref())?;
    if options.format == Format::Table {
        let mut rows: Vec<&Job> = selected.jobs.iter().map(|chosen| chosen.job).collect();
        let places = stages::places(&found.jobs);
        rows.sort_unstable_by_key(|job| places.get(&job.id));
        let newest: HashSet<JobId> = newest(&found.jobs).map(|job| job.id).collect();
        let marked = rows.iter().map(|job| (*job, !newest.contains(&job.id)));
        out.table(&jobs::table(marked), task.session.color);
        digest::show(task, &place.project, &rows, out, flaws)?;
    } else {
        let mut json = JsonRows::new(options.format);
        let texts = selected.jobs.iter();
        for text in texts.filter_map(|chosen| found.texts.get(&chosen.job.id)) {
            json.put(text, &mut |piece| out.text(piece));
        }
        json.end(&mut |piece| out.text(piece));
    }
    let missing = selected
        .missing
        .iter()
        .filter_map(|index| options.selection.operands.get(*index));
    let missing: Vec<&Operand> = missing.collect();
    if let TriggerJobs::Closed(error) = &found.trigger_jobs
        && !(missing.is_empty() && exact(&options.selection, &found.jobs))
    {
        flaws.add(closed(error));
    }
    let names = || found.jobs.iter().map(|job| job.name.as_str());
    let of = format!("in pipeline {}", place.pipeline);
    for operand in missing {
        flaws.add(absent(operand, &of, names()));
    }
    Ok(())
}

/// Nothing is left out but older attempts.
pub fn unfiltered(selection: &Selection) -> bool {
    selection.operands.is_empty()
        && selection.stages.is_empty()
        && selection.statuses.is_empty()
        && selection.except.is_empty()
}

/// Row by row as they come: a long list takes no more memory than a short one.
fn stream(task: &Task, place: &Place, out: &mut Out, flaws: &mut Flaws) -> Result<(), Stop> {
    let options = task.options;
    let mut json = JsonRows::new(options.format);
    // A list that is read again, because rows moved or an answer was lost, brings rows that are written already.
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    let read = task.session.steady(|| {
        task.finder
            .each_row(place, scope(task, false), &mut |job, raw| {
                let new = ids.insert(job.id) && (options.retried || names.insert(job.name));
                if new {
                    json.put(raw, &mut |piece| out.text(piece));
                }
                if out.delivers() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
    });
    let rows = read.map_err(|error| error.stop())?;
    json.end(&mut |piece| out.text(piece));
    if let TriggerJobs::Closed(error) = &rows.trigger_jobs {
        flaws.add(closed(error));
    }
    Ok(())
}

/// The order of the stages is that of the oldest attempts, and an id may be that of an old one.
fn scope(task: &Task, attempts: bool) -> Scope<'static> {
    Scope {
        statuses: None,
        retried: attempts || task.options.retried,
        no_trigger_jobs: task.options.choice.no_trigger_jobs,
    }
}

pub fn read(task: &Task, place: &Place) -> Result<Found, Error> {
    let options = task.options;
    let table = options.format == Format::Table;
    let ids = options.selection.operands.iter().any(is_id);
    let ordered = table || matches!(options.reach, Reach::Tree);
    // Older attempts are known by the newest one, so an id leaves every row a candidate.
    let candidate = (!ids).then(|| Selection {
        except: Vec::new(),
        attempts: true,
        ..options.selection.clone()
    });
    task.session.steady(|| {
        let mut unique = Unique::default();
        let mut texts = Texts::new();
        let scope = scope(task, ordered || ids);
        let rows = task.finder.each_row(place, scope, &mut |job, raw| {
            // A trigger job may lead to jobs that are meant.
            let keep = (job.trigger && matches!(options.reach, Reach::Tree))
                || candidate.as_ref().is_none_or(|one| may_mean(one, &job));
            if !table && keep {
                texts.insert(job.id, raw.to_owned());
            }
            unique.put(slim(job));
            ControlFlow::Continue(())
        })?;
        Ok(Found {
            jobs: unique.jobs,
            texts,
            trigger_jobs: rows.trigger_jobs,
        })
    })
}

/// The row alone does not speak against it; the whole list decides.
fn may_mean(selection: &Selection, job: &Job) -> bool {
    select::select(selection, std::slice::from_ref(job), None)
        .is_ok_and(|selected| !selected.jobs.is_empty())
}

/// Without what no list shows: 10,000 rows are kept at once.
pub fn slim(job: Job) -> Job {
    Job {
        ref_name: String::new(),
        user: None,
        tag_list: Box::default(),
        ..job
    }
}

pub fn choose<'j>(
    task: &Task,
    jobs: &'j [Job],
    caller: Option<&Caller>,
) -> Result<Selected<'j>, Stop> {
    let selection = &task.options.selection;
    let caller = caller.filter(|_| !selection.operands.is_empty());
    let selected =
        select::select(selection, jobs, caller).map_err(|own| names_caller(own, selection))?;
    if !selected.siblings.is_empty() {
        let names = selected.siblings.iter().map(|job| job.name.as_str());
        let names: Vec<&str> = names.collect();
        task.session.talk.line(&format!(
            "left out, as parallel jobs of the calling one: {}",
            names.join(", ")
        ));
    }
    Ok(selected)
}

/// No operand could mean a trigger job that is not in the list.
fn exact(selection: &Selection, jobs: &[Job]) -> bool {
    let by_name = |operand: &Operand| {
        let glob = !operand.name_only && is_glob(&operand.text);
        !glob || jobs.iter().any(|job| job.name == operand.text)
    };
    !selection.operands.is_empty() && selection.operands.iter().all(by_name)
}

/// The list is without trigger jobs, and why.
pub fn closed(error: &Error) -> Stop {
    error
        .stop()
        .hint("--no-trigger-jobs leaves trigger jobs out")
}
