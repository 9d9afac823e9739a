//! The client's OUCH 5.0 session over SoupBinTCP: logs in, sends orders, makes executions of what the venue says, and
//! gets what it missed after a lost connection.
//!
//! Sans-I/O: bytes and time in; bytes to send are [`OuchSession::pending`]. Buffers, encoder and ledger are allocated at
//! construction; the order-entry thread owns it.
//!
//! **Recovery.** The venue's messages are numbered. A new session asks for all of its day from number 1 on, a
//! reconnection for the number after the last one received, in the session that it was in; a venue that begins
//! elsewhere is refused. Then the client sends an Account Query. Its response is one of the numbered messages: once it
//! is here, so is everything that the venue had said before (responses to queries of a lost connection are counted out). Only then is the session up ([`OuchSession::is_logged_on`]),
//! and what has no answer by then never arrived.
//!
//! **Status requests.** OUCH has none for an order. One is answered from the ledger, behind another Account Query, so
//! that the answer knows all that the venue knew.
//!
//! **Nothing is sent twice.** Messages to an OUCH host «can be benignly resent»: the host ignores a number that is not
//! above the last. This client never does it. A new order that was lost is stale, and the ledger finds that out.
//!
//! **What it refuses.** A number that the venue would ignore in silence: one that is not above the last one sent, or
//! below the venue's next. And, once a message could not be understood or a trade was corrected, every new
//! order and replace ([`OuchSession::is_stopped`]): what was said may have been a fill. Cancels still leave.

use std::collections::VecDeque;

use feeds::soupbintcp::{ClientEvent, ClientState, LOGIN_REQUEST_LENGTH, LoginRequest, SoupBinClient};
use feeds::symbol::Symbol;

use super::decode_error::DecodeError;
use super::encode::{EncodeError, OrderEncoder, PACKET_BYTES, SymbolTooLong, wire_symbols};
use super::ledger::Ledger;
use super::messages::VenueMessage;
use crate::order::{ClOrdId, Execution, Order, OrderAction, RejectReason};
use crate::pipeline::risk::RiskApproved;

/// Longest packet of a venue: the longest message with the longest appendage that any edition lists, many times over.
const PACKET_LENGTH_MAX: usize = 4096;

/// Bytes that may wait to be sent.
const SEND_BUFFER_BYTES: usize = 1 << 16;

/// Orders whose status may be asked for at once.
const ASKED_MAX: usize = 4096;

/// The packet of an Account Query.
const QUERY_PACKET: &[u8] = b"\0\x02UQ";

/// What a session is made of. It holds a password and therefore does not show itself.
#[derive(Clone)]
pub struct OuchConfig {
    /// Dense number of the venue.
    pub venue: u8,
    /// User name, padded with spaces.
    pub username: [u8; 6],
    /// Password, padded with spaces.
    pub password: [u8; 10],
    /// Session date, `YYYYMMDD`.
    pub date: u32,
    /// Order messages of the session at most; 16 bytes each.
    pub messages_max: usize,
}

/// Which Account Queries are without a response.
///
/// A response does not say which query it answers, and one to a query of a lost connection comes with the messages that
/// were missed. Of `unanswered` queries at a logon nobody knows how many reached the venue; one response more than that
/// is certainly one to a query of this connection.
#[derive(Clone, Copy, Debug, Default)]
struct Queries {
    /// Sent on any connection, without a response so far.
    unanswered: u32,
    /// Responses until all that was said before the logon has certainly been read; `None` before the logon.
    to_catch_up: Option<u32>,
    /// One is to be sent.
    is_due: bool,
    /// One is under way on this connection.
    in_flight: bool,
}

impl Queries {
    fn logged_on(&mut self) {
        *self = Self { to_catch_up: Some(self.unanswered + 1), is_due: true, ..*self };
    }

    fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.in_flight = false;
        if let Some(left @ 1..) = &mut self.to_catch_up {
            *left -= 1;
            self.is_due = *left > 0;
        }
    }

    fn sent(&mut self) {
        self.unanswered += 1;
        self.in_flight = true;
        self.is_due = false;
    }

    const fn is_caught_up(&self) -> bool {
        matches!(self.to_catch_up, Some(0))
    }

    fn disconnected(&mut self) {
        *self = Self { unanswered: self.unanswered, ..Self::default() };
    }
}

