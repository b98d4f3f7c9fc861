//! What is known about one pipeline: its selected jobs as last seen.

use std::time::Duration;

use crate::decide::look::{Lists, Now, Pages, Size, Unreadable, wide};
use crate::decide::select::{Caller, Chosen, Matched, Selection, select};
use crate::decide::verdict::change::Told;
use crate::decide::verdict::{Change, Named, Note, Reason, Rules, TriggerJobs, Want, Way, way};
use crate::model::{Job, Pipeline, PipelineId, PipelineKey, Status};

/// What a pipeline is to the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// On the way to the selected jobs: the hop (by index) starts here.
    Hop(usize),
    /// It holds the selected jobs.
    Target,
    /// A trigger job that is waited for has started it: all its jobs count.
    Downstream,
}

/// How a job was last met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Row,
    /// Not in a scoped list any more: perhaps it has passed.
    Gone,
    /// Not in a full list, or only as an older attempt: that list was torn or stale.
    Lost,
}

/// A selected job.
#[derive(Debug)]
pub(super) struct Tracked {
    /// The newest attempt, without the parts that nobody needs.
    pub job: Job,
    pub matched: Matched,
    pub sight: Sight,
    /// It has had the status that is waited for.
    pub reached: bool,
    /// Since when this attempt has been seen in this status.
    pub since: Duration,
    /// It was seen in another status before.
    pub moved: bool,
    /// The pipeline that the trigger job, or an older attempt of it, started last.
    pin: Option<PipelineId>,
    /// Number of the read that showed it last.
    read: u64,
}

#[derive(Debug)]
pub(super) struct Node {
    pub key: PipelineKey,
    pub role: Role,
    /// By name.
    pub jobs: Vec<Tracked>,
    /// Operands (by index) that mean no job so far.
    pub missing: Vec<usize>,
    /// Something that was asked for may still appear.
    pub seeks: bool,
    pub unreadable: Option<Unreadable>,
    pub no_trigger_jobs: bool,
    /// Rows as of the last full read.
    pub size: Size,
    /// When it came up.
    pub since: Duration,
    /// Turn of the last full read; 0 for none.
    pub full_turn: u64,
    pub full_at: Duration,
    /// How many turns have shown all its jobs and trigger jobs, and the last of them.
    pub complete: u32,
    pub complete_turn: u64,
    pub complete_at: Duration,
    /// A narrow look has lost sight of something.
    pub lost_sight: bool,
    met: Vec<bool>,
    reads: u64,
}

/// What a node needs to know of the watch to take in a read.
pub(super) struct Context<'a> {
    pub selection: &'a Selection,
    pub caller: Option<&'a Caller>,
    pub rules: &'a Rules,
    /// The pipelines that its trigger jobs start matter.
    pub follows: bool,
    pub now: Now,
    pub turn: u64,
}

impl Node {
    pub fn new(key: PipelineKey, role: Role, since: Duration) -> Self {
        Self {
            key,
            role,
            jobs: Vec::new(),
            missing: Vec::new(),
            seeks: true,
            unreadable: None,
            no_trigger_jobs: false,
            size: Size {
                rows: 0,
                unsuccessful: 0,
            },
            since,
            full_turn: 0,
            full_at: since,
            complete: 0,
            complete_turn: 0,
            complete_at: since,
            lost_sight: false,
            met: Vec::new(),
            reads: 0,
        }
    }

    /// The selected job of that name.
    pub fn job(&self, name: &str) -> Option<&Tracked> {
        let by_name = |tracked: &Tracked| tracked.job.name.as_str().cmp(name);
        self.jobs.get(self.jobs.binary_search_by(by_name).ok()?)
    }

    /// The last full look has not shown a job that must be there.
    pub fn torn(&self) -> bool {
        self.jobs.iter().any(|job| job.sight == Sight::Lost)
    }

    /// Which lists show every job that may be meant.
    pub fn every_list(&self, rules: &Rules) -> Lists {
        match self.role {
            Role::Hop(_) => Lists::TriggerJobs,
            _ if rules.trigger_jobs == TriggerJobs::LeaveOut || self.no_trigger_jobs => Lists::Jobs,
            _ => Lists::Both,
        }
    }

