//! Wide work over the option chain that captures list: every contract whose symbol is that of an option on the root
//! ([`feeds::option_symbol`]) is priced, fitted, and held against the others.
//!
//! Symbols say expiry, right and strike. What they do not say (interest, dividends, exercise, the contract's size) is
//! given, and stands in the configuration that is made, so that it can be corrected there. Years are calendar days from
//! the session's date by 365; an option that expires on that day has half a day left.
//!
//! Only relations that hold by what is known are made. With a dividend yield, which says no sum that is sure, and for
//! options on futures, of which no symbol says when they are settled, options are compared with each other alone, and of
//! options on futures and of European ones with a yield no two expiries. Cold; allocates.

use std::collections::BTreeMap;

use feeds::option_symbol::OptionSymbol;

use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::session_date::SessionDate;
use crate::control::surface::config::SurfaceConfig;
use crate::control::wide_config::{
    ChainConfig, ExpiryConfig, OptionConfig, OptionKind, OptionQuoteConfig, WideConfig,
};
use crate::control::wide_kinds::{
    DiscountConfig, ExerciseConfig, PlaceConfig, SpreadExpiryConfig, SpreadKind, SpreadOptionConfig,
    SpreadsConfig,
};

/// Days left of an option that expires on the session's date.
const LAST_DAY: f64 = 0.5;

/// Most requests that may be open: a snapshot of a whole chain changes every contract at once.
const UNANSWERED_MAX: usize = 4_096;

/// Least profit that counts, 1e-9: any.
const PROFIT_MIN_E9: u64 = 1;

/// Most that goes into a relation, 1e-9: a million.
const AMOUNT_MAX_E9: u64 = 1_000_000 * 1_000_000_000;

/// What symbols do not say.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedChain {
    /// The underlying and its venue.
    pub underlying: PlaceConfig,
    /// Root of the options' symbols; the underlying's symbol when not given.
    pub root: Option<String>,
    /// Whether the underlying is a future: its price is the forward.
    pub is_on_future: bool,
    /// When the options may be exercised.
    pub exercise: ExerciseConfig,
    /// Units of the underlying that a contract is about.
    pub contract_size: u64,
    /// Continuously compounded interest a year.
    pub rate: f64,
    /// Continuously compounded dividends a year; 0: none are paid.
    pub dividend_yield: f64,
    /// Annual volatility until the first fit.
    pub volatility: f64,
    /// Distance of two fits, ms.
    pub fit_interval_ms: u64,
}

/// Expiry, strike, put.
type Contracts = BTreeMap<(u32, u64, bool), String>;

impl ListedChain {
    /// The wide work.
    ///
    /// # Errors
    /// No venue lists options on the root, one of them expired before the session, or the terms make no expiry.
    pub fn wide(&self, inputs: &Inputs) -> Result<WideConfig, Failure> {
        let (venue, contracts) = self.contracts(inputs)?;
        let mut years = BTreeMap::new();
        for &(expiry, ..) in contracts.keys() {
            years.insert(expiry, years_to(inputs.date, expiry)?);
        }
        let years: Vec<(u32, f64)> = years.into_iter().collect();
        let number = |expiry| years.iter().position(|(other, _)| *other == expiry).unwrap_or_default();
        let kind = |is_put| if is_put { OptionKind::Put } else { OptionKind::Call };
        let option = |(&(expiry, strike, is_put), symbol): (&(u32, u64, bool), &String)| OptionConfig {
            expiry: number(expiry),
            strike_e9: strike.cast_signed(),
            kind: kind(is_put),
            volatility: self.volatility,
            symbol: Some(symbol.clone()),
        };
        let in_spreads =
            |(&(expiry, strike_e9, is_put), symbol): (&(u32, u64, bool), &String)| SpreadOptionConfig {
                symbol: symbol.clone(),
                expiry: number(expiry),
                strike_e9,
                kind: kind(is_put),
            };
        let wide = WideConfig {
            unanswered_max: contracts.len().clamp(64, UNANSWERED_MAX),
            chains: vec![ChainConfig {
                venue: self.underlying.venue.clone(),
                symbol: self.underlying.symbol.clone(),
                exercise: self.exercise,
                options_venue: Some(venue.clone()),
                expiries: years.iter().map(|(_, years)| self.expiry(*years)).collect(),
                options: contracts.iter().map(option).collect(),
                strikes: None,
                quote: OptionQuoteConfig::default(),
            }],
            spreads: vec![SpreadsConfig {
                venue,
                kinds: self.kinds(),
                exercise: self.exercise,
                unit_e9: self.contract_size.saturating_mul(1_000_000_000),
                reach: 1,
                underlying: self.is_hedged().then(|| self.underlying.clone()),
                expiries: years.iter().map(|(_, years)| self.spread_expiry(*years)).collect(),
                options: contracts.iter().map(in_spreads).collect(),
                amount_max_e9: AMOUNT_MAX_E9,
                profit_min_e9: PROFIT_MIN_E9,
            }],
            surface: Some(SurfaceConfig {
                fit_interval_ms: self.fit_interval_ms,
                ..SurfaceConfig::default()
            }),
            ..WideConfig::default()
        };
        wide.check().map_err(|what| Failure::Input(format!("wide: {what}")))?;
        Ok(wide)
    }

