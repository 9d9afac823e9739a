//! The FIX 4.4 session, sans-I/O: initiator and acceptor on one state machine.
//!
//! Bytes and times in, bytes (into a [`SendBuffer`]) and application messages (to a handler) out. It reads no clock and
//! owns no socket; times are UTC ns and must not decrease. It allocates at construction only ([`super::framer`]'s
//! buffer) and belongs to the thread that owns the socket.
//!
//! **What it does.** Logon with HeartBtInt(108) and ResetSeqNumFlag(141), Heartbeat, TestRequest after a silence of
//! HeartBtInt and a fifth, Logout handshake, sequence checks, ResendRequest for what is missing, both forms of
//! SequenceReset, checks of BeginString, CompIDs and SendingTime (120 s), Reject (3) and BusinessMessageReject (j) for
//! what the handler refuses.
//!
//! **What it refuses.** It never resends an application message: a ResendRequest is answered with a
//! SequenceReset-GapFill over the whole range, since an order that is late is an order nobody wants any more. Messages
//! behind a gap are dropped, as the peer sends them again. It keeps no message store; [`Session::resume`] takes the
//! sequence numbers from whoever does. Encryption other than none is refused. Cancel-on-disconnect is the venue's
//! configuration, not a tag.
//!
//! **How to drive it.** On a new connection [`Session::on_connect`]; then [`Session::on_bytes`] for every read and
//! [`Session::on_timer`] at [`Session::next_timer_ns`]. After each call write what is pending, and when the answer is
//! [`Outcome::Close`], close the socket after that write and call [`Session::on_disconnect`]. Order messages go straight
//! into the same buffer: [`Session::reserve_sequence`], encode into [`SendBuffer::space`], [`SendBuffer::commit`],
//! [`Session::sent`].

mod admin;
mod header;
mod inbound;

use std::ops::ControlFlow;
use std::sync::Arc;

use feeds::send_buffer::SendBuffer;
use feeds::units::{NS_PER_S, TIME_NONE};

use super::codec::{Encoder, Header};
use super::fault::MessageError;
use super::fix44;
use super::frame::{FRAME_MAX, Frame};
use super::framer::Framer;
use super::identity::SessionIds;
use super::logon_auth::{LogonAuth, LogonHeader, LogonVerifier};
use super::timestamp::{TimePrecision, write_timestamp};

/// How far SendingTime(52) may be from our clock, ns.
pub const SENDING_TIME_TOLERANCE_NS: u64 = 120 * NS_PER_S;

/// Longest HeartBtInt(108) that is accepted, s.
pub const HEARTBEAT_S_MAX: u32 = 3_600;

/// Which side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Connects, and sends the first Logon.
    Initiator,
    /// Is connected to, and answers the Logon.
    Acceptor,
}

/// Fixed for the life of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Which side.
    pub role: Role,
    /// Who we are and who the peer is.
    pub ids: SessionIds,
    /// HeartBtInt(108) that an initiator asks for, s, 0 for none. An acceptor takes the initiator's.
    pub heartbeat_s: u32,
    /// Initiator: whether each logon starts both sequences at 1 (ResetSeqNumFlag=Y). An acceptor does what it is asked.
    pub reset_on_logon: bool,
    /// Digits of SendingTime(52) in what the session itself writes.
    pub time_precision: TimePrecision,
    /// Initiator: how its Logon proves who it is.
    pub logon_auth: Arc<LogonAuth>,
    /// Acceptor: what a Logon must prove; none takes every one.
    pub logon_verifier: Option<Arc<LogonVerifier>>,
    /// How long to wait for the peer's Logon after the connection, ns.
    pub logon_timeout_ns: u64,
    /// How long to wait for the answer to our Logout, ns.
    pub logout_timeout_ns: u64,
}

impl SessionConfig {
    /// An initiator with the given heartbeat interval (at most [`HEARTBEAT_S_MAX`]) that resets at logon; ten seconds
    /// for logon and logout.
    #[must_use]
    pub fn initiator(ids: SessionIds, heartbeat_s: u32) -> Self {
        Self {
            role: Role::Initiator,
            ids,
            heartbeat_s: heartbeat_s.min(HEARTBEAT_S_MAX),
            reset_on_logon: true,
            time_precision: TimePrecision::Milliseconds,
            logon_auth: Arc::default(),
            logon_verifier: None,
            logon_timeout_ns: 10 * NS_PER_S,
            logout_timeout_ns: 10 * NS_PER_S,
        }
    }

