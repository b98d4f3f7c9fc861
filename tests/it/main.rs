//! Stories about the program.

mod explain;
