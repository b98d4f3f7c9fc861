//! The verdict, told by looks at small pipelines.

#![allow(clippy::unwrap_used)]

mod downstream;
mod guard;
mod jobs;
mod reads;
mod table;

use std::time::Duration;

use jobgate::decide::select::{Caller, Operand, Selection};
use jobgate::decide::wait::{
    Change, Counts, Failures, Goal, List, Note, Now, Outcome, Own, Read, Reason, Remark, Rules,
    Step, TriggerJobs, Unreadable, Verdict, Want, Watch,
};
use jobgate::exit::Exit;
use jobgate::model::{Job, JobId, PipelineId, PipelineKey, Status};
use jobgate::time::Timestamp;
use serde_json::json;

const OWN: u64 = 7;

/// One job of the caller's pipeline. Its end, if any, lies an hour back.
fn job(id: u64, name: &str, status: &str) -> Job {
    let ended = Status::parse(status).finished() && status != "skipped";
    let ran = ended || ["running", "canceling"].contains(&status);
    let at = "2026-11-20T07:00:00Z";
    serde_json::from_value(json!({
        "id": id, "name": name, "status": status, "stage": "test",
        "started_at": ran.then_some(at), "finished_at": ended.then_some(at),
        "web_url": format!("https://gitlab.example/-/jobs/{id}"),
    }))
    .unwrap()
}

fn tolerated(job: Job) -> Job {
    Job {
        allow_failure: true,
        ..job
    }
}

fn never_started(job: Job) -> Job {
    Job {
        started_at: None,
        ..job
    }
}

fn ended_at(job: Job, seconds: i64) -> Job {
    Job {
        finished_at: Some(Timestamp::from_millis(seconds * 1000)),
        ..job
    }
}

fn trigger(id: u64, name: &str, status: &str, downstream: Option<(u64, &str)>) -> Job {
    let downstream = downstream
        .map(|(id, status)| json!({"id": id, "project_id": 44, "status": status, "source": "parent_pipeline"}));
    Job {
        trigger: true,
        downstream_pipeline: serde_json::from_value(downstream.into()).unwrap(),
        ..job(id, name, status)
    }
}

fn key(id: u64) -> PipelineKey {
    PipelineKey {
        id: PipelineId(id),
        project_id: None,
    }
}

fn named(names: &[&str]) -> Selection {
    Selection {
        operands: names.iter().map(|name| Operand::plain(*name)).collect(),
        ..Selection::default()
    }
}

fn all() -> Selection {
    Selection {
        all: true,
        ..Selection::default()
    }
}

/// How a wait goes on.
#[derive(Debug)]
struct Pause {
    wake: Option<Duration>,
    soon: bool,
}

fn remarks(wait: &Wait) -> Vec<&Remark> {
    wait.notes.iter().map(|note| &note.what).collect()
}

/// A wait over pipelines that the test moves by hand.
struct Wait {
    watch: Watch,
    seconds: u64,
    pipelines: Vec<(u64, Vec<Job>)>,
    refused: Vec<u64>,
    no_trigger_jobs: bool,
    notes: Vec<Note>,
    /// Of the last list.
    changes: Vec<Change>,
    reads: Vec<Read>,
}

impl Wait {
    fn new(selection: Selection, rules: Rules) -> Self {
        Self::of(
            Goal {
                pipeline: key(OWN),
                downstream: Vec::new(),
                selection,
            },
            rules,
        )
    }

    fn of(goal: Goal, rules: Rules) -> Self {
        let own = Own {
            caller: Caller {
                id: JobId(1),
                name: "wait".into(),
            },
            pipeline: PipelineId(OWN),
        };
        Self {
            watch: Watch::new(goal, rules, Some(own)),
            seconds: 0,
            pipelines: vec![],
            refused: vec![],
            no_trigger_jobs: false,
            notes: vec![],
            changes: vec![],
            reads: vec![],
        }
    }

    fn knowing(mut self, known: Vec<(String, JobId)>) -> Self {
        self.watch = self.watch.knowing(known);
        self
    }

    fn set(&mut self, pipeline: u64, jobs: Vec<Job>) {
        self.pipelines.retain(|(id, _)| *id != pipeline);
        self.pipelines.push((pipeline, jobs));
    }

    fn pipeline(mut self, pipeline: u64, jobs: Vec<Job>) -> Self {
        self.set(pipeline, jobs);
        self
    }

    fn now(&self) -> i64 {
        // 2026-11-20T08:00:00Z
        1_795_161_600 + i64::try_from(self.seconds).unwrap()
    }

    fn answer(&mut self, reads: &[Read]) -> Step {
        self.reads.extend(reads.iter().cloned());
        let rows: Vec<Vec<Job>> = reads.iter().map(|read| self.rows(read)).collect();
        let lists = reads.iter().zip(&rows).map(|(read, rows)| List {
            read,
            rows: if self.refused.contains(&read.pipeline.id.0) {
                Err(Unreadable::Refused)
            } else {
                Ok(rows)
            },
            no_trigger_jobs: self.no_trigger_jobs,
        });
        let lists: Vec<List> = lists.collect();
        let now = Now {
            monotonic: Duration::from_secs(self.seconds),
            server: Some(Timestamp::from_millis(self.now() * 1000)),
        };
        self.watch.look(&lists, now)
    }

    fn rows(&self, read: &Read) -> Vec<Job> {
        let id = read.pipeline.id.0;
        let jobs = self.pipelines.iter().find(|(known, _)| *known == id);
        let jobs = jobs.map(|(_, jobs)| jobs.clone()).unwrap_or_default();
        let shown = read.trigger_jobs && !self.no_trigger_jobs;
        jobs.into_iter()
            .filter(|job| shown || !job.trigger)
            .collect()
    }

    /// One look, so many seconds after the last one.
    fn turn(&mut self, slept: u64) -> Result<Outcome, Pause> {
        self.seconds += slept;
        let mut reads = Vec::new();
        for _ in 0..20 {
            let step = self.answer(&reads);
            self.notes.extend(step.notes);
            self.changes = step.changes;
            match step.verdict {
                Verdict::Final(outcome) => return Ok(*outcome),
                Verdict::Waiting { wake, soon } => return Err(Pause { wake, soon }),
                Verdict::Read(next) => reads = next,
            }
        }
        panic!("a look without end")
    }

    fn exit(&mut self, slept: u64) -> Option<u8> {
        self.turn(slept).ok().map(|outcome| outcome.exit.code())
    }
}
