//! `approved=JOB`: did another user play this manual job, and did it pass?
//!
//! GitLab's REST API does not say whether a job is `when: manual`, nor who played it: it only puts the player's name over the
//! name that the job had (`app/services/ci/play_build_service.rb`). An automatic job bears the name of who started the pipeline; a
//! retried one that of who retried it. So a name is evidence of an approval only where neither explains it. One case is left
//! that cannot be told apart: an automatic job that was skipped and runs after somebody retried an earlier one bears that
//! person's name, too (`app/services/ci/reset_skipped_jobs_service.rb`). The condition is for jobs that are manual.

use super::check::{Checked, Fit};
use super::evidence::{Evidence, known};
use super::said::{Approval, Gap, Said};
use crate::model::{Job, Status, User};

pub(super) fn approved(values: &[String], evidence: &Evidence) -> Checked {
    let rows = known(evidence.attempts.as_ref())?;
    let attempts: Vec<&Job> = rows
        .iter()
        .filter(|job| values.contains(&job.name))
        .collect();
    let Some(job) = attempts.iter().max_by_key(|job| job.id) else {
        return Ok(no(Approval::NoJob));
    };
    match &job.status {
        _ if job.trigger => Ok(no(Approval::TriggerJob)),
        Status::Success => {
            let retried = attempts.iter().any(|attempt| attempt.id != job.id);
            played_by_another(job, retried, evidence)
        }
        Status::Manual => Ok(no(Approval::Manual(job.web_url.clone()))),
        status => Ok(no(Approval::Status(status.clone()))),
    }
}

/// Of a job that passed: whether the name that it bears can only be that of another user who played it.
fn played_by_another(job: &Job, retried: bool, evidence: &Evidence) -> Checked {
    let calling = &evidence.calling;
    let player = job.user.as_deref().filter(|user| !user.username.is_empty());
    let player = player.ok_or(Gap::NoPlayer)?;
    let name = player.username.clone();
    if same_person(player, calling.user()?) {
        return Ok(no(Approval::OwnUser(name)));
    }
    if retried {
        return Ok(no(Approval::Retried(name)));
    }
    let pipeline = known(evidence.pipeline.as_ref())?;
    let starter = pipeline
        .user
        .as_deref()
        .filter(|_| pipeline.id == calling.pipeline.id);
    if same_person(player, starter.ok_or(Gap::NoStarter)?) {
        return Ok(no(Approval::Starter(name)));
    }
    Ok((Fit::One, Said::Approval(Approval::By(name))))
}

fn same_person(a: &User, b: &User) -> bool {
    a.id == b.id || a.username == b.username
}

fn no(approval: Approval) -> (Fit, Said) {
    (Fit::None, Said::Approval(approval))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::super::Finding::{self, Held, NotHeld, Unknown};
    use super::super::tests::*;
    use super::*;

    /// How the condition comes out for these attempts, in either order.
    #[track_caller]
    fn approves(rows: &[Job], finding: Finding, said: Expect) {
        let mut attempts = rows.to_vec();
        attempts.reverse();
        let mut evidence = good();
        evidence.attempts = Some(Ok(attempts));
        assert_eq!(
            super::super::tests::finding("approved=approve", &evidence),
            finding
        );
        evidence.attempts = Some(Ok(rows.to_vec()));
        judged([&evidence], finding, &["approved=approve"], said);
    }

    fn one(status: &str, user: (u64, &str)) -> Job {
        attempt(1, "approve", status, user)
    }

    #[test]
    fn only_the_name_of_a_user_who_must_have_played_it_is_an_approval() {
        approves(
            &[one("success", TOM)],
            Held,
            expect!["tom played it, and it passed"],
        );
        approves(
            &[one("success", MIRA)],
            NotHeld,
            expect!["it bears the name of mira, the calling job's own user"],
        );
        approves(
            &[one("success", ANN)],
            NotHeld,
            expect![
                "it bears the name of ann, who started the pipeline, as a job does that was not played"
            ],
        );
        let nameless = Job {
            user: None,
            ..one("success", TOM)
        };
        approves(
            &[nameless],
            Unknown,
            expect!["GitLab does not name the user who played it"],
        );
        // The same row twice, as overlapping pages bring it, is one attempt.
        approves(
            &[one("success", TOM), one("success", TOM)],
            Held,
            expect!["tom played it, and it passed"],
        );
        // An automatic job bears the name of the user who retried it.
        let retry = attempt(2, "approve", "success", TOM);
        approves(
            &[one("failed", ANN), retry],
            NotHeld,
            expect![
                "it was retried, so tom may only have retried it; a new pipeline can be approved"
            ],
        );
    }

    #[test]
    fn only_a_job_that_has_passed_approves() {
        for status in ["running", "skipped", "canceled", "splendid"] {
            let mut evidence = good();
            evidence.attempts = Some(Ok(vec![one(status, TOM)]));
            assert_eq!(finding("approved=approve", &evidence), NotHeld, "{status}");
        }
        approves(
            &[one("manual", TOM)],
            NotHeld,
            expect!["it is manual: https://gl.example/approve"],
        );
        let failed = Job {
            allow_failure: true,
            ..one("failed", TOM)
        };
        approves(&[failed], NotHeld, expect!["it is failed"]);
        let trigger = Job {
            trigger: true,
            ..one("success", TOM)
        };
        approves(
            &[trigger],
            NotHeld,
            expect!["it is a trigger job, which approves nothing"],
        );
        // The older attempt passed, the newest waits again.
        let again = attempt(2, "approve", "manual", MIRA);
        approves(
            &[one("success", TOM), again],
            NotHeld,
            expect!["it is manual: https://gl.example/approve"],
        );
        approves(
            &[attempt(1, "approve 1/2", "success", TOM)],
            NotHeld,
            expect!["the pipeline has no job of exactly this name"],
        );
        approves(
            &[],
            NotHeld,
            expect!["the pipeline has no job of exactly this name"],
        );
    }

    #[test]
    fn a_person_is_the_same_by_id_and_by_name() {
        for user in [
            MIRA,
            (51, "mira-as-she-was-called"),
            (99, "mira"),
            (53, "ann2"),
            (98, "ann"),
        ] {
            let mut evidence = good();
            evidence.attempts = Some(Ok(vec![one("success", user)]));
            assert_eq!(finding("approved=approve", &evidence), NotHeld, "{user:?}");
        }
    }

    #[test]
    fn without_the_starter_of_the_pipeline_nothing_is_approved() {
        let without = [json!({"user": null}), json!({"id": 7701})].map(|change| {
            let mut text =
                json!({"id": 7700, "status": "running", "user": {"id": 53, "username": "ann"}});
            for (key, value) in change.as_object().unwrap() {
                text[key] = value.clone();
            }
            let mut evidence = good();
            evidence.pipeline = Some(Ok(read(&text)));
            evidence
        });
        judged(
            &without,
            Unknown,
            &["approved=approve"],
            expect!["GitLab does not name the user who started the pipeline"],
        );
    }
}
