//! What exercising an option early is worth beside its European price: by Andersen, Lake and Offengenden
//! ([`kernels::cpu::american`]), once a fit, as a table over the prices that the underlying may have before the next one.
//!
//! It enters the decision core with the volatility that it was computed for, in integers, and is read there on every tick.

use super::implied::Forward;
use kernels::cpu::american::{AmericanOption, PremiumTable};
use kernels::cpu::pricing::Isa;

/// The premiums of an option at this volatility around `spot`; `None` where the numbers are refused, such as a put between
/// two boundaries.
#[must_use]
pub fn premiums(
    forward: &Forward,
    spot: f64,
    strike: f64,
    is_put: bool,
    volatility: f64,
) -> Option<PremiumTable> {
    let rate = -forward.discount.ln() / forward.years;
    let dividend_yield = rate - (forward.price / spot).ln() / forward.years;
    let option =
        AmericanOption { put: is_put, strike, rate, dividend_yield, volatility, years: forward.years };
    PremiumTable::fit(Isa::detect(), &option, spot).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARD: Forward = Forward { price: 102.0, discount: 0.95, years: 1.0 };

    fn premium_e9(forward: &Forward, strike: f64, is_put: bool) -> i64 {
        let table = premiums(forward, 100.0, strike, is_put, 0.2).expect("a table");
        table.premium(100_000_000_000).price_e9
    }

    #[test]
    fn a_put_in_the_money_has_a_premium_and_a_call_without_dividends_has_none() {
        let (put, far) = (premium_e9(&FORWARD, 120.0, true), premium_e9(&FORWARD, 80.0, true));
        assert!(put > 500_000_000 && far < put / 10, "{put} {far}");
        let no_dividends = Forward { price: 100.0 / 0.95, ..FORWARD };
        assert_eq!(premium_e9(&no_dividends, 80.0, false), 0);
        assert_eq!(premiums(&FORWARD, f64::NAN, 80.0, true, 0.2), None);
    }
}
