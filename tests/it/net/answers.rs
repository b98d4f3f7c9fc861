//! What GitLab's answers mean, and what is never asked.

use std::time::Duration;

use jobgate::exit::Exit;
use jobgate::gitlab::{Kind, Note, Project, Rate, Route};
use jobgate::model::Job;
use jobgate::time::Timestamp;

use super::server::{Act, Server, answer, json};
use super::world::{ACCESS_TOKEN, JOB_TOKEN, World, checked, jobs, play};

#[test]
fn each_refusal_has_its_kind_and_exit_code() {
    for (status, body, kind, exit, transient, nothing_done) in [
        (
            400,
            r#"{"error":"x"}"#,
            Kind::Refused,
            Exit::Unknown,
            false,
            true,
        ),
        (401, "{}", Kind::Unauthorized, Exit::Refused, false, true),
        (403, "{}", Kind::Forbidden, Exit::Refused, false, true),
        (404, "{}", Kind::NotFound, Exit::NotFound, false, true),
        (405, "{}", Kind::Refused, Exit::Unknown, false, true),
        (
            409,
            r#"{"message":"409 Conflict: Resource lock"}"#,
            Kind::Locked,
            Exit::Unknown,
            true,
            false,
        ),
        (409, "{}", Kind::Refused, Exit::Unknown, false, true),
        (422, "{}", Kind::Refused, Exit::Unknown, false, true),
        (
            429,
            "Retry later",
            Kind::Limited { wait: None },
            Exit::Unknown,
            true,
            true,
        ),
        (500, "{}", Kind::Server, Exit::Unknown, true, false),
        (502, "<html>", Kind::Server, Exit::Unknown, true, false),
        (524, "<html>", Kind::Server, Exit::Unknown, true, false),
    ] {
        let server = Server::http(move |_| json(status, body));
        let error = World::new(&server.api()).post(&play()).unwrap_err();
        let found = (
            &error.kind,
            error.exit(),
            error.transient(),
            error.nothing_done(),
            error.status,
        );
        assert_eq!(found, (&kind, exit, transient, nothing_done, Some(status)));
    }
}

#[test]
fn a_429_is_understood_in_both_forms() {
    for (headers, body, wait, message) in [
        (
            &[("Content-Type", "text/plain"), ("Retry-After", "42")][..],
            "Retry later\n",
            Some(42),
            "429 Retry later",
        ),
        (
            &[
                ("Content-Type", "application/json"),
                ("Date", "Fri, 20 Nov 2026 10:00:00 GMT"),
                ("RateLimit-ResetTime", "Fri, 20 Nov 2026 10:00:30 GMT"),
            ],
            r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#,
            Some(30),
            "429 This endpoint has been requested too many times. Try again later.",
        ),
    ] {
        let server = Server::http(move |_| vec![Act::Send(answer(429, headers, body.as_bytes()))]);
        let error = World::new(&server.api()).get(&jobs()).unwrap_err();
        assert_eq!(
            error.kind,
            Kind::Limited {
                wait: wait.map(Duration::from_secs)
            }
        );
        assert_eq!(error.message, message);
    }
}

#[test]
fn the_headers_facts_come_with_answers_and_refusals() {
    let server = Server::http(|request| {
        let headers = [
            ("Content-Type", "application/json"),
            ("Date", "Fri, 20 Nov 2026 10:00:00 GMT"),
            ("X-Request-Id", "01ABC"),
            ("RateLimit-Limit", "2000"),
            ("RateLimit-Observed", "12"),
            ("RateLimit-Remaining", "1988"),
            ("RateLimit-Reset", "1795168860"),
        ];
        let status = if request.path().ends_with("/job") {
            200
        } else {
            403
        };
        vec![Act::Send(answer(status, &headers, b"{}"))]
    });
    let world = World::new(&server.api());
    let facts = world.get(&Route::CurrentJob).unwrap().facts;
    assert_eq!(facts.date, Timestamp::parse("2026-11-20T10:00:00Z"));
    assert_eq!(facts.request_id.as_deref(), Some("01ABC"));
    let rate = Rate {
        limit: 2000.0,
        observed: 12.0,
        remaining: 1988.0,
        reset: Timestamp::parse("2026-11-20T10:01:00Z").unwrap(),
    };
    assert_eq!(facts.rate, Some(rate));
    let error = world.post(&play()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "POST /projects/44/jobs/9/play: status 403 with an unreadable text of type application/json (request id 01ABC)"
    );
    assert!(error.facts.rate.is_some());
    let notes = world.notes.lock().unwrap().clone();
    let requests: Vec<_> = notes
        .iter()
        .filter_map(|note| match note {
            Note::Request {
                method,
                url,
                status,
                request_id,
                ..
            } => Some((*method, url.clone(), *status, request_id.clone())),
            _ => None,
        })
        .collect();
    let id = Some("01ABC".to_owned());
    assert_eq!(
        requests,
        [
            (
                "GET",
                format!("{}/job", server.api()),
                Some(200),
                id.clone()
            ),
            (
                "POST",
                format!("{}/projects/44/jobs/9/play", server.api()),
                Some(403),
                id
            ),
        ]
    );
}

