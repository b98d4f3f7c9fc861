//! `trace`: a job's log, and with `--follow` on until the job ends.

use std::ops::ControlFlow;
use std::time::Duration;

use super::Command;
use super::act::call::with_delivery;
use super::act::options::ALLOW_FAILURE;
use super::jobs::number;
use super::logs::log_of;
use super::options::{self, CONNECTION, FORMAT, NAME, OUTPUT_FILE, Printing, WHERE, Where};
use super::wait_jobs::{wait_for, watch};
use super::wait_loop::Turns;
use super::waiting::{INTERVAL, Patience, TIMEOUT};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::part::Reader;
use crate::decide::select::Selection;
use crate::decide::wait::{Failures, Watch};
use crate::exit::{Exit, Stop};
use crate::gitlab::{Error, Route};
use crate::host::Host;
use crate::model::{Job, JobId, Project};
use crate::pipeline::{Pipelines, Scope, choose, no_such_jobs};
use crate::report::clean_log::{Cleaner, Form, Tail};
use crate::report::messages::Within;
use crate::report::{Out, trace as report, wait};
use crate::session::{self, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const FOLLOW: Opt = Opt::switch("--follow", "print new lines until the job ends");
const TAIL: Opt = Opt::value("--tail N", "start with the last N lines of the log");
const PLAIN: Opt = Opt::switch(
    "--plain",
    "print plain text: no colors, section markers or timestamps",
);
const LOG: Group = Group {
    title: "log",
    options: &[&NAME, &FOLLOW, &TAIL, &PLAIN, &OUTPUT_FILE],
};

const FOLLOWING: Group = Group {
    title: "following",
    options: &[&TIMEOUT, &INTERVAL, &ALLOW_FAILURE],
};

const USAGE: Usage = Usage {
    name: "trace",
    operands: "[JOB]",
    summary: "prints a job's log, with --follow until the job ends",
    details: "\
trace needs an access token with the role Reporter and the scope read_api: job tokens cannot read logs.

JOB must select exactly one job. A name selects the newest attempt, an id exactly that attempt. trace keeps colors, line clearing and section markers \
and removes other control sequences. --output-file receives the bytes of the log unchanged, with --plain the plain text.

With --follow, trace also waits for a job that is not running yet, and follows the new attempt if `retry:` replaces the job. The longer the log, the \
longer the pause between two requests.

Exit codes: 0 ok, 2 usage, 4 refused, 5 not-found, 6 unknown; with --follow also 1 failed (even if the job is allowed to fail), 3 timeout, 7 canceled.",
    example: "\
jobgate trace 'unit 1/3' --tail 100
jobgate trace e2e --follow --timeout 20m
jobgate trace integration --plain --output-file integration.log",
    groups: &[&LOG, &WHERE, &FOLLOWING, &CONNECTION],
};

/// How to follow the log, if it is to be followed.
fn follow_options(words: &mut Words) -> Result<Option<Patience>, Stop> {
    let follow = words.switch(&FOLLOW);
    let mut given = FOLLOWING.options.iter().filter(|one| words.given(one));
    if let (false, Some(option)) = (follow, given.next()) {
        return Err(report::needs_follow(option.name));
    }
    let mut patience = Patience::read(words, true)?;
    if !words.switch(&ALLOW_FAILURE) {
        patience.rules.failures = Failures::Strict;
    }
    Ok(follow.then_some(patience))
}

struct Options {
    selection: Selection,
    place: Where,
    tail: Option<usize>,
    /// `None`: the bytes as they are.
    form: Option<Form>,
    /// How to wait, if the log is to be followed.
    follow: Option<Patience>,
    printing: Printing,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let selection = options::named(words);
        let follow = follow_options(words)?;
        let place = Where::read(words)?;
        // There is one format.
        let printing = Printing::read(words, &FORMAT);
        let options = Self {
            selection,
            place,
            tail: words.parsed(&TAIL, number)?,
            // A file gets the bytes, standard output nothing that a terminal would obey.
            form: match (words.switch(&PLAIN), &printing.file) {
                (true, _) => Some(Form::Plain),
                (false, Some(_)) => None,
                (false, None) => Some(Form::Harmless),
            },
            follow,
            printing,
        };
        match options.selection.operands.as_slice() {
            [_] => Ok(options),
            _ => Err(report::one_job()),
        }
    }
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let options = Options::read(&mut words).map_err(|stop| USAGE.explain(stop))?;
    words.done();
    let mut out = Out::open(
        host,
        options.printing.file.as_deref(),
        options.follow.is_some(),
    )?;
    session::with(&options.printing.common, host, |session| {
        let log = Log::new(&mut out, options.form, options.tail);
        let Some(how) = &options.follow else {
            print(session, &options, log)?;
            out.finish()?;
            return Ok(Exit::Ok);
        };
        let exit = follow(session, &options, how, log)?;
        Ok(with_delivery(session.talk, exit, out.finish()))
    })
}

/// The log as it is now.
fn print(session: &Session, options: &Options, mut log: Log) -> Result<(), Stop> {
    let pipelines = Pipelines::new(session.gitlab);
    let located = options.place.locate(session, &pipelines)?;
    let scope = Scope {
        retried: true,
        no_trigger_jobs: true,
    };
    let rows = session.ask(|| pipelines.rows(&located.place, scope))?.jobs;
    let me = located.me.as_ref();
    let caller = me.and_then(|me| me.caller_in(located.place.pipeline));
    let selected = choose(&options.selection, &rows, caller.as_ref())?;
    let meant: Vec<&Job> = selected.jobs.iter().map(|chosen| chosen.job).collect();
    let operand = options.selection.operands.first();
    let operand = operand.filter(|one| one.is_id()).map(|one| &one.text);
    let job = match meant.as_slice() {
        // Of an id that very attempt, of a name the newest.
        [job] => rows
            .iter()
            .find(|row| operand.is_some_and(|text| row.id.to_string() == *text))
            .unwrap_or(job),
        [] => {
            let names = rows.iter().map(|job| job.name.as_str());
            let within = Within::Pipeline(located.place.pipeline);
            let missing = no_such_jobs(&options.selection.operands, within, &names);
            return Err(report::no_such_log(missing));
        }
        several => return Err(report::several(several)),
    };
    let route = log_of(job, &located.place.project);
    log.read_on(session, &route, true)?;
    log.end();
    Ok(())
}

