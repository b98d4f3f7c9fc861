//! By what accident a condition could hold, and does not.

use jobgate::decide::gate::Finding::{self, Held, NotHeld, Unavailable};
use jobgate::decide::gate::evidence::{Calling, Evidence, Fetched, RefKind};
use serde_json::{Value, json};

use super::evidence::*;

fn with_job(change: impl Fn(&mut Value)) -> Evidence {
    let mut job = job_text();
    change(&mut job);
    Evidence {
        calling: calling(&job),
        ..good()
    }
}

fn with_agents(change: impl Fn(&mut Value)) -> Evidence {
    let mut agents = agents_text();
    change(&mut agents);
    Evidence {
        agents: Fetched::Known(read(&agents)),
        ..good()
    }
}

#[test]
fn a_tag_named_like_the_branch_is_no_branch() {
    let tag = with_job(|job| {
        job["ref"] = json!("main");
        job["tag"] = json!(true);
    });
    assert_line("branch=main", &tag, NotHeld, "the ref is the tag main");
    assert_line("branch", &tag, NotHeld, "the ref is the tag main");
    assert_line("tag=main", &tag, Held, "the ref is the tag main");
    // The branch main is protected; the tag main is not among the tags.
    let branches = refs(
        RefKind::Branch,
        &json!([{"name": "main", "protected": true}]),
    );
    let said = "the ref is the tag main, but another kind of ref was listed";
    assert_line(
        "protected-ref",
        &Evidence {
            refs: branches,
            ..tag
        },
        Unavailable,
        said,
    );
}

#[test]
fn a_ref_that_gitlab_keeps_for_itself_is_neither_branch_nor_tag() {
    for name in [
        "refs/merge-requests/1/head",
        "refs/merge-requests/1/merge",
        "refs/heads/main",
    ] {
        for tag in [true, false] {
            let evidence = with_job(|job| {
                job["ref"] = json!(name);
                job["tag"] = json!(tag);
            });
            let said = format!("the ref is {name}, neither branch nor tag");
            for text in ["branch", "branch=*", "tag", "tag=*"] {
                assert_line(text, &evidence, NotHeld, &said);
            }
            // Not even if GitLab lists a protected branch with such a name.
            let rows = json!([{"name": name, "protected": true}]);
            for kind in [RefKind::Branch, RefKind::Tag, RefKind::Internal] {
                let evidence = Evidence {
                    refs: refs(kind, &rows),
                    ..evidence.clone()
                };
                assert_line("protected-ref", &evidence, NotHeld, &said);
            }
        }
    }
}

#[test]
fn silence_about_the_ref_is_no_branch() {
    let silent = "GitLab does not say what the job's ref is";
    for change in [
        ("tag", Value::Null),
        ("ref", Value::Null),
        ("ref", json!("")),
    ] {
        let evidence = with_job(|job| job[change.0] = change.1.clone());
        for text in ["branch", "branch=*", "tag", "protected-ref"] {
            assert_line(text, &evidence, Unavailable, silent);
        }
    }
}

#[test]
fn a_search_that_hits_parts_of_names_proves_nothing() {
    let hits = json!([
        {"name": "release/70", "protected": true}, {"name": "old-release/7", "protected": true},
        {"name": "Release/7", "protected": true}, {"name": "release/7 ", "protected": true},
    ]);
    let said = "the ref is the branch release/7, which GitLab does not list";
    assert_line(
        "protected-ref",
        &Evidence {
            refs: refs(RefKind::Branch, &hits),
            ..good()
        },
        NotHeld,
        said,
    );
}

