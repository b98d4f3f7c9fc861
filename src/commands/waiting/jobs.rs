//! The wait for jobs: looks, lets the verdict decide, tells what has changed, and sleeps.

use std::time::Duration;

use super::reader::{NoLook, Reader};
use super::turns::{Halt, Turns};
use super::why;
use crate::decide::select::Selection;
use crate::decide::verdict::{Goal, Next, Outcome, Own, Reason, Rules, Step, Verdict, Watch};
use crate::exit::{Exit, Stop};
use crate::find::{Finder, Place};
use crate::gitlab::Project;
use crate::model::{JobId, PipelineKey, Status};
use crate::report::events::{Event, Missing};
use crate::session::Me;

/// More jobs than this are told in one line when they are first seen.
const MANY: usize = 12;

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
    /// What to try where a job is missing.
    pub lists: &'static str,
    /// `None` where there is no job token to ask with.
    pub me: Option<&'w Me>,
}

/// How a wait ended.
#[derive(Debug)]
pub struct Ended {
    /// The last that is known of each job.
    pub outcome: Outcome,
    /// The pipeline that holds the jobs, as far as the way there is known.
    pub place: Place,
    /// What to tell if it was not the jobs' own status that ended it.
    pub stop: Option<Stop>,
}

/// Waits for jobs until the verdict is final or the time is over.
pub fn wait_for(turns: &mut Turns, finder: &Finder, wait: &Wait) -> Ended {
    wait_with(turns, finder, wait, None)
}

/// What else is to be done at each turn, when the jobs have been looked at; `true` when the verdict is there.
pub type EachTurn<'e> = dyn FnMut(&mut Turns, &Watch, bool) -> Result<(), Halt> + 'e;

/// The same, doing something at each turn.
pub fn wait_and(
    turns: &mut Turns,
    finder: &Finder,
    wait: &Wait,
    each_turn: &mut EachTurn,
) -> Ended {
    wait_with(turns, finder, wait, Some(each_turn))
}

fn wait_with(
    turns: &mut Turns,
    finder: &Finder,
    wait: &Wait,
    each_turn: Option<&mut EachTurn>,
) -> Ended {
    turns.teller().tell(&Event::Start {
        project: &wait.place.project,
        pipeline: wait.place.pipeline,
        until: turns.until(),
    });
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
    let mut waiting = Waiting {
        watch: Watch::new(goal, wait.rules.clone(), own).knowing(wait.known.clone()),
        reader: Reader::new(finder, wait.place),
        slept: Duration::ZERO,
        names: Vec::new(),
        lists: wait.lists,
    };
    let (outcome, stop) = match waiting.run(turns, each_turn) {
        Ok(outcome) => {
            let stop = waiting.words(&outcome);
            (outcome, stop)
        }
        Err(halt) => (waiting.watch.give_up(halt.exit()), Some(turns.stop(&halt))),
    };
    let place = waiting
        .watch
        .pipeline()
        .map(|key| waiting.reader.place(key));
    Ended {
        outcome,
        place: place.unwrap_or_else(|| wait.place.clone()),
        stop,
    }
}

struct Waiting<'w> {
    watch: Watch,
    reader: Reader<'w>,
    slept: Duration,
    /// Names of the jobs where one that was asked for is missing.
    names: Vec<String>,
    lists: &'static str,
}

/// What to try where a job is missing.
pub const LISTS: &str = "`jobgate jobs` lists the jobs";

