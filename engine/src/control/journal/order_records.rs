//! The payloads that carry the order-side vocabulary: an approved action and a venue's answer. They follow the order
//! of the fields in memory, so that encoding is a copy where the machine is little-endian.

use super::layout::{i64_at, u32_at, u64_at};
use super::records::{sized, zero};
use super::{PayloadError, RecordKind};
use crate::order::{Execution, ExecutionKind, Order, OrderAction, RejectReason, TimeInForce};
use feeds::event::Side;

/// The bytes of an approved action: the fields of [`Order`] in their order, without gaps.
#[must_use]
pub fn encode_order(order: &Order) -> [u8; 64] {
    let mut out = [0; 64];
    out[0..8].copy_from_slice(&order.decision.to_le_bytes());
    out[8..16].copy_from_slice(&order.time_ns.to_le_bytes());
    out[16..24].copy_from_slice(&order.cl_ord_id.to_le_bytes());
    out[24..32].copy_from_slice(&order.orig_cl_ord_id.to_le_bytes());
    out[32..40].copy_from_slice(&order.price.to_le_bytes());
    out[40..48].copy_from_slice(&order.quantity.to_le_bytes());
    out[48..52].copy_from_slice(&order.instrument.to_le_bytes());
    out[52] = order.venue;
    out[53] = order.action as u8;
    out[54] = order.side as u8;
    out[55] = order.time_in_force as u8;
    out[56..58].copy_from_slice(&order.strategy.to_le_bytes());
    out[58] = u8::from(order.sells_short);
    out
}

/// Reads what [`encode_order`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_order(payload: &[u8]) -> Result<Order, PayloadError> {
    let kind = RecordKind::Action;
    let bytes = sized::<64>(kind, payload)?;
    zero(kind, payload, 59, 64)?;
    Ok(Order {
        decision: u64_at(bytes, 0),
        time_ns: u64_at(bytes, 8),
        cl_ord_id: u64_at(bytes, 16),
        orig_cl_ord_id: u64_at(bytes, 24),
        price: i64_at(bytes, 32),
        quantity: u64_at(bytes, 40),
        instrument: u32_at(bytes, 48),
        venue: bytes[52],
        action: order_action(bytes[53]).ok_or(PayloadError::Field { kind, at: 53 })?,
        side: side(bytes[54]).ok_or(PayloadError::Field { kind, at: 54 })?,
        time_in_force: time_in_force(bytes[55]).ok_or(PayloadError::Field { kind, at: 55 })?,
        strategy: u16::from_le_bytes([bytes[56], bytes[57]]),
        sells_short: flag(bytes[58]).ok_or(PayloadError::Field { kind, at: 58 })?,
        reserved: [0; 5],
    })
}

/// The bytes of a venue's answer: the fields of [`Execution`] in their order, without gaps.
#[must_use]
pub fn encode_execution(execution: &Execution) -> [u8; 88] {
    let mut out = [0; 88];
    out[0..8].copy_from_slice(&execution.time_ns.to_le_bytes());
    out[8..16].copy_from_slice(&execution.cl_ord_id.to_le_bytes());
    out[16..24].copy_from_slice(&execution.orig_cl_ord_id.to_le_bytes());
    out[24..32].copy_from_slice(&execution.exec_id.to_le_bytes());
    out[32..40].copy_from_slice(&execution.venue_order_id.to_le_bytes());
    out[40..48].copy_from_slice(&execution.last_price.to_le_bytes());
    out[48..56].copy_from_slice(&execution.last_quantity.to_le_bytes());
    out[56..64].copy_from_slice(&execution.leaves_quantity.to_le_bytes());
    out[64..72].copy_from_slice(&execution.cumulative_quantity.to_le_bytes());
    out[72..76].copy_from_slice(&execution.instrument.to_le_bytes());
    out[76] = execution.venue;
    out[77] = execution.kind as u8;
    out[78] = execution.side as u8;
    out[79] = execution.reason as u8;
    out[80..88].copy_from_slice(&execution.exec_ref_id.to_le_bytes());
    out
}

/// Reads what [`encode_execution`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_execution(payload: &[u8]) -> Result<Execution, PayloadError> {
    let kind = RecordKind::Execution;
    let bytes = sized::<88>(kind, payload)?;
    Ok(Execution {
        time_ns: u64_at(bytes, 0),
        cl_ord_id: u64_at(bytes, 8),
        orig_cl_ord_id: u64_at(bytes, 16),
        exec_id: u64_at(bytes, 24),
        venue_order_id: u64_at(bytes, 32),
        last_price: i64_at(bytes, 40),
        last_quantity: u64_at(bytes, 48),
        leaves_quantity: u64_at(bytes, 56),
        cumulative_quantity: u64_at(bytes, 64),
        instrument: u32_at(bytes, 72),
        venue: bytes[76],
        kind: execution_kind(bytes[77]).ok_or(PayloadError::Field { kind, at: 77 })?,
        side: side(bytes[78]).ok_or(PayloadError::Field { kind, at: 78 })?,
        reason: reject_reason(bytes[79]).ok_or(PayloadError::Field { kind, at: 79 })?,
        exec_ref_id: u64_at(bytes, 80),
    })
}

