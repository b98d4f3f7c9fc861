//! Jobs of one pipeline: settling, missing, manual, left out.

use super::*;

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
fn the_first_failure_ends_the_wait_unless_it_keeps_going() {
    let rows = vec![job(5, "a", "failed"), job(4, "b", "running")];
    let mut wait = Wait::new(all(), Rules::default()).pipeline(OWN, rows.clone());
    let outcome = wait.turn(0).unwrap();
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
    let outcome = wait.turn(0).unwrap();
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
    assert!(wait.turn(0).unwrap_err().soon);
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
        let outcome = wait.turn(0).unwrap();
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
        .map(|note| {
            let job = note.job.as_ref().unwrap();
            match note.what {
                Remark::Manual => format!("{} {}", job.name, job.url),
                _ => format!("{} ignored", job.name),
            }
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
    let outcome = wait.turn(0).unwrap();
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
            assert!(wait.turn(3).unwrap_err().soon, "{stale}");
        }
        wait.set(OWN, vec![job(6, "a", "running")]);
        assert_eq!(wait.exit(3), None);
        wait.set(OWN, vec![job(5, "a", stale)]);
        assert_eq!(wait.exit(3), None);
        wait.set(OWN, vec![job(7, "a", "success")]);
        assert_eq!(wait.exit(3), Some(0));
    }
}
