//! Hot decoder of a venue's answers: ExecutionReport (8) and OrderCancelReject (9) to [`Execution`], out of the index of
//! the frame's fields.
//!
//! The frame comes verified (BodyLength, CheckSum), its fields found ([`super::index`]); this takes the values. It reads
//! 11, 14, 17, 19, 31, 32, 37, 39, 41, 54, 58, 102, 103, 150, 151, and 20 in FIX 4.2, each by its place and not in the
//! message's order, so that nothing depends on how a venue orders its fields. Allocates nothing, borrows nothing beyond
//! the call, runs on the order-entry thread.
//!
//! **Versions.** In a message of FIX.4.2 a fill is ExecType(150) 1 or 2 and ExecTransType(20) says whether a report is new
//! (0), a correction (1, 2) or an answer about a status (3). In all others a fill is F and a status I.
//!
//! **Status.** The answer to an OrderStatusRequest is an execution of kind [`ExecutionKind::StatusOpen`] or, of an order
//! that is done, [`ExecutionKind::StatusDone`]: CumQty(14) as said, LeavesQty(151) 0 of one that is done. An order that the
//! venue never had is [`ExecutionKind::StatusUnknown`].
//!
//! **What it refuses:** a ClOrdID that is not one of ours (sixteen digits), a missing or malformed field that it needs, a
//! field that it reads twice, a fill of nothing, a status that contradicts itself.
//!
//! **Busts and corrections** (150=H and G; 20=1 and 2 in FIX.4.2) name the fill that they are about by ExecRefID(19).
//!
//! **Which fault is named** where there are several: of the field grammar the first in the message; then a field that
//! is there twice; then the first value in the order of `gather`; then what is missing.

mod reasons;
#[cfg(target_arch = "x86_64")]
mod wide;

use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::units::PRICE_NONE;

#[cfg(target_arch = "x86_64")]
use super::delimiters::Kernel;
use super::fault::{Fault, MessageError};
use super::frame::Frame;
use super::index::{FieldIndex, Known, Value};
use crate::order::{ClOrdId, Execution, ExecutionKind, RejectReason};
use reasons::{cancel_reject_reason, order_reject_reason};

/// Bytes of a ClOrdID(11) that is ours.
const OUR_CL_ORD_ID_BYTES: usize = 16;

/// All that is read in every version; a second occurrence is refused.
const READ: &[Known] = &[
    Known::ClOrdId,
    Known::CumQty,
    Known::ExecId,
    Known::LastPx,
    Known::LastQty,
    Known::OrderId,
    Known::OrdStatus,
    Known::OrigClOrdId,
    Known::Side,
    Known::Text,
    Known::CxlRejReason,
    Known::OrdRejReason,
    Known::ExecType,
    Known::LeavesQty,
];

/// Required in every ExecutionReport, in the order in which a missing one is reported.
const REPORT: &[Known] = &[
    Known::ExecType,
    Known::ClOrdId,
    Known::OrderId,
    Known::ExecId,
    Known::Side,
    Known::LeavesQty,
    Known::CumQty,
];

/// Required besides in a fill.
const FILL: &[Known] = &[Known::LastQty, Known::LastPx];

/// Required in every OrderCancelReject.
const CANCEL_REJECT: &[Known] = &[Known::ClOrdId, Known::OrigClOrdId, Known::OrderId];

/// The bits of some fields.
const fn bits(fields: &[Known]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < fields.len() {
        bits |= fields[at].bit();
        at += 1;
    }
    bits
}

/// What is taken from the fields; what absent ones mean where they are absent.
struct Gathered<'a> {
    seen: u64,
    cl_ord_id: ClOrdId,
    orig_cl_ord_id: ClOrdId,
    exec_id: u64,
    order_id: u64,
    last_price: i64,
    last_quantity: u64,
    leaves_quantity: u64,
    cumulative_quantity: u64,
    side: Side,
    exec_type: u8,
    exec_trans_type: u8,
    order_status: u8,
    cancel_reason: u64,
    order_reason: u64,
    text: &'a [u8],
}

/// Where and when the answer came.
#[derive(Clone, Copy)]
struct Receipt {
    venue: u8,
    time_ns: u64,
}

