//! The fake's HTTP: faults, violations, the clock.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use expect_test::expect;
use flate2::read::GzDecoder;
use jobgate::os::{Interrupt, Signal};
use jobgate::time::Clock;
use serde_json::Value;

use crate::fake::{Answer, Fault, GitLab, ListFault, World, ci, job};
use crate::fake_gitlab::{Seen, Shop, ask, shop, world};
use crate::run::same;

/// What a client has in its hands.
fn read(seen: &Seen) -> String {
    let length = seen.header("content-length").map(str::parse);
    let cut = length.is_some_and(|length| length != Ok(seen.bytes.len()));
    let mut text = String::new();
    let packed = seen.header("content-encoding").is_some();
    let unpacked = GzDecoder::new(seen.bytes.as_slice()).read_to_string(&mut text);
    let body = match unpacked {
        _ if cut => "cut".to_owned(),
        Ok(_) if packed => {
            "packed, ".to_owned()
                + serde_json::from_str::<Value>(&text).map_or("no JSON", |_| "JSON")
        }
        Err(_) if packed => "packed, cut".to_owned(),
        _ => seen.summary(),
    };
    let told = ["Retry-After", "RateLimit-Reset", "Location"].map(|name| seen.header(name));
    let told = told
        .into_iter()
        .flatten()
        .map(|value| format!(" [{value}]"));
    match seen.broken {
        Some(kind) => format!("{kind:?}"),
        None if seen.head.is_empty() => "nothing".to_owned(),
        None if seen.status == 0 || !seen.head.ends_with("\r\n\r\n") => format!("{:?}", seen.head),
        None => body + &told.collect::<String>(),
    }
}

