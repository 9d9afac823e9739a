//! The order-side vocabulary: intents of strategies, orders to a venue, executions from it.
//!
//! All of it is `Copy` plain data without heap parts, since it travels through rings and the journal.

use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::units::PRICE_NONE;

/// ClOrdID(11) as a number: the session date and a counter, `YYYYMMDD * 10^8 + counter`, always 16 digits.
/// Zero means "none".
pub type ClOrdId = u64;

/// Orders that one session date can number: the counter's range in a [`ClOrdId`].
pub const CL_ORD_ID_COUNTER_MAX: u64 = 99_999_999;

/// What an order message asks the venue to do.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderAction {
    /// NewOrderSingle (35=D).
    New = 1,
    /// OrderCancelReplaceRequest (35=G).
    Replace = 2,
    /// OrderCancelRequest (35=F).
    Cancel = 3,
    /// OrderStatusRequest (35=H): asks what became of an order, changes nothing and has no id of its own.
    Status = 4,
}

/// TimeInForce(59).
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// Good for the day (59=0): rests.
    Day = 0,
    /// Immediate or cancel (59=3): never rests.
    ImmediateOrCancel = 3,
}

/// A limit order message on its way to a venue, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Sequence number of the input that decided it.
    pub decision: u64,
    /// Core time of the decision, UTC ns; becomes TransactTime(60).
    pub time_ns: u64,
    /// ClOrdID(11) of this message.
    pub cl_ord_id: ClOrdId,
    /// OrigClOrdID(41): the order that a replace or cancel is about; 0 for a new order.
    pub orig_cl_ord_id: ClOrdId,
    /// Price(44), 1e-9.
    pub price: i64,
    /// OrderQty(38), smallest increments, the order's total including what has filled.
    pub quantity: u64,
    /// Dense instrument number.
    pub instrument: u32,
    /// Dense venue number.
    pub venue: u8,
    /// What is asked for.
    pub action: OrderAction,
    /// Side(54).
    pub side: Side,
    /// TimeInForce(59).
    pub time_in_force: TimeInForce,
    /// Number of the strategy that asked.
    pub strategy: u16,
    /// A sale of what is not held, to be marked so: Side(54)=5.
    pub sells_short: bool,
    /// Zero; keeps the record free of padding.
    pub reserved: [u8; 5],
}

const _: () = assert!(size_of::<Order>() == 64);

/// What an execution says of an order; ExecType(150) and the reject messages folded into one.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecutionKind {
    /// 150=0: the order rests or is being worked.
    New = 1,
    /// 150=F, leaves above zero.
    PartialFill = 2,
    /// 150=F, leaves zero.
    Fill = 3,
    /// 150=4: cancelled, asked for or not (an IOC remainder too).
    Canceled = 4,
    /// 150=5: replaced; `cl_ord_id` is the new one.
    Replaced = 5,
    /// 150=8: the new order was rejected.
    Rejected = 6,
    /// 35=9: a cancel or replace was rejected; the order lives on unless the venue does not know it.
    CancelRejected = 7,
    /// 150=C: expired.
    Expired = 8,
    /// Our own order entry could not send it: nothing is at the venue.
    NotSent = 9,
    /// Our order entry again: the venue's session is up after it was lost, or the venue missed messages of ours that are
    /// not sent again. It is about no order; every open order of the venue is in doubt from here on.
    InDoubt = 10,
    /// 150=I: asked for its state, the venue says that the order works.
    StatusOpen = 11,
    /// The same: the order is done, CumQty(14) of it filled.
    StatusDone = 12,
    /// The same: the venue knows no such order. What was sent never arrived.
    StatusUnknown = 13,
    /// 150=H: the fill named by ExecRefID(19) is busted, as if it had never been.
    TradeCancel = 14,
    /// 150=G: the fill named by ExecRefID(19) was one of LastQty(32) at LastPx(31).
    TradeCorrect = 15,
}

impl Execution {
    /// An execution in which nothing traded and of which nothing is known but what it is about.
    #[must_use]
    pub const fn of(venue: u8, kind: ExecutionKind, cl_ord_id: ClOrdId, time_ns: u64) -> Self {
        Self {
            time_ns,
            cl_ord_id,
            orig_cl_ord_id: 0,
            exec_id: 0,
            venue_order_id: 0,
            last_price: PRICE_NONE,
            last_quantity: 0,
            leaves_quantity: 0,
            cumulative_quantity: 0,
            instrument: INSTRUMENT_NONE,
            venue,
            kind,
            side: Side::None,
            reason: RejectReason::None,
            exec_ref_id: 0,
        }
    }
}