impl Gathered<'_> {
    /// The execution of it in which nothing traded: some venues send LastPx=0 and LastQty=0 in every report.
    #[inline(always)]
    const fn change(&self, receipt: Receipt, kind: ExecutionKind, reason: RejectReason) -> Execution {
        Execution {
            time_ns: receipt.time_ns,
            cl_ord_id: self.cl_ord_id,
            orig_cl_ord_id: self.orig_cl_ord_id,
            exec_id: self.exec_id,
            venue_order_id: self.order_id,
            last_price: PRICE_NONE,
            last_quantity: 0,
            leaves_quantity: self.leaves_quantity,
            cumulative_quantity: self.cumulative_quantity,
            instrument: INSTRUMENT_NONE,
            venue: receipt.venue,
            kind,
            side: self.side,
            reason,
            exec_ref_id: 0,
        }
    }
}

/// Decodes an answer of venue `venue` that becomes an input at `time_ns`. `Ok(None)` where the message changes no
/// order's state: pending new (A), pending cancel (6), pending replace (E). The instrument is left
/// [`INSTRUMENT_NONE`]: the order table knows it from the ClOrdID.
///
/// OrderID(37) and ExecID(17) of digits are taken as numbers; others are hashed (FNV-1a, 64 bit), so that equal ids
/// stay equal and different ones almost surely differ. OrderID `NONE` is 0.
///
/// # Errors
/// The tag and what is wrong with it; [`Fault::UnsupportedMessageType`] for any other message type.
#[inline]
pub fn decode(frame: Frame<'_>, venue: u8, time_ns: u64) -> Result<Option<Execution>, MessageError> {
    let receipt = Receipt { venue, time_ns };
    match frame.index() {
        Some(index) => decode_indexed(frame, index, receipt),
        None => decode_without_index(frame, receipt),
    }
}

#[cold]
fn decode_without_index(frame: Frame<'_>, receipt: Receipt) -> Result<Option<Execution>, MessageError> {
    if !matches!(frame.message_type_byte(), b'8' | b'9') {
        return Err(MessageError::new(35, Fault::UnsupportedMessageType));
    }
    decode_indexed(frame, &FieldIndex::of(frame)?, receipt)
}

#[inline]
fn decode_indexed(
    frame: Frame<'_>,
    index: &FieldIndex,
    receipt: Receipt,
) -> Result<Option<Execution>, MessageError> {
    let has_trans_type = frame.begin_string() == b"FIX.4.2";
    match frame.message_type_byte() {
        b'8' => {
            #[cfg(target_arch = "x86_64")]
            if index.kernel() != Kernel::Portable {
                // SAFETY: the other kernel is only made where the CPU has AVX2 and BMI (`Kernel::available`).
                let usual = unsafe { wide::decode(frame, index, has_trans_type, receipt) };
                if usual.is_some() {
                    return Ok(usual);
                }
            }
            let gathered = gather(frame, index, has_trans_type)?;
            require(gathered.seen, REPORT)?;
            let (exec_type, trans_type) = (gathered.exec_type, gathered.exec_trans_type);
            if matches!(
                (has_trans_type, exec_type, trans_type),
                (false, b'G' | b'H', _) | (true, _, b'1' | b'2')
            ) {
                return trade_changed(frame, index, &gathered, receipt).map(Some);
            }
            if has_trans_type {
                report_with_trans_type(&gathered, receipt)
            } else {
                report(&gathered, receipt)
            }
        }
        b'9' => cancel_reject(&gather(frame, index, has_trans_type)?, receipt).map(Some),
        _ => Err(MessageError::new(35, Fault::UnsupportedMessageType)),
    }
}

