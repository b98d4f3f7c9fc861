//! Waits that could never end.

use super::*;

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
    let [note] = notes.as_slice() else {
        panic!("{notes:?}")
    };
    assert_eq!(note.what, Remark::Blocking);
    let url = note.job.as_ref().map(|job| job.url.as_str());
    assert_eq!(url, Some("https://gitlab.example/-/jobs/9"));
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
    assert_eq!(remarks(&wait), [&Remark::MayNeverStart]);
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
    let noted = remarks(&wait);
    let [Remark::Stuck { age, tags, .. }] = noted.as_slice() else {
        panic!("{noted:?}")
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
