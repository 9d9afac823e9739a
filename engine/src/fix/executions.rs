//! Hot decoder of a venue's answers: ExecutionReport (8) and OrderCancelReject (9) to [`Execution`], out of the index of
//! the frame's fields.
//!
//! The frame comes verified (BodyLength, CheckSum), its fields found ([`super::index`]); this takes the values. It reads
//! 11, 14, 17, 31, 32, 37, 39, 41, 54, 58, 102, 103, 150, 151, and 20 in FIX 4.2, each by its place and not in the
//! message's order, so that nothing depends on how a venue orders its fields. Allocates nothing, borrows nothing beyond
//! the call, runs on the order-entry thread.
//!
//! **Versions.** In a message of FIX.4.2 a fill is ExecType(150) 1 or 2 and ExecTransType(20) says whether a report is new
//! (0), a correction (1, 2) or an answer about a status (3). In all others a fill is F and a status I.
//!
//! **Status.** The answer to an OrderStatusRequest is an execution of kind [`ExecutionKind::Status`]: CumQty(14) as said;
//! LeavesQty(151) as said of an order that is open, 0 of one that is done; the reason where OrdStatus(39) is 8, so that
//! an order that the venue never had is told by [`RejectReason::UnknownOrder`].
//!
//! **What it refuses:** a ClOrdID that is not one of ours (sixteen digits), a missing or malformed field that it needs, a
//! field that it reads twice, a fill of nothing, a status that contradicts itself, and the reports that this engine
//! cannot honour: trade corrections and cancels (G, H; 20=1, 20=2) above all, which must never pass unseen.
//!
//! **Which fault is named** where there are several: of the field grammar the first in the message; then a field that
//! is there twice; then the first value in the order of [`gather`]; then what is missing.

use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::units::PRICE_NONE;

use super::fault::{Fault, MessageError};
use super::frame::Frame;
use super::index::{FieldIndex, Known, Value};
use crate::order::{ClOrdId, Execution, ExecutionKind, RejectReason};

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

/// What is taken from the fields. `execution` holds what absent fields mean until they are read.
struct Gathered<'a> {
    seen: u64,
    exec_type: u8,
    exec_trans_type: u8,
    order_status: u8,
    cancel_reason: u64,
    order_reason: u64,
    text: &'a [u8],
    execution: Execution,
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
    let message_type = frame.message_type_byte();
    if message_type != b'8' && message_type != b'9' {
        return Err(MessageError::new(35, Fault::UnsupportedMessageType));
    }
    match frame.index() {
        Some(index) => decode_indexed(frame, index, message_type, venue, time_ns),
        None => decode_indexed(frame, &FieldIndex::of(frame)?, message_type, venue, time_ns),
    }
}

#[inline]
fn decode_indexed(
    frame: Frame<'_>,
    index: &FieldIndex,
    message_type: u8,
    venue: u8,
    time_ns: u64,
) -> Result<Option<Execution>, MessageError> {
    let has_trans_type = frame.begin_string() == b"FIX.4.2";
    let mut gathered = gather(frame, index, has_trans_type, venue, time_ns)?;
    if message_type == b'9' {
        return cancel_reject(&mut gathered).map(Some);
    }
    if has_trans_type { report_with_trans_type(&mut gathered) } else { report(&mut gathered) }
}

