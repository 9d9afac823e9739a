//! One listener of a venue and the client behind it: the acceptor's bytes to and from a connection.
//!
//! One client at a time: a second connection is closed at once, the first lives on; so is every one while the desk is
//! closed. Whoever serves the venue calls
//! [`Desk::serve`] in turns; it never waits. Errors of a client end that client's connection and nothing else.

use std::io::{self, ErrorKind};
use std::net::TcpListener;

use crate::control::failure::Failure;
use crate::transport::endpoint::ConnectionAcceptor;
use crate::transport::{Connection, Transport};

/// The venue's end of an order-entry session, sans-I/O: bytes of one client in, bytes for it out.
pub trait Acceptor {
    /// A client has connected.
    fn connected(&mut self, now_ns: u64);
    /// The client is gone.
    fn disconnected(&mut self, now_ns: u64);
    /// Bytes of the client.
    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8]);
    /// A turn without bytes: what is due, and what is left to send again.
    fn on_timer(&mut self, now_ns: u64);
    /// Bytes that wait for the client.
    fn pending(&self) -> &[u8];
    /// The first `count` pending bytes are on their way.
    fn consume(&mut self, count: usize);
    /// Whether the connection is to be closed once nothing is pending.
    fn wants_close(&self) -> bool;
}

/// See the module's text.
pub struct Desk<A> {
    listener: TcpListener,
    /// The session behind the socket.
    pub acceptor: A,
    /// How clients are accepted: as they come, or by TLS.
    way: ConnectionAcceptor,
    client: Option<Connection>,
    is_open: bool,
    connections: u64,
    /// Clients that were gone before their handshake was over, and why the last one was.
    refused: u64,
    last_refusal: Option<io::Error>,
}

impl<A: Acceptor> Desk<A> {
    /// Listens on `HOST:PORT`; `name` is for the error.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub fn bind(name: &str, address: &str, acceptor: A, way: ConnectionAcceptor) -> Result<Self, Failure> {
        let refused = |error| Failure::Input(format!("venue {name}: {address}: {error}"));
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        Ok(Self {
            listener,
            acceptor,
            way,
            client: None,
            is_open: true,
            connections: 0,
            refused: 0,
            last_refusal: None,
        })
    }

    /// `HOST:PORT` that it listens on.
    #[must_use]
    pub fn address(&self) -> String {
        self.listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    /// Lets clients in from now on, or none; the one that is there stays until its session ends.
    pub const fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// Whether a client is there.
    #[must_use]
    pub const fn has_client(&self) -> bool {
        self.client.is_some()
    }

    /// Connections that were served.
    #[must_use]
    pub const fn connections(&self) -> u64 {
        self.connections
    }

    /// How many handshakes failed, and why the last one did; none when none did.
    #[must_use]
    pub fn refusals(&self) -> Option<String> {
        let error = self.last_refusal.as_ref()?;
        Some(format!("{} handshakes failed; the last: {error}", self.refused))
    }

    /// One turn: whether there was anything to do.
    pub fn serve(&mut self, now_ns: u64, buffer: &mut [u8]) -> bool {
        let mut worked = self.receive(now_ns, buffer);
        if let Ok((stream, _)) = self.listener.accept() {
            // The end of the client before may have come between its last read and now.
            worked |= self.receive(now_ns, buffer);
            if self.is_open
                && self.client.is_none()
                && let Ok(connection) = self.way.accept(stream)
            {
                self.client = Some(connection);
                self.connections += 1;
                self.acceptor.connected(now_ns);
            }
        }
        let Some(client) = &mut self.client else { return worked };
        self.acceptor.on_timer(now_ns);
        let mut gone = false;
        if !self.acceptor.pending().is_empty() {
            worked = true;
            match client.send(self.acceptor.pending()) {
                Ok(count) => self.acceptor.consume(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => gone = true,
            }
        }
        let is_sent = self.acceptor.pending().is_empty() && client.is_drained();
        if gone || (self.acceptor.wants_close() && is_sent) {
            self.close(now_ns);
        }
        worked
    }

    fn receive(&mut self, now_ns: u64, buffer: &mut [u8]) -> bool {
        let Some(client) = &mut self.client else { return false };
        match client.receive(buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.acceptor.on_bytes(now_ns, &buffer[..length]);
                true
            }
            Err(error) => {
                if !client.is_ready() {
                    self.refused += 1;
                    self.last_refusal = Some(error);
                }
                self.close(now_ns);
                true
            }
        }
    }

    /// Ends the client's connection, if there is one.
    pub fn close(&mut self, now_ns: u64) {
        if self.client.take().is_some() {
            self.acceptor.disconnected(now_ns);
        }
    }
}
