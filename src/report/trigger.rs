//! A pipeline that was triggered: a line for people, a document for programs, variables for later jobs.

use super::act::Herald;
use super::dotenv::Dotenv;
use super::json::Object;
use super::style::Paint;
use super::table::{Column, Table};
use super::wait;
use crate::commands::trigger::Started;
use crate::decide::verdict::Outcome;
use crate::exit::Exit;
use crate::gitlab::Project;

const COLUMNS: &[Column] = &[
    Column::right("PIPELINE"),
    Column::left("RESULT"),
    Column::left("STATUS"),
    Column::left("PROJECT"),
    Column::left("LINK"),
];

impl Herald<'_> {
    /// The pipeline was started.
    pub fn started(&self, started: &Started) {
        let Started { place, pipeline } = started;
        self.happening(&format!(
            "triggered: pipeline {} of project {}  {}",
            pipeline.id, place.project, pipeline.web_url
        ));
    }
}

/// How it ended.
pub struct Ending<'e> {
    pub exit: Exit,
    pub project: &'e Project,
    pub ref_name: &'e str,
    pub started: Option<&'e Started>,
    /// Of the waiting that followed.
    pub waited: Option<&'e Outcome>,
}

impl Ending<'_> {
    /// The pipeline; after waiting, its jobs and how they ended.
    pub fn table(&self) -> Table {
        if let Some(outcome) = self.waited {
            return wait::table(outcome);
        }
        let mut table = Table::new(COLUMNS);
        if let Some(started) = self.started {
            let pipeline = &started.pipeline;
            table.row(&[
                (&pipeline.id.to_string(), Paint::Plain),
                ("triggered", Paint::Good),
                (
                    pipeline.status.word(),
                    Paint::status(&pipeline.status, false),
                ),
                (&self.project.to_string(), Paint::Plain),
                (&pipeline.web_url, Paint::Dim),
            ]);
        }
        table
    }

    pub fn json(&self) -> Object {
        let object = Object::new()
            .text("result", self.exit.name())
            .number("exit", self.exit.code().into())
            .text("action", "trigger")
            .project(self.project)
            .text("ref", self.ref_name);
        let object = match self.started {
            Some(started) => object
                .number("pipeline", started.pipeline.id.0)
                .text("web_url", &started.pipeline.web_url),
            None => object.null("pipeline").null("web_url"),
        };
        match (self.waited, self.started) {
            (Some(outcome), Some(started)) => {
                object.object("waited", wait::json(outcome, &started.place))
            }
            _ => object.null("waited"),
        }
    }

    pub fn dotenv(&self) -> Dotenv {
        let mut dotenv = Dotenv::new();
        dotenv.set("RESULT", self.exit.name());
        dotenv.set("EXIT_CODE", self.exit.code().to_string());
        dotenv.project(self.project);
        if let Some(started) = self.started {
            dotenv.set("PIPELINE_ID", started.pipeline.id.to_string());
            dotenv.set("PIPELINE_URL", &started.pipeline.web_url);
        }
        dotenv
    }
}