    /// An acceptor with the same times.
    #[must_use]
    pub fn acceptor(ids: SessionIds) -> Self {
        Self { role: Role::Acceptor, ..Self::initiator(ids, 0) }
    }
}

/// Why a connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Logouts were exchanged.
    LoggedOut,
    /// The peer did not answer our Logout in time.
    LogoutTimeout,
    /// The peer did not log on in time.
    LogonTimeout,
    /// The peer answered our Logon with a Logout.
    LogonRefused,
    /// The first message was no Logon, or one that we refuse.
    LogonInvalid,
    /// Nothing came, not even an answer to our TestRequest.
    PeerSilent,
    /// MsgSeqNum(34) below the expected one without PossDupFlag(43), or absent.
    Sequence,
    /// BeginString(8), a CompID or SendingTime(52) is wrong.
    Header,
    /// The send buffer is full: the peer does not read.
    SendBufferFull,
    /// The transport said so.
    Disconnected,
}

/// What the caller has to do after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Outcome {
    /// Go on.
    Open,
    /// Write what is pending, close the connection, call [`Session::on_disconnect`].
    Close(CloseReason),
}

/// Where the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection, or one that must be closed.
    Closed(CloseReason),
    /// Connected; the peer has not logged on.
    AwaitingLogon,
    /// Messages flow.
    LoggedOn,
    /// Our Logout is out; messages of the peer are still processed.
    LogoutSent,
    /// The peer's Logout is answered; the initiator is to close.
    LogoutAnswered,
}

/// What went on so far; for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    /// Frames received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages dropped behind a gap.
    pub dropped_behind_gap: u64,
    /// ResendRequests sent.
    pub resend_requests: u64,
    /// Possible duplicates that were ignored.
    pub duplicates: u64,
    /// Rejects (3, j) sent.
    pub rejects: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    framer: Framer,
    core: Core,
}

/// All of a session but the framer, so that frames can borrow from that while this changes.
#[derive(Debug)]
struct Core {
    config: SessionConfig,
    state: State,
    next_outgoing: u32,
    next_incoming: u32,
    heartbeat_ns: u64,
    last_sent_ns: u64,
    last_received_ns: u64,
    /// When an unanswered TestRequest went out; [`TIME_NONE`] where there is none.
    test_request_ns: u64,
    /// When waiting for a Logon or Logout ends.
    deadline_ns: u64,
    /// BeginSeqNo of our last ResendRequest in this connection, 0 for none: a second one for the same number would only
    /// make the peer send everything twice.
    requested_from: u32,
    counters: SessionCounters,
}

/// An `Err` closes the connection.
type Flow = Result<(), CloseReason>;