#[test]
fn the_owner_of_a_fork_is_owner_of_the_fork_only() {
    let mut evidence = with_job(|job| {
        job["pipeline"]["project_id"] = json!(99);
        job["web_url"] = json!("https://gl.example/mira/shop/-/jobs/90412");
    });
    let mut agents = agents_text();
    agents["project"]["id"] = json!(99);
    agents["user"]["roles_in_project"] = json!(["guest", "maintainer", "owner"]);
    evidence.agents = Fetched::Known(read(&agents));
    assert_line("role=owner", &evidence, Held, "mira is owner in project 99");
    assert_line(
        "project=44",
        &evidence,
        NotHeld,
        "the project is 99 (mira/shop)",
    );
    assert_line(
        "project=ops/shop",
        &evidence,
        NotHeld,
        "the project is 99 (mira/shop)",
    );
}

/// The calling job at this URL, on a server with this relative root.
fn at(root: &str, url: &str) -> Evidence {
    let mut job = job_text();
    job["web_url"] = json!(url);
    let calling = Calling {
        job: read(&job),
        current: read(&job),
        root: root.into(),
    };
    Evidence {
        calling: Fetched::Known(calling),
        ..good()
    }
}

#[test]
fn a_project_path_is_the_whole_path_and_nothing_else() {
    for (root, before, path, finding) in [
        ("", "https://gl.example/", "ops/shop", Held),
        ("", "http://gl.example:8080/", "ops/shop", Held),
        ("/gitlab", "https://gl.example/gitlab/", "ops/shop", Held),
        ("", "https://gl.example/", "gitlab/ops/shop", NotHeld),
        ("", "https://gl.example/", "evil/ops/shop", NotHeld),
        ("", "https://gl.example/", "ops/shop/evil", NotHeld),
        ("", "https://ops/", "shop/evil", NotHeld),
    ] {
        let evidence = at(root, &format!("{before}{path}/-/jobs/90412"));
        let said = format!("the project is 44 ({path})");
        assert_line("project=ops/shop", &evidence, finding, &said);
        assert_line("project=ops/shop,44", &evidence, Held, &said);
    }
}

#[test]
fn a_url_that_is_not_understood_gives_no_project_path() {
    for (root, url) in [
        ("", "https://gl.example/ops/shop/-/jobs/9"),
        ("", "https://gl.example/ops/shop/-/jobs/90412/"),
        ("", "https://gl.example/ops/shop/-/jobs/9?x=/-/jobs/90412"),
        ("/gitlab", "https://gl.example/ops/shop/-/jobs/90412"),
        ("/ops", "https://gl.example/opsops/shop/-/jobs/90412"),
        ("", "ops/shop/-/jobs/90412"),
        ("", "https://"),
        ("", ""),
    ] {
        let evidence = at(root, url);
        let path = "the path of project 44 cannot be read from the job's URL";
        let said = format!("{path} {url:?}; write project=44");
        assert_line("project=ops/shop", &evidence, Unavailable, &said);
        assert_line("project=ops/shop,44", &evidence, Held, "the project is 44");
    }
}

#[test]
fn letter_case_counts() {
    for text in [
        "project=Ops/shop",
        "branch=Release/*",
        "user=Mira",
        "environment=Prod/*",
        "agent=Ops/agents",
    ] {
        assert_eq!(line(text, &good()).finding, NotHeld, "{text}");
    }
    assert_eq!(
        line("project=Ops/Shop", &good()).hint,
        Some("letter case counts")
    );
    let shouted = Evidence {
        attempts: Fetched::Known(vec![attempt(1, "Approve", "success", TOM)]),
        ..good()
    };
    assert_eq!(line("approved=approve", &shouted).finding, NotHeld);
}

#[test]
fn answers_about_another_job_are_no_evidence() {
    let said = "GET /job and GET /job/allowed_agents name different jobs";
    for (part, id) in [
        ("job", 90411),
        ("pipeline", 7701),
        ("project", 45),
        ("user", 52),
    ] {
        let evidence = with_agents(|agents| agents[part]["id"] = json!(id));
        for text in [
            "project=44,45",
            "role=guest",
            "tier=production",
            "environment=*",
            "agent=12",
        ] {
            assert_line(text, &evidence, Unavailable, said);
        }
    }
}

