//! One function per condition: what GitLab said about it, and whether that is one of the values.

use super::evidence::{Calling, Evidence, PipelinesOfRef, known};
use super::said::{Gap, Protection, RefKind, Said};
use crate::decide::select::glob;
use crate::decide::verdict::{Counts, JobOutcome};
use crate::exit::Exit;
use crate::model::{AllowedAgents, GitRef, Pipeline, Role, Source, Tier};

/// How GitLab's answer and the values of a condition fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is one of them: `=` holds.
    One,
    /// It is known and none of them: `!=` holds.
    None,
    /// There is nothing that could be compared: neither holds.
    Nothing,
}

/// `Err` says why it could not be told.
pub(super) type Checked = Result<(Fit, Said), Gap>;

fn fit(one: bool) -> Fit {
    if one { Fit::One } else { Fit::None }
}

/// A thing on the server by its number or by a full path (`group/project`).
pub(super) enum IdOrPath<'v> {
    Id(u64),
    Path(&'v str),
}

impl<'v> IdOrPath<'v> {
    /// A number as GitLab writes it, or a path with a slash inside and none at its ends.
    pub(super) fn read(text: &'v str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let id = text.parse().ok()?;
            return (!text.starts_with('0')).then_some(Self::Id(id));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        let path = text.contains('/') && text.split('/').all(|part| !part.is_empty());
        (path && text.chars().all(plain)).then_some(Self::Path(text))
    }
}

/// `GET /job/allowed_agents`, if it is about the very job that `GET /job` is about.
fn agents(evidence: &Evidence) -> Result<&AllowedAgents, Gap> {
    let agents = known(evidence.agents.as_ref())?;
    let calling = &evidence.calling;
    let same = agents.job.id == calling.job.id
        && agents.pipeline.id == calling.pipeline.id
        && agents.project.id == calling.project
        && agents.user.id == calling.user()?.id;
    if same { Ok(agents) } else { Err(Gap::OtherJob) }
}

pub(super) fn project(values: &[String], evidence: &Evidence) -> Checked {
    let calling = &evidence.calling;
    let id = agents(evidence)?.project.id;
    let path = calling.job.project_path(&calling.root);
    let wanted: Vec<IdOrPath> = values
        .iter()
        .filter_map(|value| IdOrPath::read(value))
        .collect();
    let said = |case_differs| Said::Project {
        id,
        path: path.map(str::to_owned),
        case_differs,
    };
    let one = |wanted: &IdOrPath| match wanted {
        IdOrPath::Id(wanted) => *wanted == id.0,
        IdOrPath::Path(wanted) => path == Some(wanted),
    };
    if wanted.iter().any(one) {
        return Ok((Fit::One, said(false)));
    }
    let paths = wanted.iter().filter_map(|wanted| match wanted {
        IdOrPath::Path(path) => Some(*path),
        IdOrPath::Id(_) => None,
    });
    let mut paths = paths.peekable();
    match path {
        None if paths.peek().is_some() => Err(Gap::NoProjectPath(id, calling.job.web_url.clone())),
        // GitLab has no two paths that differ in letter case alone: this one was meant.
        Some(path) if paths.any(|wanted| wanted.eq_ignore_ascii_case(path)) => {
            Ok((Fit::Nothing, said(true)))
        }
        _ => Ok((Fit::None, said(false))),
    }
}

pub(super) fn branch(globs: &[String], evidence: &Evidence) -> Checked {
    ref_matches(RefKind::Branch, globs, &evidence.calling)
}

pub(super) fn tag(globs: &[String], evidence: &Evidence) -> Checked {
    ref_matches(RefKind::Tag, globs, &evidence.calling)
}

fn ref_matches(wanted: RefKind, globs: &[String], calling: &Calling) -> Checked {
    let kind = calling.ref_kind()?;
    let name = &calling.job.ref_name;
    let fit = if kind == wanted {
        fit(globs.is_empty() || any_glob(globs, name))
    } else {
        Fit::Nothing
    };
    Ok((fit, Said::Ref(kind, name.clone())))
}

fn any_glob(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| glob::matches(glob, name))
}

pub(super) fn protected_ref(_: &[String], evidence: &Evidence) -> Checked {
    let calling = &evidence.calling;
    let kind = calling.ref_kind()?;
    let name = calling.job.ref_name.clone();
    if kind == RefKind::Internal {
        return Ok((Fit::Nothing, Said::Ref(kind, name)));
    }
    let listed = known(evidence.refs.as_ref())?;
    let rows: Vec<&GitRef> = listed.iter().filter(|row| row.name == name).collect();
    let protection = match rows.as_slice() {
        [] => Protection::NotListed,
        rows if rows.iter().all(|row| row.protected) => Protection::Protected,
        _ => Protection::Unprotected,
    };
    Ok((
        fit(protection == Protection::Protected),
        Said::Protection(kind, name, protection),
    ))
}

/// A source that this version does not know is none that a condition can name, so `!=` proves nothing about it.
pub(super) fn source(values: &[String], evidence: &Evidence) -> Checked {
    let source = evidence.calling.source()?;
    let fit = match source {
        Source::Unknown(_) => Fit::Nothing,
        _ => fit(values.iter().any(|value| Source::parse(value) == *source)),
    };
    Ok((fit, Said::Source(source.clone())))
}

pub(super) fn user(values: &[String], evidence: &Evidence) -> Checked {
    let name = &evidence.calling.user()?.username;
    let fit = if values.contains(name) {
        Fit::One
    } else if values.iter().any(|value| value.eq_ignore_ascii_case(name)) {
        Fit::Nothing
    } else {
        Fit::None
    };
    Ok((fit, Said::User(name.clone())))
}

