//! Which commands work, given what the tokens may do.

use self::Capability::{
    Agents, Branches, CallingJob, Cancel, Deployments, Environments, Erase, Logs, Pipeline,
    PipelineJobs, Pipelines, Play, Retry, Tags, TriggerJobs,
};
use crate::exit::Exit;

/// Something that the program needs from GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    CallingJob,
    Agents,
    PipelineJobs,
    TriggerJobs,
    Pipeline,
    Pipelines,
    Branches,
    Tags,
    Environments,
    Deployments,
    Logs,
    Play,
    Retry,
    Cancel,
    Erase,
}

/// What one token, or the better one of two, can do. The best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Works {
    Yes,
    Partly,
    /// GitLab did not answer, or does not say.
    Unknown,
    No,
}

impl Works {
    /// 0 only if all works.
    pub fn exit(self) -> Exit {
        match self {
            Self::Yes => Exit::Ok,
            Self::Partly | Self::No => Exit::Refused,
            Self::Unknown => Exit::Unknown,
        }
    }
}

/// A command, what it does nothing without, and what it works without, but not in every way.
type Needs = (&'static str, &'static [Capability], &'static [Capability]);

/// What each command needs, in the order of the help page.
const TABLE: [Needs; 11] = [
    ("whoami", &[CallingJob], &[Agents]),
    ("agents", &[Agents], &[]),
    ("jobs", &[CallingJob, PipelineJobs], &[TriggerJobs]),
    ("trace", &[CallingJob, PipelineJobs, Logs], &[TriggerJobs]),
    ("wait", &[CallingJob, PipelineJobs], &[TriggerJobs]),
    (
        "play",
        &[CallingJob, PipelineJobs, Play],
        &[TriggerJobs, Deployments],
    ),
    ("retry", &[CallingJob, PipelineJobs, Retry], &[TriggerJobs]),
    (
        "cancel",
        &[CallingJob, PipelineJobs, Cancel],
        &[TriggerJobs],
    ),
    ("erase", &[CallingJob, PipelineJobs, Erase], &[TriggerJobs]),
    // What else it takes lies in the project to trigger.
    ("trigger", &[CallingJob], &[]),
    (
        "gate",
        &[CallingJob],
        &[
            Agents,
            PipelineJobs,
            TriggerJobs,
            Pipeline,
            Pipelines,
            Branches,
            Tags,
            Environments,
        ],
    ),
];

/// Those that end with "could not tell" where `CI_JOB_ID` is of another job than the job token.
const STRICT: &[&str] = &["play", "retry", "cancel", "erase", "trigger", "gate"];

/// The commands that ask GitLab, in the order of the table.
pub const COMMANDS: &[&str] = &[
    "whoami", "agents", "jobs", "trace", "wait", "play", "retry", "cancel", "erase", "trigger",
    "gate",
];

/// Whether a command works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub command: &'static str,
    pub works: Works,
    /// What it works without, or only in part.
    pub missing: Vec<Capability>,
}

/// Every command. `works`: what is known of a capability, if it was asked. `other_job`: the variables and the job token are of
/// two jobs.
pub fn verdicts(works: impl Fn(Capability) -> Option<Works>, other_job: bool) -> Vec<Verdict> {
    let of = |capability: &Capability| works(*capability).unwrap_or(Works::Unknown);
    let verdict = |&(command, all, parts): &Needs| {
        let part = |one| match of(one) {
            Works::No => Works::Partly,
            works => works,
        };
        let mixed_up = (other_job && STRICT.contains(&command)).then_some(Works::Unknown);
        let found = all
            .iter()
            .map(of)
            .chain(parts.iter().map(part))
            .chain(mixed_up);
        let missing = all.iter().chain(parts).filter(|one| of(one) != Works::Yes);
        Verdict {
            command,
            works: found.max().unwrap_or(Works::Yes),
            missing: missing.copied().collect(),
        }
    };
    TABLE.iter().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_table() {
        let names: Vec<_> = TABLE.iter().map(|(command, ..)| *command).collect();
        assert_eq!(names, COMMANDS);
    }

    /// The command, what does not work, and what follows.
    #[test]
    fn what_a_command_lacks_decides_how_it_works() {
        for (command, lacks, works, exit) in [
            ("wait", vec![], Works::Yes, Exit::Ok),
            (
                "wait",
                vec![(TriggerJobs, Works::No)],
                Works::Partly,
                Exit::Refused,
            ),
            (
                "wait",
                vec![(TriggerJobs, Works::Unknown)],
                Works::Unknown,
                Exit::Unknown,
            ),
            ("wait", vec![(Play, Works::No)], Works::Yes, Exit::Ok),
            ("play", vec![(Play, Works::No)], Works::No, Exit::Refused),
            (
                "play",
                vec![(Play, Works::Unknown)],
                Works::Unknown,
                Exit::Unknown,
            ),
            (
                "play",
                vec![(Deployments, Works::No)],
                Works::Partly,
                Exit::Refused,
            ),
            (
                "erase",
                vec![(Erase, Works::Partly)],
                Works::Partly,
                Exit::Refused,
            ),
            (
                "gate",
                vec![(Tags, Works::No), (Branches, Works::Unknown)],
                Works::Unknown,
                Exit::Unknown,
            ),
            (
                "gate",
                vec![(CallingJob, Works::No)],
                Works::No,
                Exit::Refused,
            ),
        ] {
            let of = |one: Capability| {
                let lack = lacks.iter().find(|(lack, _)| *lack == one);
                Some(lack.map_or(Works::Yes, |(_, works)| *works))
            };
            let all = verdicts(of, false);
            let found = all.iter().find(|verdict| verdict.command == command);
            let found = found.map(|verdict| (verdict.works, verdict.works.exit()));
            assert_eq!(found, Some((works, exit)), "{command} without {lacks:?}");
        }
    }

    #[test]
    fn what_was_not_asked_is_unknown_and_mixed_up_variables_stop_writes() {
        for verdict in verdicts(|_| None, false) {
            assert_eq!(
                (verdict.works, verdict.works.exit()),
                (Works::Unknown, Exit::Unknown)
            );
        }
        for verdict in verdicts(|_| Some(Works::Yes), true) {
            let strict =
                ["play", "retry", "cancel", "erase", "trigger", "gate"].contains(&verdict.command);
            assert_eq!(
                verdict.works == Works::Unknown,
                strict,
                "{}",
                verdict.command
            );
        }
    }
}
