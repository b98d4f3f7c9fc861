//! One job that is to be acted on, from the first plan to the confirmed effect: looks go in, the next request comes out.

use super::confirm::{Confirmation, Doubt, confirm};
use super::plan::{Action, Approval, Plan, Step, Verb, Why, plan};
use crate::decide::select::newest;
use crate::exit::{Exit, Stop};
use crate::model::{Job, JobId, Status};

/// This many looks may contradict GitLab's answer before the effect counts as unknown.
const LOOKS: u32 = 5;
/// A request whose answer was lost may still be on its way: after this many looks in a row that show nothing, it may be sent again.
const UNDONE: u32 = 2;
/// This many requests are sent at most if none is answered, although looks show that none of them has done anything.
const TRIES: u32 = 5;

/// A job that is to be acted on.
#[derive(Clone, Debug)]
pub struct Target {
    /// The newest attempt as last read; of an erasure the very attempt that was chosen.
    pub job: Job,
    /// The attempt that was chosen.
    attempt: JobId,
    /// The deployment approval that it was last seen waiting for.
    approval: Option<Approval>,
    /// Requests that were sent and never answered.
    unanswered: u32,
    pub progress: Progress,
}

/// How far the action on one job has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Nothing was sent so far; the plan by the last look.
    Planned(Plan),
    /// The request was sent, and no look has shown its effect yet.
    Sent(Sent),
    /// The request was sent and has had its effect. `answer_lost`: a look has shown it, not GitLab's answer.
    Did { step: Step, answer_lost: bool },
    /// A condition does not hold any more or could not be checked: nothing was sent.
    Closed(Exit),
    /// GitLab refused the request; nothing was done.
    Failed(Stop),
    /// The request was sent, and it cannot be told whether it was done.
    Unknown(Step, Doubt),
}

/// A request that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub step: Step,
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
        let mut target = Self {
            attempt: job.id,
            job,
            approval: None,
            unanswered: 0,
            progress: Progress::Planned(Plan::NotYet(Why::Unlisted)),
        };
        target.plan(action);
        target
    }

    /// The row of the job in a new list.
    fn row<'r>(&self, action: Action, rows: &'r [Job]) -> Option<&'r Job> {
        match action.verb {
            Verb::Erase => rows.iter().find(|row| row.id == self.attempt),
            _ => newest(rows).find(|row| row.name == self.job.name),
        }
    }

    /// Takes over what a look shows.
    pub fn look(&mut self, action: Action, rows: &[Job]) {
        let row = self.row(action, rows);
        match &mut self.progress {
            Progress::Planned(plan) if plan.open() => match row {
                Some(row) => {
                    self.job = row.clone();
                    self.plan(action);
                }
                None if action.waits => *plan = Plan::NotYet(Why::Unlisted),
                None => *plan = Plan::Refuse(Why::Unlisted),
            },
            Progress::Sent(sent) => {
                let seen = sent.look(row);
                if let Some(row) = row {
                    self.job = row.clone();
                }
                self.seen(action, seen);
            }
            _ => {}
        }
    }

    fn seen(&mut self, action: Action, seen: Seen) {
        match seen {
            Seen::Nothing => {}
            Seen::End(progress) => self.progress = progress,
            Seen::Undone(step) => {
                self.unanswered += 1;
                if self.unanswered < TRIES {
                    self.plan(action);
                } else {
                    self.progress = Progress::Unknown(step, Doubt::NoAnswer(TRIES));
                }
            }
        }
    }

    fn plan(&mut self, action: Action) {
        let stands = matches!(self.job.status, Status::Manual | Status::Scheduled);
        if !stands {
            self.approval = None;
        }
        let plan = plan(action, &self.job, self.attempt, self.approval.as_ref());
        self.progress = Progress::Planned(plan);
    }

    /// GitLab has said which deployment approval the job waits for; `None`: for none any more.
    pub fn approve(&mut self, action: Action, approval: Option<Approval>) {
        self.approval = approval;
        self.plan(action);
    }

    pub fn waits_for_approval(&self) -> bool {
        self.approval.is_some() && !self.progress.settled()
    }

    /// The request to send now.
    pub fn step(&self) -> Option<Step> {
        match self.progress {
            Progress::Planned(Plan::Do(step)) => Some(step),
            _ => None,
        }
    }

    /// The request was sent. `lost`: no good answer came.
    pub fn sent(&mut self, step: Step, lost: bool) {
        self.progress = Progress::Sent(Sent {
            step,
            before: Box::new(self.job.clone()),
            lost,
            looks: 0,
            undone: 0,
        });
    }

    /// This call has started the job, or may have.
    pub fn started(&self) -> Option<Started> {
        let runs = |step: &Step| matches!(step, Step::Play | Step::Retry);
        match &self.progress {
            Progress::Did { step, .. } if runs(step) => Some(Started::Surely),
            Progress::Sent(Sent { step, .. }) | Progress::Unknown(step, _) if runs(step) => {
                Some(Started::Perhaps)
            }
            _ => None,
        }
    }
}

/// How sure it is that this call has started a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    Surely,
    Perhaps,
}

/// What a look shows of a request that was sent.
enum Seen {
    Nothing,
    End(Progress),
    /// Its answer was lost, and it has done nothing.
    Undone(Step),
}

impl Sent {
    fn look(&mut self, after: Option<&Job>) -> Seen {
        self.looks += 1;
        let step = self.step;
        let unknown = |doubt| Seen::End(Progress::Unknown(step, doubt));
        let enough = self.looks >= LOOKS;
        let repeat = match confirm(step, &self.before, after) {
            Confirmation::Confirmed(_) => {
                let answer_lost = self.lost;
                return Seen::End(Progress::Did { step, answer_lost });
            }
            Confirmation::Unknown(doubt) if enough => return unknown(doubt),
            Confirmation::Unknown(_) => return Seen::Nothing,
            Confirmation::NotDone { repeat } => repeat,
        };
        let Some(after) = after else {
            return Seen::Nothing;
        };
        let (id, status) = (after.id, after.status.clone());
        if self.lost {
            // It may have been done to the attempt before: none is asked in its place.
            if after.id > self.before.id {
                return unknown(Doubt::Replaced(id, status));
            }
            self.undone = if repeat { self.undone + 1 } else { UNDONE };
            if self.undone >= UNDONE {
                return Seen::Undone(step);
            }
        } else if matches!(step, Step::Cancel { .. }) && status == Status::Success {
            let refused = Plan::Refuse(Why::Status(status));
            return Seen::End(Progress::Planned(refused));
        } else if enough {
            return unknown(Doubt::NoEffect(id, status));
        }
        Seen::Nothing
    }
}

impl Plan {
    /// A later look may lead to another plan.
    pub fn open(&self) -> bool {
        matches!(self, Self::Do(_) | Self::NotYet(_))
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
            Self::Sent(_) | Self::Unknown(..) => Exit::Unknown,
        }
    }

    /// Nothing remains to be sent or looked for.
    pub fn settled(&self) -> bool {
        match self {
            Self::Planned(plan) => !plan.open(),
            Self::Sent(_) => false,
            _ => true,
        }
    }

    /// What was asked for has happened, by this call or before.
    pub fn done(&self) -> bool {
        matches!(self, Self::Did { .. } | Self::Planned(Plan::DoneAlready(_)))
    }
}
