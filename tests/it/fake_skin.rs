//! The fake's HTTP: faults, violations, the clock.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jobgate::os::{Interrupt, Signal, Woken};
use jobgate::time::Clock;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::fake::{Answer, Chaos, Fault, GitLab, Tls, World};
use crate::fake_gitlab::{ask, shop, world};

#[test]
fn each_fault_is_seen_as_such_and_commits_as_it_says() {
    for (fault, status, committed) in [
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
    ] {
        let shop = shop();
        shop.gitlab.fault("POST */play", fault);
        let play = "access POST /projects/44/jobs/:ship/play";
        let seen = shop.ask(play);
        let writes = shop.gitlab.world(|world| {
            let id = world.job(shop.pipeline, "ship");
            world.writes(id, "play")
        });
        assert_eq!((seen.status, writes), (status, committed), "{fault:?}");
        if fault == Fault::Cut {
            let promised: usize = seen.header("content-length").unwrap().parse().unwrap();
            assert!(seen.body.len() < promised);
        }
        let again = if committed == 1 { 400 } else { 200 };
        assert_eq!(shop.ask(play).status, again, "{fault:?} strikes once");
    }
}

#[test]
fn a_hanging_answer_ends_when_the_client_is_gone() {
    let shop = shop();
    shop.gitlab.fault("GET /api/v4/job", Fault::Hang);
    let mut stream = TcpStream::connect(shop.gitlab.address()).unwrap();
    let token = shop.secret("job");
    write!(
        stream,
        "GET /api/v4/job HTTP/1.1\r\nJOB-TOKEN: {token}\r\n\r\n"
    )
    .unwrap();
    let soon = Duration::from_millis(50);
    stream.set_read_timeout(Some(soon)).unwrap();
    assert!(stream.read(&mut [0]).is_err(), "nothing comes");
    drop(stream);
    assert_eq!(shop.ask("job GET /job").status, 200);
    let log = shop.gitlab.finish();
    assert_eq!((log[0].status, log[1].status), (0, 200));
}

#[test]
fn chaos_is_a_function_of_its_seed() {
    let row = |seed| -> Vec<Option<Fault>> {
        let chaos = Chaos::third(seed);
        let fault = |n| chaos.fault("GET", "/api/v4/job", n);
        (1..=300).map(fault).collect()
    };
    assert_eq!(row(7), row(7));
    assert_ne!(row(7), row(8));
    let struck = row(7).iter().flatten().count();
    assert!((70..=130).contains(&struck), "{struck} of 300");
    let kinds = Chaos::third(7).kinds;
    let occurs = |kind: &Fault| row(7).contains(&Some(*kind));
    assert!(kinds.iter().all(occurs), "every kind occurs");
}

#[test]
fn a_limit_is_shown_and_kept() {
    let shop = shop();
    shop.gitlab.limit(2);
    let first = shop.ask("job GET /job");
    assert_eq!(first.header("ratelimit-limit"), Some("2"));
    assert_eq!(first.header("ratelimit-remaining"), Some("1"));
    assert_eq!(shop.ask("job GET /job").status, 200);
    let over = shop.ask("job GET /job");
    assert_eq!((over.status, over.body.as_str()), (429, "Retry later\n"));
    // Windows are whole minutes, and this one began 20 s ago.
    assert_eq!(over.header("retry-after"), Some("40"));
    shop.gitlab.world(|world| world.advance_by(40));
    assert_eq!(shop.ask("job GET /job").status, 200);
}

#[test]
fn something_can_happen_just_before_a_request() {
    let shop = shop();
    let id = |world: &mut World| world.job(shop.pipeline, "ship");
    let old = shop.gitlab.world(id);
    let canceled = move |world: &mut World| world.flip(old, "canceled");
    shop.gitlab.before("POST */play", canceled);
    let away = Answer::new(302, "text/plain", "").with("Location", "http://elsewhere/");
    shop.gitlab.answer("GET *", away);
    let seen = shop.ask("access GET /projects/44/jobs/:ship");
    assert_eq!(seen.header("location"), Some("http://elsewhere/"));
    let seen = shop.ask("access POST /projects/44/jobs/:ship/play");
    // It was retried instead.
    assert_eq!((seen.status, shop.gitlab.world(id) > old), (200, true));
}

