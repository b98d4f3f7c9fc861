//! `play`, `retry`, `cancel` and `erase`: what their options say, and the one course that they and `trigger` share.

pub mod call;
pub mod from;
pub mod jobs;
pub mod leave;
pub mod list;
pub mod options;
pub mod parameters;

use std::time::Duration;

use super::options::{self as shared, ALL, Where};
use crate::cli::{Usage, Words};
use crate::decide::action::{Action, Verb};
use crate::decide::select::Matched;
use crate::decide::wait::Failures;
use crate::exit::{Exit, Stop};
use crate::host::Host;
use crate::report::messages;
use crate::session;

use call::act;
use from::FROM;
use list::{Jobs, Request};
use options::{ALLOW_FAILURE, FORCE, Options, RERUN};
use parameters::Parameters;

/// The command of one verb.
pub fn run(verb: Verb, usage: &'static Usage, mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let (request, options) =
        read(verb, usage, &mut words, host).map_err(|stop| usage.explain(stop))?;
    words.done();
    session::with(&options.printing.common, host, |session| {
        act(session, &options, &mut Jobs::new(session, &request))
    })
}

fn read(
    verb: Verb,
    usage: &Usage,
    words: &mut Words,
    host: &Host,
) -> Result<(Request, Options), Stop> {
    let from = words.value(&FROM);
    let selection = shared::selection(words);
    let all = words.switch(&ALL) || from.is_some();
    let place = Where::read(words)?;
    let mut options = Options::read(words, &place)?;
    options.cleans_up = matches!(verb, Verb::Cancel | Verb::Erase);
    if options.cleans_up {
        // They wait for nothing: trouble and rate limits are sat out for 30 s in all.
        options.patience.limits.timeout = Some(Duration::ZERO);
    } else if !words.switch(&ALLOW_FAILURE) {
        options.patience.rules.failures = Failures::StrictNamed;
    }
    let parameters = Parameters::read(words, &host.vars)?;
    let action = Action {
        verb,
        // What --from names may have passed meanwhile, and a trigger job stands for what it has started.
        matched: from.as_ref().map_or(Matched::Name, |_| Matched::Everything),
        rerun: words.switch(&RERUN),
        force: words.switch(&FORCE),
        waits: !options.patience.limits.once(),
        given: parameters.given(),
    };
    let mut request = Request {
        name: usage.name,
        action,
        place,
        selection,
        all,
        parameters,
    };
    if let Some(path) = from {
        options.nothing = from::read(&path, &mut request)?;
        options.placed = true;
    }
    let selection = &mut request.selection;
    selection.all = selection.operands.is_empty() && selection.stages.is_empty();
    if selection.all && !all {
        return Err(messages::needs_job(usage.name));
    }
    Ok((request, options))
}
