//! From the options that choose a pipeline to the one pipeline that is meant.

use super::choose::Where;
use crate::decide::select::glob::is_glob;
use crate::decide::select::{Caller, NamesCaller, Operand, Selection};
use crate::exit::{Exit, Stop};
use crate::find::{Finder, Place, Step};
use crate::gitlab::TokenKind;
use crate::near::did_you_mean;
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
    let Located { mut place, me } = start(session, choice)?;
    for trigger in &choice.downstream {
        place = hop(session, finder, &place, trigger)?;
    }
    Ok(Located { place, me })
}

/// The pipeline in which the way downstream begins.
pub fn start(session: &Session, choice: &Where) -> Result<Located, Stop> {
    let me = me(session, choice)?;
    let place = match (&me, &choice.project, choice.pipeline) {
        (_, Some(project), Some(pipeline)) => Place {
            project: project.clone(),
            pipeline,
        },
        (Some(me), ..) => choice.start(&me.place())?,
        (None, ..) => return Err(Stop::new(Exit::Unknown, "which pipeline is not known")),
    };
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

/// The operand is a job id.
pub fn is_id(operand: &Operand) -> bool {
    !operand.name_only && operand.text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An operand means the calling job.
pub fn names_caller(own: NamesCaller, selection: &Selection) -> Stop {
    let operand = selection.operands.get(own.operand);
    let text = operand.map_or("", |operand| &operand.text);
    Stop::usage(format!("{text:?} is the calling job itself")).hint("jobgate whoami tells about it")
}

/// An operand means nothing `of` the pipeline or project; `names` are those that it could have meant.
pub fn absent<'n>(operand: &Operand, of: &str, names: impl Iterator<Item = &'n str>) -> Stop {
    let text = &operand.text;
    if is_id(operand) {
        return Stop::new(Exit::NotFound, format!("no job {text} {of}"))
            .hint("a job of another pipeline needs --pipeline ID")
            .hint(format!(
                "a name of digits only is reached with --name {text}"
            ));
    }
    if !operand.name_only && is_glob(text) {
        return Stop::new(Exit::NotFound, format!("no job matches {text:?} {of}"));
    }
    let near = did_you_mean(text, names);
    Stop::new(
        Exit::NotFound,
        format!("no job {text:?} {of}{}", visible(&near)),
    )
}
