//! TLS: whom the client believes, and who believes the client.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use expect_test::expect;
use jobgate::exit::Exit;
use jobgate::gitlab::{Body, Error, Kind};
use jobgate::os::Interrupt;
use jobgate::time::Clock as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

use crate::fake::{Fault, GitLab, MIRA, Tls, World as Fake, ci, job};
use crate::run::Run;

use super::server::{Act, Server, Stream, Wrap, answer, json, redirect};
use super::world::{LIMITS, SHORT, World, jobs, play};

pub type Issuer = CertifiedIssuer<'static, KeyPair>;

/// What a server shows.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
    pub pem: String,
}

pub fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "test");
    params
}

fn ca_params(common: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

pub fn ca(common: &str) -> Issuer {
    CertifiedIssuer::self_signed(ca_params(common), key()).unwrap()
}

pub fn self_signed(params: &CertificateParams, key: KeyPair) -> Identity {
    let certificate = params.self_signed(&key).unwrap();
    Identity {
        chain: vec![certificate.der().clone()],
        key,
        pem: certificate.pem(),
    }
}

pub fn issued(params: &CertificateParams, issuer: &Issuer) -> Identity {
    let key = key();
    let certificate = params.signed_by(&key, issuer).unwrap();
    Identity {
        chain: vec![certificate.der().clone()],
        key,
        pem: certificate.pem(),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Wraps connections in TLS; `clients` is the CA that client certificates must come from.
pub fn tls(identity: &Identity, clients: Option<&Issuer>) -> Box<Wrap> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    wrapped(
        builder
            .with_single_cert(identity.chain.clone(), key)
            .unwrap(),
    )
}

fn wrapped(config: ServerConfig) -> Box<Wrap> {
    let config = Arc::new(config);
    Box::new(move |mut socket: TcpStream| -> Option<Box<dyn Stream>> {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection.is_handshaking() {
            if connection.complete_io(&mut socket).is_err() {
                // What the client has sent meanwhile is read away, so that the alert is not lost in a reset.
                socket.shutdown(std::net::Shutdown::Write).ok()?;
                std::io::copy(&mut socket, &mut std::io::sink()).ok()?;
                return None;
            }
        }
        Some(Box::new(StreamOwned::new(connection, socket)))
    })
}

pub fn secure(identity: &Identity) -> Server {
    Server::start(tls(identity, None), |_| json(200, "{}"))
}

pub fn api(server: &Server) -> String {
    format!("https://127.0.0.1:{}/api/v4", server.port)
}

pub fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// Asks a server that shows `identity`, with `pem` as the runner's CA file.
fn ask(identity: &Identity, pem: &str) -> Result<(), Error> {
    let (server, ca) = (secure(identity), file(pem));
    let world = World::new(&api(&server)).trusting(&ca);
    let result = world.get(&jobs()).map(|_| ());
    if result.is_err() {
        let error = world.post(&play()).unwrap_err();
        assert!(error.kind == Kind::Unreachable && error.nothing_done());
        assert_eq!(
            server.requests().len(),
            0,
            "nothing may reach a server that is not trusted"
        );
    }
    result
}

fn refused(result: Result<(), Error>, word: &str) {
    let error = result.unwrap_err();
    assert!(
        error.kind == Kind::Unreachable && error.message.contains(word),
        "{error}"
    );
    // No repeat changes a certificate.
    assert!(error.tries == Some(1) && !error.hints.is_empty(), "{error}");
}

#[test]
fn the_runners_ca_file_may_hold_the_ca_or_the_servers_own_certificate() {
    let plain = self_signed(&params("127.0.0.1"), key());
    ask(&plain, &plain.pem).unwrap();
    let mut as_ca = params("127.0.0.1");
    as_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let as_ca = self_signed(&as_ca, key());
    ask(&as_ca, &as_ca.pem).unwrap();
    let root = ca("root");
    let leaf = issued(&params("127.0.0.1"), &root);
    ask(&leaf, &root.pem()).unwrap();
    ask(&leaf, &leaf.pem).unwrap();
    ask(
        &leaf,
        &format!("{}\n# and the root\n{}", leaf.pem, root.pem()),
    )
    .unwrap();
}

#[test]
fn intermediates_may_come_from_the_server_or_lie_in_the_file() {
    let root = ca("root");
    let middle = CertifiedIssuer::signed_by(ca_params("middle"), key(), &root).unwrap();
    let mut leaf = issued(&params("127.0.0.1"), &middle);
    refused(ask(&leaf, &root.pem()), "signed by an unknown authority");
    ask(&leaf, &middle.pem()).unwrap();
    ask(&leaf, &format!("{}{}", middle.pem(), root.pem())).unwrap();
    leaf.chain.push(middle.der().clone());
    ask(&leaf, &root.pem()).unwrap();
    refused(
        ask(&leaf, &ca("other").pem()),
        "signed by an unknown authority",
    );
    refused(
        ask(&leaf, &ca("root").pem()),
        "not signed by the trusted CA of that name",
    );
}

#[test]
fn a_pinned_certificate_must_be_valid_in_time_and_name() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let valid = |from: i32, to: i32| {
            let mut params = params("127.0.0.1");
            params.is_ca = is_ca;
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
            self_signed(&params, key())
        };
        let (expired, early) = (valid(2001, 2002), valid(3001, 3002));
        refused(ask(&expired, &expired.pem), "expired at");
        refused(ask(&early, &early.pem), "is not valid before");
        let mut named = params("gitlab.example");
        named.is_ca = is_ca;
        let named = self_signed(&named, key());
        refused(ask(&named, &named.pem), "not valid for name");
    }
    let mut client_only = params("127.0.0.1");
    client_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client_only = self_signed(&client_only, key());
    ask(&client_only, &client_only.pem).unwrap_err();
}

