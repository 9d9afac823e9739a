//! The best prices of every instrument, from the events alone.

use std::collections::BTreeMap;

use feeds::event::{EventKind, MarketEvent, Side};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::Bbo;

/// Price to quantity, of each venue, instrument and side.
#[derive(Default)]
pub struct Tops {
    levels: BTreeMap<(u8, u32, bool), BTreeMap<i64, u64>>,
}

impl Tops {
    pub fn apply(&mut self, event: &MarketEvent) {
        assert_eq!(event.kind, EventKind::LevelSet, "quotes alone");
        let side = self.levels.entry((event.venue, event.instrument, event.side == Side::Sell)).or_default();
        match event.quantity {
            0 => side.remove(&event.price),
            quantity => side.insert(event.price, quantity),
        };
        assert!(side.len() <= 1, "one level a side between two events");
    }

    pub fn of(&self, venue: u8, instrument: u32) -> Bbo {
        let best = |sells| self.levels.get(&(venue, instrument, sells)).and_then(BTreeMap::first_key_value);
        let (bid_px, bid_qty) = best(false).map_or((PRICE_NONE, 0), |(price, quantity)| (*price, *quantity));
        let (ask_px, ask_qty) = best(true).map_or((PRICE_NONE, 0), |(price, quantity)| (*price, *quantity));
        Bbo { bid_px, bid_qty, ask_px, ask_qty }
    }
}
