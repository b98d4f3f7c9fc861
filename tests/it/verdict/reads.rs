//! What is read, and what a list that is not whole is worth.

use super::*;

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
    let outcome = wait.turn(60).unwrap();
    assert_eq!((outcome.exit, outcome.jobs.len()), (Exit::Ok, 10_000));
}
