//! Stories about the program.
#![allow(clippy::unwrap_used)]

mod net;
