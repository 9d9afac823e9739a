//! Requests of clients: every check, and what an accepted request changes.
//!
//! The order of the checks is on the page of [`super`]. No memory is taken; work is bounded by what one order takes.

use feeds::event::Side;
use feeds::units::PRICE_NONE;

use super::names::{NO_ORDER, NameError, NameIndex};
use super::orders::Order;
use super::{OrderRequest, OrderStatus, Reports, VenueCore, VenueReport};
use crate::order::{ExecutionKind, OrderAction, RejectReason};

impl VenueCore {
    /// One request of a client that arrives at `time_ns`, after all market events up to then.
    pub fn on_request(&mut self, time_ns: u64, request: &OrderRequest, out: &mut Reports) {
        let served = match request.kind {
            OrderAction::New => self.on_new(time_ns, request, out),
            OrderAction::Replace => self.on_replace(time_ns, request, out),
            OrderAction::Cancel => self.on_cancel(time_ns, request, out),
            OrderAction::Status => {
                self.on_status_request(time_ns, request, out);
                return;
            }
        };
        if let Err(reason) = served {
            self.refuse(time_ns, request, reason, out);
        }
    }

    fn on_new(
        &mut self,
        time_ns: u64,
        request: &OrderRequest,
        out: &mut Reports,
    ) -> Result<(), RejectReason> {
        let name = self.store_name(request)?;
        if request.instrument as usize >= self.price_ticks.len() {
            return Err(RejectReason::UnknownSymbol);
        }
        if request.side == Side::None {
            return Err(RejectReason::Other);
        }
        self.check_terms(request)?;
        let order = Order::new(
            request.session,
            request.cl_ord_id,
            name,
            request.instrument,
            request.side,
            request.price,
            request.quantity,
            request.time_in_force,
        );
        let slot = self.orders.accept(order).ok_or(RejectReason::Other)?;
        self.names.set_order(name, self.orders[slot].number);
        let mut report = self.report_on(slot, ExecutionKind::New, time_ns);
        report.response_to = Some(OrderAction::New);
        out.push(report);
        self.enter(slot, time_ns, out);
        Ok(())
    }

    fn on_replace(
        &mut self,
        time_ns: u64,
        request: &OrderRequest,
        out: &mut Reports,
    ) -> Result<(), RejectReason> {
        let name = self.store_name(request)?;
        let slot = self.target(request)?;
        self.check_terms(request)?;
        let order = &mut self.orders[slot];
        order.name = name;
        order.cl_ord_id = request.cl_ord_id;
        let (number, done) = (order.number, request.quantity <= order.cum_qty);
        let keeps_place = request.price == order.price && request.quantity <= order.order_qty;
        self.names.set_order(name, number);
        if done {
            self.end_on_request(slot, time_ns, request, out);
            return Ok(());
        }
        if !keeps_place {
            self.orders.leave(slot);
        }
        let order = &mut self.orders[slot];
        (order.price, order.order_qty) = (request.price, request.quantity);
        let mut report = self.report_on(slot, ExecutionKind::Replaced, time_ns);
        report.orig_cl_ord_id = request.orig_cl_ord_id;
        report.response_to = Some(OrderAction::Replace);
        out.push(report);
        if !keeps_place {
            self.enter(slot, time_ns, out);
        }
        Ok(())
    }

    fn on_cancel(
        &mut self,
        time_ns: u64,
        request: &OrderRequest,
        out: &mut Reports,
    ) -> Result<(), RejectReason> {
        match self.store_name(request) {
            // A cancel's own id names nothing: with no room for it, the cancel is served all the same.
            Ok(_) | Err(NameRefusal::Full) => {}
            Err(refusal) => return Err(refusal.into()),
        }
        let slot = self.target(request)?;
        self.end_on_request(slot, time_ns, request, out);
        Ok(())
    }

    /// What is known of the order that the request's ClOrdID named, now or earlier in its life.
    fn on_status_request(&mut self, time_ns: u64, request: &OrderRequest, out: &mut Reports) {
        let named = OrderRequest { orig_cl_ord_id: request.cl_ord_id, ..*request };
        self.exec_ids += 1;
        let mut report = VenueReport {
            exec_id: self.exec_ids,
            kind: ExecutionKind::StatusUnknown,
            reason: RejectReason::UnknownOrder,
            ..refusal(time_ns, request, RejectReason::UnknownOrder)
        };
        if let Some((number, _)) = self.named_order(&named) {
            report.reason = RejectReason::None;
            if let Some(slot) = self.orders.slot_of(u64::from(number)) {
                report = VenueReport {
                    exec_id: report.exec_id,
                    response_to: report.response_to,
                    orig_cl_ord_id: request.orig_cl_ord_id,
                    ..self.report_on(slot, ExecutionKind::StatusOpen, time_ns)
                };
            } else {
                report.kind = ExecutionKind::StatusDone;
                report.order_id = u64::from(number);
                report.status = self.orders.status_of(number);
                (report.cum_qty, report.cum_value) = self.orders.filled_of(number);
                report.order_qty = report.cum_qty;
            }
        }
        out.push(report);
    }

