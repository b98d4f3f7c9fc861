//! Waiting, decided: a fold over looks that says "read this", "look again" or how it all ended.
//!
//! The order of reading: [`Counts::of`] is the table (one job by its own row), `node` what is known of one pipeline, `judge` adds
//! downstream pipelines and sums up, [`Watch`] folds looks.

mod judge;
mod node;
mod outcome;
mod rules;
mod said;
mod watch;

pub use outcome::{
    Change, Goal, JobOutcome, List, Named, Note, Now, Outcome, Own, Read, Reason, Remark, Step,
    Unreadable, Verdict,
};
pub use rules::{Counts, Failures, Rules, TriggerJobs, Want, Way, way};
pub use watch::Watch;
