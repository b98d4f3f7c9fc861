//! The order in which a pipeline's jobs are shown. GitLab's lists name no order of stages.

use std::collections::HashMap;

use crate::model::{Job, JobId};

/// The place of each row of a pipeline's list: by stage, then as the jobs were made; attempts of one job stand together, oldest first.
/// GitLab creates the jobs stage by stage, so a stage's lowest id places it; with retried attempts the ids are the first ones.
pub fn places(list: &[Job]) -> HashMap<JobId, usize> {
    let stages = lowest(list, |job| &job.stage);
    let names = lowest(list, |job| &job.name);
    let mut rows: Vec<&Job> = list.iter().collect();
    rows.sort_unstable_by_key(|job| {
        (
            stages.get(job.stage.as_str()).copied(),
            names.get(job.name.as_str()).copied(),
            job.id,
        )
    });
    rows.iter().map(|job| job.id).zip(0..).collect()
}

fn lowest<'a>(jobs: &'a [Job], key: fn(&Job) -> &String) -> HashMap<&'a str, JobId> {
    let mut lowest: HashMap<&'a str, JobId> = HashMap::new();
    for job in jobs {
        let id = lowest.entry(key(job)).or_insert(job.id);
        *id = job.id.min(*id);
    }
    lowest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn job(id: u64, name: &str, stage: &str) -> Job {
        let text = serde_json::json!({"id": id, "name": name, "stage": stage, "status": "success"});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn the_lowest_id_places_a_stage_and_a_job_retried_attempts_counted() {
        // As the list comes: newest first. `lint` and all of `build` were retried.
        let jobs = [
            job(21, "compile", "build"),
            job(20, "lint", "test"),
            job(14, "ship", "deploy"),
            job(13, "unit", "test"),
            job(12, "lint", "test"),
            job(11, "lint", "test"),
            job(10, "compile", "build"),
        ];
        let places = places(&jobs);
        let mut ids: Vec<u64> = jobs.iter().map(|job| job.id.0).collect();
        ids.sort_by_key(|id| places[&JobId(*id)]);
        assert_eq!(ids, [10, 21, 11, 12, 20, 13, 14]);
    }
}
