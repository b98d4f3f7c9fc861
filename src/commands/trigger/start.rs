//! The one request of `trigger`, and what to do when its answer is lost.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::commands::act::parameters::Parameters;
use crate::commands::gating::{Gating, Tell};
use crate::commands::waiting::Turns;
use crate::decide::gate::Judgement;
use crate::decide::trigger::{Assumed, Triggered, find_assumed};
use crate::exit::{Exit, Stop};
use crate::find::Place;
use crate::gitlab::{Body, Error, Kind, Project, Route};
use crate::model::{Pipeline, PipelineId};
use crate::report::text::visible;
use crate::session::{Me, Session};

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
    /// The answer was lost; this is the only pipeline that can be meant.
    pub assumed: bool,
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

/// How long a pipeline whose answer was lost may take to appear in the list.
const APPEARS: Duration = Duration::from_secs(30);
/// So many looks in a row must show the same one.
const SURE: u32 = 2;

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
            Sent::Done(pipeline) => Ok(Ok(Started::new(&self.project, pipeline, false))),
            Sent::Lost(error, before) => self.assume(session, turns, &error, &before).map(Ok),
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

    /// Looks for the pipeline that a lost answer would have named. Nothing is sent again.
    fn assume(
        &self,
        session: &Session,
        turns: &mut Turns,
        lost: &Error,
        before: &Before,
    ) -> Result<Started, Stop> {
        if let Kind::Interrupted { signal, .. } = lost.kind {
            let exit = Exit::Signal(signal);
            let stop = self.unknown(lost, "the program was told to end");
            return Err(Stop { exit, ..stop });
        }
        let me = &before.me;
        let username = me.job.user.as_ref().map(|user| user.username.as_str());
        let (Some(since), Some(username)) = (me.facts.date, username) else {
            return Err(self.unknown(lost, "GitLab names no time or no user"));
        };
        session.talk.warning(&format!(
            "{lost}; looking for the pipeline that it may have started"
        ));
        let triggered = Triggered {
            ref_name: &self.ref_name,
            username,
            since,
        };
        let until = turns.now().saturating_add(APPEARS);
        let (mut found, mut times): (Option<PipelineId>, u32) = (None, 0);
        loop {
            let rows = turns.ask(&mut || self.rows(session, &triggered));
            let mut rows = rows.map_err(|halt| self.halted(lost, &turns.stop(&halt)))?;
            rows.retain(|row| Some(row.id) > before.newest);
            match find_assumed(&rows, &triggered) {
                Assumed::One(id) => {
                    times = if found == Some(id) { times + 1 } else { 1 };
                    found = Some(id);
                    let row = rows.into_iter().find(|row| row.id == id);
                    if let Some(pipeline) = row.filter(|_| times >= SURE) {
                        return Ok(Started::new(&self.project, pipeline, true));
                    }
                }
                Assumed::Several(ids) => {
                    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                    let ids = ids.join(", ");
                    return Err(self.unknown(lost, &format!("several could be the one: {ids}")));
                }
                Assumed::None if turns.now() >= until => {
                    let seconds = APPEARS.as_secs();
                    return Err(self.unknown(lost, &format!("none has appeared for {seconds}s")));
                }
                Assumed::None => times = 0,
            }
            let paused = turns.pause_short();
            paused.map_err(|halt| self.halted(lost, &turns.stop(&halt)))?;
        }
    }

    fn unknown(&self, lost: &Error, why: &str) -> Stop {
        let error =
            format!("{lost}\na pipeline may have been started, which cannot be told: {why}");
        Stop::new(Exit::Unknown, error).hint(format!(
            "look at the newest pipelines of {} at {} before triggering again",
            self.project,
            visible(&self.ref_name)
        ))
    }

    /// The looking itself came to an end.
    fn halted(&self, lost: &Error, stop: &Stop) -> Stop {
        Stop {
            exit: Exit::of_all([Exit::Unknown, stop.exit]),
            ..self.unknown(lost, &stop.error)
        }
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
    fn rows(&self, session: &Session, triggered: &Triggered) -> Result<Vec<Pipeline>, Error> {
        let query = self.query(triggered.username);
        let route = Route::Pipelines(self.project.clone());
        let mut rows: Vec<Pipeline> = Vec::new();
        let mut bad = None;
        session.gitlab.pages(&route, &query, &mut |page| {
            for raw in page.rows {
                match serde_json::from_str::<Pipeline>(raw.get()) {
                    Ok(row) => rows.push(row),
                    Err(error) => bad = Some(Error::bad_row(&route, page.facts, &error)),
                }
            }
            let last = rows.last().and_then(|row| row.created_at);
            if bad.is_some() || last.is_some_and(|created| created < triggered.since) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        bad.map_or(Ok(rows), Err)
    }
}
