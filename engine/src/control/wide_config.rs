//! `[wide]`: the relations that are looked for and the option chains that are priced, with the terms of their listings.
//!
//! Money is an integer in 1e-9 and says so in its name; years, rates and volatilities are decimal fractions. What is
//! checked here needs no symbol directory; `control/wide_plan.rs` makes numbers of the names.

use kernels::abi::{AMOUNT_MAX, LEGS_MAX};
use serde::{Deserialize, Serialize};

use super::wide_kinds::{BasisConfig, BasketConfig, CurrenciesConfig, ExerciseConfig, SpreadsConfig};
use crate::control::surface::config::SurfaceConfig;
use crate::strategy::options_maker::OptionsMakerConfig;
use crate::strategy::relation_taker::RelationTakerConfig;

/// Longest virtual latency of an answer: far beyond any device.
const LATENCY_NS_MAX: u64 = 1_000_000_000;

/// Most requests without an answer.
const UNANSWERED_MAX: usize = 4_096;

/// Most options that one chain's grid of strikes makes.
const GRID_MAX: i64 = 1 << 20;

/// Wide work; without relations, pairs and chains there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WideConfig {
    /// In lockstep an answer takes effect so long after its request, whoever computes it, ns. Default 5,000: a round trip
    /// over PCIe with some microseconds of computing. At least 1.
    pub compute_latency_ns: u64,
    /// A device is used where it is at least so many times as fast as the CPU. Default 2: less is not worth its risks.
    pub min_speedup: f64,
    /// What `warptick gpu bench --profile` measured on this machine. With `--backend auto` a listing is the device's from the
    /// least width on from which every line is `min_speedup` times as fast; without lines the CPU computes everything.
    pub measured: Vec<MeasuredConfig>,
    /// Requests that may be without an answer; what changes beyond that is asked for later. Default 64.
    pub unanswered_max: usize,
    /// How a device is waited for and given up.
    pub device: DeviceConfig,
    /// Terms of listings that have others than the defaults.
    pub listings: Vec<WideListingConfig>,
    /// Cycles of trades.
    pub relations: Vec<RelationConfig>,
    /// Instruments that are compared between all venues, each pair of venues in both directions.
    pub pairs: Vec<PairsConfig>,
    /// Markets of currencies, and all cycles through them.
    pub currencies: Vec<CurrenciesConfig>,
    /// Listed options, and what they owe each other.
    pub spreads: Vec<SpreadsConfig>,
    /// Funds and their baskets.
    pub baskets: Vec<BasketConfig>,
    /// Futures and what they deliver.
    pub bases: Vec<BasisConfig>,
    /// Option chains.
    pub chains: Vec<ChainConfig>,
    /// Fits the volatilities of chains to their quotes. Without it they stay as configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surface: Option<SurfaceConfig>,
    /// Quotes for options that are listed and may be traded. Without it they are priced and quoted for in answers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options_maker: Option<OptionsMakerConfig>,
    /// Takes what relations find. Without it they are found and reported only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taker: Option<RelationTakerConfig>,
}

impl Default for WideConfig {
    fn default() -> Self {
        Self {
            compute_latency_ns: 5_000,
            min_speedup: 2.0,
            measured: Vec::new(),
            device: DeviceConfig::default(),
            unanswered_max: 64,
            listings: Vec::new(),
            relations: Vec::new(),
            pairs: Vec::new(),
            currencies: Vec::new(),
            spreads: Vec::new(),
            baskets: Vec::new(),
            bases: Vec::new(),
            chains: Vec::new(),
            surface: None,
            options_maker: None,
            taker: None,
        }
    }
}

/// Where the rings between host and device lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RingPlace {
    /// Pinned memory of the host: the device polls over the bus.
    #[default]
    Host,
    /// The device's own memory, mapped through its BAR: the host writes over the bus.
    Bar,
}

