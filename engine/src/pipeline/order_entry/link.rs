//! The session to one venue, whatever its protocol.

use std::fmt;

use feeds::symbol::Symbol;

use super::fix_link::FixLink;
use super::own_answers::in_doubt;
use super::refusals::Refusals;
use crate::control::failpoint;
use crate::control::journal::Connected;
use crate::fix::identity::SessionIds;
use crate::fix::redact;
use crate::fix::session::{NothingSent, Session, SessionConfig, State};
use crate::fix::templates::{NumberStyle, TemplateError, TemplateFormat};
use crate::order::{Execution, Order, RejectReason};
use crate::ouch::encode::SymbolTooLong;
use crate::ouch::session::{OuchConfig, OuchSession, mask_login};
use crate::pipeline::risk::RiskApproved;

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
pub(super) struct Link {
    protocol: Protocol,
    /// Bytes at the front of what is pending that are in the journal already.
    pub(super) journalled: usize,
    /// Whether a session was up before: the next logon is a reconnection.
    was_logged_on: bool,
    /// Whether decide is to be told that what became of the venue's open orders is not known.
    is_in_doubt: bool,
}

impl Link {
    pub(super) fn new(
        config: LinkConfig,
        symbols: &[Symbol],
        format: TemplateFormat,
    ) -> Result<Self, LinkError> {
        let protocol = match config {
            LinkConfig::Fix(config, ids, number_style) => {
                let format = TemplateFormat { number_style, ..format };
                Protocol::Fix(FixLink::new(*config, &ids, symbols, format).map_err(LinkError::Fix)?)
            }
            LinkConfig::Ouch(config) => {
                Protocol::Ouch(OuchSession::new(&config, symbols).map_err(LinkError::Ouch)?)
            }
        };
        Ok(Self { protocol, journalled: 0, was_logged_on: false, is_in_doubt: false })
    }

    /// The FIX session, if it is one.
    pub(super) const fn fix(&self) -> Option<&Session> {
        match &self.protocol {
            Protocol::Fix(fix) => Some(&fix.session),
            Protocol::Ouch(_) => None,
        }
    }

    /// A FIX session of a former run goes on.
    pub(super) fn resume(&mut self, next_outgoing: u32, next_incoming: u32) {
        if let Some(session) = self.fix_mut() {
            session.go_on(next_outgoing, next_incoming);
        }
        self.was_logged_on = true;
    }

    /// A new session day has begun: a FIX session's numbers start at 1.
    pub(super) const fn start_over(&mut self) {
        if let Some(session) = self.fix_mut() {
            session.start_over();
        }
    }

    /// The same, to be changed.
    pub(super) const fn fix_mut(&mut self) -> Option<&mut Session> {
        match &mut self.protocol {
            Protocol::Fix(fix) => Some(&mut fix.session),
            Protocol::Ouch(_) => None,
        }
    }

    pub(super) const fn refusals(&self) -> Option<&Refusals> {
        match &self.protocol {
            Protocol::Fix(fix) => Some(fix.answers.refusals()),
            Protocol::Ouch(_) => None,
        }
    }

    /// The way to the venue is open: queues the logon. Returns how the session begins.
    pub(super) fn connected(&mut self, now_ns: u64) -> Connected {
        match &mut self.protocol {
            Protocol::Fix(fix) => {
                let next_outgoing = fix.session.reserve_sequence();
                let next_incoming = fix.session.next_incoming();
                let _ = fix.session.on_connect(now_ns, &mut fix.out);
                Connected { next_outgoing, next_incoming, resets: fix.session.resets() }
            }
            Protocol::Ouch(session) => {
                session.connected(now_ns);
                Connected { next_outgoing: 0, next_incoming: 0, resets: false }
            }
        }
    }

    pub(super) fn disconnected(&mut self) {
        match &mut self.protocol {
            Protocol::Fix(fix) => fix.disconnected(),
            Protocol::Ouch(session) => session.disconnected(),
        }
        self.journalled = 0;
    }

    pub(super) fn wants_close(&self) -> bool {
        match &self.protocol {
            Protocol::Fix(fix) => matches!(fix.session.state(), State::Closed(_)),
            Protocol::Ouch(session) => session.wants_close(),
        }
    }

