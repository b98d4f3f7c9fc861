//! `agents`: the GitLab agents for Kubernetes that this job may use.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Command;
use super::options::{CONNECTION, OUTPUT_FILE, PRINTED, PRINTING};
use crate::cli::{Usage, Words};
use crate::exit::{Exit, Stop};
use crate::gitlab::Route;
use crate::host::Host;
use crate::model::{Agent, AgentId, AllowedAgents};
use crate::report::jobs::JsonRows;
use crate::report::{Format, Out, agents as report};
use crate::session::{self, Common, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const USAGE: Usage = Usage {
    name: "agents",
    operands: "[AGENT]",
    terms: Vec::new,
    summary: "lists the GitLab agents for Kubernetes that this job may use",
    details: "AGENT is the id of an agent or the full path of its config project; exit 5 if this job may use no such agent. \
        GitLab names the kube context of an agent CONFIG_PROJECT:NAME.\n\n\
        With --output json the answer is GitLab's own objects, complete.",
    example: "jobgate agents\njobgate agents ops/agents -o json",
    groups: &[&PRINTING, &CONNECTION],
};

/// Which agents are meant: one by its id, or all of a config project.
struct Query {
    text: String,
    id: Option<AgentId>,
}

impl Query {
    fn parse(text: String) -> Result<Self, Stop> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let id = text.parse().ok().filter(|_| digits).map(AgentId);
        let mut parts = text.split('/');
        let path = text.contains('/') && !text.contains(':') && parts.all(|part| !part.is_empty());
        if id.is_some() || path {
            Ok(Self { text, id })
        } else {
            Err(report::not_an_agent(&text))
        }
    }

    fn means(&self, agent: &Agent) -> bool {
        match self.id {
            Some(id) => agent.id == id,
            None => agent.config_project.path_with_namespace == self.text,
        }
    }
}

struct Options {
    query: Option<Query>,
    format: Format,
    file: Option<PathBuf>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        Ok(Self {
            query: (words.operands().into_iter().next())
                .map(Query::parse)
                .transpose()?,
            format: words.parsed(&PRINTED, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        })
    }
}

/// GitLab's own objects, in the order of [`AllowedAgents::allowed_agents`].
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    allowed_agents: Option<Vec<Box<RawValue>>>,
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let options = Options::read(&mut words).map_err(|stop| USAGE.explain(stop))?;
    words.done();
    let mut out = Out::open(host, options.file.as_deref(), false)?;
    session::with(&options.common, host, |session| {
        let (allowed, raw) = ask(session)?;
        let meant: Vec<(&Agent, &RawValue)> = (allowed.iter().zip(&raw))
            .filter(|(agent, _)| (options.query.iter()).all(|query| query.means(agent)))
            .map(|(agent, raw)| (agent, &**raw))
            .collect();
        if let (Some(query), true) = (&options.query, meant.is_empty()) {
            return Err(report::not_allowed(&query.text, &allowed));
        }
        if options.format == Format::Table {
            let agents = meant.iter().map(|(agent, _)| *agent);
            out.table(&report::table(agents), session.color);
        } else {
            let mut json = JsonRows::new(options.format);
            for (_, raw) in meant {
                json.put(raw, &mut |text| out.text(text));
            }
            json.end(&mut |text| out.text(text));
        }
        out.finish()?;
        Ok(Exit::Ok)
    })
}

fn ask(session: &Session) -> Result<(Vec<Agent>, Vec<Box<RawValue>>), Stop> {
    session
        .ask(|| {
            let answer = session.gitlab.get(&Route::AllowedAgents, &[])?;
            let allowed: AllowedAgents = answer.json()?;
            let raw: Raw = answer.json()?;
            Ok((
                allowed.allowed_agents,
                raw.allowed_agents.unwrap_or_default(),
            ))
        })
        .map_err(|error| error.stop())
}
