//! Lists over many pages, also while they change.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use jobgate::gitlab::{Error, Kind, Listing, Route};

use super::server::{Act, Request, Server, answer, json};
use super::world::{World, checked, jobs, project};

/// Rows `from` downwards, as GitLab lists jobs.
fn rows(from: u64, count: u64) -> String {
    let rows: Vec<_> = (0..count)
        .map(|n| format!(r#"{{"id":{},"name":"job"}}"#, from - n))
        .collect();
    format!("[{}]", rows.join(","))
}

/// A page of a list of `total` jobs as offset pagination shows it.
fn offset(request: &Request, total: u64, counted: bool) -> Vec<Act> {
    assert_eq!(request.query("per_page"), Some("100"));
    let page: u64 = request.query("page").unwrap_or("1").parse().unwrap();
    let before = ((page - 1) * 100).min(total);
    let next = if page * 100 < total {
        (page + 1).to_string()
    } else {
        String::new()
    };
    let (all, pages) = (total.to_string(), total.div_ceil(100).to_string());
    let mut headers = vec![
        ("Content-Type", "application/json"),
        ("X-Next-Page", next.as_str()),
    ];
    if counted {
        headers.extend([("X-Total", all.as_str()), ("X-Total-Pages", pages.as_str())]);
    }
    let body = rows(total - before, (total - before).min(100));
    vec![Act::Send(answer(200, &headers, body.as_bytes()))]
}

fn list(world: &World, route: &Route) -> Result<(Vec<u64>, Listing), Error> {
    let mut ids = Vec::new();
    let listing = checked(world.client(|client| {
        client.pages(route, &[("scope[]", "failed")], &mut |page| {
            ids.extend(page.rows.iter().map(|row| {
                let row: serde_json::Value = serde_json::from_str(row.get()).unwrap();
                row["id"].as_u64().unwrap_or(0)
            }));
            ControlFlow::Continue(())
        })
    }))?;
    Ok((ids, listing))
}

#[test]
fn a_list_is_read_to_its_end_in_order() {
    for counted in [true, false] {
        for total in [0, 1, 99, 100, 101, 200, 201, 500, 1234] {
            let server = Server::http(move |request| {
                assert_eq!(request.query("scope%5B%5D"), Some("failed"));
                offset(request, total, counted)
            });
            let (ids, listing) = list(&World::new(&server.api()), &jobs()).unwrap();
            assert_eq!(ids, (1..=total).rev().collect::<Vec<_>>(), "{total}");
            assert!(!listing.shifted && !listing.stopped);
            assert_eq!(server.requests().len() as u64, total.div_ceil(100).max(1));
        }
    }
}

#[test]
fn rows_that_move_between_pages_come_once_and_are_reported() {
    // Each answer finds one job more than the one before: every page begins with the last row of the page before it.
    let total = Arc::new(Mutex::new(250));
    let server = Server::http(move |request| {
        let mut total = total.lock().unwrap();
        let acts = offset(request, *total, false);
        *total += 1;
        acts
    });
    let (ids, listing) = list(&World::new(&server.api()), &jobs()).unwrap();
    assert_eq!(ids, (1..=250).rev().collect::<Vec<_>>());
    assert!(listing.shifted);

    // Rows that leave a scoped list cannot be seen twice, but the count tells.
    let server = Server::http(move |request| {
        offset(
            request,
            if request.query("page").is_some() {
                240
            } else {
                250
            },
            true,
        )
    });
    assert!(list(&World::new(&server.api()), &jobs()).unwrap().1.shifted);
}

#[test]
fn a_list_that_grows_by_a_page_is_still_read_to_its_end() {
    let server = Server::http(move |request| {
        offset(
            request,
            if request.query("page").is_some() {
                420
            } else {
                290
            },
            true,
        )
    });
    let (ids, listing) = list(&World::new(&server.api()), &jobs()).unwrap();
    assert!(listing.shifted && ids.contains(&1), "{}", ids.len());
}

/// Keyset pagination: the cursor is in `Link`, with another host and scheme.
fn keyset(request: &Request, last: u64) -> Vec<Act> {
    let cursor: u64 = request.query("cursor").unwrap_or("0").parse().unwrap();
    let link = format!(
        r#"<https://other.example/evil?per_page=100&cursor={}>; rel="next""#,
        cursor + 1
    );
    let mut headers = vec![("Content-Type", "application/json")];
    if cursor < last {
        headers.push(("Link", link.as_str()));
    }
    let body = rows(1000 - cursor * 100, 100);
    vec![Act::Send(answer(200, &headers, body.as_bytes()))]
}

#[test]
fn a_cursor_is_followed_on_the_same_server_and_path() {
    let server = Server::http(|request| {
        assert!(
            request.path().starts_with("/api/v4/projects/44/jobs?")
                && request.header("job-token").is_some()
        );
        keyset(request, 3)
    });
    let (ids, listing) = list(&World::new(&server.api()), &Route::ProjectJobs(project())).unwrap();
    assert_eq!(
        (ids.len(), listing.shifted, server.requests().len()),
        (400, false, 4)
    );
}

#[test]
fn a_list_that_leads_back_is_an_error() {
    let server = Server::http(|_| {
        let headers = [("Link", r#"<http://x/y?cursor=1>; rel="next""#)];
        vec![Act::Send(answer(200, &headers, b"[]"))]
    });
    let error = list(&World::new(&server.api()), &jobs()).unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (Kind::NotJson, 2));
    // Page numbers that do not go up are an end without an answer, too.
    let server = Server::http(|_| vec![Act::Send(answer(200, &[("X-Next-Page", "1")], b"[]"))]);
    assert_eq!(
        list(&World::new(&server.api()), &jobs()).unwrap_err().kind,
        Kind::NotJson
    );
}

#[test]
fn a_list_without_end_is_an_error() {
    let server = Server::http(|_| {
        let headers = [("X-Next-Page", "10001"), ("X-Total-Pages", "20000")];
        vec![Act::Send(answer(200, &headers, rows(7, 1).as_bytes()))]
    });
    let error = list(&World::new(&server.api()), &jobs()).unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (Kind::NotJson, 1));
}

#[test]
fn a_next_page_that_cannot_be_found_is_no_end() {
    for link in [
        "</api/v4/x?cursor=2>",
        "<https://u:p@x/y?cursor=2>",
        "<https://x/y>",
    ] {
        let server = Server::http(move |_| {
            let link = format!(r#"{link}; rel="next""#);
            vec![Act::Send(answer(200, &[("Link", link.as_str())], b"[]"))]
        });
        let error = list(&World::new(&server.api()), &jobs()).unwrap_err();
        assert_eq!(error.kind, Kind::NotJson, "{link}");
    }
}

#[test]
fn a_list_that_shrinks_ends_where_it_ends() {
    for claimed in ["9", "18446744073709551615"] {
        let server = Server::http(move |request| {
            let page: u64 = request.query("page").unwrap_or("1").parse().unwrap();
            let next = (page + 1).to_string();
            let headers = [("X-Next-Page", next.as_str()), ("X-Total-Pages", claimed)];
            let body = if page < 4 {
                rows(1000 - page * 100, 100)
            } else {
                "[]".to_owned()
            };
            vec![Act::Send(answer(200, &headers, body.as_bytes()))]
        });
        let (ids, listing) = list(&World::new(&server.api()), &jobs()).unwrap();
        assert!(ids.len() == 300 && listing.shifted && server.requests().len() <= 9);
    }
}

#[test]
fn the_caller_may_stop() {
    for stop_after in [1, 2, 4] {
        let server = Server::http(move |request| offset(request, 5000, true));
        let mut seen = 0;
        let listing = World::new(&server.api()).client(|client| {
            client.pages(&jobs(), &[], &mut |page| {
                seen += 1;
                assert_eq!((page.rows.len(), page.total), (100, Some(5000)));
                if seen == stop_after {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        });
        assert!(listing.unwrap().stopped);
        assert!(seen == stop_after && server.requests().len() <= 9);
    }
}

#[test]
fn an_error_in_the_middle_is_an_error_of_the_whole() {
    for (status, kind) in [
        (500, Kind::Server),
        (403, Kind::Forbidden),
        (200, Kind::NotJson),
    ] {
        for bad in ["2", "5", "10"] {
            let server = Server::http(move |request| {
                if request.query("page") == Some(bad) {
                    json(status, "{}")
                } else {
                    offset(request, 1000, true)
                }
            });
            let error =
                list(&World::new(&server.api()).without("GITLAB_TOKEN"), &jobs()).unwrap_err();
            assert_eq!(error.kind, kind, "{bad}");
        }
    }
}

#[test]
fn what_is_no_list_is_no_page() {
    for body in [r#"{"id":1}"#, "null", "[1,]", "[", "<html>", ""] {
        let server = Server::http(move |_| json(200, body));
        assert_eq!(
            list(&World::new(&server.api()), &jobs()).unwrap_err().kind,
            Kind::NotJson,
            "{body}"
        );
    }
}

#[test]
fn rows_without_an_id_are_all_handed_on() {
    let server = Server::http(|_| json(200, r#"[{"name":"main"},{"name":"main"},{"name":"x"}]"#));
    let (ids, listing) = list(&World::new(&server.api()), &Route::Branches(project())).unwrap();
    assert_eq!((ids, listing.shifted), (vec![0, 0, 0], false));
}

#[test]
fn ten_thousand_rows_arrive() {
    let server = Server::http(|request| {
        let page: u64 = request.query("page").unwrap_or("1").parse().unwrap();
        let mut body = String::from("[");
        for n in 0..100 {
            let comma = if n == 0 { "" } else { "," };
            let id = 10_000 - (page - 1) * 100 - n;
            write!(
                body,
                r#"{comma}{{"id":{id},"name":"j","commit":{{"message":"{}"}}}}"#,
                "m".repeat(200)
            )
            .unwrap();
        }
        body.push(']');
        let next = if page < 100 {
            (page + 1).to_string()
        } else {
            String::new()
        };
        let headers = [
            ("X-Next-Page", next.as_str()),
            ("X-Total", "10000"),
            ("X-Total-Pages", "100"),
        ];
        vec![Act::Send(answer(200, &headers, body.as_bytes()))]
    });
    let (ids, listing) = list(&World::new(&server.api()), &jobs()).unwrap();
    assert_eq!(ids, (1..=10_000).rev().collect::<Vec<_>>());
    assert!(!listing.shifted);
    let connections = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .max();
    assert_eq!(connections, Some(3), "four connections, reused");
}
