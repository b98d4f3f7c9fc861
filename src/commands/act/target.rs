//! Aiming: from the words on the command line to the jobs that are meant, in the pipeline that is meant.

use std::time::Duration;

use crate::commands::options::Where;
use crate::decide::action::{Fate, Step};
use crate::decide::select::{Chosen, Matched, Selected, Selection, select};
use crate::decide::verdict::APPEAR;
use crate::exit::{Exit, Stop};
use crate::find::{self, Finder, Place, Scope, TriggerJobs};
use crate::gitlab::{Error, Project};
use crate::model::{Job, JobId};
use crate::near::did_you_mean;
use crate::report::messages::list;
use crate::report::text::visible;
use crate::session::{Me, Session};

/// A job that is to be acted on.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    /// The newest attempt, as last read.
    pub job: Job,
    /// The attempt that was meant when the jobs were chosen.
    pub meant: JobId,
    /// What is to be sent, by the last look.
    pub step: Option<Step>,
    /// GitLab has called it unplayable.
    pub unplayable: bool,
    /// Requests that were sent and never answered.
    pub lost: u32,
    pub fate: Fate,
}

/// What aiming has led to.
#[derive(Debug)]
pub enum Aimed {
    At(Vec<Target>),
    /// It may still appear; what to say if nobody waits for that.
    NotYet(Stop),
    Stop(Stop),
}

/// What the words say.
#[derive(Clone, Copy, Debug)]
pub struct Meant<'a> {
    pub place: &'a Where,
    pub selection: &'a Selection,
    pub all: bool,
}

/// The pipeline that was found, and its rows as last read.
pub struct Aim<'w, 'a> {
    session: &'w Session<'a>,
    me: &'w Me,
    meant: Meant<'w>,
    finder: Finder<'w>,
    start: Place,
    place: Option<Place>,
    /// When the pipeline was first there, by the monotonic clock.
    since: Duration,
    /// From the first request on no newer attempt of a trigger job leads elsewhere.
    frozen: bool,
    told: Vec<String>,
    rows: Vec<Job>,
}

impl<'w, 'a> Aim<'w, 'a> {
    pub fn new(session: &'w Session<'a>, me: &'w Me, meant: Meant<'w>) -> Result<Self, Stop> {
        Ok(Self {
            session,
            me,
            meant,
            finder: Finder::new(session.gitlab),
            start: meant.place.start(&me.place())?,
            place: None,
            since: Duration::ZERO,
            frozen: false,
            told: Vec::new(),
            rows: Vec::new(),
        })
    }

    /// Jobs and trigger jobs as last read.
    pub fn rows(&self) -> &[Job] {
        &self.rows
    }

    pub fn place(&self) -> &Place {
        self.place.as_ref().unwrap_or(&self.start)
    }

    pub fn project(&self) -> Project {
        self.place().project.clone()
    }

    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Finds pipeline and jobs.
    pub fn take(&mut self) -> Result<Aimed, Error> {
        if let Some(other) = self.locate()? {
            return Ok(other);
        }
        let operands = self.meant.selection.operands.iter();
        let mut digits = operands.map(|operand| operand.text.bytes().all(|b| b.is_ascii_digit()));
        let trigger_jobs = self.read(digits.any(|digits| digits))?;
        Ok(self.choose(trigger_jobs))
    }

    /// Reads the rows again. `Some` if there is nothing to look at any more.
    pub fn look(&mut self) -> Result<Option<Stop>, Error> {
        match self.locate()? {
            Some(Aimed::Stop(stop)) => return Ok(Some(stop)),
            Some(Aimed::NotYet(stop)) => {
                self.waits(&stop);
                self.rows.clear();
            }
            Some(Aimed::At(_)) => self.rows.clear(),
            None => {
                self.read(false)?;
            }
        }
        Ok(None)
    }

    fn read(&mut self, retried: bool) -> Result<TriggerJobs, Error> {
        let scope = Scope {
            statuses: None,
            retried,
            no_trigger_jobs: self.meant.place.no_trigger_jobs,
        };
        let rows = self.finder.rows(self.place(), scope)?;
        self.rows = rows.jobs;
        Ok(rows.trigger_jobs)
    }

    /// Walks from trigger job to downstream pipeline. `None`: the pipeline is there.
    fn locate(&mut self) -> Result<Option<Aimed>, Error> {
        if self.frozen && self.place.is_some() {
            return Ok(None);
        }
        let mut place = self.start.clone();
        for name in &self.meant.place.downstream {
            match self.finder.step(&place, name)? {
                find::Step::There { place: next, .. } => place = next,
                find::Step::None(trigger) => {
                    let childless = childless(&trigger);
                    self.place = None;
                    if trigger.status.finished() {
                        return Ok(Some(Aimed::Stop(childless)));
                    }
                    return Ok(Some(Aimed::NotYet(childless)));
                }
                find::Step::NotOne(names) if names.is_empty() => {
                    let name = visible(name);
                    let error = format!("no trigger job {name} in pipeline {}", place.pipeline);
                    let stop = Stop::new(Exit::NotFound, error)
                        .hint("jobgate jobs lists the trigger jobs of a pipeline");
                    return Ok(Some(Aimed::Stop(stop)));
                }
                find::Step::NotOne(names) => {
                    let name = visible(name);
                    let error = format!("{name} means several trigger jobs: {}", list(&names));
                    return Ok(Some(Aimed::Stop(Stop::usage(error))));
                }
                find::Step::Closed(error) => return Ok(Some(Aimed::Stop(error.stop()))),
            }
        }
        if self.place.as_ref() != Some(&place) {
            self.since = self.session.host.clock.monotonic();
            let Place { project, pipeline } = &place;
            self.session
                .talk
                .line(&format!("pipeline {pipeline} of project {project}"));
            self.place = Some(place);
        }
        Ok(None)
    }

