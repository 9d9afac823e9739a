//! The OUCH 5.0 acceptor of a simulated venue: SoupBinTCP session and codec around [`VenueCore`], sans-I/O.
//!
//! Bytes of a client and market events in, bytes for the client out. One client at a time; when it goes, the venue
//! cancels its orders. What the venue says is numbered and kept, whether a client is there or not, and a client that
//! logs in is served from the number that it asks for. Allocates at construction only; of what it keeps, the oldest go
//! when the room is used up, and nobody can ask for them any more.
//!
//! **As the specification has it.** A message whose UserRefNum is not above the last one is ignored: a duplicate. So are,
//! in silence and without using up their number, cancels and replaces of orders that are not live. A replace whose
//! terms are impossible cancels the order; one that the market's state forbids is rejected and leaves it.
//!
//! **Not simulated.** Modify Order is ignored and counted; options (minimum quantity, pegs, reserves) are passed over;
//! whatever the mark, a sale is a sale. Reasons of unasked cancels are this venue's own choice, and so are times: ns
//! since midnight, UTC. An order of the venue's core is named by its UserRefNum in digits; a cancel adds a dot and a
//! number, since the core wants a name for each request.

mod kept;
mod live;
mod orders;

use feeds::event::MarketEvent;
use feeds::soupbintcp::{Credentials, ServerConfig, ServerState, SoupBinServer, session_field};
use feeds::symbol::Symbol;

use orders::OuchOrders;

use crate::ouch::encode::{SymbolTooLong, wire_symbols};
use crate::venue::VenueCore;
use crate::venue::desk::Acceptor;

/// Bytes that may wait for the client.
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// See the module's text.
pub struct OuchGateway {
    server: SoupBinServer,
    orders: OuchOrders,
    cancels_on_disconnect: bool,
}

impl OuchGateway {
    /// A gateway in front of a core. `symbols` by instrument; `login` is the user name and the password that are asked
    /// for, `None`: anybody may; `session` names the day's stream.
    ///
    /// # Errors
    /// A symbol that OUCH cannot carry.
    pub fn new(
        core: VenueCore,
        login: Option<Credentials>,
        session: &str,
        symbols: &[Symbol],
    ) -> Result<Self, SymbolTooLong> {
        let symbols = wire_symbols(symbols)?;
        let session = session_field(session.as_bytes());
        let config = ServerConfig { login, session, send_buffer_bytes: SEND_BUFFER_BYTES };
        Ok(Self {
            server: SoupBinServer::new(config),
            orders: OuchOrders::new(core, &symbols),
            cancels_on_disconnect: true,
        })
    }

    /// The same; orders of a client that is gone live on unless it is told to cancel them.
    #[must_use]
    pub fn cancelling_on_disconnect(self, cancels_on_disconnect: bool) -> Self {
        Self { cancels_on_disconnect, ..self }
    }

    /// The core, for reports and tests.
    #[must_use]
    pub const fn core(&self) -> &VenueCore {
        &self.orders.core
    }

    /// Messages of the client that could not be understood.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.orders.malformed
    }

    /// Messages of the client that were ignored, as the specification wants it: duplicates, and requests about orders that
    /// are not live.
    #[must_use]
    pub const fn ignored(&self) -> u64 {
        self.orders.ignored
    }

    /// Reports that no message could carry.
    #[must_use]
    pub const fn lost_reports(&self) -> u64 {
        self.orders.said.lost
    }

    /// When [`Acceptor::on_timer`] has something to do next, ns.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        self.server.next_timer_ns()
    }

    /// One event of the replayed feed.
    pub fn on_market(&mut self, event: &MarketEvent, now_ns: u64) {
        if self.orders.on_market(event, now_ns) {
            self.flush(now_ns);
        }
    }

    /// Sends what the client has not been sent, as far as there is room.
    fn flush(&mut self, now_ns: u64) {
        let kept = &self.orders.said.kept;
        self.server.keep(kept.first(), kept.next());
        while self.server.state() == ServerState::LoggedOn && self.server.next_sequence() < kept.next() {
            let Some(message) = kept.get(self.server.next_sequence()) else {
                // The client is so far behind that what it needs is gone.
                self.server.end_session(now_ns);
                return;
            };
            if !self.server.send(now_ns, message) {
                return;
            }
        }
    }
}

impl Acceptor for OuchGateway {
    fn connected(&mut self, now_ns: u64) {
        self.server.on_connect(now_ns);
        self.flush(now_ns);
    }

    /// The client's orders are cancelled; it learns of it when it is back.
    fn disconnected(&mut self, now_ns: u64) {
        self.server.on_disconnect();
        if self.cancels_on_disconnect {
            self.orders.on_disconnect(now_ns);
        }
        self.flush(now_ns);
    }

    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8]) {
        let Self { server, orders, .. } = self;
        let received = server.on_messages(now_ns, bytes, &mut |body| orders.on_message(now_ns, body));
        self.orders.malformed += u64::from(received.is_err());
        self.flush(now_ns);
    }

    fn on_timer(&mut self, now_ns: u64) {
        // A client that is gone for good shows in the session's state.
        let _ = self.server.on_timer(now_ns);
        self.flush(now_ns);
    }

    fn pending(&self) -> &[u8] {
        self.server.pending()
    }

    fn consume(&mut self, count: usize) {
        self.server.consume(count);
    }

    fn wants_close(&self) -> bool {
        self.server.state() == ServerState::Closed
    }
}

#[cfg(test)]
mod tests;
