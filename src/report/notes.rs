//! The words for what needs saying once in a wait.

use crate::decide::wait::{Named, Note};
use crate::model::Status;
use crate::time::human;

/// Whether it is a warning: something may be other than it looks.
pub fn warns(note: &Note) -> bool {
    matches!(
        note,
        Note::UnknownStatus(..) | Note::Stuck { .. } | Note::MayNeverStart(_)
    )
}

/// The word for it in events.
pub fn word(note: &Note) -> &'static str {
    match note {
        Note::Manual(_) => "manual",
        Note::Ignored(_) => "ignored",
        Note::Skipped(_) => "skipped",
        Note::UnknownStatus(..) => "unknown-status",
        Note::Siblings(_) => "siblings",
        Note::Absent(_) => "absent",
        Note::Downstream(..) => "downstream",
        Note::PinMoved { .. } => "pin-moved",
        Note::DownstreamCanceled(..) => "downstream-canceled",
        Note::Stuck { .. } => "stuck",
        Note::Blocking(_) => "blocking",
        Note::MayNeverStart(_) => "may-never-start",
    }
}

/// The job that it is about.
pub fn job(note: &Note) -> Option<&Named> {
    match note {
        Note::Manual(job)
        | Note::Ignored(job)
        | Note::Skipped(job)
        | Note::UnknownStatus(job, _)
        | Note::Downstream(job, _)
        | Note::PinMoved { job, .. }
        | Note::DownstreamCanceled(job, _)
        | Note::Stuck { job, .. }
        | Note::Blocking(job)
        | Note::MayNeverStart(job) => Some(job),
        Note::Siblings(_) | Note::Absent(_) => None,
    }
}

/// One line for people: what it is and what to do.
pub fn text(note: &Note) -> String {
    match note {
        Note::Manual(job) => format!("{} waits for somebody to play it: {}", job.name, job.url),
        Note::Ignored(job) => format!(
            "{} is a manual job that nobody needs to play: it is not waited for",
            job.name
        ),
        Note::Skipped(job) => format!(
            "{} is skipped: a job before it failed, or it is a `when: on_failure` job of a green pipeline; --except leaves jobs out",
            job.name
        ),
        Note::UnknownStatus(job, status) => format!(
            "{} has the status {}, which this version does not know: it counts as unfinished",
            job.name,
            status.word()
        ),
        Note::Siblings(names) => {
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.sort_unstable();
            let names = names.join(", ");
            format!("not waited for, since they are parallel siblings of this job: {names}")
        }
        Note::Absent(name) => format!("the pipeline has no {name}, which is optional"),
        Note::Downstream(job, to) => format!("{} has started pipeline {}", job.name, to.id),
        Note::PinMoved { job, from, to } => format!(
            "a newer attempt of {} has started pipeline {}, which counts instead of {from}",
            job.name, to.id
        ),
        Note::DownstreamCanceled(job, pipeline) => {
            format!(
                "pipeline {pipeline}, which {} has started, was canceled",
                job.name
            )
        }
        Note::Stuck {
            job,
            status,
            age,
            tags,
        } => stuck(job, status, &human(*age), tags),
        Note::Blocking(job) => format!(
            "nothing goes on until somebody plays the manual job {}: {}",
            job.name, job.url
        ),
        Note::MayNeverStart(job) => format!(
            "{} has not started and nothing else moves; it may never start, but that cannot be told without reading trigger jobs",
            job.name
        ),
    }
}

fn stuck(job: &Named, status: &Status, age: &str, tags: &[String]) -> String {
    let why = match status {
        Status::WaitingForResource => {
            "another job holds its resource_group, perhaps this one".to_owned()
        }
        _ if tags.is_empty() => "no runner has taken it".to_owned(),
        _ => format!("no runner with the tags {} has taken it", tags.join(", ")),
    };
    format!("{} has been {} for {age}: {why}", job.name, status.word())
}
