//! Which jobs of one pipeline are meant.

use crate::model::{Job, JobId, Status};

/// What the operands and the narrowing options of a command say.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub operands: Vec<Operand>,
    /// Every job of the pipeline.
    pub all: bool,
    /// Only jobs of these stages; empty for any.
    pub stages: Vec<String>,
    /// Only jobs with one of these statuses; empty for any.
    pub statuses: Vec<Status>,
    /// Not the jobs whose name matches one of these globs.
    pub except: Vec<String>,
}

/// One operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    pub text: String,
    /// `--name NAME`: a name even if it consists of digits or holds `*`.
    pub name_only: bool,
    /// `--optional NAME`: may be absent.
    pub optional: bool,
}

/// How a job was meant. `Name`, `Group` and `Id` are *exact*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matched {
    Name,
    Group,
    Id,
    Glob,
    /// Only by `--all` or a stage.
    Everything,
}

/// The job that runs this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub id: JobId,
    pub name: String,
}

/// A job that is meant, as its newest attempt.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    pub job: &'a Job,
    pub matched: Matched,
    /// Index of the first operand that means it.
    pub operand: Option<usize>,
}

/// The outcome of a selection over one full list.
#[derive(Clone, Debug, Default)]
pub struct Selected<'a> {
    /// In the list's order, each name once.
    pub jobs: Vec<Chosen<'a>>,
    /// Operands (by index) that mean no job of the list.
    pub missing: Vec<usize>,
    /// The caller's own parallel siblings that a group, glob, stage or `--all` would have meant.
    pub siblings: Vec<&'a Job>,
}

/// An operand names the calling job itself: nothing can wait for, or act on, itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamesCaller {
    pub operand: usize,
}

/// `caller` is given where the list is that of the caller's own pipeline.
pub fn select<'a>(
    _selection: &Selection,
    _jobs: &'a [Job],
    _caller: Option<&Caller>,
) -> Result<Selected<'a>, NamesCaller> {
    unimplemented!()
}
