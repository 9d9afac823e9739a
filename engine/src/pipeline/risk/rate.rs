//! Message rates: token buckets that neither lose nor win a fraction at any rate.

use super::limits::RateLimit;
use feeds::units::NS_PER_S;

/// A token bucket that earns `per_s` units of credit each nanosecond of core time; a message costs [`MESSAGE_COST`] of
/// them. Nothing is ever divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageRate {
    /// Messages a second.
    per_s: u64,
    /// Credit that a quiet time can save up.
    burst: u64,
    credit: u64,
    last_ns: u64,
}

/// Credit that one message costs: what one message a second earns in a second.
const MESSAGE_COST: u64 = NS_PER_S;

impl MessageRate {
    /// A full bucket; without a limit one that is never empty.
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        let mut rate = Self { per_s: 0, burst: 0, credit: 0, last_ns: 0 };
        rate.set(limit);
        rate.credit = rate.burst;
        rate
    }

    /// Another limit from now on; what was saved up beyond its burst is lost.
    pub(super) fn set(&mut self, limit: Option<RateLimit>) {
        // Without a limit: more credit each nanosecond than a message costs.
        let (per_s, burst) = match limit {
            Some(RateLimit { per_s, burst }) => (u64::from(per_s), MESSAGE_COST * u64::from(burst)),
            None => (u64::MAX, u64::MAX),
        };
        let credit = if limit.is_none() { u64::MAX } else { self.credit.min(burst) };
        *self = Self { per_s, burst, credit, ..*self };
    }

    /// Adds what the time since the last call has earned; says whether a message can be paid.
    #[inline(always)]
    pub(super) fn refill(&mut self, now_ns: u64) -> bool {
        let earned = now_ns.saturating_sub(self.last_ns).saturating_mul(self.per_s);
        self.credit = self.credit.saturating_add(earned).min(self.burst);
        self.last_ns = self.last_ns.max(now_ns);
        self.credit >= MESSAGE_COST
    }

    /// Messages that the credit pays for.
    pub(super) const fn messages(&self) -> u64 {
        self.credit / MESSAGE_COST
    }

    /// As [`Self::refill`], for a message that was paid elsewhere: what the bucket does not have it gets.
    pub(super) fn refill_for_certain(&mut self, now_ns: u64) {
        if !self.refill(now_ns) {
            self.credit = MESSAGE_COST;
        }
    }

    /// Pays for a message, after [`Self::refill`] said that it can.
    #[inline(always)]
    pub(super) fn charge(&mut self) {
        // Endless credit stays endless.
        self.credit -= if self.burst == u64::MAX { 0 } else { MESSAGE_COST };
    }

    /// Takes the last charge back.
    pub(super) fn refund(&mut self) {
        self.credit += if self.burst == u64::MAX { 0 } else { MESSAGE_COST };
    }
}
