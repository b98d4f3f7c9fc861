//! What GitLab's answers mean, and what is never asked.

use expect_test::expect;
use jobgate::gitlab::{Kind, Project, Route};
use jobgate::model::Job;

use super::server::{Act, Server, answer, json};
use super::world::{ACCESS_TOKEN, JOB_TOKEN, World, checked, jobs, line, play};

#[test]
fn each_refusal_has_its_kind_and_exit_code() {
    let mut seen = String::new();
    for (status, body) in [
        (400, r#"{"error":"x"}"#),
        (401, "{}"),
        (403, "{}"),
        (404, "{}"),
        (405, "{}"),
        (409, r#"{"message":"409 Conflict: Resource lock"}"#),
        (409, "{}"),
        (422, "{}"),
        (429, "{}"),
        (500, "{}"),
        (524, "<html>"),
    ] {
        let server = Server::http(move |_| json(status, body));
        seen += &line(World::new(&server.api()).post(&play()));
        seen += "\n";
    }
    expect![[r#"
        Refused, exit 6, nothing done: 400 x
        Unauthorized, exit 4, nothing done: status 401 with an unreadable text of type application/json
        Forbidden, exit 4, nothing done: status 403 with an unreadable text of type application/json
        NotFound, exit 5, nothing done: status 404 with an unreadable text of type application/json
        Refused, exit 6, nothing done: status 405 with an unreadable text of type application/json
        Locked, exit 6, transient: 409 Conflict: Resource lock
        Refused, exit 6, nothing done: status 409 with an unreadable text of type application/json
        Refused, exit 6, nothing done: status 422 with an unreadable text of type application/json
        Limited { wait: None }, exit 6, transient, nothing done: status 429 with an unreadable text of type application/json
        Server, exit 6, transient: status 500 with an unreadable text of type application/json
        Server, exit 6, transient: status 524 with an unreadable text of type application/json
    "#]].assert_eq(&seen);
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
    let mut seen = String::new();
    for (kind, body) in [
        ("text/html; charset=utf-8", "<html>hunter2</html>"),
        ("application/json", r#"{"token":"hunter2"#),
        ("application/json", ""),
        ("application/json", "{} {}"),
        ("", "hunter2"),
    ] {
        let whole = answer(200, &[("Content-Type", kind)], body.as_bytes());
        let server = Server::http(move |_| vec![Act::Send(whole.clone())]);
        let world = World::new(&server.api());
        let asked = line(world.get(&jobs()));
        assert_eq!(asked, line(world.post(&play())));
        seen += &asked;
        seen += "\n";
    }
    expect![[r#"
        Unusable, exit 6, transient: the answer is not JSON but text/html: perhaps a proxy's page
        Unusable, exit 6, transient: the answer says it is JSON, but cannot be read
        Unusable, exit 6, transient: the answer says it is JSON, but cannot be read
        Unusable, exit 6, transient: the answer says it is JSON, but cannot be read
        Unusable, exit 6, transient: the answer is not JSON
    "#]]
    .assert_eq(&seen);
    let server = Server::http(|_| json(200, r#"{"id":"hunter2"}"#));
    let answer = World::new(&server.api()).get(&Route::CurrentJob).unwrap();
    let error = checked(answer.json::<Job>()).unwrap_err();
    assert_eq!(error.kind, Kind::Unusable);
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
    world.client(|_| ());
    assert_eq!(
        world.warnings(),
        ["JOBGATE_TOKEN holds a job token, not an access token; it is sent as a job token"]
    );
}
