//! Stories about the program.
#![allow(clippy::unwrap_used)]

mod actions;
mod gate;
mod gatefile;
