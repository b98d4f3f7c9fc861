//! `play`, `retry`, `cancel` and `erase`: what their options say, and the one course that they and `trigger` share.

pub mod call;
pub mod jobs;
pub mod leave;
pub mod list;
pub mod options;
pub mod parameters;

use super::options::{self as shared, ALL, Where};
use crate::cli::{Usage, Words};
use crate::decide::action::{Action, Verb};
use crate::decide::wait::Failures;
use crate::exit::{Exit, Stop};
use crate::host::Host;
use jobs::Jobs;
use list::Request;
use options::{ALLOW_FAILURE, FORCE, Options, RERUN};
use parameters::Parameters;

/// The command of one verb.
pub fn run(verb: Verb, usage: &'static Usage, mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let (request, options) =
        read(verb, usage, &mut words, host).map_err(|stop| usage.explain(stop))?;
    words.done();
    call::run(host, &options, |session, act| {
        act(&mut Jobs::new(session, &request))
    })
}

fn read(
    verb: Verb,
    usage: &Usage,
    words: &mut Words,
    host: &Host,
) -> Result<(Request, Options), Stop> {
    let runs = matches!(verb, Verb::Play | Verb::Retry);
    let mut selection = shared::selection(words);
    let all = words.switch(&ALL);
    if selection.operands.is_empty() && selection.stages.is_empty() {
        if !all {
            return Err(Stop::usage("which job? name one, a --stage, or --all"));
        }
        selection.all = true;
    }
    let place = Where::read(words)?;
    let (mut parameters, mut rerun) = (Parameters::default(), false);
    let mut options = if runs {
        parameters = Parameters::read(words, &host.vars, verb == Verb::Play)?;
        rerun = words.switch(&RERUN);
        let failures = if words.switch(&ALLOW_FAILURE) {
            Failures::AsGitLab
        } else {
            Failures::StrictNamed
        };
        Options::read_starting(words, failures, place.no_trigger_jobs)?
    } else {
        Options::read(words)?
    };
    options.placed = place.complete();
    let action = Action {
        verb,
        rerun,
        force: verb == Verb::Cancel && words.switch(&FORCE),
        waits: runs && !options.limits.once(),
        given: parameters.given(),
    };
    let request = Request {
        name: usage.name,
        action,
        place,
        selection,
        all,
        parameters,
    };
    Ok((request, options))
}
