//! Waiting, decided: a fold over looks that says "read this", "look again" or how it all ended.
//!
//! The order of reading: [`Counts::of`] is the table (one job by its own row), `node` what is known of one pipeline, `judge` adds
//! downstream pipelines and sums up, [`Watch`] folds looks.

mod judge;
mod node;
mod outcome;
mod rules;
mod said;
mod watch;

pub use outcome::{
    Change, Goal, JobOutcome, List, Named, Note, Now, Outcome, Own, Read, Reason, Remark, Step,
    Unreadable, Verdict,
};
pub use rules::{Counts, Failures, Rules, TriggerJobs, Want};
pub use watch::Watch;

#[cfg(test)]
mod tests {
    //! Looks at small pipelines that the test moves by hand.

    use std::time::Duration;

    use super::*;
    use crate::decide::select::{Caller, Operand, Selection};
    use crate::exit::Exit;
    use crate::model::{Job, JobId, PipelineId, PipelineKey, Status};
    use crate::time::Timestamp;
    use serde_json::json;

    pub(super) const OWN: u64 = 7;

    /// One job of the caller's pipeline. Its end, if any, lies an hour back.
    pub(super) fn job(id: u64, name: &str, status: &str) -> Job {
        let ended = Status::parse(status).finished() && status != "skipped";
        let ran = ended || ["running", "canceling"].contains(&status);
        let at = "2026-11-20T07:00:00Z";
        serde_json::from_value(json!({
            "id": id, "name": name, "status": status, "stage": "test",
            "started_at": ran.then_some(at), "finished_at": ended.then_some(at),
            "web_url": format!("https://gitlab.example/-/jobs/{id}"),
        }))
        .expect("the test's own data")
    }

    pub(super) fn tolerated(job: Job) -> Job {
        Job {
            allow_failure: true,
            ..job
        }
    }

    pub(super) fn never_started(job: Job) -> Job {
        Job {
            started_at: None,
            ..job
        }
    }

    pub(super) fn ended_at(job: Job, seconds: i64) -> Job {
        Job {
            finished_at: Some(Timestamp::from_millis(seconds * 1000)),
            ..job
        }
    }

    pub(super) fn trigger(
        id: u64,
        name: &str,
        status: &str,
        downstream: Option<(u64, &str)>,
    ) -> Job {
        let downstream = downstream
            .map(|(id, status)| json!({"id": id, "project_id": 44, "status": status, "source": "parent_pipeline"}));
        Job {
            trigger: true,
            downstream_pipeline: serde_json::from_value(downstream.into())
                .expect("the test's own data"),
            ..job(id, name, status)
        }
    }

    pub(super) fn key(id: u64) -> PipelineKey {
        PipelineKey {
            id: PipelineId(id),
            project_id: None,
        }
    }

    pub(super) fn named(names: &[&str]) -> Selection {
        Selection {
            operands: names.iter().map(|name| Operand::plain(*name)).collect(),
            ..Selection::default()
        }
    }

    pub(super) fn all() -> Selection {
        Selection {
            all: true,
            ..Selection::default()
        }
    }

    /// How a wait goes on.
    #[derive(Debug)]
    pub(super) struct Pause {
        pub(super) wake: Option<Duration>,
        pub(super) soon: bool,
    }

    pub(super) fn remarks(wait: &Wait) -> Vec<&Remark> {
        wait.notes.iter().map(|note| &note.what).collect()
    }

    /// A wait over pipelines that the test moves by hand.
    pub(super) struct Wait {
        pub(super) watch: Watch,
        pub(super) seconds: u64,
        pub(super) pipelines: Vec<(u64, Vec<Job>)>,
        pub(super) refused: Vec<u64>,
        pub(super) no_trigger_jobs: bool,
        pub(super) notes: Vec<Note>,
        /// Of the last list.
        pub(super) changes: Vec<Change>,
        pub(super) reads: Vec<Read>,
    }

    impl Wait {
        pub(super) fn new(selection: Selection, rules: Rules) -> Self {
            Self::of(
                Goal {
                    pipeline: key(OWN),
                    downstream: Vec::new(),
                    selection,
                },
                rules,
            )
        }

