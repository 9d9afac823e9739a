//! Finished fits of volatilities in the journal of decide: the volatilities in records of their own, a few each, and
//! behind them the fit, which is the input. Volatilities behind which no fit is were not consumed: the process was killed
//! between. With each volatility goes the table of what early exercise adds, all zeros for a European option.

use super::layout::{i64_at, u32_at, u64_at};
use super::records::{sized, zero};
use super::{PayloadError, RecordKind};
use crate::pipeline::wide::{SurfaceFitted, SurfaceVol};
use kernels::cpu::american::{Exercised, POINTS, PremiumTable};

/// Volatilities of a record at most.
pub const SURFACE_VOLS_MAX: usize = 8;

/// Where the premiums of a volatility begin.
const PREMIUMS_AT: usize = 24;

const VOL_BYTES: usize = PREMIUMS_AT + 8 * POINTS;

/// Longest payload of [`RecordKind::SurfaceVols`].
pub const SURFACE_VOLS_BYTES_MAX: usize = SURFACE_VOLS_MAX * VOL_BYTES;

/// Some volatilities of a fit, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfaceVols {
    vols: [SurfaceVol; SURFACE_VOLS_MAX],
    len: u8,
}

impl SurfaceVols {
    /// The first of `vols`, as many as a record takes.
    #[must_use]
    pub fn of(vols: &[SurfaceVol]) -> Self {
        let mut of = Self {
            vols: [SurfaceVol::default(); SURFACE_VOLS_MAX],
            len: vols.len().min(SURFACE_VOLS_MAX) as u8,
        };
        for (place, vol) in of.vols.iter_mut().zip(vols) {
            *place = *vol;
        }
        of
    }

    /// The volatilities.
    #[must_use]
    pub fn as_slice(&self) -> &[SurfaceVol] {
        &self.vols[..usize::from(self.len)]
    }

    /// A volatility and its table: `[option u32][exercised u8][power of two u8][zero 2][volatility i64][first point i64]`
    /// `[premium i64]...`; returns how many bytes of `out` are the payload.
    pub fn encode(&self, out: &mut [u8; SURFACE_VOLS_BYTES_MAX]) -> usize {
        for (place, vol) in out.chunks_exact_mut(VOL_BYTES).zip(self.as_slice()) {
            let (first_e9, step_log2, exercised, premium_e9) = vol.premium.parts();
            place[0..4].copy_from_slice(&vol.option.to_le_bytes());
            place[4..8].copy_from_slice(&[exercised as u8, step_log2 as u8, 0, 0]);
            place[8..16].copy_from_slice(&vol.volatility_e9.to_le_bytes());
            place[16..24].copy_from_slice(&first_e9.to_le_bytes());
            for (place, premium) in place[PREMIUMS_AT..].chunks_exact_mut(8).zip(premium_e9) {
                place.copy_from_slice(&premium.to_le_bytes());
            }
        }
        usize::from(self.len) * VOL_BYTES
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else, no volatilities or too many included.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let kind = RecordKind::SurfaceVols;
        let (pieces, rest) = payload.as_chunks::<VOL_BYTES>();
        if !rest.is_empty() || pieces.is_empty() || pieces.len() > SURFACE_VOLS_MAX {
            let expected = pieces.len().clamp(1, SURFACE_VOLS_MAX) * VOL_BYTES;
            return Err(PayloadError::Length { kind, found: payload.len(), expected });
        }
        let mut read = Self { len: pieces.len() as u8, ..Self::of(&[]) };
        for (number, (place, bytes)) in read.vols.iter_mut().zip(pieces).enumerate() {
            let at = number * VOL_BYTES;
            zero(kind, payload, at + 6, at + 8)?;
            let premium_e9 = std::array::from_fn(|point| i64_at(bytes, PREMIUMS_AT + 8 * point));
            let table = Exercised::from_code(bytes[4]).and_then(|exercised| {
                PremiumTable::of_parts(i64_at(bytes, 16), bytes[5].into(), exercised, premium_e9)
            });
            let premium = table.ok_or(PayloadError::Field { kind, at: at + 4 })?;
            *place = SurfaceVol { option: u32_at(bytes, 0), volatility_e9: i64_at(bytes, 8), premium };
        }
        Ok(read)
    }
}

