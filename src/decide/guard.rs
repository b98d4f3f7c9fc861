//! Waits that could never end: recognized from looks at the caller's own pipeline.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::decide::select::Caller;
use crate::model::{Job, Status};

/// A wait is called a deadlock when nothing has changed for this time, and in at least this many looks.
const QUIET: Duration = Duration::from_secs(90);
const LOOKS: u32 = 3;

/// The fold over looks.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    quiet: Option<Quiet>,
}

#[derive(Clone, Copy, Debug)]
struct Quiet {
    /// Equal as long as nothing changes.
    fingerprint: u64,
    since: Duration,
    looks: u32,
    /// A selected job has not started, and nothing moves that could start it.
    idle: bool,
}

impl Guard {
    /// `rows` are all jobs of the caller's pipeline. Once the wait looks like one without end: the selected job that has not started, and the
    /// manual job, if there is one, that alone could make the pipeline go on.
    pub fn look<'r>(
        &mut self,
        rows: &'r [Job],
        caller: &Caller,
        selected: impl Fn(&Job) -> bool,
        now: Duration,
    ) -> Option<(&'r Job, Option<&'r Job>)> {
        let others = || rows.iter().filter(|job| job.id != caller.id);
        let mut created = others().filter(|job| job.status == Status::Created);
        let created = created.find(|job| selected(job));
        let mut manual = others().filter(|job| job.status == Status::Manual);
        let manual = manual.find(|job| !job.allow_failure || selected(job));
        let look = Quiet {
            fingerprint: fingerprint(others()),
            since: now,
            looks: 1,
            idle: created.is_some() && !others().any(moves),
        };
        let before = self.quiet.filter(|q| q.fingerprint == look.fingerprint);
        let quiet = before.map_or(look, |before| Quiet {
            looks: before.looks + 1,
            ..before
        });
        self.quiet = Some(quiet);
        let short = quiet.looks < LOOKS || now.saturating_sub(quiet.since) < QUIET;
        let created = created.filter(|_| quiet.idle && !short)?;
        Some((created, manual))
    }

    /// The last look was like a deadlock: the next ones should show trigger jobs, too.
    pub fn suspects(&self) -> bool {
        self.quiet.is_some_and(|quiet| quiet.idle)
    }
}

fn fingerprint<'r>(jobs: impl Iterator<Item = &'r Job>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for job in jobs {
        let downstream = job.downstream_pipeline.as_ref();
        let downstream = downstream.map(|pipeline| &pipeline.status);
        (job.id, &job.status, downstream).hash(&mut hasher);
    }
    hasher.finish()
}

/// It runs or will go on by itself, or the pipeline that it has started will.
fn moves(job: &Job) -> bool {
    let stands = matches!(job.status, Status::Created | Status::Manual) || job.status.finished();
    let downstream = job.downstream_pipeline.as_ref();
    !stands || downstream.is_some_and(|pipeline| !pipeline.status.finished())
}
