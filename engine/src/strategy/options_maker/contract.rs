//! One option as the maker prices it: the values of the last answer, which are those of a European option, and what early
//! exercise adds to them where the underlying is now. Integers only, no division, the same work for every option.

use super::portfolio::Values;
use feeds::units::PRICE_NONE;
use kernels::abi::{OptionTerms, option_flags};
use kernels::cpu::american::{PremiumTable, WorthE9};
use kernels::cpu::option_quote::to_e9;

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contract {
    strike_e9: i64,
    put: bool,
    european: Values,
    /// By the last fit; none for a European option, and before the first fit.
    premiums: PremiumTable,
}

impl Contract {
    pub(super) fn new(terms: &OptionTerms) -> Self {
        Self {
            strike_e9: to_e9(terms.strike),
            put: terms.flags & option_flags::PUT != 0,
            european: Values::NONE,
            premiums: PremiumTable::NONE,
        }
    }

    /// An answer says this of it. What has no offer has no price.
    pub(super) fn answered(&mut self, [_, offer, theoretical, delta, vega]: &[i64; 5]) {
        let theoretical = if *offer == PRICE_NONE { PRICE_NONE } else { *theoretical };
        self.european = Values { theoretical, delta: *delta, vega: *vega };
    }

    /// A fit says what early exercise adds; whether that is something else.
    pub(super) fn refitted(&mut self, premiums: &PremiumTable) -> bool {
        std::mem::replace(&mut self.premiums, *premiums) != *premiums
    }

    /// Whether the premium is known with the underlying at this mid, 1e-9.
    pub(super) const fn premium_holds_at(&self, spot_e9: i64) -> bool {
        self.premiums.holds_at(spot_e9)
    }

    /// The premium with the underlying at this mid, 1e-9; zero without one.
    pub(super) fn premium_e9(&self, spot_e9: i64) -> i64 {
        if self.premiums.is_none() { 0 } else { self.premiums.premium(spot_e9).price_e9 }
    }

    /// Its values with the underlying at this mid, 1e-9 or [`PRICE_NONE`]. Vega is the European option's.
    pub(super) fn values(&self, spot_e9: i64) -> Values {
        let Values { theoretical, delta, vega } = self.european;
        if self.premiums.is_none() || theoretical == PRICE_NONE {
            return self.european;
        }
        if spot_e9 == PRICE_NONE {
            return Values { theoretical: PRICE_NONE, ..self.european };
        }
        let european = WorthE9 { price_e9: theoretical, delta_e9: delta };
        let WorthE9 { price_e9, delta_e9 } =
            self.premiums.american(european, self.strike_e9, self.put, spot_e9);
        Values { theoretical: price_e9, delta: delta_e9, vega }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::cpu::american::Exercised;

    const ONE: i64 = 1_000_000_000;

    /// A put on 100 whose premium is 0.50 with the underlying at 90 and less by a tenth of its rise up to 94.
    fn put() -> Contract {
        let terms = super::super::tests::terms_of(true, 100.0);
        let mut put = Contract::new(&terms);
        // The distance of two points is 2^30.
        let premiums = [0, 1, 2, 3, 4].map(|point| ONE / 2 - (point << 30) / 10);
        let table = PremiumTable::of_parts(90 * ONE, 30, Exercised::Below, premiums).expect("good parts");
        assert!(put.refitted(&table) && !put.refitted(&table));
        put
    }

    #[test]
    fn the_premium_follows_the_underlying() {
        let mut put = put();
        assert_eq!(put.values(91 * ONE), Values::NONE, "no answer yet");
        put.answered(&[8 * ONE, 9 * ONE, 10 * ONE, -ONE / 2, 7 * ONE]);
        // The curve is exact to a few units of the last digit.
        let is_at = |spot_e9: i64, price_e9: i64, delta_e9: i64| {
            let Values { theoretical, delta, vega } = put.values(spot_e9);
            assert!(
                theoretical.abs_diff(price_e9) < 10 && delta.abs_diff(delta_e9) < 10,
                "{theoretical} {delta}"
            );
            assert_eq!(vega, 7 * ONE);
        };
        is_at(91 * ONE, 104 * ONE / 10, -6 * ONE / 10);
        is_at(93 * ONE, 102 * ONE / 10, -6 * ONE / 10);
        // Exercised, and beyond the last point.
        is_at(80 * ONE, 20 * ONE, -ONE);
        is_at(95 * ONE, 10 * ONE + ONE / 2 - (4 << 30) / 10, -ONE / 2);
        assert!(put.premium_holds_at(80 * ONE) && !put.premium_holds_at(95 * ONE));
        assert_eq!(put.values(PRICE_NONE).theoretical, PRICE_NONE);
        put.answered(&[PRICE_NONE, PRICE_NONE, 0, 0, 0]);
        assert_eq!(put.values(91 * ONE).theoretical, PRICE_NONE);
    }
}