/// A fit consumed; its volatilities are in the records before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfaceEnd {
    /// Its number in the run, from 1.
    pub fit: u64,
    /// The underlying: number of the wide listing.
    pub listing: u32,
    /// Its volatilities.
    pub vols: u32,
}

impl SurfaceEnd {
    /// That of a fit.
    #[must_use]
    pub fn of(fitted: &SurfaceFitted<'_>) -> Self {
        let SurfaceFitted { fit, listing, vols, .. } = *fitted;
        Self { fit, listing, vols: u32::try_from(vols.len()).unwrap_or(u32::MAX) }
    }

    /// `[fit u64][listing u32][volatilities u32]`
    #[must_use]
    pub fn encode(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[0..8].copy_from_slice(&self.fit.to_le_bytes());
        out[8..12].copy_from_slice(&self.listing.to_le_bytes());
        out[12..16].copy_from_slice(&self.vols.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] when the length is another.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<16>(RecordKind::Surface, payload)?;
        Ok(Self { fit: u64_at(bytes, 0), listing: u32_at(bytes, 8), vols: u32_at(bytes, 12) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vol(option: u32) -> SurfaceVol {
        let premiums = [1, 2, 3, 4, 0x0506];
        let premium = PremiumTable::of_parts(0x0708, 9, Exercised::Above, premiums).expect("good parts");
        SurfaceVol { option, volatility_e9: 0x0102, premium }
    }

    fn encoded(vols: &[SurfaceVol]) -> Vec<u8> {
        let mut out = [0xAA; SURFACE_VOLS_BYTES_MAX];
        let length = SurfaceVols::of(vols).encode(&mut out);
        out[..length].to_vec()
    }

    #[test]
    fn volatilities_lie_where_they_should_and_come_back() {
        let vols = [vol(7), SurfaceVol { premium: PremiumTable::NONE, ..vol(0x0304) }];
        let bytes = encoded(&vols);
        assert_eq!(bytes.len(), 2 * VOL_BYTES);
        assert_eq!(bytes[..24], [7, 0, 0, 0, 2, 9, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[24..32], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[VOL_BYTES - 8..VOL_BYTES + 4], [6, 5, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0]);
        assert_eq!(SurfaceVols::decode(&bytes).map(|read| read.as_slice().to_vec()), Ok(vols.to_vec()));
        assert_eq!(SurfaceVols::of(&[vol(1); 20]).as_slice(), &[vol(1); SURFACE_VOLS_MAX]);
    }

    #[test]
    fn other_payloads_are_refused() {
        let whole = encoded(&[vol(3); SURFACE_VOLS_MAX]);
        for length in (0..whole.len()).filter(|length| length % VOL_BYTES != 0 || *length == 0) {
            assert!(SurfaceVols::decode(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(SurfaceVols::decode(&[&whole[..], &whole[..VOL_BYTES]].concat()).is_err());
        let spoilt = |at: usize, byte: u8| {
            let mut spoilt = whole.clone();
            spoilt[VOL_BYTES + at] = byte;
            SurfaceVols::decode(&spoilt)
        };
        let refused = |at| PayloadError::Field { kind: RecordKind::SurfaceVols, at: VOL_BYTES + at };
        assert_eq!(spoilt(6, 1), Err(refused(6)));
        // A code that is none, a power of two that no fit gives, a first point and a premium below zero.
        for (at, byte) in [(4, 3), (5, 53), (23, 0x80), (31, 0x80)] {
            assert_eq!(spoilt(at, byte), Err(refused(4)), "{at}");
        }
    }

    #[test]
    fn ends_come_back() {
        let end = SurfaceEnd { fit: 0x0102, listing: 3, vols: 4 };
        let bytes = end.encode();
        assert_eq!(bytes, [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(SurfaceEnd::decode(&bytes), Ok(end));
        assert!(SurfaceEnd::decode(&bytes[1..]).is_err());
    }
}
