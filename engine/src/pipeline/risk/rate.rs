//! Message rates: token buckets that neither lose nor win a fraction at any rate.

use super::limits::RateLimit;
use feeds::units::NS_PER_S;

/// A token bucket that earns `per_s` units of credit each nanosecond of core time; a message costs [`MESSAGE_COST`] of
/// them. Nothing is ever divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageRate {
    credit: u64,
    last_ns: u64,
    /// Credit that a quiet time can save up.
    burst: u64,
    /// Time in which an empty bucket fills, ns.
    full_ns: u64,
    /// Messages a second.
    per_s: u32,
    /// Credit that a message takes; nothing where there is no limit.
    cost: u32,
}

/// Credit that one message costs: what one message a second earns in a second.
const MESSAGE_COST: u32 = 1_000_000_000;
const _: () = assert!(MESSAGE_COST as u64 == NS_PER_S);

impl MessageRate {
    /// A full bucket; without a limit one that is never empty.
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        let mut rate = Self { credit: 0, last_ns: 0, burst: 0, full_ns: 0, per_s: 0, cost: 0 };
        rate.set(limit);
        rate.credit = rate.burst;
        rate
    }

    /// Another limit from now on; what was saved up beyond its burst is lost.
    pub(super) fn set(&mut self, limit: Option<RateLimit>) {
        *self = match limit {
            Some(RateLimit { per_s, burst }) => {
                let burst = u64::from(MESSAGE_COST) * u64::from(burst);
                let full_ns = burst.div_ceil(u64::from(per_s.max(1)));
                Self { credit: self.credit.min(burst), burst, full_ns, per_s, cost: MESSAGE_COST, ..*self }
            }
            // What it would save up is there at once when a limit comes.
            None => Self { credit: u64::MAX, burst: u64::MAX, full_ns: 0, per_s: 0, cost: 0, ..*self },
        };
    }

    /// Adds what the time since the last call has earned; says whether a message can be paid.
    #[inline(always)]
    pub(super) fn refill(&mut self, now_ns: u64) -> bool {
        if now_ns > self.last_ns {
            // Less than a burst and a second's messages: nothing overflows.
            let earned = (now_ns - self.last_ns).min(self.full_ns) * u64::from(self.per_s);
            self.credit = (self.credit + earned).min(self.burst);
            self.last_ns = now_ns;
        }
        self.credit >= u64::from(self.cost)
    }

    /// Credit and the time of the last look, ns.
    pub(super) const fn memory(&self) -> (u64, u64) {
        (self.credit, self.last_ns)
    }

    /// Goes on where another bucket of the same limit was.
    pub(super) const fn recall(&mut self, credit: u64, last_ns: u64) {
        (self.credit, self.last_ns) = (credit, last_ns);
    }

    /// Messages that the credit pays for.
    pub(super) const fn messages(&self) -> u64 {
        self.credit / NS_PER_S
    }

    /// As [`Self::refill`], for a message that was paid elsewhere: what the bucket does not have it gets.
    pub(super) fn refill_for_certain(&mut self, now_ns: u64) {
        if !self.refill(now_ns) {
            self.credit = u64::from(self.cost);
        }
    }

    /// Pays for a message, after [`Self::refill`] said that it can.
    #[inline(always)]
    pub(super) fn charge(&mut self) {
        self.credit -= u64::from(self.cost);
    }

    /// Takes the last charge back.
    pub(super) fn refund(&mut self) {
        self.credit += u64::from(self.cost);
    }
}
