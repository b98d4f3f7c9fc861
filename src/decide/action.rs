//! Play, retry, cancel, erase: what to do about one job in its present status.

pub mod confirm;
mod fate;

pub use fate::Fate;

use crate::model::{Job, JobId, Status};

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Play,
    Retry,
    Cancel,
    Erase,
}

/// How the user wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--rerun`: a job that has ended may run once more.
    pub rerun: bool,
    /// `--force`: end a job that is stuck in `canceling`.
    pub force: bool,
}

/// What is known beyond the job's row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// A newer attempt of the same job than the one that was meant.
    pub newer: Option<JobId>,
    /// GitLab answered the last play with "Unplayable Job".
    pub unplayable: bool,
}

/// The next step for one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    Do(Step),
    /// Nothing to send: what was asked for has happened. Success.
    DoneAlready(String),
    /// Nothing to send: the job's status forbids it. Exit 9.
    Refuse {
        why: String,
        hint: String,
    },
    /// Nothing to send yet: look again later.
    NotYet(String),
}

/// The request to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Play,
    Retry,
    Cancel { force: bool },
    Erase,
}

/// `job` is the newest attempt as just read.
pub fn plan(verb: Verb, job: &Job, options: Options, context: Context) -> Plan {
    let plan = match (verb, context.newer) {
        (Verb::Retry, Some(newer)) => done(format!("attempt {newer} has taken its place")),
        (Verb::Play, Some(newer)) if options.rerun => {
            done(format!("attempt {newer} has taken its place"))
        }
        (_, Some(newer)) => refuse(
            format!("attempt {newer} has taken its place"),
            "select the job by its name, which means the newest attempt",
        ),
        (Verb::Play, None) => play(job, options, context),
        (Verb::Retry, None) => retry(job, options),
        (Verb::Cancel, None) => cancel(job, options),
        (Verb::Erase, None) => erase(job),
    };
    match plan {
        Plan::Do(_) | Plan::NotYet(_) if job.archived => refuse(
            "it is archived, and archived jobs are read-only".into(),
            "run a new pipeline",
        ),
        plan => plan,
    }
}

fn play(job: &Job, options: Options, context: Context) -> Plan {
    let status = is(job);
    match &job.status {
        Status::Manual | Status::Scheduled if context.unplayable => Plan::NotYet(format!(
            "{status}, but GitLab calls it unplayable: an approval may be pending"
        )),
        Status::Manual => Plan::Do(Step::Play),
        // `app/models/ci/bridge.rb`: only a manual trigger job is playable; a delayed one starts by itself.
        Status::Scheduled if job.trigger => {
            Plan::NotYet(format!("{status}: a delayed trigger job starts by itself"))
        }
        Status::Scheduled => Plan::Do(Step::Play),
        Status::Created | Status::Canceling | Status::Unknown(_) => Plan::NotYet(status),
        Status::Preparing | Status::WaitingForCallback | Status::WaitingForResource => done(status),
        Status::Pending | Status::Running | Status::Success => done(status),
        Status::Failed | Status::Canceled if options.rerun => Plan::Do(Step::Retry),
        Status::Failed | Status::Canceled => refuse(status, "--rerun runs it once more"),
        Status::Skipped => refuse(status, "retry the job that it was skipped for"),
    }
}

fn retry(job: &Job, options: Options) -> Plan {
    let status = is(job);
    match &job.status {
        Status::Failed | Status::Canceled => Plan::Do(Step::Retry),
        Status::Success if options.rerun => Plan::Do(Step::Retry),
        Status::Success => refuse(status, "--rerun runs it once more"),
        Status::Manual => refuse(status, "play runs it"),
        Status::Skipped => refuse(status, "retry the job that it was skipped for"),
        Status::Created | Status::Scheduled | Status::Preparing => done(status),
        Status::WaitingForCallback | Status::WaitingForResource => done(status),
        Status::Pending | Status::Running => done(status),
        // It has not ended yet, or nobody knows: no success to report and nothing to send.
        Status::Canceling | Status::Unknown(_) => Plan::NotYet(status),
    }
}

fn cancel(job: &Job, options: Options) -> Plan {
    let status = is(job);
    match &job.status {
        Status::Canceled | Status::Skipped | Status::Failed => return done(status),
        Status::Success => return refuse(status, "there is nothing left to cancel"),
        // `lib/api/ci/jobs.rb`: cancel and erase look for builds only.
        _ if job.trigger => {
            return refuse(
                "GitLab's API cancels no trigger jobs".into(),
                "cancel the jobs of its downstream pipeline: --downstream NAME",
            );
        }
        Status::Canceling if !options.force => return done(status),
        _ => {}
    }
    Plan::Do(Step::Cancel {
        force: job.status == Status::Canceling,
    })
}

fn erase(job: &Job) -> Plan {
    let status = is(job);
    if job.trigger {
        return refuse(
            "a trigger job has no log and no artifacts".into(),
            "select a job",
        );
    }
    match &job.status {
        _ if job.erased_at.is_some() => done("it is erased".into()),
        Status::Success | Status::Failed | Status::Canceled => Plan::Do(Step::Erase),
        Status::Skipped => refuse(status, "it never ran and has no log to erase"),
        _ => refuse(
            status,
            "only a finished job can be erased; wait --for finished",
        ),
    }
}

fn is(job: &Job) -> String {
    match &job.status {
        Status::Success => "it has passed".into(),
        Status::Failed => "it has failed".into(),
        status => format!("it is {}", status.word()),
    }
}

fn done(why: String) -> Plan {
    Plan::DoneAlready(why)
}

fn refuse(why: String, hint: &str) -> Plan {
    Plan::Refuse {
        why,
        hint: hint.into(),
    }
}