    /// Cancels a live order as the request wants it, and answers the request.
    fn end_on_request(&mut self, slot: u32, time_ns: u64, request: &OrderRequest, out: &mut Reports) {
        let mut report = self.report_on(slot, ExecutionKind::Canceled, time_ns);
        report.leaves_qty = 0;
        report.status = OrderStatus::Canceled;
        report.cl_ord_id = request.cl_ord_id;
        report.orig_cl_ord_id = request.orig_cl_ord_id;
        report.response_to = Some(request.kind);
        out.push(report);
        self.orders.finish(slot, OrderStatus::Canceled);
    }

    /// Stores the request's ClOrdID as used, for no order yet.
    fn store_name(&mut self, request: &OrderRequest) -> Result<NameIndex, NameRefusal> {
        if request.cl_ord_id.is_none() {
            return Err(NameRefusal::Empty);
        }
        self.names.insert(request.session, &request.cl_ord_id, NO_ORDER).map_err(|error| match error {
            NameError::Duplicate => NameRefusal::Duplicate,
            NameError::Full => NameRefusal::Full,
        })
    }

    /// The live order that a replace or cancel is about.
    fn target(&self, request: &OrderRequest) -> Result<u32, RejectReason> {
        let (number, name) = self.named_order(request).ok_or(RejectReason::UnknownOrder)?;
        let slot = self.orders.slot_of(u64::from(number)).ok_or(RejectReason::TooLate)?;
        let order = &self.orders[slot];
        if order.name != name {
            return Err(RejectReason::TooLate);
        }
        if order.instrument != request.instrument || order.side != request.side {
            return Err(RejectReason::Other);
        }
        Ok(slot)
    }

    /// The order of the day that OrigClOrdID names or named, and where that name is.
    fn named_order(&self, request: &OrderRequest) -> Option<(u32, NameIndex)> {
        let name = self.names.find(request.session, &request.orig_cl_ord_id)?;
        let number = self.names.order(name);
        (number != NO_ORDER).then_some((number, name))
    }

    /// The checks of a new order and of a replace: the market's state, quantity, price.
    fn check_terms(&self, request: &OrderRequest) -> Result<(), RejectReason> {
        if !self.books.is_continuous(request.instrument) {
            return Err(RejectReason::Closed);
        }
        if request.quantity == 0 || request.quantity > self.config.quantity_max {
            return Err(RejectReason::Quantity);
        }
        // The instrument was checked before: for a replace, it is that of its order.
        let tick = self.price_ticks[request.instrument as usize];
        if request.price <= 0 || request.price % tick != 0 {
            return Err(RejectReason::Price);
        }
        Ok(())
    }

    /// Answers a request that changes nothing: Rejected for a new order, CancelRejected else.
    fn refuse(&mut self, time_ns: u64, request: &OrderRequest, reason: RejectReason, out: &mut Reports) {
        let mut report = refusal(time_ns, request, reason);
        if request.kind == OrderAction::New {
            self.exec_ids += 1;
            report.exec_id = self.exec_ids;
            report.kind = ExecutionKind::Rejected;
            (report.price, report.order_qty) = (request.price, request.quantity);
        } else if let Some((number, _)) = self.named_order(request) {
            report.order_id = u64::from(number);
            report.status = self.orders.status_of(number);
        }
        out.push(report);
    }
}

/// The refusal of a cancel or replace of an order that the venue does not know.
fn refusal(time_ns: u64, request: &OrderRequest, reason: RejectReason) -> VenueReport {
    VenueReport {
        time_ns,
        order_id: 0,
        exec_id: 0,
        price: PRICE_NONE,
        order_qty: 0,
        last_px: PRICE_NONE,
        last_qty: 0,
        leaves_qty: 0,
        cum_qty: 0,
        cum_value: 0,
        instrument: request.instrument,
        session: request.session,
        cl_ord_id: request.cl_ord_id,
        orig_cl_ord_id: request.orig_cl_ord_id,
        kind: ExecutionKind::CancelRejected,
        status: OrderStatus::Rejected,
        reason,
        response_to: Some(request.kind),
        side: request.side,
        time_in_force: request.time_in_force,
    }
}

/// Why a request's own ClOrdID was not stored.
enum NameRefusal {
    /// There is none.
    Empty,
    /// The session used it before.
    Duplicate,
    /// No further id can be stored today.
    Full,
}

impl From<NameRefusal> for RejectReason {
    fn from(refusal: NameRefusal) -> Self {
        match refusal {
            NameRefusal::Duplicate => Self::DuplicateClOrdId,
            NameRefusal::Empty | NameRefusal::Full => Self::Other,
        }
    }
}
