//! Stories about the program.

mod verdict;
mod world;
