//! The verdict, told by looks at small pipelines.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use jobgate::decide::look::{Lists, Look, Now, Pages, Read, Scope, Unreadable};
use jobgate::decide::select::{Caller, Operand, Selection};
use jobgate::decide::verdict::{
    Counts, Failures, Goal, Looks, Next, Note, Outcome, Own, Reason, Rules, Step, StopAt,
    TriggerJobs, Verdict, Want, Watch,
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

/// A wait over pipelines that the test moves by hand.
struct Wait {
    watch: Watch,
    seconds: u64,
    pipelines: Vec<(u64, Vec<Job>)>,
    refused: Vec<u64>,
    no_trigger_jobs: bool,
    notes: Vec<Note>,
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
            reads: vec![],
        }
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
        let look = Look {
            pages: reads
                .iter()
                .zip(&rows)
                .filter(|(read, _)| !self.refused.contains(&read.pipeline.id.0))
                .map(|(read, rows)| Pages {
                    pipeline: read.pipeline.id,
                    scope: read.scope.clone(),
                    lists: read.lists,
                    rows,
                    torn: false,
                    no_trigger_jobs: self.no_trigger_jobs,
                })
                .collect(),
            unreadable: reads
                .iter()
                .filter(|read| self.refused.contains(&read.pipeline.id.0))
                .map(|read| (read.pipeline.id, Unreadable::Refused))
                .collect(),
        };
        let now = Now {
            monotonic: Duration::from_secs(self.seconds),
            server: Some(Timestamp::from_millis(self.now() * 1000)),
        };
        self.watch.look(&look, now)
    }

    fn rows(&self, read: &Read) -> Vec<Job> {
        let jobs = self
            .pipelines
            .iter()
            .find(|(id, _)| *id == read.pipeline.id.0);
        let jobs = jobs.map(|(_, jobs)| jobs.clone()).unwrap_or_default();
        let listed = |job: &Job| {
            if job.trigger {
                read.lists.trigger_jobs() && !self.no_trigger_jobs
            } else {
                read.lists.jobs()
            }
        };
        let scoped = |job: &Job| match &read.scope {
            Scope::Full => true,
            Scope::Only(statuses) => statuses.contains(&job.status),
        };
        jobs.into_iter()
            .filter(|job| listed(job) && scoped(job))
            .collect()
    }

    /// One turn, so many seconds after the last one.
    fn turn(&mut self, slept: u64) -> Result<Outcome, Next> {
        self.seconds += slept;
        let mut reads = self.watch.reads(Duration::from_secs(slept));
        for _ in 0..20 {
            let step = self.answer(&reads);
            self.notes.extend(step.notes);
            match step.verdict {
                Verdict::Final(outcome) => return Ok(*outcome),
                Verdict::Waiting(next) if next.at_once.is_empty() => return Err(next),
                Verdict::Waiting(next) => reads = next.at_once,
            }
        }
        panic!("a turn without end")
    }

    fn exit(&mut self, slept: u64) -> Option<u8> {
        self.turn(slept).ok().map(|outcome| outcome.exit.code())
    }
}

/// Every status: the code of a wait for a job that is meant by name, by name and allowed to fail, by glob, by glob and allowed to fail. `.` goes on.
fn table(rules: &Rules) -> String {
    let mut table = String::new();
    for status in Status::WORDS.iter().chain(&["on_holiday"]) {
        table += status;
        for (operand, allowed) in [("a", false), ("a", true), ("a*", false), ("a*", true)] {
            let row = job(5, "a", status);
            let row = if allowed { tolerated(row) } else { row };
            let mut wait = Wait::new(named(&[operand]), rules.clone()).pipeline(OWN, vec![row]);
            let code = wait.exit(0).map(|code| code.to_string());
            table += " ";
            table += code.as_deref().unwrap_or(".");
        }
        table += "\n";
    }
    table
}

const ALIVE: &str = "created . . . .\nwaiting_for_callback . . . .\nwaiting_for_resource . . . .\npreparing . . . .\npending . . . .\nrunning . . . .\n";

fn expected(success: &str, failed: &str, canceled: &str, skipped: &str) -> String {
    format!(
        "{ALIVE}success {success}\nfailed {failed}\ncanceling . . . .\ncanceled {canceled}\nskipped {skipped}\nmanual . . . 5\nscheduled . . . .\non_holiday . . . .\n"
    )
}

#[test]
fn every_status_by_default() {
    let expected = expected("0 0 0 0", "1 0 1 0", "7 0 7 0", "7 7 7 7");
    assert_eq!(table(&Rules::default()), expected);
}

#[test]
fn every_status_with_strict() {
    let strict = Rules {
        failures: Failures::Strict,
        ..Rules::default()
    };
    let expected = expected("0 0 0 0", "1 1 1 1", "7 7 7 7", "7 7 7 7");
    assert_eq!(table(&strict), expected);
}

#[test]
fn every_status_with_ok() {
    let mut rules = Rules {
        ok: vec![Status::Canceled, Status::Skipped],
        ..Rules::default()
    };
    assert_eq!(
        table(&rules),
        expected("0 0 0 0", "1 0 1 0", "0 0 0 0", "0 0 0 0")
    );
    rules.failures = Failures::Strict;
    assert_eq!(
        table(&rules),
        expected("0 0 0 0", "1 1 1 1", "0 0 0 0", "0 0 0 0")
    );
    rules.ok = vec![Status::Skipped];
    assert_eq!(
        table(&rules),
        expected("0 0 0 0", "1 1 1 1", "7 7 7 7", "0 0 0 0")
    );
}

