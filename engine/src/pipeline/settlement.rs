//! What an execution does to the order table and to the accounts: the same in the decision core and in what follows a
//! journal.
//!
//! A fill that fits no order, one of an order that was done, one outside the limit: each means that our picture of the
//! account is wrong, and stops trading.

use crate::order::{Execution, ExecutionKind, TimeInForce};
use crate::pipeline::operator::{KillCause, Scope};
use crate::pipeline::order_table::{LiveOrder, OrderTable, OrderTableError, Transition};
use crate::pipeline::risk::{Fill, Released, Risk};
use feeds::units::PRICE_NONE;

/// What came of an execution.
pub enum Settled {
    /// It was known already, or is about an order that is done. Harmless and normal.
    Late,
    /// It fits nothing; a fill that does has stopped trading.
    Refused,
    /// A fill of an order that is done was busted or corrected.
    OfDone,
    /// An open order changed.
    Applied(Applied),
}

/// A change of an open order.
pub struct Applied {
    /// The order after it (its last state when `closed`).
    pub order: LiveOrder,
    /// Quantity that traded now.
    pub filled: u64,
    /// The order is done.
    pub closed: bool,
    /// The price of the fill is known. Else its report was lost, and it is booked at the order's limit: the worst that it
    /// can have been.
    pub is_priced: bool,
}

/// Applies an execution that is about one order, at this core time.
pub fn settle(orders: &mut OrderTable, risk: &mut Risk, execution: &Execution, time_ns: u64) -> Settled {
    let is_fill = execution.kind.is_fill();
    if is_fill && risk.is_booked(execution.venue, execution.exec_id) {
        return Settled::Late;
    }
    if matches!(execution.kind, ExecutionKind::TradeCancel | ExecutionKind::TradeCorrect) {
        return change_trade(orders, risk, execution, time_ns);
    }
    let transition = match orders.apply(execution) {
        Ok(transition) => transition,
        Err(error) => return refuse(risk, is_fill, error),
    };
    let (order, filled) = (transition.order, transition.filled);
    let is_priced = is_fill && execution.last_price != PRICE_NONE && filled == execution.last_quantity;
    if filled > 0 {
        risk.fill(&Fill {
            instrument: order.instrument,
            strategy: order.strategy,
            venue: order.venue,
            side: order.side,
            price: if is_priced { execution.last_price } else { order.price },
            quantity: filled,
            takes: order.time_in_force == TimeInForce::ImmediateOrCancel,
            exec_id: if is_fill { execution.exec_id } else { 0 },
            cl_ord_id: order.cl_ord_id,
            time_ns,
        });
    }
    release(risk, &transition);
    Settled::Applied(Applied { order, filled, closed: transition.closed, is_priced })
}

fn release(risk: &mut Risk, transition: &Transition) {
    let order = &transition.order;
    risk.release(&Released {
        instrument: order.instrument,
        strategy: order.strategy,
        side: order.side,
        quantity: transition.released,
        notional: transition.released_notional,
        closed: transition.closed,
    });
    if transition.reserved_again > 0 {
        risk.reserve_again(order.instrument, order.side, transition.reserved_again);
    }
}

/// The venue takes a fill back, or says that it was another one.
#[cold]
fn change_trade(orders: &mut OrderTable, risk: &mut Risk, execution: &Execution, time_ns: u64) -> Settled {
    let (venue, exec_ref_id) = (execution.venue, execution.exec_ref_id);
    let Some(busted) = risk.bust(venue, exec_ref_id, time_ns) else {
        if risk.is_booked(venue, exec_ref_id) {
            return Settled::Late;
        }
        risk.block(Scope::All, KillCause::UnknownFill);
        return Settled::Refused;
    };
    if execution.kind == ExecutionKind::TradeCorrect && execution.last_quantity > 0 {
        risk.fill(&Fill {
            instrument: busted.instrument,
            strategy: busted.strategy,
            venue,
            side: busted.side,
            price: execution.last_price,
            quantity: execution.last_quantity,
            takes: busted.takes,
            exec_id: execution.exec_id,
            cl_ord_id: busted.cl_ord_id,
            time_ns,
        });
    }
    // Of an order that is done there is nothing more to say.
    let Ok(transition) = orders.apply(execution) else { return Settled::OfDone };
    release(risk, &transition);
    Settled::Applied(Applied { order: transition.order, filled: 0, closed: false, is_priced: true })
}

#[cold]
fn refuse(risk: &mut Risk, is_fill: bool, error: OrderTableError) -> Settled {
    let cause = match error {
        OrderTableError::Repeated(_) => return Settled::Late,
        OrderTableError::AlreadyDone(_) if !is_fill => return Settled::Late,
        OrderTableError::Overfill(_) => KillCause::Overfill,
        OrderTableError::OutsideLimit(_) => KillCause::FillPrice,
        _ => KillCause::UnknownFill,
    };
    if is_fill {
        risk.block(Scope::All, cause);
    }
    Settled::Refused
}
