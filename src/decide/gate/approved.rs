//! `approved=JOB`: did somebody else play this manual job, and did it pass?
//!
//! GitLab's REST API does not tell whether a job is `when: manual`, nor who played it: it only puts the player's name over the
//! name that the job had (`app/services/ci/play_build_service.rb`). An automatic job bears the name of who started the pipeline; a
//! retried one that of who retried it. So a name is evidence of an approval only where neither explains it. One case is left
//! that cannot be told apart: an automatic job that was skipped and runs after somebody retried an earlier one bears that
//! person's name, too (`app/services/ci/reset_skipped_jobs_service.rb`). The condition is for jobs that are manual.

use super::check::{Answer, Checked};
use super::evidence::{Calling, Evidence, unclear};
use crate::model::{Job, Status, User};

const PLAY_IT: &str = "somebody other than the calling job's user has to play it";

pub(super) fn approved(name: &str, calling: &Calling, evidence: &Evidence) -> Checked {
    let own = calling.pipeline()?.id;
    let here =
        |job: &&Job| job.name == name && job.pipeline.is_none_or(|pipeline| pipeline.id == own);
    let rows = evidence.attempts.known()?;
    let attempts: Vec<&Job> = rows.iter().filter(here).collect();
    let Some(job) = attempts.iter().max_by_key(|job| job.id) else {
        return Ok(no("the pipeline has no job of exactly this name"));
    };
    Ok(match &job.status {
        _ if job.trigger => no("it is a trigger job, which approves nothing"),
        Status::Success => {
            let retried = attempts.iter().any(|attempt| attempt.id != job.id);
            return played_by_another(job, retried, calling, evidence);
        }
        Status::Manual => no(format!("it is manual: {}", job.web_url)).hint(PLAY_IT),
        status => no(format!("it is {}", status.word())),
    })
}

/// Of a job that passed: whether the name that it bears can only be that of somebody else who played it.
fn played_by_another(job: &Job, retried: bool, calling: &Calling, evidence: &Evidence) -> Checked {
    let Some(player) = job.user.as_deref().filter(|user| !user.username.is_empty()) else {
        return unclear("GitLab does not name who played it");
    };
    let name = &player.username;
    if same_person(player, calling.user()?) {
        let said = format!("it bears the name of {name}, the calling job's own user");
        return Ok(no(said).hint(PLAY_IT));
    }
    if retried {
        return unclear(format!(
            "it was retried, so {name} may only have retried it; a new pipeline can be approved"
        ));
    }
    let pipeline = evidence.pipeline.known()?;
    let Some(starter) = pipeline.user.as_deref().filter(|_| calling.is_in(pipeline)) else {
        return unclear("GitLab does not name who started the pipeline");
    };
    if same_person(player, starter) {
        return unclear(format!(
            "it bears the name of {name}, who started the pipeline: so does a job that nobody played"
        ));
    }
    Ok(Answer::new(
        true,
        format!("{name} played it, and it passed"),
    ))
}

fn same_person(a: &User, b: &User) -> bool {
    a.id == b.id || a.username == b.username
}

fn no(said: impl Into<String>) -> Answer {
    Answer::new(false, said)
}
