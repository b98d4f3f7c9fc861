//! `whoami`: one page for people, variables for later jobs.

use super::dotenv::Dotenv;
use super::style::Paint;
use super::table::{Column, Table};
use crate::decide::deadline::JobTime;
use crate::model::{AllowedAgents, Job, Pipeline, ProjectId, Role, Runner, Tier};
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
        let mut table = Table::new(COLUMNS);
        let mut row = |key: &str, value: &str| {
            if !value.is_empty() {
                table.row(&[(key, Paint::Dim), (value, Paint::Plain)]);
            }
        };
        let Self { job, pipeline, .. } = self;
        row("job", &format!("{} {}", job.id, job.name));
        row("link", &job.web_url);
        row("stage", &job.stage);
        let allowed = if job.allow_failure {
            ", allowed to fail"
        } else {
            ""
        };
        row("status", &format!("{}{allowed}", job.status.word()));
        row("time", &self.time());
        row("runner", &self.runner());
        let source = pipeline.source.as_ref().map_or("?", |source| source.word());
        row("pipeline", &format!("{} from {source}", pipeline.id));
        row("link", &pipeline.web_url);
        row("ref", &self.ref_name());
        row(
            "project",
            format!("{} {}", self.project, self.path.unwrap_or_default()).trim_end(),
        );
        if let Some(agents) = self.agents {
            let groups: Vec<String> = agents
                .project
                .groups
                .iter()
                .map(|group| group.id.to_string())
                .collect();
            row("groups", &groups.join(", "));
        }
        row("user", &self.user());
        if let Some(agents) = self.agents {
            let roles: Vec<&str> = agents
                .user
                .roles_in_project
                .iter()
                .map(Role::word)
                .collect();
            row("roles", &roles.join(", "));
            row("environment", &environment(agents));
            let allowed: Vec<String> = agents
                .allowed_agents
                .iter()
                .map(|agent| format!("{} {}", agent.id, agent.config_project.path_with_namespace))
                .collect();
            row("agents", &allowed.join(", "));
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

    fn ref_name(&self) -> String {
        let Self { job, pipeline, .. } = self;
        let kind = match () {
            () if job.tag => "tag ",
            () if job.ref_name.starts_with("refs/") => "",
            () => "branch ",
        };
        let sha = pipeline.sha.get(..8).unwrap_or(&pipeline.sha);
        format!("{kind}{} at {sha}", job.ref_name)
    }

    fn user(&self) -> String {
        self.job
            .user
            .as_ref()
            .map_or_else(String::new, |user| format!("{} {}", user.id, user.username))
    }

    /// Variables for later jobs.
    pub fn dotenv(&self) -> Dotenv {
        let Self { job, pipeline, .. } = self;
        let mut dotenv = Dotenv::new();
        dotenv.set("JOB_ID", job.id.to_string());
        dotenv.set("JOB_NAME", &job.name);
        dotenv.set("JOB_STAGE", &job.stage);
        dotenv.set("PIPELINE_ID", pipeline.id.to_string());
        if let Some(source) = &pipeline.source {
            dotenv.set("PIPELINE_SOURCE", source.word());
        }
        dotenv.set("PROJECT_ID", self.project.to_string());
        if let Some(path) = self.path {
            dotenv.set("PROJECT_PATH", path);
        }
        dotenv.set("REF", &job.ref_name);
        // A merge request's ref is neither.
        if job.tag {
            dotenv.set("REF_TYPE", "tag");
        } else if !job.ref_name.starts_with("refs/") {
            dotenv.set("REF_TYPE", "branch");
        }
        dotenv.set("SHA", &pipeline.sha);
        if let Some(user) = &job.user {
            dotenv.set("USER", &user.username);
        }
        if let Some(left) = self.time.left() {
            dotenv.set("SECONDS_LEFT", left.as_secs().to_string());
        }
        if let Some(agents) = self.agents {
            if let Some(role) = agents.user.roles_in_project.iter().max() {
                dotenv.set("ROLE", role.word());
            }
            if let Some(environment) = &agents.environment {
                dotenv.set(
                    "ENVIRONMENT_SLUG",
                    environment.slug.as_deref().unwrap_or_default(),
                );
                dotenv.set(
                    "ENVIRONMENT_TIER",
                    environment.tier.as_ref().map_or("", Tier::word),
                );
            }
        }
        dotenv
    }
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
