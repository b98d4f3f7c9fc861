//! What `/etc/resolv.conf` and `/etc/hosts` say, read as the C library reads them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// More name servers than this are not asked.
const SERVERS: usize = 3;

/// Which name servers to ask, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub servers: Vec<SocketAddr>,
    /// Domains to complete a name with; an empty one stands for the root.
    pub search: Vec<String>,
    /// A name with at least this many dots is asked as it is first.
    pub ndots: usize,
    /// For one server's answer.
    pub timeout: Duration,
    /// Times that each server is asked.
    pub attempts: usize,
    /// Questions go out one after the other, each from a port of its own.
    pub single: bool,
}

impl Config {
    /// Reads resolv.conf; an empty text gives the defaults. `scope`: the number of a network interface.
    pub fn parse(text: &str, port: u16, scope: impl Fn(&str) -> Option<u32>) -> Self {
        let mut config = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            single: false,
        };
        for line in text.lines() {
            let mut words = line
                .split_ascii_whitespace()
                .take_while(|word| !word.starts_with(['#', ';']));
            match words.next() {
                Some("nameserver") => {
                    let server = words.next().and_then(|word| server(word, port, &scope));
                    config.servers.extend(server);
                }
                Some("search" | "domain") => {
                    let bare = |word: &str| word.trim_end_matches('.').to_owned();
                    config.search = words.map(bare).collect();
                }
                Some("options") => words.for_each(|word| config.option(word)),
                _ => {}
            }
        }
        config.servers.truncate(SERVERS);
        if config.servers.is_empty() {
            config
                .servers
                .push(SocketAddr::from(([127, 0, 0, 1], port)));
        }
        config
    }

    fn option(&mut self, word: &str) {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        let value: Option<u32> = value.parse().ok();
        match (name, value) {
            ("ndots", Some(value)) => self.ndots = value.min(15) as usize,
            ("timeout", Some(value)) => {
                self.timeout = Duration::from_secs(value.clamp(1, 30).into());
            }
            ("attempts", Some(value)) => self.attempts = value.clamp(1, 5) as usize,
            ("single-request" | "single-request-reopen", _) => self.single = true,
            _ => {}
        }
    }

    /// The full names that `name` may mean, in the order in which they are tried.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let complete = |domain: &String| format!("{name}.{domain}");
        let mut names: Vec<String> = self
            .search
            .iter()
            .map(complete)
            .map(|name| name.trim_end_matches('.').to_owned())
            .collect();
        if name.matches('.').count() >= self.ndots {
            names.insert(0, name.to_owned());
        } else {
            names.push(name.to_owned());
        }
        let mut seen = Vec::new();
        names.retain(|name| {
            let new = !seen.contains(name);
            seen.push(name.clone());
            new
        });
        names
    }
}

