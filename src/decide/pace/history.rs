//! How long jobs usually take, from the project's recent successful jobs and from finished siblings of a parallel group.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{Job, JobId, Status};

/// Newest durations that are kept for a name: older ones tell less about today.
const KEPT: usize = 12;
/// Fewer runs than this are no "usually".
const ENOUGH: usize = 3;

/// Durations of successful runs by job name and by parallel group.
#[derive(Clone, Debug, Default)]
pub struct History {
    runs: HashMap<Box<str>, Vec<Duration>>,
    known: HashSet<JobId>,
}

impl History {
    /// Takes note of a row, newest first; `group` is the parallel group of its name, if it has one.
    /// Rows that tell nothing, and rows seen before, change nothing.
    pub fn add(&mut self, job: &Job, group: Option<&str>) {
        if job.status != Status::Success || job.trigger {
            return;
        }
        let Some(duration) = job
            .duration
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|duration| !duration.is_zero())
        else {
            return;
        };
        if !self.known.insert(job.id) {
            return;
        }
        for key in [Some(job.name.as_str()), group].into_iter().flatten() {
            let runs = self.runs.entry(key.into()).or_default();
            if runs.len() < KEPT {
                runs.push(duration);
            }
        }
    }

    /// Past durations of a job: its own if there are enough, else those of its parallel group.
    pub fn past(&self, name: &str, group: Option<&str>) -> &[Duration] {
        let runs = |key: &str| self.runs.get(key).map_or(&[][..], Vec::as_slice);
        let own = runs(name);
        match group.map(runs) {
            Some(group) if own.len() < ENOUGH && group.len() > own.len() => group,
            _ => own,
        }
    }
}

/// How long it usually takes, if enough runs are known.
pub fn usual(past: &[Duration]) -> Option<Duration> {
    (past.len() >= ENOUGH).then(|| median(past))
}

/// Time that a job is likely to go on: the median over the runs that were longer than it is now.
/// `None` if too few are known, or if it has been running for longer than all of them.
pub fn expected_left(elapsed: Duration, past: &[Duration]) -> Option<Duration> {
    usual(past)?;
    let left: Vec<Duration> = past
        .iter()
        .filter_map(|duration| duration.checked_sub(elapsed))
        .filter(|left| !left.is_zero())
        .collect();
    (!left.is_empty()).then(|| median(&left))
}

/// The middle one, the lower of two; zero of none.
pub(super) fn median(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or_default()
}
