//! What an action plans, does and has done: lines while it happens, a table, document or variables at the end.

use serde::Serialize;

use super::dotenv::Dotenv;
use super::messages::list;
use super::style::Paint;
use super::table::{Column, Table};
use super::talk::Talk;
use super::{json, wait};
use crate::decide::action::{Doubt, Plan, Progress, Step, Target, Verb, Why};
use crate::decide::wait::Outcome;
use crate::exit::{Exit, Stop};
use crate::gitlab::{Error, Project};
use crate::model::{Job, JobId, Pipeline, PipelineId, Place, Status};
use crate::time::Timestamp;

const COLUMNS: &[Column] = &[
    Column::name("JOB"),
    Column::left("RESULT"),
    Column::left("STATUS"),
    Column::right("ID"),
    Column::left("NOTE"),
    Column::left("LINK"),
];

/// How an action ended, in every form.
pub struct Document {
    /// `None` where there is nothing to show.
    pub table: Option<Table>,
    pub json: String,
    pub dotenv: Dotenv,
}

/// How an action on jobs ended.
pub struct Ending<'e> {
    pub action: &'static str,
    pub exit: Exit,
    /// `None` if it ended before the pipeline was known.
    pub place: Option<&'e Place>,
    pub targets: &'e [Target],
    /// Of the waiting that followed.
    pub waited: Option<&'e Outcome>,
}

pub fn document(ending: &Ending) -> Document {
    Document {
        table: (!ending.targets.is_empty()).then(|| ending.table()),
        json: json::text(&ending.json()) + "\n",
        dotenv: ending.dotenv(),
    }
}

#[derive(Serialize)]
struct ActionDocument<'e> {
    result: &'static str,
    exit: u8,
    action: &'static str,
    project: Option<&'e Project>,
    pipeline: Option<PipelineId>,
    jobs: Vec<Acted<'e>>,
    waited: Option<Box<serde_json::value::RawValue>>,
}

#[derive(Serialize)]
struct Acted<'e> {
    name: &'e str,
    id: JobId,
    status: &'e Status,
    web_url: &'e str,
    result: &'static str,
    why: String,
}

impl<'e> Ending<'e> {
    /// The jobs and what became of them; after waiting, how they ended.
    fn table(&self) -> Table {
        if let Some(outcome) = self.waited {
            return wait::table(outcome);
        }
        let mut table = Table::new(COLUMNS);
        for target in self.targets {
            let Target { job, progress, .. } = target;
            table.row(&[
                (&job.name, Paint::Plain),
                (word(progress), paint(progress)),
                (
                    job.status.word(),
                    Paint::status(&job.status, job.allow_failure),
                ),
                (&job.id.to_string(), Paint::Dim),
                (&why(progress), Paint::Plain),
                (&job.web_url, Paint::Dim),
            ]);
        }
        table
    }

    fn json(&self) -> ActionDocument<'e> {
        let acted = |Target { job, progress, .. }: &'e Target| Acted {
            name: &job.name,
            id: job.id,
            status: &job.status,
            web_url: &job.web_url,
            result: word(progress),
            why: why(progress),
        };
        ActionDocument {
            result: self.exit.name(),
            exit: self.exit.code(),
            action: self.action,
            project: self.place.map(|place| &place.project),
            pipeline: self.place.map(|place| place.pipeline),
            jobs: self.targets.iter().map(acted).collect(),
            waited: waited(self.waited, self.place),
        }
    }

    /// For later jobs and `after_script`. Names are left out: they may hold what GitLab would expand.
    fn dotenv(&self) -> Dotenv {
        let mut dotenv = Dotenv::new();
        dotenv.set("RESULT", self.exit.name());
        dotenv.set("EXIT_CODE", self.exit.code().to_string());
        if let Some(place) = self.place {
            dotenv.project(&place.project);
            dotenv.set("PIPELINE_ID", place.pipeline.to_string());
        }
        let done = self.targets.iter().filter(|target| target.progress.done());
        let ids: Vec<String> = done.map(|target| target.job.id.to_string()).collect();
        dotenv.set("JOB_IDS", ids.join(" "));
        if let [Target { job, .. }] = self.targets {
            dotenv.set("JOB_ID", job.id.to_string());
            dotenv.set("JOB_STATUS", job.status.word());
            dotenv.set("JOB_URL", &job.web_url);
            if let Some(pipeline) = &job.downstream_pipeline {
                dotenv.set("DOWNSTREAM_ID", pipeline.id.to_string());
            }
        }
        dotenv
    }
}

