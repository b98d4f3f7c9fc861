//! GitLab's words as types. Unknown fields are ignored, absent and null are equal, unknown words are kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A job or trigger job, on the whole server. A retry makes a new one.
    JobId,
    /// A pipeline, on the whole server (`CI_PIPELINE_ID`, not the `iid` of the project).
    PipelineId,
    /// A project.
    ProjectId,
    /// A GitLab agent for Kubernetes.
    AgentId,
    /// A user.
    UserId,
}

/// A closed vocabulary of GitLab's, open at the end: what a newer server adds is kept as `Unknown`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$arm_doc:meta])* $arm:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$arm_doc])* $arm,)+
            /// A word that this version does not know, as the server wrote it.
            Unknown(Box<str>),
        }

        impl $name {
            /// Every known word, as GitLab writes it.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            pub fn parse(word: &str) -> Self {
                match word {
                    $($word => Self::$arm,)+
                    other => Self::Unknown(other.into()),
                }
            }

            pub fn word(&self) -> &str {
                match self {
                    $(Self::$arm => $word,)+
                    Self::Unknown(word) => word,
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::parse(&std::borrow::Cow::<str>::deserialize(deserializer)?))
            }
        }
    };
}

words! {
    /// Status of a job, trigger job or pipeline (`app/models/concerns/ci/has_status.rb`).
    Status {
        Created = "created",
        WaitingForCallback = "waiting_for_callback",
        WaitingForResource = "waiting_for_resource",
        Preparing = "preparing",
        Pending = "pending",
        Running = "running",
        Success = "success",
        Failed = "failed",
        Canceling = "canceling",
        Canceled = "canceled",
        Skipped = "skipped",
        Manual = "manual",
        Scheduled = "scheduled",
    }
}

impl Status {
    /// The status will not change by itself. An unknown status is not finished.
    pub fn finished(&self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failed | Self::Canceled | Self::Skipped
        )
    }
}

words! {
    /// A user's role in a project, lowest first (`lib/gitlab/access.rb`).
    Role {
        MinimalAccess = "minimal_access",
        Guest = "guest",
        Planner = "planner",
        Reporter = "reporter",
        SecurityManager = "security_manager",
        Developer = "developer",
        Maintainer = "maintainer",
        Owner = "owner",
    }
}

impl Role {
    /// From an `access_level`; `None` for no access, and for a level that this version does not know.
    pub fn of_level(level: u64) -> Option<Self> {
        Some(match level {
            5 => Self::MinimalAccess,
            10 => Self::Guest,
            15 => Self::Planner,
            20 => Self::Reporter,
            25 => Self::SecurityManager,
            30 => Self::Developer,
            40 => Self::Maintainer,
            50 => Self::Owner,
            _ => return None,
        })
    }
}

words! {
    /// Tier of an environment (`app/models/environment.rb`).
    Tier {
        Production = "production",
        Staging = "staging",
        Testing = "testing",
        Development = "development",
        Other = "other",
    }
}

words! {
    /// What started a pipeline (`app/models/concerns/enums/ci/pipeline.rb`).
    Source {
        Push = "push",
        Web = "web",
        Trigger = "trigger",
        Schedule = "schedule",
        Api = "api",
        External = "external",
        Pipeline = "pipeline",
        Chat = "chat",
        WebIde = "webide",
        MergeRequestEvent = "merge_request_event",
        ExternalPullRequestEvent = "external_pull_request_event",
        ParentPipeline = "parent_pipeline",
        OndemandDastScan = "ondemand_dast_scan",
        OndemandDastValidation = "ondemand_dast_validation",
        SecurityOrchestrationPolicy = "security_orchestration_policy",
        ContainerRegistryPush = "container_registry_push",
        DuoWorkflow = "duo_workflow",
        PipelineExecutionPolicySchedule = "pipeline_execution_policy_schedule",
    }
}

/// Absent or null is the type's default.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A job or trigger job as the lists and the actions show it (`lib/api/entities/ci/job.rb`, `bridge.rb`): what the program decides on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub name: String,
    pub status: Status,
    #[serde(default, deserialize_with = "or_default")]
    pub stage: String,
    #[serde(default, deserialize_with = "or_default")]
    pub allow_failure: bool,
    pub created_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
    /// Seconds of running so far, computed by GitLab as it answers.
    pub duration: Option<f64>,
    /// Seconds in the queue.
    pub queued_duration: Option<f64>,
    pub failure_reason: Option<Box<str>>,
    #[serde(default, deserialize_with = "or_default")]
    pub web_url: String,
    pub user: Option<Box<User>>,
    pub pipeline: Option<PipelineKey>,
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    /// Runner tags that the job asks for.
    #[serde(default, deserialize_with = "or_default")]
    pub tag_list: Box<[String]>,
    /// Of a trigger job: the pipeline it started, once that exists.
    pub downstream_pipeline: Option<Box<Pipeline>>,
    /// True for a trigger job (`Bridge`). Not a field of the answer: it follows from the list that holds the row.
    #[serde(skip)]
    pub trigger: bool,
}