        pub(super) fn of(goal: Goal, rules: Rules) -> Self {
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

        pub(super) fn knowing(mut self, known: Vec<(String, JobId)>) -> Self {
            self.watch = self.watch.knowing(known);
            self
        }

        pub(super) fn set(&mut self, pipeline: u64, jobs: Vec<Job>) {
            self.pipelines.retain(|(id, _)| *id != pipeline);
            self.pipelines.push((pipeline, jobs));
        }

        pub(super) fn pipeline(mut self, pipeline: u64, jobs: Vec<Job>) -> Self {
            self.set(pipeline, jobs);
            self
        }

        pub(super) fn now(&self) -> i64 {
            // 2026-11-20T08:00:00Z
            1_795_161_600 + i64::try_from(self.seconds).expect("the test's own data")
        }

        pub(super) fn answer(&mut self, reads: &[Read]) -> Step {
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

        pub(super) fn rows(&self, read: &Read) -> Vec<Job> {
            let id = read.pipeline.id.0;
            let jobs = self.pipelines.iter().find(|(known, _)| *known == id);
            let jobs = jobs.map(|(_, jobs)| jobs.clone()).unwrap_or_default();
            let shown = read.trigger_jobs && !self.no_trigger_jobs;
            jobs.into_iter()
                .filter(|job| shown || !job.trigger)
                .collect()
        }

        /// One look, so many seconds after the last one.
        pub(super) fn turn(&mut self, slept: u64) -> Result<Outcome, Pause> {
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

        pub(super) fn exit(&mut self, slept: u64) -> Option<u8> {
            self.turn(slept).ok().map(|outcome| outcome.exit.code())
        }
    }

    #[test]
    fn a_failure_settles_by_the_servers_clock() {
        let mut wait = Wait::new(named(&["a"]), Rules::default());
        let now = wait.now();
        wait.set(OWN, vec![ended_at(job(5, "a", "failed"), now - 4)]);
        let next = wait.turn(0).expect_err("goes on");
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
    fn the_first_failure_ends_the_wait_unless_it_keeps_going() {
        let rows = vec![job(5, "a", "failed"), job(4, "b", "running")];
        let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows.clone());
        let outcome = wait.turn(0).expect("an end");
        assert_eq!(outcome.exit, Exit::Failed);
        let counts: Vec<Counts> = outcome.jobs.iter().map(|job| job.counts).collect();
        assert_eq!(counts, [Counts::Waiting, Counts::Failed]);

        let keep_going = Rules {
            keep_going: true,
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
        let outcome = wait.turn(0).expect("an end");
        assert_eq!(outcome.exit, Exit::NotFound);
        assert_eq!(
            outcome.jobs.last().map(|job| job.counts),
            Some(Counts::Missing)
        );

        let mut optional = named(&["a", "b"]);
        optional.operands[1].optional = true;
        let mut wait = Wait::new(optional.clone(), Rules::default()).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), Some(0));
        assert_eq!(remarks(&wait), [&Remark::Absent("b".into())]);

        // What is there must pass, optional or not.
        let rows = vec![job(5, "a", "success"), job(4, "b", "failed")];
        let mut wait = Wait::new(optional, Rules::default()).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), Some(1));
    }

