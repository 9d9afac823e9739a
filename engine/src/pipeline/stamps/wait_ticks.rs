//! Ticks that a path has waited, in 48 bits: 28 hours at 2.8 GHz. An engine that has fallen behind its capture makes orders wait
//! for minutes, which the 32 bits of a stage of work do not hold.

/// A saturating count of 48 bits, low bits first, without padding.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WaitTicks([u16; 3]);

impl WaitTicks {
    pub(super) const ZERO: Self = Self([0; 3]);

    /// "That or more."
    pub(super) const MAX: u64 = (1 << 48) - 1;

    #[inline]
    pub(super) const fn get(self) -> u64 {
        self.0[0] as u64 | (self.0[1] as u64) << 16 | (self.0[2] as u64) << 32
    }

    #[inline]
    pub(super) fn add(&mut self, ticks: u64) {
        let sum = self.get().saturating_add(ticks).min(Self::MAX);
        self.0 = [sum as u16, (sum >> 16) as u16, (sum >> 32) as u16];
    }
}
