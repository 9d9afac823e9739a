//! One side of a quote: what to do with its live order, and until when a refusal makes it wait. What every strategy that
//! quotes both sides shares, whatever its prices come from.
//!
//! Nothing allocates; the strategy owns it, on the decision thread. It refuses to ask for a cancel again before the
//! configured time, since a venue that refuses one must not be asked in a loop.

use super::Intents;
use crate::order::TimeInForce;
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::wide::WideListing;
use feeds::event::Side;
use feeds::units::PRICE_NONE;
use kernels::cpu::quote_action::{LiveQuote, QuoteAction, RequoteParameters, quote_action};
use kernels::cpu::quoting::{NoQuote, Target};

/// When a quote moves, and how long a refusal makes its side wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuotePace {
    pub(super) requote: RequoteParameters,
    pub(super) refused_pause_ns: u64,
}

/// What a side remembers beside its live order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuoteSide {
    /// Core time until which nothing is quoted after a refusal, UTC ns.
    paused_until_ns: u64,
    /// Core time before which no further cancel is sent, UTC ns.
    next_cancel_ns: u64,
}

impl QuoteSide {
    #[inline]
    pub(super) const fn is_paused(&self, now_ns: u64) -> bool {
        now_ns < self.paused_until_ns
    }

    const fn to_words(self) -> [u64; 2] {
        [self.paused_until_ns, self.next_cancel_ns]
    }

    const fn from_words([paused_until_ns, next_cancel_ns]: [u64; 2]) -> Self {
        Self { paused_until_ns, next_cancel_ns }
    }
}

/// Both sides of the quotes at one listing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuoteSides {
    pub(super) bid: QuoteSide,
    pub(super) ask: QuoteSide,
}

impl QuoteSides {
    #[inline]
    const fn side(&mut self, side: Side) -> Option<&mut QuoteSide> {
        match side {
            Side::Buy => Some(&mut self.bid),
            Side::Sell => Some(&mut self.ask),
            Side::None => None,
        }
    }

    /// A message of this side was refused.
    pub(super) const fn pause(&mut self, side: Side, pace: &QuotePace, now_ns: u64) {
        if let Some(state) = self.side(side) {
            state.paused_until_ns = now_ns.saturating_add(pace.refused_pause_ns);
        }
    }

    /// An order of this side is done: the next one may be cancelled at once.
    pub(super) const fn closed(&mut self, side: Side) {
        if let Some(state) = self.side(side) {
            state.next_cancel_ns = 0;
        }
    }

    /// Asks for what makes the live order of a side the wanted quote.
    #[inline]
    #[allow(clippy::too_many_arguments, reason = "a quote's place, its wish and its order are that many")]
    pub(super) fn act(
        &mut self,
        pace: &QuotePace,
        now_ns: u64,
        at: WideListing,
        side: Side,
        wanted: Result<Target, NoQuote>,
        order: Option<&LiveOrder>,
        intents: &mut Intents,
    ) {
        let live = order.map(live_quote);
        match (quote_action(wanted, live, &pace.requote, now_ns), order) {
            (QuoteAction::New(to), _) => {
                intents.new_order(at.venue, at.instrument, side, to.price, to.quantity, TimeInForce::Day);
            }
            (QuoteAction::Replace { target, .. }, Some(order)) => {
                intents.replace(order, target.price, order.cumulative.saturating_add(target.quantity));
            }
            (QuoteAction::Cancel { .. }, Some(order)) => {
                if let Some(state) = self.side(side).filter(|state| now_ns >= state.next_cancel_ns) {
                    state.next_cancel_ns = now_ns.saturating_add(pace.refused_pause_ns);
                    intents.cancel(order);
                }
            }
            _ => {}
        }
    }

    /// Its state as numbers, see [`super::Strategy::save`].
    pub(super) const fn to_words(self) -> [u64; 4] {
        let ([bid_paused, bid_cancel], [ask_paused, ask_cancel]) = (self.bid.to_words(), self.ask.to_words());
        [bid_paused, bid_cancel, ask_paused, ask_cancel]
    }

    /// The state that [`Self::to_words`] gave.
    pub(super) const fn from_words([bid_paused, bid_cancel, ask_paused, ask_cancel]: [u64; 4]) -> Self {
        Self {
            bid: QuoteSide::from_words([bid_paused, bid_cancel]),
            ask: QuoteSide::from_words([ask_paused, ask_cancel]),
        }
    }
}

/// An order as a quote.
pub(super) fn live_quote(order: &LiveOrder) -> LiveQuote {
    LiveQuote {
        cl_ord_id: order.cl_ord_id,
        price: order.price,
        leaves_quantity: order.leaves(),
        since_ns: order.since_ns,
        pending: order.is_pending(),
    }
}

/// The lower of two offers, either of which may be absent.
#[inline]
pub(super) const fn lower(a: i64, b: i64) -> i64 {
    if a == PRICE_NONE || (b != PRICE_NONE && b < a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: QuotePace =
        QuotePace { requote: RequoteParameters { move_min: 1, rest_ns: 10 }, refused_pause_ns: 100 };

    #[test]
    fn a_refused_side_waits_and_the_other_does_not() {
        let mut sides = QuoteSides::default();
        sides.pause(Side::Buy, &PACE, 50);
        sides.pause(Side::None, &PACE, 900);
        assert!(sides.bid.is_paused(149) && !sides.bid.is_paused(150) && !sides.ask.is_paused(50));
        sides.pause(Side::Sell, &PACE, u64::MAX);
        assert!(sides.ask.is_paused(u64::MAX - 1));
        assert_eq!(sides.to_words(), [150, 0, u64::MAX, 0]);
        let mut words = sides.to_words();
        (words[1], words[3]) = (7, 8);
        let mut back = QuoteSides::from_words(words);
        assert_eq!(back.to_words(), [150, 7, u64::MAX, 8]);
        back.closed(Side::Sell);
        back.closed(Side::None);
        assert_eq!(back.to_words(), [150, 7, u64::MAX, 0]);
    }

    #[test]
    fn an_absent_offer_is_the_higher_one() {
        assert_eq!([lower(3, 4), lower(4, 3), lower(PRICE_NONE, 4), lower(3, PRICE_NONE)], [3, 3, 4, 3]);
        assert_eq!(lower(PRICE_NONE, PRICE_NONE), PRICE_NONE);
    }
}
