//! HTTP/1.1 over plain TCP or TLS, one thread per connection: bytes to [`Request`], [`Reply`] to bytes.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::answer::{Answer, Request, pairs};
use super::state::{Reply, Shared};
use super::tls::Tls;

trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

pub(super) fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    tls: Option<Arc<Tls>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if shared.stopped() {
                return;
            }
            if let Ok(copy) = stream.try_clone() {
                shared.opened(copy);
            }
            let (shared, tls) = (Arc::clone(&shared), tls.clone());
            std::thread::spawn(move || {
                // A client may leave when it likes: that is no failure of the server's.
                let _ = connection(&stream, &shared, tls.as_deref());
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    })
}

fn connection(raw: &TcpStream, shared: &Shared, tls: Option<&Tls>) -> io::Result<()> {
    raw.set_nodelay(true)?;
    let stream: Box<dyn Connection> = match tls {
        None => Box::new(raw.try_clone()?),
        Some(tls) => Box::new(tls.accept(raw.try_clone()?)?),
    };
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        let close = request
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        shared.hold();
        let reply = shared.lock().serve(request);
        match reply {
            Reply::Whole(answer) => write(stream.get_mut(), &answer, close)?,
            Reply::Chunked(answer) => write_chunked(stream.get_mut(), &answer, close)?,
            Reply::Half(answer) => return half(stream.get_mut(), &answer),
            Reply::Drip(answer) => return drip(stream.get_mut(), &answer),
            Reply::Last(answer) => return write(stream.get_mut(), &answer, false),
            Reply::Bytes(text) => {
                stream.get_mut().write_all(text.as_bytes())?;
                return stream.get_mut().flush();
            }
            Reply::Reset => return reset(raw),
            Reply::Close => return Ok(()),
            Reply::Hang => return hang(raw),
        }
        if close {
            return Ok(());
        }
    }
    Ok(())
}

/// RST in place of FIN. Connecting a connected socket to no address at all ends it so, at once, whatever other handles it has (connect(2)).
#[allow(unsafe_code, reason = "the standard library cannot do it")]
fn reset(stream: &TcpStream) -> io::Result<()> {
    let nowhere = libc::sockaddr {
        sa_family: 0, // AF_UNSPEC
        sa_data: [0; 14],
    };
    let size = libc::socklen_t::try_from(size_of_val(&nowhere)).map_err(io::Error::other)?;
    // SAFETY: the address is a whole `sockaddr` of that size that outlives the call, and the descriptor is open.
    match unsafe { libc::connect(stream.as_raw_fd(), &raw const nowhere, size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Keeps the connection, silently, until the client has gone.
fn hang(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    io::copy(&mut &*stream, &mut io::sink()).map(drop)
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

/// The next request; `None` where the client has no more.
fn read(stream: &mut BufReader<Box<dyn Connection>>) -> io::Result<Option<Request>> {
    let Some(first) = line(stream)? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(bad("no request line"));
    };
    let mut headers = Vec::new();
    while let Some(line) = line(stream)?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| bad("no header"))?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        path: Vec::new(),
        query: pairs(target.split_once('?').unwrap_or_default().1),
        headers,
        body: Vec::new(),
    };
    if request
        .header("expect")
        .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    {
        stream
            .get_mut()
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = body(stream, &request)?;
    Ok(Some(request))
}

fn line(stream: &mut BufReader<Box<dyn Connection>>) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    stream
        .by_ref()
        .take(64 << 10)
        .read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8(bytes).map_err(|_| bad("a header is not UTF-8"))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn body(stream: &mut BufReader<Box<dyn Connection>>, request: &Request) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if request
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        loop {
            let size = line(stream)?.ok_or_else(|| bad("no chunk"))?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| bad("no chunk size"))?;
            stream.by_ref().take(size).read_to_end(&mut body)?;
            line(stream)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = request
        .header("content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    stream.by_ref().take(length).read_to_end(&mut body)?;
    Ok(body)
}

fn head(answer: &Answer, framing: &str, close: bool) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let connection = if close { "close" } else { "keep-alive" };
    let _ = write!(head, "{framing}\r\nConnection: {connection}\r\n\r\n");
    head
}

fn write(stream: &mut dyn Connection, answer: &Answer, close: bool) -> io::Result<()> {
    let length = format!("Content-Length: {}", answer.body.len());
    stream.write_all(head(answer, &length, close).as_bytes())?;
    stream.write_all(&answer.body)?;
    stream.flush()
}

fn write_chunked(stream: &mut dyn Connection, answer: &Answer, close: bool) -> io::Result<()> {
    stream.write_all(head(answer, "Transfer-Encoding: chunked", close).as_bytes())?;
    for part in answer.body.chunks(1000) {
        stream.write_all(format!("{:x}\r\n", part.len()).as_bytes())?;
        stream.write_all(part)?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")?;
    stream.flush()
}

/// One byte at a time, slower than anybody wants to wait.
fn drip(stream: &mut dyn Connection, answer: &Answer) -> io::Result<()> {
    let length = format!("Content-Length: {}", answer.body.len());
    stream.write_all(head(answer, &length, false).as_bytes())?;
    for byte in &answer.body {
        stream.write_all(&[*byte])?;
        stream.flush()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn half(stream: &mut dyn Connection, answer: &Answer) -> io::Result<()> {
    let head = head(
        answer,
        &format!("Content-Length: {}", answer.body.len().max(2)),
        false,
    );
    let part = &answer.body[..answer.body.len() / 2];
    stream.write_all(&[head.as_bytes(), part].concat())?;
    stream.flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Answer",
    }
}
