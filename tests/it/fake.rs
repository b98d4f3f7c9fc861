//! The fake refuses what GitLab refuses, and its pipelines run as GitLab's do.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::fake::{GitLab, World, child, ci, downstream, job};

/// One answer, as a client without any wit reads it.
pub struct Seen {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{}: ", name.to_lowercase());
        self.head
            .lines()
            .find(|line| line.to_lowercase().starts_with(&prefix))
            .map(|line| &line[prefix.len()..])
    }

    pub fn text(&self) -> String {
        format!("{} {}", self.status, self.body)
    }
}

/// Asks over a connection of its own. `headers` are whole lines.
pub fn ask(gitlab: &GitLab, method: &str, path: &str, headers: &[String], body: &str) -> Seen {
    let mut stream = TcpStream::connect(gitlab.address()).unwrap();
    let mut request = format!(
        "{method} /api/v4{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    Seen {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub fn get(gitlab: &GitLab, path: &str, header: &str) -> Seen {
    let headers: Vec<String> = (!header.is_empty())
        .then(|| header.to_owned())
        .into_iter()
        .collect();
    ask(gitlab, "GET", path, &headers, "")
}

pub fn post(gitlab: &GitLab, path: &str, token: &str) -> Seen {
    ask(
        gitlab,
        "POST",
        path,
        &[format!("PRIVATE-TOKEN: {token}")],
        "",
    )
}

/// A shop with a pipeline of every kind of job, its gate running; the gate's id and header, an access token that may all.
pub fn shop() -> (World, u64, u64, String, String) {
    let mut world = World::new();
    let project = world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage(
            "build",
            [
                job("compile").runs(60),
                job("lint").fails(5).allow_failure(),
            ],
        )
        .stage(
            "test",
            [job("unit").parallel(2).fails(30).runs(30).retry(1)],
        )
        .stage(
            "deploy",
            [
                job("ship").manual(),
                job("gate").here(),
                child("pages", ci().stage("x", [job("page")])),
            ],
        ),
    );
    let gate = world.job(pipeline, "gate");
    let header = format!("JOB-TOKEN: {}", world.jobs[&gate].token);
    let token = world.project_token(project, "maintainer", &["api"]);
    (world, pipeline, gate, header, token)
}

#[test]
fn a_pipeline_runs_stage_by_stage_as_the_clock_goes_on() {
    let (mut world, pipeline, gate, ..) = shop();
    let status = |world: &World, name: &str| world.status(world.job(pipeline, name));
    assert_eq!(world.status(gate), "running");
    assert_eq!(status(&world, "compile"), "pending");
    assert_eq!(status(&world, "unit 1/2"), "created");
    world.advance_by(2);
    assert_eq!(status(&world, "compile"), "running");
    world.advance_by(60);
    assert_eq!(status(&world, "compile"), "success");
    assert_eq!(status(&world, "lint"), "failed");
    assert_eq!(status(&world, "unit 2/2"), "pending");
    let first = world.job(pipeline, "unit 1/2");
    world.advance_by(33);
    let second = world.job(pipeline, "unit 1/2");
    assert!(
        second > first && world.jobs[&first].retried,
        "a failure with retry has a new row"
    );
    assert_eq!(status(&world, "ship"), "created");
    world.advance_by(32);
    assert_eq!(status(&world, "ship"), "manual");
    assert_eq!(status(&world, "pages"), "pending");
    world.advance_by(1);
    assert_eq!(status(&world, "pages"), "success");
    let page = world.downstream(world.job(pipeline, "pages")).unwrap();
    assert_eq!(world.pipelines[&page].source, "parent_pipeline");
    assert_eq!(world.pipelines[&pipeline].status, "running");
    world.end(gate, None);
    assert_eq!(world.pipelines[&pipeline].status, "manual");
}

#[test]
fn a_job_token_reads_what_the_servers_age_allows() {
    for (age, jobs, bridges, trigger_jobs) in [
        (17, 404, 404, 404),
        (18, 200, 404, 404),
        (19, 200, 200, 200),
    ] {
        let (mut world, pipeline, gate, header, _) = shop();
        world.age = age;
        let gitlab = GitLab::start(world);
        let me = get(&gitlab, "/job", &header);
        assert_eq!((me.status, me.json()["id"].as_u64()), (200, Some(gate)));
        assert_eq!(get(&gitlab, "/job/allowed_agents", &header).status, 200);
        let of = |list: &str| {
            get(
                &gitlab,
                &format!("/projects/44/pipelines/{pipeline}/{list}"),
                &header,
            )
            .status
        };
        assert_eq!(
            (of("jobs"), of("bridges"), of("trigger_jobs")),
            (jobs, bridges, trigger_jobs),
            "age {age}"
        );
        gitlab.finish();
    }
}

