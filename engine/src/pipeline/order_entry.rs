//! Order entry: owns the sessions, FIX or OUCH; approved orders become bytes, bytes of a venue become executions.
//!
//! One `Link` a venue, one protocol each. It is sans-I/O: what is to be sent waits in the link's send buffer, whoever owns the way to
//! the venue (a socket, or the in-memory exchange of lockstep) takes it from there. A killed engine sends no new order
//! and no replace: the kill word is read before each. What a session says about closing is read from its state
//! ([`OrderEntry::wants_close`]), not from each call. Allocates at construction only.

use std::fmt;

use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::send_buffer::SendBuffer;
use feeds::symbol::Symbol;
use feeds::units::PRICE_NONE;

use crate::control::journal::{Connected, RecordKind, SegmentWriter};
use crate::control::kill_switch;
use crate::fix::codec::Header;
use crate::fix::executions;
use crate::fix::frame::FRAME_MAX;
use crate::fix::identity::SessionIds;
use crate::fix::redact;
use crate::fix::session::{NothingSent, Session, SessionConfig, State};
use crate::fix::status_request;
use crate::fix::templates::{NumberStyle, OrderTemplates, TEMPLATE_BYTES, TemplateError, TemplateFormat};
use crate::fix::timestamp::TimePrecision;
use crate::order::{ClOrdId, Execution, ExecutionKind, Order, OrderAction, RejectReason};
use crate::ouch::encode::SymbolTooLong;
use crate::ouch::session::{OuchConfig, OuchSession, mask_login};
use crate::pipeline::risk::RiskApproved;

/// Bytes that may wait to be sent to one venue.
const SEND_BUFFER_BYTES: usize = 1 << 18;

/// Messages that are sent again in one turn at most.
const RESENT_A_TURN: usize = 8;

/// What a session to a venue is made of.
pub enum LinkConfig {
    /// FIX, its identities, and how its orders write their numbers.
    Fix(Box<SessionConfig>, SessionIds, NumberStyle),
    /// OUCH 5.0 over SoupBinTCP.
    Ouch(OuchConfig),
}

impl From<(SessionConfig, SessionIds)> for LinkConfig {
    fn from((config, ids): (SessionConfig, SessionIds)) -> Self {
        Self::Fix(Box::new(config), ids, NumberStyle::FixedWidth)
    }
}

/// Why order entry cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// FIX cannot carry a symbol or a price.
    Fix(TemplateError),
    /// OUCH cannot carry a symbol.
    Ouch(SymbolTooLong),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fix(error) => error.fmt(f),
            Self::Ouch(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LinkError {}

/// A FIX session and what it writes with.
struct FixLink {
    session: Session,
    out: SendBuffer,
    templates: OrderTemplates,
}

/// The session to a venue, by its protocol.
#[expect(
    clippy::large_enum_variant,
    reason = "one a venue, and a box would be one more load on each order's way"
)]
enum Protocol {
    Fix(FixLink),
    Ouch(OuchSession),
}

/// The session to one venue.
struct Link {
    protocol: Protocol,
    /// Bytes at the front of what is pending that are in the journal already.
    journalled: usize,
    /// Whether a session was up before: the next logon is a reconnection.
    was_logged_on: bool,
    /// Whether decide is to be told that what became of the venue's open orders is not known.
    is_in_doubt: bool,
}

impl Link {
    /// Nothing that we sent is worth sending late: what a FIX venue wants again is gap-filled. OUCH knows no such wish.
    #[inline]
    fn resend(&mut self, now_ns: u64) {
        if let Protocol::Fix(fix) = &mut self.protocol
            && fix.session.is_resending()
        {
            let _ = fix.session.resend(now_ns, &NothingSent, RESENT_A_TURN, &mut fix.out);
            self.is_in_doubt = true;
        }
    }

    #[inline]
    fn is_logged_on(&self) -> bool {
        match &self.protocol {
            Protocol::Fix(fix) => fix.session.is_logged_on(),
            Protocol::Ouch(session) => session.is_logged_on(),
        }
    }

