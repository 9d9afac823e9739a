//! A strategy that keeps to no limit: sizes, prices, rates and positions beyond all that is allowed, books that are
//! stale, orders that are on their way already. Risk is all that stands between it and the venue.

use engine::control::config::LimitsConfig;
use engine::order::{Execution, Intent, OrderAction, TimeInForce};
use engine::pipeline::order_table::LiveOrder;
use engine::strategy::{INTENTS_MAX, Intents, Strategy, View};
use feeds::event::{INSTRUMENT_ALL, MarketEvent, Side};
use feeds::units::PRICE_NONE;
use warptick_tests::chatter::Dice;

use crate::plan::VENUES;

/// See the module's text.
pub struct Reckless {
    instruments: Vec<u32>,
    limits: LimitsConfig,
    quiet_ns: u64,
    dice: Dice,
    /// The last new order that was wanted: it is wanted again.
    last: Option<Intent>,
}

impl Reckless {
    pub fn new(seed: u64, instruments: Vec<u32>, limits: LimitsConfig, quiet_ns: u64) -> Self {
        Self { instruments, limits, quiet_ns, dice: Dice::new(seed), last: None }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.dice.below(count) == 0
    }

    fn quantity(&mut self) -> u64 {
        let most = self.limits.order_qty_max;
        let quantity = match self.dice.below(24) {
            0 => 0,
            1 | 2 => most + 1 + self.dice.below(most),
            3..6 => most - self.dice.below(most / 4),
            _ => 1 + self.dice.below(most),
        };
        // Mostly whole lots, or hardly anything would pass.
        if self.one_in(12) { quantity } else { quantity.next_multiple_of(self.limits.lot_qty) }
    }

    /// Around the best price of the side, as the book has it, current or not.
    fn price(&mut self, view: &View<'_>, venue: u8, instrument: u32, side: Side) -> i64 {
        let bbo = view.books[usize::from(venue)].bbo(instrument);
        let mut near = if side == Side::Buy { bbo.bid_px } else { bbo.ask_px };
        if near == PRICE_NONE {
            near = 20_000_000_000;
        }
        let tick = self.limits.price_tick_e9;
        let steps = self.dice.below(9) as i64 - 4;
        let price = near / tick * tick + steps * tick;
        match self.dice.below(30) {
            0 => price + 100_000,
            1 => price / 100 * 90 / tick * tick,
            2 => price / 100 * 111 / tick * tick,
            3 => -price,
            _ => price,
        }
    }

    fn new_order(&mut self, view: &View<'_>, venue: u8, instrument: u32) -> Intent {
        let side = if self.one_in(2) { Side::Buy } else { Side::Sell };
        let time_in_force = if self.one_in(4) { TimeInForce::ImmediateOrCancel } else { TimeInForce::Day };
        Intent {
            action: OrderAction::New,
            target: 0,
            price: self.price(view, venue, instrument, side),
            quantity: self.quantity(),
            instrument,
            venue,
            side,
            time_in_force,
        }
    }

    fn say(&mut self, view: &View<'_>, venue: u8, instrument: u32, intents: &mut Intents) {
        if view.time_ns >= self.quiet_ns {
            return;
        }
        let open =
            || view.open_orders().filter(|order| (order.venue, order.instrument) == (venue, instrument));
        let open = open().nth(self.dice.below((open().count() as u64).max(1)) as usize);
        match (self.dice.below(10), open) {
            (0 | 1, Some(order)) => intents.cancel(order),
            (2 | 3, Some(order)) => {
                let price = self.price(view, venue, instrument, order.side);
                let quantity = self.quantity();
                intents.replace(order, price, quantity);
            }
            (4, _) => {
                let first = self.new_order(view, venue, instrument);
                let second = self.new_order(view, 1 - venue, instrument);
                intents.push_pair(first, second);
            }
            (5, _) => self.last.into_iter().for_each(|intent| intents.push(intent)),
            _ => {
                let intent = self.new_order(view, venue, instrument);
                self.last = Some(intent);
                intents.push(intent);
            }
        }
    }
}

impl Strategy for Reckless {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents) {
        if event.instrument != INSTRUMENT_ALL && self.one_in(4) {
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
        if self.one_in(8) {
            self.say(view, order.venue, order.instrument, intents);
        }
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        for _ in 0..self.dice.below(INTENTS_MAX as u64 / 2) {
            let instrument = self.instruments[self.dice.below(self.instruments.len() as u64) as usize];
            let venue = self.dice.below(VENUES as u64) as u8;
            self.say(view, venue, instrument, intents);
        }
    }
}
