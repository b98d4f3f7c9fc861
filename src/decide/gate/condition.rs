//! What a gate asks for: `KEY` or `KEY=VALUE[,VALUE...]`.

use std::fmt;

use crate::model::{Role, Source, Tier};
use crate::near::did_you_mean;

/// One condition as its author wrote it. Several values mean any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Project(Vec<IdOrPath>),
    /// Globs; empty for any branch.
    Branch(Vec<String>),
    /// Globs; empty for any tag.
    Tag(Vec<String>),
    ProtectedRef,
    Source(Vec<Source>),
    User(Vec<String>),
    /// At least one of these roles.
    Role(Vec<Role>),
    Tier(Vec<Tier>),
    /// Globs over the environment's name.
    Environment(Vec<String>),
    /// An agent's id, or the full path of its config project.
    Agent(Vec<IdOrPath>),
    /// One selection, as an operand of `wait`.
    Jobs(String),
    /// The exact name of one manual job.
    Approved(String),
    Newest,
}

/// A thing on the server by its number or by a full path (`group/project`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdOrPath {
    Id(u64),
    Path(String),
}

impl fmt::Display for IdOrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// One row of the table of conditions, for the parser and the help page.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    /// Placeholder of the value; empty if it takes none.
    pub value: &'static str,
    /// The condition says something without a value, too.
    pub bare: bool,
    /// The value is one selection, never split at commas.
    pub whole: bool,
    /// When it holds: lower case, no final period.
    pub holds: &'static str,
    make: Make,
}

/// Reads checked values: none is empty, and there is none at all only where the key may stand bare.
type Make = fn(Vec<String>) -> Result<Condition, String>;

const fn values(name: &'static str, value: &'static str, holds: &'static str, make: Make) -> Key {
    Key {
        name,
        value,
        bare: false,
        whole: false,
        holds,
        make,
    }
}

const fn bare(name: &'static str, value: &'static str, holds: &'static str, make: Make) -> Key {
    Key {
        bare: true,
        ..values(name, value, holds, make)
    }
}

const fn whole(name: &'static str, value: &'static str, holds: &'static str, make: Make) -> Key {
    Key {
        whole: true,
        ..values(name, value, holds, make)
    }
}

/// Every condition there is.
pub const KEYS: &[Key] = &[
    values(
        "project",
        "ID|PATH",
        "the job runs in this project",
        |names| Ok(Condition::Project(each(&names, project)?)),
    ),
    bare(
        "branch",
        "GLOB",
        "the ref is a branch (that matches)",
        |globs| Ok(Condition::Branch(globs)),
    ),
    bare("tag", "GLOB", "the ref is a tag (that matches)", |globs| {
        Ok(Condition::Tag(globs))
    }),
    bare(
        "protected-ref",
        "",
        "GitLab lists exactly this branch or tag as protected",
        |_| Ok(Condition::ProtectedRef),
    ),
    values(
        "source",
        "SOURCE",
        "the pipeline's source is one of these",
        |words| {
            Ok(Condition::Source(known(
                "source",
                &words,
                Source::WORDS,
                Source::parse,
            )?))
        },
    ),
    values("user", "NAME", "the job's user is one of these", |names| {
        Ok(Condition::User(each(&names, user)?))
    }),
    values(
        "role",
        "ROLE",
        "the job's user has at least this role in the job's project",
        |words| {
            Ok(Condition::Role(known(
                "role",
                &words,
                Role::WORDS,
                Role::parse,
            )?))
        },
    ),
    values(
        "tier",
        "TIER",
        "the job's environment has this tier",
        |words| {
            Ok(Condition::Tier(known(
                "tier",
                &words,
                Tier::WORDS,
                Tier::parse,
            )?))
        },
    ),
    values(
        "environment",
        "GLOB",
        "the job's environment has a name that matches",
        |globs| Ok(Condition::Environment(globs)),
    ),
    values(
        "agent",
        "ID|CONFIG_PROJECT",
        "this agent is allowed to the job",
        |names| Ok(Condition::Agent(each(&names, agent)?)),
    ),
    whole(
        "jobs",
        "SELECTION",
        "at least one job matches, and all that match have passed",
        |values| Ok(Condition::Jobs(single("jobs", values)?)),
    ),
    whole(
        "approved",
        "JOB",
        "somebody else played this manual job, and it passed",
        |values| Ok(Condition::Approved(exact(single("approved", values)?)?)),
    ),
    bare(
        "newest",
        "",
        "no newer pipeline of this ref is for another commit",
        |_| Ok(Condition::Newest),
    ),
];

