//! The generator's own order books: what rests, so that each message it makes fits the ones before.
//!
//! Per listing and side a short sorted array of price levels, best last; per level a FIFO of orders as an intrusive
//! list through one slab that all listings share. Adds, removals and executions at the touch are constant time.
//! Grows by allocation; it belongs to the generator's thread and checks nothing that the generator guarantees.

/// No order slot: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// Index of a side: bids.
pub(super) const BID: usize = 0;
/// Index of a side: offers.
pub(super) const ASK: usize = 1;

/// One live order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// Order reference number.
    pub(super) reference: u64,
    /// Price, ticks of its symbol.
    pub(super) price: i32,
    /// Shares left.
    pub(super) shares: u32,
    /// [`BID`] or [`ASK`].
    pub(super) side: u32,
    /// Neighbours in the level's FIFO.
    previous: u32,
    next: u32,
    /// Its index in [`Book::live`].
    live_index: u32,
}

/// All live orders; slots of dead ones are used again.
#[derive(Debug, Default)]
pub(super) struct Orders {
    slots: Vec<Order>,
    free: Vec<u32>,
}

impl Orders {
    /// The order in this slot.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> &Order {
        &self.slots[slot as usize]
    }

    #[inline]
    fn get_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.slots[slot as usize]
    }

    fn insert(&mut self, order: Order) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = order;
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 live orders");
        self.slots.push(order);
        slot
    }
}

/// One price level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// Price, ticks.
    pub(super) price: i32,
    /// The order that is executed first.
    pub(super) head: u32,
    tail: u32,
    /// All shares at this price.
    pub(super) shares: u64,
}

/// The book of one listing.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Levels of bids (ascending) and offers (descending): the best is last.
    sides: [Vec<Level>; 2],
    /// Orders per side.
    counts: [usize; 2],
    /// Slots of all orders, roughly in the order of their arrival.
    pub(super) live: Vec<u32>,
}

impl Book {
    /// The best level of a side.
    #[inline]
    pub(super) fn best(&self, side: usize) -> Option<&Level> {
        self.sides[side].last()
    }

    /// The best price of a side, ticks.
    #[inline]
    pub(super) fn best_price(&self, side: usize) -> Option<i32> {
        self.best(side).map(|level| level.price)
    }

    /// Orders on a side.
    #[inline]
    pub(super) fn count(&self, side: usize) -> usize {
        self.counts[side]
    }

    /// Where the level of `price` is, or where it belongs. Most searches are near the touch, so it starts there.
    #[inline]
    fn find(levels: &[Level], side: usize, price: i32) -> Result<usize, usize> {
        let worse = |level: &Level| if side == BID { level.price < price } else { level.price > price };
        let near = levels.len().saturating_sub(8);
        let index = match levels[near..].iter().rposition(worse) {
            Some(offset) => near + offset + 1,
            None => levels[..near].partition_point(worse),
        };
        match levels.get(index) {
            Some(level) if level.price == price => Ok(index),
            _ => Err(index),
        }
    }

    /// Adds an order at the end of its level's queue; returns its slot.
    pub(super) fn add(
        &mut self,
        orders: &mut Orders,
        reference: u64,
        side: usize,
        price: i32,
        shares: u32,
    ) -> u32 {
        let live_index = u32::try_from(self.live.len()).expect("fewer than 2^32 live orders");
        let order = Order {
            reference,
            price,
            shares,
            side: if side == BID { 0 } else { 1 },
            previous: NONE,
            next: NONE,
            live_index,
        };
        let slot = orders.insert(order);
        self.live.push(slot);
        self.counts[side] += 1;
        let levels = &mut self.sides[side];
        match Self::find(levels, side, price) {
            Ok(index) => {
                let level = &mut levels[index];
                orders.get_mut(slot).previous = level.tail;
                orders.get_mut(level.tail).next = slot;
                level.tail = slot;
                level.shares += u64::from(shares);
            }
            Err(index) => {
                levels.insert(index, Level { price, head: slot, tail: slot, shares: u64::from(shares) });
            }
        }
        slot
    }

    /// Takes shares off an order; it goes when none are left. `shares` is at most what the order has.
    pub(super) fn reduce(&mut self, orders: &mut Orders, slot: u32, shares: u32) {
        let order = orders.get_mut(slot);
        debug_assert!(shares <= order.shares);
        order.shares -= shares;
        let Order { price, shares: left, side, previous, next, live_index, .. } = *order;
        let side = side as usize;
        let levels = &mut self.sides[side];
        let index = Self::find(levels, side, price).expect("a live order has a level");
        let level = &mut levels[index];
        level.shares -= u64::from(shares);
        if left > 0 {
            return;
        }
        if previous == NONE && next == NONE {
            levels.remove(index);
        } else {
            if previous == NONE {
                level.head = next
            } else {
                orders.get_mut(previous).next = next
            }
            if next == NONE { level.tail = previous } else { orders.get_mut(next).previous = previous }
        }
        self.counts[side] -= 1;
        self.live.swap_remove(live_index as usize);
        if let Some(&moved) = self.live.get(live_index as usize) {
            orders.get_mut(moved).live_index = live_index;
        }
        orders.free.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::super::prng::Prng;
    use super::*;
    use std::collections::{BTreeMap, VecDeque};

    /// Random adds and reductions against maps of queues.
    #[test]
    fn agrees_with_a_naive_book() {
        for seed in 0..20 {
            let mut prng = Prng::new(seed);
            let (mut book, mut orders) = (Book::default(), Orders::default());
            let mut naive: [BTreeMap<i32, VecDeque<(u64, u32)>>; 2] = Default::default();
            for reference in 0..3000u64 {
                if book.live.is_empty() || prng.chance(550) {
                    let side = if prng.chance(500) { BID } else { ASK };
                    let price = i32::try_from(prng.below(60)).unwrap();
                    let shares = 1 + prng.below(300);
                    book.add(&mut orders, reference, side, price, shares);
                    naive[side].entry(price).or_default().push_back((reference, shares));
                } else {
                    let pick = prng.below(u32::try_from(book.live.len()).unwrap());
                    let slot = book.live[pick as usize];
                    let order = *orders.get(slot);
                    let shares = if prng.chance(600) { order.shares } else { 1 + prng.below(order.shares) };
                    book.reduce(&mut orders, slot, shares);
                    let queue = naive[order.side as usize].get_mut(&order.price).unwrap();
                    let at = queue.iter().position(|o| o.0 == order.reference).unwrap();
                    queue[at].1 -= shares;
                    if queue[at].1 == 0 {
                        queue.remove(at);
                    }
                    if queue.is_empty() {
                        naive[order.side as usize].remove(&order.price);
                    }
                }
                for (side, levels) in naive.iter().enumerate() {
                    let best = if side == BID { levels.last_key_value() } else { levels.first_key_value() };
                    let expected = best.map(|(&price, queue)| {
                        (price, queue[0].0, queue.iter().map(|o| u64::from(o.1)).sum::<u64>())
                    });
                    let found = book.best(side).map(|l| (l.price, orders.get(l.head).reference, l.shares));
                    assert_eq!(found, expected, "seed {seed}, step {reference}, side {side}");
                    assert_eq!(book.count(side), levels.values().map(VecDeque::len).sum::<usize>());
                }
            }
        }
    }
}
