//! A name server whose answers a story makes.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const A: u16 = 1;
const CNAME: u16 = 5;
pub const AAAA: u16 = 28;

/// Flags of an answer.
pub const EMPTY: u16 = 0x8180;
pub const SERVER_FAILED: u16 = EMPTY | 2;
pub const NO_NAME: u16 = EMPTY | 3;
pub const REFUSED: u16 = EMPTY | 5;
pub const TRUNCATED: u16 = EMPTY | 0x200;

/// Owner, what it is, seconds.
#[derive(Clone, Copy)]
pub enum Record<'a> {
    Address(&'a str, &'a str, u32),
    Alias(&'a str, &'a str, u32),
}

/// One question as it arrived.
pub struct Asked {
    pub packet: Vec<u8>,
    pub name: String,
    pub kind: u16,
    pub tcp: bool,
    from: SocketAddr,
    port: u16,
}

impl Asked {
    fn read(packet: &[u8], from: SocketAddr, port: u16, tcp: bool) -> Self {
        let mut labels = Vec::new();
        let mut at = 12;
        while packet[at] > 0 {
            let end = at + 1 + usize::from(packet[at]);
            labels.push(String::from_utf8(packet[at + 1..end].to_vec()).unwrap());
            at = end;
        }
        assert_eq!(packet.len(), at + 5, "one question and nothing else");
        Self {
            packet: packet.to_vec(),
            name: labels.join("."),
            kind: u16::from_be_bytes([packet[at + 1], packet[at + 2]]),
            tcp,
            from,
            port,
        }
    }

    /// An answer with the question's id.
    pub fn say(&self, flags: u16, records: &[Record]) -> Vec<u8> {
        let mut packet = self.packet.clone();
        packet[2..4].copy_from_slice(&flags.to_be_bytes());
        packet[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
        for record in records {
            let (owner, kind, data, life) = match *record {
                Record::Address(owner, address, life) => match address.parse().unwrap() {
                    IpAddr::V4(address) => (owner, A, address.octets().to_vec(), life),
                    IpAddr::V6(address) => (owner, AAAA, address.octets().to_vec(), life),
                },
                Record::Alias(owner, to, life) => (owner, CNAME, wire(to), life),
            };
            packet.extend(wire(owner));
            packet.extend(kind.to_be_bytes());
            packet.extend([0, 1]);
            packet.extend(life.to_be_bytes());
            packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            packet.extend(data);
        }
        packet
    }

    /// Sends a packet to whoever asked, from the server's port but another address.
    pub fn forge(&self, address: &str, packet: &[u8]) {
        let socket = UdpSocket::bind((address.parse::<IpAddr>().unwrap(), self.port)).unwrap();
        socket.send_to(packet, self.from).unwrap();
    }
}

fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

type Heard = Arc<Mutex<Vec<(String, u16)>>>;

/// Listens on UDP and TCP until it is dropped.
pub struct Server {
    pub port: u16,
    heard: Heard,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `port` 0 takes any that is free.
    pub fn start(
        address: &str,
        port: u16,
        answer: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let (udp, tcp) = listen(address.parse().unwrap(), port);
        let port = udp.local_addr().unwrap().port();
        let (heard, end) = (Heard::default(), Arc::new(AtomicBool::new(false)));
        let (ears, over) = (Arc::clone(&heard), Arc::clone(&end));
        let thread = thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !over.load(Ordering::SeqCst) {
                if let Ok((length, from)) = udp.recv_from(&mut buffer) {
                    let asked = Asked::read(&buffer[..length], from, port, false);
                    ears.lock().unwrap().push((asked.name.clone(), from.port()));
                    for packet in answer(&asked) {
                        let _ = udp.send_to(&packet, from);
                    }
                }
                if let Ok((stream, from)) = tcp.accept() {
                    serve(stream, |packet| {
                        answer(&Asked::read(packet, from, port, true))
                    });
                }
            }
        });
        Self {
            port,
            heard,
            end,
            thread: Some(thread),
        }
    }

    /// Names that were asked for over UDP, each once, in the order of the first question.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, _) in &*self.heard.lock().unwrap() {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Where each question over UDP came from.
    pub fn ports(&self) -> Vec<u16> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|(_, port)| *port).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

fn listen(address: IpAddr, port: u16) -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind((address, port)).unwrap();
        let port = udp.local_addr().unwrap().port();
        if let Ok(tcp) = TcpListener::bind((address, port)) {
            udp.set_read_timeout(Some(Duration::from_millis(5)))
                .unwrap();
            tcp.set_nonblocking(true).unwrap();
            return (udp, tcp);
        }
    }
    panic!("no port is free for UDP and TCP");
}

fn serve(mut stream: TcpStream, answer: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    stream.set_nonblocking(false).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut packet).unwrap();
    for packet in answer(&packet) {
        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
        // In two pieces, as a slow network would.
        let _ = stream.write_all(&[&length[..], &packet[..5]].concat());
        let _ = stream.write_all(&packet[5..]);
    }
}
