//! Why relations of a kind cannot be made: which of the things that were given, and what about it.

use std::fmt::{Display, Formatter};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindFault {
    /// There is no such listing.
    ListingUnknown,
    /// There is no such expiry.
    ExpiryUnknown,
    /// The strike is zero.
    Strike,
    /// An option of this expiry, strike and kind was given before: one chain is of one venue.
    OptionRepeated,
    /// The contract is of another size than that of the first option.
    ContractSize,
    /// A discount is zero or above 10^12, or what is received counts more than what is paid.
    Discount,
    /// American options on a future: early exercise breaks their parity with it.
    AmericanOnFuture,
    /// There are no components.
    NoComponents,
    /// An amount is above 2^62, or a weight is.
    TooLarge,
    /// The fee is everything that is traded, or more.
    Fee,
}

/// The thing that is refused, by its place among those of its kind, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindError {
    /// What it is: "option", "expiry", "component", and so on.
    pub thing: &'static str,
    /// Its place.
    pub index: usize,
    /// What is wrong with it.
    pub fault: KindFault,
}

impl KindError {
    pub(super) const fn new(thing: &'static str, index: usize, fault: KindFault) -> Self {
        Self { thing, index, fault }
    }
}

impl Display for KindFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ListingUnknown => "no such listing",
            Self::ExpiryUnknown => "no such expiry",
            Self::Strike => "the strike is zero",
            Self::OptionRepeated => "given twice: one chain is of one venue, pairs compare venues",
            Self::ContractSize => "another contract size than the first option's: unit_e9 has to be the same",
            Self::Discount => "discounts outside 1e-9 to 1000, or that of a receipt above that of a payment",
            Self::AmericanOnFuture => {
                "American options on a future have no parity with it: early exercise breaks it; leave those kinds out"
            }
            Self::NoComponents => "no components",
            Self::TooLarge => "an amount or a weight above 2^62",
            Self::Fee => "a fee of everything that is traded, or more",
        })
    }
}

impl Display for KindError {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.thing, self.index, self.fault)
    }
}

impl std::error::Error for KindError {}