/// Reads all that is there.
#[inline(always)]
fn gather<'a>(
    frame: Frame<'a>,
    index: &FieldIndex,
    has_trans_type: bool,
) -> Result<Gathered<'a>, MessageError> {
    const READ_BITS: u64 = bits(READ) | Known::ExecTransType.bit();
    let seen = index.seen();
    if index.repeated() & READ_BITS != 0 {
        refuse_repeated(index, has_trans_type)?;
    }
    let value = |field: Known| (seen & field.bit() != 0).then(|| frame.value(index, field));
    let format = |field: Known| MessageError::new(field.tag(), Fault::Format);
    let quantity = |field: Known| match value(field) {
        Some(value) => value.quantity().ok_or(format(field)),
        None => Ok(0),
    };
    let char = |field: Known| match value(field) {
        Some(value) => value.char().ok_or(format(field)),
        None => Ok(0),
    };
    let our_id = |field: Known| match value(field) {
        Some(value) => our_cl_ord_id(value).ok_or(MessageError::new(field.tag(), Fault::Value)),
        None => Ok(0),
    };
    let reason = |field: Known| match value(field) {
        Some(value) => value.unsigned().ok_or(format(field)),
        None => Ok(u64::MAX),
    };
    Ok(Gathered {
        seen,
        cl_ord_id: our_id(Known::ClOrdId)?,
        cumulative_quantity: quantity(Known::CumQty)?,
        exec_id: match value(Known::ExecId) {
            Some(value) => value.unsigned().unwrap_or_else(|| fnv_1a(value.bytes())),
            None => 0,
        },
        last_price: match value(Known::LastPx) {
            Some(value) => value.price().ok_or(format(Known::LastPx))?,
            None => PRICE_NONE,
        },
        last_quantity: quantity(Known::LastQty)?,
        order_id: match value(Known::OrderId) {
            Some(value) => value.unsigned().unwrap_or_else(|| text_order_id(value.bytes())),
            None => 0,
        },
        order_status: char(Known::OrdStatus)?,
        orig_cl_ord_id: our_id(Known::OrigClOrdId)?,
        side: match value(Known::Side) {
            Some(value) => match value.char() {
                Some(b'1') => Side::Buy,
                // 5: a short sale.
                Some(b'2' | b'5') => Side::Sell,
                _ => return Err(MessageError::new(54, Fault::Value)),
            },
            None => Side::None,
        },
        text: match value(Known::Text) {
            Some(value) => value.bytes(),
            None => &[],
        },
        cancel_reason: reason(Known::CxlRejReason)?,
        order_reason: reason(Known::OrdRejReason)?,
        exec_type: char(Known::ExecType)?,
        leaves_quantity: quantity(Known::LeavesQty)?,
        exec_trans_type: if has_trans_type { char(Known::ExecTransType)? } else { 0 },
    })
}

/// The first field that is read and there twice, as an error.
#[cold]
fn refuse_repeated(index: &FieldIndex, has_trans_type: bool) -> Result<(), MessageError> {
    let trans_type: &[Known] = if has_trans_type { &[Known::ExecTransType] } else { &[] };
    match READ.iter().chain(trans_type).find(|field| index.repeated() & field.bit() != 0) {
        None => Ok(()),
        Some(field) => Err(MessageError::new(field.tag(), Fault::Duplicate)),
    }
}

/// The first of some fields that is absent, as an error.
#[inline(always)]
fn require(seen: u64, wanted: &[Known]) -> Result<(), MessageError> {
    match wanted.iter().find(|field| seen & field.bit() == 0) {
        None => Ok(()),
        Some(field) => Err(MessageError::new(field.tag(), Fault::Missing)),
    }
}

/// An ExecutionReport of FIX 4.3 and later.
#[inline(always)]
fn report(gathered: &Gathered<'_>, receipt: Receipt) -> Result<Option<Execution>, MessageError> {
    match gathered.exec_type {
        b'F' => fill(gathered, receipt).map(Some),
        b'I' => status(gathered, receipt).map(Some),
        _ => change(gathered, receipt),
    }
}

/// An ExecutionReport of FIX 4.2.
#[inline(never)]
fn report_with_trans_type(
    gathered: &Gathered<'_>,
    receipt: Receipt,
) -> Result<Option<Execution>, MessageError> {
    require(gathered.seen, &[Known::ExecTransType])?;
    match (gathered.exec_trans_type, gathered.exec_type) {
        (b'0', b'1' | b'2') => fill(gathered, receipt).map(Some),
        (b'0', _) => change(gathered, receipt),
        (b'3', _) => status(gathered, receipt).map(Some),
        _ => Err(MessageError::new(20, Fault::Value)),
    }
}

