//! The wait for jobs: looks, lets the verdict decide, tells what has changed, and sleeps.

use std::time::Duration;

use super::reader::{NoLook, Reader};
use super::turns::{Halt, Turns};
use super::why;
use crate::decide::pace::{self, History};
use crate::decide::select::{Selection, group};
use crate::decide::verdict::{
    Goal, JobOutcome, Next, Outcome, Own, Reason, Rules, Step, Verdict, Watch,
};
use crate::exit::{Exit, Stop};
use crate::find::{Finder, Place};
use crate::gitlab::{Project, Route};
use crate::model::{Job, PipelineKey, Status};
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

/// The same, doing something at each turn. It is done for its own sake: usual durations do not slow it down.
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
        project: &wait.place.project.to_string(),
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
        watch: Watch::new(goal, wait.rules.clone(), own),
        reader: Reader::new(finder, wait.place),
        history: None,
        looks: 0,
        slept: Duration::ZERO,
        names: Vec::new(),
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
    /// Usual durations, once they were asked for.
    history: Option<History>,
    looks: u32,
    slept: Duration,
    /// Names of the jobs where one that was asked for is missing.
    names: Vec<String>,
}

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
                    self.looks += 1;
                    if each_turn.is_none() {
                        self.learn(turns);
                    }
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
            let history = self.history.as_ref();
            let jobs: Vec<_> = self.watch.open().collect();
            let jobs: Vec<pace::Open> = jobs
                .iter()
                .filter(|job| job.status.alive())
                .map(|job| pace::Open {
                    elapsed: duration(job.elapsed),
                    past: past(history, job.name),
                })
                .collect();
            turns.pause(&jobs, next.wake)?;
        }
        self.slept = turns.now().saturating_sub(before);
        Ok(())
    }

    /// What the heartbeat names: the open jobs, or what is not there yet.
    fn missing(&self, seen: Duration) -> Vec<Missing> {
        let history = self.history.as_ref();
        let open = self.watch.open().map(|job| Missing {
            name: job.name.to_owned(),
            status: Some(job.status.clone()),
            running: (*job.status == Status::Running).then(|| duration(job.elapsed)),
            seen,
            past: past(history, job.name).to_vec(),
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
                past: Vec::new(),
            })
            .collect()
    }

    /// Asks once how long jobs usually take, when the wait is long enough to repay it. Without an answer the wait goes on blindly.
    fn learn(&mut self, turns: &mut Turns) {
        if self.history.is_some() || !turns.repays_history(self.looks) {
            return;
        }
        let mut history = History::default();
        if let Some(target) = self.watch.pipeline() {
            let route = Route::ProjectJobs(self.reader.place(target).project);
            let pairs = [("scope[]", "success"), ("per_page", "100")];
            let answer = turns.session().gitlab.get(&route, &pairs);
            if let Ok(answer) = answer {
                turns.answered(&answer.facts);
                for job in answer.json::<Vec<Job>>().unwrap_or_default() {
                    history.add(&job, group::of(&job.name));
                }
            }
        }
        self.history = Some(history);
    }

    /// What to tell of an end that the jobs' own status does not explain.
    fn words(&self, outcome: &Outcome) -> Option<Stop> {
        let refused = match &outcome.reason {
            Some(Reason::PipelineRefused(key) | Reason::PipelineGone(key)) => Some(key.id),
            _ => None,
        };
        if self.watch.pipeline().is_none()
            && let [
                JobOutcome {
                    name,
                    job: Some(job),
                    ..
                },
            ] = outcome.jobs.as_slice()
        {
            return Some(why::no_way(outcome.exit, name, job.status.word()));
        }
        let names = self.names.iter().map(String::as_str);
        why::stop(outcome, self.reader.refusal(refused), names)
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

fn past<'h>(history: Option<&'h History>, name: &str) -> &'h [Duration] {
    history.map_or(&[], |history| history.past(name, group::of(name)))
}

/// GitLab's seconds; zero where it sent none, or no time that could be.
fn duration(seconds: Option<f64>) -> Duration {
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or_default()
}
