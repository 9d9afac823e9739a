//! A strategy that talks all the time: seeded, without sense, on every occasion that a strategy has. It is there to
//! put as many orders, replaces, cancels and races as possible through the engine, not to earn anything.

use engine::order::{Execution, TimeInForce};
use engine::pipeline::order_table::LiveOrder;
use engine::strategy::{INTENTS_MAX, Intents, Strategy, View};
use feeds::event::{INSTRUMENT_ALL, MarketEvent, Side};
use feeds::units::PRICE_NONE;

/// One cent, 1e-9.
const CENT: i64 = 10_000_000;

/// A SplitMix64 stream: the same numbers for the same seed on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % bound
    }
}

/// See the module's text.
pub struct Chatter {
    instruments: Vec<u32>,
    venues: u8,
    one_in: u64,
    dice: Dice,
}

impl Chatter {
    /// Talks about `instruments` on the venues below `venues`, at one market event in `one_in`.
    #[must_use]
    pub fn new(seed: u64, instruments: Vec<u32>, venues: u8, one_in: u64) -> Self {
        Self { instruments, venues, one_in, dice: Dice::new(seed) }
    }

    fn say(&mut self, view: &View<'_>, venue: u8, instrument: u32, intents: &mut Intents) {
        let side = if self.dice.below(2) == 0 { Side::Buy } else { Side::Sell };
        let open = view.open_orders().find(|order| (order.venue, order.instrument) == (venue, instrument));
        let bbo = view.bbo(venue, instrument);
        if bbo.bid_px == PRICE_NONE || bbo.ask_px == PRICE_NONE {
            return;
        }
        let near = if side == Side::Buy { bbo.bid_px } else { bbo.ask_px };
        let steps = i64::try_from(self.dice.below(7)).unwrap_or(0) - 3;
        let price = near / CENT * CENT + steps * CENT;
        let quantity = 1 + self.dice.below(400);
        match (self.dice.below(8), open) {
            (0 | 1, Some(order)) => intents.cancel(order),
            (2 | 3, Some(order)) => intents.replace(order, price, quantity),
            (4, _) => {
                intents.new_order(venue, instrument, side, price, quantity, TimeInForce::ImmediateOrCancel);
            }
            _ => intents.new_order(venue, instrument, side, price, quantity, TimeInForce::Day),
        }
    }
}

impl Strategy for Chatter {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents) {
        if event.instrument != INSTRUMENT_ALL && self.dice.below(self.one_in) == 0 {
            for _ in 0..=self.dice.below(2) {
                self.say(view, event.venue, event.instrument, intents);
            }
        }
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        _execution: &Execution,
        order: &LiveOrder,
        _closed: bool,
        intents: &mut Intents,
    ) {
        if self.dice.below(6) == 0 {
            self.say(view, order.venue, order.instrument, intents);
        }
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        for _ in 0..self.dice.below(INTENTS_MAX as u64 + 1) {
            let instrument = self.instruments[self.dice.below(self.instruments.len() as u64) as usize];
            let venue = self.dice.below(u64::from(self.venues)) as u8;
            self.say(view, venue, instrument, intents);
        }
    }
}