/// The log up to the job's end, and the verdict that `wait` would give.
fn follow(
    session: &Session,
    options: &Options,
    follow: &Patience,
    mut log: Log,
) -> Result<Exit, Stop> {
    let (mut turns, me) = Turns::open(session, follow.limits, options.place.complete())?;
    me.as_ref().map_or(Ok(()), |me| turns.end_with(me))?;
    session.warn_of_other_job(me.as_ref());
    let place = options.place.start(me.as_ref())?;
    let downstream = &options.place.downstream;
    let watch = watch(
        &place,
        downstream,
        &options.selection,
        &follow.rules,
        me.as_ref(),
    );
    let mut follower = Follower {
        log: &mut log,
        home: &place.project,
        seen: None,
        next: turns.now(),
    };
    let ended = wait_for(&mut turns, &place, watch, &mut |turns, watch, last| {
        follower.turn(turns, watch, last)
    });
    log.end();
    wait::end(&ended.outcome, ended.stop.as_ref(), session.talk);
    Ok(ended.outcome.exit)
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
    fn turn(&mut self, turns: &mut Turns, watch: &Watch, last: bool) -> Result<(), Stop> {
        let jobs = watch.give_up(Exit::Pending).jobs;
        let jobs: Vec<&Job> = jobs.iter().filter_map(|one| one.job.as_deref()).collect();
        let job = match jobs.as_slice() {
            [] => return Ok(()),
            [job] => job,
            jobs => return Err(report::several(jobs)),
        };
        if let Some((old, route)) = self.seen.take()
            && old != job.id
        {
            // What a replaced attempt wrote last.
            self.read(turns, &route)?;
            self.log.begin_again();
            self.next = turns.now();
        }
        let route = log_of(job, self.home);
        if job.started_at.is_some() && (last || turns.now() >= self.next) {
            self.read(turns, &route)?;
        }
        self.seen = job.started_at.map(|_| (job.id, route));
        Ok(())
    }

    fn read(&mut self, turns: &mut Turns, route: &Route) -> Result<(), Stop> {
        let before = self.log.reader.read();
        let read = self.log.read_on(turns.session, route, false);
        read.map_err(|error| turns.stop(&error))?;
        // The log's present end was reached: the last lines are shown, and from here on everything.
        self.log.sink.release();
        if self.log.reader.read() != before {
            turns.changed();
        }
        self.next = turns.now().saturating_add(self.log.reader.pause());
        Ok(())
    }
}

/// What was read, and what becomes of it.
struct Log<'o, 'h> {
    reader: Reader,
    sink: Sink<'o, 'h>,
}

struct Sink<'o, 'h> {
    out: &'o mut Out<'h>,
    /// `None`: the bytes as they are.
    cleaner: Option<Cleaner>,
    /// Holds everything back until the log's present end was seen.
    tail: Option<Tail>,
}

impl<'o, 'h> Log<'o, 'h> {
    fn new(out: &'o mut Out<'h>, form: Option<Form>, tail: Option<usize>) -> Self {
        Self {
            reader: Reader::default(),
            sink: Sink {
                out,
                cleaner: form.map(Cleaner::new),
                tail: tail.map(Tail::new),
            },
        }
    }

    /// Reads what is new, to the log's present end. With `early`, it ends when the output is closed.
    fn read_on(&mut self, session: &Session, route: &Route, early: bool) -> Result<(), Error> {
        while !session.ask(|| self.read(session, route, early))? {
            session.talk.line(report::STARTS_OVER);
            self.begin_again();
        }
        Ok(())
    }

    /// Asks once. Whether it is still the log that was read so far.
    fn read(&mut self, session: &Session, route: &Route, early: bool) -> Result<bool, Error> {
        let Self { sink, reader } = self;
        let mut closed = false;
        reader.begin();
        session.gitlab.stream(route, &[], &mut |chunk| {
            let flow = reader.take(chunk, &mut |new| sink.put(new));
            closed = early && !sink.out.delivers();
            if closed { ControlFlow::Break(()) } else { flow }
        })?;
        Ok(closed || reader.end())
    }

    /// Another log begins, from its first byte.
    fn begin_again(&mut self) {
        self.reader = Reader::default();
        self.sink.finish();
    }

    fn end(mut self) {
        self.sink.finish();
        self.sink.release();
    }
}

impl Sink<'_, '_> {
    fn put(&mut self, bytes: &[u8]) {
        match &mut self.cleaner {
            Some(cleaner) => {
                let text = cleaner.push(bytes);
                self.pass(text.as_bytes());
            }
            None => self.pass(bytes),
        }
    }

    /// What the cleaner holds back.
    fn finish(&mut self) {
        if let Some(cleaner) = &mut self.cleaner {
            let text = cleaner.finish();
            self.pass(text.as_bytes());
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        match &mut self.tail {
            Some(tail) => tail.push(bytes),
            None => self.out.bytes(bytes),
        }
    }

    /// Ends the holding back.
    fn release(&mut self) {
        if let Some(tail) = self.tail.take() {
            tail.lines().for_each(|line| self.out.bytes(line));
        }
    }
}
