//! Stories about the program.
