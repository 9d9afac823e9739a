//! The day itself: what happens when, message by message.

use feeds::itch::messages::Message;
use feeds::source::synthetic::{MARKET_OPEN_NS, Prng};
use kernels::cpu::pricing::Isa;
use std::ops::Range;

use super::contracts::{Contract, ExpiryTerms, expiries};
use super::listings::{Underlying, chain, list, underlying};
use super::relations::Places;
use super::surface::Slice;
use super::tape::{Listing, Quote, Tape};
use super::{OptionsDayConfig, OptionsDayError};

/// Half of the width of an option's quote, cents: more than the underlying moves at once, so that a quote that is not yet
/// moved still has the value within it.
const HALF_WIDTH_CENTS: f64 = 3.0;

/// Mean time between two things that happen, ns.
const ACTION_GAP_NS: u32 = 10_000_000;

/// Before the market opens: directory, states, quotes.
const OPENING_NS: u64 = 10_000_000_000;

/// Actions at the end of the day in which no mispricing begins.
const LAST_ACTIONS: u64 = 8;

/// Draws before a mispricing, or an underlying without one, is given up until the next action.
const DRAWS_MAX: u32 = 64;

mod planting;

pub use planting::Mispricing;

/// An options day, message by message.
pub struct OptionsDay {
    config: OptionsDayConfig,
    prng: Prng,
    isa: Isa,
    places: Places,
    expiries: Vec<ExpiryTerms>,
    underlyings: Vec<Underlying>,
    contracts: Vec<Contract>,
    /// NASDAQ's underlyings, BX's, then NASDAQ's options.
    listings: Vec<Listing>,
    tape: Tape,
    /// Actions so far; the opening and the close are not counted.
    actions: u64,
    stage: Stage,
    mispricings: Vec<Mispricing>,
    /// Those of them that are on.
    active: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Trading,
    Over,
}

impl OptionsDay {
    /// Prepares the day: draws spots, surfaces and sizes.
    ///
    /// # Errors
    /// [`OptionsDayError`] names the value that is out of range.
    pub fn new(config: &OptionsDayConfig) -> Result<Self, OptionsDayError> {
        config.validate()?;
        let expiries = expiries(config.date, config.shape.expiries);
        if expiries.len() < config.shape.expiries {
            return Err(OptionsDayError::Date);
        }
        let mut prng = Prng::new(config.seed ^ u64::from(config.date.yyyymmdd()).rotate_left(32));
        let underlyings: Vec<_> =
            (0..config.underlyings).map(|number| underlying(&mut prng, number)).collect();
        let contracts: Vec<_> =
            underlyings.iter().enumerate().flat_map(|(n, of)| chain(n, of, config.shape)).collect();
        let listings = list(&mut prng, &underlyings, &contracts, &expiries);
        Ok(Self {
            prng,
            isa: Isa::detect(),
            places: Places { underlyings: config.underlyings, shape: config.shape },
            expiries,
            underlyings,
            contracts,
            listings,
            tape: Tape::default(),
            actions: 0,
            stage: Stage::Opening,
            mispricings: Vec::new(),
            active: Vec::new(),
            config: config.clone(),
        })
    }

    /// The next message and its venue, in non-decreasing time; `None` at the day's end.
    pub fn next_message(&mut self) -> Option<(u8, Message)> {
        loop {
            if let Some(next) = self.tape.next() {
                return Some(next);
            }
            match self.stage {
                Stage::Opening => self.open(),
                Stage::Trading if self.actions < self.config.moves => self.act(),
                Stage::Trading => self.close(),
                Stage::Over => return None,
            }
        }
    }

    /// What was planted so far; one that has not ended has an end of 0.
    #[must_use]
    pub fn mispricings(&self) -> &[Mispricing] {
        &self.mispricings
    }

    /// The underlyings.
    #[must_use]
    pub fn underlyings(&self) -> &[Underlying] {
        &self.underlyings
    }

    /// All contracts, those of the first underlying first.
    #[must_use]
    pub fn contracts(&self) -> &[Contract] {
        &self.contracts
    }

    /// The expiries.
    #[must_use]
    pub fn expiries(&self) -> &[ExpiryTerms] {
        &self.expiries
    }

    /// All listings: the underlyings at NASDAQ, the same at BX, the contracts at NASDAQ; with what they show when all
    /// messages so far are applied, those that wait included.
    #[must_use]
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// The listing of a contract.
    #[must_use]
    pub const fn listing_of(&self, contract: usize) -> usize {
        2 * self.config.underlyings + contract
    }

    fn open(&mut self) {
        self.tape.now_ns = MARKET_OPEN_NS - OPENING_NS;
        self.tape.event(b'O');
        for listing in &self.listings {
            self.tape.directory(listing);
        }
        for listing in &self.listings {
            self.tape.trading(listing);
        }
        self.tape.event(b'S');
        for number in 0..self.underlyings.len() {
            self.quote_underlying(number, 0);
            self.quote_underlying(number, 1);
            self.quote_chain(number);
        }
        self.tape.now_ns = self.tape.now_ns.max(MARKET_OPEN_NS);
        self.tape.event(b'Q');
        self.stage = Stage::Trading;
    }

