//! Reason codes of OUCH 5.0 and the engine's reasons.
//!
//! Tables of constants; what is not listed becomes [`RejectReason::Other`]. Source: «OUCH 5.0», tables of cancel and
//! reject reasons, as the Open Markets Initiative has them.

use crate::order::RejectReason;

/// Reasons of an Order Canceled.
pub mod cancel {
    /// A Cancel or Replace Order asked for it.
    pub const USER: u8 = b'U';
    /// An immediate-or-cancel order found no more to trade with.
    pub const IMMEDIATE_OR_CANCEL: u8 = b'I';
    /// The time in force has run out.
    pub const TIMEOUT: u8 = b'T';
    /// The system did it.
    pub const SYSTEM: u8 = b'Z';
    /// The market is closed.
    pub const CLOSED: u8 = b'E';
}

/// Reasons of an Order Rejected.
pub mod reject {
    /// Destination closed.
    pub const CLOSED: u16 = 0x02;
    /// Halted.
    pub const HALTED: u16 = 0x07;
    /// Invalid side.
    pub const SIDE: u16 = 0x09;
    /// A cancel is pending.
    pub const CANCEL_PENDING: u16 = 0x0b;
    /// The firm may not enter orders.
    pub const FIRM_NOT_AUTHORIZED: u16 = 0x0c;
    /// Anything else.
    pub const OTHER: u16 = 0x0f;
    /// Invalid quantity.
    pub const QUANTITY: u16 = 0x13;
    /// Invalid symbol.
    pub const SYMBOL: u16 = 0x17;
    /// Invalid price.
    pub const PRICE: u16 = 0x1d;
    /// More shares than the threshold.
    pub const SHARES_THRESHOLD: u16 = 0x1e;
}

/// The engine's reason for a reject's code.
#[must_use]
pub const fn reject_reason(code: u16) -> RejectReason {
    match code {
        reject::CLOSED | reject::HALTED => RejectReason::Closed,
        reject::CANCEL_PENDING => RejectReason::Pending,
        reject::QUANTITY | reject::SHARES_THRESHOLD => RejectReason::Quantity,
        reject::SYMBOL => RejectReason::UnknownSymbol,
        reject::PRICE => RejectReason::Price,
        _ => RejectReason::Other,
    }
}

/// A reject's code for the engine's reason.
#[must_use]
pub const fn reject_code(reason: RejectReason) -> u16 {
    match reason {
        RejectReason::Closed => reject::CLOSED,
        RejectReason::Pending => reject::CANCEL_PENDING,
        RejectReason::Quantity => reject::QUANTITY,
        RejectReason::UnknownSymbol => reject::SYMBOL,
        RejectReason::Price => reject::PRICE,
        _ => reject::OTHER,
    }
}
