//! From the options that choose a pipeline to the one pipeline that is meant.

use super::choose::Where;
use crate::decide::select::Caller;
use crate::exit::{Exit, Stop};
use crate::find::{Finder, Place, Step};
use crate::gitlab::TokenKind;
use crate::report::text::visible;
use crate::session::{Me, Session};

/// The pipeline that is meant, pinned, and who asks.
#[derive(Debug)]
pub struct Located {
    pub place: Place,
    /// `None` where project and pipeline are given and there is no job token to ask with.
    pub me: Option<Me>,
}

impl Located {
    /// The calling job, if the pipeline is its own.
    pub fn caller(&self) -> Option<Caller> {
        let me = self.me.as_ref();
        me.filter(|me| me.pipeline.id == self.place.pipeline)
            .map(Me::caller)
    }
}

/// Finds the pipeline; each hop downstream is told.
pub fn locate(session: &Session, finder: &Finder, choice: &Where) -> Result<Located, Stop> {
    let me = me(session, choice)?;
    let mut place = match (&me, &choice.project, choice.pipeline) {
        (_, Some(project), Some(pipeline)) => Place {
            project: project.clone(),
            pipeline,
        },
        (Some(me), ..) => choice.start(&me.place())?,
        (None, ..) => return Err(Stop::new(Exit::Unknown, "which pipeline is not known")),
    };
    for trigger in &choice.downstream {
        place = hop(session, finder, &place, trigger)?;
    }
    Ok(Located { place, me })
}

/// The calling job. It need not be known where project and pipeline are both given.
fn me(session: &Session, choice: &Where) -> Result<Option<Me>, Stop> {
    let given = choice.project.is_some() && choice.pipeline.is_some();
    if given && !session.gitlab.has(TokenKind::Job) {
        return Ok(None);
    }
    match session.me() {
        Ok(me) => {
            if let Some(other) = session.other_job(&me) {
                session.talk.warning(&other);
            }
            Ok(Some(me))
        }
        Err(stop) if given && stop.exit == Exit::Refused => Ok(None),
        Err(stop) if stop.exit == Exit::Refused => {
            Err(stop.hint("--project and --pipeline together need no job token"))
        }
        Err(stop) => Err(stop),
    }
}

fn hop(session: &Session, finder: &Finder, place: &Place, trigger: &str) -> Result<Place, Stop> {
    let step = session.steady(|| finder.step(place, trigger));
    let from = place.pipeline;
    match step.map_err(|error| error.stop())? {
        Step::There { place, trigger, .. } => {
            let Place { project, pipeline } = &place;
            session.talk.line(&format!(
                "pipeline {pipeline} of project {project}, started by {} in pipeline {from}",
                trigger.name
            ));
            Ok(place)
        }
        Step::None(job) => Err(Stop::new(
            Exit::NotFound,
            format!(
                "trigger job {} of pipeline {from} has started no pipeline; its status is {}",
                visible(&job.name),
                visible(job.status.word())
            ),
        )),
        Step::NotOne(names) if names.is_empty() => Err(Stop::new(
            Exit::NotFound,
            format!("no trigger job {trigger:?} in pipeline {from}"),
        )
        .hint("jobgate jobs lists the trigger jobs of a pipeline")),
        Step::NotOne(names) => Err(Stop::usage(format!(
            "--downstream {trigger:?} means several trigger jobs of pipeline {from}: {}",
            visible(&names.join(", "))
        ))),
        Step::Closed(error) => Err(error.stop()),
    }
}
