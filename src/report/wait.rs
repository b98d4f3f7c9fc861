//! How a wait ended, job by job: a table for people, a document for programs, variables for later jobs.

use std::time::Duration;

use serde::Serialize;

use super::dotenv::Dotenv;
use super::messages::{CALLER_CANCELED, failure_reason};
use super::style::Paint;
use super::table::{Column, Table, branch};
use crate::decide::deadline::Bound;
use crate::decide::wait::{Counts, JobOutcome, Outcome, Reason};
use crate::exit::{Exit, Stop};
use crate::gitlab::Project;
use crate::model::{Job, JobId, PipelineId, Place, Status};
use crate::near::did_you_mean;
use crate::time::human;

const COLUMNS: &[Column] = &[
    Column::name("JOB"),
    Column::left("RESULT"),
    Column::left("STATUS"),
    Column::right("DURATION"),
    Column::right("ID"),
    Column::left("NOTE"),
    Column::left("LINK"),
];

/// The selected jobs, and below a trigger job those downstream that explain its result.
pub fn table(outcome: &Outcome) -> Table {
    let mut table = Table::new(COLUMNS);
    rows(&mut table, &outcome.jobs, &mut Vec::new());
    table
}

fn rows(table: &mut Table, jobs: &[JobOutcome], path: &mut Vec<bool>) {
    for (index, outcome) in jobs.iter().enumerate() {
        // The selected jobs are no branches: only what is below one is.
        let below = !path.is_empty();
        if below {
            path.pop();
            path.push(index + 1 == jobs.len());
        }
        row(table, &branch(path), outcome);
        path.push(false);
        rows(table, &outcome.because, path);
        path.pop();
    }
}

fn row(table: &mut Table, prefix: &str, outcome: &JobOutcome) {
    let name = format!("{prefix}{}", outcome.name);
    let result = (word(outcome.counts), paint(outcome.counts));
    let Some(job) = &outcome.job else {
        table.row(&[(&name, Paint::Plain), result]);
        return;
    };
    table.row(&[
        (&name, Paint::Plain),
        result,
        (
            job.status.word(),
            Paint::status(&job.status, job.allow_failure),
        ),
        (&duration(job).map(human).unwrap_or_default(), Paint::Plain),
        (&job.id.to_string(), Paint::Dim),
        (&note(job), Paint::Plain),
        (&job.web_url, Paint::Dim),
    ]);
}

/// The word for it in tables and documents.
pub fn word(counts: Counts) -> &'static str {
    match counts {
        Counts::Passed => "passed",
        Counts::Warning => "warning",
        Counts::Ignored => "ignored",
        Counts::Absent => "absent",
        Counts::Failed => "failed",
        Counts::Canceled => "canceled",
        Counts::Skipped => "skipped",
        Counts::Missing => "missing",
        Counts::Empty => "empty",
        Counts::Refused => "refused",
        Counts::TooDeep => "too deep",
        Counts::Unreachable => "unreachable",
        Counts::Stuck => "stuck",
        Counts::Waiting => "waiting",
        Counts::Person => "manual",
        Counts::Settling => "settling",
    }
}

fn paint(counts: Counts) -> Paint {
    match counts {
        Counts::Passed => Paint::Good,
        Counts::Warning | Counts::Person => Paint::Warning,
        Counts::Ignored | Counts::Absent => Paint::Dim,
        Counts::Waiting | Counts::Settling => Paint::Busy,
        _ => Paint::Bad,
    }
}

fn note(job: &Job) -> String {
    let failed = job.status == Status::Failed;
    let downstream = job.downstream_pipeline.as_ref();
    let notes = [
        job.allow_failure.then(|| "allowed to fail".to_owned()),
        downstream.map(|pipeline| format!("started pipeline {}", pipeline.id)),
        job.failure_reason
            .as_deref()
            .filter(|_| failed)
            .map(|why| failure_reason(why).to_owned()),
    ];
    notes.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn duration(job: &Job) -> Option<Duration> {
    Duration::try_from_secs_f64(job.duration?).ok()
}

/// The whole outcome, for `--output json`.
#[derive(Debug, Serialize)]
pub struct Document<'o> {
    result: &'static str,
    exit: u8,
    project: &'o Project,
    pipeline: PipelineId,
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
    pub fn of(outcome: &'o Outcome, place: &'o Place) -> Self {
        Self {
            result: outcome.exit.name(),
            exit: outcome.exit.code(),
            project: &place.project,
            pipeline: place.pipeline,
            jobs: outcome.jobs.iter().map(JobDocument::of).collect(),
        }
    }
}

