//! `warptick generate --options-day`: a seeded day of underlyings on two venues and their option chains.
//!
//! What it models
//! - **Listings**: underlyings on NASDAQ and BX, and of each underlying 250 European options (5 expiries, 25 strikes, call
//!   and put; fewer on request) on NASDAQ; a contract is about 100 shares. No dividends, 4 % interest, expiries on third Fridays.
//! - **Quotes**: one order a side. An underlying's is a cent on either side of its mid on both venues, an option's three
//!   cents around its value on a known surface ([`Surface`]), rounded outward. An underlying moves by a cent at a time, and
//!   its quotes follow message by message; part of an option's quote trades now and then. On request all volatilities are
//!   others from half of the moves on: every option's quote is withdrawn, then all of them come back.
//! - **Mispricings**: planted one after the other in all kinds of [`Kind`]: one listing's whole quote is moved up so far
//!   that a relation earns 1 to 6 cents a share; some actions later it goes back. Meanwhile its underlying stands still.
//!   Whatever else sells that quote may earn as well, nothing that does not sell it does.
//!
//! Otherwise there is no arbitrage at any moment, in any combination: an underlying moves less than half the width of a
//! quote, so that all quotes, moved and not yet moved, have the values of one surface at one spot between bid and offer,
//! and whatever never loses costs at least what those values say.
//!
//! The same configuration gives the same bytes on every machine: integers, and prices by the kernels' own formulas.
//! Written are both streams (BinaryFILE), the contracts, surfaces and mispricings (CSV), and two configurations
//! (`desks.rs`): one of a desk that takes what the relations of the day find, one of an options maker. It allocates and
//! belongs to no hot thread.

mod contracts;
mod desks;
mod files;
mod listings;
mod relations;
mod session;
mod surface;
mod tape;

use std::fmt;

pub use contracts::{ChainShape, Contract, ExpiryTerms, MULTIPLIER, Right};
pub use files::run;
pub use listings::Underlying;
pub use relations::{Kind, Leg, Relation};
pub use session::{Mispricing, OptionsDay};
pub use surface::Surface;
pub use tape::{Listing, Resting};

use crate::control::session_date::SessionDate;

/// Most underlyings: the 16-bit locates of one venue hold them and their options.
pub const UNDERLYINGS_MAX: usize = 200;

/// Most actions of a day.
pub const MOVES_MAX: u64 = 2_000_000;

/// An options day. The same values give the same bytes on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsDayConfig {
    /// Seed of every random choice. Default 1.
    pub seed: u64,
    /// Civil day: expiries follow from it.
    pub date: SessionDate,
    /// Underlyings, 1 to [`UNDERLYINGS_MAX`]. Default 20.
    pub underlyings: usize,
    /// Options of each. Default [`ChainShape::MOST`].
    pub shape: ChainShape,
    /// Moves of an underlying by a cent, 1 to [`MOVES_MAX`]; each is a message an option, about. Default 1,000.
    pub moves: u64,
    /// Mispricings that are planted, at most a 16th of the moves; fewer when every underlying has one already.
    /// Default 40.
    pub mispricings: u32,
    /// Volatilities from half of the moves on, percent of those before, 50 to 150. Default 100: they stay.
    pub later_volatility_percent: u32,
}

impl OptionsDayConfig {
    /// The defaults on this day.
    #[must_use]
    pub const fn on(date: SessionDate) -> Self {
        let (shape, later_volatility_percent) = (ChainShape::MOST, 100);
        Self {
            seed: 1,
            date,
            underlyings: 20,
            shape,
            moves: 1_000,
            mispricings: 40,
            later_volatility_percent,
        }
    }

    fn validate(&self) -> Result<(), OptionsDayError> {
        if !(1..=UNDERLYINGS_MAX).contains(&self.underlyings) {
            return Err(OptionsDayError::Underlyings(self.underlyings));
        }
        let ChainShape { expiries, strikes } = self.shape;
        let (least, most) = (ChainShape::LEAST, ChainShape::MOST);
        if !(least.expiries..=most.expiries).contains(&expiries) {
            return Err(OptionsDayError::Expiries(expiries));
        }
        if !(least.strikes..=most.strikes).contains(&strikes) {
            return Err(OptionsDayError::Strikes(strikes));
        }
        if !(50..=150).contains(&self.later_volatility_percent) {
            return Err(OptionsDayError::LaterVolatility(self.later_volatility_percent));
        }
        if !(1..=MOVES_MAX).contains(&self.moves) {
            return Err(OptionsDayError::Moves(self.moves));
        }
        if u64::from(self.mispricings) > self.moves / 16 {
            return Err(OptionsDayError::Mispricings { found: self.mispricings, most: self.moves / 16 });
        }
        Ok(())
    }
}

/// A configuration that no day can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionsDayError {
    /// `underlyings` is 0 or above [`UNDERLYINGS_MAX`].
    Underlyings(usize),
    /// The shape's expiries are fewer or more than it may have.
    Expiries(usize),
    /// The same of its strikes.
    Strikes(usize),
    /// `later_volatility_percent` is below 50 or above 150.
    LaterVolatility(u32),
    /// `moves` is 0 or above [`MOVES_MAX`].
    Moves(u64),
    /// More mispricings than there is room for.
    Mispricings {
        /// The value.
        found: u32,
        /// The most that these moves have room for.
        most: u64,
    },
    /// No expiries follow the date.
    Date,
}

impl fmt::Display for OptionsDayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Underlyings(found) => {
                write!(f, "underlyings = {found}: must be 1 to {UNDERLYINGS_MAX}")
            }
            Self::Expiries(found) => {
                let (least, most) = (ChainShape::LEAST.expiries, ChainShape::MOST.expiries);
                write!(f, "expiries = {found}: must be {least} to {most}")
            }
            Self::Strikes(found) => {
                let (least, most) = (ChainShape::LEAST.strikes, ChainShape::MOST.strikes);
                write!(f, "strikes = {found}: must be {least} to {most}")
            }
            Self::LaterVolatility(found) => write!(f, "later_volatility = {found}: must be 50 to 150"),
            Self::Moves(found) => write!(f, "moves = {found}: must be 1 to {MOVES_MAX}"),
            Self::Mispricings { found, most } => {
                write!(f, "mispricings = {found}: must be at most {most}, a 16th of the moves")
            }
            Self::Date => write!(f, "date: must have five months behind it that a date can name"),
        }
    }
}

impl std::error::Error for OptionsDayError {}
