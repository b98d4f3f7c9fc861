//! What makes each condition hold, and what the line says.

use jobgate::decide::gate::evidence::{
    Evidence, Fetched, JobsEvidence, Piece, PipelinesOfRef, RefKind,
};
use jobgate::decide::gate::{Condition, Finding, judge, needs};
use jobgate::exit::Exit;
use serde_json::json;

use super::evidence::*;
use Finding::{Held, NotHeld, Refused, Unavailable};

#[test]
fn each_condition_holds_by_what_gitlab_says() {
    for (text, said) in [
        ("project=44", "the project is 44 (ops/shop)"),
        ("project=ops/shop", "the project is 44 (ops/shop)"),
        ("branch", "the ref is the branch release/7"),
        ("branch=main,release/*", "the ref is the branch release/7"),
        (
            "protected-ref",
            "the ref is the branch release/7, protected",
        ),
        ("source=web,push", "the source is push"),
        ("user=tom,mira", "the user is mira"),
        ("role=reporter", "mira is developer in project 44"),
        ("role=owner,guest", "mira is developer in project 44"),
        ("tier=production,staging", "the tier is production"),
        ("environment=prod/*", "the environment is prod/eu"),
        ("agent=9,12", "agent 12 of ops/agents is allowed"),
        ("agent=ops/agents", "agent 12 of ops/agents is allowed"),
        ("jobs=unit*", "2 of 2 passed"),
        ("approved=approve", "tom played it, and it passed"),
        ("newest", "no pipeline after 7700 is for another commit"),
    ] {
        assert_line(text, &good(), Held, said);
    }
}

#[test]
fn each_condition_does_not_hold_if_gitlab_says_otherwise() {
    for (text, said) in [
        ("project=4,440", "the project is 44 (ops/shop)"),
        ("project=ops/shop2", "the project is 44 (ops/shop)"),
        ("branch=main", "the ref is the branch release/7"),
        ("tag", "the ref is the branch release/7"),
        ("tag=release/*", "the ref is the branch release/7"),
        ("source=web", "the source is push"),
        ("user=tom", "the user is mira"),
        ("role=maintainer", "mira is developer in project 44"),
        ("tier=staging", "the tier is production"),
        ("environment=prod/us,prod", "the environment is prod/eu"),
        ("agent=1,2", "not among the 1 allowed to this job"),
        ("agent=ops/other", "not among the 1 allowed to this job"),
        (
            "approved=sign off",
            "the pipeline has no job of exactly this name",
        ),
        ("approved=deploy", "it is running"),
    ] {
        assert_line(text, &good(), NotHeld, said);
    }
}

#[test]
fn roles_compare_by_rank_and_an_unknown_role_has_none() {
    let ladder = [
        "guest",
        "planner",
        "reporter",
        "security_manager",
        "developer",
        "maintainer",
        "owner",
    ];
    for (has, _) in ladder.iter().enumerate() {
        for (wanted, role) in ladder.iter().enumerate() {
            let mut agents = agents_text();
            agents["user"]["roles_in_project"] = json!(ladder[..=has]);
            let evidence = Evidence {
                agents: Fetched::Known(read(&agents)),
                ..good()
            };
            let finding = if has >= wanted { Held } else { NotHeld };
            assert_eq!(line(&format!("role={role}"), &evidence).finding, finding);
        }
    }
    let mut agents = agents_text();
    agents["user"]["roles_in_project"] = json!(["overlord"]);
    let evidence = Evidence {
        agents: Fetched::Known(read(&agents)),
        ..good()
    };
    assert_line(
        "role=guest",
        &evidence,
        NotHeld,
        "mira has no known role in project 44",
    );
    agents["user"]["roles_in_project"] = json!(["overlord", "guest"]);
    let evidence = Evidence {
        agents: Fetched::Known(read(&agents)),
        ..good()
    };
    assert_line(
        "role=owner",
        &evidence,
        NotHeld,
        "mira is guest in project 44",
    );
}

