//! The one request of `trigger`, and what to do when its answer is lost.

use std::ops::ControlFlow;

use crate::commands::act::parameters::Parameters;
use crate::commands::gating::{Gating, Tell};
use crate::commands::waiting::Turns;
use crate::decide::gate::Judgement;
use crate::exit::{Exit, Stop};
use crate::find::Place;
use crate::gitlab::{Body, Error, Kind, Project, Route};
use crate::model::{Pipeline, PipelineId};
use crate::report::text::visible;
use crate::session::{Me, Session};
use crate::time::Timestamp;

/// What is to be started.
pub struct Start {
    pub project: Project,
    pub ref_name: String,
    pub parameters: Parameters,
}

/// A pipeline that was started.
#[derive(Debug)]
pub struct Started {
    pub place: Place,
    pub pipeline: Pipeline,
}

/// What was known right before the request.
struct Before {
    me: Me,
    /// The newest pipeline of the kind that was going to be started; `None` if the list is not shown.
    newest: Option<PipelineId>,
}

enum Sent {
    Done(Pipeline),
    /// Bytes had left, and no good answer came.
    Lost(Error, Box<Before>),
    Failed(Error),
    Closed(Judgement),
    Stopped(Stop),
}

impl Start {
    /// `plan: trigger ops/monitoring at main with variables A`
    pub fn plan(&self) -> String {
        let Self {
            project, ref_name, ..
        } = self;
        let with = self.parameters.names();
        let with = with.map_or_else(String::new, |names| format!(" {names}"));
        format!("plan: trigger {project} at {ref_name}{with}")
    }

    /// Sends once. `Err` of the inner result: the gate has closed, and nothing was sent.
    pub fn send(
        &self,
        session: &Session,
        turns: &mut Turns,
        gating: &Gating,
        tell: Tell,
    ) -> Result<Result<Started, Judgement>, Stop> {
        let sent = turns.ask(&mut || self.attempt(session, gating, tell));
        match sent.map_err(|halt| turns.stop(&halt))? {
            Sent::Done(pipeline) => Ok(Ok(Started::new(&self.project, pipeline))),
            Sent::Lost(error, before) => Err(self.lost(session, turns, &error, &before)),
            Sent::Failed(error) => Err(error.stop()),
            Sent::Closed(judgement) => Ok(Err(judgement)),
            Sent::Stopped(stop) => Err(stop),
        }
    }

    /// An `Err` is begun again, gate included: no connection, or 429. A 409 is no proof here: the pipeline may exist by then.
    fn attempt(&self, session: &Session, gating: &Gating, tell: Tell) -> Result<Sent, Error> {
        // Its `Date` is what a new pipeline is told from an older one by.
        let me = match session.me() {
            Ok(me) => me,
            Err(stop) => return Ok(Sent::Stopped(stop)),
        };
        let newest = self.newest(session, &me);
        match gating.pass(session, &me, tell) {
            Err(stop) => return Ok(Sent::Stopped(stop)),
            Ok(Err(judgement)) => return Ok(Sent::Closed(judgement)),
            Ok(Ok(())) => {}
        }
        let mut fields = vec![("ref".to_owned(), self.ref_name.clone())];
        fields.extend(self.parameters.fields());
        let route = Route::TriggerPipeline(self.project.clone());
        let answer = session
            .gitlab
            .post(&route, &Body::FormWithJobToken(&fields))
            .and_then(|answer| answer.json());
        Ok(match answer {
            Ok(pipeline) => Sent::Done(pipeline),
            Err(error) => match error.kind {
                Kind::Unreachable | Kind::Limited { .. } | Kind::Deadline => return Err(error),
                Kind::Interrupted { sent: false, .. } => return Err(error),
                Kind::Locked => Sent::Lost(error, Box::new(Before { me, newest })),
                _ if error.nothing_done() => Sent::Failed(error),
                _ => Sent::Lost(error, Box::new(Before { me, newest })),
            },
        })
    }

    /// Lists the pipelines that a request with a lost answer may have started. Nothing is sent again: a pipeline that is not visible yet
    /// cannot be told from one that was never made.
    fn lost(&self, session: &Session, turns: &mut Turns, lost: &Error, before: &Before) -> Stop {
        let signal = match lost.kind {
            Kind::Interrupted { signal, .. } => Some(signal),
            _ => None,
        };
        let mut stop = Stop::new(
            signal.map_or(Exit::Unknown, Exit::Signal),
            format!("{lost}\nit is not known whether GitLab has started the pipeline"),
        );
        let username = before.me.job.user.as_ref();
        let since = before.me.facts.date;
        if let (None, Some(since), Some(user)) = (signal, since, username) {
            let user = user.username.as_str();
            // GitLab may still be at work on it.
            let looked = turns
                .pause_short()
                .and_then(|()| turns.ask(&mut || self.rows(session, user, since)));
            let (ref_name, clock) = (visible(&self.ref_name), since.time_of_day());
            let pipelines = format!("pipelines of {ref_name} by {user} since {clock}");
            let found = match looked {
                Ok(rows) => {
                    let new = rows.iter().filter(|row| Some(row.id) > before.newest);
                    let new: Vec<String> = new
                        .map(|row| format!("{} {}", row.id, row.web_url))
                        .collect();
                    match new.as_slice() {
                        [] => format!("there are no {pipelines} yet"),
                        new => format!("{pipelines}: {}", new.join(", ")),
                    }
                }
                Err(halt) => {
                    let why = turns.stop(&halt);
                    stop.exit = Exit::of_all([stop.exit, why.exit]);
                    format!("the {pipelines} cannot be listed: {why}")
                }
            };
            stop.error = format!("{}\n{found}", stop.error);
        }
        stop.hint(format!(
            "look at the newest pipelines of {} at {} before triggering again",
            self.project,
            visible(&self.ref_name)
        ))
    }

    /// The newest pipeline of the kind that is going to be started: GitLab's clock tells seconds, and another may be as young. A list that
    /// is not shown leaves the clock alone.
    fn newest(&self, session: &Session, me: &Me) -> Option<PipelineId> {
        let username = me.job.user.as_ref()?.username.as_str();
        let mut query = self.query(username).to_vec();
        query.push(("per_page", "1"));
        let route = Route::Pipelines(self.project.clone());
        let answer = session.gitlab.get(&route, &query).ok()?;
        let rows: Vec<Pipeline> = answer.json().ok()?;
        Some(rows.first().map_or(PipelineId(0), |row| row.id))
    }

    fn query<'q>(&'q self, username: &'q str) -> [(&'q str, &'q str); 5] {
        [
            ("ref", &self.ref_name),
            ("source", "pipeline"),
            ("username", username),
            ("order_by", "id"),
            ("sort", "desc"),
        ]
    }

    /// Pipelines of the ref and user, newest first, as far back as the request.
    fn rows(
        &self,
        session: &Session,
        username: &str,
        since: Timestamp,
    ) -> Result<Vec<Pipeline>, Error> {
        let query = self.query(username);
        let route = Route::Pipelines(self.project.clone());
        let mut rows: Vec<Pipeline> = Vec::new();
        let mut bad = None;
        session.gitlab.pages(&route, &query, &mut |page| {
            for raw in page.rows {
                match serde_json::from_str::<Pipeline>(raw.get()) {
                    Ok(row) if row.created_at.is_some_and(|created| created < since) => {
                        return ControlFlow::Break(());
                    }
                    Ok(row) => rows.push(row),
                    Err(error) => {
                        bad = Some(Error::bad_row(&route, page.facts, &error));
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        bad.map_or(Ok(rows), Err)
    }
}
