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
use crate::model::{Job, JobId, PipelineId, PipelineKey, Place, Project, Status};
use crate::pipeline::{Pipelines, Rows, Scope, TriggerJobs, near, no_such_jobs, refused};
use crate::report::events::{Event, Missing, unfinished};
use crate::report::messages::{self, Within};
use crate::report::wait as report;
use crate::session::Me;

/// After trouble that took longer than this, a look begins again: all its lists are of one moment.
const MOMENT: Duration = Duration::from_secs(5);

/// What to wait for.
pub struct Wait<'w> {
    /// The pipeline where the way starts.
    pub place: &'w Place,
    /// Names of trigger jobs, one hop each.
    pub downstream: &'w [String],
    pub selection: &'w Selection,
    /// Attempts of these jobs, by name, that this program has made: older ones do not count, whatever a lagging server shows.
    pub known: Vec<(String, JobId)>,
    pub rules: &'w Rules,
    /// `None` where there is no job token to ask with.
    pub me: Option<&'w Me>,
}

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

/// Waits for jobs until the verdict is final or the time is over.
pub fn wait_for(
    turns: &mut Turns,
    pipelines: &Pipelines,
    wait: &Wait,
    each_look: &mut EachLook,
) -> Ended {
    turns.session.events.write(&Event::Start {
        project: &wait.place.project,
        pipeline: wait.place.pipeline,
        until: turns.session.host.clock.wall().plus(turns.left()),
    });
    let mut waiting = JobWait {
        watch: watch(wait),
        pipelines,
        start: wait.place,
        readable: HashSet::new(),
        refusals: HashMap::new(),
        operands: &wait.selection.operands,
        names: Vec::new(),
    };
    let (outcome, stop) = match waiting.run(turns, each_look) {
        Ok(outcome) => {
            let stop = waiting.explain(&outcome);
            (outcome, stop)
        }
        Err(stop) => {
            let outcome = waiting.watch.give_up(stop.exit);
            let stop = unfinished(stop, &outcome, &waiting.watch.known());
            (outcome, Some(stop))
        }
    };
    let place = waiting.watch.pipeline().map(|key| waiting.place(key));
    Ended {
        outcome,
        place: place.or_else(|| Some(wait.place.clone())),
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

/// The fold that decides on it.
pub fn watch(wait: &Wait) -> Watch {
    let goal = Goal {
        pipeline: PipelineKey {
            id: wait.place.pipeline,
            project_id: match wait.place.project {
                Project::Id(id) => Some(id),
                Project::Path(_) => None,
            },
        },
        downstream: wait.downstream.to_vec(),
        selection: wait.selection.clone(),
    };
    let own = wait.me.map(|me| Own {
        caller: me.caller(),
        pipeline: me.pipeline.id,
    });
    Watch::new(goal, wait.rules.clone(), own).knowing(wait.known.clone())
}

struct JobWait<'w> {
    watch: Watch,
    pipelines: &'w Pipelines<'w>,
    start: &'w Place,
    /// Pipelines whose trigger jobs could be read.
    readable: HashSet<PipelineId>,
    /// Why a pipeline, or its trigger jobs, cannot be read.
    refusals: HashMap<PipelineId, Stop>,
    operands: &'w [Operand],
    /// Names of the jobs that were read last: what a missing one may have been meant to be.
    names: Vec<String>,
}

impl JobWait<'_> {
    /// Looks, decides and sleeps until the verdict is final. The last look begins when the time is over.
    fn run(&mut self, turns: &mut Turns, each_look: &mut EachLook) -> Result<Outcome, Stop> {
        loop {
            let verdict = match self.look(turns) {
                // The time ran out in the middle of a look.
                Err(stop) if stop.exit == Exit::Timeout && turns.begin_last_look() => continue,
                looked => looked?,
            };
            each_look(turns, &self.watch, matches!(verdict, Verdict::Final(_)))?;
            turns.session.missing(self.missing());
            match verdict {
                Verdict::Final(outcome) => return Ok(*outcome),
                Verdict::Waiting { wake, soon: false } => turns.pause(wake)?,
                Verdict::Waiting { .. } | Verdict::Read(_) => turns.pause_short()?,
            }
        }
    }

    /// One look: reads what the verdict asks for.
    fn look(&mut self, turns: &mut Turns) -> Result<Verdict, Stop> {
        let session = turns.session;
        loop {
            let calm = session.troubled();
            let moment = |turns: &Turns| Now {
                monotonic: turns.now(),
                server: None,
            };
            let mut step = self.watch.look(&[], moment(turns));
            while let Verdict::Read(reads) = &step.verdict {
                let mut got = Vec::new();
                for read in reads {
                    got.push(self.read(turns, read)?);
                }
                let lists: Vec<List> = reads.iter().zip(&got).map(list).collect();
                let dates = got.iter().filter_map(|rows| rows.as_ref().ok()?.date);
                let now = Now {
                    server: dates.min(),
                    ..moment(turns)
                };
                let next = self.watch.look(&lists, now);
                session.events.changes(&next.changes);
                next.notes.iter().for_each(|note| session.events.note(note));
                if !next.changes.is_empty() || !next.notes.is_empty() {
                    turns.changed();
                }
                if matches!(next.verdict, Verdict::Final(_)) {
                    let rows = got.iter().filter_map(|rows| rows.as_ref().ok());
                    let jobs = rows.flat_map(|rows| &rows.jobs);
                    self.names = jobs.map(|job| job.name.clone()).collect();
                }
                step = next;
            }
            if session.troubled().saturating_sub(calm) <= MOMENT {
                return Ok(step.verdict);
            }
        }
    }

    /// What the heartbeat names: the open jobs, or what is not there yet.
    fn missing(&self) -> Vec<Missing> {
        let outcome = self.watch.give_up(Exit::Pending);
        let open = outcome.jobs(|one| one.counts.exit() != Some(Exit::Ok));
        let missing = open.into_iter().map(|one| Missing {
            name: one.name.clone(),
            status: one.job.as_ref().map(|job| job.status.clone()),
            running: one.job.as_deref().and_then(running),
        });
        missing.collect()
    }

    /// The words for an end that the jobs' own status does not explain.
    fn explain(&self, outcome: &Outcome) -> Option<Stop> {
        let names = self.names.iter().map(String::as_str);
        if let Some(Reason::NoTriggerJob(missing)) = &outcome.reason {
            let JobOutcome { name, pipeline, .. } = missing.as_ref();
            return Some(messages::no_trigger_job(
                name,
                pipeline.id,
                near(name, names),
            ));
        }
        let missing = |job: &&JobOutcome| job.job.is_none() && job.counts == Counts::Missing;
        let missing: Vec<&JobOutcome> = outcome.jobs.iter().filter(missing).collect();
        if outcome.exit == Exit::NotFound
            && outcome.reason.is_none()
            && let [first, ..] = missing.as_slice()
        {
            let operands = self.operands.iter();
            let operands = operands.filter(|one| missing.iter().any(|job| job.name == one.text));
            return no_such_jobs(operands, Within::Pipeline(first.pipeline.id), &names);
        }
        let refused = match outcome.reason {
            Some(Reason::PipelineRefused(id) | Reason::PipelineGone(id)) => self.refusals.get(&id),
            _ => self.refusals.values().next(),
        };
        report::stop(outcome, refused)
    }

    fn place(&self, pipeline: PipelineKey) -> Place {
        if pipeline.id == self.start.pipeline {
            self.start.clone()
        } else {
            self.pipelines.place(self.start, pipeline)
        }
    }

    fn read(&mut self, turns: &mut Turns, read: &Read) -> Result<Result<Rows, Unreadable>, Stop> {
        let pipeline = read.pipeline.id;
        let place = self.place(read.pipeline);
        let scope = Scope {
            retried: read.retried,
            no_trigger_jobs: !read.trigger_jobs,
        };
        let readable = self.readable.contains(&pipeline);
        let elsewhere = pipeline != self.start.pipeline;
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

/// What a read has brought, for the verdict.
pub fn list<'l>((read, rows): (&'l Read, &'l Result<Rows, Unreadable>)) -> List<'l> {
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
