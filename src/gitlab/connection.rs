//! One connection to a server: one request at a time, and what a broken request proves.

use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, ClientConfig};
use ureq::http::{HeaderValue, Method, Response};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body, Proxy, SendBody, Timeout};

use super::explain::Fault;
use super::resolve::Names;
use super::transport::{Finish, Progress, Stage, Start};
use crate::ci::Secret;
use crate::time::human;
use crate::url::Url;

/// Also the size of the buffer that a head is read into, a body piece by piece.
const LARGEST_HEAD: usize = 64 << 10;
/// A request's head must fit: the longest token and a long query.
const OUTPUT_BUFFER: usize = 32 << 10;
const USER_AGENT: &str = concat!("jobgate/", env!("CARGO_PKG_VERSION"));

/// The limits of one request, already cut to the time left.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    pub(super) connect: Duration,
    pub(super) headers: Duration,
    pub(super) per_read: Duration,
    pub(super) per_write: Duration,
    /// `None` for a log without a deadline.
    pub(super) body: Option<Duration>,
}

/// What is sent.
pub(super) struct Request<'a> {
    pub(super) post: bool,
    pub(super) url: &'a Url,
    /// Header name and token.
    pub(super) token: Option<(&'static str, &'a Secret)>,
    /// Content type and text; a GET has none.
    pub(super) body: Option<(&'static str, &'a str)>,
    pub(super) limits: TimeLimits,
}

/// A request that brought no head of an answer.
pub(super) struct Failure {
    /// Some of it may have reached the server.
    pub(super) sent: bool,
    pub(super) why: String,
    pub(super) hint: Option<&'static str>,
    /// After this many tries another one cannot help.
    pub(super) tries: Option<u8>,
}

/// An agent with at most one idle connection.
pub(super) struct Connection {
    agent: Agent,
    /// Host and port of the proxy on the way.
    proxy: Option<String>,
    progress: Arc<Progress>,
}

impl Connection {
    /// `others` is for a proxy that is spoken to by TLS.
    pub(super) fn new(
        server: &Arc<ClientConfig>,
        others: &Arc<ClientConfig>,
        proxy: Option<Proxy>,
        names: &Names,
    ) -> Self {
        let progress = Arc::new(Progress::default());
        let finish = Finish {
            server: Arc::clone(server),
            proxy: Arc::clone(others),
            proxied: proxy.is_some(),
            progress: Arc::clone(&progress),
        };
        let connector = Start(Arc::clone(&progress))
            .chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(finish);
        let address = |proxy: &Proxy| format!("{}:{}", proxy.host(), proxy.port());
        let way = proxy.as_ref().map(address);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(LARGEST_HEAD)
            .input_buffer_size(LARGEST_HEAD)
            .output_buffer_size(OUTPUT_BUFFER)
            .max_idle_connections(1)
            .user_agent(USER_AGENT)
            .proxy(proxy)
            .build();
        Self {
            agent: Agent::with_parts(config, connector, names.clone()),
            proxy: way,
            progress,
        }
    }

    /// To shut it down from another thread.
    pub(super) fn agent(&self) -> Agent {
        self.agent.clone()
    }

    /// Host and port of the proxy on the way.
    pub(super) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Sends once; a GET once more, at once, where an old connection turned out to be dead.
    pub(super) fn send(&self, request: &Request) -> Result<Response<Body>, Failure> {
        self.progress.set(Stage::default());
        let mut result = self.send_once(request);
        let dead = result.as_ref().is_err_and(hung_up);
        if dead && !request.post && !self.progress.get().fresh {
            self.progress.set(Stage::default());
            result = self.send_once(request);
        }
        result.map_err(|error| self.failure(&error, &request.limits))
    }

