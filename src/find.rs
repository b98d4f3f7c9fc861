//! Finding: which pipeline is meant, and what it holds. The only place that reads the lists of jobs and trigger jobs.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::value::RawValue;

use crate::decide::select::{Operand, Selection, select};
use crate::gitlab::{Client, Error, Facts, Kind, Listing, Project, Route};
pub use crate::model::Place;
use crate::model::{Job, JobId, Pipeline, Status};
use crate::time::Timestamp;

/// What to read of a pipeline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// Only rows with these statuses; `None` for all.
    pub statuses: Option<&'a [Status]>,
    /// Older attempts of retried jobs, too.
    pub retried: bool,
    /// Leave trigger jobs out.
    pub no_trigger_jobs: bool,
}

/// The rows of one pipeline from one read.
#[derive(Debug)]
pub struct Rows {
    /// Jobs in the server's order, then trigger jobs in the server's order, each id once.
    pub jobs: Vec<Job>,
    pub trigger_jobs: TriggerJobs,
    /// Headers of the last answer.
    pub facts: Facts,
    /// The server's clock at the first answer.
    pub date: Option<Timestamp>,
    /// Rows moved between pages each time they were read: one may be missing.
    pub torn: bool,
}

/// How one list was read.
struct List {
    facts: Facts,
    date: Option<Timestamp>,
    torn: bool,
    stopped: bool,
}

/// What became of the trigger jobs in a read.
#[derive(Debug)]
pub enum TriggerJobs {
    /// They are among the rows.
    Read,
    /// Nobody wanted them.
    LeftOut,
    /// Neither of the two endpoints can be read with the tokens that are there.
    Closed(Box<Error>),
}

/// Where a step from a trigger job to the pipeline that it started leads.
#[derive(Debug)]
pub enum Step {
    There {
        place: Place,
        pipeline: Box<Pipeline>,
        trigger: Box<Job>,
    },
    /// The newest attempt of the trigger job has started no pipeline; its status tells whether it still may.
    None(Box<Job>),
    /// No trigger job is meant, or several are (their names).
    NotOne(Vec<String>),
    /// Trigger jobs cannot be read.
    Closed(Box<Error>),
}

/// Takes a row and its own text.
pub type Each<'e> = dyn FnMut(Job, &RawValue) -> ControlFlow<()> + 'e;

/// Rows by id: one that comes again, in a second reading, replaces what was read before.
#[derive(Debug, Default)]
pub struct Unique {
    /// In the order in which they first came.
    pub jobs: Vec<Job>,
    places: HashMap<JobId, usize>,
}

impl Unique {
    pub fn put(&mut self, job: Job) {
        let place = *self.places.entry(job.id).or_insert(self.jobs.len());
        match self.jobs.get_mut(place) {
            Some(known) => *known = job,
            None => self.jobs.push(job),
        }
    }
}

/// Reads lists and remembers what this server knows.
pub struct Finder<'a> {
    gitlab: &'a Client<'a>,
    /// The server does not know `…/trigger_jobs`; it is asked for `…/bridges`.
    bridges: Cell<bool>,
}

impl<'a> Finder<'a> {
    pub fn new(gitlab: &'a Client<'a>) -> Self {
        Self {
            gitlab,
            bridges: Cell::new(false),
        }
    }

    /// Jobs and trigger jobs of a pipeline.
    pub fn rows(&self, place: &Place, scope: Scope) -> Result<Rows, Error> {
        let mut unique = Unique::default();
        let rows = self.each_row(place, scope, &mut |job, _| {
            unique.put(job);
            ControlFlow::Continue(())
        })?;
        Ok(Rows {
            jobs: unique.jobs,
            ..rows
        })
    }

    /// The same, row by row with the row's own text; nothing is kept, the answer holds no jobs. A list whose rows moved meanwhile is
    /// read again: rows come again then. `each` may stop it early.
    pub fn each_row(&self, place: &Place, scope: Scope, each: &mut Each) -> Result<Rows, Error> {
        let Place { project, pipeline } = place;
        let route = Route::PipelineJobs(project.clone(), *pipeline);
        let list = self.list(&route, scope, false, each)?;
        let mut rows = Rows {
            jobs: Vec::new(),
            trigger_jobs: TriggerJobs::LeftOut,
            facts: list.facts,
            date: list.date,
            torn: list.torn,
        };
        if scope.no_trigger_jobs || list.stopped {
            return Ok(rows);
        }
        match self.trigger_jobs(place, scope, each) {
            Ok(list) => {
                rows.trigger_jobs = TriggerJobs::Read;
                rows.facts = list.facts;
                rows.torn |= list.torn;
            }
            Err(error) if refused(&error) => {
                rows.trigger_jobs = TriggerJobs::Closed(Box::new(error));
            }
            Err(error) => return Err(error),
        }
        Ok(rows)
    }

