//! How often GitLab is asked, counted by GitLab.

use super::Story;
use crate::fake::{Logged, child, ci, job};

/// Paths and queries behind the project, without the call's first request.
fn asked(log: &[Logged]) -> Vec<&str> {
    let targets = log.iter().skip(1).map(|one| one.target.as_str());
    let paths = targets.map(|target| target.trim_start_matches("/api/v4/projects/44/"));
    paths.collect()
}

const JOBS: &str = "pipelines/7700/jobs?per_page=100";
const TRIGGER_JOBS: &str = "pipelines/7700/trigger_jobs?per_page=100";

#[test]
fn one_look_serves_all_selected_jobs() {
    let jobs = (0..40).map(|n| job(&format!("job {n}")).runs(100));
    let story = Story::new(ci().stage("test", jobs));
    assert_eq!(story.run("wait job* --interval 10s").code, 0);
    let log = story.gitlab.finish();
    let asked = asked(&log);
    assert_eq!(asked[..2], [JOBS, TRIGGER_JOBS]);
    // Nothing selected is a trigger job, and a hundred rows or fewer are one page: one request per look.
    assert!(
        asked[2..].iter().all(|target| *target == JOBS),
        "{asked:#?}"
    );
    let seconds = log.last().unwrap().at.since(log[0].at).as_secs();
    assert!((100..120).contains(&seconds), "{seconds}");
    assert!(asked.len() <= 16, "{asked:#?}");
}

#[test]
fn long_lists_are_read_whole_at_first_and_at_the_end_only() {
    let old = (0..450).map(|n| job(&format!("old {n}")).is("success"));
    let story = Story::new(ci().stage("test", old.chain([job("unit").runs(200)])));
    assert_eq!(story.run("wait unit").code, 0);
    let log = story.gitlab.finish();
    let pages = |from: usize, to: usize| {
        let part = log.get(from..to).unwrap_or_default();
        part.iter()
            .filter(|one| one.target.contains("&page="))
            .count()
    };
    let scoped = |one: &&Logged| one.target.contains("scope") && one.target.contains("pipelines");
    let first = log.iter().position(|one| scoped(&one)).unwrap();
    let last = log.iter().rposition(|one| scoped(&one)).unwrap();
    // 451 jobs and the caller are five pages: at the first look and to confirm the end.
    assert_eq!(pages(0, first), 4);
    assert_eq!(pages(first, last), 0);
    assert_eq!(log.len() - last, 1 + 5);
    assert!(log[first..last].iter().all(|one| one.status == 200));
}

#[test]
fn many_jobs_are_told_in_one_line_at_first() {
    let jobs = (0..30).map(|n| job(&format!("job {n:02}")).is("success"));
    let story = Story::new(ci().stage("test", jobs.chain([job("unit").runs(5)])));
    let told = super::after_head(story.run("wait --all"));
    assert_eq!(
        told.log,
        "08:00:00 31 jobs: 1 pending, 30 success\n08:00:02 unit  pending → running  (2s in queue)\n08:00:10 unit  running → success\n"
    );
    story.gitlab.finish();
}

#[test]
fn a_downstream_pipeline_costs_one_request_more() {
    let below = ci().stage("test", [job("e2e").runs(100)]);
    let story = Story::new(ci().stage("test", [child("child", below)]));
    assert_eq!(story.run("wait child --interval 10s").code, 0);
    let log = story.gitlab.finish();
    let below = |one: &&Logged| one.target.contains("pipelines/7701/jobs");
    let above = |one: &&Logged| one.target.contains("pipelines/7700/");
    let below = log.iter().filter(below).count();
    let above = log.iter().filter(above).count();
    assert!((9..=13).contains(&below), "{below}");
    // The trigger job has ended: it is read again each minute only, and at the end.
    assert!(above <= 8, "{above}\n{log:#?}");
}
