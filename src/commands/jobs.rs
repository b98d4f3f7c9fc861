//! `jobs`: jobs and trigger jobs of a pipeline, of all below it, or of the project.

mod digest;
mod list;
mod project;
mod tree;

use std::path::PathBuf;

use super::Command;
use super::choose::{self, WHERE, WHICH, Where};
use super::located::locate;
use super::shared::{CONNECTION, LISTED, OUTPUT_FILE};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::select::Selection;
use crate::exit::{Exit, Stop};
use crate::find::Finder;
use crate::host::Host;
use crate::model::Status;
use crate::report::{Format, Out};
use crate::session::{self, Common, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const RETRIED: Opt = Opt::switch("--retried", "older attempts of retried jobs, too");
const RECURSIVE: Opt = Opt::switch(
    "--recursive",
    "the pipelines that trigger jobs started, too, as a tree",
);
const ALL_PIPELINES: Opt = Opt::switch(
    "--all-pipelines",
    "the jobs of all pipelines of the project, newest first",
);
const LIMIT: Opt = Opt::value(
    "--limit",
    "N",
    "with --all-pipelines: at most N jobs (100); 0 for all",
);
const LOG_TAIL: Opt = Opt::value(
    "--log-tail",
    "N",
    "below the table, the last N lines of each failed job's log",
);
const LISTING: Group = Group {
    title: "listing",
    options: &[&RETRIED, &RECURSIVE, &ALL_PIPELINES, &LIMIT, &LOG_TAIL],
};
const ANSWER: Group = Group {
    title: "form of the list",
    options: &[&LISTED, &OUTPUT_FILE],
};

const USAGE: Usage = Usage {
    name: "jobs",
    operands: "[JOB...]",
    arity: (0, usize::MAX),
    choices: &[],
    summary: "lists the jobs and trigger jobs of a pipeline, or of all below it",
    details: "\
JOB is a name, the name of a parallel or matrix group, a glob with * and ?, or a job id. As in `jobgate wait` the calling job is never \
among those that operands mean; without operands it is in the list. Without --pipeline it is the pipeline of the calling job.

The table is in the order of the stages. With --output json the answer is a list of GitLab's own objects, complete and in GitLab's order, \
jobs before trigger jobs; ndjson has one of them a line. With --recursive, json is one object {pipeline, jobs: [{job, retried, downstream}]}, \
where downstream is null, such an object again, or {pipeline, error}; ndjson has one {pipeline, job} a line.

Where GitLab does not show trigger jobs to the token, the jobs are listed and the exit code is 4, unless names or ids alone are asked for \
and all are found; --no-trigger-jobs leaves trigger jobs out.

GitLab lists a project's jobs (--all-pipelines) without trigger jobs and without those that are created; every attempt has a row there. \
If a filter leaves fewer than N, the newest 10000 jobs are looked through, with --limit 0 all.

--log-tail reads logs with an access token. Without one the table is still printed, and the exit code is 4.",
    example: "\
jobgate jobs
jobgate jobs --status failed --log-tail 20
jobgate jobs 'test*' --except 'test-slow*'
jobgate jobs --recursive --output ndjson
jobgate jobs deploy --all-pipelines --limit 5",
    groups: &[&WHICH, &LISTING, &WHERE, &ANSWER, &CONNECTION],
};

/// How far to look.
enum Reach {
    Pipeline,
    /// The pipelines below it, too.
    Tree,
    /// All pipelines of the project; at most so many rows, 0 for all.
    Project(usize),
}

struct Options {
    selection: Selection,
    choice: Where,
    reach: Reach,
    retried: bool,
    log_tail: Option<usize>,
    format: Format,
    file: Option<PathBuf>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let retried = words.switch(&RETRIED);
        let mut selection = choose::selection(words);
        selection.all = selection.operands.is_empty();
        selection.attempts = retried;
        let recursive = words.switch(&RECURSIVE);
        let project = words.switch(&ALL_PIPELINES);
        let limit = words.parsed(&LIMIT, number)?;
        let options = Self {
            selection,
            choice: Where::read(words)?,
            reach: match (recursive, project) {
                (false, false) if limit.is_none() => Reach::Pipeline,
                (true, false) if limit.is_none() => Reach::Tree,
                (false, true) => Reach::Project(limit.unwrap_or(100)),
                (true, true) => return Err(clash("--recursive", "--all-pipelines")),
                _ => {
                    return Err(mistake(
                        "--limit needs --all-pipelines: a pipeline is listed whole",
                    ));
                }
            },
            retried,
            log_tail: words.parsed(&LOG_TAIL, number)?,
            format: words.parsed(&LISTED, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        };
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), Stop> {
        let Where {
            pipeline,
            downstream,
            no_trigger_jobs,
            ..
        } = &self.choice;
        match self.reach {
            Reach::Tree if *no_trigger_jobs => {
                return Err(clash("--recursive", "--no-trigger-jobs"));
            }
            Reach::Project(_) if pipeline.is_some() => {
                return Err(clash("--all-pipelines", "--pipeline"));
            }
            Reach::Project(_) if !downstream.is_empty() => {
                return Err(clash("--all-pipelines", "--downstream"));
            }
            Reach::Project(_) if self.selection.statuses.contains(&Status::Created) => {
                return Err(mistake(
                    "GitLab leaves jobs that are created out of a project's list",
                ));
            }
            _ => {}
        }
        if self.log_tail.is_some() && self.format != Format::Table {
            return Err(mistake("--log-tail goes with the table only").hint(
                "jobgate trace JOB prints a log; jobgate jobs -o json tells the ids to ask for",
            ));
        }
        Ok(())
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

fn mistake(error: &str) -> Stop {
    USAGE.explain(Stop::usage(error))
}

fn clash(one: &str, other: &str) -> Stop {
    mistake(&format!("{one} does not go with {other}"))
}

/// One call.
struct Task<'a> {
    session: &'a Session<'a>,
    finder: Finder<'a>,
    options: &'a Options,
}

/// What the answer lacks. It is told at the end, when everything that there is has been shown.
#[derive(Default)]
struct Flaws(Vec<Stop>);

impl Flaws {
    /// One cause is told once, however many jobs or pipelines it concerns.
    fn add(&mut self, stop: Stop) {
        let cause = |stop: &Stop| stop.error.lines().next().map(str::to_owned);
        if !self.0.iter().any(|known| cause(known) == cause(&stop)) {
            self.0.push(stop);
        }
    }

    fn end(self) -> Result<Exit, Stop> {
        if self.0.is_empty() {
            return Ok(Exit::Ok);
        }
        let exit = Exit::of_all(self.0.iter().map(|stop| stop.exit));
        let errors: Vec<&str> = self.0.iter().map(|stop| stop.error.as_str()).collect();
        let mut all = Stop::new(exit, errors.join("\n"));
        for hint in self.0.iter().flat_map(|stop| &stop.hints) {
            if !all.hints.contains(hint) {
                all.hints.push(hint.clone());
            }
        }
        Err(all)
    }
}

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let options = Options::read(&mut words)?;
    words.done();
    let mut out = Out::open(host, options.file.as_deref(), false)?;
    session::with(&options.common, host, |session| {
        let task = Task {
            session,
            finder: Finder::new(session.gitlab),
            options: &options,
        };
        let mut flaws = Flaws::default();
        if let Reach::Project(limit) = options.reach {
            project::show(&task, limit, &mut out, &mut flaws)?;
        } else {
            let located = locate(session, &task.finder, &options.choice)?;
            match options.reach {
                Reach::Tree => tree::show(&task, &located, &mut out, &mut flaws)?,
                _ => list::show(&task, &located, &mut out, &mut flaws)?,
            }
        }
        if let Err(stop) = out.finish() {
            flaws.add(stop);
        }
        Ok(flaws.end()?)
    })
}
