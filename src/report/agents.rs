//! `agents` as a table, and the sentences of the command.

use super::style::Paint;
use super::table::{Column, Table};
use super::text::visible;
use crate::exit::{Exit, Stop};
use crate::model::{Agent, Configuration};

const COLUMNS: &[Column] = &[
    Column::right("ID"),
    Column::name("CONFIG PROJECT"),
    Column::left("NAMESPACE"),
    Column::left("ACCESS AS"),
    Column::name("ENVIRONMENTS"),
    Column::left("PROTECTED ONLY"),
];

pub fn table<'a>(agents: impl Iterator<Item = &'a Agent>) -> Table {
    let mut table = Table::new(COLUMNS);
    for agent in agents {
        let Configuration {
            default_namespace,
            access_as,
            environments,
            protected_branches_only,
        } = &agent.configuration;
        let keys = access_as.iter().flat_map(|access| access.keys());
        let access: Vec<&str> = keys.map(String::as_str).collect();
        // GitLab's own default: the agent acts as itself.
        let access = if access.is_empty() {
            "agent".to_owned()
        } else {
            access.join(", ")
        };
        let environments = environments
            .as_ref()
            .map_or_else(|| "any".to_owned(), |list| list.join(", "));
        let protected = if *protected_branches_only == Some(true) {
            "yes"
        } else {
            "no"
        };
        let id = agent.id.to_string();
        let cells: [&str; 6] = [
            &id,
            &agent.config_project.path_with_namespace,
            default_namespace.as_deref().unwrap_or_default(),
            &access,
            &environments,
            protected,
        ];
        table.row(&cells.map(|text| (text, Paint::Plain)));
    }
    table
}

/// The operand is neither an id nor the path of a project.
pub fn not_an_agent(text: &str) -> Stop {
    Stop::usage(format!(
        "AGENT {text:?} is neither an id nor the path of a config project"
    ))
    .hint("write 12 or ops/agents; a variable in it may be unset")
}

/// How many allowed agents are named where another one was asked for.
const NAMED: usize = 10;

/// None of the `allowed` agents is the one that was asked for.
pub fn not_allowed(agent: &str, allowed: &[Agent]) -> Stop {
    let error = format!("this job may not use agent {agent:?}");
    let stop = Stop::new(Exit::NotFound, error);
    let path = |agent: &Agent| {
        let path = visible(&agent.config_project.path_with_namespace);
        format!("{} ({path})", agent.id)
    };
    let mut names: Vec<String> = allowed.iter().take(NAMED).map(path).collect();
    if allowed.len() > NAMED {
        names.push(format!("{} more", allowed.len() - NAMED));
    }
    let stop = if names.is_empty() {
        stop.hint("no agent is allowed to this job")
    } else {
        stop.hint(format!("this job may use: {}", names.join(", ")))
    };
    stop.hint("the `ci_access` section of an agent's configuration file names the projects, groups, environments and protected branches that may use it")
}
