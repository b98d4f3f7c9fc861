//! `whoami`: the job, pipeline, project, user, roles and environment that this token stands for.

use serde::Serialize;
use serde_json::value::RawValue;

use super::Command;
use super::options::{CONNECTION, FORMAT, OUTPUT, Printing};
use crate::cli::{Usage, Words};
use crate::exit::{Exit, Stop};
use crate::gitlab::Route;
use crate::host::Host;
use crate::model::AllowedAgents;
use crate::report::{Format, Out, whoami as report};
use crate::session::{self, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const USAGE: Usage = Usage {
    name: "whoami",
    operands: "",
    summary: "shows the job, pipeline, project and user of the job token",
    details: "\
whoami asks GitLab with the job token (GET /job, GET /job/allowed_agents). Only the time left depends on a CI/CD \
variable (CI_JOB_TIMEOUT); GitLab gives everything else.

--output json prints both of GitLab's objects, complete, as job and allowed_agents. If GitLab refuses allowed_agents, it is null, and table and dotenv \
have neither roles nor environment.

Exit codes: 0 ok, 2 usage, 4 refused, 6 unknown.",
    example: "jobgate whoami\njobgate whoami --output dotenv --output-file whoami.env",
    groups: &[&OUTPUT, &CONNECTION],
};

/// GitLab's own objects.
#[derive(Serialize)]
struct Document<'a> {
    job: &'a RawValue,
    allowed_agents: Option<&'a RawValue>,
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let options = Printing::read(&mut words, &FORMAT);
    words.done();
    let mut out = Out::open(host, options.file.as_deref(), false)?;
    session::with(&options.common, host, |session| {
        let me = session.me()?;
        session.warn_of_other_job(Some(&me));
        let agents = agents(session)?;
        let (raw, agents) = agents.map_or((None, None), |(raw, agents)| (Some(raw), Some(agents)));
        let page = report::Page {
            job: &me.job,
            more: &me.more,
            pipeline: &me.pipeline,
            project: me.project,
            agents: agents.as_ref(),
            path: me.job.project_path(session.root()),
            time: me.time(session),
        };
        match options.format {
            Format::Table => out.table(&page.table(), session.color),
            Format::Dotenv => out.text(&page.dotenv().text()?),
            _ => {
                let document = Document {
                    job: &me.raw,
                    allowed_agents: raw.as_deref(),
                };
                out.json(&document);
            }
        }
        out.finish()?;
        Ok(Exit::Ok)
    })
}

/// What GitLab says of agents, user and environment. A refusal is a warning and leaves the rest of the page as it is.
fn agents(session: &Session) -> Result<Option<(Box<RawValue>, AllowedAgents)>, Stop> {
    let answer = session.ask(|| {
        let answer = session.gitlab.get(&Route::AllowedAgents, &[])?;
        Ok((answer.json()?, answer.json()?))
    });
    match answer {
        Ok(both) => Ok(Some(both)),
        Err(error) if error.token_refused() => {
            let warning = report::without_agents(&error.message);
            session.talk.warning(&warning);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
