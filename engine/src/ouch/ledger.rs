//! What the client's session knows of its orders, by UserRefNum, and the executions that it makes of the venue's
//! messages.
//!
//! OUCH says how much of an order traded or went, not what is left or was there before; it answers a cancel under the
//! order's number, and it says nothing at all to a cancel or replace of an order that is done. [`Ledger`] holds what
//! makes full [`Execution`]s of that: quantity, filled quantity, state and the request in flight of each order. One
//! entry of 16 bytes for each number that the session may use, written at construction; a lookup is an array index, an
//! execution allocates nothing. The order-entry thread owns it.
//!
//! Not in an [`Execution`] of OUCH: ExecID but in fills (the match number, which both sides of a trade share) and
//! OrderID but in the answers to new orders and replaces; both are 0 elsewhere.
//!
//! A broken trade ([`BrokenTrade`]) is an execution of kind [`ExecutionKind::TradeCancel`] that names the match number: the
//! position goes back, the order does not get its shares back. How a replace's total counts them is not said; ours leaves
//! them out, and where the venue then says that fewer can trade, fewer can.
//!
//! What it refuses, and counts as not understood: a message about an order that was never sent, one that does not fit
//! its order's state, and above all a corrected trade. A reduction that nobody asked for (supervisory, or
//! prevented self-trading) is no execution: the order lives on with less, and what it had reserved stays reserved until
//! it is done.

use feeds::event::Side;

use super::decode_error::DecodeError;
use super::encode::price_e9;
use super::messages::{
    AiqCanceled, BrokenTrade, CancelReject, OrderAccepted, OrderCanceled, OrderExecuted, OrderModified,
    OrderRejected, OrderReplaced, TradeCorrection, VenueMessage, order_state,
};
use super::reasons;
use super::trades::Trades;
use crate::order::{
    CL_ORD_ID_COUNTER_MAX, ClOrdId, Execution, ExecutionKind, Order, OrderAction, RejectReason,
};

/// Where an order message stands.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Never sent.
    Unused = 0,
    /// A new order without an answer.
    Sent = 1,
    /// A live order.
    Live = 2,
    /// A replace without an answer; `other` is the order.
    ReplaceSent = 3,
    /// A cancel; `other` is the order.
    Cancel = 4,
    /// A live order that goes by another number now: `other`.
    Replaced = 5,
    /// Done, refused, or ignored.
    Done = 6,
}

/// Fills that are remembered at least, however few numbers there are.
const TRADES_MIN: usize = 1 << 12;

/// One number, 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Total of the order, less what was taken from it.
    quantity: u32,
    /// Of that, filled, over the whole chain of replaces.
    filled: u32,
    /// Of a live order: the request in flight, 0 for none. Else see [`State`].
    other: u32,
    state: State,
    side: Side,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Ledger {
    entries: Box<[Entry]>,
    trades: Trades,
    /// The ClOrdID of the session's date with counter 0.
    date_base: ClOrdId,
    venue: u8,
}

impl Ledger {
    /// A ledger for venue number `venue` on `date` (`YYYYMMDD`) with numbers from 1 to `messages_max`.
    ///
    /// # Panics
    /// When `messages_max` exceeds [`CL_ORD_ID_COUNTER_MAX`]: a start-up error.
    #[must_use]
    pub fn new(venue: u8, date: u32, messages_max: usize) -> Self {
        assert!(messages_max as u64 <= CL_ORD_ID_COUNTER_MAX, "ClOrdID counter has 8 digits");
        let unused = Entry { quantity: 0, filled: 0, other: 0, state: State::Unused, side: Side::None };
        Self {
            entries: vec![unused; messages_max + 1].into_boxed_slice(),
            trades: Trades::with_capacity(messages_max.max(TRADES_MIN)),
            date_base: u64::from(date) * (CL_ORD_ID_COUNTER_MAX + 1),
            venue,
        }
    }

    /// The number of one of our ClOrdIDs, 0 for none of ours.
    #[inline]
    fn number(&self, cl_ord_id: ClOrdId) -> u32 {
        let number = cl_ord_id.wrapping_sub(self.date_base);
        if number < self.entries.len() as u64 { number as u32 } else { 0 }
    }

    #[inline]
    fn id(&self, number: u32) -> ClOrdId {
        self.date_base + u64::from(number)
    }

    /// Whether this order message can be entered by [`Self::sent`]: its own number is unused, and what it is about was
    /// sent.
    #[inline]
    #[must_use]
    pub fn can_send(&self, order: &Order) -> bool {
        let own = self.number(order.cl_ord_id);
        let unused = own != 0 && self.entries[own as usize].state == State::Unused;
        let about = self.number(order.orig_cl_ord_id) as usize;
        unused
            && (order.action == OrderAction::New
                || matches!(self.entries[about].state, State::Sent | State::Live))
    }

