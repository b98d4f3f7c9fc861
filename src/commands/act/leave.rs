//! `--on-cancel`: what becomes of what was started when this job ends first.

use super::options::OnCancel;
use crate::decide::action::{Started, Target};
use crate::decide::select::newest;
use crate::gitlab::{Body, Client, Error, Project, Route};
use crate::model::{Job, Pipeline, Place, Status};
use crate::pipeline::{Pipelines, Scope};
use crate::report::act as report;
use crate::session::Session;

/// Cancels the jobs that this call has started, on a new connection and in four seconds at most; or says that they go on.
pub fn jobs(on_cancel: OnCancel, session: &Session, place: &Place, targets: &[Target]) {
    let started = targets
        .iter()
        .filter_map(|target| Some((target, target.started()?)));
    let started: Vec<_> = started.collect();
    if started.is_empty() {
        return;
    }
    if on_cancel == OnCancel::Leave {
        for (Target { job, .. }, _) in started {
            session
                .talk
                .line(&report::goes_on(&report::named(job), &job.web_url));
        }
        return;
    }
    let Some(gitlab) = fresh(session) else {
        return;
    };
    for (target, started) in started {
        let job = match started {
            Started::Surely => Ok(Some(target.job.clone())),
            Started::Perhaps => perhaps_started(&gitlab, place, target),
        };
        let canceled =
            job.and_then(|job| job.map(|job| cancel_job(&gitlab, place, &job)).transpose());
        if let Some(canceled) = canceled.transpose() {
            tell(session, &report::named(&target.job), canceled);
        }
    }
}

/// The same for a whole pipeline.
pub fn pipeline(on_cancel: OnCancel, session: &Session, place: &Place, pipeline: &Pipeline) {
    let name = report::named_pipeline(pipeline);
    if on_cancel == OnCancel::Leave {
        return session
            .talk
            .line(&report::goes_on(&name, &pipeline.web_url));
    }
    if let Some(gitlab) = fresh(session) {
        let route = Route::CancelPipeline(place.project.clone(), pipeline.id);
        tell(session, &name, gitlab.post(&route, &Body::None).map(drop));
    }
}

/// The interrupt has shut the usual connections down.
fn fresh<'s>(session: &'s Session) -> Option<Client<'s>> {
    session.host.interrupt.canceling();
    let fresh = session.gitlab.fresh();
    fresh.map_err(|stop| session.talk.stop(&stop)).ok()
}

fn tell(session: &Session, name: &str, canceled: Result<(), Error>) {
    match canceled {
        Ok(()) => session.talk.line(&report::being_canceled(name)),
        Err(error) => session.talk.warning(&report::not_canceled(name, &error)),
    }
}

/// What nobody has looked at since the request: the newest attempt, if it is on its way. One that stands as it stood is left alone.
fn perhaps_started(gitlab: &Client, place: &Place, target: &Target) -> Result<Option<Job>, Error> {
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
    Ok(now.filter(begun).cloned())
}

/// A trigger job itself cannot be canceled through the API, but the pipeline that it started can.
fn cancel_job(gitlab: &Client, place: &Place, job: &Job) -> Result<(), Error> {
    let route = match &job.downstream_pipeline {
        Some(pipeline) => {
            let project = pipeline.project_id.map(Project::Id);
            let project = project.unwrap_or_else(|| place.project.clone());
            Route::CancelPipeline(project, pipeline.id)
        }
        None => Route::Cancel(place.project.clone(), job.id),
    };
    gitlab.post(&route, &Body::None).map(drop)
}