    #[inline]
    fn pending(&self) -> &[u8] {
        match &self.protocol {
            Protocol::Fix(fix) => fix.out.pending(),
            Protocol::Ouch(session) => session.pending(),
        }
    }

    /// When its timer has something to do next, ns.
    fn due_ns(&self) -> u64 {
        match &self.protocol {
            Protocol::Fix(fix) if fix.session.is_resending() => 0,
            Protocol::Fix(fix) => fix.session.next_timer_ns(),
            Protocol::Ouch(session) => session.next_timer_ns(),
        }
    }
}

impl FixLink {
    /// Encodes an approved order; see [`OrderEntry::encode`].
    #[inline]
    fn encode(
        &mut self,
        order: &RiskApproved<Order>,
        symbols: &[Symbol],
        now_ns: u64,
    ) -> Result<(), RejectReason> {
        if !self.session.is_logged_on() {
            return Err(RejectReason::NotConnected);
        }
        let space = self.out.space(FRAME_MAX);
        if space.len() < TEMPLATE_BYTES {
            return Err(RejectReason::NotConnected);
        }
        let sequence = self.session.reserve_sequence();
        let sending_time_ns = self.session.utc_ns(now_ns);
        let length = if order.action == OrderAction::Status {
            let symbol = symbols.get(order.instrument as usize).ok_or(RejectReason::UnknownSymbol)?;
            let time_precision = TimePrecision::Microseconds;
            let header = Header { ids: self.session.ids(), sequence, sending_time_ns, time_precision };
            status_request::encode(order, symbol.trimmed(), &header, space)
                .map_err(|_| RejectReason::Other)?
        } else {
            self.templates.encode(order, sequence, sending_time_ns, space).map_err(|_| RejectReason::Price)?
        };
        self.session.sent(now_ns);
        self.out.commit(length);
        Ok(())
    }

    /// Bytes of the venue; returns how many messages could not be understood.
    fn receive(&mut self, venue: u8, now_ns: u64, bytes: &[u8], sink: &mut impl FnMut(Execution)) -> u64 {
        let mut malformed = 0;
        let _ = self.session.on_bytes(now_ns, bytes, &mut self.out, &mut |now_ns, message_type, frame| {
            if message_type == b'3' {
                // A session Reject of ours: the order stays reserved until the venue says what became of it.
                malformed += 1;
                return Ok(());
            }
            match executions::decode(frame, venue, now_ns) {
                Ok(Some(execution)) if execution.kind.is_status() => {
                    sink(Execution { orig_cl_ord_id: status_request::request_of(frame), ..execution });
                }
                Ok(Some(execution)) => sink(execution),
                Ok(None) => {}
                Err(error) => {
                    malformed += 1;
                    return Err(error);
                }
            }
            Ok(())
        });
        malformed
    }
}

/// See the module's text.
pub struct OrderEntry {
    links: Vec<Link>,
    /// By instrument.
    symbols: Box<[Symbol]>,
    journal: Option<SegmentWriter>,
    malformed: u64,
    sent: u64,
    not_sent: u64,
    journal_full: bool,
    /// Bytes of session messages on their way into the journal, without their secrets.
    redacted: Box<[u8]>,
}

