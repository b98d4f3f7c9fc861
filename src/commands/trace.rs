//! `trace`: a job's log, and with `--follow` on until the job ends.

mod log;

use std::path::PathBuf;
use std::time::Duration;

use super::Command;
use super::choose::{self, NAME, WHERE, Where};
use super::located::{absent, is_id, locate, names_caller, start};
use super::shared::{CONNECTION, OUTPUT_FILE};
use super::waiting::{Halt, LISTS, Patience, Turns, WAITING, Wait, wait_and};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::deadline::JobTime;
use crate::decide::part::Read;
use crate::decide::select::{Selection, select};
use crate::decide::verdict::Watch;
use crate::exit::{Exit, Stop};
use crate::find::{Finder, Scope};
use crate::gitlab::{Project, Route};
use crate::host::Host;
use crate::model::{Job, JobId, Status};
use crate::report::events::Teller;
use crate::report::messages::failure_reason;
use crate::report::text::visible;
use crate::report::{Out, log::Form};
use crate::session::{self, Common, Session};
use log::Log;

pub const COMMAND: Command = Command { usage: &USAGE, run };

const WHICH: Group = Group {
    title: "choosing the job",
    options: &[&NAME, &RETRIED],
};
const RETRIED: Opt = Opt::switch(
    "--retried",
    "the very attempt that the id names, though a newer one exists",
);
const FOLLOW: Opt = Opt::switch("--follow", "go on until the job ends, as `tail -f` would");
const TAIL: Opt = Opt::value("--tail", "N", "begin with the last N lines");
const PLAIN: Opt = Opt::switch(
    "--plain",
    "text only: no colors, section markers and time stamps",
);
const LOG: Group = Group {
    title: "log",
    options: &[&FOLLOW, &TAIL, &PLAIN, &OUTPUT_FILE],
};

const USAGE: Usage = Usage {
    name: "trace",
    operands: "[JOB]",
    arity: (0, 1),
    choices: &[],
    summary: "prints a job's log; --follow goes on until the job ends",
    details: "\
GitLab shows logs to access tokens only: role Reporter, scope read_api.

JOB is a name, a glob with * and ?, or an id; it must mean one job, and its newest attempt is shown. Colors, line clearing and section \
markers are passed on, every other control sequence is not. With --output-file the file gets the log's bytes as they are, or what --plain \
leaves of them.

With --follow the exit code is that of `jobgate wait JOB`, with all its options: 0 if the job passed, 1 if it failed, 7 if it was canceled or \
skipped, 3 if time ran out. A job that does not run yet is waited for, and a newer attempt takes the place of one that `retry:` replaces. \
A server that gives no parts of a log sends all of it each time; the longer it grows, the more seldom it is asked.",
    example: "\
jobgate trace unit --tail 100
jobgate trace deploy --follow --timeout 20m
jobgate trace 'build: [eu, blue]' --plain --output-file build.log",
    groups: &[&WHICH, &LOG, &WHERE, &WAITING, &CONNECTION],
};

