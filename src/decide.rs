//! Decisions: functions from plain data to an enum that names the next step. Nothing here writes, asks, sleeps or reads a clock.

pub(crate) mod action;
pub(crate) mod deadline;
pub mod gate;
pub(crate) mod guard;
pub mod pace;
pub(crate) mod part;
pub mod select;
pub(crate) mod stages;
pub mod wait;
