//! The fake's HTTP: faults, violations, the clock.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use jobgate::os::{Interrupt, Signal};
use jobgate::time::Clock;

use crate::fake::{Answer, Fault, GitLab};
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
    assert_eq!(sleep(), Ok(()));
    assert_eq!(clock.wall().since(wall), Duration::from_secs(70));
    assert_eq!(clock.monotonic(), monotonic + Duration::from_secs(70));
    gitlab.world(|world| {
        assert_eq!(world.status(world.job(pipeline, "compile")), "success");
        assert_eq!(world.age, 17);
    });
    // An interrupted program sleeps no more.
    for _ in 0..2 {
        assert_eq!(sleep(), Err(Signal::Terminate));
        assert_eq!(clock.wall().since(wall), Duration::from_secs(100));
    }
    assert_eq!(interrupt.signal(), Some(Signal::Terminate));
    let date = "Date: Fri, 20 Nov 2026 08:01:40 GMT";
    assert!(ask(&gitlab, "GET", "/job", &[], "").head.contains(date));
}
