//! Our orders at a listing: the newest live one of each side, which the maker quotes with, and the outermost prices of all of
//! them, which it must not trade against.

use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::wide::WideListing;
use crate::strategy::View;
use crate::strategy::quote_side::lower;
use feeds::event::Side;
use feeds::units::PRICE_NONE;

/// See the module's text.
pub(super) struct LiveOrders<'a> {
    pub(super) bid: Option<&'a LiveOrder>,
    pub(super) ask: Option<&'a LiveOrder>,
    pub(super) highest_bid: i64,
    pub(super) lowest_ask: i64,
}

impl<'a> LiveOrders<'a> {
    pub(super) fn of(view: &View<'a>, at: WideListing) -> Self {
        let mut live = Self { bid: None, ask: None, highest_bid: PRICE_NONE, lowest_ask: PRICE_NONE };
        for order in view.orders.of_instrument(at.instrument).filter(|order| order.venue == at.venue) {
            let is_mine = order.strategy == view.strategy;
            let place = if order.side == Side::Buy {
                live.highest_bid = live.highest_bid.max(order.best_price());
                &mut live.bid
            } else {
                live.lowest_ask = lower(live.lowest_ask, order.best_price());
                &mut live.ask
            };
            if is_mine {
                // The newest comes first.
                place.get_or_insert(order);
            }
        }
        live
    }
}