impl Condition {
    /// Reads `KEY` or `KEY=VALUE[,VALUE...]`. The error says what is wrong and what would be right, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once('=') else {
            return Self::of(key(text)?, None);
        };
        let key = key(name)?;
        let values = if key.whole {
            vec![value.to_owned()]
        } else {
            value.split(',').map(str::to_owned).collect()
        };
        Self::of(key, Some(values))
    }

    /// A condition of its key and values. `whole` keys take exactly one value.
    fn of(key: &Key, values: Option<Vec<String>>) -> Result<Self, String> {
        let Key { name, value, .. } = *key;
        let values = match values {
            None if key.bare => Vec::new(),
            None => return Err(format!("{name} needs a value: {name}={value}")),
            Some(_) if value.is_empty() => return Err(format!("{name} takes no value")),
            Some(values) => values,
        };
        if values.iter().any(|value| value.trim().is_empty()) {
            return Err(format!("{name} has an empty value; is a variable unset?"));
        }
        if let Some(value) = values
            .iter()
            .find(|value| !key.whole && value.trim() != **value)
        {
            return Err(format!(
                "{name} has a value with blanks around it: {value:?}"
            ));
        }
        (key.make)(values)
    }

    /// What it asks for, in words: `the ref is a branch that matches main or release/*`.
    pub fn expected(&self) -> String {
        match self {
            Self::Project(names) => format!("the job runs in project {}", any_of(names)),
            Self::Branch(globs) if globs.is_empty() => "the ref is a branch".into(),
            Self::Branch(globs) => format!("the ref is a branch that matches {}", any_of(globs)),
            Self::Tag(globs) if globs.is_empty() => "the ref is a tag".into(),
            Self::Tag(globs) => format!("the ref is a tag that matches {}", any_of(globs)),
            Self::ProtectedRef => "the ref is a protected branch or tag".into(),
            Self::Source(sources) => {
                format!(
                    "the pipeline's source is {}",
                    any_of(sources.iter().map(Source::word))
                )
            }
            Self::User(names) => format!("the job's user is {}", any_of(names)),
            Self::Role(roles) => {
                format!(
                    "the job's user is at least {} here",
                    any_of(roles.iter().map(Role::word))
                )
            }
            Self::Tier(tiers) => {
                format!(
                    "the environment's tier is {}",
                    any_of(tiers.iter().map(Tier::word))
                )
            }
            Self::Environment(globs) => format!("the environment's name matches {}", any_of(globs)),
            Self::Agent(names) => format!("the job may use agent {}", any_of(names)),
            Self::Jobs(selection) => format!("jobs match {selection}, and all of them have passed"),
            Self::Approved(name) => format!("somebody else played {name}, and it passed"),
            Self::Newest => "no newer pipeline of this ref is for another commit".into(),
        }
    }
}

/// As the user wrote it.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = match self {
            Self::Project(names) => ("project", join(names, ",")),
            Self::Branch(globs) => ("branch", join(globs, ",")),
            Self::Tag(globs) => ("tag", join(globs, ",")),
            Self::ProtectedRef => ("protected-ref", String::new()),
            Self::Source(sources) => ("source", join(sources.iter().map(Source::word), ",")),
            Self::User(names) => ("user", join(names, ",")),
            Self::Role(roles) => ("role", join(roles.iter().map(Role::word), ",")),
            Self::Tier(tiers) => ("tier", join(tiers.iter().map(Tier::word), ",")),
            Self::Environment(globs) => ("environment", join(globs, ",")),
            Self::Agent(names) => ("agent", join(names, ",")),
            Self::Jobs(selection) => ("jobs", selection.clone()),
            Self::Approved(name) => ("approved", name.clone()),
            Self::Newest => ("newest", String::new()),
        };
        f.write_str(key)?;
        if values.is_empty() {
            Ok(())
        } else {
            write!(f, "={values}")
        }
    }
}

/// The row of the table with this name.
pub fn key(name: &str) -> Result<&'static Key, String> {
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
        let near = did_you_mean(name, KEYS.iter().map(|key| key.name));
        format!("unknown condition {name:?}{near}")
    })
}

fn each<T>(values: &[String], read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    values.iter().map(|value| read(value)).collect()
}

/// Only words of GitLab's that this version knows: a slip in one must never be a condition that nothing or anything meets.
fn known<T>(
    key: &str,
    words: &[String],
    allowed: &[&'static str],
    parse: fn(&str) -> T,
) -> Result<Vec<T>, String> {
    let read = |word: &String| {
        if allowed.contains(&word.as_str()) {
            return Ok(parse(word));
        }
        let near = did_you_mean(word, allowed.iter().copied());
        let allowed = join(allowed, ", ");
        Err(format!(
            "unknown {key} {word:?}{near} (there are {allowed})"
        ))
    };
    words.iter().map(read).collect()
}

fn project(text: &str) -> Result<IdOrPath, String> {
    id_or_path(text)
        .ok_or_else(|| format!("project {text:?} is neither an id nor a full path (group/project)"))
}

fn agent(text: &str) -> Result<IdOrPath, String> {
    id_or_path(text).ok_or_else(|| {
        format!(
            "agent {text:?} is neither an id nor the full path of a config project; GitLab does not tell a job the names of its agents"
        )
    })
}

/// A number as GitLab writes it, or a path with a slash inside and none at its ends.
fn id_or_path(text: &str) -> Option<IdOrPath> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let id: u64 = text.parse().ok()?;
        return (!text.starts_with('0')).then_some(IdOrPath::Id(id));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let path = text.contains('/') && text.split('/').all(|part| !part.is_empty());
    (path && text.chars().all(plain)).then(|| IdOrPath::Path(text.into()))
}

fn user(text: &str) -> Result<String, String> {
    match text.strip_prefix('@') {
        Some(name) => Err(format!(
            "user {text:?} is written without the @: user={name}"
        )),
        None => Ok(text.into()),
    }
}

fn single(key: &str, values: Vec<String>) -> Result<String, String> {
    let [value] = <[String; 1]>::try_from(values)
        .map_err(|_| format!("{key} takes one selection; repeat it for more"))?;
    Ok(value)
}

/// An approval is that of one job: no glob chooses it.
fn exact(name: String) -> Result<String, String> {
    if name.contains(['*', '?']) {
        return Err(format!(
            "approved {name:?} is not the name of one job; globs are for jobs="
        ));
    }
    Ok(name)
}

fn join<T: fmt::Display>(items: impl IntoIterator<Item = T>, between: &str) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(between)
}

fn any_of<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    join(items, " or ")
}
