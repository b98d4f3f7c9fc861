//! Who may do what at the fake's door, and the words of the refusal.

use std::time::Duration;

use crate::fake::{Allow, GitLab, JobSpec, World, child, ci, job};
use crate::fake_gitlab::{ask, get, post, shop};

const UNAUTHORIZED: &str = r#"401 {"message":"401 Unauthorized"}"#;
const NO_PROJECT: &str = r#"404 {"message":"404 Project Not Found"}"#;

#[test]
fn a_job_token_comes_as_header_bearer_or_parameter() {
    let (world, .., header, _) = shop();
    let gitlab = GitLab::start(world);
    gitlab.expect_violation("token in the URL");
    let token = header.trim_start_matches("JOB-TOKEN: ").to_owned();
    assert_eq!(get(&gitlab, "/job", &header).status, 200);
    assert_eq!(
        get(&gitlab, "/job", &format!("Authorization: Bearer {token}")).status,
        200
    );
    assert_eq!(
        get(&gitlab, &format!("/job?job_token={token}"), "").status,
        200
    );
    for wrong in ["", "JOB-TOKEN: glcbt-nobody", "Authorization: Basic abc"] {
        assert_eq!(get(&gitlab, "/job", wrong).text(), UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(
        get(&gitlab, "/job", &format!("PRIVATE-TOKEN: {token}")).text(),
        UNAUTHORIZED
    );
}

#[test]
fn of_two_tokens_the_access_token_wins_and_it_is_a_violation() {
    let (world, .., header, token) = shop();
    let gitlab = GitLab::start(world);
    gitlab.expect_violation("both tokens");
    let both = |token: &str| {
        let headers = [header.clone(), format!("PRIVATE-TOKEN: {token}")];
        ask(&gitlab, "GET", "/job", &headers, "").text()
    };
    assert_eq!(both(&token), r#"404 {"message":"404 Job Not Found"}"#);
    assert_eq!(both("glpat-wrong"), UNAUTHORIZED);
    gitlab.finish();
}

#[test]
fn a_job_token_lives_as_long_as_its_job() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline(
        "shop/web",
        "main",
        ci().stage("x", [job("gate").here().after_script(30)]),
    );
    let gate = world.job(pipeline, "gate");
    let header = format!("JOB-TOKEN: {}", world.jobs[&gate].token);
    let gitlab = GitLab::start(world);
    assert_eq!(get(&gitlab, "/job", &header).json()["status"], "running");
    gitlab.world(|world| world.cancel_job(gate));
    assert_eq!(get(&gitlab, "/job", &header).json()["status"], "canceling");
    gitlab.world(|world| world.advance_by(30));
    assert_eq!(get(&gitlab, "/job", &header).text(), UNAUTHORIZED);
}

#[test]
fn where_a_job_token_is_not_taken_it_is_no_token() {
    let (mut world, pipeline, _, header, _) = shop();
    world.age = 17;
    let gitlab = GitLab::start(world);
    let bearer = header.replace("JOB-TOKEN:", "Authorization: Bearer");
    let list = format!("/projects/44/pipelines/{pipeline}/jobs");
    assert_eq!(get(&gitlab, &list, &header).text(), NO_PROJECT);
    assert_eq!(get(&gitlab, &list, &bearer).text(), UNAUTHORIZED);
    assert_eq!(
        get(&gitlab, "/projects/44/jobs", &header).text(),
        UNAUTHORIZED
    );
    assert_eq!(get(&gitlab, "/projects/44", &header).text(), NO_PROJECT);
    assert_eq!(get(&gitlab, "/version", &header).text(), UNAUTHORIZED);
    assert_eq!(
        get(&gitlab, "/projects/44/environments", &header).status,
        200
    );
    gitlab.world(|world| world.at_project(44).visibility = "public");
    assert_eq!(get(&gitlab, &list, &header).status, 200, "as for anybody");
}

#[test]
fn an_access_token_is_refused_by_its_fault() {
    let (mut world, pipeline, _, _, token) = shop();
    let reader = world.project_token(44, "developer", &["read_api"]);
    let guest = world.project_token(44, "guest", &["api"]);
    let stranger = world.user("stranger");
    let outside = world.access_token(stranger, &["api"]);
    world.advance_by(200);
    let ship = world.job(pipeline, "ship");
    let gitlab = GitLab::start(world);
    let play = format!("/projects/44/jobs/{ship}/play");
    assert_eq!(post(&gitlab, &play, "glpat-wrong").text(), UNAUTHORIZED);
    assert_eq!(
        post(&gitlab, &play, &guest).text(),
        r#"403 {"message":"403 Forbidden"}"#
    );
    assert_eq!(post(&gitlab, &play, &outside).text(), NO_PROJECT);
    let scope = post(&gitlab, &play, &reader);
    assert_eq!(
        (scope.status, scope.json()["error"].as_str()),
        (403, Some("insufficient_scope"))
    );
    let found = |change: fn(&mut World)| {
        gitlab.world(change);
        let seen = post(&gitlab, &play, &token);
        (seen.status, seen.body)
    };
    let (status, body) = found(|world| world.access_tokens[0].expires_at = Some(world.now));
    assert!(
        status == 401 && body.contains(r#""error":"invalid_token""#) && body.contains("expired"),
        "{body}"
    );
    let (status, body) = found(|world| world.access_tokens[0].revoked = true);
    assert!(status == 401 && body.contains("revoked"), "{body}");
    let (status, body) = found(|world| {
        world.access_tokens[0].revoked = false;
        world.access_tokens[0].expires_at = Some(world.now.plus(Duration::from_secs(1)));
        for user in world.users.values_mut() {
            user.blocked = true;
        }
    });
    assert_eq!(
        (status, body.as_str()),
        (
            403,
            r#"{"message":"403 Forbidden - Your account has been blocked."}"#
        )
    );
    assert_eq!(gitlab.world(|world| world.status(ship)), "manual");
}

#[test]
fn an_allowlist_entry_grants_what_it_says() {
    let (mut world, .., header, _) = shop();
    let other = world.project("ops/deploy");
    let pipeline = world.pipeline(
        "ops/deploy",
        "main",
        ci().stage("x", [job("ship").manual()]),
    );
    world.at_project(other).allowlist.push(Allow {
        from: "shop/web".to_owned(),
        policies: Some(vec!["read_pipelines"]),
    });
    let gitlab = GitLab::start(world);
    let at = |list: &str| get(&gitlab, &format!("/projects/{other}/{list}"), &header).text();
    assert!(at(&format!("pipelines/{pipeline}/bridges")).starts_with("200"));
    assert_eq!(
        at(&format!("pipelines/{pipeline}/jobs")),
        r#"403 {"message":"403 Forbidden - Insufficient permissions to access this resource in project ops/deploy. The following token permission is required: read_jobs."}"#
    );
    gitlab.world(|world| world.at_project(other).members.clear());
    assert!(
        at(&format!("pipelines/{pipeline}/bridges")).contains("not allowed from web to deploy.")
    );
    assert_eq!(
        get(&gitlab, "/projects/999/jobs", &header).text(),
        NO_PROJECT
    );
    assert_eq!(at("pipelines/999"), at("pipelines/1"));
}

#[test]
fn a_moved_project_redirects_reads_and_refuses_writes() {
    let (mut world, pipeline, .., token) = shop();
    world.at_project(44).old_paths.push("old/name".to_owned());
    let ship = world.job(pipeline, "ship");
    let gitlab = GitLab::start(world);
    let header = format!("PRIVATE-TOKEN: {token}");
    let moved = get(&gitlab, "/projects/old%2Fname/jobs?page=2", &header);
    assert_eq!(moved.status, 301);
    let target = format!("{}/projects/44/jobs?page=2", gitlab.api());
    assert_eq!(moved.header("location"), Some(target.as_str()));
    assert_eq!(
        post(
            &gitlab,
            &format!("/projects/old%2Fname/jobs/{ship}/play"),
            &token
        )
        .text(),
        r#"405 {"message":"Non GET methods are not allowed for moved projects"}"#
    );
}

#[test]
fn a_read_only_server_reads_only() {
    let (mut world, pipeline, _, header, token) = shop();
    world.read_only = true;
    let compile = world.job(pipeline, "compile");
    let gitlab = GitLab::start(world);
    assert_eq!(get(&gitlab, "/job", &header).status, 200);
    assert_eq!(
        post(
            &gitlab,
            &format!("/projects/44/jobs/{compile}/cancel"),
            &token
        )
        .text(),
        r#"403 {"message":"You cannot perform write operations on a read-only instance"}"#
    );
}

const UNPLAYABLE: &str = r#"400 {"message":"400 Bad request - Unplayable Job"}"#;
const FORBIDDEN: &str = r#"403 {"message":"403 Forbidden"}"#;

/// Asks for this write on the one job `x` of a world, after a change to it; nothing may have been done.
fn refused(spec: JobSpec, change: impl FnOnce(&mut World, u64), verb: &str, body: &str) -> String {
    let mut world = World::new();
    let project = world.project("shop/web");
    world.environment(project, "production", "production");
    let pipeline = world.pipeline("shop/web", "main", ci().stage("x", [spec]));
    let token = world.project_token(project, "maintainer", &["api"]);
    change(&mut world, pipeline);
    let id = world.job(pipeline, "x");
    let before = world.status(id);
    let gitlab = GitLab::start(world);
    let headers = [
        format!("PRIVATE-TOKEN: {token}"),
        "Content-Type: application/json".to_owned(),
    ];
    let seen = ask(
        &gitlab,
        "POST",
        &format!("/projects/44/jobs/{id}/{verb}"),
        &headers,
        body,
    );
    gitlab.world(|world| {
        assert_eq!(world.status(id), before);
        assert!(world.committed.is_empty());
    });
    seen.text()
}

#[test]
fn an_unplayable_job_is_not_played() {
    let play = |spec: JobSpec| refused(spec, |_, _| {}, "play", "");
    assert_eq!(play(job("x").is("created")), UNPLAYABLE);
    assert_eq!(
        play(job("x").is("failed")),
        UNPLAYABLE,
        "it is not a manual job"
    );
    assert_eq!(play(job("x").manual().is("skipped")), UNPLAYABLE);
    assert_eq!(play(job("x").manual().is("running")), UNPLAYABLE);
    assert_eq!(play(job("x").is("manual").needs_approval()), UNPLAYABLE);
    assert_eq!(
        play(child("x", ci()).manual().is("success")),
        UNPLAYABLE,
        "a trigger job is played once"
    );
    let archive =
        |world: &mut World, pipeline| world.pipelines.get_mut(&pipeline).unwrap().archived = true;
    assert_eq!(
        refused(job("x").is("manual"), archive, "play", ""),
        UNPLAYABLE
    );
}

#[test]
fn a_play_needs_the_callers_own_rights() {
    let manual = || job("x").is("manual").environment("production");
    let nobody =
        |world: &mut World, _| world.at_project(44).environments[0].deployers = Some(vec![]);
    assert_eq!(refused(manual(), nobody, "play", ""), FORBIDDEN);
    let owners = |world: &mut World, _| world.at_project(44).protected_branches[0].role = "owner";
    assert_eq!(refused(manual(), owners, "play", ""), FORBIDDEN);
    let no_variables =
        |world: &mut World, _| world.at_project(44).variables_role = "no_one_allowed";
    let body = r#"{"job_variables_attributes":[{"key":"A","value":"b"}]}"#;
    assert_eq!(refused(manual(), no_variables, "play", body), FORBIDDEN);
}

#[test]
fn other_writes_are_refused_as_gitlab_does() {
    let unknown = refused(
        job("x").is("manual").inputs(["size"]),
        |_, _| {},
        "play",
        r#"{"job_inputs":{"colour":"red"}}"#,
    );
    assert_eq!(
        unknown,
        r#"400 {"message":"400 Bad request - Unknown input: colour"}"#
    );
    for spec in [
        job("x").is("manual"),
        job("x").is("running"),
        job("x").is("skipped"),
    ] {
        let retry = refused(spec, |_, _| {}, "retry", "");
        assert_eq!(
            retry,
            r#"403 {"message":"403 Forbidden - Job is not retryable"}"#
        );
    }
    for spec in [job("x").is("running").log("text"), job("x").is("success")] {
        let erase = refused(spec, |_, _| {}, "erase", "");
        assert_eq!(
            erase,
            r#"403 {"message":"403 Forbidden - Job is not erasable!"}"#
        );
    }
    let cancel = refused(child("x", ci()).is("pending"), |_, _| {}, "cancel", "");
    assert_eq!(
        cancel, r#"404 {"message":"404 Not found"}"#,
        "no trigger job is canceled alone"
    );
}
