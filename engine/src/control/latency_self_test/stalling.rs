//! The bench's own strategy and market: every message leads to one order, and at chosen messages the strategy stands
//! still before it decides.
//!
//! The market is one symbol with a bid and an offer that stay, and orders far below that come and go. The order is an
//! immediate-or-cancel bid far from the offer: the venue cancels it at once, so that nothing piles up.

use feeds::event::{MarketEvent, Side};
use feeds::itch::encode::append_framed;
use feeds::itch::messages::{AddOrder, Header, Message, OrderDelete, StockDirectory, StockTradingAction};
use feeds::source::synthetic::MARKET_OPEN_NS;
use feeds::symbol::Symbol;
use feeds::units::PRICE_NONE;

use crate::order::TimeInForce;
use crate::pipeline::tsc;
use crate::strategy::{Intents, Strategy, View};

/// The symbol of the session.
pub const SYMBOL: &str = "STALL";

/// Messages before the first that leads to an order: directory, trading state, bid and offer.
pub const OPENING_MESSAGES: u64 = 4;

/// Prices of the session, Price(4): the bid, the offer, and where orders come and go.
const BID: u32 = 1_000_000;
const OFFER: u32 = 1_010_000;
const FAR: u32 = 900_000;

/// Where the strategy bids, 1e-9.
const OUR_BID: i64 = 99_000_000_000;

/// Between two messages in the session's own time, ns.
const GAP_NS: u64 = 1_000_000;

/// A session of so many messages behind its opening, in BinaryFILE framing.
///
/// # Panics
/// Never: the symbol is one.
#[must_use]
pub fn session(messages: u64) -> Vec<u8> {
    let stock = Symbol::new(SYMBOL).expect("a symbol");
    let header =
        |number: u64| Header { locate: 1, tracking: 0, timestamp_ns: MARKET_OPEN_NS + number * GAP_NS };
    let mut bytes = Vec::new();
    let add = |number: u64, reference: u64, side: u8, price: u32| {
        Message::AddOrder(AddOrder { header: header(number), reference, side, shares: 1_000, stock, price })
    };
    let opening = [
        Message::StockDirectory(StockDirectory::common_share(header(0), stock)),
        Message::StockTradingAction(StockTradingAction::trading(header(1), stock)),
        add(2, 1, b'B', BID),
        add(3, 2, b'S', OFFER),
    ];
    opening.iter().for_each(|message| append_framed(message, &mut bytes));
    for number in 0..messages {
        let (at, reference) = (OPENING_MESSAGES + number, 3 + number / 2);
        let message = if number.is_multiple_of(2) {
            add(at, reference, b'B', FAR)
        } else {
            Message::OrderDelete(OrderDelete { header: header(at), reference })
        };
        append_framed(&message, &mut bytes);
    }
    bytes
}

/// See the module's text.
pub struct Stalling {
    instruments: [u32; 1],
    stall_ticks: u64,
    period: u64,
    events: u64,
}

impl Stalling {
    /// Stands still for `stall_ticks` in the middle of each `period` of messages; never when that is 0.
    #[must_use]
    pub const fn new(instrument: u32, stall_ticks: u64, period: u64) -> Self {
        Self { instruments: [instrument], stall_ticks, period, events: 0 }
    }
}

impl Strategy for Stalling {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents) {
        let [instrument] = self.instruments;
        let quote = view.bbo(event.venue, instrument);
        if quote.bid_px == PRICE_NONE || quote.ask_px == PRICE_NONE {
            return;
        }
        self.events += 1;
        if self.stall_ticks > 0 && self.events % self.period == self.period / 2 {
            let end = tsc::now() + self.stall_ticks;
            while tsc::now() < end {}
        }
        let ioc = TimeInForce::ImmediateOrCancel;
        intents.new_order(event.venue, instrument, Side::Buy, OUR_BID, 1, ioc);
    }
}
