//! What becomes of the jobs that were started when this job ends first.

use crate::cli::Words;
use crate::commands::act::{ON_CANCEL, Target};
use crate::decide::action::{Fate, Step};
use crate::exit::Stop;
use crate::find::Place;
use crate::gitlab::{Body, Client, Error, Project, Route};
use crate::model::{Job, Pipeline, Status};
use crate::session::Session;

/// `--on-cancel`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Leave,
    Cancel,
}

impl Left {
    pub fn read(words: &mut Words) -> Result<Self, Stop> {
        let word = words.value(&ON_CANCEL);
        Ok(match word.as_deref() {
            Some("cancel") => Self::Cancel,
            _ => Self::Leave,
        })
    }

    /// Cancels what this call has started, on a new connection and in four seconds at most; or says that it goes on.
    pub fn act(self, session: &Session, place: &Place, targets: &[Target]) {
        let started: Vec<&Target> = targets.iter().filter(|target| started(target)).collect();
        if self == Self::Leave {
            for target in started {
                let Target { name, job, .. } = target;
                session
                    .talk
                    .line(&format!("{name} ({}) goes on  {}", job.id, job.web_url));
            }
            return;
        }
        within(session, started.is_empty(), &|gitlab| {
            for target in &started {
                let Target { name, job, .. } = target;
                let canceled = cancel(gitlab, place, target);
                tell(session, &format!("{name} ({})", job.id), canceled);
            }
        });
    }

    /// The same for a whole pipeline.
    pub fn act_on_pipeline(self, session: &Session, project: &Project, pipeline: &Pipeline) {
        let what = format!("pipeline {}", pipeline.id);
        if self == Self::Leave {
            let url = &pipeline.web_url;
            session.talk.line(&format!("{what} goes on  {url}"));
            return;
        }
        within(session, false, &|gitlab| {
            let route = Route::CancelPipeline(project.clone(), pipeline.id);
            let canceled = gitlab.post(&route, &Body::None).map(|_| true);
            tell(session, &what, canceled);
        });
    }
}

fn within(session: &Session, nothing: bool, work: &dyn Fn(&Client)) {
    if nothing {
        return;
    }
    session.host.interrupt.canceling();
    match session.gitlab.fresh() {
        Ok(fresh) => work(&fresh),
        Err(stop) => session.talk.stop(&stop),
    }
}

fn tell(session: &Session, what: &str, canceled: Result<bool, Error>) {
    match canceled {
        Ok(true) => session.talk.line(&format!("{what} is being canceled")),
        Ok(false) => {}
        Err(error) => session
            .talk
            .warning(&format!("{what} could not be canceled: {error}")),
    }
}

/// This call has started it, or may have.
fn started(target: &Target) -> bool {
    match &target.fate {
        Fate::Did { step, .. } => matches!(step, Step::Play | Step::Retry),
        Fate::Unknown(_) => matches!(target.step, Some(Step::Play)),
        _ => false,
    }
}

/// A trigger job itself cannot be canceled through the API, but the pipeline that it started can.
fn cancel(gitlab: &Client, place: &Place, target: &Target) -> Result<bool, Error> {
    let job = &target.job;
    if let Some(pipeline) = &job.downstream_pipeline {
        let project = pipeline
            .project_id
            .map_or_else(|| place.project.clone(), Project::Id);
        let route = Route::CancelPipeline(project, pipeline.id);
        return gitlab.post(&route, &Body::None).map(|_| true);
    }
    if matches!(target.fate, Fate::Unknown(_)) {
        let route = Route::Job(place.project.clone(), job.id);
        let now: Job = gitlab.get(&route, &[])?.json()?;
        // Nobody has played it: it is left as it was.
        if matches!(now.status, Status::Manual | Status::Scheduled) || now.status.finished() {
            return Ok(false);
        }
    }
    let route = Route::Cancel(place.project.clone(), job.id);
    gitlab.post(&route, &Body::None).map(|_| true)
}
