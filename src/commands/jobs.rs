//! `jobs`: jobs and trigger jobs of a pipeline, of all below it, or of the project.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde_json::value::RawValue;

use super::Command;
use super::logs::show_tails;
use super::options::{self, CONNECTION, Located, OUTPUT_FILE, Printing, WHERE, WHICH, Where};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::select::{Selected, Selection, newest, select};
use crate::decide::stages;
use crate::exit::{Exit, Stop};
use crate::gitlab::Error;
use crate::host::Host;
use crate::model::{Job, JobId, PipelineId, PipelineKey, Place, Project, Status};
use crate::pipeline::{Pipelines, Rows, Scope, TriggerJobs, choose, no_such_jobs, refused};
use crate::report::jobs::{self, Texts};
use crate::report::messages::{self, Within};
use crate::report::tree::{Node, Read, grow};
use crate::report::{Format, Out, json};
use crate::session::{self, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const RETRIED: Opt = Opt::switch("--retried", "also list earlier attempts of retried jobs");
const RECURSIVE: Opt = Opt::switch(
    "--recursive",
    "also list the downstream pipelines, as a tree",
);
const ALL_PIPELINES: Opt = Opt::switch(
    "--all-pipelines",
    "list the jobs of all pipelines of the project, newest first",
);
const LIMIT: Opt = Opt::value(
    "--limit N",
    "with --all-pipelines: list at most N jobs; 0: all; default 100",
);
pub const LOG_TAIL: Opt = Opt::value(
    "--log-tail N",
    "print the last N lines of each failed job's log",
);
const LISTING: Group = Group {
    title: "listing",
    options: &[&RETRIED, &RECURSIVE, &ALL_PIPELINES, &LIMIT, &LOG_TAIL],
};
const FORMAT: Opt = options::output(&["table", "json", "ndjson"]);
const ANSWER: Group = Group {
    title: "output",
    options: &[&FORMAT, &OUTPUT_FILE],
};

const USAGE: Usage = Usage {
    name: "jobs",
    operands: "[JOB...]",
    summary: "lists the jobs of a pipeline, and of its downstream pipelines",
    details: "\
Without a JOB, jobs lists all jobs, the calling job included. A JOB never selects the calling job.

The table is sorted by stage. jobs prints the link of a failed, canceled or manual job below its row; for the other jobs, put the id in place of ID in \
the link below the table.

--output json prints a list of GitLab's own objects, complete and in GitLab's order, jobs before trigger jobs; ndjson prints one object per line. With \
--recursive, json prints one object {pipeline, jobs: [{job, retried, downstream}]}, where downstream is null, another such object, or {pipeline, \
error}; ndjson prints one object {pipeline, job} per line.

A job token can list jobs on GitLab 18.2 and later, and trigger jobs on 19.2 and later; an access token needs the role Reporter and the scope \
read_api. If GitLab refuses to list the trigger jobs, jobs prints the jobs and exits with 4, unless every JOB is a name or id and was found.

With --all-pipelines, GitLab lists no trigger jobs and no jobs with status created, and every attempt of a job is a row. To find N jobs that match, \
jobs reads up to 10000 of the newest jobs, with --limit 0 all jobs.

--log-tail needs an access token. Without one, jobs prints the table and exits with 4.

Exit codes: 0 ok (also for an empty list), 2 usage, 4 refused, 5 not-found (an operand selects no job), 6 unknown.",
    example: "\
jobgate jobs
jobgate jobs --status failed --log-tail 20
jobgate jobs 'unit*' --except 'unit 3/3'
jobgate jobs --recursive --output ndjson
jobgate jobs integration --all-pipelines --limit 5",
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
    place: Where,
    reach: Reach,
    log_tail: Option<usize>,
    printing: Printing,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let mut selection = options::selection(words);
        selection.all = selection.operands.is_empty();
        selection.attempts = words.switch(&RETRIED);
        let place = Where::read(words)?;
        let options = Self {
            reach: Reach::read(words, &place, &selection)?,
            selection,
            place,
            log_tail: words.parsed(&LOG_TAIL, number)?,
            printing: Printing::read(words, &FORMAT),
        };
        if options.log_tail.is_some() && options.printing.format != Format::Table {
            return Err(Stop::usage("--log-tail needs --output table")
                .hint("`jobgate trace JOB` prints a log; the JSON has the ids of the jobs"));
        }
        Ok(options)
    }
}

