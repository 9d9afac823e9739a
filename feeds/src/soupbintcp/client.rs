//! The client's end of a SoupBinTCP session: logs in, keeps the connection alive, numbers the messages.
//!
//! Sans-I/O: [`SoupBinClient::on_bytes`] takes what the socket gave, [`SoupBinClient::pending`] is what it has to send,
//! [`SoupBinClient::on_timer`] does what time demands; times are ns of any clock that does not go back. Buffers are
//! allocated at construction. It does not connect again by itself and does not store messages.

use crate::send_buffer::SendBuffer;

use super::{Framer, HEARTBEAT_NS, LOGIN_REQUEST_LENGTH, LoginAccepted, LoginRequest, SILENCE_NS};
use super::{Packet, SoupError};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// There is no connection.
    Disconnected,
    /// The login request is on its way.
    LoggingIn,
    /// Messages flow.
    LoggedOn,
    /// The server has ended the session: no message will follow.
    Ended,
    /// The session has failed, or the client has logged out: close the connection once nothing is pending.
    Closed,
}

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The login was accepted.
    LoggedOn(LoginAccepted),
    /// A message of the sequenced stream.
    Message {
        /// Its number in the session.
        sequence: u64,
        /// Its bytes.
        body: &'a [u8],
    },
    /// A message outside the sequenced stream.
    Unsequenced(&'a [u8]),
    /// The session is over.
    EndOfSession,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct SoupBinClient {
    framer: Framer,
    link: Link,
}

/// All but the framer, whose packets are borrowed while the rest changes.
#[derive(Clone, Debug)]
struct Link {
    login: LoginRequest,
    out: SendBuffer,
    state: ClientState,
    next_sequence: u64,
    sent_ns: u64,
    received_ns: u64,
}

impl SoupBinClient {
    /// A client that will log in like this; packets of up to `packet_length_max` bytes are taken in.
    #[must_use]
    pub fn new(login: LoginRequest, packet_length_max: usize) -> Self {
        // The login, a logout, and more heartbeats than a peer that lets this one live can leave unread.
        Self::with_send_buffer(login, packet_length_max, LOGIN_REQUEST_LENGTH + 64 * 3)
    }

    /// The same for a client that sends messages too: `send_buffer_bytes` may wait for the server.
    #[must_use]
    pub fn with_send_buffer(login: LoginRequest, packet_length_max: usize, send_buffer_bytes: usize) -> Self {
        let out = SendBuffer::with_capacity(send_buffer_bytes.max(LOGIN_REQUEST_LENGTH));
        let state = ClientState::Disconnected;
        Self {
            framer: Framer::with_capacity(packet_length_max),
            link: Link { login, out, state, next_sequence: 0, sent_ns: 0, received_ns: 0 },
        }
    }

    /// The connection stands: the login request is pending.
    pub fn on_connect(&mut self, now_ns: u64) {
        self.on_disconnect();
        self.link.state = ClientState::LoggingIn;
        self.link.received_ns = now_ns;
        let login = self.link.login;
        self.link.send(now_ns, &Packet::LoginRequest(login));
    }

    /// The connection is gone; what was received in part is forgotten.
    pub fn on_disconnect(&mut self) {
        self.framer.clear();
        self.link.out.clear();
        self.link.state = ClientState::Disconnected;
    }

    /// Bytes of the server, cut anywhere; what they mean goes to `events`, in order.
    ///
    /// # Errors
    /// [`SoupError`]: the state is [`ClientState::Closed`] then; the events before it were good.
    pub fn on_bytes(
        &mut self,
        now_ns: u64,
        bytes: &[u8],
        events: &mut impl FnMut(ClientEvent<'_>),
    ) -> Result<(), SoupError> {
        if !bytes.is_empty() {
            self.link.received_ns = now_ns;
        }
        let Self { framer, link } = self;
        let done = framer.each_packet(bytes, |packet| link.on_packet(Packet::decode(packet)?, events));
        if done.is_err() {
            link.state = ClientState::Closed;
        }
        done
    }

    /// Sends the heartbeat that is due.
    ///
    /// # Errors
    /// [`SoupError::Silence`] when the server was silent for too long, [`SoupError::Backlog`] when the socket takes
    /// nothing; the state is [`ClientState::Closed`] then.
    pub fn on_timer(&mut self, now_ns: u64) -> Result<(), SoupError> {
        let link = &mut self.link;
        if !matches!(link.state, ClientState::LoggingIn | ClientState::LoggedOn) {
            return Ok(());
        }
        let failed = if now_ns.saturating_sub(link.received_ns) >= SILENCE_NS {
            SoupError::Silence
        } else if link.state == ClientState::LoggedOn
            && now_ns.saturating_sub(link.sent_ns) >= HEARTBEAT_NS
            && !link.send(now_ns, &Packet::ClientHeartbeat)
        {
            SoupError::Backlog
        } else {
            return Ok(());
        };
        link.state = ClientState::Closed;
        Err(failed)
    }

    /// When [`Self::on_timer`] has something to do next, ns; `u64::MAX`: never.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        let silence_ns = self.link.received_ns.saturating_add(SILENCE_NS);
        match self.link.state {
            ClientState::LoggingIn => silence_ns,
            ClientState::LoggedOn => silence_ns.min(self.link.sent_ns.saturating_add(HEARTBEAT_NS)),
            _ => u64::MAX,
        }
    }

    /// What the next connection logs in for: that session from that message on (section 2.3.1).
    pub fn join(&mut self, session: [u8; 10], sequence: u64) {
        self.link.login.session = session;
        self.link.login.sequence = sequence;
    }

    /// Free space behind the pending bytes, at least `wanted` where there is as much: write whole packets at its start,
    /// then [`Self::sent`] them. For callers that prepare their packets; nothing checks them.
    #[inline]
    pub fn space(&mut self, wanted: usize) -> &mut [u8] {
        self.link.out.space(wanted)
    }

    /// The first `count` bytes of [`Self::space`] are packets to send.
    #[inline]
    pub fn sent(&mut self, now_ns: u64, count: usize) {
        self.link.out.commit(count);
        self.link.sent_ns = now_ns;
    }

    /// The session cannot go on: the connection is to be closed.
    pub fn fail(&mut self) {
        self.link.state = ClientState::Closed;
    }

    /// Asks the server to close the connection.
    pub fn log_out(&mut self, now_ns: u64) {
        if matches!(self.link.state, ClientState::LoggingIn | ClientState::LoggedOn) {
            self.link.send(now_ns, &Packet::LogoutRequest);
        }
        self.link.state = ClientState::Closed;
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> ClientState {
        self.link.state
    }

    /// Number of the next sequenced message; 0 before the login was accepted.
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
    fn send(&mut self, now_ns: u64, packet: &Packet<'_>) -> bool {
        self.sent_ns = now_ns;
        packet.send_into(&mut self.out)
    }

    fn on_packet(
        &mut self,
        packet: Packet<'_>,
        events: &mut impl FnMut(ClientEvent<'_>),
    ) -> Result<(), SoupError> {
        match (self.state, packet) {
            (_, Packet::Debug(_))
            | (ClientState::LoggingIn | ClientState::LoggedOn, Packet::ServerHeartbeat)
            // What was under way when the client logged out, or behind the end.
            | (ClientState::Closed | ClientState::Ended, _) => {}
            (ClientState::LoggingIn, Packet::LoginAccepted(accepted)) => {
                self.state = ClientState::LoggedOn;
                self.next_sequence = accepted.sequence;
                events(ClientEvent::LoggedOn(accepted));
            }
            (ClientState::LoggingIn, Packet::LoginRejected(reason)) => {
                return Err(SoupError::Rejected(reason));
            }
            (ClientState::LoggedOn, Packet::Sequenced(body)) => {
                let sequence = self.next_sequence;
                self.next_sequence = sequence.saturating_add(1);
                events(ClientEvent::Message { sequence, body });
            }
            (ClientState::LoggedOn, Packet::Unsequenced(body)) => events(ClientEvent::Unsequenced(body)),
            (ClientState::LoggedOn, Packet::EndOfSession) => {
                self.state = ClientState::Ended;
                events(ClientEvent::EndOfSession);
            }
            (_, packet) => return Err(SoupError::Unexpected(packet.packet_type())),
        }
        Ok(())
    }
}
