//! Cycles of currencies: every way from a currency through other ones back to it that takes two to four trades.
//!
//! A market turns its quote currency into its base currency (buying) or back (selling). No cycle visits a currency twice,
//! none trades at a market twice, and each is found once: from the first of the starting currencies that it visits.

use crate::abi::{LEGS_MAX, Leg};
use crate::cpu::wide::RelationSpec;
use std::fmt::{Display, Formatter};

/// Cycles at most.
pub const CYCLES_MAX: usize = 1 << 20;

/// A listing where one currency is traded for another; currencies are numbers. Of an inverse listing `base` is the money
/// that its contract counts (dollars), `quote` what that is paid for in (coins).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Market {
    /// Listing.
    pub listing: u32,
    /// What buying brings.
    pub base: u32,
    /// What buying takes.
    pub quote: u32,
}

/// There are more than [`CYCLES_MAX`] cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyCycles;

/// One trade: from a currency to another.
#[derive(Clone, Copy)]
struct Trade {
    leg: Leg,
    from: u32,
    to: u32,
}

/// All cycles of 2 to `legs_max` trades (at most [`LEGS_MAX`]) that begin with one of the starting currencies; amounts
/// are in that currency, 1e-9. In an order of their own, whatever the order of the markets.
///
/// # Errors
/// More cycles than any desk wants.
pub fn cycles(
    markets: &[Market],
    starts: &[u32],
    legs_max: usize,
    amount_max: u64,
    profit_min: u64,
) -> Result<Vec<RelationSpec>, TooManyCycles> {
    let mut markets = markets.to_vec();
    markets.sort_unstable();
    markets.dedup();
    let trades: Vec<Trade> = markets
        .iter()
        .flat_map(|&Market { listing, base, quote }| {
            [
                Trade { leg: Leg::buy(listing), from: quote, to: base },
                Trade { leg: Leg::sell(listing), from: base, to: quote },
            ]
        })
        .collect();
    let mut search =
        Search { trades, legs_max: legs_max.min(LEGS_MAX), barred: Vec::new(), found: Vec::new() };
    for &start in starts {
        search.extend(start, &mut Vec::new())?;
        search.barred.push(start);
    }
    let spec = |legs| RelationSpec { legs, amount_max, profit_min };
    Ok(search.found.into_iter().map(spec).collect())
}

struct Search {
    trades: Vec<Trade>,
    legs_max: usize,
    /// Starting currencies whose cycles are all found.
    barred: Vec<u32>,
    found: Vec<Vec<Leg>>,
}

impl Search {
    fn extend(&mut self, start: u32, path: &mut Vec<Trade>) -> Result<(), TooManyCycles> {
        let at = path.last().map_or(start, |trade| trade.to);
        for number in 0..self.trades.len() {
            let trade = self.trades[number];
            let visited = |currency| self.barred.contains(&currency) || path.iter().any(|t| t.to == currency);
            let traded = path.iter().any(|before| before.leg.listing() == trade.leg.listing());
            if trade.from != at || traded || visited(trade.to) {
                continue;
            }
            path.push(trade);
            if trade.to == start {
                if self.found.len() == CYCLES_MAX {
                    return Err(TooManyCycles);
                }
                self.found.push(path.iter().map(|trade| trade.leg).collect());
            } else if path.len() < self.legs_max {
                self.extend(start, path)?;
            }
            path.pop();
        }
        Ok(())
    }
}

impl Display for TooManyCycles {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "more than {CYCLES_MAX} cycles: give fewer markets or fewer legs")
    }
}

impl std::error::Error for TooManyCycles {}