    /// The first venue that lists options on the root, and these.
    fn contracts(&self, inputs: &Inputs) -> Result<(String, Contracts), Failure> {
        let root = self.root.as_ref().unwrap_or(&self.underlying.symbol);
        for input in &inputs.venues {
            let mut contracts = Contracts::new();
            for listing in &input.scan.listings {
                let symbol = listing.symbol.to_string();
                let Some(option) = OptionSymbol::parse(&symbol).filter(|option| option.root == root) else {
                    continue;
                };
                let key = (option.expiry, option.strike_e9, option.is_put);
                contracts.insert(key, symbol);
            }
            if !contracts.is_empty() {
                return Ok((input.venue.clone(), contracts));
            }
        }
        let what = format!("no capture lists options on {root}, such as {root}151224C00750000");
        Err(Failure::Input(format!("{what}; name another --root")))
    }

    fn expiry(&self, years: f64) -> ExpiryConfig {
        let (rate, dividend_yield) = (Some(self.rate), Some(self.dividend_yield));
        let by_rates = ExpiryConfig { years, rate, dividend_yield, carry: None, discount: None };
        if !self.is_on_future {
            return by_rates;
        }
        let discount = ((-self.rate * years).exp() * 1e9).round() / 1e9;
        let (carry, discount) = (Some(1.0), Some(discount));
        ExpiryConfig { years, rate: None, dividend_yield: None, carry, discount }
    }

    fn spread_expiry(&self, years: f64) -> SpreadExpiryConfig {
        let (years, rate) = (Some(years), Some(self.rate));
        SpreadExpiryConfig {
            discount: DiscountConfig { years, rate, ..DiscountConfig::default() },
            dividends_received_e9: 0,
            dividends_paid_e9: 0,
            future: None,
        }
    }

    fn is_hedged(&self) -> bool {
        !self.is_on_future && self.dividend_yield == 0.0
    }

    fn kinds(&self) -> Vec<SpreadKind> {
        let mut kinds = vec![SpreadKind::Box, SpreadKind::Vertical, SpreadKind::Butterfly];
        if self.is_hedged() {
            kinds.insert(0, SpreadKind::Parity);
        }
        if self.is_hedged() || (!self.is_on_future && self.exercise == ExerciseConfig::American) {
            kinds.push(SpreadKind::Calendar);
        }
        if self.is_hedged() {
            kinds.push(SpreadKind::ExerciseValue);
        }
        kinds
    }
}

