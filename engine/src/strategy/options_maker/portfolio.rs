//! What the maker holds, in sums that follow each answer and each fill: delta an underlying, vega over all, in 1e-9.
//!
//! The sums are kept by their changes and are equal to what adding everything up anew gives; a test does that.

use super::MadeOption;
use crate::strategy::View;
use feeds::units::PRICE_NONE;

/// One, in 1e-9.
const E9: i128 = 1_000_000_000;

/// Theoretical value and sensitivities of an option, 1e-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Values {
    /// [`PRICE_NONE`] before the first answer, and while the underlying has no price.
    pub(super) theoretical: i64,
    pub(super) delta: i64,
    pub(super) vega: i64,
}

impl Values {
    pub(super) const NONE: Self = Self { theoretical: PRICE_NONE, delta: 0, vega: 0 };
}

#[derive(Clone, Copy, Debug)]
struct Held {
    values: Values,
    position: i64,
    /// Place in `underlyings`.
    underlying: u32,
}

#[derive(Clone, Copy, Debug)]
struct Underlying {
    instrument: u32,
    /// Of its options, 1e-9.
    delta: i128,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Portfolio {
    held: Box<[Held]>,
    underlyings: Box<[Underlying]>,
    vega: i128,
    contract_size: i128,
}

impl Portfolio {
    pub(super) fn new(options: &[MadeOption], contract_size: u64) -> Self {
        let mut instruments: Vec<u32> = options.iter().map(|made| made.underlying.instrument).collect();
        instruments.sort_unstable();
        instruments.dedup();
        let held = |made: &MadeOption| Held {
            values: Values::NONE,
            position: 0,
            underlying: instruments.partition_point(|&instrument| instrument < made.underlying.instrument)
                as u32,
        };
        Self {
            held: options.iter().map(held).collect(),
            underlyings: instruments.iter().map(|&instrument| Underlying { instrument, delta: 0 }).collect(),
            vega: 0,
            contract_size: i128::from(contract_size),
        }
    }

    pub(super) fn values(&self, place: usize) -> Values {
        self.held[place].values
    }

    /// An option is worth this. What we hold of it keeps its last sensitivities while there is no price.
    pub(super) fn learn(&mut self, place: usize, values: Values) {
        let values = if values.theoretical == PRICE_NONE {
            Values { theoretical: PRICE_NONE, ..self.held[place].values }
        } else {
            values
        };
        self.change(place, values, self.held[place].position);
    }

    /// The position in an option; whether it is another one.
    pub(super) fn holds(&mut self, place: usize, position: i64) -> bool {
        let Held { values, position: before, .. } = self.held[place];
        self.change(place, values, position);
        position != before
    }

    fn change(&mut self, place: usize, values: Values, position: i64) {
        let held = &mut self.held[place];
        let (of, size) =
            (|position: i64, each: i64| i128::from(position) * i128::from(each), self.contract_size);
        let delta = of(position, values.delta) - of(held.position, held.values.delta);
        let vega = of(position, values.vega) - of(held.position, held.values.vega);
        self.underlyings[held.underlying as usize].delta += delta * size;
        self.vega += vega * size;
        (held.values, held.position) = (values, position);
    }

    /// Delta in an option's underlying, with what we hold of that, 1e-9.
    pub(super) fn delta(&self, place: usize, view: &View<'_>) -> i128 {
        let Underlying { instrument, delta } = self.underlyings[self.held[place].underlying as usize];
        delta + i128::from(view.exposure(instrument).position) * E9
    }

    /// Vega over all options, 1e-9.
    pub(super) const fn vega(&self) -> i128 {
        self.vega
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::wide::WideListing;
    use proptest::prelude::*;

    fn options() -> Vec<MadeOption> {
        let made = |option: u32| MadeOption {
            option,
            at: WideListing { venue: 0, instrument: 10 + option },
            underlying: WideListing { venue: 0, instrument: option % 3 },
            price_tick: 1,
            terms: super::super::tests::terms_of(false, 100.0),
            expiry: super::super::tests::EXPIRY,
        };
        (0..7).map(made).collect()
    }

    proptest! {
        /// The sums are those of everything added up, after any answers and fills.
        #[test]
        fn sums_are_those_of_everything_added_up(
            steps in prop::collection::vec((0..7usize, any::<bool>(), -1_000..1_000i64, any::<[i32; 2]>(), any::<bool>()), 1..200),
        ) {
            let options = options();
            let mut portfolio = Portfolio::new(&options, 100);
            let mut model = [(0i64, 0i64, 0i64); 7];
            for (place, fills, position, [delta, vega], has_price) in steps {
                if fills {
                    prop_assert_eq!(portfolio.holds(place, position), model[place].0 != position);
                    model[place].0 = position;
                } else {
                    let (delta, vega) = (i64::from(delta), i64::from(vega));
                    if has_price {
                        (model[place].1, model[place].2) = (delta, vega);
                    }
                    let theoretical = if has_price { 3 } else { PRICE_NONE };
                    portfolio.learn(place, Values { theoretical, delta, vega });
                    prop_assert_eq!(portfolio.values(place).theoretical, theoretical);
                }
                let sum = |of: fn(&(i64, i64, i64)) -> i64, which: &dyn Fn(usize) -> bool| -> i128 {
                    let held = model.iter().enumerate().filter(|(place, _)| which(*place));
                    held.map(|(_, held)| 100 * i128::from(held.0) * i128::from(of(held))).sum()
                };
                for underlying in 0..3 {
                    let delta = sum(|held| held.1, &|place| place % 3 == underlying);
                    prop_assert_eq!(portfolio.underlyings[underlying].delta, delta);
                }
                prop_assert_eq!(portfolio.vega(), sum(|held| held.2, &|_| true));
            }
        }
    }
}