#[test]
fn every_status_for_finished() {
    let finished = Rules {
        want: Want::Finished,
        failures: Failures::Strict,
        ..Rules::default()
    };
    assert_eq!(
        table(&finished),
        expected("0 0 0 0", "0 0 0 0", "0 0 0 0", "0 0 0 0")
    );
}

/// `--for STATUS` against every status, the ended ones also for a job that never ran.
#[test]
fn every_status_for_a_status() {
    let now = "created manual scheduled waiting_for_resource preparing pending running canceling success failed canceled skipped failed! canceled! on_holiday";
    for (wanted, codes) in [
        ("created", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 ."),
        ("manual", ". 0 . 0 0 0 0 0 0 0 0 7 1 7 ."),
        ("scheduled", ". . 0 0 0 0 0 0 0 0 0 7 1 7 ."),
        ("preparing", ". . . . 0 0 0 0 0 0 0 7 1 7 ."),
        ("pending", ". . . . . 0 0 0 0 0 0 7 1 7 ."),
        ("running", ". . . . . . 0 0 0 0 0 7 1 7 ."),
        ("canceling", ". . . . . . . 0 10 1 0 7 1 7 ."),
        ("success", ". . . . . . . . 0 1 7 7 1 7 ."),
        ("failed", ". . . . . . . . 10 0 7 7 0 7 ."),
        ("canceled", ". . . . . . . . 10 1 0 7 1 0 ."),
        ("skipped", ". . . . . . . . 10 1 7 0 1 7 ."),
        ("pending,failed", ". . . . . 0 0 0 0 0 0 7 0 7 ."),
    ] {
        let statuses = wanted.split(',').map(Status::parse).collect();
        let rules = Rules {
            want: Want::Statuses(statuses),
            ..Rules::default()
        };
        let got: Vec<String> = now
            .split(' ')
            .map(|word| {
                let row = job(5, "a", word.trim_end_matches('!'));
                let row = if word.ends_with('!') {
                    never_started(row)
                } else {
                    row
                };
                let mut wait = Wait::new(named(&["a"]), rules.clone()).pipeline(OWN, vec![row]);
                wait.exit(0)
                    .map_or_else(|| ".".into(), |code| code.to_string())
            })
            .collect();
        assert_eq!(got.join(" "), codes, "--for {wanted}");
    }
}

#[test]
fn what_was_reached_once_stays_reached_until_a_newer_attempt() {
    let rules = Rules {
        want: Want::Statuses(vec![Status::Pending]),
        ..Rules::default()
    };
    let mut wait = Wait::new(named(&["a", "b"]), rules);
    wait.set(OWN, vec![job(5, "a", "pending"), job(4, "b", "created")]);
    assert_eq!(wait.exit(0), None);
    let canceled = never_started(job(5, "a", "canceled"));
    wait.set(OWN, vec![canceled.clone(), job(4, "b", "pending")]);
    assert_eq!(wait.exit(5), Some(0));

    wait = Wait::new(
        named(&["a", "b"]),
        Rules {
            want: Want::Statuses(vec![Status::Pending]),
            ..Rules::default()
        },
    );
    wait.set(OWN, vec![job(5, "a", "pending"), job(4, "b", "created")]);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![job(6, "a", "created"), job(4, "b", "pending")]);
    assert_eq!(wait.exit(5), None);
}

#[test]
fn a_failure_settles_by_the_servers_clock() {
    let mut wait = Wait::new(named(&["a"]), Rules::default());
    let now = wait.now();
    wait.set(OWN, vec![ended_at(job(5, "a", "failed"), now - 4)]);
    let next = wait.turn(0).unwrap_err();
    assert_eq!(next.wake, Some(Duration::from_millis(6500)));
    assert_eq!(wait.exit(5), None);
    assert_eq!(wait.exit(2), Some(1));

    // Its own `retry:` replaces it.
    let mut wait = Wait::new(named(&["a"]), Rules::default());
    wait.set(OWN, vec![ended_at(job(5, "a", "failed"), now)]);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![job(9, "a", "pending")]);
    assert_eq!(wait.exit(11), None);
    wait.set(OWN, vec![job(9, "a", "success")]);
    assert_eq!(wait.exit(11), Some(0));

    // Without an end, or with one in the future, the first sight counts.
    for end in [None, Some(now + 3600)] {
        let mut failed = job(5, "a", "failed");
        failed.finished_at = end.map(|end| Timestamp::from_millis(end * 1000));
        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, vec![failed]);
        assert_eq!(wait.exit(0), None);
        assert_eq!(wait.exit(9), None);
        assert_eq!(wait.exit(1), Some(1));
    }
}

#[test]
fn a_warning_settles_too() {
    let mut wait = Wait::new(named(&["a"]), Rules::default());
    let now = wait.now();
    wait.set(OWN, vec![tolerated(ended_at(job(5, "a", "failed"), now))]);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(10), Some(0));
}

