//! `gate`: checks conditions, explains each, and ends with 0 only if all of them hold.

use std::path::PathBuf;

use super::Command;
use super::act::call::finish;
use super::gating::{self, Gating};
use super::options::{CONNECTION, FORMAT, OUTPUT, OUTPUT_FILE};
use crate::cli::{Usage, Words};
use crate::exit::{Exit, Stop};
use crate::host::Host;
use crate::report::json::Object;
use crate::report::{Dotenv, Format, Out, gate};
use crate::session::{self, Common};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const USAGE: Usage = Usage {
    name: "gate",
    operands: "CONDITION...",
    arity: (1, usize::MAX),
    choices: &[],
    summary: "checks conditions, explains each, and ends with 0 only if all hold",
    details: "\
A condition is KEY or KEY=VALUE[,VALUE...]: any of the values will do. All conditions must hold. \
What they are judged by is what GitLab says when asked with the job's token, never a variable.

  project=ID|PATH       the job runs in this project
  branch[=GLOB]         the ref is a branch (that matches)
  tag[=GLOB]            the ref is a tag (that matches)
  protected-ref         GitLab lists exactly this branch or tag as protected
  source=SOURCE         the pipeline's source is one of these
  user=NAME             the job's user is one of these
  role=ROLE             the job's user has at least this role in the project
  tier=TIER             the job's environment has this tier
  environment=GLOB      the job's environment has a name that matches
  agent=ID|PROJECT      this agent, or one of this config project, is allowed
  jobs=SELECTION        at least one job matches, and all that match have passed
  approved=JOB          somebody else played this manual job, and it passed
  newest                no newer pipeline of this ref is for another commit

jobs= and approved= take one selection, commas included; repeat them for more.

Exit code 9: a condition does not hold. 4: a token is missing or was refused. 6: it could not be told. \
A gate protects against mistakes; whoever writes the script can leave it out, so it replaces no protected environment.",
    example: "\
jobgate gate --server https://gitlab.example.com branch=main role=maintainer
jobgate gate jobs=unit newest",
    groups: &[&OUTPUT, &CONNECTION],
};

struct Options {
    gating: Gating,
    format: Format,
    file: Option<PathBuf>,
    common: Common,
}

impl Options {
    fn read(words: &mut Words) -> Result<Self, Stop> {
        Ok(Self {
            gating: Gating::of(words.operands(), "CONDITION")?,
            format: words.parsed(&FORMAT, Format::parse)?.unwrap_or_default(),
            file: words.value(&OUTPUT_FILE).map(PathBuf::from),
            common: Common::read(words)?,
        })
    }
}

fn run(mut words: Words, host: &Host) -> anyhow::Result<Exit> {
    let options = Options::read(&mut words)?;
    words.done();
    let mut out = Out::open(host, options.file.as_deref(), false)?;
    let exit = session::with(&options.common, host, |session| {
        let me = gating::trusted(session)?;
        let judgement = options.gating.judge(session, &me)?;
        let exit = judgement.exit();
        match options.format {
            Format::Table => out.table(&gate::table(&judgement), session.color),
            Format::Json => {
                let lines = judgement.lines.iter().map(gate::object);
                let object = Object::new()
                    .text("result", exit.name())
                    .number("exit", exit.code().into())
                    .list("conditions", lines);
                out.text(&object.end());
                out.text("\n");
            }
            Format::Ndjson => {
                for line in &judgement.lines {
                    out.text(&gate::object(line).end());
                    out.text("\n");
                }
            }
            Format::Dotenv => {
                let mut dotenv = Dotenv::new();
                dotenv.set("RESULT", exit.name());
                dotenv.set("EXIT_CODE", exit.code().to_string());
                out.text(&dotenv.text()?);
            }
        }
        session.talk.line(&gate::summary(&judgement));
        gate::hints(&judgement, session.talk);
        Ok(exit)
    })?;
    finish(host, &options.common, out, exit)
}
