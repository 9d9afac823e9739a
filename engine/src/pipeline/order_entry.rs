//! Order entry: owns the sessions, FIX or OUCH; approved orders become bytes, bytes of a venue become executions.
//!
//! One `Link` a venue, one protocol each. It is sans-I/O: what is to be sent waits in the link's send buffer, whoever owns the way to
//! the venue (a socket, or the in-memory exchange of lockstep) takes it from there. A killed engine sends no new order
//! and no replace: the kill word is read before each. What a session says about closing is read from its state
//! ([`OrderEntry::wants_close`]), not from each call. Allocates at construction only.

mod answers;
mod fix_link;
mod link;
mod own_answers;
mod refusals;
mod session_bytes;

pub(crate) use answers::Answers;
pub use link::{LinkConfig, LinkError};
pub(super) use own_answers::in_doubt;
pub use own_answers::not_sent;
pub use refusals::Refusals;

use feeds::symbol::Symbol;

use crate::control::failpoint;
use crate::control::journal::{Connected, RecordKind, SegmentWriter};
use crate::control::kill_switch::KillSwitch;
use crate::fix::redact;
use crate::fix::templates::TemplateFormat;
use crate::order::{Execution, Order, OrderAction, RejectReason};
use crate::pipeline::risk::RiskApproved;
use link::Link;

/// Bytes that may wait to be sent to one venue.
const SEND_BUFFER_BYTES: usize = 1 << 18;

