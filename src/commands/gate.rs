//! `gate`: checks conditions, explains each, and ends with 0 only if all of them hold.

use super::Command;
use super::act::call::finish;
use super::act::options::ALLOW_FAILURE;
use super::gating::{self, Gating};
use super::options::{CONNECTION, PRINTED, PRINTING, Printing};
use crate::cli::{Group, Usage, Words};
use crate::decide::wait::Failures;
use crate::exit::{Exit, Stop};
use crate::host::Host;
use crate::report::{Format, Out, gate, json};
use crate::session;

pub const COMMAND: Command = Command { usage: &USAGE, run };

const RULES: Group = Group {
    title: "rules",
    options: &[&ALLOW_FAILURE],
};

const USAGE: Usage = Usage {
    name: "gate",
    operands: "CONDITION...",
    summary: "checks conditions, explains each, and ends with 0 only if all hold",
    details: "\
A condition is KEY or KEY=VALUE[,VALUE...] and holds for any of the values. gate opens if all conditions hold. It judges them by GitLab's answers to \
the token of the job, never by a variable.

KEY!=VALUE[,VALUE...] holds if GitLab names the fact and it is none of the values; project, branch, tag, source, user, tier and environment take it. \
jobs= and approved= take one selection, commas included; repeat them for more.

For jobs=, a failed job has not passed even if it is allowed to fail, as every manual job is unless its YAML says otherwise; --allow-failure takes \
GitLab's rule.

A gate protects against mistakes. It does not replace a protected environment: the author of the script can leave it out.

Exit codes: 0 all conditions hold, 2 usage, 4 refused (or a token is missing), 6 unknown, 9 closed.",
    example: "\
jobgate gate --server https://gitlab.example.com branch=main role=maintainer
jobgate gate jobs=unit newest",
    groups: &[&RULES, &PRINTING, &CONNECTION],
};

struct Options {
    gating: Gating,
    printing: Printing,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let failures = if words.switch(&ALLOW_FAILURE) {
            Failures::AsGitLab
        } else {
            Failures::StrictNamed
        };
        Ok(Self {
            gating: Gating::of(words.operands(), "CONDITION", failures)?,
            printing: Printing::read(words, &PRINTED),
        })
    }
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let Options { gating, printing } = Options::read(&mut words)?;
    words.done();
    let mut out = Out::open(host, printing.file.as_deref(), false)?;
    let exit = session::with(&printing.common, host, |session| {
        let me = session.me()?;
        gating::trust(session, &me)?;
        me.alive()?;
        let judgement = gating.judge(session, &me)?;
        match printing.format {
            Format::Json => out.text(&(json::text(&gate::document(&judgement)) + "\n")),
            _ => out.table(&gate::table(&judgement), session.color),
        }
        session.talk.line(&gate::summary(&judgement));
        gate::hints(&judgement, session.talk);
        Ok(judgement.exit())
    })?;
    Ok(finish(host, &printing.common, out, exit))
}
