//! What an action plans, does and has done: lines and events while it happens, a table, document or variables at the end.

use super::dotenv::Dotenv;
use super::events::Teller;
use super::gate;
use super::json::Object;
use super::style::Paint;
use super::table::{Column, Table};
use super::wait;
use crate::commands::act::Target;
use crate::decide::action::{Fate, Step};
use crate::decide::gate::Judgement;
use crate::decide::verdict::Outcome;
use crate::exit::Exit;
use crate::find::Place;
use crate::session::Session;

const COLUMNS: &[Column] = &[
    Column::name("JOB"),
    Column::left("RESULT"),
    Column::left("STATUS"),
    Column::right("ID"),
    Column::left("NOTE"),
    Column::left("LINK"),
];

/// Tells what happens to whoever listens: a line on standard error.
pub struct Herald<'h> {
    session: &'h Session<'h>,
}

impl<'h> Herald<'h> {
    pub fn new(session: &'h Session<'h>) -> Self {
        Self { session }
    }

    /// For the waiting that follows.
    pub fn teller(&self) -> Teller<'h> {
        Teller::new(self.session, None)
    }

    /// What is going to be done.
    pub fn plan(&self, targets: &[Target]) {
        for target in targets {
            let why = target.fate.why();
            let what = match &target.fate {
                Fate::Already(_) => format!("nothing to do, {why}"),
                _ if why.is_empty() => word(target).to_owned(),
                _ => format!("{}, {why}", word(target)),
            };
            let Target { name, job, .. } = target;
            let status = job.status.word();
            self.line(&format!("plan: {name} ({}, {status}): {what}", job.id));
            if let Fate::Refused { hint, .. } = &target.fate {
                self.session.talk.hint(hint);
            }
        }
    }

    /// Conditions that were judged.
    pub fn gate(&self, judgement: &Judgement) {
        gate::tell(judgement, self.session.talk);
    }

    /// A job is waited for before anything can be sent.
    pub fn waits(&self, target: &Target) {
        let why = target.fate.why();
        self.happening(&format!("{}: {}, {why}", target.name, word(target)));
    }

    /// A request has had its effect.
    pub fn did(&self, target: &Target) {
        let why = match target.fate.why() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        let Target { name, job, .. } = target;
        let (word, status) = (word(target), job.status.word());
        self.happening(&format!(
            "{name}: {word}{why}, {} is {status}  {}",
            job.id, job.web_url
        ));
    }

    fn line(&self, text: &str) {
        self.session.talk.line(text);
    }

    pub(super) fn happening(&self, text: &str) {
        let now = self.session.host.clock.wall().time_of_day();
        let now = format!("{now} ");
        self.session
            .talk
            .pieces(&[(&now, Paint::Dim), (text, Paint::Plain)]);
    }
}

/// How an action ended.
pub struct Ending<'e> {
    pub action: &'static str,
    pub exit: Exit,
    pub place: &'e Place,
    pub targets: &'e [Target],
    /// Of the waiting that followed.
    pub waited: Option<&'e Outcome>,
}

impl Ending<'_> {
    /// The jobs and what became of them; after waiting, how they ended.
    pub fn table(&self) -> Table {
        if let Some(outcome) = self.waited {
            return wait::table(outcome);
        }
        let mut table = Table::new(COLUMNS);
        for target in self.targets {
            let Target {
                name, job, fate, ..
            } = target;
            table.row(&[
                (name, Paint::Plain),
                (word(target), paint(fate)),
                (
                    job.status.word(),
                    Paint::status(&job.status, job.allow_failure),
                ),
                (&job.id.to_string(), Paint::Dim),
                (fate.why(), Paint::Plain),
                (&job.web_url, Paint::Dim),
            ]);
        }
        table
    }

    pub fn json(&self) -> Object {
        let job = |target: &Target| {
            of_job(Object::new(), target)
                .text("result", word(target))
                .text("why", target.fate.why())
        };
        let object = Object::new()
            .text("result", self.exit.name())
            .number("exit", self.exit.code().into())
            .text("action", self.action)
            .project(&self.place.project)
            .number("pipeline", self.place.pipeline.0)
            .list("jobs", self.targets.iter().map(job));
        match self.waited {
            Some(outcome) => object.object("waited", wait::json(outcome, self.place)),
            None => object.null("waited"),
        }
    }

    /// For later jobs and `after_script`. Names are left out: they may hold what GitLab would expand.
    pub fn dotenv(&self) -> Dotenv {
        let mut dotenv = Dotenv::new();
        dotenv.set("RESULT", self.exit.name());
        dotenv.set("EXIT_CODE", self.exit.code().to_string());
        dotenv.project(&self.place.project);
        dotenv.set("PIPELINE_ID", self.place.pipeline.to_string());
        let done = self.targets.iter().filter(|target| target.fate.done());
        let ids: Vec<String> = done.map(|target| target.job.id.to_string()).collect();
        dotenv.set("JOB_IDS", ids.join(" "));
        if let [only] = self.targets {
            dotenv.set("JOB_ID", only.job.id.to_string());
            dotenv.set("JOB_STATUS", only.job.status.word());
            dotenv.set("JOB_URL", &only.job.web_url);
            if let Some(pipeline) = &only.job.downstream_pipeline {
                dotenv.set("DOWNSTREAM_ID", pipeline.id.to_string());
            }
        }
        dotenv
    }
}

fn of_job(object: Object, target: &Target) -> Object {
    let Target { name, job, .. } = target;
    object
        .text("name", name)
        .number("id", job.id.0)
        .text("status", job.status.word())
        .text("web_url", &job.web_url)
}

/// What became of it; of a plan, what would be sent.
fn word(target: &Target) -> &'static str {
    match (target.step, &target.fate) {
        (Some(step), Fate::Open(why)) if why.is_empty() => verb(step),
        (_, fate) => fate.word(),
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

fn paint(fate: &Fate) -> Paint {
    match fate {
        Fate::Did { .. } | Fate::Already(_) => Paint::Good,
        Fate::Open(_) | Fate::Unknown(_) => Paint::Warning,
        Fate::Refused { .. } | Fate::Closed(_) | Fate::Failed(_) => Paint::Bad,
    }
}