/// See the module's text.
pub struct OrderEntry {
    links: Vec<Link>,
    /// By instrument.
    symbols: Box<[Symbol]>,
    journal: Option<SegmentWriter>,
    kill: KillSwitch,
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
        let links = sessions.into_iter().map(|config| Link::new(config.into(), symbols, format));
        let links = links.collect::<Result<_, _>>()?;
        let redacted = vec![0; SEND_BUFFER_BYTES].into_boxed_slice();
        Ok(Self {
            links,
            symbols: symbols.into(),
            journal,
            kill: KillSwitch::new(),
            malformed: 0,
            sent: 0,
            not_sent: 0,
            journal_full: false,
            redacted,
        })
    }

    /// The same, obeying this switch and not one of its own.
    #[must_use]
    pub fn obeying(self, kill: KillSwitch) -> Self {
        Self { kill, ..self }
    }

    /// The switch that it obeys.
    #[must_use]
    pub const fn kill(&self) -> &KillSwitch {
        &self.kill
    }

    /// The venue's FIX session goes on with these next MsgSeqNum(34) of each direction, from the journal of a former run,
    /// and decide is told at its first logon that its orders are in doubt. Before the first connection only.
    pub fn resume(&mut self, venue: u8, next_outgoing: u32, next_incoming: u32) {
        if let Some(link) = self.links.get_mut(usize::from(venue)) {
            link.resume(next_outgoing, next_incoming);
            self.journal_connected(venue, 0, Connected { next_outgoing, next_incoming, resets: false });
        }
    }

    /// The next MsgSeqNum(34) of each direction of the venue's FIX session, ours first.
    #[must_use]
    pub fn sequence_numbers(&self, venue: u8) -> Option<(u32, u32)> {
        let session = self.links.get(usize::from(venue))?.fix()?;
        Some((session.reserve_sequence(), session.next_incoming()))
    }

    /// UTC minus the time that callers pass, ns: what SendingTime(52) is written with from now on.
    pub fn set_utc_offset(&mut self, offset_ns: i64) {
        for session in self.links.iter_mut().filter_map(Link::fix_mut) {
            session.set_utc_offset(offset_ns);
        }
    }

    /// A new session day of the venue has begun: its FIX session's numbers start at 1 with the next connection. Between two
    /// connections only.
    pub fn start_over(&mut self, venue: u8) {
        if let Some(link) = self.links.get_mut(usize::from(venue)) {
            link.start_over();
        }
    }

    /// The way to the venue is open: queues the logon.
    pub fn connected(&mut self, venue: u8, now_ns: u64) {
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        let connected = link.connected(now_ns);
        self.journal_connected(venue, now_ns, connected);
        self.journal_session(venue, now_ns);
        failpoint::reached("logon");
    }

    fn journal_connected(&mut self, venue: u8, now_ns: u64, connected: Connected) {
        if let Some(journal) = &mut self.journal {
            let connected = connected.encode();
            self.journal_full |=
                journal.append_session(RecordKind::Connected, u16::from(venue), now_ns, &connected).is_err();
        }
    }

    /// The way to the venue is gone.
    pub fn disconnected(&mut self, venue: u8) {
        if let Some(link) = self.links.get_mut(usize::from(venue)) {
            link.disconnected();
        }
    }

    /// Whether the session wants its connection closed, once nothing is pending. Without a journal to write to there is
    /// nothing more to say: the venue may do what it does about orders whose session is gone.
    #[must_use]
    pub fn wants_close(&self, venue: u8) -> bool {
        self.journal_full || self.links.get(usize::from(venue)).is_some_and(Link::wants_close)
    }

    /// Whether the venue has accepted our logon.
    #[must_use]
    pub fn is_logged_on(&self, venue: u8) -> bool {
        self.links.get(usize::from(venue)).is_some_and(Link::is_logged_on)
    }

    /// Encodes an approved order into the venue's send buffer and journals its bytes.
    ///
    /// # Errors
    /// Why it cannot be sent, a journal that takes no more among it; [`not_sent`] makes the execution that says so.
    pub fn encode(&mut self, order: &RiskApproved<Order>, now_ns: u64) -> Result<(), RejectReason> {
        self.encode_ahead(order, now_ns)?;
        self.journal_encoded(order.venue, now_ns);
        if self.journal_full { Err(RejectReason::NotConnected) } else { Ok(()) }
    }

    /// The same, the journal left out: nothing of it can be sent before [`Self::journal_encoded`], where there is a journal.
    ///
    /// # Errors
    /// As [`Self::encode`].
    #[inline]
    pub fn encode_ahead(&mut self, order: &RiskApproved<Order>, now_ns: u64) -> Result<(), RejectReason> {
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
        if asks_for_more && self.kill.is_set() {
            return Err(RejectReason::NotConnected);
        }
        let link = self.links.get_mut(usize::from(order.venue)).ok_or(RejectReason::NotConnected)?;
        if self.journal_full {
            return Err(RejectReason::NotConnected);
        }
        link.encode(order, &self.symbols, now_ns)
    }

    /// Bytes that wait to be sent to a venue: those that the journal has, where there is one.
    #[must_use]
    pub fn pending(&self, venue: u8) -> &[u8] {
        let Some(link) = self.links.get(usize::from(venue)) else { return &[] };
        match &self.journal {
            Some(_) => link.pending().get(..link.journalled).unwrap_or_default(),
            None => link.pending(),
        }
    }

    /// The first `count` pending bytes are on their way.
    pub fn consume(&mut self, venue: u8, count: usize) {
        if let Some(link) = self.links.get_mut(usize::from(venue)) {
            link.consume(count);
        }
    }

    /// Bytes from a venue; each execution in them goes to `sink`.
    pub fn receive(&mut self, venue: u8, now_ns: u64, bytes: &[u8], sink: &mut impl FnMut(Execution)) {
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        if let Some(journal) = &mut self.journal {
            let bytes = if link.receives_secrets() {
                redacted(&mut self.redacted, bytes, redact::mask)
            } else {
                bytes
            };
            self.journal_full |=
                session_bytes::append(journal, RecordKind::Received, venue, now_ns, bytes).is_err();
        }
        self.malformed += link.receive(venue, now_ns, bytes, sink);
        self.journal_session(venue, now_ns);
    }

    /// Heartbeats and test requests that are due, and what a venue wants again.
    pub fn on_timer(&mut self, now_ns: u64) {
        for venue in 0..self.links.len() {
            let link = &mut self.links[venue];
            if link.due_ns() <= now_ns {
                link.on_timer(now_ns);
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
            self.logout_from(venue as u8, now_ns);
        }
    }

    /// Asks one venue for the end of the session.
    pub fn logout_from(&mut self, venue: u8, now_ns: u64) {
        if let Some(link) = self.links.get_mut(usize::from(venue)) {
            link.logout(now_ns);
            self.journal_session(venue, now_ns);
        }
    }

    /// Journals what was encoded for a venue: only then is it pending. A journal that takes no more keeps it from being sent,
    /// like everything after it.
    #[inline]
    pub fn journal_encoded(&mut self, venue: u8, now_ns: u64) {
        let Some(journal) = &mut self.journal else { return };
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        let pending = link.pending();
        if pending.len() > link.journalled {
            failpoint::reached("between_appends");
            let new = &pending[link.journalled..];
            match session_bytes::append(journal, RecordKind::Sent, venue, now_ns, new) {
                Ok(()) => link.journalled = pending.len(),
                Err(_) => self.journal_full = true,
            }
        }
    }

    /// The same for messages of the session itself, among which a Logon has secrets: they are hidden. A Logon is never
    /// resent (a gap fill stands for it), so that nobody misses what is hidden.
    fn journal_session(&mut self, venue: u8, now_ns: u64) {
        let Some(journal) = &mut self.journal else { return };
        let Some(link) = self.links.get_mut(usize::from(venue)) else { return };
        let pending = link.pending();
        if pending.len() > link.journalled {
            let new = redacted(&mut self.redacted, &pending[link.journalled..], link.mask());
            match session_bytes::append(journal, RecordKind::Sent, venue, now_ns, new) {
                Ok(()) => link.journalled = pending.len(),
                Err(_) => self.journal_full = true,
            }
        }
    }

    /// Messages of a venue that could not be understood.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// What a venue refused by Reject or BusinessMessageReject, venue by venue, where it refused anything.
    pub fn refusals(&self) -> impl Iterator<Item = (usize, &Refusals)> {
        let refusals = self.links.iter().map(Link::refusals).enumerate();
        refusals
            .filter_map(|(venue, refusals)| Some((venue, refusals.filter(|refusals| refusals.count > 0)?)))
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

    /// Whether what is sent and received is journalled.
    #[must_use]
    pub const fn is_journalled(&self) -> bool {
        self.journal.is_some()
    }

    /// Whether the journal has refused a record: nothing has been sent since.
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
