//! What GitLab said about a condition, or why nothing can be said about it: data, without words for people.

use crate::decide::wait::Outcome;
use crate::exit::Stop;
use crate::model::{AgentId, Pipeline, PipelineId, ProjectId, Role, Source, Status, Tier};

/// What GitLab said about a condition. Names are as the server wrote them.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Project {
        id: ProjectId,
        path: Option<String>,
        /// The path of the condition differs from it in letter case alone.
        case_differs: bool,
    },
    Ref(RefKind, String),
    Protection(RefKind, String, Protection),
    Source(Source),
    User(String),
    Role {
        user: String,
        project: ProjectId,
        role: Option<Role>,
    },
    NoEnvironment,
    Tier(Tier),
    Environment(String),
    Agent(AgentId, String),
    /// The agent is not among the allowed ones, which are so many.
    NoAgent {
        others: usize,
    },
    Jobs(Outcome),
    Approval(Approval),
    Newest(PipelineId),
    Newer(Box<Pipeline>),
}

/// Why nothing can be said about a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Gap {
    /// GitLab refused, or there was no answer.
    NoAnswer(Stop),
    NotAsked,
    /// The jobs of a selection cannot be judged.
    Jobs(Outcome),
    NoUser,
    NoSource,
    NoTier,
    NoRef,
    /// The job's ref and its pipeline's are not the same.
    TwoRefs(String, String),
    /// The job's URL, from which the path cannot be read.
    NoProjectPath(ProjectId, String),
    /// `GET /job` and `GET /job/allowed_agents` name different jobs.
    OtherJob,
    NoSlug,
    SlugNotListed(String),
    SlugListedTwice(String),
    /// No user's name stands on the job that approves.
    NoPlayer,
    /// GitLab does not say who started the pipeline.
    NoStarter,
    PipelineWithoutRef(PipelineId),
    /// The list shows the calling job's pipeline with another commit.
    TwoCommits(PipelineId),
    /// The list does not show the calling job's pipeline.
    PipelineHidden(PipelineId),
}

/// What the list of branches or tags says of a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    Protected,
    Unprotected,
    NotListed,
}

/// What became of the job that approves. The names are those of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    NoJob,
    TriggerJob,
    /// It waits for a person, at this URL.
    Manual(String),
    Status(Status),
    /// The calling job's user.
    OwnUser(String),
    Retried(String),
    /// The one who started the pipeline, whose name every automatic job bears.
    Starter(String),
    By(String),
}

/// What a job's ref is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefKind {
    Branch,
    Tag,
    /// Of a merge request or another one that GitLab keeps for itself (`refs/...`): neither branch nor tag.
    Internal,
}
