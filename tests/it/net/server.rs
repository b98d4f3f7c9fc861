//! A server that does what a test tells it, on a port of its own.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Counts the connections from 0.
    pub connection: usize,
    /// Counts the requests of this connection from 0.
    pub number: usize,
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    /// A value of the query.
    pub fn query(&self, key: &str) -> Option<&str> {
        let (_, query) = self.path().split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }
}

/// What the server does next on a connection.
pub enum Act {
    Send(Vec<u8>),
    /// One byte at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Waits until the client goes.
    Hang,
    Close,
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub type Handler = dyn Fn(&Request) -> Vec<Act> + Send + Sync;
pub type Wrap = dyn Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync;

pub struct Server {
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn http(handler: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start(Box::new(|socket| Some(Box::new(socket))), handler)
    }

    /// `wrap` makes a stream of each connection; `None` closes it.
    pub fn start(
        wrap: Box<Wrap>,
        handler: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let (wrap, handler): (Arc<Wrap>, Arc<Handler>) = (Arc::from(wrap), Arc::new(handler));
        thread::spawn(move || {
            for (connection, socket) in listener.incoming().enumerate() {
                let (log, wrap, handler) =
                    (Arc::clone(&log), Arc::clone(&wrap), Arc::clone(&handler));
                thread::spawn(move || {
                    if let Some(stream) = wrap(socket.unwrap()) {
                        serve(stream, connection, &log, &*handler);
                    }
                });
            }
        });
        Self { port, requests }
    }

    /// `http://127.0.0.1:PORT/api/v4`
    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}/api/v4", self.port)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: Box<dyn Stream>,
    connection: usize,
    log: &Mutex<Vec<Request>>,
    handler: &Handler,
) {
    for number in 0.. {
        let Some(request) = read(&mut *stream, connection, number) else {
            return;
        };
        log.lock().unwrap().push(request.clone());
        for act in handler(&request) {
            let done = match act {
                Act::Send(bytes) => stream.write_all(&bytes).and_then(|()| stream.flush()),
                Act::Drip(bytes, pause) => bytes.iter().try_for_each(|byte| {
                    thread::sleep(pause);
                    stream.write_all(&[*byte]).and_then(|()| stream.flush())
                }),
                Act::Hang => {
                    let _ = stream.read_to_end(&mut Vec::new());
                    return;
                }
                Act::Close => return,
            };
            if done.is_err() {
                return;
            }
        }
    }
}

fn read(stream: &mut dyn Stream, connection: usize, number: usize) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<_> = lines
        .map(|line| {
            let (key, value) = line.split_once(':').unwrap();
            (key.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    let length = headers.iter().find(|(key, _)| key == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(Request {
        connection,
        number,
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// A whole answer.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for (key, value) in headers {
        write!(text, "{key}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

pub fn json(status: u16, body: &str) -> Vec<Act> {
    vec![Act::Send(answer(
        status,
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    ))]
}

pub fn redirect(status: u16, location: &str) -> Vec<Act> {
    vec![Act::Send(answer(status, &[("Location", location)], b""))]
}