/// A report that something traded.
#[inline(always)]
fn fill(gathered: &Gathered<'_>, receipt: Receipt) -> Result<Execution, MessageError> {
    require(gathered.seen, FILL)?;
    if gathered.last_quantity == 0 {
        return Err(MessageError::new(32, Fault::Value));
    }
    let kind = if gathered.leaves_quantity == 0 { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
    let mut execution = gathered.change(receipt, kind, RejectReason::None);
    execution.last_price = gathered.last_price;
    execution.last_quantity = gathered.last_quantity;
    Ok(execution)
}

/// A report that takes an earlier fill back (150=H, 20=1) or says that it was another one (150=G, 20=2).
#[cold]
fn trade_changed(
    frame: Frame<'_>,
    index: &FieldIndex,
    gathered: &Gathered<'_>,
    receipt: Receipt,
) -> Result<Execution, MessageError> {
    let tag = Known::ExecRefId.tag();
    if index.repeated() & Known::ExecRefId.bit() != 0 {
        return Err(MessageError::new(tag, Fault::Duplicate));
    }
    require(gathered.seen, &[Known::ExecRefId])?;
    let value = frame.value(index, Known::ExecRefId);
    let exec_ref_id = value.unsigned().unwrap_or_else(|| fnv_1a(value.bytes()));
    let is_bust = gathered.exec_type == b'H' || gathered.exec_trans_type == b'1';
    let kind = if is_bust { ExecutionKind::TradeCancel } else { ExecutionKind::TradeCorrect };
    let execution = Execution { exec_ref_id, ..gathered.change(receipt, kind, RejectReason::None) };
    if is_bust {
        return Ok(execution);
    }
    require(gathered.seen, FILL)?;
    if gathered.last_quantity == 0 {
        return Err(MessageError::new(32, Fault::Value));
    }
    Ok(Execution { last_price: gathered.last_price, last_quantity: gathered.last_quantity, ..execution })
}

/// A report of another change of the order, or of none.
#[inline(never)]
fn change(gathered: &Gathered<'_>, receipt: Receipt) -> Result<Option<Execution>, MessageError> {
    let mut reason = RejectReason::None;
    let kind = match gathered.exec_type {
        b'0' => ExecutionKind::New,
        b'4' => ExecutionKind::Canceled,
        b'5' => ExecutionKind::Replaced,
        b'8' => {
            reason = order_reject_reason(gathered.order_reason, gathered.text);
            ExecutionKind::Rejected
        }
        b'C' => ExecutionKind::Expired,
        b'6' | b'A' | b'E' => return Ok(None),
        _ => return Err(MessageError::new(150, Fault::Value)),
    };
    Ok(Some(gathered.change(receipt, kind, reason)))
}

/// An answer to an OrderStatusRequest.
#[cold]
fn status(gathered: &Gathered<'_>, receipt: Receipt) -> Result<Execution, MessageError> {
    require(gathered.seen, &[Known::OrdStatus])?;
    let mut execution = gathered.change(receipt, ExecutionKind::StatusDone, RejectReason::None);
    match gathered.order_status {
        // New, partially filled, replaced, pending cancel, stopped, suspended, pending new, accepted for bidding,
        // pending replace: open.
        b'0' | b'1' | b'5' | b'6' | b'7' | b'9' | b'A' | b'D' | b'E' => {
            if execution.leaves_quantity == 0 {
                return Err(MessageError::new(151, Fault::Value));
            }
            execution.kind = ExecutionKind::StatusOpen;
            return Ok(execution);
        }
        // Filled, done for day, canceled, calculated, expired: done.
        b'2' | b'3' | b'4' | b'B' | b'C' => {}
        b'8' => {
            execution.reason = order_reject_reason(gathered.order_reason, gathered.text);
            if execution.reason == RejectReason::UnknownOrder {
                execution.kind = ExecutionKind::StatusUnknown;
            }
        }
        _ => return Err(MessageError::new(39, Fault::Value)),
    }
    execution.leaves_quantity = 0;
    Ok(execution)
}

#[cold]
fn cancel_reject(gathered: &Gathered<'_>, receipt: Receipt) -> Result<Execution, MessageError> {
    require(gathered.seen, CANCEL_REJECT)?;
    let reason = cancel_reject_reason(gathered.cancel_reason, gathered.text);
    let execution = gathered.change(receipt, ExecutionKind::CancelRejected, reason);
    Ok(Execution { exec_id: 0, ..execution })
}

/// The number of a ClOrdID that we wrote: exactly sixteen digits, not all zero.
#[inline(always)]
fn our_cl_ord_id(value: Value<'_>) -> Option<ClOrdId> {
    if value.length() != OUR_CL_ORD_ID_BYTES {
        return None;
    }
    value.unsigned().filter(|&number| number != 0)
}

/// An OrderID that is no number; see [`decode`].
#[cold]
fn text_order_id(text: &[u8]) -> u64 {
    if text == b"NONE" { 0 } else { fnv_1a(text) }
}

/// FNV-1a, 64 bit: offset basis and prime of the published algorithm.
#[cold]
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