    fn send_once(&self, request: &Request) -> Result<Response<Body>, ureq::Error> {
        let method = if request.post {
            Method::POST
        } else {
            Method::GET
        };
        let mut builder = ureq::http::Request::builder()
            .method(method)
            .uri(request.url.to_string());
        if let Some((name, token)) = request.token {
            let mut value = HeaderValue::from_str(token.reveal())
                .map_err(|error| ureq::Error::Http(error.into()))?;
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        if let Some((kind, _)) = request.body {
            builder = builder.header("content-type", kind);
        }
        if request.post {
            let bytes = request.body.map_or("", |(_, text)| text).as_bytes();
            // A new connection for each write: an old one may be closed by the server at this very moment, and then it is unknown whether
            // the write was done.
            let post = self.agent.configure_request(builder.body(bytes)?);
            let post = limited(post, &request.limits).max_idle_age(Duration::ZERO);
            return self.agent.run(post.build());
        }
        let get = self
            .agent
            .configure_request(builder.body(SendBody::none())?);
        self.agent.run(limited(get, &request.limits).build())
    }

    fn failure(&self, error: &ureq::Error, limits: &TimeLimits) -> Failure {
        let mut why = words(error, limits);
        let stage = self.progress.get();
        let proxy = self.proxy.as_ref().filter(|_| stage.closed);
        if let Some(proxy) = proxy {
            why.push_str(" (by way of the proxy ");
            why.push_str(proxy);
            why.push(')');
        }
        let fault = match error {
            ureq::Error::Timeout(Timeout::Resolve) => Fault::of("no name server"),
            other => Fault::of(&other.to_string()),
        };
        Failure {
            // A server that refuses our client certificate says so after TLS 1.3 let the request go, and has not looked at it.
            sent: stage.sent && !certificate_refused(error),
            why,
            hint: fault.map(|fault| fault.hint(proxy.is_some())),
            tries: fault.and_then(|fault| fault.tries),
        }
    }
}

type Config<B> = ureq::config::ConfigBuilder<ureq::typestate::HttpCrateScope<B>>;

/// None of these starts a thread of ureq's, which would abort where none can start; that of the look-up is for [`Names`].
fn limited<B: ureq::AsSendBody>(config: Config<B>, limits: &TimeLimits) -> Config<B> {
    config
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_send_request(Some(limits.headers))
        .timeout_send_body(Some(limits.headers))
        .timeout_recv_response(Some(limits.headers))
        .timeout_recv_body(limits.body)
        .timeout_per_read(Some(limits.per_read))
        .timeout_per_write(Some(limits.per_write))
}

/// The other side closed the connection without a word.
fn hung_up(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error, ureq::Error::Io(error)
        if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}

fn rustls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Alerts that exist within handshakes alone.
fn certificate_refused(error: &ureq::Error) -> bool {
    use AlertDescription as Alert;
    matches!(
        rustls_error(error),
        Some(rustls::Error::AlertReceived(
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::DecryptError
                | Alert::HandshakeFailure
        ))
    )
}

/// What went wrong, in words.
pub(super) fn words(error: &ureq::Error, limits: &TimeLimits) -> String {
    if let Some(error) = rustls_error(error) {
        return tls_words(error);
    }
    match error {
        ureq::Error::Timeout(limit) => timed_out(*limit, limits),
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                "the connection was closed in mid-answer".to_owned()
            }
            std::io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
            _ => error.to_string(),
        },
        ureq::Error::ConnectProxyFailed(why) if why.contains("407") => {
            "the proxy wants a user name and password (407)".to_owned()
        }
        ureq::Error::ConnectProxyFailed(why) => format!("the proxy did not connect: {why}"),
        ureq::Error::LargeResponseHeader(..) => "the head of the answer is too large".to_owned(),
        other => other.to_string(),
    }
}

fn timed_out(limit: Timeout, limits: &TimeLimits) -> String {
    match limit {
        Timeout::Resolve => format!("no address of the host within {}", human(limits.connect)),
        Timeout::Connect => format!("no connection within {}", human(limits.connect)),
        Timeout::RecvResponse => format!("no answer within {}", human(limits.headers)),
        Timeout::RecvBody => format!(
            "the answer did not end within {}",
            human(limits.body.unwrap_or_default())
        ),
        Timeout::PerRead => format!("nothing arrived for {}", human(limits.per_read)),
        Timeout::PerWrite => format!("nothing could be sent for {}", human(limits.per_write)),
        other => format!("time ran out: {other}"),
    }
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Certificate, Error};
    match error {
        Error::InvalidCertificate(Certificate::UnknownIssuer) => {
            "the server's certificate is signed by an unknown authority".to_owned()
        }
        // A CA of the right name is trusted, but it is another one.
        Error::InvalidCertificate(Certificate::BadSignature) => {
            "the server's certificate is not signed by the trusted CA of that name".to_owned()
        }
        Error::InvalidCertificate(Certificate::Other(other))
            if other.0.to_string() == "CaUsedAsEndEntity" =>
        {
            "the server shows a CA's certificate as its own".to_owned()
        }
        Error::InvalidCertificate(why) => {
            format!("the server's certificate is not accepted: {why}")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a client certificate".to_owned()
        }
        Error::AlertReceived(alert) => format!("the server refused TLS: {alert:?}"),
        Error::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}
