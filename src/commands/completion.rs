//! `completion`: a script that completes commands, options, choices and file names in a shell.

use super::{Command, help};
use crate::cli::{Usage, Words};
use crate::exit::{Exit, Stop};
use crate::help::complete;
use crate::host::Host;

pub const COMMAND: Command = Command { usage: &USAGE, run };

const USAGE: Usage = Usage {
    name: "completion",
    operands: "bash|zsh|fish",
    summary: "prints a completion script for bash, zsh or fish",
    details: "\
Bash: add `source <(jobgate completion bash)` to ~/.bashrc.

Zsh: add `source <(jobgate completion zsh)` to ~/.zshrc, after compinit.

Fish: run `jobgate completion fish > ~/.config/fish/completions/jobgate.fish`.",
    example: "jobgate completion bash\njobgate completion zsh\njobgate completion fish",
    groups: &[],
};

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let shell = words.operands().into_iter().next();
    let table = words.table().to_vec();
    words.done();
    let script = match shell.as_deref() {
        Some("zsh") => complete::zsh(&table),
        Some("fish") => complete::fish(&table),
        _ => complete::bash(&table),
    };
    help::print(host, &script)
}