    #[inline]
    pub(super) fn is_logged_on(&self) -> bool {
        match &self.protocol {
            Protocol::Fix(fix) => fix.session.is_logged_on(),
            Protocol::Ouch(session) => session.is_logged_on(),
        }
    }

    #[inline]
    pub(super) fn encode(
        &mut self,
        order: &RiskApproved<Order>,
        symbols: &[Symbol],
        now_ns: u64,
    ) -> Result<(), RejectReason> {
        match &mut self.protocol {
            Protocol::Fix(fix) => fix.encode(order, symbols, now_ns),
            Protocol::Ouch(session) => session.encode(order, now_ns),
        }
    }

    #[inline]
    pub(super) fn pending(&self) -> &[u8] {
        match &self.protocol {
            Protocol::Fix(fix) => fix.out.pending(),
            Protocol::Ouch(session) => session.pending(),
        }
    }

    pub(super) fn consume(&mut self, count: usize) {
        match &mut self.protocol {
            Protocol::Fix(fix) => fix.out.consume(count),
            Protocol::Ouch(session) => session.consume(count),
        }
        self.journalled = self.journalled.saturating_sub(count);
    }

    /// Bytes of the venue; returns how many messages could not be understood.
    pub(super) fn receive(
        &mut self,
        venue: u8,
        now_ns: u64,
        bytes: &[u8],
        sink: &mut impl FnMut(Execution),
    ) -> u64 {
        let was_up = self.is_logged_on();
        let malformed = match &mut self.protocol {
            Protocol::Fix(fix) => fix.receive(venue, now_ns, bytes, sink),
            Protocol::Ouch(session) => session.receive(now_ns, bytes, sink),
        };
        self.resend(now_ns);
        self.is_in_doubt |= self.fix_mut().is_some_and(Session::take_may_have_lost);
        if self.is_logged_on() {
            if !was_up {
                failpoint::reached("logged_on");
            }
            self.is_in_doubt |= !was_up && self.was_logged_on;
            self.was_logged_on = true;
            if std::mem::take(&mut self.is_in_doubt) {
                sink(in_doubt(venue, now_ns));
            }
        }
        malformed
    }

    /// When its timer has something to do next, ns.
    pub(super) fn due_ns(&self) -> u64 {
        match &self.protocol {
            Protocol::Fix(fix) if fix.session.is_resending() => 0,
            Protocol::Fix(fix) => fix.session.next_timer_ns(),
            Protocol::Ouch(session) => session.next_timer_ns(),
        }
    }

    pub(super) fn on_timer(&mut self, now_ns: u64) {
        match &mut self.protocol {
            Protocol::Fix(fix) => drop(fix.session.on_timer(now_ns, &mut fix.out)),
            Protocol::Ouch(session) => session.on_timer(now_ns),
        }
        self.resend(now_ns);
    }

    pub(super) fn logout(&mut self, now_ns: u64) {
        match &mut self.protocol {
            Protocol::Fix(fix) => drop(fix.session.logout(now_ns, &mut fix.out)),
            Protocol::Ouch(session) => session.logout(now_ns),
        }
    }

    /// Whether what the venue sends now may repeat our secrets: a FIX venue may answer a Logon with what was in it.
    pub(super) fn receives_secrets(&self) -> bool {
        self.fix().is_some_and(|session| !session.is_logged_on())
    }

    /// What hides the secrets in messages of the session that we send.
    pub(super) fn mask(&self) -> fn(&mut [u8]) {
        match &self.protocol {
            Protocol::Fix(_) => redact::mask,
            Protocol::Ouch(_) => mask_login,
        }
    }

    /// Nothing that we sent is worth sending late: what a FIX venue wants again is gap-filled. OUCH knows no such wish.
    #[inline]
    fn resend(&mut self, now_ns: u64) {
        if let Protocol::Fix(fix) = &mut self.protocol
            && fix.session.is_resending()
        {
            failpoint::reached("resend");
            let _ = fix.session.resend(now_ns, &NothingSent, RESENT_A_TURN, &mut fix.out);
            self.is_in_doubt = true;
        }
    }
}
