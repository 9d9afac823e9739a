//! New orders of the last while, so that the same one is not sent again and again.
//!
//! One ring for all instruments, each order linked to the one before it of its instrument. Memory is taken at construction.

use crate::order::Intent;
use serde::{Deserialize, Serialize};
use std::hint::select_unpredictable;

/// Orders remembered, and steps that a search makes at most.
const REMEMBERED_LENGTH: usize = 1 << 16;
const REMEMBERED: u64 = REMEMBERED_LENGTH as u64;
/// A search that would take longer ends in "too many".
pub(super) const STEPS_MAX: u32 = 512;

#[derive(Clone, Copy)]
struct Recent {
    price: i64,
    quantity: u64,
    time_ns: u64,
    /// Number of the instrument's order before it, and side in the lowest bit.
    previous: u64,
}

/// Where the order with this number is.
const fn place(number: u64) -> usize {
    (number % REMEMBERED) as usize
}

/// New orders of one instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecentOf {
    /// Number of the latest one in [`RecentOrders`].
    latest: u64,
    /// Start of a stretch of one window, of which there is one after the other while orders come.
    from_ns: u64,
    /// Orders of this stretch and of the one before it: all that the window can hold, and more.
    counted: [u32; 2],
}

impl RecentOf {
    /// Whether there are fewer than `most` orders in the window that ends now, whatever their terms are. It may say no
    /// where there are.
    #[inline(always)]
    pub(super) const fn are_fewer(&self, now_ns: u64, most: u32) -> bool {
        // Before its start, older stretches are young again: the clock was set back.
        now_ns >= self.from_ns && self.counted[0].saturating_add(self.counted[1]) < most
    }

    #[inline(always)]
    fn count(&mut self, now_ns: u64, window_ns: u64) {
        // About as often as not, which no processor foresees.
        let is_over = now_ns.saturating_sub(self.from_ns) >= window_ns;
        let [this, before] = self.counted;
        self.from_ns = select_unpredictable(is_over, now_ns, self.from_ns);
        self.counted = [
            select_unpredictable(is_over, 0, this).saturating_add(1),
            select_unpredictable(is_over, this, before),
        ];
    }
}

/// A new order that is remembered, on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RememberedOrder {
    /// Its place in the order of all.
    pub(super) number: u64,
    pub(super) instrument: u32,
    price: i64,
    quantity: u64,
    time_ns: u64,
    /// The lowest bit of its side.
    side: u64,
}

/// See the module's text.
pub(super) struct RecentOrders {
    ring: Box<[Recent; REMEMBERED_LENGTH]>,
    /// Number of the next order, from 1.
    next: u64,
}

impl RecentOrders {
    pub(super) fn new() -> Self {
        let none = Recent { price: 0, quantity: 0, time_ns: 0, previous: 0 };
        let ring = vec![none; REMEMBERED_LENGTH].into_boxed_slice();
        Self { ring: ring.try_into().unwrap_or_else(|_| unreachable!("it has this length")), next: 1 }
    }

    /// Whether more than `most` orders of the instrument have the intent's terms and are younger than the window.
    pub(super) fn is_repeated(
        &self,
        of: &RecentOf,
        intent: &Intent,
        now_ns: u64,
        window_ns: u64,
        most: u32,
    ) -> bool {
        let (mut at, mut equal) = (of.latest, 0);
        for _ in 0..STEPS_MAX {
            if at == 0 || at + REMEMBERED < self.next {
                return equal >= most;
            }
            let order = &self.ring[place(at)];
            if now_ns.saturating_sub(order.time_ns) >= window_ns {
                return equal >= most;
            }
            let side = order.previous & 1 == intent.side as u64 & 1;
            equal += u32::from(side && (order.price, order.quantity) == (intent.price, intent.quantity));
            at = order.previous >> 1;
        }
        true
    }

    /// Remembers a new order.
    #[inline(always)]
    pub(super) fn push(&mut self, of: &mut RecentOf, intent: &Intent, now_ns: u64, window_ns: u64) {
        let number = self.next;
        self.ring[place(number)] = Recent {
            price: intent.price,
            quantity: intent.quantity,
            time_ns: now_ns,
            previous: of.latest << 1 | intent.side as u64 & 1,
        };
        self.next += 1;
        of.latest = number;
        of.count(now_ns, window_ns);
    }

    /// The orders of an instrument that a search at `now_ns` would look at, newest first.
    pub(super) fn of(
        &self,
        instrument: u32,
        of: &RecentOf,
        now_ns: u64,
        window_ns: u64,
    ) -> Vec<RememberedOrder> {
        let mut at = of.latest;
        let mut found = Vec::new();
        while at != 0 && at + REMEMBERED >= self.next && found.len() < STEPS_MAX as usize {
            let Recent { price, quantity, time_ns, previous } = self.ring[place(at)];
            if now_ns.saturating_sub(time_ns) >= window_ns {
                break;
            }
            found.push(RememberedOrder {
                number: at,
                instrument,
                price,
                quantity,
                time_ns,
                side: previous & 1,
            });
            at = previous >> 1;
        }
        found
    }

    /// Remembers what [`Self::of`] gave, the oldest first.
    pub(super) fn recall(&mut self, of: &mut RecentOf, order: &RememberedOrder, window_ns: u64) {
        let &RememberedOrder { price, quantity, time_ns, side, .. } = order;
        self.ring[place(self.next)] = Recent { price, quantity, time_ns, previous: of.latest << 1 | side };
        of.latest = self.next;
        self.next += 1;
        of.count(time_ns, window_ns);
    }

    /// Forgets the last one, which was of this instrument.
    pub(super) fn pop(&mut self, of: &mut RecentOf) {
        self.next = of.latest;
        of.latest = self.ring[place(of.latest)].previous >> 1;
    }
}
