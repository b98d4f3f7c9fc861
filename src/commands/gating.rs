//! Conditions that a command may demand: the option and the asking, shared by `gate`, `wait` and every action.

mod collect;

use crate::cli::{Group, Opt, Words};
use crate::decide::gate::condition::Condition;
use crate::decide::gate::said::Said;
use crate::decide::gate::{Judgement, judge};
use crate::decide::wait::Failures;
use crate::exit::{Exit, Stop};
use crate::report::{gate, messages};
use crate::session::{Me, Session};

pub const REQUIRE: Opt = Opt::value(
    "--require CONDITION",
    "go on only if this condition of jobgate gate holds",
)
.many();
pub const GATING: Group = Group {
    title: "conditions",
    options: &[&REQUIRE],
};

/// What must hold before the command goes on.
#[derive(Clone, Debug)]
pub struct Gating {
    conditions: Vec<Condition>,
    /// What a failure of a job that `jobs=` means is worth.
    failures: Failures,
}

impl Gating {
    /// Reads `--require`.
    pub fn read(words: &mut Words) -> Result<Self, Stop> {
        let texts = words.values(&REQUIRE);
        Self::of(texts, REQUIRE.name, Failures::StrictNamed)
    }

    /// Conditions as the user wrote them; `from` is where.
    pub fn of(texts: Vec<String>, from: &str, failures: Failures) -> Result<Self, Stop> {
        let read =
            |text: String| Condition::parse(&text).map_err(|mistake| gate::mistake(from, &mistake));
        let conditions = texts.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            conditions,
            failures,
        })
    }

    /// Nothing is demanded.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Asks GitLab for exactly the evidence that the conditions need, all of it again, and judges. `me` was asked for a moment ago.
    pub fn judge(&self, session: &Session, me: &Me) -> Result<Judgement, Stop> {
        let evidence = collect::evidence(session, me, &self.conditions, self.failures);
        let judgement = judge(&self.conditions, &evidence);
        // A signal ends the program; it says nothing about a condition.
        let signal = judgement.lines.iter().find_map(|line| match &line.said {
            Said::NoAnswer(stop) if matches!(stop.exit, Exit::Signal(_)) => Some(stop.clone()),
            _ => None,
        });
        signal.map_or(Ok(judgement), Err)
    }

    /// Lets the command go on, or ends it. Shows what was judged.
    pub fn pass(&self, session: &Session, me: &Me) -> Result<(), Stop> {
        if self.is_empty() {
            return Ok(());
        }
        let judgement = self.judge(session, me)?;
        gate::show(&judgement, session.talk);
        if judgement.exit() == Exit::Ok {
            return Ok(());
        }
        Err(Stop::new(judgement.exit(), gate::summary(&judgement)))
    }

    /// The same later on, when the calling job must still be the one that was seen `first`.
    pub fn pass_again(&self, session: &Session, first: &Me) -> Result<(), Stop> {
        if self.is_empty() {
            return Ok(());
        }
        let me = same(session, first)?;
        me.alive()?;
        self.pass(session, &me)
    }
}

/// For a command that decides or changes something: a contradiction between variables and token ends it with 6, and a server that the
/// command line does not pin is named.
pub fn trust(session: &Session, me: &Me) -> Result<(), Stop> {
    if let Some(other) = session.other_job(me) {
        let hint = "leave CI_JOB_ID and CI_JOB_TOKEN as GitLab sets them";
        return Err(Stop::new(Exit::Unknown, other).hint(hint));
    }
    name_server(session);
    Ok(())
}

/// Names a server that the command line does not pin, and how it is reached.
pub fn name_server(session: &Session) {
    if !session.ci.server_fixed {
        let server = session.ci.api.to_string();
        let trust = &session.ci.trust;
        let files = trust.roots.iter().chain(&trust.ca);
        let files: Vec<&str> = files.map(|file| file.name.as_str()).collect();
        let line = messages::unpinned(&server, session.gitlab.proxy().as_deref(), &files);
        session.talk.line(&line);
    }
}

/// The calling job asked for once more: it must be the one that was seen `first`.
pub fn same(session: &Session, first: &Me) -> Result<Me, Stop> {
    let me = session.me()?;
    let ids = |me: &Me| (me.job.id, me.project, me.pipeline.id);
    if ids(&me) == ids(first) {
        return Ok(me);
    }
    Err(messages::other_caller(first.job.id, me.job.id))
}
