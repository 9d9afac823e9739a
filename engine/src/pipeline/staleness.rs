//! Which books are stale: messages of their feed are missing, so nothing may be priced from them.
//!
//! A gap of a whole feed makes all books of its venue stale (nobody knows whom the missing messages concern), a gap of
//! one instrument's own stream only that book. Owned by the decision core; memory is taken at construction.

use feeds::event::INSTRUMENT_ALL;

/// See the module's text.
pub struct Staleness {
    /// Bit `v`: every book of venue `v`.
    venues: u8,
    /// Bit `v` of an instrument: its book at venue `v`.
    instruments: Box<[u8]>,
    /// Instruments with any bit set.
    marked: u32,
}

fn bit(venue: u8) -> u8 {
    1u8.checked_shl(u32::from(venue)).unwrap_or(0)
}

impl Staleness {
    /// Nothing is stale.
    #[must_use]
    pub fn new(instruments_max: usize) -> Self {
        Self { venues: 0, instruments: vec![0; instruments_max].into_boxed_slice(), marked: 0 }
    }

    /// Marks a book, or all of a venue with [`INSTRUMENT_ALL`].
    pub fn mark(&mut self, venue: u8, instrument: u32) {
        if instrument == INSTRUMENT_ALL {
            self.venues |= bit(venue);
        } else if let Some(mask) = self.instruments.get_mut(instrument as usize) {
            self.marked += u32::from(*mask == 0);
            *mask |= bit(venue);
        }
    }

    /// A book, or all of a venue, is current again.
    pub fn lift(&mut self, venue: u8, instrument: u32) {
        if instrument == INSTRUMENT_ALL {
            self.venues &= !bit(venue);
            for mask in self.instruments.iter_mut().filter(|mask| **mask != 0) {
                *mask &= !bit(venue);
                self.marked -= u32::from(*mask == 0);
            }
        } else if let Some(mask) = self.instruments.get_mut(instrument as usize).filter(|mask| **mask != 0) {
            *mask &= !bit(venue);
            self.marked -= u32::from(*mask == 0);
        }
    }

    /// Whether a book is stale.
    #[inline]
    #[must_use]
    pub fn is_stale(&self, venue: u8, instrument: u32) -> bool {
        let own = self.instruments.get(instrument as usize).copied().unwrap_or(0);
        (self.venues | own) & bit(venue) != 0
    }

    /// Whether any book is stale.
    #[inline]
    #[must_use]
    pub const fn any(&self) -> bool {
        self.venues != 0 || self.marked != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venue_and_a_book_are_marked_apart_and_lifted_together() {
        let mut stale = Staleness::new(4);
        assert!(!stale.any() && !stale.is_stale(0, 0));
        stale.mark(1, 2);
        stale.mark(1, 2);
        stale.mark(0, 2);
        assert!(stale.is_stale(1, 2) && stale.is_stale(0, 2) && !stale.is_stale(1, 3));
        stale.lift(0, 2);
        assert!(stale.any() && !stale.is_stale(0, 2));
        stale.mark(1, INSTRUMENT_ALL);
        assert!(stale.is_stale(1, 3) && !stale.is_stale(0, 3));
        stale.lift(1, INSTRUMENT_ALL);
        assert!(!stale.any());
        stale.mark(0, 99);
        stale.lift(0, 99);
        stale.lift(3, 1);
        assert!(!stale.any());
    }
}