#[test]
fn each_fault_is_seen_as_such_and_commits_as_it_says() {
    let mut shown = String::new();
    for fault in Fault::all() {
        if matches!(
            fault,
            Fault::Drip | Fault::Hang | Fault::HangAfter | Fault::List(_)
        ) {
            continue;
        }
        let mut shop = shop();
        let token = shop.secret("access").to_owned();
        shop.token(
            "packed",
            format!("PRIVATE-TOKEN: {token}; Accept-Encoding: gzip"),
        );
        shop.gitlab.fault("POST */play", fault);
        let play = "packed POST /projects/44/jobs/:ship/play";
        let seen = shop.ask(play);
        let writes = shop.gitlab.world(|world| {
            let id = world.job(shop.pipeline, "ship");
            world.writes(id, "play")
        });
        assert_eq!(writes, u32::from(fault.committed()), "{fault:?}");
        let again = if writes == 1 { 400 } else { 200 };
        assert_eq!(shop.ask(play).status, again, "{fault:?} strikes once");
        let read = read(&seen).replace(&format!(":{}/", shop.gitlab.address().port()), ":PORT/");
        writeln!(shown, "{fault:?}: {writes} {read}").unwrap();
    }
    same(
        &expect![[r#"
        Close: 0 nothing
        Lost: 1 nothing
        Cut: 1 cut
        Leave: 1 200 pending
        Broken: 0 500 {"message":"500 Internal Server Error"}
        BadGateway: 0 502 <html><head><title>502</title></head><body><h1>502</h1></body></html>\n
        BadGatewayAfter: 1 502 <html><head><title>502</title></head><body><h1>502</h1></body></html>\n
        Limited(2): 0 429 Retry later\n [2]
        LimitedJson: 0 429 {"message":{"error":"This endpoint has been requested too many times. Try again later."}}
        LimitedAction(3): 0 429 {"message":"This endpoint has been requested too many times. Try again later."} [3]
        LimitedPlain: 0 429 Retry later\n
        LimitedUntil(4): 0 429 Retry later\n [1795161804]
        Locked: 0 409 {"message":"409 Conflict: Resource lock"}
        Page: 0 200 <html><body>Please sign in to the network</body></html>\n
        Unauthorized: 0 401 {"message":"401 Unauthorized"}
        CutNotFound: 0 cut
        Partial: 1 206 pending
        Redirect(302, SignIn): 0 302 <html><body>Redirected.</body></html>\n [http://127.0.0.1:PORT/users/sign_in]
        Redirect(301, Elsewhere): 0 301 <html><body>Redirected.</body></html>\n [http://localhost:PORT/api/v4/projects/44/jobs/90404/play]
        Redirect(307, Elsewhere): 0 307 <html><body>Redirected.</body></html>\n [http://localhost:PORT/api/v4/projects/44/jobs/90404/play]
        Redirect(302, Same): 0 302 <html><body>Redirected.</body></html>\n [http://127.0.0.1:PORT/api/v4/projects/44/jobs/90404/play]
        Gzip: 1 packed, JSON
        CutGzip: 1 packed, cut
        Before(Reset): 0 ConnectionReset
        Before(Bytes("SSH-2.0-OpenSSH_9.6\r\n")): 0 "SSH-2.0-OpenSSH_9.6\r\n"
        Before(Bytes("HTTP/1.1 200 OK\r\nContent-Type: applic")): 0 "HTTP/1.1 200 OK\r\nContent-Type: applic"
        Before(Html(503)): 0 503 <html><head><title>503</title></head><body><h1>503</h1></body></html>\n
        Before(Html(504)): 0 504 <html><head><title>504</title></head><body><h1>504</h1></body></html>\n
        Before(Json("[{\"id\":")): 0 200 [{"id":
        Before(Json("\"ok\"")): 0 200 "ok"
        Before(Json("null")): 0 200 null
        Before(Json("{}")): 0 200 {…}
        Before(Json("[\"a\",\"b\"]")): 0 200 2 rows
        After(Reset): 1 ConnectionReset
        After(Bytes("SSH-2.0-OpenSSH_9.6\r\n")): 1 "SSH-2.0-OpenSSH_9.6\r\n"
        After(Bytes("HTTP/1.1 200 OK\r\nContent-Type: applic")): 1 "HTTP/1.1 200 OK\r\nContent-Type: applic"
        After(Html(503)): 1 503 <html><head><title>503</title></head><body><h1>503</h1></body></html>\n
        After(Html(504)): 1 504 <html><head><title>504</title></head><body><h1>504</h1></body></html>\n
        After(Json("[{\"id\":")): 1 200 [{"id":
        After(Json("\"ok\"")): 1 200 "ok"
        After(Json("null")): 1 200 null
        After(Json("{}")): 1 200 {…}
        After(Json("[\"a\",\"b\"]")): 1 200 2 rows
    "#]],
        &shown,
    );
}

/// Three pages of `f e d`, `c b a` and `g`, each asked alone: its rows, `X-Next-Page`, `X-Total`, and the pages of its next links.
#[test]
fn each_fault_of_a_list_is_seen_as_such() {
    let mut world = World::new();
    world.project("shop/web");
    let jobs =
        ["a 1/6", "b 2/6", "c 3/6", "d 4/6", "e 5/6", "f 6/6"].map(|name| job(name).manual());
    let spec = ci().stage("gate", [job("gate").here()]).stage("test", jobs);
    let pipeline = world.pipeline("shop/web", "main", spec);
    let shop = Shop::start(world, pipeline);
    let mut shown = String::new();
    for fault in ListFault::ALL {
        write!(shown, "{fault:?}:").unwrap();
        for page in 1..=3 {
            shop.gitlab.fault("GET */jobs*", Fault::List(fault));
            let list = "job GET /projects/44/pipelines/:pipeline/jobs?per_page=3";
            let seen = shop.ask(&format!("{list}&page={page}"));
            let rows = seen.json();
            let names = rows.as_array().unwrap().iter();
            let names: String = names
                .map(|row| &row["name"].as_str().unwrap()[..1])
                .collect();
            let said = |name| seen.header(name).unwrap_or("-");
            let (next, total) = (said("X-Next-Page"), said("X-Total"));
            write!(shown, " {names} {next} {total}").unwrap();
            let links = seen.head.split(['<', '>']).collect::<Vec<_>>();
            for link in links
                .windows(2)
                .filter(|link| link[1].starts_with("; rel=\"next"))
            {
                shown.extend([" ->", link[0].rsplit('=').next().unwrap_or_default()]);
            }
            shown += ";";
        }
        shown += "\n";
    }
    same(
        &expect![[r#"
        NoTotals: fed 2 - ->2; cba 3 - ->3; g  -;
        NoHeaders: fed - -; cba - -; g - -;
        Empty:  - 7;  - 7;  - 7;
        Half: f - 7; c - 7;  - 7;
        BadLink: fed - - ->https://gitlab.example.com/ä; cba - - ->https://gitlab.example.com/ä; g - - ->https://gitlab.example.com/ä;
        SecondLink: fed - - ->2; cba - - ->3; g - -;
        ShortGroup: ed 2 - ->2; ba 3 - ->3; g  -;
        FarLink: fed - - ->3; cba - - ->4; g - -;
        TwoLinks: fed - - ->3 ->2; cba - - ->4 ->3; g - -;
        SameLink: fed - 7 ->1; cba - 7 ->2; g - 7;
        Repeated: fed 2 7 ->2; fed 3 7 ->3; cba  7;
        Shifted: fed 2 7 ->2; ba 3 7 ->3;   7;
        Twice: fed 2 7 ->2; dcba 3 7 ->3; ag  7;
        MoreTotal: fed 2 8 ->2; cba 3 8 ->3; g  8;
        LessTotal: fed 2 6 ->2; cba 3 6 ->3; g  6;
    "#]],
        &shown,
    );
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
    let elsewhere = ["Host: localhost".to_owned(), "JOB-TOKEN: x".to_owned()];
    for headers in [&elsewhere[..1], &elsewhere] {
        let gitlab = GitLab::start(World::new());
        assert_eq!(ask(&gitlab, "GET", "/job", headers, "").body, "[]");
        assert_eq!(ends(gitlab), headers.len() == 2);
    }
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
