//! The relations between prices that a planted mispricing violates.
//!
//! Each is a set of trades at displayed prices whose obligations cancel whatever the underlying does, for European options
//! on an underlying without dividends. Its profit, known at once, is what is received less what is paid, for one unit: a
//! contract of each option (times its ratio), 100 shares of the underlying; between venues one share.

use super::contracts::{ChainShape, Contract, ExpiryTerms, MULTIPLIER, Right};
use super::tape::{ASK, BID, Listing};

/// Price units (1e-9) in a cent.
const E9_A_CENT: i64 = 10_000_000;

/// What kind of mispricing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One venue's bid is above another's offer.
    CrossVenue,
    /// A call too dear against put and underlying: sell the call, buy the put and the underlying.
    Conversion,
    /// A put too dear: sell the put, buy the call, sell the underlying.
    Reversal,
    /// Four options that pay a fixed amount, sold for more than its present value.
    Box,
    /// A call of a higher strike dearer than one of a lower strike.
    CallVertical,
    /// A put of a lower strike dearer than one of a higher strike.
    PutVertical,
    /// Calls that are not convex in the strike: the middle one, twice, dearer than both outer ones.
    Butterfly,
    /// A call of a nearer expiry dearer than one of a later expiry.
    Calendar,
}

impl Kind {
    /// All of them, in the order in which they are planted.
    pub const ALL: [Self; 8] = [
        Self::CrossVenue,
        Self::Conversion,
        Self::Reversal,
        Self::Box,
        Self::CallVertical,
        Self::PutVertical,
        Self::Butterfly,
        Self::Calendar,
    ];

    /// As the file of mispricings writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrossVenue => "cross_venue",
            Self::Conversion => "conversion",
            Self::Reversal => "reversal",
            Self::Box => "box",
            Self::CallVertical => "call_vertical",
            Self::PutVertical => "put_vertical",
            Self::Butterfly => "butterfly",
            Self::Calendar => "calendar",
        }
    }
}

/// One trade of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Number of the listing.
    pub listing: usize,
    /// Hits the bid; else takes the offer.
    pub sells: bool,
    /// Quantity a unit of the relation: contracts or shares.
    pub ratio: u32,
}

/// A relation; its first leg is the one whose quote is moved up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Which it is.
    pub kind: Kind,
    /// The trades.
    pub legs: Vec<Leg>,
    /// Present value of what is exchanged at expiry, for one share, 1e-9: received above zero.
    pub cash_e9: i64,
}

/// Where things are among the listings of a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) underlyings: usize,
    pub(super) shape: ChainShape,
}

impl Places {
    /// Listing of an underlying at a venue.
    pub(super) const fn underlying(self, number: usize, venue: usize) -> usize {
        venue * self.underlyings + number
    }

    /// First contract of an underlying, as a listing.
    pub(super) const fn chain(self, underlying: usize) -> usize {
        2 * self.underlyings + underlying * self.shape.contracts()
    }

    /// Listing of an option: contracts go by expiry, strike, right.
    pub(super) const fn option(self, underlying: usize, expiry: usize, strike: usize, right: Right) -> usize {
        self.chain(underlying) + (expiry * self.shape.strikes + strike) * 2 + right as usize
    }
}

/// What a relation is made from: the underlying, an expiry before the last, and an inner strike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) underlying: usize,
    pub(super) expiry: usize,
    pub(super) strike: usize,
}

const fn sell(listing: usize, ratio: u32) -> Leg {
    Leg { listing, sells: true, ratio }
}

const fn buy(listing: usize, ratio: u32) -> Leg {
    Leg { listing, sells: false, ratio }
}