#[test]
fn server_text_is_masked_and_cut() {
    let body = format!(
        r#"{{"message":"you sent {ACCESS_TOKEN} \u001b[2J\u202e{}"}}"#,
        "x".repeat(3000)
    );
    let server = Server::http(move |_| json(403, &body));
    let error = World::new(&server.api()).post(&play()).unwrap_err();
    assert!(
        error
            .message
            .contains("you sent [masked] \u{1b}[2J\u{202e}xxx"),
        "{}",
        error.message
    );
    assert!(error.message.len() < 600);
}

#[test]
fn an_answer_of_another_form_is_named_and_not_quoted() {
    for (kind, body, message) in [
        (
            "text/html; charset=utf-8",
            "<html>hunter2</html>",
            "the answer is not JSON but text/html: perhaps a proxy's page",
        ),
        (
            "application/json",
            r#"{"token":"hunter2"#,
            "the answer says it is JSON, but cannot be read",
        ),
        (
            "application/json",
            "",
            "the answer says it is JSON, but cannot be read",
        ),
        (
            "application/json",
            "{} {}",
            "the answer says it is JSON, but cannot be read",
        ),
        ("", "hunter2", "the answer is not JSON"),
    ] {
        let server = Server::http(move |_| {
            vec![Act::Send(answer(
                200,
                &[("Content-Type", kind)],
                body.as_bytes(),
            ))]
        });
        let world = World::new(&server.api());
        for error in [
            world.get(&jobs()).unwrap_err(),
            world.post(&play()).unwrap_err(),
        ] {
            assert_eq!(
                (&error.kind, error.message.as_str()),
                (&Kind::Unusable, message)
            );
            assert!(error.transient() && !error.nothing_done());
        }
    }
    let server = Server::http(|_| json(200, r#"{"id":"hunter2"}"#));
    let answer = World::new(&server.api()).get(&Route::CurrentJob).unwrap();
    let error = checked(answer.json::<Job>()).unwrap_err();
    assert_eq!(error.kind, Kind::Unusable);
}

#[test]
fn another_server_than_the_command_line_says_hears_nothing() {
    let server = Server::http(|_| json(200, "{}"));
    let mut world = World::new(&server.api());
    world.fixed.server = Some("https://gitlab.example".to_owned());
    let stop = world.run(|_| ()).unwrap_err();
    assert_eq!(stop.exit, Exit::Usage);
    world.fixed.server = Some(format!("http://127.0.0.1:{}", server.port));
    world.get(&Route::CurrentJob).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_path_that_would_leave_the_api_is_not_asked() {
    let server = Server::http(|_| json(200, "{}"));
    let world = World::new(&server.api());
    for name in ["..", "."] {
        let error = world
            .get(&Route::Project(Project::Path(name.into())))
            .unwrap_err();
        assert!(error.kind == Kind::Refused && error.nothing_done());
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn plain_http_is_warned_of_unless_it_stays_on_this_machine() {
    let world = World::new("http://gitlab.example/api/v4");
    world.client(|_| ());
    assert_eq!(world.warnings().len(), 1);
    let world = World::new("http://localhost:1/api/v4").with("JOBGATE_TOKEN", JOB_TOKEN);
    world.client(|client| assert_eq!(client.origin(), "http://localhost:1"));
    assert_eq!(
        world.warnings(),
        ["JOBGATE_TOKEN holds a job token, not an access token; it is sent as a job token"]
    );
}