/// The document of the waiting that followed.
pub(super) fn waited(
    outcome: Option<&Outcome>,
    place: Option<&Place>,
) -> Option<Box<serde_json::value::RawValue>> {
    let document = json::text(&wait::Document::of(outcome?, place?));
    serde_json::value::RawValue::from_string(document).ok()
}

/// The word for it in JSON and tables.
fn word(progress: &Progress) -> &'static str {
    match progress {
        Progress::Planned(Plan::Do(step)) => verb(*step),
        Progress::Planned(Plan::NotYet(_)) => "not yet",
        Progress::Planned(Plan::DoneAlready(_)) => "done already",
        Progress::Planned(Plan::Refuse(_)) | Progress::Failed(_) => "refused",
        Progress::Did { step, .. } => match step {
            Step::Play => "played",
            Step::Retry => "retried",
            Step::Cancel { .. } => "canceled",
            Step::Erase => "erased",
        },
        Progress::Closed(_) => "gate closed",
        Progress::Sent(_) | Progress::Unknown(..) => "unknown",
    }
}

fn verb(step: Step) -> &'static str {
    match step {
        Step::Play => "play",
        Step::Retry => "retry",
        Step::Cancel { force: false } => "cancel",
        Step::Cancel { force: true } => "cancel by force",
        Step::Erase => "erase",
    }
}

fn paint(progress: &Progress) -> Paint {
    match progress {
        progress if progress.done() => Paint::Good,
        Progress::Planned(Plan::Refuse(_)) | Progress::Closed(_) | Progress::Failed(_) => {
            Paint::Bad
        }
        _ => Paint::Warning,
    }
}

/// Why, in a few words; empty where the word says all.
fn why(progress: &Progress) -> String {
    match progress {
        Progress::Planned(Plan::Do(_)) => String::new(),
        Progress::Planned(Plan::NotYet(why) | Plan::DoneAlready(why) | Plan::Refuse(why)) => {
            reason(why)
        }
        Progress::Did {
            answer_lost: true, ..
        } => "the answer was lost, and a look shows it done".into(),
        Progress::Did { .. } => String::new(),
        Progress::Closed(_) => "nothing was sent".into(),
        Progress::Failed(stop) => stop.error.lines().next().unwrap_or_default().into(),
        Progress::Sent(sent) => doubt(sent.step, &Doubt::NotLooked),
        Progress::Unknown(step, why) => doubt(*step, why),
    }
}

fn reason(why: &Why) -> String {
    match why {
        Why::Status(Status::Success) => "it has passed".into(),
        Why::Status(Status::Failed) => "it has failed".into(),
        Why::Status(status) => format!("it is {}", status.word()),
        Why::NotRunning => "it does not run".into(),
        Why::Replaced(newer) => format!("attempt {newer} has taken its place"),
        Why::Archived => "it is archived, and archived jobs cannot run".into(),
        Why::Erased => "it is erased".into(),
        Why::Unlisted => "it is not listed any more".into(),
        Why::TriggerJob => {
            "it is a trigger job, which GitLab's API neither cancels nor erases".into()
        }
        Why::StartsByItself => "it is a delayed trigger job, which starts by itself".into(),
        Why::TriggerJobTakesNothing => {
            "a played trigger job takes no variables and no inputs".into()
        }
        Why::RetryTakesNoVariables => "a retried job takes no variables".into(),
        Why::Approval(approval) => {
            format!(
                "its deployment to {} waits for an approval",
                approval.environment
            )
        }
    }
}

/// Why it cannot be told whether a request was done.
fn doubt(step: Step, doubt: &Doubt) -> String {
    let sent = format!(
        "{} was sent, and it is not known whether it was done",
        verb(step)
    );
    let is = |id: &JobId, status: &Status| format!("job {id} is {}", status.word());
    match doubt {
        Doubt::NotLooked => sent,
        Doubt::Unlisted => "the job is not listed any more".into(),
        Doubt::OlderView => "GitLab shows an older view of the job".into(),
        Doubt::Unclear(id, status) => {
            format!(
                "{}, which does not show whether it was done",
                is(id, status)
            )
        }
        Doubt::Replaced(id, status) => format!("{sent}: by now {}", is(id, status)),
        Doubt::NoEffect(id, status) => format!("GitLab accepted it, but {}", is(id, status)),
        Doubt::NoAnswer(requests) => format!("{sent}: no answer to {requests} requests"),
    }
}

