//! Trigger jobs and the pipelines they start.

use super::*;

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
    assert_eq!(wait.exit(10), None);
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
        remarks(&wait).last(),
        Some(Remark::PinMoved { from, to }) if from.0 == 60 && to.0 == 61
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
    assert_eq!(wait.exit(0), Some(5));
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
    assert!(wait.reads.iter().all(|read| !read.trigger_jobs));
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
        keep_going: true,
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
    let open: Vec<&str> = wait.watch.open().map(|job| job.name.as_str()).collect();
    assert_eq!(open, ["c", "x"]);
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

#[test]
fn a_way_that_is_not_shown_any_more_leads_to_no_verdict() {
    let goal = Goal {
        pipeline: key(OWN),
        downstream: vec!["t".into()],
        selection: named(&["x"]),
    };
    for status in ["success", "failed"] {
        let mut wait = Wait::of(goal.clone(), Rules::default())
            .pipeline(OWN, vec![trigger(5, "t", "success", Some((60, "running")))])
            .pipeline(60, vec![job(70, "x", "running")]);
        assert_eq!(wait.exit(0), None);
        // Where the list does not show the trigger job, a newer attempt may be what is missing.
        wait.set(OWN, vec![]);
        wait.set(60, vec![job(70, "x", status)]);
        assert!(wait.turn(5).unwrap_err().soon, "{status}");
        wait.set(OWN, vec![trigger(8, "t", "success", Some((61, "running")))]);
        wait.set(61, vec![job(80, "x", "running")]);
        assert_eq!(wait.exit(3), None);
        wait.set(61, vec![job(80, "x", "success")]);
        assert_eq!(wait.exit(5), Some(0));
    }
}