#[test]
fn violations_end_the_test() {
    for (request, violation) in [
        ("nobody GET /users", "unknown route"),
        (
            "nobody GET /projects/44/pipelines/:pipeline/jobs?retried=true",
            "unknown query parameter retried",
        ),
        (
            "nobody GET /projects/44/pipelines/:pipeline/jobs?private_token=x",
            "token in the URL",
        ),
        (
            "nobody GET /job?per_page=2",
            "unknown query parameter per_page",
        ),
        ("nobody GET /job {}", "a body in a GET"),
        (
            r#"nobody POST /projects/44/jobs/1/play {"variables":[]}"#,
            "unknown body field variables",
        ),
        (
            r#"nobody POST /projects/44/trigger/pipeline {"token":"x","ref":"main"}"#,
            "trigger wants a form",
        ),
        (
            "nobody POST /projects/44/jobs/1/cancel?job_token=x",
            "token in the URL",
        ),
    ] {
        let shop = shop();
        shop.ask(request);
        let panic = catch_unwind(AssertUnwindSafe(|| drop(shop.gitlab.finish()))).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains(violation), "{request}: {text}");
    }
    let ends = |gitlab: GitLab| catch_unwind(AssertUnwindSafe(|| drop(gitlab.finish()))).is_err();
    let shop = shop();
    shop.gitlab.expect_violation("unknown route");
    assert!(ends(shop.gitlab), "what is expected must happen");
    let stranger = GitLab::stranger(Answer::new(200, "text/plain", "hello"));
    let seen = ask(&stranger, "GET", "/job", &["JOB-TOKEN: x".to_owned()], "");
    assert_eq!(seen.body, "hello");
    assert!(ends(stranger), "no token for strangers");
}

#[test]
fn the_clock_moves_the_world_and_brings_signals() {
    let (mut world, pipeline) = world();
    world.after(50, |world| world.age = 17);
    world.signal_after(100, Signal::Terminate);
    let gitlab = GitLab::start(world);
    let (clock, interrupt) = (gitlab.clock(), Interrupt::new());
    let (wall, monotonic) = (clock.wall(), clock.monotonic());
    let sleep = || clock.sleep(Duration::from_secs(70), &interrupt);
    assert_eq!(sleep(), Woken::Time);
    assert_eq!(clock.wall().since(wall), Duration::from_secs(70));
    assert_eq!(clock.monotonic(), monotonic + Duration::from_secs(70));
    gitlab.world(|world| {
        assert_eq!(world.status(world.job(pipeline, "compile")), "success");
        assert_eq!(world.age, 17);
    });
    // An interrupted program sleeps no more.
    for _ in 0..2 {
        assert_eq!(sleep(), Woken::Signal(Signal::Terminate));
        assert_eq!(clock.wall().since(wall), Duration::from_secs(100));
    }
    assert_eq!(interrupt.signal(), Some(Signal::Terminate));
    let date = "Date: Fri, 20 Nov 2026 08:01:40 GMT";
    assert!(ask(&gitlab, "GET", "/job", &[], "").head.contains(date));
}

#[test]
fn it_speaks_tls_and_keeps_connections() {
    let (world, pipeline) = world();
    let gate = world.job(pipeline, "gate");
    let gitlab = GitLab::start_tls(world, Tls::trusted());
    gitlab.chunked();
    let vars = gitlab.vars(gate);
    assert!(vars["CI_API_V4_URL"].starts_with("https://127.0.0.1:"));
    let mut roots = rustls::RootCertStore::empty();
    let trust = gitlab.trust().unwrap();
    let certificate = CertificateDer::from_pem_slice(trust.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(gitlab.address()).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, socket);
    let token = &vars["CI_JOB_TOKEN"];
    for close in ["keep-alive", "close"] {
        let head = format!("GET /api/v4/job HTTP/1.1\r\nJOB-TOKEN: {token}");
        write!(stream, "{head}\r\nConnection: {close}\r\n\r\n").unwrap();
    }
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!(text.matches("Transfer-Encoding: chunked").count(), 2);
}

#[test]
fn it_may_live_below_a_root_and_close_without_notice() {
    let (world, pipeline) = world();
    let gate = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    gitlab.root("/gitlab");
    gitlab.fault("GET /gitlab/api/v4/job", Fault::Leave);
    let vars = gitlab.vars(gate);
    assert!(vars["CI_API_V4_URL"].ends_with("/gitlab/api/v4"));
    let mut stream = TcpStream::connect(gitlab.address()).unwrap();
    let token = &vars["CI_JOB_TOKEN"];
    let head = format!("GET /gitlab/api/v4/job HTTP/1.1\r\nJOB-TOKEN: {token}");
    write!(stream, "{head}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(text.contains("Connection: keep-alive"), "{text}");
}
