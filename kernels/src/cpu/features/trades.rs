//! What of an event traded, and who began it.

use super::Signed;
use crate::cpu::book::{Applied, Bbo};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::units::PRICE_NONE;

/// Whether something traded in continuous trading: crosses and the executions that are part of one do not count.
#[inline]
pub(super) const fn is_of_continuous_trading(event: &MarketEvent) -> bool {
    event.flags & (flags::CROSS | flags::NON_PRINTABLE) == 0
        && matches!(event.kind, EventKind::OrderExecute | EventKind::Trade)
}

/// The price of a trade, 1e-9: the event's, else that of the order that was there; [`PRICE_NONE`] when neither is known.
#[inline]
pub(super) const fn trade_price(event: &MarketEvent, applied: &Applied) -> i64 {
    if event.price == PRICE_NONE { applied.price } else { event.price }
}

/// Who was in a hurry in a trade.
///
/// A trade with a displayed order was begun by the other side: that is known, not guessed. For hidden orders feeds do not
/// say: above the middle of the book before it the buyer began it, below the seller (the quote rule of Lee and Ready,
/// J. Finance 46:733), and in the middle half counts for each.
pub(super) fn signed_trade(event: &MarketEvent, applied: &Applied, before: &Bbo) -> Signed {
    let resting = match event.kind {
        EventKind::OrderExecute => applied.side,
        _ if event.flags & flags::HIDDEN == 0 => event.side,
        _ => Side::None,
    };
    match resting {
        Side::Sell => Signed { bought: event.quantity, sold: 0 },
        Side::Buy => Signed { bought: 0, sold: event.quantity },
        Side::None => by_quote(event, before),
    }
}

fn by_quote(event: &MarketEvent, before: &Bbo) -> Signed {
    let quantity = event.quantity;
    if before.bid_px != PRICE_NONE && before.ask_px != PRICE_NONE && event.price != PRICE_NONE {
        let twice_mid = i128::from(before.bid_px) + i128::from(before.ask_px);
        match (2 * i128::from(event.price)).cmp(&twice_mid) {
            std::cmp::Ordering::Greater => return Signed { bought: quantity, sold: 0 },
            std::cmp::Ordering::Less => return Signed { bought: 0, sold: quantity },
            std::cmp::Ordering::Equal => {}
        }
    }
    Signed { bought: quantity / 2, sold: quantity - quantity / 2 }
}