#[test]
fn a_pinned_certificate_with_another_key_is_refused() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let shown = self_signed(&params("127.0.0.1"), key());
        let other = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key().serialize_der()));
        let signing = provider().key_provider.load_private_key(other).unwrap();
        // A thief has the certificate, which is public, and a key of his own.
        let thief = CertifiedKey::new(shown.chain.clone(), signing);
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(thief)));
        let server = Server::start(wrapped(config), |_| json(200, "{}"));
        let ca = file(&shown.pem);
        let world = World::new(&api(&server)).trusting(&ca);
        assert_eq!(world.post(&play()).unwrap_err().kind, Kind::Unreachable);
        assert_eq!(server.requests().len(), 0);
    }
}

#[test]
fn ssl_cert_file_replaces_the_roots_and_pins_nothing() {
    let root = ca("root");
    let leaf = issued(&params("127.0.0.1"), &root);
    let (server, roots, own) = (secure(&leaf), file(&root.pem()), file(&leaf.pem));
    let with = |pem: &NamedTempFile| {
        World::new(&api(&server)).with("SSL_CERT_FILE", pem.path().to_str().unwrap())
    };
    with(&roots).get(&jobs()).unwrap();
    assert_eq!(with(&own).get(&jobs()).unwrap_err().kind, Kind::Unreachable);
    let other = file(&ca("root").pem());
    let mut fixed = with(&roots);
    fixed.fixed.ca_file = Some(other.path().to_str().unwrap().to_owned());
    let error = fixed.get(&jobs()).unwrap_err();
    assert_eq!(
        error.kind,
        Kind::Unreachable,
        "--ca-file shuts the variable out"
    );
}

#[test]
fn a_bad_certificate_file_is_a_usage_error() {
    for text in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA",
    ] {
        for name in ["CI_SERVER_TLS_CA_FILE", "SSL_CERT_FILE"] {
            let bad = file(text);
            let world =
                World::new("https://gl.example/api/v4").with(name, bad.path().to_str().unwrap());
            let stop = world.run(|_| ()).unwrap_err();
            assert!(
                stop.exit == Exit::Usage && stop.error.contains(name),
                "{stop:?}"
            );
        }
    }
}

/// The client's certificate, its key, and what the server showed for it.
fn with_client(
    server: &Server,
    root: &Issuer,
    certificate: &str,
    key: &str,
) -> (World, Vec<NamedTempFile>) {
    let files = vec![file(&root.pem()), file(certificate), file(key)];
    let names = [
        "CI_SERVER_TLS_CA_FILE",
        "CI_SERVER_TLS_CERT_FILE",
        "CI_SERVER_TLS_KEY_FILE",
    ];
    let world = names
        .iter()
        .zip(&files)
        .fold(World::new(&api(server)), |world, (name, file)| {
            world.with(name, file.path().to_str().unwrap())
        });
    (world, files)
}

