//! The server's end of a SoupBinTCP session: checks the login, keeps the connection alive, sends messages.
//!
//! Sans-I/O, as [`super::client`] is. It keeps no messages. Unless its owner does, and says so with
//! [`SoupBinServer::keep`], the stream that it serves begins with message 1 on every connection (as a GLIMPSE snapshot
//! does), and a client that asks for a later one is refused. Buffers are allocated at construction, and a client that
//! does not read fills them and no more.

use crate::send_buffer::SendBuffer;

use super::{Framer, HEARTBEAT_NS, LOGIN_PAYLOAD_VERSION_4, LoginAccepted, LoginRequest, Packet};
use super::{RejectReason, SILENCE_NS, SoupError};

/// Bytes of the longest packet that a client may send.
const CLIENT_PACKET_MAX: usize = 1024;
const _: () = assert!(CLIENT_PACKET_MAX >= 3 + LOGIN_PAYLOAD_VERSION_4);

/// Room that messages leave for the session's own packets: heartbeats and the end of the session.
const RESERVED: usize = 3 * 32;

/// What a server answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// User name that logs in, padded on the right; `None`: anybody may, whatever the password.
    pub login: Option<([u8; 6], [u8; 10])>,
    /// Session that is served, padded on the left.
    pub session: [u8; 10],
    /// Bytes that may wait for a client.
    pub send_buffer_bytes: usize,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// There is no connection.
    Disconnected,
    /// Connected; the client has not logged in.
    AwaitingLogin,
    /// Messages may be sent.
    LoggedOn,
    /// It is over: close the connection once nothing is pending.
    Closed,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct SoupBinServer {
    framer: Framer,
    link: Link,
}

/// All but the framer, whose packets are borrowed while the rest changes.
#[derive(Clone, Debug)]
struct Link {
    config: ServerConfig,
    out: SendBuffer,
    state: ServerState,
    next_sequence: u64,
    /// First and next number of the messages that a client can ask for.
    kept: (u64, u64),
    sent_ns: u64,
    received_ns: u64,
}

