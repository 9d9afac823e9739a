//! A strategy that keeps so many orders resting far from the market, for what is to be stopped and cancelled.

use engine::order::TimeInForce;
use engine::strategy::{INTENTS_MAX, Intents, Strategy, View};
use feeds::event::{MarketEvent, Side};

/// A cent.
const TICK: i64 = 10_000_000;

/// See the module's text.
pub struct Resting {
    instruments: [u32; 1],
    orders: usize,
}

impl Resting {
    /// Keeps so many orders in one instrument, at venue 0.
    #[must_use]
    pub const fn new(instrument: u32, orders: usize) -> Self {
        Self { instruments: [instrument], orders }
    }
}

impl Strategy for Resting {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, _view: &View<'_>, _event: &MarketEvent, _intents: &mut Intents) {}

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        let [instrument] = self.instruments;
        let bid = view.bbo(0, instrument).bid_px;
        let open = view.open_orders().count();
        if bid <= 0 || !view.is_continuous(0, instrument) {
            return;
        }
        // 3 % below the bid, each order at a price of its own.
        let far = (bid - bid / 100 * 3) / TICK * TICK;
        for place in open..self.orders.min(open + INTENTS_MAX) {
            let price = far - place as i64 * TICK;
            intents.new_order(0, instrument, Side::Buy, price, 10, TimeInForce::Day);
        }
    }
}
