//! National best bid and offer: the best prices over up to 8 venues, all displayed sizes at them, and whose they are.
//!
//! Fed with one venue's new top at a time; a venue that does not trade the instrument, or whose feed is stale, is
//! passed as not eligible and counts as empty. Integers only; the tables are taken at construction, an update touches
//! one instrument's lines. Owned by the thread that owns the books. Locked and crossed between venues are valid
//! states that are flagged, not errors. Our own orders are left out by the caller, who knows them.

use super::book::Bbo;
use super::huge::{HugeArray, Zeroable};
use feeds::units::PRICE_NONE;

/// Venues that one NBBO can span: the width of its attribution masks.
pub const VENUES_MAX: usize = 8;

/// The consolidated top of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NbboQuote {
    /// Best bid of all eligible venues, 1e-9; [`PRICE_NONE`] when none bids.
    pub bid_px: i64,
    /// Displayed quantity at the best bid, summed over venues (it saturates).
    pub bid_qty: u64,
    /// Best offer of all eligible venues, 1e-9; [`PRICE_NONE`] when none offers.
    pub ask_px: i64,
    /// Displayed quantity at the best offer, summed over venues (it saturates).
    pub ask_qty: u64,
    /// Bit `v` set: venue `v` is at the best bid.
    pub bid_venues: u8,
    /// Bit `v` set: venue `v` is at the best offer.
    pub ask_venues: u8,
}

impl NbboQuote {
    /// No venue quotes.
    pub const EMPTY: Self =
        Self { bid_px: PRICE_NONE, bid_qty: 0, ask_px: PRICE_NONE, ask_qty: 0, bid_venues: 0, ask_venues: 0 };

    /// Both sides are quoted, at the same price.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.bid_venues != 0 && self.ask_venues != 0 && self.bid_px == self.ask_px
    }

    /// Both sides are quoted, the bid above the offer.
    #[must_use]
    pub fn crossed(&self) -> bool {
        self.bid_venues != 0 && self.ask_venues != 0 && self.bid_px > self.ask_px
    }
}

/// One venue's best on one side; no quantity, no quote.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Quote {
    price: i64,
    quantity: u64,
}

/// The best of one side over the venues.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Best {
    price: i64,
    quantity: u64,
    venues: u64,
}

// SAFETY: integers only.
unsafe impl Zeroable for Quote {}
// SAFETY: integers only.
unsafe impl Zeroable for Best {}

impl Quote {
    fn new(price: i64, quantity: u64, eligible: bool) -> Self {
        if eligible && price != PRICE_NONE && quantity != 0 {
            Self { price, quantity }
        } else {
            Self { price: 0, quantity: 0 }
        }
    }
}

/// The NBBO of every instrument; see the module's page.
pub struct Nbbo {
    venues: usize,
    instruments: usize,
    /// `(instrument * 2 + side) * venues + venue`; side 0 is the bid.
    quotes: HugeArray<Quote>,
    /// `instrument * 2 + side`.
    bests: HugeArray<Best>,
}

impl Nbbo {
    /// Tables for instruments numbered below `instruments_max` and venues below `venues`.
    ///
    /// # Panics
    /// When `venues` is not 1 to [`VENUES_MAX`], or the tables overflow memory: a configuration error at start.
    #[must_use]
    pub fn new(instruments_max: usize, venues: usize) -> Self {
        assert!((1..=VENUES_MAX).contains(&venues), "an NBBO spans 1 to {VENUES_MAX} venues, not {venues}");
        let sides = instruments_max.checked_mul(2).expect("table size overflows");
        Self {
            venues,
            instruments: instruments_max,
            quotes: HugeArray::zeroed(sides.checked_mul(venues).expect("table size overflows")),
            bests: HugeArray::zeroed(sides),
        }
    }

