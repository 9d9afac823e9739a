//! New orders of the last while, so that the same one is not sent again and again.
//!
//! One ring for all instruments, each order linked to the one before it of its instrument. Memory is taken at construction.

use crate::order::Intent;

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

/// See the module's text.
pub(super) struct RecentOrders {
    ring: Box<[Recent]>,
    /// Number of the next order, from 1.
    next: u64,
}

impl RecentOrders {
    pub(super) fn new() -> Self {
        let none = Recent { price: 0, quantity: 0, time_ns: 0, previous: 0 };
        Self { ring: vec![none; REMEMBERED_LENGTH].into_boxed_slice(), next: 1 }
    }

    /// Whether more than `most` orders of the instrument whose latest is number `latest` have the intent's terms and are
    /// younger than the window.
    pub(super) fn is_repeated(
        &self,
        latest: u64,
        intent: &Intent,
        now_ns: u64,
        window_ns: u64,
        most: u32,
    ) -> bool {
        let (mut at, mut equal) = (latest, 0);
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

    /// Remembers a new order; answers its number.
    pub(super) fn push(&mut self, latest: u64, intent: &Intent, now_ns: u64) -> u64 {
        let number = self.next;
        self.ring[place(number)] = Recent {
            price: intent.price,
            quantity: intent.quantity,
            time_ns: now_ns,
            previous: latest << 1 | intent.side as u64 & 1,
        };
        self.next += 1;
        number
    }

    /// Forgets the last one, which had this number; answers that of the instrument's order before it.
    pub(super) fn pop(&mut self, number: u64) -> u64 {
        self.next = number;
        self.ring[place(number)].previous >> 1
    }
}
