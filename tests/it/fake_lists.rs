//! The fake's lists end, turn pages and count as GitLab's do.

use std::collections::BTreeSet;

use expect_test::expect;

use crate::fake::{World, child, ci, job};
use crate::fake_gitlab::{Seen, Shop};

/// 45 finished jobs, and one that runs.
fn many() -> Shop {
    let mut world = World::new();
    world.project("shop/web");
    let unit = job("unit").parallel(45).is("success");
    let spec = ci().stage("x", [job("gate").here(), unit]);
    let pipeline = world.pipeline("shop/web", "main", spec);
    Shop::start(world, pipeline)
}

fn ids(seen: &Seen) -> Vec<u64> {
    let rows = seen.json();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["id"].as_u64().unwrap()).collect()
}

#[test]
fn a_pipelines_jobs_are_counted() {
    let shop = many();
    let first = shop.ask("job GET /projects/44/pipelines/:pipeline/jobs");
    for (name, value) in [
        ("x-total", "46"),
        ("x-total-pages", "3"),
        ("x-page", "1"),
        ("x-next-page", "2"),
        ("x-prev-page", ""),
    ] {
        assert_eq!(first.header(name), Some(value), "{name}");
    }
    let list = format!("/projects/44/pipelines/{}/jobs", shop.pipeline);
    let next = format!("<{}{list}?page=2>; rel=\"next\"", shop.gitlab.api());
    let links = first.header("link").unwrap();
    assert!(links.contains(&next), "{links}");
    assert!(links.contains("page=3>; rel=\"last\""), "{links}");
    shop.transcript(expect![[r#"
        job GET /projects/44/pipelines/:pipeline/jobs -> 200 20 rows
        job GET /projects/44/pipelines/:pipeline/jobs?per_page=20&page=3 -> 200 6 rows
        job GET /projects/44/pipelines/:pipeline/jobs?per_page=1000 -> 200 46 rows
        job GET /projects/44/pipelines/:pipeline/jobs?per_page=20&page=9 -> 200 0 rows
        job GET /projects/44/pipelines/:pipeline/jobs?scope=running -> 200 1 rows
        job GET /projects/44/pipelines/:pipeline/jobs?per_page=100&scope[]=running&scope[]=success -> 200 46 rows
        job GET /projects/44/pipelines/:pipeline/jobs?scope%5B%5D=failed -> 200 0 rows
        job GET /projects/44/pipelines/:pipeline/jobs?scope[]=finished -> 400 {"error":"scope does not have a valid value"}
        job GET /projects/44/pipelines/:pipeline/jobs?scope[]= -> 400 {"error":"scope does not have a valid value"}
    "#]]);
    let third = shop.ask("job GET /projects/44/pipelines/:pipeline/jobs?page=3");
    assert_eq!(third.header("x-next-page"), Some(""));
    let all = shop.ask("job GET /projects/44/pipelines/:pipeline/jobs?per_page=100");
    assert!(ids(&all).is_sorted_by(|a, b| a > b), "newest first");
}

#[test]
fn a_projects_jobs_are_not_counted_or_come_by_keyset() {
    let shop = many();
    let first = shop.ask("job GET /projects/44/jobs?per_page=40");
    assert_eq!(
        (first.header("x-total"), first.header("x-next-page")),
        (None, Some("2"))
    );
    assert!(!first.header("link").unwrap().contains("rel=\"last\""));
    let mut path =
        "/projects/44/jobs?pagination=keyset&per_page=20&order_by=id&sort=desc".to_owned();
    let mut all = Vec::new();
    loop {
        let page = shop.ask(&format!("job GET {path}"));
        assert_eq!(page.header("x-page"), None);
        all.extend(ids(&page));
        let Some(link) = page.header("link") else {
            break;
        };
        let url = link.trim_start_matches('<').split('>').next().unwrap();
        path = url.strip_prefix(&shop.gitlab.api()).unwrap().to_owned();
    }
    assert_eq!((all.len(), BTreeSet::from_iter(&all).len()), (46, 46));
    shop.transcript(expect![[r#"
        job GET /projects/44/jobs?pagination=keyset&order_by=name -> 405 {"error":"Keyset pagination is not yet available for this type of request"}
    "#]]);
}

#[test]
fn a_retried_row_is_shown_only_on_demand_and_to_the_project() {
    let mut world = World::new();
    world.project("shop/web");
    let spec = ci().stage("x", [job("gate").here(), job("unit").is("success")]);
    let pipeline = world.pipeline("shop/web", "main", spec);
    let old = world.job(pipeline, "unit");
    let shop = Shop::start(world, pipeline);
    shop.transcript(expect![[r#"
        access POST /projects/44/jobs/:unit/retry -> 201 pending
        job GET /projects/44/pipelines/:pipeline/jobs -> 200 2 rows
        job GET /projects/44/pipelines/:pipeline/jobs?include_retried=true -> 200 3 rows
        job GET /projects/44/jobs -> 200 3 rows
    "#]]);
    let rows = shop.ask("job GET /projects/44/pipelines/:pipeline/jobs");
    assert!(!ids(&rows).contains(&old));
}

#[test]
fn pipelines_are_filtered() {
    let shop = many();
    shop.gitlab.world(|world| {
        world.at_project(44).branches.push("next".to_owned());
        let below = child("below", ci().stage("y", [job("z")]));
        world.pipeline("shop/web", "next", ci().stage("x", [below]));
        world.advance_by(5);
    });
    let shown = |query: &str| {
        let rows = shop.ask(&format!("job GET /projects/44/pipelines?{query}"));
        let rows = rows.json();
        let rows = rows.as_array().unwrap().iter();
        let shown = rows.map(|row| format!("{} {}", row["ref"], row["source"]).replace('"', ""));
        shown.collect::<Vec<_>>().join(", ")
    };
    for (query, rows) in [
        ("", "next push, main push"),
        ("ref=next", "next push"),
        ("source=parent_pipeline", "next parent_pipeline"),
        ("username=nobody", ""),
        ("ref=main&status=running", "main push"),
    ] {
        assert_eq!(shown(query), rows, "{query}");
    }
}

#[test]
fn branches_and_tags_are_searched_as_gitlab_does() {
    let shop = many();
    shop.gitlab.world(|world| {
        let names = ["main", "maintenance", "not-main"].map(str::to_owned);
        world.at_project(44).branches = names.to_vec();
    });
    shop.transcript(expect![[r#"
        access GET /projects/44/repository/branches?search=main -> 200 3 rows
        access GET /projects/44/repository/branches?search=^main -> 200 2 rows
        access GET /projects/44/repository/branches?search=^main$ -> 200 1 rows
        access GET /projects/44/repository/branches/none -> 404 {"message":"404 Branch Not Found"}
    "#]]);
}

#[test]
fn a_log_grows_while_the_job_runs_and_comes_in_parts() {
    let mut world = World::new();
    world.project("shop/web");
    let unit = job("unit").queue(0).log("one\n").log_at(10, "two\n");
    let spec = ci().stage("x", [unit.runs(20), job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", spec);
    // Older servers send all.
    Shop::start(world, pipeline).transcript(expect![[r#"
        access GET /projects/44/jobs/:unit/trace -> 200 one\n
        after 10
        access GET /projects/44/jobs/:unit/trace -> 200 one\ntwo\n
        access GET /projects/44/jobs/:unit/trace?byte_offset=4&byte_limit=3 -> 200 two
        access GET /projects/44/jobs/:unit/trace?byte_offset=99 -> 200
        access GET /projects/44/jobs/:unit/trace?byte_limit=512001 -> 400 {"error":"byte_limit does not have a valid value"}
        age 18
        access GET /projects/44/jobs/:unit/trace?byte_offset=4&byte_limit=3 -> 200 one\ntwo\n
        after 10
        access POST /projects/44/jobs/:unit/erase -> 201 success
        access GET /projects/44/jobs/:unit/trace -> 200
    "#]]);
}