impl<'o> JobDocument<'o> {
    fn of(outcome: &'o JobOutcome) -> Self {
        let job = outcome.job.as_deref();
        Self {
            name: &outcome.name,
            result: word(outcome.counts),
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
pub fn dotenv(outcome: &Outcome, place: &Place) -> Dotenv {
    let mut dotenv = Dotenv::new();
    dotenv.set("RESULT", outcome.exit.name());
    dotenv.set("EXIT_CODE", outcome.exit.code().to_string());
    dotenv.project(&place.project);
    dotenv.set("PIPELINE_ID", place.pipeline.to_string());
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
        dotenv.set("JOB_ID", job.id.to_string());
        dotenv.set("JOB_STATUS", job.status.word());
        dotenv.set("JOB_URL", &job.web_url);
    }
    dotenv
}

/// What to try where a job is missing.
const LISTS: &str = "`jobgate jobs` lists the jobs";

/// Why a wait ended, and what to try; none if the jobs have simply ended, or were looked at once. `refusal`: why GitLab did not show
/// something; `names`: the jobs that are there.
pub fn stop<'n>(
    outcome: &Outcome,
    refusal: Option<&Stop>,
    names: impl Iterator<Item = &'n str>,
) -> Option<Stop> {
    match (&outcome.reason, outcome.jobs.as_slice()) {
        (Some(Reason::NoWay), [trigger]) => return Some(no_way(outcome.exit, trigger, names)),
        (Some(reason), _) => return Some(of_reason(reason, refusal)),
        (None, _) => {}
    }
    let worst = outcome
        .jobs
        .iter()
        .find(|job| job.counts.bad() && job.counts.exit() == Some(outcome.exit))?;
    if worst.counts == Counts::Missing && worst.job.is_none() {
        return Some(missing(worst, names).hint(LISTS));
    }
    of_job(worst, refusal)
}

/// The trigger job on the way is not there, or has ended without starting a pipeline.
fn no_way<'n>(exit: Exit, trigger: &JobOutcome, names: impl Iterator<Item = &'n str>) -> Stop {
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
    let exit = reason.exit().unwrap_or(Exit::NotFound);
    let stop = |text: String| Stop::new(exit, text);
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
        Reason::NarrowedAway(operand) => stop(format!(
            "--stage, --status and --except leave no job of {operand}"
        )),
        Reason::NoWay => stop("the trigger job has started no pipeline".to_owned()),
        Reason::CallerCanceled => stop(CALLER_CANCELED.to_owned()),
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

/// The wish for a longer wait than the job lasts.
pub fn shortened(wish: Duration, left: Duration) -> String {
    let (left, wish) = (human(left), human(wish));
    format!("waiting {left} instead of {wish}: this job's own time limit comes before")
}

/// `signal`: its name.
pub fn signaled(exit: Exit, signal: &str) -> Stop {
    Stop::new(exit, format!("{signal} came"))
}

/// `age`: of the last complete answer; `trouble`: what kept a newer one from coming.
pub fn timeout(
    bound: Bound,
    waited: Duration,
    age: Option<Duration>,
    trouble: Option<String>,
) -> Stop {
    let waited = human(waited);
    let mut stop = match bound {
        Bound::Free(_) => Stop::new(Exit::Timeout, format!("time ran out after {waited}"))
            .hint("--timeout DURATION allows more, up to what is left of this job"),
        Bound::Job(_) | Bound::Cut { .. } => Stop::new(
            Exit::Timeout,
            format!("time ran out after {waited}: this job itself will soon be stopped"),
        )
        .hint("`timeout:` of this job in .gitlab-ci.yml, or its runner's, allows more"),
    };
    if let Some(age) = age.filter(|age| *age >= Duration::from_secs(1)) {
        stop.error = format!(
            "{}\nGitLab's last complete answer is {} old",
            stop.error,
            human(age)
        );
    }
    if let Some(trouble) = trouble {
        stop.error = format!("{}\n{trouble}", stop.error);
    }
    stop
}

/// The outage budget is used up.
pub fn silence(silent: Duration, stop: Stop) -> Stop {
    let silent = human(silent);
    Stop {
        error: format!(
            "GitLab has given no good answer for {silent}\n{}",
            stop.error
        ),
        ..stop
    }
    .hint("--outage-budget DURATION allows more")
}
