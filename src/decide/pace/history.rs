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

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: &[u64]) -> Vec<Duration> {
        seconds.iter().copied().map(Duration::from_secs).collect()
    }

    fn row(id: u64, name: &str, status: &str, duration: &str) -> Job {
        let text = format!(
            r#"{{"id": {id}, "name": "{name}", "status": "{status}", "duration": {duration}}}"#
        );
        serde_json::from_str(&text).expect("a job")
    }

    fn history(rows: &[Job]) -> History {
        let mut history = History::default();
        for row in rows {
            let group = row.name.split_once(' ').map(|(group, _)| group);
            history.add(row, group);
        }
        history
    }

    #[test]
    fn only_successful_runs_with_a_duration_count_and_each_once() {
        let history = history(&[
            row(9, "build", "success", "300.5"),
            row(9, "build", "success", "300.5"),
            row(8, "build", "failed", "5"),
            row(7, "build", "success", "null"),
            row(6, "build", "success", "0"),
            row(5, "build", "success", "-3"),
            row(4, "build", "success", "1e300"),
            row(3, "build", "running", "10"),
            row(2, "test", "success", "20"),
        ]);
        assert_eq!(
            history.past("build", None),
            [Duration::from_millis(300_500)]
        );
        assert_eq!(history.past("test", None), seconds(&[20]));
        assert!(history.past("deploy", Some("deploy")).is_empty());
    }

    #[test]
    fn the_newest_twelve_are_kept() {
        let rows: Vec<Job> = (0..40)
            .map(|age| row(100 - age, "build", "success", &(age + 1).to_string()))
            .collect();
        assert_eq!(
            history(&rows).past("build", None),
            seconds(&(1..=12).collect::<Vec<_>>())
        );
    }

    #[test]
    fn finished_siblings_of_a_parallel_group_stand_in() {
        let history = history(&[
            row(4, "rspec 1/4", "success", "100"),
            row(3, "rspec 2/4", "success", "110"),
            row(2, "rspec 3/4", "success", "90"),
        ]);
        assert_eq!(
            history.past("rspec 4/4", Some("rspec")),
            seconds(&[100, 110, 90])
        );
        assert_eq!(history.past("rspec 1/4", Some("rspec")).len(), 3);
        assert_eq!(history.past("rspec 1/4", None), seconds(&[100]));
        assert!(history.past("rspec 4/4", None).is_empty());
    }

    #[test]
    fn a_job_s_own_runs_go_before_those_of_its_siblings() {
        let history = history(&[
            row(5, "test [arm]", "success", "900"),
            row(4, "test [amd]", "success", "60"),
            row(3, "test [amd]", "success", "61"),
            row(2, "test [amd]", "success", "62"),
        ]);
        let own = seconds(&[60, 61, 62]);
        assert_eq!(history.past("test [amd]", Some("test")), own);
    }

    #[test]
    fn usual_needs_three_runs() {
        assert_eq!(usual(&seconds(&[10, 20])), None);
        assert_eq!(
            usual(&seconds(&[300, 10, 280])),
            Some(Duration::from_secs(280))
        );
    }

    #[test]
    fn what_is_left_counts_only_runs_that_were_longer() {
        let past = seconds(&[100, 200, 300, 400]);
        let left = |elapsed| expected_left(Duration::from_secs(elapsed), &past);
        assert_eq!(left(0), Some(Duration::from_secs(200)));
        assert_eq!(left(250), Some(Duration::from_secs(50)));
        assert_eq!(left(399), Some(Duration::from_secs(1)));
        assert_eq!(left(400), None);
        assert_eq!(left(u64::MAX), None);
        assert_eq!(expected_left(Duration::ZERO, &past[..2]), None);
    }
}
