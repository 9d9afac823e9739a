//! The names that people use for venues, instruments and strategies, and the dense numbers that the engine uses.
//!
//! Strategies are numbered as [`crate::control::startup::strategies`] builds them: instrument by instrument in the
//! configuration's order, the market maker before the arbitrage; then taker and options maker of wide work, then parent orders
//! in their order. Made at start.

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::startup;
use crate::control::universe::Universe;
use crate::pipeline::operator::Scope;
use feeds::event::Side;

/// What scopes look like, for error texts.
const SCOPES: &str = "all, side:buy, side:sell, venue:NAME, symbol:SYMBOL, strategy:NUMBER, \
                      strategy:SYMBOL/market_maker, strategy:SYMBOL/arbitrage, strategy:wide/taker, \
                      strategy:wide/options_maker or strategy:SYMBOL/parent";

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Names {
    venues: Vec<String>,
    instruments: Vec<(String, u32)>,
    /// By number.
    strategies: Vec<(String, &'static str)>,
}

impl Names {
    /// The names of a configuration.
    ///
    /// # Errors
    /// An instrument that the universe does not have.
    pub fn new(universe: &impl Universe, config: &Config) -> Result<Self, Failure> {
        let mut names = Self {
            venues: config.venues.iter().map(|venue| venue.name.clone()).collect(),
            ..Self::default()
        };
        for entry in &config.instruments {
            let symbol = &entry.symbol;
            names.instruments.push((symbol.clone(), startup::instrument_number(universe, symbol)?));
            let kinds =
                [("market_maker", entry.market_maker.is_some()), ("arbitrage", entry.arbitrage.is_some())];
            let kinds = kinds.into_iter().filter(|(_, is_there)| *is_there);
            names.strategies.extend(kinds.map(|(kind, _)| (symbol.clone(), kind)));
        }
        let wide = config.wide.as_ref().filter(|wide| !wide.is_empty() && !config.instruments.is_empty());
        let of_wide = wide.into_iter().flat_map(|wide| {
            [("taker", wide.taker.is_some()), ("options_maker", wide.options_maker.is_some())]
        });
        let of_wide = of_wide.filter(|(_, is_there)| *is_there);
        names.strategies.extend(of_wide.map(|(kind, _)| ("wide".to_owned(), kind)));
        let parents = config.parent_orders.iter().map(|parent| (parent.symbol.clone(), "parent"));
        names.strategies.extend(parents);
        Ok(names)
    }

    /// The same with strategies that are handed to the engine beside the configuration's, numbered behind them.
    #[must_use]
    pub fn with_extra(mut self, strategies: usize) -> Self {
        self.strategies.extend((1..=strategies).map(|number| (format!("extra {number}"), "strategy")));
        self
    }

    /// Strategies.
    #[must_use]
    pub fn strategies(&self) -> usize {
        self.strategies.len()
    }

    /// The configured instruments with their dense numbers.
    #[must_use]
    pub fn instruments(&self) -> &[(String, u32)] {
        &self.instruments
    }

    /// The venues, by number.
    #[must_use]
    pub fn venues(&self) -> &[String] {
        &self.venues
    }

    /// The number of an instrument.
    #[must_use]
    pub fn instrument(&self, symbol: &str) -> Option<u32> {
        self.instruments.iter().find_map(|(name, number)| (name == symbol).then_some(*number))
    }

    /// The number of a venue.
    #[must_use]
    pub fn venue(&self, name: &str) -> Option<u8> {
        (0..).zip(&self.venues).find_map(|(number, venue)| (venue == name).then_some(number))
    }

    fn strategy(&self, symbol: &str, kind: &str) -> Option<u16> {
        let numbered = (0..).zip(&self.strategies);
        numbered.into_iter().find_map(|(number, (of, is))| (of == symbol && *is == kind).then_some(number))
    }

    /// What a text means: `all`, `side:buy`, `venue:NASDAQ`, `symbol:AAPL`, `strategy:3`, `strategy:AAPL/arbitrage`.
    ///
    /// # Errors
    /// What it does not mean, and what there is.
    pub fn scope(&self, text: &str) -> Result<Scope, String> {
        let (what, name) = text.split_once(':').unwrap_or((text, ""));
        let known = |found: Option<Scope>, what: &str, list: Vec<&str>| {
            found.ok_or_else(|| format!("scope {text:?}: no such {what}; there are: {}", list.join(", ")))
        };
        match what {
            "all" if name.is_empty() => Ok(Scope::All),
            "side" if name == "buy" => Ok(Scope::Side(Side::Buy)),
            "side" if name == "sell" => Ok(Scope::Side(Side::Sell)),
            "venue" => {
                let list = self.venues.iter().map(String::as_str).collect();
                known(self.venue(name).map(Scope::Venue), "venue", list)
            }
            "symbol" => {
                let list = self.instruments.iter().map(|(name, _)| name.as_str()).collect();
                known(self.instrument(name).map(Scope::Instrument), "instrument", list)
            }
            "strategy" => {
                let number =
                    name.parse().ok().filter(|&number: &u16| usize::from(number) < self.strategies.len());
                let named = name.split_once('/').and_then(|(symbol, kind)| self.strategy(symbol, kind));
                let list = (0..).zip(&self.strategies);
                let list: Vec<String> = list
                    .map(|(number, (symbol, kind)): (u16, _)| format!("{number} ({symbol}/{kind})"))
                    .collect();
                let list = list.iter().map(String::as_str).collect();
                known(number.or(named).map(Scope::Strategy), "strategy", list)
            }
            _ => Err(format!("scope {text:?} is none of: {SCOPES}")),
        }
    }

    /// A scope as [`Self::scope`] reads it.
    #[must_use]
    pub fn show(&self, scope: Scope) -> String {
        match scope {
            Scope::All => "all".to_owned(),
            Scope::Side(side) => format!("side:{}", if side == Side::Buy { "buy" } else { "sell" }),
            Scope::Venue(venue) => match self.venues.get(usize::from(venue)) {
                Some(name) => format!("venue:{name}"),
                None => format!("venue:{venue}"),
            },
            Scope::Instrument(number) => {
                let found = self.instruments.iter().find(|(_, instrument)| *instrument == number);
                found.map_or_else(|| format!("symbol:{number}"), |(symbol, _)| format!("symbol:{symbol}"))
            }
            Scope::Strategy(number) => match self.strategies.get(usize::from(number)) {
                Some((symbol, kind)) => format!("strategy:{symbol}/{kind}"),
                None => format!("strategy:{number}"),
            },
        }
    }

    /// For tests.
    #[cfg(test)]
    pub(crate) fn of(venues: &[&str], instruments: &[&str], strategies: &[(&str, &'static str)]) -> Self {
        Self {
            venues: venues.iter().map(|&name| name.to_owned()).collect(),
            instruments: instruments.iter().map(|&name| name.to_owned()).zip(0..).collect(),
            strategies: strategies.iter().map(|&(symbol, kind)| (symbol.to_owned(), kind)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_shown() {
        let names = Names::of(
            &["NASDAQ", "BX"],
            &["AAPL", "MSFT"],
            &[("AAPL", "market_maker"), ("AAPL", "arbitrage"), ("MSFT", "arbitrage")],
        );
        for (text, scope) in [
            ("all", Scope::All),
            ("side:buy", Scope::Side(Side::Buy)),
            ("side:sell", Scope::Side(Side::Sell)),
            ("venue:BX", Scope::Venue(1)),
            ("symbol:MSFT", Scope::Instrument(1)),
            ("strategy:AAPL/market_maker", Scope::Strategy(0)),
            ("strategy:MSFT/arbitrage", Scope::Strategy(2)),
        ] {
            assert_eq!(names.scope(text), Ok(scope), "{text}");
            assert_eq!(names.show(scope), text);
        }
        assert_eq!(names.scope("strategy:1"), Ok(Scope::Strategy(1)));
        for (text, said) in [
            ("", "is none of"),
            ("everything", "is none of"),
            ("all:now", "is none of"),
            ("side:left", "is none of"),
            ("venue:ARCA", "NASDAQ, BX"),
            ("symbol:", "AAPL, MSFT"),
            ("strategy:3", "0 (AAPL/market_maker)"),
            ("strategy:MSFT/market_maker", "no such strategy"),
            ("strategy:-1", "no such strategy"),
        ] {
            let error = names.scope(text).expect_err(text);
            assert!(error.contains(said), "{error}");
        }
    }
}
