//! What is true in a world, without the program's rules.

use std::collections::BTreeSet;

use crate::fake::{Id, Job, When, World};

use super::call::{ALWAYS, Asked, Call, Verb, is_or_belongs_to};
use super::setting::PROJECT;

pub const MOVING: [&str; 7] = [
    "pending",
    "running",
    "preparing",
    "scheduled",
    "waiting_for_resource",
    "waiting_for_callback",
    "canceling",
];
const ENDED: [&str; 4] = ["success", "failed", "canceled", "skipped"];

/// A call, and where it is made.
pub struct Judge<'c> {
    pub call: &'c Call,
    pub own: Id,
    pub me: Id,
    /// The pipeline that the call has started.
    pub triggered: Option<Id>,
    /// Jobs that did not run at some time of the call.
    pub stood: &'c BTreeSet<Id>,
    /// The time limit has passed, or what is left of it is too short to ask again.
    pub over: bool,
}

impl Judge<'_> {
    /// Why this exit code is not true now; empty if it is. Codes that rest on requests or signals are not judged here.
    pub fn wrong(&self, world: &World, code: i32) -> &'static str {
        let open = || {
            self.call
                .conditions
                .iter()
                .all(|one| self.holds(world, one))
        };
        match (self.call.verb, code) {
            (Verb::Gate, 0) if !open() => "the gate is closed",
            (Verb::Gate, 9) if open() => "the gate is open",
            (Verb::Gate, 0 | 9) => "",
            (_, 9) if open() => self.wrongly_refused(world),
            (_, 9) => "",
            (Verb::Gate, _) => "no reason for this code",
            _ if self.call.waits() => self.wrong_wait(world, code),
            _ => self.wrong_end(world, code),
        }
    }

    /// Jobs that count: of the pipeline that is asked for these, of others all.
    fn counting<'w>(&self, world: &'w World, pipeline: Id) -> Vec<&'w Job> {
        if !world.pipelines.contains_key(&pipeline) {
            return Vec::new();
        }
        let call = self.call;
        let chosen = call.verb != Verb::Trigger && call.pipeline(world, self.own) == Some(pipeline);
        let exact = chosen && (matches!(call.asked, Asked::Names(_)) || call.verb != Verb::Wait);
        let jobs = world
            .newest(pipeline)
            .filter(|job| !chosen || call.means(world, job));
        jobs.filter(|job| exact || !optional(job)).collect()
    }

    fn chosen<'w>(&self, world: &'w World) -> Vec<&'w Job> {
        let pipeline = match self.call.verb {
            Verb::Trigger => self.triggered,
            _ => self.call.pipeline(world, self.own),
        };
        pipeline.map_or_else(Vec::new, |pipeline| self.counting(world, pipeline))
    }

    /// Jobs of the pipeline that this job has started, where they count.
    fn below<'w>(&self, world: &'w World, job: &Job) -> Vec<&'w Job> {
        let below = job.downstream.filter(|_| !self.call.has("--shallow"));
        below.map_or_else(Vec::new, |below| self.counting(world, below))
    }

    /// `lenient`: the failure of a job that is allowed to fail counts as a pass.
    fn passed(&self, world: &World, job: &Job, lenient: bool) -> bool {
        let call = self.call;
        let allowed = job.spec.allow_failure && lenient;
        let follows = job.is_trigger() && !call.has("--shallow");
        match job.status {
            _ if call.has("finished") => self.ended(world, job),
            "skipped" | "canceled" if call.verb == Verb::Wait && call.has(job.status) => true,
            "failed" | "canceled" => allowed,
            "success" if !follows => true,
            "success" | "running" | "pending" | "manual" if follows && job.downstream.is_some() => {
                let (below, lenient) = (self.below(world, job), !call.has("--strict"));
                let all = below.iter().all(|job| self.passed(world, job, lenient));
                all && !below.is_empty()
                    || allowed && below.iter().all(|job| self.ended(world, job))
            }
            _ => false,
        }
    }

    /// It has ended, and so has everything that it started.
    fn ended(&self, world: &World, job: &Job) -> bool {
        let mut below = self.below(world, job).into_iter();
        ENDED.contains(&job.status) && below.all(|job| self.ended(world, job))
    }

    /// It has failed, or something that it started has, and no `allow_failure` on the way excuses that.
    fn fails(&self, world: &World, job: &Job, lenient: bool) -> bool {
        let failed = job.status == "failed" && (self.over || !replaced(world, job));
        let (mut below, strict) = (
            self.below(world, job).into_iter(),
            self.call.has("--strict"),
        );
        let excused = job.spec.allow_failure && lenient;
        !excused && (failed || below.any(|job| self.fails(world, job, !strict)))
    }

    /// A job that is chosen, has started the pipeline or is below such a one satisfies `test`.
    fn any(&self, world: &World, test: &dyn Fn(&Job) -> bool) -> bool {
        let start = |job: &&Job| self.call.below.as_ref() == Some(&job.name);
        let chosen = self.chosen(world).into_iter();
        let mut jobs = world.newest(self.own).filter(start).map(test);
        jobs.any(|is| is)
            || chosen
                .into_iter()
                .any(|job| self.any_below(world, job, test))
    }

    fn any_below(&self, world: &World, job: &Job, test: &dyn Fn(&Job) -> bool) -> bool {
        let mut below = job
            .downstream
            .map_or_else(Vec::new, |id| self.counting(world, id))
            .into_iter();
        test(job) || below.any(|job| self.any_below(world, job, test))
    }

    fn wrong_wait(&self, world: &World, code: i32) -> &'static str {
        let call = self.call;
        let lenient = match call.verb {
            Verb::Wait | Verb::Trigger => !call.has("--strict"),
            _ => call.has("--allow-failure"),
        };
        let jobs = self.chosen(world);
        let pass = jobs.iter().all(|job| self.passed(world, job, lenient));
        let pass = pass && !jobs.is_empty() && !self.missing(world);
        let is = |words: &'static [&'static str]| {
            self.any(world, &move |job| words.contains(&job.status))
        };
        let fails = || {
            let start = |job: &&Job| call.below.as_ref() == Some(&job.name);
            let mut started = world.newest(self.own).filter(start);
            jobs.iter().any(|job| self.fails(world, job, lenient))
                || started.any(|job| job.status == "failed")
        };
        let open = |job: &Job| {
            let appears = job.is_trigger() && job.downstream.is_none();
            !ENDED.contains(&job.status) || appears && job.status == "success"
        };
        let stuck = call.has("--stuck") && is(&["pending", "waiting_for_resource"]);
        let moves = || {
            let mut others = world.newest(self.own).filter(|job| job.id != self.me);
            others.any(|job| MOVING.contains(&job.status))
        };
        match code {
            0 if !pass => "a pass that is not true",
            0 => "",
            // A trigger job whose pipeline was deleted has ended, too.
            5 if call.has("finished") && self.wrongly_missing(world).is_empty() => "",
            _ if pass => "all have passed",
            1 if !fails() => "nothing has failed for good",
            3 | 8 if !self.any(world, &open) => "all have ended",
            5 => self.wrongly_missing(world),
            7 if !is(&["canceled", "skipped"]) => "nothing is canceled or skipped",
            8 if call.timeout != Some(0) => "it may wait",
            10 if !stuck && (!is(&["created"]) || moves()) => "something moves",
            1 | 3 | 7 | 8 | 10 => "",
            _ => "no reason for this code",
        }
    }

    /// Something that is asked for by its name is not there.
    fn missing(&self, world: &World) -> bool {
        let (Some(pipeline), Asked::Names(names)) =
            (self.call.pipeline(world, self.own), &self.call.asked)
        else {
            return self.call.verb != Verb::Trigger
                && self.call.pipeline(world, self.own).is_none();
        };
        let there = |asked: &str| {
            world
                .newest(pipeline)
                .any(|job| is_or_belongs_to(&job.name, asked))
        };
        !names.iter().all(|name| there(name))
    }

    fn wrongly_missing(&self, world: &World) -> &'static str {
        let below = |job: &Job| {
            job.downstream
                .map_or_else(Vec::new, |id| self.counting(world, id))
        };
        let childless = |job: &Job| job.is_trigger() && below(job).is_empty();
        let missing =
            self.missing(world) || self.chosen(world).is_empty() || self.any(world, &childless);
        if missing {
            ""
        } else {
            "there are jobs that count"
        }
    }

    /// After a call that does not wait for a result.
    fn wrong_end(&self, world: &World, code: i32) -> &'static str {
        let jobs = self.chosen(world);
        // What somebody has retried since is another attempt's affair.
        let first = || jobs.iter().filter(|job| job.attempt == 0);
        let runs = |job: &&Job| job.status != "canceling" && !self.stood.contains(&job.id);
        let waits =
            |job: &&Job| ["manual", "created", "scheduled", "skipped"].contains(&job.status);
        let old = |job: &&Job| ["manual", "skipped", "failed", "canceled"].contains(&job.status);
        match (self.call.verb, code) {
            (_, 5) => self.wrongly_missing(world),
            (_, 3) if self.call.timeout.is_some() => "",
            (Verb::Play | Verb::Retry, 8) | (_, 0) if self.call.has("--dry-run") => "",
            (Verb::Cancel, 0) if first().copied().any(|job| runs(&job)) => "it still runs",
            (Verb::Erase, 0) if first().any(|job| job.erased_at.is_none()) => "it is not erased",
            (Verb::Play, 0) if first().copied().any(|job| waits(&job)) => "it was not started",
            (Verb::Retry, 0) if first().copied().any(|job| old(&job)) => "it was not retried",
            (Verb::Trigger, 0) if self.triggered.is_none() => "no pipeline was started",
            (Verb::Play | Verb::Retry, 0) if jobs.is_empty() => "no job was meant",
            (_, 0) => "",
            _ => "no reason for this code",
        }
    }

    fn wrongly_refused(&self, world: &World) -> &'static str {
        let call = self.call;
        let possible = |job: &&Job| match (call.verb, job.status) {
            (Verb::Play, "manual") => job.spec.when == When::Manual,
            (Verb::Play, "scheduled") => !job.is_trigger(),
            (Verb::Play, "failed" | "canceled") => call.has("--rerun") && !job.is_trigger(),
            (Verb::Play, "success") | (Verb::Play | Verb::Retry, "pending" | "running") => true,
            (Verb::Retry, "success") => call.has("--rerun") && !job.is_trigger(),
            (Verb::Retry, "failed" | "canceled") => !job.is_trigger(),
            (
                Verb::Cancel,
                "created" | "pending" | "running" | "preparing" | "waiting_for_resource",
            ) => !job.is_trigger(),
            (Verb::Erase, "success" | "failed" | "canceled") => {
                job.spec.artifacts && !job.is_trigger()
            }
            _ => false,
        };
        let jobs = self.chosen(world);
        match call.verb {
            Verb::Wait | Verb::Trigger | Verb::Jobs => "refused without a reason",
            _ if jobs.is_empty() || self.missing(world) || !jobs.iter().all(possible) => "",
            _ => "refused though it can be done",
        }
    }

    /// Whether a condition holds for the caller.
    pub fn holds(&self, world: &World, condition: &str) -> bool {
        let me = &world.jobs[&self.me];
        let lenient = self.call.verb == Verb::Gate && self.call.has("--allow-failure");
        // Options of a wait change no condition.
        let gate = Call::plain(Verb::Gate);
        let judge = Judge {
            call: &gate,
            ..*self
        };
        let jobs = |pattern: bool, means: &dyn Fn(&str) -> bool| -> bool {
            let meant = |job: &&Job| job.id != self.me && means(&job.name);
            let counts = |job: &&Job| !(lenient && pattern && optional(job));
            let jobs: Vec<&Job> = world
                .newest(self.own)
                .filter(meant)
                .filter(counts)
                .collect();
            !jobs.is_empty() && jobs.iter().all(|job| judge.passed(world, job, lenient))
        };
        match condition {
            "environment=prod*" | "tier=production" | "tier!=staging" => {
                me.spec.environment.is_some()
            }
            "jobs=a0" => jobs(false, &|name| name == "a0"),
            "jobs=b0" => jobs(false, &|name| name == "b0"),
            "jobs=a*" => jobs(true, &|name| name.starts_with('a')),
            "newest" => {
                let project = world.project_by_path(PROJECT).map(|project| project.id);
                let ours = |id: Id| Some(id) == project;
                let mut newer = world
                    .pipelines
                    .values()
                    .filter(|one| one.id > self.own && one.bridge.is_none());
                !newer.any(|one| ours(one.project))
            }
            "approved=deploy" => {
                let attempt = |job: &&Job| job.pipeline == self.own && job.name == "deploy";
                let mut attempts = world.jobs.values().filter(attempt);
                let (first, second) = (attempts.next(), attempts.next());
                let starter = world.pipelines[&self.own].user;
                let approves = |job: &Job| job.user != me.user && job.user != starter;
                second.is_none()
                    && first.is_some_and(|job| approves(job) && judge.passed(world, job, false))
            }
            other => ALWAYS.contains(&other),
        }
    }
}

/// A manual job that nobody has to play.
fn optional(job: &Job) -> bool {
    job.status == "manual" && job.downstream.is_none() && job.spec.allow_failure
}

/// `retry:` is about to replace it; where GitLab dates failures back, nobody can know.
fn replaced(world: &World, job: &Job) -> bool {
    let young = |at| world.now.since(at).as_secs() <= world.retry_lag;
    let again = job.attempt < job.spec.retry && job.finished_at.is_some_and(young);
    again && world.backdate == 0
}