impl OrderEntry {
    /// One link for each session, in the order of venue numbers. `symbols` are those of the directory, by instrument.
    ///
    /// # Errors
    /// A symbol that a protocol cannot carry.
    pub fn new(
        sessions: Vec<impl Into<LinkConfig>>,
        symbols: &[Symbol],
        format: TemplateFormat,
        journal: Option<SegmentWriter>,
    ) -> Result<Self, LinkError> {
        let texts: Vec<String> = symbols.iter().map(Symbol::to_string).collect();
        let mut links = Vec::new();
        for config in sessions {
            let protocol = match config.into() {
                LinkConfig::Fix(config, ids, number_style) => Protocol::Fix(FixLink {
                    session: Session::new(*config),
                    out: SendBuffer::with_capacity(SEND_BUFFER_BYTES),
                    templates: OrderTemplates::new(
                        &ids,
                        TemplateFormat { number_style, ..format },
                        texts.iter().map(String::as_str),
                    )
                    .map_err(LinkError::Fix)?,
                }),
                LinkConfig::Ouch(config) => {
                    Protocol::Ouch(OuchSession::new(&config, symbols).map_err(LinkError::Ouch)?)
                }
            };
            links.push(Link { protocol, journalled: 0, was_logged_on: false, is_in_doubt: false });
        }
        let redacted = vec![0; SEND_BUFFER_BYTES].into_boxed_slice();
        Ok(Self {
            links,
            symbols: symbols.into(),
            journal,
            malformed: 0,
            sent: 0,
            not_sent: 0,
            journal_full: false,
            redacted,
        })
    }

    /// The venue's FIX session goes on with these next MsgSeqNum(34) of each direction, from a journal. Before the first
    /// connection only.
    pub fn resume(&mut self, venue: u8, next_outgoing: u32, next_incoming: u32) {
        if let Some(Link { protocol: Protocol::Fix(fix), .. }) = self.links.get_mut(usize::from(venue)) {
            fix.session.go_on(next_outgoing, next_incoming);
        }
    }

    /// The next MsgSeqNum(34) of each direction of the venue's FIX session, ours first.
    #[must_use]
    pub fn sequence_numbers(&self, venue: u8) -> Option<(u32, u32)> {
        match &self.links.get(usize::from(venue))?.protocol {
            Protocol::Fix(fix) => Some((fix.session.reserve_sequence(), fix.session.next_incoming())),
            Protocol::Ouch(_) => None,
        }
    }

    /// UTC minus the time that callers pass, ns: what SendingTime(52) is written with from now on.
    pub fn set_utc_offset(&mut self, offset_ns: i64) {
        for link in &mut self.links {
            if let Protocol::Fix(fix) = &mut link.protocol {
                fix.session.set_utc_offset(offset_ns);
            }
        }
    }

    /// The way to the venue is open: queues the logon.
    pub fn connected(&mut self, venue: u8, now_ns: u64) {
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        let (next_outgoing, next_incoming, resets) = match &mut link.protocol {
            Protocol::Fix(fix) => {
                let next = (fix.session.reserve_sequence(), fix.session.next_incoming());
                let _ = fix.session.on_connect(now_ns, &mut fix.out);
                (next.0, next.1, fix.session.resets())
            }
            Protocol::Ouch(session) => {
                session.connected(now_ns);
                (0, 0, false)
            }
        };
        if let Some(journal) = &mut self.journal {
            let connected = Connected { next_outgoing, next_incoming, resets }.encode();
            self.journal_full |=
                journal.append_session(RecordKind::Connected, u16::from(venue), now_ns, &connected).is_err();
        }
        self.journal_session(venue, now_ns);
    }

    /// The way to the venue is gone.
    pub fn disconnected(&mut self, venue: u8) {
        if let Some(link) = self.links.get_mut(usize::from(venue)) {
            match &mut link.protocol {
                Protocol::Fix(fix) => {
                    fix.session.on_disconnect();
                    fix.out.clear();
                }
                Protocol::Ouch(session) => session.disconnected(),
            }
            link.journalled = 0;
        }
    }

    /// Whether the session wants its connection closed, once nothing is pending.
    #[must_use]
    pub fn wants_close(&self, venue: u8) -> bool {
        self.links.get(usize::from(venue)).is_some_and(|link| match &link.protocol {
            Protocol::Fix(fix) => matches!(fix.session.state(), State::Closed(_)),
            Protocol::Ouch(session) => session.wants_close(),
        })
    }

    /// Whether the venue has accepted our logon.
    #[must_use]
    pub fn is_logged_on(&self, venue: u8) -> bool {
        self.links.get(usize::from(venue)).is_some_and(Link::is_logged_on)
    }

