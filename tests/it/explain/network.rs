//! Trouble on the way to GitLab, told apart by the words of the libraries.

use std::collections::BTreeMap;

use jobgate::exit::Exit;
use jobgate::gitlab::explain::{Fault as F, NoAnswer, explain_network};

use super::well_worded;

/// Error text, its kind, and what must stand in the hint.
const TABLE: [(&str, F, &str); 25] = [
    (
        "io: invalid peer certificate: UnknownIssuer",
        F::UnknownIssuer,
        "CI_SERVER_TLS_CA_FILE or --ca-file",
    ),
    (
        "io: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
        F::UnknownIssuer,
        "--ca-file",
    ),
    (
        "io: invalid peer certificate: certificate not valid for name \"gl.example\"; certificate is only valid for DnsName(\"other.example\")",
        F::WrongName,
        "CI_API_V4_URL",
    ),
    (
        "io: received fatal alert: UnrecognizedName",
        F::WrongName,
        "CI_API_V4_URL",
    ),
    (
        "io: invalid peer certificate: certificate expired: verification time 1795187480 (UNIX), but certificate is not valid after 1700000000 (95187480 seconds ago)",
        F::Expired,
        "renew",
    ),
    (
        "io: invalid peer certificate: certificate not valid yet: verification time 1 (UNIX), but certificate is not valid before 1700000000 (1699999999 seconds in future)",
        F::NotYetValid,
        "clock",
    ),
    (
        "io: invalid peer certificate: BadSignature",
        F::UnknownIssuer,
        "--ca-file",
    ),
    (
        "io: received fatal alert: CertificateRequired",
        F::ClientCertificateMissing,
        "CI_SERVER_TLS_CERT_FILE and CI_SERVER_TLS_KEY_FILE",
    ),
    (
        "io: received fatal alert: CertificateExpired",
        F::ClientCertificateRejected,
        "CI_SERVER_TLS_CERT_FILE",
    ),
    (
        "io: received fatal alert: UnknownCA",
        F::ClientCertificateRejected,
        "a CA that the server trusts",
    ),
    (
        "io: received fatal alert: HandshakeFailure",
        F::Handshake,
        "TLS 1.2 or 1.3",
    ),
    (
        "io: received fatal alert: ProtocolVersion",
        F::Handshake,
        "TLS 1.2 or 1.3",
    ),
    (
        "io: received corrupt message of type InvalidContentType",
        F::NotTls,
        "https",
    ),
    (
        "io: failed to lookup address information: Name or service not known",
        F::NoSuchHost,
        "--server",
    ),
    (
        "io: no such host: gl.example (asked 10.0.0.2)",
        F::NoSuchHost,
        "--server",
    ),
    (
        "io: no name server answered (asked 10.0.0.2, 10.0.0.3)",
        F::NoNameServer,
        "/etc/resolv.conf",
    ),
    (
        "io: no name server could tell the address of gl.example (asked 10.0.0.2)",
        F::NoNameServer,
        "/etc/resolv.conf",
    ),
    (
        "io: failed to lookup address information: Temporary failure in name resolution",
        F::NoNameServer,
        "/etc/resolv.conf",
    ),
    (
        "io: Connection refused (os error 111)",
        F::ConnectionRefused,
        "port",
    ),
    (
        "io: Network is unreachable (os error 101)",
        F::NoWay,
        "firewall",
    ),
    ("timeout: connect", F::ConnectTimeout, "firewall"),
    ("timeout: receive response", F::AnswerTimeout, "overloaded"),
    (
        "CONNECT proxy failed: proxy server responded 407/407",
        F::ProxyLogin,
        "https_proxy",
    ),
    (
        "CONNECT proxy failed: proxy server responded 403/403",
        F::ProxyRefused,
        "no_proxy",
    ),
    (
        "io: Connection reset by peer (os error 104)",
        F::Reset,
        "firewall",
    ),
];

#[test]
fn network_trouble_is_told_apart() {
    let mut causes = BTreeMap::new();
    for (text, fault, hint) in TABLE {
        assert_eq!(F::of(text), fault, "{text}");
        let explanation = explain_network(&NoAnswer {
            fault,
            host: "gl.example",
            proxy: None,
        });
        assert_eq!(explanation.exit, Exit::Unknown, "{text}");
        assert!(
            explanation.hints.iter().any(|line| line.contains(hint)),
            "{text}: {:?}",
            explanation.hints
        );
        well_worded(text, &explanation);
        let before = causes.insert(explanation.cause, fault);
        assert!(before.is_none_or(|before| before == fault), "{text}");
    }
}

/// Behind a proxy, a connection that fails before TLS is the proxy's.
#[test]
fn the_proxy_is_named_where_it_is_the_proxy() {
    for (text, named) in [
        ("io: Connection refused (os error 111)", true),
        ("timeout: connect", true),
        (
            "io: failed to lookup address information: Name or service not known",
            true,
        ),
        ("io: invalid peer certificate: UnknownIssuer", false),
        ("timeout: receive response", false),
    ] {
        let proxy = Some("proxy.example:3128");
        let explanation = explain_network(&NoAnswer {
            fault: F::of(text),
            host: "gl.example",
            proxy,
        });
        assert_eq!(
            explanation.cause.contains("the proxy proxy.example:3128"),
            named,
            "{text}"
        );
        assert_eq!(explanation.cause.contains("gl.example"), !named, "{text}");
        well_worded(text, &explanation);
    }
}
