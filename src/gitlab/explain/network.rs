//! Why no answer came at all: TLS, name look-up, proxy and connection trouble told apart by the words of the TLS library and the system.

/// A kind of trouble on the way to GitLab, and what to try.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Words of rustls, ureq and the system, in lower case.
    words: &'static [&'static str],
    /// After this many tries in a row, none of them good, another one cannot help. `None`: a later try may.
    pub tries: Option<u8>,
    hint: &'static str,
    /// Where the trouble came before the way through a proxy was open.
    proxy_hint: Option<&'static str>,
}

impl Fault {
    /// The fault that an error's text describes: the whole chain in one line, as ureq and rustls write it.
    pub fn of(text: &str) -> Option<&'static Self> {
        let text = text.to_ascii_lowercase();
        TABLE
            .iter()
            .find(|fault| fault.words.iter().any(|words| text.contains(words)))
    }

    /// What to try. `proxy`: the trouble came before the way through a proxy was open.
    pub fn hint(&self, proxy: bool) -> &'static str {
        self.proxy_hint.filter(|_| proxy).unwrap_or(self.hint)
    }

    const fn new(words: &'static [&'static str], hint: &'static str) -> Self {
        Self {
            words,
            tries: None,
            hint,
            proxy_hint: None,
        }
    }

    const fn tries(self, tries: u8) -> Self {
        Self {
            tries: Some(tries),
            ..self
        }
    }

    const fn proxy(self, hint: &'static str) -> Self {
        Self {
            proxy_hint: Some(hint),
            ..self
        }
    }
}

const PROXY_WAY: &str = "check the proxy variables, and whether no_proxy should name GitLab's host";
const DIRECT_WAY: &str =
    "check network and firewall, and whether a proxy is needed (https_proxy or --proxy)";

/// The first match counts: what the server says of our certificate comes before what the client says of the server's.
static TABLE: [Fault; 18] = [
    Fault::new(
        &["alert: certificaterequired"],
        "name a client certificate in CI_SERVER_TLS_CERT_FILE and CI_SERVER_TLS_KEY_FILE; the runner sets them from tls-cert-file and tls-key-file",
    )
    .tries(1),
    Fault::new(
        &[
            "alert: badcertificate",
            "alert: unsupportedcertificate",
            "alert: certificaterevoked",
            "alert: certificateexpired",
            "alert: certificateunknown",
            "alert: unknownca",
            "alert: accessdenied",
        ],
        "check that the certificate in CI_SERVER_TLS_CERT_FILE is valid and from a CA that the server trusts",
    )
    .tries(1),
    Fault::new(
        &[
            "alert: unrecognizedname",
            "not valid for name",
            "notvalidforname",
        ],
        "use a host name that stands in the server's certificate, in CI_API_V4_URL or --server",
    )
    .tries(1),
    // Servers of TLS 1.2 that miss a client certificate say the same.
    Fault::new(
        &["alert: ", "peer is incompatible"],
        "the server must offer TLS 1.2 or 1.3; some say this where a client certificate is missing (CI_SERVER_TLS_CERT_FILE)",
    ),
    Fault::new(
        &["unknownissuer", "causedasendentity", "badsignature"],
        "if the server's certificate is from your own or a private CA, name a PEM file of it in CI_SERVER_TLS_CA_FILE or --ca-file; the image's own bundle is read only if SSL_CERT_FILE names it",
    )
    .tries(1),
    Fault::new(
        &["certificate expired", "peer certificate: expired"],
        "renew the server's certificate; if it is new, check this machine's clock",
    )
    .tries(1),
    Fault::new(
        &["not valid yet", "notvalidyet"],
        "set this machine's clock, or wait until the certificate is valid",
    )
    .tries(1),
    Fault::new(
        &["invalid peer certificate"],
        "the message says what is wrong with the certificate; the server's administrator must replace it",
    )
    .tries(1),
    Fault::new(
        &["corrupt message"],
        "do not write https for a server that speaks http: check CI_API_V4_URL or --server, and its port",
    ),
    Fault::new(
        &["responded 407"],
        "put user and password into the proxy's URL (https_proxy, http_proxy, all_proxy or --proxy)",
    ),
    Fault::new(
        &["connect proxy failed"],
        "let the proxy pass GitLab's host and port, or name the host in no_proxy",
    ),
    Fault::new(
        &[
            "no name server",
            "temporary failure in name resolution",
            "timeout: resolve",
        ],
        "check /etc/resolv.conf of this image; an empty image takes it from the container engine",
    ),
    Fault::new(
        &["no such host", "failed to lookup address", "host not found"],
        "check the host in CI_API_V4_URL or --server, and whether this image's resolver knows it",
    )
    .tries(3)
    .proxy("check the proxy's name in https_proxy, http_proxy, all_proxy or --proxy"),
    Fault::new(
        &["connection refused"],
        "check the port in CI_API_V4_URL or --server, and whether GitLab is up",
    )
    .proxy(PROXY_WAY),
    Fault::new(&["network is unreachable", "no route to host"], DIRECT_WAY).proxy(PROXY_WAY),
    Fault::new(&["timeout: connect", "connection timed out"], DIRECT_WAY).proxy(PROXY_WAY),
    Fault::new(
        &["timeout: ", "timed out"],
        "try again later: the server or something in front of it is overloaded",
    ),
    Fault::new(
        &[
            "connection reset",
            "unexpected eof",
            "unexpected end of file",
            "peer disconnected",
            "close_notify",
        ],
        "try again; if it lasts, look for a firewall on the way, and for http in place of https in CI_API_V4_URL or its port",
    ),
];