    /// Encodes an approved order into the venue's send buffer.
    ///
    /// # Errors
    /// Why it cannot be sent; [`not_sent`] makes the execution that says so.
    #[inline]
    pub fn encode(&mut self, order: &RiskApproved<Order>, now_ns: u64) -> Result<(), RejectReason> {
        let outcome = self.try_encode(order, now_ns);
        match outcome {
            Ok(()) => self.sent += 1,
            Err(_) => self.not_sent += 1,
        }
        outcome
    }

    #[inline]
    fn try_encode(&mut self, order: &RiskApproved<Order>, now_ns: u64) -> Result<(), RejectReason> {
        let asks_for_more = matches!(order.action, OrderAction::New | OrderAction::Replace);
        if asks_for_more && kill_switch::is_set() {
            return Err(RejectReason::NotConnected);
        }
        let link = self.links.get_mut(usize::from(order.venue)).ok_or(RejectReason::NotConnected)?;
        if self.journal_full {
            return Err(RejectReason::NotConnected);
        }
        match &mut link.protocol {
            Protocol::Fix(fix) => fix.encode(order, &self.symbols, now_ns)?,
            Protocol::Ouch(session) => session.encode(order, now_ns)?,
        }
        self.journal_sent(order.venue, now_ns);
        Ok(())
    }

    /// Bytes that wait to be sent to a venue.
    #[must_use]
    pub fn pending(&self, venue: u8) -> &[u8] {
        self.links.get(usize::from(venue)).map_or(&[], Link::pending)
    }

    /// The first `count` pending bytes are on their way.
    pub fn consume(&mut self, venue: u8, count: usize) {
        if let Some(link) = self.links.get_mut(usize::from(venue)) {
            match &mut link.protocol {
                Protocol::Fix(fix) => fix.out.consume(count),
                Protocol::Ouch(session) => session.consume(count),
            }
            link.journalled = link.journalled.saturating_sub(count);
        }
    }

    /// Bytes from a venue; each execution in them goes to `sink`.
    pub fn receive(&mut self, venue: u8, now_ns: u64, bytes: &[u8], sink: &mut impl FnMut(Execution)) {
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        if let Some(journal) = &mut self.journal {
            // A FIX venue may answer a Logon with what was in it.
            let bytes = match &link.protocol {
                Protocol::Fix(fix) if !fix.session.is_logged_on() => {
                    redacted(&mut self.redacted, bytes, redact::mask)
                }
                Protocol::Fix(_) | Protocol::Ouch(_) => bytes,
            };
            self.journal_full |=
                journal.append_session(RecordKind::Received, u16::from(venue), now_ns, bytes).is_err();
        }
        let was_up = link.is_logged_on();
        self.malformed += match &mut link.protocol {
            Protocol::Fix(fix) => fix.receive(venue, now_ns, bytes, sink),
            Protocol::Ouch(session) => session.receive(now_ns, bytes, sink),
        };
        link.resend(now_ns);
        if link.is_logged_on() {
            link.is_in_doubt |= !was_up && link.was_logged_on;
            link.was_logged_on = true;
            if std::mem::take(&mut link.is_in_doubt) {
                sink(in_doubt(venue, now_ns));
            }
        }
        self.journal_session(venue, now_ns);
    }

    /// Heartbeats and test requests that are due, and what a venue wants again.
    pub fn on_timer(&mut self, now_ns: u64) {
        for venue in 0..self.links.len() {
            let link = &mut self.links[venue];
            if link.due_ns() <= now_ns {
                match &mut link.protocol {
                    Protocol::Fix(fix) => drop(fix.session.on_timer(now_ns, &mut fix.out)),
                    Protocol::Ouch(session) => session.on_timer(now_ns),
                }
                link.resend(now_ns);
                self.journal_session(venue as u8, now_ns);
            }
        }
    }

