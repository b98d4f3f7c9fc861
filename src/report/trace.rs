//! The sentences of `trace`.

use super::messages::list;
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
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    Stop::usage(format!("several jobs are meant: {}", list(&names)))
        .hint("trace takes one of these names")
}

/// The operand means no job; it may be the name of a trigger job.
pub fn no_log_of_trigger_jobs(missing: Option<Stop>) -> Stop {
    missing
        .unwrap_or_else(one_job)
        .hint("a trigger job has no log; --downstream leads to its pipeline")
}