    #[test]
    fn in_a_long_list_two_looks_must_agree_that_a_job_is_not_there() {
        let rows: Vec<Job> = (100..201)
            .map(|id| job(id, &format!("job {id}"), "success"))
            .collect();
        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows.clone());
        assert!(wait.turn(0).expect_err("goes on").soon);
        assert_eq!(wait.exit(3), Some(5));

        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows.clone());
        assert_eq!(wait.exit(0), None);
        wait.set(OWN, [rows, vec![job(5, "a", "success")]].concat());
        assert_eq!(wait.exit(3), Some(0));
    }

    #[test]
    fn a_pipeline_that_was_just_made_is_not_empty() {
        let goal = Goal {
            pipeline: key(60),
            downstream: vec![],
            selection: all(),
        };
        let mut wait = Wait::of(goal.clone(), Rules::default()).pipeline(60, vec![]);
        assert!((0..6).all(|_| wait.exit(10).is_none()));
        assert_eq!(wait.exit(10), Some(5));

        let mut wait = Wait::of(goal, Rules::default()).pipeline(60, vec![]);
        assert_eq!(wait.exit(0), None);
        wait.set(60, vec![job(5, "a", "success")]);
        assert_eq!(wait.exit(50), Some(0));
    }

    #[test]
    fn nothing_that_counts_is_never_a_pass() {
        for (selection, rows) in [
            (all(), vec![job(1, "wait", "running")]),
            (named(&["x*"]), vec![job(5, "a", "success")]),
            (all(), vec![tolerated(job(5, "a", "manual"))]),
        ] {
            let mut wait = Wait::new(selection, Rules::default()).pipeline(OWN, rows);
            let outcome = wait.turn(0).expect("an end");
            assert_eq!(outcome.exit, Exit::NotFound);
        }
        let rows = vec![
            tolerated(job(5, "a", "manual")),
            tolerated(job(6, "b", "manual")),
        ];
        let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows);
        let outcome = wait.turn(0).expect("an end");
        assert_eq!(
            outcome.reason,
            Some(Reason::Nothing {
                ignored: vec!["a".into(), "b".into()]
            })
        );
    }

    #[test]
    fn a_person_sees_once_where_to_click() {
        let rows = vec![
            tolerated(job(5, "a", "manual")),
            tolerated(job(4, "b", "manual")),
            job(3, "c", "manual"),
        ];
        let mut wait = Wait::new(named(&["a", "*"]), Rules::default()).pipeline(OWN, rows.clone());
        assert_eq!(wait.exit(0), None);
        assert_eq!(wait.exit(5), None);
        let shown: Vec<String> = wait
            .notes
            .iter()
            .map(|note| {
                let job = note.job.as_ref().expect("the test's own data");
                match note.what {
                    Remark::Manual => format!("{} {}", job.name, job.url),
                    _ => format!("{} ignored", job.name),
                }
            })
            .collect();
        assert_eq!(
            shown,
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
            once: true,
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
        assert_eq!(remarks(&wait), [&Remark::Siblings(vec!["wait 2/2".into()])]);

        let mut wait = Wait::new(named(&["a", "wait"]), Rules::default()).pipeline(OWN, rows);
        let outcome = wait.turn(0).expect("an end");
        assert_eq!(outcome.exit, Exit::Usage);
        assert_eq!(outcome.reason, Some(Reason::NamesCaller("wait".into())));
    }

    #[test]
    fn a_caller_that_is_canceled_behaves_as_if_terminated() {
        let rows = vec![job(1, "wait", "canceling"), job(5, "a", "running")];
        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows);
        assert_eq!(wait.exit(0), Some(143));
    }

    #[test]
    fn giving_up_is_never_a_pass() {
        let rows = vec![job(5, "a", "failed"), job(4, "b", "running")];
        let keep_going = Rules {
            keep_going: true,
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
        assert_eq!(wait.exit(0), None);
        let first = wait.changes.clone();
        assert_eq!((first.len(), first[0].from.clone()), (1, None));
        let mut running = job(9, "a", "running");
        running.queued_duration = Some(42.5);
        wait.set(OWN, vec![running, job(5, "a", "failed")]);
        assert_eq!(wait.exit(3), None);
        let changes = wait.changes.clone();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].from, Some(Status::Pending));
        assert_eq!(changes[0].to, Status::Running);
        assert_eq!(changes[0].replaces, Some(JobId(5)));
        assert_eq!(changes[0].queued, Some(Duration::from_millis(42_500)));
        assert_eq!(wait.exit(3), None);
        assert!(wait.changes.is_empty());
    }

    /// A retry has made job 6; a replica of the server's database may not have it yet.
    #[test]
    fn an_older_attempt_than_the_known_one_is_no_evidence() {
        let known = vec![("a".to_owned(), JobId(6))];
        for (stale, exit) in [("success", Some(0)), ("failed", Some(1))] {
            let wait = || Wait::new(named(&["a"]), Rules::default());
            let rows = vec![job(5, "a", stale)];
            assert_eq!(wait().pipeline(OWN, rows.clone()).exit(0), exit);

            let mut wait = wait().knowing(known.clone()).pipeline(OWN, rows);
            for _ in 0..5 {
                assert!(wait.turn(3).expect_err("goes on").soon, "{stale}");
            }
            wait.set(OWN, vec![job(6, "a", "running")]);
            assert_eq!(wait.exit(3), None);
            wait.set(OWN, vec![job(5, "a", stale)]);
            assert_eq!(wait.exit(3), None);
            wait.set(OWN, vec![job(7, "a", "success")]);
            assert_eq!(wait.exit(3), Some(0));
        }
    }

    #[test]
    fn an_older_attempt_comes_from_a_stale_replica() {
        let mut wait = Wait::new(named(&["a"]), Rules::default());
        wait.set(OWN, vec![job(9, "a", "running")]);
        assert_eq!(wait.exit(0), None);
        wait.set(OWN, vec![job(5, "a", "success")]);
        assert!(wait.turn(5).expect_err("goes on").soon);
        wait.set(OWN, vec![]);
        assert!(wait.turn(5).expect_err("goes on").soon);
        wait.set(OWN, vec![job(9, "a", "failed"), job(5, "a", "success")]);
        assert_eq!(wait.exit(5), None);
        assert_eq!(wait.exit(10), Some(1));
    }

    #[test]
    fn trigger_jobs_are_not_asked_for_again_once_none_is_selected() {
        let rows = vec![job(5, "a", "running"), trigger(6, "t", "success", None)];
        let mut wait = Wait::new(named(&["a"]), Rules::default()).pipeline(OWN, rows);
        assert!((0..3).all(|_| wait.exit(5).is_none()));
        let asked: Vec<bool> = wait.reads.iter().map(|read| read.trigger_jobs).collect();
        assert_eq!(asked, [true, false, false]);
    }

    #[test]
    fn a_look_that_was_given_up_leaves_no_evidence() {
        // The parent was read in full, the child could not be; a sleep later the parent has changed.
        let mut wait = Wait::new(named(&["t"]), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
            .pipeline(60, vec![job(70, "x", "success")]);
        let Verdict::Read(first) = wait.answer(&[]).verdict else {
            panic!("nothing to read")
        };
        assert!(matches!(wait.answer(&first).verdict, Verdict::Read(_)));
        wait.set(OWN, vec![trigger(8, "t", "pending", None)]);
        assert_eq!(wait.exit(20), None);
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
        let outcome = wait.turn(60).expect("the test's own data");
        assert_eq!((outcome.exit, outcome.jobs.len()), (Exit::Ok, 10_000));
    }
}
