//! Decisions: functions from plain data to an enum that names the next step. Nothing here writes, asks, sleeps or reads a clock.

pub(crate) mod action;
pub mod deadline;
pub mod doctor;
pub mod gate;
pub mod guard;
pub mod pace;
pub mod part;
pub mod select;
pub mod stages;
pub mod tree;
pub mod wait;
