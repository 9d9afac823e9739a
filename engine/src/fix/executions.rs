//! Hot decoder of a venue's answers: ExecutionReport (8) and OrderCancelReject (9) to [`Execution`], in one pass over
//! the fields.
//!
//! The frame comes verified (BodyLength, CheckSum); this pass checks the fields. It reads 11, 14, 17, 31, 32, 37, 41,
//! 54, 58, 102, 103, 150 and 151 and steps over all others; OrdStatus(39) is not read, since ExecType(150) and
//! LeavesQty(151) say it. Allocates nothing, borrows nothing beyond the call, runs on the order-entry thread.
//!
//! What it refuses: a ClOrdID that is not one of ours (sixteen digits), a missing or malformed field that it needs, a
//! field that it reads twice, a fill of nothing, and the ExecTypes that this engine cannot honour: trade corrections and
//! cancels (G, H) above all, which must never pass unseen.

use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::units::PRICE_NONE;

use super::fault::{Fault, MessageError};
use super::frame::Frame;
use super::number::{parse_price, parse_quantity, parse_unsigned};
use crate::order::{ClOrdId, Execution, ExecutionKind, RejectReason};

/// Bytes of a ClOrdID(11) that is ours.
const OUR_CL_ORD_ID_BYTES: usize = 16;

/// One bit for each field that is read, for duplicates and for what is required.
mod bit {
    pub(super) const CL_ORD_ID: u32 = 1 << 0;
    pub(super) const CUM_QTY: u32 = 1 << 1;
    pub(super) const EXEC_ID: u32 = 1 << 2;
    pub(super) const LAST_PX: u32 = 1 << 3;
    pub(super) const LAST_QTY: u32 = 1 << 4;
    pub(super) const ORDER_ID: u32 = 1 << 5;
    pub(super) const ORIG_CL_ORD_ID: u32 = 1 << 6;
    pub(super) const SIDE: u32 = 1 << 7;
    pub(super) const TEXT: u32 = 1 << 8;
    pub(super) const CXL_REJ_REASON: u32 = 1 << 9;
    pub(super) const ORD_REJ_REASON: u32 = 1 << 10;
    pub(super) const EXEC_TYPE: u32 = 1 << 11;
    pub(super) const LEAVES_QTY: u32 = 1 << 12;

    /// Required in every ExecutionReport, with tags, in the order in which a missing one is reported.
    pub(super) const REPORT: &[(u32, u32)] = &[
        (EXEC_TYPE, 150),
        (CL_ORD_ID, 11),
        (ORDER_ID, 37),
        (EXEC_ID, 17),
        (SIDE, 54),
        (LEAVES_QTY, 151),
        (CUM_QTY, 14),
    ];

    /// Required besides in a fill.
    pub(super) const FILL: &[(u32, u32)] = &[(LAST_QTY, 32), (LAST_PX, 31)];

    /// Required in every OrderCancelReject.
    pub(super) const CANCEL_REJECT: &[(u32, u32)] = &[(CL_ORD_ID, 11), (ORIG_CL_ORD_ID, 41), (ORDER_ID, 37)];
}

/// What the pass gathers. `cl_ord_id` and the like hold what absent fields mean until they are seen.
struct Seen<'a> {
    bits: u32,
    exec_type: u8,
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
    let mut seen = gather(frame, venue, time_ns)?;
    if message_type == b'9' {
        return cancel_reject(&mut seen).map(Some);
    }
    report(&mut seen)
}

