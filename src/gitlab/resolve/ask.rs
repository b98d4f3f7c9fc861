//! Asks name servers: over UDP, over TCP where an answer is too long for that, never longer than allowed.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::files::Config;
use super::message::{self, Kind, Reply};
use crate::os::{self, Interrupt};
use crate::time::Clock;

/// How long a signal may go unnoticed.
const SLICE: Duration = Duration::from_millis(100);
/// With addresses of one kind in hand, the other kind is waited for no longer.
const STRAGGLER: Duration = Duration::from_secs(1);
/// Answers over UDP are 512 bytes at most, since nothing else was offered; some servers send more.
const DATAGRAM: usize = 4096;

/// Asks the name servers of a configuration until a point of the monotonic clock.
pub struct Ask<'a> {
    pub config: &'a Config,
    pub clock: &'a dyn Clock,
    pub interrupt: &'a Interrupt,
    pub until: Duration,
}

/// Addresses, and how long they may be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub addresses: Vec<IpAddr>,
    pub life: Duration,
}

/// Why there are no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The name servers know no such name, or no address of it.
    NoSuchHost,
    /// No name server answered in time.
    NoAnswer,
    /// Name servers answered that they cannot tell.
    Failed,
    /// Too long for a name, or an empty label in it.
    NotAName,
    /// The program was told to end.
    Interrupted,
}

/// One kind of address of one name.
struct Question {
    packet: Vec<u8>,
    /// The last that was heard.
    reply: Option<Reply>,
}

impl Question {
    fn settled(&self) -> bool {
        matches!(self.reply, Some(Reply::Found(..) | Reply::Nothing))
    }

    fn found(&self) -> bool {
        matches!(self.reply, Some(Reply::Found(..)))
    }
}

