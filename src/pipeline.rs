//! Pipelines: the lists of their jobs and trigger jobs, the way downstream, and what is said of a job that is not there.
//!
//! The only reader of job lists and the only walker downstream. A list is whole or an error: one that may lack a row is trouble that
//! passes, never an answer.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use serde_json::value::RawValue;

use crate::decide::select::{Caller, Operand, Selected, Selection, group, select};
use crate::exit::Stop;
use crate::gitlab::{Client, Error, Facts, Kind, Route};
use crate::model::{Job, PipelineId, PipelineKey, Place, Project, Status};
use crate::near::nearest;
use crate::report::messages::{self, Within};
use crate::time::Timestamp;

/// Which rows of a pipeline to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// Older attempts of retried jobs, too.
    pub retried: bool,
    /// Leave trigger jobs out.
    pub no_trigger_jobs: bool,
}

/// The jobs and trigger jobs of one pipeline, from one read.
#[derive(Debug)]
pub struct Rows {
    /// Jobs in GitLab's order, then trigger jobs in GitLab's order, each id once.
    pub jobs: Vec<Job>,
    pub trigger_jobs: TriggerJobs,
    /// Headers of the last answer.
    pub facts: Facts,
    /// The server's clock at the first answer.
    pub date: Option<Timestamp>,
}

/// Whether the trigger jobs are among the rows.
#[derive(Debug)]
pub enum TriggerJobs {
    Read,
    LeftOut,
    /// Neither of the two endpoints can be read with the tokens that are there.
    Refused(Box<Error>),
}

/// Takes a row and GitLab's own text of it.
pub type Each<'e> = dyn FnMut(Job, &RawValue) -> ControlFlow<()> + 'e;

/// Where `--downstream` leads.
#[derive(Debug)]
pub enum Way {
    /// The pipeline that is meant, and for each hop a sentence about the trigger job that started the next one.
    Found(Place, Vec<String>),
    /// The newest attempt of the trigger job has started no pipeline; the job's status says whether it still may.
    NotStarted(PipelineId, Box<Job>),
    /// No trigger job is meant, or several are, or they cannot be read.
    Nowhere(Stop),
}

/// Reads pipelines and remembers what this server knows.
pub struct Pipelines<'a> {
    gitlab: &'a Client<'a>,
    /// The server does not know `…/trigger_jobs` (GitLab 19.2); it is asked for `…/bridges`, which has the same rows.
    bridges: Cell<bool>,
}

impl<'a> Pipelines<'a> {
    pub fn new(gitlab: &'a Client<'a>) -> Self {
        Self {
            gitlab,
            bridges: Cell::new(false),
        }
    }

    /// The place of a pipeline that a row of the pipeline at `from` names. A 404 for its project is a refusal from here on.
    pub fn place(&self, from: &Place, key: PipelineKey) -> Place {
        if let Some(project) = key.project_id {
            self.gitlab.know(project);
        }
        let project = key.project_id.map(Project::Id);
        Place {
            project: project.unwrap_or_else(|| from.project.clone()),
            pipeline: key.id,
        }
    }

    /// Jobs and trigger jobs of a pipeline.
    pub fn rows(&self, place: &Place, scope: Scope) -> Result<Rows, Error> {
        let mut jobs = Vec::new();
        let rows = self.each_row(place, scope, &mut |job, _| {
            jobs.push(job);
            ControlFlow::Continue(())
        })?;
        Ok(Rows { jobs, ..rows })
    }

    /// The same, row by row: nothing is kept, the answer holds no jobs. `each` may stop it early.
    pub fn each_row(&self, place: &Place, scope: Scope, each: &mut Each) -> Result<Rows, Error> {
        let route = Route::PipelineJobs(place.project.clone(), place.pipeline);
        let retried = scope.retried.then_some(("include_retried", "true"));
        let (mut facts, date) = self.list(&route, retried.as_slice(), each)?;
        let mut trigger_jobs = TriggerJobs::LeftOut;
        if !scope.no_trigger_jobs {
            trigger_jobs = match self.each_trigger_job(place, each) {
                Ok(last) => {
                    facts = last;
                    TriggerJobs::Read
                }
                Err(error) if refused(&error) => TriggerJobs::Refused(Box::new(error)),
                Err(error) => return Err(error),
            };
        }
        Ok(Rows {
            jobs: Vec::new(),
            trigger_jobs,
            facts,
            date,
        })
    }

    /// The jobs of all pipelines of a project, newest first, every attempt a row, without trigger jobs and those that are `created`.
    pub fn project_rows(
        &self,
        project: &Project,
        statuses: &[Status],
        each: &mut Each,
    ) -> Result<(), Error> {
        let route = Route::ProjectJobs(project.clone());
        let mut query = vec![
            ("pagination", "keyset"),
            ("order_by", "id"),
            ("sort", "desc"),
        ];
        query.extend(statuses.iter().map(|status| ("scope[]", status.word())));
        self.list(&route, &query, each).map(drop)
    }

    fn each_trigger_job(&self, place: &Place, each: &mut Each) -> Result<Facts, Error> {
        let Place { project, pipeline } = place;
        if !self.bridges.get() {
            let route = Route::TriggerJobs(project.clone(), *pipeline);
            match self.list(&route, &[], each) {
                Err(error) if refused(&error) => {}
                other => return Ok(other?.0),
            }
        }
        let route = Route::Bridges(project.clone(), *pipeline);
        let (facts, _) = self.list(&route, &[], each)?;
        self.bridges.set(true);
        Ok(facts)
    }

