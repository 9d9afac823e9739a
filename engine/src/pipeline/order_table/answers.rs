//! What the answers of a venue, and of our own order entry, do to an order: the state machine's way back.

use super::{DONE, Doubt, LiveOrder, OrderState, OrderTable, OrderTableError, Transition};
use crate::order::{Execution, ExecutionKind, RejectReason};
use feeds::event::Side;
use feeds::units::PRICE_NONE;

impl OrderTable {
    /// Applies one answer of the venue, or of our own order entry.
    ///
    /// # Errors
    /// See [`OrderTableError`]; the table is unchanged.
    pub fn apply(&mut self, execution: &Execution) -> Result<Transition, OrderTableError> {
        let id = execution.cl_ord_id;
        let slot = self.slot_of(id);
        let Some(order) = self.slots.get(slot as usize).copied() else {
            return Err(if slot == DONE {
                OrderTableError::AlreadyDone(id)
            } else {
                OrderTableError::UnknownClOrdId(id)
            });
        };
        if execution.venue != order.venue {
            return Err(OrderTableError::Unexpected(id));
        }
        let notional = order.reserved_notional();
        let transition = self.transition(slot, order, execution)?;
        if transition.closed {
            return Ok(Transition { released_notional: notional, ..transition });
        }
        self.reprice(slot, order.best_price());
        let released_notional = notional - transition.order.reserved_notional();
        Ok(Transition { released_notional, ..transition })
    }

    fn transition(
        &mut self,
        slot: u32,
        order: LiveOrder,
        execution: &Execution,
    ) -> Result<Transition, OrderTableError> {
        let id = execution.cl_ord_id;
        match execution.kind {
            ExecutionKind::PartialFill | ExecutionKind::Fill => self.fill(slot, order, execution),
            ExecutionKind::New => match order.state {
                OrderState::PendingNew => {
                    self.slots[slot as usize].state = OrderState::Live;
                    Ok(self.unchanged(slot))
                }
                _ => Err(OrderTableError::Unexpected(id)),
            },
            ExecutionKind::StatusOpen | ExecutionKind::StatusDone | ExecutionKind::StatusUnknown => {
                self.status(slot, order, execution)
            }
            ExecutionKind::Replaced => self.replaced(slot, order, execution),
            ExecutionKind::TradeCancel | ExecutionKind::TradeCorrect => self.changed(slot, order, execution),
            ExecutionKind::Canceled | ExecutionKind::Expired => self.ended(slot, order, execution),
            // FIX 4.4, OrdStatus(39)=8: an order can be rejected after it was acknowledged.
            ExecutionKind::Rejected if order.cl_ord_id == id => self.ended(slot, order, execution),
            ExecutionKind::NotSent if order.state == OrderState::PendingNew => Ok(self.done(slot, 0)),
            ExecutionKind::CancelRejected | ExecutionKind::NotSent if order.pending_id == id => {
                if execution.reason == RejectReason::UnknownOrder {
                    return Ok(self.done(slot, 0));
                }
                Ok(self.back_to_live(slot))
            }
            _ => Err(OrderTableError::Unexpected(id)),
        }
    }

    fn unchanged(&self, slot: u32) -> Transition {
        Transition {
            order: self.slots[slot as usize],
            filled: 0,
            released: 0,
            released_notional: 0,
            reserved_again: 0,
            closed: false,
        }
    }

    fn done(&mut self, slot: u32, filled: u64) -> Transition {
        let order = self.slots[slot as usize];
        self.close(slot);
        Transition {
            order,
            filled,
            released: order.reserved + filled,
            released_notional: 0,
            reserved_again: 0,
            closed: true,
        }
    }

