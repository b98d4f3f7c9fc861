//! Trouble on the way to GitLab, told apart.

use jobgate::os::Interrupt;

use super::{Shop, Skewed, call, shop, story, told};
use crate::fake::{Answer, Fault, GitLab, Tls};

#[test]
fn a_clock_that_is_wrong() {
    for (name, seconds) in [("clock_ahead", 3700), ("clock_behind", -86_400)] {
        let Shop { world, me, .. } = shop();
        let gitlab = GitLab::start(world);
        let clock = Skewed {
            clock: gitlab.clock(),
            seconds,
        };
        let got = call("doctor", &gitlab, me).on(&clock, &Interrupt::new());
        told(name, &got, gitlab);
    }
}

#[test]
fn a_proxy_that_answers_in_html() {
    for (name, fault) in [("page", Fault::Page), ("bad_gateway", Fault::BadGateway)] {
        let Shop { world, me, .. } = shop();
        let gitlab = GitLab::start(world);
        gitlab.faults("*", fault, u32::MAX);
        let run = call("doctor", &gitlab, me);
        story(name, run, gitlab);
    }
}

#[test]
fn a_front_server_that_wants_a_client_certificate() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let page = "<html><head><title>400 No required SSL certificate was sent</title></head></html>";
    gitlab.answer("*", Answer::new(400, "text/html", page));
    let run = call("doctor", &gitlab, me);
    story("no_client_certificate", run, gitlab);
}

#[test]
fn a_sign_in_page_elsewhere() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let answer = Answer::new(302, "text/html", "").with("Location", "https://login.example/?t=x");
    gitlab.answer("*", answer);
    let run = call("doctor", &gitlab, me);
    story("redirect", run, gitlab);
}

#[test]
fn requests_run_out() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    gitlab.limit(11);
    let run = call("doctor", &gitlab, me);
    story("rate_limit_low", run, gitlab);

    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    gitlab.limit(4);
    let run = call("doctor", &gitlab, me);
    story("rate_limit_over", run, gitlab);
}

#[test]
fn a_certificate_from_nobody_trusted() {
    let Shop { world, me, .. } = shop();
    let other = Tls::trusted().trust;
    let gitlab = GitLab::start_tls(world, Tls::trusted());
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, other).unwrap();
    let run = call("doctor", &gitlab, me).var("SSL_CERT_FILE", &roots);
    story("tls_unknown_issuer", run, gitlab);
}

#[test]
fn a_certificate_that_the_runner_names() {
    let Shop { world, me, .. } = shop();
    let tls = Tls::trusted();
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, &tls.trust).unwrap();
    let gitlab = GitLab::start_tls(world, tls);
    // Both, so that what this machine has in its own bundle plays no part.
    let run = call("doctor", &gitlab, me)
        .var("CI_SERVER_TLS_CA_FILE", &roots)
        .var("SSL_CERT_FILE", &roots);
    story("tls_trusted", run, gitlab);
}

#[test]
fn plain_http_where_tls_is_spoken_and_the_other_way_round() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let api = gitlab.api().replace("http://", "https://");
    let origin = api.replace("/api/v4", "");
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, Tls::trusted().trust).unwrap();
    let run = call("doctor", &gitlab, me)
        .var("CI_API_V4_URL", api)
        .var("SSL_CERT_FILE", &roots)
        .naming(origin, "https://gitlab.test");
    story("tls_where_http_is_spoken", run, gitlab);
}

#[test]
fn a_proxy_that_is_not_there() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = gone.local_addr().unwrap().to_string();
    drop(gone);
    let run = call("doctor --proxy", &gitlab, me)
        .arg(format!("http://mira:hunter2@{proxy}"))
        .naming(proxy, "proxy.test:3128");
    story("proxy_gone", run, gitlab);
}

/// A proxy that answers everything alike; it stays as long as the test.
fn proxy_that_says(answer: &'static str) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = [0; 4096];
            let _ = client.read(&mut head);
            let _ = client.write_all(answer.as_bytes());
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    address
}

#[test]
fn a_proxy_that_wants_a_login() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let proxy = proxy_that_says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, Tls::trusted().trust).unwrap();
    let run = call("doctor", &gitlab, me)
        .var("CI_API_V4_URL", "https://gitlab.test/api/v4")
        .var("https_proxy", format!("http://{proxy}"))
        .var("SSL_CERT_FILE", &roots)
        .naming(proxy, "proxy.test:3128");
    story("proxy_login", run, gitlab);
}

#[test]
fn a_server_that_falls_silent_is_left_alone() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    gitlab.faults("GET */projects/*", Fault::Close, u32::MAX);
    let run = call("doctor", &gitlab, me);
    story("falls_silent", run, gitlab);
}

/// Which of the two it is depends on the machine that the test runs on.
#[test]
fn a_name_that_nobody_knows() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let got = call("doctor", &gitlab, me)
        .var("CI_API_V4_URL", "http://name.invalid/api/v4")
        .on(&gitlab.clock(), &Interrupt::new());
    assert_eq!(got.code, 6, "{got:?}");
    let unknown = "whether this image's resolver knows it\n";
    let silent = "check /etc/resolv.conf of this image";
    assert!(
        got.out.contains(unknown) || got.out.contains(silent),
        "{got:?}"
    );
    assert!(gitlab.finish().is_empty());
}

#[test]
fn a_signal_ends_it() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let interrupt = Interrupt::new();
    interrupt.raise(jobgate::os::Signal::Terminate);
    let got = call("doctor", &gitlab, me).on(&gitlab.clock(), &interrupt);
    told("signal", &got, gitlab);
}

#[test]
fn nobody_listens() {
    let Shop { world, me, .. } = shop();
    let gitlab = GitLab::start(world);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap().to_string();
    drop(gone);
    let run = call("doctor", &gitlab, me)
        .var("CI_API_V4_URL", format!("http://{address}/api/v4"))
        .naming(address, "gitlab.test");
    story("connection_refused", run, gitlab);
}
