//! `agents` as a table, and the sentences of the command.

use super::messages::list;
use super::style::Paint;
use super::table::{Column, Table};
use crate::exit::{Exit, Stop};
use crate::model::Agent;

const COLUMNS: &[Column] = &[
    Column::Right("ID"),
    Column::Name("CONFIG PROJECT"),
    Column::Name("NAMESPACE"),
    Column::Text("ENVIRONMENTS"),
];

pub fn table(agents: &[&Agent]) -> Table {
    let mut table = Table::new(COLUMNS);
    for agent in agents {
        let configuration = &agent.configuration;
        let environments = configuration.environments.as_ref();
        let namespace = configuration.default_namespace.as_deref();
        let cells: [&str; 4] = [
            &agent.id.to_string(),
            &agent.config_project.path_with_namespace,
            namespace.unwrap_or_default(),
            &environments.map_or_else(|| "any".to_owned(), |list| list.join(", ")),
        ];
        table.row(&cells.map(|text| (text, Paint::Plain)));
    }
    table
}

/// None of the `allowed` agents is the one that was asked for.
pub fn not_allowed(asked: &str, allowed: &[Agent]) -> Stop {
    let name = |agent: &Agent| {
        let project = &agent.config_project.path_with_namespace;
        format!("{} ({project})", agent.id)
    };
    let names: Vec<String> = allowed.iter().map(name).collect();
    let hint = match names.as_slice() {
        [] => "this job may not use any agent".to_owned(),
        names => format!("this job may use: {}", list(names)),
    };
    Stop::new(Exit::NotFound, format!("this job may not use agent {asked:?}"))
        .hint(hint)
        .hint("`ci_access` in an agent's configuration file names the projects and groups that may use it")
}
