//! Which token a request carries.

use expect_test::expect;
use jobgate::exit::Exit;
use jobgate::gitlab::{Body, Kind, Note, Project, Route, TokenKind};
use jobgate::model::PipelineId;

use super::server::{Request, Server, json};
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
        client.get(&Route::Project(project()), &[]).unwrap();
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
    let shown = |request: &Request| {
        let (job, access) = tokens(request);
        assert!(job.is_none_or(|token| token == JOB_TOKEN));
        assert!(access.is_none_or(|token| token == ACCESS_TOKEN));
        let token = match (job, access) {
            (Some(_), None) => "job",
            (None, Some(_)) => "access",
            (None, None) => "none",
            _ => "both",
        };
        let kind = request.header("content-type").unwrap_or("-");
        format!("{token} {} {kind} {}\n", request.line, request.body)
    };
    let seen: String = server.requests().iter().map(shown).collect();
    expect![[r#"
        job GET /api/v4/job HTTP/1.1 - 
        job GET /api/v4/projects/44/pipelines/7/jobs?scope%5B%5D=failed&ref=a%20b HTTP/1.1 - 
        access GET /api/v4/projects/44 HTTP/1.1 - 
        access POST /api/v4/projects/44/jobs/9/play HTTP/1.1 application/json {"k":"v"}
        none POST /api/v4/projects/g%2Fp/trigger/pipeline HTTP/1.1 application/x-www-form-urlencoded token=glcbt-64_hunter2job&ref=main%26token%3Dx
        access GET /api/v4/job HTTP/1.1 - 
    "#]].assert_eq(&seen);
    let notes = world.notes.lock().unwrap();
    let using = notes
        .iter()
        .filter(|note| matches!(note, Note::Using { .. }));
    let using: Vec<_> = using.collect();
    expect![[r#"
        [
            Using {
                token: Job,
                source: "CI_JOB_TOKEN",
            },
            Using {
                token: Access,
                source: "GITLAB_TOKEN",
            },
        ]
    "#]]
    .assert_debug_eq(&using);
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
        let mut kinds: Vec<_> = server
            .requests()
            .iter()
            .map(|request| tokens(request).0.is_some())
            .collect();
        if status == 401 {
            kinds.dedup_by(|again, first| *again && *first);
        }
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
            assert_eq!(error.kind, Kind::Unauthorized);
            assert_eq!(error.message, "401 invalid_token: Token is expired.");
            let before = error.before.unwrap();
            assert_eq!(before.message, "403 Forbidden - not on the allowlist");
        }
    });
    // The 401 was asked once more each time.
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn what_one_token_may_not_see_and_the_other_cannot_find_is_a_refusal() {
    // Why, what came back, and what the job token met, if that is something else.
    for (first, exit, lines) in [
        (403, Exit::Refused, 3),
        (401, Exit::NotFound, 3),
        (404, Exit::NotFound, 2),
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
        assert_eq!(stop.error.lines().count(), lines, "{}", stop.error);
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
