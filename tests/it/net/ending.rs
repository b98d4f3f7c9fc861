//! Deadlines and signals: no request outlives them.

use std::ops::ControlFlow;
use std::time::Duration;

use jobgate::exit::Exit;
use jobgate::gitlab::{Body, Kind, Route};
use jobgate::model::JobId;
use jobgate::os::{Interrupt, Signal};

use super::server::{Act, Server, json};
use super::world::{SHORT, World, checked, jobs, play, project};

#[test]
fn the_deadline_cuts_every_limit() {
    let server = Server::http(|_| vec![Act::Hang]);
    let world = World::new(&server.api());
    for post in [false, true] {
        world.client(|client| {
            client.set_deadline(Some(world.clock.now() + SHORT));
            let error = if post {
                client.post(&play(), &Body::None).unwrap_err()
            } else {
                client.get(&jobs(), &[]).unwrap_err()
            };
            // What became of a write is not known, and that matters more than the time.
            assert_eq!(error.kind, if post { Kind::Lost } else { Kind::Deadline });
            let asked = server.requests().len();
            let error = client.post(&play(), &Body::None).unwrap_err();
            assert_eq!(
                (error.kind.clone(), error.exit()),
                (Kind::Deadline, Exit::Timeout)
            );
            assert!(error.nothing_done());
            assert_eq!(server.requests().len(), asked, "nothing was sent");
        });
    }
}

#[test]
fn the_deadline_ends_a_log_and_a_body() {
    let server = Server::http(|request| {
        let drip = Act::Drip(vec![b'['; 1000], Duration::from_millis(20));
        let kind = if request.path().ends_with("trace") {
            "text/plain"
        } else {
            "application/json"
        };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: {kind}\r\n\r\n");
        vec![Act::Send(head.into_bytes()), drip]
    });
    let world = World::new(&server.api());
    world.client(|client| {
        client.set_deadline(Some(world.clock.now() + SHORT));
        let route = Route::Trace(project(), JobId(9));
        let error = client
            .stream(&route, &[], &mut |_| ControlFlow::Continue(()))
            .unwrap_err();
        assert_eq!(error.kind, Kind::Deadline);
        client.set_deadline(Some(world.clock.now() + SHORT));
        assert_eq!(client.get(&jobs(), &[]).unwrap_err().kind, Kind::Deadline);
    });
}

/// Raises the signal from the server's side, when the request has arrived.
fn raising(interrupt: &Interrupt, then: fn() -> Vec<Act>) -> Server {
    let interrupt = interrupt.clone();
    Server::http(move |_| {
        interrupt.raise(Signal::Terminate);
        then()
    })
}

#[test]
fn a_signal_ends_a_request_under_way() {
    let heads: [fn() -> Vec<Act>; 3] = [
        || vec![Act::Hang],
        || {
            vec![
                Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[".to_vec()),
                Act::Hang,
            ]
        },
        || {
            vec![
                Act::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]".to_vec()),
                Act::Hang,
            ]
        },
    ];
    for then in heads {
        for log in [false, true] {
            let interrupt = Interrupt::new();
            let server = raising(&interrupt, then);
            let mut world = World::new(&server.api());
            world.interrupt = interrupt;
            let error = if log {
                world.log().unwrap_err()
            } else {
                world.get(&jobs()).unwrap_err()
            };
            let signal = Signal::Terminate;
            assert_eq!(
                error.kind,
                Kind::Interrupted { signal, sent: true },
                "{error:?}"
            );
            assert_eq!(error.exit(), Exit::Signal(signal));
            // Not the network's fault, and nothing to be tried.
            assert!(error.message == "ended by SIGTERM");
            assert!(error.hints.is_empty());
        }
    }
}

#[test]
fn after_a_signal_only_a_fresh_client_speaks() {
    let interrupt = Interrupt::new();
    let server = raising(&interrupt, || json(200, "{}"));
    let mut world = World::new(&server.api());
    world.interrupt = interrupt;
    world.client(|client| {
        let _ = client.get(&jobs(), &[]);
        let asked = server.requests().len();
        let error = client.post(&play(), &Body::None).unwrap_err();
        assert!(
            error.nothing_done() && matches!(error.kind, Kind::Interrupted { sent: false, .. })
        );
        assert_eq!(server.requests().len(), asked);
        let fresh = client.fresh().unwrap();
        fresh
            .post(&Route::Cancel(project(), JobId(9)), &Body::None)
            .unwrap();
        assert_eq!(server.requests().len(), asked + 1);
        fresh.set_deadline(Some(Duration::ZERO));
        assert_eq!(
            checked(fresh.post(&play(), &Body::None)).unwrap_err().kind,
            Kind::Deadline
        );
    });
}
