//! Whether a live quote moves: what to do about the difference between the quote that is wanted and the one order that
//! is live on that side.
//!
//! Every move costs a message and the place in the queue, so a quote stays until the target is a configured distance
//! away, or until it has rested for a configured time. A side has one live order, and nothing new is asked while an
//! answer is outstanding. One exception is for safety: an open quantity above the target's shrinks at once, for that
//! keeps the position limit and costs no place in the queue.
//!
//! A pure function of plain values; no clock, no allocation, any thread.

use super::quoting::{NoQuote, Target};

/// When a quote moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequoteParameters {
    /// The quote moves at once when target and live price differ by at least this, 1e-9, at least one tick.
    pub move_min: i64,
    /// After this long at its price it moves at any difference, ns.
    pub rest_ns: u64,
}

/// The order that is live on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveQuote {
    /// ClOrdID(11) of the order as the venue knows it.
    pub cl_ord_id: u64,
    /// Its limit price, 1e-9.
    pub price: i64,
    /// LeavesQty(151).
    pub leaves_quantity: u64,
    /// Core time since which it has this price, UTC ns.
    pub since_ns: u64,
    /// A new, replace or cancel request is unanswered.
    pub pending: bool,
}

/// What to do about one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteAction {
    /// Nothing.
    Keep,
    /// Send a new order.
    New(Target),
    /// Replace the live order; the target's quantity is the wanted open quantity, so OrderQty(38) is what has filled
    /// plus that.
    Replace {
        /// ClOrdID(11) of the live order.
        cl_ord_id: u64,
        /// Wanted price and open quantity.
        target: Target,
    },
    /// Cancel the live order.
    Cancel {
        /// ClOrdID(11) of the live order.
        cl_ord_id: u64,
    },
}

/// Decides for one side at core time `now_ns`.
#[must_use]
pub fn quote_action(
    wanted: Result<Target, NoQuote>,
    live: Option<LiveQuote>,
    p: &RequoteParameters,
    now_ns: u64,
) -> QuoteAction {
    match (wanted, live) {
        (_, Some(live)) if live.pending => QuoteAction::Keep,
        (Err(_), None) => QuoteAction::Keep,
        (Ok(target), None) => QuoteAction::New(target),
        (Err(_), Some(live)) => QuoteAction::Cancel { cl_ord_id: live.cl_ord_id },
        (Ok(target), Some(live)) if moves(&target, &live, p, now_ns) => {
            QuoteAction::Replace { cl_ord_id: live.cl_ord_id, target }
        }
        (Ok(_), Some(_)) => QuoteAction::Keep,
    }
}

fn moves(target: &Target, live: &LiveQuote, p: &RequoteParameters, now_ns: u64) -> bool {
    let distance = target.price.abs_diff(live.price);
    if live.leaves_quantity > target.quantity || (distance > 0 && distance >= p.move_min.unsigned_abs()) {
        return true;
    }
    let differs = distance > 0 || live.leaves_quantity != target.quantity;
    differs && now_ns.saturating_sub(live.since_ns) >= p.rest_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: RequoteParameters = RequoteParameters { move_min: 20, rest_ns: 1_000 };
    const LIVE: LiveQuote =
        LiveQuote { cl_ord_id: 9, price: 500, leaves_quantity: 100, since_ns: 10_000, pending: false };

    fn to(price: i64, quantity: u64) -> Result<Target, NoQuote> {
        Ok(Target { price, quantity })
    }

    fn replace(price: i64, quantity: u64) -> QuoteAction {
        QuoteAction::Replace { cl_ord_id: 9, target: Target { price, quantity } }
    }

    #[test]
    fn without_a_live_order_a_target_is_a_new_order() {
        assert_eq!(
            quote_action(to(500, 100), None, &P, 0),
            QuoteAction::New(Target { price: 500, quantity: 100 })
        );
        assert_eq!(quote_action(Err(NoQuote::WarmUp), None, &P, 0), QuoteAction::Keep);
    }

    #[test]
    fn nothing_happens_while_an_answer_is_outstanding() {
        let pending = Some(LiveQuote { pending: true, ..LIVE });
        for wanted in [to(500, 100), to(900, 1), Err(NoQuote::PositionLimit)] {
            assert_eq!(quote_action(wanted, pending, &P, u64::MAX), QuoteAction::Keep);
        }
    }

    #[test]
    fn no_target_cancels() {
        let action = quote_action(Err(NoQuote::NoReference), Some(LIVE), &P, 10_000);
        assert_eq!(action, QuoteAction::Cancel { cl_ord_id: 9 });
    }

    #[test]
    fn it_moves_at_the_distance_or_after_the_rest() {
        let at = |price, now| quote_action(to(price, 100), Some(LIVE), &P, now);
        assert_eq!(at(519, 10_999), QuoteAction::Keep);
        assert_eq!(at(481, 10_999), QuoteAction::Keep);
        assert_eq!(at(520, 10_000), replace(520, 100));
        assert_eq!(at(480, 10_000), replace(480, 100));
        assert_eq!(at(501, 11_000), replace(501, 100));
        assert_eq!(at(500, u64::MAX), QuoteAction::Keep);
    }

    #[test]
    fn a_smaller_target_shrinks_at_once_and_a_larger_one_waits() {
        assert_eq!(quote_action(to(500, 60), Some(LIVE), &P, 10_000), replace(500, 60));
        assert_eq!(quote_action(to(500, 200), Some(LIVE), &P, 10_999), QuoteAction::Keep);
        assert_eq!(quote_action(to(500, 200), Some(LIVE), &P, 11_000), replace(500, 200));
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let far = Some(LiveQuote { price: i64::MIN, since_ns: u64::MAX, ..LIVE });
        assert_eq!(quote_action(to(i64::MAX, 100), far, &P, 0), replace(i64::MAX, 100));
    }
}
