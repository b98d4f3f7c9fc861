//! Stories about the program.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::needless_raw_string_hashes,
    reason = "a test may fail loudly, and says aloud what it skips; expect-test writes raw strings with hashes"
)]

#[path = "../fake/mod.rs"]
mod fake;
mod run;

mod act;
mod agents;
mod binary;
mod cli;
mod docs;
mod doctor;
#[cfg(unix)]
mod examples;
mod explain;
mod fake_auth;
#[path = "fake.rs"]
mod fake_gitlab;
mod fake_lists;
mod fake_random;
mod fake_shape;
mod fake_skin;
mod fake_world;
mod gate;
mod help;
mod jobs;
mod lists;
mod masks;
mod misuse;
mod net;
#[cfg(unix)]
mod real;
mod shells;
mod table;
#[cfg(unix)]
mod templates;
mod tidy;
mod trace;
mod wait;
mod whoami;
mod words;
mod world;