    /// Takes a venue's new top of book; `eligible` = the venue trades the instrument now and its feed is not stale.
    /// Says whether the instrument's NBBO (price, size or attribution) changed. An instrument or venue out of range
    /// changes nothing.
    #[inline]
    pub fn update(&mut self, instrument: u32, venue: u8, bbo: &Bbo, eligible: bool) -> bool {
        if instrument as usize >= self.instruments || usize::from(venue) >= self.venues {
            return false;
        }
        let bid = self.update_side(
            instrument as usize * 2,
            venue,
            Quote::new(bbo.bid_px, bbo.bid_qty, eligible),
            1,
        );
        let ask = self.update_side(
            instrument as usize * 2 + 1,
            venue,
            Quote::new(bbo.ask_px, bbo.ask_qty, eligible),
            -1,
        );
        bid | ask
    }

    /// `sign` turns prices so that a greater one is better.
    #[inline(always)]
    fn update_side(&mut self, side: usize, venue: u8, new: Quote, sign: i64) -> bool {
        let quote = &mut self.quotes[side * self.venues + usize::from(venue)];
        let old = std::mem::replace(quote, new);
        if old == new {
            return false;
        }
        let best = self.bests[side];
        let bit = 1 << venue;
        let others_at_best = best.venues & !bit != 0;
        let now = if new.quantity != 0 && (best.venues == 0 || new.price * sign > best.price * sign) {
            // A new best price, alone.
            Best { price: new.price, quantity: new.quantity, venues: bit }
        } else if best.venues & bit == 0 {
            if new.quantity == 0 || new.price != best.price {
                return false;
            }
            Best { quantity: best.quantity.saturating_add(new.quantity), venues: best.venues | bit, ..best }
        } else if new.quantity != 0 && new.price == best.price && !others_at_best {
            Best { quantity: new.quantity, ..best }
        } else {
            // It left the best price, or a shared size changed (a saturated sum cannot be taken back).
            self.best_of(side, sign)
        };
        self.bests[side] = now;
        now != best
    }

    /// The best of a side over all venues' quotes.
    fn best_of(&self, side: usize, sign: i64) -> Best {
        let mut best = Best { price: 0, quantity: 0, venues: 0 };
        for (venue, quote) in self.quotes[side * self.venues..][..self.venues].iter().enumerate() {
            if quote.quantity == 0 {
                continue;
            }
            if best.venues == 0 || quote.price * sign > best.price * sign {
                best = Best { price: quote.price, quantity: quote.quantity, venues: 1 << venue };
            } else if quote.price == best.price {
                best.quantity = best.quantity.saturating_add(quote.quantity);
                best.venues |= 1 << venue;
            }
        }
        best
    }

    /// The NBBO of an instrument; [`NbboQuote::EMPTY`] out of range.
    #[must_use]
    #[inline]
    pub fn quote(&self, instrument: u32) -> NbboQuote {
        if instrument as usize >= self.instruments {
            return NbboQuote::EMPTY;
        }
        let [bid, ask] = [self.bests[instrument as usize * 2], self.bests[instrument as usize * 2 + 1]];
        let price = |best: Best| if best.venues == 0 { PRICE_NONE } else { best.price };
        NbboQuote {
            bid_px: price(bid),
            bid_qty: bid.quantity,
            ask_px: price(ask),
            ask_qty: ask.quantity,
            bid_venues: bid.venues as u8,
            ask_venues: ask.venues as u8,
        }
    }

