//! One job that is to be acted on, from the first plan to the confirmed effect: looks go in, the next request comes out.

use super::confirm::{Effect, confirm};
use super::plan::{Action, Plan, Verb, Why, plan};
use crate::decide::select::newest;
use crate::exit::{Exit, Stop};
use crate::model::{Environment, Job, JobId, Status};

/// This many looks may contradict GitLab's answer before the effect counts as unknown.
const LOOKS: u32 = 5;
/// A request whose answer was lost may still be on its way: after this many looks in a row that show nothing, it may be sent again.
const UNDONE: u32 = 2;
/// This many requests are sent at most if none is answered, although looks show that none of them has done anything.
const TRIES: u32 = 5;

/// A job that is to be acted on.
#[derive(Clone, Debug)]
pub struct Target {
    pub action: Action,
    /// The newest attempt as last read; of an erasure the very attempt that was chosen.
    pub job: Job,
    /// The attempt that was chosen.
    attempt: JobId,
    /// The environment whose deployment approval it was last seen waiting for.
    pub approval: Option<Environment>,
    /// Requests that were sent and never answered.
    unanswered: u32,
    pub progress: Progress,
    /// The progress that was last shown.
    shown: Progress,
}

/// How far the action on one job has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Nothing was sent so far; the plan by the last look.
    Planned(Plan),
    /// The request was sent, and no look has shown its effect yet.
    Sent(Sent),
    /// The request was sent and has had its effect. `answer_lost`: a look has shown it, not GitLab's answer.
    Did { verb: Verb, answer_lost: bool },
    /// A condition does not hold any more or could not be checked: nothing was sent.
    Closed(Exit),
    /// GitLab refused the request; nothing was done.
    Failed(Stop),
    /// The request was sent, and whether GitLab did it is unknown.
    Unknown(Verb),
}

/// A request that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub verb: Verb,
    /// The row that it was planned on.
    before: Box<Job>,
    /// No good answer came.
    lost: bool,
    looks: u32,
    /// Looks in a row that show nothing done.
    undone: u32,
}

impl Target {
    /// `job` is the newest attempt, of an erasure the very attempt that is meant.
    pub fn new(action: Action, job: Job) -> Self {
        let progress = Progress::Planned(plan(action, &job, job.id, false));
        Self {
            action,
            attempt: job.id,
            job,
            approval: None,
            unanswered: 0,
            shown: progress.clone(),
            progress,
        }
    }

    /// Takes over what a look shows.
    pub fn look(&mut self, rows: &[Job]) {
        if self.progress.settled() {
            return;
        }
        let row = match self.action.verb {
            Verb::Erase => rows.iter().find(|row| row.id == self.attempt),
            _ => newest(rows).find(|row| row.name == self.job.name),
        };
        if let Some(row) = row {
            self.job = row.clone();
        }
        let Progress::Sent(sent) = &mut self.progress else {
            match row {
                Some(_) => self.plan(),
                None if self.action.waits => {
                    self.progress = Progress::Planned(Plan::NotYet(Why::Unlisted));
                }
                None => self.progress = Progress::Planned(Plan::Refuse(Why::Unlisted)),
            }
            return;
        };
        match sent.look(row) {
            None => {}
            Some(Progress::Planned(Plan::Do(verb))) => {
                self.unanswered += 1;
                if self.unanswered < TRIES {
                    self.plan();
                } else {
                    self.progress = Progress::Unknown(verb);
                }
            }
            Some(progress) => self.progress = progress,
        }
    }

    /// Plans by the row that was last read.
    pub fn plan(&mut self) {
        if !matches!(self.job.status, Status::Manual | Status::Scheduled) {
            self.approval = None;
        }
        let blocked = self.approval.is_some();
        let plan = plan(self.action, &self.job, self.attempt, blocked);
        self.progress = Progress::Planned(plan);
    }

    /// Whether there is something to show that was not shown yet.
    pub fn news(&mut self) -> bool {
        if self.progress == self.shown {
            return false;
        }
        self.shown = self.progress.clone();
        // A request that is planned or under way is not worth a line: its effect follows.
        self.request().is_none() && !matches!(self.progress, Progress::Sent(_))
    }

    /// The request to send now.
    pub fn request(&self) -> Option<Verb> {
        match self.progress {
            Progress::Planned(Plan::Do(verb)) => Some(verb),
            _ => None,
        }
    }

    /// The request was sent. `lost`: no good answer came.
    pub fn sent(&mut self, verb: Verb, lost: bool) {
        self.progress = Progress::Sent(Sent {
            verb,
            before: Box::new(self.job.clone()),
            lost,
            looks: 0,
            undone: 0,
        });
    }
}

impl Sent {
    /// What a look shows; none if the next one may show more. A request that has done nothing is planned again.
    fn look(&mut self, after: Option<&Job>) -> Option<Progress> {
        self.looks += 1;
        let verb = self.verb;
        let success = after.is_some_and(|after| after.status == Status::Success);
        match confirm(verb, &self.before, after) {
            Effect::Done => Some(Progress::Did {
                verb,
                answer_lost: self.lost,
            }),
            // It may have been done to the attempt before: none is asked in its place.
            Effect::NotDone { .. } if self.lost && after.is_some_and(|a| a.id > self.before.id) => {
                Some(Progress::Unknown(verb))
            }
            Effect::NotDone { repeat } if self.lost => {
                self.undone = if repeat { self.undone + 1 } else { UNDONE };
                (self.undone >= UNDONE).then_some(Progress::Planned(Plan::Do(verb)))
            }
            // The job ended before it could be canceled.
            Effect::NotDone { .. } if verb == Verb::Cancel && success => {
                Some(Progress::Planned(Plan::Do(verb)))
            }
            _ => (self.looks >= LOOKS).then_some(Progress::Unknown(verb)),
        }
    }
}

impl Progress {
    /// `open` is what an unsettled one stands for: out of time, or looked once.
    pub fn exit(&self, open: Exit) -> Exit {
        match self {
            Self::Planned(Plan::Do(_) | Plan::NotYet(_)) => open,
            Self::Planned(Plan::DoneAlready(_)) | Self::Did { .. } => Exit::Ok,
            Self::Planned(Plan::Refuse(_)) => Exit::Closed,
            Self::Closed(exit) => *exit,
            Self::Failed(stop) => stop.exit,
            Self::Sent(_) | Self::Unknown(_) => Exit::Unknown,
        }
    }

    /// Nothing was sent so far, and a later look may lead to another plan.
    pub fn open(&self) -> bool {
        matches!(self, Self::Planned(Plan::Do(_) | Plan::NotYet(_)))
    }

    /// Nothing remains to be sent or looked for.
    pub fn settled(&self) -> bool {
        !self.open() && !matches!(self, Self::Sent(_))
    }

    /// What was asked for has happened, by this call or before.
    pub fn done(&self) -> bool {
        matches!(self, Self::Did { .. } | Self::Planned(Plan::DoneAlready(_)))
    }

    /// The request that this call has sent, and that has had its effect or may have.
    pub fn verb(&self) -> Option<Verb> {
        match self {
            Self::Did { verb, .. } | Self::Unknown(verb) => Some(*verb),
            Self::Sent(sent) => Some(sent.verb),
            _ => None,
        }
    }
}
