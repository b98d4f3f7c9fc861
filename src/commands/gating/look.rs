//! One look at jobs for `jobs=`: what `wait --timeout 0` would say of them.

use std::cell::RefCell;
use std::rc::Rc;

use crate::decide::gate::evidence::JobsEvidence;
use crate::decide::look::{Look, Now, Pages, Read, Unreadable};
use crate::decide::select::{Operand, Selection};
use crate::decide::verdict::{
    Counts, Goal, JobOutcome, Looks as HowOften, Outcome, Own, Reason, Rules, Verdict, Watch,
};
use crate::exit::Exit;
use crate::find::{Finder, Place, Rows, Scope, TriggerJobs};
use crate::gitlab::{Error, Kind, Project};
use crate::model::PipelineKey;
use crate::session::{Me, Session};

/// What several selections have in common: each list is read once for all of them.
pub struct Looks<'a> {
    session: &'a Session<'a>,
    pub finder: Finder<'a>,
    read: RefCell<Vec<(Read, Rc<Got>)>>,
}

type Got = Result<Rows, Unreadable>;

/// So many jobs are named.
const NAMED: usize = 5;

impl<'a> Looks<'a> {
    pub fn new(session: &'a Session<'a>) -> Self {
        Self {
            session,
            finder: Finder::new(session.gitlab),
            read: RefCell::default(),
        }
    }

    /// The verdict on one selection among the jobs of the calling job's pipeline.
    pub fn jobs(&self, selection: &str, me: &Me) -> Result<JobsEvidence, Error> {
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
        let mut reads = watch.reads(std::time::Duration::ZERO);
        loop {
            let mut got = Vec::new();
            for read in reads {
                let rows = self.rows(&read, me)?;
                got.push((read, rows));
            }
            let step = watch.look(&look(&got), self.now(&got));
            match step.verdict {
                Verdict::Final(outcome) => return Ok(evidence(&outcome)),
                Verdict::Waiting(next) => reads = next.at_once,
            }
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
            statuses: None,
            retried: read.retried,
            no_trigger_jobs: !read.lists.trigger_jobs(),
        };
        let own = read.pipeline.id == me.pipeline.id;
        let rows = match self.session.steady(|| self.finder.rows(&place, scope)) {
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

fn look(got: &[(Read, Rc<Got>)]) -> Look<'_> {
    let mut look = Look::default();
    for (read, rows) in got {
        match rows.as_ref() {
            Ok(rows) => look.pages.push(Pages {
                pipeline: read.pipeline.id,
                scope: read.scope.clone(),
                lists: read.lists,
                rows: &rows.jobs,
                torn: rows.torn,
                no_trigger_jobs: matches!(rows.trigger_jobs, TriggerJobs::Closed(_)),
            }),
            Err(why) => look.unreadable.push((read.pipeline.id, *why)),
        }
    }
    look
}

fn evidence(outcome: &Outcome) -> JobsEvidence {
    let counts = |job: &&JobOutcome| {
        job.job.is_some() && !matches!(job.counts, Counts::Ignored | Counts::Absent)
    };
    JobsEvidence {
        matched: outcome.jobs.iter().filter(counts).count(),
        verdict: outcome.exit,
        said: said(outcome),
    }
}

/// The jobs and their status in a few words, those that have not passed first.
fn said(outcome: &Outcome) -> String {
    match &outcome.reason {
        Some(Reason::NamesCaller(_)) => return "the calling job itself is meant".into(),
        Some(Reason::TriggerJobsRefused) => {
            return "which jobs are meant cannot be told without the trigger jobs, which this token may not read".into();
        }
        _ => {}
    }
    let passed = |job: &&JobOutcome| job.counts.exit() == Some(Exit::Ok);
    let (passed, others): (Vec<_>, Vec<_>) = outcome.jobs.iter().partition(passed);
    let mut words: Vec<String> = others.iter().take(NAMED).map(|job| one(job)).collect();
    if others.len() > NAMED {
        words.push(format!("{} more have not passed", others.len() - NAMED));
    }
    match passed.as_slice() {
        [] if words.is_empty() => "no job matches".into(),
        [] => words.join(", "),
        [only] => {
            words.push(one(only));
            words.join(", ")
        }
        all => {
            words.push(format!("{} jobs have passed", all.len()));
            words.join(", ")
        }
    }
}

fn one(outcome: &JobOutcome) -> String {
    let name = &outcome.name;
    match (&outcome.job, outcome.counts) {
        (None, _) => format!("there is no {name}"),
        (Some(_), Counts::Refused) => {
            format!("the pipeline that {name} started cannot be read")
        }
        (Some(job), Counts::Passed | Counts::Warning) => {
            format!("{name} has passed ({})", job.status.word())
        }
        (Some(job), _) => format!("{name} is {}", job.status.word()),
    }
}
