//! What no order may break by what the engine had been told when it decided it, each rule by its name.

use engine::pipeline::operator::Scope;

use super::orders::Own;
use super::{Moment, Totals, concerns};
use crate::limits::{SumLimits, SymbolLimits};
use crate::monitor::{Action, Ask};

/// An order or replace, and what it is held against.
pub struct Weighed<'a> {
    ask: &'a Ask,
    moment: &'a Moment,
    target: Option<&'a Own>,
}

/// One rule.
pub struct Rule {
    pub name: &'static str,
    /// What is wrong where it is broken.
    pub says: &'static str,
    is_broken: fn(&Weighed<'_>) -> bool,
}

impl Weighed<'_> {
    fn limits(&self) -> &SymbolLimits {
        &self.moment.limits.symbols[self.ask.symbol]
    }

    /// What it could fill more than what is open already.
    fn quantity(&self) -> i128 {
        let filled = self.target.map_or(0, |order| order.cumulative);
        let held = self.target.map_or(0, Own::at_risk);
        i128::from(self.ask.quantity.saturating_sub(filled).max(held) - held)
    }

    /// The same in money, 1e-9.
    fn notional(&self) -> i128 {
        let filled = self.target.map_or(0, |order| order.cumulative);
        let wanted = i128::from(self.ask.price) * i128::from(self.ask.quantity.saturating_sub(filled));
        (wanted - self.target.map_or(0, Own::notional)).max(0)
    }

    /// Position of its side if everything fills that is open there.
    fn worst(&self) -> i128 {
        let (position, open_buy, open_sell) = self.moment.exposure[self.ask.symbol];
        let (position, open) =
            if self.ask.buy { (i128::from(position), open_buy) } else { (-i128::from(position), open_sell) };
        position + i128::from(open) + self.quantity()
    }

    fn breaks(&self, sums: &SumLimits, totals: &Totals, which: Sum) -> bool {
        let more = self.notional();
        let open = totals.open_buy + totals.open_sell + more;
        let adds = self.worst() > 0;
        match (which, totals.positions) {
            (Sum::Open, _) => more > 0 && open > sums.open,
            (_, None) => false,
            (Sum::Gross, Some(positions)) => adds && more > 0 && positions.gross + open > sums.gross,
            (Sum::Net, Some(positions)) if self.ask.buy => {
                adds && more > 0 && positions.net + totals.open_buy + more > sums.net
            }
            (Sum::Net, Some(positions)) => {
                adds && more > 0 && totals.open_sell + more - positions.net > sums.net
            }
        }
    }

    fn breaks_any(&self, which: Sum) -> bool {
        let Moment { limits, strategy, firm, own, .. } = self.moment;
        self.breaks(&limits.firm.sums, firm, which)
            || self.breaks(&limits.strategies[*strategy].sums, own, which)
    }

    /// Sum of bid and offer that prices are compared with: the national ones, the venue's where those are crossed.
    fn twice_the_mid(&self) -> Option<i128> {
        let Self { ask, moment, .. } = self;
        let national = moment.market.national_without(None, ask.symbol);
        let is_crossed = matches!(national, (Some(bid), Some(offer)) if bid > offer);
        let quote = if is_crossed { moment.market.book(ask.venue, ask.symbol).touch } else { national };
        if let (Some(bid), Some(offer)) = quote {
            return Some(i128::from(bid) + i128::from(offer));
        }
        let (price, time_ns) = moment.market.last_trade(ask.symbol)?;
        let is_young = moment.time_ns.saturating_sub(time_ns) < self.limits().last_trade_age_ns;
        is_young.then_some(2 * i128::from(price))
    }

    fn sells_short(&self) -> bool {
        self.limits().us_equity && !self.ask.buy && self.worst() > 0
    }

    /// How far it is through a price of the other side.
    fn through(&self, (bid, offer): super::market::Quote) -> Option<i128> {
        let price = i128::from(self.ask.price);
        if self.ask.buy { Some(price - i128::from(offer?)) } else { Some(i128::from(bid?) - price) }
    }

