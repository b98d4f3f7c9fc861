//! How a wait ended, job by job: a table for people, a document for programs, variables for later jobs.

use std::time::Duration;

use serde::Serialize;

use super::dotenv::Dotenv;
use super::jobs::{COLUMNS, note, row as row_of};
use super::messages::{self, CALLER_CANCELED, list, why_failed};
use super::style::Paint;
use super::table::{Table, tree};
use super::talk::Talk;
use crate::decide::deadline::Bound;
use crate::decide::wait::{Counts, JobOutcome, Named, Outcome, Reason, Unreadable};
use crate::exit::{Exit, Signal, Stop};
use crate::gitlab::{Error, Project};
use crate::model::{Job, JobId, PipelineId, Place};
use crate::time::human;

/// The selected jobs, and below a trigger job those downstream that explain its result.
pub fn table(outcome: &Outcome) -> Table {
    let mut table = Table::new(COLUMNS);
    tree(
        &outcome.jobs,
        |one| &one.because,
        None,
        &mut |prefix, one| {
            row(&mut table, prefix, one);
        },
    );
    table
}

fn row(table: &mut Table, prefix: &str, outcome: &JobOutcome) {
    let name = format!("{prefix}{}", outcome.name);
    let result = word(outcome.counts);
    let Some(job) = &outcome.job else {
        table.row(&[(&name, Paint::Plain), ("", Paint::Plain), result]);
        return;
    };
    let link = !matches!(outcome.counts, Counts::Passed | Counts::Ignored);
    let note = note(job, false);
    row_of(table, &name, job, result, [""; 3], &note, link);
}

/// The word for it in tables and documents, and its colour.
fn word(counts: Counts) -> (&'static str, Paint) {
    match counts {
        Counts::Passed => ("passed", Paint::Good),
        Counts::Warning => ("warning", Paint::Warning),
        Counts::Ignored => ("ignored", Paint::Dim),
        Counts::Absent => ("absent", Paint::Dim),
        Counts::Failed => ("failed", Paint::Bad),
        Counts::Canceled => ("canceled", Paint::Bad),
        Counts::Skipped => ("skipped", Paint::Bad),
        Counts::Missing => ("missing", Paint::Bad),
        Counts::Empty => ("empty", Paint::Bad),
        Counts::Refused => ("refused", Paint::Bad),
        Counts::TooDeep => ("too deep", Paint::Bad),
        Counts::Unreachable => ("unreachable", Paint::Bad),
        Counts::Stuck => ("stuck", Paint::Bad),
        Counts::Waiting => ("waiting", Paint::Busy),
        Counts::Person => ("manual", Paint::Warning),
        Counts::Settling => ("settling", Paint::Busy),
    }
}

fn duration(job: &Job) -> Option<Duration> {
    Duration::try_from_secs_f64(job.duration?).ok()
}

/// The whole outcome, for `--output json`.
#[derive(Debug, Serialize)]
pub struct Document<'o> {
    result: &'static str,
    exit: u8,
    /// Null in a call that ended before the pipeline was known.
    project: Option<&'o Project>,
    pipeline: Option<PipelineId>,
    jobs: Vec<JobDocument<'o>>,
}

/// One job of it. Without a job of that name, all but the first two is null, empty or false.
#[derive(Debug, Serialize)]
struct JobDocument<'o> {
    name: &'o str,
    result: &'static str,
    pipeline: PipelineId,
    id: Option<JobId>,
    status: Option<&'o str>,
    stage: Option<&'o str>,
    /// In seconds.
    duration: Option<u64>,
    failure_reason: Option<&'o str>,
    web_url: Option<&'o str>,
    allow_failure: bool,
    because: Vec<JobDocument<'o>>,
}

impl<'o> Document<'o> {
    pub fn of(outcome: &'o Outcome, place: Option<&'o Place>) -> Self {
        Self {
            result: outcome.exit.name(),
            exit: outcome.exit.code(),
            project: place.map(|place| &place.project),
            pipeline: place.map(|place| place.pipeline),
            jobs: outcome.jobs.iter().map(JobDocument::of).collect(),
        }
    }
}