fn order_action(code: u8) -> Option<OrderAction> {
    [OrderAction::New, OrderAction::Replace, OrderAction::Cancel, OrderAction::Status]
        .into_iter()
        .find(|&value| value as u8 == code)
}

pub(super) fn flag(code: u8) -> Option<bool> {
    (code <= 1).then_some(code == 1)
}

pub(super) fn side(code: u8) -> Option<Side> {
    [Side::None, Side::Buy, Side::Sell].into_iter().find(|&value| value as u8 == code)
}

pub(super) fn time_in_force(code: u8) -> Option<TimeInForce> {
    [TimeInForce::Day, TimeInForce::ImmediateOrCancel].into_iter().find(|&value| value as u8 == code)
}

fn execution_kind(code: u8) -> Option<ExecutionKind> {
    Some(match code {
        1 => ExecutionKind::New,
        2 => ExecutionKind::PartialFill,
        3 => ExecutionKind::Fill,
        4 => ExecutionKind::Canceled,
        5 => ExecutionKind::Replaced,
        6 => ExecutionKind::Rejected,
        7 => ExecutionKind::CancelRejected,
        8 => ExecutionKind::Expired,
        9 => ExecutionKind::NotSent,
        10 => ExecutionKind::InDoubt,
        11 => ExecutionKind::StatusOpen,
        12 => ExecutionKind::StatusDone,
        13 => ExecutionKind::StatusUnknown,
        14 => ExecutionKind::TradeCancel,
        15 => ExecutionKind::TradeCorrect,
        _ => return None,
    })
}

fn reject_reason(code: u8) -> Option<RejectReason> {
    Some(match code {
        0 => RejectReason::None,
        1 => RejectReason::TooLate,
        2 => RejectReason::UnknownOrder,
        3 => RejectReason::DuplicateClOrdId,
        4 => RejectReason::UnknownSymbol,
        5 => RejectReason::Closed,
        6 => RejectReason::Quantity,
        7 => RejectReason::Price,
        8 => RejectReason::Pending,
        9 => RejectReason::NotConnected,
        255 => RejectReason::Other,
        _ => return None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use feeds::units::PRICE_NONE;

    pub(crate) fn sample_order() -> Order {
        Order {
            decision: 0x0102_0304_0506_0708,
            time_ns: 0x1112_1314_1516_1718,
            cl_ord_id: 2_012_062_100_000_001,
            orig_cl_ord_id: 0x3132_3334_3536_3738,
            price: -2,
            quantity: 0x5152_5354_5556_5758,
            instrument: 0x6162_6364,
            venue: 0x71,
            action: OrderAction::Replace,
            side: Side::Sell,
            time_in_force: TimeInForce::ImmediateOrCancel,
            strategy: 0x8182,
            sells_short: false,
            reserved: [0; 5],
        }
    }

    pub(crate) fn sample_execution() -> Execution {
        Execution {
            time_ns: 1,
            cl_ord_id: 2,
            orig_cl_ord_id: 3,
            exec_id: 4,
            venue_order_id: 5,
            last_price: PRICE_NONE,
            last_quantity: 7,
            leaves_quantity: 8,
            cumulative_quantity: 9,
            instrument: 10,
            venue: 11,
            kind: ExecutionKind::NotSent,
            side: Side::Buy,
            reason: RejectReason::Other,
            exec_ref_id: 0,
        }
    }

    #[test]
    fn order_bytes_lie_where_their_fields_do() {
        let bytes = encode_order(&sample_order());
        assert_eq!(bytes[0..8], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(bytes[8..16], [0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]);
        assert_eq!(bytes[16..24], 2_012_062_100_000_001u64.to_le_bytes());
        assert_eq!(bytes[24..32], [0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31]);
        assert_eq!(bytes[32..40], [0xfe, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(bytes[40..48], [0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51]);
        assert_eq!(bytes[48..64], [0x64, 0x63, 0x62, 0x61, 0x71, 2, 2, 3, 0x82, 0x81, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode_order(&bytes), Ok(sample_order()));
    }

    #[test]
    fn execution_bytes_lie_where_their_fields_do() {
        let bytes = encode_execution(&sample_execution());
        for (at, value) in [(0, 1u64), (8, 2), (16, 3), (24, 4), (32, 5), (48, 7), (56, 8), (64, 9)] {
            assert_eq!(bytes[at..at + 8], value.to_le_bytes(), "offset {at}");
        }
        assert_eq!(bytes[40..48], [0, 0, 0, 0, 0, 0, 0, 0x80]);
        assert_eq!(bytes[72..88], [10, 0, 0, 0, 11, 9, 1, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode_execution(&bytes), Ok(sample_execution()));
    }

    #[test]
    fn codes_of_enumerations_come_back() {
        for code in 0..=255u8 {
            assert!(order_action(code).is_none_or(|action| action as u8 == code));
            assert!(side(code).is_none_or(|side| side as u8 == code));
            assert!(time_in_force(code).is_none_or(|time_in_force| time_in_force as u8 == code));
            assert!(execution_kind(code).is_none_or(|kind| kind as u8 == code));
            assert!(reject_reason(code).is_none_or(|reason| reason as u8 == code));
        }
    }
}
