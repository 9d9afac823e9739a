//! Why a specification is not compiled: which thing, and what about it.

use std::fmt::{Display, Formatter, Result};

/// What kind of thing is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WideThing {
    /// One of the listings.
    Listing,
    /// One of the relations.
    Relation,
    /// One of the linear relations.
    Linear,
    /// One of the numbers of inverse listings.
    Inverse,
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
    /// There are not 1 to 128 legs.
    LinearLegCount,
    /// A leg's weight is not 1 to 2^62.
    Weight,
    /// A leg's `factor_e9` is not 1 to 10^12.
    Factor,
    /// Weights times factors of one side add up to more than 2^63: their products with prices would not be proven to fit.
    Ratios,
    /// The magnitude of `payoff_e9` is above 2^62.
    Payoff,
    /// No leg is bought and nothing may have to be paid: such a relation has no price at which it is not a gift.
    NothingGoesIn,
    /// No leg is sold and nothing is paid afterwards: it can only lose.
    NothingComesOut,
    /// No number of copies up to 2^62 trades whole lots of every leg.
    Lots,
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
            Self::Linear => "linear relation",
            Self::Inverse => "inverse listing",
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
            Self::LinearLegCount => "not 1 to 128 legs",
            Self::Weight => "a leg's weight outside 1 to 2^62",
            Self::Factor => "a leg's factor_e9 outside 1 to 10^12",
            Self::Ratios => "weights times factors of one side above 2^63",
            Self::Payoff => "payoff_e9 beyond 2^62",
            Self::NothingGoesIn => "no leg is bought and nothing may have to be paid",
            Self::NothingComesOut => "no leg is sold and nothing is paid afterwards",
            Self::Lots => "no number of copies trades whole lots of every leg",
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
