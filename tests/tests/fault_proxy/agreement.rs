//! Whether both sides say the same of every order, and whether what is reserved is what is open.

use engine::pipeline::order_table::{Doubt, OrderState};
use engine::venue::{ClOrdIdText, OrderStatus, VenueCore};
use feeds::event::Side;

use crate::day::OPEN_ORDERS_MAX;
use crate::trader::Trader;

/// Instruments of a day at most.
const INSTRUMENTS: u32 = 8;

/// What both sides agree about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub orders: usize,
    pub open: u32,
    /// Of which the venue has no record: never arrived, or refused.
    pub without_record: u32,
    /// Orders of which the venue said that it never had them, when asked.
    pub not_received: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.open += other.open;
        self.without_record += other.without_record;
        self.not_received += other.not_received;
    }
}

/// Compares every order that was ever entered, what is open, and what is reserved.
///
/// # Errors
/// The first thing that both sides see differently.
pub fn agree(trader: &Trader, venues: &[&VenueCore]) -> Result<Tally, String> {
    let orders = trader.core.orders();
    let in_slots = || (0..OPEN_ORDERS_MAX as u32).filter_map(|slot| orders.in_slot(slot));
    if let Some(order) = in_slots().find(|order| order.doubt != Doubt::None) {
        return Err(format!("in doubt: {order:?} {:?}", trader.core.counters()));
    }
    if trader.core.risk().is_killed() {
        return Err("killed".to_owned());
    }
    let mut tally = Tally {
        orders: trader.known.len(),
        not_received: trader.core.counters().orders_not_received,
        ..Tally::default()
    };
    for (&root, known) in &trader.known {
        let text = ClOrdIdText::from_number(root);
        let theirs = venues[usize::from(known.venue)].order_of(0, &text);
        let ours = orders.get(root).copied().or_else(|| {
            let ids = trader.root.iter().filter(|&(_, &entered)| entered == root);
            ids.filter_map(|(&id, _)| orders.get(id)).next().copied()
        });
        let is_same = match (ours, theirs) {
            (Some(order), Some((OrderStatus::New | OrderStatus::PartiallyFilled, filled))) => {
                tally.open += 1;
                order.state == OrderState::Live && filled == order.cumulative
            }
            (None, Some((OrderStatus::Filled | OrderStatus::Canceled, filled))) => filled == known.filled,
            (None, None) => {
                tally.without_record += 1;
                known.filled == 0
            }
            _ => false,
        };
        if !is_same {
            return Err(format!("order {root}, {known:?}: {ours:?} here, {theirs:?} at the venue"));
        }
    }
    let live: usize = venues.iter().map(|venue| venue.live_orders()).sum();
    if tally.open != orders.live() || tally.open as usize != live {
        return Err(format!("open: {} of those entered, {} here, {live} there", tally.open, orders.live()));
    }
    for instrument in 0..INSTRUMENTS {
        let exposure = trader.core.risk().exposure(instrument);
        for (side, reserved) in [(Side::Buy, exposure.open_buy), (Side::Sell, exposure.open_sell)] {
            let open = in_slots().filter(|order| order.instrument == instrument && order.side == side);
            let open: u64 = open.map(|order| order.reserved).sum();
            if reserved != open {
                return Err(format!("instrument {instrument}, {side:?}: {reserved} reserved, {open} open"));
            }
        }
    }
    Ok(tally)
}
