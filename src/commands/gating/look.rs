//! One look at jobs for `jobs=`: what `wait --timeout 0` would say of them.

use std::cell::RefCell;
use std::rc::Rc;

use crate::decide::select::{Operand, Selection};
use crate::decide::wait::{
    Goal, List, Looks as HowOften, Now, Outcome, Own, Read, Rules, Unreadable, Verdict, Watch,
};
use crate::exit::Exit;
use crate::gitlab::{Error, Kind};
use crate::model::{PipelineKey, Place, Project};
use crate::pipeline::{Pipelines, Rows, Scope, TriggerJobs};
use crate::session::{Me, Session};

/// What several selections have in common: each list is read once for all of them.
pub struct Looks<'a> {
    session: &'a Session<'a>,
    pub pipelines: Pipelines<'a>,
    read: RefCell<Vec<(Read, Rc<Got>)>>,
}

type Got = Result<Rows, Unreadable>;

impl<'a> Looks<'a> {
    pub fn new(session: &'a Session<'a>) -> Self {
        Self {
            session,
            pipelines: Pipelines::new(session.gitlab),
            read: RefCell::default(),
        }
    }

    /// The verdict on one selection among the jobs of the calling job's pipeline.
    pub fn jobs(&self, selection: &str, me: &Me) -> Result<Outcome, Error> {
        let goal = Goal {
            pipeline: PipelineKey {
                id: me.pipeline.id,
                project_id: Some(me.project),
            },
            downstream: Vec::new(),
            selection: Selection {
                operands: vec![Operand::plain(selection)],
                ..Selection::default()
            },
        };
        let rules = Rules {
            looks: HowOften::Once,
            ..Rules::default()
        };
        let own = Own {
            caller: me.caller(),
            pipeline: me.pipeline.id,
        };
        let mut watch = Watch::new(goal, rules, Some(own));
        let mut step = watch.look(&[], self.now(&[]));
        loop {
            let reads = match step.verdict {
                Verdict::Final(outcome) => return Ok(*outcome),
                Verdict::Read(reads) => reads,
                Verdict::Waiting { .. } => Vec::new(),
            };
            let mut got = Vec::new();
            for read in reads {
                let rows = self.rows(&read, me)?;
                got.push((read, rows));
            }
            let lists: Vec<List> = got.iter().map(list).collect();
            step = watch.look(&lists, self.now(&got));
        }
    }

    fn rows(&self, read: &Read, me: &Me) -> Result<Rc<Got>, Error> {
        let known = self.read.borrow();
        if let Some((_, rows)) = known.iter().find(|(known, _)| known == read) {
            return Ok(Rc::clone(rows));
        }
        drop(known);
        let place = Place {
            project: Project::Id(read.pipeline.project_id.unwrap_or(me.project)),
            pipeline: read.pipeline.id,
        };
        let scope = Scope {
            retried: read.retried,
            no_trigger_jobs: !read.trigger_jobs,
        };
        let own = read.pipeline.id == me.pipeline.id;
        let rows = match self.session.ask(|| self.pipelines.rows(&place, scope)) {
            Ok(rows) => Ok(rows),
            Err(error) if own || !error.token_refused() => return Err(error),
            Err(error) if error.kind == Kind::NotFound && error.exit() == Exit::NotFound => {
                Err(Unreadable::Gone)
            }
            Err(_) => Err(Unreadable::Refused),
        };
        let rows = Rc::new(rows);
        let mut known = self.read.borrow_mut();
        known.push((read.clone(), Rc::clone(&rows)));
        Ok(rows)
    }

    fn now(&self, got: &[(Read, Rc<Got>)]) -> Now {
        let dates = got
            .iter()
            .filter_map(|(_, rows)| rows.as_ref().as_ref().ok()?.date);
        Now {
            monotonic: self.session.host.clock.monotonic(),
            server: dates.min(),
        }
    }
}

fn list((read, rows): &(Read, Rc<Got>)) -> List<'_> {
    let rows = rows.as_ref().as_ref();
    List {
        read,
        rows: rows.map(|rows| rows.jobs.as_slice()).map_err(|why| *why),
        no_trigger_jobs: rows
            .is_ok_and(|rows| matches!(rows.trigger_jobs, TriggerJobs::Refused(_))),
    }
}
