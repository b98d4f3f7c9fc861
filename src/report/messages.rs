//! Sentences that several commands write: each stands here once. Lower case, no final period.
//!
//! Text from GitLab is put in as it is: where a text is written, what acts on a terminal is made visible.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::decide::select::Operand;
use crate::exit::{Exit, Stop};
use crate::gitlab::{Note, TokenKind};
use crate::model::{Job, JobId, PipelineId, Place, Project, Status};
use crate::near::did_you_mean;
use crate::time::{Timestamp, human};

/// `a, b, c and 3 more`: at most eight names.
pub fn list<T: AsRef<str>>(names: &[T]) -> String {
    const MOST: usize = 8;
    let shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The operands mean more jobs than one.
pub fn several(names: &[&str]) -> Stop {
    Stop::usage(format!("{} jobs match: {}", names.len(), list(names)))
}

/// Nothing is left of the selection.
pub fn nothing_matches(pipeline: PipelineId) -> Stop {
    let error = format!("no job matches in pipeline {pipeline}");
    Stop::new(Exit::NotFound, error).hint(LISTS)
}

/// What happens on the way to GitLab.
pub fn note(note: &Note) -> String {
    match note {
        Note::Request(line) => format!("debug: {line}"),
        Note::Using { token, source } => match token {
            TokenKind::Job => format!("using the job token from {source}"),
            TokenKind::Access => format!("using the access token from {source}"),
        },
    }
}

/// After trouble, before the same request is sent again.
pub fn asking_again(trouble: &str, delay: Duration) -> String {
    let seconds = human(delay + Duration::from_millis(999));
    format!("{trouble}; asking again in {seconds}")
}

/// A rate limit that is not waited for.
pub fn limit_lasts(trouble: &str, until: Timestamp) -> String {
    format!("{trouble}; the limit lasts until {}", until.time_of_day())
}

/// Where GitLab is and how to get there, as far as variables alone say so, one fact a line. `certificates` names the files that are trusted.
pub fn unpinned(server: &str, proxy: Option<&str>, certificates: &[&str]) -> Vec<String> {
    let mut lines = vec![format!(
        "using {server} from CI_API_V4_URL (pin it with --server)"
    )];
    lines.extend(proxy.map(|proxy| format!("using the proxy {proxy}")));
    if !certificates.is_empty() {
        lines.push(format!(
            "using the certificates of {}",
            certificates.join(" and ")
        ));
    }
    lines
}

/// A canceled job opens no gate and starts nothing.
pub const CALLER_CANCELED: &str = "this job is being canceled";

/// The job token stands for another job than at the start.
pub fn other_caller(before: JobId, now: JobId) -> Stop {
    let error = format!(
        "since the start, the job token's job has changed from {before} to {now}, or its pipeline has changed"
    );
    Stop::new(Exit::Unknown, error)
}

pub fn not_printed(error: &io::Error) -> String {
    format!("cannot write to standard output: {error}")
}

/// The variables of two jobs are mixed.
pub fn other_job(variable: JobId, token: JobId) -> String {
    format!("CI_JOB_ID is {variable}, but the job token belongs to job {token}")
}

/// Where a job was looked for.
#[derive(Clone, Copy, Debug)]
pub enum Within<'a> {
    Pipeline(PipelineId),
    /// The pipeline and all below it.
    Tree(PipelineId),
    Project(&'a Project),
}

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipeline(id) => write!(f, "pipeline {id}"),
            Self::Tree(id) => write!(f, "pipeline {id} and the pipelines below it"),
            Self::Project(project) => write!(f, "project {project}"),
        }
    }
}

/// The operand means no job; `near` is the name that it could be a slip of.
pub fn no_such_job(operand: &Operand, within: Within, near: Option<&str>) -> Stop {
    let Operand { text, .. } = operand;
    if operand.is_id() {
        let error = format!("no job {text} in {within}");
        return Stop::new(Exit::NotFound, error)
            .hint(format!(
                "for a job of another pipeline, add --pipeline ID; for a job with the name {text}, use --name {text}"
            ));
    }
    let error = if operand.is_glob() {
        format!("no job matches {text:?} in {within}")
    } else {
        format!("no job {text:?} in {within}{}", did_you_mean(near))
    };
    Stop::new(Exit::NotFound, error).hint(LISTS)
}

/// What to try where no job was found.
pub const LISTS: &str =
    "`jobgate jobs --recursive` lists the jobs of a pipeline and of its downstream pipelines";

