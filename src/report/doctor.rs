//! `doctor`: what each token may do, what to switch on, and which commands work.

use super::style::Paint;
use super::table::{Column, Table};
use super::text::visible;
use super::{Color, Out};
use crate::decide::doctor::{Capability, Verdict, Works};
use crate::exit::{Exit, Stop};
use crate::gitlab::route::Need;
use crate::model::{JobId, ProjectId, Role};

/// Everything that was found out.
pub struct Page<'a> {
    /// `https://gitlab.example.com`
    pub origin: &'a str,
    pub job: Option<(JobId, &'a str, ProjectId)>,
    /// Where the access token was found: `JOBGATE_TOKEN`.
    pub source: Option<&'static str>,
    pub access: &'a AccessToken,
    /// `CI_JOB_TOKEN` holds an access token.
    pub misplaced: bool,
    /// `CI_JOB_ID` is of another job than the job token.
    pub other_job: Option<String>,
    pub rows: &'a [Row],
    pub commands: &'a [Verdict],
    /// The commands that the exit code is about; none: all that was asked.
    pub wanted: &'a [String],
    pub exit: Exit,
}

/// What GitLab says of and to the access token.
#[derive(Default)]
pub struct AccessToken {
    pub scopes: Vec<String>,
    pub role: Option<Role>,
    /// Day after which it is dead: `2027-01-05`.
    pub expires: Option<String>,
    /// Of the server: `19.4.0`.
    pub version: Option<String>,
}

/// One capability, and what the job token and the access token can make of it; `None` for a token that was not asked.
pub struct Row {
    pub capability: Capability,
    /// `list the jobs of a pipeline`
    pub what: &'static str,
    pub cells: [Option<Cell>; 2],
}

impl Row {
    /// What the better token makes of it.
    pub fn works(&self) -> Works {
        let cells = self.cells.iter().flatten();
        cells.map(|cell| cell.works).min().unwrap_or(Works::Unknown)
    }
}

/// What one token can make of one capability.
#[derive(Clone)]
pub struct Cell {
    pub works: Works,
    /// Why it does not work and what to try.
    pub why: Option<Stop>,
}

impl Cell {
    pub const YES: Self = Self {
        works: Works::Yes,
        why: None,
    };

    pub fn new(works: Works, why: Stop) -> Self {
        Self {
            works,
            why: Some(why),
        }
    }
}

const FACTS: &[Column] = &[Column::left(""), Column::left("")];
const ROWS: &[Column] = &[
    Column::left("CAPABILITY"),
    Column::left("JOB TOKEN"),
    Column::left("ACCESS TOKEN"),
];

const JUDGED: &str = "doctor writes nothing: play, retry, cancel and erase are judged by the access token's scopes and role\n";

