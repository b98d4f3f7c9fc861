//! Stories about names, with name servers of the test's own on loopback.

mod server;

use std::fs;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use jobgate::gitlab::resolve::ask::{Ask, Found, Trouble};
use jobgate::gitlab::resolve::files::Config;
use jobgate::gitlab::resolve::{Names, System};
use jobgate::os::{Interrupt, Signal, Woken};
use jobgate::time::{Clock, RealClock, Timestamp};
use tempfile::TempDir;

use server::{AAAA, Asked, EMPTY, NO_NAME, REFUSED, Record, SERVER_FAILED, Server, TRUNCATED};

/// Long enough for a loaded machine; a story about silence shortens it.
const PATIENT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(80);

/// What a resolv.conf with these lines says, with the port of a test's server.
fn config(text: &str, port: u16, timeout: Duration) -> Config {
    Config {
        timeout,
        ..Config::parse(text, port, |_| None)
    }
}

fn ask(config: &Config, name: &str) -> Result<Found, Trouble> {
    let clock = RealClock::start();
    Ask {
        config,
        clock: &clock,
        interrupt: &Interrupt::new(),
        until: clock.monotonic() + PATIENT * 4,
    }
    .name(name)
}

fn found(addresses: &[&str], seconds: u64) -> Found {
    Found {
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        life: Duration::from_secs(seconds),
    }
}

/// One IPv4 address for this name; the name is not known otherwise.
fn knows(known: &'static str) -> impl Fn(&Asked) -> Vec<Vec<u8>> {
    move |asked| {
        if asked.name != known {
            return vec![asked.say(NO_NAME, &[])];
        }
        if asked.kind == AAAA {
            return vec![asked.say(EMPTY, &[])];
        }
        vec![asked.say(EMPTY, &[Record::Address(known, "10.0.0.1", 60)])]
    }
}

#[test]
fn names_are_searched_as_in_kubernetes() {
    let text =
        "search a.svc.cluster.local svc.cluster.local\nnameserver 127.0.0.1\noptions ndots:5";
    for (name, known, asked) in [
        (
            "gitlab.default",
            "gitlab.default.svc.cluster.local",
            &[
                "gitlab.default.a.svc.cluster.local",
                "gitlab.default.svc.cluster.local",
            ][..],
        ),
        (
            "gl.example",
            "gl.example",
            &[
                "gl.example.a.svc.cluster.local",
                "gl.example.svc.cluster.local",
                "gl.example",
            ],
        ),
        ("gl.example.", "gl.example", &["gl.example"]),
        ("a.b.c.d.e.f", "a.b.c.d.e.f", &["a.b.c.d.e.f"]),
    ] {
        let server = Server::start("127.0.0.1", 0, knows(known));
        let result = ask(&config(text, server.port, PATIENT), name);
        assert_eq!(result, Ok(found(&["10.0.0.1"], 60)), "{name}");
        assert_eq!(server.names(), asked, "{name}");
    }
}

#[test]
fn an_alias_is_followed() {
    let server = Server::start("127.0.0.1", 0, |asked| {
        let (address, kind) = if asked.kind == AAAA {
            ("fd00::1", 9)
        } else {
            ("10.0.0.1", 60)
        };
        let records = [
            Record::Alias("gl.example", "lb.example", 30),
            Record::Address("LB.example", address, kind),
            Record::Address("stranger.example", address, 1),
        ];
        vec![asked.say(EMPTY, &records)]
    });
    let config = config("nameserver 127.0.0.1", server.port, PATIENT);
    assert_eq!(
        ask(&config, "gl.example"),
        Ok(found(&["10.0.0.1", "fd00::1"], 9))
    );
}

