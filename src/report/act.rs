//! What an action plans, does and has done: lines while it happens, a table, document or variables at the end.

use serde::Serialize;
use serde_json::Value;

use super::dotenv::Dotenv;
use super::jobs::{COLUMNS, row};
use super::style::Paint;
use super::table::Table;
use super::talk::Talk;
use super::text::visible;
use super::{Color, Out, json, wait};
use crate::decide::action::{Plan, Progress, Target, Verb, Why};
use crate::decide::wait::Outcome;
use crate::exit::{Exit, Stop};
use crate::gitlab::Error;
use crate::model::{Job, JobId, Pipeline, PipelineId, Place, Project, Status};
use crate::time::Timestamp;

/// How an action ended.
pub struct Ending<'e> {
    pub action: &'static str,
    pub exit: Exit,
    /// `None` if it ended before the pipeline was known.
    pub place: Option<&'e Place>,
    pub what: What<'e>,
    /// Of the waiting that followed.
    pub waited: Option<&'e Outcome>,
}

/// What was acted on.
pub enum What<'e> {
    Jobs(&'e [Target]),
    Pipeline {
        project: &'e Project,
        ref_name: &'e str,
        started: Option<&'e Pipeline>,
    },
}

#[derive(Serialize)]
struct Document<'e> {
    result: &'static str,
    exit: u8,
    action: &'static str,
    project: Option<&'e Project>,
    pipeline: Option<PipelineId>,
    /// Of an action on jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<Acted<'e>>>,
    /// Of `trigger`, as is the link, which is null where no pipeline was started.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    ref_name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_url: Option<Value>,
    waited: Option<wait::Document<'e>>,
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
    fn project(&self) -> Option<&'e Project> {
        match self.what {
            What::Pipeline { project, .. } => Some(self.place.map_or(project, |it| &it.project)),
            What::Jobs(_) => self.place.map(|place| &place.project),
        }
    }

    /// What was acted on and what became of it; after waiting, the jobs and how they ended.
    pub fn print(&self, out: &mut Out, color: Color) {
        if let Some(outcome) = self.waited {
            return out.table(&wait::table(outcome), color);
        }
        match self.what {
            What::Pipeline { started: None, .. } => {}
            What::Jobs(targets) => out.table(&table(targets), color),
            What::Pipeline { started, .. } => {
                let url = started.map_or("", |pipeline| &pipeline.web_url);
                let place = self.place.map(pipeline).unwrap_or_default();
                let (place, url) = (visible(&place), visible(url));
                out.text(&format!("triggered: {place}\n  {url}\n"));
            }
        }
    }

    /// Why not all was done that was asked for, and what to try.
    pub fn stop(&self) -> Option<Stop> {
        let What::Jobs(targets) = self.what else {
            return None;
        };
        let bad = targets.iter().filter(|one| match &one.progress {
            Progress::Failed(_) => true,
            Progress::Planned(Plan::Do(_)) => false,
            other => self.exit != Exit::Ok && other.exit(Exit::Pending) == self.exit,
        });
        Stop::all(bad.map(cause))
    }

    pub fn json(&self) -> String {
        let waited = self.waited.zip(self.place);
        let acted = |target: &'e Target| Acted {
            name: &target.job.name,
            id: target.job.id,
            status: &target.job.status,
            web_url: &target.job.web_url,
            result: word(&target.progress),
            why: why(target),
        };
        let (jobs, ref_name, started) = match self.what {
            What::Jobs(targets) => (Some(targets.iter().map(acted).collect()), None, None),
            What::Pipeline {
                ref_name, started, ..
            } => (None, Some(ref_name), Some(started)),
        };
        json::text(&Document {
            result: self.exit.name(),
            exit: self.exit.code(),
            action: self.action,
            project: self.project(),
            pipeline: self.place.map(|place| place.pipeline),
            jobs,
            ref_name,
            web_url: started.map(|it| it.map(|it| &*it.web_url).into()),
            waited: waited.map(|(outcome, place)| wait::Document::of(outcome, Some(place))),
        }) + "\n"
    }

    /// For later jobs and `after_script`. Names are left out: they may hold what GitLab would expand.
    pub fn dotenv(&self) -> Dotenv {
        let pipeline = self.place.map(|place| place.pipeline);
        let mut dotenv = Dotenv::end(self.exit, self.project(), pipeline);
        match self.what {
            What::Pipeline { started, .. } => {
                if let Some(pipeline) = started {
                    dotenv.set("PIPELINE_URL", &pipeline.web_url);
                }
            }
            What::Jobs(targets) => {
                let sent = targets.iter().filter(|one| one.progress.verb().is_some());
                let ids: Vec<String> = sent.map(|target| target.job.id.to_string()).collect();
                dotenv.set("JOB_IDS", ids.join(" "));
                if let [Target { job, .. }] = targets {
                    dotenv.job(job);
                    if let Some(pipeline) = &job.downstream_pipeline {
                        dotenv.set("DOWNSTREAM_ID", pipeline.id.to_string());
                    }
                }
            }
        }
        // The last line: without it `cancel --from` takes the file for cut off.
        dotenv.set("ACTION", self.action);
        dotenv
    }
}

