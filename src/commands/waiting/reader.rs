//! Brings what a verdict asks for: each pipeline's rows, and what became of those that cannot be read.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::turns::{Halt, Turns};
use crate::decide::look::{Lists, Look, Now, Pages, Read, Scope, Unreadable};
use crate::exit::{Exit, Stop};
use crate::find::{self, Finder, Place, Rows, TriggerJobs};
use crate::gitlab::{Error, Kind, Project};
use crate::model::{PipelineId, PipelineKey};

/// After trouble that took longer than this, what was read before is read again: a look is of one moment.
const MOMENT: Duration = Duration::from_secs(5);

/// Reads for one wait.
pub(super) struct Reader<'r> {
    finder: &'r Finder<'r>,
    start: &'r Place,
    /// Pipelines whose trigger jobs could be read.
    open: HashSet<PipelineId>,
    /// Why a pipeline, or its trigger jobs, cannot be read.
    refusals: HashMap<PipelineId, Stop>,
}

/// What several reads have brought: one look.
pub(super) struct Batch(Vec<Got>);

/// What one read has brought.
struct Got {
    read: Read,
    at: Duration,
    /// Time that trouble had taken by then.
    troubled: Duration,
    rows: Result<Rows, Unreadable>,
}

/// Why there is no look.
pub(super) enum NoLook {
    Halt(Halt),
    /// The server does not know one of the statuses in `scope[]`.
    Scope,
}

impl From<Halt> for NoLook {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl<'r> Reader<'r> {
    pub fn new(finder: &'r Finder<'r>, start: &'r Place) -> Self {
        Self {
            finder,
            start,
            open: HashSet::new(),
            refusals: HashMap::new(),
        }
    }

    /// Why this pipeline, or any if none is named, cannot be read.
    pub fn refusal(&self, pipeline: Option<PipelineId>) -> Option<&Stop> {
        match pipeline {
            Some(pipeline) => self.refusals.get(&pipeline),
            None => self.refusals.values().next(),
        }
    }

    pub fn place(&self, pipeline: PipelineKey) -> Place {
        let project = match pipeline.project_id {
            Some(id) if pipeline.id != self.start.pipeline => Project::Id(id),
            _ => self.start.project.clone(),
        };
        Place {
            project,
            pipeline: pipeline.id,
        }
    }

    /// Reads all that is wanted.
    pub fn read_all(&mut self, turns: &mut Turns, mut wanted: Vec<Read>) -> Result<Batch, NoLook> {
        let mut got: Vec<Got> = Vec::new();
        while let Some(read) = wanted.pop() {
            let rows = self.read(turns, &read)?;
            let troubled = turns.troubled();
            let old = |got: &mut Got| troubled.saturating_sub(got.troubled) > MOMENT;
            wanted.extend(got.extract_if(.., old).map(|got| got.read));
            got.push(Got {
                read,
                at: turns.now(),
                troubled,
                rows,
            });
        }
        Ok(Batch(got))
    }

    fn read(&mut self, turns: &mut Turns, read: &Read) -> Result<Result<Rows, Unreadable>, NoLook> {
        let pipeline = read.pipeline.id;
        let place = self.place(read.pipeline);
        if let Project::Id(project) = place.project {
            turns.session().gitlab.know(project);
        }
        let statuses = match &read.scope {
            Scope::Full => None,
            Scope::Only(statuses) => Some(statuses.as_slice()),
        };
        let scope = find::Scope {
            statuses,
            retried: read.retried,
            no_trigger_jobs: read.lists == Lists::Jobs,
        };
        let (finder, open) = (self.finder, self.open.contains(&pipeline));
        let mut doubted = false;
        let rows = turns.ask(&mut || {
            if read.lists == Lists::TriggerJobs {
                return finder.trigger_rows(&place, scope);
            }
            let rows = finder.rows(&place, scope)?;
            match rows.trigger_jobs {
                // They could be read before: it is the token that is refused.
                TriggerJobs::Closed(error) if open => Err(*error),
                TriggerJobs::Closed(error) if error.kind == Kind::Unauthorized && !doubted => {
                    doubted = true;
                    Err(*error)
                }
                _ => Ok(rows),
            }
        });
        match rows {
            Ok(rows) => {
                turns.answered(&rows.facts, rows.jobs.len().div_ceil(100).max(1));
                match &rows.trigger_jobs {
                    TriggerJobs::Read => {
                        self.open.insert(pipeline);
                    }
                    TriggerJobs::LeftOut => {}
                    TriggerJobs::Closed(error) => {
                        self.refusals.insert(pipeline, error.stop());
                    }
                }
                Ok(Ok(rows))
            }
            Err(Halt::Error(error)) => self.refused(error, read).map(Err),
            Err(halt) => Err(halt.into()),
        }
    }

    /// What a refusal means: another pipeline that is shut or gone is a fact of the look, all else ends the wait.
    fn refused(&mut self, error: Box<Error>, read: &Read) -> Result<Unreadable, NoLook> {
        let pipeline = read.pipeline.id;
        match error.kind {
            Kind::Refused if !read.scope.full() => Err(NoLook::Scope),
            Kind::Forbidden | Kind::NotFound | Kind::NoToken if pipeline != self.start.pipeline => {
                let gone = error.exit() == Exit::NotFound;
                self.refusals.insert(pipeline, error.stop());
                Ok(if gone {
                    Unreadable::Gone
                } else {
                    Unreadable::Refused
                })
            }
            _ => Err(Halt::Error(error).into()),
        }
    }
}

impl Batch {
    /// The time of the oldest of its parts.
    pub fn now(&self) -> Now {
        let dates = self.0.iter().filter_map(|got| got.rows.as_ref().ok()?.date);
        Now {
            monotonic: self.0.iter().map(|got| got.at).min().unwrap_or_default(),
            server: dates.min(),
        }
    }

    pub fn look(&self) -> Look<'_> {
        let mut look = Look::default();
        for Got { read, rows, .. } in &self.0 {
            match rows {
                Ok(rows) => look.pages.push(Pages {
                    pipeline: read.pipeline.id,
                    scope: read.scope.clone(),
                    lists: read.lists,
                    rows: &rows.jobs,
                    torn: rows.torn,
                    no_trigger_jobs: matches!(rows.trigger_jobs, TriggerJobs::Closed(_)),
                }),
                Err(why) => look.unreadable.push((read.pipeline.id, *why)),
            }
        }
        look
    }
}
