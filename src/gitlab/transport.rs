//! Opens connections, with TLS where it is wanted, and keeps account of what has left on them.

use std::fmt;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, TcpConnector, Transport,
    TransportAdapter,
};

use super::resolve::Names;
use crate::os::lock;

/// What happened on the way since a request began. A connection carries one request at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stage {
    /// A new connection was asked for, so it is not an old one.
    pub(super) fresh: bool,
    /// There is no connection to the server yet: TCP, proxy or TLS is missing.
    pub(super) closed: bool,
    /// Some of the request may have reached the server.
    pub(super) sent: bool,
}

impl Stage {
    const CONNECTING: Self = Self {
        fresh: true,
        closed: true,
        sent: false,
    };
}

/// The account of it, kept by the connectors.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<Stage>);

impl Progress {
    pub(super) fn set(&self, stage: Stage) {
        *lock(&self.0) = stage;
    }

    pub(super) fn get(&self) -> Stage {
        *lock(&self.0)
    }
}

/// Opens connections: looks the name up, speaks TLS where it is wanted, and takes note of how far it came.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) names: Names,
    pub(super) server: Arc<ClientConfig>,
    /// For a proxy that is spoken to by TLS.
    pub(super) proxy: Arc<ClientConfig>,
    pub(super) proxied: bool,
    pub(super) progress: Arc<Progress>,
}

impl<In: Transport> Connector<In> for Dial {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let transport: Box<dyn Transport> = match chained {
            // What goes on through a proxy is there already.
            Some(transport) => Box::new(transport),
            None => Box::new(self.tcp(details)?),
        };
        // ureq runs the chain once more, without the proxy, to reach the proxy itself.
        let to_proxy = self.proxied && details.config.proxy().is_none();
        let config = if to_proxy { &self.proxy } else { &self.server };
        let wants_tls = details.needs_tls() && !transport.is_tls();
        let watched = Box::new(Watched {
            inner: transport,
            progress: Arc::clone(&self.progress),
            end: details.now + details.timeout.after,
            current_time: Arc::clone(&details.current_time),
        });
        let opened: Box<dyn Transport> = if wants_tls {
            Box::new(handshake(config, details, watched)?)
        } else {
            watched
        };
        if !to_proxy {
            self.progress.set(Stage {
                closed: false,
                ..Stage::CONNECTING
            });
        }
        Ok(Some(opened))
    }
}

impl Dial {
    fn tcp(&self, details: &ConnectionDetails) -> Result<impl Transport, ureq::Error> {
        self.progress.set(Stage::CONNECTING);
        let uri = details.uri;
        let default = if details.needs_tls() { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let host = uri.host().unwrap_or_default();
        let mut addrs = details.resolver.empty();
        for address in self.names.addresses(host, *details.timeout.after)? {
            addrs.push(SocketAddr::new(address, port));
        }
        let details = ConnectionDetails {
            addrs,
            uri,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::clone(&details.register_shutdown),
        };
        let opened = TcpConnector::default().connect(&details, None::<()>)?;
        opened.ok_or(ureq::Error::ConnectionFailed)
    }
}

fn handshake(
    config: &Arc<ClientConfig>,
    details: &ConnectionDetails,
    transport: Box<dyn Transport>,
) -> Result<Tls, ureq::Error> {
    let host = details.uri.host().unwrap_or_default();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| ureq::Error::Tls("the host's name cannot be in a certificate"))?;
    let mut connection =
        ClientConnection::new(Arc::clone(config), name).map_err(ureq::Error::Rustls)?;
    let mut socket = TransportAdapter::new(transport, Arc::clone(&details.current_time));
    connection.complete_io(&mut socket)?;
    Ok(Tls {
        buffers: LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        ),
        stream: StreamOwned::new(connection, socket),
    })
}

struct Tls {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Transport for Tls {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Takes note of what leaves, and holds a handshake, and a proxy that answers drop by drop, to the limit for connecting.
struct Watched {
    inner: Box<dyn Transport>,
    progress: Arc<Progress>,
    /// When the limit for connecting is over.
    end: Instant,
    current_time: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Watched {
    fn cut(&self, mut timeout: NextTimeout) -> Result<NextTimeout, ureq::Error> {
        if self.progress.get().closed
            && let (Instant::Exact(end), Instant::Exact(now)) = (self.end, (self.current_time)())
        {
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return Err(ureq::Error::Timeout(ureq::Timeout::Connect));
            }
            timeout.after = timeout.after.min(Duration::Exact(left));
            timeout.reason = ureq::Timeout::Connect;
        }
        Ok(timeout)
    }
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = self.cut(timeout)?;
        let stage = self.progress.get();
        // What goes to a proxy does not reach the server.
        self.progress.set(Stage {
            sent: !stage.closed,
            ..stage
        });
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = self.cut(timeout)?;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
