//! Which commands work, given what the tokens may do.

use self::Capability::{
    Agents, Branches, CallingJob, Cancel, Deployments, Downstream, Environments, Erase, Logs,
    Pipeline, PipelineJobs, Pipelines, Play, Retry, Tags, Trigger, TriggerJobs,
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
    /// The jobs of a pipeline in another project, which a trigger job has started.
    Downstream,
    ProjectJobs,
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
    Trigger,
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

/// A command, what it does nothing without, and what it works without, but not in every way.
type Needs = (&'static str, &'static [Capability], &'static [Capability]);

const TREE: &[Capability] = &[TriggerJobs, Downstream];

/// What each command needs, in the order of the help page.
const TABLE: [Needs; 11] = [
    ("whoami", &[CallingJob], &[Agents]),
    ("agents", &[Agents], &[]),
    ("jobs", &[CallingJob, PipelineJobs], TREE),
    ("trace", &[CallingJob, PipelineJobs, Logs], TREE),
    ("wait", &[CallingJob, PipelineJobs], TREE),
    (
        "play",
        &[CallingJob, PipelineJobs, Play],
        &[TriggerJobs, Downstream, Deployments],
    ),
    ("retry", &[CallingJob, PipelineJobs, Retry], TREE),
    ("cancel", &[CallingJob, PipelineJobs, Cancel], TREE),
    ("erase", &[CallingJob, PipelineJobs, Erase], TREE),
    ("trigger", &[CallingJob, Trigger], &[]),
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
    /// 0 only if all works that the command may need, else 4, or 6 where it could not be told.
    pub exit: Exit,
}

/// Every command. `works`: what is known of a capability, if it was asked. `other_job`: the variables and the job token are of
/// two jobs.
pub fn verdicts(works: impl Fn(Capability) -> Option<Works>, other_job: bool) -> Vec<Verdict> {
    let of = |capability: &Capability| match (works(*capability), capability) {
        (Some(works), _) => works,
        // There is no such pipeline.
        (None, Downstream) => Works::Yes,
        (None, _) => Works::Unknown,
    };
    let verdict = |&(command, all, parts): &Needs| {
        let lacking = |one: &&Capability| of(one) != Works::Yes;
        let missing: Vec<_> = all.iter().chain(parts).filter(lacking).copied().collect();
        let exits = missing.iter().map(|one| match of(one) {
            Works::Yes => Exit::Ok,
            Works::Partly | Works::No => Exit::Refused,
            Works::Unknown => Exit::Unknown,
        });
        let unclear = (other_job && STRICT.contains(&command)).then_some(Exit::Unknown);
        let exit = Exit::of_all(exits.chain(unclear));
        let works = match all.iter().map(of).max() {
            Some(Works::No) => Works::No,
            _ if exit == Exit::Ok => Works::Yes,
            _ if unclear.is_some() || missing.iter().any(|one| of(one) == Works::Unknown) => {
                Works::Unknown
            }
            _ => Works::Partly,
        };
        Verdict {
            command,
            works,
            missing,
            exit,
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
                vec![(Downstream, Works::No)],
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
                Exit::Refused,
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
            let found = found.map(|verdict| (verdict.works, verdict.exit));
            assert_eq!(found, Some((works, exit)), "{command} without {lacks:?}");
        }
    }

    #[test]
    fn what_was_not_asked_is_unknown_and_mixed_up_variables_stop_writes() {
        for verdict in verdicts(|_| None, false) {
            assert_eq!(
                (verdict.works, verdict.exit),
                (Works::Unknown, Exit::Unknown)
            );
        }
        for verdict in verdicts(|_| Some(Works::Yes), true) {
            let strict =
                ["play", "retry", "cancel", "erase", "trigger", "gate"].contains(&verdict.command);
            assert_eq!(verdict.exit == Exit::Unknown, strict, "{}", verdict.command);
        }
    }
}