    /// What is not there yet is waited for.
    pub fn waits(&mut self, stop: &Stop) {
        self.say(format!("{stop}; waiting for it"));
    }

    /// Says something once.
    fn say(&mut self, text: String) {
        if !self.told.contains(&text) {
            self.session.talk.line(&text);
            self.told.push(text);
        }
    }

    fn own(&self) -> bool {
        self.place().pipeline == self.me.pipeline.id
    }

    fn choose(&mut self, trigger_jobs: TriggerJobs) -> Aimed {
        let caller = self.own().then(|| self.me.caller());
        let selected = match select(self.meant.selection, &self.rows, caller.as_ref()) {
            Ok(selected) => selected,
            Err(own) => {
                let operand = self.meant.selection.operands.get(own.operand);
                let name = visible(operand.map_or("", |operand| &operand.text));
                let error = format!("{name} is the job that asks: no job can act on itself");
                return Aimed::Stop(Stop::usage(error));
            }
        };
        let siblings: Vec<&str> = selected
            .siblings
            .iter()
            .map(|job| job.name.as_str())
            .collect();
        let note = (!siblings.is_empty()).then(|| {
            let names = list(&siblings);
            format!("not acted on: this job's own parallel siblings {names}")
        });
        let aimed = self.judge(&selected, trigger_jobs);
        if let Some(note) = note {
            self.say(note);
        }
        aimed
    }

    fn judge(&self, selected: &Selected, trigger_jobs: TriggerJobs) -> Aimed {
        let chosen = &selected.jobs;
        if let TriggerJobs::Closed(error) = trigger_jobs {
            let open = |one: &Chosen| matches!(one.matched, Matched::Glob | Matched::Everything);
            if chosen.is_empty() || !selected.missing.is_empty() || chosen.iter().any(open) {
                let hint = "--no-trigger-jobs leaves trigger jobs out";
                return Aimed::Stop(error.stop().hint(hint));
            }
        }
        if chosen.is_empty() || !selected.missing.is_empty() {
            let stop = self.missing(selected);
            let now = self.session.host.clock.monotonic();
            let young = now.saturating_sub(self.since) < APPEAR;
            return if self.own() || !young {
                Aimed::Stop(stop)
            } else {
                Aimed::NotYet(stop)
            };
        }
        if chosen.len() > 1 && !self.meant.all {
            let mut jobs: Vec<&Job> = chosen.iter().map(|one| one.job).collect();
            jobs.sort_unstable_by_key(|job| job.id);
            let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
            let error = format!("{} jobs match: {}", names.len(), list(&names));
            return Aimed::Stop(Stop::usage(error).hint("--all acts on every one of them"));
        }
        let mut targets: Vec<Target> = chosen.iter().map(|one| self.target(one)).collect();
        targets.sort_unstable_by_key(|target| target.job.id);
        Aimed::At(targets)
    }

    fn target(&self, chosen: &Chosen) -> Target {
        let job = chosen.job;
        let operand = chosen
            .operand
            .and_then(|index| self.meant.selection.operands.get(index));
        let id = operand.and_then(|operand| operand.text.parse().ok());
        let meant = id.filter(|_| chosen.matched == Matched::Id);
        Target {
            name: job.name.clone(),
            job: job.clone(),
            meant: meant.map_or(job.id, JobId),
            step: None,
            unplayable: false,
            lost: 0,
            fate: Fate::Open(String::new()),
        }
    }

    fn missing(&self, selected: &Selected) -> Stop {
        let pipeline = self.place().pipeline;
        let operands = selected.missing.iter();
        let missing: Vec<&str> = operands
            .filter_map(|index| self.meant.selection.operands.get(*index))
            .map(|operand| operand.text.as_str())
            .collect();
        let error = match missing.as_slice() {
            [] => format!("no job matches in pipeline {pipeline}"),
            [one] => {
                let names = self.rows.iter().map(|job| job.name.as_str());
                let near = did_you_mean(one, names);
                format!("no job {} in pipeline {pipeline}{near}", visible(one))
            }
            several => format!("no jobs {} in pipeline {pipeline}", list(several)),
        };
        Stop::new(Exit::NotFound, error).hint(format!("jobgate jobs --pipeline {pipeline}"))
    }
}

fn childless(trigger: &Job) -> Stop {
    let error = format!(
        "trigger job {} ({}) is {} and has started no pipeline",
        visible(&trigger.name),
        trigger.id,
        trigger.status.word()
    );
    Stop::new(Exit::NotFound, error)
}
