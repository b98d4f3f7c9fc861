//! How often GitLab is asked, counted by GitLab.

use super::Story;
use crate::fake::{Logged, ci, job};

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
fn long_lists_are_read_whole_and_the_more_rarely_the_longer_they_are() {
    let old = (0..1450).map(|n| job(&format!("old {n}")).is("success"));
    let story = Story::new(ci().stage("test", old.chain([job("unit").runs(200)])));
    assert_eq!(story.run("wait unit").code, 0);
    let log = story.gitlab.finish();
    // 1451 jobs and the caller are fifteen pages: at least fifteen seconds between looks.
    let looks = log.iter().filter(|one| one.target.ends_with("&page=2"));
    let times: Vec<_> = looks.map(|one| one.at).collect();
    assert!((8..16).contains(&times.len()), "{}", times.len());
    let mut gaps = times
        .windows(2)
        .map(|pair| pair[1].since(pair[0]).as_secs());
    assert!(gaps.all(|gap| gap >= 15));
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
fn a_wait_asks_about_280_times_an_hour() {
    let story = Story::new(ci().stage("test", [job("slow").endless()]));
    assert_eq!(story.run("wait slow").code, 3);
    let log = story.gitlab.finish();
    let seconds = log.last().unwrap().at.since(log[0].at).as_secs();
    let an_hour = log.len() as u64 * 3600 / seconds;
    assert!((240..=300).contains(&an_hour), "{an_hour}");
}
