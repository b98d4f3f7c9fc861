//! Proxies: chosen by curl's rules, told nothing but the way, and never left out in silence.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use expect_test::expect;
use jobgate::exit::Exit;
use jobgate::gitlab::Kind;
use jobgate::os::Interrupt;
use rcgen::KeyPair;

use crate::fake::Tls;

use super::server::{Server, json};
use super::trust::{api, behind, file, params, secure, self_signed};
use super::world::{SHORT, World, free_port, jobs, line, no_secret, play};

/// A proxy that knows CONNECT; keeps the heads of what it was asked.
pub struct Proxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `refuse` is its answer to everything; without one it connects to 127.0.0.1 at the port asked for.
    pub fn start(refuse: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, log) = (client.unwrap(), Arc::clone(&log));
                thread::spawn(move || tunnel(client, refuse, &log));
            }
        });
        Self { port, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn tunnel(mut client: TcpStream, refuse: Option<&str>, log: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    log.lock().unwrap().push(head.clone());
    if let Some(refuse) = refuse {
        for byte in refuse.bytes() {
            if refuse.contains("Drip") {
                thread::sleep(Duration::from_millis(20));
            }
            if client.write_all(&[byte]).is_err() {
                return;
            }
        }
        let _ = client.read_to_end(&mut Vec::new());
        return;
    }
    let target = head.split([' ', ':']).nth(2).unwrap();
    let server = TcpStream::connect(format!("127.0.0.1:{target}")).unwrap();
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    let _ = std::io::copy(&mut { server }, &mut client);
}

#[test]
fn https_goes_through_the_proxy_and_the_token_through_the_tunnel() {
    let identity = self_signed(&params("gitlab.internal"), KeyPair::generate().unwrap());
    let (server, ca, proxy) = (secure(&identity), file(&identity.pem), Proxy::start(None));
    // The name exists for the proxy alone: it is the proxy that looks it up.
    let world = World::new(&format!("https://gitlab.internal:{}/api/v4", server.port))
        .trusting(&ca)
        .with(
            "https_proxy",
            &format!("http://us%40er:p%3A-hunter2@127.0.0.1:{}/", proxy.port),
        );
    world.get(&jobs()).unwrap();
    world.post(&play()).unwrap();
    let heads = proxy.heads();
    assert_eq!(heads.len(), 2);
    for head in heads {
        assert!(
            head.starts_with(&format!(
                "CONNECT gitlab.internal:{} HTTP/1.1\r\n",
                server.port
            )),
            "{head}"
        );
        // us@er:p:-hunter2
        assert!(
            head.contains("\r\nProxy-Authorization: Basic dXNAZXI6cDotaHVudGVyMg==\r\n"),
            "{head}"
        );
        assert!(
            !head.to_ascii_lowercase().contains("token") && !head.contains("glcbt"),
            "{head}"
        );
    }
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("proxy-authorization").is_none())
    );
}

#[test]
fn the_proxy_is_chosen_by_scheme_and_no_proxy() {
    let server = Server::http(|_| json(200, "{}"));
    let port = server.port;
    for (variables, proxied) in [
        (vec![("http_proxy", "P")], true),
        (vec![("HTTP_PROXY", "P")], false),
        (vec![("https_proxy", "P")], false),
        (vec![("all_proxy", "P")], true),
        (vec![("ALL_PROXY", "P")], true),
        (vec![("http_proxy", ""), ("all_proxy", "P")], true),
        (
            vec![("http_proxy", "P"), ("no_proxy", "10.0.0.0/8, 127.0.0.0/8")],
            false,
        ),
        (vec![("http_proxy", "P"), ("NO_PROXY", "127.0.0.1:9")], true),
        (
            vec![
                ("http_proxy", "P"),
                ("no_proxy", "other.example"),
                ("NO_PROXY", "*"),
            ],
            true,
        ),
        (vec![("http_proxy", "P"), ("no_proxy", "*")], false),
    ] {
        let proxy = Proxy::start(None);
        let mut world = World::new(&server.api());
        for (name, value) in &variables {
            world = world.with(name, &value.replace('P', &proxy.url()));
        }
        world.get(&jobs()).unwrap();
        assert_eq!(!proxy.heads().is_empty(), proxied, "{variables:?} {port}");
    }
}