    /// Enters an order message that is on its way; [`Self::can_send`] has said that it can be.
    #[inline]
    pub fn sent(&mut self, order: &Order) {
        let own = self.number(order.cl_ord_id);
        let (state, other) = match order.action {
            OrderAction::New => (State::Sent, 0),
            OrderAction::Replace => (State::ReplaceSent, self.number(order.orig_cl_ord_id)),
            OrderAction::Cancel => (State::Cancel, self.number(order.orig_cl_ord_id)),
            OrderAction::Status => return,
        };
        let quantity = order.quantity as u32;
        self.entries[own as usize] = Entry { quantity, filled: 0, other, state, side: order.side };
        if other != 0 {
            self.entries[other as usize].other = own;
        }
    }

    /// What a message of the venue says of our orders, as executions that are inputs at `time_ns`: none, one, or (an
    /// order that is done when it is accepted) two.
    ///
    /// # Errors
    /// What must not pass unseen, see the module; nothing has changed then.
    #[inline]
    pub fn apply(
        &mut self,
        message: &VenueMessage,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        match message {
            VenueMessage::OrderExecuted(message) => self.executed(message, time_ns, sink),
            VenueMessage::OrderAccepted(message) => self.accepted(message, time_ns, sink),
            VenueMessage::OrderReplaced(message) => self.replaced(message, time_ns, sink),
            VenueMessage::OrderCanceled(message) => self.canceled(message, time_ns, sink),
            VenueMessage::AiqCanceled(message) => self.prevented(message, time_ns, sink),
            VenueMessage::OrderRejected(message) => self.rejected(message, time_ns, sink),
            VenueMessage::CancelReject(message) => self.cancel_rejected(message, time_ns, sink),
            VenueMessage::BrokenTrade(message) => self.broken(message, time_ns, sink),
            VenueMessage::TradeCorrection(TradeCorrection { user_ref_num, .. }) => {
                Err(DecodeError::TradeCorrected { user_ref_num: *user_ref_num })
            }
            VenueMessage::OrderModified(OrderModified { user_ref_num, .. }) => Err(DecodeError::Unexpected {
                message_type: OrderModified::TYPE,
                user_ref_num: *user_ref_num,
            }),
            VenueMessage::SystemEvent(_)
            | VenueMessage::CancelPending(_)
            | VenueMessage::PriorityUpdate(_)
            | VenueMessage::OrderRestated(_)
            | VenueMessage::AccountQueryResponse(_)
            | VenueMessage::MassCancelResponse(_)
            | VenueMessage::DisableOrderEntryResponse(_)
            | VenueMessage::EnableOrderEntryResponse(_) => Ok(()),
        }
    }

    /// The entry of a number that was sent.
    #[inline]
    fn entry(&mut self, message_type: u8, user_ref_num: u32) -> Result<&mut Entry, DecodeError> {
        match self.entries.get_mut(user_ref_num as usize) {
            Some(entry) if entry.state != State::Unused => Ok(entry),
            _ => Err(DecodeError::UnknownOrder { message_type, user_ref_num }),
        }
    }

    /// An execution about an order as its entry stands, under the number `id`.
    #[inline]
    fn report(&self, id: u32, entry: &Entry, kind: ExecutionKind, time_ns: u64) -> Execution {
        Execution {
            leaves_quantity: u64::from(entry.quantity.saturating_sub(entry.filled)),
            cumulative_quantity: u64::from(entry.filled),
            side: entry.side,
            ..Execution::of(self.venue, kind, self.id(id), time_ns)
        }
    }

    #[inline]
    fn executed(
        &mut self,
        message: &OrderExecuted,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        const TYPE: u8 = OrderExecuted::TYPE;
        let number = message.user_ref_num;
        let last_price = price_e9(message.price).ok_or(DecodeError::Value { message_type: TYPE, at: 17 })?;
        let bad_quantity = DecodeError::Value { message_type: TYPE, at: 13 };
        let entry = self.entry(TYPE, number)?;
        // A fill of an order that we think is done is passed on: decide is to see it and stop.
        if !matches!(entry.state, State::Sent | State::Live | State::Done) {
            return Err(DecodeError::Unexpected { message_type: TYPE, user_ref_num: number });
        }
        let filled = entry.filled.checked_add(message.quantity).filter(|_| message.quantity > 0);
        entry.filled = filled.ok_or(bad_quantity)?;
        let kind = if entry.filled < entry.quantity {
            ExecutionKind::PartialFill
        } else {
            entry.state = State::Done;
            ExecutionKind::Fill
        };
        let entry = *entry;
        self.trades.add(message.match_number, number, message.quantity);
        sink(Execution {
            exec_id: message.match_number,
            last_price,
            last_quantity: u64::from(message.quantity),
            ..self.report(number, &entry, kind, time_ns)
        });
        Ok(())
    }

