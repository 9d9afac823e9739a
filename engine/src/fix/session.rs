//! The FIX 4.4 session, sans-I/O: initiator and acceptor on one state machine.
//!
//! Bytes and times in, bytes (into a [`SendBuffer`]) and application messages (to a handler) out. It reads no clock and
//! owns no socket; times are UTC ns and must not decrease. It allocates at construction only ([`super::framer`]'s
//! buffer) and belongs to the thread that owns the socket.
//!
//! **What it does.** Logon with HeartBtInt(108), ResetSeqNumFlag(141) and NextExpectedMsgSeqNum(789), Heartbeat,
//! TestRequest after a silence of HeartBtInt and a fifth, Logout handshake, sequence checks, ResendRequest for what is
//! missing (whole or in chunks, asked again when nothing comes), messages behind a gap kept until it is filled, resends
//! of what we sent, both forms of SequenceReset, PossDup rules, checks of BeginString, CompIDs and SendingTime (120 s),
//! Reject (3) and BusinessMessageReject (j) for what the handler refuses.
//!
//! **What it refuses.** It keeps no message store: what is to be sent again comes from a [`SentMessages`] that its owner
//! hands to [`Session::resend`], and what that does not give is gap-filled; [`Session::go_on`] takes the sequence
//! numbers from whoever keeps them. Encryption other than none is refused. Cancel-on-disconnect is the venue's
//! configuration, not a tag.
//!
//! **Clocks.** The time that the caller passes never decreases and drives every timer. SendingTime(52) is that time plus
//! [`Session::set_utc_offset`], so that a step of the system's clock changes what is written and never when something is
//! due.
//!
//! **How to drive it.** On a new connection [`Session::on_connect`]; then [`Session::on_bytes`] for every read and
//! [`Session::on_timer`] at [`Session::next_timer_ns`], and [`Session::resend`] each turn while
//! [`Session::is_resending`]. After each call write what is pending, and when the answer is
//! [`Outcome::Close`], close the socket after that write and call [`Session::on_disconnect`]. Order messages go straight
//! into the same buffer: [`Session::reserve_sequence`], encode into [`SendBuffer::space`], [`SendBuffer::commit`],
//! [`Session::sent`].

mod admin;
mod config;
mod gap;
mod header;
mod inbound;
mod resend;

use std::ops::ControlFlow;

use feeds::send_buffer::SendBuffer;
use feeds::units::{NS_PER_S, TIME_NONE};

use super::codec::{Encoder, Header};
use super::dictionary::{Dictionary, Version};
use super::fault::MessageError;
use super::fix44;
use super::frame::{FRAME_MAX, Frame};
use super::framer::Framer;
use super::identity::SessionIds;
use super::logon_auth::LogonHeader;
use super::timestamp::write_timestamp;

use admin::LogonPrint;
pub use config::{HEARTBEAT_S_MAX, Reset, Role, SessionConfig, Validation};
use gap::Gap;
use resend::Resend;
pub use resend::{NothingSent, SentMessages};

/// How far SendingTime(52) may be from our clock, ns.
pub const SENDING_TIME_TOLERANCE_NS: u64 = 120 * NS_PER_S;

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
    /// MsgSeqNum(34) below the expected one without PossDupFlag(43), or absent; NextExpectedMsgSeqNum(789) above ours.
    Sequence,
    /// Repeated ResendRequests brought nothing.
    ResendUnanswered,
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
    /// Messages that came behind a gap and were kept until it was filled.
    pub kept_behind_gap: u64,
    /// The same without room: dropped, and asked for again.
    pub dropped_behind_gap: u64,
    /// Messages sent again.
    pub resent: u64,
    /// SequenceReset-GapFills sent in the place of messages.
    pub gap_fills: u64,
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
    /// A message from behind a gap while it is processed.
    scratch: Box<[u8; FRAME_MAX]>,
}

/// All of a session but the framer, so that frames can borrow from that while this changes.
#[derive(Debug)]
struct Core {
    config: SessionConfig,
    version: Version,
    dictionary: &'static Dictionary,
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
    /// What is missing of the peer's messages, and what came behind it.
    gap: Gap,
    /// What the peer asked for again and has not got yet.
    resend: Option<Resend>,
    /// UTC minus the caller's time, ns.
    utc_offset_ns: i64,
    /// Whether this connection starts both sequences at 1.
    resets: bool,
    /// The Logon that the present connection stands on.
    accepted_logon: Option<LogonPrint>,
    /// Numbers of the peer were passed over, or start again: what it had in them is not coming.
    may_have_lost: bool,
    has_logged_on: bool,
    counters: SessionCounters,
}

