//! `approved=JOB`: did another user play this manual job, and did it pass?
//!
//! GitLab's REST API does not say whether a job is `when: manual`, nor who played it: playing only puts the player's name in place of the
//! job's user (`app/services/ci/play_build_service.rb`). The user of an automatic job is the one who started the pipeline, the user of a
//! retried job the one who retried it. So a user is evidence of an approval only where neither explains it. One case remains that looks the
//! same: an automatic job that was skipped and runs after a user retried an earlier one names that user, too
//! (`app/services/ci/reset_skipped_jobs_service.rb`). The condition is for manual jobs.

use super::check::Checked;
use super::evidence::{Evidence, known};
use super::said::{Fact, Said};
use crate::model::{Job, Status, User};

pub(super) fn approved(values: &[String], evidence: &Evidence) -> Checked {
    let asked = ["approved=", &values.concat()].concat();
    known(evidence.jobs.get(&asked))?;
    let rows = evidence.attempts.as_ref();
    let rows = rows.ok_or_else(|| Fact::NotAsked.of(&[]))?.iter();
    let named = |job: &&Job| values.contains(&job.name);
    let attempts: Vec<&Job> = rows.filter(named).collect();
    let Some(job) = attempts.iter().max_by_key(|job| job.id) else {
        return Ok((Some(false), Fact::NoJob.of(&[])));
    };
    let said = match &job.status {
        _ if job.trigger => Fact::TriggerJob.of(&[]),
        Status::Success => {
            let retried = attempts.iter().any(|attempt| attempt.id != job.id);
            return played_by_another(job, retried, evidence);
        }
        Status::Manual => Fact::Manual.of(&[]),
        status => Fact::Status.of(&[&status.word()]),
    };
    Ok((Some(false), said))
}

/// Of a job that passed: whether its user can only be another one, who played it.
fn played_by_another(job: &Job, retried: bool, evidence: &Evidence) -> Checked {
    let calling = &evidence.calling;
    let player = job.user.as_deref().filter(|user| !user.username.is_empty());
    let player = player.ok_or_else(|| Fact::Silent.of(&[&"user"]))?;
    let said = |fact: Fact| fact.of(&[&player.username]);
    if same_person(player, calling.user()?) {
        return Ok((Some(false), said(Fact::OwnUser)));
    }
    if retried {
        return Ok((Some(false), said(Fact::Retried)));
    }
    let pipeline = known(evidence.pipeline.as_ref())?;
    let starter = pipeline.user.as_deref();
    let starter = starter.filter(|_| pipeline.id == calling.pipeline.id);
    let starter = starter.ok_or_else(|| Fact::Silent.of(&[&"starter"]))?;
    Ok(if same_person(player, starter) {
        (Some(false), said(Fact::Starter))
    } else {
        (Some(true), said(Fact::Played))
    })
}

/// No waiting changes it. A list without any job is that of a server that lags behind.
pub(super) fn never(said: &Said, evidence: &Evidence) -> bool {
    let listed = evidence.attempts.iter().any(|rows| !rows.is_empty());
    listed && matches!(said, Said::Fact(Fact::NoJob | Fact::TriggerJob, _))
}

fn same_person(a: &User, b: &User) -> bool {
    a.id == b.id || a.username == b.username
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::super::tests::*;
    use super::*;
    use crate::exit::Exit::{self, Closed as NotHeld, Ok as Held, Unknown};

    /// How the condition comes out for these attempts, in either order.
    #[track_caller]
    fn approves(rows: &[Job], finding: Exit, said: Expect) {
        let mut attempts = rows.to_vec();
        attempts.reverse();
        let mut evidence = good();
        evidence.attempts = Some(attempts);
        assert_eq!(
            super::super::tests::finding("approved=approve", &evidence),
            finding
        );
        evidence.attempts = Some(rows.to_vec());
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
            expect![[r#"
            tom played it, and it passed
        "#]],
        );
        approves(
            &[one("success", MIRA)],
            NotHeld,
            expect![[r#"
                its user is mira, who is also the calling job's user
            "#]],
        );
        approves(
            &[one("success", ANN)],
            NotHeld,
            expect![[r#"
                its user is ann, who started the pipeline; a job that nobody plays has that user, too
            "#]],
        );
        let nameless = Job {
            user: None,
            ..one("success", TOM)
        };
        approves(
            &[nameless],
            Unknown,
            expect![[r#"
                GitLab names no user
            "#]],
        );
        // The same row twice, as overlapping pages bring it, is one attempt.
        approves(
            &[one("success", TOM), one("success", TOM)],
            Held,
            expect![[r#"
                tom played it, and it passed
            "#]],
        );
        // GitLab names the user who retried an automatic job.
        let retry = attempt(2, "approve", "success", TOM);
        approves(
            &[one("failed", ANN), retry],
            NotHeld,
            expect![[r#"
                it was retried, so its user tom may only have retried it
            "#]],
        );
    }

    #[test]
    fn only_a_job_that_has_passed_approves() {
        for status in ["running", "skipped", "canceled", "splendid"] {
            let mut evidence = good();
            evidence.attempts = Some(vec![one(status, TOM)]);
            assert_eq!(finding("approved=approve", &evidence), NotHeld, "{status}");
        }
        approves(
            &[one("manual", TOM)],
            NotHeld,
            expect![[r#"
                it is manual, for another user to play
            "#]],
        );
        let failed = Job {
            allow_failure: true,
            ..one("failed", TOM)
        };
        approves(
            &[failed],
            NotHeld,
            expect![[r#"
            it is failed
        "#]],
        );
        let trigger = Job {
            trigger: true,
            ..one("success", TOM)
        };
        approves(
            &[trigger],
            NotHeld,
            expect![[r#"
            it is a trigger job, which approves nothing
        "#]],
        );
        // The older attempt passed, the newest waits again.
        let again = attempt(2, "approve", "manual", MIRA);
        approves(
            &[one("success", TOM), again],
            NotHeld,
            expect![[r#"
                it is manual, for another user to play
            "#]],
        );
        approves(
            &[attempt(1, "approve 1/2", "success", TOM)],
            NotHeld,
            expect![[r#"
                the pipeline has no job with exactly this name
            "#]],
        );
        approves(
            &[],
            NotHeld,
            expect![[r#"
                the pipeline has no job with exactly this name
            "#]],
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
            evidence.attempts = Some(vec![one("success", user)]);
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
            expect![[r#"
                GitLab names no starter
            "#]],
        );
    }
}
