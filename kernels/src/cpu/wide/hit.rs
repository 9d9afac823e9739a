//! A hit in full: what is to be traded where, at which prices after fees, and what that adds up to. Cold: it allocates.

use super::tables::WideTables;
use crate::abi::{Leg, Touch};
use std::fmt::{Display, Formatter};

/// One leg of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HitLeg {
    /// Where, and whether it is sold.
    pub leg: Leg,
    /// Quantity units.
    pub quantity: u64,
    /// What one of them costs or brings after fees, 1e-9.
    pub price_e9: u64,
}

/// What a relation of either form offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Number of the relation.
    pub relation: u32,
    /// Its legs.
    pub legs: Vec<HitLeg>,
    /// What all of it pays afterwards at least, 1e-9; zero for a cycle.
    pub payoff_e9: i128,
    /// What is left, 1e-9.
    pub profit_e9: u64,
}

impl Hit {
    /// The hit that a relation's values say at these touches; `None` where they say that there is nothing to take.
    #[must_use]
    pub fn new(tables: &WideTables, touches: &[Touch], relation: u32, values: &[i64; 5]) -> Option<Self> {
        let profit_e9 = u64::try_from(values[4]).ok().filter(|profit| *profit > 0)?;
        let legs = tables.quantities(relation, values).map(|(leg, quantity)| {
            let touch = &touches[leg.listing() as usize];
            HitLeg { leg, quantity, price_e9: if leg.sells() { touch.proceeds } else { touch.cost } }
        });
        let linear = tables.linears().get((relation as usize).wrapping_sub(tables.relations().len()));
        let payoff_e9 = linear.map_or(0, |linear| i128::from(linear.payoff_e9) * i128::from(values[0]));
        Some(Self { relation, legs: legs.collect(), payoff_e9, profit_e9 })
    }
}

impl Display for Hit {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let e9 = |amount: i128| {
            let sign = if amount < 0 { "-" } else { "" };
            let amount = amount.unsigned_abs();
            format!("{sign}{}.{:09}", amount / 1_000_000_000, amount % 1_000_000_000)
        };
        write!(f, "relation {}:", self.relation)?;
        for HitLeg { leg, quantity, price_e9 } in &self.legs {
            let way = if leg.sells() { "sell" } else { "buy" };
            write!(f, " {way} {quantity} of {} at {},", leg.listing(), e9(i128::from(*price_e9)))?;
        }
        write!(f, " payoff {}, profit {}", e9(self.payoff_e9), e9(i128::from(self.profit_e9)))
    }
}
