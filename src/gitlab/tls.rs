//! Whom to trust: the public roots, the user's files, and the certificate that the runner pinned.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::ci::{Pem, Trust};
use crate::exit::Stop;

/// The two ways to trust: GitLab's origin, and everybody else (redirects of logs, https proxies).
#[derive(Clone, Debug)]
pub(super) struct Configs {
    pub(super) gitlab: Arc<ClientConfig>,
    /// Without CA file, pinned certificates and client certificate.
    pub(super) others: Arc<ClientConfig>,
}

impl Configs {
    pub(super) fn new(trust: &Trust) -> Result<Self, Stop> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        match &trust.roots {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => _ = roots.add_parsable_certificates(certificates(pem)?),
        }
        let others = config(&provider, roots.clone(), Vec::new(), None)?;
        let pinned = trust.ca.as_ref().map(certificates).transpose()?;
        let pinned = pinned.unwrap_or_default();
        // One that cannot be a root may still be the server's own.
        roots.add_parsable_certificates(pinned.iter().cloned());
        Ok(Self {
            gitlab: config(&provider, roots, pinned, trust.client.as_ref())?,
            others,
        })
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Stop> {
    let found = CertificateDer::pem_slice_iter(&pem.bytes).collect::<Result<Vec<_>, _>>();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| Stop::usage(format!("{} holds no certificate in PEM form", pem.name)))
}

fn config(
    provider: &Arc<CryptoProvider>,
    roots: RootCertStore,
    pinned: Vec<CertificateDer<'static>>,
    client: Option<&(Pem, Pem)>,
) -> Result<Arc<ClientConfig>, Stop> {
    let trouble =
        |error: &dyn std::fmt::Display| Stop::usage(format!("TLS cannot be set up: {error}"));
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| trouble(&error))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| trouble(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { webpki, pinned }));
    let Some((certificate, key)) = client else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let private = PrivateKeyDer::from_pem_slice(&key.bytes)
        .map_err(|_| Stop::usage(format!("{} holds no private key in PEM form", key.name)))?;
    let config = builder
        .with_client_auth_cert(certificates(certificate)?, private)
        .map_err(|_| {
            Stop::usage(format!(
                "{} and {} do not belong together",
                certificate.name, key.name
            ))
            .hint("the client certificate must come first in its file, and the key must be its own")
        })?;
    Ok(Arc::new(config))
}

/// `WebPki`'s own rules, and one more: the very certificate that the CA file holds is trusted without a chain, since the runner puts
/// the server's own certificate there (`ci_server_tls_ca_file`). Validity and name are checked all the same, and that the server has
/// the key is proven by the handshake's signature, which stays `WebPki`'s.
#[derive(Debug)]
struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let error = match self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(error) if only_the_chain_is_missing(&error) => error,
            other => return other,
        };
        // webpki checks the validity in time before it reports either error.
        if !self.pinned.iter().any(|pinned| pinned == end_entity) {
            return Err(error);
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_name(&parsed, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn only_the_chain_is_missing(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        // The error's type is webpki's, which rustls does not hand on; its text is its name.
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
    }
}
