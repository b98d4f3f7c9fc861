//! Play, retry, cancel, erase: what to do about one job, and how far that has come.

pub mod confirm;
pub mod plan;
pub mod target;

pub use plan::{Action, Given, Plan, Verb, Why};
pub use target::{Progress, Target};