#[test]
fn what_is_skipped_before_our_eyes_may_come_back() {
    let mut wait = Wait::new(named(&["a"]), Rules::default());
    wait.set(OWN, vec![job(5, "a", "created")]);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![job(5, "a", "skipped")]);
    assert_eq!(wait.exit(3), None);
    wait.set(OWN, vec![job(5, "a", "created")]);
    assert_eq!(wait.exit(3), None);
    wait.set(OWN, vec![job(5, "a", "skipped")]);
    assert_eq!(wait.exit(3), None);
    assert_eq!(wait.exit(10), Some(7));
}

#[test]
fn an_older_attempt_comes_from_a_stale_replica() {
    let mut wait = Wait::new(named(&["a"]), Rules::default());
    wait.set(OWN, vec![job(9, "a", "running")]);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![job(5, "a", "success")]);
    assert!(wait.turn(5).unwrap_err().soon);
    wait.set(OWN, vec![]);
    assert!(wait.turn(5).unwrap_err().soon);
    wait.set(OWN, vec![job(9, "a", "failed"), job(5, "a", "success")]);
    assert_eq!(wait.exit(5), Some(1));
}

#[test]
fn a_scoped_look_never_decides_alone() {
    let mut wait = Wait::new(named(&["a", "b"]), Rules::default());
    wait.set(OWN, vec![job(5, "a", "running"), job(4, "b", "running")]);
    assert_eq!(wait.exit(0), None);
    // Gone from the list of unfinished jobs, but not passed: in a status that this version does not know.
    wait.set(OWN, vec![job(5, "a", "on_holiday"), job(4, "b", "success")]);
    wait.reads.clear();
    assert_eq!(wait.exit(45), None);
    let scopes: Vec<bool> = wait.reads.iter().map(|read| read.scope.full()).collect();
    assert_eq!(scopes, [false, true]);
    wait.set(OWN, vec![job(5, "a", "success"), job(4, "b", "success")]);
    assert_eq!(wait.exit(45), Some(0));
}

#[test]
fn the_first_failure_ends_the_wait_unless_it_keeps_going() {
    let rows = vec![job(5, "a", "failed"), job(4, "b", "running")];
    let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows.clone());
    let outcome = wait.turn(0).unwrap();
    assert_eq!(outcome.exit, Exit::Failed);
    let counts: Vec<Counts> = outcome.jobs.iter().map(|job| job.counts).collect();
    assert_eq!(counts, [Counts::Waiting, Counts::Failed]);

    let keep_going = Rules {
        stop: StopAt::End,
        ..Rules::default()
    };
    let mut wait = Wait::new(all(), keep_going).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![job(5, "a", "failed"), job(4, "b", "canceled")]);
    assert_eq!(wait.exit(5), Some(1));
}

#[test]
fn a_job_that_the_own_pipeline_lacks_is_missed_at_once() {
    let rows = vec![job(5, "a", "success")];
    let mut wait = Wait::new(named(&["a", "b"]), Rules::default()).pipeline(OWN, rows.clone());
    assert!(wait.turn(0).unwrap_err().soon);
    let outcome = wait.turn(3).unwrap();
    assert_eq!(outcome.exit, Exit::NotFound);
    assert_eq!(
        outcome.jobs.last().map(|job| job.counts),
        Some(Counts::Missing)
    );

    let mut optional = named(&["a", "b"]);
    optional.operands[1].optional = true;
    let mut wait = Wait::new(optional.clone(), Rules::default()).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(3), Some(0));
    assert_eq!(wait.notes, [Note::Absent("b".into())]);

    // What is there must pass, optional or not.
    let rows = vec![job(5, "a", "success"), job(4, "b", "failed")];
    let mut wait = Wait::new(optional, Rules::default()).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), Some(1));
}

#[test]
fn elsewhere_a_job_has_time_to_appear() {
    let goal = Goal {
        pipeline: key(60),
        downstream: vec![],
        selection: named(&["a"]),
    };
    let mut wait = Wait::of(goal.clone(), Rules::default()).pipeline(60, vec![]);
    assert_eq!(wait.turn(0).unwrap_err().wake, Some(Duration::from_mins(1)));
    assert_eq!(wait.exit(30), None);
    assert_eq!(wait.exit(29), None);
    assert_eq!(wait.exit(1), Some(5));

    let mut wait = Wait::of(goal, Rules::default()).pipeline(60, vec![]);
    assert_eq!(wait.exit(0), None);
    wait.set(60, vec![job(5, "a", "success")]);
    assert_eq!(wait.exit(50), Some(0));
}

#[test]
fn nothing_that_counts_is_never_a_pass() {
    for (selection, rows) in [
        (all(), vec![]),
        (all(), vec![job(1, "wait", "running")]),
        (named(&["x*"]), vec![job(5, "a", "success")]),
        (all(), vec![tolerated(job(5, "a", "manual"))]),
    ] {
        let mut wait = Wait::new(selection, Rules::default()).pipeline(OWN, rows);
        let outcome = wait.turn(0).or_else(|_| wait.turn(3)).unwrap();
        assert_eq!(outcome.exit, Exit::NotFound);
    }
    let rows = vec![
        tolerated(job(5, "a", "manual")),
        tolerated(job(6, "b", "manual")),
    ];
    let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows);
    let outcome = wait.turn(0).unwrap();
    assert_eq!(
        outcome.reason,
        Some(Reason::Nothing {
            ignored: vec!["a".into(), "b".into()]
        })
    );
}

