//! `agents`: the GitLab agents for Kubernetes that this job may use.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Command;
use super::options::{CONNECTION, PRINTED, PRINTING, Printing};
use crate::cli::{Usage, Words};
use crate::exit::{Exit, Stop};
use crate::gitlab::Route;
use crate::host::Host;
use crate::model::{Agent, AllowedAgents};
use crate::report::{Format, Out, agents as report, json};
use crate::session;

pub const COMMAND: Command = Command { usage: &USAGE, run };

const USAGE: Usage = Usage {
    name: "agents",
    operands: "[AGENT]",
    summary: "lists the GitLab agents for Kubernetes that this job may use",
    details: "\
AGENT is the id of an agent or the full path of its config project. In the job's kubeconfig, the context of an agent is named CONFIG_PROJECT:NAME. The \
job token is enough.

--output json prints GitLab's own objects, complete.

Exit codes: 0 ok, 2 usage, 4 refused, 5 not-found (this job may not use AGENT), 6 unknown.",
    example: "jobgate agents\njobgate agents ops/agents -o json",
    groups: &[&PRINTING, &CONNECTION],
};

/// GitLab's own objects, in the order of [`AllowedAgents::allowed_agents`].
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    allowed_agents: Option<Vec<Box<RawValue>>>,
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let asked = words.operands().into_iter().next();
    let options = Printing::read(&mut words, &PRINTED);
    words.done();
    let mut out = Out::open(host, options.file.as_deref(), false)?;
    session::with(&options.common, host, |session| {
        let (allowed, raw): (AllowedAgents, Raw) = session.ask(|| {
            let answer = session.gitlab.get(&Route::AllowedAgents, &[])?;
            Ok((answer.json()?, answer.json()?))
        })?;
        let allowed = allowed.allowed_agents;
        let raw = raw.allowed_agents.unwrap_or_default();
        let mut meant: Vec<(&Agent, Box<RawValue>)> = allowed.iter().zip(raw).collect();
        if let Some(asked) = &asked {
            let path = |agent: &Agent| agent.config_project.path_with_namespace == *asked;
            meant.retain(|(agent, _)| agent.id.to_string() == *asked || path(agent));
            if meant.is_empty() {
                return Err(report::not_allowed(asked, &allowed));
            }
        }
        let (agents, raw): (Vec<&Agent>, Vec<Box<RawValue>>) = meant.into_iter().unzip();
        if options.format == Format::Json {
            let raw = raw.iter().map(|raw| &**raw);
            json::rows(options.format, raw, &mut |text| out.text(text));
        } else {
            out.table(&report::table(&agents), session.color);
        }
        out.finish()?;
        Ok(Exit::Ok)
    })
}