impl Reach {
    fn read(words: &mut Words, place: &Where, selection: &Selection) -> Result<Self, Stop> {
        let clash = |one: &Opt, other: &Opt| Err(messages::clash(one.name, other.name));
        let limit = words.parsed(&LIMIT, number)?;
        match (words.switch(&RECURSIVE), words.switch(&ALL_PIPELINES)) {
            (true, true) => clash(&RECURSIVE, &ALL_PIPELINES),
            (_, false) if limit.is_some() => Err(Stop::usage(
                "--limit needs --all-pipelines: a pipeline is listed whole",
            )),
            (true, _) if place.no_trigger_jobs => clash(&RECURSIVE, &options::NO_TRIGGER_JOBS),
            (true, _) => Ok(Self::Tree),
            (_, true) if place.pipeline.is_some() => clash(&ALL_PIPELINES, &options::PIPELINE),
            (_, true) if !place.downstream.is_empty() => {
                clash(&ALL_PIPELINES, &options::DOWNSTREAM)
            }
            (_, true) if selection.statuses.contains(&Status::Created) => Err(Stop::usage(
                "GitLab leaves jobs that are created out of a project's list",
            )),
            (_, true) => Ok(Self::Project(limit.unwrap_or(100))),
            (false, false) => Ok(Self::Pipeline),
        }
    }
}

pub fn number(text: &str) -> Result<usize, String> {
    let Ok(number) = text.parse() else {
        return Err(format!("{text:?} is not a number"));
    };
    Ok(number)
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let options = Options::read(&mut words).map_err(|stop| USAGE.explain(stop))?;
    words.done();
    let mut out = Out::open(host, options.printing.file.as_deref(), false)?;
    session::with(&options.printing.common, host, |session| {
        let mut listing = Listing {
            session,
            pipelines: Pipelines::new(session.gitlab),
            options: &options,
            out: &mut out,
            names: Vec::new(),
            lacks: Vec::new(),
        };
        match options.reach {
            Reach::Pipeline => listing.pipeline()?,
            Reach::Tree => listing.tree()?,
            Reach::Project(limit) => listing.project(limit)?,
        }
        let mut lacks = listing.lacks;
        lacks.extend(out.finish().err());
        Stop::all(lacks).map_or(Ok(Exit::Ok), Err)
    })
}

/// One call.
struct Listing<'a, 'h> {
    session: &'a Session<'a>,
    pipelines: Pipelines<'a>,
    options: &'a Options,
    out: &'a mut Out<'h>,
    /// Of the jobs that were read.
    names: Vec<String>,
    /// What the answer lacks. It is printed at the end, when everything that there is has been shown.
    lacks: Vec<Stop>,
}

impl Listing<'_, '_> {
    fn pipeline(&mut self) -> Result<(), Stop> {
        let located = self.options.place.locate(self.session, &self.pipelines)?;
        let Place { project, pipeline } = &located.place;
        let (found, texts) = self.read(&located.place)?;
        let selected = self.choose(&found.jobs, *pipeline, &located)?;
        let newest: HashSet<JobId> = newest(&found.jobs).map(|job| job.id).collect();
        let rows = selected.jobs.iter().map(|chosen| chosen.job);
        let mut rows: Vec<(&Job, bool)> =
            rows.map(|job| (job, !newest.contains(&job.id))).collect();
        if self.options.printing.format == Format::Table {
            let places = stages::places(&found.jobs);
            rows.sort_unstable_by_key(|(job, _)| places.get(&job.id));
        }
        self.print(project, &rows, &texts)?;
        if let TriggerJobs::Refused(error) = &found.trigger_jobs
            && selected.open_ended
        {
            self.lacks
                .push(messages::trigger_jobs_refused(error.stop()));
        }
        self.miss(&selected.missing, Within::Pipeline(*pipeline), rows.len());
        Ok(())
    }