#[test]
fn a_person_is_told_once_where_to_click() {
    let rows = vec![
        tolerated(job(5, "a", "manual")),
        tolerated(job(4, "b", "manual")),
        job(3, "c", "manual"),
    ];
    let mut wait = Wait::new(named(&["a", "*"]), Rules::default()).pipeline(OWN, rows.clone());
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(5), None);
    let told: Vec<String> = wait
        .notes
        .iter()
        .map(|note| match note {
            Note::Manual(job) => format!("{} {}", job.name, job.url),
            Note::Ignored(job) => format!("{} ignored", job.name),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "a https://gitlab.example/-/jobs/5",
            "b ignored",
            "c https://gitlab.example/-/jobs/3"
        ]
    );
    // An ignored job that somebody plays after all counts again.
    let done = |b: &str| {
        vec![
            job(5, "a", "success"),
            tolerated(job(4, "b", b)),
            job(3, "c", "success"),
        ]
    };
    wait.set(OWN, done("running"));
    assert_eq!(wait.exit(5), None);
    wait.set(OWN, done("manual"));
    assert_eq!(wait.exit(5), Some(0));
}

#[test]
fn one_look_is_enough_to_say_pending() {
    let once = Rules {
        looks: Looks::Once,
        ..Rules::default()
    };
    for (rows, code) in [
        (vec![job(5, "a", "running")], 8),
        (vec![job(5, "a", "success")], 0),
        (vec![job(5, "a", "skipped")], 7),
        (vec![job(5, "b", "success")], 5),
    ] {
        let mut wait = Wait::new(named(&["a"]), once.clone()).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), Some(code));
    }
}

#[test]
fn the_caller_and_its_siblings_never_count() {
    let rows = vec![
        job(1, "wait 1/2", "running"),
        job(2, "wait 2/2", "failed"),
        job(3, "a", "success"),
    ];
    let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows.clone());
    wait.watch = Watch::new(
        Goal {
            pipeline: key(OWN),
            downstream: vec![],
            selection: all(),
        },
        Rules::default(),
        Some(Own {
            caller: Caller {
                id: JobId(1),
                name: "wait 1/2".into(),
            },
            pipeline: PipelineId(OWN),
        }),
    );
    assert_eq!(wait.exit(0), Some(0));
    assert_eq!(wait.notes, [Note::Siblings(vec!["wait 2/2".into()])]);

    let mut wait = Wait::new(named(&["a", "wait"]), Rules::default()).pipeline(OWN, rows);
    let outcome = wait.turn(0).unwrap();
    assert_eq!(outcome.exit, Exit::Usage);
    assert_eq!(outcome.reason, Some(Reason::NamesCaller(1)));
}

#[test]
fn a_caller_that_is_canceled_behaves_as_if_terminated() {
    let rows = vec![job(1, "wait", "canceling"), job(5, "a", "running")];
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), Some(143));
}

/// A trigger job of each strategy, at each stage of its child pipeline's life: its own status, the child's only job, the code.
#[test]
fn a_trigger_job_passes_when_its_jobs_have() {
    for (strategy, own, child, code) in [
        ("none", "success", "running", None),
        ("none", "success", "success", Some(0)),
        ("none", "success", "failed", Some(1)),
        ("none", "success", "canceled", Some(7)),
        ("none", "success", "skipped", Some(7)),
        ("none", "success", "manual", None),
        ("none", "success", "on_holiday", None),
        ("depend", "running", "running", None),
        ("depend", "running", "manual", None),
        ("depend", "running", "failed", Some(1)),
        ("depend", "pending", "success", Some(0)),
        ("depend", "success", "success", Some(0)),
        ("depend", "failed", "failed", Some(1)),
        ("depend", "failed", "skipped", Some(1)),
        ("depend", "canceled", "canceled", Some(7)),
        ("mirror", "manual", "manual", None),
        ("mirror", "manual", "success", Some(0)),
        ("mirror", "skipped", "skipped", Some(7)),
        ("any", "created", "success", None),
        ("any", "canceling", "success", None),
    ] {
        let rows = vec![trigger(5, "t", own, Some((60, child)))];
        let mut wait = Wait::new(named(&["t"]), Rules::default())
            .pipeline(OWN, rows)
            .pipeline(60, vec![job(70, "x", child)]);
        assert_eq!(wait.exit(0), code, "{strategy}: {own}, child {child}");
    }
}

#[test]
fn a_trigger_job_that_may_fail_takes_its_pipeline_along() {
    let rows = vec![tolerated(trigger(5, "t", "success", Some((60, "running"))))];
    let child = vec![job(70, "x", "failed"), job(71, "y", "running")];
    let mut wait = Wait::new(named(&["t"]), Rules::default())
        .pipeline(OWN, rows.clone())
        .pipeline(60, child);
    assert_eq!(wait.exit(0), None);
    wait.set(60, vec![job(70, "x", "failed"), job(71, "y", "success")]);
    let outcome = wait.turn(5).unwrap();
    assert_eq!(outcome.exit, Exit::Ok);
    assert_eq!(outcome.jobs[0].counts, Counts::Warning);
    let strict = Rules {
        failures: Failures::Strict,
        ..Rules::default()
    };
    let mut wait = Wait::new(named(&["t"]), strict)
        .pipeline(OWN, rows)
        .pipeline(60, vec![job(70, "x", "failed"), job(71, "y", "success")]);
    assert_eq!(wait.exit(0), Some(1));
}

