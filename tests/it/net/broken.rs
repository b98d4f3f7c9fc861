//! Servers that hang, drip, break off or lie about lengths.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jobgate::gitlab::{Kind, Route};

use super::server::{Act, Server, answer, json};
use super::world::{LIMITS, SHORT, World, jobs, play};

const PAUSE: Duration = Duration::from_millis(20);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw(text: &str) -> Vec<Act> {
    vec![Act::Send(text.as_bytes().to_vec()), Act::Close]
}

#[test]
fn a_server_that_never_answers_ends_the_request() {
    let server = Server::http(|_| vec![Act::Hang]);
    let mut world = World::new(&server.api());
    world.limits.headers = SHORT;
    for error in [
        world.get(&jobs()).unwrap_err(),
        world.post(&play()).unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::Lost);
        assert!(
            error.message.starts_with("no answer within"),
            "{}",
            error.message
        );
    }
}

#[test]
fn a_silence_between_two_bytes_ends_the_request() {
    let server = Server::http(|_| {
        vec![
            Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[".to_vec()),
            Act::Hang,
        ]
    });
    let mut world = World::new(&server.api());
    world.limits.per_read = SHORT;
    let error = world.get(&jobs()).unwrap_err();
    assert_eq!(error.kind, Kind::Unusable, "{error:?}");
    assert!(
        error.message.contains("nothing arrived"),
        "{}",
        error.message
    );
}

#[test]
fn an_answer_that_comes_drop_by_drop_ends_the_request() {
    let whole = answer(200, &[], &[b' '; 4000]);
    let server = Server::http(move |request| {
        if request.path().ends_with("/job") {
            vec![Act::Drip(whole.clone(), PAUSE)]
        } else {
            vec![
                Act::Send(whole[..60].to_vec()),
                Act::Drip(whole[60..].to_vec(), PAUSE),
            ]
        }
    });
    let mut world = World::new(&server.api());
    world.limits.headers = SHORT;
    world.limits.body = SHORT;
    assert_eq!(world.get(&Route::CurrentJob).unwrap_err().kind, Kind::Lost);
    world.limits.headers = LIMITS.headers;
    let error = world.get(&jobs()).unwrap_err();
    assert!(
        error.message.contains("did not end within"),
        "{}",
        error.message
    );
}

#[test]
fn nobody_there_proves_that_nothing_was_done() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for host in ["127.0.0.1", "name.invalid"] {
        let world = World::new(&format!("http://{host}:{port}/api/v4"));
        for error in [
            world.get(&jobs()).unwrap_err(),
            world.post(&play()).unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Unreachable);
            assert!(error.transient() && error.nothing_done());
        }
    }
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
        for error in [
            world.get(&jobs()).unwrap_err(),
            world.post(&play()).unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Unusable, "{text:?}");
            assert!(!error.nothing_done());
        }
        if !text.contains("close") {
            assert_eq!(world.log().unwrap_err().kind, Kind::Lost, "{text:?}");
        }
    }
}

#[test]
fn what_is_no_http_is_lost() {
    for text in [
        "",
        "HTTP/1.1 200",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "\0\0\0",
    ] {
        let server = Server::http(move |_| raw(text));
        let error = World::new(&server.api()).post(&play()).unwrap_err();
        assert_eq!(error.kind, Kind::Lost, "{text:?}");
        assert!(!error.nothing_done());
    }
}

#[test]
fn a_head_without_end_is_refused() {
    let one = format!(
        "HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n[]",
        "x".repeat(100_000)
    );
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n[]", "X-Many: 1\r\n".repeat(500));
    for text in [one, many] {
        let server = Server::http(move |_| raw(&text));
        assert_eq!(
            World::new(&server.api()).get(&jobs()).unwrap_err().kind,
            Kind::Lost
        );
    }
}

