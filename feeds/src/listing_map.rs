//! From a feed's own instrument number to a dense locate: an open-addressing table of fixed capacity.
//!
//! Feeds other than ITCH number instruments sparsely (CME security id, Databento instrument id) or name them by
//! eight characters (IEX, taken as one integer; nothing is hashed as a string). The locate that this table gives is
//! what [`crate::directory::Directory`] lists and what a decoder's own per-instrument tables are indexed by. All
//! memory is allocated and touched in [`ListingMap::new`]; the thread that decodes owns it. It forgets nothing:
//! venues number instruments for a whole day. It is at most half full, so that a look-up ends after a few slots.

/// Slots hold the locate plus one, so that zero stays free for "empty".
const EMPTY: u32 = 0;

/// 2^64 divided by the golden ratio, odd: multiplying by it spreads neighbouring numbers over the high bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Locates that a `u16` holds.
const LOCATES: usize = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u64,
    locate_plus_one: u32,
}

/// Sparse 64-bit instrument numbers and their dense locates, given in the order of first sight from 0.
#[derive(Clone, Debug)]
pub struct ListingMap {
    /// A power of two, at least twice the capacity.
    slots: Box<[Slot]>,
    /// Slot of a hash: its highest bits.
    shift: u32,
    listed: usize,
    capacity: usize,
}

impl ListingMap {
    /// A table for up to `capacity` instruments; more than 2^16 are cut to that, the range of a locate.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.min(LOCATES);
        let slots = (capacity * 2).next_power_of_two().max(2);
        // Not zeroed pages: the first look-up that needs one would fault it in.
        let mut table = vec![Slot { id: 1, locate_plus_one: 1 }; slots].into_boxed_slice();
        table.fill(Slot { id: 0, locate_plus_one: EMPTY });
        Self { slots: table, shift: 64 - slots.trailing_zeros(), listed: 0, capacity }
    }

    /// The slot that holds `id`, or the free one where it belongs. Half of the slots are always free.
    #[inline(always)]
    fn slot(&self, id: u64) -> usize {
        let mask = self.slots.len() - 1;
        let hash = (id ^ (id >> 32)).wrapping_mul(SPREAD) >> self.shift;
        // Below the table's length, which is at most 2^17.
        #[allow(clippy::cast_possible_truncation)]
        let mut at = hash as usize & mask;
        while self.slots[at].locate_plus_one != EMPTY && self.slots[at].id != id {
            at = (at + 1) & mask;
        }
        at
    }

    /// The locate of `id`; `None` when it has none. Hot.
    #[inline(always)]
    #[must_use]
    pub fn locate(&self, id: u64) -> Option<u16> {
        let locate = self.slots[self.slot(id)].locate_plus_one.checked_sub(1)?;
        u16::try_from(locate).ok()
    }

    /// The locate of `id`, and whether it was given just now; `None` when all locates are taken.
    #[inline(always)]
    pub fn locate_or_insert(&mut self, id: u64) -> Option<(u16, bool)> {
        let slot = self.slot(id);
        if let Some(locate) = self.slots[slot].locate_plus_one.checked_sub(1) {
            return Some((u16::try_from(locate).ok()?, false));
        }
        Some((self.insert(slot, id)?, true))
    }

    /// Out of line: once per instrument and day.
    #[cold]
    #[inline(never)]
    fn insert(&mut self, slot: usize, id: u64) -> Option<u16> {
        if self.listed == self.capacity {
            return None;
        }
        let locate = u16::try_from(self.listed).ok()?;
        self.slots[slot] = Slot { id, locate_plus_one: u32::from(locate) + 1 };
        self.listed += 1;
        Some(locate)
    }

    /// Locates that are taken: they are `0..len`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listed
    }

    /// Whether no locate is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed == 0
    }

    /// Locates that can ever be taken: what tables indexed by locate are to be sized to.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Few distinct numbers, dense, sparse and clustered, against a map.
        #[test]
        fn agrees_with_a_map(
            capacity in 0usize..40,
            ids in prop::collection::vec(
                prop_oneof![0u64..48, any::<u64>().prop_map(|id| id << 48), Just(u64::MAX), (0u64..8).prop_map(|id| id << 32)],
                0..300,
            ),
        ) {
            let mut map = ListingMap::new(capacity);
            let mut model: HashMap<u64, u16> = HashMap::new();
            prop_assert_eq!(map.capacity(), capacity);
            for id in ids {
                prop_assert_eq!(map.locate(id), model.get(&id).copied());
                let next = u16::try_from(model.len()).unwrap();
                let expected = match model.get(&id) {
                    Some(&locate) => Some((locate, false)),
                    None if model.len() < capacity => {
                        model.insert(id, next);
                        Some((next, true))
                    }
                    None => None,
                };
                prop_assert_eq!(map.locate_or_insert(id), expected);
                prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            }
        }
    }

    #[test]
    fn every_locate_can_be_taken() {
        let mut map = ListingMap::new(usize::MAX);
        assert_eq!(map.capacity(), 1 << 16);
        for id in 0..1u64 << 16 {
            let locate = u16::try_from(id).unwrap();
            assert_eq!(map.locate_or_insert(id * 1_000_003), Some((locate, true)));
        }
        assert_eq!(map.locate_or_insert(5), None);
        assert_eq!(map.locate(65_535 * 1_000_003), Some(u16::MAX));
    }

    /// CME security ids are near each other and options come in the tens of thousands: probes must stay short.
    #[test]
    fn real_looking_ids_do_not_cluster() {
        let mut map = ListingMap::new(1 << 16);
        for id in 0..60_000u64 {
            map.locate_or_insert(42_000_000 + id * 3).unwrap();
        }
        for symbol in [*b"AAPL    ", *b"ZXIET   ", *b"A       ", *b"AA      ", *b"BRK.B   "] {
            map.locate_or_insert(u64::from_le_bytes(symbol)).unwrap();
        }
        let (mut longest, mut run) = (0, 0);
        for slot in &map.slots {
            run = if slot.locate_plus_one == EMPTY { 0 } else { run + 1 };
            longest = longest.max(run);
        }
        assert!(longest < 64, "{longest} occupied slots in a row");
    }
}
