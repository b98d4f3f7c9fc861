//! The one run of `play`, `retry`, `cancel` and `erase`: gate, plan, print the plan, wait until it can be done, gate again, send, look, report.

mod leave;
pub mod parameters;
mod send;
mod target;
mod work;

use std::cell::RefCell;
use std::path::PathBuf;

use super::gating::{self, Gating};
use super::options::OUTPUT_FILE;
use super::options::{self, Where};
use super::waiting::{
    Ended, Halt, INTERVAL, KEEP_GOING, LISTS, Limits, Patience, SHALLOW, TIMEOUT, Turns, Wait,
    wait_for,
};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::action::{self, Fate, Verb};
use crate::decide::pace::Interval;
use crate::decide::select::{Operand, Selection};
use crate::decide::verdict::{Failures, Looks, Rules, StopAt, TriggerJobs};
use crate::exit::{Exit, Stop};
use crate::find::{Finder, Place};
use crate::gitlab::explain::explain_no_token;
use crate::gitlab::{Route, TokenKind};
use crate::host::Host;
use crate::report::act::{Ending, Herald};
use crate::report::{Format, Out, gate};
use crate::session::{self, Common, Me, Session};
use crate::time::parse_duration;
pub use leave::Left;
use parameters::Parameters;
pub use target::Target;
use target::{Aim, Meant};
use work::{End, Wanted, Work};

pub const DRY_RUN: Opt = Opt::switch("--dry-run", "stop after the plan; nothing is changed");
pub const RERUN: Opt = Opt::switch("--rerun", "run a job once more that has ended");
pub const FORCE: Opt = Opt::switch("--force", "end a job that is stuck in canceling");
pub const WAIT: Opt = Opt::switch("--wait", "wait until it has ended, as `jobgate wait` does");
pub const ON_CANCEL: Opt = Opt::value(
    "--on-cancel",
    "WHAT",
    "what to do with it if this job ends first; default leave",
)
.choices(&["leave", "cancel"]);
pub const ALLOW_FAILURE: Opt = Opt::switch(
    "--allow-failure",
    "a job that is allowed to fail may fail, as in GitLab",
);
pub const FORMAT: Opt = Opt::value("--output", "FORMAT", "form of the answer; default table")
    .short("-o")
    .choices(&["table", "json", "dotenv"]);
pub const OUTPUT: Group = Group {
    title: "output",
    options: &[&FORMAT, &OUTPUT_FILE],
};
/// Of `play` and `retry`.
pub const WAITING: Group = Group {
    title: "waiting",
    options: &[&TIMEOUT, &INTERVAL, &KEEP_GOING, &SHALLOW, &ALLOW_FAILURE],
};

/// What `--wait` counts, and how long it waits; for more there is `jobgate wait`.
pub fn patience(
    words: &mut Words,
    failures: Failures,
    no_trigger_jobs: bool,
) -> Result<Patience, Stop> {
    let limits = Limits {
        timeout: words.parsed(&TIMEOUT, parse_duration)?,
        interval: words
            .parsed(&INTERVAL, Interval::parse)?
            .unwrap_or(Interval::DEFAULT),
        outage: None,
    };
    let shallow = words.switch(&SHALLOW);
    let rules = Rules {
        failures,
        trigger_jobs: match (no_trigger_jobs, shallow) {
            (true, _) => TriggerJobs::LeaveOut,
            (false, true) => TriggerJobs::Shallow,
            (false, false) => TriggerJobs::Follow,
        },
        stop: if words.switch(&KEEP_GOING) {
            StopAt::End
        } else {
            StopAt::FirstFailure
        },
        looks: if limits.once() {
            Looks::Once
        } else {
            Looks::UntilDecided
        },
        ..Rules::default()
    };
    Ok(Patience { rules, limits })
}

/// What the words say.
struct Options {
    verb: Verb,
    place: Where,
    selection: Selection,
    all: bool,
    action: action::Options,
    parameters: Parameters,
    gating: Gating,
    rules: Rules,
    limits: Limits,
    wait: bool,
    dry_run: bool,
    left: Left,
    format: Format,
    file: Option<PathBuf>,
    common: Common,
}

