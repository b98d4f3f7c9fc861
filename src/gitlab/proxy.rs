//! Which proxy leads to a URL, by curl's rules.

use std::net::IpAddr;

use ureq::Proxy;

use crate::ci::{Proxies, Secret};
use crate::exit::Stop;
use crate::url::{Url, encode};

/// curl's port of a proxy whose URL names none.
const HTTP_PROXY_PORT: u16 = 1080;

/// They surround an IPv6 address.
const BRACKETS: [char; 2] = ['[', ']'];

/// The proxy for a URL; `None` is a direct connection. A proxy that we cannot speak to is an error, never a direct connection.
pub(super) fn choose(url: &Url, proxies: &Proxies) -> Result<Option<Proxy>, Stop> {
    let own = if url.secure {
        &proxies.https
    } else {
        &proxies.http
    };
    let Some((name, value)) = own.as_ref().or(proxies.all.as_ref()) else {
        return Ok(None);
    };
    if proxies.none.as_ref().is_some_and(|list| exempt(url, list)) {
        return Ok(None);
    }
    read(name, value).map(Some)
}

/// Passwords of the proxies, as written and percent-decoded: they are masked as tokens are.
pub(super) fn passwords(proxies: &Proxies) -> Vec<String> {
    let settings = [&proxies.https, &proxies.http, &proxies.all];
    let both = settings.into_iter().flatten().flat_map(|(name, value)| {
        let written = parts(value.reveal())
            .1
            .and_then(|user| user.split_once(':'));
        let proxy = read(name, value).ok();
        let decoded = proxy.and_then(|proxy| proxy.password().map(str::to_owned));
        [written.map(|(_, password)| password.to_owned()), decoded]
    });
    both.flatten().collect()
}

/// Scheme, userinfo, host and port as they are written.
fn parts(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let host = authority.rsplit('@').next().unwrap_or_default();
    (scheme, user, host)
}

fn read(name: &str, value: &Secret) -> Result<Proxy, Stop> {
    let (scheme, user, host) = parts(value.reveal());
    let scheme = scheme.unwrap_or("http").to_ascii_lowercase();
    let usage = |why: &str| Stop::usage(format!("{name} {why}"));
    let default = match scheme.as_str() {
        "http" => HTTP_PROXY_PORT,
        "https" => 443,
        other if other.starts_with("socks") => {
            return Err(usage("names a SOCKS proxy, which is not supported")
                .hint("use an http:// or https:// proxy, or exempt GitLab's host with no_proxy"));
        }
        _ => return Err(usage("is neither an http:// nor an https:// URL")),
    };
    let url = Url::parse(&format!("http://{host}")).map_err(usage)?;
    let after_address = host.rsplit(']').next();
    let has_port = after_address.is_some_and(|rest| rest.contains(':'));
    let port = if has_port { url.port } else { default };
    // curl takes them with whatever characters, percent-encoded or not.
    let plain = |text: &str| text.split('%').map(encode).collect::<Vec<_>>().join("%");
    let user = user.map(|user| match user.split_once(':') {
        Some((user, password)) => format!("{}:{}@", plain(user), plain(password)),
        None => format!("{}@", plain(user)),
    });
    let user = user.unwrap_or_default();
    Proxy::new(&format!("{scheme}://{user}{}:{port}", url.host))
        .map_err(|_| usage("is not the URL of a proxy"))
}

/// `no_proxy`: names match themselves and everything below; addresses match addresses and networks; a port narrows.
fn exempt(url: &Url, list: &str) -> bool {
    let host = url.host.trim_end_matches('.');
    list.split([',', ' ', '\t'])
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let (name, port) = entry_parts(entry);
            port.is_none_or(|port| port == url.port.to_string()) && covers(name, host)
        })
}

fn entry_parts(entry: &str) -> (&str, Option<&str>) {
    match entry.rsplit_once(':') {
        // More than one colon without brackets is an IPv6 address.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (entry, None),
    }
}

