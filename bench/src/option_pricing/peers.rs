//! The published crates on the same options, each called as its own documentation shows.
//!
//! What a crate does not know is worked out for it before the clock starts: `black_scholes` gets the underlying less its yield,
//! `implied-vol` forward and undiscounted price.

use std::hint::black_box;

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility, PriceBlackScholes};

use super::{Load, OPTIONS, Way, room};

/// Inputs as the crates take them, one array a field.
struct Inputs {
    stock: Vec<f64>,
    forward: Vec<f64>,
    discount: Vec<f64>,
    undiscounted: Vec<f64>,
}

impl Inputs {
    fn new(load: &Load) -> Self {
        let column = |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..OPTIONS).map(of).collect() };
        let discount = column(&|i| (-load.rate[i] * load.years[i]).exp());
        let stock = column(&|i| load.spot[i] * (-load.underlying_yield[i] * load.years[i]).exp());
        Self {
            forward: column(&|i| stock[i] / discount[i]),
            undiscounted: column(&|i| load.price[i] / discount[i]),
            stock,
            discount,
        }
    }
}

/// Their passes.
pub(super) fn ways(load: &Load) -> Vec<Way<'_>> {
    let way = |name: &str, expected: &Vec<f64>, tolerance| {
        let mut all = room();
        all[0].clone_from(expected);
        Way { name: name.to_owned(), pass: Box::new(|_| ()), out: room(), expected: all, tolerance }
    };
    let inputs = Inputs::new(load);
    let black_scholes = move |out: &mut super::Out| {
        let Load { strike, rate, volatility, years, sign, .. } = load;
        for (i, out) in out[0].iter_mut().enumerate() {
            let all = black_box(black_scholes::compute_all(
                inputs.stock[i],
                strike[i],
                rate[i],
                volatility[i],
                years[i],
            ));
            *out = if sign[i] > 0.0 { all.call_price } else { all.put_price };
        }
    };
    let inputs = Inputs::new(load);
    let price = move |out: &mut super::Out| {
        for (i, out) in out[0].iter_mut().enumerate() {
            let option = PriceBlackScholes::builder()
                .forward(inputs.forward[i])
                .strike(load.strike[i])
                .volatility(load.volatility[i])
                .expiry(load.years[i])
                .is_call(load.sign[i] > 0.0)
                .build();
            let undiscounted = option.map_or(f64::NAN, |option| option.calculate::<DefaultSpecialFn>());
            *out = inputs.discount[i] * undiscounted;
        }
    };
    let inputs = Inputs::new(load);
    let volatility = move |out: &mut super::Out| {
        for (i, out) in out[0].iter_mut().enumerate() {
            let option = ImpliedBlackVolatility::builder()
                .option_price(inputs.undiscounted[i])
                .forward(inputs.forward[i])
                .strike(load.strike[i])
                .expiry(load.years[i])
                .is_call(load.sign[i] > 0.0)
                .build();
            *out = option.and_then(|option| option.calculate::<DefaultSpecialFn>()).unwrap_or(f64::NAN);
        }
    };
    vec![
        Way {
            pass: Box::new(black_scholes),
            ..way("black_scholes 0.11.1 compute_all (call and put, 8 Greeks each)", &load.price, 1e-9)
        },
        Way { pass: Box::new(price), ..way("implied-vol 2.1 price", &load.price, 1e-9) },
        Way { pass: Box::new(volatility), ..way("implied-vol 2.1 volatility", &load.volatility, 1e-8) },
    ]
}