/// How a device is waited for and given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceConfig {
    /// Live: an answer that takes longer is the CPU's, us. Default 200: a hundred round trips.
    pub soft_deadline_us: u64,
    /// Live: a heartbeat that stands still for longer, with an answer missing, is a dead kernel's, us. Default 1,000.
    pub stale_us: u64,
    /// Lockstep, which has no deadline: a heartbeat that stands still for longer is a dead kernel's, ms. Default 10,000.
    pub lost_ms: u64,
    /// After a kernel was given up another is made so much later, and twice as long after each further one, ms.
    /// Default 1,000.
    pub retry_ms: u64,
    /// Where the rings lie. Only "host" so far.
    pub ring: RingPlace,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            soft_deadline_us: 200,
            stale_us: 1_000,
            lost_ms: 10_000,
            retry_ms: 1_000,
            ring: RingPlace::Host,
        }
    }
}

impl DeviceConfig {
    fn check(&self) -> Result<(), String> {
        for (name, value, most) in [
            ("soft_deadline_us", self.soft_deadline_us, 10_000_000),
            ("stale_us", self.stale_us, 10_000_000),
            ("lost_ms", self.lost_ms, 600_000),
            ("retry_ms", self.retry_ms, 600_000),
        ] {
            if value == 0 || value > most {
                return Err(format!("device.{name} is {value}; 1 to {most}"));
            }
        }
        if self.ring == RingPlace::Bar {
            return Err("device.ring = \"bar\": drivers up to 580 do not map a device's memory for the host without a \
                        kernel module; use \"host\""
                .to_owned());
        }
        Ok(())
    }
}

/// What depends on a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkKind {
    /// Relations that it is a leg of.
    Relations,
    /// Options that it is the underlying of.
    Options,
}

/// One line of what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredConfig {
    /// Of what.
    pub work: WorkKind,
    /// Dependents of the listing.
    pub width: u32,
    /// Median time of the CPU for a request, ns.
    pub cpu_ns: u64,
    /// Median time of the device for a request, ns.
    pub device_ns: u64,
}

/// The least width from which on all that was measured is at least `min_speedup` times as fast on the device.
#[must_use]
pub fn crossover(measured: &[MeasuredConfig], work: WorkKind, min_speedup: f64) -> Option<u32> {
    let mut lines: Vec<&MeasuredConfig> = measured.iter().filter(|line| line.work == work).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.width));
    let is_fast = |line: &&&MeasuredConfig| line.cpu_ns as f64 >= min_speedup * line.device_ns as f64;
    // All lines of a width have to be fast: a slow one ends the run of the fast ones above it.
    let slow = lines.iter().find(|line| !is_fast(line)).map(|line| line.width);
    lines.iter().take_while(is_fast).map(|line| line.width).filter(|width| Some(*width) != slow).last()
}

/// Terms of one instrument at one venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideListingConfig {
    /// Venue.
    pub venue: String,
    /// Symbol.
    pub symbol: String,
    /// What a quantity unit is of the thing traded, 1e-9. Default 10^9: a share, a contract.
    #[serde(default = "one_e9")]
    pub unit_e9: u64,
    /// Orders are multiples of it, quantity units. Default 1.
    #[serde(default = "one")]
    pub lot: u64,
    /// Taker fee in proportion to the amount, 1e-9; negative is a rebate. Default 0.
    #[serde(default)]
    pub fee_ppb: i64,
    /// Taker fee a quantity unit, 1e-9; negative is a rebate. Default: the venue's `taker_fee_e9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_unit_e9: Option<i64>,
    /// Its contracts are a fixed amount of the money that the price counts (`unit_e9`), paid for in what is priced: 100
    /// dollars of a coin, quoted in dollars a coin. A leg that buys there takes the bid. Default no.
    #[serde(default)]
    pub inverse: bool,
}

const fn one() -> u64 {
    1
}

pub(super) const fn one_e9() -> u64 {
    1_000_000_000
}

/// Whether a leg buys or sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LegSide {
    /// Takes offers.
    Buy,
    /// Takes bids.
    Sell,
}

/// One leg of a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegConfig {
    /// Venue.
    pub venue: String,
    /// Symbol.
    pub symbol: String,
    /// Buy or sell.
    pub side: LegSide,
}

