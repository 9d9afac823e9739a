//! Where a venue's order entry is and how it is reached: made from the configuration once, used at every connection.
//!
//! An [`Endpoint`] is the client's side: cold threads connect with it, at start and again after a loss. An [`ConnectionAcceptor`] is
//! the simulated venue's. Certificates are read when they are made. Both allocate and block; neither is for a hot thread.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use super::tcp::Tcp;
use super::tls::Tls;
use super::uring::Uring;
use super::{Connection, tls_files};
use crate::control::config::VenueConfig;
use crate::control::transport_config::TransportKind;

/// How long a connection, and then its handshake, may take.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
enum Way {
    Tcp,
    Uring,
    Tls { name: ServerName<'static>, config: Arc<ClientConfig> },
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Endpoint {
    venue: String,
    address: String,
    way: Way,
    busy_poll_us: u32,
}

impl Endpoint {
    /// The way to a venue that listens at `address` (`HOST:PORT`), as its configuration says.
    ///
    /// # Errors
    /// What is wrong with certificates, keys, or the server's name.
    pub fn new(venue: &VenueConfig, address: &str) -> Result<Self, String> {
        let way = match (&venue.tls, venue.transport) {
            (Some(tls), _) => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let name = if tls.server_name.is_empty() { host } else { &tls.server_name };
                let name = ServerName::try_from(name.to_owned()).map_err(|_| {
                    format!(
                        "venue {}: tls.server_name: {name:?} is neither a host name nor an address",
                        venue.name
                    )
                })?;
                Way::Tls { name, config: tls_files::client(&format!("venue {}", venue.name), tls)? }
            }
            (None, TransportKind::Tcp) => Way::Tcp,
            (None, TransportKind::Uring) => Way::Uring,
        };
        Ok(Self {
            venue: venue.name.clone(),
            address: address.to_owned(),
            way,
            busy_poll_us: venue.busy_poll_us,
        })
    }

    /// Connects; blocks up to twice [`CONNECT_PATIENCE`].
    ///
    /// # Errors
    /// Which venue, where, and why not.
    pub fn connect(&self) -> Result<Connection, String> {
        self.try_connect().map_err(|error| format!("venue {} at {}: {error}", self.venue, self.address))
    }

    fn try_connect(&self) -> io::Result<Connection> {
        let connection = match &self.way {
            Way::Tcp => Connection::Tcp(Tcp::connect(&self.address, CONNECT_PATIENCE)?),
            Way::Uring => Connection::Uring(Box::new(Uring::connect(&self.address, CONNECT_PATIENCE)?)),
            Way::Tls { name, config } => {
                let tls = Tls::connect(&self.address, name.clone(), Arc::clone(config), CONNECT_PATIENCE)?;
                Connection::Tls(Box::new(tls))
            }
        };
        if self.busy_poll_us > 0 {
            match &connection {
                Connection::Tcp(tcp) => tcp.busy_poll(self.busy_poll_us),
                Connection::Uring(uring) => uring.busy_poll(self.busy_poll_us),
                Connection::Tls(tls) => tls.busy_poll(self.busy_poll_us),
            }
        }
        Ok(connection)
    }
}

/// The acceptor's side of a simulated venue: TLS where a certificate is configured, plain TCP otherwise. It does not use
/// `io_uring`: the venue is a peer to test against, not a path to shorten.
#[derive(Clone, Debug)]
pub struct ConnectionAcceptor {
    tls: Option<Arc<ServerConfig>>,
}

impl ConnectionAcceptor {
    /// Plain TCP.
    #[must_use]
    pub const fn plain() -> Self {
        Self { tls: None }
    }

    /// How a venue's configuration says that it accepts.
    ///
    /// # Errors
    /// What is wrong with its certificate or key; TLS without them.
    pub fn new(venue: &VenueConfig) -> Result<Self, String> {
        let what = format!("venue {}", venue.name);
        let tls = match &venue.tls {
            None => None,
            Some(tls) if tls.certificate_file.is_empty() => {
                return Err(format!(
                    "{what}: tls: the built-in venue needs a certificate of its own: give certificate_file and key_file"
                ));
            }
            Some(tls) => Some(tls_files::server(&what, tls)?),
        };
        Ok(Self { tls })
    }

    /// Takes over an accepted stream. A handshake goes on while the connection is polled.
    ///
    /// # Errors
    /// When the system refuses an option.
    pub fn accept(&self, stream: TcpStream) -> io::Result<Connection> {
        Ok(match &self.tls {
            None => Connection::Tcp(Tcp::of(stream)?),
            Some(config) => Connection::Tls(Box::new(Tls::accept(stream, Arc::clone(config))?)),
        })
    }
}
