//! One request on one line: the agent with its limits, and what a broken request proves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::AlertDescription;
use ureq::http::{HeaderValue, Method, Request, Response};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body, Proxy, SendBody, Timeout};

use super::explain::Fault;
use super::resolve::Names;
use super::wire::{Finish, Progress, Start};
use crate::ci::Secret;
use crate::time::human;
use crate::url::Url;

const LARGEST_HEAD: usize = 64 << 10;
const USER_AGENT: &str = concat!("jobgate/", env!("CARGO_PKG_VERSION"));

/// The limits of one request, already cut to the time left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) connect: Duration,
    pub(super) headers: Duration,
    pub(super) per_read: Duration,
    pub(super) per_write: Duration,
    /// `None` for a log without a deadline.
    pub(super) body: Option<Duration>,
}

/// What is sent.
pub(super) struct Shot<'a> {
    pub(super) post: bool,
    pub(super) url: &'a Url,
    /// Header name and token.
    pub(super) token: Option<(&'static str, &'a Secret)>,
    /// Content type and bytes; a GET has none.
    pub(super) body: Option<(&'static str, &'a str)>,
    pub(super) cut: Cut,
}

/// A request that brought no head of an answer.
pub(super) struct Broken {
    /// Some of it may have reached the server.
    pub(super) sent: bool,
    pub(super) why: String,
    pub(super) hint: Option<&'static str>,
}

/// One agent with at most one idle connection.
pub(super) struct Line {
    agent: Agent,
    /// Host and port of the proxy on the way.
    proxy: Option<String>,
    progress: Arc<Progress>,
    /// One request at a time, since the account is the line's.
    busy: Mutex<()>,
}

impl Line {
    pub(super) fn new(
        server: &Arc<rustls::ClientConfig>,
        others: &Arc<rustls::ClientConfig>,
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
        let way = proxy
            .as_ref()
            .map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(LARGEST_HEAD)
            .max_idle_connections(1)
            .user_agent(USER_AGENT)
            .proxy(proxy)
            .build();
        Self {
            agent: Agent::with_parts(config, connector, names.clone()),
            proxy: way,
            progress,
            busy: Mutex::new(()),
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
    pub(super) fn send(&self, shot: &Shot) -> Result<Response<Body>, Broken> {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        self.progress.begin();
        let error = match self.try_once(shot) {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        if shot.post || self.progress.fresh() || !hung_up(&error) {
            return Err(self.broken(&error, &shot.cut));
        }
        self.progress.begin();
        self.try_once(shot)
            .map_err(|error| self.broken(&error, &shot.cut))
    }

    fn try_once(&self, shot: &Shot) -> Result<Response<Body>, ureq::Error> {
        let method = if shot.post { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri(shot.url.to_string());
        if let Some((name, token)) = shot.token {
            let mut value = HeaderValue::from_str(token.reveal())
                .map_err(|error| ureq::Error::Http(error.into()))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if let Some((kind, _)) = shot.body {
            request = request.header("content-type", kind);
        }
        if shot.post {
            let bytes = shot.body.map_or("", |(_, bytes)| bytes).as_bytes();
            // A new connection for each write: an old one may be closed by the server at this very moment, and then nobody knows
            // whether the write was done.
            let request = request.body(bytes)?;
            let limits = limits(self.agent.configure_request(request), &shot.cut);
            return self.agent.run(limits.max_idle_age(Duration::ZERO).build());
        }
        let request = request.body(SendBody::none())?;
        let limits = limits(self.agent.configure_request(request), &shot.cut);
        self.agent.run(limits.build())
    }

    fn broken(&self, error: &ureq::Error, cut: &Cut) -> Broken {
        let mut why = words(error, cut);
        let proxy = self.proxy.as_ref().filter(|_| !self.progress.open());
        if let Some(proxy) = proxy {
            why.push_str(" (by way of the proxy ");
            why.push_str(proxy);
            why.push(')');
        }
        Broken {
            // A server that refuses our client certificate says so after TLS 1.3 let the request go, and has not looked at it.
            sent: self.progress.sent() && !certificate_refused(error),
            why,
            hint: Fault::of(&error.to_string()).map(|fault| fault.hint(proxy.is_some())),
        }
    }
}

type Limits<B> = ureq::config::ConfigBuilder<ureq::typestate::HttpCrateScope<B>>;

/// None of these starts a thread of ureq's, which would abort where none can start; that of the look-up is for [`Names`].
fn limits<B: ureq::AsSendBody>(builder: Limits<B>, cut: &Cut) -> Limits<B> {
    builder
        .timeout_resolve(Some(cut.connect))
        .timeout_connect(Some(cut.connect))
        .timeout_send_request(Some(cut.headers))
        .timeout_send_body(Some(cut.headers))
        .timeout_recv_response(Some(cut.headers))
        .timeout_recv_body(cut.body)
        .timeout_per_read(Some(cut.per_read))
        .timeout_per_write(Some(cut.per_write))
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
pub(super) fn words(error: &ureq::Error, cut: &Cut) -> String {
    if let Some(error) = rustls_error(error) {
        return tls_words(error);
    }
    match error {
        ureq::Error::Timeout(limit) => timed_out(*limit, cut),
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

fn timed_out(limit: Timeout, cut: &Cut) -> String {
    match limit {
        Timeout::Resolve => format!("no address of the host within {}", human(cut.connect)),
        Timeout::Connect => format!("no connection within {}", human(cut.connect)),
        Timeout::RecvResponse => format!("no answer within {}", human(cut.headers)),
        Timeout::RecvBody => format!(
            "the answer did not end within {}",
            human(cut.body.unwrap_or_default())
        ),
        Timeout::PerRead => format!("nothing arrived for {}", human(cut.per_read)),
        Timeout::PerWrite => format!("nothing could be sent for {}", human(cut.per_write)),
        other => format!("time ran out: {other}"),
    }
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Certificate, Error};
    match error {
        Error::InvalidCertificate(Certificate::UnknownIssuer) => {
            "the server's certificate was issued by nobody who is trusted here".to_owned()
        }
        // A CA of the right name is trusted, but it is another one.
        Error::InvalidCertificate(Certificate::BadSignature) => {
            "the server's certificate was not issued by the CA of that name that is trusted here"
                .to_owned()
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