/// See the module.
pub struct OuchSession {
    client: SoupBinClient,
    encoder: OrderEncoder,
    ledger: Ledger,
    /// Orders whose status was asked for and the decisions that asked, oldest first.
    asked: VecDeque<(ClOrdId, u64)>,
    queries: Queries,
    /// The venue's session that we are in, blank before the first login.
    session: [u8; 10],
    /// Number of the venue's next message.
    expected: u64,
    is_stopped: bool,
    /// The lowest number that the venue would not ignore.
    next_user_ref_num: u32,
    last_error: Option<DecodeError>,
}

impl OuchSession {
    /// A session without a connection; `symbols` by instrument.
    ///
    /// # Errors
    /// A symbol that OUCH cannot carry.
    pub fn new(config: &OuchConfig, symbols: &[Symbol]) -> Result<Self, SymbolTooLong> {
        let login = LoginRequest {
            username: config.username,
            password: config.password,
            session: [b' '; 10],
            sequence: 1,
        };
        Ok(Self {
            client: SoupBinClient::with_send_buffer(login, PACKET_LENGTH_MAX, SEND_BUFFER_BYTES),
            encoder: OrderEncoder::new(config.date, wire_symbols(symbols)?),
            ledger: Ledger::new(config.venue, config.date, config.messages_max),
            asked: VecDeque::with_capacity(ASKED_MAX),
            queries: Queries::default(),
            session: [b' '; 10],
            expected: 1,
            is_stopped: false,
            next_user_ref_num: 1,
            last_error: None,
        })
    }

    /// The connection stands: the login is pending.
    pub fn connected(&mut self, now_ns: u64) {
        self.forget_connection();
        self.client.join(self.session, self.expected);
        self.client.on_connect(now_ns);
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.forget_connection();
        self.client.on_disconnect();
    }

    fn forget_connection(&mut self) {
        self.asked.clear();
        self.queries.disconnected();
    }

    /// Whether the connection is to be closed once nothing is pending.
    #[must_use]
    pub const fn wants_close(&self) -> bool {
        matches!(self.client.state(), ClientState::Closed | ClientState::Ended)
    }

    /// Whether the login was accepted and everything that the venue had said before has been read.
    #[inline]
    #[must_use]
    pub const fn is_logged_on(&self) -> bool {
        self.queries.is_caught_up() && matches!(self.client.state(), ClientState::LoggedOn)
    }

    /// Whether new orders and replaces are refused for good: see the module.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// The last message that could not be understood.
    #[must_use]
    pub const fn last_error(&self) -> Option<DecodeError> {
        self.last_error
    }

    /// Encodes an approved order into what is pending.
    ///
    /// # Errors
    /// Why it cannot be sent; nothing is pending of it then.
    #[inline]
    pub fn encode(&mut self, order: &RiskApproved<Order>, now_ns: u64) -> Result<(), RejectReason> {
        if !self.is_logged_on() {
            return Err(RejectReason::NotConnected);
        }
        if order.action == OrderAction::Status {
            return self.ask((order.cl_ord_id, order.decision), now_ns);
        }
        if order.action != OrderAction::Cancel {
            if self.is_stopped {
                return Err(RejectReason::Other);
            }
            let number = self.encoder.user_ref_num(order.cl_ord_id).map_err(reject_reason)?;
            if number < self.next_user_ref_num {
                return Err(RejectReason::DuplicateClOrdId);
            }
        }
        if !self.ledger.can_send(order) {
            // It is done, and decide is about to learn it: the venue would ignore the message in silence.
            return Err(RejectReason::TooLate);
        }
        let space = self.client.space(PACKET_BYTES);
        let length = self.encoder.encode(order, space).map_err(reject_reason)?;
        self.client.sent(now_ns, length);
        self.ledger.sent(order);
        if order.action != OrderAction::Cancel {
            // The encoder has made sure that this is the counter.
            self.next_user_ref_num = (order.cl_ord_id % 100_000_000) as u32 + 1;
        }
        Ok(())
    }

