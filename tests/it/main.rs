//! Stories about the program.

mod explain;
mod find_agent;
mod kubeconfig;
