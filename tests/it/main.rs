//! Stories about the program.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod cli;
mod docs;
mod shells;
mod tidy;
mod words;
