//! The commands and what they share.

pub mod whoami;
