//! Stories about the program.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

#[path = "../fake/mod.rs"]
mod fake;

#[path = "fake.rs"]
mod fake_gitlab;
mod fake_shape;
