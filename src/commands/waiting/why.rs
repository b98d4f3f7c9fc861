//! Why a wait ended, where the jobs' own status does not say it, and what to try.

use super::jobs::LISTS;
use crate::decide::verdict::{Counts, JobOutcome, Outcome, Reason};
use crate::exit::{Exit, Stop};
use crate::near::did_you_mean;

/// The words for it; none if the jobs have simply ended, or were looked at once. `refusal`: why GitLab did not show something;
/// `names`: the jobs that are there; `lists`: what to try where one is missing.
pub(super) fn stop<'n>(
    outcome: &Outcome,
    refusal: Option<&Stop>,
    names: impl Iterator<Item = &'n str>,
    lists: &str,
) -> Option<Stop> {
    if let Some(reason) = &outcome.reason {
        return Some(of_reason(reason, refusal));
    }
    let worst = outcome
        .jobs
        .iter()
        .find(|job| job.counts.bad() && job.counts.exit() == Some(outcome.exit))?;
    if worst.counts == Counts::Missing && worst.job.is_none() {
        return Some(missing(worst, names).hint(lists));
    }
    of_job(worst, refusal)
}

/// The trigger job on the way is not there, or has ended without starting a pipeline.
pub(super) fn no_way<'n>(
    exit: Exit,
    trigger: &JobOutcome,
    names: impl Iterator<Item = &'n str>,
) -> Stop {
    let JobOutcome { name, pipeline, .. } = trigger;
    let why = match &trigger.job {
        Some(job) => format!(
            "this trigger job has ended ({}) without starting a pipeline",
            job.status.word()
        ),
        None => format!(
            "pipeline {} has no such trigger job{}",
            pipeline.id,
            did_you_mean(name, names)
        ),
    };
    let stop = Stop::new(exit, format!("--downstream {name}: {why}"));
    match &trigger.job {
        Some(_) => stop,
        None => stop.hint(LISTS),
    }
}

/// An operand that means no job.
fn missing<'n>(job: &JobOutcome, names: impl Iterator<Item = &'n str>) -> Stop {
    let JobOutcome { name, pipeline, .. } = job;
    let near = did_you_mean(name, names);
    Stop::new(
        Exit::NotFound,
        format!("pipeline {} has no job {name}{near}", pipeline.id),
    )
}

fn of_reason(reason: &Reason, refusal: Option<&Stop>) -> Stop {
    let stop = |text: String| Stop::new(reason.exit(), text);
    match reason {
        Reason::NamesCaller(_) => stop("this job is asked to wait for itself".to_owned()),
        Reason::Ambiguous(name) => stop(format!(
            "--downstream {name}: several trigger jobs have this name"
        )),
        Reason::TriggerJobsRefused => refused(
            "which jobs are meant cannot be told without the pipeline's trigger jobs",
            refusal,
        )
        .hint("--no-trigger-jobs leaves trigger jobs out; exact names of jobs work without them"),
        Reason::PipelineRefused(key) => refused(
            &format!("pipeline {}, to which --downstream leads, cannot be read", key.id),
            refusal,
        ),
        Reason::PipelineGone(key) => stop(format!(
            "pipeline {}, to which --downstream leads, does not exist any more",
            key.id
        )),
        Reason::Nothing { ignored } if ignored.is_empty() => {
            stop("the pipeline has no job that matches".to_owned())
                .hint("`jobgate jobs` lists the pipeline's jobs and their stages")
        }
        Reason::Nothing { ignored } => stop(format!(
            "nothing to wait for: all that match are manual jobs that nobody needs to play: {}",
            ignored.join(", ")
        ))
        .hint("a manual job that is asked for by its exact name is waited for"),
        Reason::Deadlock(job) => stop(format!(
            "waiting could never end: {name} has not started, and no other job of this pipeline moves any more", name = job.name
        ))
        .hint(format!(
            "{name} waits for this job, by its stage or its `needs:`; give it a `needs:` without this job", name = job.name
        ))
        .hint("this job may hold a `resource_group` that another job waits for"),
        Reason::CallerCanceled => stop(crate::report::messages::CALLER_CANCELED.to_owned()),
    }
}

fn of_job(job: &JobOutcome, refusal: Option<&Stop>) -> Option<Stop> {
    let name = &job.name;
    let stop = |exit, text: String| Some(Stop::new(exit, text));
    let status = job.job.as_ref().map_or("", |job| job.status.word());
    match job.counts {
        Counts::Missing => stop(
            Exit::NotFound,
            format!("trigger job {name} has ended ({status}) without starting a pipeline"),
        ),
        Counts::Empty => stop(
            Exit::NotFound,
            format!("the pipeline that {name} has started has no job that counts"),
        ),
        Counts::Refused => Some(
            refused(
                &format!("the pipeline that {name} has started cannot be read"),
                refusal,
            )
            .hint("--shallow takes the trigger job's own status"),
        ),
        Counts::TooDeep => stop(
            Exit::Unknown,
            format!("the pipelines below {name} are too many levels deep"),
        ),
        Counts::Unreachable => stop(
            Exit::Deadlock,
            format!("{name} has ended ({status}) and can never have the status that is waited for"),
        ),
        Counts::Stuck => stop(
            Exit::Deadlock,
            format!("{name} has been {status} for longer than --stuck allows"),
        ),
        _ => None,
    }
}

/// What could not be read, and what GitLab said.
fn refused(what: &str, refusal: Option<&Stop>) -> Stop {
    let (error, hints) = refusal.map_or((String::new(), Vec::new()), |stop| {
        (format!("\n{}", stop.error), stop.hints.clone())
    });
    Stop {
        exit: Exit::Refused,
        error: format!("{what}{error}"),
        hints,
    }
}
