//! One function per condition: what GitLab said about it, and whether that is what was asked for.

use super::approved::approved;
use super::condition::{Condition, IdOrPath};
use super::evidence::{Calling, Evidence, Gap, RefKind, unclear};
use crate::decide::select::glob;
use crate::exit::Exit;
use crate::model::{AgentsEnvironment, AllowedAgents, GitRef, Pipeline, Role, Source, Tier};

/// GitLab's own words on a condition.
pub(super) struct Answer {
    pub holds: bool,
    pub said: String,
    pub hint: Option<&'static str>,
}

impl Answer {
    pub fn new(holds: bool, said: impl Into<String>) -> Self {
        Self {
            holds,
            said: said.into(),
            hint: None,
        }
    }

    pub fn hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }
}

pub(super) type Checked = Result<Answer, Gap>;

pub(super) fn check(condition: &Condition, evidence: &Evidence) -> Checked {
    let calling = evidence.calling.known()?;
    match condition {
        Condition::Project(names) => project(names, calling, evidence),
        Condition::Branch(globs) => ref_matches(RefKind::Branch, globs, calling),
        Condition::Tag(globs) => ref_matches(RefKind::Tag, globs, calling),
        Condition::ProtectedRef => protected_ref(calling, evidence),
        Condition::Source(sources) => source(sources, calling),
        Condition::User(names) => {
            let user = &calling.user()?.username;
            Ok(Answer::new(
                names.contains(user),
                format!("the user is {user}"),
            ))
        }
        Condition::Role(roles) => Ok(role(roles, agents(calling, evidence)?)),
        Condition::Tier(tiers) => tier(tiers, agents(calling, evidence)?),
        Condition::Environment(globs) => environment(globs, calling, evidence),
        Condition::Agent(names) => Ok(agent(names, agents(calling, evidence)?)),
        Condition::Jobs(selection) => jobs(selection, evidence),
        Condition::Approved(name) => approved(name, calling, evidence),
        Condition::Newest => newest(calling, evidence),
    }
}

/// `GET /job/allowed_agents`, if it speaks of the very job that `GET /job` speaks of.
fn agents<'a>(calling: &Calling, evidence: &'a Evidence) -> Result<&'a AllowedAgents, Gap> {
    let agents = evidence.agents.known()?;
    let pipeline = calling.pipeline()?;
    let same = agents.job.id == calling.job.id
        && agents.pipeline.id == pipeline.id
        && agents.user.id == calling.user()?.id
        && pipeline.project_id.is_none_or(|id| id == agents.project.id);
    if same {
        Ok(agents)
    } else {
        unclear("GET /job and GET /job/allowed_agents name different jobs")
    }
}

fn project(names: &[IdOrPath], calling: &Calling, evidence: &Evidence) -> Checked {
    let id = agents(calling, evidence)?.project.id;
    let path = calling.job.project_path(&calling.root);
    let holds = names.iter().any(|name| match name {
        IdOrPath::Id(wanted) => *wanted == id.0,
        IdOrPath::Path(wanted) => path == Some(wanted),
    });
    let Some(path) = path else {
        if !holds && names.iter().any(|name| matches!(name, IdOrPath::Path(_))) {
            return unclear(format!(
                "the path of project {id} cannot be read from the job's URL {:?}; write project={id}",
                calling.job.web_url
            ));
        }
        return Ok(Answer::new(holds, format!("the project is {id}")));
    };
    let answer = Answer::new(holds, format!("the project is {id} ({path})"));
    let by_case = |name: &IdOrPath| matches!(name, IdOrPath::Path(wanted) if wanted != path && wanted.eq_ignore_ascii_case(path));
    Ok(if names.iter().any(by_case) {
        answer.hint("letter case counts")
    } else {
        answer
    })
}

fn ref_kind(calling: &Calling) -> Result<RefKind, Gap> {
    calling
        .ref_kind()
        .map_or_else(|| unclear("GitLab does not say what the job's ref is"), Ok)
}

