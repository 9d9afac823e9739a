//! How much of which displayed order our own fills have used up.
//!
//! The replayed book still shows what we took. This table remembers it, order by order, so that it is not taken
//! twice: an open-addressed table by order id, sized at construction. When it is full nothing more can be used up:
//! what cannot be remembered cannot be taken.

/// What our fills used of one displayed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Used {
    order_id: u64,
    /// Quantity used; 0 marks an empty slot. Never above `left`.
    used: u64,
    /// Quantity that the order still displays.
    left: u64,
    instrument: u32,
}

const EMPTY: Used = Used { order_id: 0, used: 0, left: 0, instrument: 0 };

pub(super) struct UsedTable {
    slots: Vec<Used>,
    mask: usize,
    count: usize,
    count_max: usize,
}

impl UsedTable {
    /// A table that can remember `orders_max` displayed orders at once.
    pub(super) fn new(orders_max: usize) -> Self {
        let slots = (orders_max * 2).next_power_of_two().max(2);
        Self { slots: vec![EMPTY; slots], mask: slots - 1, count: 0, count_max: orders_max }
    }

    /// How much of the order is used.
    pub(super) fn get(&self, order_id: u64) -> u64 {
        if self.count == 0 {
            return 0;
        }
        self.slots[self.probe(order_id)].used
    }

    /// Whether use of this order can be remembered.
    pub(super) fn can_mark(&self, order_id: u64) -> bool {
        self.count < self.count_max || self.slots[self.probe(order_id)].used != 0
    }

    /// Remembers `quantity` more of the order as used; it displays `left` now. Needs [`Self::can_mark`].
    pub(super) fn mark(&mut self, order_id: u64, instrument: u32, quantity: u64, left: u64) {
        debug_assert!(self.can_mark(order_id) && quantity > 0);
        let at = self.probe(order_id);
        let slot = &mut self.slots[at];
        if slot.used == 0 {
            self.count += 1;
        }
        *slot = Used { order_id, used: slot.used + quantity, left, instrument };
        debug_assert!(slot.used <= left, "more used than there is");
    }

    /// The order displays `quantity` less: what is used is capped at what is left.
    pub(super) fn reduce(&mut self, order_id: u64, quantity: u64) {
        if self.count == 0 {
            return;
        }
        let at = self.probe(order_id);
        let slot = &mut self.slots[at];
        if slot.used == 0 {
            return;
        }
        slot.left = slot.left.saturating_sub(quantity);
        slot.used = slot.used.min(slot.left);
        if slot.used == 0 {
            self.empty(at);
        }
    }

    /// The order became another one that displays `quantity`: its used part goes along, capped at that.
    pub(super) fn rename(&mut self, order_id: u64, new_id: u64, instrument: u32, quantity: u64) {
        let carried = self.get(order_id).min(quantity);
        self.reduce(order_id, u64::MAX);
        if carried > 0 {
            self.mark(new_id, instrument, carried, quantity);
        }
    }

    /// Forgets everything about one instrument; walks the whole table (a book is cleared seldom).
    pub(super) fn clear_instrument(&mut self, instrument: u32) {
        let mut at = 0;
        while at < self.slots.len() && self.count > 0 {
            if self.slots[at].used != 0 && self.slots[at].instrument == instrument {
                // Removal may shift another entry into this slot: look at it again.
                self.empty(at);
            } else {
                at += 1;
            }
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        if self.count > 0 {
            self.slots.fill(EMPTY);
            self.count = 0;
        }
    }

    fn home(&self, order_id: u64) -> usize {
        (order_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & self.mask
    }

    /// The order's slot, or the empty one where it would go.
    fn probe(&self, order_id: u64) -> usize {
        let mut at = self.home(order_id);
        while self.slots[at].used != 0 && self.slots[at].order_id != order_id {
            at = (at + 1) & self.mask;
        }
        at
    }

    /// Empties a slot and moves later entries of its chain back, so that no chain is broken and no tombstone stays.
    fn empty(&mut self, mut hole: usize) {
        self.count -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            if self.slots[at].used == 0 {
                break;
            }
            let home = self.home(self.slots[at].order_id);
            // The entry may fill the hole only if its home is not cyclically after the hole.
            if (at.wrapping_sub(home) & self.mask) >= (at.wrapping_sub(hole) & self.mask) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
        }
        self.slots[hole] = EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn used_is_capped_at_what_is_left_and_goes_with_the_order() {
        let mut used = UsedTable::new(8);
        used.mark(7, 0, 60, 100);
        used.reduce(7, 30);
        assert_eq!(used.get(7), 60);
        used.reduce(7, 50);
        assert_eq!(used.get(7), 20);
        used.rename(7, 8, 0, 15);
        assert_eq!((used.get(7), used.get(8)), (0, 15));
        used.reduce(8, 15);
        assert_eq!((used.get(8), used.count), (0, 0));
    }

    proptest! {
        #[test]
        fn the_same_as_a_map(steps in prop::collection::vec((0_u8..5, 0_u64..40, 1_u64..50, 0_u32..3), 1..400)) {
            let mut table = UsedTable::new(12);
            // order -> (used, left, instrument)
            let mut map: BTreeMap<u64, (u64, u64, u32)> = BTreeMap::new();
            for (step, order, quantity, instrument) in steps {
                // A stride of the slot count makes every order start at few home slots.
                let id = order << 58 | order;
                match step {
                    0 | 1 => {
                        prop_assert_eq!(table.can_mark(id), map.len() < 12 || map.contains_key(&id));
                        if table.can_mark(id) {
                            let entry = map.entry(id).or_insert((0, 0, instrument));
                            *entry = (entry.0 + quantity, entry.0 + quantity + 10, instrument);
                            table.mark(id, instrument, quantity, entry.1);
                        }
                    }
                    2 => {
                        table.reduce(id, quantity);
                        if let Some(entry) = map.get_mut(&id) {
                            entry.1 = entry.1.saturating_sub(quantity);
                            entry.0 = entry.0.min(entry.1);
                        }
                        map.retain(|_, entry| entry.0 > 0);
                    }
                    3 => {
                        table.clear_instrument(instrument);
                        map.retain(|_, entry| entry.2 != instrument);
                    }
                    _ => {
                        let new_id = id ^ 1 << 40;
                        if !map.contains_key(&new_id) {
                            table.rename(id, new_id, instrument, quantity);
                            if let Some(entry) = map.remove(&id) {
                                map.insert(new_id, (entry.0.min(quantity), quantity, instrument));
                            }
                        }
                    }
                }
                prop_assert_eq!(table.count, map.len());
                for (&id, entry) in &map {
                    prop_assert_eq!(table.get(id), entry.0);
                }
            }
        }
    }
}