fn server(word: &str, port: u16, scope: &dyn Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    let Some((address, interface)) = word.split_once('%') else {
        return Some(SocketAddr::new(word.parse().ok()?, port));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = interface.parse().ok().or_else(|| scope(interface))?;
    Some(SocketAddrV6::new(address, port, 0, scope).into())
}

/// The addresses that a hosts file gives to a name.
pub fn hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        let Some(address) = address.filter(|address| !found.contains(address)) else {
            continue;
        };
        if words.any(|word| word.eq_ignore_ascii_case(name)) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, 53, |name| (name == "eth0").then_some(7))
    }

    fn servers(text: &str) -> Vec<String> {
        config(text)
            .servers
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn name_servers_are_read() {
        for (text, expected) in [
            ("", &["127.0.0.1:53"][..]),
            ("nameserver", &["127.0.0.1:53"]),
            ("nameserver dns.example", &["127.0.0.1:53"]),
            ("nameserver 10.0.0.1:5353", &["127.0.0.1:53"]),
            ("nameserver 10.0.0.1", &["10.0.0.1:53"]),
            ("  nameserver\t10.0.0.1 # first\r\n", &["10.0.0.1:53"]),
            (
                "#nameserver 10.0.0.1\n;nameserver 10.0.0.2",
                &["127.0.0.1:53"],
            ),
            (
                "nameserver ::1\nnameserver fd00::1",
                &["[::1]:53", "[fd00::1]:53"],
            ),
            ("nameserver fe80::1%eth0", &["[fe80::1%7]:53"]),
            ("nameserver fe80::1%3", &["[fe80::1%3]:53"]),
            ("nameserver fe80::1%wlan9", &["127.0.0.1:53"]),
            ("nameserver 10.0.0.1%eth0", &["127.0.0.1:53"]),
            (
                "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver bad\nnameserver 3.3.3.3\nnameserver 4.4.4.4",
                &["1.1.1.1:53", "2.2.2.2:53", "3.3.3.3:53"],
            ),
        ] {
            assert_eq!(servers(text), expected, "{text:?}");
        }
    }

    #[test]
    fn options_are_read_and_bounded() {
        let read = |text: &str| {
            let config = config(text);
            (
                config.ndots,
                config.timeout.as_secs(),
                config.attempts,
                config.single,
            )
        };
        for (text, expected) in [
            ("", (1, 5, 2, false)),
            ("options", (1, 5, 2, false)),
            ("options ndots:5", (5, 5, 2, false)),
            ("options ndots:0", (0, 5, 2, false)),
            ("options ndots:999 timeout:0 attempts:0", (15, 1, 1, false)),
            ("options timeout:99 attempts:99", (1, 30, 5, false)),
            (
                "options ndots: ndots:-1 ndots:x ndots timeout",
                (1, 5, 2, false),
            ),
            (
                "options rotate edns0 trust-ad inet6 ndots:2",
                (2, 5, 2, false),
            ),
            ("options single-request\noptions timeout:2", (1, 2, 2, true)),
            ("options single-request-reopen", (1, 5, 2, true)),
            ("Options ndots:3\nnonsense 1 2 3\noptions", (1, 5, 2, false)),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_are_completed_in_the_c_librarys_order() {
        let kubernetes = "search a.svc.cluster.local svc.cluster.local\noptions ndots:5";
        for (text, name, expected) in [
            ("", "gl", &["gl"][..]),
            ("search corp", "gl", &["gl.corp", "gl"]),
            (
                "search corp",
                "gl.example",
                &["gl.example", "gl.example.corp"],
            ),
            ("search corp", "gl.example.", &["gl.example"]),
            ("search a\nsearch b c", "gl", &["gl.b", "gl.c", "gl"]),
            ("search a b\ndomain c", "gl", &["gl.c", "gl"]),
            ("search a\nsearch", "gl", &["gl"]),
            ("search corp. corp", "gl", &["gl.corp", "gl"]),
            ("search . corp", "gl", &["gl", "gl.corp"]),
            ("search corp # old", "gl", &["gl.corp", "gl"]),
            ("search corp\noptions ndots:0", "gl", &["gl", "gl.corp"]),
            (
                kubernetes,
                "gl.example",
                &[
                    "gl.example.a.svc.cluster.local",
                    "gl.example.svc.cluster.local",
                    "gl.example",
                ],
            ),
            (
                kubernetes,
                "a.b.c.d.e.f",
                &[
                    "a.b.c.d.e.f",
                    "a.b.c.d.e.f.a.svc.cluster.local",
                    "a.b.c.d.e.f.svc.cluster.local",
                ],
            ),
        ] {
            assert_eq!(config(text).candidates(name), expected, "{text:?} {name}");
        }
    }

    #[test]
    fn hosts_files_are_read() {
        let text = "127.0.0.1\tlocalhost\n10.0.0.1 gl.example gl # 10.0.0.9 gl\n::1 gl\n10.0.0.1 GL\nbad gl\n\
                    10.0.0.2#gl\nfe80::1%eth0 gl\n10.0.0.3 other\r\n10.0.0.4 last\r\n10.0.0.5";
        for (name, expected) in [
            ("gl", &["10.0.0.1", "::1"][..]),
            ("GL.Example", &["10.0.0.1"]),
            ("other", &["10.0.0.3"]),
            ("last", &["10.0.0.4"]),
            ("example", &[]),
            ("", &[]),
        ] {
            let found: Vec<String> = hosts(text, name).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
