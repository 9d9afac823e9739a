//! What the CPU backend of wide work remembers between ticks, and its one computation.

use super::answer::{AdoptError, WideAnswer};
use super::chain::Chain;
use super::last_answers::LastAnswers;
use super::screen::Screen;
use super::spec::volatility_fits;
use super::tables::{WideTables, padded};
use crate::abi::{ItemKey, ItemKind, Touch};
use crate::cpu::arbitrage::NO_HIT;
use crate::cpu::option_quote::{NO_QUOTE, mid_in_currency_units, mid_of};
use crate::cpu::pricing::{ForwardTerms, Isa};
use crate::cpu::query::Bbo;
use feeds::units::PRICE_NONE;
use std::fmt::{Display, Formatter};
use std::sync::Arc;

/// A volatility outside 0 to 1,000, or an option that does not exist: nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolatilityRefused;

/// Touches, mids, volatilities, and the last answer of every item. A fresh one holds no prices, and the last answer of
/// every item is that there is nothing to take or to quote.
#[derive(Debug)]
pub struct WideState {
    tables: Arc<WideTables>,
    touches: Vec<Touch>,
    screen: Screen,
    /// 1e-9; [`PRICE_NONE`] where options have nothing to go by.
    mids: Vec<i64>,
    /// Padded as the tables' arrays are.
    volatilities: Vec<f64>,
    last: LastAnswers,
    chain: Chain,
}

impl WideState {
    /// A fresh state on the widest instruction set of this machine.
    #[must_use]
    pub fn new(tables: &Arc<WideTables>) -> Self {
        Self::on(Isa::detect(), tables)
    }

    /// A fresh state on a given instruction set: the bits are the same on each.
    #[must_use]
    pub fn on(isa: Isa, tables: &Arc<WideTables>) -> Self {
        Self {
            touches: vec![Touch::default(); tables.listings().len()],
            screen: Screen::new(isa, tables),
            mids: vec![PRICE_NONE; tables.listings().len()],
            volatilities: padded(tables.options(), |option| option.volatility),
            last: LastAnswers::new(tables),
            chain: Chain::new(isa),
            tables: Arc::clone(tables),
        }
    }

    /// The tables that it works on.
    #[must_use]
    pub fn tables(&self) -> &Arc<WideTables> {
        &self.tables
    }

    /// The listing's best bid and offer with fees, as last set.
    #[must_use]
    pub fn touch(&self, listing: u32) -> &Touch {
        &self.touches[listing as usize]
    }

    /// The mid that options on the listing are priced at, 1e-9, or [`PRICE_NONE`].
    #[must_use]
    pub fn mid(&self, listing: u32) -> i64 {
        self.mids[listing as usize]
    }

    /// The option's volatility, as specified or last set.
    #[must_use]
    pub fn volatility(&self, option: u32) -> f64 {
        self.volatilities[option as usize]
    }

    /// The listing's best bid and offer are these now, and it counts (`eligible`) or not. Says whether anything that is
    /// computed from it can have changed.
    pub fn set_touch(&mut self, listing: u32, bbo: &Bbo, eligible: bool) -> bool {
        let at = listing as usize;
        let terms = &self.tables.listings()[at];
        let (touch, mid) = if eligible {
            (self.tables.fold(listing, bbo), mid_of(bbo))
        } else {
            (Touch::default(), PRICE_NONE)
        };
        let changed = self.touches[at] != touch || self.mids[at] != mid;
        if self.touches[at] != touch {
            self.touches[at] = touch;
            self.screen.set(at, terms, &touch);
        }
        self.mids[at] = mid;
        changed
    }

    /// The option's volatility from now on; it counts at the next request for its underlying.
    ///
    /// # Errors
    /// When it is outside 0 to 1,000 or there is no such option.
    pub fn set_volatility(&mut self, option: u32, volatility: f64) -> Result<(), VolatilityRefused> {
        let at = option as usize;
        if at >= self.tables.options().len() || !volatility_fits(volatility) {
            return Err(VolatilityRefused);
        }
        self.volatilities[at] = volatility;
        Ok(())
    }

