//! Conditions that a command may demand: the options and the asking, shared by `gate`, `wait` and every action.

use crate::cli::{Group, Opt};

pub const REQUIRE: Opt = Opt::value(
    "--require",
    "CONDITION",
    "go on only if this holds, as in `jobgate gate`",
)
.many();
pub const GATE: Opt = Opt::value(
    "--gate",
    "FILE#NAME",
    "go on only if this gate of a gate file is open",
)
.many();
pub const GATING: Group = Group {
    title: "conditions",
    options: &[&REQUIRE, &GATE],
};
