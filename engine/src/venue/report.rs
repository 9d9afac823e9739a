//! What the simulated venue answers: one plain record with everything that an ExecutionReport (8) or an
//! OrderCancelReject (9) says, and the buffer that a call fills with them.
//!
//! [`Reports`] allocates at construction only and belongs to the thread that runs the venue. It never grows, and it
//! never drops: see [`Reports::push`].

use std::ops::Deref;

use feeds::event::Side;

use super::request::ClOrdIdText;
use crate::order::{ExecutionKind, OrderAction, RejectReason, TimeInForce};

/// OrdStatus(39) of the order that a report is about, after what it reports.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// 39=0: live, nothing filled. A replaced order too: FIX 4.4 has no status of its own for it.
    New = 0,
    /// 39=1: live, part filled.
    PartiallyFilled = 1,
    /// 39=2: all filled.
    Filled = 2,
    /// 39=4: done, cancelled, whatever part had filled.
    Canceled = 4,
    /// 39=8: refused, or (in a cancel reject) unknown to the venue.
    Rejected = 8,
}

/// One ExecutionReport (8), or, where `kind` is [`ExecutionKind::CancelRejected`], one OrderCancelReject (9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueReport {
    /// The venue's time of it (TransactTime, 60): that of the request or market event that caused it, UTC ns.
    pub time_ns: u64,
    /// OrderID(37); from 1. 0 where the venue has no order (FIX: `NONE`).
    pub order_id: u64,
    /// ExecID(17); from 1, unique per venue and day. 0 for a cancel reject, which has none.
    pub exec_id: u64,
    /// Price(44), 1e-9: the order's limit, or what a rejected new order asked for; [`feeds::units::PRICE_NONE`] in a
    /// cancel reject, which has none of the prices and quantities.
    pub price: i64,
    /// OrderQty(38): the order's total, or what a rejected new order asked for.
    pub order_qty: u64,
    /// LastPx(31), 1e-9; [`feeds::units::PRICE_NONE`] unless the kind is a fill.
    pub last_px: i64,
    /// LastQty(32); 0 unless the kind is a fill.
    pub last_qty: u64,
    /// LeavesQty(151): `order_qty - cum_qty` while the order lives, 0 when it is done.
    pub leaves_qty: u64,
    /// CumQty(14).
    pub cum_qty: u64,
    /// Sum of fill price times fill quantity, 1e-9: AvgPx(6) is this over `cum_qty`.
    pub cum_value: i128,
    /// Dense instrument number; the request's, unchecked, in a reject.
    pub instrument: u32,
    /// The session that it goes to.
    pub session: u16,
    /// ClOrdID(11): of the request that it answers, else the order's current one.
    pub cl_ord_id: ClOrdIdText,
    /// OrigClOrdID(41): in the answer to a replace or cancel, the id that the request named; else
    /// [`ClOrdIdText::NONE`], or whatever a refused new order carried. In a status OrdStatusReqID(790) of the request, in
    /// a bust or correction ExecRefID(19).
    pub orig_cl_ord_id: ClOrdIdText,
    /// What happened. The venue never says [`ExecutionKind::Expired`], [`ExecutionKind::NotSent`] or
    /// [`ExecutionKind::InDoubt`].
    pub kind: ExecutionKind,
    /// OrdStatus(39).
    pub status: OrderStatus,
    /// Why it was refused, [`RejectReason::None`] where nothing was.
    pub reason: RejectReason,
    /// The request that it answers directly (CxlRejResponseTo, 434, in a cancel reject); `None` for what nobody
    /// asked for: fills, the cancelled remainder of an IOC order, the cancels at a disconnect and at the close.
    pub response_to: Option<OrderAction>,
    /// Side(54).
    pub side: Side,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
}

/// A buffer of reports with a fixed capacity, filled by one call of [`crate::venue::VenueCore`] after another until
/// its owner clears it. Reads as a slice, oldest first.
#[derive(Debug)]
pub struct Reports {
    reports: Vec<VenueReport>,
    capacity: usize,
}

impl Reports {
    /// An empty buffer of `capacity` reports. [`crate::venue::VenueCore::reports_max`] says how many one call can
    /// write at most.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { reports: Vec::with_capacity(capacity), capacity }
    }

    /// Forgets all reports; the memory stays.
    pub fn clear(&mut self) {
        self.reports.clear();
    }

    /// Appends a report.
    ///
    /// # Panics
    /// When the buffer is full: a lost fill would be worse than a stop, and the owner can always avoid it by clearing
    /// the buffer between calls and by sizing it with [`crate::venue::VenueCore::reports_max`].
    pub fn push(&mut self, report: VenueReport) {
        assert!(
            self.reports.len() < self.capacity,
            "venue reports: the buffer of {} is full; size it with VenueCore::reports_max and clear it between calls",
            self.capacity
        );
        self.reports.push(report);
    }
}

impl Deref for Reports {
    type Target = [VenueReport];

    fn deref(&self) -> &[VenueReport] {
        &self.reports
    }
}