impl Options {
    fn read(verb: Verb, words: &mut Words, host: &Host) -> Result<Self, Stop> {
        let runs = matches!(verb, Verb::Play | Verb::Retry);
        let mut selection = options::selection(words);
        let all = words.switch(&options::ALL);
        if selection.operands.is_empty() && selection.stages.is_empty() {
            if !all {
                return Err(Stop::usage("which job? name one, a --stage, or --all"));
            }
            selection.all = true;
        }
        let place = Where::read(words)?;
        let mut patience = Patience {
            rules: Rules::default(),
            limits: Limits {
                timeout: None,
                interval: Interval::DEFAULT,
                outage: Some(host.limits.outage),
            },
        };
        let mut parameters = Parameters::default();
        if runs {
            let failures = if words.switch(&ALLOW_FAILURE) {
                Failures::AsGitLab
            } else {
                Failures::StrictNamed
            };
            patience = self::patience(words, failures, place.no_trigger_jobs)?;
            parameters = Parameters::read(words, &host.vars, verb == Verb::Play)?;
        }
        Ok(Self {
            verb,
            place,
            selection,
            all,
            action: action::Options {
                rerun: runs && words.switch(&RERUN),
                force: verb == Verb::Cancel && words.switch(&FORCE),
            },
            parameters,
            gating: Gating::read(words)?,
            rules: patience.rules,
            limits: patience.limits,
            wait: runs && words.switch(&WAIT),
            dry_run: words.switch(&DRY_RUN),
            left: if runs {
                Left::read(words)?
            } else {
                Left::Leave
            },
            format: words.parsed(&FORMAT, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        })
    }

    /// A job that cannot be acted on yet is waited for.
    fn patient(&self) -> bool {
        !self.limits.once()
    }
}

/// The command of one verb.
pub fn run(
    verb: Verb,
    usage: &'static Usage,
    mut words: Words,
    host: &Host,
) -> anyhow::Result<Exit> {
    let options = Options::read(verb, &mut words, host).map_err(|stop| usage.explain(stop))?;
    words.done();
    let out = RefCell::new(Out::open(host, options.file.as_deref(), false)?);
    let exit = session::with(&options.common, host, |session| {
        let herald = Herald::new(session);
        let act = Act {
            options: &options,
            name: usage.name,
            session,
            herald: &herald,
            out: &out,
        };
        act.run()
    })?;
    finish(host, &options.common, out.into_inner(), exit)
}

/// Delivers the answer; that it could not be delivered never hides a worse end.
pub fn finish(host: &Host, common: &Common, out: Out, exit: Exit) -> anyhow::Result<Exit> {
    let Err(stop) = out.finish() else {
        return Ok(exit);
    };
    crate::report::Talk::new(host, common.color, common.quiet).stop(&stop);
    Ok(Exit::of_all([exit, stop.exit]))
}

/// One call.
struct Act<'c, 'o> {
    options: &'c Options,
    name: &'static str,
    session: &'c Session<'c>,
    herald: &'c Herald<'c>,
    out: &'c RefCell<Out<'o>>,
}

/// How the work ended.
#[derive(Default)]
struct Over {
    exits: Vec<Exit>,
    waited: Option<Ended>,
    /// This job was told to end, or its time is over.
    cut_short: bool,
}

impl Act<'_, '_> {
    fn run(&self) -> anyhow::Result<Exit> {
        let Self {
            options, session, ..
        } = *self;
        let teller = self.herald.teller();
        let (mut turns, me) = Turns::open(session, &teller, options.limits)?;
        gating::trust(session, &me)?;
        if !options.dry_run {
            needs_access_token(session, options.verb, &me)?;
        }
        options.parameters.check(session, &me.place())?;
        let tell = |judgement: &_| self.herald.gate(judgement);
        if let Err(judgement) = options.gating.pass(session, &me, &tell)? {
            session.talk.line(&gate::summary(&judgement));
            let place = options.place.start(&me.place())?;
            return Ok(self.report(judgement.exit(), &place, &[], None));
        }
        let meant = Meant {
            place: &options.place,
            selection: &options.selection,
            all: options.all,
        };
        let wanted = Wanted {
            verb: options.verb,
            options: options.action,
            parameters: &options.parameters,
            gating: &options.gating,
        };
        let mut work = Work {
            session,
            wanted: &wanted,
            herald: self.herald,
            aim: Aim::new(session, &me, meant)?,
            targets: Vec::new(),
            started: &|place, targets| self.interim(place, targets),
        };
        let over = self.work(&mut work, &mut turns, &me)?;
        let Work { targets, aim, .. } = &work;
        if over.cut_short {
            options.left.act(session, aim.place(), targets);
        }
        let exit = Exit::of_all(over.exits);
        Ok(self.report(exit, aim.place(), targets, over.waited.as_ref()))
    }

