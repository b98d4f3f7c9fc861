//! The sentences of `trace`.

use super::messages;
use crate::exit::Stop;
use crate::model::Job;

pub const STARTS_OVER: &str = "the log starts over: it was erased or replaced";

pub fn one_job() -> Stop {
    Stop::usage("trace needs one JOB, or --name NAME")
}

pub fn needs_follow(option: &str) -> Stop {
    Stop::usage(format!("{option} needs --follow"))
}

/// The operand means several jobs.
pub fn several(jobs: &[&Job]) -> Stop {
    let mut names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    names.sort_unstable();
    messages::several(&names).hint("trace takes one of these names")
}

/// The operand means no job; a name may be that of a trigger job.
pub fn no_such_log(missing: Option<Stop>) -> Stop {
    let stop = missing.unwrap_or_else(one_job);
    if stop.hints == [messages::LISTS] {
        return stop.hint("a trigger job has no log, but --downstream NAME leads to its pipeline");
    }
    stop
}
