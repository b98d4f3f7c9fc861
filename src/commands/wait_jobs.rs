//! The wait for jobs: looks, lets the verdict decide, says what has changed, and sleeps.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::wait_loop::Turns;
use crate::decide::select::{Operand, Selection};
use crate::decide::wait::{
    Counts, Goal, JobOutcome, List, Now, Outcome, Own, Read, Reason, Rules, Unreadable, Verdict,
    Watch,
};
use crate::exit::{Exit, Stop};
use crate::gitlab::Kind;
use crate::model::{Job, PipelineId, PipelineKey, Place, Status};
use crate::pipeline::{Pipelines, Rows, Scope, TriggerJobs, near, no_such_jobs, refused};
use crate::report::events::{EventWriter, Missing, unfinished};
use crate::report::messages::Within;
use crate::report::wait as report;
use crate::session::Me;

/// After trouble that took longer than this, a look begins again: all its lists are of one moment.
pub const MOMENT: Duration = Duration::from_secs(5);

/// How a wait ended.
#[derive(Debug)]
pub struct Ended {
    /// The last that is known of each job.
    pub outcome: Outcome,
    /// The pipeline that holds the jobs, as far as the way there is known.
    pub place: Option<Place>,
    /// The words for an end that the jobs' own status does not explain.
    pub stop: Option<Stop>,
}

/// What else is done at each look; `true` when the verdict is there.
pub type EachLook<'e> = dyn FnMut(&mut Turns, &Watch, bool) -> Result<(), Stop> + 'e;

/// Waits for the jobs of a [`watch`] that starts at `start`, until the verdict is final or the time is over.
pub fn wait_for(
    turns: &mut Turns,
    start: &Place,
    mut watch: Watch,
    each_look: &mut EachLook,
) -> Ended {
    turns.start(start);
    let pipelines = Pipelines::new(turns.session.gitlab);
    let mut reader = Reader::new(&pipelines, start, Some(turns.session.events));
    let decided = turns.until(|turns| {
        let verdict = reader.one_moment(&mut watch, turns)?;
        each_look(turns, &watch, matches!(verdict, Verdict::Final(_)))?;
        turns.session.missing(missing([&watch]));
        match verdict {
            Verdict::Final(outcome) => return Ok(Some(*outcome)),
            Verdict::Waiting { wake, soon: false } => turns.pause(wake)?,
            Verdict::Waiting { .. } | Verdict::Read(_) => turns.pause_short()?,
        }
        Ok(None)
    });
    let (outcome, stop) = match decided {
        Ok(outcome) => {
            let stop = reader.explain(&outcome, watch.operands());
            (outcome, stop)
        }
        Err(stop) => {
            let outcome = watch.give_up(stop.exit);
            let stop = unfinished(stop, &outcome, &watch.known());
            (outcome, stop)
        }
    };
    let place = watch.pipeline().map(|key| reader.place(key));
    Ended {
        outcome,
        place: place.or_else(|| Some(start.clone())),
        stop,
    }
}

impl Ended {
    /// Before the first look.
    pub fn early(stop: Stop) -> Self {
        let outcome = Outcome {
            exit: stop.exit,
            jobs: Vec::new(),
            reason: None,
        };
        Self {
            outcome,
            place: None,
            stop: Some(stop),
        }
    }
}

/// The fold that decides on a wait. The way to the jobs begins at `start` and follows trigger jobs by name, one hop each. `me` is the
/// calling job; `None` where there is no job token to ask with.
pub fn watch(
    start: &Place,
    downstream: &[String],
    selection: &Selection,
    rules: &Rules,
    me: Option<&Me>,
) -> Watch {
    let goal = Goal {
        pipeline: PipelineKey {
            id: start.pipeline,
            project_id: start.project.id(),
        },
        downstream: downstream.to_vec(),
        selection: selection.clone(),
    };
    let own = me.map(|me| Own {
        caller: me.caller(),
        pipeline: me.pipeline.id,
    });
    Watch::new(goal, rules.clone(), own)
}

/// Reads what a [`Watch`] asks for.
pub struct Reader<'w> {
    pipelines: &'w Pipelines<'w>,
    /// The pipeline where the way starts.
    start: Place,
    /// Takes what each list shows.
    events: Option<&'w EventWriter<'w>>,
    /// What this look has read: each list is read once.
    lists: Vec<(Read, Result<Rows, Unreadable>)>,
    /// Pipelines whose trigger jobs could be read.
    readable: HashSet<PipelineId>,
    /// Why a pipeline, or its trigger jobs, cannot be read.
    refusals: HashMap<PipelineId, Stop>,
    /// Older attempts of the jobs of `start` are wanted, too.
    pub attempts: bool,
}

impl<'w> Reader<'w> {
    /// The rows of the pipeline where the way starts, once they were read.
    pub fn rows(&self) -> Option<&Rows> {
        let start = |(read, _): &&(Read, _)| read.pipeline.id == self.start.pipeline;
        self.lists.iter().find(start)?.1.as_ref().ok()
    }

    pub fn new(
        pipelines: &'w Pipelines<'w>,
        start: &Place,
        events: Option<&'w EventWriter<'w>>,
    ) -> Self {
        Self {
            pipelines,
            start: start.clone(),
            events,
            lists: Vec::new(),
            readable: HashSet::new(),
            refusals: HashMap::new(),
            attempts: false,
        }
    }

    /// One look, of one moment.
    fn one_moment(&mut self, watch: &mut Watch, turns: &mut Turns) -> Result<Verdict, Stop> {
        loop {
            let calm = turns.session.troubled();
            self.lists.clear();
            let verdict = self.look(watch, turns)?;
            if turns.session.troubled().saturating_sub(calm) <= MOMENT {
                return Ok(verdict);
            }
        }
    }