    /// The order is over. Fills whose reports were lost show in its last CumQty(14).
    fn ended(
        &mut self,
        slot: u32,
        order: LiveOrder,
        execution: &Execution,
    ) -> Result<Transition, OrderTableError> {
        let missed = execution.cumulative_quantity.saturating_sub(order.cumulative);
        if execution.cumulative_quantity > order.quantity.max(order.pending_quantity) {
            return Err(OrderTableError::Overfill(execution.cl_ord_id));
        }
        let entry = &mut self.slots[slot as usize];
        entry.cumulative += missed;
        entry.reserved -= missed;
        Ok(self.done(slot, missed))
    }

    fn fill(
        &mut self,
        slot: u32,
        order: LiveOrder,
        execution: &Execution,
    ) -> Result<Transition, OrderTableError> {
        let id = execution.cl_ord_id;
        if execution.cumulative_quantity <= order.cumulative {
            return Err(OrderTableError::Repeated(id));
        }
        let filled = execution.cumulative_quantity - order.cumulative;
        // Of an order in doubt earlier reports may have been lost: CumQty(14) has what they said.
        let adds_up = filled == execution.last_quantity
            || (order.doubt != Doubt::None && filled > execution.last_quantity);
        // So may the answer to a replace: a fill under its id says that it was accepted.
        let replaced =
            order.doubt != Doubt::None && order.state == OrderState::PendingReplace && order.pending_id == id;
        let quantity = if replaced { order.pending_quantity } else { order.quantity };
        // A partial fill that leaves nothing of our terms claims that the venue holds more than we asked for.
        let claimed = u64::from(execution.kind == ExecutionKind::PartialFill);
        let leaves = quantity.checked_sub(execution.cumulative_quantity);
        if !adds_up || leaves.is_none_or(|leaves| leaves < claimed) {
            return Err(OrderTableError::Overfill(id));
        }
        let outside = match order.side {
            Side::Buy => execution.last_price > order.reserved_price(),
            _ => execution.last_price < order.best_price(),
        };
        if outside && execution.last_price != PRICE_NONE {
            return Err(OrderTableError::OutsideLimit(id));
        }
        let entry = &mut self.slots[slot as usize];
        entry.cumulative = execution.cumulative_quantity;
        entry.reserved -= filled;
        if entry.state == OrderState::PendingNew {
            entry.state = OrderState::Live;
        }
        if execution.kind == ExecutionKind::Fill {
            return Ok(self.done(slot, filled));
        }
        if replaced {
            let accepted = self.accept_replace(slot);
            return Ok(Transition { filled, released: accepted.released + filled, ..accepted });
        }
        Ok(Transition {
            order: *entry,
            filled,
            released: filled,
            released_notional: 0,
            reserved_again: 0,
            closed: false,
        })
    }

    /// The terms of the replace in flight, of which some are left to trade, are the order's.
    fn accept_replace(&mut self, slot: u32) -> Transition {
        let entry = &mut self.slots[slot as usize];
        self.by_counter[(entry.cl_ord_id - self.date_base) as usize] = DONE;
        entry.cl_ord_id = entry.pending_id;
        entry.price = entry.pending_price;
        entry.quantity = entry.pending_quantity;
        self.back_to_live(slot)
    }

    fn replaced(
        &mut self,
        slot: u32,
        order: LiveOrder,
        execution: &Execution,
    ) -> Result<Transition, OrderTableError> {
        let id = execution.cl_ord_id;
        if order.state != OrderState::PendingReplace || order.pending_id != id {
            return Err(OrderTableError::Unexpected(id));
        }
        if order.pending_quantity <= order.cumulative {
            // The new total had filled before the replace came: nothing of it is left to trade.
            self.slots[slot as usize].cl_ord_id = id;
            self.by_counter[(order.cl_ord_id - self.date_base) as usize] = DONE;
            return Ok(self.done(slot, 0));
        }
        Ok(self.accept_replace(slot))
    }

