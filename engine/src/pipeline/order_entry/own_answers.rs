//! Executions that order entry itself makes: what decide must know and no venue will say.

use crate::order::{Execution, ExecutionKind, Order, OrderAction, RejectReason};

/// The execution that tells decide that messages of ours may not have arrived.
#[cold]
pub(in crate::pipeline) fn in_doubt(venue: u8, time_ns: u64) -> Execution {
    Execution::of(venue, ExecutionKind::InDoubt, 0, time_ns)
}

/// The execution that tells decide that an order never left; `None` for a status request, without which the order is in
/// doubt as before.
#[must_use]
pub fn not_sent(order: &Order, time_ns: u64, reason: RejectReason) -> Option<Execution> {
    if order.action == OrderAction::Status {
        return None;
    }
    Some(Execution {
        orig_cl_ord_id: order.orig_cl_ord_id,
        instrument: order.instrument,
        side: order.side,
        reason,
        ..Execution::of(order.venue, ExecutionKind::NotSent, order.cl_ord_id, time_ns)
    })
}