impl<'o> JobDocument<'o> {
    fn of(outcome: &'o JobOutcome) -> Self {
        let job = outcome.job.as_deref();
        Self {
            name: &outcome.name,
            result: word(outcome.counts).0,
            pipeline: outcome.pipeline.id,
            id: job.map(|job| job.id),
            status: job.map(|job| job.status.word()),
            stage: job.map(|job| job.stage.as_str()),
            duration: job.and_then(duration).map(|time| time.as_secs()),
            failure_reason: job.and_then(|job| job.failure_reason.as_deref()),
            web_url: job.map(|job| job.web_url.as_str()),
            allow_failure: job.is_some_and(|job| job.allow_failure),
            because: outcome.because.iter().map(Self::of).collect(),
        }
    }
}

/// Variables for later jobs. Names of jobs are left out: they may hold what GitLab would expand.
pub fn dotenv(outcome: &Outcome, place: Option<&Place>) -> Dotenv {
    let (project, pipeline) = place.map(|it| (&it.project, it.pipeline)).unzip();
    let mut dotenv = Dotenv::end(outcome.exit, project, pipeline);
    let count = |wanted: fn(Counts) -> bool| {
        let jobs = outcome.jobs.iter();
        jobs.filter(|job| wanted(job.counts)).count().to_string()
    };
    dotenv.set("PASSED", count(|counts| counts.exit() == Some(Exit::Ok)));
    dotenv.set("NOT_PASSED", count(Counts::bad));
    dotenv.set("UNFINISHED", count(Counts::open));
    if let [only] = outcome.jobs.as_slice()
        && let Some(job) = &only.job
    {
        dotenv.job(job);
    }
    dotenv
}

/// Why a wait ended, and what to try, where the jobs' own status does not say it. `refusal`: why GitLab did not show something. `near`: the
/// name that a hop could be a slip of.
pub fn stop(outcome: &Outcome, refusal: Option<&Stop>, near: Option<&str>) -> Option<Stop> {
    let exit = Some(outcome.exit);
    let worst = |job: &&JobOutcome| job.counts.bad() && job.counts.exit() == exit;
    let mut stop = if let Some(reason) = &outcome.reason {
        of_reason(reason, outcome, near)
    } else {
        of_job(outcome.jobs.iter().find(worst)?)?
    };
    if let Some(refusal) = refusal.filter(|_| stop.exit == Exit::Refused) {
        stop.error = format!("{}\n{}", stop.error, refusal.error);
        stop.hints.splice(..0, refusal.hints.iter().cloned());
    }
    Some(stop)
}

fn of_reason(reason: &Reason, outcome: &Outcome, near: Option<&str>) -> Stop {
    let exit = reason.exit().unwrap_or(outcome.exit);
    let stop = |text: &str| Stop::new(exit, text);
    match reason {
        Reason::NamesCaller(operand) => messages::names_caller(operand),
        Reason::Ambiguous(name, from, names) => {
            messages::several_trigger_jobs(name, *from, names)
        }
        Reason::NotStarted(ended) => {
            let from = ended.pipeline.id;
            match &ended.job {
                Some(trigger) => Stop {
                    exit,
                    ..messages::not_started(trigger, from)
                },
                None => messages::no_trigger_job(&ended.name, from, near),
            }
        }
        Reason::TriggerJobsRefused => {
            stop("without the pipeline's trigger jobs, it is not known which jobs match").hint(
                "exact names of jobs work without them; `jobgate wait --no-trigger-jobs` leaves them out",
            )
        }
        Reason::Unreadable(id, Unreadable::Refused) => stop(&format!("pipeline {id}, to which --downstream leads, cannot be read")),
        Reason::Unreadable(id, Unreadable::Gone) => stop(&format!("pipeline {id}, to which --downstream leads, does not exist any more")),
        Reason::Nothing { ignored } if ignored.is_empty() => {
            stop("no job of the pipeline matches").hint(messages::LISTS)
        }
        Reason::Nothing { ignored } => stop(&format!(
            "nothing to wait for: every job that matches is an optional manual job: {}",
            list(ignored)
        ))
        .hint("name a manual job exactly to wait for it"),
        Reason::NarrowedAway(operand) => {
            stop(&format!("{operand} matches jobs, but --stage, --status or --except leaves all of them out"))
        }
        Reason::Deadlock(Named { name, .. }) => stop(&format!(
            "waiting could never end: {name} has not started, and no other job of this pipeline can change any more"
        ))
        .hint(format!(
            "{name} waits for this job, by its stage or its `needs:`; give it a `needs:` without this job"
        ))
        .hint("this job may hold a `resource_group` that another job waits for"),
        Reason::CallerCanceled => stop(CALLER_CANCELED),
    }
}

