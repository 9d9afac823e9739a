//! A strategy that keeps so many orders resting far from the market, and hangs when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::order::{Intent, OrderAction, TimeInForce};
use engine::strategy::{Intents, Strategy, View};
use feeds::event::{MarketEvent, Side};

/// A cent.
const TICK: i64 = 10_000_000;

/// What the test says and sees.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    /// The strategy does not come back from its next call while this is set.
    pub hangs: Arc<AtomicBool>,
    /// It panics in its next call.
    pub panics: Arc<AtomicBool>,
    /// Calls that have hung.
    pub hung: Arc<AtomicU64>,
}

/// See the module's text.
pub struct Resting {
    instruments: [u32; 1],
    orders: usize,
    switches: Switches,
}

impl Resting {
    /// In one instrument, at venue 0.
    pub fn new(instrument: u32, orders: usize, switches: Switches) -> Box<Self> {
        Box::new(Self { instruments: [instrument], orders, switches })
    }

    fn fill_up(&self, view: &View<'_>, intents: &mut Intents) {
        let [instrument] = self.instruments;
        let bid = view.bbo(0, instrument).bid_px;
        let open = view.open_orders().count();
        if bid <= 0 || !view.is_continuous(0, instrument) || open >= self.orders {
            return;
        }
        // 3 % below the bid, each order at a price of its own.
        let far = (bid - bid / 100 * 3) / TICK * TICK;
        for place in open..self.orders.min(open + 16) {
            intents.push(Intent {
                action: OrderAction::New,
                target: 0,
                price: far - place as i64 * TICK,
                quantity: 10,
                instrument,
                venue: 0,
                side: Side::Buy,
                time_in_force: TimeInForce::Day,
            });
        }
    }
}

impl Strategy for Resting {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, _view: &View<'_>, _event: &MarketEvent, _intents: &mut Intents) {}

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.fill_up(view, intents);
        assert!(!self.switches.panics.load(Ordering::Relaxed), "told to");
        if self.switches.hangs.load(Ordering::Relaxed) {
            self.switches.hung.fetch_add(1, Ordering::Relaxed);
            while self.switches.hangs.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        }
    }
}
