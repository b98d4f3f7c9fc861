//! `approved=JOB`: whose name on a job is an approval.

use jobgate::decide::gate::Finding::{Held, NotHeld, Unavailable};
use jobgate::decide::gate::evidence::{Evidence, Fetched};
use jobgate::model::Job;
use serde_json::json;

use super::evidence::*;

fn one(status: &str, user: (u64, &str)) -> Vec<Job> {
    vec![attempt(1, "approve", status, user)]
}

#[test]
fn an_approval_is_the_newest_attempt_played_by_somebody_else() {
    let own = "it bears the name of mira, the calling job's own user";
    let starter =
        "it bears the name of ann, who started the pipeline: so does a job that nobody played";
    let retried = "it was retried, so tom may only have retried it; a new pipeline can be approved";
    let failed_but_allowed = || Job {
        allow_failure: true,
        ..attempt(1, "approve", "failed", TOM)
    };
    let trigger = || Job {
        trigger: true,
        ..attempt(1, "approve", "success", TOM)
    };
    let nameless = || Job {
        user: None,
        ..attempt(1, "approve", "success", TOM)
    };
    let mut foreign = attempt(1, "approve", "success", TOM);
    foreign.pipeline = read(&json!({"id": 1}));
    for (rows, finding, said) in [
        (one("success", TOM), Held, "tom played it, and it passed"),
        (one("success", MIRA), NotHeld, own),
        (one("success", ANN), Unavailable, starter),
        (
            one("manual", TOM),
            NotHeld,
            "it is manual: https://gl.example/approve",
        ),
        (one("running", TOM), NotHeld, "it is running"),
        (one("skipped", TOM), NotHeld, "it is skipped"),
        (one("canceled", TOM), NotHeld, "it is canceled"),
        (one("splendid", TOM), NotHeld, "it is splendid"),
        (vec![failed_but_allowed()], NotHeld, "it is failed"),
        (
            vec![trigger()],
            NotHeld,
            "it is a trigger job, which approves nothing",
        ),
        (
            vec![nameless()],
            Unavailable,
            "GitLab does not name who played it",
        ),
        (
            vec![foreign],
            NotHeld,
            "the pipeline has no job of exactly this name",
        ),
        (
            vec![attempt(1, "approve 1/2", "success", TOM)],
            NotHeld,
            "the pipeline has no job of exactly this name",
        ),
        (
            vec![],
            NotHeld,
            "the pipeline has no job of exactly this name",
        ),
        // The older attempt passed, the newest waits again; in either order.
        (
            [
                one("success", TOM),
                vec![attempt(2, "approve", "manual", MIRA)],
            ]
            .concat(),
            NotHeld,
            "it is manual: https://gl.example/approve",
        ),
        (
            [
                vec![attempt(2, "approve", "failed", MIRA)],
                one("success", TOM),
            ]
            .concat(),
            NotHeld,
            "it is failed",
        ),
        // An automatic job bears the name of who retried it.
        (
            [
                one("failed", ANN),
                vec![attempt(2, "approve", "success", TOM)],
            ]
            .concat(),
            Unavailable,
            retried,
        ),
        // The same row twice, as overlapping pages bring it, is one attempt.
        (
            [one("success", TOM), one("success", TOM)].concat(),
            Held,
            "tom played it, and it passed",
        ),
    ] {
        let evidence = Evidence {
            attempts: Fetched::Known(rows),
            ..good()
        };
        assert_line("approved=approve", &evidence, finding, said);
    }
}

#[test]
fn a_person_is_the_same_by_id_and_by_name() {
    for user in [MIRA, (51, "mira-as-she-was-called"), (99, "mira")] {
        let rows = one("success", user);
        let evidence = Evidence {
            attempts: Fetched::Known(rows),
            ..good()
        };
        let said = format!(
            "it bears the name of {}, the calling job's own user",
            user.1
        );
        assert_line("approved=approve", &evidence, NotHeld, &said);
    }
}

#[test]
fn who_started_the_pipeline_must_be_known_for_an_approval() {
    let said = "GitLab does not name who started the pipeline";
    let mut nobody = pipeline(7700, "6d2fab12aa");
    nobody.user = None;
    let mut other = nobody.clone();
    other.id = read(&json!(7701));
    other.user = Some(Box::new(read(&json!({"id": 53, "username": "ann"}))));
    for row in [nobody, other] {
        let evidence = Evidence {
            pipeline: Fetched::Known(row),
            ..good()
        };
        assert_line("approved=approve", &evidence, Unavailable, said);
    }
}
