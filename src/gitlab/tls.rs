//! Whom to trust, and the connector that opens connections and keeps account of what has left on them.

use std::io::Read as _;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, TransportAdapter,
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
        let roots = match &trust.roots {
            None => RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            },
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                let (added, _) = roots.add_parsable_certificates(certificates(pem)?);
                if added == 0 {
                    return Err(Stop::usage(format!(
                        "{} holds no usable certificate",
                        pem.name
                    )));
                }
                roots
            }
        };
        let others = config(&provider, roots.clone(), Vec::new(), None)?;
        if trust.ca.is_none() && trust.client.is_none() {
            return Ok(Self {
                gitlab: Arc::clone(&others),
                others,
            });
        }
        let (mut roots, mut pinned) = (roots, Vec::new());
        if let Some(pem) = &trust.ca {
            pinned = certificates(pem)?;
            // One that cannot be a root may still be the server's own.
            roots.add_parsable_certificates(pinned.iter().cloned());
        }
        Ok(Self {
            gitlab: config(&provider, roots, pinned, trust.client.as_ref())?,
            others,
        })
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Stop> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Stop::usage(format!(
            "{} holds no certificate in PEM form",
            pem.name
        ))),
        Err(_) => Err(Stop::usage(format!("{} holds broken PEM", pem.name))),
    }
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

/// What happened on the way since [`Progress::begin`]. One line carries one request at a time.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// A connection was asked for, so it is not an old one.
    fresh: AtomicBool,
    /// That connection stands: TCP, proxy and TLS.
    open: AtomicBool,
    /// Bytes of a request have left.
    sent: AtomicBool,
}

impl Progress {
    pub(super) fn begin(&self) {
        self.fresh.store(false, Ordering::SeqCst);
        self.open.store(true, Ordering::SeqCst);
        self.sent.store(false, Ordering::SeqCst);
    }

    fn connecting(&self) {
        self.fresh.store(true, Ordering::SeqCst);
        self.open.store(false, Ordering::SeqCst);
    }

    fn connected(&self) {
        self.open.store(true, Ordering::SeqCst);
        self.sent.store(false, Ordering::SeqCst);
    }

    pub(super) fn fresh(&self) -> bool {
        self.fresh.load(Ordering::SeqCst)
    }

    /// There is a connection to the server.
    pub(super) fn open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Some of the request may have reached the server.
    pub(super) fn sent(&self) -> bool {
        self.open() && self.sent.load(Ordering::SeqCst)
    }
}

/// First of the chain: takes note that a new connection is wanted.
#[derive(Debug)]
pub(super) struct Start(pub(super) Arc<Progress>);

impl Connector<()> for Start {
    type Out = ();

    fn connect(&self, _: &ConnectionDetails, _: Option<()>) -> Result<Option<()>, ureq::Error> {
        self.0.connecting();
        Ok(None)
    }
}

/// Last of the chain: TLS where it is wanted, and the account of what leaves.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) server: Arc<ClientConfig>,
    /// For a proxy that is spoken to by TLS.
    pub(super) proxy: Arc<ClientConfig>,
    pub(super) proxied: bool,
    pub(super) progress: Arc<Progress>,
}

impl<In: Transport> Connector<In> for Finish {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        // ureq runs the chain once more, without the proxy, to reach the proxy itself.
        let to_proxy = self.proxied && details.config.proxy().is_none();
        let config = if to_proxy { &self.proxy } else { &self.server };
        let inner: Box<dyn Transport> = if details.needs_tls() && !transport.is_tls() {
            Box::new(handshake(config, details, Box::new(transport))?)
        } else {
            Box::new(transport)
        };
        if !to_proxy {
            self.progress.connected();
        }
        Ok(Some(Box::new(Watched {
            inner,
            progress: Arc::clone(&self.progress),
            begun: details.now,
            limit: details.timeout.after,
            current_time: Arc::clone(&details.current_time),
        })))
    }
}

fn left(limit: Duration, begun: Instant, now: Instant) -> Duration {
    match (limit, begun, now) {
        (Duration::Exact(limit), Instant::Exact(begun), Instant::Exact(now)) => {
            Duration::Exact(limit.saturating_sub(now.saturating_duration_since(begun)))
        }
        _ => limit,
    }
}

fn handshake(
    config: &Arc<ClientConfig>,
    details: &ConnectionDetails,
    transport: Box<dyn Transport>,
) -> Result<Tls, ureq::Error> {
    let host = details.uri.host().unwrap_or_default();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| ureq::Error::Tls("the host's name cannot be in a certificate"))?;
    let mut connection =
        ClientConnection::new(Arc::clone(config), name).map_err(ureq::Error::Rustls)?;
    let mut socket = TransportAdapter::new(transport, Arc::clone(&details.current_time));
    let mut timeout = details.timeout;
    timeout.after = left(timeout.after, details.now, (details.current_time)());
    socket.set_timeout(timeout);
    connection.complete_io(&mut socket)?;
    Ok(Tls {
        buffers: LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        ),
        stream: StreamOwned::new(connection, socket),
    })
}

struct Tls {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Transport for Tls {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Takes note of what leaves, and holds a proxy that answers drop by drop to the limit for connecting.
struct Watched {
    inner: Box<dyn Transport>,
    progress: Arc<Progress>,
    begun: Instant,
    limit: Duration,
    current_time: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Watched {
    fn cut(&self, mut timeout: NextTimeout) -> Result<NextTimeout, ureq::Error> {
        if !self.progress.open() {
            let left = left(self.limit, self.begun, (self.current_time)());
            if left.is_zero() {
                return Err(ureq::Error::Timeout(ureq::Timeout::Connect));
            }
            timeout.after = timeout.after.min(left);
        }
        Ok(timeout)
    }
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = self.cut(timeout)?;
        self.progress.sent.store(true, Ordering::SeqCst);
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = self.cut(timeout)?;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
