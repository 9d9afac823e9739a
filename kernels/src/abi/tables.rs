//! The tables of wide work: compiled at start, the same bytes on host and device.
//!
//! A **listing** is one instrument at one venue, numbered densely among those that wide work depends on. Amounts of
//! money and of whatever is traded are counted in 1e-9 of their unit (currency, share, coin) as `u64` up to
//! [`AMOUNT_MAX`]; quantities in the smallest increments of the venue's feed.

/// Legs of a relation at most.
pub const LEGS_MAX: usize = 4;

/// No listing.
pub const LISTING_NONE: u32 = u32::MAX;

/// Largest amount and largest price of a quantity unit, 1e-9: a product of one for each leg stays below 2^248.
pub const AMOUNT_MAX: u64 = 1 << 62;

/// What trading at a listing costs and in which steps.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingTerms {
    /// What one quantity unit is of the thing traded, 1e-9: 10^9 for a share, 10^4 for 0.00001 of a coin. 1 to
    /// [`AMOUNT_MAX`].
    pub unit_e9: u64,
    /// Orders are multiples of this many quantity units, above zero.
    pub lot: u64,
    /// Taker fee in proportion to the amount paid or received, 1e-9; negative is a rebate. -10^9 to 10^9.
    pub fee_ppb: i64,
    /// Taker fee a quantity unit, 1e-9; negative is a rebate. Magnitude below [`AMOUNT_MAX`].
    pub fee_unit_e9: i64,
}

/// The best prices of a listing with the fees folded in, rounded against us: what a relation is made of.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// What buying one quantity unit at the best offer costs, 1e-9, rounded up; 1 to [`AMOUNT_MAX`].
    pub cost: u64,
    /// Quantity that can be bought so; 0: nothing, and `cost` is 0.
    pub cost_quantity: u64,
    /// What selling one quantity unit at the best bid brings, 1e-9, rounded down; 1 to [`AMOUNT_MAX`].
    pub proceeds: u64,
    /// Quantity that can be sold so; 0: nothing, and `proceeds` is 0.
    pub proceeds_quantity: u64,
}

/// One leg: a listing, and whether it is sold there (else bought).
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg(pub u32);

impl Leg {
    /// A leg that buys, taking offers.
    #[must_use]
    pub const fn buy(listing: u32) -> Self {
        Self(listing << 1)
    }

    /// A leg that sells, taking bids.
    #[must_use]
    pub const fn sell(listing: u32) -> Self {
        Self(listing << 1 | 1)
    }

    /// Its listing.
    #[must_use]
    pub const fn listing(self) -> u32 {
        self.0 >> 1
    }

    /// Whether it sells.
    #[must_use]
    pub const fn sells(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A cycle of trades that ends in what it began with: two legs for a pair of venues, three for a triangle; no listing twice. What comes out
/// of a leg goes into the next one; the last one's is what the first one took.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The legs, in order; behind `legs_len` they are zero.
    pub legs: [Leg; LEGS_MAX],
    /// 2 to [`LEGS_MAX`].
    pub legs_len: u32,
    /// Zero.
    pub reserved: u32,
    /// Most that goes into the first leg, 1e-9, up to [`AMOUNT_MAX`].
    pub amount_max: u64,
    /// Least profit that counts, 1e-9 of what the first leg takes, at least 1.
    pub profit_min: u64,
}

/// Legs of a [`LinearRelation`] at most: a basket of the hundred shares of an index, the fund itself, and some more.
pub const LINEAR_LEGS_MAX: usize = 128;

/// One leg of a [`LinearRelation`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearLeg {
    /// Where, and whether it is sold.
    pub leg: Leg,
    /// Zero.
    pub reserved: u32,
    /// Quantity units that one copy of the relation trades, 1 to [`AMOUNT_MAX`].
    pub weight: u64,
    /// What the price of a quantity unit counts in one copy, 1e-9: the weight, times the discount where the price is paid
    /// at a later day. Those of the legs that are bought add up to at most 2^63, and those of the others too.
    pub ratio_e9: u64,
}

