//! `--on-cancel`: what becomes of what was started when this job ends first.

use crate::decide::action::{Progress, Target, Verb};
use crate::decide::select::newest;
use crate::gitlab::{Body, Client, Error, Route};
use crate::model::{Job, Place, Project, Status};
use crate::pipeline::{Pipelines, Scope};
use crate::report::act as report;
use crate::session::Session;

/// Something that this call has started, or may have.
pub struct Started<'s> {
    pub name: String,
    pub url: &'s str,
    /// How to cancel it; none if a look shows that it was not started.
    pub cancel: Box<Cancel<'s>>,
}

type Cancel<'s> = dyn Fn(&Client) -> Result<Option<Route>, Error> + 's;

/// A job that this call has started, or may have.
pub fn job<'s>(target: &'s Target, place: &'s Place) -> Option<Started<'s>> {
    let Target { job, progress, .. } = target;
    let verb = progress.verb()?;
    matches!(verb, Verb::Play | Verb::Retry).then(|| Started {
        name: report::job(job),
        url: &job.web_url,
        cancel: match progress {
            Progress::Did { .. } => Box::new(|_| Ok(Some(route(place, job)))),
            _ => Box::new(|gitlab| perhaps_started(gitlab, place, target)),
        },
    })
}

/// Cancels what this call has started, on a new connection and in four seconds at most; or says that it goes on.
pub fn leave(cancel: bool, session: &Session, started: &[Started]) {
    if !cancel || started.is_empty() {
        for Started { name, url, .. } in started {
            session.talk.line(&report::goes_on(name, url));
        }
        return;
    }
    // The interrupt has shut the usual connections down.
    let gitlab = match session.gitlab.fresh() {
        Ok(gitlab) => gitlab,
        Err(stop) => return session.talk.stop(&stop),
    };
    for Started { name, cancel, .. } in started {
        let canceled = cancel(&gitlab).and_then(|route| {
            let post = |route: Route| gitlab.post(&route, &Body::None);
            route.map(post).transpose()
        });
        match canceled {
            Ok(Some(_)) => session.talk.line(&report::being_canceled(name)),
            Ok(None) => {}
            Err(error) => session.talk.warning(&report::not_canceled(name, &error)),
        }
    }
}

/// The newest attempt, if it is on its way. One that stands as it stood is left alone.
fn perhaps_started(
    gitlab: &Client,
    place: &Place,
    target: &Target,
) -> Result<Option<Route>, Error> {
    let scope = Scope {
        no_trigger_jobs: !target.job.trigger,
        ..Scope::default()
    };
    let rows = Pipelines::new(gitlab).rows(place, scope)?.jobs;
    let now = newest(&rows).find(|job| job.name == target.job.name);
    let child = |job: &Job| job.downstream_pipeline.as_ref().map(|pipeline| pipeline.id);
    let begun = |job: &&Job| match &job.status {
        Status::Manual | Status::Scheduled => false,
        status => !status.finished() || child(job) != child(&target.job),
    };
    Ok(now.filter(begun).map(|job| route(place, job)))
}

/// A trigger job itself cannot be canceled through the API, but the pipeline that it started can.
pub fn route(place: &Place, job: &Job) -> Route {
    let own = place.project.clone();
    match &job.downstream_pipeline {
        Some(started) => {
            let project = started.project_id.map_or(own, Project::Id);
            Route::CancelPipeline(project, started.id)
        }
        None => Route::Cancel(own, job.id),
    }
}