    /// Which lists show the selected jobs.
    pub fn lists(&self, rules: &Rules) -> Lists {
        let every = self.every_list(rules);
        if every != Lists::Both || self.seeks {
            return every;
        }
        let triggers = self.jobs.iter().filter(|job| job.job.trigger).count();
        match triggers {
            0 => Lists::Jobs,
            all if all == self.jobs.len() => Lists::TriggerJobs,
            _ => Lists::Both,
        }
    }

    /// Takes in what a read has brought.
    pub fn read(
        &mut self,
        pages: &Pages,
        context: &Context,
        told: &mut Told,
    ) -> Result<(), Reason> {
        self.reads += 1;
        self.unreadable = None;
        self.no_trigger_jobs |= pages.no_trigger_jobs;
        let full = pages.scope.full() && pages.lists.cover(self.lists(context.rules));
        if pages.scope.full() && pages.lists.cover(self.every_list(context.rules)) {
            self.choose(pages.rows, context, told)?;
            if !pages.torn {
                self.complete += 1;
                self.complete_turn = context.turn;
                self.complete_at = context.now.monotonic;
            }
        }
        for row in pages.rows {
            if let Some(tracked) = find(&mut self.jobs, &row.name) {
                tracked.take(row, self.reads, self.key.id, context, told);
            }
        }
        self.miss(pages, full);
        if full {
            self.full_turn = context.turn;
            self.full_at = context.now.monotonic;
            let successful = |row: &&Job| row.status == Status::Success;
            self.size = Size {
                rows: pages.rows.len(),
                unsuccessful: pages.rows.len() - pages.rows.iter().filter(successful).count(),
            };
        }
        Ok(())
    }

    /// Adds the jobs that are meant; once meant, a job stays so.
    fn choose(&mut self, rows: &[Job], context: &Context, told: &mut Told) -> Result<(), Reason> {
        let selected = select(context.selection, rows, context.caller)
            .map_err(|error| Reason::NamesCaller(error.operand))?;
        self.met.resize(context.selection.operands.len(), false);
        for (operand, met) in self.met.iter_mut().enumerate() {
            *met |= !selected.missing.contains(&operand);
        }
        let met = |operand: &usize| self.met.get(*operand).is_some_and(|met| *met);
        self.missing = selected.missing.into_iter().filter(|o| !met(o)).collect();
        if !selected.siblings.is_empty() && self.complete == 0 {
            let names = selected.siblings.iter().map(|job| job.name.clone());
            told.notes.push(Note::Siblings(names.collect()));
        }
        // `--status` asks about the first look: a job that leaves the status later stays selected, and none joins.
        if !context.selection.statuses.is_empty() && !self.jobs.is_empty() {
            return Ok(());
        }
        let known = self.jobs.len();
        // GitLab lists the newest first; people read the oldest first.
        for chosen in selected.jobs.iter().rev() {
            let old = self.jobs.get_mut(..known).unwrap_or_default();
            if let Some(tracked) = find(old, &chosen.job.name) {
                tracked.matched = tracked.matched.min(chosen.matched);
            } else {
                told.changes.push(Change::first(self.key.id, chosen.job));
                let tracked = Tracked::new(chosen, context.now.monotonic);
                self.jobs.push(tracked);
            }
        }
        self.jobs
            .sort_unstable_by(|a, b| a.job.name.cmp(&b.job.name));
        Ok(())
    }

    /// Marks the jobs of which this read has shown no row.
    fn miss(&mut self, pages: &Pages, full: bool) {
        let wide = wide(&pages.scope);
        for tracked in &mut self.jobs {
            let asked = if tracked.job.trigger {
                pages.lists.trigger_jobs()
            } else {
                pages.lists.jobs()
            };
            if tracked.read == self.reads || !asked {
                continue;
            }
            if pages.scope.full() {
                tracked.sight = Sight::Lost;
            } else if !tracked.job.status.finished() && tracked.sight == Sight::Row {
                tracked.sight = Sight::Gone;
                // A narrow list leaves open where it went; of a trigger job the row names the pipeline it started.
                self.lost_sight |= !wide || tracked.job.trigger;
            }
        }
        self.lost_sight &= !full;
    }
}