/// By rank. A role that this version does not know has no rank and counts for nothing.
pub(super) fn role(values: &[String], evidence: &Evidence) -> Checked {
    let agents = agents(evidence)?;
    let roles = agents.user.roles_in_project.iter();
    let has = roles.filter(|role| !matches!(role, Role::Unknown(_))).max();
    let enough = values.iter().any(|value| has >= Some(&Role::parse(value)));
    let said = Said::Role {
        user: agents.user.username.clone(),
        project: agents.project.id,
        role: has.cloned(),
    };
    Ok((fit(enough), said))
}

pub(super) fn tier(values: &[String], evidence: &Evidence) -> Checked {
    let Some(environment) = &agents(evidence)?.environment else {
        return Ok((Fit::Nothing, Said::NoEnvironment));
    };
    let tier = environment.tier.clone().ok_or(Gap::NoTier)?;
    let fit = match tier {
        Tier::Unknown(_) => Fit::Nothing,
        _ => fit(values.iter().any(|value| Tier::parse(value) == tier)),
    };
    Ok((fit, Said::Tier(tier)))
}

/// The slug that GitLab gives for the job, looked up among the project's environments: names in variables are no evidence.
pub(super) fn environment(globs: &[String], evidence: &Evidence) -> Checked {
    let Some(environment) = &agents(evidence)?.environment else {
        return Ok((Fit::Nothing, Said::NoEnvironment));
    };
    let slug = environment.slug.as_deref().filter(|slug| !slug.is_empty());
    let slug = slug.ok_or(Gap::NoSlug)?;
    let rows = known(evidence.environments.as_ref())?;
    let mut rows = rows.iter().filter(|row| row.slug.as_deref() == Some(slug));
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok((
            fit(any_glob(globs, &row.name)),
            Said::Environment(row.name.clone()),
        )),
        (None, _) => Err(Gap::SlugNotListed(slug.to_owned())),
        (Some(_), Some(_)) => Err(Gap::SlugListedTwice(slug.to_owned())),
    }
}

pub(super) fn agent(values: &[String], evidence: &Evidence) -> Checked {
    let allowed = &agents(evidence)?.allowed_agents;
    let meant = |value: &String| {
        let wanted = IdOrPath::read(value)?;
        allowed.iter().find(|agent| match wanted {
            IdOrPath::Id(id) => agent.id.0 == id,
            IdOrPath::Path(path) => agent.config_project.path_with_namespace == path,
        })
    };
    Ok(match values.iter().find_map(meant) {
        Some(agent) => {
            let project = agent.config_project.path_with_namespace.clone();
            (Fit::One, Said::Agent(agent.id, project))
        }
        None => (
            Fit::None,
            Said::NoAgent {
                others: allowed.len(),
            },
        ),
    })
}

/// The verdict that one look gives on the jobs. No job at all has passed nothing.
pub(super) fn jobs(values: &[String], evidence: &Evidence) -> Checked {
    let asked = |(selection, _): &&(String, _)| values.contains(selection);
    let Some((_, looked)) = evidence.jobs.iter().find(asked) else {
        return Err(Gap::NotAsked);
    };
    let outcome = looked
        .as_ref()
        .map_err(|stop| Gap::NoAnswer(stop.clone()))?;
    let counts = |job: &JobOutcome| {
        job.job.is_some() && !matches!(job.counts, Counts::Ignored | Counts::Absent)
    };
    let outcome = outcome.clone();
    match outcome.exit {
        Exit::Ok => Ok((fit(outcome.jobs.iter().any(counts)), Said::Jobs(outcome))),
        Exit::Failed
        | Exit::Canceled
        | Exit::Pending
        | Exit::NotFound
        | Exit::Closed
        | Exit::Deadlock => Ok((Fit::None, Said::Jobs(outcome))),
        Exit::Refused | Exit::Unknown | Exit::Timeout | Exit::Usage | Exit::Signal(_) => {
            Err(Gap::Jobs(outcome))
        }
    }
}

/// The lists must show the calling job's pipeline itself: a list that hides pipelines (GitLab answers `[]` where it refuses to show any)
/// proves nothing.
pub(super) fn newest(_: &[String], evidence: &Evidence) -> Checked {
    let calling = &evidence.calling;
    calling.ref_kind()?;
    let own = &calling.pipeline;
    let PipelinesOfRef { rows, children } = known(evidence.of_ref.as_ref())?;
    let mut lists = vec![rows];
    if *calling.source()? == Source::ParentPipeline {
        lists.push(children.as_ref().ok_or(Gap::NotAsked)?);
    }
    let all = || lists.iter().copied().flatten();
    if let Some(row) = all().find(|row| row.id > own.id && row.ref_name.is_empty()) {
        return Err(Gap::PipelineWithoutRef(row.id));
    }
    // Rows of another ref can be there: `app/finders/ci/pipelines_finder.rb` adds the refs that GitLab keeps for a branch.
    let of_ref = |row: &&Pipeline| row.ref_name == calling.job.ref_name;
    let listed = all().filter(of_ref).find(|row| row.id == own.id);
    let reach_back = |rows: &&Vec<Pipeline>| rows.iter().filter(of_ref).any(|row| row.id <= own.id);
    match listed {
        Some(row) if row.sha != own.sha => return Err(Gap::TwoCommits(own.id)),
        Some(_) if !own.sha.is_empty() && lists.iter().all(reach_back) => {}
        _ => return Err(Gap::PipelineHidden(own.id)),
    }
    let newer = all()
        .filter(of_ref)
        .filter(|row| row.id > own.id && row.sha != own.sha);
    Ok(match newer.max_by_key(|row| row.id) {
        Some(row) => (Fit::None, Said::Newer(Box::new(row.clone()))),
        None => (Fit::One, Said::Newest(own.id)),
    })
}

#[cfg(test)]
mod tests;