#[test]
fn a_shallow_wait_takes_the_trigger_jobs_own_word() {
    let shallow = Rules {
        trigger_jobs: TriggerJobs::Shallow,
        ..Rules::default()
    };
    let rows = vec![trigger(5, "t", "success", Some((60, "failed")))];
    let mut wait = Wait::new(named(&["t"]), shallow.clone()).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), Some(0));
    assert_eq!(wait.reads.len(), 1);
    let rows = vec![trigger(5, "t", "success", None)];
    let mut wait = Wait::new(named(&["t"]), shallow).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), Some(0));
}

#[test]
fn a_trigger_job_that_started_nothing_decides() {
    for (status, code) in [
        ("success", 5),
        ("failed", 1),
        ("canceled", 7),
        ("skipped", 7),
    ] {
        let rows = vec![trigger(5, "t", status, None)];
        let mut wait = Wait::new(named(&["t"]), Rules::default()).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), Some(code), "{status}");
    }
    // Right after its end, the pipeline may still show up.
    let mut wait = Wait::new(named(&["t"]), Rules::default());
    let now = wait.now();
    wait.set(OWN, vec![ended_at(trigger(5, "t", "success", None), now)]);
    wait.set(60, vec![job(70, "x", "success")]);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![trigger(5, "t", "success", Some((60, "success")))]);
    assert_eq!(wait.exit(5), Some(0));
}

#[test]
fn three_levels_down_the_cause_is_named() {
    let mut wait = Wait::new(all(), Rules::default())
        .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
        .pipeline(60, vec![trigger(6, "u", "success", Some((61, "running")))])
        .pipeline(61, vec![job(70, "x", "running"), job(71, "y", "success")]);
    assert_eq!(wait.exit(0), None);
    wait.set(61, vec![job(70, "x", "failed"), job(71, "y", "success")]);
    let outcome = wait.turn(10).unwrap();
    assert_eq!(outcome.exit, Exit::Failed);
    let u = &outcome.jobs[0].because[0];
    let x = &u.because[0];
    assert_eq!((u.name.as_str(), u.pipeline.id.0), ("u", 60));
    assert_eq!((x.name.as_str(), x.pipeline.id.0), ("x", 61));
    assert_eq!((u.because.len(), x.counts), (1, Counts::Failed));
}

#[test]
fn a_downstream_pipeline_that_cannot_be_read_is_refused() {
    for status in ["running", "success", "failed"] {
        let rows = vec![tolerated(trigger(5, "t", status, Some((60, "running"))))];
        let mut wait = Wait::new(named(&["t"]), Rules::default()).pipeline(OWN, rows);
        wait.refused = vec![60];
        let outcome = wait.turn(0).unwrap();
        assert_eq!(outcome.exit, Exit::Refused);
        assert_eq!(outcome.jobs[0].counts, Counts::Refused);
    }
}

#[test]
fn downstream_pipelines_without_end_are_not_followed() {
    // A loop, as no honest server has it.
    let mut wait = Wait::new(all(), Rules::default())
        .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
        .pipeline(60, vec![trigger(6, "u", "success", Some((60, "running")))]);
    assert_eq!(wait.exit(0), Some(6));
    let mut deep = Wait::new(all(), Rules::default())
        .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))]);
    for id in 60..80 {
        deep.set(
            id,
            vec![trigger(id, "u", "success", Some((id + 1, "running")))],
        );
    }
    assert_eq!(deep.exit(0), Some(6));
}

#[test]
fn a_newer_attempt_of_the_trigger_job_moves_the_pin() {
    let mut wait = Wait::new(named(&["t"]), Rules::default())
        .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
        .pipeline(60, vec![job(70, "x", "running")]);
    assert_eq!(wait.exit(0), None);
    // The old pipeline passes, but a newer attempt has started another one.
    wait.set(OWN, vec![trigger(8, "t", "success", Some((61, "running")))]);
    wait.set(60, vec![job(70, "x", "success")]);
    wait.set(61, vec![job(80, "x", "running")]);
    assert_eq!(wait.exit(20), None);
    assert!(matches!(
        wait.notes.last(),
        Some(Note::PinMoved { from, to, .. }) if from.0 == 60 && to.id.0 == 61
    ));
    wait.set(61, vec![job(80, "x", "success")]);
    assert_eq!(wait.exit(20), Some(0));
}

