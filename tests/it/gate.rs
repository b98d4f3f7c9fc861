//! Conditions: how they are read, what makes each hold, and by what accident none may.

mod accidents;
mod approvals;
mod command;
mod evidence;
mod judged;
mod open;
mod parsed;
