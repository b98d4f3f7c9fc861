//! What is known about one pipeline: its selected jobs as last seen.

use std::rc::Rc;
use std::time::Duration;

use super::outcome::Unreadable;
use super::outcome::{Change, List, Named, Note, Now, Reason, Remark};
use super::rules::{APPEAR, Role, Rules, Want, reached};
use crate::decide::select::{Caller, Chosen, Matched, Selection, select};
use crate::model::{Job, JobId, PipelineId, PipelineKey, Status};

/// A list of this many rows is one page, which GitLab reads in one piece.
const PAGE: usize = 100;

/// What a look has given to say.
#[derive(Default)]
pub(super) struct News {
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
}

/// What is known about one pipeline.
#[derive(Debug)]
pub(super) struct Node {
    pub key: PipelineKey,
    pub role: Role,
    /// The selected jobs as last seen, by name.
    pub jobs: Vec<Tracked>,
    /// Operands (by index) that mean no job so far.
    pub missing: Vec<usize>,
    /// Operands of which narrowing leaves no job.
    pub emptied: Vec<usize>,
    /// An operand is a pattern, which jobs that are not shown may fit, too.
    pub open_ended: bool,
    pub unreadable: Option<Unreadable>,
    pub no_trigger_jobs: bool,
    /// When it came up.
    pub since: Duration,
    /// The look in which it was read last; 0 for none.
    pub look: u64,
    /// How many reads have shown all its jobs and trigger jobs.
    pub looks: u32,
    pub one_page: bool,
}

/// What a node needs to know of the watch to take in a list.
pub(super) struct Context<'a> {
    pub selection: &'a Selection,
    pub caller: Option<&'a Caller>,
    pub rules: &'a Rules,
    /// Jobs, by name, with an attempt that exists for certain.
    pub known: &'a [(String, JobId)],
    pub now: Now,
    /// This is the wait's very first look.
    pub first: bool,
}

impl Node {
    pub fn new(key: PipelineKey, role: Role, since: Duration) -> Self {
        Self {
            key,
            role,
            jobs: Vec::new(),
            missing: Vec::new(),
            emptied: Vec::new(),
            open_ended: false,
            unreadable: None,
            no_trigger_jobs: false,
            since,
            look: 0,
            looks: 0,
            one_page: false,
        }
    }

    /// The selected job of that name.
    pub fn job(&self, name: &str) -> Option<&Tracked> {
        let by_name = |tracked: &Tracked| tracked.job.name.as_str().cmp(name);
        self.jobs.get(self.jobs.binary_search_by(by_name).ok()?)
    }

    /// The selected jobs, oldest first.
    pub fn by_age(&self) -> Vec<&Tracked> {
        let mut jobs: Vec<&Tracked> = self.jobs.iter().collect();
        jobs.sort_unstable_by_key(|tracked| tracked.job.id);
        jobs
    }

    pub fn take(
        &mut self,
        list: &List,
        rows: &[Job],
        context: &Context,
        news: &mut News,
    ) -> Result<(), Reason> {
        self.unreadable = None;
        self.no_trigger_jobs |= list.no_trigger_jobs;
        // Without the trigger jobs the list still shows how the selected jobs go on, but not which ones are meant.
        let unsettled = self.looks == 0 || self.jobs.is_empty() || !self.missing.is_empty();
        let choosing = unsettled || list.read.trigger_jobs;
        // GitLab makes a pipeline together with its jobs: an empty list is that of a server that lags behind.
        let young = context.now.monotonic.saturating_sub(self.since) < APPEAR;
        let lags = rows.is_empty() && young && !context.rules.once;
        // The rows are not older than what is known: a replica of the server's database may lag behind a request.
        let shows = |(name, id): &(String, JobId)| {
            rows.iter().any(|row| row.id >= *id && row.name == *name)
        };
        let current = self.role != Role::Target || context.known.iter().all(shows);
        if choosing && !lags && current {
            if matches!(self.role, Role::Hop(_)) {
                let triggers = rows.iter().filter(|row| row.trigger);
                self.choose(&triggers.cloned().collect::<Vec<_>>(), context, news)?;
            } else {
                self.choose(rows, context, news)?;
            }
            self.looks += 1;
            self.one_page = rows.len() <= PAGE;
        }
        for tracked in &mut self.jobs {
            tracked.shown = false;
        }
        for row in rows {
            let by_name = |tracked: &Tracked| tracked.job.name.as_str().cmp(&row.name);
            let index = self.jobs.binary_search_by(by_name).ok();
            if let Some(tracked) = index.and_then(|index| self.jobs.get_mut(index)) {
                tracked.take(row, self.key.id, context, news);
            }
        }
        Ok(())
    }

