//! The strategy with many resting orders, hanging or panicking when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::strategy::{Intents, Strategy, View};
use feeds::event::MarketEvent;
use warptick_tests::resting;

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
    orders: resting::Resting,
    switches: Switches,
}

impl Resting {
    /// In one instrument, at venue 0.
    pub fn new(instrument: u32, orders: usize, switches: Switches) -> Box<Self> {
        Box::new(Self { orders: resting::Resting::new(instrument, orders), switches })
    }
}

impl Strategy for Resting {
    fn instruments(&self) -> &[u32] {
        self.orders.instruments()
    }

    fn on_market(&mut self, _view: &View<'_>, _event: &MarketEvent, _intents: &mut Intents) {}

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.orders.on_timer(view, intents);
        assert!(!self.switches.panics.load(Ordering::Relaxed), "told to");
        if self.switches.hangs.load(Ordering::Relaxed) {
            self.switches.hung.fetch_add(1, Ordering::Relaxed);
            while self.switches.hangs.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        }
    }
}
