//! The commands and what they share.

pub mod agents;
pub mod whoami;
