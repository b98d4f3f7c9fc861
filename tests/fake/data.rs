//! What GitLab's tables hold.

use std::collections::BTreeMap;

use jobgate::time::Timestamp;
use serde_json::Value;

use super::schedule::Due;
use super::spec::{Ci, Inputs, JobSpec};
use super::word::Status;

pub type Id = u64;

pub struct User {
    pub id: Id,
    pub username: String,
    pub blocked: bool,
    pub bot: bool,
}

pub struct Environment {
    pub id: Id,
    pub name: String,
    pub tier: &'static str,
    /// Who may deploy, if it is protected.
    pub deployers: Option<Vec<Id>>,
}

/// An entry of a project's allowlist of job tokens.
pub struct Allow {
    /// Path of a project, or of a group with all its projects.
    pub from: String,
    /// `None`: as the user's role permits. Else only these (`read_jobs`, `read_pipelines`, `read_environments`…).
    pub policies: Option<Vec<&'static str>>,
}

/// A branch or tag that is protected (exactly, or by a `*` pattern).
pub struct Protected {
    pub pattern: String,
    /// Least role to run jobs on it.
    pub role: &'static str,
}

pub struct Project {
    pub id: Id,
    pub path: String,
    pub old_paths: Vec<String>,
    /// Nearest group first.
    pub groups: Vec<Id>,
    /// `private`, `internal` or `public`
    pub visibility: &'static str,
    pub allowlist: Vec<Allow>,
    pub branches: Vec<String>,
    pub tags: Vec<String>,
    pub protected_branches: Vec<Protected>,
    pub protected_tags: Vec<Protected>,
    pub environments: Vec<Environment>,
    /// Least role to set pipeline variables; `no_one_allowed` for nobody.
    pub variables_role: &'static str,
    /// Least role to cancel pipelines and jobs: `developer`, `maintainer` or `no_one`.
    pub cancel_role: &'static str,
    pub members: BTreeMap<Id, &'static str>,
    /// What its pipelines run when somebody else triggers them.
    pub ci: Ci,
    pub pipelines: u64,
}

pub struct Pipeline {
    pub id: Id,
    pub iid: u64,
    pub project: Id,
    pub ref_name: String,
    pub tag: bool,
    pub sha: String,
    pub source: &'static str,
    pub user: Id,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// The trigger job that started it.
    pub bridge: Option<Id>,
    pub stages: Vec<String>,
    /// All attempts, oldest first.
    pub jobs: Vec<Id>,
    pub variables: Vec<(String, String)>,
    pub inputs: Inputs,
    pub archived: bool,
}

pub struct Job {
    pub id: Id,
    pub pipeline: Id,
    pub project: Id,
    pub name: String,
    pub stage: usize,
    pub spec: JobSpec,
    pub status: Status,
    pub attempt: usize,
    /// A newer attempt took its place.
    pub retried: bool,
    pub user: Id,
    pub created_at: Timestamp,
    pub queued_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
    pub failure_reason: Option<&'static str>,
    /// It starts at once although it is manual or delayed: somebody asked for it.
    pub played: bool,
    pub due: Option<(Timestamp, Due)>,
    pub downstream: Option<Id>,
    pub variables: Vec<(String, String)>,
    pub inputs: Inputs,
    pub token: String,
}

pub struct AccessToken {
    pub text: String,
    pub user: Id,
    pub scopes: Vec<&'static str>,
    pub expires_at: Option<Timestamp>,
    pub revoked: bool,
}

/// A GitLab agent for Kubernetes.
pub struct Agent {
    pub id: Id,
    pub name: String,
    /// The project that holds its configuration.
    pub project: Id,
    /// Its `ci_access` entry.
    pub configuration: Value,
    /// Paths of projects and groups that may use it.
    pub allowed: Vec<String>,
}

impl Job {
    pub fn is_trigger(&self) -> bool {
        self.spec.trigger.is_some()
    }

    /// What the log holds at this time.
    pub fn log(&self, now: Timestamp) -> Vec<u8> {
        self.log_pieces(now).fold(Vec::new(), |mut log, piece| {
            log.extend_from_slice(piece);
            log
        })
    }

    pub fn log_size(&self, now: Timestamp) -> usize {
        self.log_pieces(now).map(<[u8]>::len).sum()
    }

    fn log_pieces(&self, now: Timestamp) -> impl Iterator<Item = &[u8]> {
        let started = self.started_at.filter(|_| self.erased_at.is_none());
        let ran = started.map(|started| self.finished_at.unwrap_or(now).since(started).as_secs());
        let pieces = self
            .spec
            .log
            .iter()
            .filter(move |(second, _)| ran.is_some_and(|ran| *second <= ran));
        pieces.map(|(_, text)| text.as_slice())
    }
}
