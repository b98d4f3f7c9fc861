//! Conditions that a command may demand: the option and the asking, shared by `gate`, `wait` and every action.

mod collect;

pub use collect::Collector;

use super::wait_loop::Turns;
use crate::cli::{Group, Opt, Words};
use crate::decide::gate::condition::Condition;
use crate::decide::wait::Failures;
use crate::exit::{Exit, Stop};
use crate::report::{gate, messages};
use crate::session::{Me, Session};

pub const REQUIRE: Opt = Opt::value(
    "--require CONDITION",
    "proceed only if this condition holds (see jobgate gate --help)",
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

    /// Lets the command go on, or ends it. Shows what was judged.
    pub fn pass(&self, turns: &mut Turns, me: &Me) -> Result<(), Stop> {
        if self.is_empty() {
            return Ok(());
        }
        let judgement = Collector::new(turns.session, me, self, true).judge(turns, me)?;
        gate::show(&judgement, turns.session.talk);
        gate::end(&judgement).map_or(Ok(()), Err)
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
        for line in messages::unpinned(&server, session.gitlab.proxy().as_deref(), &files) {
            session.talk.line(&line);
        }
    }
}

/// The calling job asked for once more: it must be the one that was seen `first`.
pub fn same(turns: &Turns, first: &Me) -> Result<Me, Stop> {
    let me = turns.me()?;
    let ids = |me: &Me| (me.job.id, me.project, me.pipeline.id);
    if ids(&me) == ids(first) {
        return Ok(me);
    }
    Err(messages::other_caller(first.job.id, me.job.id))
}