fn of_job(job: &JobOutcome) -> Option<Stop> {
    let name = &job.name;
    let status = job.job.as_ref().map_or("", |job| job.status.word());
    let text = match job.counts {
        Counts::Missing => {
            format!(
                "trigger job {name} has ended ({status}), and GitLab shows no pipeline that it started"
            )
        }
        Counts::Empty => format!("the pipeline that {name} has started has no job that counts"),
        Counts::Refused => format!("the pipeline that {name} has started cannot be read"),
        Counts::TooDeep => format!("the pipelines below {name} are too many levels deep"),
        Counts::Unreachable => {
            format!(
                "{name} has ended with the status {status} and can no longer get the status of --for"
            )
        }
        Counts::Stuck => format!("{name} has been {status} for longer than --stuck allows"),
        _ => return None,
    };
    let stop = Stop::new(job.counts.exit()?, text);
    Some(match job.counts {
        Counts::Refused => {
            stop.hint("`jobgate wait --shallow` judges a trigger job by its own status")
        }
        _ => stop,
    })
}

/// How a wait ended, in one sentence, unless all is well. `stop` says what the jobs' own status does not.
pub fn end(outcome: &Outcome, stop: Option<&Stop>, talk: &Talk) {
    if let Some(stop) = stop {
        talk.stop(stop);
    }
    let exit = outcome.exit;
    // A failure that was seen before the time ran out decides.
    if exit != Exit::Ok && stop.is_none_or(|stop| stop.exit != exit) {
        let decides = |one: &JobOutcome| one.counts.exit().unwrap_or(Exit::Pending) == exit;
        talk.end(exit, &first(&outcome.jobs(decides)).unwrap_or_default());
    }
}

/// The first of these jobs, how it stands and where to look.
pub fn first(jobs: &[&JobOutcome]) -> Option<String> {
    let (first, more) = jobs.split_first()?;
    let count = match more.len() {
        0 => String::new(),
        more => format!(" (the first of {} jobs)", more + 1),
    };
    let (name, pipeline, counts) = (&first.name, first.pipeline.id, word(first.counts).0);
    let Some(job) = &first.job else {
        return Some(format!("{name} in pipeline {pipeline} is {counts}{count}"));
    };
    let is = || format!(" is {}", job.status.word());
    let stands = why_failed(job).map_or_else(is, |why| format!(": {why}"));
    let (id, url) = (job.id, &job.web_url);
    Some(format!(
        "{name} ({id}) in pipeline {pipeline}{stands}{count}  {url}"
    ))
}

/// The wish for a longer wait than the job lasts.
pub fn shortened(wish: Duration, left: Duration) -> String {
    let (left, wish) = (human(left), human(wish));
    format!("--timeout is cut from {wish} to {left}: this job's own time limit comes first")
}

pub fn signaled(signal: Signal) -> Stop {
    Stop::new(Exit::Signal(signal), format!("ended by {}", signal.name()))
}

/// `age`: of the last complete answer; `trouble`: what kept a newer one from coming.
pub fn timeout(
    bound: Bound,
    waited: Duration,
    age: Option<Duration>,
    trouble: Option<Stop>,
) -> Stop {
    let waited = human(waited);
    let (error, hint) = match bound {
        Bound::Free(_) => (
            format!("time ran out after {waited}"),
            "give a longer --timeout, up to this job's own time limit",
        ),
        Bound::Job(_) | Bound::Cut { .. } => (
            format!("time ran out after {waited}, shortly before this job itself is stopped"),
            "a longer `timeout:` of this job in .gitlab-ci.yml, or of its runner, allows more",
        ),
    };
    let age = age.filter(|age| *age >= Duration::from_secs(1)).map(human);
    let age = age.map(|age| format!("GitLab's last complete answer is {age} old"));
    let (last, hints) = trouble.map(|last| (last.error, last.hints)).unzip();
    let lines = [Some(error), age, last].into_iter().flatten();
    let stop = Stop::new(Exit::Timeout, lines.collect::<Vec<_>>().join("\n")).hint(hint);
    hints.into_iter().flatten().fold(stop, Stop::hint)
}

/// The outage budget is used up.
pub fn silence(silent: Duration, error: &Error) -> Stop {
    let (silent, mut stop) = (human(silent), error.stop());
    stop.error = format!(
        "GitLab has given no good answer for {silent}: {}",
        stop.error
    );
    stop.hint("`jobgate wait --outage-budget 15m` waits longer for an answer")
}