    /// The order's state follows the response to an Account Query, one for all that are asked for by then.
    #[cold]
    fn ask(&mut self, about: (ClOrdId, u64), now_ns: u64) -> Result<(), RejectReason> {
        if self.asked.len() >= ASKED_MAX {
            return Err(RejectReason::NotConnected);
        }
        if !self.queries.in_flight {
            self.queries.is_due = true;
            self.query(now_ns);
        }
        if !self.queries.in_flight {
            return Err(RejectReason::NotConnected);
        }
        self.asked.push_back(about);
        Ok(())
    }

    /// Sends the Account Query that is due, if there is room for it; else it stays due.
    #[cold]
    fn query(&mut self, now_ns: u64) {
        let space = self.client.space(QUERY_PACKET.len());
        if let Some(room) = space.get_mut(..QUERY_PACKET.len()) {
            room.copy_from_slice(QUERY_PACKET);
            self.client.sent(now_ns, QUERY_PACKET.len());
            self.queries.sent();
        }
    }

    /// Bytes from the venue; each execution in them goes to `sink`. Returns how many messages could not be understood.
    pub fn receive(&mut self, now_ns: u64, bytes: &[u8], sink: &mut impl FnMut(Execution)) -> u64 {
        let mut malformed = 0;
        let Self { client, ledger, asked, queries, session, expected, is_stopped, last_error, .. } = self;
        let next_user_ref_num = &mut self.next_user_ref_num;
        let mut elsewhere = false;
        // What is wrong with the stream shows in the client's state.
        let _ = client.on_bytes(now_ns, bytes, &mut |event| match event {
            ClientEvent::LoggedOn(accepted) => {
                elsewhere = accepted.sequence != *expected;
                *session = accepted.session;
                queries.logged_on();
            }
            ClientEvent::Message { sequence, body } if !elsewhere => {
                *expected = sequence.saturating_add(1);
                let read = VenueMessage::decode(body).and_then(|(message, _)| {
                    if let VenueMessage::AccountQueryResponse(response) = &message {
                        *next_user_ref_num = response.next_user_ref_num.max(*next_user_ref_num);
                        queries.answered();
                        if queries.is_caught_up() {
                            asked.drain(..).for_each(|(about, decision)| {
                                let orig_cl_ord_id = decision;
                                sink(Execution { orig_cl_ord_id, ..ledger.settle(about, now_ns) });
                            });
                        }
                    }
                    ledger.apply(&message, now_ns, sink)
                });
                if let Err(error) = read {
                    malformed += 1;
                    *is_stopped = true;
                    *last_error = Some(error);
                }
            }
            ClientEvent::Message { .. } | ClientEvent::Unsequenced(_) | ClientEvent::EndOfSession => {}
        });
        if elsewhere {
            malformed += 1;
            self.client.fail();
        } else if self.queries.is_due {
            self.query(now_ns);
        }
        malformed
    }

    /// Sends the heartbeat that is due; a silent venue ends the session, see [`Self::wants_close`].
    pub fn on_timer(&mut self, now_ns: u64) {
        // The error is in the client's state.
        let _ = self.client.on_timer(now_ns);
        if self.queries.is_due {
            self.query(now_ns);
        }
    }

    /// When [`Self::on_timer`] has something to do next, ns; `u64::MAX`: never.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        self.client.next_timer_ns()
    }

    /// Asks the venue to close the connection.
    pub fn logout(&mut self, now_ns: u64) {
        self.client.log_out(now_ns);
    }

    /// Bytes to send.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.client.pending()
    }

    /// The first `count` pending bytes are on their way.
    pub fn consume(&mut self, count: usize) {
        self.client.consume(count);
    }
}

/// Hides the password of a login request at the start of what a session has queued, for whoever keeps a copy.
pub fn mask_login(queued: &mut [u8]) {
    if queued.len() >= LOGIN_REQUEST_LENGTH
        && queued[2] == b'L'
        && let Some(password) = queued.get_mut(9..19)
    {
        password.fill(b'*');
    }
}

/// The engine's reason for an order that cannot be written.
#[cold]
fn reject_reason(error: EncodeError) -> RejectReason {
    match error {
        EncodeError::NoRoom => RejectReason::NotConnected,
        EncodeError::Instrument => RejectReason::UnknownSymbol,
        EncodeError::Quantity => RejectReason::Quantity,
        EncodeError::Price => RejectReason::Price,
        EncodeError::Action | EncodeError::Side | EncodeError::ClOrdId => RejectReason::Other,
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