    /// Jobs in this order, each with whether a newer attempt exists; below a table the ends of the failed ones' logs.
    fn print(
        &mut self,
        project: &Project,
        rows: &[(&Job, bool)],
        texts: &Texts,
    ) -> Result<(), Stop> {
        let format = self.options.printing.format;
        if format == Format::Table {
            let table = jobs::table(rows, matches!(self.options.reach, Reach::Project(_)));
            self.out.table(&table, self.session.color);
            let rows: Vec<&Job> = rows.iter().map(|(job, _)| *job).collect();
            return self.tails(project, &rows);
        }
        let texts = rows.iter().filter_map(|(job, _)| texts.get(&job.id));
        let texts = texts.map(|text| &**text);
        json::rows(format, texts, &mut |text| self.out.text(text));
        Ok(())
    }

    /// The rows of one pipeline, and GitLab's own text of each where the answer is JSON. With older attempts: an id may be that of one, and the oldest ones show the order of the stages.
    fn read(&self, place: &Place) -> Result<(Rows, Texts), Error> {
        let scope = Scope {
            retried: true,
            no_trigger_jobs: self.options.place.no_trigger_jobs,
        };
        let json = self.options.printing.format != Format::Table;
        self.session.ask(|| {
            let (mut jobs, mut texts) = (Vec::new(), Texts::new());
            let rows = self.pipelines.each_row(place, scope, &mut |job, raw| {
                if json {
                    texts.insert(job.id, raw.to_owned());
                }
                jobs.push(job);
                ControlFlow::Continue(())
            })?;
            Ok((Rows { jobs, ..rows }, texts))
        })
    }