fn ref_said(calling: &Calling, kind: RefKind) -> String {
    let name = &calling.job.ref_name;
    match kind {
        RefKind::Branch => format!("the ref is the branch {name}"),
        RefKind::Tag => format!("the ref is the tag {name}"),
        RefKind::Internal => format!("the ref is {name}, neither branch nor tag"),
    }
}

fn ref_matches(wanted: RefKind, globs: &[String], calling: &Calling) -> Checked {
    let kind = ref_kind(calling)?;
    let holds = kind == wanted && (globs.is_empty() || any_glob(globs, &calling.job.ref_name));
    Ok(Answer::new(holds, ref_said(calling, kind)))
}

fn any_glob(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| glob::matches(glob, name))
}

fn protected_ref(calling: &Calling, evidence: &Evidence) -> Checked {
    let kind = ref_kind(calling)?;
    let said = ref_said(calling, kind);
    if kind == RefKind::Internal {
        return Ok(Answer::new(false, said));
    }
    let listed = evidence.refs.known()?;
    if listed.kind != kind {
        return unclear(format!("{said}, but another kind of ref was listed"));
    }
    let name = &calling.job.ref_name;
    let rows: Vec<&GitRef> = listed.rows.iter().filter(|row| row.name == *name).collect();
    Ok(if rows.is_empty() {
        Answer::new(false, format!("{said}, which GitLab does not list"))
    } else if rows.iter().all(|row| row.protected) {
        Answer::new(true, format!("{said}, protected"))
    } else {
        Answer::new(false, format!("{said}, not protected"))
    })
}

fn source(sources: &[Source], calling: &Calling) -> Checked {
    match &calling.pipeline()?.source {
        Some(source) => {
            let said = format!("the source is {}", source.word());
            Ok(Answer::new(sources.contains(source), said))
        }
        None => unclear("GitLab names no source of this pipeline"),
    }
}

/// By rank. A role that this version does not know has no rank and counts for nothing.
fn role(wanted: &[Role], agents: &AllowedAgents) -> Answer {
    let known = |role: &&Role| !matches!(role, Role::Unknown(_));
    let user = &agents.user.username;
    let project = agents.project.id;
    match agents.user.roles_in_project.iter().filter(known).max() {
        Some(has) => Answer::new(
            wanted.iter().filter(known).any(|role| has >= role),
            format!("{user} is {} in project {project}", has.word()),
        ),
        None => Answer::new(
            false,
            format!("{user} has no known role in project {project}"),
        ),
    }
}

/// Why a job without `environment:` never meets a condition on one.
const NO_ENVIRONMENT: &str =
    "give the job one without deploying to it: environment: {name: ..., action: verify}";

fn job_environment(agents: &AllowedAgents) -> Result<&AgentsEnvironment, Answer> {
    let none = || Answer::new(false, "the job has no environment").hint(NO_ENVIRONMENT);
    agents.environment.as_ref().ok_or_else(none)
}

fn tier(tiers: &[Tier], agents: &AllowedAgents) -> Checked {
    match job_environment(agents) {
        Err(answer) => Ok(answer),
        Ok(AgentsEnvironment {
            tier: Some(tier), ..
        }) => Ok(Answer::new(
            tiers.contains(tier),
            format!("the tier is {}", tier.word()),
        )),
        Ok(_) => unclear("GitLab names no tier of the job's environment"),
    }
}

/// The slug that GitLab gives for the job, looked up among the project's environments: names that variables carry are no evidence.
fn environment(globs: &[String], calling: &Calling, evidence: &Evidence) -> Checked {
    let environment = match job_environment(agents(calling, evidence)?) {
        Err(answer) => return Ok(answer),
        Ok(environment) => environment,
    };
    let Some(slug) = environment.slug.as_deref().filter(|slug| !slug.is_empty()) else {
        return unclear("GitLab names no slug of the job's environment");
    };
    let rows = evidence.environments.known()?;
    let mut rows = rows.iter().filter(|row| row.slug.as_deref() == Some(slug));
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(Answer::new(
            any_glob(globs, &row.name),
            format!("the environment is {}", row.name),
        )),
        (None, _) => unclear(format!(
            "GitLab lists no environment with the job's slug {slug}"
        )),
        (Some(_), Some(_)) => unclear(format!(
            "GitLab lists several environments with the slug {slug}"
        )),
    }
}