#[test]
fn the_way_downstream_is_walked_and_pinned() {
    let goal = Goal {
        pipeline: key(OWN),
        downstream: vec!["t".into(), "u".into()],
        selection: named(&["x"]),
    };
    let mut wait = Wait::of(goal.clone(), Rules::default())
        .pipeline(OWN, vec![trigger(5, "t", "pending", None)])
        .pipeline(60, vec![trigger(6, "u", "success", Some((61, "running")))])
        .pipeline(61, vec![job(70, "x", "running"), job(71, "y", "failed")]);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(600), None);
    assert!(
        wait.reads
            .iter()
            .all(|read| read.lists == Lists::TriggerJobs)
    );
    wait.set(OWN, vec![trigger(5, "t", "success", Some((60, "running")))]);
    assert_eq!(wait.exit(10), None);
    wait.set(61, vec![job(70, "x", "success"), job(71, "y", "failed")]);
    let outcome = wait.turn(10).unwrap();
    assert_eq!(
        (outcome.exit, outcome.jobs[0].pipeline.id.0),
        (Exit::Ok, 61)
    );

    for (status, code) in [
        ("success", 5),
        ("failed", 1),
        ("canceled", 7),
        ("skipped", 7),
    ] {
        let mut wait = Wait::of(goal.clone(), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", status, None)]);
        let outcome = wait.turn(0).unwrap();
        assert_eq!(outcome.exit.code(), code);
        assert_eq!(outcome.jobs[0].name, "t");
    }
    let mut wait = Wait::of(goal, Rules::default()).pipeline(OWN, vec![job(5, "t", "success")]);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(3), Some(5));
}

#[test]
fn without_trigger_jobs_only_exact_names_can_be_trusted() {
    let rows = || vec![job(5, "a", "success"), job(4, "b 1/2", "success")];
    for (selection, code) in [
        (named(&["a"]), Some(0)),
        (named(&["b"]), Some(0)),
        (named(&["5"]), Some(0)),
        (named(&["a*"]), Some(4)),
        (named(&["a", "c"]), Some(4)),
        (all(), Some(4)),
    ] {
        let mut wait = Wait::new(selection.clone(), Rules::default()).pipeline(OWN, rows());
        wait.no_trigger_jobs = true;
        assert_eq!(wait.exit(0), code, "{selection:?}");
    }
    let left_out = Rules {
        trigger_jobs: TriggerJobs::LeaveOut,
        ..Rules::default()
    };
    let mut wait = Wait::new(all(), left_out).pipeline(OWN, rows());
    assert_eq!(wait.exit(0), Some(0));
    assert!(wait.reads.iter().all(|read| read.lists == Lists::Jobs));
}

#[test]
fn giving_up_is_never_a_pass() {
    let rows = vec![job(5, "a", "failed"), job(4, "b", "running")];
    let keep_going = Rules {
        stop: StopAt::End,
        ..Rules::default()
    };
    let mut wait = Wait::new(all(), keep_going).pipeline(OWN, rows);
    assert_eq!(wait.watch.give_up(Exit::Timeout).exit, Exit::Timeout);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.watch.give_up(Exit::Timeout).exit, Exit::Failed);
    assert_eq!(wait.watch.give_up(Exit::Unknown).exit, Exit::Unknown);

    let rows = vec![job(5, "a", "running")];
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.watch.give_up(Exit::Timeout).exit, Exit::Timeout);
}

/// A wait whose job never starts; one turn each 30 s, for the notes and the code that it gets.
fn quiet(rows: &[Job], turns: u32) -> (Option<u8>, Vec<Note>) {
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows.to_vec());
    let code = (0..turns).find_map(|turn| wait.exit(if turn == 0 { 0 } else { 30 }));
    (code, wait.notes)
}

#[test]
fn a_job_that_can_never_start_is_a_deadlock() {
    let created = job(5, "a", "created");
    let caller = job(1, "wait", "running");
    let done = job(2, "b", "success");
    let quietly = |more: &[Job]| {
        let mut rows = vec![created.clone(), caller.clone(), done.clone()];
        rows.extend_from_slice(more);
        quiet(&rows, 8)
    };
    assert_eq!(quietly(&[]).0, Some(10));
    assert_eq!(quietly(&[job(9, "c", "created")]).0, Some(10));
    assert_eq!(quietly(&[tolerated(job(9, "c", "manual"))]).0, Some(10));
    let ended = trigger(9, "t", "success", Some((60, "failed")));
    assert_eq!(quietly(&[ended]).0, Some(10));
    for (more, notes) in [
        (job(9, "c", "running"), 0),
        (job(9, "c", "scheduled"), 0),
        (job(9, "c", "on_holiday"), 0),
        (job(9, "c", "canceling"), 0),
        (trigger(9, "t", "success", Some((60, "running"))), 0),
        (trigger(9, "t", "success", Some((60, "manual"))), 0),
        (job(9, "c", "manual"), 1),
    ] {
        let (code, told) = quietly(std::slice::from_ref(&more));
        assert_eq!(code, None, "{} {:?}", more.name, more.status);
        assert_eq!(told.len(), notes);
    }
}

#[test]
fn a_deadlock_takes_time_and_looks() {
    let rows = [job(5, "a", "created"), job(1, "wait", "running")];
    assert_eq!(quiet(&rows, 3).0, None);
    assert_eq!(quiet(&rows, 4).0, Some(10));
    // Two looks far apart are not enough, and a change starts it anew.
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows.to_vec());
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(200), None);
    let mut changed = rows.to_vec();
    changed.push(job(9, "c", "success"));
    wait.set(OWN, changed);
    assert_eq!(wait.exit(30), None);
    assert_eq!(wait.exit(60), None);
    assert_eq!(wait.exit(20), None);
    assert_eq!(wait.exit(10), Some(10));
}