    /// A fill is taken back; the order stays as it is, with that much less filled, and in all.
    #[cold]
    fn broken(
        &mut self,
        message: &BrokenTrade,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        const TYPE: u8 = BrokenTrade::TYPE;
        let entry = self.entry(TYPE, message.user_ref_num)?;
        if !matches!(entry.state, State::Sent | State::Live | State::Replaced | State::Done) {
            return Err(DecodeError::Unexpected { message_type: TYPE, user_ref_num: message.user_ref_num });
        }
        let Self { entries, trades, .. } = self;
        let number = current(entries, message.user_ref_num);
        let quantity = trades.take(message.match_number, |traded| current(entries, traded) == number);
        let entry = &mut entries[number as usize];
        entry.filled = entry.filled.saturating_sub(quantity);
        entry.quantity = entry.quantity.saturating_sub(quantity);
        let entry = *entry;
        // One that is not known, or was broken before, is passed on too: decide knows its fills, and stops at a stranger.
        let report = self.report(number, &entry, ExecutionKind::TradeCancel, time_ns);
        sink(Execution { exec_ref_id: message.match_number, ..report });
        Ok(())
    }

    fn accepted(
        &mut self,
        message: &OrderAccepted,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        const TYPE: u8 = OrderAccepted::TYPE;
        let number = message.user_ref_num;
        let is_dead = is_dead(TYPE, 47, message.order_state)?;
        let entry = self.entry(TYPE, number)?;
        if entry.state != State::Sent {
            return Err(DecodeError::Unexpected { message_type: TYPE, user_ref_num: number });
        }
        entry.state = State::Live;
        let entry = *entry;
        sink(Execution {
            venue_order_id: message.order_reference_number,
            ..self.report(number, &entry, ExecutionKind::New, time_ns)
        });
        if is_dead {
            self.end(number, number, ExecutionKind::Canceled, time_ns, sink);
        }
        Ok(())
    }

    fn replaced(
        &mut self,
        message: &OrderReplaced,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        const TYPE: u8 = OrderReplaced::TYPE;
        let (orig, number) = (message.orig_user_ref_num, message.user_ref_num);
        let is_dead = is_dead(TYPE, 51, message.order_state)?;
        let unexpected = DecodeError::Unexpected { message_type: TYPE, user_ref_num: number };
        let old = *self.entry(TYPE, orig)?;
        let entry = self.entry(TYPE, number)?;
        if entry.state != State::ReplaceSent || entry.other != orig || old.state != State::Live {
            return Err(unexpected);
        }
        let quantity = entry.quantity.min(old.filled.saturating_add(message.quantity));
        *entry = Entry { quantity, filled: old.filled, other: 0, state: State::Live, ..*entry };
        let entry = *entry;
        self.entries[orig as usize] = Entry { other: number, state: State::Replaced, ..old };
        sink(Execution {
            orig_cl_ord_id: self.id(orig),
            venue_order_id: message.order_reference_number,
            ..self.report(number, &entry, ExecutionKind::Replaced, time_ns)
        });
        if is_dead {
            self.end(number, number, ExecutionKind::Canceled, time_ns, sink);
        }
        Ok(())
    }

    fn canceled(
        &mut self,
        message: &OrderCanceled,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        let asked_for = message.reason == reasons::cancel::USER;
        let kind = if message.reason == reasons::cancel::TIMEOUT {
            ExecutionKind::Expired
        } else {
            ExecutionKind::Canceled
        };
        self.reduce(
            OrderCanceled::TYPE,
            message.user_ref_num,
            message.quantity,
            (asked_for, kind),
            time_ns,
            sink,
        )
    }

    fn prevented(
        &mut self,
        message: &AiqCanceled,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        let kind = (false, ExecutionKind::Canceled);
        self.reduce(AiqCanceled::TYPE, message.user_ref_num, message.decrement, kind, time_ns, sink)
    }

    /// Shares of an order are gone; with the last of them, so is the order. One that is accepted as done may be followed
    /// by such a message: nothing is left to take from it.
    fn reduce(
        &mut self,
        message_type: u8,
        number: u32,
        decrement: u32,
        (asked_for, kind): (bool, ExecutionKind),
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        let entry = self.entry(message_type, number)?;
        match entry.state {
            State::Live => {}
            State::Done => return Ok(()),
            _ => return Err(DecodeError::Unexpected { message_type, user_ref_num: number }),
        }
        if decrement < entry.quantity.saturating_sub(entry.filled) {
            entry.quantity -= decrement;
            return Ok(());
        }
        let asked_by = if asked_for && entry.other != 0 { entry.other } else { number };
        self.end(number, asked_by, kind, time_ns, sink);
        Ok(())
    }

