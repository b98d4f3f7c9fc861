//! Everything that is printed from the tables of the command line: help pages, completion scripts, the README's reference.
//! No text of its own about any command.

pub mod complete;
pub mod page;

/// What the program is, in one sentence.
pub const ABOUT: &str = env!("CARGO_PKG_DESCRIPTION");

/// The name and version, as `--version` prints them.
pub const VERSION: &str = concat!("jobgate ", env!("CARGO_PKG_VERSION"));
