//! Lists over many pages: read to a proven end, or not at all.

use std::ops::ControlFlow;
use std::sync::Mutex;

use jobgate::exit::Exit;
use jobgate::gitlab::{Error, Facts, Kind, Route};
use serde_json::value::RawValue;

use super::server::{Act, Request, Server, answer, json};
use super::world::{World, checked, jobs, project};

/// Rows `from` downwards, as GitLab lists jobs.
fn rows(from: u64, count: u64) -> String {
    let row = |id| format!(r#"{{"id":{id},"name":"job"}}"#);
    let rows: Vec<_> = (0..count).map(|n| row(from - n)).collect();
    format!("[{}]", rows.join(","))
}

fn page(headers: &[(&str, &str)], body: &str) -> Vec<Act> {
    vec![Act::Send(answer(200, headers, body.as_bytes()))]
}

fn number(request: &Request) -> u64 {
    request.query("page").unwrap_or("1").parse().unwrap()
}

/// A page of a list of `total` jobs as offset pagination shows it.
fn offset(request: &Request, total: u64, counted: bool) -> Vec<Act> {
    assert_eq!(request.query("per_page"), Some("100"));
    let before = ((number(request) - 1) * 100).min(total);
    let next = if before + 100 < total {
        (number(request) + 1).to_string()
    } else {
        String::new()
    };
    let all = total.to_string();
    let mut headers = vec![("X-Next-Page", next.as_str())];
    headers.extend(counted.then_some(("X-Total", all.as_str())));
    page(&headers, &rows(total - before, (total - before).min(100)))
}

fn list(world: &World, route: &Route, pairs: &[(&str, &str)]) -> Result<Vec<u64>, Error> {
    let mut ids = Vec::new();
    checked(world.client(|client| {
        client.each_row(route, pairs, &mut |row, _| {
            let row: serde_json::Value = serde_json::from_str(row.get()).unwrap();
            ids.push(row["id"].as_u64().unwrap_or(0));
            Ok(ControlFlow::Continue(()))
        })
    }))?;
    Ok(ids)
}

fn listed(server: &Server) -> Result<Vec<u64>, Error> {
    list(&World::new(&server.api()), &jobs(), &[])
}

#[track_caller]
fn incomplete(server: &Server, message: &str) {
    let error = listed(server).unwrap_err();
    assert_eq!(
        (&error.kind, error.message.as_str()),
        (&Kind::Unusable, message)
    );
    assert!(error.transient() && error.exit() == Exit::Unknown);
}

#[test]
fn a_list_is_read_to_its_end_in_order() {
    for counted in [true, false] {
        for total in [0, 1, 99, 100, 101, 200, 201, 500, 1234] {
            let server = Server::http(move |request| {
                assert_eq!(request.query("scope%5B%5D"), Some("failed"));
                offset(request, total, counted)
            });
            let world = World::new(&server.api());
            let ids = list(&world, &jobs(), &[("scope[]", "failed")]).unwrap();
            assert_eq!(ids, (1..=total).rev().collect::<Vec<_>>(), "{total}");
            let requests = server.requests();
            assert_eq!(requests.len() as u64, total.div_ceil(100).max(1));
            assert!(requests.iter().all(|request| request.connection == 0));
        }
    }
}

#[test]
fn rows_that_move_between_pages_come_once() {
    // Each answer finds one job more than the one before: every page begins with the last row of the page before it.
    let total = Mutex::new(250);
    let server = Server::http(move |request| {
        let mut total = total.lock().unwrap();
        *total += 1;
        offset(request, *total, false)
    });
    assert_eq!(
        listed(&server).unwrap(),
        (1..=251).rev().collect::<Vec<_>>()
    );
}

#[test]
fn a_list_that_grows_or_shrinks_between_two_pages_may_have_lost_rows() {
    for (later, message) in [
        (240, "240 rows came of a list of 250"),
        (420, "320 rows came of a list of 420"),
    ] {
        incomplete(
            &Server::http(move |request| {
                offset(
                    request,
                    if number(request) == 1 { 250 } else { later },
                    true,
                )
            }),
            message,
        );
    }
}

#[test]
fn a_list_that_ends_early_is_incomplete() {
    const UNREADABLE: &str = "a header that should name the next page cannot be read";
    for (headers, second, message) in [
        (
            &[("X-Total", "many"), ("X-Next-Page", "")][..],
            None,
            UNREADABLE,
        ),
        (
            &[("X-Next-Page", "2")],
            Some("[]"),
            "the next page that was named is empty",
        ),
        (&[("X-Next-Page", "1")], None, UNREADABLE),
        (&[("X-Next-Page", "7")], None, UNREADABLE),
        (
            &[("Link", "<https://u:p@x/y?cursor=2>; rel=\"next\"")],
            None,
            UNREADABLE,
        ),
        (&[("Link", "<https://x/y>; rel=\"next\"")], None, UNREADABLE),
        (
            &[("Link", "<https://x/y?cursor=1>; rel=\"next\"")],
            Some("[{\"id\":1}]"),
            "the list leads on to a page that was read already",
        ),
    ] {
        let server = Server::http(move |request| match second {
            Some(body) if request.path().contains("cursor") => page(headers, body),
            Some(body) if number(request) == 2 => page(&[], body),
            _ => page(headers, &rows(1000, 100)),
        });
        incomplete(&server, message);
    }
    let part = answer(206, &[("X-Next-Page", "")], b"[]");
    incomplete(
        &Server::http(move |_| vec![Act::Send(part.clone())]),
        "only a part was sent (206)",
    );
}

#[test]
fn a_full_last_page_without_headers_ends_with_an_empty_one() {
    let server =
        Server::http(|request| page(&[], &rows(100, if number(request) == 1 { 100 } else { 0 })));
    let world = World::new(&server.api());
    assert_eq!(list(&world, &jobs(), &[]).unwrap().len(), 100);
    assert_eq!(server.requests().len(), 2);
}

const KEYSET: &[(&str, &str)] = &[("pagination", "keyset"), ("order_by", "id")];

/// The cursor is in `Link`, with another host and scheme.
fn keyset(request: &Request, last: u64) -> Vec<Act> {
    assert!(request.path().starts_with("/api/v4/projects/44/jobs?"));
    assert!(request.header("job-token").is_some());
    let cursor: u64 = request.query("cursor").unwrap_or("0").parse().unwrap();
    let next = format!(
        r#"<https://other.example/evil?cursor={}>; rel="next""#,
        cursor + 1
    );
    let headers = [("Link", next.as_str())];
    let named = if cursor < last { &headers[..] } else { &[] };
    page(named, &rows(1000 - cursor * 100, 100))
}

#[test]
fn a_cursor_is_followed_on_the_same_server_and_path() {
    let server = Server::http(|request| keyset(request, 3));
    let world = World::new(&server.api());
    let ids = list(&world, &Route::ProjectJobs(project()), KEYSET).unwrap();
    assert_eq!((ids.len(), server.requests().len()), (400, 4));
}

#[test]
fn a_full_first_page_without_a_cursor_ends_only_after_an_empty_second_one() {
    for (second, count) in [(0, 100), (30, 130)] {
        let server = Server::http(move |request| {
            if request.query("page") == Some("2") {
                assert_eq!(request.query("pagination"), None);
                page(&[("X-Next-Page", "")], &rows(900, second))
            } else {
                keyset(request, 0)
            }
        });
        let world = World::new(&server.api());
        let ids = list(&world, &Route::ProjectJobs(project()), KEYSET).unwrap();
        assert_eq!((ids.len(), server.requests().len()), (count, 2));
    }
}

#[test]
fn a_list_of_more_than_a_thousand_pages_is_given_up() {
    let server = Server::http(|request| {
        let next = (number(request) + 1).to_string();
        page(
            &[("X-Next-Page", next.as_str())],
            &rows(5_000 - number(request), 1),
        )
    });
    let error = listed(&server).unwrap_err();
    assert_eq!(error.message, "the list has more than 1000 pages");
    assert!(error.kind == Kind::Endless && error.exit() == Exit::Unknown && !error.transient());
    assert_eq!(server.requests().len(), 1000);
}

#[test]
fn the_caller_may_stop() {
    for (stop_after, pages) in [(1, 1), (100, 1), (101, 2), (350, 4)] {
        let server = Server::http(move |request| offset(request, 5000, true));
        let mut seen = 0;
        World::new(&server.api()).client(|client| {
            let each = &mut |_: &RawValue, _: &Facts| {
                seen += 1;
                Ok(if seen == stop_after {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            };
            client.each_row(&jobs(), &[], each).unwrap();
        });
        assert_eq!((seen, server.requests().len()), (stop_after, pages));
    }
}

#[test]
fn only_a_whole_list_counts_as_a_good_answer() {
    let server = Server::http(|request| match number(request) {
        3 => json(500, "{}"),
        _ => offset(request, 500, true),
    });
    World::new(&server.api()).client(|client| {
        let each = &mut |_: &RawValue, _: &Facts| Ok(ControlFlow::Continue(()));
        client.each_row(&jobs(), &[], each).unwrap_err();
        assert_eq!(client.answers(), 0);
    });
}

#[test]
fn an_error_in_the_middle_is_an_error_of_the_whole() {
    for (status, kind) in [
        (500, Kind::Server),
        (403, Kind::Forbidden),
        (200, Kind::Unusable),
    ] {
        for bad in [2, 10] {
            let server = Server::http(move |request| {
                if number(request) == bad {
                    json(status, "{}")
                } else {
                    offset(request, 1000, true)
                }
            });
            let world = World::new(&server.api()).without("GITLAB_TOKEN");
            assert_eq!(list(&world, &jobs(), &[]).unwrap_err().kind, kind, "{bad}");
        }
    }
}

#[test]
fn what_is_not_a_list_is_not_a_page() {
    for body in [r#"{"id":1}"#, "null", "[1,]", "[", "<html>", ""] {
        let server = Server::http(move |_| json(200, body));
        assert_eq!(listed(&server).unwrap_err().kind, Kind::Unusable, "{body}");
    }
}

#[test]
fn rows_without_an_id_are_all_handed_on() {
    let server = Server::http(|_| json(200, r#"[{"name":"main"},{"name":"main"},{"name":"x"}]"#));
    assert_eq!(listed(&server).unwrap(), [0, 0, 0]);
}