/// Each command line, its exit code, whether the proxy was asked, and what is said.
#[test]
fn with_the_server_fixed_the_whole_way_comes_from_the_command_line() {
    let (gitlab, run) = behind(Tls::trusted());
    let ca = file(gitlab.trust().unwrap());
    let proxy = Proxy::start(None);
    let mut text = String::new();
    for (variables, options) in [
        (
            "https_proxy SSL_CERT_FILE CI_SERVER_TLS_CA_FILE no_proxy",
            "",
        ),
        ("https_proxy ALL_PROXY", "--ca-file CA"),
        (
            "SSL_CERT_FILE CI_SERVER_TLS_CA_FILE",
            "--proxy none --ca-file builtin",
        ),
        ("SSL_CERT_FILE CI_SERVER_TLS_CA_FILE", "--proxy PROXY"),
        ("no_proxy", "--proxy PROXY --ca-file CA"),
    ] {
        let server = format!("gate branch=main --server {} {options}", gitlab.origin());
        let words = server.replace("CA", ca.path().to_str().unwrap());
        let mut call =
            run(&gitlab, &words.replace("PROXY", &proxy.url())).without("CI_SERVER_TLS_CA_FILE");
        for name in variables.split(' ') {
            call = match name {
                "no_proxy" => call.var(name, "*"),
                name if name.contains("FILE") => call.var(name, ca.path()),
                name => call.var(name, proxy.url()),
            };
        }
        let before = proxy.heads().len();
        let got = call.on(&gitlab.clock(), &Interrupt::new());
        let proxied = proxy.heads().len() > before;
        let _ = write!(
            text,
            "{options}: {}, proxied: {proxied}\n{}",
            got.code, got.log
        );
    }
    let text = text.replace(&proxy.port.to_string(), "PORT");
    expect![[r#"
        : 6, proxied: false
        jobgate: warning: with --server, jobgate ignores https_proxy, SSL_CERT_FILE, CI_SERVER_TLS_CA_FILE: only --proxy and --ca-file count
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate is signed by an unknown authority
        jobgate: error: the gate could not be checked
        jobgate: hint: for a private CA, give its PEM file with --ca-file, or without --server in CI_SERVER_TLS_CA_FILE
        jobgate: hint: jobgate reads the image's own CA bundle only if SSL_CERT_FILE names it
        --ca-file CA: 0, proxied: false
        jobgate: warning: with --server, jobgate ignores https_proxy, ALL_PROXY: only --proxy and --ca-file count
        the gate is open: all conditions hold
        --proxy none --ca-file builtin: 6, proxied: false
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate is signed by an unknown authority
        jobgate: error: the gate could not be checked
        jobgate: hint: for a private CA, give its PEM file with --ca-file, or without --server in CI_SERVER_TLS_CA_FILE
        jobgate: hint: jobgate reads the image's own CA bundle only if SSL_CERT_FILE names it
        --proxy PROXY: 6, proxied: true
        jobgate: warning: with --server, jobgate ignores SSL_CERT_FILE, CI_SERVER_TLS_CA_FILE: only --proxy and --ca-file count
        jobgate: error: GET /job: cannot reach https://gl through the proxy 127.0.0.1:PORT: the server's certificate is signed by an unknown authority
        jobgate: error: the gate could not be checked
        jobgate: hint: for a private CA, give its PEM file with --ca-file, or without --server in CI_SERVER_TLS_CA_FILE
        jobgate: hint: jobgate reads the image's own CA bundle only if SSL_CERT_FILE names it
        --proxy PROXY --ca-file CA: 0, proxied: true
        the gate is open: all conditions hold
    "#]].assert_eq(&text);
}

#[test]
fn a_proxy_that_cannot_be_used_is_never_left_out() {
    let server = Server::http(|_| json(200, "{}"));
    for value in [
        "socks5://127.0.0.1:1",
        "socks4://x",
        "ftp://x",
        "http://",
        "http://u:hunter2@[::1",
    ] {
        let stop = World::new(&server.api())
            .with("all_proxy", value)
            .run(|_| ())
            .unwrap_err();
        assert_eq!(stop.exit, Exit::Usage, "{value}");
        no_secret(&format!("{stop:?} {:?}", stop.hints));
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_proxy_that_fails_proves_that_nothing_was_done() {
    let drip = "HTTP/1.1 200 Drip\r\nX-Drip: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
    let mut seen = String::new();
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        "HTTP/1.1 403 hunter2\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\n\r\n",
        // It hangs, it drips, it is not there.
        "",
        drip,
        "-",
    ] {
        let proxy = Proxy::start(Some(answer));
        let port = if answer == "-" {
            free_port()
        } else {
            proxy.port
        };
        let mut world = World::new("https://gitlab.example/api/v4")
            .with("https_proxy", &format!("http://127.0.0.1:{port}"));
        if answer.is_empty() || answer == drip {
            world.limits.connect = SHORT;
        }
        let failed = line(world.post(&play()));
        seen += &failed.replace(&port.to_string(), "PORT");
        seen += "\n";
    }
    expect![[r#"
        Unreachable, exit 6, transient, nothing done: cannot reach https://gitlab.example through the proxy 127.0.0.1:PORT: the proxy did not connect: proxy server responded 407/407
        Unreachable, exit 6, transient, nothing done: cannot reach https://gitlab.example through the proxy 127.0.0.1:PORT: the proxy did not connect: proxy server responded 403/403
        Unreachable, exit 6, transient, nothing done: cannot reach https://gitlab.example through the proxy 127.0.0.1:PORT: the proxy did not connect: proxy server responded 502/502
        Unreachable, exit 6, transient, nothing done: cannot reach https://gitlab.example through the proxy 127.0.0.1:PORT: no connection within 1s
        Unreachable, exit 6, transient, nothing done: cannot reach https://gitlab.example through the proxy 127.0.0.1:PORT: no connection within 1s
        Unreachable, exit 6, transient, nothing done: cannot reach https://gitlab.example through the proxy 127.0.0.1:PORT: the connection was refused
    "#]].assert_eq(&seen);
}

#[test]
fn a_proxy_spoken_to_by_tls_gets_no_trust_from_the_runners_file() {
    // Its certificate is in the CA file, which counts for GitLab's own origin alone.
    let identity = self_signed(&params("127.0.0.1"), KeyPair::generate().unwrap());
    let (proxy, ca) = (secure(&identity), file(&identity.pem));
    let world = World::new(&api(&proxy).replace("127.0.0.1", "gitlab.example"))
        .trusting(&ca)
        .with("https_proxy", &format!("https://127.0.0.1:{}", proxy.port));
    let error = world.post(&play()).unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert_eq!(proxy.requests().len(), 0);
}