    /// The trigger jobs of a pipeline alone; an error if they cannot be read.
    pub fn trigger_rows(&self, place: &Place, scope: Scope) -> Result<Rows, Error> {
        let mut unique = Unique::default();
        let list = self.trigger_jobs(place, scope, &mut |job, _| {
            unique.put(job);
            ControlFlow::Continue(())
        })?;
        Ok(Rows {
            jobs: unique.jobs,
            trigger_jobs: TriggerJobs::Read,
            facts: list.facts,
            date: list.date,
            torn: list.torn,
        })
    }

    /// `…/trigger_jobs` came with GitLab 19.2 and gives the rows of `…/bridges`.
    fn trigger_jobs(&self, place: &Place, scope: Scope, each: &mut Each) -> Result<List, Error> {
        let Place { project, pipeline } = place;
        if !self.bridges.get() {
            let route = Route::TriggerJobs(project.clone(), *pipeline);
            match self.list(&route, scope, true, each) {
                Err(error) if refused(&error) => {}
                other => return other,
            }
        }
        let route = Route::Bridges(project.clone(), *pipeline);
        let list = self.list(&route, scope, true, each)?;
        self.bridges.set(true);
        Ok(list)
    }

    /// One list to its end.
    fn list(
        &self,
        route: &Route,
        scope: Scope,
        trigger: bool,
        each: &mut Each,
    ) -> Result<List, Error> {
        let mut query: Vec<(&str, &str)> = Vec::new();
        for status in scope.statuses.unwrap_or_default() {
            query.push(("scope[]", status.word()));
        }
        if scope.retried && !trigger {
            query.push(("include_retried", "true"));
        }
        let mut date = None;
        let listing = self.read(route, &query, trigger, &mut date, each)?;
        Ok(List {
            facts: listing.facts,
            date,
            torn: false,
            stopped: listing.stopped,
        })
    }

    fn read(
        &self,
        route: &Route,
        query: &[(&str, &str)],
        trigger: bool,
        date: &mut Option<Timestamp>,
        each: &mut Each,
    ) -> Result<Listing, Error> {
        let mut bad = None;
        let listing = self.gitlab.pages(route, query, &mut |page| {
            *date = date.or(page.facts.date);
            for raw in page.rows {
                let mut job: Job = match serde_json::from_str(raw.get()) {
                    Ok(job) => job,
                    Err(error) => {
                        bad = Some(Error::bad_row(route, page.facts, &error));
                        return ControlFlow::Break(());
                    }
                };
                job.trigger = trigger;
                each(job, raw)?;
            }
            ControlFlow::Continue(())
        })?;
        bad.map_or(Ok(listing), Err)
    }

    /// From a pipeline to the one that a trigger job of its started. `trigger` is a name, group, glob or id.
    pub fn step(&self, place: &Place, trigger: &str) -> Result<Step, Error> {
        let rows = match self.trigger_rows(place, Scope::default()) {
            Err(error) if refused(&error) => return Ok(Step::Closed(Box::new(error))),
            other => other?,
        };
        let selection = Selection {
            operands: vec![Operand::plain(trigger)],
            ..Selection::default()
        };
        let chosen = select(&selection, &rows.jobs, None).map(|selected| selected.jobs);
        let chosen = chosen.unwrap_or_default();
        let [only] = chosen.as_slice() else {
            let names = chosen.iter().map(|chosen| chosen.job.name.clone());
            return Ok(Step::NotOne(names.collect()));
        };
        let trigger = Box::new(only.job.clone());
        Ok(match trigger.downstream_pipeline.clone() {
            None => Step::None(trigger),
            Some(pipeline) => {
                let project = pipeline.project_id.map(Project::Id);
                if let Some(project) = pipeline.project_id {
                    self.gitlab.know(project);
                }
                Step::There {
                    place: Place {
                        project: project.unwrap_or_else(|| place.project.clone()),
                        pipeline: pipeline.id,
                    },
                    pipeline,
                    trigger,
                }
            }
        })
    }
}

/// GitLab will not show it; asking again changes nothing.
pub fn refused(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Unauthorized | Kind::Forbidden | Kind::NotFound | Kind::NoToken
    )
}