fn years_to(session: SessionDate, expiry: u32) -> Result<f64, Failure> {
    let date = SessionDate::new(expiry / 10_000, expiry / 100 % 100, expiry % 100);
    let days = date.and_then(|date| date.days().checked_sub(session.days()));
    let what = || format!("options expire on {expiry}, and the session's date is {session}; give --date");
    let days = days.ok_or_else(|| Failure::Input(what()))? as f64;
    Ok(if days == 0.0 { LAST_DAY } else { days } / 365.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use feeds::source::file::Capture;
    use std::io::Write;

    /// An archive with an option of each right at three strikes in two expiries.
    fn inputs(date: u32) -> Inputs {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for expiry in [20_151_224, 20_160_115] {
            for (right, strike) in
                [("call", 74), ("put", 74), ("call", 75), ("put", 75), ("call", 76), ("put", 76)]
            {
                let name = format!("20151224_goog_minute_quote_american_{right}_{strike}00000_{expiry}.csv");
                zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("a file");
                zip.write_all(b"34200000,1,1,1,10000,5,1,1,1,20000,5\n").expect("a row");
            }
        }
        let bytes = zip.finish().expect("an archive").into_inner();
        let capture = Capture::from_bytes("goog", bytes).expect("a capture");
        let date = SessionDate::new(date / 10_000, date / 100 % 100, date % 100).expect("a date");
        Inputs::of_captures(vec![(capture, "OPTIONS".to_owned())], date).expect("inputs")
    }

    fn chain() -> ListedChain {
        ListedChain {
            underlying: PlaceConfig { venue: "SHARES".to_owned(), symbol: "GOOG".to_owned() },
            root: None,
            is_on_future: false,
            exercise: ExerciseConfig::American,
            contract_size: 100,
            rate: 0.01,
            dividend_yield: 0.0,
            volatility: 0.3,
            fit_interval_ms: 1_000,
        }
    }

    #[test]
    fn every_listed_contract_is_in_the_chain_and_in_the_spreads() {
        let wide = chain().wide(&inputs(20_151_224)).expect("a chain");
        let (made, spreads) = (&wide.chains[0], &wide.spreads[0]);
        assert_eq!((made.options.len(), spreads.options.len()), (12, 12));
        let years: Vec<f64> = made.expiries.iter().map(|expiry| expiry.years).collect();
        assert_eq!(years, [0.5 / 365.0, 22.0 / 365.0]);
        let option = &made.options[7];
        assert_eq!((option.expiry, option.strike_e9, option.kind), (1, 740_000_000_000, OptionKind::Put));
        assert_eq!(option.symbol.as_deref(), Some("GOOG160115P00740000"));
        assert_eq!(spreads.unit_e9, 100_000_000_000);
        assert_eq!(spreads.kinds.len(), 6);
        assert!(spreads.underlying.is_some());
    }

    #[test]
    fn what_is_not_known_makes_no_relation() {
        let inputs = inputs(20_151_223);
        let kinds = |chain: ListedChain| {
            let wide = chain.wide(&inputs).expect("a chain");
            assert_eq!(wide.spreads[0].underlying, None);
            wide.spreads[0].kinds.clone()
        };
        use SpreadKind::{Box, Butterfly, Calendar, Vertical};
        let paying = ListedChain { dividend_yield: 0.02, ..chain() };
        assert_eq!(kinds(paying.clone()), [Box, Vertical, Butterfly, Calendar]);
        let european = ListedChain { exercise: ExerciseConfig::European, ..paying };
        assert_eq!(kinds(european), [Box, Vertical, Butterfly]);
        let on_future = ListedChain { is_on_future: true, ..chain() };
        assert_eq!(kinds(on_future.clone()), [Box, Vertical, Butterfly]);
        let expiry = on_future.wide(&inputs).expect("a chain").chains[0].expiries[1];
        assert_eq!((expiry.carry, expiry.rate), (Some(1.0), None));
    }

    #[test]
    fn what_cannot_be_made_says_why() {
        let said = |chain: ListedChain, date| chain.wide(&inputs(date)).expect_err("no chain").to_string();
        let other = ListedChain { root: Some("AAPL".to_owned()), ..chain() };
        assert!(said(other, 20_151_224).contains("no capture lists options on AAPL"));
        assert!(said(chain(), 20_151_225).contains("expire on 20151224"));
    }
}