    /// One list to its end: the headers of the last answer, and the server's clock at the first.
    fn list(
        &self,
        route: &Route,
        query: &[(&str, &str)],
        each: &mut Each,
    ) -> Result<(Facts, Option<Timestamp>), Error> {
        let trigger = matches!(route, Route::TriggerJobs(..) | Route::Bridges(..));
        let mut date = None;
        // The numbers that were met of each group that `parallel: N` made: the names say how many there are.
        let mut groups: HashMap<(String, u32), HashSet<u32>> = HashMap::new();
        let facts = self.gitlab.each_row(route, query, &mut |raw, facts| {
            date = date.or(facts.date);
            let mut job = job(raw, route, facts)?;
            job.trigger = trigger;
            if let Some((group, number, of)) = group::numbered(&job.name) {
                let numbers = groups.entry((group.to_owned(), of)).or_default();
                numbers.insert(number);
            }
            Ok(each(job, raw))
        })?;
        let mut groups = groups.iter();
        let lacks = groups.any(|((_, of), numbers)| u32::try_from(numbers.len()) != Ok(*of));
        // A project's list may end within a group.
        if matches!(route, Route::PipelineJobs(..)) && lacks {
            return Err(Error::incomplete(route, &facts));
        }
        self.gitlab.count_answer();
        let date = date.or(facts.date);
        Ok((facts, date))
    }

    /// Walks from trigger job to downstream pipeline, one hop for each of `triggers`: a name, group, glob or id.
    pub fn walk(&self, start: &Place, triggers: &[String]) -> Result<Way, Error> {
        let mut place = start.clone();
        let mut hops = Vec::new();
        for text in triggers {
            let mut rows = Vec::new();
            let read = self.each_trigger_job(&place, &mut |job, _| {
                rows.push(job);
                ControlFlow::Continue(())
            });
            match read {
                Err(error) if refused(&error) => return Ok(Way::Nowhere(error.stop())),
                other => drop(other?),
            }
            let trigger = match trigger_job(text, &rows, place.pipeline) {
                Ok(trigger) => Box::new(trigger.clone()),
                Err(stop) => return Ok(Way::Nowhere(stop)),
            };
            let from = place.pipeline;
            let Some(started) = trigger.downstream_pipeline.as_deref() else {
                return Ok(Way::NotStarted(from, trigger));
            };
            place = self.place(&place, started.key());
            hops.push(messages::hop(&trigger, from, &place));
        }
        Ok(Way::Found(place, hops))
    }
}

/// One row of a list.
fn job(raw: &RawValue, route: &Route, facts: &Facts) -> Result<Job, Error> {
    let job: Job =
        serde_json::from_str(raw.get()).map_err(|error| Error::bad_row(route, facts, &error))?;
    let (Route::PipelineJobs(project, id)
    | Route::TriggerJobs(project, id)
    | Route::Bridges(project, id)) = route
    else {
        return Ok(job);
    };
    // The row must be of the pipeline and project whose list was asked for.
    let foreign = job.pipeline.is_some_and(|key| {
        let projects = key.project_id.zip(project.id());
        key.id != *id || projects.is_some_and(|(said, asked)| said != asked)
    });
    if foreign {
        return Err(Error::foreign_row(route, facts, job.id));
    }
    Ok(job)
}

/// The one trigger job that `text` means.
fn trigger_job<'j>(text: &str, rows: &'j [Job], pipeline: PipelineId) -> Result<&'j Job, Stop> {
    let selection = Selection {
        operands: vec![Operand::plain(text)],
        ..Selection::default()
    };
    // Without a caller no operand can mean it.
    let selected = select(&selection, rows, None).unwrap_or_default();
    match selected.jobs.as_slice() {
        [one] => Ok(one.job),
        [] => {
            let near = near(text, rows.iter().map(|job| job.name.as_str()));
            Err(messages::no_trigger_job(text, pipeline, near))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|one| one.job.name.as_str()).collect();
            Err(messages::several_trigger_jobs(text, pipeline, &names))
        }
    }
}

/// GitLab will not show it; asking again changes nothing.
pub fn refused(error: &Error) -> bool {
    error.token_refused() || error.kind == Kind::NoToken
}

/// The jobs that are meant; an error if an operand means the calling job itself.
pub fn choose<'j>(
    selection: &Selection,
    jobs: &'j [Job],
    caller: Option<&Caller>,
) -> Result<Selected<'j>, Stop> {
    select(selection, jobs, caller).map_err(|operand| messages::names_caller(&operand.text))
}

/// Operands that mean nothing, each with the nearest of the `names` that are there.
pub fn no_such_jobs<'n>(
    operands: impl IntoIterator<Item = &'n Operand>,
    within: Within,
    names: &(impl Iterator<Item = &'n str> + Clone),
) -> Option<Stop> {
    Stop::all(operands.into_iter().map(|operand| {
        let near = near(&operand.text, names.clone());
        messages::no_such_job(operand, within, near)
    }))
}

/// The name or group that was probably meant, whatever its case.
pub fn near<'n>(text: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let groups = names.clone().filter_map(group::of);
    nearest(text, names.chain(groups))
}