impl SoupBinServer {
    /// A server's end, without a connection yet.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        let out = SendBuffer::with_capacity(config.send_buffer_bytes.saturating_add(RESERVED));
        let state = ServerState::Disconnected;
        Self {
            framer: Framer::with_capacity(CLIENT_PACKET_MAX),
            link: Link { config, out, state, next_sequence: 1, kept: (1, 1), sent_ns: 0, received_ns: 0 },
        }
    }

    /// A client has connected.
    pub fn on_connect(&mut self, now_ns: u64) {
        self.on_disconnect();
        self.link.state = ServerState::AwaitingLogin;
        self.link.next_sequence = 1;
        self.link.received_ns = now_ns;
        self.link.sent_ns = now_ns;
    }

    /// The connection is gone.
    pub fn on_disconnect(&mut self) {
        self.framer.clear();
        self.link.out.clear();
        self.link.state = ServerState::Disconnected;
    }

    /// Bytes of the client, cut anywhere. A login that is good makes the state [`ServerState::LoggedOn`].
    ///
    /// # Errors
    /// [`SoupError`] of a client that does not keep to the protocol or may not log in; the state is
    /// [`ServerState::Closed`] then, and the reject may still be pending.
    pub fn on_bytes(&mut self, now_ns: u64, bytes: &[u8]) -> Result<(), SoupError> {
        self.on_messages(now_ns, bytes, &mut |_| {})
    }

    /// The same for a server that wants the client's unsequenced messages: each goes to `messages`, in order.
    ///
    /// # Errors
    /// As [`Self::on_bytes`]; the messages before it were good.
    pub fn on_messages(
        &mut self,
        now_ns: u64,
        bytes: &[u8],
        messages: &mut impl FnMut(&[u8]),
    ) -> Result<(), SoupError> {
        if !bytes.is_empty() {
            self.link.received_ns = now_ns;
        }
        let Self { framer, link } = self;
        let done = framer.each_packet(bytes, |packet| {
            let packet = Packet::decode(packet)?;
            if let (ServerState::LoggedOn, Packet::Unsequenced(message)) = (link.state, packet) {
                messages(message);
            }
            link.on_packet(now_ns, packet)
        });
        if done.is_err() {
            link.state = ServerState::Closed;
        }
        done
    }

    /// The owner keeps the messages from number `first` up to, but not with, number `next`: a login can ask for any of
    /// them, and the owner sends them from [`Self::next_sequence`] on.
    pub fn keep(&mut self, first: u64, next: u64) {
        self.link.kept = (first, next);
    }

    /// Sends the next sequenced message; `false`, and nothing was sent, when nobody is logged on or there is no room
    /// for it now: try again when the socket has taken some of [`Self::pending`].
    pub fn send(&mut self, now_ns: u64, body: &[u8]) -> bool {
        let link = &mut self.link;
        if link.state != ServerState::LoggedOn
            || link.out.room() < body.len().saturating_add(3 + RESERVED)
            || !link.push(now_ns, &Packet::Sequenced(body))
        {
            return false;
        }
        link.next_sequence = link.next_sequence.saturating_add(1);
        true
    }

    /// No message will follow: tells the client, and the connection is to be closed when that has been sent.
    pub fn end_session(&mut self, now_ns: u64) {
        if self.link.state == ServerState::LoggedOn {
            self.link.push(now_ns, &Packet::EndOfSession);
        }
        self.link.state = ServerState::Closed;
    }

    /// Sends the heartbeat that is due.
    ///
    /// # Errors
    /// [`SoupError::Silence`] when the client was silent (or did not log in) for too long, [`SoupError::Backlog`] when
    /// it reads nothing; the state is [`ServerState::Closed`] then.
    pub fn on_timer(&mut self, now_ns: u64) -> Result<(), SoupError> {
        let link = &mut self.link;
        if !matches!(link.state, ServerState::AwaitingLogin | ServerState::LoggedOn) {
            return Ok(());
        }
        let failed = if now_ns.saturating_sub(link.received_ns) >= SILENCE_NS {
            SoupError::Silence
        } else if link.state == ServerState::LoggedOn
            && now_ns.saturating_sub(link.sent_ns) >= HEARTBEAT_NS
            && !link.push(now_ns, &Packet::ServerHeartbeat)
        {
            SoupError::Backlog
        } else {
            return Ok(());
        };
        link.state = ServerState::Closed;
        Err(failed)
    }

    /// When [`Self::on_timer`] has something to do next, ns; `u64::MAX`: never.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        let silence_ns = self.link.received_ns.saturating_add(SILENCE_NS);
        match self.link.state {
            ServerState::AwaitingLogin => silence_ns,
            ServerState::LoggedOn => silence_ns.min(self.link.sent_ns.saturating_add(HEARTBEAT_NS)),
            _ => u64::MAX,
        }
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> ServerState {
        self.link.state
    }

    /// Number of the next message that [`Self::send`] sends on this connection: 1, or what the login asked for.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.link.next_sequence
    }

    /// Bytes to send.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.link.out.pending()
    }

    /// The socket took the first `count` pending bytes.
    pub fn consume(&mut self, count: usize) {
        self.link.out.consume(count);
    }
}

impl Link {
    fn push(&mut self, now_ns: u64, packet: &Packet<'_>) -> bool {
        self.sent_ns = now_ns;
        packet.send_into(&mut self.out)
    }

    fn on_packet(&mut self, now_ns: u64, packet: Packet<'_>) -> Result<(), SoupError> {
        match (self.state, packet) {
            (_, Packet::Debug(_))
            | (ServerState::LoggedOn, Packet::ClientHeartbeat | Packet::Unsequenced(_))
            | (ServerState::Closed, _) => Ok(()),
            (ServerState::AwaitingLogin, Packet::LoginRequest(login)) => self.on_login(now_ns, &login),
            (ServerState::LoggedOn | ServerState::AwaitingLogin, Packet::LogoutRequest) => {
                self.state = ServerState::Closed;
                Ok(())
            }
            (_, packet) => Err(SoupError::Unexpected(packet.packet_type())),
        }
    }

    fn on_login(&mut self, now_ns: u64, login: &LoginRequest) -> Result<(), SoupError> {
        let authorized = self.config.login.is_none_or(|(username, password)| {
            username.eq_ignore_ascii_case(&login.username) && password.eq_ignore_ascii_case(&login.password)
        });
        let session = self.config.session;
        let (first, next) = self.kept;
        // 0 asks for the newest message and what follows it.
        let sequence = if login.sequence == 0 { (next - 1).max(first) } else { login.sequence };
        let refused = if !authorized {
            RejectReason::NotAuthorized
        } else if (login.session != [b' '; 10] && login.session.trim_ascii() != session.trim_ascii())
            || !(first..=next).contains(&sequence)
        {
            RejectReason::SessionNotAvailable
        } else {
            self.state = ServerState::LoggedOn;
            self.next_sequence = sequence;
            self.push(now_ns, &Packet::LoginAccepted(LoginAccepted { session, sequence }));
            return Ok(());
        };
        self.push(now_ns, &Packet::LoginRejected(refused));
        Err(SoupError::Rejected(refused))
    }
}
