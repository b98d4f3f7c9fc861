//! The fake's HTTP: faults, violations, the clock.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jobgate::os::{Interrupt, Signal, Woken};
use jobgate::time::Clock;
use rustls::pki_types::pem::PemObject;

use crate::fake::{Answer, Chaos, Fault, GitLab, Tls, World, ci, job};
use crate::fake_gitlab::{ask, get, post, shop};

#[test]
fn each_fault_is_seen_as_such_and_commits_as_it_says() {
    let cases = [
        (Fault::Close, 0, 0),
        (Fault::Lost, 0, 1),
        (Fault::Cut, 200, 1),
        (Fault::Broken, 500, 0),
        (Fault::BadGateway, 502, 0),
        (Fault::BadGatewayAfter, 502, 1),
        (Fault::Limited(7), 429, 0),
        (Fault::LimitedJson, 429, 0),
        (Fault::LimitedAction(60), 429, 0),
        (Fault::Locked, 409, 0),
        (Fault::Page, 200, 0),
        (Fault::Unauthorized, 401, 0),
    ];
    for (fault, status, committed) in cases {
        let (mut world, pipeline, .., token) = shop();
        world.advance_by(200);
        let ship = world.job(pipeline, "ship");
        let gitlab = GitLab::start(world);
        gitlab.fault("POST */play", fault);
        let path = format!("/projects/44/jobs/{ship}/play");
        let seen = post(&gitlab, &path, &token);
        assert_eq!(seen.status, status, "{fault:?}");
        assert_eq!(
            gitlab.world(|world| world.writes(ship, "play")),
            committed,
            "{fault:?}"
        );
        if fault == Fault::Cut {
            let promised: usize = seen.header("content-length").unwrap().parse().unwrap();
            assert!(seen.body.len() < promised);
        }
        let again = post(&gitlab, &path, &token).status;
        assert_eq!(
            again,
            if committed == 1 { 400 } else { 200 },
            "{fault:?} strikes once"
        );
    }
}

#[test]
fn a_hanging_answer_ends_when_the_client_is_gone() {
    let (world, .., header, _) = shop();
    let gitlab = GitLab::start(world);
    gitlab.fault("GET /api/v4/job", Fault::Hang);
    let mut stream = TcpStream::connect(gitlab.address()).unwrap();
    write!(stream, "GET /api/v4/job HTTP/1.1\r\n{header}\r\n\r\n").unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(stream.read(&mut [0]).is_err(), "nothing comes");
    drop(stream);
    assert_eq!(get(&gitlab, "/job", &header).status, 200);
    let log = gitlab.finish();
    assert_eq!((log[0].status, log[1].status), (0, 200));
}

#[test]
fn chaos_is_a_function_of_its_seed() {
    let chaos = Chaos::third(7);
    let row = |chaos: &Chaos| -> Vec<Option<Fault>> {
        (1..=300)
            .map(|n| chaos.fault("GET", "/api/v4/job", n))
            .collect()
    };
    assert_eq!(row(&chaos), row(&Chaos::third(7)));
    assert_ne!(row(&chaos), row(&Chaos::third(8)));
    let struck = row(&chaos).iter().flatten().count();
    assert!((70..=130).contains(&struck), "{struck} of 300");
    assert!(
        chaos
            .kinds
            .iter()
            .all(|kind| row(&chaos).contains(&Some(*kind))),
        "every kind occurs"
    );
}

#[test]
fn an_outage_begins_and_ends_by_the_clock() {
    let (world, .., header, _) = shop();
    let gitlab = GitLab::start(world);
    gitlab.outage(10, 20, Fault::BadGateway);
    let seen = [0, 10, 9, 1].map(|seconds| {
        gitlab.world(|world| world.advance_by(seconds));
        get(&gitlab, "/job", &header).status
    });
    assert_eq!(seen, [200, 502, 502, 200]);
}