impl Page<'_> {
    pub fn print(&self, out: &mut Out, color: Color) {
        for line in self.facts() {
            out.text(&format!("{}\n", visible(&line)));
        }
        out.text("\n");
        out.table(&rows(self.rows), color);
        out.text(JUDGED);
        out.text(&self.advice());
        out.text("\n");
        out.table(&self.verdicts(), color);
    }

    /// What is known of the server, the job and the tokens, line by line.
    fn facts(&self) -> Vec<String> {
        let AccessToken {
            scopes,
            role,
            expires,
            version,
        } = self.access;
        let origin = self.origin;
        let mut lines = vec![match version {
            Some(version) => format!("server: {origin}, GitLab {version}"),
            None => format!("server: {origin}"),
        }];
        if let Some((job, name, project)) = self.job {
            lines.push(format!("job: {job} {name}, project {project}"));
        }
        let source = self.source.unwrap_or("none");
        let role = role.as_ref().map_or("unknown", Role::word);
        let expires = expires.as_deref().unwrap_or("never");
        lines.push(match scopes.join(" ").as_str() {
            "" => format!("access token: {source}"),
            scopes => {
                format!("access token: {source}, scopes {scopes}, role {role}, expires {expires}")
            }
        });
        if self.misplaced {
            lines.push("CI_JOB_TOKEN holds an access token: leave it as GitLab sets it, and put the access token into JOBGATE_TOKEN".to_owned());
        }
        if let Some(cause) = &self.other_job {
            lines.push(format!(
                "{cause}: until both are as GitLab sets them, gate and every write end with 6"
            ));
        }
        lines
    }

    /// What keeps both tokens from something, and what to try; what the same would open stands together.
    fn advice(&self) -> String {
        let rows = self.rows.iter().filter(|row| row.works() != Works::Yes);
        let cells = rows.flat_map(|row| row.cells.iter().flatten());
        let mut groups: Vec<(&[String], Vec<&str>)> = Vec::new();
        for Stop { error, hints, .. } in cells.filter_map(|cell| cell.why.as_ref()) {
            let known = groups.iter_mut().find(|(known, _)| known == hints);
            let Some((_, lines)) = known else {
                groups.push((hints, error.lines().collect()));
                continue;
            };
            for line in error.lines() {
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        let mut text = String::new();
        for (hints, lines) in groups {
            text.push('\n');
            for line in lines {
                text.extend([&visible(line), "\n"]);
            }
            for hint in hints {
                text.extend(["  try: ", &visible(hint), "\n"]);
            }
        }
        text
    }

    fn verdicts(&self) -> Table {
        let mut table = Table::new(FACTS);
        for (works, title) in [
            (Works::Yes, "works"),
            (Works::Partly, "works in part"),
            (Works::No, "does not work"),
            (Works::Unknown, "cannot be told"),
        ] {
            let of = self
                .commands
                .iter()
                .filter(|verdict| verdict.works == works);
            let names: Vec<String> = of.map(command).collect();
            if !names.is_empty() {
                table.row(&[(title, Paint::Dim), (&names.join(", "), word(works).1)]);
            }
        }
        if !self.wanted.is_empty() {
            let (answer, paint) = match self.exit {
                Exit::Ok => ("yes", Paint::Good),
                Exit::Refused => ("not for all of it", Paint::Bad),
                _ => ("cannot be told", Paint::Warning),
            };
            let title = format!("ready for {}", self.wanted.join(", "));
            table.row(&[(&title, Paint::Strong), (answer, paint)]);
        }
        table
    }
}

fn word(works: Works) -> (&'static str, Paint) {
    match works {
        Works::Yes => ("yes", Paint::Good),
        Works::Partly => ("in part", Paint::Warning),
        Works::No => ("no", Paint::Bad),
        Works::Unknown => ("unknown", Paint::Warning),
    }
}

/// The command, and where it works in part: which part.
fn command(verdict: &Verdict) -> String {
    let command = verdict.command;
    if verdict.works != Works::Partly {
        return command.to_owned();
    }
    let missing = verdict.missing.iter();
    let mut parts: Vec<_> = missing.filter_map(|one| part(*one)).collect();
    parts.dedup();
    format!("{command} ({})", parts.join(", "))
}

/// What is left of a command that works without this.
fn part(missing: Capability) -> Option<&'static str> {
    Some(match missing {
        Capability::TriggerJobs => "exact names only",
        Capability::Downstream => "not the pipeline of the other project",
        Capability::Erase => "only jobs that the access token's user started on unprotected refs",
        Capability::Deployments => "not waiting for deployment approvals",
        Capability::Agents => "not role, tier and agent",
        Capability::PipelineJobs => "not jobs and approved",
        Capability::Pipeline => "not approved",
        Capability::Pipelines => "not newest",
        Capability::Branches | Capability::Tags => "not protected-ref",
        Capability::Environments => "not environment",
        Capability::CallingJob
        | Capability::ProjectJobs
        | Capability::Logs
        | Capability::Play
        | Capability::Retry
        | Capability::Cancel
        | Capability::Trigger => return None,
    })
}

fn rows(rows: &[Row]) -> Table {
    let mut table = Table::new(ROWS);
    for Row { what, cells, .. } in rows {
        let [job, access] = cells.each_ref().map(|cell| {
            cell.as_ref()
                .map_or(("-", Paint::Dim), |cell| word(cell.works))
        });
        table.row(&[(what, Paint::Plain), job, access]);
    }
    table
}

pub fn fine_grained(need: &Need) -> Stop {
    let what = need.what;
    let error = format!("GitLab does not say whether this fine-grained access token can {what}");
    Stop::new(Exit::Unknown, error).hint(format!(
        "check in GitLab that the token permits {} for this project; permissions are fixed when a token is created",
        need.permission
    ))
}

pub fn no_membership(need: &Need) -> Stop {
    let error = "GitLab names no membership of the access token's user in this project";
    let role = need.role;
    Stop::new(Exit::Unknown, error).hint(format!(
        "use a project access token of this project with the role {role}"
    ))
}

pub fn nobody_cancels() -> Stop {
    Stop::new(Exit::Refused, "nobody can cancel jobs in this project").hint(
        "see Settings > CI/CD > General pipelines > Minimum role required to cancel a pipeline or job",
    )
}
