//! Prices to book ticks and back, exactly and without a divide instruction (about 15 cycles saved an event).

use feeds::units::PRICE_NONE;

/// The tick, prepared for division: a whole multiple is divided by multiplying with the inverse modulo 2^64.
#[derive(Clone, Copy)]
pub(super) struct Tick {
    size: i64,
    /// Inverse of the tick's odd part modulo 2^64.
    inverse: u64,
    shift: u32,
}

impl Tick {
    /// `size` is above zero.
    pub(super) fn new(size: i64) -> Self {
        let shift = size.trailing_zeros();
        let odd = (size >> shift) as u64;
        // Newton's iteration doubles the correct bits: 3, 6, 12, 24, 48, 96.
        let inverse = (0..5)
            .fold(odd, |inverse: u64, _| inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse))));
        Self { size, inverse, shift }
    }

    /// Price in ticks, if it is a whole number of them that fits.
    #[inline(always)]
    pub(super) fn ticks(self, price: i64) -> Option<i32> {
        let ticks = ((price >> self.shift) as u64).wrapping_mul(self.inverse) as i64;
        let narrow = ticks as i32;
        let whole = i64::from(narrow) == ticks && ticks.checked_mul(self.size) == Some(price);
        (whole && price != PRICE_NONE).then_some(narrow)
    }

    /// Price in ticks if it is a whole number of them that fits, else any number.
    #[inline(always)]
    pub(super) fn ticks_of_multiple(self, price: i64) -> i32 {
        ((price >> self.shift) as u64).wrapping_mul(self.inverse) as i32
    }

    /// Price of a number of ticks that came from a price.
    #[inline(always)]
    pub(super) fn price(self, ticks: i32) -> i64 {
        // Every tick in a book came from a price that fits.
        i64::from(ticks).wrapping_mul(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ticks_that_fit_are_prices() {
        for size in [1, 2, 3, 100_000, 250_000_000, (1 << 31) - 1, 1 << 40, i64::MAX] {
            let tick = Tick::new(size);
            for ticks in
                [0, 1, -1, 7, 12_345, i64::from(i32::MAX), i64::from(i32::MIN), i64::from(i32::MAX) + 1]
            {
                let Some(price) = ticks.checked_mul(size) else { continue };
                assert_eq!(tick.ticks(price), i32::try_from(ticks).ok(), "{ticks} of {size}");
                if size > 1 {
                    for off in [price.checked_add(1), price.checked_sub(1)].into_iter().flatten() {
                        let whole = off % size == 0;
                        assert_eq!(
                            tick.ticks(off).is_some(),
                            whole && i32::try_from(off / size).is_ok(),
                            "{off}"
                        );
                    }
                }
            }
            assert_eq!(tick.ticks(PRICE_NONE), None, "no price is none, whatever divides it");
        }
    }
}