    /// A fill of the order was busted or corrected: CumQty(14) says what it has filled since then, LeavesQty(151) what can
    /// still fill. An order that has nothing left stays open until the venue says that it is done.
    fn changed(
        &mut self,
        slot: u32,
        order: LiveOrder,
        execution: &Execution,
    ) -> Result<Transition, OrderTableError> {
        let total = execution.cumulative_quantity.checked_add(execution.leaves_quantity);
        let Some(total) = total.filter(|&total| total <= order.quantity.max(order.pending_quantity)) else {
            return Err(OrderTableError::Overfill(execution.cl_ord_id));
        };
        let entry = &mut self.slots[slot as usize];
        entry.cumulative = execution.cumulative_quantity;
        if entry.pending_id == 0 {
            entry.quantity = total.max(entry.cumulative);
        }
        entry.quantity = entry.quantity.max(entry.cumulative);
        // What a busted fill gave back to the position may have to be reserved again.
        let pending_leaves = entry.pending_quantity.saturating_sub(entry.cumulative);
        let reserved = entry.leaves().max(pending_leaves);
        let before = std::mem::replace(&mut entry.reserved, reserved);
        Ok(Transition {
            order: *entry,
            filled: 0,
            released: before.saturating_sub(reserved),
            released_notional: 0,
            reserved_again: reserved.saturating_sub(before),
            closed: false,
        })
    }

    /// The venue says what it knows of an order. Fills whose reports were lost show in CumQty(14); a replace whose answer
    /// was lost shows in the id that the venue names.
    fn status(
        &mut self,
        slot: u32,
        order: LiveOrder,
        execution: &Execution,
    ) -> Result<Transition, OrderTableError> {
        let id = execution.cl_ord_id;
        let number = execution.orig_cl_ord_id;
        if order.doubt != Doubt::Asked || (number != 0 && number != order.request) {
            // The answer to an earlier request: since then the order may have been replaced.
            return Err(OrderTableError::Repeated(id));
        }
        if execution.kind == ExecutionKind::StatusUnknown {
            return Ok(self.done(slot, 0));
        }
        let replacing = order.state == OrderState::PendingReplace;
        let replaced = replacing && order.pending_id == id;
        // Of an order that is done the venue need not say by which of its ids it was known last.
        let done = execution.kind == ExecutionKind::StatusDone;
        let quantity = match (replaced, replacing && done) {
            (true, _) => order.pending_quantity.max(order.cumulative),
            (false, true) => order.quantity.max(order.pending_quantity),
            (false, false) => order.quantity,
        };
        let filled = execution.cumulative_quantity.checked_sub(order.cumulative);
        let Some(filled) = filled.filter(|_| execution.cumulative_quantity <= quantity) else {
            return Err(OrderTableError::Overfill(id));
        };
        let entry = &mut self.slots[slot as usize];
        entry.doubt = Doubt::None;
        entry.cumulative += filled;
        entry.reserved -= filled;
        if done {
            return Ok(self.done(slot, filled));
        }
        if replaced {
            self.by_counter[(order.cl_ord_id - self.date_base) as usize] = DONE;
            entry.cl_ord_id = id;
            entry.price = order.pending_price;
            entry.quantity = quantity;
        }
        if entry.pending_id == 0 {
            entry.state = OrderState::Live;
            return Ok(Transition {
                order: *entry,
                filled,
                released: filled,
                released_notional: 0,
                reserved_again: 0,
                closed: false,
            });
        }
        let settled = self.back_to_live(slot);
        Ok(Transition { filled, released: settled.released + filled, ..settled })
    }

    /// Nothing is in flight any more: the accepted terms hold, and what was reserved beyond them is given back.
    fn back_to_live(&mut self, slot: u32) -> Transition {
        let entry = &mut self.slots[slot as usize];
        if entry.pending_id != entry.cl_ord_id {
            self.by_counter[(entry.pending_id - self.date_base) as usize] = DONE;
        }
        entry.pending_id = 0;
        entry.pending_price = 0;
        entry.pending_quantity = 0;
        entry.state = OrderState::Live;
        let released = entry.reserved - entry.leaves();
        entry.reserved = entry.leaves();
        Transition {
            order: *entry,
            filled: 0,
            released,
            released_notional: 0,
            reserved_again: 0,
            closed: false,
        }
    }
}