/// No operand or option says which jobs are meant.
pub fn needs_job(command: &str) -> Stop {
    Stop::usage(format!("{command} needs a JOB, a --stage, or --all"))
}

/// Two options that exclude each other.
pub fn clash(one: &str, other: &str) -> Stop {
    Stop::usage(format!("{one} cannot be used with {other}"))
}

/// GitLab refused to say which job this is.
pub fn job_unknown(refusal: Stop) -> Stop {
    refusal.hint("with --project and --pipeline together, an access token is enough")
}

/// `--project` alone names no pipeline.
pub fn project_without_pipeline() -> Stop {
    Stop::usage(
        "--project needs --pipeline: the default pipeline belongs to the calling job's project",
    )
    .hint("for a pipeline that this job's pipeline started, use --downstream TRIGGER")
}

/// No job can act on itself or wait for itself.
pub fn names_caller(text: &str) -> Stop {
    Stop::usage(format!("{text:?} is the calling job itself"))
        .hint("name another job of the pipeline")
}

/// A group, glob, stage or `--all` would have meant the calling job's own parallel siblings.
pub fn siblings<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    let names = list(&names);
    format!("left out, as parallel siblings of this job: {names}")
}

/// One hop of `--downstream`.
pub fn hop(trigger: &Job, from: PipelineId, to: &Place) -> String {
    let Place { project, pipeline } = to;
    let name = &trigger.name;
    format!("pipeline {pipeline} of project {project}, started by {name} in pipeline {from}")
}

/// `--downstream` names no trigger job of the pipeline.
pub fn no_trigger_job(text: &str, from: PipelineId, near: Option<&str>) -> Stop {
    let near = did_you_mean(near);
    let error = format!("no trigger job {text:?} in pipeline {from}{near}");
    Stop::new(Exit::NotFound, error).hint(LISTS)
}

/// `--downstream` names several trigger jobs of the pipeline.
pub fn several_trigger_jobs(text: &str, from: PipelineId, names: &[impl AsRef<str>]) -> Stop {
    let names = list(names);
    Stop::usage(format!(
        "--downstream {text:?} matches several trigger jobs of pipeline {from}: {names}"
    ))
}

/// The trigger job of a hop has started nothing so far.
pub fn not_started(trigger: &Job, from: PipelineId) -> Stop {
    let Job { name, status, .. } = trigger;
    let status = status.word();
    let error =
        format!("trigger job {name} of pipeline {from} has started no pipeline and is {status}");
    Stop::new(Exit::NotFound, error)
}

/// The list of a pipeline is without trigger jobs, because GitLab refused them.
pub fn trigger_jobs_refused(refusal: Stop) -> Stop {
    refusal.hint("--no-trigger-jobs leaves trigger jobs out")
}

/// Why a job failed, if it did and GitLab says so.
pub fn why_failed(job: &Job) -> Option<Cow<'_, str>> {
    let reason = job.failure_reason.as_deref()?;
    (job.status == Status::Failed).then(|| failure_reason(reason))
}

/// GitLab's `failure_reason` as a short sentence (`app/models/concerns/enums/ci/commit_status.rb`). Where GitLab's own word says it all,
/// and where this version does not know the word, it stands there with blanks.
fn failure_reason(reason: &str) -> Cow<'_, str> {
    Cow::Borrowed(match reason {
        "script_failure" => "the script failed",
        "missing_dependency_failure" => "artifacts of a job that this one depends on are missing",
        "runner_unsupported" => "the runner is too old or lacks a feature that the job needs",
        "stale_schedule" => "the delayed job did not start in time",
        "archived_failure" => "the job is archived and cannot run",
        "forward_deployment_failure" => "a newer deployment to this environment came first",
        "trace_size_exceeded" => "the log exceeded its size limit",
        "builds_disabled" => "CI/CD is disabled for the project",
        "failed_outdated_deployment_job" => "a later deployment to this environment came first",
        "stuck_pending_with_matching_runners" => "pending too long, although runners match",
        "stuck_pending_no_matching_runners" => "pending too long, and no runner matches",
        "protected_environment_failure" => "the job's user may not deploy to this environment",
        "insufficient_bridge_permissions" => "the user may not start the downstream pipeline",
        "invalid_bridge_trigger" => "the trigger job's definition is invalid",
        "bridge_pipeline_is_child_pipeline" => "a child pipeline cannot start another one here",
        // Any other text may be a token: with blanks in it, it would not be masked.
        word if word.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()) => {
            return Cow::Owned(word.replace('_', " "));
        }
        other => other,
    })
}
