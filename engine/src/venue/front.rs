//! A simulated venue behind the acceptor of its protocol: FIX or OUCH, chosen once for the day.
//!
//! No more than the choice: everything is the gateway's.

use feeds::event::MarketEvent;

use super::desk::Acceptor;
use super::gateway::Gateway;
use super::ouch_gateway::OuchGateway;
use super::{TradeChange, VenueCore};

/// See the module's text.
pub enum VenueFront {
    /// FIX 4.4.
    Fix(Box<Gateway>),
    /// OUCH 5.0 over SoupBinTCP.
    Ouch(Box<OuchGateway>),
}

/// The same of whichever gateway it is.
macro_rules! of_gateway {
    ($front:expr, $gateway:ident => $what:expr) => {
        match $front {
            VenueFront::Fix($gateway) => $what,
            VenueFront::Ouch($gateway) => $what,
        }
    };
}

impl VenueFront {
    /// The core, for reports and tests.
    #[must_use]
    pub const fn core(&self) -> &VenueCore {
        of_gateway!(self, gateway => gateway.core())
    }

    /// One event of the replayed feed.
    pub fn on_market(&mut self, event: &MarketEvent, now_ns: u64) {
        of_gateway!(self, gateway => gateway.on_market(event, now_ns));
    }

    /// The venue busts or corrects a fill. Whether there is such a one; OUCH's gateway has none.
    pub fn change_trade(&mut self, now_ns: u64, change: &TradeChange) -> bool {
        match self {
            Self::Fix(gateway) => gateway.change_trade(now_ns, change),
            Self::Ouch(_) => false,
        }
    }

    /// The session is over by the venue's schedule: the client is logged out. OUCH keeps no schedule.
    pub fn log_out(&mut self, now_ns: u64) {
        if let Self::Fix(gateway) = self {
            gateway.log_out(now_ns);
        }
    }

    /// A new session has begun: its sequences start at 1. Between two connections only.
    pub const fn start_over(&mut self) {
        if let Self::Fix(gateway) = self {
            gateway.start_over();
        }
    }

    /// UTC minus the time that callers pass, ns: what SendingTime(52) is written with from now on.
    pub const fn set_utc_offset(&mut self, offset_ns: i64) {
        if let Self::Fix(gateway) = self {
            gateway.set_utc_offset(offset_ns);
        }
    }

    /// When [`Acceptor::on_timer`] has something to do next, ns.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        of_gateway!(self, gateway => gateway.next_timer_ns())
    }

    /// Messages of the client that could not be understood.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        of_gateway!(self, gateway => gateway.malformed())
    }

    /// Reports that could not be sent.
    #[must_use]
    pub const fn lost_reports(&self) -> u64 {
        of_gateway!(self, gateway => gateway.lost_reports())
    }
}

impl Acceptor for VenueFront {
    fn connected(&mut self, now_ns: u64) {
        of_gateway!(self, gateway => gateway.connected(now_ns));
    }

    fn disconnected(&mut self, now_ns: u64) {
        of_gateway!(self, gateway => gateway.disconnected(now_ns));
    }

    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8]) {
        of_gateway!(self, gateway => gateway.on_bytes(now_ns, bytes));
    }

    fn on_timer(&mut self, now_ns: u64) {
        of_gateway!(self, gateway => gateway.on_timer(now_ns));
    }

    fn pending(&self) -> &[u8] {
        of_gateway!(self, gateway => gateway.pending())
    }

    fn consume(&mut self, count: usize) {
        of_gateway!(self, gateway => gateway.consume(count));
    }

    fn wants_close(&self) -> bool {
        of_gateway!(self, gateway => gateway.wants_close())
    }
}
