//! When waiting must end so that the program can still report: never the last to die.

use std::time::Duration;

use crate::time::Timestamp;

/// How long a wait may take where the job's own limit is unknown.
pub const UNKNOWN: Duration = Duration::from_hours(1);

/// What is known of the calling job's own time limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobTime {
    /// `started_at` of `GET /job`: when GitLab handed the job to the runner.
    pub started: Option<Timestamp>,
    /// "Now" by the same server's clock.
    pub now: Option<Timestamp>,
    /// `CI_JOB_TIMEOUT`, counted from `started`.
    pub job: Option<Duration>,
    /// `RUNNER_SCRIPT_TIMEOUT`, counted from the begin of the script: at least as long as this program has been running.
    pub script: Option<Duration>,
    /// How long this program has been running.
    pub running: Duration,
}

/// The bound of a wait and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The wish, or the default, fits into the job.
    Free(Duration),
    /// What is left of the job, less the margin.
    Job(Duration),
    /// The wish was longer than what is left of the job.
    Cut { wish: Duration, left: Duration },
}

impl JobTime {
    /// Each limit, and what is left of it.
    fn limits(&self) -> impl Iterator<Item = (Duration, Duration)> {
        let since = self.now.zip(self.started);
        let since = since.map(|(now, started)| now.since(started));
        let job = self.job.zip(since);
        let script = self.script.map(|limit| (limit, self.running));
        let limits = job.into_iter().chain(script);
        limits.map(|(limit, gone)| (limit, limit.saturating_sub(gone)))
    }

    /// Until GitLab or the runner stops the job.
    pub fn left(&self) -> Option<Duration> {
        self.limits().map(|(_, left)| left).min()
    }

    /// How long a wait may take: what is left less a margin of a tenth of the limit, at most a minute; `wish` only shortens that.
    pub fn bound(&self, wish: Option<Duration>) -> Bound {
        let margin = |limit: Duration| (limit / 10).min(Duration::from_mins(1));
        let limits = self.limits();
        let left = limits
            .map(|(limit, left)| left.saturating_sub(margin(limit)))
            .min();
        match (wish, left) {
            (Some(wish), Some(left)) if wish > left => Bound::Cut { wish, left },
            (Some(wish), _) => Bound::Free(wish),
            (None, Some(left)) => Bound::Job(left),
            (None, None) => Bound::Free(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn started(ago: u64, job: Option<u64>, script: Option<u64>) -> JobTime {
        let now = Timestamp::from_millis(1_800_000_000_000);
        JobTime {
            started: Some(now),
            now: Some(now.plus(seconds(ago))),
            job: job.map(seconds),
            script: script.map(seconds),
            running: seconds(100),
        }
    }

    #[test]
    fn the_wait_ends_before_the_job_does() {
        for (case, wish, expected) in [
            (
                started(600, Some(3600), None),
                None,
                Bound::Job(seconds(2940)),
            ),
            (started(0, Some(100), None), None, Bound::Job(seconds(90))),
            (
                started(600, Some(3600), Some(1200)),
                None,
                Bound::Job(seconds(1040)),
            ),
            (
                started(600, Some(1200), Some(3600)),
                None,
                Bound::Job(seconds(540)),
            ),
            (
                started(600, Some(3600), None),
                Some(60),
                Bound::Free(seconds(60)),
            ),
            (
                started(600, Some(3600), None),
                Some(9000),
                Bound::Cut {
                    wish: seconds(9000),
                    left: seconds(2940),
                },
            ),
            (
                started(4000, Some(3600), None),
                None,
                Bound::Job(seconds(0)),
            ),
            (
                started(4000, Some(3600), None),
                Some(0),
                Bound::Free(seconds(0)),
            ),
            (
                started(600, None, Some(1200)),
                None,
                Bound::Job(seconds(1040)),
            ),
            (started(600, None, None), None, Bound::Free(UNKNOWN)),
            (
                started(600, None, None),
                Some(9000),
                Bound::Free(seconds(9000)),
            ),
            (
                JobTime {
                    now: None,
                    ..started(600, Some(3600), None)
                },
                None,
                Bound::Free(UNKNOWN),
            ),
        ] {
            assert_eq!(case.bound(wish.map(seconds)), expected, "{case:?} {wish:?}");
        }
    }
}
