//! Stories about the program.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

#[path = "../fake/mod.rs"]
mod fake;

mod fake_auth;
#[path = "fake.rs"]
mod fake_gitlab;
mod fake_lists;
mod fake_random;
mod fake_shape;
mod fake_skin;
mod fake_world;
