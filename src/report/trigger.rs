//! A pipeline that was triggered: a line for people, a document for programs, variables for later jobs.

use serde::Serialize;

use super::act::{Document, waited};
use super::dotenv::Dotenv;
use super::style::Paint;
use super::table::{Column, Table};
use super::{json, wait};
use crate::decide::wait::Outcome;
use crate::exit::{Exit, Stop};
use crate::gitlab::Project;
use crate::model::{Pipeline, PipelineId, Place};
use crate::time::Timestamp;

const COLUMNS: &[Column] = &[
    Column::right("PIPELINE"),
    Column::left("RESULT"),
    Column::left("STATUS"),
    Column::left("PROJECT"),
    Column::left("LINK"),
];

/// How it ended.
pub struct Ending<'e> {
    pub exit: Exit,
    pub project: &'e Project,
    pub ref_name: &'e str,
    pub started: Option<&'e (Place, Pipeline)>,
    /// Of the waiting that followed.
    pub waited: Option<&'e Outcome>,
}

pub fn document(ending: &Ending) -> Document {
    Document {
        table: ending.started.map(|started| ending.table(started)),
        json: json::text(&ending.json()) + "\n",
        dotenv: ending.dotenv(),
    }
}

#[derive(Serialize)]
struct Triggered<'e> {
    result: &'static str,
    exit: u8,
    action: &'static str,
    project: &'e Project,
    #[serde(rename = "ref")]
    ref_name: &'e str,
    pipeline: Option<PipelineId>,
    web_url: Option<&'e str>,
    waited: Option<Box<serde_json::value::RawValue>>,
}

impl<'e> Ending<'e> {
    fn project(&self) -> &'e Project {
        self.started
            .map_or(self.project, |(place, _)| &place.project)
    }

    /// The pipeline; after waiting, its jobs and how they ended.
    fn table(&self, (place, pipeline): &(Place, Pipeline)) -> Table {
        if let Some(outcome) = self.waited {
            return wait::table(outcome);
        }
        let mut table = Table::new(COLUMNS);
        table.row(&[
            (&pipeline.id.to_string(), Paint::Plain),
            ("triggered", Paint::Good),
            (
                pipeline.status.word(),
                Paint::status(&pipeline.status, false),
            ),
            (&place.project.to_string(), Paint::Plain),
            (&pipeline.web_url, Paint::Dim),
        ]);
        table
    }

    fn json(&self) -> Triggered<'e> {
        Triggered {
            result: self.exit.name(),
            exit: self.exit.code(),
            action: "trigger",
            project: self.project(),
            ref_name: self.ref_name,
            pipeline: self.started.map(|(place, _)| place.pipeline),
            web_url: self.started.map(|(_, pipeline)| pipeline.web_url.as_str()),
            waited: waited(self.waited, self.started.map(|(place, _)| place)),
        }
    }

    fn dotenv(&self) -> Dotenv {
        let mut dotenv = Dotenv::new();
        dotenv.set("RESULT", self.exit.name());
        dotenv.set("EXIT_CODE", self.exit.code().to_string());
        dotenv.project(self.project());
        if let Some((_, pipeline)) = self.started {
            dotenv.set("PIPELINE_ID", pipeline.id.to_string());
            dotenv.set("PIPELINE_URL", &pipeline.web_url);
        }
        dotenv
    }
}

/// `plan: trigger ops/monitoring at main with variables A`
pub fn plan(project: &Project, ref_name: &str, with: Option<&str>) -> String {
    let with = with.map_or_else(String::new, |names| format!(" {names}"));
    format!("plan: trigger {project} at {ref_name}{with}")
}

pub fn started(place: &Place, pipeline: &Pipeline) -> String {
    format!(
        "triggered: pipeline {} of project {}  {}",
        pipeline.id, place.project, pipeline.web_url
    )
}

pub fn cannot_cancel() -> Stop {
    Stop::new(
        Exit::Refused,
        "--on-cancel cancel takes an access token: job tokens cannot cancel pipelines",
    )
}

/// The pipelines that are newer than a request whose answer was lost.
pub struct Newer<'n> {
    pub user: &'n str,
    pub since: Timestamp,
    /// Or why they cannot be listed.
    pub rows: Result<Vec<Pipeline>, Stop>,
}

/// The answer of the request was lost: `lost` says how.
pub fn lost(project: &Project, ref_name: &str, lost: &Stop, newer: Option<Newer>) -> Stop {
    let mut exit = match lost.exit {
        Exit::Signal(signal) => Exit::Signal(signal),
        _ => Exit::Unknown,
    };
    let mut error = format!(
        "{}\nit is not known whether GitLab has started the pipeline",
        lost.error
    );
    if let Some(Newer { user, since, rows }) = newer {
        let pipelines = format!(
            "pipelines of {ref_name} by {user} since {}",
            since.time_of_day()
        );
        let found = match rows {
            Ok(rows) if rows.is_empty() => format!("there are no {pipelines} yet"),
            Ok(rows) => {
                let rows = rows.iter().map(|row| format!("{} {}", row.id, row.web_url));
                format!("{pipelines}: {}", rows.collect::<Vec<_>>().join(", "))
            }
            Err(stop) => {
                exit = Exit::of_all([exit, stop.exit]);
                format!("the {pipelines} cannot be listed: {stop}")
            }
        };
        error = format!("{error}\n{found}");
    }
    Stop::new(exit, error).hint(format!(
        "look at the newest pipelines of {project} at {ref_name} before triggering again"
    ))
}
