//! One connection to a server: one request at a time, and what a broken request proves.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, ClientConfig};
use ureq::http::{HeaderValue, Request, Response};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Body, Proxy, SendBody, Timeout};

use super::error::{Error, Kind};
use super::resolve::{Later, Names};
use super::route::{Route, TokenKind};
use super::transport::{Dial, Progress, Stage};
use crate::ci::Secret;
use crate::host::Limits;
use crate::os::Interrupt;
use crate::time::{Timestamp, human};
use crate::url::Url;

/// Also the size of the buffer that a head is read into, a body piece by piece.
const LARGEST_HEAD: usize = 64 << 10;
/// A request's head must fit: the longest token and a long query.
const OUTPUT_BUFFER: usize = 32 << 10;
const USER_AGENT: &str = concat!("jobgate/", env!("CARGO_PKG_VERSION"));

pub(super) const JSON: &str = "application/json";
/// A form carries the job token in its text, not in a header.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// One request.
pub(super) struct Ask<'r> {
    pub(super) route: &'r Route,
    /// Where it is asked at present: redirects change it.
    pub(super) url: Url,
    pub(super) token: TokenKind,
    /// Content type and text of a write.
    pub(super) body: Option<(&'static str, String)>,
    /// Cut to the time that is left.
    pub(super) limits: Limits,
}

impl Ask<'_> {
    pub(super) fn writes(&self) -> bool {
        self.route.need().writes()
    }

    pub(super) fn error(&self, kind: Kind, message: impl Into<String>) -> Error {
        Error::new(kind, self.route, message)
    }
}

/// An agent with at most one idle connection.
pub(super) struct Connection {
    /// Another thread shuts it down.
    pub(super) agent: Agent,
    /// How far the last request came.
    pub(super) progress: Arc<Progress>,
}

impl Connection {
    /// `others` is for a proxy that is spoken to by TLS.
    pub(super) fn new(
        server: &Arc<ClientConfig>,
        others: &Arc<ClientConfig>,
        proxy: Option<Proxy>,
        interrupt: &Interrupt,
    ) -> Self {
        let progress = Arc::new(Progress::default());
        let dial = Dial {
            names: Names::new(interrupt.clone()),
            server: Arc::clone(server),
            proxy: Arc::clone(others),
            proxied: proxy.is_some(),
            progress: Arc::clone(&progress),
        };
        let connector = ().chain(ConnectProxyConnector::default()).chain(dial);
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
            agent: Agent::with_parts(config, connector, Later),
            progress,
        }
    }

    /// Host and port of the proxy on the way.
    pub(super) fn proxy(&self) -> Option<String> {
        let proxy = self.agent.config().proxy()?;
        Some(format!("{}:{}", proxy.host(), proxy.port()))
    }

    /// Sends once; a GET once more, at once, where an old connection turned out to be dead.
    pub(super) fn send(
        &self,
        ask: &Ask,
        token: Option<&Secret>,
    ) -> Result<Response<Body>, ureq::Error> {
        self.progress.set(Stage::default());
        let result = self.send_once(ask, token);
        let dead = result.as_ref().is_err_and(hung_up);
        if !dead || ask.writes() || self.progress.get().fresh {
            return result;
        }
        self.progress.set(Stage::default());
        self.send_once(ask, token)
    }

    fn send_once(&self, ask: &Ask, token: Option<&Secret>) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder()
            .method(ask.route.need().method)
            .uri(ask.url.to_string());
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.reveal())
                .map_err(|error| ureq::Error::Http(error.into()))?;
            value.set_sensitive(true);
            let name = match ask.token {
                TokenKind::Job => "job-token",
                TokenKind::Access => "private-token",
            };
            request = request.header(name, value);
        }
        if !ask.writes() {
            let get = self
                .agent
                .configure_request(request.body(SendBody::none())?);
            return self.agent.run(limited(get, &ask.limits).build());
        }
        let mut text = "";
        if let Some((kind, form_or_json)) = &ask.body {
            request = request.header("content-type", *kind);
            text = form_or_json;
        }
        let post = self.agent.configure_request(request.body(text.as_bytes())?);
        // A new connection for each write: an old one may be closed by the server at this very moment, and then it is unknown whether the
        // write was done.
        let post = limited(post, &ask.limits).max_idle_age(Duration::ZERO);
        self.agent.run(post.build())
    }
}

type Config<B> = ureq::config::ConfigBuilder<ureq::typestate::HttpCrateScope<B>>;

fn limited<B: ureq::AsSendBody>(config: Config<B>, limits: &Limits) -> Config<B> {
    config
        .timeout_connect(Some(limits.connect))
        .timeout_send_request(Some(limits.headers))
        .timeout_send_body(Some(limits.headers))
        .timeout_recv_response(Some(limits.headers))
        .timeout_recv_body(Some(limits.body))
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

/// What went wrong, in words.
pub(super) fn words(error: &ureq::Error, limits: &Limits) -> String {
    use std::io::ErrorKind;
    if let Some(error) = rustls_error(error) {
        return tls_words(error);
    }
    match error {
        ureq::Error::Timeout(limit) => timed_out(*limit, limits),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::UnexpectedEof => "the connection closed during the answer".to_owned(),
            ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
            _ => error.to_string(),
        },
        ureq::Error::ConnectProxyFailed(why) => format!("the proxy did not connect: {why}"),
        other => other.to_string(),
    }
}

fn timed_out(limit: Timeout, limits: &Limits) -> String {
    let (what, limit) = match limit {
        Timeout::Resolve => ("no address of the host", limits.connect),
        Timeout::Connect => ("no connection", limits.connect),
        Timeout::RecvResponse => ("no answer", limits.headers),
        Timeout::RecvBody => ("no end of the answer", limits.body),
        Timeout::PerRead => ("nothing more arrived", limits.per_read),
        Timeout::PerWrite => ("nothing could be sent", limits.per_write),
        other => return format!("time ran out: {other}"),
    };
    // Where less than a second was left, "within 0s" would read as a mistake.
    format!("{what} within {}", human(limit.max(Duration::from_secs(1))))
}

fn tls_words(error: &rustls::Error) -> String {
    let certificate = match error {
        rustls::Error::InvalidCertificate(error) => error,
        rustls::Error::AlertReceived(alert) => return format!("the server refused TLS: {alert:?}"),
        rustls::Error::InvalidMessage(_) => {
            return "what answers there does not speak TLS".to_owned();
        }
        other => return format!("TLS failed: {other}"),
    };
    let date = |time: &UnixTime| Timestamp::from_millis(time.as_secs().cast_signed() * 1000);
    let why = match certificate {
        CertificateError::UnknownIssuer => "is signed by an unknown authority".to_owned(),
        // A CA of the right name is trusted, but it is another one.
        CertificateError::BadSignature => "is not signed by the trusted CA of that name".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("expired at {}", date(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", date(not_before))
        }
        why => format!("is not accepted: {why}"),
    };
    format!("the server's certificate {why}")
}