    /// Reads what the watch asks for until it has decided.
    pub fn look(&mut self, watch: &mut Watch, turns: &mut Turns) -> Result<Verdict, Stop> {
        let moment = |turns: &Turns| Now {
            monotonic: turns.now(),
            server: None,
        };
        let mut step = watch.look(&[], moment(turns));
        while let Verdict::Read(reads) = &step.verdict {
            for read in reads {
                if !self.lists.iter().any(|(known, _)| known == read) {
                    let rows = self.read(turns, read)?;
                    self.lists.push((read.clone(), rows));
                }
            }
            let got = self.lists.iter().filter(|(read, _)| reads.contains(read));
            let dates = got.clone().filter_map(|(_, rows)| rows.as_ref().ok()?.date);
            let now = Now {
                server: dates.min(),
                ..moment(turns)
            };
            let lists: Vec<List> = got.map(list).collect();
            step = watch.look(&lists, now);
            if let Some(events) = self.events {
                events.changes(&step.changes);
                step.notes.iter().for_each(|note| events.note(note));
            }
            if !step.changes.is_empty() || !step.notes.is_empty() {
                turns.changed();
            }
        }
        Ok(step.verdict)
    }

    /// The words for an end that the jobs' own status does not explain.
    pub fn explain(&self, outcome: &Outcome, operands: &[Operand]) -> Option<Stop> {
        // What a missing job may have been meant to be.
        let rows = self.lists.iter().filter_map(|(_, rows)| rows.as_ref().ok());
        let jobs = rows.flat_map(|rows| &rows.jobs);
        let names = jobs.map(|job| job.name.as_str());
        let missing = |job: &&JobOutcome| job.job.is_none() && job.counts == Counts::Missing;
        let missing: Vec<&JobOutcome> = outcome.jobs.iter().filter(missing).collect();
        if outcome.exit == Exit::NotFound
            && outcome.reason.is_none()
            && let [first, ..] = missing.as_slice()
        {
            let operands = operands.iter();
            let operands = operands.filter(|one| missing.iter().any(|job| job.name == one.text));
            return no_such_jobs(operands, Within::Pipeline(first.pipeline.id), &names);
        }
        let refused = match outcome.reason {
            Some(Reason::Unreadable(id, _)) => self.refusals.get(&id),
            _ => self.refusals.values().next(),
        };
        let near = match &outcome.reason {
            Some(Reason::NotStarted(hop)) => near(&hop.name, names),
            _ => None,
        };
        report::stop(outcome, refused, near)
    }

    fn place(&self, pipeline: PipelineKey) -> Place {
        if pipeline.id == self.start.pipeline {
            self.start.clone()
        } else {
            self.pipelines.place(&self.start, pipeline)
        }
    }

    fn read(&mut self, turns: &mut Turns, read: &Read) -> Result<Result<Rows, Unreadable>, Stop> {
        let pipeline = read.pipeline.id;
        let place = self.place(read.pipeline);
        let elsewhere = pipeline != self.start.pipeline;
        let scope = Scope {
            retried: read.retried || self.attempts && !elsewhere,
            no_trigger_jobs: !read.trigger_jobs,
        };
        let readable = self.readable.contains(&pipeline);
        let rows = turns.ask(|| match self.pipelines.rows(&place, scope) {
            // They could be read before: it is the token that is refused.
            Ok(Rows {
                trigger_jobs: TriggerJobs::Refused(error),
                ..
            }) if readable => Err(*error),
            // Another pipeline that is shut or gone is a fact of the look, every other refusal the end of the wait.
            Err(error) if elsewhere && refused(&error) && error.kind != Kind::Unauthorized => {
                Ok(Err(error))
            }
            rows => rows.map(Ok),
        })?;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                self.refusals.insert(pipeline, error.stop());
                let gone = error.exit() == Exit::NotFound;
                return Ok(Err(if gone {
                    Unreadable::Gone
                } else {
                    Unreadable::Refused
                }));
            }
        };
        turns.answered(&rows);
        match &rows.trigger_jobs {
            TriggerJobs::Read => drop(self.readable.insert(pipeline)),
            TriggerJobs::LeftOut => {}
            TriggerJobs::Refused(error) => {
                self.refusals.insert(pipeline, error.stop());
            }
        }
        Ok(Ok(rows))
    }
}

/// What the heartbeat names: the jobs that have not passed, or what is not there yet; each name once.
pub fn missing<'w>(watches: impl IntoIterator<Item = &'w Watch>) -> Vec<Missing> {
    let mut missing: Vec<Missing> = Vec::new();
    for watch in watches {
        let outcome = watch.give_up(Exit::Pending);
        for one in outcome.jobs(|one| !one.passed()) {
            if !missing.iter().any(|known| known.name == one.name) {
                missing.push(Missing {
                    name: one.name.clone(),
                    status: one.job.as_ref().map(|job| job.status.clone()),
                    running: one.job.as_deref().and_then(running),
                });
            }
        }
    }
    missing
}

/// What a read has brought, for the verdict.
fn list((read, rows): &(Read, Result<Rows, Unreadable>)) -> List<'_> {
    List {
        read,
        rows: rows
            .as_ref()
            .map(|rows| rows.jobs.as_slice())
            .map_err(|why| *why),
        no_trigger_jobs: rows
            .as_ref()
            .is_ok_and(|rows| matches!(rows.trigger_jobs, TriggerJobs::Refused(_))),
    }
}

/// How many seconds it has been running; zero where GitLab sent none, or no time that could be.
fn running(job: &Job) -> Option<u64> {
    let time = Duration::try_from_secs_f64(job.duration.unwrap_or_default());
    (job.status == Status::Running).then(|| time.unwrap_or_default().as_secs())
}
