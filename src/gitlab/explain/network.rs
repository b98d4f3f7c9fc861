//! Why no answer came at all: TLS, name look-up, proxy and connection trouble recognised by the words of the TLS library and the system.

/// A kind of trouble on the way to GitLab, and what to try.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Words of rustls, ureq and the system, in lower case, with `|` between those that mean the same.
    words: &'static str,
    /// After this many tries in a row, none of them good, another one cannot help. `None`: a later try may.
    pub tries: Option<u8>,
    /// What to try.
    pub hint: &'static str,
}

impl Fault {
    /// The fault that an error's text describes: the whole chain in one line, as ureq and rustls write it.
    pub fn of(text: &str) -> Option<&'static Self> {
        let text = text.to_ascii_lowercase();
        TABLE
            .iter()
            .find(|fault| fault.words.split('|').any(|words| text.contains(words)))
    }
}

const fn fault(words: &'static str, tries: Option<u8>, hint: &'static str) -> Fault {
    Fault { words, tries, hint }
}

/// The first match counts: what the server says of our certificate comes before what the client says of the server's.
static TABLE: [Fault; 13] = [
    fault(
        "alert: certificate|alert: badcert|alert: unsupportedcert|alert: unknownca|alert: access|alert: decrypterror",
        Some(1),
        "set CI_SERVER_TLS_CERT_FILE and CI_SERVER_TLS_KEY_FILE to a client certificate that the server trusts; a runner sets them from its tls-cert-file and tls-key-file",
    ),
    fault(
        "alert: unrecognizedname|not valid for name|notvalidforname",
        Some(1),
        "use a host name of the server's certificate in CI_API_V4_URL or --server",
    ),
    // Servers of TLS 1.2 that miss a client certificate say the same.
    fault(
        "alert: |peer is incompatible",
        None,
        "the server must support TLS 1.2 or 1.3; some servers answer so if a client certificate is missing (CI_SERVER_TLS_CERT_FILE)",
    ),
    fault(
        "unknownissuer|causedasendentity|badsignature",
        Some(1),
        "for a private CA, give its PEM file with --ca-file, or without --server in CI_SERVER_TLS_CA_FILE\n\
        jobgate reads the image's own CA bundle only if SSL_CERT_FILE names it",
    ),
    fault(
        "certificate expired|peer certificate: expired|not valid yet|notvalidyet",
        Some(1),
        "renew the server's certificate; if it is valid today, set this machine's clock",
    ),
    fault(
        "invalid peer certificate",
        Some(1),
        "the message says what is wrong with the certificate; the server's administrator must replace it",
    ),
    fault(
        "responded 407",
        None,
        "put user and password into the proxy's URL (https_proxy, http_proxy, all_proxy or --proxy)",
    ),
    fault(
        "connect proxy failed",
        None,
        "allow GitLab's host and port in the proxy, or name the host in no_proxy",
    ),
    fault(
        "no name server|temporary failure in name resolution|timeout: resolve",
        None,
        "check the DNS server in this image's /etc/resolv.conf, which the container engine writes",
    ),
    fault(
        "no such host|failed to lookup address|host not found",
        Some(3),
        "check the host name in CI_API_V4_URL, --server or the proxy's URL\n\
        check the DNS server in this image's /etc/resolv.conf",
    ),
    fault(
        "connection refused|network is unreachable|no route to host|timeout: connect|connection timed out",
        None,
        "check that GitLab is up, its host and port in CI_API_V4_URL or --server, and firewalls\n\
        check the proxy (https_proxy, no_proxy or --proxy)",
    ),
    // EMFILE.
    fault(
        "(os error 24)",
        Some(1),
        "raise this process's limit of open files (ulimit -n), or let the script close files",
    ),
    fault(
        "corrupt message|connection reset|unexpected e|peer disconnected|close_notify",
        None,
        "try again; if it lasts, check http or https and the port in CI_API_V4_URL or --server, and firewalls",
    ),
];
