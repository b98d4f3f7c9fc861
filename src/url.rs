//! URLs, as far as tokens depend on them: the origin, and whether a path lies below another.

use std::fmt::{self, Write as _};
use std::net::Ipv6Addr;

/// An absolute http or https URL without userinfo and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub secure: bool,
    /// Lower case; an IPv6 address with its brackets.
    pub host: String,
    pub port: u16,
    /// Starts with `/`.
    pub path: String,
    /// Without the `?`.
    pub query: Option<String>,
}

impl Url {
    /// Reads an absolute URL. The error says what is wrong and quotes nothing, since the text may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.bytes().all(allowed) {
            return Err("has characters that no URL may have");
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("is not a full URL: it must begin with https:// or http://")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("is neither http nor https"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = authority_parts(authority, if secure { 443 } else { 80 })?;
        if rest.contains('#') {
            return Err("has a fragment (#)");
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        Ok(Self {
            secure,
            host,
            port,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query,
        })
    }

    /// Resolves a `Location` header against `self` and drops its fragment.
    pub fn join(&self, location: &str) -> Result<Self, &'static str> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.secure { "https" } else { "http" };
        Self::parse(&match location {
            same_scheme if same_scheme.starts_with("//") => format!("{scheme}:{same_scheme}"),
            path if path.starts_with('/') => format!("{}{path}", self.origin()),
            full => full.to_owned(),
        })
    }

    /// Scheme and host, and the port if it is not the scheme's default.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let (host, port) = (&self.host, self.port);
        match (self.secure, port) {
            (true, 443) | (false, 80) => format!("{scheme}://{host}"),
            _ => format!("{scheme}://{host}:{port}"),
        }
    }

    pub fn same_origin(&self, other: &Self) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    /// Whether the URL has the origin of `base` and lies below its path. Dots, double encoding and `;` parameters of a segment, which some
    /// servers remove before they resolve dots, do not lie below it.
    pub fn below(&self, base: &Self) -> bool {
        let inside = self
            .path
            .strip_prefix(base.path.trim_end_matches('/'))
            .is_some_and(|rest| rest.starts_with('/'));
        let plain = !self.path.contains(';') && !self.path.contains("%25");
        inside && plain && self.same_origin(base) && !has_dots(&self.path)
    }

    /// Whether the host is this machine.
    pub fn loopback(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        let address = bare.parse::<std::net::IpAddr>();
        is_localhost(&self.host) || address.is_ok_and(|address| address.is_loopback())
    }
}

/// The whole URL, as it is sent. Foreign ones are printed by [`Url::origin`] and path alone.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

/// A name that means this machine everywhere (RFC 6761).
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// Whether a segment is `.` or `..`. Dots and slashes may be percent-encoded, because some servers decode them first.
fn has_dots(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    let path = path.replace("%2f", "/").replace("%5c", "/");
    path.split(['/', '\\'])
        .any(|segment| segment == "." || segment == "..")
}

fn authority_parts(authority: &str, default: u16) -> Result<(String, u16), &'static str> {
    if authority.contains('@') {
        return Err("has a user name or password in it");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        None | Some("") => default,
        Some(text) if text.starts_with('+') => 0,
        Some(text) => text.parse().unwrap_or(0),
    };
    let host = host.to_ascii_lowercase();
    let address = |address: &str| address.parse::<Ipv6Addr>().is_ok();
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let valid = if let Some(rest) = host.strip_prefix('[') {
        rest.strip_suffix(']').is_some_and(address)
    } else {
        !host.is_empty() && host.bytes().all(named)
    };
    match (valid, port) {
        (false, _) => Err("has no valid host name"),
        (true, 0) => Err("has no valid port"),
        (true, port) => Ok((host, port)),
    }
}

