//! `gate`: checks conditions, explains each, and ends with 0 only if all of them hold.

use super::Command;
use super::act::call::with_delivery;
use super::act::options::ALLOW_FAILURE;
use super::gating::{self, Collector, Gating};
use super::options::{CONNECTION, PRINTED, PRINTING, Printing};
use super::wait_loop::{Limits, Turns};
use super::waiting::Patience;
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::gate::Judgement;
use crate::decide::wait::Failures;
use crate::exit::{Exit, Stop};
use crate::host::Host;
use crate::report::{Format, Out, gate};
use crate::session::{self, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const TIMEOUT: Opt = Opt::value(
    "--timeout DURATION",
    "maximum wait for jobs= and approved= to hold; default 0: check once",
);
const RULES: Group = Group {
    title: "rules",
    options: &[&TIMEOUT, &ALLOW_FAILURE],
};

const USAGE: Usage = Usage {
    name: "gate",
    operands: "CONDITION...",
    summary: "checks and explains conditions; exits with 0 only if all hold",
    details: "\
A condition is KEY or KEY=VALUE[,VALUE...] and holds if one of the values matches (role= also holds for a higher role). The gate is open if all \
conditions hold. gate checks them against GitLab's answers, never against CI/CD variables.

KEY!=VALUE[,VALUE...] holds if none of the values matches; project, branch, tag, source, user, tier and environment take it. It does not hold if the \
job has no such property (branch!= in a tag pipeline). jobs= and approved= take one selection, commas included; repeat the condition for more. jobs= \
does not hold if a job has failed or nobody has played it, even if it is allowed to fail; --allow-failure accepts such a failure, and leaves such a \
manual job out if only a glob matches it.

With --timeout, gate checks all conditions again while jobs of jobs= or approved= have not finished and the other conditions hold. It opens only if \
all conditions hold in the same check; if the time runs out, it exits with 9.

A gate protects against mistakes. It does not replace a protected environment: the author of the script can leave it out.

Exit codes: 0 all conditions hold, 2 usage, 4 refused (or a token is missing), 6 unknown, 9 closed.",
    example: "\
jobgate gate --server https://gitlab.example.com branch=main role=maintainer
jobgate gate jobs=unit newest",
    groups: &[&RULES, &PRINTING, &CONNECTION],
};

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let failures = if words.switch(&ALLOW_FAILURE) {
        Failures::AsGitLab
    } else {
        Failures::StrictNamed
    };
    let gating = Gating::of(words.operands(), "CONDITION", failures)?;
    let mut limits = Patience::read(&mut words, false)?.limits;
    limits.timeout.get_or_insert_default();
    let printing = Printing::read(&mut words, &PRINTED);
    words.done();
    let mut out = Out::open(host, printing.file.as_deref(), false)?;
    session::with(&printing.common, host, |session| {
        let asked = ask(&gating, limits, session);
        let (judgement, late) = asked.unwrap_or_else(|stop| (Judgement::default(), Some(stop)));
        let end = Stop::all(late.into_iter().chain(gate::end(&judgement)));
        let exit = end.as_ref().map_or(Exit::Ok, |stop| stop.exit);
        match printing.format {
            Format::Json => out.json(&gate::document(&judgement, exit)),
            _ => out.table(&gate::table(&judgement), session.color),
        }
        out.flush();
        match end {
            Some(stop) => session.talk.stop(&stop),
            None => session.talk.line(gate::OPEN),
        }
        Ok(with_delivery(session.talk, exit, out.finish()))
    })
}

/// Asks until the gate is open, or cannot open any more. At the end of the time what was last known counts, and the end is said.
fn ask(
    gating: &Gating,
    limits: Limits,
    session: &Session,
) -> Result<(Judgement, Option<Stop>), Stop> {
    let (mut turns, me) = Turns::open(session, limits, false)?;
    let mut me = me.map_or_else(|| session.me(), Ok)?;
    gating::trust(session, &me)?;
    if !limits.once() {
        turns.start(&me.place());
    }
    let mut collector = Collector::new(session, &me, gating, limits.once());
    let mut last: Option<Judgement> = None;
    let mut first = true;
    let decided = turns.until(|turns| {
        if !std::mem::take(&mut first) {
            me = gating::same(turns, &me)?;
        }
        me.alive()?;
        let judgement = collector.judge(turns, &me)?;
        if limits.once() || !judgement.may_open() {
            return Ok(Some(judgement));
        }
        session.missing(collector.missing());
        last = Some(judgement);
        turns.pause(None).map(|()| None)
    });
    match (decided, last) {
        (Err(stop), Some(last)) if stop.exit == Exit::Timeout => Ok((last.close(), Some(stop))),
        (decided, _) => decided.map(|judgement| (judgement, None)),
    }
}
