//! What GitLab said about a condition, or why nothing can be said: data, for which `report` has the words.

use std::fmt::Display;

use crate::decide::wait::Outcome;
use crate::exit::{Exit, Stop};

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The sentence, and the names that stand in it, as the server wrote them.
    Fact(Fact, Vec<String>),
    Jobs(Outcome),
    /// GitLab refused, or gave no answer.
    NoAnswer(Stop),
}

/// Sentences. First those that say whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Project,
    /// Its path differs from that of the condition in letter case alone.
    ProjectInOtherCase,
    Branch,
    Tag,
    /// A ref of a merge request or another one that GitLab keeps for itself (`refs/...`).
    OtherRef,
    Protected,
    NotProtected,
    RefNotListed,
    Source,
    User,
    Role,
    NoRole,
    NoEnvironment,
    Tier,
    Environment,
    Agent,
    OtherAgents,
    Newest,
    Newer,
    // Of the job that approves.
    NoJob,
    TriggerJob,
    /// It waits for a person, at this URL.
    Manual,
    Status,
    OwnUser,
    Retried,
    Starter,
    Played,
    // From here on: why nothing can be said.
    NotAsked,
    NoUser,
    NoSource,
    NoRef,
    /// The job's ref and its pipeline's are not the same.
    TwoRefs,
    ProjectPath,
    /// `GET /job` and `GET /job/allowed_agents` name different jobs.
    OtherJob,
    /// GitLab does not name this of the job's environment.
    NotOfEnvironment,
    /// Not exactly one environment has the job's slug.
    Slug,
    /// No user's name stands on the job that approves.
    NoPlayer,
    /// GitLab does not say who started the pipeline.
    NoStarter,
    PipelineWithoutRef,
    /// The list shows the calling job's pipeline with another commit.
    TwoCommits,
    /// The list does not show the calling job's pipeline.
    PipelineHidden,
}

impl Fact {
    pub fn of(self, names: &[&dyn Display]) -> Said {
        Said::Fact(self, names.iter().map(ToString::to_string).collect())
    }
}

impl Said {
    /// Nothing can be said because a token is missing or was refused.
    pub(super) fn refused(&self) -> bool {
        match self {
            Self::Fact(..) => false,
            Self::Jobs(outcome) => outcome.exit == Exit::Refused,
            Self::NoAnswer(stop) => stop.exit == Exit::Refused,
        }
    }
}