    fn act(&mut self) {
        let number = self.actions;
        self.actions += 1;
        self.tape.now_ns += u64::from(ACTION_GAP_NS / 2 + self.prng.below(ACTION_GAP_NS));
        let is_due = |planted: &mut usize| self.mispricings[*planted].ends_at == number;
        let due: Vec<usize> = self.active.extract_if(.., is_due).collect();
        due.into_iter().for_each(|planted| self.unplant(planted));
        if number == self.config.moves / 2 && self.config.later_volatility_percent != 100 {
            self.change_volatilities();
        }
        // Evenly over the day but its last actions, which are left to those that are on. One that found no place is tried again.
        let plants = self.config.moves.saturating_sub(LAST_ACTIONS).max(1);
        let wanted = self.actions.min(plants) * u64::from(self.config.mispricings) / plants;
        if (self.mispricings.len() as u64) < wanted && number < plants {
            self.plant();
        }
        if let Some(underlying) = self.free_underlying() {
            self.step(underlying);
            if self.prng.chance(500) {
                self.trade(underlying);
            }
        }
    }

    /// All options of an underlying are withdrawn before the first of them comes back: two surfaces at once would be arbitrage.
    fn change_volatilities(&mut self) {
        std::mem::take(&mut self.active).into_iter().for_each(|planted| self.unplant(planted));
        for number in 0..self.underlyings.len() {
            for contract in self.contracts_of(number) {
                let listing = self.listing_of(contract);
                self.tape.quote(&mut self.listings[listing], Quote::NONE);
            }
            let surface = &mut self.underlyings[number].surface;
            *surface = surface.later(self.config.later_volatility_percent);
            self.quote_chain(number);
        }
    }

    fn contracts_of(&self, underlying: usize) -> Range<usize> {
        let chain = self.places.chain(underlying) - 2 * self.config.underlyings;
        chain..chain + self.config.shape.contracts()
    }

    fn close(&mut self) {
        std::mem::take(&mut self.active).into_iter().for_each(|planted| self.unplant(planted));
        self.tape.event(b'M');
        self.tape.event(b'E');
        self.tape.event(b'C');
        self.stage = Stage::Over;
    }

    /// An underlying without a mispricing.
    fn free_underlying(&mut self) -> Option<usize> {
        let count = self.underlyings.len() as u32;
        let drawn = (0..DRAWS_MAX).map(|_| self.prng.below(count) as usize);
        drawn.into_iter().find(|&number| !self.underlyings[number].is_held)
    }

    /// The underlying moves by a cent, and all its quotes with it.
    fn step(&mut self, number: usize) {
        let of = &mut self.underlyings[number];
        of.mid_cents += if self.prng.chance(500) { 1 } else { -1 };
        // Far from the opening its strikes would not surround it any more.
        of.mid_cents = of.mid_cents.clamp(of.opening_cents / 2, of.opening_cents * 2);
        let first = self.prng.below(2) as usize;
        self.quote_underlying(number, first);
        self.quote_underlying(number, 1 - first);
        self.quote_chain(number);
    }

    fn quote_underlying(&mut self, number: usize, venue: usize) {
        let mid = self.underlyings[number].mid_cents;
        let listing = &mut self.listings[self.places.underlying(number, venue)];
        self.tape.quote(listing, Quote { bid: mid - 1, ask: mid + 1 });
    }

    fn quote_chain(&mut self, number: usize) {
        for contract in self.contracts_of(number) {
            let quote = self.model_quote(contract);
            let listing = self.listing_of(contract);
            self.tape.quote(&mut self.listings[listing], quote);
        }
    }

    /// What a contract is quoted at: its value less half the width rounded down, and plus it rounded up.
    fn model_quote(&self, contract: usize) -> Quote {
        let contract = &self.contracts[contract];
        let of = &self.underlyings[contract.underlying];
        let slice = Slice::new(self.isa, &of.surface, &self.expiries[contract.expiry], of.mid_cents);
        let value = slice.value_cents(contract);
        Quote {
            bid: (value - HALF_WIDTH_CENTS).floor() as i64,
            ask: (value + HALF_WIDTH_CENTS).ceil() as i64,
        }
    }

    /// Part of an option's quote trades.
    fn trade(&mut self, underlying: usize) {
        let listing =
            self.places.chain(underlying) + self.prng.below(self.config.shape.contracts() as u32) as usize;
        let side = self.prng.below(2) as usize;
        let listing = &mut self.listings[listing];
        if let Some(resting) = listing.sides[side].filter(|resting| resting.size > 1) {
            let shares = 1 + self.prng.below(resting.size - 1);
            self.tape.execute(listing, side, shares);
        }
    }

    /// What a listing shows when nothing is planted.
    fn undisturbed_quote(&self, listing: usize) -> Quote {
        match listing.checked_sub(2 * self.config.underlyings) {
            Some(contract) => self.model_quote(contract),
            None => {
                let mid = self.underlyings[listing % self.config.underlyings].mid_cents;
                Quote { bid: mid - 1, ask: mid + 1 }
            }
        }
    }
}