#[test]
fn a_verdict_on_jobs_holds_only_if_it_is_a_pass_of_something() {
    for (matched, verdict, finding, said) in [
        (1, Exit::Ok, Held, "the look"),
        (0, Exit::Ok, NotHeld, "no job matches"),
        (1, Exit::Failed, NotHeld, "the look"),
        (1, Exit::Canceled, NotHeld, "the look"),
        (1, Exit::Pending, NotHeld, "the look"),
        (0, Exit::NotFound, NotHeld, "the look"),
        (1, Exit::Closed, NotHeld, "the look"),
        (1, Exit::Deadlock, NotHeld, "the look"),
        (1, Exit::Refused, Refused, "the look"),
        (1, Exit::Unknown, Unavailable, "the look"),
        (1, Exit::Timeout, Unavailable, "the look"),
        (1, Exit::Usage, Unavailable, "the look"),
    ] {
        let looked = JobsEvidence {
            matched,
            verdict,
            said: "the look".into(),
        };
        let evidence = Evidence {
            jobs: vec![("unit*".into(), Fetched::Known(looked))],
            ..good()
        };
        assert_line("jobs=unit*", &evidence, finding, said);
    }
}

#[test]
fn newest_counts_pipelines_of_this_ref_with_another_commit() {
    let of_ref = |rows, children| Fetched::Known(PipelinesOfRef { rows, children });
    let own = || pipeline(7700, "6d2fab12aa");
    let mut elsewhere = pipeline(7800, "ffff");
    elsewhere.ref_name = "release/70".into();
    for (rows, finding, said) in [
        (
            vec![own()],
            Held,
            "no pipeline after 7700 is for another commit",
        ),
        (
            vec![pipeline(7701, "6d2fab12aa"), own()],
            Held,
            "no pipeline after 7700 is for another commit",
        ),
        (
            vec![elsewhere, own()],
            Held,
            "no pipeline after 7700 is for another commit",
        ),
        (
            vec![pipeline(7701, "ffffffff00"), own()],
            NotHeld,
            "pipeline 7701 of release/7 is for ffffffff",
        ),
        (
            vec![pipeline(7701, ""), own()],
            NotHeld,
            "pipeline 7701 of release/7 is for an unknown commit",
        ),
        (
            vec![],
            Unavailable,
            "the pipelines that GitLab lists do not show pipeline 7700",
        ),
        (
            vec![pipeline(7600, "0")],
            Unavailable,
            "the pipelines that GitLab lists do not show pipeline 7700",
        ),
    ] {
        let evidence = Evidence {
            of_ref: of_ref(rows, None),
            ..good()
        };
        assert_line("newest", &evidence, finding, said);
    }

    let mut job = job_text();
    job["pipeline"]["source"] = json!("parent_pipeline");
    let parent = || pipeline(7699, "6d2fab12aa");
    let hidden = "the pipelines that GitLab lists do not show pipeline 7700";
    for (rows, children, finding, said) in [
        (
            vec![parent()],
            None,
            Unavailable,
            "GitLab was not asked for the child pipelines of this ref",
        ),
        (
            vec![parent()],
            Some(vec![own()]),
            Held,
            "no pipeline after 7700 is for another commit",
        ),
        (
            vec![pipeline(7702, "ee"), parent()],
            Some(vec![own()]),
            NotHeld,
            "pipeline 7702 of release/7 is for ee",
        ),
        (
            vec![parent()],
            Some(vec![pipeline(7703, "dd"), own()]),
            NotHeld,
            "pipeline 7703 of release/7 is for dd",
        ),
        (vec![], Some(vec![own()]), Unavailable, hidden),
        (vec![parent()], Some(vec![]), Unavailable, hidden),
    ] {
        let evidence = Evidence {
            calling: calling(&job),
            of_ref: of_ref(rows, children),
            ..good()
        };
        assert_line("newest", &evidence, finding, said);
    }
}

#[test]
fn protected_means_a_row_of_exactly_this_name_and_kind() {
    let rows = json!([{"name": "release/7", "protected": true}]);
    let listed = |kind, rows| Evidence {
        refs: refs(kind, &rows),
        ..good()
    };
    for (evidence, finding, said) in [
        (
            listed(RefKind::Branch, rows.clone()),
            Held,
            "the ref is the branch release/7, protected",
        ),
        (
            listed(RefKind::Branch, json!([])),
            NotHeld,
            "the ref is the branch release/7, which GitLab does not list",
        ),
        (
            listed(RefKind::Branch, json!([{"name": "release/7"}])),
            NotHeld,
            "the ref is the branch release/7, not protected",
        ),
        (
            listed(RefKind::Tag, rows),
            Unavailable,
            "the ref is the branch release/7, but another kind of ref was listed",
        ),
    ] {
        assert_line("protected-ref", &evidence, finding, said);
    }
}

