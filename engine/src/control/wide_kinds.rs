//! Relations that `[wide]` asks for by their kind: cycles of currencies, what options owe each other, baskets, bases.
//!
//! What is checked here needs no symbol directory; `control/wide_plan/kinds.rs` makes relations of them.

use kernels::abi::{AMOUNT_MAX, LEGS_MAX, LINEAR_LEGS_MAX};
use kernels::cpu::relation_kinds::{ChainKind, Discount, Exercise};
use kernels::cpu::wide::FACTOR_E9_MAX;
use serde::{Deserialize, Serialize};

use super::wide_config::{OptionKind, default_amount_max_e9, finite, numbered, one_e9, within};

/// A symbol at a venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceConfig {
    /// Venue.
    pub venue: String,
    /// Symbol.
    pub symbol: String,
}

/// A market of a currency for another, named as the venue names them: a price counts `quote` for one `base`. Whether its
/// contracts are inverse is said in `[[wide.listings]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    /// Venue.
    pub venue: String,
    /// Symbol.
    pub symbol: String,
    /// What is priced.
    pub base: String,
    /// What its price counts.
    pub quote: String,
}

/// All cycles through markets of currencies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrenciesConfig {
    /// Currencies that cycles begin and end with; amounts count them.
    pub from: Vec<String>,
    /// Most trades of a cycle, 2 to 4. Default 4.
    #[serde(default = "legs_max")]
    pub legs_max: usize,
    /// The markets.
    pub markets: Vec<MarketConfig>,
    /// Most that goes into the first trade, 1e-9.
    #[serde(default = "default_amount_max_e9")]
    pub amount_max_e9: u64,
    /// Least profit that counts, 1e-9 of what the first trade takes.
    #[serde(default = "one_e9")]
    pub profit_min_e9: u64,
}

const fn legs_max() -> usize {
    LEGS_MAX
}

/// Kinds of relations between options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpreadKind {
    /// Conversion and reversal.
    Parity,
    /// The underlying and a put against a call.
    Conversion,
    /// A call against a put and the underlying.
    Reversal,
    /// Two strikes, calls and puts.
    Box,
    /// Two strikes.
    Vertical,
    /// Three strikes.
    Butterfly,
    /// Two expiries.
    Calendar,
    /// One option against the underlying.
    ExerciseValue,
}

impl SpreadKind {
    /// What it is made of.
    #[must_use]
    pub const fn kinds(self) -> &'static [ChainKind] {
        match self {
            Self::Parity => &[ChainKind::Conversion, ChainKind::Reversal],
            Self::Conversion => &[ChainKind::Conversion],
            Self::Reversal => &[ChainKind::Reversal],
            Self::Box => &[ChainKind::Box],
            Self::Vertical => &[ChainKind::Vertical],
            Self::Butterfly => &[ChainKind::Butterfly],
            Self::Calendar => &[ChainKind::Calendar],
            Self::ExerciseValue => &[ChainKind::ExerciseValue],
        }
    }
}

/// What a kind of relation between options is called.
#[must_use]
pub const fn chain_kind_name(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Conversion => "conversion",
        ChainKind::Reversal => "reversal",
        ChainKind::Box => "box",
        ChainKind::Vertical => "vertical",
        ChainKind::Butterfly => "butterfly",
        ChainKind::Calendar => "calendar",
        ChainKind::ExerciseValue => "exercise-value",
    }
}

/// When options may be exercised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExerciseConfig {
    /// At expiry only.
    #[default]
    European,
    /// At any day. Of spreads only the bounds that survive early exercise are looked at.
    American,
}

impl From<ExerciseConfig> for Exercise {
    fn from(exercise: ExerciseConfig) -> Self {
        match exercise {
            ExerciseConfig::European => Self::European,
            ExerciseConfig::American => Self::American,
        }
    }
}

/// What 1 of a later day is worth: give `years` and `rate`, or `receive_e9` and `pay_e9`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscountConfig {
    /// Time until then, years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub years: Option<f64>,
    /// Continuously compounded interest a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// What 1 that we receive is worth, 1e-9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_e9: Option<u64>,
    /// What 1 that we pay is worth, 1e-9; not below `receive_e9`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_e9: Option<u64>,
}

