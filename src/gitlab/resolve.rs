//! From a host's name to its addresses: hosts file, then name servers, in the C library's order, but bounded, interruptible and remembered.
//!
//! On Linux the C library itself is not asked: a static binary would load the image's own modules, built for another C library, and crash.

pub mod ask;
pub mod files;
pub mod message;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::os::{self, Interrupt};
use crate::time::Clock;
use ask::{Ask, Found, Trouble};
use files::{Config, hosts};

/// As many as ureq takes.
const ADDRESSES: usize = 16;
/// An answer is remembered for as long as it says, within these bounds.
const SHORTEST_LIFE: Duration = Duration::from_secs(5);
const LONGEST_LIFE: Duration = Duration::from_mins(5);
const LARGEST_FILE: u64 = 1 << 20;

/// Where the system says which names there are and whom to ask.
pub struct System {
    pub hosts: PathBuf,
    pub resolv_conf: PathBuf,
    /// Of every name server.
    pub port: u16,
}

impl System {
    pub fn real() -> Self {
        Self {
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            port: 53,
        }
    }
}

/// Looks names up. Clones share what they remember.
#[derive(Clone)]
pub struct Names {
    shared: Arc<Shared>,
    interrupt: Interrupt,
}

struct Shared {
    system: System,
    clock: Box<dyn Clock + Send>,
    known: Mutex<Vec<Known>>,
}

struct Known {
    name: String,
    addresses: Vec<IpAddr>,
    /// Of the monotonic clock.
    until: Duration,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Names {
    pub fn new(system: System, clock: Box<dyn Clock + Send>, interrupt: Interrupt) -> Self {
        let shared = Shared {
            system,
            clock,
            known: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            interrupt,
        }
    }

    /// The same memory, but a look-up ends at another interrupt.
    #[must_use]
    pub fn heeding(&self, interrupt: Interrupt) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            interrupt,
        }
    }

    /// What is remembered may be wrong: nothing listened there.
    pub fn forget(&self) {
        self.known().clear();
    }

    /// At least one address, in the order in which they should be tried. `limit`: for the whole look-up.
    pub fn addresses(&self, host: &str, limit: Duration) -> io::Result<Vec<IpAddr>> {
        let name = host.trim_matches(['[', ']']).to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        let plain = name.strip_suffix('.').unwrap_or(&name);
        if plain == "localhost" || plain.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let now = self.shared.clock.monotonic();
        self.known().retain(|known| known.until > now);
        if let Some(known) = self.known().iter().find(|known| known.name == name) {
            return Ok(known.addresses.clone());
        }
        let found = self.look_up(&name, now.saturating_add(limit))?;
        let addresses = in_order(&found.addresses);
        let life = found.life.clamp(SHORTEST_LIFE, LONGEST_LIFE);
        self.known().push(Known {
            name,
            addresses: addresses.clone(),
            until: self.shared.clock.monotonic().saturating_add(life),
        });
        Ok(addresses)
    }

    #[cfg(target_os = "linux")]
    fn look_up(&self, name: &str, until: Duration) -> io::Result<Found> {
        let Shared { system, clock, .. } = &*self.shared;
        let plain = name.strip_suffix('.').unwrap_or(name);
        let addresses = hosts(&text(&system.hosts), plain);
        if !addresses.is_empty() {
            return Ok(Found {
                addresses,
                life: Duration::ZERO,
            });
        }
        let config = Config::parse(&text(&system.resolv_conf), system.port, os::interface);
        let ask = Ask {
            config: &config,
            clock: &**clock,
            interrupt: &self.interrupt,
            until,
        };
        ask.name(name)
            .map_err(|trouble| io::Error::other(words(trouble, name, &config)))
    }

    #[cfg(not(target_os = "linux"))]
    fn look_up(&self, name: &str, _: Duration) -> io::Result<Found> {
        use std::net::ToSocketAddrs;
        let found = (name, 0).to_socket_addrs()?;
        Ok(Found {
            addresses: found.map(|address| address.ip()).collect(),
            life: Duration::ZERO,
        })
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        let known = self.shared.known.lock();
        known.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let own = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(own);
        let mut all = self.empty();
        for address in self.addresses(host, *timeout.after)? {
            all.push(SocketAddr::new(address, port));
        }
        Ok(all)
    }
}

/// A file that cannot be read says nothing.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let _ = File::open(path).and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn words(trouble: Trouble, name: &str, config: &Config) -> String {
    let servers: Vec<_> = config
        .servers
        .iter()
        .map(|server| server.ip().to_string())
        .collect();
    let asked = format!("(asked {})", servers.join(", "));
    match trouble {
        Trouble::NoSuchHost => format!("no such host: {name} {asked}"),
        Trouble::NotAName => format!("no such host: {name} is too long or has an empty part"),
        Trouble::NoAnswer => format!("no name server answered {asked}"),
        Trouble::Failed => format!("no name server could tell the address of {name} {asked}"),
        Trouble::Interrupted => "the program was told to end while it looked a name up".to_owned(),
    }
}

/// As the C library orders them: open ways first, among them IPv6 first, else as given.
fn in_order(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let hindrances: Vec<u8> = addresses
        .iter()
        .map(|&address| hindrance(address))
        .collect();
    let mut ordered = Vec::new();
    for rank in [0, 1, 2] {
        for ipv6 in [true, false] {
            let pairs = addresses.iter().zip(&hindrances);
            let same = pairs.filter(|(address, its)| **its == rank && address.is_ipv6() == ipv6);
            ordered.extend(same.map(|(address, _)| *address));
        }
    }
    ordered.truncate(ADDRESSES);
    ordered
}

/// 0 where the way to an address seems open, 1 where it leads over a private network's IPv6, 2 where there is none. Sends nothing.
fn hindrance(address: IpAddr) -> u8 {
    let Ok(socket) = ask::connect(SocketAddr::new(address, 443)) else {
        return 2;
    };
    match (address, socket.local_addr().map(|from| from.ip())) {
        (IpAddr::V6(to), Ok(IpAddr::V6(from))) if public(to) && !public(from) => 1,
        _ => 0,
    }
}

fn public(address: Ipv6Addr) -> bool {
    !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local())
}