impl ExecutionKind {
    /// Whether it answers an OrderStatusRequest.
    #[must_use]
    pub const fn is_status(self) -> bool {
        matches!(self, Self::StatusOpen | Self::StatusDone | Self::StatusUnknown)
    }

    /// Whether it traded.
    #[must_use]
    pub const fn is_fill(self) -> bool {
        matches!(self, Self::PartialFill | Self::Fill)
    }

    /// Whether it refuses a message of ours: it changed nothing at the venue.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Rejected | Self::CancelRejected | Self::NotSent)
    }

    /// Whether a venue said it, and not our own order entry.
    #[must_use]
    pub const fn is_of_venue(self) -> bool {
        !matches!(self, Self::NotSent | Self::InDoubt)
    }
}

/// Why a venue or our order entry refused; OrdRejReason(103) and CxlRejReason(102) folded.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// Not a reject.
    None = 0,
    /// 102=0: too late to cancel, the order is already done.
    TooLate = 1,
    /// 102=1: unknown order.
    UnknownOrder = 2,
    /// 103=6 or 102=6: duplicate ClOrdID.
    DuplicateClOrdId = 3,
    /// 103=1: unknown symbol.
    UnknownSymbol = 4,
    /// 103=2: exchange closed, halted.
    Closed = 5,
    /// 103=13 or 3: quantity out of range.
    Quantity = 6,
    /// 103=99, 58 says price: price out of range or off the tick.
    Price = 7,
    /// 102=3: a cancel or replace of that order is pending already.
    Pending = 8,
    /// Not sent: session down, kill word set, or the socket refused.
    NotConnected = 9,
    /// Anything else; Text(58) is in the journal.
    Other = 255,
}

/// One answer of a venue (or of order entry itself), an input of the decision core. 88 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Core time at which it is an input, UTC ns (virtual in lockstep).
    pub time_ns: u64,
    /// ClOrdID(11) of the message that it answers, or of the order that traded.
    pub cl_ord_id: ClOrdId,
    /// OrigClOrdID(41), 0 when absent; in the answer to a status request OrdStatusReqID(790), the number of its decision.
    pub orig_cl_ord_id: ClOrdId,
    /// ExecID(17) as a number, unique per venue and day; 0 for cancel rejects and NOT_SENT.
    pub exec_id: u64,
    /// OrderID(37) as a number; 0 when the venue gave none.
    pub venue_order_id: u64,
    /// LastPx(31), 1e-9; [`feeds::units::PRICE_NONE`] when nothing traded.
    pub last_price: i64,
    /// LastQty(32).
    pub last_quantity: u64,
    /// LeavesQty(151).
    pub leaves_quantity: u64,
    /// CumQty(14).
    pub cumulative_quantity: u64,
    /// Dense instrument number; [`feeds::event::INSTRUMENT_NONE`] when the message names none.
    pub instrument: u32,
    /// Dense venue number.
    pub venue: u8,
    /// What happened.
    pub kind: ExecutionKind,
    /// Side(54), `None` when the message carries none.
    pub side: Side,
    /// Why it was refused.
    pub reason: RejectReason,
    /// ExecRefID(19) as a number: the fill that a bust or correction is about; 0 for everything else.
    pub exec_ref_id: u64,
}

const _: () = assert!(size_of::<Execution>() == 88);

/// What a strategy wants done. Only [`crate::pipeline::risk`] turns it into an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// New, replace or cancel.
    pub action: OrderAction,
    /// For replace and cancel: the ClOrdID of the live order; 0 for new.
    pub target: ClOrdId,
    /// Limit price, 1e-9 (new and replace).
    pub price: i64,
    /// Total order quantity, smallest increments (new and replace).
    pub quantity: u64,
    /// Dense instrument number.
    pub instrument: u32,
    /// Dense venue number.
    pub venue: u8,
    /// Side (for replace and cancel: that of the order).
    pub side: Side,
    /// Time in force.
    pub time_in_force: TimeInForce,
}
