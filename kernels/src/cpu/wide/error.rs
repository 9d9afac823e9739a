//! Why a specification is not compiled: which thing, and what about it.

use std::fmt::{Display, Formatter, Result};

/// What kind of thing is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WideThing {
    /// One of the listings.
    Listing,
    /// One of the relations.
    Relation,
    /// One of the expiries.
    Expiry,
    /// One of the options.
    Option,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WideFault {
    /// It is the first of its kind beyond [`super::ITEMS_MAX`].
    TooMany,
    /// `unit_e9` is not 1 to 2^62.
    Unit,
    /// `lot` is zero.
    Lot,
    /// `fee_ppb` is not -10^9 to 10^9.
    FeeRate,
    /// The magnitude of `fee_unit_e9` is not below 2^62.
    FeeUnit,
    /// There are not 2 to 4 legs.
    LegCount,
    /// There is no such listing.
    ListingUnknown,
    /// Two legs are of one listing: its displayed quantity would count twice.
    ListingRepeated,
    /// `amount_max` is not 1 to 2^62.
    AmountMax,
    /// `profit_min` is not 1 to 2^62.
    ProfitMin,
    /// `carry` is not 1e-6 to 1e6.
    Carry,
    /// `discount` is not 1e-6 to 1e6.
    Discount,
    /// `years` is not 0 to 1,000.
    Years,
    /// There is no such expiry.
    ExpiryUnknown,
    /// `strike` is not 1e-9 to 1e10.
    Strike,
    /// `volatility` is not 0 to 1,000.
    Volatility,
    /// `width_vega` is not 0 to 1e9.
    WidthVega,
    /// `half_width_min_e9` is not 0 to 2^62.
    HalfWidthMin,
    /// `tick_e9` is not 1 to 2^62.
    Tick,
}

/// Which thing of a [`super::WideSpec`] is refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WideError {
    /// What kind of thing it is.
    pub thing: WideThing,
    /// Its place in the specification.
    pub index: usize,
    /// What is wrong with it.
    pub fault: WideFault,
}

impl Display for WideThing {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Listing => "listing",
            Self::Relation => "relation",
            Self::Expiry => "expiry",
            Self::Option => "option",
        })
    }
}

impl Display for WideFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::TooMany => "more than 2^24 of its kind",
            Self::Unit => "unit_e9 outside 1 to 2^62",
            Self::Lot => "lot is zero",
            Self::FeeRate => "fee_ppb outside -10^9 to 10^9",
            Self::FeeUnit => "fee_unit_e9 of 2^62 or more",
            Self::LegCount => "not 2 to 4 legs",
            Self::ListingUnknown => "no such listing",
            Self::ListingRepeated => "two legs of one listing",
            Self::AmountMax => "amount_max outside 1 to 2^62",
            Self::ProfitMin => "profit_min outside 1 to 2^62",
            Self::Carry => "carry outside 1e-6 to 1e6",
            Self::Discount => "discount outside 1e-6 to 1e6",
            Self::Years => "years outside 0 to 1000",
            Self::ExpiryUnknown => "no such expiry",
            Self::Strike => "strike outside 1e-9 to 1e10",
            Self::Volatility => "volatility outside 0 to 1000",
            Self::WidthVega => "width_vega outside 0 to 1e9",
            Self::HalfWidthMin => "half_width_min_e9 outside 0 to 2^62",
            Self::Tick => "tick_e9 outside 1 to 2^62",
        })
    }
}

impl Display for WideError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}: {}", self.thing, self.index, self.fault)
    }
}

impl std::error::Error for WideError {}
