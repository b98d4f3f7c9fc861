//! What one look at GitLab brings, and what the next one should ask.
//!
//! Absence from a list never proves that a job has ended; a row does. So the cheap look, at the unfinished jobs alone, may raise a suspicion, and a full look of the same turn decides.

use std::time::Duration;

use crate::model::{Job, PipelineId, PipelineKey, Status};
use crate::time::Timestamp;

/// When a look was taken.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the clock that only goes forward.
    pub monotonic: Duration,
    /// `Date` of the first answer of the look, by which GitLab's own times are measured.
    pub server: Option<Timestamp>,
}

/// What the shell has read.
#[derive(Clone, Debug, Default)]
pub struct Look<'a> {
    pub pages: Vec<Pages<'a>>,
    /// Downstream pipelines that were asked for in vain.
    pub unreadable: Vec<(PipelineId, Unreadable)>,
}

/// The rows of one pipeline: what one [`Read`] brought.
#[derive(Clone, Debug)]
pub struct Pages<'a> {
    pub pipeline: PipelineId,
    pub scope: Scope,
    pub lists: Lists,
    /// Jobs and trigger jobs, in any order; older attempts and duplicates do no harm.
    pub rows: &'a [Job],
    /// Rows were repeated from page to page: the list changed meanwhile, and a job may be missing.
    pub torn: bool,
    /// The server does not show trigger jobs to this token: `rows` holds none.
    pub no_trigger_jobs: bool,
}

/// Why a downstream pipeline could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The token may not (403, or 404 for another project).
    Refused,
    /// GitLab knows no such pipeline (any more).
    Gone,
}

/// One pipeline to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub pipeline: PipelineKey,
    pub scope: Scope,
    pub lists: Lists,
    /// With `include_retried`: an operand is an id that may be that of an older attempt.
    pub retried: bool,
}

/// Which rows of a list are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them, to the last page.
    Full,
    /// Those with one of these statuses (`scope[]`).
    Only(Vec<Status>),
}

impl Scope {
    pub fn full(&self) -> bool {
        *self == Self::Full
    }
}

/// Which lists of a pipeline are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    Jobs,
    TriggerJobs,
    Both,
}

impl Lists {
    pub fn jobs(self) -> bool {
        self != Self::TriggerJobs
    }

    pub fn trigger_jobs(self) -> bool {
        self != Self::Jobs
    }

    /// Everything that `other` would bring is in it.
    pub fn cover(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

/// Rows of one page.
const PAGE: usize = 100;

/// Asked again this soon, a full look of one page is as cheap as a scoped one and needs no confirmation.
const NEAR: Duration = Duration::from_secs(30);

/// What is known about a pipeline's list before it is read again.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rows of the last full look.
    pub rows: usize,
    /// Those of them that were not `success`.
    pub unsuccessful: usize,
}

/// The cheapest scope in which the `open` statuses of selected jobs show how they go on.
pub fn scope(size: Size, slept: Duration, open: &[Status]) -> Scope {
    let unknown = open
        .iter()
        .any(|status| matches!(status, Status::Unknown(_)));
    if unknown || (size.rows <= PAGE && slept < NEAR) {
        Scope::Full
    } else if size.unsuccessful <= PAGE {
        Scope::Only(unsuccessful().collect())
    } else {
        let ends = [Status::Failed, Status::Canceled];
        let mut statuses = vec![Status::Running, Status::Canceling];
        statuses.extend(ends);
        statuses.extend(open.iter().cloned());
        statuses.sort_unstable();
        statuses.dedup();
        Scope::Only(statuses)
    }
}

/// The scope shows every row but successful ones, so that a job missing from it has probably passed.
pub fn wide(scope: &Scope) -> bool {
    match scope {
        Scope::Full => true,
        Scope::Only(statuses) => unsuccessful().all(|status| statuses.contains(&status)),
    }
}

fn unsuccessful() -> impl Iterator<Item = Status> {
    Status::WORDS
        .iter()
        .map(|word| Status::parse(word))
        .filter(|status| *status != Status::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rows: usize, unsuccessful: usize) -> Size {
        Size { rows, unsuccessful }
    }

    #[test]
    fn the_cheapest_scope_that_still_tells() {
        let soon = Duration::from_secs(5);
        let late = Duration::from_secs(45);
        let running = [Status::Running];
        assert_eq!(scope(size(100, 100), soon, &running), Scope::Full);
        let wide_scope = scope(size(100, 100), late, &running);
        assert!(wide(&wide_scope) && !wide_scope.full());
        assert!(wide(&scope(size(5000, 100), soon, &running)));
        assert_eq!(
            scope(size(5000, 101), soon, &[Status::Pending, Status::Running]),
            Scope::Only(vec![
                Status::Pending,
                Status::Running,
                Status::Failed,
                Status::Canceling,
                Status::Canceled,
            ])
        );
    }

    #[test]
    fn an_unknown_status_is_no_scope() {
        let new = Status::parse("waiting_for_godot");
        assert_eq!(
            scope(size(5000, 3), Duration::from_mins(1), &[new]),
            Scope::Full
        );
    }
}