struct Options {
    selection: Selection,
    choice: Where,
    tail: Option<usize>,
    plain: bool,
    file: Option<PathBuf>,
    /// How to wait, if the log is to be followed.
    follow: Option<Patience>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let mut selection = choose::named(words);
        let follow = words.switch(&FOLLOW);
        if let Some(option) = WAITING.options.iter().find(|option| words.given(option))
            && !follow
        {
            return Err(Stop::usage(format!("{} needs --follow", option.name)));
        }
        selection.attempts = words.switch(&RETRIED);
        let choice = Where::read(words)?;
        let patience = Patience::read(words, true)?;
        let options = Self {
            selection,
            choice,
            tail: words.parsed(&TAIL, |text| {
                text.parse().map_err(|_| "not a number of lines".to_owned())
            })?,
            plain: words.switch(&PLAIN),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            follow: follow.then_some(patience),
            common: Common::read(words)?,
        };
        let Selection {
            operands, attempts, ..
        } = &options.selection;
        match operands.as_slice() {
            [one] if *attempts && (follow || !is_id(one)) => Err(Stop::usage(
                "--retried needs an id, and no --follow: an older attempt has ended",
            )),
            [_] => Ok(options),
            _ => Err(Stop::usage("trace needs one JOB, or --name NAME")),
        }
    }

    /// A file gets the bytes, standard output nothing that a terminal would obey.
    fn form(&self) -> Option<Form> {
        match (self.plain, &self.file) {
            (true, _) => Some(Form::Plain),
            (false, Some(_)) => None,
            (false, None) => Some(Form::Harmless),
        }
    }
}

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let options = Options::read(&mut words).map_err(|stop| USAGE.explain(stop))?;
    words.done();
    let mut out = Out::open(host, options.file.as_deref(), options.follow.is_some())?;
    session::with(&options.common, host, |session| {
        let log = Log::new(&mut out, options.form(), options.tail);
        let Some(patience) = &options.follow else {
            print(session, &options, log)?;
            out.finish()?;
            return Ok(Exit::Ok);
        };
        let (exit, stop) = follow(session, &options, patience, log)?;
        if let Some(stop) = stop {
            session.talk.stop(&stop);
        }
        let Err(stop) = out.finish() else {
            return Ok(exit);
        };
        session.talk.stop(&stop);
        Ok(Exit::of_all([exit, stop.exit]))
    })
}

/// The log as it is now.
fn print(session: &Session, options: &Options, mut log: Log) -> Result<(), Stop> {
    let finder = Finder::new(session.gitlab);
    let located = locate(session, &finder, &options.choice)?;
    let selection = &options.selection;
    let scope = Scope {
        retried: selection.operands.iter().any(is_id),
        no_trigger_jobs: true,
        ..Scope::default()
    };
    let rows = session.steady(|| finder.rows(&located.place, scope));
    let rows = rows.map_err(|error| error.stop())?;
    let selected = select(selection, &rows.jobs, located.caller().as_ref())
        .map_err(|own| names_caller(own, selection))?;
    let meant: Vec<&Job> = selected.jobs.iter().map(|chosen| chosen.job).collect();
    let job = match (meant.as_slice(), selection.operands.first()) {
        ([job], _) => job,
        ([], Some(operand)) => {
            let names = rows.jobs.iter().map(|job| job.name.as_str());
            let of = format!("in pipeline {}", located.place.pipeline);
            return Err(absent(operand, &of, names)
                .hint("a trigger job has no log; --downstream leads to its pipeline"));
        }
        (attempts, Some(operand)) if selection.attempts => attempts
            .iter()
            .find(|job| job.id.to_string() == operand.text)
            .ok_or_else(|| several(attempts))?,
        (several_jobs, _) => return Err(several(several_jobs)),
    };
    if let Some(asked) = selection.operands.first().filter(|one| is_id(one))
        && asked.text != job.id.to_string()
    {
        session.talk.line(&format!(
            "job {} was retried: this is the log of its newest attempt, {}",
            asked.text, job.id
        ));
    }
    let route = route(job, &located.place.project);
    loop {
        match session.steady(|| log.read(session, &route, true)) {
            Err(error) => return Err(error.stop()),
            Ok(Read::All) => break,
            Ok(Read::More) => {}
            Ok(Read::Other) => anew(session, &mut log),
        }
    }
    log.end();
    Ok(())
}

fn route(job: &Job, place: &Project) -> Route {
    let own = job.pipeline.and_then(|pipeline| pipeline.project_id);
    Route::Trace(own.map_or_else(|| place.clone(), Project::Id), job.id)
}

fn several(jobs: &[&Job]) -> Stop {
    let names: Vec<_> = jobs.iter().map(|job| visible(&job.name)).collect();
    Stop::usage(format!("several jobs are meant: {}", names.join(", ")))
        .hint("trace takes one of these names")
}

