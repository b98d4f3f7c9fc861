//! `agents`: the GitLab agents for Kubernetes that this job may use, and the kube context of one.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Command;
use super::shared::{CONNECTION, FORMAT, OUTPUT, OUTPUT_FILE};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::agents::{Allowed, Query, find, join, kube_context};
use crate::exit::{Exit, Stop};
use crate::gitlab::Route;
use crate::host::Host;
use crate::kubeconfig;
use crate::model::AllowedAgents;
use crate::report::{Format, Out, agents as report, json};
use crate::session::{self, Common, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const CONTEXT: Opt = Opt::switch(
    "--context",
    "print nothing but the name of the agent's kube context",
);
const SHOWN: Group = Group {
    title: "what is shown",
    options: &[&CONTEXT],
};

const USAGE: Usage = Usage {
    name: "agents",
    operands: "[AGENT]",
    arity: (0, 1),
    choices: &[],
    summary: "lists the GitLab agents for Kubernetes that this job may use",
    details: "AGENT is an id, CONFIG_PROJECT or CONFIG_PROJECT:NAME; one that is not allowed to this job is exit 5. \
        GitLab tells ids and configuration; names come from the files in KUBECONFIG, which GitLab writes for the job.\n\n\
        With --output json or ndjson GitLab's own objects come complete. --context needs an AGENT unless the job may use \
        just one.",
    example: "jobgate agents\nkubectl config use-context \"$(jobgate agents ops/agents:prod --context)\"",
    groups: &[&SHOWN, &OUTPUT, &CONNECTION],
};

struct Options {
    query: Option<Query>,
    context: bool,
    format: Format,
    file: Option<PathBuf>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        let options = Self {
            query: words
                .operands()
                .first()
                .map(|text| Query::parse(text))
                .transpose()?,
            context: words.switch(&CONTEXT),
            format: words.parsed(&FORMAT, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        };
        match options.format {
            Format::Dotenv => Err(Stop::usage("agents has no --output dotenv")),
            Format::Json | Format::Ndjson if options.context => {
                Err(Stop::usage("--context prints a name, not JSON"))
            }
            _ => Ok(options),
        }
    }
}

/// GitLab's own objects, besides what is decided on.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    allowed_agents: Option<Vec<Box<RawValue>>>,
}

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let options = Options::read(&mut words).map_err(|stop| USAGE.explain(stop))?;
    words.done();
    let contexts = match host.vars.get("KUBECONFIG")? {
        Some(list) => kubeconfig::read(list)?,
        None => Vec::new(),
    };
    let mut out = Out::open(host, options.file.as_deref(), false)?;
    session::with(&options.common, host, |session| {
        let (answer, raw) = ask(session)?;
        let mut allowed = join(&answer.allowed_agents, &contexts);
        if let Some(query) = &options.query {
            let found = find(&allowed, query)?;
            allowed.retain(|one| one.id() == found.id());
        }
        if options.context {
            out.text(&format!("{}\n", kube_context(only(&allowed)?)?));
        } else {
            show(&options, &allowed, &raw, &answer, &mut out);
        }
        out.finish()?;
        Ok(Exit::Ok)
    })
}

fn ask(session: &Session) -> Result<(AllowedAgents, Vec<Box<RawValue>>), Stop> {
    session
        .steady(|| {
            let answer = session.gitlab.get(&Route::AllowedAgents, &[])?;
            let raw: Raw = answer.json()?;
            Ok((answer.json()?, raw.allowed_agents.unwrap_or_default()))
        })
        .map_err(|error| error.stop())
}

fn only<'a, 'b>(allowed: &'b [Allowed<'a>]) -> Result<&'b Allowed<'a>, Stop> {
    match allowed {
        [one] => Ok(one),
        [] => Err(Stop::new(Exit::NotFound, "no agent is allowed to this job")),
        several => Err(USAGE.explain(Stop::usage(format!(
            "{} agents are allowed to this job: --context needs an AGENT",
            several.len()
        )))),
    }
}

fn show(
    options: &Options,
    allowed: &[Allowed],
    raw: &[Box<RawValue>],
    answer: &AllowedAgents,
    out: &mut Out,
) {
    let kept = answer.allowed_agents.iter().zip(raw);
    let mut kept = kept.filter(|(agent, _)| allowed.iter().any(|one| one.id() == agent.id));
    match options.format {
        Format::Table | Format::Dotenv => out.table(&report::table(allowed), options.common.color),
        Format::Json => {
            let mut list = json::List::default();
            let mut put = |text: &str| out.text(text);
            kept.for_each(|(_, raw)| list.element(&json::raw(raw), &mut put));
            list.end(&mut put);
        }
        Format::Ndjson => kept.by_ref().for_each(|(_, raw)| {
            out.text(&json::raw(raw));
            out.text("\n");
        }),
    }
}