#[test]
fn the_worst_line_decides_and_every_line_is_there() {
    let evidence = Evidence {
        refs: Fetched::Refused("GET .../branches: 403".into()),
        attempts: Fetched::Unavailable("GET .../jobs: 502".into()),
        ..good()
    };
    for (texts, exit) in [
        (vec!["branch"], Exit::Ok),
        (vec!["branch", "user=mira", "branch"], Exit::Ok),
        (vec!["branch", "approved=approve"], Exit::Unknown),
        (
            vec!["approved=approve", "protected-ref", "branch"],
            Exit::Refused,
        ),
        (
            vec!["protected-ref", "approved=approve", "tag", "branch"],
            Exit::Closed,
        ),
        (vec!["branch=release/*", "branch=main"], Exit::Closed),
        (vec![], Exit::Unknown),
    ] {
        let conditions: Vec<Condition> = texts.iter().map(|text| condition(text)).collect();
        let judgement = judge(&conditions, &evidence);
        assert_eq!(judgement.exit(), exit, "{texts:?}");
        assert_eq!(judgement.open(), exit == Exit::Ok);
        let shown: Vec<&str> = judgement
            .lines
            .iter()
            .map(|line| line.condition.as_str())
            .collect();
        assert_eq!(shown, texts);
    }
    assert_line("protected-ref", &evidence, Refused, "GET .../branches: 403");
    assert_line(
        "approved=approve",
        &evidence,
        Unavailable,
        "GET .../jobs: 502",
    );
}

#[test]
fn only_what_is_needed_is_asked_for_once() {
    let asked = |texts: &[&str]| {
        let conditions: Vec<Condition> = texts.iter().map(|text| condition(text)).collect();
        format!("{:?}", needs(&conditions))
    };
    for (texts, expected) in [
        (vec![], "[]"),
        (
            vec!["branch", "tag=v*", "source=push", "user=mira"],
            "[Calling]",
        ),
        (
            vec!["role=owner", "agent=1", "tier=other", "project=1"],
            "[Calling, AllowedAgents]",
        ),
        (
            vec!["environment=prod"],
            "[Calling, AllowedAgents, Environments]",
        ),
        (vec!["protected-ref", "protected-ref"], "[Calling, Refs]"),
        (
            vec!["approved=a", "approved=b"],
            "[Calling, Pipeline, Attempts]",
        ),
        (vec!["newest"], "[Calling, PipelinesOfRef]"),
        (
            vec!["jobs=b", "jobs=a", "jobs=b"],
            "[Calling, Jobs(\"a\"), Jobs(\"b\")]",
        ),
    ] {
        assert_eq!(asked(&texts), expected, "{texts:?}");
    }
}

/// Whatever a condition is judged by is among what it asks for, and without any one piece of that it does not hold.
#[test]
fn without_a_piece_of_its_evidence_no_condition_holds() {
    for text in ALL {
        for piece in needs(&[condition(text)]) {
            for (finding, evidence) in [
                (Refused, without(piece, true)),
                (Unavailable, without(piece, false)),
            ] {
                assert_eq!(
                    line(text, &evidence).finding,
                    finding,
                    "{text} without {piece:?}"
                );
            }
        }
        assert_eq!(
            line(text, &Evidence::default()).finding,
            Unavailable,
            "{text}"
        );
    }
}

fn without(piece: Piece, refused: bool) -> Evidence {
    fn gap<T>(refused: bool) -> Fetched<T> {
        if refused {
            Fetched::Refused("403".into())
        } else {
            Fetched::Unavailable("502".into())
        }
    }
    let mut evidence = good();
    match piece {
        Piece::Calling => evidence.calling = gap(refused),
        Piece::AllowedAgents => evidence.agents = gap(refused),
        Piece::Environments => evidence.environments = gap(refused),
        Piece::Refs => evidence.refs = gap(refused),
        Piece::Pipeline => evidence.pipeline = gap(refused),
        Piece::PipelinesOfRef => evidence.of_ref = gap(refused),
        Piece::Attempts => evidence.attempts = gap(refused),
        Piece::Jobs(_) => evidence.jobs = vec![("unit*".into(), gap(refused))],
    }
    evidence
}
