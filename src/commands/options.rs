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
    "pin the URL of GitLab; a CI_API_V4_URL that differs is an error",
);
pub const CA_FILE: Opt = Opt::value(
    "--ca-file FILE|builtin",
    "also trust the CAs in this PEM file; builtin: only built-in CAs",
);
pub const PROXY: Opt = Opt::value(
    "--proxy URL|none",
    "use this proxy, or none; the proxy variables are ignored",
);
pub const TOKEN_FILE: Opt = Opt::value("--token-file PATH", "read the access token from this file");
pub const DEBUG: Opt = Opt::switch("--debug", "print one line per request to stderr");
pub const COLOR: Opt = Opt::value(
    "--color WHEN",
    "when to print colors; default auto: in CI jobs and on terminals",
)
.choices(&["auto", "always", "never"]);
pub const QUIET: Opt =
    Opt::switch("--quiet", "print only warnings and errors to stderr").short("-q");

/// `--output` of a command that writes these forms.
pub const fn output(forms: &'static [&'static str]) -> Opt {
    Opt::value("--output FORMAT", "output format; default table")
        .short("-o")
        .choices(forms)
}
pub const FORMAT: Opt = output(&["table", "json", "dotenv"]);
/// `--output` of commands without dotenv.
pub const PRINTED: Opt = output(&["table", "json"]);
pub const OUTPUT_FILE: Opt = Opt::value(
    "--output-file PATH",
    "write the output to this file instead of stdout",
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
    "use this project, by id or full path; needs --pipeline",
)
.short("-R");
pub const PIPELINE: Opt = Opt::value(
    "--pipeline ID",
    "use this pipeline; default: the pipeline of the calling job",
);
pub const DOWNSTREAM: Opt = Opt::value(
    "--downstream TRIGGER",
    "use the pipeline that this trigger job started; repeat to go deeper",
)
.many();
pub const NO_TRIGGER_JOBS: Opt = Opt::switch("--no-trigger-jobs", "ignore trigger jobs");
/// Where to look.
pub const WHERE: Group = Group {
    title: "choosing the pipeline",
    options: &[&PROJECT, &PIPELINE, &DOWNSTREAM, &NO_TRIGGER_JOBS],
};

pub const NAME: Opt = Opt::value(
    "--name NAME",
    "select a job or group by its exact name, even if it is all digits",
)
.many();
pub const STAGE: Opt = Opt::value("--stage NAME", "select only jobs of this stage").many();
pub const STATUS: Opt = Opt::value("--status STATUS", "select only jobs with this status")
    .many()
    .choices(Status::WORDS);
pub const EXCEPT: Opt = Opt::value("--except GLOB", "exclude jobs that match this glob").many();
/// Which jobs.
pub const WHICH: Group = Group {
    title: "choosing jobs",
    options: &[&NAME, &STAGE, &STATUS, &EXCEPT],
};

pub const ALL: Opt = Opt::switch(
    "--all",
    "act on all matching jobs; without it, more than one is an error",
);

const fn variable(name: &'static str, help: &'static str) -> Variable {
    Variable { name, help }
}

/// All variables that the program reads. They hold credentials, addresses, certificates and presentation, never a condition or a selection.
pub const VARIABLES: &[Variable] = &[
    variable("CI_API_V4_URL", "URL of GitLab's API"),
    variable("CI_JOB_TOKEN", "the job token"),
    variable("CI_JOB_ID", "id of the calling job, checked against GitLab"),
    variable("CI_JOB_TIMEOUT", "the calling job's time limit in seconds"),
    variable("RUNNER_SCRIPT_TIMEOUT", "script time limit, such as 10m"),
    variable("CI_SERVER_VERSION", "version of GitLab, used in hints only"),
    variable("JOBGATE_TOKEN_FILE", "path of a file with an access token"),
    variable("JOBGATE_TOKEN", "an access token, if no file is given"),
    variable(
        "GITLAB_TOKEN",
        "an access token, if neither of the two above is set",
    ),
    variable("CI_SERVER_TLS_CA_FILE", "PEM file of additional CAs"),
    variable("SSL_CERT_FILE", "PEM file that replaces the built-in CAs"),
    variable("CI_SERVER_TLS_CERT_FILE", "client certificate, a PEM file"),
    variable("CI_SERVER_TLS_KEY_FILE", "its private key, a PEM file"),
    variable("https_proxy", "proxy for https URLs, also HTTPS_PROXY"),
    variable("http_proxy", "proxy for http URLs, lower case only"),
    variable("all_proxy", "proxy for all URLs, also ALL_PROXY"),
    variable("no_proxy", "hosts to reach without a proxy, also NO_PROXY"),
    variable("GITLAB_CI", "turns colors on, as does CI; GitLab sets both"),
    variable("JOBGATE_DEBUG", "1 has the effect of --debug"),
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

impl Me {
    /// The calling job, if the pipeline is its own.
    pub fn caller_in(&self, pipeline: PipelineId) -> Option<Caller> {
        (self.pipeline.id == pipeline).then(|| self.caller())
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
        let id = text.parse().map(|id| Project::Id(ProjectId(id)));
        return id.map_err(|_| "no project id is that large".to_owned());
    }
    let plain = |part: &str| {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        !matches!(part, "" | "." | "..") && part.chars().all(fits)
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
