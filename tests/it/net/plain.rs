//! Tokens, and what GitLab's answers mean.

use std::sync::Mutex;
use std::time::Duration;

use jobgate::exit::Exit;
use jobgate::gitlab::{Body, Kind, Note, Project, Rate, Route, TokenKind};
use jobgate::model::{Job, JobId, PipelineId};
use jobgate::time::Timestamp;

use super::server::{Act, Request, Server, answer, json};
use super::world::{ACCESS_TOKEN, JOB_TOKEN, World, checked, jobs, play, project};

/// Which tokens a request carried, in whatever place.
fn tokens(request: &Request) -> (Option<&str>, Option<&str>) {
    assert_eq!(request.header("authorization"), None);
    (request.header("job-token"), request.header("private-token"))
}

#[test]
fn each_route_carries_the_weakest_token_that_works() {
    let server = Server::http(|_| json(200, "{}"));
    let world = World::new(&server.api());
    world.client(|client| {
        client.get(&Route::CurrentJob, &[]).unwrap();
        client
            .get(&jobs(), &[("scope[]", "failed"), ("ref", "a b")])
            .unwrap();
        client.get(&Route::Job(project(), JobId(9)), &[]).unwrap();
        client
            .post(&play(), &Body::Json(&serde_json::json!({"k": "v"})))
            .unwrap();
        let fields = [("ref".to_owned(), "main&token=x".to_owned())];
        let trigger = Route::TriggerPipeline(Project::Path("g/p".into()));
        client
            .post(&trigger, &Body::FormWithJobToken(&fields))
            .unwrap();
        client
            .get_as(TokenKind::Access, &Route::CurrentJob, &[])
            .unwrap();
    });
    let requests = server.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.line.as_str(), tokens(request)))
        .collect();
    let job = (Some(JOB_TOKEN), None);
    let access = (None, Some(ACCESS_TOKEN));
    assert_eq!(
        seen,
        [
            ("GET /api/v4/job HTTP/1.1", job),
            (
                "GET /api/v4/projects/44/pipelines/7/jobs?scope%5B%5D=failed&ref=a%20b HTTP/1.1",
                job
            ),
            ("GET /api/v4/projects/44/jobs/9 HTTP/1.1", access),
            ("POST /api/v4/projects/44/jobs/9/play HTTP/1.1", access),
            (
                "POST /api/v4/projects/g%2Fp/trigger/pipeline HTTP/1.1",
                (None, None)
            ),
            ("GET /api/v4/job HTTP/1.1", access),
        ]
    );
    assert_eq!(requests[3].body, r#"{"k":"v"}"#);
    assert_eq!(requests[3].header("content-type"), Some("application/json"));
    assert_eq!(
        requests[4].body,
        format!("token={JOB_TOKEN}&ref=main%26token%3Dx")
    );
    assert_eq!(
        requests[4].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let using: Vec<_> = world.notes.lock().unwrap().clone();
    let using: Vec<_> = using
        .iter()
        .filter(|note| matches!(note, Note::Using { .. }))
        .collect();
    assert_eq!(
        using,
        [
            &Note::Using {
                token: TokenKind::Job,
                source: "CI_JOB_TOKEN"
            },
            &Note::Using {
                token: TokenKind::Access,
                source: "GITLAB_TOKEN"
            },
        ]
    );
}

#[test]
fn a_refused_job_token_gives_way_once_and_it_is_remembered() {
    for status in [401, 403, 404] {
        let server = Server::http(move |request| match request.header("job-token") {
            Some(_) => json(status, r#"{"message":"no"}"#),
            None => json(200, "[]"),
        });
        let world = World::new(&server.api());
        world.client(|client| {
            client.get(&jobs(), &[]).unwrap();
            client
                .get(&Route::PipelineJobs(project(), PipelineId(8)), &[])
                .unwrap();
            client
                .get(&Route::Pipeline(project(), PipelineId(7)), &[])
                .unwrap();
            let other = Project::Path("other".into());
            client
                .get(&Route::PipelineJobs(other, PipelineId(8)), &[])
                .unwrap();
        });
        let kinds: Vec<_> = server
            .requests()
            .iter()
            .map(|request| tokens(request).0.is_some())
            .collect();
        assert_eq!(
            kinds,
            [true, false, false, true, false, true, false],
            "{status}"
        );
    }
}

#[test]
fn where_both_tokens_are_refused_both_refusals_are_kept_and_nothing_is_remembered() {
    let server = Server::http(|request| match request.header("job-token") {
        Some(_) => json(403, r#"{"message":"403 Forbidden - not on the allowlist"}"#),
        None => json(
            401,
            r#"{"error":"invalid_token","error_description":"Token is expired."}"#,
        ),
    });
    let world = World::new(&server.api());
    world.client(|client| {
        for _ in 0..2 {
            let error = checked(client.get(&jobs(), &[])).unwrap_err();
            assert_eq!(
                (&error.kind, error.facts.token),
                (&Kind::Unauthorized, Some(TokenKind::Access))
            );
            assert_eq!(error.message, "401 invalid_token: Token is expired.");
            let before = error.before.unwrap();
            assert_eq!(before.message, "403 Forbidden - not on the allowlist");
        }
    });
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn what_one_token_may_not_see_and_the_other_cannot_find_is_a_refusal() {
    for (first, exit) in [
        (403, Exit::Refused),
        (401, Exit::NotFound),
        (404, Exit::NotFound),
    ] {
        let server = Server::http(move |request| {
            let status = if request.header("job-token").is_some() {
                first
            } else {
                404
            };
            json(status, r#"{"message":"404 Project Not Found"}"#)
        });
        let stop = World::new(&server.api()).get(&jobs()).unwrap_err().stop();
        assert_eq!(stop.exit, exit, "{first}");
        assert_eq!(stop.error.lines().count(), 2);
    }
}

#[test]
fn asking_as_one_token_never_means_another_or_none() {
    let server = Server::http(|_| json(403, "{}"));
    let world = World::new(&server.api()).without("GITLAB_TOKEN");
    world.client(|client| {
        let error = checked(client.get_as(TokenKind::Access, &jobs(), &[])).unwrap_err();
        assert_eq!(error.kind, Kind::NoToken);
        assert_eq!(server.requests().len(), 0);
        checked(client.get_as(TokenKind::Job, &jobs(), &[])).unwrap_err();
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn other_refusals_do_not_bring_out_the_access_token() {
    for status in [400, 409, 429, 500, 502] {
        let server = Server::http(move |_| json(status, "{}"));
        World::new(&server.api()).get(&jobs()).unwrap_err();
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{status}");
        assert_eq!(tokens(&requests[0]), (Some(JOB_TOKEN), None));
    }
}

#[test]
fn a_missing_token_is_said_before_anything_is_sent() {
    let server = Server::http(|_| json(200, "{}"));
    let no_access = World::new(&server.api()).without("GITLAB_TOKEN");
    let no_job = World::new(&server.api()).without("CI_JOB_TOKEN");
    for error in [
        no_access.post(&play()).unwrap_err(),
        no_job.get(&Route::CurrentJob).unwrap_err(),
    ] {
        let stop = error.stop();
        assert_eq!(
            (error.kind, stop.exit, stop.hints.len()),
            (Kind::NoToken, Exit::Refused, 1)
        );
    }
    assert_eq!(server.requests().len(), 0);
    no_job.get(&jobs()).unwrap();
    assert_eq!(tokens(&server.requests()[0]), (None, Some(ACCESS_TOKEN)));
}

#[test]
fn a_401_at_the_jobs_start_is_asked_again_after_a_second() {
    for (second, good) in [(200, true), (401, false)] {
        let server =
            Server::http(move |request| json(if request.number == 0 { 401 } else { second }, "{}"));
        let world = World::new(&server.api());
        assert_eq!(world.get(&Route::CurrentJob).is_ok(), good);
        assert_eq!(
            (server.requests().len(), world.clock.slept()),
            (2, Duration::from_secs(1))
        );
    }
    let server = Server::http(|_| json(401, "{}"));
    let world = World::new(&server.api()).without("GITLAB_TOKEN");
    world.get(&jobs()).unwrap_err();
    assert_eq!(
        (server.requests().len(), world.clock.slept()),
        (1, Duration::ZERO)
    );
}

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
            true,
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
fn server_text_is_masked_cut_and_harmless() {
    let body = format!(
        r#"{{"message":"you sent {ACCESS_TOKEN} \u001b[2J\u202e{}"}}"#,
        "x".repeat(3000)
    );
    let server = Server::http(move |_| json(403, &body));
    let error = World::new(&server.api()).post(&play()).unwrap_err();
    assert!(
        error
            .message
            .contains("you sent [masked] \\u{1b}[2J\\u{202e}xxx"),
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
            "the answer is no JSON but text/html: perhaps a proxy's page",
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
        ("", "hunter2", "the answer is no JSON"),
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
                (&Kind::NotJson, message)
            );
            assert!(error.transient() && !error.nothing_done());
        }
    }
    let server = Server::http(|_| json(200, r#"{"id":"hunter2"}"#));
    let answer = World::new(&server.api()).get(&Route::CurrentJob).unwrap();
    let error = checked(answer.json::<Job>()).unwrap_err();
    assert_eq!(error.kind, Kind::NotJson);
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

#[test]
fn notes_come_from_every_thread_in_one_piece() {
    let seen = Mutex::new(0);
    let server = Server::http(|_| json(200, "[]"));
    World::new(&server.api()).client(|client| {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    client.get(&jobs(), &[]).unwrap();
                    *seen.lock().unwrap() += 1;
                });
            }
        });
    });
    assert_eq!(*seen.lock().unwrap(), 3);
}
