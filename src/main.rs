//! Gathers what the process was given, calls [`jobgate::run`] and returns its exit code. It decides nothing and prints nothing.

use std::io::{IsTerminal, stderr, stdout};
use std::process::ExitCode;

use jobgate::host::{Host, Limits, Stream, Vars};
use jobgate::os;
use jobgate::time::RealClock;

fn main() -> ExitCode {
    let interrupt = os::prepare();
    let host = Host {
        args: std::env::args_os().skip(1).collect(),
        vars: Vars::new(std::env::vars_os()),
        clock: &RealClock::start(),
        interrupt: &interrupt,
        seed: os::seed(),
        limits: Limits::REAL,
        out: Stream::new(Box::new(stdout()), stdout().is_terminal()),
        log: Stream::new(Box::new(stderr()), stderr().is_terminal()),
    };
    ExitCode::from(jobgate::run(&host).code())
}
