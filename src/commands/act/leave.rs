//! What becomes of the jobs that were started when this job ends first.

use crate::cli::Words;
use crate::commands::act::{ON_CANCEL, Target};
use crate::decide::action::{Fate, Step};
use crate::decide::select::newest;
use crate::exit::Stop;
use crate::find::{Finder, Place, Scope};
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
        Fate::Unknown(_) => matches!(target.step, Some(Step::Play | Step::Retry)),
        _ => false,
    }
}

fn cancel(gitlab: &Client, place: &Place, target: &Target) -> Result<bool, Error> {
    if matches!(target.fate, Fate::Unknown(_)) {
        let Some(job) = perhaps_started(gitlab, place, target)? else {
            return Ok(false);
        };
        return cancel_job(gitlab, place, &job);
    }
    cancel_job(gitlab, place, &target.job)
}

/// What nobody has looked at since the request: the newest attempt, if it is on its way. One that stands as it stood is left alone.
fn perhaps_started(gitlab: &Client, place: &Place, target: &Target) -> Result<Option<Job>, Error> {
    let scope = Scope {
        no_trigger_jobs: !target.job.trigger,
        ..Scope::default()
    };
    let rows = Finder::new(gitlab).rows(place, scope)?.jobs;
    let now = newest(&rows).find(|job| job.name == target.name);
    let child = |job: &Job| job.downstream_pipeline.as_ref().map(|pipeline| pipeline.id);
    let begun = |job: &&Job| match &job.status {
        Status::Manual | Status::Scheduled => false,
        status => !status.finished() || child(job) != child(&target.job),
    };
    Ok(now.filter(begun).cloned())
}

/// A trigger job itself cannot be canceled through the API, but the pipeline that it started can.
fn cancel_job(gitlab: &Client, place: &Place, job: &Job) -> Result<bool, Error> {
    let route = match &job.downstream_pipeline {
        Some(pipeline) => {
            let project = pipeline.project_id.map(Project::Id);
            Route::CancelPipeline(
                project.unwrap_or_else(|| place.project.clone()),
                pipeline.id,
            )
        }
        None => Route::Cancel(place.project.clone(), job.id),
    };
    gitlab.post(&route, &Body::None).map(|_| true)
}