#[test]
fn a_client_certificate_is_shown_to_gitlab_alone() {
    let root = ca("root");
    let identity = issued(&params("127.0.0.1"), &root);
    let client = issued(&params("runner"), &root);
    // Elsewhere nobody learns of it, and elsewhere the runner's CA does not count.
    let elsewhere = Server::start(tls(&identity, Some(&root)), |_| {
        vec![Act::Send(answer(200, &[], b"log"))]
    });
    let away = format!("https://127.0.0.1:{}/log", elsewhere.port);
    let server = Server::start(tls(&identity, Some(&root)), move |request| {
        if request.path().ends_with("trace") {
            redirect(302, &away)
        } else {
            json(200, "{}")
        }
    });
    let (world, _files) = with_client(&server, &root, &client.pem, &client.key.serialize_pem());
    world.get(&jobs()).unwrap();
    world.post(&play()).unwrap();
    assert_eq!(world.log().unwrap_err().kind, Kind::Unreachable);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_missing_or_foreign_client_certificate_proves_that_nothing_was_done() {
    let root = ca("root");
    let identity = issued(&params("127.0.0.1"), &root);
    let server = Server::start(tls(&identity, Some(&root)), |_| json(200, "{}"));
    let ca_file = file(&root.pem());
    let world = World::new(&api(&server)).trusting(&ca_file);
    let error = world.post(&play()).unwrap_err();
    assert!(
        error.kind == Kind::Unreachable && error.hints.len() == 1,
        "{error:?}"
    );
    for issuer in ["root", "other"] {
        let stranger = issued(&params("runner"), &ca(issuer));
        let key = stranger.key.serialize_pem();
        let (world, _files) = with_client(&server, &root, &stranger.pem, &key);
        let error = world.post(&play()).unwrap_err();
        assert_eq!(error.kind, Kind::Unreachable, "{error}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_key_that_does_not_belong_is_an_error_that_names_both_files() {
    let root = ca("root");
    let identity = issued(&params("127.0.0.1"), &root);
    let server = secure(&identity);
    let client = issued(&params("runner"), &root);
    let other = key().serialize_pem();
    for (certificate, key, names) in [
        (
            client.pem.as_str(),
            other.as_str(),
            &["CI_SERVER_TLS_CERT_FILE", "CI_SERVER_TLS_KEY_FILE"][..],
        ),
        (&client.pem, "hunter2", &["CI_SERVER_TLS_KEY_FILE"]),
        (&client.pem, &client.pem, &["CI_SERVER_TLS_KEY_FILE"]),
        ("hunter2", &other, &["CI_SERVER_TLS_CERT_FILE"]),
    ] {
        let (world, _files) = with_client(&server, &root, certificate, key);
        let stop = world.run(|_| ()).unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        assert!(
            names.iter().all(|name| stop.error.contains(name)),
            "{stop:?}"
        );
    }
}

#[test]
fn a_port_that_does_not_speak_tls_is_told() {
    let plain = |mut socket: TcpStream| -> Option<Box<dyn Stream>> {
        socket.read_exact(&mut [0; 32]).ok()?;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
        std::io::copy(&mut socket, &mut std::io::sink()).ok()?;
        None
    };
    let server = Server::start(Box::new(plain), |_| json(200, "{}"));
    let error = World::new(&api(&server)).post(&play()).unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.message.contains("does not speak TLS"), "{error}");
    let identity = self_signed(&params("127.0.0.1"), key());
    let server = secure(&identity);
    World::new(&server.api()).get(&jobs()).unwrap_err();
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_handshake_that_hangs_ends_with_the_limit_for_connecting() {
    let server = Server::start(
        Box::new(|mut socket: TcpStream| {
            let _ = socket.read_to_end(&mut Vec::new());
            None
        }),
        |_| json(200, "{}"),
    );
    let mut world = World::new(&api(&server));
    world.limits.connect = SHORT;
    let error = world.post(&play()).unwrap_err();
    assert!(
        error.kind == Kind::Unreachable && error.message.contains("no connection within"),
        "{error:?}"
    );
    world.limits.connect = LIMITS.connect;
    world.client(|client| {
        client.set_deadline(Some(world.clock.now() + SHORT));
        let error = client.post(&play(), &Body::None).unwrap_err();
        assert!(
            error.kind == Kind::Deadline && error.nothing_done(),
            "{error:?}"
        );
        assert!(!error.message.contains("within 20s"), "{error}");
    });
}

#[test]
fn a_log_is_not_fetched_by_plain_http_where_gitlab_speaks_https() {
    let stranger = Server::http(|_| json(200, "{}"));
    let target = format!("http://127.0.0.1:{}/log", stranger.port);
    let identity = self_signed(&params("127.0.0.1"), key());
    let server = Server::start(tls(&identity, None), move |_| redirect(302, &target));
    let ca = file(&identity.pem);
    let world = World::new(&api(&server)).trusting(&ca);
    assert_eq!(world.log().unwrap_err().kind, Kind::Redirected);
    assert_eq!(stranger.requests().len(), 0);
}

/// The calling job's pipeline behind a certificate, and the same way for each call.
pub fn behind(tls: Tls) -> (GitLab, impl Fn(&GitLab, &str) -> Run) {
    let mut world = Fake::new();
    world.project("shop/web");
    let plan = ci()
        .stage("test", [job("unit").is("success"), job("gate").here()])
        .stage("deploy", [job("deploy").manual()]);
    let pipeline = world.pipeline("shop/web", "main", plan);
    let (me, token) = (
        world.job(pipeline, "gate"),
        world.access_token(MIRA, &["api"]),
    );
    let ca = file(&tls.trust);
    let run = move |gitlab: &GitLab, words: &str| {
        Run::new(words)
            .vars(gitlab.vars(me))
            .var("GITLAB_TOKEN", token.as_str())
            .var("CI_SERVER_TLS_CA_FILE", ca.path())
            .var("NO_COLOR", "1")
            .naming(gitlab.origin(), "https://gl")
            .bare()
    };
    (GitLab::start_tls(world, tls), run)
}

#[test]
fn before_the_first_good_answer_a_certificate_that_is_not_trusted_ends_it_at_once() {
    let (root, name) = (ca("root"), params("127.0.0.1"));
    let mut old = params("127.0.0.1");
    old.not_before = date_time_ymd(2001, 1, 1);
    old.not_after = date_time_ymd(2002, 1, 1);
    let mut seen = String::new();
    for (shown, trusted) in [
        (issued(&name, &root), ca("other").pem()),
        (issued(&params("gitlab.example"), &root), root.pem()),
        (issued(&old, &root), root.pem()),
    ] {
        let key = shown.key.serialize_der();
        let (gitlab, run) = behind(Tls::new(shown.chain, key, trusted));
        let mut logs = BTreeSet::new();
        for words in [
            "whoami",
            "wait unit",
            "gate branch=main",
            "play deploy",
            "trigger shop/web --ref main",
        ] {
            let clock = gitlab.clock();
            let begun = clock.monotonic();
            let got = run(&gitlab, words).on(&clock, &Interrupt::new());
            assert_eq!(
                (got.code, clock.monotonic()),
                (6, begun),
                "{words}: {got:?}"
            );
            logs.insert(got.log);
        }
        seen += &logs.into_iter().collect::<String>();
    }
    expect![[r#"
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate is signed by an unknown authority
        jobgate: error: the gate could not be checked
        jobgate: hint: for a private CA, give its PEM file with --ca-file, or without --server in CI_SERVER_TLS_CA_FILE
        jobgate: hint: jobgate reads the image's own CA bundle only if SSL_CERT_FILE names it
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate is signed by an unknown authority
        jobgate: hint: for a private CA, give its PEM file with --ca-file, or without --server in CI_SERVER_TLS_CA_FILE
        jobgate: hint: jobgate reads the image's own CA bundle only if SSL_CERT_FILE names it
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate is not accepted: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("gitlab.example")
        jobgate: error: the gate could not be checked
        jobgate: hint: use a host name of the server's certificate in CI_API_V4_URL or --server
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate is not accepted: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("gitlab.example")
        jobgate: hint: use a host name of the server's certificate in CI_API_V4_URL or --server
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate expired at 2002-01-01T00:00:00Z
        jobgate: error: the gate could not be checked
        jobgate: hint: renew the server's certificate; if it is valid today, set this machine's clock
        jobgate: error: GET /job: cannot reach https://gl: the server's certificate expired at 2002-01-01T00:00:00Z
        jobgate: hint: renew the server's certificate; if it is valid today, set this machine's clock
    "#]].assert_eq(&seen);
}

/// Shows its certificates one after the other, the last one from then on.
#[derive(Debug)]
struct InTurn(Vec<Arc<CertifiedKey>>, AtomicUsize);

impl ResolvesServerCert for InTurn {
    fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
        let turn = self.1.fetch_add(1, Ordering::SeqCst);
        self.0.get(turn.min(self.0.len() - 1)).cloned()
    }
}

#[test]
fn after_a_good_answer_a_certificate_that_is_not_trusted_may_be_another_next_time() {
    let root = ca("root");
    let certified = |identity: Identity| {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
        let key = provider().key_provider.load_private_key(key).unwrap();
        Arc::new(CertifiedKey::new(identity.chain, key))
    };
    let good = certified(issued(&params("127.0.0.1"), &root));
    let bad = certified(issued(&params("127.0.0.1"), &ca("other")));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(InTurn(
            vec![good.clone(), bad, good],
            AtomicUsize::new(0),
        )));
    // A session that goes on shows no certificate.
    config.send_tls13_tickets = 0;
    let (gitlab, run) = behind(Tls::with(config, root.pem()));
    gitlab.fault("GET */job", Fault::Leave);
    let got = run(&gitlab, "whoami").on(&gitlab.clock(), &Interrupt::new());
    got.is(0, &got.out, "");
    gitlab.finish();
}