fn anew(session: &Session, log: &mut Log) {
    session
        .talk
        .line("the log starts over: it was erased or replaced");
    log.anew();
}

/// The log up to the job's end, and the verdict that `wait` would give.
fn follow(
    session: &Session,
    options: &Options,
    patience: &Patience,
    mut log: Log,
) -> Result<(Exit, Option<Stop>), Stop> {
    let located = start(session, &options.choice)?;
    let me = located.me.as_ref();
    let time = me.map_or_else(JobTime::default, |me| me.time(session.ci));
    let teller = Teller::new(session, None);
    let mut turns = Turns::begin(session, &teller, time, patience.limits);
    let finder = Finder::new(session.gitlab);
    let wait = Wait {
        place: &located.place,
        downstream: &options.choice.downstream,
        selection: &options.selection,
        lists: LISTS,
        known: Vec::new(),
        rules: &patience.rules,
        me,
    };
    let mut follower = Follower {
        log: &mut log,
        home: &located.place.project,
        seen: None,
        next: turns.now(),
    };
    let ended = wait_and(&mut turns, &finder, &wait, &mut |turns, watch, last| {
        follower.turn(turns, watch, last)
    });
    log.end();
    for job in ended.outcome.jobs.iter().filter_map(|one| one.job.as_ref()) {
        failure(session, job);
    }
    Ok((ended.outcome.exit, ended.stop))
}

/// Why it failed, which a log does not always say.
fn failure(session: &Session, job: &Job) {
    if let (Status::Failed, Some(reason)) = (&job.status, &job.failure_reason) {
        let allowed = if job.allow_failure {
            " (allowed to fail)"
        } else {
            ""
        };
        let reason = failure_reason(reason);
        session
            .talk
            .line(&format!("{} failed{allowed}: {reason}", job.name));
    }
}

/// Reads what has come to the log at each turn of the wait.
struct Follower<'f, 'o, 'h> {
    log: &'f mut Log<'o, 'h>,
    home: &'f Project,
    /// The attempt whose log is read, and where.
    seen: Option<(JobId, Route)>,
    /// Not before, unless it is the last time.
    next: Duration,
}

impl Follower<'_, '_, '_> {
    fn turn(&mut self, turns: &mut Turns, watch: &Watch, last: bool) -> Result<(), Halt> {
        let jobs = watch.give_up(Exit::Pending).jobs;
        let jobs: Vec<&Job> = jobs.iter().filter_map(|one| one.job.as_deref()).collect();
        let job = match jobs.as_slice() {
            [] => return Ok(()),
            [job] => job,
            jobs => return Err(Halt::Stop(Box::new(several(jobs)))),
        };
        if let Some((old, route)) = self.seen.take()
            && old != job.id
        {
            // What a replaced attempt wrote last.
            self.read(turns, &route)?;
            self.log.anew();
            self.next = turns.now();
        }
        let route = route(job, self.home);
        if begun(&job.status) && (last || turns.now() >= self.next) {
            self.read(turns, &route)?;
        }
        self.seen = begun(&job.status).then_some((job.id, route));
        Ok(())
    }

    fn read(&mut self, turns: &mut Turns, route: &Route) -> Result<(), Halt> {
        let session = turns.session();
        let before = self.log.read_so_far();
        loop {
            match turns.ask(&mut || self.log.read(session, route, false))? {
                Read::All => break,
                Read::More => {}
                Read::Other => anew(session, self.log),
            }
        }
        self.log.shown();
        if self.log.read_so_far() != before {
            turns.changed();
        }
        self.next = turns.now().saturating_add(self.log.pause());
        Ok(())
    }
}

/// There may be a log.
fn begun(status: &Status) -> bool {
    !matches!(
        status,
        Status::Created
            | Status::WaitingForCallback
            | Status::WaitingForResource
            | Status::Preparing
            | Status::Pending
            | Status::Manual
            | Status::Scheduled
    )
}