/// A cycle of trades: what comes out of a leg goes into the next one, and out of the last comes what the first one took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationConfig {
    /// Two to four legs.
    pub legs: Vec<LegConfig>,
    /// Most that goes into the first leg, 1e-9.
    #[serde(default = "default_amount_max_e9")]
    pub amount_max_e9: u64,
    /// Least profit that counts, 1e-9 of what the first leg takes.
    #[serde(default = "one_e9")]
    pub profit_min_e9: u64,
}

/// 250,000: half of the default risk limit of an order.
pub(super) const fn default_amount_max_e9() -> u64 {
    250_000 * one_e9()
}

/// Instruments, compared between all venues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairsConfig {
    /// Their symbols.
    pub symbols: Vec<String>,
    /// Most that a purchase costs, 1e-9.
    #[serde(default = "default_amount_max_e9")]
    pub amount_max_e9: u64,
    /// Least profit that counts, 1e-9.
    #[serde(default = "one_e9")]
    pub profit_min_e9: u64,
}

/// The options of one underlying.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// Venue whose mid price of the underlying prices them.
    pub venue: String,
    /// The underlying.
    pub symbol: String,
    /// When its options may be exercised. Default "european"; the early exercise of American ones is priced with each fit of a
    /// surface, and counts from the first one on.
    #[serde(default)]
    pub exercise: ExerciseConfig,
    /// Venue where its options are quoted. Default: the underlying's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options_venue: Option<String>,
    /// Expiries; options name them by number, from 0.
    pub expiries: Vec<ExpiryConfig>,
    /// Options one by one.
    #[serde(default)]
    pub options: Vec<OptionConfig>,
    /// A call and a put at each of these strikes in each expiry, behind `options`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strikes: Option<StrikesConfig>,
    /// What our quotes are like.
    #[serde(default)]
    pub quote: OptionQuoteConfig,
}

/// An expiry: give `rate` and `dividend_yield`, or `carry` and `discount`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiryConfig {
    /// Time to expiry, years.
    pub years: f64,
    /// Continuously compounded interest a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Continuously compounded dividends a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dividend_yield: Option<f64>,
    /// Forward of 1 of the underlying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<f64>,
    /// Present value of 1 paid at expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<f64>,
}

/// How an expiry's forward and present value are given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExpiryTerms {
    /// By rates a year.
    Rates {
        /// Interest.
        rate: f64,
        /// Dividends.
        dividend_yield: f64,
    },
    /// As factors.
    Factors {
        /// Forward of 1 of the underlying.
        carry: f64,
        /// Present value of 1 paid at expiry.
        discount: f64,
    },
}

/// Call or put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionKind {
    /// The right to buy.
    Call,
    /// The right to sell.
    Put,
}

/// One European option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionConfig {
    /// Number of its expiry in the chain.
    pub expiry: usize,
    /// Strike, 1e-9.
    pub strike_e9: i64,
    /// Call or put.
    pub kind: OptionKind,
    /// Annual volatility, 0.2 for 20 %; until a surface gives another one.
    pub volatility: f64,
    /// The symbol under which it is listed. Without one it is priced, not looked at or traded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
}

/// Strikes at even distances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrikesConfig {
    /// Lowest strike, 1e-9.
    pub from_e9: i64,
    /// Highest strike, 1e-9; the last one may lie below it.
    pub to_e9: i64,
    /// Distance, 1e-9.
    pub step_e9: i64,
    /// Annual volatility of all of them.
    pub volatility: f64,
    /// Their symbols: expiry by expiry, strike by strike, the call before the put; an empty one is not listed. Default:
    /// none is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
}

/// What our quotes for a chain's options are like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptionQuoteConfig {
    /// Least half of a quote's width, 1e-9. Default 0.02.
    pub half_width_min_e9: i64,
    /// Half of the width a unit of vega (a volatility higher by 1). Default 0.005: half a point of volatility.
    pub width_vega: f64,
    /// Price increment of the options, 1e-9. Default a cent.
    pub tick_e9: i64,
}

