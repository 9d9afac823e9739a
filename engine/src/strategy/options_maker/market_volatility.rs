//! The volatilities that an option's own market has: those of its bid and its offer, solved when its touch has changed, and
//! held against the one that it is priced by.
//!
//! A surface is as old as its last fit. Where the market's bid has left it upwards, or its offer downwards, by more than a
//! band, and by more than a price that matters, the option is priced by something that no longer holds: nothing is quoted
//! for it until its market comes back or a fit has followed. A tick of the underlying solves nothing: until the next quote or
//! fit, prices come from the surface.
//!
//! The solver begins at the fitted volatility and makes a fixed number of Halley's steps with the kernels' own
//! functions, so that its bits are the same on every machine and the decision core stays a pure function of its inputs;
//! what it finds is rounded to 1e-9 and compared as integers. Nothing allocates. A side without a volatility (none quoted, a
//! price below what exercising brings, one too far away for these steps) says nothing.

use feeds::units::PRICE_NONE;
use kernels::abi::{Expiry, OptionTerms, option_flags};
use kernels::cpu::book::Bbo;
use kernels::cpu::option_quote::{mid_in_currency_units, to_e9};
use kernels::cpu::pricing::implied::implied_volatilities_of;
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::{Contract, Isa};

/// Steps from the fitted volatility: a start that is half off is within 1e-10 after so many.
const STEPS: u32 = 4;

/// One, in 1e-9.
const E9: i128 = 1_000_000_000;

/// How far a market may be from the volatility that its option is priced by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    /// In volatility, 1e-9; 0: nothing is solved.
    pub(super) volatility_e9: i64,
    /// In price, 1e-9: an option that hardly depends on its volatility is not held to it.
    pub(super) price_e9: i64,
}

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarketVolatility {
    /// With the fitted volatility, where the solver begins.
    contract: Contract,
    expiry: Expiry,
    fitted_e9: i64,
    /// Bid and offer that were looked at last, 1e-9.
    seen: [i64; 2],
    /// Their volatilities, 1e-9.
    found_e9: [Option<i64>; 2],
    /// As judged last.
    has_left: bool,
}

impl MarketVolatility {
    pub(super) fn new(terms: &OptionTerms, expiry: &Expiry) -> Self {
        let &OptionTerms { strike, ln_strike, volatility, flags, .. } = terms;
        let sign = if flags & option_flags::PUT == 0 { 1.0 } else { -1.0 };
        Self {
            contract: Contract { strike, ln_strike, volatility, sign },
            expiry: *expiry,
            fitted_e9: to_e9(volatility),
            seen: [PRICE_NONE; 2],
            found_e9: [None; 2],
            has_left: false,
        }
    }

    /// A fit has given another volatility to the option.
    pub(super) const fn refitted(&mut self, volatility_e9: i64, volatility: f64) {
        (self.fitted_e9, self.contract.volatility) = (volatility_e9, volatility);
    }

    /// Whether the option's market is another one than was solved last.
    #[inline]
    pub(super) fn is_new(&self, touch: &Bbo) -> bool {
        [touch.bid_px, touch.ask_px] != self.seen
    }

    /// Solves the option's market, less what early exercise adds, with the underlying at this mid.
    pub(super) fn solve(&mut self, isa: Isa, touch: &Bbo, premium_e9: i64, spot_e9: i64) {
        let touch = [touch.bid_px, touch.ask_px];
        self.seen = touch;
        let model = LognormalTerms::of_expiry(isa, &self.expiry, mid_in_currency_units(spot_e9));
        let price = |price_e9: i64| match price_e9 {
            PRICE_NONE => f64::NAN,
            price_e9 => mid_in_currency_units(price_e9.saturating_sub(premium_e9)),
        };
        let found = implied_volatilities_of(isa, &model, &self.contract, touch.map(price), STEPS);
        self.found_e9 = found.map(|found| found.ok().map(to_e9));
    }

    /// Volatilities of bid and offer as last solved, 1e-9.
    pub(super) const fn found_e9(&self) -> [Option<i64>; 2] {
        self.found_e9
    }

    /// Whether the market had left the fitted volatility when it was judged last.
    pub(super) const fn has_left(&self) -> bool {
        self.has_left
    }

    /// Judges whether the market has left the fitted volatility, for an option of this vega, 1e-9; whether it had not before.
    pub(super) fn judge(&mut self, band: &Band, vega_e9: i64) -> bool {
        let is_beyond = self.is_beyond(band, vega_e9);
        let had_left = std::mem::replace(&mut self.has_left, is_beyond);
        is_beyond && !had_left
    }