fn table(targets: &[Target]) -> Table {
    let mut table = Table::new(COLUMNS);
    for target in targets {
        let Target { job, progress, .. } = target;
        let paint = match progress.exit(Exit::Pending) {
            Exit::Ok => Paint::Good,
            Exit::Pending | Exit::Unknown => Paint::Warning,
            _ => Paint::Bad,
        };
        let (result, why) = ((word(progress), paint), why(target));
        let planned = matches!(progress, Progress::Planned(Plan::Do(_)));
        let link = paint != Paint::Good && !planned;
        row(&mut table, &job.name, job, result, [""; 3], &why, link);
    }
    table
}

/// Whether this word in JSON means a job that a play or retry has started, or may have.
pub fn started(word: &str) -> bool {
    matches!(word, "played" | "retried" | "unknown")
}

/// The word for it in JSON and tables.
fn word(progress: &Progress) -> &'static str {
    match progress {
        Progress::Planned(Plan::Do(verb)) => self::verb(*verb).0,
        Progress::Planned(Plan::NotYet(_)) => "not yet",
        Progress::Planned(Plan::DoneAlready(_)) => "done already",
        Progress::Planned(Plan::Refuse(_)) | Progress::Failed(_) => "refused",
        Progress::Did { verb, .. } => self::verb(*verb).1,
        Progress::Closed(_) => "gate closed",
        Progress::Sent(_) | Progress::Unknown(_) => "unknown",
    }
}

fn verb(verb: Verb) -> (&'static str, &'static str) {
    match verb {
        Verb::Play => ("play", "played"),
        Verb::Retry => ("retry", "retried"),
        Verb::Cancel => ("cancel", "canceled"),
        Verb::Erase => ("erase", "erased"),
    }
}

/// Why, in a few words; empty where the word says all.
fn why(target: &Target) -> String {
    match &target.progress {
        Progress::Planned(Plan::NotYet(why) | Plan::DoneAlready(why) | Plan::Refuse(why)) => {
            reason(why, target)
        }
        Progress::Did {
            answer_lost: true, ..
        } => "the answer was lost, but GitLab shows that it was done".into(),
        Progress::Planned(Plan::Do(_)) | Progress::Did { .. } => String::new(),
        Progress::Closed(_) => "nothing was sent".into(),
        Progress::Failed(stop) => stop.error.lines().next().unwrap_or_default().into(),
        sent @ (Progress::Sent(_) | Progress::Unknown(_)) => {
            let verb = sent.verb().map_or("", |verb| self::verb(verb).0);
            format!("{verb} was sent, and it is not known whether it was done")
        }
    }
}

fn reason(why: &Why, target: &Target) -> String {
    match why {
        Why::Status(Status::Success) => match target.job.downstream_pipeline.as_deref() {
            Some(started) if target.action.verb == Verb::Cancel && !started.status.finished() => {
                format!(
                    "it has passed, but pipeline {} has not finished",
                    started.id
                )
            }
            _ => "it has passed".into(),
        },
        Why::Status(Status::Failed) => "it has failed".into(),
        Why::Status(status) => format!("its status is {}", status.word()),
        Why::NotRunning => "it is not running".into(),
        Why::Replaced(newer) => format!("attempt {newer} has taken its place"),
        Why::Archived => "it is archived, and archived jobs cannot run".into(),
        Why::Erased => "it is erased".into(),
        Why::Unlisted => "it is not listed any more".into(),
        Why::TriggerJob => "GitLab can neither cancel nor erase a trigger job".into(),
        Why::StartsByItself => "it is a delayed trigger job, which starts by itself".into(),
        Why::TakesNoParameters => "a retry takes no variables (of a trigger job, no inputs)".into(),
        Why::Approval => {
            let environment = target.approval.as_ref().map_or("", |it| &it.name);
            format!("its deployment to {environment} waits for an approval")
        }
    }
}

/// What to try where an action is refused.
fn hint(target: &Target) -> Option<&'static str> {
    let Progress::Planned(Plan::Refuse(why)) = &target.progress else {
        return None;
    };
    Some(match (target.action.verb, why) {
        (_, Why::Archived) => "start a new pipeline",
        (Verb::Cancel, Why::Status(_)) if !target.job.trigger => return None,
        (Verb::Cancel, _) | (_, Why::TriggerJob) => {
            "--downstream NAME reaches the jobs of its downstream pipeline"
        }
        (_, Why::TakesNoParameters) => "leave them out, or use `jobgate trigger`",
        (Verb::Erase, Why::Status(_)) => "a job can be erased only after it has finished",
        (_, Why::Status(Status::Skipped)) => "retry the job whose failure skipped this one",
        (Verb::Retry, Why::Status(Status::Manual)) => "`jobgate play` starts a manual job",
        (_, Why::Status(status)) if status.finished() => "--rerun retries such a job",
        _ => "a --timeout longer than 0 waits until it is possible",
    })
}

