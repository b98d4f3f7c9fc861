//! Stories about the program.
#![allow(clippy::unwrap_used)]

mod cli;
mod docs;
mod shells;
mod tidy;
mod words;
