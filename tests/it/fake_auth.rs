//! Who may do what at the fake's door, and the words of the refusal.

use std::time::Duration;

use expect_test::expect;

use crate::fake::{JobSpec, World, child, ci, job};
use crate::fake_gitlab::{Shop, shop};

#[test]
fn a_job_token_comes_as_header_bearer_or_parameter() {
    let mut shop = shop();
    shop.gitlab.expect_violation("token in the URL");
    let token = shop.secret("job").to_owned();
    shop.token("bearer", format!("Authorization: Bearer {token}"));
    shop.token("wrong", "JOB-TOKEN: glcbt-nobody");
    shop.token("basic", "Authorization: Basic abc");
    shop.access("misplaced", &token);
    shop.transcript(expect![[r#"
        job GET /job -> 200 running
        bearer GET /job -> 200 running
        nobody GET /job -> 401 {"message":"401 Unauthorized"}
        wrong GET /job -> 401 {"message":"401 Unauthorized"}
        basic GET /job -> 401 {"message":"401 Unauthorized"}
        misplaced GET /job -> 401 {"message":"401 Unauthorized"}
    "#]]);
    let parameter = format!("nobody GET /job?job_token={token}");
    assert_eq!(shop.ask(&parameter).status, 200);
}

#[test]
fn of_two_tokens_the_access_token_wins_and_it_is_a_violation() {
    let mut shop = shop();
    shop.gitlab.expect_violation("both tokens");
    let (job, access) = (shop.secret("job"), shop.secret("access"));
    let both = format!("JOB-TOKEN: {job}; PRIVATE-TOKEN: {access}");
    let wrong = format!("JOB-TOKEN: {job}; PRIVATE-TOKEN: glpat-wrong");
    shop.token("both", both);
    shop.token("wrong", wrong);
    shop.transcript(expect![[r#"
        both GET /job -> 404 {"message":"404 Job Not Found"}
        wrong GET /job -> 401 {"message":"401 Unauthorized"}
    "#]]);
    shop.gitlab.finish();
}

#[test]
fn a_job_token_lives_as_long_as_its_job() {
    let mut world = World::new();
    world.project("shop/web");
    let spec = ci().stage("x", [job("gate").here().after_script(30)]);
    let pipeline = world.pipeline("shop/web", "main", spec);
    let gate = world.job(pipeline, "gate");
    world.after(1, move |world| world.cancel_job(gate));
    Shop::start(world, pipeline).transcript(expect![[r#"
        job GET /job -> 200 running
        after 1
        job GET /job -> 200 canceling
        after 30
        job GET /job -> 401 {"message":"401 Unauthorized"}
    "#]]);
}

#[test]
fn where_a_job_token_is_not_taken_it_is_no_token() {
    let mut shop = shop();
    shop.gitlab.world(|world| world.age = 17);
    let bearer = format!("Authorization: Bearer {}", shop.secret("job"));
    shop.token("bearer", bearer);
    shop.transcript(expect![[r#"
        job GET /projects/44/pipelines/:pipeline/jobs -> 404 {"message":"404 Project Not Found"}
        bearer GET /projects/44/pipelines/:pipeline/jobs -> 401 {"message":"401 Unauthorized"}
        job GET /projects/44/jobs -> 401 {"message":"401 Unauthorized"}
        job GET /projects/44 -> 404 {"message":"404 Project Not Found"}
        job GET /version -> 401 {"message":"401 Unauthorized"}
        job GET /projects/44/environments -> 200 0 rows
    "#]]);
    shop.gitlab
        .world(|world| world.at_project(44).visibility = "public");
    shop.transcript(expect![[r#"
        job GET /projects/44/pipelines/:pipeline/jobs -> 200 6 rows
    "#]]);
}

#[test]
fn an_access_token_is_refused_by_its_fault() {
    let mut shop = shop();
    let (reader, guest, outside) = shop.gitlab.world(|world| {
        let reader = world.project_token(44, "developer", &["read_api"]);
        let guest = world.project_token(44, "guest", &["api"]);
        let stranger = world.user("stranger");
        (reader, guest, world.access_token(stranger, &["api"]))
    });
    for (name, token) in [
        ("wrong", "glpat-wrong"),
        ("reader", &reader),
        ("guest", &guest),
        ("outside", &outside),
    ] {
        shop.access(name, token);
    }
    shop.transcript(expect![[r#"
        wrong POST /projects/44/jobs/:ship/play -> 401 {"message":"401 Unauthorized"}
        guest POST /projects/44/jobs/:ship/play -> 403 {"message":"403 Forbidden"}
        outside POST /projects/44/jobs/:ship/play -> 404 {"message":"404 Project Not Found"}
        reader POST /projects/44/jobs/:ship/play -> 403 {"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}
    "#]]);
    let changes: [fn(&mut World); 3] = [
        |world| world.access_tokens[0].expires_at = Some(world.now),
        |world| world.access_tokens[0].revoked = true,
        |world| {
            world.access_tokens[0].revoked = false;
            world.access_tokens[0].expires_at = Some(world.now.plus(Duration::from_secs(1)));
            let users = world.users.values_mut();
            users.for_each(|user| user.blocked = true);
        },
    ];
    let shown = changes.map(|change| {
        shop.gitlab.world(change);
        let seen = shop.ask("access POST /projects/44/jobs/:ship/play");
        seen.summary() + "\n"
    });
    expect![[r#"
        401 {"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}
        401 {"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}
        403 {"message":"403 Forbidden - Your account has been blocked."}
    "#]].assert_eq(&shown.concat());
    let played = |world: &mut World| world.status(world.job(shop.pipeline, "ship"));
    assert_eq!(shop.gitlab.world(played), "manual");
}

#[test]
fn a_moved_project_redirects_reads_and_refuses_writes() {
    let shop = shop();
    let old = "old/name".to_owned();
    shop.gitlab
        .world(|world| world.at_project(44).old_paths.push(old));
    let moved = shop.ask("access GET /projects/old%2Fname/jobs?page=2");
    let target = format!("{}/projects/44/jobs?page=2", shop.gitlab.api());
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some(target.as_str()))
    );
    shop.transcript(expect![[r#"
        access POST /projects/old%2Fname/jobs/:ship/play -> 405 {"message":"Non GET methods are not allowed for moved projects"}
    "#]]);
}

#[test]
fn a_read_only_server_reads_only() {
    let shop = shop();
    shop.gitlab.world(|world| world.read_only = true);
    shop.transcript(expect![[r#"
        job GET /job -> 200 running
        access POST /projects/44/jobs/:compile/cancel -> 403 {"message":"You cannot perform write operations on a read-only instance"}
    "#]]);
}

/// Asks for a write on the one job `x` of a world, after a change to it; nothing may have been done.
fn refused(spec: JobSpec, change: impl FnOnce(&mut World), write: &str) -> String {
    let mut world = World::new();
    let project = world.project("shop/web");
    world.environment(project, "production", "production");
    let spec = ci().stage("x", [spec, job("gate").here()]);
    let pipeline = world.pipeline("shop/web", "main", spec);
    change(&mut world);
    let id = world.job(pipeline, "x");
    let before = world.status(id);
    let shop = Shop::start(world, pipeline);
    let answer = shop.ask(&format!("access POST /projects/44/jobs/:x/{write}"));
    shop.gitlab.world(|world| {
        assert_eq!(world.status(id), before);
        assert!(world.committed.is_empty());
    });
    format!("{before} {write} -> {}\n", answer.summary())
}

#[test]
fn writes_are_refused_as_gitlab_does() {
    let shown = [
        (job("x").is("created"), "play"),
        // It is not a manual job.
        (job("x").is("failed"), "play"),
        (job("x").manual().is("skipped"), "play"),
        (job("x").manual().is("running"), "play"),
        (job("x").is("manual").needs_approval(), "play"),
        // A trigger job is played once, and none is canceled alone.
        (child("x", ci()).manual().is("success"), "play"),
        (child("x", ci()).is("pending"), "cancel"),
        (
            job("x").is("manual").inputs(["size"]),
            r#"play {"job_inputs":{"colour":"red"}}"#,
        ),
        (job("x").is("manual"), "retry"),
        (job("x").is("running"), "retry"),
        (job("x").is("skipped"), "retry"),
        (job("x").is("running").log("text"), "erase"),
        (job("x").is("success"), "erase"),
    ]
    .map(|(spec, write)| refused(spec, |_| {}, write));
    expect![[r#"
        created play -> 400 {"message":"400 Bad request - Unplayable Job"}
        failed play -> 400 {"message":"400 Bad request - Unplayable Job"}
        skipped play -> 400 {"message":"400 Bad request - Unplayable Job"}
        running play -> 400 {"message":"400 Bad request - Unplayable Job"}
        manual play -> 400 {"message":"400 Bad request - Unplayable Job"}
        success play -> 400 {"message":"400 Bad request - Unplayable Job"}
        pending cancel -> 404 {"message":"404 Not found"}
        manual play {"job_inputs":{"colour":"red"}} -> 400 {"message":"400 Bad request - Unknown input: colour"}
        manual retry -> 403 {"message":"403 Forbidden - Job is not retryable"}
        running retry -> 403 {"message":"403 Forbidden - Job is not retryable"}
        skipped retry -> 403 {"message":"403 Forbidden - Job is not retryable"}
        running erase -> 403 {"message":"403 Forbidden - Job is not erasable!"}
        success erase -> 403 {"message":"403 Forbidden - Job is not erasable!"}
    "#]].assert_eq(&shown.concat());
}

type Change = fn(&mut World);

#[test]
fn a_play_needs_the_callers_own_rights() {
    let variables = r#"play {"job_variables_attributes":[{"key":"A","value":"b"}]}"#;
    let changes: [(Change, &str); 4] = [
        (
            |world| world.at_project(44).environments[0].deployers = Some(vec![]),
            "play",
        ),
        (
            |world| world.at_project(44).protected_branches[0].role = "owner",
            "play",
        ),
        (
            |world| world.at_project(44).variables_role = "no_one_allowed",
            variables,
        ),
        (
            |world| {
                let pipelines = world.pipelines.values_mut();
                pipelines.for_each(|pipeline| pipeline.archived = true);
            },
            "play",
        ),
    ];
    let shown = changes.map(|(change, write)| {
        let spec = job("x").is("manual").environment("production");
        refused(spec, change, write)
    });
    expect![[r#"
        manual play -> 403 {"message":"403 Forbidden"}
        manual play -> 403 {"message":"403 Forbidden"}
        manual play {"job_variables_attributes":[{"key":"A","value":"b"}]} -> 403 {"message":"403 Forbidden"}
        manual play -> 400 {"message":"400 Bad request - Unplayable Job"}
    "#]].assert_eq(&shown.concat());
}