/// What to try where an action is refused.
pub fn hint(verb: Verb, target: &Target) -> Option<&'static str> {
    let Progress::Planned(Plan::Refuse(why)) = &target.progress else {
        return None;
    };
    Some(match (verb, why) {
        (Verb::Play | Verb::Retry, Why::Status(Status::Skipped)) => {
            "retry the job that it was skipped for"
        }
        (Verb::Retry, Why::Status(Status::Manual)) => "play runs it",
        (Verb::Play | Verb::Retry, Why::Status(status)) if status.finished() => {
            "--rerun runs it once more"
        }
        (Verb::Play | Verb::Retry, Why::Status(_) | Why::StartsByItself | Why::Unlisted) => {
            "with a --timeout longer than 0 the job is waited for"
        }
        (_, Why::Archived) => "run a new pipeline",
        (Verb::Cancel, Why::Status(_)) => "there is nothing left to cancel",
        (Verb::Erase, Why::Status(Status::Skipped)) => "it never ran and has no log to erase",
        (Verb::Erase, Why::Status(_)) => "only a finished job can be erased; wait --for finished",
        (Verb::Cancel, Why::TriggerJob) => {
            "cancel the jobs of its downstream pipeline: --downstream NAME"
        }
        (Verb::Erase, Why::TriggerJob) => "a trigger job has no log and no artifacts: select a job",
        (_, Why::TriggerJobTakesNothing) => {
            "set them under `trigger:` in .gitlab-ci.yml, or use jobgate trigger"
        }
        (_, Why::RetryTakesNoVariables) => "leave out --variable, or --rerun",
        _ => return None,
    })
}

/// `plan: deploy (4711, manual): play`
pub fn plan(target: &Target) -> String {
    let Target { job, progress, .. } = target;
    let why = why(progress);
    let what = match progress {
        Progress::Planned(Plan::DoneAlready(_)) => format!("nothing to do, {why}"),
        _ if why.is_empty() => word(progress).to_owned(),
        _ => format!("{}, {why}", word(progress)),
    };
    format!(
        "plan: {} ({}, {}): {what}",
        job.name,
        job.id,
        job.status.word()
    )
}

/// `deploy: not yet, it is created`
pub fn changed(target: &Target) -> String {
    let Target { job, progress, .. } = target;
    let page = match progress {
        Progress::Planned(Plan::NotYet(Why::Approval(approval))) => format!("  {}", approval.page),
        _ => String::new(),
    };
    format!("{}: {}, {}{page}", job.name, word(progress), why(progress))
}

/// `deploy: played, 4711 is pending  https://…`
pub fn did(target: &Target) -> String {
    let Target { job, progress, .. } = target;
    let why = match why(progress).as_str() {
        "" => String::new(),
        why => format!(" ({why})"),
    };
    let (word, status) = (word(progress), job.status.word());
    format!(
        "{}: {word}{why}, {} is {status}  {}",
        job.name, job.id, job.web_url
    )
}

/// A line with the time of day.
pub fn happening(talk: &Talk, now: Timestamp, text: &str) {
    let now = format!("{} ", now.time_of_day());
    talk.pieces(&[(&now, Paint::Dim), (text, Paint::Plain)]);
}

pub fn pipeline(place: &Place) -> String {
    format!("pipeline {} of project {}", place.pipeline, place.project)
}

/// The answer of a request was lost.
pub fn lost(error: &Error) -> String {
    format!("{error}; looking whether it was done")
}

pub fn named(job: &Job) -> String {
    format!("{} ({})", job.name, job.id)
}

pub fn named_pipeline(pipeline: &Pipeline) -> String {
    format!("pipeline {}", pipeline.id)
}

pub fn goes_on(name: &str, url: &str) -> String {
    format!("{name} goes on  {url}")
}

pub fn being_canceled(name: &str) -> String {
    format!("{name} is being canceled")
}

pub fn not_canceled(name: &str, error: &Error) -> String {
    format!("{name} could not be canceled: {error}")
}

pub fn waiting_for_pipeline(stop: &Stop) -> String {
    format!("{stop}; waiting for it")
}

pub fn nothing_matches(pipeline: PipelineId) -> Stop {
    let error = format!("no job matches in pipeline {pipeline}");
    Stop::new(Exit::NotFound, error).hint(format!("jobgate jobs --pipeline {pipeline}"))
}

pub fn several_match(names: &[&str]) -> Stop {
    let error = format!("{} jobs match: {}", names.len(), list(names));
    Stop::usage(error).hint("--all acts on every one of them")
}

/// The server would drop inputs without a word.
pub fn inputs_ignored(version: &str) -> Stop {
    let error = format!("this GitLab ({version}) would ignore --input: that takes 18.10 or newer");
    Stop::new(Exit::Closed, error).hint("without --input nothing is left out in silence")
}

pub fn inputs_unknown(error: &Error) -> Stop {
    let error = format!("cannot tell whether this GitLab takes --input (18.10 or newer): {error}");
    Stop::new(Exit::Unknown, error)
}
