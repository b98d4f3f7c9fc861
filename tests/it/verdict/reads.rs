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