/// `deploy (4711) cannot be retried: it has passed  https://…`
fn cause(target: &Target) -> Stop {
    let (name, why) = (job(&target.job), why(target));
    let participle = verb(target.action.verb).1;
    let what = match &target.progress {
        Progress::Failed(stop) => return stop.clone(),
        Progress::Planned(Plan::Refuse(_)) => format!("{name} cannot be {participle}: {why}"),
        Progress::Planned(_) => format!("{name} is not {participle} yet: {why}"),
        _ => format!("{name}: {why}"),
    };
    let error = format!("{what}  {}", target.job.web_url);
    let mut stop = Stop::new(target.progress.exit(Exit::Pending), error);
    stop.hints.extend(hint(target).map(str::to_owned));
    stop
}

/// `plan: deploy (4711, manual): play`
pub fn plan(target: &Target) -> String {
    format!("plan: {}", state(target))
}

/// `deploy (4711, created): not yet, it is created`
fn state(target: &Target) -> String {
    let Target { job, progress, .. } = target;
    // Why GitLab refuses is said at the end, with what to try.
    let why = match progress {
        Progress::Failed(_) => String::new(),
        _ => why(target),
    };
    let comma = if why.is_empty() { "" } else { ", " };
    let (word, status) = (word(progress), job.status.word());
    format!("{} ({}, {status}): {word}{comma}{why}", job.name, job.id)
}

/// `deploy (4711, pending): played  https://…`
pub fn changed(target: &Target) -> String {
    let page = &target.job.web_url;
    let page = match (&target.approval, &target.progress) {
        (Some(environment), _) => {
            // People approve on the page of the environment.
            let project = page.split("/-/").next().unwrap_or_default();
            format!("  {project}/-/environments/{}", environment.id)
        }
        (None, Progress::Did { .. }) => format!("  {page}"),
        _ => String::new(),
    };
    state(target) + &page
}

/// A line with the time of day.
pub fn happening(talk: &Talk, now: Timestamp, text: &str) {
    let now = format!("{} ", now.time_of_day());
    talk.pieces(&[(&now, Paint::Dim), (text, Paint::Plain)]);
}

pub fn pipeline(Place { project, pipeline }: &Place) -> String {
    format!("pipeline {pipeline} of project {project}")
}

/// The answer of a request was lost.
pub fn lost(error: &Error) -> String {
    format!("{error}; checking whether it was done")
}

pub fn job(job: &Job) -> String {
    format!("{} ({})", job.name, job.id)
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

pub const EACH: &str = "name one of them, or add --all to act on each";

/// The server would drop inputs without a word.
pub fn inputs_ignored(version: &str) -> Stop {
    let error = format!("this GitLab ({version}) would ignore --input: that takes 18.10 or newer");
    Stop::new(Exit::Closed, error).hint("without --input nothing is left out in silence")
}

pub fn plan_trigger(project: &Project, ref_name: &str) -> String {
    format!("plan: trigger {project} at {ref_name}")
}

pub fn triggered(place: &Place, url: &str) -> String {
    format!("triggered: {}  {url}", pipeline(place))
}

pub fn no_file(path: &str) -> String {
    format!("there is no file {path}, so there is nothing to cancel")
}

pub fn nothing_started(path: &str) -> String {
    format!("{path} names nothing that was started, so there is nothing to cancel")
}

pub fn foreign_file(path: &str) -> Stop {
    let error = format!("{path} is not a complete output file of play, retry or trigger");
    Stop::usage(error).hint("write it with --output json or --output dotenv")
}

pub fn perhaps_triggered(path: &str) -> Stop {
    let error = format!("{path} does not say which pipeline trigger has started, if any");
    Stop::new(Exit::Unknown, error)
}

/// The answer of a trigger was lost. `newer`: the pipelines that it may have started, or why they cannot be listed.
pub fn lost_trigger(
    mut stop: Stop,
    ref_name: &str,
    user: &str,
    newer: Result<Vec<Pipeline>, Stop>,
) -> Stop {
    let whose = format!("{ref_name} by {user}");
    let listed = |row: Pipeline| {
        let created = row.created_at.map(|at| at.to_string()).unwrap_or_default();
        let (id, url) = (row.id, row.web_url);
        format!("\npipeline {id} of {whose}, created {created}  {url}")
    };
    stop.hints.clear();
    let newer = match newer {
        Ok(rows) if rows.is_empty() => format!(", but lists no new pipeline of {whose} so far"),
        Ok(rows) => {
            "; these are new:".to_owned() + &rows.into_iter().map(listed).collect::<String>()
        }
        Err(refusal) => {
            stop.exit = Exit::of_all([stop.exit, refusal.exit]);
            stop.hints = refusal.hints;
            let error = refusal.error;
            format!("; the new pipelines of {whose} cannot be listed:\n{error}")
        }
    };
    stop.error += "\nGitLab may have started a pipeline all the same";
    stop.error += &newer;
    if !matches!(stop.exit, Exit::Signal(_)) {
        stop.exit = Exit::Unknown;
    }
    stop.hint("look at the newest pipelines of the ref before triggering again")
}
