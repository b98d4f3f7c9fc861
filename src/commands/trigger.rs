//! `trigger`: starts another project's pipeline with the job token, and can mirror its result.

mod start;

use std::cell::RefCell;
use std::path::PathBuf;

use super::act::parameters::{INPUT, Parameters, VARIABLE};
use super::act::{self, DRY_RUN, FORMAT, Left, ON_CANCEL, OUTPUT, WAIT, finish};
use super::gating::{self, GATING, Gating};
use super::options::{CONNECTION, OUTPUT_FILE};
use super::waiting::{
    Ended, INTERVAL, KEEP_GOING, LISTS, Patience, SHALLOW, STRICT, TIMEOUT, Turns, Wait, wait_for,
};
use super::{Command, options as common_options};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::select::Selection;
use crate::decide::verdict::Failures;
use crate::exit::{Exit, Stop};
use crate::find::{Finder, Place};
use crate::gitlab::{Project, TokenKind};
use crate::host::Host;
use crate::report::act::Herald;
use crate::report::trigger::Ending;
use crate::report::{Format, Out, gate};
use crate::session::{self, Common, Me, Session};
use start::Start;
pub use start::Started;

pub const COMMAND: Command = Command { usage: &USAGE, run };

const REF: Opt = Opt::value("--ref", "REF", "branch or tag of that project; needed");
const TRIGGERING: Group = Group {
    title: "triggering",
    options: &[&REF, &VARIABLE, &INPUT, &DRY_RUN, &WAIT, &ON_CANCEL],
};
const WAITING: Group = Group {
    title: "waiting",
    options: &[&TIMEOUT, &INTERVAL, &KEEP_GOING, &SHALLOW, &STRICT],
};

const USAGE: Usage = Usage {
    name: "trigger",
    operands: "PROJECT",
    arity: (1, 1),
    terms: Vec::new,
    choices: &[],
    summary: "starts another project's pipeline with the job token",
    details: "\
With --wait the exit code is that of `jobgate wait` for all jobs of the pipeline.

PROJECT is an id or a full path. The job token is enough where that project's job token allowlist names this project and the job's user may run pipelines there; \
--wait also needs to read the pipeline's jobs (GitLab 18.2 and newer).

A request is sent once. If its answer is lost, the exit code is 6, and the newer pipelines of this ref and user are listed: \
one of them may be the pipeline that it has started.

Conditions (--require) are asked at the start and again directly before the request. --on-cancel cancel takes an access token.",
    example: "\
jobgate trigger ops/monitoring --ref main --wait
jobgate trigger 1234 --ref v1.2 --variable VERSION --input region=eu",
    groups: &[&TRIGGERING, &GATING, &WAITING, &OUTPUT, &CONNECTION],
};

struct Options {
    start: Start,
    gating: Gating,
    patience: Patience,
    wait: bool,
    dry_run: bool,
    left: Left,
    format: Format,
    file: Option<PathBuf>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words, host: &Host) -> Result<Self, Stop> {
        let operand = words.operands().into_iter().next().unwrap_or_default();
        let project = common_options::project(&operand);
        let project =
            project.map_err(|error| Stop::usage(format!("PROJECT {operand:?}: {error}")))?;
        let Some(ref_name) = words.value(&REF) else {
            return Err(Stop::usage("trigger needs --ref: a branch or tag"));
        };
        Ok(Self {
            start: Start {
                project,
                ref_name,
                parameters: Parameters::read(words, &host.vars, true)?,
            },
            gating: Gating::read(words)?,
            patience: {
                let failures = if words.switch(&STRICT) {
                    Failures::Strict
                } else {
                    Failures::AsGitLab
                };
                act::patience(words, failures, false)?
            },
            wait: words.switch(&WAIT),
            dry_run: words.switch(&DRY_RUN),
            left: Left::read(words)?,
            format: words.parsed(&FORMAT, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        })
    }
}

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let options = Options::read(&mut words, host).map_err(|stop| USAGE.explain(stop))?;
    words.done();
    let out = RefCell::new(Out::open(host, options.file.as_deref(), false)?);
    let exit = session::with(&options.common, host, |session| {
        let herald = Herald::new(session);
        let trigger = Trigger {
            options: &options,
            session,
            herald: &herald,
            out: &out,
        };
        trigger.run()
    })?;
    finish(host, &options.common, out.into_inner(), exit)
}

