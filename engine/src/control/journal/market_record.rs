//! The payload that carries a whole market event: what a live run consumed, which no capture holds. It follows the
//! order of the fields in memory, so that encoding is a copy where the machine is little-endian.

use super::layout::{i64_at, u32_at, u64_at};
use super::order_records::side;
use super::records::sized;
use super::{PayloadError, RecordKind};
use feeds::event::{EventKind, MarketEvent};

/// The bytes of a market event: the fields of [`MarketEvent`] in their order, without gaps.
#[inline]
#[must_use]
pub fn encode_market_event(event: &MarketEvent) -> [u8; 64] {
    let mut out = [0; 64];
    out[0..8].copy_from_slice(&event.exchange_ns.to_le_bytes());
    out[8..16].copy_from_slice(&event.receive_ns.to_le_bytes());
    out[16..24].copy_from_slice(&event.sequence.to_le_bytes());
    out[24..32].copy_from_slice(&event.order_id.to_le_bytes());
    out[32..40].copy_from_slice(&event.second_id.to_le_bytes());
    out[40..48].copy_from_slice(&event.price.to_le_bytes());
    out[48..56].copy_from_slice(&event.quantity.to_le_bytes());
    out[56..60].copy_from_slice(&event.instrument.to_le_bytes());
    out[60] = event.venue;
    out[61] = event.kind as u8;
    out[62] = event.side as u8;
    out[63] = event.flags;
    out
}

/// Reads what [`encode_market_event`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_market_event(payload: &[u8]) -> Result<MarketEvent, PayloadError> {
    let kind = RecordKind::MarketEvent;
    let bytes = sized::<64>(kind, payload)?;
    Ok(MarketEvent {
        exchange_ns: u64_at(bytes, 0),
        receive_ns: u64_at(bytes, 8),
        sequence: u64_at(bytes, 16),
        order_id: u64_at(bytes, 24),
        second_id: u64_at(bytes, 32),
        price: i64_at(bytes, 40),
        quantity: u64_at(bytes, 48),
        instrument: u32_at(bytes, 56),
        venue: bytes[60],
        kind: EventKind::from_code(bytes[61]).ok_or(PayloadError::Field { kind, at: 61 })?,
        side: side(bytes[62]).ok_or(PayloadError::Field { kind, at: 62 })?,
        flags: bytes[63],
    })
}