#[test]
fn a_downstream_project_is_reached_over_the_allowlist() {
    let mut world = World::new();
    let other = world.project("ops/deploy");
    world.at_project(other).ci = ci().stage("deploy", [job("production").manual()]);
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage(
            "deploy",
            [
                job("gate").here(),
                downstream("rollout", "ops/deploy").depend(),
            ],
        ),
    );
    let header = format!(
        "JOB-TOKEN: {}",
        world.jobs[&world.job(pipeline, "gate")].token
    );
    world.advance_by(5);
    let gitlab = GitLab::start(world);
    let bridges = get(
        &gitlab,
        &format!("/projects/45/pipelines/{pipeline}/bridges"),
        &header,
    )
    .json();
    assert_eq!(bridges[0]["status"], "running");
    let below = bridges[0]["downstream_pipeline"]["id"].as_u64().unwrap();
    let jobs = get(
        &gitlab,
        &format!("/projects/44/pipelines/{below}/jobs"),
        &header,
    );
    assert_eq!(
        jobs.text(),
        r#"403 {"message":"403 Forbidden - Authentication by CI/CD job token not allowed from web to deploy."}"#
    );
    gitlab.world(|world| {
        world.at_project(other).allowlist.push(crate::fake::Allow {
            from: "shop".to_owned(),
            policies: None,
        });
    });
    let jobs = get(
        &gitlab,
        &format!("/projects/44/pipelines/{below}/jobs"),
        &header,
    )
    .json();
    assert_eq!(jobs[0]["status"], "manual");
}

#[test]
fn play_retry_cancel_and_erase_change_the_world_once() {
    let (mut world, pipeline, _, header, token) = shop();
    world.advance_by(200);
    let ship = world.job(pipeline, "ship");
    let compile = world.job(pipeline, "compile");
    let gitlab = GitLab::start(world);
    let route = |id: u64, verb: &str| format!("/projects/44/jobs/{id}/{verb}");
    assert_eq!(
        ask(&gitlab, "POST", &route(ship, "play"), &[header], "").status,
        401
    );
    let played = post(&gitlab, &route(ship, "play"), &token);
    assert_eq!(
        (played.status, &played.json()["status"]),
        (200, &json!("pending"))
    );
    assert_eq!(
        post(&gitlab, &route(ship, "play"), &token).text(),
        r#"400 {"message":"400 Bad request - Unplayable Job"}"#
    );
    assert_eq!(
        post(&gitlab, &route(ship, "retry"), &token).text(),
        r#"403 {"message":"403 Forbidden - Job is not retryable"}"#
    );
    let canceled = post(&gitlab, &route(ship, "cancel"), &token);
    assert_eq!(
        (canceled.status, &canceled.json()["status"]),
        (201, &json!("canceled"))
    );
    let retried = post(&gitlab, &route(compile, "retry"), &token);
    assert_eq!(retried.status, 201);
    assert!(retried.json()["id"].as_u64().unwrap() > compile);
    assert_eq!(
        post(&gitlab, &route(compile, "erase"), &token).text(),
        r#"403 {"message":"403 Forbidden - Job is not erasable!"}"#
    );
    assert_eq!(
        gitlab.world(|world| (world.writes(ship, "play"), world.writes(compile, "retry"))),
        (1, 1)
    );
}

#[test]
fn a_pipeline_is_triggered_with_a_job_token_in_a_form() {
    let mut world = World::new();
    let target = world.project("ops/deploy");
    world.at_project(target).ci = ci().stage("x", [job("a")]);
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("x", [job("gate").here(), job("old").is("success")]),
    );
    let token = |name: &str| world.jobs[&world.job(pipeline, name)].token.clone();
    let (good, dead) = (token("gate"), token("old"));
    let gitlab = GitLab::start(world);
    let send = |token: &str, rest: &str| {
        let headers = ["Content-Type: application/x-www-form-urlencoded".to_owned()];
        let seen = ask(
            &gitlab,
            "POST",
            &format!("/projects/{target}/trigger/pipeline"),
            &headers,
            &format!("token={token}&{rest}"),
        );
        seen.text()
    };
    assert_eq!(
        send("wrong", "ref=main"),
        r#"404 {"message":"404 Not found"}"#
    );
    assert_eq!(
        send(&dead, "ref=main"),
        r#"401 {"message":"Job is not running"}"#
    );
    assert_eq!(
        send(&good, "ref=main"),
        r#"404 {"message":"404 Not found"}"#,
        "no entry in the allowlist"
    );
    gitlab.world(|world| {
        world.at_project(target).allowlist.push(crate::fake::Allow {
            from: "shop".to_owned(),
            policies: None,
        });
    });
    assert_eq!(
        send(&good, "ref=none"),
        r#"400 {"message":{"base":["Reference not found"]}}"#
    );
    assert!(send(&good, "").contains("ref is missing"));
    assert!(send(&good, "ref=main&variables[A]=b%20c&inputs[size]=big").starts_with("201"));
    gitlab.world(|world| {
        let made = world.pipelines.values().next_back().unwrap();
        assert_eq!((made.source, made.project), ("pipeline", target));
        assert_eq!(made.variables, [("A".to_owned(), "b c".to_owned())]);
        assert_eq!(made.inputs["size"], "big");
        assert_eq!(world.writes(target, "trigger"), 1);
        world.at_project(target).variables_role = "no_one_allowed";
    });
    assert!(
        send(&good, "ref=main&variables[A]=b")
            .contains("Insufficient permissions to set pipeline variables")
    );
}