/// Reads all that is there.
#[inline(always)]
fn gather<'a>(
    frame: Frame<'a>,
    index: &FieldIndex,
    has_trans_type: bool,
    venue: u8,
    time_ns: u64,
) -> Result<Gathered<'a>, MessageError> {
    const READ_BITS: u64 = bits(READ);
    let seen = index.seen();
    let mut gathered = Gathered {
        seen,
        exec_type: 0,
        exec_trans_type: 0,
        order_status: 0,
        cancel_reason: u64::MAX,
        order_reason: u64::MAX,
        text: &[],
        execution: Execution {
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
            kind: ExecutionKind::New,
            side: Side::None,
            reason: RejectReason::None,
            reserved: [0; 8],
        },
    };
    if index.repeated() & (READ_BITS | Known::ExecTransType.bit()) != 0 {
        refuse_repeated(index, has_trans_type)?;
    }
    let execution = &mut gathered.execution;
    let value = |field: Known| (seen & field.bit() != 0).then(|| frame.value(index, field));
    if let Some(value) = value(Known::ClOrdId) {
        execution.cl_ord_id = our_cl_ord_id(value).ok_or(MessageError::new(11, Fault::Value))?;
    }
    if let Some(value) = value(Known::CumQty) {
        execution.cumulative_quantity = value.quantity().ok_or(MessageError::new(14, Fault::Format))?;
    }
    if let Some(value) = value(Known::ExecId) {
        execution.exec_id = value.unsigned().unwrap_or_else(|| fnv_1a(value.bytes()));
    }
    if let Some(value) = value(Known::LastPx) {
        execution.last_price = value.price().ok_or(MessageError::new(31, Fault::Format))?;
    }
    if let Some(value) = value(Known::LastQty) {
        execution.last_quantity = value.quantity().ok_or(MessageError::new(32, Fault::Format))?;
    }
    if let Some(value) = value(Known::OrderId) {
        execution.venue_order_id = value.unsigned().unwrap_or_else(|| text_order_id(value.bytes()));
    }
    if let Some(value) = value(Known::OrdStatus) {
        gathered.order_status = value.char().ok_or(MessageError::new(39, Fault::Format))?;
    }
    if let Some(value) = value(Known::OrigClOrdId) {
        execution.orig_cl_ord_id = our_cl_ord_id(value).ok_or(MessageError::new(41, Fault::Value))?;
    }
    if let Some(value) = value(Known::Side) {
        execution.side = match value.char() {
            Some(b'1') => Side::Buy,
            Some(b'2') => Side::Sell,
            _ => return Err(MessageError::new(54, Fault::Value)),
        };
    }
    if let Some(value) = value(Known::Text) {
        gathered.text = value.bytes();
    }
    if let Some(value) = value(Known::CxlRejReason) {
        gathered.cancel_reason = value.unsigned().ok_or(MessageError::new(102, Fault::Format))?;
    }
    if let Some(value) = value(Known::OrdRejReason) {
        gathered.order_reason = value.unsigned().ok_or(MessageError::new(103, Fault::Format))?;
    }
    if let Some(value) = value(Known::ExecType) {
        gathered.exec_type = value.char().ok_or(MessageError::new(150, Fault::Format))?;
    }
    if let Some(value) = value(Known::LeavesQty) {
        execution.leaves_quantity = value.quantity().ok_or(MessageError::new(151, Fault::Format))?;
    }
    if has_trans_type && let Some(value) = value(Known::ExecTransType) {
        gathered.exec_trans_type = value.char().ok_or(MessageError::new(20, Fault::Format))?;
    }
    Ok(gathered)
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
#[inline]
fn report(gathered: &mut Gathered<'_>) -> Result<Option<Execution>, MessageError> {
    require(gathered.seen, REPORT)?;
    match gathered.exec_type {
        b'F' => fill(gathered).map(Some),
        b'I' => status(gathered).map(Some),
        _ => change(gathered),
    }
}

/// An ExecutionReport of FIX 4.2.
fn report_with_trans_type(gathered: &mut Gathered<'_>) -> Result<Option<Execution>, MessageError> {
    require(gathered.seen, REPORT)?;
    require(gathered.seen, &[Known::ExecTransType])?;
    match (gathered.exec_trans_type, gathered.exec_type) {
        (b'0', b'1' | b'2') => fill(gathered).map(Some),
        (b'0', _) => change(gathered),
        (b'3', _) => status(gathered).map(Some),
        _ => Err(MessageError::new(20, Fault::Value)),
    }
}

