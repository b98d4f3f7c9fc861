//! Options that several commands take, what is read from them, and the variables that the program reads.

use std::path::PathBuf;

use crate::ci::Fixed;
use crate::cli::{Group, Opt, Variable, Words};
use crate::decide::select::{Caller, Operand, Selection};
use crate::exit::{Exit, Stop};
use crate::gitlab::TokenKind;
use crate::model::{PipelineId, Place, Project, ProjectId, Status};
use crate::pipeline::{Pipelines, Way};
use crate::report::{Color, Format, messages};
use crate::session::{Common, Me, Session};

pub const SERVER: Opt = Opt::value(
    "--server URL",
    "the URL of GitLab, which no variable can change",
);
pub const CA_FILE: Opt = Opt::value(
    "--ca-file FILE|builtin",
    "trust this PEM file, too, or only the built-in roots",
);
pub const PROXY: Opt = Opt::value(
    "--proxy URL|none",
    "proxy of all requests, in place of proxy variables",
);
pub const TOKEN_FILE: Opt = Opt::value("--token-file PATH", "file with an access token");
pub const DEBUG: Opt = Opt::switch("--debug", "print a line for each request");
pub const COLOR: Opt = Opt::value(
    "--color WHEN",
    "when to print colors; default auto: in CI jobs and on terminals",
)
.choices(&["auto", "always", "never"]);
pub const QUIET: Opt =
    Opt::switch("--quiet", "print only warnings and errors on stderr").short("-q");

/// `--output` of a command that writes these forms.
pub const fn output(forms: &'static [&'static str]) -> Opt {
    Opt::value("--output FORMAT", "format of the answer; default table")
        .short("-o")
        .choices(forms)
}
pub const FORMAT: Opt = output(&["table", "json", "dotenv"]);
/// `--output` of commands without dotenv.
pub const PRINTED: Opt = output(&["table", "json"]);
pub const OUTPUT_FILE: Opt = Opt::value(
    "--output-file PATH",
    "write the answer to this file instead of stdout",
);

/// Options of every command that sends requests.
pub const CONNECTION: Group = Group {
    title: "connection and messages",
    options: &[
        &SERVER,
        &CA_FILE,
        &PROXY,
        &TOKEN_FILE,
        &DEBUG,
        &COLOR,
        &QUIET,
    ],
};

/// Format and file of the answer.
pub const OUTPUT: Group = Group {
    title: "output",
    options: &[&FORMAT, &OUTPUT_FILE],
};
pub const PRINTING: Group = Group {
    title: "output",
    options: &[&PRINTED, &OUTPUT_FILE],
};

pub const PROJECT: Opt = Opt::value(
    "--project PROJECT",
    "another project, by id or path; needs --pipeline",
)
.short("-R");
pub const PIPELINE: Opt = Opt::value(
    "--pipeline ID",
    "id of the pipeline; default: the pipeline of this job",
);
pub const DOWNSTREAM: Opt = Opt::value(
    "--downstream TRIGGER",
    "go to the pipeline that this trigger job started, one hop each",
)
.many();
pub const NO_TRIGGER_JOBS: Opt = Opt::switch("--no-trigger-jobs", "leave out trigger jobs");
/// Where to look.
pub const WHERE: Group = Group {
    title: "choosing the pipeline",
    options: &[&PROJECT, &PIPELINE, &DOWNSTREAM, &NO_TRIGGER_JOBS],
};

pub const NAME: Opt = Opt::value(
    "--name NAME",
    "a job or group by its exact name, even if it looks like an id",
)
.many();
pub const STAGE: Opt = Opt::value("--stage NAME", "only jobs of this stage").many();
pub const STATUS: Opt = Opt::value("--status STATUS", "only jobs with this status")
    .many()
    .choices(Status::WORDS);
pub const EXCEPT: Opt = Opt::value("--except GLOB", "leave out jobs that match this glob").many();
/// Which jobs.
pub const WHICH: Group = Group {
    title: "choosing jobs",
    options: &[&NAME, &STAGE, &STATUS, &EXCEPT],
};

pub const ALL: Opt = Opt::switch(
    "--all",
    "act on every match; without it, more than one is an error",
);

const fn variable(name: &'static str, help: &'static str) -> Variable {
    Variable { name, help }
}

