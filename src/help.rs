//! Prints help pages and completion scripts from the tables of the command line. It adds no text of its own about any command.

pub mod complete;
pub mod page;

/// What the program is, in one sentence.
pub const ABOUT: &str = env!("CARGO_PKG_DESCRIPTION");

/// The name and version, as `--version` prints them.
pub const VERSION: &str = concat!("jobgate ", env!("CARGO_PKG_VERSION"));
