//! `whoami`: one page for people, variables for later jobs.

use std::fmt::Display;

use super::dotenv::Dotenv;
use super::style::Paint;
use super::table::{Column, Table};
use crate::decide::deadline::JobTime;
use crate::model::{
    AgentsEnvironment, AllowedAgents, CurrentJob, Job, Pipeline, ProjectId, Role, Source, Tier,
};

const COLUMNS: &[Column] = &[Column::Left(""), Column::Text("")];

/// What GitLab says of the calling job.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub job: &'a Job,
    pub more: &'a CurrentJob,
    pub pipeline: &'a Pipeline,
    pub project: ProjectId,
    /// `None` if GitLab refused to say.
    pub agents: Option<&'a AllowedAgents>,
    /// Full path of the project.
    pub path: Option<&'a str>,
    pub time: JobTime,
}

impl Page<'_> {
    pub fn table(&self) -> Table {
        let Self { job, pipeline, .. } = self;
        let source = pipeline.source.as_ref().map_or("?", Source::word);
        let kind = self.ref_type().map(|kind| format!("{kind} "));
        let sha = pipeline.sha.get(..8).unwrap_or(&pipeline.sha);
        let at = format!("{} at {sha}", self.more.ref_name);
        let user = job.user.as_ref().map(|user| two(&user.id, &user.username));
        let mut table = Table::new(COLUMNS);
        let mut row = |key: &str, value: &str| {
            if !value.is_empty() {
                table.row(&[(key, Paint::Dim), (value.trim_end(), Paint::Plain)]);
            }
        };
        row("job", &two(&job.id, &job.name));
        row("link", &job.web_url);
        row("stage", &job.stage);
        row("status", job.status.word());
        row("tags", &job.tag_list.join(", "));
        row("pipeline", &format!("{} from {source}", pipeline.id));
        row("link", &pipeline.web_url);
        row("ref", &(kind.unwrap_or_default() + &at));
        let path = self.path.unwrap_or_default();
        row("project", &two(&self.project, path));
        row("user", &user.unwrap_or_default());
        if let Some(agents) = self.agents {
            let roles = agents.user.roles_in_project.iter().map(Role::word);
            row("roles", &roles.collect::<Vec<_>>().join(", "));
            row("environment", &environment(agents));
        }
        table
    }

    /// A merge request's ref is neither.
    fn ref_type(&self) -> Option<&'static str> {
        match () {
            () if self.more.tag == Some(true) => Some("tag"),
            () if self.more.ref_name.starts_with("refs/") => None,
            () => Some("branch"),
        }
    }

    /// Variables for later jobs.
    pub fn dotenv(&self) -> Dotenv {
        let Self { job, pipeline, .. } = self;
        let mut dotenv = Dotenv::default();
        dotenv.set("JOB_ID", job.id.to_string());
        dotenv.set("JOB_NAME", &job.name);
        dotenv.set("JOB_STAGE", &job.stage);
        dotenv.set("PIPELINE_ID", pipeline.id.to_string());
        let mut known = |key, value: Option<&str>| {
            if let Some(value) = value {
                dotenv.set(key, value);
            }
        };
        let source = pipeline.source.as_ref().map(Source::word);
        known("PIPELINE_SOURCE", source);
        known("PROJECT_ID", Some(&self.project.to_string()));
        known("PROJECT_PATH", self.path);
        known("REF", Some(&self.more.ref_name));
        known("REF_TYPE", self.ref_type());
        known("SHA", Some(&pipeline.sha));
        known("USER", job.user.as_ref().map(|user| user.username.as_str()));
        let left = self.time.left().map(|left| left.as_secs().to_string());
        known("SECONDS_LEFT", left.as_deref());
        if let Some(agents) = self.agents {
            let role = agents.user.roles_in_project.iter().max();
            known("ROLE", role.map(Role::word));
            if let Some(AgentsEnvironment { slug, tier }) = &agents.environment {
                let tier = tier.as_ref().map_or("", Tier::word);
                known("ENVIRONMENT_SLUG", slug.as_deref().or(Some("")));
                known("ENVIRONMENT_TIER", Some(tier));
            }
        }
        dotenv
    }
}

/// An id and the name for it.
fn two(id: &dyn Display, name: &str) -> String {
    format!("{id} {name}")
}

/// `GET /job/allowed_agents` was refused; `why` is GitLab's answer.
pub fn without_agents(why: &str) -> String {
    format!("roles and environment are not known: {why}")
}

fn environment(agents: &AllowedAgents) -> String {
    let Some(environment) = &agents.environment else {
        return "none".to_owned();
    };
    let slug = environment.slug.as_deref().unwrap_or("?");
    let tier = environment.tier.as_ref().map_or("unknown", Tier::word);
    format!("{slug} (tier {tier})")
}