#[inline]
fn gather(frame: Frame<'_>, venue: u8, time_ns: u64) -> Result<Seen<'_>, MessageError> {
    let mut seen = Seen {
        bits: 0,
        exec_type: 0,
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
    let mut fields = frame.fields();
    while let Some((tag, value)) = fields.next_field()? {
        let execution = &mut seen.execution;
        let bad = MessageError::new(tag, Fault::Format);
        let bit = match tag {
            11 => {
                execution.cl_ord_id = our_cl_ord_id(value).ok_or(MessageError::new(11, Fault::Value))?;
                bit::CL_ORD_ID
            }
            14 => {
                execution.cumulative_quantity = parse_quantity(value).ok_or(bad)?;
                bit::CUM_QTY
            }
            17 => {
                execution.exec_id = id_number(value);
                bit::EXEC_ID
            }
            31 => {
                execution.last_price = parse_price(value).ok_or(bad)?;
                bit::LAST_PX
            }
            32 => {
                execution.last_quantity = parse_quantity(value).ok_or(bad)?;
                bit::LAST_QTY
            }
            37 => {
                execution.venue_order_id = if value == b"NONE" { 0 } else { id_number(value) };
                bit::ORDER_ID
            }
            41 => {
                execution.orig_cl_ord_id = our_cl_ord_id(value).ok_or(MessageError::new(41, Fault::Value))?;
                bit::ORIG_CL_ORD_ID
            }
            54 => {
                execution.side = match value {
                    b"1" => Side::Buy,
                    b"2" => Side::Sell,
                    _ => return Err(MessageError::new(54, Fault::Value)),
                };
                bit::SIDE
            }
            58 => {
                seen.text = value;
                bit::TEXT
            }
            102 => {
                seen.cancel_reason = parse_unsigned(value).ok_or(bad)?;
                bit::CXL_REJ_REASON
            }
            103 => {
                seen.order_reason = parse_unsigned(value).ok_or(bad)?;
                bit::ORD_REJ_REASON
            }
            150 => {
                let [exec_type] = value else { return Err(bad) };
                seen.exec_type = *exec_type;
                bit::EXEC_TYPE
            }
            151 => {
                execution.leaves_quantity = parse_quantity(value).ok_or(bad)?;
                bit::LEAVES_QTY
            }
            _ => continue,
        };
        if seen.bits & bit != 0 {
            return Err(MessageError::new(tag, Fault::Duplicate));
        }
        seen.bits |= bit;
    }
    Ok(seen)
}

/// The first of some fields that is absent, as an error.
#[inline]
fn require(bits: u32, wanted: &[(u32, u32)]) -> Result<(), MessageError> {
    match wanted.iter().find(|&&(bit, _)| bits & bit == 0) {
        None => Ok(()),
        Some(&(_, tag)) => Err(MessageError::new(tag, Fault::Missing)),
    }
}

#[inline]
fn report(seen: &mut Seen<'_>) -> Result<Option<Execution>, MessageError> {
    require(seen.bits, bit::REPORT)?;
    let execution = &mut seen.execution;
    execution.kind = match seen.exec_type {
        b'0' => ExecutionKind::New,
        b'F' => {
            require(seen.bits, bit::FILL)?;
            if execution.last_quantity == 0 {
                return Err(MessageError::new(32, Fault::Value));
            }
            execution.kind =
                if execution.leaves_quantity == 0 { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
            return Ok(Some(*execution));
        }
        b'4' => ExecutionKind::Canceled,
        b'5' => ExecutionKind::Replaced,
        b'8' => {
            execution.reason = order_reject_reason(seen.order_reason, seen.text);
            ExecutionKind::Rejected
        }
        b'C' => ExecutionKind::Expired,
        b'6' | b'A' | b'E' => return Ok(None),
        _ => return Err(MessageError::new(150, Fault::Value)),
    };
    // Some venues send LastPx=0 and LastQty=0 in every report; nothing traded.
    execution.last_price = PRICE_NONE;
    execution.last_quantity = 0;
    Ok(Some(*execution))
}

#[cold]
fn cancel_reject(seen: &mut Seen<'_>) -> Result<Execution, MessageError> {
    require(seen.bits, bit::CANCEL_REJECT)?;
    let execution = &mut seen.execution;
    execution.kind = ExecutionKind::CancelRejected;
    execution.reason = cancel_reject_reason(seen.cancel_reason, seen.text);
    execution.exec_id = 0;
    execution.last_price = PRICE_NONE;
    execution.last_quantity = 0;
    Ok(*execution)
}

/// The number of a ClOrdID that we wrote: exactly sixteen digits, not all zero.
#[inline]
fn our_cl_ord_id(value: &[u8]) -> Option<ClOrdId> {
    if value.len() != OUR_CL_ORD_ID_BYTES {
        return None;
    }
    parse_unsigned(value).filter(|&number| number != 0)
}

/// An id as a number; see [`decode`].
#[inline]
fn id_number(value: &[u8]) -> u64 {
    match parse_unsigned(value) {
        Some(number) => number,
        None => fnv_1a(value),
    }
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
        for exec_type in ["G", "H", "3", "1", "I", "D"] {
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
