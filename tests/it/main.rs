//! Stories about the program.
#![allow(clippy::unwrap_used)]

mod cli;
mod docs;
mod help;
mod shells;
mod table;
mod tidy;
mod words;
