//! What GitLab said about a condition, or why nothing can be said: data, for which `report` has the words.

use std::fmt::Display;

use crate::decide::wait::Outcome;
use crate::exit::Stop;

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// It is as the condition expects.
    Expected,
    /// What the condition is about is this.
    Is(String),
    /// The sentence, and the names that stand in it, as the server wrote them.
    Fact(Fact, Vec<String>),
    Jobs(Outcome),
    /// GitLab refused, or gave no answer, or the jobs can never pass.
    NoAnswer(Stop),
}

/// Sentences. First those that say whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Project,
    Branch,
    Tag,
    /// A ref of a merge request or another one that GitLab keeps for itself (`refs/...`).
    OtherRef,
    Protected,
    NotProtected,
    RefNotListed,
    NoEnvironment,
    Agent,
    OtherAgents,
    Newer,
    // Of the job that approves.
    NoJob,
    TriggerJob,
    /// It waits for a person.
    Manual,
    Status,
    OwnUser,
    Retried,
    Starter,
    Played,
    // From here on: why nothing can be said.
    NotAsked,
    /// GitLab does not name this.
    Silent,
    /// The job's ref and its pipeline's are not the same.
    TwoRefs,
    /// `GET /job` and `GET /job/allowed_agents` name different jobs.
    OtherJob,
    /// Not exactly one environment has the job's slug.
    Slug,
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
    /// What came instead of an answer.
    pub fn stop(&self) -> Option<&Stop> {
        match self {
            Self::NoAnswer(stop) => Some(stop),
            Self::Expected | Self::Is(_) | Self::Fact(..) | Self::Jobs(_) => None,
        }
    }
}