fn covers(entry: &str, host: &str) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.trim_matches(BRACKETS).parse::<IpAddr>() {
        return network(entry, address);
    }
    let name = entry.strip_prefix('*').unwrap_or(entry);
    let name = name.trim_matches('.').to_ascii_lowercase();
    let above = host.strip_suffix(name.as_str());
    !name.is_empty() && above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn network(entry: &str, address: IpAddr) -> bool {
    let (base, bits) = entry
        .split_once('/')
        .map_or((entry, None), |(base, bits)| (base, Some(bits)));
    let Ok(base) = base.trim_matches(BRACKETS).parse::<IpAddr>() else {
        return false;
    };
    let number = |address| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let width: u32 = if base.is_ipv4() { 32 } else { 128 };
    let host_bits = bits.map_or(Some(0), |bits| width.checked_sub(bits.parse().ok()?));
    base.is_ipv4() == address.is_ipv4()
        && host_bits.is_some_and(|bits| {
            let network = |address| number(address).checked_shr(bits);
            network(base) == network(address)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn no_proxy_is_read_as_curl_reads_it() {
        for (list, address, expected) in [
            ("gl.example", "https://gl.example", true),
            ("gl.example", "https://sub.gl.example", true),
            (".gl.example", "https://gl.example", true),
            ("gl.example", "https://nogl.example", false),
            ("*.gl.example", "https://a.gl.example", true),
            ("GL.Example.", "https://gl.example", true),
            ("a, b ,gl.example", "https://gl.example", true),
            ("a b\tgl.example", "https://gl.example", true),
            ("*", "https://gl.example", true),
            ("", "https://gl.example", false),
            (",, ,", "https://gl.example", false),
            (".", "https://gl.example", false),
            ("gl.example:443", "https://gl.example", true),
            ("gl.example:8443", "https://gl.example", false),
            ("gl.example:8443", "https://gl.example:8443", true),
            ("127.0.0.1", "http://127.0.0.1:8080", true),
            ("10.0.0.0/8", "http://10.20.30.40", true),
            ("10.0.0.0/8", "http://11.0.0.1", false),
            ("10.0.0.0/33", "http://10.0.0.1", false),
            ("10.0.0.0/x", "http://10.0.0.1", false),
            ("0.0.0.0/0", "http://10.0.0.1", true),
            ("10.0.0.0/8", "http://name.example", false),
            ("127.0.0.0/8:8080", "http://127.0.0.1:8080", true),
            ("::1", "http://[::1]:80", true),
            ("[::1]", "http://[::1]:80", true),
            ("[::1]:80", "http://[::1]:80", true),
            ("[::1]:81", "http://[::1]:80", false),
            ("fd00::/8", "http://[fd12::1]", true),
            ("0.1", "http://127.0.0.1", false),
        ] {
            assert_eq!(exempt(&url(address), list), expected, "{list:?} {address}");
        }
    }

    #[test]
    fn the_scheme_of_the_target_decides() {
        let proxies = Proxies {
            https: Some(("HTTPS_PROXY", secret("http://s.example:3128"))),
            http: Some(("http_proxy", secret("plain.example:8080"))),
            all: Some(("all_proxy", secret("https://all.example"))),
            ..Proxies::default()
        };
        let at = |target: &str, proxies: &Proxies| {
            let proxy = choose(&url(target), proxies).expect("usable")?;
            Some(format!("{}:{}", proxy.host(), proxy.port()))
        };
        assert_eq!(
            at("https://gl.example", &proxies).as_deref(),
            Some("s.example:3128")
        );
        assert_eq!(
            at("http://gl.example", &proxies).as_deref(),
            Some("plain.example:8080")
        );
        let all = Proxies {
            https: None,
            ..proxies.clone()
        };
        assert_eq!(
            at("https://gl.example", &all).as_deref(),
            Some("all.example:443")
        );
        let fixed = Proxies {
            all: Some(("--proxy", secret("p.example"))),
            ..Proxies::default()
        };
        assert_eq!(
            at("https://gl.example", &fixed).as_deref(),
            Some("p.example:1080")
        );
        assert_eq!(at("https://gl.example", &Proxies::default()), None);
    }

    #[test]
    fn credentials_are_decoded_once() {
        let proxies = Proxies {
            all: Some((
                "--proxy",
                secret("http://us%40er:p%3Ass%25@p.example:3128/"),
            )),
            ..Proxies::default()
        };
        let proxy = choose(&url("https://gl.example"), &proxies)
            .expect("usable")
            .expect("a proxy");
        assert_eq!(
            (proxy.username(), proxy.password()),
            (Some("us@er"), Some("p:ss%"))
        );
        assert_eq!(passwords(&proxies), ["p%3Ass%25", "p:ss%"]);
        assert!(!format!("{proxies:?}{proxy:?}").contains("p%3Ass"));
    }

    #[test]
    fn a_proxy_that_cannot_be_spoken_to_is_an_error_and_not_quoted() {
        for bad in [
            "socks5://u:hunter2@p.example:1080",
            "socks4a://hunter2",
            "ftp://hunter2",
            "http://u:hunter2@",
            "http://u:hunter2@p example",
            "http://u:hunter2@p.example:99999",
        ] {
            let proxies = Proxies {
                all: Some(("ALL_PROXY", secret(bad))),
                ..Proxies::default()
            };
            let stop = choose(&url("https://gl.example"), &proxies).expect_err(bad);
            let shown = format!("{stop:?} {:?}", stop.hints);
            assert!(
                shown.contains("ALL_PROXY") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }
}
