//! What exercising an option early is worth beside its European price: by Andersen, Lake and Offengenden
//! ([`kernels::cpu::american`]), once a fit, at the underlying's price of the fit.
//!
//! Between two fits it stays: the European price follows each tick, and the premium moves by little beside it. Rounded to
//! 1e-9, it enters the decision core with the volatility.

use super::implied::Forward;
use kernels::cpu::american::{AmericanOption, EarlyExercise};
use kernels::cpu::pricing::Isa;

/// 1e-9 in a unit.
const UNIT_E9: f64 = 1e9;

/// The premium of an option at this volatility, 1e-9, with the underlying at `spot`; `None` where the numbers are refused, such
/// as a put between two boundaries.
#[must_use]
pub fn premium_e9(forward: &Forward, spot: f64, strike: f64, is_put: bool, volatility: f64) -> Option<i64> {
    let rate = -forward.discount.ln() / forward.years;
    let dividend_yield = rate - (forward.price / spot).ln() / forward.years;
    let option =
        AmericanOption { put: is_put, strike, rate, dividend_yield, volatility, years: forward.years };
    let premium = EarlyExercise::solve(Isa::detect(), &option).ok()?.premium(Isa::detect(), spot).ok()?;
    (premium.is_finite() && premium >= 0.0).then(|| (premium * UNIT_E9).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARD: Forward = Forward { price: 102.0, discount: 0.95, years: 1.0 };

    #[test]
    fn a_put_in_the_money_has_a_premium_and_a_call_without_dividends_has_none() {
        let put = premium_e9(&FORWARD, 100.0, 120.0, true, 0.2).expect("a premium");
        let far = premium_e9(&FORWARD, 100.0, 80.0, true, 0.2).expect("a premium");
        assert!(put > 500_000_000 && far < put / 10, "{put} {far}");
        let no_dividends = Forward { price: 100.0 / 0.95, ..FORWARD };
        assert_eq!(premium_e9(&no_dividends, 100.0, 80.0, false, 0.2), Some(0));
        assert_eq!(premium_e9(&FORWARD, f64::NAN, 80.0, true, 0.2), None);
    }
}
