//! Play, retry, cancel, erase: what to do about one job, and how far that has come.

pub mod confirm;
pub mod plan;
pub mod target;

pub use confirm::Doubt;
pub use plan::{Action, Approval, Given, Plan, Step, Verb, Why};
pub use target::{Progress, Started, Target};