/// All variables that the program reads. They hold credentials, addresses, certificates and presentation, never a condition or a selection.
pub const VARIABLES: &[Variable] = &[
    variable("CI_API_V4_URL", "URL of GitLab's API"),
    variable("CI_JOB_TOKEN", "the job token"),
    variable("CI_JOB_ID", "id of this job, compared with GitLab's answer"),
    variable("CI_JOB_TIMEOUT", "time limit of this job, in seconds"),
    variable("RUNNER_SCRIPT_TIMEOUT", "time limit of the script: 10m"),
    variable("CI_SERVER_VERSION", "version of GitLab, used in hints only"),
    variable("JOBGATE_TOKEN_FILE", "path of a file with an access token"),
    variable("JOBGATE_TOKEN", "an access token, if no file is named"),
    variable("GITLAB_TOKEN", "an access token, if these are not set"),
    variable("CI_SERVER_TLS_CA_FILE", "PEM file, besides built-in roots"),
    variable("SSL_CERT_FILE", "PEM file, in place of the built-in roots"),
    variable("CI_SERVER_TLS_CERT_FILE", "PEM file, client certificate"),
    variable("CI_SERVER_TLS_KEY_FILE", "PEM file, key of the certificate"),
    variable("https_proxy", "proxy for https URLs, also HTTPS_PROXY"),
    variable("http_proxy", "proxy for http URLs, lower case only"),
    variable("all_proxy", "proxy for all URLs, also ALL_PROXY"),
    variable("no_proxy", "hosts without proxy, also NO_PROXY"),
    variable("GITLAB_CI", "set in CI jobs, where colors are on; also CI"),
    variable("JOBGATE_DEBUG", "1 prints each request, as --debug does"),
    variable("NO_COLOR", "any value turns colors off"),
];

impl Common {
    pub fn read(words: &mut Words) -> Self {
        Self {
            fixed: Fixed {
                server: words.value(&SERVER),
                ca_file: words.value(&CA_FILE),
                proxy: words.value(&PROXY),
                token_file: words.value(&TOKEN_FILE),
            },
            debug: words.switch(&DEBUG),
            color: Color::of(words.value(&COLOR).as_deref()),
            quiet: words.switch(&QUIET),
        }
    }
}

/// Options of every command that prints an answer.
pub struct Printing {
    pub format: Format,
    pub file: Option<PathBuf>,
    pub common: Common,
}

impl Printing {
    /// `output` is the command's own `--output`.
    pub fn read(words: &mut Words, output: &'static Opt) -> Self {
        Self {
            format: Format::of(words.value(output).as_deref()),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words),
        }
    }
}

/// The project and pipeline that the options name, before any request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// The selected pipeline and the calling job.
#[derive(Debug)]
pub struct Located {
    pub place: Place,
    /// `None` if project and pipeline are given and no job token is set.
    pub me: Option<Me>,
}

impl Located {
    /// The calling job, if the pipeline is its own.
    pub fn caller(&self) -> Option<Caller> {
        let me = self.me.as_ref();
        me.filter(|me| me.pipeline.id == self.place.pipeline)
            .map(Me::caller)
    }
}

impl Where {
    /// Project and pipeline are both given: the calling job need not be known.
    pub fn complete(&self) -> bool {
        self.project.is_some() && self.pipeline.is_some()
    }

    /// The pipeline from which `--downstream` starts. The calling job may be unknown if [`Self::complete`].
    pub fn start(&self, me: Option<&Me>) -> Result<Place, Stop> {
        match (&self.project, self.pipeline, me) {
            (Some(project), Some(pipeline), _) => Ok(Place {
                project: project.clone(),
                pipeline,
            }),
            (None, pipeline, Some(me)) => Ok(Place {
                pipeline: pipeline.unwrap_or(me.pipeline.id),
                ..me.place()
            }),
            _ => Err(messages::project_without_pipeline()),
        }
    }

    /// The same, asking GitLab for the calling job.
    pub fn ask_start(&self, session: &Session) -> Result<Located, Stop> {
        let ask = !self.complete() || session.gitlab.has(TokenKind::Job);
        let me = match ask.then(|| session.me()).transpose() {
            Err(stop) if stop.exit == Exit::Refused && self.complete() => None,
            Err(stop) if stop.exit == Exit::Refused => return Err(messages::job_unknown(stop)),
            known => known?,
        };
        session.warn_of_other_job(me.as_ref());
        let place = self.start(me.as_ref())?;
        Ok(Located { place, me })
    }

    /// Follows `--downstream` to the selected pipeline and prints a line for each hop.
    pub fn locate(&self, session: &Session, pipelines: &Pipelines) -> Result<Located, Stop> {
        let Located { place, me } = self.ask_start(session)?;
        match session.ask(|| pipelines.walk(&place, &self.downstream))? {
            Way::Found(place, hops) => {
                for hop in &hops {
                    session.talk.line(hop);
                }
                Ok(Located { place, me })
            }
            Way::NotStarted(from, trigger) => Err(messages::not_started(&trigger, from)),
            Way::Nowhere(stop) => Err(stop),
        }
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