#[test]
fn a_server_that_cannot_tell_is_followed_by_the_next() {
    for code in [SERVER_FAILED, REFUSED] {
        let first = Server::start("127.0.0.1", 0, move |asked| vec![asked.say(code, &[])]);
        let second = Server::start("127.0.0.2", first.port, knows("gl.example"));
        let both = config(
            "nameserver 127.0.0.1\nnameserver 127.0.0.2",
            first.port,
            PATIENT,
        );
        assert_eq!(ask(&both, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
        assert_eq!(second.names(), ["gl.example"]);
        let alone = config("nameserver 127.0.0.1", first.port, PATIENT);
        assert_eq!(ask(&alone, "gl.example"), Err(Trouble::Failed));
    }
}

#[test]
fn a_silent_server_is_followed_by_the_next() {
    let first = Server::start("127.0.0.1", 0, |_| Vec::new());
    let _second = Server::start("127.0.0.2", first.port, knows("gl.example"));
    let both = config(
        "nameserver 127.0.0.1\nnameserver 127.0.0.2",
        first.port,
        SHORT,
    );
    assert_eq!(ask(&both, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
    // Nobody at all at 127.0.0.3.
    let absent = config(
        "nameserver 127.0.0.3\nnameserver 127.0.0.2",
        first.port,
        PATIENT,
    );
    assert_eq!(ask(&absent, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
}

#[test]
fn a_name_that_is_not_there_is_told_from_a_server_that_is_not_there() {
    let text = "search corp\nnameserver 127.0.0.1";
    for code in [NO_NAME, EMPTY] {
        let server = Server::start("127.0.0.1", 0, move |asked| vec![asked.say(code, &[])]);
        let result = ask(&config(text, server.port, PATIENT), "gl.example");
        assert_eq!(result, Err(Trouble::NoSuchHost));
        assert_eq!(server.names(), ["gl.example", "gl.example.corp"]);
    }
    // Silence ends the search: the name that was meant may be the one that nobody told about.
    let server = Server::start("127.0.0.1", 0, |_| Vec::new());
    let result = ask(&config(text, server.port, SHORT), "gl.example");
    assert_eq!(result, Err(Trouble::NoAnswer));
    assert_eq!(server.names(), ["gl.example"]);
    let absent = config("nameserver 127.0.0.3", server.port, PATIENT);
    assert_eq!(ask(&absent, "gl"), Err(Trouble::NoAnswer));
    for bad in ["", ".", "a..b", &"a".repeat(64), &"a.".repeat(128)] {
        assert_eq!(ask(&absent, bad), Err(Trouble::NotAName), "{bad}");
    }
}

#[test]
fn one_failure_among_the_names_is_not_taken_for_their_absence() {
    let server = Server::start("127.0.0.1", 0, |asked| {
        let code = if asked.name == "gl.corp" {
            SERVER_FAILED
        } else {
            NO_NAME
        };
        vec![asked.say(code, &[])]
    });
    let config = config("search corp\nnameserver 127.0.0.1", server.port, PATIENT);
    assert_eq!(ask(&config, "gl"), Err(Trouble::Failed));
    assert_eq!(server.names(), ["gl.corp", "gl"]);
}

#[test]
fn a_long_answer_comes_over_tcp() {
    let server = Server::start("127.0.0.1", 0, |asked| {
        let records = [Record::Address("gl.example", "10.0.0.1", 60); 100];
        match (asked.tcp, asked.kind == AAAA) {
            (_, true) => vec![asked.say(EMPTY, &[])],
            (false, _) => vec![asked.say(TRUNCATED, &records[..2])],
            (true, _) => vec![asked.say(EMPTY, &records)],
        }
    });
    let long = config("nameserver 127.0.0.1", server.port, PATIENT);
    assert_eq!(ask(&long, "gl.example").unwrap().addresses.len(), 100);
    // Truncated there too: broken.
    let server = Server::start("127.0.0.1", 0, |asked| vec![asked.say(TRUNCATED, &[])]);
    let broken = config("nameserver 127.0.0.1", server.port, PATIENT);
    assert_eq!(ask(&broken, "gl.example"), Err(Trouble::Failed));
}

#[test]
fn only_an_answer_to_the_question_counts() {
    let server = Server::start("127.0.0.1", 0, |asked| {
        let wrong = [Record::Address("gl.example", "6.6.6.6", 60)];
        let mut id = asked.say(EMPTY, &wrong);
        id[1] ^= 1;
        let mut question = asked.say(EMPTY, &wrong);
        question[13] ^= 1;
        // From another address, otherwise perfect.
        asked.forge("127.0.0.9", &asked.say(EMPTY, &wrong));
        let mut packets = vec![
            b"garbage".to_vec(),
            Vec::new(),
            vec![0xff; 600],
            id,
            question,
        ];
        packets.push(asked.packet.clone());
        packets.extend(knows("gl.example")(asked));
        packets
    });
    let config = config("nameserver 127.0.0.1", server.port, PATIENT);
    assert_eq!(ask(&config, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
}

#[test]
fn a_name_may_have_ipv6_alone() {
    let server = Server::start("127.0.0.1", 0, |asked| {
        let address = [Record::Address("gl.example", "fd00::1", 60)];
        let records = if asked.kind == AAAA {
            &address[..]
        } else {
            &[]
        };
        vec![asked.say(EMPTY, records)]
    });
    let config = config("nameserver 127.0.0.1", server.port, PATIENT);
    assert_eq!(ask(&config, "gl.example"), Ok(found(&["fd00::1"], 60)));
}

/// Old firewalls let one answer of two pass; some servers do not answer for IPv6.
#[test]
fn a_missing_answer_is_asked_for_again_alone() {
    let lost = Mutex::new(0);
    let server = Server::start("127.0.0.1", 0, move |asked| {
        let mut lost = lost.lock().unwrap();
        *lost += 1;
        if *lost == 1 {
            Vec::new()
        } else {
            knows("gl.example")(asked)
        }
    });
    let pair = config("nameserver 127.0.0.1", server.port, SHORT);
    assert_eq!(ask(&pair, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
    let from = server.ports();
    assert!(
        from.len() == 3 && from[0] == from[1] && from[1] != from[2],
        "{from:?}"
    );

    let server = Server::start("127.0.0.1", 0, |asked| {
        if asked.kind == AAAA {
            Vec::new()
        } else {
            knows("gl.example")(asked)
        }
    });
    let deaf = config(
        "nameserver 127.0.0.1\noptions attempts:5",
        server.port,
        SHORT,
    );
    assert_eq!(ask(&deaf, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
    assert_eq!(server.ports().len(), 3, "asked once more, not for ever");
}

#[test]
fn questions_go_one_by_one_where_that_is_wanted() {
    let server = Server::start("127.0.0.1", 0, knows("gl.example"));
    let text = "nameserver 127.0.0.1\noptions single-request-reopen";
    let config = config(text, server.port, PATIENT);
    assert_eq!(ask(&config, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
    let from = server.ports();
    assert!(from.len() == 2 && from[0] != from[1], "{from:?}");
}

#[test]
fn the_limit_cuts_every_wait() {
    let server = Server::start("127.0.0.1", 0, |_| Vec::new());
    let config = config("nameserver 127.0.0.1", server.port, Duration::from_hours(1));
    let clock = RealClock::start();
    for limit in [Duration::ZERO, SHORT] {
        let ask = Ask {
            config: &config,
            clock: &clock,
            interrupt: &Interrupt::new(),
            until: clock.monotonic() + limit,
        };
        assert_eq!(ask.name("gl.example"), Err(Trouble::NoAnswer));
    }
}

#[test]
fn a_signal_ends_the_wait() {
    let interrupt = Interrupt::new();
    let raise = interrupt.clone();
    let server = Server::start("127.0.0.1", 0, move |_| {
        raise.raise(Signal::Terminate);
        Vec::new()
    });
    let config = config("nameserver 127.0.0.1", server.port, Duration::from_hours(1));
    let ask = Ask {
        config: &config,
        clock: &RealClock::start(),
        interrupt: &interrupt,
        until: Duration::from_hours(2),
    };
    assert_eq!(ask.name("gl.example"), Err(Trouble::Interrupted));
}

#[test]
fn a_name_server_may_have_an_ipv6_address() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: no IPv6 here");
        return;
    }
    let server = Server::start("::1", 0, knows("gl.example"));
    let config = config("nameserver ::1", server.port, PATIENT);
    assert_eq!(ask(&config, "gl.example"), Ok(found(&["10.0.0.1"], 60)));
}

/// A clock that a story moves on.
#[derive(Clone)]
struct Moved(std::sync::Arc<(RealClock, Mutex<Duration>)>);

impl Moved {
    fn on(&self, duration: Duration) {
        *self.0.1.lock().unwrap() += duration;
    }
}

impl Clock for Moved {
    fn wall(&self) -> Timestamp {
        self.0.0.wall()
    }

    fn monotonic(&self) -> Duration {
        self.0.0.monotonic() + *self.0.1.lock().unwrap()
    }

    fn sleep(&self, _: Duration, _: &Interrupt) -> Woken {
        Woken::Time
    }
}

/// A system with these two files.
struct Files {
    names: Names,
    clock: Moved,
    _folder: TempDir,
}

fn files(hosts: &str, resolv_conf: &str, port: u16) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let system = System {
        hosts: folder.path().join("hosts"),
        resolv_conf: folder.path().join("resolv.conf"),
        port,
    };
    fs::write(&system.hosts, hosts).unwrap();
    fs::write(&system.resolv_conf, resolv_conf).unwrap();
    let clock = Moved(std::sync::Arc::new((RealClock::start(), Mutex::default())));
    Files {
        names: Names::new(system, Box::new(clock.clone()), Interrupt::new()),
        clock,
        _folder: folder,
    }
}

impl Files {
    fn addresses(&self, host: &str) -> Result<Vec<String>, String> {
        let found = self.names.addresses(host, PATIENT);
        found
            .map(|found| found.iter().map(IpAddr::to_string).collect())
            .map_err(|error| error.to_string())
    }

    fn first(&self, host: &str) -> String {
        self.addresses(host).unwrap().remove(0)
    }
}

#[test]
fn nobody_is_asked_for_what_is_known_here() {
    // No name server listens at this port.
    let here = files("10.0.0.7 gl.example GL # here\n", "nameserver 127.0.0.3", 1);
    for (host, address) in [
        ("gl.example", "10.0.0.7"),
        ("gl.example.", "10.0.0.7"),
        ("Gl", "10.0.0.7"),
        ("localhost", "127.0.0.1"),
        ("gitlab.localhost.", "127.0.0.1"),
        ("10.1.2.3", "10.1.2.3"),
        ("[fd00::7]", "fd00::7"),
    ] {
        assert_eq!(here.first(host), address, "{host}");
    }
    assert_eq!(
        here.addresses("other.example").unwrap_err(),
        "no name server answered (asked 127.0.0.3)"
    );
}

#[test]
fn what_is_wrong_is_said() {
    let server = Server::start("127.0.0.1", 0, |asked| {
        let code = if asked.name == "broken.example" {
            SERVER_FAILED
        } else {
            NO_NAME
        };
        vec![asked.say(code, &[])]
    });
    let files = files("", "nameserver 127.0.0.1", server.port);
    for (host, message) in [
        ("gl.example", "no such host: gl.example (asked 127.0.0.1)"),
        (
            "broken.example",
            "no name server could tell the address of broken.example (asked 127.0.0.1)",
        ),
        (
            "a..b",
            "no such host: a..b is too long or has an empty part",
        ),
    ] {
        assert_eq!(files.addresses(host).unwrap_err(), message);
    }
}

/// A wait of an hour follows a server that moves, and does not ask for each request.
#[test]
fn an_answer_is_remembered_for_its_time() {
    let count = Mutex::new(0_u8);
    let server = Server::start("127.0.0.1", 0, move |asked| {
        if asked.kind == AAAA {
            return vec![asked.say(EMPTY, &[])];
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        let address = format!("127.0.0.{count}");
        let life = match asked.name.as_str() {
            "short.example" => 0,
            "long.example" => u32::MAX,
            _ => 60,
        };
        vec![asked.say(EMPTY, &[Record::Address(&asked.name, &address, life)])]
    });
    let files = files("", "nameserver 127.0.0.1", server.port);
    let mut next = 0;
    for (name, life) in [
        ("gl.example", 60),
        ("short.example", 5),
        ("long.example", 300),
    ] {
        let mut expect = |new: bool, why: &str| {
            next += u8::from(new);
            assert_eq!(
                files.first(name),
                format!("127.0.0.{next}"),
                "{name}: {why}"
            );
        };
        expect(true, "asked");
        files.clock.on(Duration::from_secs(life - 3));
        expect(false, "remembered");
        files.clock.on(Duration::from_secs(4));
        expect(true, "its time is over");
        files.names.forget();
        expect(true, "nothing listened there");
    }
}

#[test]
fn an_address_without_a_way_comes_last() {
    let all = "2001:db8::1 gl\n10.0.0.1 gl\n::1 gl\n127.0.0.1 gl\n";
    let files = files(all, "", 1);
    let found = files.addresses("gl").unwrap();
    assert_eq!(found.len(), 4);
    // A broadcast address takes no connection.
    let files = self::files("255.255.255.255 gl\n127.0.0.1 gl\n", "", 1);
    assert_eq!(
        files.addresses("gl").unwrap(),
        ["127.0.0.1", "255.255.255.255"]
    );
    let many: Vec<String> = (0..40).map(|n| format!("127.0.0.{n} gl")).collect();
    assert_eq!(
        self::files(&many.join("\n"), "", 1)
            .addresses("gl")
            .unwrap()
            .len(),
        16
    );
}
