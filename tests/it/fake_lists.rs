//! The fake's lists end, turn pages and count as GitLab's do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fake::{GitLab, World, ci, job};
use crate::fake_gitlab::{Seen, get, post};

/// 45 finished jobs, and the header of one that runs.
fn many() -> (GitLab, u64, String, String) {
    let mut world = World::new();
    let project = world.project("shop/web");
    let spec = ci().stage(
        "x",
        [job("gate").here(), job("unit").parallel(45).is("success")],
    );
    let pipeline = world.pipeline("shop/web", "main", spec);
    let header = format!(
        "JOB-TOKEN: {}",
        world.jobs[&world.job(pipeline, "gate")].token
    );
    let token = world.project_token(project, "maintainer", &["api"]);
    (GitLab::start(world), pipeline, header, token)
}

fn ids(seen: &Seen) -> Vec<u64> {
    let rows = seen.json();
    let rows = rows.as_array().unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[test]
fn a_pipelines_jobs_are_counted() {
    let (gitlab, pipeline, header, _) = many();
    let list = format!("/projects/44/pipelines/{pipeline}/jobs");
    let first = get(&gitlab, &list, &header);
    assert_eq!(ids(&first).len(), 20);
    for (name, value) in [
        ("x-total", "46"),
        ("x-total-pages", "3"),
        ("x-page", "1"),
        ("x-next-page", "2"),
        ("x-prev-page", ""),
    ] {
        assert_eq!(first.header(name), Some(value), "{name}");
    }
    let links = first.header("link").unwrap();
    assert!(
        links.contains(&format!("<{}{list}?page=2>; rel=\"next\"", gitlab.api())),
        "{links}"
    );
    assert!(links.contains("page=3>; rel=\"last\""), "{links}");
    let third = get(&gitlab, &format!("{list}?per_page=20&page=3"), &header);
    assert_eq!(
        (ids(&third).len(), third.header("x-next-page")),
        (6, Some(""))
    );
    assert_eq!(
        ids(&get(&gitlab, &format!("{list}?per_page=1000"), &header)).len(),
        46
    );
    let beyond = get(&gitlab, &format!("{list}?per_page=20&page=9"), &header);
    assert!(ids(&beyond).is_empty());
    let newest_first = ids(&get(&gitlab, &format!("{list}?per_page=100"), &header));
    assert!(newest_first.is_sorted_by(|a, b| a > b));
}

#[test]
fn a_projects_jobs_are_not_counted_or_come_by_keyset() {
    let (gitlab, _, header, _) = many();
    let first = get(&gitlab, "/projects/44/jobs?per_page=40", &header);
    assert_eq!(
        (first.header("x-total"), first.header("x-next-page")),
        (None, Some("2"))
    );
    assert!(!first.header("link").unwrap().contains("rel=\"last\""));
    let mut path =
        "/projects/44/jobs?pagination=keyset&per_page=20&order_by=id&sort=desc".to_owned();
    let mut all = Vec::new();
    loop {
        let page = get(&gitlab, &path, &header);
        assert_eq!(page.header("x-page"), None);
        all.extend(ids(&page));
        let Some(link) = page.header("link") else {
            break;
        };
        let url = link.trim_start_matches('<').split('>').next().unwrap();
        path = url.strip_prefix(&gitlab.api()).unwrap().to_owned();
    }
    assert_eq!((all.len(), BTreeSet::from_iter(&all).len()), (46, 46));
    let wrong = get(
        &gitlab,
        "/projects/44/jobs?pagination=keyset&order_by=name",
        &header,
    );
    assert_eq!(
        wrong.text(),
        r#"405 {"error":"Keyset pagination is not yet available for this type of request"}"#
    );
}

#[test]
fn scopes_are_gitlabs_words_only() {
    let (gitlab, pipeline, header, _) = many();
    let list = format!("/projects/44/pipelines/{pipeline}/jobs");
    let count = |query: &str| {
        ids(&get(
            &gitlab,
            &format!("{list}?per_page=100&{query}"),
            &header,
        ))
        .len()
    };
    assert_eq!(count("scope=running"), 1);
    assert_eq!(count("scope[]=running&scope[]=success"), 46);
    assert_eq!(count("scope%5B%5D=failed"), 0);
    for word in ["finished", ""] {
        let refusal = get(&gitlab, &format!("{list}?scope[]={word}"), &header);
        assert_eq!(
            refusal.text(),
            r#"400 {"error":"scope does not have a valid value"}"#
        );
    }
}

#[test]
fn a_retried_row_is_shown_only_on_demand_and_to_the_project() {
    let (gitlab, pipeline, header, token) = many();
    let old = gitlab.world(|world| world.job(pipeline, "unit 1/45"));
    let new = post(&gitlab, &format!("/projects/44/jobs/{old}/retry"), &token).json()["id"]
        .as_u64()
        .unwrap();
    let list = format!("/projects/44/pipelines/{pipeline}/jobs?per_page=100");
    let rows = ids(&get(&gitlab, &list, &header));
    assert!(rows.contains(&new) && !rows.contains(&old) && rows.len() == 46);
    let rows = ids(&get(
        &gitlab,
        &format!("{list}&include_retried=true"),
        &header,
    ));
    assert!(rows.contains(&new) && rows.contains(&old) && rows.len() == 47);
    let rows = ids(&get(&gitlab, "/projects/44/jobs?per_page=100", &header));
    assert!(rows.contains(&old));
}

#[test]
fn pipelines_are_filtered() {
    let (gitlab, first, header, _) = many();
    gitlab.world(|world| {
        world.at_project(44).branches.push("next".to_owned());
        world.pipeline(
            "shop/web",
            "next",
            ci().stage(
                "x",
                [crate::fake::child("below", ci().stage("y", [job("z")]))],
            ),
        );
        world.advance_by(5);
    });
    let seen = |query: &str| -> Vec<(String, String)> {
        let rows = get(&gitlab, &format!("/projects/44/pipelines?{query}"), &header).json();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| (text(row, "ref"), text(row, "source")))
            .collect()
    };
    let row = |name: &str, source: &str| (name.to_owned(), source.to_owned());
    assert_eq!(seen(""), [row("next", "push"), row("main", "push")]);
    assert_eq!(seen("ref=next"), [row("next", "push")]);
    assert_eq!(
        seen("source=parent_pipeline"),
        [row("next", "parent_pipeline")]
    );
    assert_eq!(seen("username=nobody"), []);
    assert_eq!(seen("ref=main&status=running"), [row("main", "push")]);
    assert_eq!(gitlab.world(|world| world.pipelines[&first].iid), 1);
}