impl Waiting<'_> {
    fn run(
        &mut self,
        turns: &mut Turns,
        mut each_turn: Option<&mut EachTurn>,
    ) -> Result<Outcome, Halt> {
        loop {
            let verdict = self.turn(turns)?;
            if let Some(each_turn) = &mut each_turn {
                each_turn(turns, &self.watch, matches!(verdict, Verdict::Final(_)))?;
            }
            match verdict {
                Verdict::Final(outcome) => return Ok(*outcome),
                Verdict::Waiting(next) => {
                    self.pause(turns, &next)?;
                }
            }
        }
    }

    /// Looks until nothing more needs to be read at once.
    fn turn(&mut self, turns: &mut Turns) -> Result<Verdict, Halt> {
        let mut reads = self.watch.reads(self.slept);
        loop {
            let batch = match self.reader.read_all(turns, reads) {
                Ok(batch) => batch,
                Err(NoLook::Halt(halt)) => return Err(halt),
                Err(NoLook::Scope) => {
                    self.watch.refuse_scopes();
                    reads = self.watch.reads(self.slept);
                    continue;
                }
            };
            let step = self.watch.look(&batch.look(), batch.now());
            tell(turns, &step);
            match step.verdict {
                Verdict::Waiting(next) if !next.at_once.is_empty() => reads = next.at_once,
                Verdict::Final(outcome) if outcome.exit == Exit::NotFound => {
                    let pages = batch.look().pages.into_iter();
                    let rows = pages.flat_map(|pages| pages.rows);
                    self.names = rows.map(|job| job.name.clone()).collect();
                    return Ok(Verdict::Final(outcome));
                }
                verdict => return Ok(verdict),
            }
        }
    }
}

impl Waiting<'_> {
    fn pause(&mut self, turns: &mut Turns, next: &Next) -> Result<(), Halt> {
        turns.missing(self.missing(turns.now()));
        let before = turns.now();
        if next.soon {
            turns.pause_short()?;
        } else {
            turns.pause(next.wake)?;
        }
        self.slept = turns.now().saturating_sub(before);
        Ok(())
    }

    /// What the heartbeat names: the open jobs, or what is not there yet.
    fn missing(&self, seen: Duration) -> Vec<Missing> {
        let open = self.watch.open().map(|job| Missing {
            name: job.name.to_owned(),
            status: Some(job.status.clone()),
            running: (*job.status == Status::Running).then(|| duration(job.elapsed)),
            seen,
        });
        let open: Vec<Missing> = open.collect();
        if !open.is_empty() {
            return open;
        }
        let jobs = self.watch.give_up(Exit::Pending).jobs.into_iter();
        let waiting = jobs.filter(|job| job.counts.exit() != Some(Exit::Ok));
        waiting
            .map(|job| Missing {
                name: job.name,
                status: job.job.map(|job| job.status),
                running: None,
                seen,
            })
            .collect()
    }

    /// What to tell of an end that the jobs' own status does not explain.
    fn words(&self, outcome: &Outcome) -> Option<Stop> {
        let refused = match &outcome.reason {
            Some(Reason::PipelineRefused(key) | Reason::PipelineGone(key)) => Some(key.id),
            _ => None,
        };
        let names = self.names.iter().map(String::as_str);
        if self.watch.pipeline().is_none()
            && let [trigger] = outcome.jobs.as_slice()
        {
            return Some(why::no_way(outcome.exit, trigger, names));
        }
        why::stop(outcome, self.reader.refusal(refused), names, self.lists)
    }
}

fn tell(turns: &mut Turns, step: &Step) {
    let teller = turns.teller();
    let mut changes: Vec<_> = step.changes.iter().collect();
    changes.sort_unstable_by_key(|change| change.job.id);
    let (first, later): (Vec<_>, Vec<_>) = changes.into_iter().partition(|c| c.from.is_none());
    if first.len() > MANY {
        teller.first_sight(&first);
    } else {
        for change in first {
            teller.tell(&Event::Change(change));
        }
    }
    for change in later {
        teller.tell(&Event::Change(change));
    }
    for note in &step.notes {
        teller.tell(&Event::Note(note));
    }
    if !step.changes.is_empty() || !step.notes.is_empty() {
        turns.changed();
    }
}

/// GitLab's seconds; zero where it sent none, or no time that could be.
fn duration(seconds: Option<f64>) -> Duration {
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or_default()
}