#[test]
fn the_bound_holds_for_what_was_unpacked() {
    let bound = usize::try_from(LIMITS.page_bytes).unwrap();
    for (size, good) in [(bound, true), (bound + 1, false), (2_000_000, false)] {
        let spaces = [vec![b' '; size - 2], b"[]".to_vec()].concat();
        let packed = gzip(&spaces);
        let server = Server::http(move |request| {
            assert_eq!(request.header("accept-encoding"), Some("gzip"));
            vec![Act::Send(answer(
                200,
                &[("Content-Encoding", "gzip")],
                &packed,
            ))]
        });
        let result = World::new(&server.api()).get(&jobs());
        assert_eq!(result.is_ok(), good, "{size}");
        if let Err(error) = result {
            assert!(
                error.kind == Kind::Unusable && error.message.contains("larger than"),
                "{error:?}"
            );
        }
    }
}

#[test]
fn a_refusals_text_is_bounded_too_and_leaves_its_status() {
    let packed = gzip(&vec![b' '; 2_000_000]);
    let whole = answer(403, &[("Content-Encoding", "gzip")], &packed);
    let server = Server::http(move |_| vec![Act::Send(whole.clone())]);
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
    for packed in [
        good[..good.len() - 4].to_vec(),
        wrong_sum,
        b"[]".to_vec(),
        vec![0x1f, 0x8b],
    ] {
        let server = Server::http(move |_| {
            vec![Act::Send(answer(
                200,
                &[("Content-Encoding", "gzip")],
                &packed,
            ))]
        });
        assert_eq!(
            World::new(&server.api()).get(&jobs()).unwrap_err().kind,
            Kind::Unusable
        );
    }
}

#[test]
fn a_write_whose_answer_is_lost_may_have_been_done() {
    for acts in [|| vec![Act::Close], || raw("HTTP/1.1 2")] {
        let server = Server::http(move |_| acts());
        let error = World::new(&server.api()).post(&play()).unwrap_err();
        assert_eq!(error.kind, Kind::Lost);
        assert!(!error.nothing_done());
        assert_eq!(server.requests().len(), 1, "sent once");
    }
}

#[test]
fn only_a_get_on_a_reused_connection_is_sent_again_and_only_once() {
    // The second request of each connection meets a server that has just hung up.
    let server = Server::http(|request| {
        if request.number == 0 {
            json(200, "[]")
        } else {
            vec![Act::Close]
        }
    });
    World::new(&server.api()).client(|client| {
        for _ in 0..3 {
            client.get(&jobs(), &[]).unwrap();
        }
    });
    let seen: Vec<_> = server
        .requests()
        .iter()
        .map(|request| (request.connection, request.number))
        .collect();
    assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]);

    let server = Server::http(|request| {
        if request.connection == 0 && request.number == 0 {
            json(200, "[]")
        } else {
            vec![Act::Close]
        }
    });
    World::new(&server.api()).client(|client| {
        client.get(&jobs(), &[]).unwrap();
        assert_eq!(client.get(&jobs(), &[]).unwrap_err().kind, Kind::Lost);
    });
    assert_eq!(server.requests().len(), 3);

    let server = Server::http(|_| vec![Act::Close]);
    World::new(&server.api()).get(&jobs()).unwrap_err();
    assert_eq!(
        server.requests().len(),
        1,
        "a new connection that dies is not tried again here"
    );
}

#[test]
fn a_write_has_a_connection_of_its_own() {
    let server = Server::http(|_| json(200, "[]"));
    World::new(&server.api()).client(|client| {
        client.get(&jobs(), &[]).unwrap();
        client.post(&play(), &jobgate::gitlab::Body::None).unwrap();
        client.post(&play(), &jobgate::gitlab::Body::None).unwrap();
        client.get(&jobs(), &[]).unwrap();
    });
    let seen: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(seen, [0, 1, 2, 2]);
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
            let route = Route::Trace(super::world::project(), jobgate::model::JobId(9));
            client.stream(&route, &[], &mut |_| {
                chunks += 1;
                std::ops::ControlFlow::Break(())
            })
        })
        .unwrap();
    assert_eq!(chunks, 1);
}