    fn work(&self, work: &mut Work, turns: &mut Turns, me: &Me) -> anyhow::Result<Over> {
        let options = self.options;
        let mut over = Over::default();
        // A plan tells what can be told now.
        let mut end = work.plan(turns, options.patient() && !options.dry_run);
        let planned = end.is_ok();
        if planned {
            self.herald.plan(&work.targets);
            if !options.dry_run {
                end = work.run(turns, options.patient());
            }
        }
        let mut open = Exit::Pending;
        match end {
            Ok(()) => {}
            Err(End::Stop(stop)) if !planned => return Err(stop.into()),
            Err(End::Stop(stop)) => {
                over.cut_short = cuts_short(stop.exit);
                self.session.talk.stop(&stop);
                over.exits.push(stop.exit);
            }
            Err(End::Closed(judgement)) => {
                self.session.talk.line(&gate::summary(&judgement));
                open = judgement.exit();
                work.close(open);
            }
            Err(End::Halt(halt)) => {
                over.cut_short = !matches!(halt, Halt::Error(_));
                over.exits.push(halt.exit());
                open = halt.exit();
                self.session.talk.stop(&turns.stop(&halt));
            }
        }
        let done = work.targets.iter().any(|target| target.fate.done());
        if options.wait && !options.dry_run && done && over.exits.is_empty() {
            let ended = self.wait(work, turns, me);
            work.update(&ended.outcome);
            over.cut_short |= cuts_short(ended.outcome.exit);
            over.exits.push(ended.outcome.exit);
            over.waited = Some(ended);
        }
        for Target { name, fate, .. } in &work.targets {
            // What can be done is as good as done for a plan.
            let planned = options.dry_run && matches!(fate, Fate::Open(why) if why.is_empty());
            over.exits
                .push(if planned { Exit::Ok } else { fate.exit(open) });
            if let Fate::Failed(stop) = fate {
                self.session.talk.line(&format!("{name}:"));
                self.session.talk.stop(stop);
            }
        }
        Ok(over)
    }

    /// Goes on with every job for which what was asked has happened.
    fn wait(&self, work: &Work, turns: &mut Turns, me: &Me) -> Ended {
        let done = work.targets.iter().filter(|target| target.fate.done());
        let known: Vec<_> = done
            .map(|target| (target.name.clone(), target.job.id))
            .collect();
        let names = known.iter().map(|(name, _)| Operand::name(name));
        let selection = Selection {
            operands: names.collect(),
            ..Selection::default()
        };
        let wait = Wait {
            place: work.aim.place(),
            downstream: &[],
            selection: &selection,
            lists: LISTS,
            known,
            rules: &self.options.rules,
            me: Some(me),
        };
        let ended = wait_for(turns, &Finder::new(self.session.gitlab), &wait);
        if let Some(stop) = &ended.stop {
            self.session.talk.stop(stop);
        }
        ended
    }

    /// As soon as something was started, so that `after_script` can clean up even after a kill.
    fn interim(&self, place: &Place, targets: &[Target]) {
        if self.options.file.is_some() {
            let ending = self.ending(Exit::Pending, place, targets, None);
            let _ = self.write(&ending);
            self.out.borrow_mut().place();
        }
    }

    fn ending<'e>(
        &self,
        exit: Exit,
        place: &'e Place,
        targets: &'e [Target],
        waited: Option<&'e Ended>,
    ) -> Ending<'e> {
        Ending {
            action: self.name,
            exit,
            place,
            targets,
            waited: waited.map(|ended| &ended.outcome),
        }
    }

    fn write(&self, ending: &Ending) -> Result<(), Stop> {
        let mut out = self.out.borrow_mut();
        match self.options.format {
            Format::Table if ending.targets.is_empty() => {}
            Format::Table => out.table(&ending.table(), self.session.color),
            Format::Json => out.text(&(ending.json().end() + "\n")),
            Format::Dotenv => out.text(&ending.dotenv().text()?),
            Format::Ndjson => {}
        }
        Ok(())
    }

    fn report(
        &self,
        exit: Exit,
        place: &Place,
        targets: &[Target],
        waited: Option<&Ended>,
    ) -> Exit {
        let written = self.write(&self.ending(exit, place, targets, waited));
        let Err(stop) = written else {
            return exit;
        };
        self.session.talk.stop(&stop);
        Exit::of_all([exit, stop.exit])
    }
}

/// This job was told to end, or its time is over.
fn cuts_short(exit: Exit) -> bool {
    matches!(exit, Exit::Signal(_) | Exit::Timeout)
}

/// No GitLab takes a job token for these: better said before waiting for hours.
fn needs_access_token(session: &Session, verb: Verb, me: &Me) -> Result<(), Stop> {
    if session.gitlab.has(TokenKind::Access) {
        return Ok(());
    }
    let (project, id) = (me.place().project, me.job.id);
    let route = match verb {
        Verb::Play => Route::Play(project, id),
        Verb::Retry => Route::Retry(project, id),
        Verb::Cancel => Route::Cancel(project, id),
        Verb::Erase => Route::Erase(project, id),
    };
    let explained = explain_no_token(&route);
    Err(Stop {
        exit: explained.exit,
        error: explained.cause,
        hints: explained.hints,
    })
}
