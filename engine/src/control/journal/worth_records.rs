//! How the account stood, in the journal of decide: prices of positions and the day's best as they change, and what a resumed
//! run takes over of the loss window.

use super::layout::{i64_at, u32_at, u64_at};
use super::records::{sized, zero};
use super::{PayloadError, RecordKind};
use crate::pipeline::risk::Valuation;

pub(super) fn i128_at(bytes: &[u8], at: usize) -> i128 {
    let mut number = [0; 16];
    number.copy_from_slice(&bytes[at..at + 16]);
    i128::from_le_bytes(number)
}

/// `[instrument u32][zero 4][mark i64][best worth i128]`
#[must_use]
pub fn encode_valuation(valuation: &Valuation) -> [u8; 32] {
    let mut out = [0; 32];
    out[0..4].copy_from_slice(&valuation.instrument.to_le_bytes());
    out[8..16].copy_from_slice(&valuation.mark.to_le_bytes());
    out[16..32].copy_from_slice(&valuation.best_worth.to_le_bytes());
    out
}

/// Reads what [`encode_valuation`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_valuation(payload: &[u8]) -> Result<Valuation, PayloadError> {
    let kind = RecordKind::Valued;
    let bytes = sized::<32>(kind, payload)?;
    zero(kind, payload, 4, 8)?;
    Ok(Valuation { instrument: u32_at(bytes, 0), mark: i64_at(bytes, 8), best_worth: i128_at(bytes, 16) })
}

/// `[time u64][worth i128]`: a sample of the loss window.
#[must_use]
pub fn encode_worth(&(time_ns, worth): &(u64, i128)) -> [u8; 24] {
    let mut out = [0; 24];
    out[0..8].copy_from_slice(&time_ns.to_le_bytes());
    out[8..24].copy_from_slice(&worth.to_le_bytes());
    out
}

/// Reads what [`encode_worth`] wrote.
///
/// # Errors
/// [`PayloadError`] when the length is another.
pub fn decode_worth(payload: &[u8]) -> Result<(u64, i128), PayloadError> {
    let bytes = sized::<24>(RecordKind::Worth, payload)?;
    Ok((u64_at(bytes, 0), i128_at(bytes, 8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_the_account_stood_comes_back() {
        let valuation = Valuation { instrument: 0x0102, mark: -3, best_worth: -4 };
        let bytes = encode_valuation(&valuation);
        assert_eq!(bytes[..4], [2, 1, 0, 0]);
        assert_eq!(decode_valuation(&bytes), Ok(valuation));
        let mut wrong = bytes;
        wrong[5] = 1;
        assert_eq!(decode_valuation(&wrong), Err(PayloadError::Field { kind: RecordKind::Valued, at: 4 }));
        assert_eq!(decode_worth(&encode_worth(&(5, -6))), Ok((5, -6)));
        assert!(decode_worth(&bytes).is_err());
    }
}
