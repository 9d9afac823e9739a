//! Who may not trade: the kill switch, as a whole and by side, venue, instrument and strategy.
//!
//! A block stays until a person resets it. Memory is taken at construction.

use crate::pipeline::operator::{KillCause, Scope};
use feeds::event::Side;

/// Blocks of one input that take no memory.
const FRESH: usize = 64;

/// What is blocked and why; see the module's text.
pub struct Blocks {
    all: Option<KillCause>,
    /// By side as a number.
    sides: [Option<KillCause>; 3],
    venues: Box<[Option<KillCause>]>,
    instruments: Box<[Option<KillCause>]>,
    strategies: Box<[Option<KillCause>]>,
    /// How many of them are set.
    set: u32,
    /// Those set since they were last asked for.
    fresh: Vec<(Scope, KillCause)>,
}

impl Blocks {
    pub(super) fn new(instruments: usize, strategies: usize) -> Self {
        Self {
            all: None,
            sides: [None; 3],
            venues: vec![None; usize::from(u8::MAX) + 1].into_boxed_slice(),
            instruments: vec![None; instruments].into_boxed_slice(),
            strategies: vec![None; strategies].into_boxed_slice(),
            set: 0,
            fresh: Vec::with_capacity(FRESH),
        }
    }

    fn place(&mut self, scope: Scope) -> Option<&mut Option<KillCause>> {
        match scope {
            Scope::All => Some(&mut self.all),
            Scope::Side(side) => self.sides.get_mut(side as usize),
            Scope::Venue(venue) => self.venues.get_mut(usize::from(venue)),
            Scope::Instrument(instrument) => self.instruments.get_mut(instrument as usize),
            Scope::Strategy(strategy) => self.strategies.get_mut(usize::from(strategy)),
        }
    }

    /// Blocks a scope; the first cause stays. Of a number that does not exist everything is blocked: what was meant is not
    /// known, and it was meant to stop.
    pub(super) fn block(&mut self, scope: Scope, cause: KillCause) {
        #[cfg(test)]
        if super::deleted::stops_nothing(cause) {
            return;
        }
        let known = self.place(scope).is_some();
        let scope = if known { scope } else { Scope::All };
        if let Some(place @ None) = self.place(scope) {
            *place = Some(cause);
            self.set += 1;
            // Beyond its room it grows: a few bytes, when everything stops anyway.
            self.fresh.push((scope, cause));
        }
    }

    /// Lifts a block; that of everything lifts every other one with it.
    pub(super) fn lift(&mut self, scope: Scope) {
        if scope == Scope::All {
            self.all = None;
            self.sides.fill(None);
            self.venues.fill(None);
            self.instruments.fill(None);
            self.strategies.fill(None);
            self.set = 0;
        } else if let Some(place) = self.place(scope)
            && place.take().is_some()
        {
            self.set -= 1;
        }
    }

    /// What was blocked at the last input.
    #[must_use]
    pub fn fresh(&self) -> &[(Scope, KillCause)] {
        &self.fresh
    }

    /// The next input begins.
    #[inline(always)]
    pub(super) fn forget_fresh(&mut self) {
        self.fresh.clear();
    }

    /// Why everything is blocked, if it is.
    #[must_use]
    pub const fn of_all(&self) -> Option<KillCause> {
        self.all
    }

    /// Whether anything is blocked.
    #[inline(always)]
    #[must_use]
    pub const fn any(&self) -> bool {
        self.set != 0
    }

    /// Whether an order with these terms may not leave.
    #[inline(always)]
    #[must_use]
    pub fn cover(&self, instrument: u32, venue: u8, side: Side, strategy: u16) -> bool {
        self.any() && self.one_covers(instrument, venue, side, strategy)
    }

    #[cold]
    fn one_covers(&self, instrument: u32, venue: u8, side: Side, strategy: u16) -> bool {
        let at = |list: &[Option<KillCause>], at: usize| list.get(at).is_some_and(Option::is_some);
        self.all.is_some()
            || at(&self.sides, side as usize)
            || at(&self.venues, usize::from(venue))
            || at(&self.instruments, instrument as usize)
            || at(&self.strategies, usize::from(strategy))
    }

    /// All blocks with their causes: everything, sides, venues, instruments, strategies.
    pub fn iter(&self) -> impl Iterator<Item = (Scope, KillCause)> + '_ {
        let sides = [(Side::Buy, self.sides[1]), (Side::Sell, self.sides[2])];
        let all = self.all.map(|cause| (Scope::All, cause)).into_iter();
        all.chain(sides.into_iter().filter_map(|(side, cause)| Some((Scope::Side(side), cause?))))
            .chain(
                (0..=u8::MAX)
                    .zip(&self.venues)
                    .filter_map(|(venue, cause)| Some((Scope::Venue(venue), (*cause)?))),
            )
            .chain(
                (0..)
                    .zip(&self.instruments)
                    .filter_map(|(one, cause)| Some((Scope::Instrument(one), (*cause)?))),
            )
            .chain(
                (0..)
                    .zip(&self.strategies)
                    .filter_map(|(one, cause)| Some((Scope::Strategy(one), (*cause)?))),
            )
    }
}