/// An `Err` closes the connection.
type Flow = Result<(), CloseReason>;

impl Session {
    /// A session that starts both sequences at 1; see [`Self::go_on`].
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let version = config.ids.version();
        Self {
            framer: Framer::new(),
            scratch: Box::new([0; FRAME_MAX]),
            core: Core {
                gap: Gap::new(config.early_bytes),
                config,
                version,
                dictionary: version.dictionary(),
                state: State::Closed(CloseReason::Disconnected),
                next_outgoing: 1,
                next_incoming: 1,
                heartbeat_ns: 0,
                last_sent_ns: 0,
                last_received_ns: 0,
                test_request_ns: TIME_NONE,
                deadline_ns: TIME_NONE,
                resend: None,
                utc_offset_ns: 0,
                resets: false,
                accepted_logon: None,
                may_have_lost: false,
                has_logged_on: false,
                counters: SessionCounters::default(),
            },
        }
    }

    /// Goes on with the given next MsgSeqNum(34) of each direction (at least 1), from a journal; before the first
    /// connection, which then counts as a later one ([`Reset::FirstLogon`]).
    pub fn go_on(&mut self, next_outgoing: u32, next_incoming: u32) {
        self.core.next_outgoing = next_outgoing.max(1);
        self.core.next_incoming = next_incoming.max(1);
        self.core.has_logged_on = true;
    }

    /// A new session day has begun: both sequences start at 1 with the next connection, whose Logon counts as the first
    /// ([`Reset::FirstLogon`]). With [`Reset::Never`] it does not say so: the peer knows the day by its own schedule. Between
    /// two connections only.
    pub const fn start_over(&mut self) {
        self.core.next_outgoing = 1;
        self.core.next_incoming = 1;
        self.core.has_logged_on = false;
    }

    /// Whether the present connection starts both sequences at 1 on our own account.
    #[must_use]
    pub const fn resets(&self) -> bool {
        self.core.resets
    }

    /// Whether messages of the peer may have been lost for good since this was last asked: it filled a gap without them, or
    /// reset its numbers in mid-session.
    pub const fn take_may_have_lost(&mut self) -> bool {
        std::mem::replace(&mut self.core.may_have_lost, false)
    }

    /// A connection is there. An initiator sends its Logon.
    pub fn on_connect(&mut self, now_ns: u64, out: &mut SendBuffer) -> Outcome {
        self.framer.clear();
        let core = &mut self.core;
        core.state = State::AwaitingLogon;
        core.last_sent_ns = now_ns;
        core.last_received_ns = now_ns;
        core.test_request_ns = TIME_NONE;
        core.gap.clear();
        core.resend = None;
        core.accepted_logon = None;
        core.deadline_ns = now_ns.saturating_add(core.config.logon_timeout_ns);
        core.resets = match core.config.reset {
            Reset::Never => false,
            Reset::FirstLogon => !core.has_logged_on,
            Reset::EveryLogon => true,
        };
        if core.resets {
            core.next_outgoing = 1;
            core.next_incoming = 1;
        }
        if core.config.role == Role::Acceptor {
            return Outcome::Open;
        }
        core.heartbeat_ns = u64::from(core.config.heartbeat_s) * NS_PER_S;
        let flow = core.send_logon(now_ns, out, core.config.heartbeat_s, core.resets);
        core.outcome(flow)
    }

    /// The connection is gone. Unsent bytes of it are of no use: clear the send buffer.
    pub fn on_disconnect(&mut self) {
        if !matches!(self.core.state, State::Closed(_)) {
            self.core.state = State::Closed(CloseReason::Disconnected);
        }
        self.core.resend = None;
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
        let Self { framer, core, scratch } = self;
        if let State::Closed(reason) = core.state {
            return Outcome::Close(reason);
        }
        let mut flow = Ok(());
        let garbled = framer.garbled();
        let _ = framer.feed(bytes, &mut |frame| {
            flow = core.on_frame(now_ns, frame, out, handler);
            if flow.is_ok() && core.gap.holds(core.next_incoming) {
                flow = core.on_early(now_ns, scratch, out, handler);
            }
            if flow.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        // A peer that cannot even write a Logon is not waited for.
        if core.state == State::AwaitingLogon && framer.garbled() > garbled {
            flow = flow.and(Err(CloseReason::LogonInvalid));
        }
        core.outcome(flow)
    }

    /// Whether the peer has asked for messages that it has not got yet: [`Self::resend`] has work.
    #[inline]
    #[must_use]
    pub const fn is_resending(&self) -> bool {
        self.core.resend.is_some()
    }

    /// Sends again up to `messages_max` of the messages that the peer asked for, as `sent` has them, and gap-fills what it
    /// has not. It stops while less than half of the send buffer is free, so that what is new finds room.
    pub fn resend(
        &mut self,
        now_ns: u64,
        sent: &impl SentMessages,
        messages_max: usize,
        out: &mut SendBuffer,
    ) -> Outcome {
        let flow = self.core.resend(now_ns, sent, messages_max, out);
        self.core.outcome(flow)
    }

    /// UTC minus the time that the caller passes, ns: 0 where that is UTC itself.
    pub const fn set_utc_offset(&mut self, offset_ns: i64) {
        self.core.utc_offset_ns = offset_ns;
    }

    /// SendingTime(52) at a time of the caller's clock, UTC ns.
    #[inline]
    #[must_use]
    pub const fn utc_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add_signed(self.core.utc_offset_ns)
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

    const fn utc_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add_signed(self.utc_offset_ns)
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
            sending_time_ns: self.utc_ns(now_ns),
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
        let sending_time_ns = self.utc_ns(now_ns);
        let header = Header {
            ids: &config.ids,
            sequence: self.next_outgoing,
            sending_time_ns,
            time_precision: config.time_precision,
        };
        let mut encoder = Encoder::start_message(out.space(FRAME_MAX), &header, b"A");
        encoder.set(fix44::ENCRYPT_METHOD, 0).set(fix44::HEART_BT_INT, i64::from(heartbeat_s));
        if reset {
            encoder.set(fix44::RESET_SEQ_NUM_FLAG, true);
        }
        if config.next_expected {
            encoder.set(fix44::NEXT_EXPECTED_MSG_SEQ_NUM, self.next_incoming);
        }
        if config.role == Role::Initiator {
            // The header's SendingTime(52) once more, since it may be signed.
            let mut text = [0; 32];
            let length = write_timestamp(sending_time_ns, config.time_precision, &mut text).unwrap_or(0);
            let sending_time = &text[..length];
            let sequence = header.sequence;
            let logon = LogonHeader { ids: &config.ids, sequence, sending_time, sending_time_ns };
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
            if !text.is_empty() {
                encoder.set(fix44::TEXT, text);
            }
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

    /// Silence after which the peer is asked: HeartBtInt and a fifth. When the answer takes a HeartBtInt, it is given up.
    const fn patience_ns(&self) -> u64 {
        self.heartbeat_ns + self.heartbeat_ns / 5
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut SendBuffer) -> Flow {
        match self.state {
            State::Closed(reason) => return Err(reason),
            State::AwaitingLogon if now_ns >= self.deadline_ns => return Err(CloseReason::LogonTimeout),
            State::LogoutSent if now_ns >= self.deadline_ns => return Err(CloseReason::LogoutTimeout),
            State::LogoutAnswered if now_ns >= self.deadline_ns => return Err(CloseReason::LoggedOut),
            State::LoggedOn => {}
            _ => return Ok(()),
        }
        if now_ns >= self.gap.due_ns() {
            self.ask_again(now_ns, out)?;
        }
        if self.heartbeat_ns == 0 {
            return Ok(());
        }
        if self.test_request_ns != TIME_NONE {
            if now_ns >= self.test_request_ns.saturating_add(self.heartbeat_ns) {
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
            State::LoggedOn if self.heartbeat_ns == 0 => self.gap.due_ns(),
            State::LoggedOn => {
                let silent_ns = if self.test_request_ns == TIME_NONE {
                    self.last_received_ns.saturating_add(self.patience_ns())
                } else {
                    self.test_request_ns.saturating_add(self.heartbeat_ns)
                };
                let heartbeat_due_ns = self.last_sent_ns.saturating_add(self.heartbeat_ns);
                heartbeat_due_ns.min(silent_ns).min(self.gap.due_ns())
            }
        }
    }
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;