/// Legs that are traded in fixed proportions, and what they are surely worth together afterwards: an option spread and the
/// least that it pays, a basket and nothing. One **copy** trades each leg's weight. It earns what the sold legs bring, less
/// what the bought ones cost, plus the payoff.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearRelation {
    /// Its first entry in the table of [`LinearLeg`]s.
    pub first_leg: u32,
    /// 1 to [`LINEAR_LEGS_MAX`].
    pub legs_len: u32,
    /// Copies are multiples of it, so that every leg trades whole lots; 1 to [`AMOUNT_MAX`].
    pub step: u64,
    /// Present value of what a copy pays afterwards at least, 1e-9, rounded down; negative where it may cost something.
    /// Magnitude up to [`AMOUNT_MAX`].
    pub payoff_e9: i64,
    /// Most that goes into all copies, 1e-9, up to [`AMOUNT_MAX`]: what is bought, and what may have to be paid afterwards.
    pub amount_max: u64,
    /// Least profit of all copies that counts, 1e-9, at least 1.
    pub profit_min: u64,
}

/// What all options of one expiry share.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expiry {
    /// Forward of 1 of the underlying: the forward is the underlying's mid times this. 1e-6 to 1e6.
    pub carry: f64,
    /// Present value of 1 paid at expiry. 1e-6 to 1e6.
    pub discount: f64,
    /// Time to expiry in years, 0 to 1,000.
    pub years: f64,
    /// Its square root.
    pub sqrt_years: f64,
}

/// Bits of [`OptionTerms::flags`].
pub mod option_flags {
    /// A put; else a call.
    pub const PUT: u32 = 1;
}

/// One European option with the terms of our quote for it.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionTerms {
    /// Strike in currency units, 1e-9 to 1e10.
    pub strike: f64,
    /// Its natural logarithm, by the kernels' own `ln`.
    pub ln_strike: f64,
    /// Annual volatility, 0 to 1,000.
    pub volatility: f64,
    /// Half of the quote's width a unit of vega, 0 to 1e9.
    pub width_vega: f64,
    /// Least half of the quote's width, 1e-9, 0 to 2^62.
    pub half_width_min_e9: i64,
    /// Price increment of the option, 1e-9, 1 to 2^62.
    pub tick_e9: i64,
    /// Number of its [`Expiry`].
    pub expiry: u32,
    /// Bits of [`option_flags`].
    pub flags: u32,
    /// Listing of the underlying.
    pub underlying: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<ListingTerms>() == 32 && size_of::<Touch>() == 32);
const _: () = assert!(size_of::<Relation>() == 40 && align_of::<Relation>() == 8);
const _: () = assert!(size_of::<LinearLeg>() == 24 && align_of::<LinearLeg>() == 8);
const _: () = assert!(size_of::<LinearRelation>() == 40 && align_of::<LinearRelation>() == 8);
const _: () = assert!(size_of::<Expiry>() == 32 && size_of::<OptionTerms>() == 64);

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn legs_keep_listing_and_side() {
        for listing in [0, 1, 77, (1 << 31) - 1] {
            let (buy, sell) = (Leg::buy(listing), Leg::sell(listing));
            assert!(!buy.sells() && sell.sells());
            assert_eq!((buy.listing(), sell.listing()), (listing, listing));
        }
    }

    #[test]
    fn layout_is_fixed() {
        assert_eq!(offset_of!(Relation, legs_len), 16);
        assert_eq!(offset_of!(Relation, amount_max), 24);
        assert_eq!(offset_of!(LinearLeg, weight), 8);
        assert_eq!(offset_of!(LinearLeg, ratio_e9), 16);
        assert_eq!(offset_of!(LinearRelation, step), 8);
        assert_eq!(offset_of!(LinearRelation, payoff_e9), 16);
        assert_eq!(offset_of!(LinearRelation, profit_min), 32);
        assert_eq!(offset_of!(Touch, proceeds), 16);
        assert_eq!(offset_of!(OptionTerms, half_width_min_e9), 32);
        assert_eq!(offset_of!(OptionTerms, expiry), 48);
        assert_eq!(offset_of!(OptionTerms, underlying), 56);
    }
}
