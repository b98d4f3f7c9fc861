//! Waits that could never end are told apart from those that merely take long.

use super::{Story, after_head, play};
use crate::fake::{World, ci, job};
use expect_test::expect;

/// The job that waits stands before the one that it waits for.
fn before(more: crate::fake::JobSpec) -> Story {
    let mut world = World::new();
    world.project("shop/web");
    let ci = ci()
        .stage("gate", [job("gate").endless().queue(0)])
        .stage("other", [more])
        .stage("deploy", [job("ship")]);
    let pipeline = world.pipeline("shop/web", "main", ci);
    Story::of(world, pipeline)
}

#[test]
fn a_job_that_waits_for_the_caller_is_a_deadlock() {
    let story = before(job("lint").needs([]).runs(20));
    after_head(story.run("wait ship")).is(10, expect![[r#"
        JOB   RESULT   STATUS      ID
        ship  waiting  created  90402
          https://gl/web/-/jobs/90402
    "#]], expect![[r#"
        08:00:00 ship  created
        08:01:00 waiting for ship (created)
        08:02:00 waiting for ship (created)
        jobgate: error: waiting could never end: ship has not started, and no other job of this pipeline can change any more
        jobgate: hint: ship waits for this job, by its stage or its `needs:`; give it a `needs:` without this job
        jobgate: hint: this job may hold a `resource_group` that another job waits for
    "#]]);
    story.gitlab.finish();
}

#[test]
fn a_manual_job_that_blocks_is_named_and_the_wait_goes_on() {
    let ci = ci()
        .stage("approve", [job("approve").manual().runs(5)])
        .stage("deploy", [job("ship").runs(5)]);
    let story = Story::with(ci, |world, pipeline| {
        world.after(300, move |world| {
            let job = world.job(pipeline, "approve");
            play(world, job);
        });
    });
    after_head(story.run("wait ship")).is(0, expect![[r#"
        JOB   RESULT  STATUS   DURATION     ID
        ship  passed  success        5s  90401
    "#]], expect![[r#"
        08:00:00 ship  created
        08:01:00 waiting for ship (created)
        08:01:36 the pipeline does not go on until a person plays the manual job approve: https://gl/web/-/jobs/90400
        08:02:36 waiting for ship (created)
        08:03:36 waiting for ship (created)
        08:04:36 waiting for ship (created)
        08:05:22 ship  created → success
    "#]]);
    story.gitlab.finish();
}

#[test]
fn where_trigger_jobs_cannot_be_read_a_deadlock_is_only_warned_of() {
    let story = before(job("lint").needs([]).runs(20));
    story.gitlab.world(|world| world.age = 18);
    after_head(story.run("wait ship --timeout 4m")).is(3, expect![[r#"
        JOB   RESULT   STATUS      ID
        ship  waiting  created  90402
          https://gl/web/-/jobs/90402
    "#]], expect![[r#"
        08:00:00 ship  created
        08:01:00 waiting for ship (created)
        08:02:00 waiting for ship (created)
        jobgate: warning: ship may never start: no other job changes (uncertain, as trigger jobs cannot be read)
        08:03:05 waiting for ship (created)
        jobgate: error: time ran out after 4m00s: ship may never start: no other job changes (uncertain, as trigger jobs cannot be read)
        jobgate: hint: give a longer --timeout, up to this job's own time limit
    "#]]);
    story.gitlab.finish();
}

#[test]
fn a_job_that_no_runner_takes_is_named() {
    let story = Story::new(ci().stage("test", [job("unit").tags(["gpu", "arm"]).stuck()]));
    after_head(story.run("wait unit --timeout 7m")).is(3, expect![[r#"
        JOB   RESULT   STATUS      ID
        unit  waiting  pending  90400
          https://gl/web/-/jobs/90400
    "#]], expect![[r#"
        08:00:00 unit  pending
        08:01:00 waiting for unit (pending)
        08:02:00 waiting for unit (pending)
        08:03:00 waiting for unit (pending)
        08:04:00 waiting for unit (pending)
        08:05:00 waiting for unit (pending)
        jobgate: warning: unit has been pending for 5m11s: no runner with the tags arm, gpu has taken it  https://gl/web/-/jobs/90400
        08:06:11 waiting for unit (pending)
        jobgate: error: time ran out after 7m00s: unit has been pending for 7m00s: no runner with the tags arm, gpu has taken it  https://gl/web/-/jobs/90400
        jobgate: hint: give a longer --timeout, up to this job's own time limit
    "#]]);
    story.gitlab.finish();
}