impl Default for OptionQuoteConfig {
    fn default() -> Self {
        Self { half_width_min_e9: 20_000_000, width_vega: 0.005, tick_e9: 10_000_000 }
    }
}

impl WideConfig {
    /// Whether there is anything to compute.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.relations.is_empty()
            && self.pairs.is_empty()
            && self.currencies.is_empty()
            && self.spreads.is_empty()
            && self.baskets.is_empty()
            && self.bases.is_empty()
            && self.chains.is_empty()
    }

    /// Checks what needs no names.
    ///
    /// # Errors
    /// The first field out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        within("compute_latency_ns", self.compute_latency_ns, 1, LATENCY_NS_MAX)?;
        within("unanswered_max", self.unanswered_max, 1, UNANSWERED_MAX)?;
        self.device.check()?;
        if !self.min_speedup.is_finite() || self.min_speedup < 1.0 {
            return Err(format!("min_speedup is {}; at least 1", self.min_speedup));
        }
        numbered("listings", &self.listings, WideListingConfig::check)?;
        numbered("relations", &self.relations, RelationConfig::check)?;
        numbered("pairs", &self.pairs, PairsConfig::check)?;
        numbered("currencies", &self.currencies, CurrenciesConfig::check)?;
        numbered("spreads", &self.spreads, SpreadsConfig::check)?;
        numbered("baskets", &self.baskets, BasketConfig::check)?;
        numbered("bases", &self.bases, BasisConfig::check)?;
        numbered("chains", &self.chains, ChainConfig::check)?;
        let is_american = self.chains.iter().any(|chain| chain.exercise == ExerciseConfig::American);
        if is_american && self.surface.is_none() {
            return Err("chains of American options need [wide.surface]: their early exercise is priced with its fits".to_owned());
        }
        if let Some(surface) = &self.surface {
            surface.check().map_err(|what| format!("surface: {what}"))?;
        }
        if let Some(maker) = &self.options_maker {
            maker.check().map_err(|what| format!("options_maker: {what}"))?;
        }
        match &self.taker {
            Some(taker) => taker.check().map_err(|what| format!("taker: {what}")),
            None => Ok(()),
        }
    }
}

pub(super) fn numbered<T>(
    name: &str,
    list: &[T],
    check: impl Fn(&T) -> Result<(), String>,
) -> Result<(), String> {
    let mut numbered = list.iter().enumerate();
    numbered.try_for_each(|(number, one)| check(one).map_err(|what| format!("{name}[{number}]: {what}")))
}

pub(super) fn within<T: PartialOrd + std::fmt::Display>(
    name: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), String> {
    if value < least || value > most {
        return Err(format!("{name} is {value}; give {least} to {most}"));
    }
    Ok(())
}

pub(super) fn finite(name: &str, value: f64, least: f64, most: f64) -> Result<(), String> {
    // A comparison with "not a number" is false.
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("{name} is {value}; give {least} to {most}"))
}

impl WideListingConfig {
    fn check(&self) -> Result<(), String> {
        within("unit_e9", self.unit_e9, 1, AMOUNT_MAX)?;
        within("lot", self.lot, 1, i64::MAX as u64)?;
        within("fee_ppb", self.fee_ppb, -1_000_000_000, 1_000_000_000)?;
        let most = AMOUNT_MAX as i64 - 1;
        self.fee_unit_e9.map_or(Ok(()), |fee| within("fee_unit_e9", fee, -most, most))
    }
}

impl RelationConfig {
    fn check(&self) -> Result<(), String> {
        within("legs, their number,", self.legs.len(), 2, LEGS_MAX)?;
        for (at, leg) in self.legs.iter().enumerate() {
            let same = |other: &LegConfig| (&other.venue, &other.symbol) == (&leg.venue, &leg.symbol);
            if self.legs[..at].iter().any(same) {
                return Err(format!("legs[{at}]: {} at {} is a leg already", leg.symbol, leg.venue));
            }
        }
        within("amount_max_e9", self.amount_max_e9, 1, AMOUNT_MAX)?;
        within("profit_min_e9", self.profit_min_e9, 1, AMOUNT_MAX)
    }
}

