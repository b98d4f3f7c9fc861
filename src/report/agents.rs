//! `agents` as a table.

use super::style::Paint;
use super::table::{Column, Table};
use crate::decide::agents::Allowed;
use crate::model::Configuration;

const COLUMNS: &[Column] = &[
    Column::right("ID"),
    Column::name("CONFIG PROJECT"),
    Column::name("NAME"),
    Column::name("CONTEXT"),
    Column::left("NAMESPACE"),
    Column::left("ACCESS AS"),
    Column::name("ENVIRONMENTS"),
    Column::left("PROTECTED ONLY"),
];

pub fn table(allowed: &[Allowed]) -> Table {
    let mut table = Table::new(COLUMNS);
    for one in allowed {
        let Configuration {
            default_namespace,
            access_as,
            environments,
            protected_branches_only,
        } = &one.agent.configuration;
        // GitLab's own default: the agent acts as itself.
        let keys = access_as.iter().flat_map(|access| access.keys());
        let access: Vec<&str> = keys.map(String::as_str).collect();
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
        let context = one.context.map_or("", |context| context.name.as_str());
        table.row(&[
            (&one.id().to_string(), Paint::Plain),
            (one.config_project(), Paint::Plain),
            (one.name().unwrap_or_default(), Paint::Plain),
            (context, Paint::Plain),
            (
                default_namespace.as_deref().unwrap_or_default(),
                Paint::Plain,
            ),
            (&access, Paint::Plain),
            (&environments, Paint::Plain),
            (protected, Paint::Plain),
        ]);
    }
    table
}