    fn through_away(&self) -> Option<i128> {
        let Self { ask, moment, .. } = self;
        self.through(moment.market.national_without(Some(ask.venue), ask.symbol))
            .filter(|_| self.limits().us_equity)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sum {
    Gross,
    Net,
    Open,
}

/// See the module's text.
pub const RULES: &[Rule] = &[
    Rule {
        name: "STOPPED",
        says: "its scope was stopped, by a person or by a limit that was broken before",
        is_broken: |of| {
            let stops = |&(scope, _): &(Scope, _)| concerns(scope, of.ask, of.moment.strategy);
            of.moment.stopped.iter().any(stops)
        },
    },
    Rule {
        name: "MARKET",
        says: "the symbol is not in continuous trading at the venue, its book is crossed, or messages are missing",
        is_broken: |of| {
            let book = of.moment.market.book(of.ask.venue, of.ask.symbol);
            let is_crossed = matches!(book.touch, (Some(bid), Some(offer)) if bid > offer);
            is_crossed || !book.trades || !book.is_current
        },
    },
    Rule {
        name: "DATA_AGE",
        says: "the venue's feed has been silent for too long",
        is_broken: |of| {
            let heard = of.moment.market.heard(of.ask.venue);
            let age_ns =
                heard.map_or(u64::MAX, |(receive_ns, _)| of.moment.time_ns.saturating_sub(receive_ns));
            age_ns > of.limits().data_age_ns
        },
    },
    Rule {
        name: "CLOCK_SKEW",
        says: "the exchange's clock and ours are too far apart",
        is_broken: |of| {
            let heard = of.moment.market.heard(of.ask.venue).filter(|heard| heard.1 != 0);
            let skew_ns = heard.map_or(0, |(receive_ns, exchange_ns)| receive_ns.abs_diff(exchange_ns));
            skew_ns > of.moment.limits.firm.clock_skew_max_ns
        },
    },
    Rule {
        name: "NO_REFERENCE",
        says: "there is no price to compare its own with",
        is_broken: |of| of.twice_the_mid().is_none(),
    },
    Rule {
        name: "COLLAR",
        says: "its price is too far from the reference",
        is_broken: |of| {
            let Some(mid_twice) = of.twice_the_mid() else { return false };
            let distance = (2 * i128::from(of.ask.price) - mid_twice).abs();
            distance * 10_000 > of.limits().collar_bp * mid_twice
        },
    },
    Rule {
        name: "TOUCH",
        says: "it is too far through the venue's best price",
        is_broken: |of| {
            let limits = of.limits();
            let most = limits.touch_ticks_max * i128::from(limits.price_tick);
            let touch = of.moment.market.book(of.ask.venue, of.ask.symbol).touch;
            of.through(touch).is_some_and(|distance| distance > most)
        },
    },
    Rule {
        name: "GROSS_NOTIONAL",
        says: "positions and open orders together are worth more than they may be",
        is_broken: |of| of.breaks_any(Sum::Gross),
    },
    Rule {
        name: "NET_NOTIONAL",
        says: "positions and the open orders of its side, long less short, are worth more than they may be",
        is_broken: |of| of.breaks_any(Sum::Net),
    },
    Rule {
        name: "OPEN_NOTIONAL_TOLD",
        says: "the open orders are worth more than they may be",
        is_broken: |of| of.breaks_any(Sum::Open),
    },
    Rule {
        name: "BUYING_POWER",
        says: "positions and open orders take more margin than there is",
        is_broken: |of| {
            let more = of.notional() * of.limits().margin_bp;
            let most = of.moment.limits.firm.buying_power.saturating_mul(10_000);
            let sum = of.moment.margin.filter(|_| of.worst() > 0 && more > 0);
            sum.is_some_and(|sum| sum + more > most)
        },
    },
    Rule {
        name: "SHORT_MARK",
        says: "it sells short and is not marked so, or changes its mark",
        is_broken: |of| {
            let was_short = of.target.map(|order| order.short);
            (of.sells_short() && !of.ask.short) || was_short.is_some_and(|short| short != of.ask.short)
        },
    },
    Rule {
        name: "SHORT_LOCATE",
        says: "it sells short more than was located",
        is_broken: |of| of.sells_short() && of.worst() > of.limits().locate_qty,
    },
    Rule {
        name: "SHORT_PRICE",
        says: "a restricted short sale is at or below the national best bid",
        is_broken: |of| {
            let bid = of.moment.market.national_without(None, of.ask.symbol).0;
            let is_low = bid.is_none_or(|bid| of.ask.price <= bid);
            of.sells_short() && of.limits().short_restricted && is_low
        },
    },
    Rule {
        name: "LOCKS_AWAY",
        says: "it would rest and lock or cross another venue's quote",
        is_broken: |of| !of.takes() && of.through_away().is_some_and(|distance| distance >= 0),
    },
    Rule {
        name: "TRADE_THROUGH",
        says: "it could trade through another venue's better quote",
        is_broken: |of| of.takes() && of.through_away().is_some_and(|distance| distance > 0),
    },
    Rule {
        name: "ORDER_TO_TRADE",
        says: "there are too many messages for each trade",
        is_broken: |of| {
            let Moment { messages, trades, limits, .. } = of.moment;
            *messages >= limits.firm.order_to_trade_from
                && *messages >= limits.firm.order_to_trade_max.saturating_mul((*trades).max(1))
        },
    },
];

impl Weighed<'_> {
    /// Whether it takes and never rests; a replaced order keeps what it was.
    fn takes(&self) -> bool {
        self.target.map_or(self.ask.takes, |order| order.takes)
    }
}

/// Holds an order or replace against every rule.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(ask: &Ask, moment: &Moment, target: Option<&Own>) -> Result<(), (&'static str, String)> {
    debug_assert!(ask.action != Action::Cancel, "cancels always pass");
    let weighed = Weighed { ask, moment, target };
    match RULES.iter().find(|rule| (rule.is_broken)(&weighed)) {
        Some(rule) => Err((rule.name, format!("{} in {ask:?}; {}", rule.says, moment.shown(ask)))),
        None => Ok(()),
    }
}

impl Moment {
    fn shown(&self, ask: &Ask) -> String {
        format!(
            "decided at {} for strategy {}: national {:?}, touch {:?}, firm {:?}, own {:?}, margin {:?}, exposure {:?}, \
             {} messages, {} trades, stopped {:?}, limits {:?}",
            self.time_ns,
            self.strategy,
            self.market.national_without(None, ask.symbol),
            self.market.book(ask.venue, ask.symbol).touch,
            self.firm,
            self.own,
            self.margin,
            self.exposure[ask.symbol],
            self.messages,
            self.trades,
            self.stopped,
            self.limits.symbols[ask.symbol],
        )
    }
}