#[test]
fn branches_and_tags_are_searched_as_gitlab_does() {
    let (gitlab, .., token) = many();
    gitlab.world(|world| {
        let project = world.at_project(44);
        project.branches = ["main", "maintenance", "not-main"]
            .map(str::to_owned)
            .to_vec();
    });
    let header = format!("PRIVATE-TOKEN: {token}");
    let names = |query: &str| -> Vec<String> {
        let rows = get(
            &gitlab,
            &format!("/projects/44/repository/branches?{query}"),
            &header,
        )
        .json();
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("search=main"), ["main", "maintenance", "not-main"]);
    assert_eq!(names("search=^main"), ["main", "maintenance"]);
    assert_eq!(names("search=^main$"), ["main"]);
    assert_eq!(
        get(&gitlab, "/projects/44/repository/branches/none", &header).text(),
        r#"404 {"message":"404 Branch Not Found"}"#
    );
}

#[test]
fn a_log_grows_while_the_job_runs_and_comes_in_parts() {
    let mut world = World::new();
    let project = world.project("shop/web");
    let spec = job("unit")
        .queue(0)
        .log("one\n")
        .log_at(10, "two\n")
        .runs(20);
    let pipeline = world.pipeline("shop/web", "main", ci().stage("x", [spec]));
    let unit = world.job(pipeline, "unit");
    let token = world.project_token(project, "maintainer", &["api"]);
    let header = format!("PRIVATE-TOKEN: {token}");
    let gitlab = GitLab::start(world);
    let trace = |query: &str| {
        get(
            &gitlab,
            &format!("/projects/44/jobs/{unit}/trace{query}"),
            &header,
        )
        .text()
    };
    assert_eq!(trace(""), "200 one\n");
    gitlab.world(|world| world.advance_by(10));
    assert_eq!(trace(""), "200 one\ntwo\n");
    assert_eq!(trace("?byte_offset=4&byte_limit=3"), "200 two");
    assert_eq!(trace("?byte_offset=99"), "200 ");
    assert!(trace("?byte_limit=512001").starts_with("400"));
    gitlab.world(|world| world.age = 18);
    assert_eq!(
        trace("?byte_offset=4&byte_limit=3"),
        "200 one\ntwo\n",
        "older servers send all"
    );
    gitlab.world(|world| world.advance_by(10));
    assert_eq!(
        post(&gitlab, &format!("/projects/44/jobs/{unit}/erase"), &token).status,
        201
    );
    assert_eq!(trace(""), "200 ");
}

#[test]
fn a_tag_may_be_called_as_a_branch_is() {
    let mut world = World::new();
    let project = world.project("shop/web");
    world.at_project(project).tags.push("main".to_owned());
    let spec = || ci().stage("x", [job("gate").here()]);
    let pipeline = world.pipeline_with("shop/web", "main", spec(), |new| {
        new.tag = true;
        new.source = "web";
    });
    let header = format!(
        "JOB-TOKEN: {}",
        world.jobs[&world.job(pipeline, "gate")].token
    );
    let token = world.project_token(project, "developer", &["read_api"]);
    let gitlab = GitLab::start(world);
    let me = get(&gitlab, "/job", &header).json();
    assert_eq!(
        (&me["ref"], &me["tag"], &me["pipeline"]["source"]),
        (&json!("main"), &json!(true), &json!("web"))
    );
    let access = format!("PRIVATE-TOKEN: {token}");
    let protected = |kind: &str| {
        get(
            &gitlab,
            &format!("/projects/44/repository/{kind}/main"),
            &access,
        )
        .json()["protected"]
            .clone()
    };
    assert_eq!(
        (protected("branches"), protected("tags")),
        (json!(true), json!(false))
    );
}
