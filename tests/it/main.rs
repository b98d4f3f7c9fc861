//! Stories about the program.

mod verdict;