impl DiscountConfig {
    /// The discount. One of a rate is a billionth wider on both sides than the machine's exponential, whose last bit may
    /// differ.
    ///
    /// # Errors
    /// Neither both of one way nor both of the other, or one out of range.
    pub fn terms(&self) -> Result<Discount, String> {
        match (self.years, self.rate, self.receive_e9, self.pay_e9) {
            (Some(years), Some(rate), None, None) => {
                finite("years", years, 0.0, 100.0)?;
                finite("rate", rate, -0.05, 1.0)?;
                let e9 = ((-rate * years).exp() * 1e9).round() as u64;
                if years == 0.0 {
                    return Ok(Discount::NONE);
                }
                Ok(Discount { receive_e9: (e9 - 1).max(1), pay_e9: e9 + 1 })
            }
            (None, None, Some(receive_e9), Some(pay_e9)) => {
                within("receive_e9", receive_e9, 1, FACTOR_E9_MAX)?;
                within("pay_e9", pay_e9, receive_e9, FACTOR_E9_MAX)?;
                Ok(Discount { receive_e9, pay_e9 })
            }
            _ => Err("discount: give years and rate, or receive_e9 and pay_e9".to_owned()),
        }
    }
}

/// An expiry of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadExpiryConfig {
    /// What 1 at expiry is worth.
    pub discount: DiscountConfig,
    /// Present value of the dividends of one unit of the underlying (a share) until then that are sure, 1e-9. Default 0.
    #[serde(default)]
    pub dividends_received_e9: u64,
    /// The most that they may come to, 1e-9. Default 0: there are none.
    #[serde(default)]
    pub dividends_paid_e9: u64,
    /// The future that is settled then, where options are compared with it instead of the underlying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub future: Option<PlaceConfig>,
}

/// An option with quotes of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadOptionConfig {
    /// Its symbol.
    pub symbol: String,
    /// Number of its expiry in `expiries`, from 0.
    pub expiry: usize,
    /// Strike, 1e-9.
    pub strike_e9: u64,
    /// Call or put.
    pub kind: OptionKind,
}

/// What the listed options of one underlying at one venue owe each other. Options with other fees or lots than the venue's
/// have them in `[[wide.listings]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadsConfig {
    /// Venue of the options.
    pub venue: String,
    /// Which relations. Default: all.
    #[serde(default = "all_kinds")]
    pub kinds: Vec<SpreadKind>,
    /// When the options may be exercised.
    pub exercise: ExerciseConfig,
    /// What a contract is about, 1e-9 of the underlying: 10^11 for 100 shares. It counts for options that have no entry in
    /// `[[wide.listings]]`. Default 10^9.
    #[serde(default = "one_e9")]
    pub unit_e9: u64,
    /// Spreads reach over so many strikes or expiries. Default 1: neighbours.
    #[serde(default = "neighbours")]
    pub reach: usize,
    /// The underlying; without it, and without futures, options are compared with each other only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlying: Option<PlaceConfig>,
    /// Expiries, the nearest first.
    pub expiries: Vec<SpreadExpiryConfig>,
    /// The options.
    pub options: Vec<SpreadOptionConfig>,
    /// Most that goes into a relation, 1e-9.
    #[serde(default = "default_amount_max_e9")]
    pub amount_max_e9: u64,
    /// Least profit that counts, 1e-9.
    #[serde(default = "one_e9")]
    pub profit_min_e9: u64,
}

fn all_kinds() -> Vec<SpreadKind> {
    use SpreadKind::{Box, Butterfly, Calendar, ExerciseValue, Parity, Vertical};
    vec![Parity, Box, Vertical, Butterfly, Calendar, ExerciseValue]
}

const fn neighbours() -> usize {
    1
}

/// A listing and how many quantity units of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldingConfig {
    /// Venue.
    pub venue: String,
    /// Symbol.
    pub symbol: String,
    /// Quantity units.
    pub units: u64,
}

