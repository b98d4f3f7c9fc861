//! Trigger jobs count as the pipelines do that they have started.

use super::{Story, after_head};
use crate::fake::{Allow, Ci, GitLab, JobSpec, MIRA, World, child, ci, downstream, job};

/// A pipeline whose trigger job `child` has this strategy.
fn with_child(below: Ci, strategy: fn(JobSpec) -> JobSpec) -> Story {
    Story::new(ci().stage("test", [strategy(child("child", below))]))
}

const STRATEGIES: [fn(JobSpec) -> JobSpec; 3] = [|job| job, JobSpec::depend, JobSpec::mirror];

#[test]
fn the_strategy_changes_no_verdict() {
    for strategy in STRATEGIES {
        for (code, below) in [
            (0, job("e2e").runs(100)),
            (1, job("e2e").fails(100)),
            (0, job("e2e").fails(100).allow_failure()),
            (7, job("e2e").is("canceled")),
            (7, job("e2e").is("skipped")),
        ] {
            let story = with_child(ci().stage("test", [below.clone()]), strategy);
            let told = story.run("wait child");
            assert_eq!(told.code, code, "{below:?}\n{}{}", told.out, told.log);
            story.gitlab.finish();
        }
    }
}

#[test]
fn a_failure_below_is_shown_with_its_way() {
    let lowest = ci().stage("test", [job("unit").runs(30), job("e2e").fails(90)]);
    let middle = ci().stage("test", [job("lint").runs(5), child("grandchild", lowest)]);
    let story = Story::new(
        ci().stage("build", [job("compile").runs(10)])
            .stage("test", [child("child", middle).depend()]),
    );
    after_head(story.run("wait compile child")).is(1, "@", "@");
    after_head(story.run("wait child --shallow")).is(1, "@", "@");
    story.gitlab.finish();
}

#[test]
fn three_levels_that_pass() {
    let lowest = ci().stage("test", [job("e2e").runs(90)]);
    let middle = ci().stage("test", [child("grandchild", lowest)]);
    let story = Story::new(ci().stage("test", [child("child", middle)]));
    after_head(story.run("wait child")).is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn shallow_takes_the_trigger_jobs_own_status() {
    let story = with_child(ci().stage("test", [job("e2e").fails(100)]), |job| job);
    after_head(story.run("wait child --shallow")).is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn the_way_leads_to_a_job_of_a_pipeline_that_appears_late() {
    let below = ci().stage("test", [job("smoke").runs(20), job("other").fails(5)]);
    let story = Story::new(
        ci().stage("build", [job("compile").runs(100)])
            .stage("test", [child("child", below).delay(30)]),
    );
    after_head(story.run("wait smoke --downstream child")).is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_job_that_does_not_appear_downstream_is_not_found_in_the_end() {
    let story = with_child(ci().stage("test", [job("smoke").runs(3)]), |job| job);
    after_head(story.run("wait smock --downstream child --appear 30s")).is(5, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_trigger_job_without_a_pipeline_decides_at_once() {
    let story = Story::new(ci().stage(
        "test",
        [child("child", ci()).childless("downstream_pipeline_creation_failed")],
    ));
    after_head(story.run("wait child")).is(1, "@", "@");
    after_head(story.run("wait smoke --downstream child")).is(1, "@", "@");
    after_head(story.run("wait smoke --downstream chidl")).is(5, "@", "@");
    story.gitlab.finish();
}

#[test]
fn a_newer_attempt_of_the_trigger_job_moves_the_pin() {
    let below = ci().stage("test", [job("smoke").runs(200)]);
    let story = Story::with(
        ci().stage("test", [child("child", below)]),
        |world, pipeline| {
            world.after(60, move |world| {
                let trigger = world.job(pipeline, "child");
                world.retry(MIRA, trigger);
            });
        },
    );
    after_head(story.run("wait smoke --downstream child")).is(0, "@", "@");
    story.gitlab.finish();
}

/// `deploy` starts a pipeline of another project, which lets the job tokens of these projects in.
fn elsewhere(allowed: &[&str]) -> Story {
    let mut world = World::new();
    let project = world.project("ops/deploy");
    world.at_project(project).ci = ci().stage("deploy", [job("ship").runs(60)]);
    let allow = allowed.iter().map(|path| Allow {
        from: (*path).to_owned(),
        policies: None,
    });
    world.at_project(project).allowlist.extend(allow);
    world.project("shop/web");
    let ci = ci()
        .stage("deploy", [downstream("deploy", "ops/deploy")])
        .stage("gate", [job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", ci);
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    Story {
        gitlab,
        pipeline,
        me,
    }
}

#[test]
fn another_project_counts_where_it_can_be_read() {
    let story = elsewhere(&["shop/web"]);
    story.run("wait deploy").is(0, "@", "@");
    story.gitlab.finish();
}

#[test]
fn another_project_that_cannot_be_read_is_a_refusal() {
    let story = elsewhere(&[]);
    story.run("wait deploy").is(4, "@", "@");
    story.run("wait ship --downstream deploy").is(4, "@", "@");
    story.gitlab.finish();
}

#[test]
fn where_trigger_jobs_cannot_be_read_exact_names_still_work() {
    let story = Story::new(ci().stage("test", [job("unit").runs(30), job("lint").is("success")]));
    story.gitlab.world(|world| world.age = 18);
    after_head(story.run("wait unit lint")).is(0, "@", "@");
    after_head(story.run("wait --stage test")).is(4, "@", "@");
    after_head(story.run("wait --stage test --no-trigger-jobs")).is(0, "@", "@");
    story.gitlab.finish();
}
