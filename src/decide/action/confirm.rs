//! After a write: what a fresh look says about it. The answer of the write itself proves little: GitLab answers 201 to a cancel
//! that canceled nothing and, on servers before 18.10, names the old job when a play made a new one (`lib/api/ci/jobs.rb`).

use super::Step;
use crate::model::{Job, JobId, Status};

/// Whether the write was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Done, by this write or somebody else's; the job to follow from here on.
    Confirmed(JobId),
    /// Not done. `repeat`: the same request may be sent to the same job id once more.
    NotDone { why: String, repeat: bool },
    /// It cannot be told. Nothing may be sent.
    Unknown(String),
}

/// `before` is the row that the write was planned on, `after` the newest attempt of the same name as read since, if there is one.
pub fn confirm(step: Step, before: &Job, after: Option<&Job>) -> Confirmation {
    let Some(after) = after else {
        return unknown("the job is not listed any more");
    };
    if after.name != before.name || after.id < before.id {
        return unknown("GitLab shows an older view of the job");
    }
    match step {
        Step::Play => played(before, after),
        Step::Retry => retried(before, after),
        Step::Cancel { force } => canceled(force, before, after),
        Step::Erase => erased(before, after),
    }
}

fn played(before: &Job, after: &Job) -> Confirmation {
    let ran = after.started_at.is_some()
        && (after.id > before.id || after.started_at != before.started_at);
    match &after.status {
        Status::Manual | Status::Scheduled => not_done(after, after.id == before.id),
        // A retry of an earlier job puts a manual one back to the start.
        Status::Created | Status::Skipped => not_done(after, false),
        Status::Preparing | Status::WaitingForCallback | Status::WaitingForResource => done(after),
        Status::Pending | Status::Running | Status::Success => done(after),
        // These can befall a job that nobody played.
        Status::Failed | Status::Canceling | Status::Canceled if ran => done(after),
        _ => unclear(after),
    }
}

fn retried(before: &Job, after: &Job) -> Confirmation {
    if after.id > before.id {
        return done(after);
    }
    // GitLab retries one job id once at most and refuses the second time: asking again cannot make two.
    let repeat = matches!(
        after.status,
        Status::Success | Status::Failed | Status::Canceled
    );
    not_done(after, repeat && after.status == before.status)
}

fn canceled(force: bool, before: &Job, after: &Job) -> Confirmation {
    match &after.status {
        Status::Canceled => done(after),
        Status::Canceling if !force => done(after),
        // It has ended without an effect, whoever ended it.
        Status::Failed | Status::Skipped => done(after),
        Status::Success => not_done(after, false),
        Status::Unknown(_) => unclear(after),
        _ => not_done(after, after.id == before.id),
    }
}

fn erased(before: &Job, after: &Job) -> Confirmation {
    if after.id > before.id {
        return unknown("a newer attempt has taken the job's place");
    }
    if after.erased_at.is_some() {
        done(after)
    } else {
        not_done(after, after.status.finished())
    }
}

fn done(after: &Job) -> Confirmation {
    Confirmation::Confirmed(after.id)
}

fn not_done(after: &Job, repeat: bool) -> Confirmation {
    let why = format!("job {} is {}", after.id, after.status.word());
    Confirmation::NotDone { why, repeat }
}

fn unclear(after: &Job) -> Confirmation {
    unknown(format!(
        "job {} is {}, which does not tell whether it was done",
        after.id,
        after.status.word()
    ))
}

fn unknown(why: impl Into<String>) -> Confirmation {
    Confirmation::Unknown(why.into())
}