#[test]
fn a_blocking_job_is_named_and_the_wait_goes_on() {
    let rows = [
        job(5, "a", "created"),
        job(1, "wait", "running"),
        job(9, "approve", "manual"),
    ];
    let (code, notes) = quiet(&rows, 30);
    assert_eq!(code, None);
    let [Note::Blocking(job)] = notes.as_slice() else {
        panic!("{notes:?}")
    };
    assert_eq!(job.url, "https://gitlab.example/-/jobs/9");
}

#[test]
fn elsewhere_nothing_is_called_a_deadlock() {
    let goal = Goal {
        pipeline: key(60),
        downstream: vec![],
        selection: named(&["a"]),
    };
    let mut wait = Wait::of(goal, Rules::default()).pipeline(60, vec![job(5, "a", "created")]);
    assert!((0..50).all(|_| wait.exit(30).is_none()));
}

#[test]
fn where_trigger_jobs_cannot_be_read_a_deadlock_is_only_a_guess() {
    let rows = vec![job(5, "a", "created"), job(1, "wait", "running")];
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows);
    wait.no_trigger_jobs = true;
    assert!((0..20).all(|_| wait.exit(30).is_none()));
    assert!(matches!(wait.notes.as_slice(), [Note::MayNeverStart(job)] if job.name == "a"));
}

#[test]
fn only_running_jobs_left_may_wait_for_this_one() {
    let rows = [
        job(5, "a", "created"),
        job(1, "wait", "running"),
        job(2, "other", "running"),
    ];
    assert_eq!(quiet(&rows, 20), (None, vec![]));
    let (code, notes) = quiet(&rows, 40);
    assert_eq!(code, None);
    assert!(matches!(notes.as_slice(), [Note::OnlyRunning(job)] if job.name == "a"));
}

#[test]
fn a_stuck_job_is_named_and_with_a_limit_ends_the_wait() {
    let mut pending = job(5, "a", "pending");
    pending.tag_list = Box::new(["gpu".to_owned()]);
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, vec![pending.clone()]);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(299), None);
    assert!(wait.notes.is_empty());
    assert_eq!(wait.exit(1), None);
    assert_eq!(wait.exit(300), None);
    let [Note::Stuck { age, tags, .. }] = wait.notes.as_slice() else {
        panic!("{:?}", wait.notes)
    };
    assert_eq!(
        (*age, tags.join(",")),
        (Duration::from_mins(5), "gpu".into())
    );

    let limited = Rules {
        stuck: Some(Duration::from_mins(2)),
        ..Rules::default()
    };
    pending.queued_duration = Some(130.0);
    let mut wait = Wait::new(named(&["a"]), limited.clone()).pipeline(OWN, vec![pending]);
    assert_eq!(wait.exit(0), Some(10));
    let rows = vec![job(5, "a", "waiting_for_resource")];
    let mut wait = Wait::new(named(&["a"]), limited).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(119), None);
    assert_eq!(wait.exit(1), Some(10));
}

#[test]
fn a_large_pipeline_is_read_in_full_only_where_it_must_be() {
    let mut rows: Vec<Job> = (1000..1300)
        .map(|id| job(id, &format!("done {id}"), "success"))
        .collect();
    rows.push(job(5, "a", "running"));
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows.clone());
    assert_eq!(wait.exit(0), None);
    wait.reads.clear();
    assert!((0..20).all(|_| wait.exit(5).is_none()));
    assert_eq!(wait.reads.len(), 20);
    assert!(
        wait.reads
            .iter()
            .all(|read| !read.scope.full() && read.lists == Lists::Jobs)
    );
    rows.pop();
    rows.push(job(5, "a", "success"));
    wait.set(OWN, rows);
    wait.reads.clear();
    assert_eq!(wait.exit(5), Some(0));
    assert_eq!(wait.reads.len(), 2);
}

#[test]
fn scopes_that_the_server_refuses_are_not_asked_again() {
    let rows = vec![job(5, "a", "running")];
    let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), None);
    wait.watch.refuse_scopes();
    assert_eq!(wait.exit(45), None);
    assert!(wait.reads.iter().all(|read| read.scope.full()));
}

#[test]
fn a_turn_that_was_given_up_leaves_no_evidence() {
    // The parent was read in full, the child could not be; a sleep later the parent has changed.
    let mut wait = Wait::new(named(&["t"]), Rules::default())
        .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
        .pipeline(60, vec![job(70, "x", "success")]);
    let reads = wait.watch.reads(Duration::ZERO);
    assert!(
        matches!(wait.answer(&reads).verdict, Verdict::Waiting(next) if !next.at_once.is_empty())
    );
    wait.set(OWN, vec![trigger(8, "t", "pending", None)]);
    assert_eq!(wait.exit(20), None);
}

#[test]
fn a_refused_pipeline_is_asked_again_only_before_the_end() {
    let rows = |status: &str| {
        vec![
            trigger(5, "t", "success", Some((60, "running"))),
            job(4, "b", status),
        ]
    };
    let keep_going = Rules {
        stop: StopAt::End,
        ..Rules::default()
    };
    let mut wait = Wait::new(all(), keep_going).pipeline(OWN, rows("running"));
    wait.refused = vec![60];
    assert!((0..10).all(|_| wait.exit(10).is_none()));
    let asked = |wait: &Wait| {
        wait.reads
            .iter()
            .filter(|read| read.pipeline.id.0 == 60)
            .count()
    };
    assert_eq!(asked(&wait), 1);
    wait.set(OWN, rows("success"));
    assert_eq!(wait.exit(10), Some(4));
    assert_eq!(asked(&wait), 2);
}

