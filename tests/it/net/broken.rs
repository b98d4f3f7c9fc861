//! Servers that hang, drip, break off or lie about lengths.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use expect_test::expect;
use flate2::Compression;
use flate2::write::GzEncoder;
use jobgate::gitlab::{Body, Kind, Route};
use jobgate::model::JobId;

use super::server::{Act, Server, answer, json};
use super::world::{LIMITS, SHORT, World, free_port, jobs, line, play, project};

const PAUSE: Duration = Duration::from_millis(20);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw(text: &str) -> Vec<Act> {
    vec![Act::Send(text.as_bytes().to_vec()), Act::Close]
}

/// A GET and a POST, each in one line.
fn both(world: &World) -> String {
    format!(
        "{}\n{}\n",
        line(world.get(&jobs())),
        line(world.post(&play()))
    )
}

#[test]
fn a_server_that_never_answers_ends_the_request() {
    let server = Server::http(|_| vec![Act::Hang]);
    let mut world = World::new(&server.api());
    world.limits.headers = SHORT;
    expect![[r#"
        Lost, exit 6, transient: no answer within 1s
        Lost, exit 6, transient: no answer within 1s
    "#]]
    .assert_eq(&both(&world));
}

#[test]
fn a_silence_between_two_bytes_ends_the_request() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[".to_vec();
    let server = Server::http(move |_| vec![Act::Send(head.clone()), Act::Hang]);
    let mut world = World::new(&server.api());
    world.limits.per_read = SHORT;
    expect![
        "Unusable, exit 6, transient: the answer was cut short: nothing more arrived within 1s"
    ]
    .assert_eq(&line(world.get(&jobs())));
}

#[test]
fn an_answer_that_comes_drop_by_drop_ends_the_request() {
    let whole = answer(200, &[], &[b' '; 4000]);
    let server = Server::http(move |request| {
        // The head at once, or not even that.
        let at_once = if request.path().ends_with("/job") {
            0
        } else {
            60
        };
        let (first, rest) = whole.split_at(at_once);
        vec![Act::Send(first.to_vec()), Act::Drip(rest.to_vec(), PAUSE)]
    });
    let mut world = World::new(&server.api());
    world.limits.headers = SHORT;
    world.limits.body = SHORT;
    let head = line(world.get(&Route::CurrentJob));
    world.limits.headers = LIMITS.headers;
    expect![[r#"
        Lost, exit 6, transient: no answer within 1s
        Unusable, exit 6, transient: the answer was cut short: no end of the answer within 1s
    "#]]
    .assert_eq(&format!("{head}\n{}\n", line(world.get(&jobs()))));
}

#[test]
fn nobody_there_proves_that_nothing_was_done() {
    let port = free_port();
    let seen = both(&World::new(&format!("http://127.0.0.1:{port}/api/v4")));
    expect![[r#"
        Unreachable, exit 6, transient, nothing done: cannot reach http://127.0.0.1:PORT: the connection was refused
        Unreachable, exit 6, transient, nothing done: cannot reach http://127.0.0.1:PORT: the connection was refused
    "#]].assert_eq(&seen.replace(&port.to_string(), "PORT"));
}

#[test]
fn an_answer_that_ends_early_is_no_answer() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[]",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[{\"id\":1},",
    ] {
        let server = Server::http(move |_| raw(text));
        let world = World::new(&server.api());
        for error in [world.get(&jobs()), world.post(&play())] {
            let error = error.unwrap_err();
            assert!(
                error.kind == Kind::Unusable && !error.nothing_done(),
                "{text:?}"
            );
        }
        if !text.contains("close") {
            assert_eq!(world.log().unwrap_err().kind, Kind::Lost, "{text:?}");
        }
    }
}

#[test]
fn what_is_not_http_or_has_no_end_is_lost() {
    let long = format!(
        "HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n[]",
        "x".repeat(100_000)
    );
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n[]", "X-Many: 1\r\n".repeat(500));
    for text in [
        "",
        "HTTP/1.1 200",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "\0\0\0",
        &long,
        &many,
    ] {
        let whole = text.to_owned();
        let server = Server::http(move |_| raw(&whole));
        let error = World::new(&server.api()).post(&play()).unwrap_err();
        assert!(error.kind == Kind::Lost && !error.nothing_done());
        assert_eq!(server.requests().len(), 1, "sent once");
    }
}

#[test]
fn json_that_is_no_object_is_no_answer_to_a_write() {
    for text in ["null", "\"ok\"", "[]"] {
        let server = Server::http(move |_| json(200, text));
        let error = World::new(&server.api()).post(&play()).unwrap_err();
        assert!(error.kind == Kind::Unusable && !error.nothing_done());
    }
}

fn packed(status: u16, text: &[u8]) -> Server {
    let whole = answer(status, &[("Content-Encoding", "gzip")], text);
    Server::http(move |request| {
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
        vec![Act::Send(whole.clone())]
    })
}

#[test]
fn the_bound_holds_for_what_was_unpacked() {
    let bound = usize::try_from(LIMITS.page_bytes).unwrap();
    let mut seen = String::new();
    for size in [bound, bound + 1, 2_000_000] {
        let spaces = [vec![b' '; size - 2], b"[]".to_vec()].concat();
        let server = packed(200, &gzip(&spaces));
        seen += &line(World::new(&server.api()).get(&jobs()));
        seen += "\n";
    }
    expect![[r#"
        good
        Unusable, exit 6, transient: the answer is larger than 65536 bytes
        Unusable, exit 6, transient: the answer is larger than 65536 bytes
    "#]]
    .assert_eq(&seen);
}

#[test]
fn a_refusals_text_is_bounded_too_and_leaves_its_status() {
    let server = packed(403, &gzip(&vec![b' '; 2_000_000]));
    let error = World::new(&server.api()).post(&play()).unwrap_err();
    assert_eq!((error.kind, error.status), (Kind::Forbidden, Some(403)));
}

#[test]
fn a_refusal_whose_text_is_cut_off_may_be_of_anybodys_making() {
    for (status, kind) in [
        (400, Kind::Unusable),
        (401, Kind::Unusable),
        (403, Kind::Unusable),
        (404, Kind::Unusable),
        // These say enough.
        (429, Kind::Limited { wait: None }),
        (502, Kind::Server),
    ] {
        let server = Server::http(move |_| {
            raw(&format!(
                "HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\n{{"
            ))
        });
        let error = World::new(&server.api()).get(&jobs()).unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(error.transient(), "{status}");
    }
}

#[test]
fn broken_gzip_is_no_answer() {
    let good = gzip(b"[]");
    let mut wrong_sum = good.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    for text in [&good[..good.len() - 4], &wrong_sum, b"[]", &[0x1f, 0x8b]] {
        let error = World::new(&packed(200, text).api())
            .get(&jobs())
            .unwrap_err();
        assert_eq!(error.kind, Kind::Unusable);
    }
}

/// Connection and number of each request that arrived.
fn connections(server: &Server) -> Vec<(usize, usize)> {
    let requests = server.requests();
    requests
        .iter()
        .map(|request| (request.connection, request.number))
        .collect()
}

#[test]
fn only_a_get_on_a_reused_connection_is_sent_again_and_only_once() {
    // Only the first request of a connection is answered, and of the connections only so many.
    let dying = |connections| {
        Server::http(move |request| {
            if request.number == 0 && request.connection < connections {
                json(200, "[]")
            } else {
                vec![Act::Close]
            }
        })
    };
    let server = dying(9);
    World::new(&server.api()).client(|client| {
        for _ in 0..3 {
            client.get(&jobs(), &[]).unwrap();
        }
    });
    assert_eq!(
        connections(&server),
        [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    );
    let server = dying(1);
    World::new(&server.api()).client(|client| {
        client.get(&jobs(), &[]).unwrap();
        assert_eq!(client.get(&jobs(), &[]).unwrap_err().kind, Kind::Lost);
    });
    assert_eq!(connections(&server), [(0, 0), (0, 1), (1, 0)]);
    // A new connection that dies is not tried again here.
    let server = dying(0);
    World::new(&server.api()).get(&jobs()).unwrap_err();
    assert_eq!(connections(&server), [(0, 0)]);
}

#[test]
fn a_write_has_a_connection_of_its_own() {
    let server = Server::http(|_| json(200, "{}"));
    World::new(&server.api()).client(|client| {
        client.get(&jobs(), &[]).unwrap();
        client.post(&play(), &Body::None).unwrap();
        client.post(&play(), &Body::None).unwrap();
        client.get(&jobs(), &[]).unwrap();
    });
    assert_eq!(connections(&server), [(0, 0), (1, 0), (2, 0), (2, 1)]);
    assert_eq!(server.requests()[1].header("content-length"), Some("0"));
}

#[test]
fn a_log_is_handed_on_as_it_comes_and_can_be_left() {
    let body = "line\n".repeat(40_000);
    let whole = answer(200, &[("Content-Type", "text/plain")], body.as_bytes());
    let server = Server::http(move |_| vec![Act::Send(whole.clone())]);
    let world = World::new(&server.api());
    assert_eq!(world.log().unwrap().0, body, "a log has no bound");
    let mut chunks = 0;
    world
        .client(|client| {
            let route = Route::Trace(project(), JobId(9));
            client.stream(&route, &[], &mut |_| {
                chunks += 1;
                ControlFlow::Break(())
            })
        })
        .unwrap();
    assert_eq!(chunks, 1);
}
