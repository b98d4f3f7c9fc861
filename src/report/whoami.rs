//! `whoami`: one page for people, variables for later jobs.

use super::dotenv::Dotenv;
use super::style::Paint;
use super::table::{Column, Table};
use crate::decide::deadline::JobTime;
use crate::model::{
    Agent, AgentsEnvironment, AllowedAgents, Job, Pipeline, ProjectId, Role, Runner, Tier,
};
use crate::time::human;

const COLUMNS: &[Column] = &[Column::left(""), Column::left("")];

/// What GitLab says of the calling job.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub job: &'a Job,
    pub pipeline: &'a Pipeline,
    pub project: ProjectId,
    pub runner: Option<&'a Runner>,
    /// `None` if GitLab refused to say.
    pub agents: Option<&'a AllowedAgents>,
    /// Full path of the project.
    pub path: Option<&'a str>,
    pub time: JobTime,
}

impl Page<'_> {
    pub fn table(&self) -> Table {
        let Self { job, pipeline, .. } = self;
        let allowed = if job.allow_failure {
            ", allowed to fail"
        } else {
            ""
        };
        let source = pipeline.source.as_ref().map_or("?", |source| source.word());
        let kind = self.ref_type().map(|kind| format!("{kind} "));
        let sha = pipeline.sha.get(..8).unwrap_or(&pipeline.sha);
        let user = job.user.iter();
        let mut facts = vec![
            ("job", format!("{} {}", job.id, job.name)),
            ("link", job.web_url.clone()),
            ("stage", job.stage.clone()),
            ("status", format!("{}{allowed}", job.status.word())),
            ("time", self.time()),
            ("runner", self.runner()),
            ("pipeline", format!("{} from {source}", pipeline.id)),
            ("link", pipeline.web_url.clone()),
            (
                "ref",
                format!("{}{} at {sha}", kind.unwrap_or_default(), job.ref_name),
            ),
            (
                "project",
                format!("{} {}", self.project, self.path.unwrap_or_default()),
            ),
            (
                "user",
                list(user.map(|user| format!("{} {}", user.id, user.username))),
            ),
        ];
        if let Some(agents) = self.agents {
            let path = |agent: &Agent| agent.config_project.path_with_namespace.clone();
            let allowed = agents.allowed_agents.iter();
            facts.extend([
                (
                    "groups",
                    list(agents.project.groups.iter().map(|group| group.id)),
                ),
                (
                    "roles",
                    list(agents.user.roles_in_project.iter().map(Role::word)),
                ),
                ("environment", environment(agents)),
                (
                    "agents",
                    list(allowed.map(|agent| format!("{} {}", agent.id, path(agent)))),
                ),
            ]);
        }
        let mut table = Table::new(COLUMNS);
        for (key, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            table.row(&[(key, Paint::Dim), (value.trim_end(), Paint::Plain)]);
        }
        table
    }

    fn time(&self) -> String {
        let JobTime { started, now, .. } = self.time;
        let Some((started, now)) = started.zip(now) else {
            return String::new();
        };
        let running = format!("running for {}", human(now.since(started)));
        match self.time.nearest() {
            Some((limit, left)) => {
                format!("{running}, {} left of {}", human(left), human(limit))
            }
            None => running,
        }
    }

    fn runner(&self) -> String {
        let tags = self.job.tag_list.join(", ");
        let tags = if tags.is_empty() {
            "no tags".to_owned()
        } else {
            format!("tags {tags}")
        };
        match self.runner {
            Some(runner) => format!(
                "{} {} ({}), {tags}",
                runner.id, runner.description, runner.runner_type
            ),
            None => tags,
        }
    }

    /// A merge request's ref is neither.
    fn ref_type(&self) -> Option<&'static str> {
        match () {
            () if self.job.tag => Some("tag"),
            () if self.job.ref_name.starts_with("refs/") => None,
            () => Some("branch"),
        }
    }

    /// Variables for later jobs.
    pub fn dotenv(&self) -> Dotenv {
        let Self { job, pipeline, .. } = self;
        let role = self
            .agents
            .and_then(|agents| agents.user.roles_in_project.iter().max());
        let environment = self.agents.and_then(|agents| agents.environment.as_ref());
        let tier = |environment: &AgentsEnvironment| {
            environment
                .tier
                .as_ref()
                .map_or_else(String::new, |tier| tier.word().to_owned())
        };
        let left = self.time.left();
        let mut dotenv = Dotenv::new();
        for (key, value) in [
            ("JOB_ID", Some(job.id.to_string())),
            ("JOB_NAME", Some(job.name.clone())),
            ("JOB_STAGE", Some(job.stage.clone())),
            ("PIPELINE_ID", Some(pipeline.id.to_string())),
            (
                "PIPELINE_SOURCE",
                pipeline
                    .source
                    .as_ref()
                    .map(|source| source.word().to_owned()),
            ),
            ("PROJECT_ID", Some(self.project.to_string())),
            ("PROJECT_PATH", self.path.map(str::to_owned)),
            ("REF", Some(job.ref_name.clone())),
            ("REF_TYPE", self.ref_type().map(str::to_owned)),
            ("SHA", Some(pipeline.sha.clone())),
            ("USER", job.user.as_ref().map(|user| user.username.clone())),
            ("SECONDS_LEFT", left.map(|left| left.as_secs().to_string())),
            ("ROLE", role.map(|role| role.word().to_owned())),
            (
                "ENVIRONMENT_SLUG",
                environment.map(|one| one.slug.clone().unwrap_or_default()),
            ),
            ("ENVIRONMENT_TIER", environment.map(tier)),
        ] {
            if let Some(value) = value {
                dotenv.set(key, value);
            }
        }
        dotenv
    }
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}

/// `GET /job/allowed_agents` was refused; `why` is GitLab's answer.
pub fn without_agents(why: &str) -> String {
    format!("roles, groups, environment and agents are not known: {why}")
}

fn environment(agents: &AllowedAgents) -> String {
    let Some(environment) = &agents.environment else {
        return "none".to_owned();
    };
    let slug = environment.slug.as_deref().unwrap_or("?");
    let tier = environment.tier.as_ref().map_or("unknown", Tier::word);
    format!("{slug} (tier {tier})")
}