#[test]
fn the_open_jobs_are_those_of_the_pipelines_that_were_started() {
    let mut wait = Wait::new(all(), Rules::default())
        .pipeline(
            OWN,
            vec![
                trigger(5, "t", "running", Some((60, "running"))),
                job(4, "b", "success"),
                job(3, "c", "manual"),
            ],
        )
        .pipeline(60, vec![job(70, "x", "running"), job(71, "y", "failed")]);
    wait.pipelines[1].1[1].finished_at = None;
    assert_eq!(wait.exit(0), None);
    let open: Vec<&str> = wait.watch.open().map(|open| open.name).collect();
    assert_eq!(open, ["x"]);
}

#[test]
fn ten_thousand_jobs_pass() {
    let rows: Vec<Job> = (100..10_100)
        .map(|id| job(id, &format!("job {id}"), "success"))
        .collect();
    let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows);
    wait.pipelines[0].1[5000].status = Status::Running;
    assert_eq!(wait.exit(0), None);
    assert_eq!(wait.exit(60), None);
    wait.pipelines[0].1[5000].status = Status::Success;
    let outcome = wait.turn(60).unwrap();
    assert_eq!((outcome.exit, outcome.jobs.len()), (Exit::Ok, 10_000));
}

#[test]
fn what_is_left_out_may_fail() {
    let mut selection = all();
    selection.except = vec!["flaky*".into()];
    let rows = vec![
        job(5, "a", "success"),
        job(4, "flaky: [eu]", "failed"),
        job(3, "flaky: [us]", "running"),
    ];
    let mut wait = Wait::new(selection, Rules::default()).pipeline(OWN, rows);
    assert_eq!(wait.exit(0), Some(0));
}

#[test]
fn a_change_tells_what_came_of_which_attempt() {
    let mut wait = Wait::new(named(&["a"]), Rules::default());
    wait.set(OWN, vec![job(5, "a", "pending")]);
    let reads = wait.watch.reads(Duration::ZERO);
    let first = wait.answer(&reads).changes;
    assert_eq!((first.len(), first[0].from.clone()), (1, None));
    let mut running = job(9, "a", "running");
    running.queued_duration = Some(42.5);
    wait.set(OWN, vec![running, job(5, "a", "failed")]);
    let reads = wait.watch.reads(Duration::from_secs(3));
    let changes = wait.answer(&reads).changes;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].from, Some(Status::Pending));
    assert_eq!(changes[0].to, Status::Running);
    assert_eq!(changes[0].replaces, Some(JobId(5)));
    assert_eq!(changes[0].queued, Some(Duration::from_millis(42_500)));
    let reads = wait.watch.reads(Duration::from_secs(3));
    assert!(wait.answer(&reads).changes.is_empty());
}

#[test]
fn a_trigger_job_without_a_row_does_not_pass_by_its_pipeline() {
    let mut wait = Wait::new(named(&["t"]), Rules::default())
        .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
        .pipeline(60, vec![job(70, "x", "running")]);
    assert_eq!(wait.exit(0), None);
    wait.set(60, vec![job(70, "x", "success")]);
    wait.set(OWN, vec![]);
    assert_eq!(wait.exit(10), None);
}

#[test]
fn a_trigger_job_that_leaves_a_scoped_list_is_read_at_once() {
    let rows = |status: &str, child| vec![trigger(5, "t", status, child), job(4, "b", "running")];
    let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows("pending", None));
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, rows("success", Some((60, "running"))));
    wait.set(60, vec![job(70, "x", "failed")]);
    assert_eq!(wait.exit(45), Some(1));
}

#[test]
fn a_job_that_leaves_a_narrow_list_is_read_at_once() {
    let mut rows: Vec<Job> = (1000..1300)
        .map(|id| job(id, &format!("later {id}"), "scheduled"))
        .collect();
    rows.push(job(5, "a", "pending"));
    rows.push(job(4, "b", "running"));
    let mut wait = Wait::new(named(&["a", "b"]), Rules::default()).pipeline(OWN, rows.clone());
    assert_eq!(wait.exit(0), None);
    rows[300] = job(5, "a", "skipped");
    wait.set(OWN, rows);
    assert_eq!(wait.exit(5), None);
    // Skipped a moment ago: only now does the settling begin.
    assert_eq!(wait.exit(10), Some(7));
}

#[test]
fn a_failed_trigger_job_on_the_way_may_be_retried() {
    let goal = Goal {
        pipeline: key(OWN),
        downstream: vec!["t".into()],
        selection: all(),
    };
    let mut wait = Wait::of(goal, Rules::default());
    let now = wait.now();
    wait.set(OWN, vec![ended_at(trigger(5, "t", "failed", None), now)]);
    assert_eq!(wait.exit(0), None);
    wait.set(OWN, vec![trigger(6, "t", "success", Some((60, "running")))]);
    wait.set(60, vec![job(70, "x", "success")]);
    assert_eq!(wait.exit(12), Some(0));
}
