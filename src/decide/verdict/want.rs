//! `--for`: which status a job is waited for.

use crate::model::{Job, Status};

/// What the wait is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// The jobs have passed.
    #[default]
    Passed,
    /// The jobs have ended, however.
    Finished,
    /// Each job has, or had, one of these statuses.
    Statuses(Vec<Status>),
}

/// Where a job stands on its way to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Reached,
    NotYet,
    /// It has ended without.
    Never,
}

/// Where the job stands on its way to the nearest of the wanted statuses.
pub fn way(wanted: &[Status], job: &Job) -> Way {
    let ran = job.started_at.is_some() || job.status == Status::Success;
    if wanted
        .iter()
        .any(|status| *status == job.status || past(status, &job.status, ran))
    {
        Way::Reached
    } else if job.status.finished() {
        Way::Never
    } else {
        Way::NotYet
    }
}

/// A job with status `now` has `status` behind it.
fn past(status: &Status, now: &Status, ran: bool) -> bool {
    match (order(status), order(now)) {
        (Some(0), Some(_)) => true,
        (Some(wanted), Some(ENDED)) => {
            wanted < ENDED && ran && (*status != Status::Canceling || *now == Status::Canceled)
        }
        (Some(wanted), Some(now)) => wanted < now,
        _ => false,
    }
}

const ENDED: u8 = 6;

/// How far a job with this status has come; `None` if nobody knows.
fn order(status: &Status) -> Option<u8> {
    Some(match status {
        Status::Created => 0,
        Status::Manual | Status::Scheduled => 1,
        Status::WaitingForResource | Status::WaitingForCallback | Status::Preparing => 2,
        Status::Pending => 3,
        Status::Running => 4,
        Status::Canceling => 5,
        Status::Success | Status::Failed | Status::Canceled | Status::Skipped => ENDED,
        Status::Unknown(_) => return None,
    })
}
