//! Redirects: a token never leaves the API's own origin and path, and a write never "succeeds" by one.

use jobgate::gitlab::{Kind, Route};
use jobgate::os::{Interrupt, Signal};

use super::server::{Act, Server, answer, json, redirect};
use super::world::{ACCESS_TOKEN, World, checked, jobs, play};

fn text(body: &str) -> Vec<Act> {
    vec![Act::Send(answer(
        200,
        &[("Content-Type", "text/plain")],
        body.as_bytes(),
    ))]
}

/// A server that must never see a token.
fn stranger() -> Server {
    Server::http(|request| {
        assert!(request.body.is_empty());
        text("elsewhere")
    })
}

fn untouched(stranger: &Server) {
    for request in stranger.requests() {
        let shown = format!("{request:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("token"),
            "{shown}"
        );
    }
}

#[test]
fn a_redirect_to_another_origin_is_not_followed() {
    let stranger = stranger();
    let targets = [
        format!("http://127.0.0.1:{}/api/v4/job", stranger.port),
        format!("http://localhost:{}/api/v4/job", stranger.port),
        format!("//127.0.0.1:{}/api/v4/job", stranger.port),
        format!("http://x:y@127.0.0.1:{}/api/v4/job", stranger.port),
        "https://gitlab.example/api/v4/job".to_owned(),
        "javascript:alert(1)".to_owned(),
        String::new(),
    ];
    for target in targets {
        for status in [301, 302, 303, 307, 308] {
            let to = target.clone();
            let server = Server::http(move |_| redirect(status, &to));
            let world = World::new(&server.api());
            for error in [
                world.get(&Route::CurrentJob).unwrap_err(),
                world.post(&play()).unwrap_err(),
            ] {
                assert_eq!(
                    (&error.kind, error.status),
                    (&Kind::Redirected, Some(status))
                );
                assert!(!error.nothing_done() && !error.transient());
            }
            assert_eq!(server.requests().len(), 2);
        }
    }
    assert_eq!(stranger.requests().len(), 0);
}

#[test]
fn a_moved_project_is_followed_with_the_token() {
    let server = Server::http(|request| match request.path() {
        "/api/v4/projects/44/pipelines/7/jobs" => {
            redirect(301, "/api/v4/projects/45/pipelines/7/jobs?x=1")
        }
        "/api/v4/projects/45/pipelines/7/jobs?x=1" => json(200, "[1]"),
        other => panic!("{other}"),
    });
    let world = World::new(&server.api());
    assert_eq!(world.get(&jobs()).unwrap().body, "[1]");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("job-token").is_some())
    );
}

#[test]
fn same_origin_is_not_enough() {
    for path in [
        "/users/sign_in",
        "/api/v4/../../x",
        "/api/v4/%2e%2e/x",
        "/api/v4/%252e%252e/x",
        "/api/v4/..;/x",
        "/api/v4/job;x=1",
        "/api/v40/job",
        "/api/v4",
    ] {
        let server = Server::http(move |request| match request.path() {
            "/api/v4/job" => redirect(302, path),
            other => panic!("{other}"),
        });
        let error = World::new(&server.api())
            .get(&Route::CurrentJob)
            .unwrap_err();
        assert_eq!(error.kind, Kind::Redirected, "{path}");
    }
}

#[test]
fn a_write_is_never_followed_even_at_home() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::http(move |_| redirect(status, "/api/v4/projects/45/jobs/9/play"));
        let error = World::new(&server.api()).post(&play()).unwrap_err();
        assert_eq!((error.kind, server.requests().len()), (Kind::Redirected, 1));
    }
}

#[test]
fn a_circle_ends() {
    let server = Server::http(|_| redirect(302, "/api/v4/job"));
    let error = World::new(&server.api())
        .get(&Route::CurrentJob)
        .unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (Kind::Redirected, 4));
    let server = Server::http(|_| redirect(302, "/api/v4/projects/44/jobs/9/trace"));
    let error = World::new(&server.api()).log().unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (Kind::Redirected, 4));
}

#[test]
fn a_foreign_address_is_shown_without_its_query_and_without_our_tokens() {
    let target = format!("https://store.example/{ACCESS_TOKEN}/log");
    let server = Server::http(move |_| redirect(302, &target));
    let error = World::new(&server.api()).post(&play());
    let error = checked(error).unwrap_err();
    assert!(error.message.contains("/[masked]/log"), "{error}");
    let server = Server::http(|_| redirect(302, "https://store.example/log?X-Signature=hunter2"));
    let world = World::new(&server.api());
    let error = world.get(&Route::CurrentJob).unwrap_err();
    assert!(
        error.message.contains("https://store.example/log,"),
        "{}",
        error.message
    );
}

#[test]
fn a_log_may_lie_elsewhere_and_is_fetched_without_token() {
    let stranger = stranger();
    let target = format!("http://127.0.0.1:{}/bucket/log?sig=1", stranger.port);
    let server = Server::http(move |_| redirect(302, &target));
    let (log, _) = World::new(&server.api()).log().unwrap();
    assert_eq!(log, "elsewhere");
    assert_eq!(stranger.requests().len(), 1);
    untouched(&stranger);
    assert!(server.requests()[0].header("private-token").is_some());
}

#[test]
fn a_signal_ends_a_log_that_lies_elsewhere() {
    let interrupt = Interrupt::new();
    let raise = interrupt.clone();
    let stranger = Server::http(move |_| {
        raise.raise(Signal::Terminate);
        vec![Act::Hang]
    });
    let target = format!("http://127.0.0.1:{}/log", stranger.port);
    let server = Server::http(move |_| redirect(302, &target));
    let mut world = World::new(&server.api());
    world.interrupt = interrupt;
    let error = world.log().unwrap_err();
    assert!(matches!(error.kind, Kind::Interrupted { .. }), "{error:?}");
}

#[test]
fn once_away_the_token_stays_at_home() {
    let server = Server::http(|request| match request.header("private-token") {
        Some(_) if request.path().ends_with("/trace") => redirect(302, "/-/away"),
        Some(_) => panic!("a token outside of the API: {request:?}"),
        None if request.path() == "/-/away" => {
            redirect(302, "/api/v4/projects/44/jobs/9/trace?again")
        }
        None => text("public"),
    });
    assert_eq!(World::new(&server.api()).log().unwrap().0, "public");
}

#[test]
fn a_log_elsewhere_that_cannot_be_had_is_no_refusal_of_the_token() {
    for status in [401, 403, 404, 500] {
        let stranger = Server::http(move |_| json(status, r#"{"message":"401 Unauthorized"}"#));
        let target = format!("http://127.0.0.1:{}/log", stranger.port);
        let server = Server::http(move |_| redirect(302, &target));
        assert_eq!(
            World::new(&server.api()).log().unwrap_err().kind,
            Kind::Server
        );
    }
}

#[test]
fn a_log_that_is_a_page_is_named() {
    let server = Server::http(|_| {
        vec![Act::Send(answer(
            200,
            &[("Content-Type", "text/html")],
            b"<html>sign in",
        ))]
    });
    assert_eq!(
        World::new(&server.api()).log().unwrap_err().kind,
        Kind::Unusable
    );
}