impl Session {
    /// A session that starts both sequences at 1.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        Self::resume(config, 1, 1)
    }

    /// A session that goes on with the given next MsgSeqNum(34) of each direction (at least 1), from a journal. An
    /// initiator that resets at logon starts at 1 all the same.
    #[must_use]
    pub fn resume(config: SessionConfig, next_outgoing: u32, next_incoming: u32) -> Self {
        Self {
            framer: Framer::new(),
            core: Core {
                config,
                state: State::Closed(CloseReason::Disconnected),
                next_outgoing: next_outgoing.max(1),
                next_incoming: next_incoming.max(1),
                heartbeat_ns: 0,
                last_sent_ns: 0,
                last_received_ns: 0,
                test_request_ns: TIME_NONE,
                deadline_ns: TIME_NONE,
                requested_from: 0,
                counters: SessionCounters::default(),
            },
        }
    }

    /// A connection is there. An initiator sends its Logon.
    pub fn on_connect(&mut self, now_ns: u64, out: &mut SendBuffer) -> Outcome {
        self.framer.clear();
        let core = &mut self.core;
        core.state = State::AwaitingLogon;
        core.last_sent_ns = now_ns;
        core.last_received_ns = now_ns;
        core.test_request_ns = TIME_NONE;
        core.requested_from = 0;
        core.deadline_ns = now_ns.saturating_add(core.config.logon_timeout_ns);
        if core.config.role == Role::Acceptor {
            return Outcome::Open;
        }
        if core.config.reset_on_logon {
            core.next_outgoing = 1;
            core.next_incoming = 1;
        }
        core.heartbeat_ns = u64::from(core.config.heartbeat_s) * NS_PER_S;
        let flow = core.send_logon(now_ns, out, core.config.heartbeat_s, core.config.reset_on_logon);
        core.outcome(flow)
    }

    /// The connection is gone. Unsent bytes of it are of no use: clear the send buffer.
    pub fn on_disconnect(&mut self) {
        if !matches!(self.core.state, State::Closed(_)) {
            self.core.state = State::Closed(CloseReason::Disconnected);
        }
        self.framer.clear();
    }

    /// Takes bytes of the peer and hands each application message (and each session Reject, type `3`) that is in
    /// sequence to `handler`: time, MsgType(35) as a byte (0 where it is longer), frame. What the handler refuses is
    /// answered with a Reject, or with a BusinessMessageReject where it is
    /// [`super::fault::Fault::UnsupportedMessageType`]; the message counts as received.
    pub fn on_bytes(
        &mut self,
        now_ns: u64,
        bytes: &[u8],
        out: &mut SendBuffer,
        handler: &mut impl FnMut(u64, u8, Frame<'_>) -> Result<(), MessageError>,
    ) -> Outcome {
        let Self { framer, core } = self;
        if let State::Closed(reason) = core.state {
            return Outcome::Close(reason);
        }
        let mut flow = Ok(());
        let _ = framer.feed(bytes, &mut |frame| {
            flow = core.on_frame(now_ns, frame, out, handler);
            if flow.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        core.outcome(flow)
    }

    /// Does what is due at `now_ns`: heartbeats, test requests, the ends of waiting.
    pub fn on_timer(&mut self, now_ns: u64, out: &mut SendBuffer) -> Outcome {
        let flow = self.core.on_timer(now_ns, out);
        self.core.outcome(flow)
    }

    /// When [`Self::on_timer`] is next of use, UTC ns; [`TIME_NONE`] for never.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        self.core.next_timer_ns()
    }

    /// Sends a Logout and waits for the answer; before the logon it closes at once.
    pub fn logout(&mut self, now_ns: u64, out: &mut SendBuffer) -> Outcome {
        let flow = self.core.start_logout(now_ns, out);
        self.core.outcome(flow)
    }

    /// The MsgSeqNum(34) for a message that the caller encodes itself. It is used up by [`Self::sent`], not before: an
    /// order that could not be encoded leaves no gap.
    #[inline]
    #[must_use]
    pub const fn reserve_sequence(&self) -> u32 {
        self.core.next_outgoing
    }

    /// The message with the reserved number is in the send buffer.
    #[inline]
    pub fn sent(&mut self, now_ns: u64) {
        self.core.sent(now_ns);
    }

    /// Whether orders may be sent.
    #[inline]
    #[must_use]
    pub fn is_logged_on(&self) -> bool {
        self.core.state == State::LoggedOn
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.core.state
    }

    /// The MsgSeqNum(34) expected next from the peer.
    #[must_use]
    pub const fn next_incoming(&self) -> u32 {
        self.core.next_incoming
    }

    /// Identities, for the headers of messages that the caller encodes.
    #[must_use]
    pub const fn ids(&self) -> &SessionIds {
        &self.core.config.ids
    }

    /// What went on so far.
    #[must_use]
    pub const fn counters(&self) -> SessionCounters {
        self.core.counters
    }

    /// Places in the byte stream where something began that was no frame.
    #[must_use]
    pub const fn garbled(&self) -> u64 {
        self.framer.garbled()
    }
}

impl Core {
    fn outcome(&mut self, flow: Flow) -> Outcome {
        match flow {
            Ok(()) => Outcome::Open,
            Err(reason) => {
                self.state = State::Closed(reason);
                Outcome::Close(reason)
            }
        }
    }

    fn sent(&mut self, now_ns: u64) {
        self.next_outgoing = self.next_outgoing.saturating_add(1);
        self.last_sent_ns = now_ns;
        self.counters.sent += 1;
    }

    /// Writes one message of the session itself under the next number.
    fn send(
        &mut self,
        now_ns: u64,
        out: &mut SendBuffer,
        message_type: u8,
        body: impl FnOnce(&mut Encoder<'_>),
    ) -> Flow {
        let header = Header {
            ids: &self.config.ids,
            sequence: self.next_outgoing,
            sending_time_ns: now_ns,
            time_precision: self.config.time_precision,
        };
        let mut encoder = Encoder::start_message(out.space(FRAME_MAX), &header, &[message_type]);
        body(&mut encoder);
        // Only room can be lacking: every text that a session writes has been checked or comes from a field.
        let length = encoder.done().map_err(|_| CloseReason::SendBufferFull)?;
        out.commit(length);
        self.sent(now_ns);
        Ok(())
    }

    fn send_logon(&mut self, now_ns: u64, out: &mut SendBuffer, heartbeat_s: u32, reset: bool) -> Flow {
        let config = &self.config;
        let header = Header {
            ids: &config.ids,
            sequence: self.next_outgoing,
            sending_time_ns: now_ns,
            time_precision: config.time_precision,
        };
        let mut encoder = Encoder::start_message(out.space(FRAME_MAX), &header, b"A");
        encoder.set(fix44::ENCRYPT_METHOD, 0).set(fix44::HEART_BT_INT, i64::from(heartbeat_s));
        if reset {
            encoder.set(fix44::RESET_SEQ_NUM_FLAG, true);
        }
        if config.role == Role::Initiator {
            // The header's SendingTime(52) once more, since it may be signed.
            let mut text = [0; 32];
            let length = write_timestamp(now_ns, config.time_precision, &mut text).unwrap_or(0);
            let logon = LogonHeader {
                ids: &config.ids,
                sequence: header.sequence,
                sending_time: &text[..length],
                sending_time_ns: now_ns,
            };
            config.logon_auth.set(&logon, &mut encoder);
        }
        let length = encoder.done().map_err(|_| CloseReason::SendBufferFull)?;
        out.commit(length);
        self.sent(now_ns);
        Ok(())
    }

    /// Says why, then closes without waiting for an answer.
    fn logout_and_close(
        &mut self,
        now_ns: u64,
        out: &mut SendBuffer,
        text: &[u8],
        reason: CloseReason,
    ) -> Flow {
        self.send(now_ns, out, b'5', |encoder| {
            encoder.set(fix44::TEXT, text);
        })?;
        Err(reason)
    }

    fn start_logout(&mut self, now_ns: u64, out: &mut SendBuffer) -> Flow {
        match self.state {
            State::LoggedOn => {
                self.send(now_ns, out, b'5', |_| {})?;
                self.state = State::LogoutSent;
                self.deadline_ns = now_ns.saturating_add(self.config.logout_timeout_ns);
                Ok(())
            }
            State::AwaitingLogon => Err(CloseReason::LoggedOut),
            State::LogoutSent | State::LogoutAnswered => Ok(()),
            State::Closed(reason) => Err(reason),
        }
    }

    /// Silence after which the peer is asked, and again after which it is given up: HeartBtInt and a fifth.
    const fn patience_ns(&self) -> u64 {
        self.heartbeat_ns + self.heartbeat_ns / 5
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut SendBuffer) -> Flow {
        match self.state {
            State::Closed(reason) => return Err(reason),
            State::AwaitingLogon if now_ns >= self.deadline_ns => return Err(CloseReason::LogonTimeout),
            State::LogoutSent if now_ns >= self.deadline_ns => return Err(CloseReason::LogoutTimeout),
            State::LogoutAnswered if now_ns >= self.deadline_ns => return Err(CloseReason::LoggedOut),
            State::LoggedOn if self.heartbeat_ns > 0 => {}
            _ => return Ok(()),
        }
        if self.test_request_ns != TIME_NONE {
            if now_ns >= self.test_request_ns.saturating_add(self.patience_ns()) {
                return Err(CloseReason::PeerSilent);
            }
        } else if now_ns >= self.last_received_ns.saturating_add(self.patience_ns()) {
            self.send(now_ns, out, b'1', |encoder| {
                encoder.set(fix44::TEST_REQ_ID, b"TEST");
            })?;
            self.test_request_ns = now_ns;
        }
        if now_ns >= self.last_sent_ns.saturating_add(self.heartbeat_ns) {
            self.send(now_ns, out, b'0', |_| {})?;
        }
        Ok(())
    }

    fn next_timer_ns(&self) -> u64 {
        match self.state {
            State::Closed(_) => TIME_NONE,
            State::AwaitingLogon | State::LogoutSent | State::LogoutAnswered => self.deadline_ns,
            State::LoggedOn if self.heartbeat_ns == 0 => TIME_NONE,
            State::LoggedOn => {
                let asked_ns = if self.test_request_ns == TIME_NONE {
                    self.last_received_ns
                } else {
                    self.test_request_ns
                };
                let heartbeat_due_ns = self.last_sent_ns.saturating_add(self.heartbeat_ns);
                heartbeat_due_ns.min(asked_ns.saturating_add(self.patience_ns()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