    /// The jobs of this pipeline that are meant. The calling job is left out where operands could mean it only.
    fn choose<'j>(
        &mut self,
        jobs: &'j [Job],
        pipeline: PipelineId,
        located: &Located,
    ) -> Result<Selected<'j>, Stop> {
        let selection = &self.options.selection;
        self.names.extend(jobs.iter().map(|job| job.name.clone()));
        let me = located.me.as_ref();
        let caller = me.and_then(|me| me.caller_in(pipeline));
        let caller = caller.filter(|_| !selection.operands.is_empty());
        let selected = choose(selection, jobs, caller.as_ref())?;
        if !selected.siblings.is_empty() {
            let line = messages::siblings(selected.siblings.iter().map(|job| job.name.as_str()));
            self.session.talk.line(&line);
        }
        Ok(selected)
    }

    /// Operands, by index, that mean nothing. `shown`: rows of the answer.
    fn miss(&mut self, missing: &[usize], within: Within, shown: usize) {
        if shown == 0 && missing.is_empty() {
            self.session.talk.line(jobs::EMPTY);
        }
        let operands = &self.options.selection.operands;
        let missing = missing.iter().filter_map(|index| operands.get(*index));
        let names = self.names.iter().map(String::as_str);
        self.lacks.extend(no_such_jobs(missing, within, &names));
    }

    fn tails(&mut self, project: &Project, rows: &[&Job]) -> Result<(), Stop> {
        if let Some(keep) = self.options.log_tail {
            let lacks = show_tails(self.session, project, rows, keep, self.out)?;
            self.lacks.extend(lacks);
        }
        Ok(())
    }

    /// A pipeline with everything below it.
    fn tree(&mut self) -> Result<(), Stop> {
        let located = self.options.place.locate(self.session, &self.pipelines)?;
        let root = PipelineKey {
            id: located.place.pipeline,
            project_id: located.place.project.id(),
        };
        let mut missing: Vec<usize> = (0..self.options.selection.operands.len()).collect();
        let (branch, unread) = grow(root, &mut |key| {
            let place = if key == root {
                located.place.clone()
            } else {
                self.pipelines.place(&located.place, key)
            };
            let (found, texts) = match self.read(&place) {
                Err(error) if key != root && refused(&error) => {
                    self.lacks.push(error.stop());
                    return Ok(Read::Error(error.message));
                }
                found => found?,
            };
            if let TriggerJobs::Refused(error) = &found.trigger_jobs {
                self.lacks.push(error.stop());
            }
            let selected = self.choose(&found.jobs, key.id, &located)?;
            missing.retain(|index| selected.missing.contains(index));
            let meant = selected.jobs.iter().map(|chosen| chosen.job.id).collect();
            Ok(Read::Jobs(nodes(found.jobs, texts, &meant)))
        })?;
        match self.options.printing.format {
            Format::Table => {
                self.out.table(&branch.table(), self.session.color);
                let mut rows = Vec::new();
                branch.meant(&mut |_, node| rows.push(&node.job));
                self.tails(&located.place.project, &rows)?;
            }
            Format::Json => self.out.json(&branch),
            _ => branch.meant(&mut |branch, node| self.out.json(&branch.line(node))),
        }
        self.lacks.extend(unread);
        self.miss(&missing, Within::Tree(root.id), self.names.len());
        Ok(())
    }

    /// The jobs of all pipelines of a project, newest first. Each row stands for itself: an operand means it by name, group, glob or id.
    fn project(&mut self, limit: usize) -> Result<(), Stop> {
        let options = self.options;
        let project = match &options.place.project {
            Some(project) => project.clone(),
            None => options.place.ask_start(self.session)?.place.project,
        };
        let rule = Selection {
            attempts: true,
            ..options.selection.clone()
        };
        let enough =
            |shown: usize, seen: usize| limit > 0 && (shown >= limit || seen >= LOOKED_THROUGH);
        let read = || {
            let (mut rows, mut texts, mut names) = (Vec::new(), Texts::new(), Vec::new());
            let mut missing: Vec<usize> = (0..rule.operands.len()).collect();
            let each = &mut |job: Job, raw: &RawValue| {
                names.push(job.name.clone());
                // Without a caller no operand can mean it.
                let selected = select(&rule, std::slice::from_ref(&job), None).unwrap_or_default();
                missing.retain(|index| selected.missing.contains(index));
                if !selected.jobs.is_empty() {
                    texts.insert(job.id, raw.to_owned());
                    rows.push(job);
                }
                if enough(rows.len(), names.len()) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            self.pipelines
                .project_rows(&project, &rule.statuses, each)?;
            Ok((rows, texts, names, missing))
        };
        let (rows, texts, names, missing) = self.session.ask(read)?;
        let marked: Vec<(&Job, bool)> = rows.iter().map(|job| (job, false)).collect();
        self.print(&project, &marked, &texts)?;
        if limit == 0 || rows.len() < limit {
            if enough(rows.len(), names.len()) {
                let warning = jobs::looked_through(LOOKED_THROUGH);
                self.session.talk.warning(&warning);
            }
            self.names = names;
            self.miss(&missing, Within::Project(&project), rows.len());
        }
        Ok(())
    }
}

/// Without `--limit 0` no more rows of a project are looked through.
const LOOKED_THROUGH: usize = 10_000;

/// The jobs of one pipeline of a tree, in stage order.
fn nodes(jobs: Vec<Job>, mut texts: Texts, meant: &HashSet<JobId>) -> Vec<Node> {
    let places = stages::places(&jobs);
    let newest: HashSet<JobId> = newest(&jobs).map(|job| job.id).collect();
    let jobs = jobs.into_iter().map(|job| Node {
        text: texts.remove(&job.id),
        meant: meant.contains(&job.id),
        retried: !newest.contains(&job.id),
        downstream: None,
        job,
    });
    let mut nodes: Vec<Node> = jobs.collect();
    nodes.sort_unstable_by_key(|node| places.get(&node.job.id).copied());
    nodes
}