#[test]
fn a_limit_is_told_and_kept() {
    let (world, .., header, _) = shop();
    let gitlab = GitLab::start(world);
    gitlab.limit(2);
    let first = get(&gitlab, "/job", &header);
    assert_eq!(
        (
            first.header("ratelimit-limit"),
            first.header("ratelimit-remaining")
        ),
        (Some("2"), Some("1"))
    );
    assert_eq!(get(&gitlab, "/job", &header).status, 200);
    let over = get(&gitlab, "/job", &header);
    assert_eq!(
        (over.status, over.body.as_str(), over.header("retry-after")),
        (429, "Retry later\n", Some("60"))
    );
    gitlab.world(|world| world.advance_by(60));
    assert_eq!(get(&gitlab, "/job", &header).status, 200);
}

#[test]
fn something_can_happen_just_before_a_request() {
    let (mut world, pipeline, .., token) = shop();
    world.advance_by(200);
    let ship = world.job(pipeline, "ship");
    let gitlab = GitLab::start(world);
    gitlab.before("POST */play", move |world| world.flip(ship, "canceled"));
    gitlab.answer(
        "GET *",
        Answer::new(302, "text/plain", "").with("Location", "http://elsewhere/"),
    );
    let path = format!("/projects/44/jobs/{ship}");
    assert_eq!(
        get(&gitlab, &path, &format!("PRIVATE-TOKEN: {token}")).header("location"),
        Some("http://elsewhere/")
    );
    let seen = post(&gitlab, &format!("{path}/play"), &token);
    assert_eq!(
        (
            seen.status,
            gitlab.world(|world| world.job(pipeline, "ship") > ship)
        ),
        (200, true),
        "it was retried instead"
    );
}

#[test]
fn violations_end_the_test() {
    let (_, pipeline, ..) = shop();
    let json = "Content-Type: application/json";
    let list = format!("/projects/44/pipelines/{pipeline}/jobs");
    let cases: [(&str, &str, &str, &str, &str); 8] = [
        ("GET", "/users", "", "", "unknown route"),
        (
            "GET",
            &list,
            "retried=true",
            "",
            "unknown query parameter retried",
        ),
        ("GET", &list, "private_token=x", "", "token in the URL"),
        (
            "GET",
            "/job",
            "per_page=2",
            "",
            "unknown query parameter per_page",
        ),
        ("GET", "/job", "", "{}", "a body in a GET"),
        (
            "POST",
            "/projects/44/jobs/1/play",
            "",
            r#"{"variables":[]}"#,
            "unknown body field variables",
        ),
        (
            "POST",
            "/projects/44/trigger/pipeline",
            "",
            r#"{"token":"x","ref":"main"}"#,
            "trigger wants a form",
        ),
        (
            "POST",
            "/projects/44/jobs/1/cancel",
            "job_token=x",
            "",
            "token in the URL",
        ),
    ];
    for (method, path, query, body, violation) in cases {
        let (world, ..) = shop();
        let gitlab = GitLab::start(world);
        let path = if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{query}")
        };
        ask(&gitlab, method, &path, &[json.to_owned()], body);
        let panic = catch_unwind(AssertUnwindSafe(|| drop(gitlab.finish()))).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(
            text.contains(violation) && text.contains(path.as_str()),
            "{text}"
        );
    }
    let (world, ..) = shop();
    let gitlab = GitLab::start(world);
    gitlab.expect_violation("unknown route");
    assert!(
        catch_unwind(AssertUnwindSafe(|| drop(gitlab.finish()))).is_err(),
        "what is expected must happen"
    );
    let stranger = GitLab::stranger(Answer::new(200, "text/plain", "hello"));
    assert_eq!(get(&stranger, "/job", "JOB-TOKEN: x").body, "hello");
    assert!(
        catch_unwind(AssertUnwindSafe(|| drop(stranger.finish()))).is_err(),
        "no token for strangers"
    );
}

