//! Which jobs of one pipeline are meant.

pub mod glob;
pub mod group;

use std::collections::HashMap;

use crate::model::{Job, JobId, Status};

/// What the operands and the narrowing options of a command say.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub operands: Vec<Operand>,
    /// Every job of the pipeline, whatever the operands mean. Without it and without operands, stages alone mean all their jobs.
    pub all: bool,
    /// Only jobs of these stages; empty for any.
    pub stages: Vec<String>,
    /// Only jobs with one of these statuses; empty for any.
    pub statuses: Vec<Status>,
    /// Not these jobs: names, groups or globs, never ids.
    pub except: Vec<String>,
    /// Each attempt of a job stands for itself. For lists only: decisions and actions look at the newest attempt.
    pub attempts: bool,
}

impl Selection {
    /// Nothing is left out but older attempts.
    pub fn unfiltered(&self) -> bool {
        self.operands.is_empty()
            && self.stages.is_empty()
            && self.statuses.is_empty()
            && self.except.is_empty()
    }
}

/// One operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    pub text: String,
    /// `--name NAME`: a name or group even if it consists of digits or holds `*`.
    pub name_only: bool,
    /// `--optional NAME`: may be absent.
    pub optional: bool,
}

impl Operand {
    /// An operand as it stands on the command line.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            name_only: false,
            optional: false,
        }
    }

    /// A job id.
    pub fn is_id(&self) -> bool {
        !self.name_only && !self.text.is_empty() && self.text.bytes().all(|b| b.is_ascii_digit())
    }

    /// It holds a wildcard; a job may have that very name all the same.
    pub fn is_glob(&self) -> bool {
        !self.name_only && glob::is_glob(&self.text)
    }

    /// `--name NAME`
    pub fn name(text: impl Into<String>) -> Self {
        Self {
            name_only: true,
            ..Self::plain(text)
        }
    }
}

/// How a job was meant, the most exact first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matched {
    Name,
    Group,
    Id,
    Glob,
    /// Only by `--all` or a stage.
    Everything,
}

impl Matched {
    /// The job itself or its group was asked for, not merely a pattern that it fits.
    pub fn exact(self) -> bool {
        self <= Self::Id
    }
}

/// The job that runs this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub id: JobId,
    pub name: String,
}

impl Caller {
    fn is(&self, job: &Job) -> bool {
        self.id == job.id || self.name == job.name
    }
}

/// A job that is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen<'a> {
    pub job: &'a Job,
    /// The most exact way in which any operand means it.
    pub matched: Matched,
    /// Index of the first operand that means it.
    pub operand: Option<usize>,
}

/// The outcome of a selection over one full list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected<'a> {
    /// In the list's order, each name once unless attempts were asked for.
    pub jobs: Vec<Chosen<'a>>,
    /// Operands (by index) that mean no job of the list, the calling one apart. What narrowing leaves out is not missing.
    pub missing: Vec<usize>,
    /// Something was meant that a job of another list could be, too: a pattern, a stage, everything, or what was not found.
    pub open_ended: bool,
    /// Operands (by index) that mean jobs of the list, none of which narrowing leaves.
    pub emptied: Vec<usize>,
    /// The caller's own parallel siblings that a group, glob, stage or `--all` would have meant.
    pub siblings: Vec<&'a Job>,
}

/// An operand names the calling job itself: nothing can wait for, or act on, itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamesCaller {
    pub operand: usize,
}

/// Jobs and trigger jobs of one pipeline in one list, with retried attempts wherever an id may be one of theirs.
/// `caller` is given where the list is that of the caller's own pipeline.
pub fn select<'a>(
    selection: &Selection,
    jobs: &'a [Job],
    caller: Option<&Caller>,
) -> Result<Selected<'a>, NamesCaller> {
    let operands = selection.operands.iter();
    let meanings: Vec<Meaning> = operands
        .map(|operand| Meaning::of(operand, jobs, caller))
        .collect();
    if let Some(operand) = meanings.iter().position(|m| *m == Meaning::Caller) {
        return Err(NamesCaller { operand });
    }
    let everything = selection.all || (meanings.is_empty() && !selection.stages.is_empty());
    let everything = everything.then_some(Matched::Everything);
    let narrowing = Narrowing::of(selection, jobs);
    let own_group = caller.and_then(|caller| group::of(&caller.name));
    let glob = |meaning: &Meaning| matches!(meaning, Meaning::Glob(_));
    let mut selected = Selected {
        missing: (0..meanings.len()).collect(),
        emptied: (0..meanings.len()).collect(),
        open_ended: everything.is_some() || meanings.iter().any(glob),
        ..Selected::default()
    };
    let rows: Vec<&Job> = if selection.attempts {
        jobs.iter().collect()
    } else {
        newest(jobs).collect()
    };
    for job in rows {
        if caller.is_some_and(|caller| caller.is(job)) {
            continue;
        }
        let hits = hits(&meanings, job);
        let hit = |operand: &usize| hits.iter().any(|hit| hit.0 == *operand);
        selected.missing.retain(|operand| !hit(operand));
        let matched = hits.iter().map(|hit| hit.1).chain(everything).min();
        let Some(matched) = matched.filter(|_| narrowing.keeps(job)) else {
            continue;
        };
        selected.emptied.retain(|operand| !hit(operand));
        let sibling = own_group.is_some() && group::of(&job.name) == own_group;
        if sibling && !matches!(matched, Matched::Name | Matched::Id) {
            selected.siblings.push(job);
        } else {
            selected.jobs.push(Chosen {
                job,
                matched,
                operand: hits.first().map(|hit| hit.0),
            });
        }
    }
    selected.open_ended |= !selected.missing.is_empty();
    let missing = &selected.missing;
    selected
        .emptied
        .retain(|operand| !missing.contains(operand));
    Ok(selected)
}