    /// When [`Self::on_timer`] has something to do next, ns.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        self.links.iter().map(Link::due_ns).min().unwrap_or(u64::MAX)
    }

    /// Asks every venue for the end of the session.
    pub fn logout(&mut self, now_ns: u64) {
        for venue in 0..self.links.len() {
            let link = &mut self.links[venue];
            match &mut link.protocol {
                Protocol::Fix(fix) => drop(fix.session.logout(now_ns, &mut fix.out)),
                Protocol::Ouch(session) => session.logout(now_ns),
            }
            self.journal_session(venue as u8, now_ns);
        }
    }

    /// Everything that was queued is journalled before it can be sent.
    #[inline]
    fn journal_sent(&mut self, venue: u8, now_ns: u64) {
        let Some(journal) = &mut self.journal else { return };
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        let pending = link.pending();
        if pending.len() > link.journalled {
            let new = &pending[link.journalled..];
            self.journal_full |=
                journal.append_session(RecordKind::Sent, u16::from(venue), now_ns, new).is_err();
            link.journalled = pending.len();
        }
    }

    /// The same for messages of the session itself, among which a Logon has secrets: they are hidden. A Logon is never
    /// resent (a gap fill stands for it), so that nobody misses what is hidden.
    fn journal_session(&mut self, venue: u8, now_ns: u64) {
        let Some(journal) = &mut self.journal else { return };
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        let pending = link.pending();
        if pending.len() > link.journalled {
            let mask = match &link.protocol {
                Protocol::Fix(_) => redact::mask,
                Protocol::Ouch(_) => mask_login,
            };
            let new = redacted(&mut self.redacted, &pending[link.journalled..], mask);
            self.journal_full |=
                journal.append_session(RecordKind::Sent, u16::from(venue), now_ns, new).is_err();
            link.journalled = pending.len();
        }
    }

    /// Messages of a venue that could not be understood.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Orders encoded.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Orders that could not be encoded or sent.
    #[must_use]
    pub const fn not_sent(&self) -> u64 {
        self.not_sent
    }

    /// Whether the journal could not take a record: nothing has been sent since.
    #[must_use]
    pub const fn journal_full(&self) -> bool {
        self.journal_full
    }

    /// Gives the journal back to be closed.
    #[must_use]
    pub fn finish(self) -> Option<SegmentWriter> {
        self.journal
    }
}

/// A copy of `bytes` without secrets, in `scratch`, which is as long as anything that is sent or received at once.
fn redacted<'s>(scratch: &'s mut [u8], bytes: &[u8], mask: impl FnOnce(&mut [u8])) -> &'s [u8] {
    let copy = &mut scratch[..bytes.len()];
    copy.copy_from_slice(bytes);
    mask(copy);
    copy
}

/// The execution that tells decide that messages of ours may not have arrived.
#[cold]
fn in_doubt(venue: u8, time_ns: u64) -> Execution {
    Execution {
        time_ns,
        cl_ord_id: 0,
        orig_cl_ord_id: 0,
        exec_id: 0,
        venue_order_id: 0,
        last_price: PRICE_NONE,
        last_quantity: 0,
        leaves_quantity: 0,
        cumulative_quantity: 0,
        instrument: INSTRUMENT_NONE,
        venue,
        kind: ExecutionKind::InDoubt,
        side: Side::None,
        reason: RejectReason::None,
        reserved: [0; 8],
    }
}

/// The execution that tells decide that an order never left; `None` for a status request, without which the order is in
/// doubt as before.
#[must_use]
pub fn not_sent(order: &Order, time_ns: u64, reason: RejectReason) -> Option<Execution> {
    if order.action == OrderAction::Status {
        return None;
    }
    let orig_cl_ord_id: ClOrdId = order.orig_cl_ord_id;
    Some(Execution {
        time_ns,
        cl_ord_id: order.cl_ord_id,
        orig_cl_ord_id,
        exec_id: 0,
        venue_order_id: 0,
        last_price: PRICE_NONE,
        last_quantity: 0,
        leaves_quantity: 0,
        cumulative_quantity: 0,
        instrument: order.instrument,
        venue: order.venue,
        kind: ExecutionKind::NotSent,
        side: order.side,
        reason,
        reserved: [0; 8],
    })
}