    /// One venue's contribution as it was last taken in: empty sides where it was not eligible or out of range.
    #[must_use]
    pub fn venue_quote(&self, instrument: u32, venue: u8) -> Bbo {
        if instrument as usize >= self.instruments || usize::from(venue) >= self.venues {
            return Bbo::EMPTY;
        }
        let at = |side: usize| {
            let quote = self.quotes[(instrument as usize * 2 + side) * self.venues + usize::from(venue)];
            if quote.quantity == 0 { (PRICE_NONE, 0) } else { (quote.price, quote.quantity) }
        };
        let ((bid_px, bid_qty), (ask_px, ask_qty)) = (at(0), at(1));
        Bbo { bid_px, bid_qty, ask_px, ask_qty }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbo(bid_px: i64, bid_qty: u64, ask_px: i64, ask_qty: u64) -> Bbo {
        Bbo { bid_px, bid_qty, ask_px, ask_qty }
    }

    #[test]
    fn sizes_add_up_and_locks_and_crosses_are_flagged() {
        let mut nbbo = Nbbo::new(2, 3);
        assert_eq!(nbbo.quote(1), NbboQuote::EMPTY);
        assert!(nbbo.update(1, 0, &bbo(100, 5, 102, 7), true));
        assert!(nbbo.update(1, 2, &bbo(100, 3, 103, 1), true));
        let quote = nbbo.quote(1);
        assert_eq!((quote.bid_px, quote.bid_qty, quote.bid_venues), (100, 8, 0b101));
        assert_eq!((quote.ask_px, quote.ask_qty, quote.ask_venues), (102, 7, 0b001));
        assert!(!nbbo.update(1, 1, &bbo(99, 50, 104, 50), true), "behind the best on both sides");
        assert!(nbbo.update(1, 1, &bbo(102, 1, 104, 50), true));
        assert!(nbbo.quote(1).locked() && !nbbo.quote(1).crossed());
        assert!(nbbo.update(1, 1, &bbo(103, 1, 104, 50), true));
        assert!(nbbo.quote(1).crossed() && !nbbo.quote(1).locked());
        assert!(nbbo.update(1, 1, &bbo(103, 1, 104, 50), false), "no longer eligible");
        assert_eq!(nbbo.quote(1), quote);
        assert_eq!(nbbo.venue_quote(1, 1), Bbo::EMPTY);
        assert_eq!(nbbo.quote(0), NbboQuote::EMPTY);
        assert!(!nbbo.update(2, 0, &bbo(1, 1, 2, 1), true) && !nbbo.update(0, 3, &bbo(1, 1, 2, 1), true));
    }

    fn naive(quotes: &[(Bbo, bool)]) -> NbboQuote {
        let mut quote = NbboQuote::EMPTY;
        let live = || quotes.iter().enumerate().filter(|(_, (_, eligible))| *eligible);
        quote.bid_px = live()
            .filter(|(_, (q, _))| q.bid_qty > 0)
            .map(|(_, (q, _))| q.bid_px)
            .max()
            .unwrap_or(PRICE_NONE);
        quote.ask_px = live()
            .filter(|(_, (q, _))| q.ask_qty > 0)
            .map(|(_, (q, _))| q.ask_px)
            .min()
            .unwrap_or(PRICE_NONE);
        for (venue, (q, _)) in live() {
            if q.bid_qty > 0 && q.bid_px == quote.bid_px {
                quote.bid_qty += q.bid_qty;
                quote.bid_venues |= 1 << venue;
            }
            if q.ask_qty > 0 && q.ask_px == quote.ask_px {
                quote.ask_qty += q.ask_qty;
                quote.ask_venues |= 1 << venue;
            }
        }
        quote
    }

    #[test]
    fn random_updates_agree_with_a_naive_recomputation() {
        for seed in 1..=5_u64 {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut random = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            for venues in [1_usize, 2, 5, 8] {
                let mut nbbo = Nbbo::new(3, venues);
                let mut model = vec![vec![(Bbo::EMPTY, false); venues]; 3];
                for step in 0..20_000 {
                    let (instrument, venue) = (random(3) as usize, random(venues as u64) as usize);
                    let mut side = |base: i64| {
                        if random(5) == 0 {
                            (PRICE_NONE, 0)
                        } else {
                            (base + random(4) as i64 - 2, random(3) + 1)
                        }
                    };
                    // Around zero: prices of spreads may be negative.
                    let ((bid_px, bid_qty), (ask_px, ask_qty)) = (side(0), side(1));
                    let (top, eligible) = (bbo(bid_px, bid_qty, ask_px, ask_qty), random(6) != 0);
                    let before = nbbo.quote(instrument as u32);
                    let changed = nbbo.update(instrument as u32, venue as u8, &top, eligible);
                    model[instrument][venue] = (top, eligible);
                    let quote = nbbo.quote(instrument as u32);
                    assert_eq!(quote, naive(&model[instrument]), "seed {seed}, {venues} venues, step {step}");
                    assert_eq!(changed, quote != before, "seed {seed}, {venues} venues, step {step}");
                }
            }
        }
    }
}
