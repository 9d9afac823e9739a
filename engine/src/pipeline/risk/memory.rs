//! What [`Risk`] keeps of the last while and no resumed run takes over: message rates, new orders, fills within windows, last
//! trades. A scene needs it (`control/slowest`): it must come to the same answer as the run did in the middle of its day.
//!
//! Cold. What is measured anew when it is needed (the room of sums) is not in it.

use serde::{Deserialize, Serialize};

use super::Risk;
use super::rate::MessageRate;
use super::recent::RememberedOrder;

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskMemory {
    /// Rates that were used: number (the firm's, its cancels', venues', instruments'), credit, time.
    rates: Vec<(usize, u64, u64)>,
    /// Instruments with a price: number, mark, price and time of the last trade.
    prices: Vec<(usize, i64, i64, u64)>,
    /// New orders within the duplicates' window, oldest first.
    orders: Vec<RememberedOrder>,
    /// Strategies' fills: of executions and of the protection's window, time and signed quantity, oldest first.
    fills: Vec<[Vec<(u64, i64)>; 2]>,
}

impl Risk {
    fn rates(&mut self) -> impl Iterator<Item = &mut MessageRate> {
        let venues = self.venues.iter_mut().map(|venue| &mut venue.rate);
        let instruments = self.instruments.iter_mut().map(|at| &mut at.rate);
        [&mut self.firm.rate, &mut self.firm.cancels].into_iter().chain(venues).chain(instruments)
    }

    /// What it keeps of the last while, at core time `now_ns`.
    #[must_use]
    pub fn memory(&self, now_ns: u64) -> RiskMemory {
        let venues = self.venues.iter().map(|venue| &venue.rate);
        let instruments = self.instruments.iter().map(|at| &at.rate);
        let rates = [&self.firm.rate, &self.firm.cancels].into_iter().chain(venues).chain(instruments);
        let rates = rates.map(MessageRate::memory).enumerate().filter(|(_, (_, last_ns))| *last_ns != 0);
        let mut orders: Vec<RememberedOrder> = (0..)
            .zip(&self.instruments)
            .flat_map(|(number, at)| {
                self.recent.of(number, &at.recent, now_ns, at.limits.duplicate_window_ns)
            })
            .collect();
        orders.sort_unstable_by_key(|order| order.number);
        let prices = self.instruments.iter().enumerate();
        let prices = prices.filter(|(_, at)| at.mark != 0 || at.last_trade_ns != 0);
        RiskMemory {
            rates: rates.map(|(number, (credit, last_ns))| (number, credit, last_ns)).collect(),
            prices: prices
                .map(|(number, at)| (number, at.mark, at.last_trade_px, at.last_trade_ns))
                .collect(),
            orders,
            fills: self
                .strategies
                .iter()
                .map(|strategy| {
                    [&strategy.executions, &strategy.protection].map(|window| window.entries().collect())
                })
                .collect(),
        }
    }

    /// Takes over what [`Self::memory`] gave, after [`Risk::resume`]; whether it has a place for all of it.
    pub fn recall(&mut self, memory: &RiskMemory) -> bool {
        let mut rates: Vec<_> = self.rates().collect();
        for &(number, credit, last_ns) in &memory.rates {
            let Some(rate) = rates.get_mut(number) else { return false };
            rate.recall(credit, last_ns);
        }
        for &(number, mark, last_trade_px, last_trade_ns) in &memory.prices {
            let Some(at) = self.instruments.get_mut(number) else { return false };
            (at.mark, at.last_trade_px, at.last_trade_ns) = (mark, last_trade_px, last_trade_ns);
        }
        for order in &memory.orders {
            let Some(at) = self.instruments.get_mut(order.instrument as usize) else { return false };
            self.recent.recall(&mut at.recent, order, at.limits.duplicate_window_ns);
        }
        if memory.fills.len() != self.strategies.len() {
            return false;
        }
        for (strategy, [executions, protection]) in self.strategies.iter_mut().zip(&memory.fills) {
            strategy.executions.recall(executions);
            strategy.protection.recall(protection);
        }
        true
    }
}
