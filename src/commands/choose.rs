//! Options that say which pipeline and which jobs are meant, shared by every command that takes jobs.

use crate::cli::{Group, Opt, Words};
use crate::decide::select::{Operand, Selection};
use crate::exit::Stop;
use crate::find::Place;
use crate::gitlab::Project;
use crate::model::{PipelineId, ProjectId, Status};

pub const PROJECT: Opt = Opt::value(
    "--project",
    "PROJECT",
    "another project, by id or full path; needs --pipeline",
)
.short("-R");
pub const PIPELINE: Opt = Opt::value(
    "--pipeline",
    "ID",
    "another pipeline than the one this job is in",
);
pub const DOWNSTREAM: Opt = Opt::value(
    "--downstream",
    "TRIGGER",
    "the pipeline that this trigger job started; repeat for each hop",
)
.many();
pub const NO_TRIGGER_JOBS: Opt = Opt::switch("--no-trigger-jobs", "leave trigger jobs out");
/// Where to look.
pub const WHERE: Group = Group {
    title: "choosing the pipeline",
    options: &[&PROJECT, &PIPELINE, &DOWNSTREAM, &NO_TRIGGER_JOBS],
};

pub const NAME: Opt = Opt::value(
    "--name",
    "NAME",
    "a job by its exact name or group, whatever it looks like",
)
.many();
pub const STAGE: Opt = Opt::value("--stage", "NAME", "only jobs of this stage").many();
pub const STATUS: Opt = Opt::value("--status", "STATUS", "only jobs with this status")
    .many()
    .choices(Status::WORDS);
pub const EXCEPT: Opt = Opt::value("--except", "GLOB", "leave out jobs whose name matches").many();
/// Which jobs.
pub const WHICH: Group = Group {
    title: "choosing jobs",
    options: &[&NAME, &STAGE, &STATUS, &EXCEPT],
};

pub const ALL: Opt = Opt::switch(
    "--all",
    "act on every match; without it more than one is an error",
);

/// Where to look: read from the options, nothing asked yet.
#[derive(Clone, Debug, Default)]
pub struct Where {
    pub project: Option<Project>,
    pub pipeline: Option<PipelineId>,
    /// Trigger jobs to walk through, one hop each.
    pub downstream: Vec<String>,
    pub no_trigger_jobs: bool,
}

impl Where {
    pub fn read(words: &mut Words) -> Result<Self, Stop> {
        Ok(Self {
            project: words.parsed(&PROJECT, project)?,
            pipeline: words.parsed(&PIPELINE, pipeline)?,
            downstream: words.values(&DOWNSTREAM),
            no_trigger_jobs: words.switch(&NO_TRIGGER_JOBS),
        })
    }
}

impl Where {
    /// The pipeline that is meant before any hop downstream, given the calling job's own place.
    pub fn start(&self, own: &Place) -> Result<Place, Stop> {
        if self.project.is_some() && self.pipeline.is_none() {
            return Err(Stop::usage(
                "--project needs --pipeline: this job's own pipeline is in its own project",
            )
            .hint("--downstream TRIGGER reaches a pipeline that this one started"));
        }
        Ok(Place {
            project: self.project.clone().unwrap_or_else(|| own.project.clone()),
            pipeline: self.pipeline.unwrap_or(own.pipeline),
        })
    }
}

/// A project by id or full path.
pub fn project(text: &str) -> Result<Project, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse()
            .map(|id| Project::Id(ProjectId(id)))
            .map_err(|_| "no project id is that large".to_owned());
    }
    let plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if text.contains('/') && text.split('/').all(plain) {
        Ok(Project::Path(text.to_owned()))
    } else {
        Err("not a project; use its id or its full path as in group/project".to_owned())
    }
}

pub fn pipeline(text: &str) -> Result<PipelineId, String> {
    text.parse()
        .map(PipelineId)
        .map_err(|_| "not a pipeline id; use the number behind /-/pipelines/ in its URL".to_owned())
}

/// Operands and narrowing options together.
pub fn selection(words: &mut Words) -> Selection {
    let statuses = words.values(&STATUS);
    Selection {
        stages: words.values(&STAGE),
        statuses: statuses.iter().map(|word| Status::parse(word)).collect(),
        except: words.values(&EXCEPT),
        ..named(words)
    }
}

/// Operands and `--name` alone.
pub fn named(words: &mut Words) -> Selection {
    let plain = words.operands().into_iter().map(Operand::plain);
    let mut operands: Vec<Operand> = plain.collect();
    operands.extend(words.values(&NAME).into_iter().map(Operand::name));
    Selection {
        operands,
        ..Selection::default()
    }
}