/// A fund against its basket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasketConfig {
    /// The fund; its units are those of one creation unit.
    pub fund: HoldingConfig,
    /// What is in one creation unit.
    pub components: Vec<HoldingConfig>,
    /// Money in one creation unit besides, 1e-9. Default 0.
    #[serde(default)]
    pub cash_e9: i64,
    /// What making or redeeming one costs, 1e-9. Default 0.
    #[serde(default)]
    pub fee_e9: u64,
    /// Most that goes in, 1e-9.
    #[serde(default = "default_amount_max_e9")]
    pub amount_max_e9: u64,
    /// Least profit that counts, 1e-9.
    #[serde(default = "one_e9")]
    pub profit_min_e9: u64,
}

/// A future against what it delivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasisConfig {
    /// The thing.
    pub spot: PlaceConfig,
    /// The future.
    pub future: PlaceConfig,
    /// What 1 at delivery is worth.
    pub discount: DiscountConfig,
    /// Present value of what holding 1 of the thing until then surely brings, 1e-9. Default 0.
    #[serde(default)]
    pub income_e9: u64,
    /// Present value of what holding 1 of it short may cost at most, 1e-9. Default 0.
    #[serde(default)]
    pub cost_of_short_e9: u64,
    /// Most that goes in, 1e-9.
    #[serde(default = "default_amount_max_e9")]
    pub amount_max_e9: u64,
    /// Least profit that counts, 1e-9.
    #[serde(default = "one_e9")]
    pub profit_min_e9: u64,
}

fn limits(amount_max_e9: u64, profit_min_e9: u64) -> Result<(), String> {
    within("amount_max_e9", amount_max_e9, 1, AMOUNT_MAX)?;
    within("profit_min_e9", profit_min_e9, 1, AMOUNT_MAX)
}

impl CurrenciesConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        within("legs_max", self.legs_max, 2, LEGS_MAX)?;
        if self.from.is_empty() {
            return Err("from: no currency is given".to_owned());
        }
        numbered("markets", &self.markets, |market| match market.base == market.quote {
            true => Err(format!("base and quote are both {}", market.base)),
            false => Ok(()),
        })?;
        let is_traded = |currency: &&String| {
            self.markets.iter().any(|market| market.base == **currency || market.quote == **currency)
        };
        if let Some(currency) = self.from.iter().find(|currency| !is_traded(currency)) {
            return Err(format!("from: no market trades {currency}"));
        }
        limits(self.amount_max_e9, self.profit_min_e9)
    }
}

impl SpreadsConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        within("reach", self.reach, 1, 1_000)?;
        within("unit_e9", self.unit_e9, 1, AMOUNT_MAX)?;
        if self.options.is_empty() || self.kinds.is_empty() {
            return Err("give options and kinds".to_owned());
        }
        numbered("expiries", &self.expiries, |expiry| {
            if expiry.dividends_received_e9 > expiry.dividends_paid_e9 {
                return Err("dividends_received_e9 above dividends_paid_e9".to_owned());
            }
            expiry.discount.terms().map(drop)
        })?;
        numbered("options", &self.options, |option| {
            within("strike_e9", option.strike_e9, 1, AMOUNT_MAX)?;
            if option.expiry >= self.expiries.len() {
                return Err(format!("expiry {} of {}, numbered from 0", option.expiry, self.expiries.len()));
            }
            Ok(())
        })?;
        limits(self.amount_max_e9, self.profit_min_e9)
    }
}

impl BasketConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        within("components, their number,", self.components.len(), 1, LINEAR_LEGS_MAX - 1)?;
        within("fund.units", self.fund.units, 1, AMOUNT_MAX)?;
        numbered("components", &self.components, |component| {
            within("units", component.units, 1, AMOUNT_MAX)
        })?;
        limits(self.amount_max_e9, self.profit_min_e9)
    }
}

impl BasisConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.spot == self.future {
            return Err(format!("spot and future are both {} at {}", self.spot.symbol, self.spot.venue));
        }
        self.discount.terms()?;
        limits(self.amount_max_e9, self.profit_min_e9)
    }
}

#[cfg(test)]
#[path = "wide_kinds_tests.rs"]
mod tests;
