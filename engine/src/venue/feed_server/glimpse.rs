//! The GLIMPSE server: snapshots of the venue's state over SoupBinTCP.
//!
//! A few clients at once, each with its session and the place in the snapshot that it has got to. A connection is kept
//! until the client has closed it, or a little while, so that its end is not lost; one that takes too long is given up,
//! because the books stand still for it.

use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpListener};

use feeds::soupbintcp::{ServerConfig, ServerState, SoupBinServer, session_field, text_field};
use feeds::units::NS_PER_S;
use kernels::cpu::book::BookConfig;

use crate::control::feed_config::FeedLinesConfig;
use crate::control::inputs::VenueInput;
use crate::transport::Transport;
use crate::transport::tcp::Tcp;
use crate::venue::publisher::{Snapshot, SnapshotBooks, Told};

/// Clients at once; further ones are turned away.
const CLIENTS_MAX: usize = 16;

/// Messages that the books catch up with a turn: more than are published a turn.
const CATCH_UP_A_TURN: u64 = 1_024;

/// Messages told a client and turn at most.
const TOLD_A_TURN: usize = 512;

/// Bytes that may wait for a client.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// A client that has not had its snapshot for so long after the connection is given up, ns.
const PATIENCE_NS: u64 = 60 * NS_PER_S;

/// How long a client has to close the connection when it has everything, ns.
const LINGER_NS: u64 = 5 * NS_PER_S;

struct Client {
    socket: Tcp,
    session: SoupBinServer,
    snapshot: Option<Snapshot>,
    give_up_ns: u64,
    is_told: bool,
}

/// See the module's text.
pub(super) struct GlimpseServer<'a> {
    listener: TcpListener,
    config: ServerConfig,
    books: SnapshotBooks<'a>,
    clients: Vec<Client>,
    snapshots: u64,
}

impl<'a> GlimpseServer<'a> {
    /// Listens at `address`.
    pub(super) fn bind(
        address: SocketAddrV4,
        input: &'a VenueInput,
        config: &FeedLinesConfig,
        books: BookConfig,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let login = (!config.glimpse_username.is_empty()).then(|| {
            (text_field(config.glimpse_username.as_bytes()), text_field(config.glimpse_password.as_bytes()))
        });
        let session = session_field(config.publisher.session.as_bytes());
        Ok(Self {
            listener,
            config: ServerConfig { login, session, send_buffer_bytes: SEND_BUFFER_BYTES },
            books: SnapshotBooks::new(&input.capture, &input.scan, books).map_err(io::Error::other)?,
            clients: Vec::new(),
            snapshots: 0,
        })
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Snapshots told to the end.
    pub(super) const fn snapshots(&self) -> u64 {
        self.snapshots
    }

    /// Follows the feed up to message number `published` and serves the clients; says whether there was anything to
    /// do.
    pub(super) fn turn(&mut self, now_ns: u64, published: u64) -> bool {
        let mut worked = self.books.catch_up(published, CATCH_UP_A_TURN) > 0;
        if let Ok((stream, _)) = self.listener.accept() {
            worked = true;
            if self.clients.len() < CLIENTS_MAX
                && let Ok(socket) = Tcp::of(stream)
            {
                let mut session = SoupBinServer::new(self.config);
                session.on_connect(now_ns);
                let give_up_ns = now_ns.saturating_add(PATIENCE_NS);
                self.clients.push(Client { socket, session, snapshot: None, give_up_ns, is_told: false });
            }
        }
        let mut at = 0;
        while at < self.clients.len() {
            match self.serve(at, now_ns, published) {
                Some(client_worked) => {
                    worked |= client_worked;
                    at += 1;
                }
                None => {
                    let client = self.clients.swap_remove(at);
                    if let Some(snapshot) = client.snapshot {
                        self.books.end(snapshot);
                    }
                }
            }
        }
        worked
    }

    /// Whether there was anything to do; `None` when the client is gone, or is to go.
    fn serve(&mut self, at: usize, now_ns: u64, published: u64) -> Option<bool> {
        let Self { books, clients, snapshots, .. } = self;
        let client = &mut clients[at];
        if now_ns >= client.give_up_ns {
            return None;
        }
        let mut bytes = [0; 1024];
        let received = client.socket.receive(&mut bytes).ok()?;
        let mut worked = received > 0;
        if client.is_told {
            // It has everything; that it reads it, and closes, is all that is waited for.
        } else if client.session.on_bytes(now_ns, &bytes[..received]).is_err()
            || client.session.on_timer(now_ns).is_err()
        {
            // A reject may be pending: it is sent below, as far as the system takes it now.
        } else if client.session.state() == ServerState::LoggedOn {
            if client.snapshot.is_none() {
                client.snapshot = books.begin(published);
            }
            if let Some(snapshot) = &mut client.snapshot {
                let told = tell(&mut client.session, snapshot, books, now_ns);
                worked |= told != Some(0);
                if told.is_none() {
                    client.session.end_session(now_ns);
                    client.is_told = true;
                    client.give_up_ns = now_ns.saturating_add(LINGER_NS);
                    *snapshots += 1;
                    if let Some(snapshot) = client.snapshot.take() {
                        books.end(snapshot);
                    }
                }
            }
        }
        let sent = client.socket.send(client.session.pending()).ok()?;
        client.session.consume(sent);
        let is_closed = client.session.state() == ServerState::Closed && !client.is_told;
        (!is_closed).then_some(worked || sent > 0)
    }
}

/// Tells a client more of its snapshot: how many messages it took; `None` when it has all of them.
fn tell(
    session: &mut SoupBinServer,
    snapshot: &mut Snapshot,
    books: &SnapshotBooks<'_>,
    now_ns: u64,
) -> Option<usize> {
    for told in 0..TOLD_A_TURN {
        match snapshot.message(books) {
            Told::Message(body) if session.send(now_ns, body) => snapshot.advance(),
            Told::Message(_) | Told::Nothing => return Some(told),
            Told::Done => return None,
        }
    }
    Some(TOLD_A_TURN)
}
