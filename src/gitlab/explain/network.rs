//! Why no answer came at all: TLS, name look-up, proxy and connection trouble told apart by the words of the TLS library and the system.

/// Kinds of trouble on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    UnknownIssuer,
    WrongName,
    Expired,
    NotYetValid,
    OtherCertificate,
    ClientCertificateMissing,
    ClientCertificateRejected,
    /// No common TLS version, cipher or signature; servers of TLS 1.2 that miss a client certificate say the same.
    Handshake,
    /// https to a port that speaks something else.
    NotTls,
    NoSuchHost,
    NoNameServer,
    ConnectionRefused,
    NoWay,
    ConnectTimeout,
    AnswerTimeout,
    ProxyLogin,
    ProxyRefused,
    Reset,
    Other,
}

/// Words of rustls, ureq and the system, first match wins: what the server says of our certificate comes before what we say of its own.
const TABLE: [(&str, Fault); 41] = [
    (
        "alert: certificaterequired",
        Fault::ClientCertificateMissing,
    ),
    ("alert: badcertificate", Fault::ClientCertificateRejected),
    (
        "alert: unsupportedcertificate",
        Fault::ClientCertificateRejected,
    ),
    (
        "alert: certificaterevoked",
        Fault::ClientCertificateRejected,
    ),
    (
        "alert: certificateexpired",
        Fault::ClientCertificateRejected,
    ),
    (
        "alert: certificateunknown",
        Fault::ClientCertificateRejected,
    ),
    ("alert: unknownca", Fault::ClientCertificateRejected),
    ("alert: accessdenied", Fault::ClientCertificateRejected),
    ("alert: unrecognizedname", Fault::WrongName),
    ("alert: ", Fault::Handshake),
    ("peer is incompatible", Fault::Handshake),
    ("unknownissuer", Fault::UnknownIssuer),
    ("causedasendentity", Fault::UnknownIssuer),
    ("badsignature", Fault::UnknownIssuer),
    ("not valid for name", Fault::WrongName),
    ("notvalidforname", Fault::WrongName),
    ("certificate expired", Fault::Expired),
    ("peer certificate: expired", Fault::Expired),
    ("not valid yet", Fault::NotYetValid),
    ("notvalidyet", Fault::NotYetValid),
    ("invalid peer certificate", Fault::OtherCertificate),
    ("corrupt message", Fault::NotTls),
    ("responded 407", Fault::ProxyLogin),
    ("connect proxy failed", Fault::ProxyRefused),
    ("no such host", Fault::NoSuchHost),
    ("no name server", Fault::NoNameServer),
    ("temporary failure in name resolution", Fault::NoNameServer),
    ("failed to lookup address", Fault::NoSuchHost),
    ("host not found", Fault::NoSuchHost),
    ("connection refused", Fault::ConnectionRefused),
    ("network is unreachable", Fault::NoWay),
    ("no route to host", Fault::NoWay),
    ("timeout: connect", Fault::ConnectTimeout),
    ("connection timed out", Fault::ConnectTimeout),
    ("timeout: ", Fault::AnswerTimeout),
    ("timed out", Fault::AnswerTimeout),
    ("connection reset", Fault::Reset),
    ("unexpected eof", Fault::Reset),
    ("unexpected end of file", Fault::Reset),
    ("peer disconnected", Fault::Reset),
    ("close_notify", Fault::Reset),
];

impl Fault {
    /// The kind of trouble that an error's text tells of: the whole chain in one line, as ureq and rustls write it.
    pub fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        TABLE
            .into_iter()
            .find(|(words, _)| text.contains(words))
            .map_or(Self::Other, |(_, fault)| fault)
    }
}

/// What to try. `proxy`: the trouble came before the way through a proxy was open.
pub fn hint(fault: Fault, proxy: bool) -> Option<&'static str> {
    Some(match fault {
        Fault::UnknownIssuer => {
            "if the server's certificate is your own or a private CA's, name a PEM file of it in CI_SERVER_TLS_CA_FILE or --ca-file; the image's own bundle is read only where SSL_CERT_FILE names it"
        }
        Fault::WrongName => {
            "use a host name that stands in the server's certificate, in CI_API_V4_URL or --server"
        }
        Fault::Expired => {
            "renew the server's certificate; if it is fresh, check this machine's clock"
        }
        Fault::NotYetValid => "set this machine's clock, or wait until the certificate is valid",
        Fault::OtherCertificate => {
            "the message names what is wrong with it; whoever runs the server must mend it"
        }
        Fault::ClientCertificateMissing => {
            "name its files in CI_SERVER_TLS_CERT_FILE and CI_SERVER_TLS_KEY_FILE; the runner sets them from tls-cert-file and tls-key-file"
        }
        Fault::ClientCertificateRejected => {
            "check that CI_SERVER_TLS_CERT_FILE is valid and from a CA that the server trusts"
        }
        Fault::Handshake => {
            "the server must offer TLS 1.2 or 1.3; some say this where a client certificate is missing (CI_SERVER_TLS_CERT_FILE)"
        }
        Fault::NotTls => {
            "an address that is http must not be written https: check CI_API_V4_URL or --server, and its port"
        }
        Fault::NoSuchHost if proxy => {
            "check the proxy's name in https_proxy, http_proxy, all_proxy or --proxy"
        }
        Fault::NoSuchHost => {
            "check the host in CI_API_V4_URL or --server, and whether this image's resolver knows it"
        }
        Fault::NoNameServer => {
            "check /etc/resolv.conf of this image; an empty image takes it from the container engine"
        }
        Fault::ConnectionRefused | Fault::NoWay | Fault::ConnectTimeout if proxy => {
            "check the proxy variables, and whether no_proxy should name GitLab's host"
        }
        Fault::ConnectionRefused => {
            "check the port in CI_API_V4_URL or --server, and whether GitLab is up"
        }
        Fault::NoWay | Fault::ConnectTimeout => {
            "check network and firewall, and whether a proxy is needed (https_proxy or --proxy)"
        }
        Fault::AnswerTimeout => {
            "try again later: the server or something in front of it is overloaded"
        }
        Fault::ProxyLogin => {
            "put them into the proxy's URL (https_proxy, http_proxy, all_proxy or --proxy)"
        }
        Fault::ProxyRefused => {
            "let the proxy pass GitLab's host and port, or name the host in no_proxy"
        }
        Fault::Reset => {
            "try again; if it lasts, a firewall may be cutting in, or http and https be confused in CI_API_V4_URL or its port"
        }
        Fault::Other => return None,
    })
}