/// The relation of a kind at a choice.
pub(super) fn relation(
    kind: Kind,
    places: Places,
    contracts: &[Contract],
    expiries: &[ExpiryTerms],
    choice: Choice,
) -> Relation {
    let Choice { underlying, expiry, strike } = choice;
    debug_assert!(strike > 0 && strike + 1 < places.shape.strikes && expiry + 1 < places.shape.expiries);
    let option = |expiry, strike, right| places.option(underlying, expiry, strike, right);
    let call = |strike| option(expiry, strike, Right::Call);
    let put = |strike| option(expiry, strike, Right::Put);
    let contract = |listing: usize| &contracts[listing - 2 * places.underlyings];
    let strike_now = |strike, is_paid| contract(call(strike)).strike_now_e9(expiries, is_paid);
    let nasdaq = places.underlying(underlying, 0);
    let (legs, cash_e9) = match kind {
        Kind::CrossVenue => (vec![sell(places.underlying(underlying, 1), 1), buy(nasdaq, 1)], 0),
        Kind::Conversion => (
            vec![sell(call(strike), 1), buy(put(strike), 1), buy(nasdaq, MULTIPLIER)],
            strike_now(strike, false),
        ),
        Kind::Reversal => (
            vec![sell(put(strike), 1), buy(call(strike), 1), sell(nasdaq, MULTIPLIER)],
            -strike_now(strike, true),
        ),
        Kind::Box => (
            vec![
                sell(call(strike), 1),
                buy(put(strike), 1),
                buy(call(strike + 1), 1),
                sell(put(strike + 1), 1),
            ],
            strike_now(strike, false) - strike_now(strike + 1, true),
        ),
        Kind::CallVertical => (vec![sell(call(strike + 1), 1), buy(call(strike), 1)], 0),
        Kind::PutVertical => (vec![sell(put(strike), 1), buy(put(strike + 1), 1)], 0),
        Kind::Butterfly => {
            (vec![sell(call(strike), 2), buy(call(strike - 1), 1), buy(call(strike + 1), 1)], 0)
        }
        Kind::Calendar => (vec![sell(call(strike), 1), buy(option(expiry + 1, strike, Right::Call), 1)], 0),
    };
    Relation { kind, legs, cash_e9 }
}

impl Relation {
    /// Quantity of a leg that counts once in the price: a contract, 100 shares, between venues a share.
    fn prices(&self, leg: &Leg) -> i64 {
        match self.kind {
            Kind::Conversion | Kind::Reversal if leg.ratio == MULTIPLIER => 1,
            _ => i64::from(leg.ratio),
        }
    }

    /// How often the first leg's price counts.
    pub(super) fn first_weight(&self) -> i64 {
        i64::from(self.legs[0].ratio)
    }

    /// Profit of one unit a share at the displayed prices, 1e-9; `None` where a leg has nothing to trade with.
    #[must_use]
    pub fn profit_e9(&self, listings: &[Listing]) -> Option<i64> {
        self.legs.iter().try_fold(self.cash_e9, |sum, leg| {
            let side = if leg.sells { BID } else { ASK };
            let price_e9 = listings[leg.listing].sides[side]?.cents * E9_A_CENT * self.prices(leg);
            Some(if leg.sells { sum + price_e9 } else { sum - price_e9 })
        })
    }

    /// Units that the displayed sizes are enough for.
    #[must_use]
    pub fn size(&self, listings: &[Listing]) -> u32 {
        let of = |leg: &Leg| {
            let side = if leg.sells { BID } else { ASK };
            listings[leg.listing].sides[side].map_or(0, |resting| resting.size / leg.ratio)
        };
        self.legs.iter().map(of).min().unwrap_or(0)
    }

    /// Shares that one unit is about.
    #[must_use]
    pub const fn shares_a_unit(&self) -> u32 {
        if matches!(self.kind, Kind::CrossVenue) { 1 } else { MULTIPLIER }
    }

    /// Cents by which the first leg's quote has to rise for a profit of at least this, 1e-9.
    pub(super) fn shift_cents(&self, listings: &[Listing], profit_e9: i64) -> Option<i64> {
        let missing = profit_e9 - self.profit_e9(listings)?;
        let weight = E9_A_CENT * self.first_weight();
        Some(missing.div_euclid(weight) + i64::from(missing.rem_euclid(weight) != 0))
    }
}