/// One call.
struct Trigger<'c, 'o> {
    options: &'c Options,
    session: &'c Session<'c>,
    herald: &'c Herald<'c>,
    out: &'c RefCell<Out<'o>>,
}

impl Trigger<'_, '_> {
    fn run(&self) -> anyhow::Result<Exit> {
        let Self {
            options, session, ..
        } = *self;
        let teller = self.herald.teller();
        let (mut turns, me) = Turns::open(session, &teller, options.patience.limits)?;
        gating::trust(session, &me)?;
        if options.left == Left::Cancel && !session.gitlab.has(TokenKind::Access) {
            return Err(Stop::new(
                Exit::Refused,
                "--on-cancel cancel takes an access token: no job token may cancel a pipeline",
            )
            .into());
        }
        options.start.parameters.check(session, &me.place())?;
        let tell = |judgement: &_| self.herald.gate(judgement);
        if let Err(judgement) = options.gating.pass(session, &me, &tell)? {
            session.talk.line(&gate::summary(&judgement));
            return Ok(self.report(judgement.exit(), None, None));
        }
        session.talk.line(&options.start.plan());
        if options.dry_run {
            return Ok(self.report(Exit::Ok, None, None));
        }
        let started = match options
            .start
            .send(session, &mut turns, &options.gating, &tell)?
        {
            Ok(started) => started,
            Err(judgement) => {
                session.talk.line(&gate::summary(&judgement));
                return Ok(self.report(judgement.exit(), None, None));
            }
        };
        self.herald.started(&started);
        self.interim(&started);
        if !options.wait {
            return Ok(self.report(Exit::Ok, Some(&started), None));
        }
        let ended = self.wait(&started, &mut turns, &me);
        let exit = ended.outcome.exit;
        if matches!(exit, Exit::Signal(_) | Exit::Timeout) {
            options
                .left
                .act_on_pipeline(session, &started.place.project, &started.pipeline);
        }
        Ok(self.report(exit, Some(&started), Some(&ended)))
    }

    /// Waits for every job of the pipeline.
    fn wait(&self, started: &Started, turns: &mut Turns, me: &Me) -> Ended {
        let selection = Selection {
            all: true,
            ..Selection::default()
        };
        let wait = Wait {
            place: &started.place,
            downstream: &[],
            selection: &selection,
            lists: LISTS,
            known: Vec::new(),
            rules: &self.options.patience.rules,
            me: Some(me),
        };
        let ended = wait_for(turns, &Finder::new(self.session.gitlab), &wait);
        if let Some(stop) = &ended.stop {
            self.session.talk.stop(stop);
        }
        ended
    }

    fn ending<'e>(
        &'e self,
        exit: Exit,
        started: Option<&'e Started>,
        waited: Option<&'e Ended>,
    ) -> Ending<'e> {
        let project: &Project = &self.options.start.project;
        Ending {
            exit,
            project: started.map_or(project, |started| &started.place.project),
            ref_name: &self.options.start.ref_name,
            started,
            waited: waited.map(|ended| &ended.outcome),
        }
    }

    /// As soon as it was started, so that `after_script` can clean up even after a kill.
    fn interim(&self, started: &Started) {
        if self.options.file.is_some() {
            let _ = self.write(&self.ending(Exit::Pending, Some(started), None));
            self.out.borrow_mut().place();
        }
    }

    fn write(&self, ending: &Ending) -> Result<(), Stop> {
        match self.options.format {
            Format::Table if ending.started.is_none() => {}
            Format::Table => {
                let mut out = self.out.borrow_mut();
                out.table(&ending.table(), self.session.color);
            }
            Format::Json => self.out.borrow_mut().text(&(ending.json().end() + "\n")),
            Format::Dotenv => self.out.borrow_mut().text(&ending.dotenv().text()?),
            Format::Ndjson => {}
        }
        Ok(())
    }

    fn report(&self, exit: Exit, started: Option<&Started>, waited: Option<&Ended>) -> Exit {
        let Err(stop) = self.write(&self.ending(exit, started, waited)) else {
            return exit;
        };
        self.session.talk.stop(&stop);
        Exit::of_all([exit, stop.exit])
    }
}

impl Started {
    fn new(project: &Project, pipeline: crate::model::Pipeline) -> Self {
        let project = pipeline
            .project_id
            .map_or_else(|| project.clone(), Project::Id);
        Self {
            place: Place {
                project,
                pipeline: pipeline.id,
            },
            pipeline,
        }
    }
}
