//! Implied volatilities of quoted mids, by the `implied-vol` crate; the out-of-the-money option of each strike, since its
//! price says most about the volatility.
//!
//! It takes no quote wider than allowed, none at or below what the option is worth without any volatility, and none whose
//! inversion ends nowhere: a bad quote gives no point.

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility};

/// Volatilities that points may have.
const VOLATILITIES: std::ops::RangeInclusive<f64> = 0.005..=5.0;

/// 1e-9 in a unit.
const UNIT_E9: f64 = 1e9;

/// A quoted option of one expiry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuotedContract {
    /// Strike, currency units.
    pub strike: f64,
    /// A put; else a call.
    pub is_put: bool,
    /// Best bid, 1e-9, above zero.
    pub bid_px: i64,
    /// Best offer, 1e-9, not below the bid.
    pub ask_px: i64,
    /// What early exercise is worth beside the European price, 1e-9.
    pub premium_e9: i64,
}

/// What all options of an expiry share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forward {
    /// Price of the underlying for delivery at expiry.
    pub price: f64,
    /// Present value of 1 paid then.
    pub discount: f64,
    /// Time to expiry, above zero.
    pub years: f64,
}

/// Strike and volatility of a usable quote.
#[must_use]
pub fn point(forward: &Forward, quoted: &QuotedContract, spread_max: f64) -> Option<(f64, f64)> {
    let is_out_of_the_money =
        if quoted.is_put { quoted.strike < forward.price } else { quoted.strike >= forward.price };
    let (bid, ask) = (quoted.bid_px as f64, quoted.ask_px as f64);
    if !is_out_of_the_money || ask - bid > spread_max * 0.5 * (bid + ask) {
        return None;
    }
    let mid = (0.5 * (bid + ask) - quoted.premium_e9 as f64) / UNIT_E9;
    volatility(forward, quoted.strike, quoted.is_put, mid).map(|volatility| (quoted.strike, volatility))
}

/// The volatility at which an option is worth `price`, if there is one that could be.
#[must_use]
pub fn volatility(forward: &Forward, strike: f64, is_put: bool, price: f64) -> Option<f64> {
    let undiscounted = price / forward.discount;
    if !undiscounted.is_finite() || undiscounted <= 0.0 {
        return None;
    }
    let option = ImpliedBlackVolatility::builder()
        .option_price(undiscounted)
        .forward(forward.price)
        .strike(strike)
        .expiry(forward.years)
        .is_call(!is_put)
        .build()?;
    option.calculate::<DefaultSpecialFn>().filter(|volatility| VOLATILITIES.contains(volatility))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::abi::Expiry;
    use kernels::cpu::pricing::{Contract, ForwardTerms, Isa, ln, value_one};

    const FORWARD: Forward = Forward { price: 101.0, discount: 0.98, years: 0.5 };

    fn price(strike: f64, is_put: bool, volatility: f64) -> f64 {
        let expiry = Expiry { carry: 1.0, discount: 0.98, years: 0.5, sqrt_years: 0.5f64.sqrt() };
        let terms = ForwardTerms::new(Isa::detect(), &expiry, 101.0);
        let sign = if is_put { -1.0 } else { 1.0 };
        value_one(&terms, &Contract { strike, ln_strike: ln(strike), volatility, sign }).price
    }

    #[test]
    fn our_own_prices_give_their_volatilities_back() {
        for strike in [70.0, 90.0, 101.0, 115.0, 140.0] {
            for is_put in [false, true] {
                for vol in [0.1, 0.25, 0.6] {
                    let price = price(strike, is_put, vol);
                    if price < 1e-3 {
                        continue;
                    }
                    let found = volatility(&FORWARD, strike, is_put, price).expect("a volatility");
                    assert!((found - vol).abs() < 1e-7, "{strike} {is_put} {vol}: {found}");
                }
            }
        }
    }

    #[test]
    fn quotes_that_say_nothing_give_no_point() {
        let good = QuotedContract { strike: 110.0, is_put: false, bid_px: 900, ask_px: 1_100, premium_e9: 0 };
        let in_e9 = |quoted: QuotedContract| QuotedContract {
            bid_px: quoted.bid_px * 1_000_000,
            ask_px: quoted.ask_px * 1_000_000,
            ..quoted
        };
        assert!(point(&FORWARD, &in_e9(good), 0.5).is_some());
        for bad in [
            QuotedContract { is_put: true, ..good },
            QuotedContract { strike: 90.0, ..good },
            QuotedContract { bid_px: 100, ..good },
            QuotedContract { bid_px: 110_000, ask_px: 110_001, ..good },
            QuotedContract { premium_e9: 2_000_000_000, ..good },
        ] {
            assert_eq!(point(&FORWARD, &in_e9(bad), 0.5), None, "{bad:?}");
        }
        assert_eq!(volatility(&FORWARD, 110.0, false, f64::NAN), None);
        assert_eq!(volatility(&FORWARD, 110.0, false, 101.0), None, "at the upper bound");
        assert_eq!(volatility(&FORWARD, 90.0, false, 5.0), None, "below what it is worth at once");
    }
}