#[test]
fn the_clock_moves_the_world_and_brings_signals() {
    let (mut world, pipeline, ..) = shop();
    world.after(50, |world| world.age = 17);
    world.signal_after(100, Signal::Terminate);
    let gitlab = GitLab::start(world);
    let (clock, interrupt) = (gitlab.clock(), Interrupt::new());
    let (wall, monotonic) = (clock.wall(), clock.monotonic());
    assert_eq!(
        clock.sleep(Duration::from_secs(70), &interrupt),
        Woken::Time
    );
    assert_eq!(clock.wall().since(wall), Duration::from_secs(70));
    assert_eq!(clock.monotonic(), monotonic + Duration::from_secs(70));
    gitlab.world(|world| {
        assert_eq!(world.status(world.job(pipeline, "compile")), "success");
        assert_eq!(world.age, 17);
    });
    assert_eq!(
        clock.sleep(Duration::from_secs(70), &interrupt),
        Woken::Signal(Signal::Terminate)
    );
    assert_eq!(clock.wall().since(wall), Duration::from_secs(100));
    assert_eq!(interrupt.signal(), Some(Signal::Terminate));
    assert_eq!(
        clock.sleep(Duration::from_secs(70), &interrupt),
        Woken::Signal(Signal::Terminate)
    );
    assert_eq!(
        clock.wall().since(wall),
        Duration::from_secs(100),
        "an interrupted program sleeps no more"
    );
    assert!(
        get(&gitlab, "/job", "")
            .head
            .contains("Date: Fri, 20 Nov 2026 08:01:40 GMT")
    );
}

#[test]
fn a_latency_makes_requests_take_time() {
    let (world, .., header, _) = shop();
    let gitlab = GitLab::start(world);
    gitlab.latency(Duration::from_millis(250));
    let before = gitlab.clock().monotonic();
    get(&gitlab, "/job", &header);
    get(&gitlab, "/job", &header);
    assert_eq!(
        gitlab.clock().monotonic(),
        before + Duration::from_millis(500)
    );
}

#[test]
fn it_speaks_tls_and_keeps_connections() {
    let mut world = World::new();
    world.project("shop/web");
    let pipeline = world.pipeline("shop/web", "main", ci().stage("x", [job("gate").here()]));
    let gate = world.job(pipeline, "gate");
    let gitlab = GitLab::start_tls(world, Tls::trusted());
    gitlab.chunked();
    let vars = gitlab.vars(gate);
    assert!(vars["CI_API_V4_URL"].starts_with("https://127.0.0.1:"));
    let mut roots = rustls::RootCertStore::empty();
    let trust = gitlab.trust().unwrap();
    let der = rustls::pki_types::CertificateDer::from_pem_slice(trust.as_bytes()).unwrap();
    roots.add(der).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream =
        rustls::StreamOwned::new(connection, TcpStream::connect(gitlab.address()).unwrap());
    for close in ["keep-alive", "close"] {
        let token = &vars["CI_JOB_TOKEN"];
        write!(
            stream,
            "GET /api/v4/job HTTP/1.1\r\nJOB-TOKEN: {token}\r\nConnection: {close}\r\n\r\n"
        )
        .unwrap();
    }
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!(text.matches("Transfer-Encoding: chunked").count(), 2);
}

#[test]
fn it_may_live_below_a_root_and_close_without_notice() {
    let (world, .., gate, header, _) = shop();
    let gitlab = GitLab::start(world);
    gitlab.root("/gitlab");
    gitlab.fault("GET /gitlab/api/v4/job", Fault::Leave);
    assert!(gitlab.vars(gate)["CI_API_V4_URL"].ends_with("/gitlab/api/v4"));
    let mut stream = TcpStream::connect(gitlab.address()).unwrap();
    write!(
        stream,
        "GET /gitlab/api/v4/job HTTP/1.1\r\n{header}\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200 OK") && text.contains("Connection: keep-alive"),
        "{text}"
    );
}

#[test]
fn ten_thousand_jobs_are_no_burden() {
    let mut world = World::new();
    world.project("shop/web");
    let spec = ci().stage(
        "x",
        [
            job("gate").here(),
            job("unit").parallel(10_000).is("success"),
        ],
    );
    let pipeline = world.pipeline("shop/web", "main", spec);
    let gate = world.job(pipeline, "gate");
    let header = format!("JOB-TOKEN: {}", world.jobs[&gate].token);
    let gitlab = GitLab::start(world);
    let last = get(
        &gitlab,
        &format!("/projects/44/pipelines/{pipeline}/jobs?per_page=100&page=101"),
        &header,
    );
    assert_eq!(
        (
            last.json().as_array().unwrap().len(),
            last.header("x-total")
        ),
        (1, None),
        "a long list is not counted"
    );
}
