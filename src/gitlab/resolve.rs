//! From a host's name to its addresses: by the C library, which `os::prepare` has set to ask the hosts file and name servers only.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::os::{Interrupt, lock};
use crate::url::is_localhost;

/// How long a signal may go unnoticed.
const SLICE: Duration = Duration::from_millis(50);
/// As many addresses as ureq takes.
const MOST: usize = 16;

/// Looks names up, one at a time. Each look-up runs on a helper thread: the C library cannot be interrupted, waiting for it can.
#[derive(Debug)]
pub(super) struct Names {
    interrupt: Interrupt,
    under_way: Mutex<Option<LookUp>>,
}

#[derive(Debug)]
struct LookUp {
    name: String,
    answer: Receiver<io::Result<Vec<IpAddr>>>,
}

impl Names {
    pub(super) fn new(interrupt: Interrupt) -> Self {
        Self {
            interrupt,
            under_way: Mutex::default(),
        }
    }

    /// At least one address, in the order in which they should be tried.
    pub(super) fn addresses(
        &self,
        host: &str,
        limit: Duration,
    ) -> Result<Vec<IpAddr>, ureq::Error> {
        let name = host.trim_matches(['[', ']']);
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        // Never asked of a name server, which could say anything: no warning of plain http is given for it.
        if is_localhost(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let mut left = limit;
        let mut under_way = lock(&self.under_way);
        // An earlier look-up may still be under way, given up by an earlier request: its answer is used if it is for the same name.
        loop {
            let look_up = under_way.get_or_insert_with(|| LookUp::start(name));
            let answer = self.wait(&look_up.answer, &mut left)?;
            if under_way.take().is_some_and(|ended| ended.name == name) {
                return Ok(answer?);
            }
        }
    }

    /// Waits for an answer, for no longer than what is `left` and until a signal arrives.
    fn wait<T>(&self, answer: &Receiver<T>, left: &mut Duration) -> Result<T, ureq::Error> {
        loop {
            if self.interrupt.signal().is_some() {
                return Err(io::Error::other("interrupted while looking a name up").into());
            }
            if left.is_zero() {
                return Err(ureq::Error::Timeout(ureq::Timeout::Resolve));
            }
            let slice = SLICE.min(*left);
            match answer.recv_timeout(slice) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => *left -= slice,
                Err(RecvTimeoutError::Disconnected) => return Err(ureq::Error::HostNotFound),
            }
        }
    }
}

impl LookUp {
    /// Where no thread can start, it is done in place.
    fn start(name: &str) -> Self {
        let (sender, answer) = channel();
        let (host, answers) = (name.to_owned(), sender.clone());
        let helper = thread::Builder::new().name("names".into());
        if helper.spawn(move || answers.send(look_up(&host))).is_err() {
            let _ = sender.send(look_up(name));
        }
        Self {
            name: name.to_owned(),
            answer,
        }
    }
}

fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    match (name, 0).to_socket_addrs() {
        Ok(found) => Ok(found.map(|address| address.ip()).take(MOST).collect()),
        Err(error) => {
            // Without a free file descriptor, the C library says that the host does not exist.
            File::open("/")?;
            Err(io::Error::other(words(name, &error.to_string())))
        }
    }
}

/// Whether the name does not exist is said in words only, which differ between C libraries. Whatever they do not say may pass.
fn words(name: &str, error: &str) -> String {
    const NO_SUCH_HOST: [&str; 5] = [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "nodename nor servname provided",
        "No such host is known",
    ];
    if NO_SUCH_HOST.iter().any(|known| error.contains(known)) {
        format!("no such host: {name}")
    } else {
        format!("no name server gave an address of {name}")
    }
}

/// ureq asks for addresses before every request. That is too early: a kept connection needs none.
#[derive(Debug)]
pub(super) struct Later;

impl Resolver for Later {
    fn resolve(
        &self,
        _: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_not_looked_up() {
        let interrupted = Interrupt::new();
        // A look-up would end at once.
        interrupted.raise(crate::exit::Signal::Terminate);
        let names = Names::new(interrupted);
        for (host, found) in [
            ("10.1.2.3", Some("10.1.2.3")),
            ("[fd00::1]", Some("fd00::1")),
            ("localhost", Some("127.0.0.1")),
            ("gl.LOCALHOST.", Some("127.0.0.1")),
            ("gl.example", None),
        ] {
            let addresses = names.addresses(host, Duration::from_secs(1)).ok();
            let first = addresses.and_then(|found| Some(found.first()?.to_string()));
            assert_eq!(first.as_deref(), found, "{host}");
        }
    }

    #[test]
    fn a_name_that_does_not_exist_is_told_apart_from_name_servers_that_fail() {
        for (error, expected) in [
            (
                "failed to lookup address information: Name or service not known",
                "no such host: gl.example",
            ),
            (
                "failed to lookup address information: Temporary failure in name resolution",
                "no name server gave an address of gl.example",
            ),
        ] {
            assert_eq!(words("gl.example", error), expected);
        }
    }
}
