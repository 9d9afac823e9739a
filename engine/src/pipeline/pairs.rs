//! Counts pairs of orders (arbitrage legs) of which both have traded.
//!
//! It remembers the latest pairs only, in a fixed table: legs are immediate-or-cancel, so both answers come within two
//! latencies of the decision. Looked at only when an immediate-or-cancel order fills.

use crate::order::ClOrdId;

/// Pairs remembered; far more than can be on the wire at once.
const REMEMBERED: usize = 256;

#[derive(Clone, Copy)]
struct Pair {
    legs: [ClOrdId; 2],
    filled: u8,
}

/// See the module's text.
pub struct Pairs {
    pairs: Box<[Pair; REMEMBERED]>,
    next: usize,
}

impl Pairs {
    /// No pairs yet.
    #[must_use]
    pub fn new() -> Self {
        Self { pairs: Box::new([Pair { legs: [0; 2], filled: 0 }; REMEMBERED]), next: 0 }
    }

    /// Both legs were approved.
    pub fn add(&mut self, first: ClOrdId, second: ClOrdId) {
        self.pairs[self.next] = Pair { legs: [first, second], filled: 0 };
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// An order has traded; whether this is the moment from which both legs of its pair have.
    pub fn fill(&mut self, cl_ord_id: ClOrdId) -> bool {
        for pair in self.pairs.iter_mut() {
            for (leg, bit) in pair.legs.iter().zip([1u8, 2]) {
                if *leg == cl_ord_id && pair.filled & bit == 0 {
                    pair.filled |= bit;
                    return pair.filled == 3;
                }
            }
        }
        false
    }
}

impl Default for Pairs {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Pairs;

    #[test]
    fn a_pair_counts_once_when_both_legs_have_traded() {
        let mut pairs = Pairs::new();
        pairs.add(1, 2);
        pairs.add(3, 4);
        assert!(!pairs.fill(1));
        assert!(!pairs.fill(1), "a second fill of the same leg");
        assert!(!pairs.fill(9), "not a leg");
        assert!(pairs.fill(2));
        assert!(!pairs.fill(2));
        assert!(!pairs.fill(4));
        assert!(pairs.fill(3));
    }

    #[test]
    fn old_pairs_are_forgotten() {
        let mut pairs = Pairs::new();
        pairs.add(1, 2);
        pairs.fill(1);
        for id in 0..256 {
            pairs.add(1000 + 2 * id, 1001 + 2 * id);
        }
        assert!(!pairs.fill(2));
    }
}
