//! The server's side of TLS, with certificates made for the occasion.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a TLS server shows.
pub struct Tls {
    config: Arc<ServerConfig>,
    /// What a client has to trust, as PEM.
    pub trust: String,
}

impl Tls {
    /// A certificate for `127.0.0.1` and `localhost` from an authority of its own.
    pub fn trusted() -> Self {
        let authority_key = rcgen::KeyPair::generate().expect("key");
        let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("names");
        // Without names of their own the two would look like one certificate that has signed itself.
        let name = &mut authority.distinguished_name;
        name.push(rcgen::DnType::CommonName, "the fake's authority");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).expect("certificate");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().expect("key");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let leaf = rcgen::CertificateParams::new(names).expect("names");
        let leaf = leaf.signed_by(&key, &issuer).expect("certificate");
        Self::new(
            vec![leaf.der().clone()],
            key.serialize_der(),
            certificate.pem(),
        )
    }

    /// Any identity: its chain, its key (PKCS #8) and what a client may trust.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: Vec<u8>, trust: String) -> Self {
        let key = PrivateKeyDer::try_from(key).expect("a private key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("certificate and key");
        Self::with(config, trust)
    }

    /// A configuration of a test's own, such as one that asks for client certificates.
    pub fn with(config: ServerConfig, trust: String) -> Self {
        Self {
            config: Arc::new(config),
            trust,
        }
    }

    pub(super) fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
        let connection =
            ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }
}
