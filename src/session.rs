//! What one call of a command works with: the way to GitLab, the talk, and who is asking.

mod ask_again;

use std::time::Duration;

use serde_json::value::RawValue;

use crate::ci::{Ci, Fixed};
use crate::decide::deadline::JobTime;
use crate::decide::select::Caller;
use crate::exit::Stop;
use crate::gitlab::{Answer, Client, Error, Facts, Note, Project, Route};
use crate::host::Host;
use crate::model::{CurrentJob, Job, Pipeline, Place, ProjectId};
use crate::report::events::EventWriter;
use crate::report::{Color, Talk, messages};
pub use ask_again::Asking;

/// Options that every command that asks GitLab takes.
#[derive(Clone, Default)]
pub struct Common {
    pub fixed: Fixed,
    pub debug: bool,
    pub color: Color,
    pub quiet: bool,
}

/// One call's surroundings, passed around besides data.
pub struct Session<'a> {
    pub host: &'a Host<'a>,
    pub ci: &'a Ci,
    pub gitlab: &'a Client<'a>,
    pub talk: &'a Talk<'a>,
    pub color: Color,
    pub events: &'a EventWriter<'a>,
    pub asking: Asking<'a>,
    /// When this program began, by the monotonic clock.
    began: Duration,
}

/// Takes an event as a line of JSON.
pub type EventStream<'s> = &'s dyn Fn(&str);

/// Opens the way to GitLab and works with it. Nothing is sent before `work` asks.
pub fn with<T>(
    common: &Common,
    host: &Host,
    work: impl FnOnce(&Session) -> Result<T, Stop>,
) -> Result<T, Stop> {
    streaming(common, host, None, work)
}

/// The same, with a stream of events.
pub fn streaming<T>(
    common: &Common,
    host: &Host,
    stream: Option<EventStream>,
    work: impl FnOnce(&Session) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let began = host.clock.monotonic();
    let ci = Ci::read(&host.vars, &common.fixed)?;
    let access = ci.access.iter().map(|access| &access.token);
    for token in ci.job_token.iter().chain(access) {
        host.conceal(token.reveal());
    }
    let talk = Talk::new(host, common.color, common.quiet);
    let debug = common.debug || host.vars.get("JOBGATE_DEBUG")?.is_some_and(|on| on != "0");
    let note = |note: Note| match &note {
        Note::Warning(text) => talk.warning(text),
        Note::Request(_) if !debug => {}
        _ => talk.line(&messages::note(&note)),
    };
    let gitlab = Client::open(&ci, host, &note)?;
    let events = EventWriter::new(&talk, host.clock, stream);
    work(&Session {
        host,
        ci: &ci,
        gitlab: &gitlab,
        talk: &talk,
        color: common.color,
        events: &events,
        asking: Asking::new(host, &gitlab, &talk, &events),
        began,
    })
}

/// The calling job, as GitLab knows it.
#[derive(Debug)]
pub struct Me {
    /// GitLab's own object.
    pub raw: Box<RawValue>,
    pub job: Job,
    pub pipeline: Pipeline,
    pub project: ProjectId,
    pub more: CurrentJob,
    pub facts: Facts,
}

impl Me {
    pub fn place(&self) -> Place {
        Place {
            project: Project::Id(self.project),
            pipeline: self.pipeline.id,
        }
    }

    pub fn caller(&self) -> Caller {
        Caller {
            id: self.job.id,
            name: self.job.name.clone(),
        }
    }

    /// What is known of the job's own time limits.
    pub fn time(&self, session: &Session) -> JobTime {
        JobTime {
            started: self.job.started_at,
            now: self.facts.date,
            ..session.job_time()
        }
    }
}

impl Session<'_> {
    /// Which job this is. From here on a 404 for its project is known to be a refusal.
    pub fn me(&self) -> Result<Me, Stop> {
        Ok(self.ask(|| self.me_of(&self.gitlab.get(&Route::CurrentJob, &[])?))?)
    }

    /// The same out of an answer to `GET /job`.
    pub fn me_of(&self, answer: &Answer) -> Result<Me, Error> {
        let job: Job = answer.json()?;
        let more: CurrentJob = answer.json()?;
        let pipeline = more.pipeline.clone();
        let (Some(pipeline), Some(project)) =
            (pipeline.clone(), pipeline.and_then(|p| p.project_id))
        else {
            return Err(answer.lacks("names no pipeline or project"));
        };
        self.gitlab.know(project);
        Ok(Me {
            raw: answer.json()?,
            job,
            pipeline,
            project,
            more,
            facts: answer.facts.clone(),
        })
    }

    /// GitLab's relative URL root: `/gitlab`, or nothing.
    pub fn root(&self) -> &str {
        self.ci.api.path.strip_suffix("/api/v4").unwrap_or_default()
    }

    /// Warns of a `CI_JOB_ID` other than the token's job.
    pub fn warn_of_other_job(&self, me: Option<&Me>) {
        if let Some(other) = me.and_then(|me| self.other_job(me)) {
            self.talk.warning(&other);
        }
    }

    /// A `CI_JOB_ID` other than the token's job: somebody mixed the variables of two jobs.
    pub fn other_job(&self, me: &Me) -> Option<String> {
        let said = self.ci.job.filter(|said| *said != me.job.id)?;
        Some(messages::other_job(said, me.job.id))
    }

    /// Asks until there is an answer, for as long as the call's patience lasts.
    pub fn ask<T>(&self, ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        self.asking.ask(ask)
    }

    /// By the monotonic clock.
    pub fn now(&self) -> Duration {
        self.host.clock.monotonic()
    }

    /// The job's time limits as far as variables say.
    pub fn job_time(&self) -> JobTime {
        JobTime {
            job: self.ci.job_timeout,
            script: self.ci.script_timeout,
            running: self.now().saturating_sub(self.began),
            ..JobTime::default()
        }
    }
}
