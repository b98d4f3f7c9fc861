//! `cancel --from`: what an action has started, by the file that its `--output-file` wrote.

use std::collections::HashMap;
use std::io::ErrorKind;

use serde::Deserialize;
use serde_json::{Value, json};

use super::list::Request;
use crate::ci::read_file;
use crate::cli::Opt;
use crate::commands::options::{self, Where};
use crate::decide::select::Operand;
use crate::exit::{Exit, Stop};
use crate::model::{JobId, PipelineId};
use crate::report::{act as report, messages};

pub const FROM: Opt = Opt::value(
    "--from FILE",
    "cancel what play, retry or trigger started; FILE: its --output-file",
);

/// A document with 10,000 jobs is smaller.
const LARGEST: u64 = 4 << 20;

/// What `report::act` writes, as far as it matters here.
#[derive(Deserialize)]
struct Written {
    action: String,
    exit: u8,
    project: Value,
    pipeline: Option<PipelineId>,
    jobs: Option<Vec<Acted>>,
}

#[derive(Deserialize)]
struct Acted {
    id: JobId,
    result: String,
}

/// Puts the jobs that the file names into the request; or why there is nothing to cancel.
pub fn read(path: &str, request: &mut Request) -> Result<Option<String>, Stop> {
    if !request.selection.operands.is_empty() || request.place != Where::default() {
        return Err(messages::clash(
            FROM.name,
            "JOB, --project, --pipeline or --downstream",
        ));
    }
    if std::fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(Some(report::no_file(path)));
    }
    let text = read_file(path, path, LARGEST)?;
    let written = std::str::from_utf8(&text).ok().and_then(parse);
    let written = written.ok_or_else(|| report::foreign_file(path))?;
    let rows = written.jobs.iter().flatten();
    let started = rows.filter(|row| report::started(&row.result));
    let ids = started.map(|row| Operand::plain(row.id.to_string()));
    request.selection.operands = ids.collect();
    request.place.pipeline = written.pipeline;
    let whole = written.jobs.is_none();
    let nothing = !whole && request.selection.operands.is_empty();
    if nothing || written.pipeline.is_none() {
        // The answer of a trigger may have been lost.
        if whole && (written.exit == Exit::Unknown.code() || written.exit > 128) {
            return Err(report::perhaps_triggered(path));
        }
        return Ok(Some(report::nothing_started(path)));
    }
    let id = written.project.to_string();
    let project = written.project.as_str().unwrap_or(&id);
    let project = options::project(project).map_err(|_| report::foreign_file(path))?;
    request.place.project = Some(project);
    Ok(None)
}

fn parse(text: &str) -> Option<Written> {
    let written: Written = match text.strip_prefix('{') {
        Some(_) => serde_json::from_str(text).ok()?,
        None => serde_json::from_value(dotenv(text)?).ok()?,
    };
    let known = (written.action.as_str(), written.jobs.is_some());
    matches!(known, ("play" | "retry", true) | ("trigger", false)).then_some(written)
}

/// The document that says the same. The key that is written last must be there, and its line must be whole.
fn dotenv(text: &str) -> Option<Value> {
    let lines = text.strip_suffix('\n')?.split('\n');
    let pairs = lines.map(|line| line.strip_prefix("JOBGATE_OUT_")?.split_once('='));
    let pairs: HashMap<&str, &str> = pairs.collect::<Option<_>>()?;
    let id = |text: &&str| text.parse::<u64>().ok();
    let job = |text| json!({"id": id(&text), "result": "unknown"});
    let jobs = pairs.get("JOB_IDS");
    let jobs = jobs.map(|ids| ids.split_whitespace().map(job).collect::<Value>());
    Some(json!({
        "action": pairs.get("ACTION")?,
        "exit": pairs.get("EXIT_CODE").and_then(id),
        "project": pairs.get("PROJECT_ID").or(pairs.get("PROJECT_PATH")),
        "pipeline": pairs.get("PIPELINE_ID").and_then(id),
        "jobs": jobs,
    }))
}
