//! `[wide.options_maker]`: sizes, widths and skews of the quotes for options.

use crate::strategy::INTENTS_MAX;
use kernels::cpu::portfolio_quote::PortfolioRules;
use serde::{Deserialize, Serialize};

/// Largest quantity.
const QTY_MAX: u64 = 1 << 40;

/// Largest amount, 1e-9: a million currency units.
const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// Settings of the options maker. "e9" and "e12" at a name's end: the number is in 1e-9 or 1e-12 of the unit before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptionsMakerConfig {
    /// Contracts of a full quote. Default 10.
    pub quote_qty: u64,
    /// Quote sizes are multiples of this. Default 1.
    pub lot: u64,
    /// Largest position in one option, long or short, contracts. Default 100.
    pub position_max_qty: u64,
    /// What one contract delivers of the underlying. Default 1: a quantity unit of an option is an option on one share.
    pub contract_size: u64,
    /// Least distance of a price from the theoretical value, whatever the skew, 1e-9. Default a cent.
    pub edge_min_e9: i64,
    /// Least half width, 1e-9. Default 0.02.
    pub half_width_min_e9: i64,
    /// Most half width, 1e-9. Default 1.
    pub half_width_max_e9: i64,
    /// Half width a unit of vega (a volatility higher by 1), 1e-9. Default 0.005: half a point of volatility.
    pub width_vega_e9: i64,
    /// Half width a unit of delta, 1e-9. Default 0.02: about the spread at which the underlying hedges.
    pub width_delta_e9: i64,
    /// By how much the underlying's price is quoted from lower for a unit of portfolio delta, 1e-9. Default 0.0001.
    pub skew_delta_e9: i64,
    /// By how much the volatility is quoted from lower for a unit of portfolio vega, 1e-12. Default 0.000001.
    pub skew_vega_e12: i64,
    /// By how much an option is quoted lower for each contract of it that we hold, 1e-9. Default 0.
    pub skew_position_e9: i64,
    /// An option is not quoted while its bid's own volatility is above the fitted one, or its offer's below it, by more than
    /// this, and by half_width_min_e9 of its price: the surface is late, 1e-9. Default 0.05, five points; 0 solves nothing.
    pub volatility_band_e9: i64,
    /// A quote moves at once when its target is this far away, ticks. Default 2.
    pub move_min_ticks: u32,
    /// After resting this long a quote moves at any difference, ns. Default 1 s.
    pub rest_ns: u64,
    /// Wait of a side after a refused message, ns. Default 100 ms.
    pub refused_pause_ns: u64,
    /// Messages that one input leads to at most, 2 to 16. Default 8.
    pub changes_max: usize,
}

impl Default for OptionsMakerConfig {
    fn default() -> Self {
        Self {
            quote_qty: 10,
            lot: 1,
            position_max_qty: 100,
            contract_size: 1,
            edge_min_e9: 10_000_000,
            half_width_min_e9: 20_000_000,
            half_width_max_e9: 1_000_000_000,
            width_vega_e9: 5_000_000,
            width_delta_e9: 20_000_000,
            skew_delta_e9: 100_000,
            skew_vega_e12: 1_000_000,
            skew_position_e9: 0,
            volatility_band_e9: 50_000_000,
            move_min_ticks: 2,
            rest_ns: 1_000_000_000,
            refused_pause_ns: 100_000_000,
            changes_max: 8,
        }
    }
}

impl OptionsMakerConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first one out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        let Self { quote_qty, lot, position_max_qty, changes_max, .. } = *self;
        let whole =
            |quantity: u64| lot > 0 && quantity.is_multiple_of(lot) && (1..=QTY_MAX).contains(&quantity);
        for (name, quantity) in [("quote_qty", quote_qty), ("position_max_qty", position_max_qty)] {
            if !whole(quantity) {
                return Err(format!("{name} is {quantity}; give a multiple of lot ({lot}) up to {QTY_MAX}"));
            }
        }
        if !(1..=1_000_000).contains(&self.contract_size) {
            return Err(format!("contract_size is {}; give 1 to 1000000", self.contract_size));
        }
        for (name, amount) in [
            ("edge_min_e9", self.edge_min_e9),
            ("half_width_min_e9", self.half_width_min_e9),
            ("width_vega_e9", self.width_vega_e9),
            ("width_delta_e9", self.width_delta_e9),
            ("skew_delta_e9", self.skew_delta_e9),
            ("skew_vega_e12", self.skew_vega_e12),
            ("skew_position_e9", self.skew_position_e9),
            ("volatility_band_e9", self.volatility_band_e9),
        ] {
            if !(0..=AMOUNT_MAX).contains(&amount) {
                return Err(format!("{name} is {amount}; give 0 to {AMOUNT_MAX}"));
            }
        }
        let (least, most) = (self.half_width_min_e9, self.half_width_max_e9);
        if most < least || most > AMOUNT_MAX {
            return Err(format!(
                "half_width_max_e9 is {most}; give {least} (half_width_min_e9) to {AMOUNT_MAX}"
            ));
        }
        if self.move_min_ticks == 0 {
            return Err("move_min_ticks is 0; give at least 1".to_owned());
        }
        if !(2..=INTENTS_MAX).contains(&changes_max) {
            return Err(format!("changes_max is {changes_max}; give 2 to {INTENTS_MAX}"));
        }
        Ok(())
    }

    /// The bounds of an option's quotes.
    #[must_use]
    pub const fn rules(&self, price_tick: i64) -> PortfolioRules {
        PortfolioRules {
            tick: price_tick,
            lot: self.lot,
            quote_quantity: self.quote_qty,
            position_max: self.position_max_qty,
            edge_min: self.edge_min_e9,
            half_width_min: self.half_width_min_e9,
            half_width_max: self.half_width_max_e9,
            width_vega_e9: self.width_vega_e9,
            width_delta_e9: self.width_delta_e9,
            skew_delta_e9: self.skew_delta_e9,
            skew_vega_e12: self.skew_vega_e12,
            skew_position_e9: self.skew_position_e9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_what_is_not_is_named() {
        assert_eq!(OptionsMakerConfig::default().check(), Ok(()));
        for (text, name) in [
            ("quote_qty = 0", "quote_qty"),
            ("lot = 0", "quote_qty"),
            ("lot = 3", "quote_qty"),
            ("position_max_qty = 0", "position_max_qty"),
            ("contract_size = 0", "contract_size"),
            ("edge_min_e9 = -1", "edge_min_e9"),
            ("volatility_band_e9 = -1", "volatility_band_e9"),
            ("half_width_max_e9 = 1", "half_width_max_e9"),
            ("move_min_ticks = 0", "move_min_ticks"),
            ("changes_max = 1", "changes_max"),
            ("changes_max = 17", "changes_max"),
        ] {
            let config: OptionsMakerConfig = toml::from_str(text).expect("the right types");
            assert!(
                config.check().is_err_and(|error| error.starts_with(name)),
                "{text}: {:?}",
                config.check()
            );
        }
    }
}