    /// Adds the jobs that are meant; once meant, a job stays so.
    fn choose(&mut self, rows: &[Job], context: &Context, news: &mut News) -> Result<(), Reason> {
        let selected = select(context.selection, rows, context.caller)
            .map_err(|operand| Reason::NamesCaller(operand.text.clone()))?;
        // An operand that has meant a job is never missing again.
        let unmet = |operand: &usize| self.looks == 0 || self.missing.contains(operand);
        self.missing = selected.missing.into_iter().filter(unmet).collect();
        self.open_ended = selected.open_ended;
        if !selected.siblings.is_empty() && self.looks == 0 {
            let names = selected.siblings.iter().map(|job| job.name.clone());
            news.notes.push(Note {
                job: None,
                what: Remark::Siblings(names.collect()),
            });
        }
        // `--status` asks about the first complete list: a job that leaves the status later stays selected, and none joins.
        if !context.selection.statuses.is_empty() && self.looks > 0 {
            return Ok(());
        }
        self.emptied = selected.emptied;
        let known = self.jobs.len();
        // GitLab lists the newest first; people read the oldest first.
        for chosen in selected.jobs.iter().rev() {
            let name = chosen.job.name.as_str();
            let old = self.jobs.get_mut(..known).unwrap_or_default();
            let index = old.binary_search_by(|tracked| tracked.job.name.as_str().cmp(name));
            if let Some(tracked) = index.ok().and_then(|index| old.get_mut(index)) {
                tracked.matched = tracked.matched.min(chosen.matched);
            } else {
                news.changes.push(Change::first(self.key.id, chosen.job));
                self.jobs.push(Tracked::new(chosen, context));
            }
        }
        self.jobs
            .sort_unstable_by(|a, b| a.job.name.cmp(&b.job.name));
        Ok(())
    }
}

/// A selected job.
#[derive(Debug)]
pub(super) struct Tracked {
    /// The newest attempt. What is said of it at the end shares it.
    pub job: Rc<Job>,
    pub matched: Matched,
    /// The last list had its newest attempt. Otherwise the list was that of a server that lags behind, and says nothing about the job.
    pub shown: bool,
    /// It has had the status that is waited for.
    pub reached: bool,
    /// Since when this attempt has been seen in this status.
    pub since: Duration,
    /// For how long it had had this status before, as far as that is certain.
    pub stood: Duration,
    /// It was seen in another status before.
    pub moved: bool,
    /// The pipeline that the trigger job, or an older attempt of it, started last.
    pin: Option<PipelineId>,
}

impl Tracked {
    fn new(chosen: &Chosen, context: &Context) -> Self {
        let Now { monotonic, server } = context.now;
        // `finished_at` may lie minutes before the row turned `failed`, so that `retry:` may still come. It is evidence only for what was
        // failed before this program began to look.
        let ended = chosen.job.finished_at.filter(|_| context.first);
        let stood = server.zip(ended).map(|(now, end)| now.since(end));
        Self {
            job: Rc::new(chosen.job.clone()),
            matched: chosen.matched,
            shown: true,
            reached: false,
            since: monotonic,
            stood: stood.unwrap_or_default(),
            moved: false,
            pin: None,
        }
    }

    /// Takes in a row of the same name.
    fn take(&mut self, row: &Job, pipeline: PipelineId, context: &Context, news: &mut News) {
        if row.id < self.job.id {
            return;
        }
        self.shown = true;
        let newer = row.id > self.job.id;
        if newer || row.status != self.job.status {
            news.changes.push(Change {
                from: Some(self.job.status.clone()),
                replaces: newer.then_some(self.job.id),
                ..Change::first(pipeline, row)
            });
            self.reached &= !newer;
            self.since = context.now.monotonic;
            self.stood = Duration::ZERO;
            self.moved = true;
        }
        self.job = Rc::new(row.clone());
        if let Want::Statuses(wanted) = &context.rules.want {
            self.reached |= !row.status.finished() && reached(wanted, row);
        }
        if let Some(downstream) = &row.downstream_pipeline {
            let to = downstream.id;
            let what = match self.pin.replace(to) {
                Some(from) if from == to => return,
                Some(from) => Remark::PinMoved { from, to },
                None => Remark::Downstream(to),
            };
            let job = Some(Named::new(pipeline, &self.job));
            news.notes.push(Note { job, what });
        }
    }

    /// The pipeline that the newest attempt of the trigger job has started.
    pub fn downstream(&self) -> Option<PipelineKey> {
        Some(self.job.downstream_pipeline.as_deref()?.key())
    }

    /// How long the job has been waiting for a runner or a resource group; `None` if it is not.
    pub fn queued(&self, now: Duration) -> Option<Duration> {
        let seen = now.saturating_sub(self.since);
        match self.job.status {
            Status::Pending => {
                let queued = self.job.queued_duration.unwrap_or_default();
                Some(seen.max(Duration::try_from_secs_f64(queued).unwrap_or_default()))
            }
            Status::WaitingForResource => Some(seen),
            _ => None,
        }
    }
}
