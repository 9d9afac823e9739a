//! Executions that order entry itself makes: what decide must know and no venue will say.

use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::units::PRICE_NONE;

use crate::order::{ClOrdId, Execution, ExecutionKind, Order, OrderAction, RejectReason};

/// The execution that tells decide that messages of ours may not have arrived.
#[cold]
pub(in crate::pipeline) fn in_doubt(venue: u8, time_ns: u64) -> Execution {
    Execution {
        time_ns,
        cl_ord_id: 0,
        orig_cl_ord_id: 0,
        exec_id: 0,
        venue_order_id: 0,
        last_price: PRICE_NONE,
        last_quantity: 0,
        leaves_quantity: 0,
        cumulative_quantity: 0,
        instrument: INSTRUMENT_NONE,
        venue,
        kind: ExecutionKind::InDoubt,
        side: Side::None,
        reason: RejectReason::None,
        reserved: [0; 8],
    }
}

/// The execution that tells decide that an order never left; `None` for a status request, without which the order is in
/// doubt as before.
#[must_use]
pub fn not_sent(order: &Order, time_ns: u64, reason: RejectReason) -> Option<Execution> {
    if order.action == OrderAction::Status {
        return None;
    }
    let orig_cl_ord_id: ClOrdId = order.orig_cl_ord_id;
    Some(Execution {
        time_ns,
        cl_ord_id: order.cl_ord_id,
        orig_cl_ord_id,
        exec_id: 0,
        venue_order_id: 0,
        last_price: PRICE_NONE,
        last_quantity: 0,
        leaves_quantity: 0,
        cumulative_quantity: 0,
        instrument: order.instrument,
        venue: order.venue,
        kind: ExecutionKind::NotSent,
        side: order.side,
        reason,
        reserved: [0; 8],
    })
}