/// The operands, by index, that mean this job, and how.
fn hits(meanings: &[Meaning], job: &Job) -> Vec<(usize, Matched)> {
    let meanings = meanings.iter().enumerate();
    meanings
        .filter_map(|(operand, meaning)| Some((operand, meaning.matches(job)?)))
        .collect()
}

/// The newest attempt (highest id) of each job, in the list's order.
pub fn newest(jobs: &[Job]) -> impl Iterator<Item = &Job> {
    let mut rows: HashMap<&str, (usize, JobId)> = HashMap::new();
    for (row, job) in jobs.iter().enumerate() {
        let newest = rows.entry(&job.name).or_insert((row, job.id));
        if job.id > newest.1 {
            *newest = (row, job.id);
        }
    }
    let mut rows: Vec<usize> = rows.into_values().map(|(row, _)| row).collect();
    rows.sort_unstable();
    rows.into_iter().filter_map(|row| jobs.get(row))
}

/// What one text means among the jobs of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning<'t> {
    Name(&'t str),
    Group(&'t str),
    /// The name of the job of which the id is an attempt.
    Id(&'t str),
    Glob(&'t str),
    /// The calling job itself.
    Caller,
    Nothing,
}

impl<'t> Meaning<'t> {
    fn of(operand: &'t Operand, jobs: &'t [Job], caller: Option<&Caller>) -> Self {
        let text = operand.text.as_str();
        if operand.is_id() {
            let Ok(id) = text.parse().map(JobId) else {
                return Self::Nothing;
            };
            if caller.is_some_and(|caller| caller.id == id) {
                return Self::Caller;
            }
            return match jobs.iter().find(|job| job.id == id) {
                Some(job) if caller.is_some_and(|caller| caller.is(job)) => Self::Caller,
                Some(job) => Self::Id(&job.name),
                None => Self::Nothing,
            };
        }
        if caller.is_some_and(|caller| caller.name == text) {
            return Self::Caller;
        }
        Self::of_name(text, !operand.name_only, jobs)
    }

    fn of_name(text: &'t str, globs: bool, jobs: &[Job]) -> Self {
        if jobs.iter().any(|job| job.name == text) {
            Self::Name(text)
        } else if globs && glob::is_glob(text) {
            Self::Glob(text)
        } else {
            Self::Group(text)
        }
    }

    fn matches(self, job: &Job) -> Option<Matched> {
        let name = job.name.as_str();
        let (how, matches) = match self {
            Self::Name(text) => (Matched::Name, name == text),
            Self::Group(text) => (Matched::Group, group::of(name) == Some(text)),
            Self::Id(text) => (Matched::Id, name == text),
            Self::Glob(text) => (Matched::Glob, glob::matches(text, name)),
            Self::Caller | Self::Nothing => return None,
        };
        matches.then_some(how)
    }
}

/// What `--stage`, `--status` and `--except` leave.
struct Narrowing<'s> {
    selection: &'s Selection,
    except: Vec<Meaning<'s>>,
}

impl<'s> Narrowing<'s> {
    fn of(selection: &'s Selection, jobs: &[Job]) -> Self {
        let except = selection.except.iter();
        Self {
            selection,
            except: except
                .map(|text| Meaning::of_name(text, true, jobs))
                .collect(),
        }
    }

    fn keeps(&self, job: &Job) -> bool {
        let Selection {
            stages, statuses, ..
        } = self.selection;
        (stages.is_empty() || stages.contains(&job.stage))
            && (statuses.is_empty() || statuses.contains(&job.status))
            && !self.except.iter().any(|text| text.matches(job).is_some())
    }
}

#[cfg(test)]
mod tests;
