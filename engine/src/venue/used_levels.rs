//! How much of which displayed level our own fills have used up, in books of levels.
//!
//! A level has no order id to go by, so it has a table of its own beside [`super::used`]: for each side of each
//! instrument a list of the levels that are used, best price first, out of one pool that is sized at construction. A
//! side has few of them at once, near the top of its book. When the pool is empty nothing more can be used up: what
//! cannot be remembered cannot be taken.

use feeds::event::Side;

use super::orders::{NO_SLOT, better, side_index};

/// What our fills used of one level.
#[derive(Clone, Copy)]
struct UsedLevel {
    price: i64,
    /// Above zero, and never above what the level displays; all of it while the level is out of sight.
    used: u64,
    /// The next of its side, or the next that is free.
    next: u32,
}

pub(super) struct UsedLevels {
    slots: Vec<UsedLevel>,
    /// First slot of each side, by [`side_index`].
    sides: Vec<u32>,
    free: u32,
    live: usize,
}

impl UsedLevels {
    /// Remembers `levels_max` levels at once, of `instruments` instruments.
    pub(super) fn new(levels_max: usize, instruments: usize) -> Self {
        let chained = |at| if at < levels_max { at as u32 } else { NO_SLOT };
        Self {
            slots: (1..=levels_max).map(|at| UsedLevel { price: 0, used: 0, next: chained(at) }).collect(),
            sides: vec![NO_SLOT; instruments * 2],
            free: chained(0),
            live: 0,
        }
    }

    /// How much of the level is used.
    pub(super) fn get(&self, instrument: u32, side: Side, price: i64) -> u64 {
        match self.find(instrument, side, price) {
            (_, at) if at != NO_SLOT => self.slots[at as usize].used,
            _ => 0,
        }
    }

    /// Whether use of this level can be remembered.
    pub(super) fn can_mark(&self, instrument: u32, side: Side, price: i64) -> bool {
        self.free != NO_SLOT || self.find(instrument, side, price).1 != NO_SLOT
    }

    /// Remembers `quantity` more of the level as used; says whether it could.
    pub(super) fn mark(&mut self, instrument: u32, side: Side, price: i64, quantity: u64) -> bool {
        let (before, at) = self.find(instrument, side, price);
        if at != NO_SLOT {
            self.slots[at as usize].used += quantity;
            return true;
        }
        let new = self.free;
        if new == NO_SLOT {
            return false;
        }
        self.free = self.slots[new as usize].next;
        self.live += 1;
        let first = &mut self.sides[side_index(instrument, side)];
        let next = match before {
            NO_SLOT => std::mem::replace(first, new),
            _ => std::mem::replace(&mut self.slots[before as usize].next, new),
        };
        self.slots[new as usize] = UsedLevel { price, used: quantity, next };
        true
    }

    /// Caps the used part of each level of a side at what `most` says for its price; what comes to nothing is
    /// forgotten.
    pub(super) fn cap(&mut self, instrument: u32, side: Side, most: impl Fn(i64) -> u64) {
        let mut before = NO_SLOT;
        let mut at = self.sides[side_index(instrument, side)];
        while at != NO_SLOT {
            let level = &mut self.slots[at as usize];
            let next = level.next;
            level.used = level.used.min(most(level.price));
            if level.used == 0 {
                self.release(at);
                match before {
                    NO_SLOT => self.sides[side_index(instrument, side)] = next,
                    _ => self.slots[before as usize].next = next,
                }
            } else {
                before = at;
            }
            at = next;
        }
    }

    /// Forgets everything about one instrument.
    pub(super) fn clear_instrument(&mut self, instrument: u32) {
        self.cap(instrument, Side::Buy, |_| 0);
        self.cap(instrument, Side::Sell, |_| 0);
    }

    /// Forgets everything; walks all instruments (a venue is cleared seldom).
    pub(super) fn clear(&mut self) {
        let mut instrument = 0;
        while self.live > 0 {
            self.clear_instrument(instrument);
            instrument += 1;
        }
    }

    fn release(&mut self, at: u32) {
        self.slots[at as usize].next = self.free;
        self.free = at;
        self.live -= 1;
    }

    /// The slot of a level, or none, and the slot before it in the list of its side.
    fn find(&self, instrument: u32, side: Side, price: i64) -> (u32, u32) {
        let mut before = NO_SLOT;
        let mut at = self.sides[side_index(instrument, side)];
        while at != NO_SLOT && better(side, self.slots[at as usize].price, price) {
            before = at;
            at = self.slots[at as usize].next;
        }
        let found = at != NO_SLOT && self.slots[at as usize].price == price;
        (before, if found { at } else { NO_SLOT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const LEVELS_MAX: usize = 6;

    proptest! {
        #[test]
        fn the_same_as_a_map(
            steps in prop::collection::vec((0_u8..8, 0_u32..2, any::<bool>(), 1_i64..8, 1_u64..50), 1..300)
        ) {
            let mut table = UsedLevels::new(LEVELS_MAX, 2);
            let mut map: BTreeMap<(u32, Side, i64), u64> = BTreeMap::new();
            for (step, instrument, buys, price, quantity) in steps {
                let side = if buys { Side::Buy } else { Side::Sell };
                let key = (instrument, side, price);
                match step {
                    0..=3 => {
                        let room = map.len() < LEVELS_MAX || map.contains_key(&key);
                        prop_assert_eq!(table.can_mark(instrument, side, price), room);
                        prop_assert_eq!(table.mark(instrument, side, price, quantity), room);
                        if room {
                            *map.entry(key).or_default() += quantity;
                        }
                    }
                    // Every price of the side, each to another bound; the price itself to nothing at times.
                    4..=5 => {
                        let most = |at: i64| (quantity / 2) * at.abs_diff(price);
                        table.cap(instrument, side, most);
                        for (&(of, on, at), used) in &mut map {
                            if (of, on) == (instrument, side) {
                                *used = (*used).min(most(at));
                            }
                        }
                        map.retain(|_, used| *used > 0);
                    }
                    6 => {
                        table.clear_instrument(instrument);
                        map.retain(|key, _| key.0 != instrument);
                    }
                    _ if quantity > 40 => {
                        table.clear();
                        map.clear();
                    }
                    _ => {}
                }
                prop_assert_eq!(table.live, map.len());
                for instrument in 0..2 {
                    for side in [Side::Buy, Side::Sell] {
                        for price in 1..8 {
                            let used = map.get(&(instrument, side, price)).copied().unwrap_or(0);
                            prop_assert_eq!(table.get(instrument, side, price), used);
                        }
                    }
                }
            }
        }
    }
}
