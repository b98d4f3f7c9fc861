//! Which GitLab agent for Kubernetes is meant, and by what name.

use crate::exit::{Exit, Stop};
use crate::kubeconfig::Context;
use crate::model::{Agent, AgentId};

/// An agent that GitLab allows to the job, with what the kubeconfig adds. GitLab itself does not tell the name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowed<'a> {
    pub agent: &'a Agent,
    pub context: Option<&'a Context>,
}

impl Allowed<'_> {
    pub fn id(&self) -> AgentId {
        self.agent.id
    }

    pub fn config_project(&self) -> &str {
        &self.agent.config_project.path_with_namespace
    }

    /// The agent's name, if the kube context is named as GitLab names it.
    pub fn name(&self) -> Option<&str> {
        self.context
            .and_then(Context::project_and_agent)
            .filter(|(project, _)| *project == self.config_project())
            .map(|(_, name)| name)
    }
}

/// Puts the names to the agents, in GitLab's order. Of several contexts of one agent the one that GitLab named counts, else the first.
pub fn join<'a>(agents: &'a [Agent], contexts: &'a [Context]) -> Vec<Allowed<'a>> {
    let join = |agent: &'a Agent| {
        let context = |context| Allowed {
            agent,
            context: Some(context),
        };
        let mut own = contexts
            .iter()
            .filter(|known| known.agent == agent.id)
            .map(context);
        let first = own.clone().next();
        own.find(|allowed| allowed.name().is_some())
            .or(first)
            .unwrap_or(Allowed {
                agent,
                context: None,
            })
    };
    agents.iter().map(join).collect()
}

/// Which agent is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Id(AgentId),
    /// The full path of the config project; enough if it has one agent only.
    Project(String),
    Name {
        project: String,
        name: String,
    },
}

impl Query {
    /// Reads `12`, `ops/agents` or `ops/agents:prod`.
    pub fn parse(text: &str) -> Result<Self, Stop> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let id = text.parse().map(|id| Self::Id(AgentId(id)));
            return id.map_err(|_| Stop::usage(format!("AGENT {text} is too large for an id")));
        }
        let (project, name) = match text.split_once(':') {
            Some((project, name)) => (project, Some(name)),
            None => (text, None),
        };
        let parts = project.split('/');
        if parts.clone().count() < 2 || parts.clone().any(str::is_empty) || name == Some("") {
            let error = format!("AGENT {text:?} is neither an id nor CONFIG_PROJECT[:NAME]");
            return Err(Stop::usage(error)
                .hint("write 12, ops/agents or ops/agents:prod; a variable in it may be unset"));
        }
        let project = project.to_owned();
        Ok(match name {
            Some(name) => Self::Name {
                project,
                name: name.to_owned(),
            },
            None => Self::Project(project),
        })
    }

    fn text(&self) -> String {
        match self {
            Self::Id(id) => format!("agent {id}"),
            Self::Project(project) => format!("an agent of {project:?}"),
            Self::Name { project, name } => format!("agent {:?}", format!("{project}:{name}")),
        }
    }
}

/// The one agent that is meant. Exit 5 if the job may not use it, 2 if several fit, 6 if names are missing to tell.
pub fn find<'a>(allowed: &[Allowed<'a>], query: &Query) -> Result<Allowed<'a>, Stop> {
    let those = |fits: &dyn Fn(&Allowed) -> bool| -> Vec<_> {
        allowed.iter().filter(|one| fits(one)).copied().collect()
    };
    let of = |project: &str| those(&|one| one.config_project() == project);
    match query {
        Query::Id(id) => one(&those(&|one| one.id() == *id), allowed, query),
        Query::Project(project) => one(&of(project), allowed, query),
        Query::Name { project, name } => {
            let (named, unnamed): (Vec<_>, Vec<_>) = of(project)
                .into_iter()
                .filter(|one| one.name().is_none_or(|known| known == name))
                .partition(|one| one.name().is_some());
            if named.is_empty() && !unnamed.is_empty() {
                return Err(nameless(&unnamed, query));
            }
            one(&named, allowed, query)
        }
    }
}

/// The name of an agent's kube context; exit 6 if no kubeconfig tells.
pub fn kube_context<'a>(allowed: &Allowed<'a>) -> Result<&'a str, Stop> {
    allowed
        .context
        .map(|context| context.name.as_str())
        .ok_or_else(|| {
            Stop::new(
                Exit::Unknown,
                format!(
                    "no file in KUBECONFIG has a context for agent {}",
                    allowed.id()
                ),
            )
            .hint("GitLab sets KUBECONFIG for jobs that may use an agent: do not overwrite it")
        })
}

fn one<'a>(found: &[Allowed<'a>], allowed: &[Allowed], query: &Query) -> Result<Allowed<'a>, Stop> {
    let Some(first) = found.first() else {
        return Err(not_allowed(allowed, query));
    };
    if found.iter().all(|one| one.id() == first.id()) {
        return Ok(*first);
    }
    let error = format!("{} could be any of {}", query.text(), list(found));
    Err(Stop::usage(error).hint("use the id, or CONFIG_PROJECT:NAME"))
}

fn not_allowed(allowed: &[Allowed], query: &Query) -> Stop {
    let stop = Stop::new(
        Exit::NotFound,
        format!("{} is not allowed to this job", query.text()),
    );
    let stop = if allowed.is_empty() {
        stop.hint("no agent is allowed to this job")
    } else {
        stop.hint(format!("allowed are: {}", list(allowed)))
    };
    stop.hint("an agent's ci_access in its configuration file names projects, groups, environments and protected branches")
}

fn nameless(unnamed: &[Allowed], query: &Query) -> Stop {
    let error = format!(
        "cannot tell whether {} is among {}: KUBECONFIG has no name for {}",
        query.text(),
        list(unnamed),
        if unnamed.len() == 1 { "it" } else { "them" }
    );
    Stop::new(Exit::Unknown, error)
        .hint("use the agent's id, which GitLab's page of the agent shows")
}

/// Ids with what is known of their names; the first ten.
fn list(agents: &[Allowed]) -> String {
    const SHOWN: usize = 10;
    let label = |one: &Allowed| {
        let name = one.name().map(|name| format!(":{name}"));
        let label = format!("{}{}", one.config_project(), name.unwrap_or_default());
        format!("{} ({})", one.id(), label.escape_debug())
    };
    let shown: Vec<_> = agents.iter().take(SHOWN).map(label).collect();
    let shown = shown.join(", ");
    match agents.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