/// A report that something traded.
#[inline(always)]
fn fill(gathered: &mut Gathered<'_>) -> Result<Execution, MessageError> {
    require(gathered.seen, FILL)?;
    let execution = &mut gathered.execution;
    if execution.last_quantity == 0 {
        return Err(MessageError::new(32, Fault::Value));
    }
    execution.kind =
        if execution.leaves_quantity == 0 { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
    Ok(*execution)
}

/// A report of another change of the order, or of none.
#[inline]
fn change(gathered: &mut Gathered<'_>) -> Result<Option<Execution>, MessageError> {
    let execution = &mut gathered.execution;
    execution.kind = match gathered.exec_type {
        b'0' => ExecutionKind::New,
        b'4' => ExecutionKind::Canceled,
        b'5' => ExecutionKind::Replaced,
        b'8' => {
            execution.reason = order_reject_reason(gathered.order_reason, gathered.text);
            ExecutionKind::Rejected
        }
        b'C' => ExecutionKind::Expired,
        b'6' | b'A' | b'E' => return Ok(None),
        _ => return Err(MessageError::new(150, Fault::Value)),
    };
    nothing_traded(execution);
    Ok(Some(*execution))
}

/// Some venues send LastPx=0 and LastQty=0 in every report.
#[inline(always)]
const fn nothing_traded(execution: &mut Execution) {
    execution.last_price = PRICE_NONE;
    execution.last_quantity = 0;
}

/// An answer to an OrderStatusRequest.
#[cold]
fn status(gathered: &mut Gathered<'_>) -> Result<Execution, MessageError> {
    require(gathered.seen, &[Known::OrdStatus])?;
    let execution = &mut gathered.execution;
    execution.kind = ExecutionKind::Status;
    nothing_traded(execution);
    match gathered.order_status {
        // New, partially filled, replaced, pending cancel, stopped, suspended, pending new, accepted for bidding,
        // pending replace: open.
        b'0' | b'1' | b'5' | b'6' | b'7' | b'9' | b'A' | b'D' | b'E' => {
            if execution.leaves_quantity == 0 {
                return Err(MessageError::new(151, Fault::Value));
            }
        }
        // Filled, done for day, canceled, calculated, expired: done.
        b'2' | b'3' | b'4' | b'B' | b'C' => execution.leaves_quantity = 0,
        b'8' => {
            execution.leaves_quantity = 0;
            execution.reason = order_reject_reason(gathered.order_reason, gathered.text);
        }
        _ => return Err(MessageError::new(39, Fault::Value)),
    }
    Ok(*execution)
}

#[cold]
fn cancel_reject(gathered: &mut Gathered<'_>) -> Result<Execution, MessageError> {
    require(gathered.seen, CANCEL_REJECT)?;
    let execution = &mut gathered.execution;
    execution.kind = ExecutionKind::CancelRejected;
    execution.reason = cancel_reject_reason(gathered.cancel_reason, gathered.text);
    execution.exec_id = 0;
    nothing_traded(execution);
    Ok(*execution)
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

/// OrdRejReason(103), `u64::MAX` where absent, to the engine's reason.
#[cold]
fn order_reject_reason(code: u64, text: &[u8]) -> RejectReason {
    match code {
        1 => RejectReason::UnknownSymbol,
        2 | 4 => RejectReason::Closed,
        3 | 13 => RejectReason::Quantity,
        5 => RejectReason::UnknownOrder,
        6 => RejectReason::DuplicateClOrdId,
        99 => reason_in_text(text),
        _ => RejectReason::Other,
    }
}

/// CxlRejReason(102), `u64::MAX` where absent, to the engine's reason.
#[cold]
fn cancel_reject_reason(code: u64, text: &[u8]) -> RejectReason {
    match code {
        0 => RejectReason::TooLate,
        1 => RejectReason::UnknownOrder,
        3 => RejectReason::Pending,
        6 => RejectReason::DuplicateClOrdId,
        2 | 99 => reason_in_text(text),
        _ => RejectReason::Other,
    }
}

/// The standard has no code for these; venues say them in Text(58).
fn reason_in_text(text: &[u8]) -> RejectReason {
    let says = |word: &[u8]| text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    if says(b"price") {
        RejectReason::Price
    } else if says(b"quantity") {
        RejectReason::Quantity
    } else if says(b"closed") || says(b"halted") {
        RejectReason::Closed
    } else {
        RejectReason::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::naive_decoder;

    fn decode_text(body: &str) -> Result<Option<Execution>, MessageError> {
        let bytes = naive_decoder::framed(body);
        decode(Frame::parse(&bytes).unwrap(), 3, 99)
    }

    const FILL: &str = "35=8|34=2|49=VENUE|52=20120621-13:30:00.123|56=WARPTICK|6=187.45|11=2012062100000007|14=150|\
                        17=12|31=187.4500|32=00000100|37=E-77|38=200|39=1|54=1|55=GOOG|150=F|151=50|";

    #[test]
    fn a_known_partial_fill() {
        let execution = decode_text(FILL).unwrap().unwrap();
        let expected = Execution {
            time_ns: 99,
            cl_ord_id: 2_012_062_100_000_007,
            orig_cl_ord_id: 0,
            exec_id: 12,
            // FNV-1a of "E-77", computed by an independent script.
            venue_order_id: 0x8775_886b_1f12_8fd5,
            last_price: 187_450_000_000,
            last_quantity: 100,
            leaves_quantity: 50,
            cumulative_quantity: 150,
            instrument: INSTRUMENT_NONE,
            venue: 3,
            kind: ExecutionKind::PartialFill,
            side: Side::Buy,
            reason: RejectReason::None,
            reserved: [0; 8],
        };
        assert_eq!(execution, expected);
        let done = decode_text(&FILL.replace("151=50", "151=0")).unwrap().unwrap();
        assert_eq!(done.kind, ExecutionKind::Fill);
    }

    #[test]
    fn kinds_and_reasons() {
        let kind = |exec_type: &str| decode_text(&FILL.replace("150=F", &format!("150={exec_type}")));
        for (exec_type, expected) in [
            ("0", ExecutionKind::New),
            ("4", ExecutionKind::Canceled),
            ("5", ExecutionKind::Replaced),
            ("8", ExecutionKind::Rejected),
            ("C", ExecutionKind::Expired),
        ] {
            let execution = kind(exec_type).unwrap().unwrap();
            assert_eq!(execution.kind, expected);
            assert_eq!((execution.last_price, execution.last_quantity), (PRICE_NONE, 0));
        }
        for exec_type in ["6", "A", "E"] {
            assert_eq!(kind(exec_type), Ok(None));
        }
        for exec_type in ["G", "H", "3", "1", "2", "D"] {
            assert_eq!(kind(exec_type), Err(MessageError::new(150, Fault::Value)));
        }
        for (reason, expected) in [
            ("103=1|", RejectReason::UnknownSymbol),
            ("103=2|", RejectReason::Closed),
            ("103=3|", RejectReason::Quantity),
            ("103=13|", RejectReason::Quantity),
            ("103=6|", RejectReason::DuplicateClOrdId),
            ("103=99|58=Price off the tick|", RejectReason::Price),
            ("58=no|103=99|", RejectReason::Other),
            ("", RejectReason::Other),
        ] {
            let body = FILL.replace("150=F|", &format!("150=8|{reason}"));
            assert_eq!(decode_text(&body).unwrap().unwrap().reason, expected, "{reason}");
        }
    }

    #[test]
    fn cancel_rejects() {
        let body = "35=9|34=3|11=2012062100000008|41=2012062100000007|37=NONE|39=8|434=1|102=1|58=who?|";
        let execution = decode_text(body).unwrap().unwrap();
        assert_eq!(execution.kind, ExecutionKind::CancelRejected);
        assert_eq!(
            (execution.cl_ord_id, execution.orig_cl_ord_id),
            (2_012_062_100_000_008, 2_012_062_100_000_007)
        );
        assert_eq!((execution.venue_order_id, execution.exec_id, execution.last_price), (0, 0, PRICE_NONE));
        assert_eq!((execution.reason, execution.side), (RejectReason::UnknownOrder, Side::None));
        for (code, expected) in [
            ("0", RejectReason::TooLate),
            ("3", RejectReason::Pending),
            ("6", RejectReason::DuplicateClOrdId),
        ] {
            let body = body.replace("102=1", &format!("102={code}"));
            assert_eq!(decode_text(&body).unwrap().unwrap().reason, expected);
        }
        assert_eq!(decode_text(&body.replace("41=", "42=")), Err(MessageError::new(41, Fault::Missing)));
    }

    #[test]
    fn faults_name_the_tag() {
        for (from, to, tag, fault) in [
            ("11=2012062100000007|", "", 11, Fault::Missing),
            ("11=2012062100000007|", "11=201206210000007|", 11, Fault::Value),
            ("11=2012062100000007|", "11=20120621000000A7|", 11, Fault::Value),
            ("11=2012062100000007|", "11=0000000000000000|", 11, Fault::Value),
            ("14=150|", "", 14, Fault::Missing),
            ("17=12|", "", 17, Fault::Missing),
            ("31=187.4500|", "", 31, Fault::Missing),
            ("31=187.4500|", "31=187.4500000001|", 31, Fault::Format),
            ("32=00000100|", "32=0|", 32, Fault::Value),
            ("32=00000100|", "32=100.5|", 32, Fault::Format),
            ("37=E-77|", "", 37, Fault::Missing),
            ("54=1|", "54=5|", 54, Fault::Value),
            ("54=1|", "54=1|54=1|", 54, Fault::Duplicate),
            ("150=F|", "", 150, Fault::Missing),
            ("150=F|", "150=FF|", 150, Fault::Format),
            ("151=50|", "", 151, Fault::Missing),
            ("35=8|", "35=AE|", 35, Fault::UnsupportedMessageType),
            ("6=187.45|", "6=|", 6, Fault::Empty),
        ] {
            assert_eq!(
                decode_text(&FILL.replacen(from, to, 1)),
                Err(MessageError::new(tag, fault)),
                "{from} {to}"
            );
        }
    }
}
