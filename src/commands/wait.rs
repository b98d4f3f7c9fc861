//! `wait`: waits until the selected jobs have ended; the exit code is the verdict.

use std::cell::RefCell;

use super::Command;
use super::act::call::{pass, with_delivery};
use super::act::options::Options as More;
use super::gating::{self, GATING};
use super::options::{self, CONNECTION, OUTPUT_FILE, WHERE, WHICH, Where};
use super::wait_jobs::{Ended, wait_for, watch};
use super::wait_loop::Turns;
use super::waiting::WAITING;
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::select::{Operand, Selection};
use crate::exit::{Exit, Stop};
use crate::host::Host;
use crate::report::events::Event;
use crate::report::{Format, Out, messages, wait as report};
use crate::session::{self, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const ALL: Opt = Opt::switch("--all", "wait for all other jobs of the pipeline");
const OPTIONAL: Opt = Opt::value(
    "--optional NAME",
    "wait for this job if the pipeline has it",
)
.many();
const MORE: Group = Group {
    title: "jobs to wait for",
    options: &[&ALL, &OPTIONAL],
};

const FORMAT: Opt = options::output(&["table", "json", "ndjson", "dotenv"]);
const OUTPUT: Group = Group {
    title: "output",
    options: &[&FORMAT, &OUTPUT_FILE],
};

const USAGE: Usage = Usage {
    name: "wait",
    operands: "[JOB...]",
    summary: "waits until jobs have finished; the exit code is their result",
    details: "\
A job passes when its status is success, a trigger job when the jobs of the pipeline that it started have passed. The newest attempt of a job counts. \
A failed job counts as failed only after 10 s, so that `retry:` can replace it. The failure of a job that is allowed to fail is a warning. wait \
ignores a manual job that is allowed to fail, unless you select it by name; for any other manual job it waits and prints the link.

The job token is enough for exact names, groups and ids on GitLab 18.2 and later, and for everything else on 19.2 and later; an access token needs the \
role Reporter and the scope read_api.

--for STATUS also accepts a job that is already past this status: --for running accepts a job that has run. --log-tail needs an access token.

Exit codes: 0 passed, 1 failed, 2 usage, 3 timeout, 4 refused, 5 not-found, 6 unknown, 7 canceled or skipped, 8 pending (--timeout 0), 9 closed \
(--require), 10 deadlock. Without --keep-going, wait ends at the first job that does not pass. It always ends before the calling job times out.

--output ndjson prints one event per line, an object with the fields event and time. The events and their other fields: start (project, pipeline, \
until); change (name, id, pipeline, web_url, from, status, replaces); note (note, text; about a job also name, id, pipeline, web_url); heartbeat \
(waiting: a list of name, status, running in seconds); trouble (again: seconds until the next request; text); answers (no field: GitLab answers \
again); end (result: the object that --output json prints).",
    example: "jobgate wait unit lint\njobgate wait --stage test --except 'flaky*' --timeout 20m\njobgate wait scan --downstream images",
    groups: &[
        &WHICH,
        &MORE,
        &WHERE,
        &GATING,
        &WAITING,
        &OUTPUT,
        &CONNECTION,
    ],
};

struct Options {
    selection: Selection,
    place: Where,
    more: More,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let mut selection = options::selection(words);
        let optional = words.values(&OPTIONAL).into_iter();
        selection.operands.extend(optional.map(|name| Operand {
            optional: true,
            ..Operand::plain(name)
        }));
        selection.all = words.switch(&ALL);
        let place = Where::read(words)?;
        let options = Self {
            more: More::read(words, &place)?,
            selection,
            place,
        };
        let which = &options.selection;
        if which.operands.is_empty() && !which.all && which.stages.is_empty() {
            return Err(messages::needs_job("wait"));
        }
        if which.all && !which.operands.is_empty() {
            return Err(messages::clash("--all", "JOB"));
        }
        Ok(options)
    }
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let options = Options::read(&mut words).map_err(|stop| USAGE.explain(stop))?;
    words.done();
    let printing = &options.more.printing;
    let live = printing.format == Format::Ndjson;
    let out = RefCell::new(Out::open(host, printing.file.as_deref(), live)?);
    let stream = |line: &str| out.borrow_mut().text(line);
    session::streaming(&printing.common, host, live.then_some(&stream), |session| {
        // An end before the first look has its document, too.
        let ended = wait(&options, session).unwrap_or_else(Ended::early);
        let written = write(&out, printing.format, session, &ended);
        options.more.show_failed(session, &ended, &out);
        out.borrow_mut().flush();
        report::end(&ended.outcome, ended.stop.as_ref(), session.talk);
        let delivered = written.and_then(|()| out.borrow_mut().finish());
        Ok(with_delivery(session.talk, ended.outcome.exit, delivered))
    })
}

/// The last that is known of each job; of `ndjson` it is an event, written already.
fn write(out: &RefCell<Out>, format: Format, session: &Session, ended: &Ended) -> Result<(), Stop> {
    let Ended { outcome, place, .. } = ended;
    let document = report::Document::of(outcome, place.as_ref());
    match format {
        Format::Table => out
            .borrow_mut()
            .table(&report::table(outcome), session.color),
        Format::Json => out.borrow_mut().json(&document),
        Format::Dotenv => out
            .borrow_mut()
            .text(&report::dotenv(outcome, place.as_ref()).text()?),
        Format::Ndjson => session.events.write(&Event::End { result: &document }),
    }
    Ok(())
}

fn wait(options: &Options, session: &Session) -> Result<Ended, Stop> {
    let More {
        gating, patience, ..
    } = &options.more;
    let alone = options.place.complete() && gating.is_empty();
    let (mut turns, me) = Turns::open(session, patience.limits, alone)?;
    let me = me.as_ref();
    me.map_or(Ok(()), |me| turns.end_with(me))?;
    if let Some(me) = me
        && !gating.is_empty()
    {
        gating::trust(session, me)?;
    } else {
        session.warn_of_other_job(me);
    }
    let place = options.place.start(me)?;
    let downstream = &options.place.downstream;
    let watch = watch(&place, downstream, &options.selection, &patience.rules, me);
    me.map_or(Ok(()), |me| gating.pass(&mut turns, me))?;
    let mut ended = wait_for(&mut turns, &place, watch, &mut |_, _, _| Ok(()));
    // What follows the wait relies on the conditions as much as on the jobs.
    if ended.outcome.exit == Exit::Ok
        && let Some(me) = me
        && !gating.is_empty()
        && let again = gating::same(&turns, me)
        && let Err(stop) = again.and_then(|me| pass(&options.more, &mut turns, &me))
    {
        ended.outcome.exit = stop.exit;
        ended.stop = Some(stop);
    }
    Ok(ended)
}