#[test]
fn a_job_without_an_environment_meets_no_condition_on_one() {
    let evidence = with_agents(|agents| agents["environment"] = Value::Null);
    for text in [
        "tier=production,staging,testing,development,other",
        "environment=*",
    ] {
        assert_line(text, &evidence, NotHeld, "the job has no environment");
        assert!(
            line(text, &evidence)
                .hint
                .unwrap()
                .contains("action: verify")
        );
    }
    let untold = with_agents(|agents| agents["environment"] = json!({}));
    assert_line(
        "tier=production",
        &untold,
        Unavailable,
        "GitLab names no tier of the job's environment",
    );
    assert_line(
        "environment=*",
        &untold,
        Unavailable,
        "GitLab names no slug of the job's environment",
    );
}

#[test]
fn an_environment_is_found_by_its_slug_alone() {
    let listed = |rows: Value| Evidence {
        environments: Fetched::Known(read(&rows)),
        ..good()
    };
    let none = "GitLab lists no environment with the job's slug prod-eu-x1";
    for (rows, finding, said) in [
        (json!([]), Unavailable, none),
        (
            json!([{"id": 1, "name": "prod/eu", "slug": "prod-eu-x10"}]),
            Unavailable,
            none,
        ),
        (json!([{"id": 1, "name": "prod/eu"}]), Unavailable, none),
        (
            json!([{"id": 1, "name": "review/x", "slug": "prod-eu-x1"}]),
            NotHeld,
            "the environment is review/x",
        ),
        (
            json!([{"id": 1, "name": "prod/eu", "slug": "prod-eu-x1"}, {"id": 2, "name": "b", "slug": "prod-eu-x1"}]),
            Unavailable,
            "GitLab lists several environments with the slug prod-eu-x1",
        ),
    ] {
        assert_line("environment=prod/*", &listed(rows), finding, said);
    }
}

#[test]
fn words_that_this_version_does_not_know_match_nothing() {
    let odd = with_job(|job| job["pipeline"]["source"] = json!("teleport"));
    assert_line("source=push,web", &odd, NotHeld, "the source is teleport");
    let silent = with_job(|job| job["pipeline"]["source"] = Value::Null);
    assert_line(
        "source=push",
        &silent,
        Unavailable,
        "GitLab names no source of this pipeline",
    );
    assert_line(
        "newest",
        &silent,
        Unavailable,
        "GitLab names no source of this pipeline",
    );
    let odd = with_agents(|agents| agents["environment"]["tier"] = json!("moon"));
    assert_line("tier=production,other", &odd, NotHeld, "the tier is moon");
}

#[test]
fn no_agent_and_no_user_meet_nothing() {
    let lonely = with_agents(|agents| agents["allowed_agents"] = json!([]));
    assert_line(
        "agent=12",
        &lonely,
        NotHeld,
        "no agent is allowed to this job",
    );
    for user in [Value::Null, json!({"id": 51, "username": ""})] {
        let evidence = with_job(|job| job["user"] = user.clone());
        for text in ["user=mira", "role=guest", "approved=approve"] {
            assert_line(
                text,
                &evidence,
                Unavailable,
                "GitLab names no user of this job",
            );
        }
    }
}

#[test]
fn a_renamed_user_is_the_name_that_gitlab_gives_now() {
    let renamed = with_job(|job| job["user"]["username"] = json!("mira2"));
    assert_line("user=mira", &renamed, NotHeld, "the user is mira2");
    assert_line("user=mira2", &renamed, Held, "the user is mira2");
}

#[test]
fn jobs_that_were_not_asked_for_have_not_passed() {
    let said = "GitLab was not asked for these jobs";
    for text in ["jobs=unit", "jobs=unit* ", "jobs=*"] {
        let finding: Finding = line(text, &good()).finding;
        assert_eq!(finding, Unavailable, "{text}");
        assert_line(text, &good(), Unavailable, said);
    }
}
