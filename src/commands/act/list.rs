//! Which jobs are meant, in which pipeline, and how they stand.

use super::parameters::Parameters;
use crate::commands::options::Where;
use crate::decide::action::{Action, Target, Verb};
use crate::decide::select::{Matched, Selected, Selection};
use crate::exit::Stop;
use crate::gitlab::{Error, Route};
use crate::model::{Job, JobId, Place};
use crate::pipeline::{Pipelines, Scope, TriggerJobs, Way, choose, no_such_jobs};
use crate::report::act as report;
use crate::report::messages::{self, Within};
use crate::session::{Me, Session};

/// What the command line asks for.
pub struct Request {
    /// The command's name.
    pub name: &'static str,
    pub action: Action,
    pub place: Where,
    pub selection: Selection,
    pub all: bool,
    pub parameters: Parameters,
}

/// One call's work on the jobs of the pipeline that is meant.
pub struct Jobs<'j> {
    pub request: &'j Request,
    pub session: &'j Session<'j>,
    pipelines: Pipelines<'j>,
    /// The pipeline where the way downstream begins.
    pub start: Option<Place>,
    /// The pipeline that is meant, once it is found.
    pub place: Option<Place>,
    /// What is waited for was said.
    said: Option<String>,
    /// Jobs and trigger jobs as last read.
    pub rows: Vec<Job>,
    pub targets: Vec<Target>,
}

/// What a read of the pipeline that is meant has brought.
pub enum Read {
    Rows(TriggerJobs),
    /// The pipeline may still be started; what to say where that is not waited for.
    NotYet(Stop),
    Never(Stop),
}

pub fn route(place: &Place, verb: Verb, id: JobId) -> Route {
    let project = place.project.clone();
    match verb {
        Verb::Play => Route::Play(project, id),
        Verb::Retry => Route::Retry(project, id),
        Verb::Cancel => Route::Cancel(project, id),
        Verb::Erase => Route::Erase(project, id),
    }
}

impl<'j> Jobs<'j> {
    pub fn new(session: &'j Session<'j>, request: &'j Request) -> Self {
        Self {
            request,
            session,
            pipelines: Pipelines::new(session.gitlab),
            start: None,
            place: None,
            said: None,
            rows: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// The pipeline that is meant, as far as it is known.
    pub fn known_place(&self) -> Option<&Place> {
        self.place.as_ref().or(self.start.as_ref())
    }

    /// Says something once.
    pub fn say(&mut self, text: String) {
        if self.said.as_ref() != Some(&text) {
            self.session.talk.line(&text);
            self.said = Some(text);
        }
    }

    /// Reads the jobs of the pipeline that is meant.
    pub fn read(&mut self, retried: bool) -> Result<Read, Error> {
        let request = self.request;
        // From the first request on no newer attempt of a trigger job leads elsewhere.
        let pinned = self.targets.iter().any(|one| one.progress.verb().is_some());
        let place = match (&self.place, &self.start) {
            (Some(place), _) if pinned => place.clone(),
            (_, None) => return Ok(Read::Never(messages::project_without_pipeline())),
            (_, Some(start)) => match self.pipelines.walk(start, &request.place.downstream)? {
                Way::Found(place, _) => place,
                Way::Nowhere(stop) => return Ok(Read::Never(stop)),
                Way::NotStarted(from, trigger) => {
                    let stop = messages::not_started(&trigger, from);
                    let ended = trigger.status.finished() || !request.action.waits;
                    let read = if ended { Read::Never } else { Read::NotYet };
                    return Ok(read(stop));
                }
            },
        };
        let scope = Scope {
            // An erasure is meant for the very attempt.
            retried: retried || request.action.verb == Verb::Erase,
            no_trigger_jobs: request.place.no_trigger_jobs,
        };
        let rows = self.pipelines.rows(&place, scope)?;
        self.rows = rows.jobs;
        // The action of `cancel --from`.
        if request.action.matched == Matched::Everything {
            // Of a trigger job, the pipeline is meant that it has started: GitLab cancels that, but no trigger job.
            for job in &mut self.rows {
                if let Some(pipeline) = &job.downstream_pipeline {
                    self.pipelines.place(&place, pipeline.key());
                    (job.status, job.trigger) = (pipeline.status.clone(), false);
                }
            }
        }
        if self.place.as_ref() != Some(&place) {
            self.session.talk.line(&report::pipeline(&place));
            self.place = Some(place);
        }
        Ok(Read::Rows(rows.trigger_jobs))
    }

    /// The jobs that are meant.
    pub fn choose(
        &mut self,
        me: Option<&Me>,
        trigger_jobs: TriggerJobs,
    ) -> Result<Vec<Target>, Stop> {
        let request = self.request;
        let caller = me.zip(self.place.as_ref());
        let caller = caller.and_then(|(me, place)| me.caller_in(place.pipeline));
        let selected = choose(&request.selection, &self.rows, caller.as_ref())?;
        self.check(&selected, trigger_jobs)?;
        let siblings = selected.siblings.iter().map(|job| job.name.as_str());
        let note = (siblings.len() > 0).then(|| messages::siblings(siblings));
        let targets = selected.jobs.iter().map(|chosen| {
            // The newest attempt is meant, by whatever id; an erasure takes the very attempt.
            let id = chosen.matched == Matched::Id && request.action.verb == Verb::Erase;
            let operand = chosen.operand.filter(|_| id);
            let operand = operand.and_then(|index| request.selection.operands.get(index));
            let id = operand.and_then(|operand| operand.text.parse().ok().map(JobId));
            let very = self.rows.iter().find(|row| Some(row.id) == id);
            let action = Action {
                matched: chosen.matched.max(request.action.matched),
                ..request.action
            };
            Target::new(action, very.unwrap_or(chosen.job).clone())
        });
        let mut targets: Vec<Target> = targets.collect();
        targets.sort_unstable_by_key(|target| target.job.id);
        if targets.len() > 1 && !request.all {
            let names = targets.iter().map(|target| target.job.name.as_str());
            let names: Vec<&str> = names.collect();
            return Err(messages::several(&names).hint(report::EACH));
        }
        if let Some(note) = note {
            self.say(note);
        }
        Ok(targets)
    }

    fn check(&self, selected: &Selected, trigger_jobs: TriggerJobs) -> Result<(), Stop> {
        let chosen = &selected.jobs;
        let selection = &self.request.selection;
        let missing = selected.missing.iter();
        let missing = missing.filter_map(|index| selection.operands.get(*index));
        if let TriggerJobs::Refused(error) = trigger_jobs
            && (chosen.is_empty() || selected.open_ended)
        {
            return Err(messages::trigger_jobs_refused(error.stop()));
        }
        let Some(place) = &self.place else {
            return Err(messages::project_without_pipeline());
        };
        let names = self.rows.iter().map(|job| job.name.as_str());
        if let Some(stop) = no_such_jobs(missing, Within::Pipeline(place.pipeline), &names) {
            return Err(stop);
        }
        // Nothing to clean up is as good as cleaned up.
        let runs = matches!(self.request.action.verb, Verb::Play | Verb::Retry);
        if chosen.is_empty() && runs {
            return Err(messages::nothing_matches(place.pipeline));
        }
        Ok(())
    }
}
