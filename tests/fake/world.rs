//! Everything GitLab knows: plain data, and the verbs with which a story sets it up.

use std::collections::{BTreeMap, VecDeque};

use jobgate::os::Signal;
use jobgate::time::Timestamp;
use serde_json::Value;

use super::data::{AccessToken, Agent, Environment, Id, Job, Pipeline, Project, Protected, User};
use super::spec::Ci;
use super::word::{self, Status};

/// Something that happens in the world at some time.
pub type Event = Box<dyn FnOnce(&mut World) + Send>;

/// Who sees the world before each request and each sleep, and each write that is committed.
pub type Witness = Box<dyn FnMut(&World, Option<(Id, &'static str)>) + Send>;

pub struct World {
    pub now: Timestamp,
    /// Major version: 17, 18 or 19.
    pub age: u32,
    pub users: BTreeMap<Id, User>,
    pub groups: BTreeMap<String, Id>,
    pub projects: BTreeMap<Id, Project>,
    pub pipelines: BTreeMap<Id, Pipeline>,
    pub jobs: BTreeMap<Id, Job>,
    pub agents: Vec<Agent>,
    pub access_tokens: Vec<AccessToken>,
    pub read_only: bool,
    /// Seconds between a failure and the attempt that replaces it (`retry:`).
    pub retry_lag: u64,
    /// Seconds by which GitLab dates the end of a failed job back.
    pub backdate: i64,
    /// Committed writes by job (or pipeline) and verb.
    pub committed: BTreeMap<(Id, &'static str), u32>,
    pub witness: Option<Witness>,
    pub(super) events: Vec<(Timestamp, Id, Event)>,
    pub(super) signals: VecDeque<(Timestamp, Signal)>,
    pub(super) dirty: Vec<Id>,
    next: BTreeMap<&'static str, Id>,
}

/// The user who starts everything unless a story says otherwise.
pub const MIRA: Id = 51;

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// An empty, up-to-date GitLab at eight o'clock, with the user `mira`.
    pub fn new() -> Self {
        let mut world = Self {
            now: Timestamp::from_millis(1_795_161_600_000),
            age: 19,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            projects: BTreeMap::new(),
            pipelines: BTreeMap::new(),
            jobs: BTreeMap::new(),
            agents: Vec::new(),
            access_tokens: Vec::new(),
            read_only: false,
            retry_lag: 1,
            backdate: 0,
            committed: BTreeMap::new(),
            witness: None,
            events: Vec::new(),
            signals: VecDeque::new(),
            dirty: Vec::new(),
            next: BTreeMap::from([
                ("user", MIRA),
                ("group", 1),
                ("project", 44),
                ("pipeline", 7700),
                ("job", 90_400),
                ("environment", 300),
                ("agent", 12),
                ("event", 0),
            ]),
        };
        world.user("mira");
        world
    }

    pub(super) fn next_id(&mut self, kind: &'static str) -> Id {
        let next = self.next.entry(kind).or_insert(1);
        *next += 1;
        *next - 1
    }

    /// The next job, pipeline… gets this id.
    pub fn next_id_is(&mut self, kind: &'static str, id: Id) {
        self.next.insert(kind, id);
    }

    pub(super) fn witnessed(&mut self, commit: Option<(Id, &'static str)>) {
        if let Some(mut witness) = self.witness.take() {
            witness(self, commit);
            self.witness = Some(witness);
        }
    }

    pub fn user(&mut self, username: &str) -> Id {
        let id = self.next_id("user");
        let user = User {
            id,
            username: username.to_owned(),
            blocked: false,
            bot: false,
        };
        self.users.insert(id, user);
        id
    }

    /// A private project with the branch `main` (protected), of which `mira` is maintainer. Its groups come from the path.
    pub fn project(&mut self, path: &str) -> Id {
        let mut groups = Vec::new();
        for (at, _) in path.match_indices('/') {
            let group = path[..at].to_owned();
            if !self.groups.contains_key(&group) {
                let id = self.next_id("group");
                self.groups.insert(group.clone(), id);
            }
            groups.insert(0, self.groups[&group]);
        }
        let id = self.next_id("project");
        let project = Project {
            id,
            path: path.to_owned(),
            old_paths: Vec::new(),
            groups,
            visibility: "private",
            allowlist: Vec::new(),
            branches: vec!["main".to_owned()],
            tags: Vec::new(),
            protected_branches: vec![Protected {
                pattern: "main".to_owned(),
                role: "developer",
            }],
            protected_tags: Vec::new(),
            environments: Vec::new(),
            variables_role: "developer",
            cancel_role: "developer",
            members: BTreeMap::from([(MIRA, "maintainer")]),
            ci: Ci::default(),
            pipelines: 0,
        };
        self.projects.insert(id, project);
        id
    }

    /// A project by id, to change what a story needs.
    pub fn at_project(&mut self, id: Id) -> &mut Project {
        self.projects.get_mut(&id).expect("no such project")
    }

    pub fn project_by_path(&self, path: &str) -> Option<&Project> {
        self.projects
            .values()
            .find(|project| project.path.eq_ignore_ascii_case(path))
    }

    pub fn environment(&mut self, project: Id, name: &str, tier: &'static str) {
        let id = self.next_id("environment");
        self.at_project(project).environments.push(Environment {
            id,
            name: name.to_owned(),
            tier,
            deployers: None,
        });
    }

    pub fn agent(&mut self, project: Id, name: &str, allowed: &[&str], configuration: Value) -> Id {
        let id = self.next_id("agent");
        self.agents.push(Agent {
            id,
            name: name.to_owned(),
            project,
            configuration,
            allowed: allowed.iter().map(|&path| path.to_owned()).collect(),
        });
        id
    }

    /// A personal access token of this user.
    pub fn access_token(&mut self, user: Id, scopes: &[&'static str]) -> String {
        let text = format!("glpat-{:020}", 7_000_000 + self.access_tokens.len());
        self.access_tokens.push(AccessToken {
            text: text.clone(),
            user,
            scopes: scopes.to_vec(),
            expires_at: None,
            revoked: false,
        });
        text
    }

    /// A project access token: a bot with this role in the project.
    pub fn project_token(
        &mut self,
        project: Id,
        role: &'static str,
        scopes: &[&'static str],
    ) -> String {
        let bot = self.user(&format!("project_{project}_bot"));
        if let Some(user) = self.users.get_mut(&bot) {
            user.bot = true;
        }
        self.at_project(project).members.insert(bot, role);
        self.access_token(bot, scopes)
    }

    /// Something happens when the clock has gone on by so many seconds.
    pub fn after(&mut self, seconds: u64, event: impl FnOnce(&mut Self) + Send + 'static) {
        let at = self.now.plus(std::time::Duration::from_secs(seconds));
        let order = self.next_id("event");
        self.events.push((at, order, Box::new(event)));
        self.events.sort_by_key(|(at, order, _)| (*at, *order));
    }

    /// The program gets a signal when the clock has gone on by so many seconds (while it sleeps).
    pub fn signal_after(&mut self, seconds: u64, signal: Signal) {
        let at = self.now.plus(std::time::Duration::from_secs(seconds));
        let after = self.signals.partition_point(|(other, _)| *other <= at);
        self.signals.insert(after, (at, signal));
    }

    /// The newest attempt of a job in a pipeline.
    pub fn job(&self, pipeline: Id, name: &str) -> Id {
        let found = self.newest(pipeline).find(|job| job.name == name);
        found
            .map(|job| job.id)
            .expect("no such job in the pipeline")
    }

    pub fn status(&self, job: Id) -> Status {
        self.jobs[&job].status
    }

    /// Jobs and trigger jobs of a pipeline, newest attempts only.
    pub fn newest(&self, pipeline: Id) -> impl Iterator<Item = &Job> {
        self.pipelines[&pipeline]
            .jobs
            .iter()
            .map(|id| &self.jobs[id])
            .filter(|job| !job.retried)
    }

    /// The pipeline that a trigger job started.
    pub fn downstream(&self, job: Id) -> Option<Id> {
        self.jobs[&job].downstream
    }

    /// How often this write was committed.
    pub fn writes(&self, id: Id, verb: &'static str) -> u32 {
        self.committed.get(&(id, verb)).copied().unwrap_or(0)
    }

    pub fn role(&self, project: Id, user: Id) -> Option<&'static str> {
        self.projects[&project].members.get(&user).copied()
    }

    pub fn ref_protected(&self, project: Id, name: &str, tag: bool) -> Option<&Protected> {
        let project = &self.projects[&project];
        let protected = if tag {
            &project.protected_tags
        } else {
            &project.protected_branches
        };
        protected
            .iter()
            .find(|protected| word::wildcard(&protected.pattern, name))
    }
}