    /// A live order is done, for the request `asked_by` if that is not the order itself.
    fn end(
        &mut self,
        number: u32,
        asked_by: u32,
        kind: ExecutionKind,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) {
        let entry = &mut self.entries[number as usize];
        let request = std::mem::take(&mut entry.other);
        // Nothing is left to trade.
        entry.quantity = entry.filled;
        entry.state = State::Done;
        let entry = *entry;
        if request != 0 {
            self.entries[request as usize].state = State::Done;
        }
        let orig_cl_ord_id = if asked_by == number { 0 } else { self.id(number) };
        sink(Execution { orig_cl_ord_id, ..self.report(asked_by, &entry, kind, time_ns) });
    }

    fn rejected(
        &mut self,
        message: &OrderRejected,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        const TYPE: u8 = OrderRejected::TYPE;
        let number = message.user_ref_num;
        let entry = self.entry(TYPE, number)?;
        let kind = match entry.state {
            State::Sent => ExecutionKind::Rejected,
            State::ReplaceSent => ExecutionKind::CancelRejected,
            _ => return Err(DecodeError::Unexpected { message_type: TYPE, user_ref_num: number }),
        };
        entry.state = State::Done;
        let mut rejected = *entry;
        if kind == ExecutionKind::Rejected {
            // A request about it, sent before the answer came, is done with it.
            let request = std::mem::take(&mut rejected.other);
            if request != 0 {
                self.entries[request as usize].state = State::Done;
            }
        }
        let reason = reasons::reject_reason(message.reason);
        self.refuse(number, &rejected, kind, reason, time_ns, sink);
        Ok(())
    }

    fn cancel_rejected(
        &mut self,
        message: &CancelReject,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), DecodeError> {
        const TYPE: u8 = CancelReject::TYPE;
        let order = message.user_ref_num;
        let request = self.entry(TYPE, order)?.other;
        let entry = self.entries[request as usize];
        if request == 0 || entry.state != State::Cancel {
            return Err(DecodeError::Unexpected { message_type: TYPE, user_ref_num: order });
        }
        self.entries[request as usize].state = State::Done;
        self.refuse(request, &entry, ExecutionKind::CancelRejected, RejectReason::Other, time_ns, sink);
        Ok(())
    }

    /// Says that a message of ours was refused; a live order that it was about stands as before.
    fn refuse(
        &mut self,
        number: u32,
        entry: &Entry,
        kind: ExecutionKind,
        reason: RejectReason,
        time_ns: u64,
        sink: &mut impl FnMut(Execution),
    ) {
        let report = self.report(number, entry, kind, time_ns);
        let mut execution = Execution { reason, leaves_quantity: 0, cumulative_quantity: 0, ..report };
        if entry.other != 0 {
            self.entries[entry.other as usize].other = 0;
            execution.orig_cl_ord_id = self.id(entry.other);
        }
        sink(execution);
    }

    /// What became of an order, once everything that the venue has said of it was read: the answer to a status request.
    /// What has no answer by then never arrived, or was ignored.
    #[must_use]
    pub fn settle(&mut self, cl_ord_id: ClOrdId, time_ns: u64) -> Execution {
        let mut number = self.number(cl_ord_id);
        // From a request to its order, then to the number that the order goes by.
        if matches!(self.entries[number as usize].state, State::ReplaceSent | State::Cancel) {
            number = self.entries[number as usize].other;
        }
        number = current(&self.entries, number);
        if number == 0 {
            let report = self.report(0, &self.entries[0], ExecutionKind::StatusUnknown, time_ns);
            return Execution { cl_ord_id, reason: RejectReason::UnknownOrder, ..report };
        }
        let entry = &mut self.entries[number as usize];
        let request = std::mem::take(&mut entry.other);
        let kind = match entry.state {
            State::Live => ExecutionKind::StatusOpen,
            State::Done => ExecutionKind::StatusDone,
            _ => {
                entry.state = State::Done;
                ExecutionKind::StatusUnknown
            }
        };
        let entry = *entry;
        if request != 0 {
            self.entries[request as usize].state = State::Done;
        }
        let mut execution = self.report(number, &entry, kind, time_ns);
        if kind == ExecutionKind::StatusUnknown {
            execution.reason = RejectReason::UnknownOrder;
            execution.leaves_quantity = 0;
        }
        execution
    }
}

/// The number that an order goes by now: numbers only grow on the way there.
fn current(entries: &[Entry], mut number: u32) -> u32 {
    while entries[number as usize].state == State::Replaced {
        number = entries[number as usize].other;
    }
    number
}

/// Whether an accepted or replaced order is done already.
fn is_dead(message_type: u8, at: u16, state: u8) -> Result<bool, DecodeError> {
    match state {
        order_state::LIVE => Ok(false),
        order_state::DEAD => Ok(true),
        _ => Err(DecodeError::Value { message_type, at }),
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