impl PairsConfig {
    fn check(&self) -> Result<(), String> {
        if self.symbols.is_empty() {
            return Err("symbols: none is given".to_owned());
        }
        within("amount_max_e9", self.amount_max_e9, 1, AMOUNT_MAX)?;
        within("profit_min_e9", self.profit_min_e9, 1, AMOUNT_MAX)
    }
}

impl ExpiryConfig {
    /// How it is given.
    ///
    /// # Errors
    /// Neither both rates nor both factors, or one out of range.
    pub fn terms(&self) -> Result<ExpiryTerms, String> {
        finite("years", self.years, 0.0, 100.0)?;
        match (self.rate, self.dividend_yield, self.carry, self.discount) {
            (Some(rate), dividend_yield, None, None) => {
                let dividend_yield = dividend_yield.unwrap_or(0.0);
                finite("rate", rate, -1.0, 1.0)?;
                finite("dividend_yield", dividend_yield, -1.0, 1.0)?;
                Ok(ExpiryTerms::Rates { rate, dividend_yield })
            }
            (None, None, Some(carry), Some(discount)) => {
                finite("carry", carry, 1e-6, 1e6)?;
                finite("discount", discount, 1e-6, 1e6)?;
                Ok(ExpiryTerms::Factors { carry, discount })
            }
            _ => Err("give rate (and dividend_yield), or carry and discount".to_owned()),
        }
    }
}

impl StrikesConfig {
    /// The strikes, 1e-9, ascending.
    pub fn iter(&self) -> impl Iterator<Item = i64> + use<> {
        let Self { from_e9, to_e9, step_e9, .. } = *self;
        let count = to_e9.checked_sub(from_e9).and_then(|span| span.checked_div(step_e9)).unwrap_or(-1);
        (0..=count).map(move |number| from_e9 + number * step_e9)
    }

    fn check(&self) -> Result<(), String> {
        within("from_e9", self.from_e9, 1, i64::MAX)?;
        within("to_e9", self.to_e9, self.from_e9, i64::MAX)?;
        within("step_e9", self.step_e9, 1, i64::MAX)?;
        within("the number of strikes", (self.to_e9 - self.from_e9) / self.step_e9, 0, GRID_MAX)?;
        volatility(self.volatility)
    }
}

fn volatility(value: f64) -> Result<(), String> {
    finite("volatility", value, 0.0, 100.0)
}

impl ChainConfig {
    fn check(&self) -> Result<(), String> {
        numbered("expiries", &self.expiries, |expiry| expiry.terms().map(drop))?;
        numbered("options", &self.options, |option| {
            within("strike_e9", option.strike_e9, 1, i64::MAX)?;
            if option.expiry >= self.expiries.len() {
                return Err(format!("expiry {} of {}, numbered from 0", option.expiry, self.expiries.len()));
            }
            volatility(option.volatility)
        })?;
        if let Some(strikes) = &self.strikes {
            strikes.check().map_err(|what| format!("strikes: {what}"))?;
            let options = 2 * strikes.iter().count() * self.expiries.len();
            if !strikes.symbols.is_empty() && strikes.symbols.len() != options {
                let found = strikes.symbols.len();
                return Err(format!(
                    "strikes: {found} symbols for {options} options: give one each, or none"
                ));
            }
        }
        if self.options.is_empty() && (self.strikes.is_none() || self.expiries.is_empty()) {
            return Err("it has no options: give options, or strikes and expiries".to_owned());
        }
        let OptionQuoteConfig { half_width_min_e9, width_vega, tick_e9 } = self.quote;
        within("quote.half_width_min_e9", half_width_min_e9, 0, AMOUNT_MAX as i64)?;
        finite("quote.width_vega", width_vega, 0.0, 1e6)?;
        within("quote.tick_e9", tick_e9, 1, AMOUNT_MAX as i64)
    }
}

#[cfg(test)]
#[path = "wide_config_tests.rs"]
mod tests;