fn find<'a>(jobs: &'a mut [Tracked], name: &str) -> Option<&'a mut Tracked> {
    let index = jobs
        .binary_search_by(|tracked| tracked.job.name.as_str().cmp(name))
        .ok()?;
    jobs.get_mut(index)
}

impl Tracked {
    fn new(chosen: &Chosen, now: Duration) -> Self {
        Self {
            job: slim(chosen.job),
            matched: chosen.matched,
            sight: Sight::Row,
            reached: false,
            since: now,
            moved: false,
            pin: None,
            read: 0,
        }
    }

    /// Takes in a row of the same name.
    fn take(
        &mut self,
        row: &Job,
        read: u64,
        pipeline: PipelineId,
        context: &Context,
        told: &mut Told,
    ) {
        if row.id < self.job.id {
            return;
        }
        self.read = read;
        self.sight = Sight::Row;
        let newer = row.id > self.job.id;
        if newer || row.status != self.job.status {
            told.changes.push(Change {
                from: Some(self.job.status.clone()),
                replaces: newer.then_some(self.job.id),
                ..Change::first(pipeline, row)
            });
            self.job = slim(row);
            self.reached &= !newer;
            self.since = context.now.monotonic;
            self.moved = true;
        } else {
            self.refresh(row);
        }
        if let Want::Statuses(wanted) = &context.rules.want {
            self.reached |= !row.status.finished() && way(wanted, row) == Way::Reached;
        }
        if let Some(downstream) = &row.downstream_pipeline {
            self.pinned(downstream, pipeline, context, told);
        }
    }

    /// What changes while the status stays.
    fn refresh(&mut self, row: &Job) {
        self.job.allow_failure = row.allow_failure;
        self.job.started_at = row.started_at;
        self.job.finished_at = row.finished_at;
        self.job.duration = row.duration;
        self.job.queued_duration = row.queued_duration;
        if self.job.downstream_pipeline != row.downstream_pipeline {
            self.job
                .downstream_pipeline
                .clone_from(&row.downstream_pipeline);
        }
    }

    /// A trigger job names the pipeline it has started.
    fn pinned(
        &mut self,
        downstream: &Pipeline,
        pipeline: PipelineId,
        context: &Context,
        told: &mut Told,
    ) {
        if !context.follows {
            return;
        }
        let to = PipelineKey {
            id: downstream.id,
            project_id: downstream.project_id,
        };
        let job = Named::new(pipeline, &self.job);
        match self.pin.replace(to.id) {
            Some(from) if from == to.id => {}
            Some(from) => told.notes.push(Note::PinMoved { job, from, to }),
            None => told.notes.push(Note::Downstream(job, to)),
        }
    }

    /// The pipeline that the newest attempt of the trigger job has started.
    pub fn downstream(&self) -> Option<PipelineKey> {
        let downstream = self.job.downstream_pipeline.as_deref()?;
        Some(PipelineKey {
            id: downstream.id,
            project_id: downstream.project_id,
        })
    }
}

/// A copy without the parts that no decision and no table needs.
fn slim(row: &Job) -> Job {
    Job {
        id: row.id,
        name: row.name.clone(),
        status: row.status.clone(),
        stage: row.stage.clone(),
        ref_name: String::new(),
        tag: row.tag,
        allow_failure: row.allow_failure,
        created_at: row.created_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        erased_at: row.erased_at,
        duration: row.duration,
        queued_duration: row.queued_duration,
        failure_reason: row.failure_reason.clone(),
        web_url: row.web_url.clone(),
        user: None,
        pipeline: row.pipeline,
        archived: row.archived,
        tag_list: row.tag_list.clone(),
        downstream_pipeline: row.downstream_pipeline.clone(),
        trigger: row.trigger,
    }
}
