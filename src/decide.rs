//! Decisions: functions from plain data to an enum that names the next step. Nothing here writes, asks, sleeps or reads a clock.

pub mod guard;
pub mod look;
pub mod reason;
pub mod select;
pub mod stages;
pub mod tree;
pub mod verdict;