    /// Answers one request: every item that depends on the listing and differs from its last answer, or every one that
    /// depends on it when `full`, in ascending order of keys. What is answered becomes the items' last answer.
    pub fn compute(&mut self, listing: u32, full: bool, answer: &mut WideAnswer) {
        answer.clear();
        self.relations_of(listing, full, answer);
        let Self { tables, mids, volatilities, last, chain, .. } = self;
        let mid = mids[listing as usize];
        if mid == PRICE_NONE {
            tables.options_of(listing).for_each(|option| last.option(option, NO_QUOTE, full, answer));
            return;
        }
        for run in tables.runs_of(listing) {
            let expiry = &tables.expiries()[run.expiry as usize];
            let terms = ForwardTerms::new(chain.isa(), expiry, mid_in_currency_units(mid));
            let options = run.start as usize..run.end as usize;
            chain.for_each(tables, &terms, volatilities, options, |option, values| {
                last.option(option, values, full, answer);
            });
        }
    }

    /// All relations of a listing, or those that may have changed: what stood, and what passes the screen.
    #[inline]
    fn relations_of(&mut self, listing: u32, full: bool, answer: &mut WideAnswer) {
        let Self { tables, touches, screen, last, .. } = self;
        if full {
            for &relation in tables.relations_of(listing) {
                last.relation(relation, tables.evaluate(relation, touches), true, answer);
            }
            return;
        }
        // From the last one down: what has gone leaves the list.
        for place in (0..last.standing().len()).rev() {
            let relation = last.standing()[place];
            if tables.is_leg(relation, listing) {
                last.relation(relation, tables.evaluate(relation, touches), false, answer);
            }
        }
        screen.candidates_of(listing, |relation| {
            last.relation(relation, tables.evaluate(relation, touches), false, answer);
        });
        answer.sort();
    }

    /// Checks every relation at the touches of this moment, and answers those that differ from their last answer: one pass
    /// over all of them, for when many touches have changed. The answer has room for all
    /// ([`WideAnswer::of_all_relations`]).
    pub fn sweep(&mut self, answer: &mut WideAnswer) {
        answer.clear();
        let Self { tables, touches, screen, last, .. } = self;
        for place in (0..last.standing().len()).rev() {
            let relation = last.standing()[place];
            last.relation(relation, tables.evaluate(relation, touches), false, answer);
        }
        screen.candidates_of_all(|relation| {
            last.relation(relation, tables.evaluate(relation, touches), false, answer);
        });
        answer.sort();
    }

    /// Makes what a device returned for a request for this listing the answer that [`WideState::compute`] would have
    /// given: drops items that do not differ from their last answer (unless `full`), sorts, and remembers the rest.
    ///
    /// # Errors
    /// When an item does not depend on the listing, came twice or cannot be: the device is not to be trusted. The state is as it
    /// was.
    pub fn adopt(&mut self, listing: u32, full: bool, answer: &mut WideAnswer) -> Result<(), AdoptError> {
        answer.sort();
        for (at, item) in answer.items().iter().enumerate() {
            if !self.depends(item.key, listing) {
                return Err(AdoptError::NotDependent(item.key));
            }
            if at > 0 && answer.items()[at - 1].key == item.key {
                return Err(AdoptError::Repeated(item.key));
            }
            let relation = item.key.kind == ItemKind::Relation;
            if relation && item.values[4] <= 0 && item.values != NO_HIT {
                return Err(AdoptError::Impossible(item.key));
            }
        }
        answer.retain(|item| self.last.remember(item) || full);
        Ok(())
    }

    fn depends(&self, key: ItemKey, listing: u32) -> bool {
        match key.kind {
            ItemKind::Relation => self.tables.relations_of(listing).binary_search(&key.index).is_ok(),
            ItemKind::Option => self.tables.options_of(listing).contains(&(key.index as usize)),
        }
    }
}

impl Display for VolatilityRefused {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("volatility outside 0 to 1000, or no such option")
    }
}

impl std::error::Error for VolatilityRefused {}
