//! The floor that `cargo bench --bench figures` compares `jobgate whoami` with: the same two requests over one TLS connection, and nothing
//! else. No proxy, no time limit, no retry, no JSON.
#![allow(clippy::unwrap_used, reason = "part of a bench, which may fail loudly")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn main() {
    let var = |name| std::env::var(name).unwrap();
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    let mut roots: RootCertStore = roots.collect();
    for certificate in CertificateDer::pem_file_iter(var("CI_SERVER_TLS_CA_FILE")).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let api = var("CI_API_V4_URL");
    let (address, path) = api
        .strip_prefix("https://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let (host, _) = address.rsplit_once(':').unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    for route in ["job", "job/allowed_agents"] {
        let token = var("CI_JOB_TOKEN");
        let head = format!(
            "GET /{path}/{route} HTTP/1.1\r\nHost: {address}\r\nJOB-TOKEN: {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        read_answer(&mut stream);
    }
}

/// Reads one answer with a `content-length`; it must be a good one.
fn read_answer(stream: &mut impl Read) {
    let mut bytes = Vec::new();
    let end = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "the connection ended");
        bytes.extend_from_slice(&part[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec())
        .unwrap()
        .to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut left = vec![0; length.unwrap().parse::<usize>().unwrap() + end - bytes.len()];
    stream.read_exact(&mut left).unwrap();
}