impl Job {
    /// `group/project` out of `https://host/root/group/project/-/jobs/17`, which GitLab itself has written. `root` is its relative URL
    /// root (`/root`, or nothing). Only the whole path between root and the job's own tail counts.
    pub fn project_path(&self, root: &str) -> Option<&str> {
        let (_, rest) = self.web_url.split_once("://")?;
        let path = rest.get(rest.find('/')?..)?;
        let path = path.strip_prefix(root)?.strip_prefix('/')?;
        let path = path.strip_suffix(&format!("/-/jobs/{}", self.id))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        (path.contains('/') && path.chars().all(plain)).then_some(path)
    }
}

/// A project by number or by full path (`group/project`). In JSON a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Project {
    Id(ProjectId),
    Path(String),
}

impl Project {
    pub fn id(&self) -> Option<ProjectId> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Path(_) => None,
        }
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// A pipeline and the project that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub project: Project,
    pub pipeline: PipelineId,
}

/// The pipeline of a job, as far as lists need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub struct PipelineKey {
    pub id: PipelineId,
    /// Absent on old servers; then it is the project that was asked.
    pub project_id: Option<ProjectId>,
}

impl Pipeline {
    pub fn key(&self) -> PipelineKey {
        PipelineKey {
            id: self.id,
            project_id: self.project_id,
        }
    }
}

/// A user as jobs and pipelines name one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct User {
    pub id: UserId,
    #[serde(default, deserialize_with = "or_default")]
    pub username: String,
}

/// A pipeline (`lib/api/entities/ci/pipeline_basic.rb`, and the single one's further fields where they are of use).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pipeline {
    pub id: PipelineId,
    pub project_id: Option<ProjectId>,
    #[serde(default, deserialize_with = "or_default")]
    pub sha: String,
    #[serde(default, rename = "ref", deserialize_with = "or_default")]
    pub ref_name: String,
    pub status: Status,
    pub source: Option<Source>,
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub web_url: String,
    pub user: Option<Box<User>>,
}

/// What `GET /job` says beyond [`Job`]; both are read from the same text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CurrentJob {
    #[serde(default, rename = "ref", deserialize_with = "or_default")]
    pub ref_name: String,
    /// Absent is not false: a gate must not take silence for a branch.
    pub tag: Option<bool>,
    pub pipeline: Option<Pipeline>,
}

/// Answer of `GET /job/allowed_agents` (`lib/api/ci/jobs.rb`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AllowedAgents {
    #[serde(default, deserialize_with = "or_default")]
    pub allowed_agents: Vec<Agent>,
    pub job: Ref<JobId>,
    pub pipeline: Ref<PipelineId>,
    pub project: Ref<ProjectId>,
    pub user: AgentsUser,
    /// Absent if the job has no environment that exists.
    pub environment: Option<AgentsEnvironment>,
}

/// An object of which only the id is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Ref<T> {
    pub id: T,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AgentsUser {
    pub id: UserId,
    /// All roles up to the user's own.
    #[serde(default, deserialize_with = "or_default")]
    pub roles_in_project: Vec<Role>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AgentsEnvironment {
    pub tier: Option<Tier>,
    pub slug: Option<String>,
}

/// A GitLab agent for Kubernetes that the job may use. GitLab does not send its name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Agent {
    pub id: AgentId,
    pub config_project: ConfigProject,
    #[serde(default, deserialize_with = "or_default")]
    pub configuration: Configuration,
}

/// The project that holds an agent's configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ConfigProject {
    #[serde(default, deserialize_with = "or_default")]
    pub path_with_namespace: String,
}

/// The agent's `ci_access` entry as stored. Any key may be missing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Configuration {
    pub default_namespace: Option<String>,
    pub environments: Option<Vec<String>>,
}

/// An environment (`lib/api/entities/environment.rb`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Environment {
    pub id: u64,
    pub name: String,
    pub slug: Option<String>,
}

/// A deployment, as far as it names its job (`lib/api/entities/deployment.rb`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    pub environment: Environment,
    pub deployable: Option<Ref<JobId>>,
}

/// A branch or tag (`lib/api/entities/branch.rb`, `tag.rb`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GitRef {
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub protected: bool,
}