    /// What a judgement would say now.
    pub(super) fn is_beyond(&self, band: &Band, vega_e9: i64) -> bool {
        let [bid_e9, ask_e9] = self.found_e9;
        let above_e9 = bid_e9.map_or(0, |bid_e9| bid_e9.saturating_sub(self.fitted_e9));
        let below_e9 = ask_e9.map_or(0, |ask_e9| self.fitted_e9.saturating_sub(ask_e9));
        let apart_e9 = above_e9.max(below_e9);
        let price_e9 = i128::from(apart_e9) * i128::from(vega_e9) / E9;
        band.volatility_e9 > 0 && apart_e9 > band.volatility_e9 && price_e9 >= i128::from(band.price_e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::cpu::pricing::{ForwardTerms, value_one};

    const ONE: i64 = 1_000_000_000;
    const BAND: Band = Band { volatility_e9: 50_000_000, price_e9: 20_000_000 };

    fn expiry() -> Expiry {
        Expiry { carry: 1.01, discount: 0.98, years: 0.5, sqrt_years: 0.5f64.sqrt() }
    }

    /// What the option is worth at a volatility, 1e-9, and its vega there.
    fn worth(put: bool, strike: f64, volatility: f64) -> (i64, i64) {
        let terms = ForwardTerms::new(Isa::detect(), &expiry(), 100.0);
        let sign = if put { -1.0 } else { 1.0 };
        let ln_strike = kernels::cpu::pricing::ln(strike);
        let value = value_one(&terms, &Contract { strike, ln_strike, volatility, sign });
        (to_e9(value.price), to_e9(value.vega))
    }

    fn quoted(bid_px: i64, ask_px: i64) -> Bbo {
        Bbo { bid_px, bid_qty: 1, ask_px, ask_qty: 1 }
    }

    fn market(put: bool, strike: f64) -> MarketVolatility {
        MarketVolatility::new(&super::super::tests::terms_of(put, strike), &expiry())
    }

    #[test]
    fn quotes_give_the_volatilities_that_they_were_made_of() {
        for put in [false, true] {
            for strike in [85.0, 100.0, 115.0] {
                for (bid, ask) in [(0.19, 0.21), (0.14, 0.3), (0.3, 0.33)] {
                    let mut market = market(put, strike);
                    let premium_e9 = 70_000_000;
                    let touch = [bid, ask].map(|volatility| worth(put, strike, volatility).0 + premium_e9);
                    let touch = quoted(touch[0], touch[1]);
                    assert!(market.is_new(&touch));
                    market.solve(Isa::detect(), &touch, premium_e9, 100 * ONE);
                    let [Some(bid_e9), Some(ask_e9)] = market.found_e9() else {
                        panic!("{put} {strike} {bid}: {market:?}")
                    };
                    let errors = [bid_e9 - to_e9(bid), ask_e9 - to_e9(ask)].map(i64::abs);
                    assert!(errors[0] < 1_000 && errors[1] < 1_000, "{put} {strike}: {errors:?}");
                    let vega_e9 = worth(put, strike, 0.2).1;
                    assert_eq!(market.is_beyond(&BAND, vega_e9), bid == 0.3, "{put} {strike} {bid}");
                    assert!(!market.is_new(&touch), "the same touch is not solved again");
                }
            }
        }
    }

    #[test]
    fn an_offer_below_the_band_counts_and_a_fit_that_follows_ends_it() {
        let mut market = market(false, 100.0);
        let (ask_px, vega_e9) = (worth(false, 100.0, 0.12).0, worth(false, 100.0, 0.2).1);
        market.solve(Isa::detect(), &quoted(PRICE_NONE, ask_px), 0, 100 * ONE);
        assert!(market.judge(&BAND, vega_e9) && market.has_left(), "{market:?}");
        assert!(!market.judge(&BAND, vega_e9) && market.has_left(), "it had left before");
        assert!(!market.is_beyond(&Band { volatility_e9: 90_000_000, ..BAND }, vega_e9));
        assert!(!market.is_beyond(&Band { volatility_e9: 0, ..BAND }, vega_e9), "switched off");
        assert!(!market.is_beyond(&BAND, 200_000_000), "0.08 of volatility are less than 0.02 of price");
        market.refitted(130_000_000, 0.13);
        assert!(!market.is_beyond(&BAND, vega_e9) && market.has_left(), "not judged again");
        assert!(!market.judge(&BAND, vega_e9) && !market.has_left());
    }

    #[test]
    fn sides_without_a_volatility_say_nothing() {
        let mut market = market(true, 120.0);
        let nothing = quoted(PRICE_NONE, PRICE_NONE);
        assert!(!market.is_new(&nothing), "as before");
        // Below what exercising brings, and above what a put can be worth.
        market.solve(Isa::detect(), &quoted(ONE, 130 * ONE), 0, 100 * ONE);
        assert_eq!(market.found_e9(), [None, None]);
        assert!(!market.is_beyond(&BAND, ONE * 30));
    }
}
