//! Trouble on the way to GitLab, told apart by the words of the libraries.

use jobgate::gitlab::explain::{Fault as F, hint};

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
    for (text, fault, expected) in TABLE {
        assert_eq!(F::of(text), fault, "{text}");
        let told = hint(fault, false).unwrap_or_default();
        assert!(told.contains(expected), "{text}: {told}");
        assert!(!told.ends_with('.') && told.is_ascii(), "{text}: {told}");
    }
    assert_eq!(hint(F::of("something new"), false), None);
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
        let (through, direct) = (hint(F::of(text), true), hint(F::of(text), false));
        assert_eq!(through != direct, named, "{text}");
        assert!(
            !named || through.is_some_and(|hint| hint.contains("proxy")),
            "{text}"
        );
    }
}