fn agent(names: &[IdOrPath], agents: &AllowedAgents) -> Answer {
    let meant = |name: &IdOrPath| {
        agents.allowed_agents.iter().find(|agent| match name {
            IdOrPath::Id(id) => agent.id.0 == *id,
            IdOrPath::Path(path) => agent.config_project.path_with_namespace == *path,
        })
    };
    match (names.iter().find_map(meant), agents.allowed_agents.len()) {
        (Some(agent), _) => {
            let project = &agent.config_project.path_with_namespace;
            Answer::new(true, format!("agent {} of {project} is allowed", agent.id))
        }
        (None, 0) => Answer::new(false, "no agent is allowed to this job"),
        (None, others) => Answer::new(false, format!("not among the {others} allowed to this job"))
            .hint("jobgate agents lists the agents that the job may use"),
    }
}

fn jobs(selection: &str, evidence: &Evidence) -> Checked {
    let Some((_, fetched)) = evidence.jobs.iter().find(|(asked, _)| asked == selection) else {
        return unclear("GitLab was not asked for these jobs");
    };
    let looked = fetched.known()?;
    let said = looked.said.clone();
    match looked.verdict {
        Exit::Refused => Err(Gap::Refused(said)),
        Exit::Ok if looked.matched > 0 => Ok(Answer::new(true, said)),
        Exit::Ok => Ok(Answer::new(false, "no job matches")),
        Exit::Failed | Exit::Canceled | Exit::Pending | Exit::NotFound => {
            Ok(Answer::new(false, said))
        }
        Exit::Closed | Exit::Deadlock => Ok(Answer::new(false, said)),
        Exit::Unknown | Exit::Timeout | Exit::Usage | Exit::Signal(_) => unclear(said),
    }
}

/// The lists must show the calling job's pipeline itself: a list that hides pipelines (GitLab answers `[]` where it refuses to show any) proves nothing.
fn newest(calling: &Calling, evidence: &Evidence) -> Checked {
    let own = calling.pipeline()?;
    let of_ref = evidence.of_ref.known()?;
    let Some(in_child) = calling.in_child() else {
        return unclear("GitLab names no source of this pipeline");
    };
    let mut lists = vec![&of_ref.rows];
    if in_child {
        let Some(children) = &of_ref.children else {
            return unclear("GitLab was not asked for the child pipelines of this ref");
        };
        lists.push(children);
    }
    // Rows of another ref can be there: `app/finders/ci/pipelines_finder.rb` adds the refs that GitLab keeps for a branch.
    let lists: Vec<Vec<&Pipeline>> = lists
        .into_iter()
        .map(|rows| {
            rows.iter()
                .filter(|row| row.ref_name == calling.job.ref_name)
                .collect()
        })
        .collect();
    let listed = lists.iter().flatten().any(|row| row.id == own.id);
    let reach_back = lists
        .iter()
        .all(|rows| rows.iter().any(|row| row.id <= own.id));
    if own.sha.is_empty() || !listed || !reach_back {
        return unclear(format!(
            "the pipelines that GitLab lists do not show pipeline {}",
            own.id
        ));
    }
    let newer = lists
        .into_iter()
        .flatten()
        .filter(|row| row.id > own.id && row.sha != own.sha);
    Ok(match newer.max_by_key(|row| row.id) {
        Some(row) => {
            let said = format!(
                "pipeline {} of {} is for {}",
                row.id,
                row.ref_name,
                short(&row.sha)
            );
            Answer::new(false, said)
        }
        None => Answer::new(
            true,
            format!("no pipeline after {} is for another commit", own.id),
        ),
    })
}

fn short(sha: &str) -> &str {
    match sha.get(..8) {
        Some(short) => short,
        None if sha.is_empty() => "an unknown commit",
        None => sha,
    }
}
