//! What each command needs, and which of them work.

use super::Capability::{
    self, Agents, Branches, Cancel, Downstream, Environments, Erase, Introspection, ListJobs,
    Pipelines, Play, Retry, Tags, Trace, Trigger, TriggerJobs,
};
use super::{Check, Works};
use crate::exit::Exit;

#[derive(Clone, Copy)]
struct Needs {
    command: &'static str,
    all: &'static [Capability],
    /// The command works without these, but not in every way.
    better: &'static [Capability],
    /// Those count for the exit code as well: without them a condition can never hold.
    whole: bool,
    /// It takes a `CI_JOB_ID` of another job for "could not tell".
    strict: bool,
}

const fn needs(
    command: &'static str,
    all: &'static [Capability],
    better: &'static [Capability],
) -> Needs {
    Needs {
        command,
        all,
        better,
        whole: false,
        strict: false,
    }
}

const fn strict(needs: Needs) -> Needs {
    Needs {
        strict: true,
        ..needs
    }
}

const TREE: &[Capability] = &[TriggerJobs, Downstream];

const EVIDENCE: &[Capability] = &[
    Agents,
    ListJobs,
    TriggerJobs,
    Pipelines,
    Branches,
    Tags,
    Environments,
];

const TABLE: [Needs; 11] = [
    needs("whoami", &[Introspection], &[Agents]),
    needs("agents", &[Agents], &[]),
    needs("jobs", &[Introspection, ListJobs], TREE),
    needs("trace", &[Introspection, ListJobs, Trace], &[TriggerJobs]),
    needs("wait", &[Introspection, ListJobs], TREE),
    strict(needs("play", &[Introspection, ListJobs, Play], TREE)),
    strict(needs("retry", &[Introspection, ListJobs, Retry], TREE)),
    strict(needs("cancel", &[Introspection, ListJobs, Cancel], TREE)),
    strict(needs("erase", &[Introspection, ListJobs, Erase], TREE)),
    strict(needs(
        "trigger",
        &[Introspection, Trigger],
        &[ListJobs, TriggerJobs],
    )),
    strict(Needs {
        whole: true,
        ..needs("gate", &[Introspection], EVIDENCE)
    }),
];

/// The commands that ask GitLab, in the order of the help page.
pub const COMMANDS: &[&str] = &[
    "whoami", "agents", "jobs", "trace", "wait", "play", "retry", "cancel", "erase", "trigger",
    "gate",
];

/// Whether a command works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Yes,
    /// Not in every way.
    Partly,
    No,
    Unknown,
}

impl Work {
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What is to be said of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub command: &'static str,
    pub work: Work,
    /// What it has to do without.
    pub without: Vec<Capability>,
    /// 0, 4 or 6.
    pub exit: Exit,
}

/// Every command, in the order of the help page. `other_job`: the variables and the job token are of two jobs.
pub fn verdicts(checks: &[Check], other_job: bool) -> Vec<Verdict> {
    let one = |needs: &Needs| verdict(needs, checks, other_job && needs.strict);
    TABLE.iter().map(one).collect()
}

fn verdict(needs: &Needs, checks: &[Check], mixed_up: bool) -> Verdict {
    let works = |capability: &Capability| {
        let found = checks.iter().find(|check| check.capability == *capability);
        found.map_or(&Works::Unasked(""), |check| &check.works)
    };
    let exits = |all: &[Capability]| Exit::of_all(all.iter().map(|one| works(one).exit()));
    let (core, wide) = (exits(needs.all), exits(needs.better));
    // What is refused can be done without; what could not be told may fail the command.
    let blurred = mixed_up
        || needs
            .better
            .iter()
            .any(|one| matches!(works(one), Works::No(_)) && works(one).exit() == Exit::Unknown);
    let exit = Exit::of_all([
        core,
        if needs.whole { wide } else { Exit::Ok },
        if blurred { Exit::Unknown } else { Exit::Ok },
    ]);
    let lacks = |capability: &&Capability| works(capability).exit() != Exit::Ok;
    let narrows = |capability: &&Capability| matches!(works(capability), Works::No(_));
    let missing = needs.all.iter().filter(lacks);
    let without: Vec<_> = missing
        .chain(needs.better.iter().filter(narrows))
        .copied()
        .collect();
    let work = match core {
        Exit::Refused => Work::No,
        Exit::Ok if !blurred && without.is_empty() => Work::Yes,
        Exit::Ok if !blurred => Work::Partly,
        _ => Work::Unknown,
    };
    Verdict {
        command: needs.command,
        work,
        without,
        exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_table() {
        let names: Vec<_> = TABLE.iter().map(|needs| needs.command).collect();
        assert_eq!(names, COMMANDS);
    }
}