impl Ask<'_> {
    /// The addresses of the first full name that has any. A server's silence ends the search, so that no name is passed over by accident.
    pub fn name(&self, name: &str) -> Result<Found, Trouble> {
        let mut trouble = Trouble::NotAName;
        for name in self.config.candidates(name) {
            match self.full_name(&name) {
                Err(Trouble::NotAName) => {}
                Err(Trouble::NoSuchHost) if trouble == Trouble::Failed => {}
                Err(next @ (Trouble::NoSuchHost | Trouble::Failed)) => trouble = next,
                ended => return ended,
            }
        }
        Err(trouble)
    }

    fn full_name(&self, name: &str) -> Result<Found, Trouble> {
        let mut questions = Vec::new();
        for kind in [Kind::A, Kind::Aaaa] {
            let [low, high, ..] = os::seed().to_ne_bytes();
            let packet = message::question(name, kind, u16::from_ne_bytes([low, high]))
                .ok_or(Trouble::NotAName)?;
            questions.push(Question {
                packet,
                reply: None,
            });
        }
        self.rounds(&mut questions);
        self.sum(questions)
    }

    /// Each server in turn. What one left open is asked again alone, from another port: some servers and firewalls lose one of two.
    fn rounds(&self, questions: &mut [Question]) {
        let tries = self.config.attempts * self.config.servers.len();
        let together = if self.config.single {
            1
        } else {
            questions.len()
        };
        let mut again = false;
        for (server, tries) in self.config.servers.iter().cycle().zip((1..=tries).rev()) {
            let share = self.left(self.until) / u32::try_from(tries).unwrap_or(u32::MAX);
            let mut patience = share.min(self.config.timeout);
            if questions.iter().any(Question::found) {
                if again {
                    return;
                }
                again = true;
                patience = patience.min(STRAGGLER);
            }
            for part in questions.chunks_mut(together) {
                self.ask(*server, part, patience);
            }
            if questions.iter().all(Question::settled) {
                return;
            }
        }
    }

    fn sum(&self, questions: Vec<Question>) -> Result<Found, Trouble> {
        let mut found = Found {
            addresses: Vec::new(),
            life: Duration::MAX,
        };
        let mut trouble = Trouble::NoSuchHost;
        for question in questions {
            match question.reply {
                Some(Reply::Found(addresses, life)) => {
                    found.addresses.extend(addresses);
                    found.life = found.life.min(life);
                }
                Some(Reply::Nothing) => {}
                Some(_) if trouble == Trouble::NoSuchHost => trouble = Trouble::Failed,
                Some(_) => {}
                None => trouble = Trouble::NoAnswer,
            }
        }
        if self.interrupt.signal().is_some() {
            Err(Trouble::Interrupted)
        } else if found.addresses.is_empty() {
            Err(trouble)
        } else {
            Ok(found)
        }
    }

    /// Sends what is open to one server, and listens until it has answered all of it or `patience` is over.
    fn ask(&self, server: SocketAddr, questions: &mut [Question], patience: Duration) {
        let mut until = self.clock.monotonic().saturating_add(patience);
        let open = questions.iter_mut().filter(|question| !question.settled());
        let mut waiting: Vec<_> = open.collect();
        let Ok(socket) = connect(server) else { return };
        if waiting
            .iter()
            .any(|question| socket.send(&question.packet).is_err())
        {
            return;
        }
        let mut buffer = [0; DATAGRAM];
        while !waiting.is_empty() {
            let slice = self.left(until).min(SLICE);
            // A time-out of zero is an error: time is over.
            if socket.set_read_timeout(Some(slice)).is_err() {
                return;
            }
            let packet = match socket.recv(&mut buffer) {
                Ok(length) => buffer.get(..length).unwrap_or_default(),
                Err(error) if still(&error) => continue,
                Err(_) => return,
            };
            waiting.retain_mut(|question| {
                let reply = match message::reply(packet, &question.packet) {
                    Some(Reply::Truncated) => self.whole(server, &question.packet, until),
                    reply => reply,
                };
                let open = reply.is_none();
                if !open {
                    question.reply = reply;
                }
                if question.found() {
                    until = until.min(self.clock.monotonic().saturating_add(STRAGGLER));
                }
                open
            });
        }
    }

    /// The same question over TCP.
    fn whole(&self, server: SocketAddr, question: &[u8], until: Duration) -> Option<Reply> {
        self.over_tcp(server, question, until)
            .filter(|reply| *reply != Reply::Truncated)
            .or(Some(Reply::Failed))
    }

    fn over_tcp(&self, server: SocketAddr, question: &[u8], until: Duration) -> Option<Reply> {
        let left = self.left(until);
        let mut stream = TcpStream::connect_timeout(&server, left).ok()?;
        stream.set_write_timeout(Some(left)).ok()?;
        let length = u16::try_from(question.len()).ok()?.to_be_bytes();
        stream.write_all(&[&length, question].concat()).ok()?;
        let mut length = [0; 2];
        self.fill(&mut stream, &mut length, until)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        self.fill(&mut stream, &mut answer, until)?;
        message::reply(&answer, question)
    }

    fn fill(&self, stream: &mut TcpStream, buffer: &mut [u8], until: Duration) -> Option<()> {
        let mut rest = buffer;
        while !rest.is_empty() {
            let slice = self.left(until).min(SLICE);
            stream.set_read_timeout(Some(slice)).ok()?;
            match stream.read(rest) {
                Ok(0) => return None,
                Ok(count) => rest = rest.get_mut(count..)?,
                Err(error) if still(&error) => {}
                Err(_) => return None,
            }
        }
        Some(())
    }

    /// Time left until `until`; none after a signal.
    fn left(&self, until: Duration) -> Duration {
        match self.interrupt.signal() {
            Some(_) => Duration::ZERO,
            None => until.saturating_sub(self.clock.monotonic()),
        }
    }
}

/// A UDP socket that hears this server and nobody else.
pub(super) fn connect(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    Ok(socket)
}

/// Nothing arrived yet.
fn still(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