/// Percent-encodes one path segment, query key or query value.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `key=value&…`, percent-encoded.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, origin) in [
            ("https://gl.example/api/v4", "https://gl.example"),
            ("HTTPS://GL.example:443/api/v4", "https://gl.example"),
            ("http://gl.example:80", "http://gl.example"),
            ("http://gl.example:8080/x?y=1", "http://gl.example:8080"),
            ("https://[::1]:8443/x", "https://[::1]:8443"),
            ("https://[::1]/x", "https://[::1]"),
            ("https://gl.example:/x", "https://gl.example"),
        ] {
            assert_eq!(url(text).origin(), origin, "{text}");
        }
        assert!(!url("https://a.b").same_origin(&url("http://a.b")));
        assert!(!url("https://a.b").same_origin(&url("https://a.b:444")));
        assert!(!url("https://a.b").same_origin(&url("https://x.a.b")));
    }

    #[test]
    fn what_is_not_a_plain_url_is_refused() {
        for bad in [
            "",
            "gl.example",
            "ftp://gl.example",
            "file:///etc/passwd",
            "https://",
            "https:///api",
            "https://user@gl.example",
            "https://user:pass@gl.example/",
            "https://gl.example\\@evil.example/",
            "https://gl.example#x",
            "https://gl.example:70000",
            "https://gl.example:0",
            "https://gl.example:8x",
            "https://gl example/",
            "https://gl.example/\u{e9}",
            "https://g\u{456}tlab.example/",
            "https://[::1/",
            "https://[nonsense]/",
            "https://a[b/",
            "https://gl.example/\nHost: evil",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn below_means_under_the_path_without_a_way_out() {
        let api = url("https://gl.example/gitlab/api/v4");
        for (text, expected) in [
            ("https://gl.example/gitlab/api/v4/projects/1", true),
            ("https://gl.example/gitlab/api/v4", false),
            ("https://gl.example/gitlab/api/v40/projects", false),
            ("https://gl.example/api/v4/projects", false),
            ("https://gl.example/gitlab/api/v4/../../x", false),
            ("https://gl.example/gitlab/api/v4/%2e%2E/x", false),
            ("https://gl.example/gitlab/api/v4/.%2e/x", false),
            ("https://gl.example/gitlab/api/v4/..%2fx", false),
            ("https://gl.example/gitlab/api/v4/x%5C%2e.%2Fx", false),
            (
                "https://gl.example/gitlab/api/v4/projects/a%2Fb.c%2F..d/jobs",
                true,
            ),
            ("https://gl.example/gitlab/api/v4/a..b/x", true),
            ("https://gl.example/gitlab/api/v4/..;/x", false),
            ("https://gl.example/gitlab/api/v4/%252e%252e/x", false),
            ("http://gl.example/gitlab/api/v4/projects", false),
            ("https://gl.example:8443/gitlab/api/v4/x", false),
        ] {
            assert_eq!(url(text).below(&api), expected, "{text}");
        }
    }

    #[test]
    fn a_location_is_resolved() {
        let base = url("https://gl.example/api/v4/projects/a%2Fb/jobs");
        for (location, expected) in [
            ("https://x.example/a#frag", "https://x.example/a"),
            ("//x.example/a", "https://x.example/a"),
            (
                "/api/v4/projects/7/jobs?x=1",
                "https://gl.example/api/v4/projects/7/jobs?x=1",
            ),
            ("/a?to=https://y", "https://gl.example/a?to=https://y"),
        ] {
            assert_eq!(base.join(location).expect(location).to_string(), expected);
        }
        for bad in [
            "",
            "jobs",
            "javascript:alert(1)",
            "https://u:p@x.example/",
            "\\\\x.example",
        ] {
            assert!(base.join(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn everything_but_the_unreserved_is_encoded() {
        assert_eq!(
            encode("group/sub.x/prö-1_~"),
            "group%2Fsub.x%2Fpr%C3%B6-1_~"
        );
        assert_eq!(
            query(&[("scope[]", "running"), ("ref", "a b&c=d")]),
            "scope%5B%5D=running&ref=a%20b%26c%3Dd"
        );
    }

    #[test]
    fn loopback_is_known() {
        for (text, expected) in [
            ("http://127.0.0.1:80", true),
            ("http://127.9.9.9", true),
            ("http://[::1]", true),
            ("http://localhost", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(url(text).loopback(), expected, "{text}");
        }
    }
}
