//! The bits of one option in every loop, mode, instruction set, length, lane and tail.

#[allow(dead_code, reason = "not every test looks at everything")]
mod options;

use kernels::cpu::pricing::implied::{
    NoVolatility, Volatilities, implied_volatilities_of, implied_volatility, implied_volatility_of_each,
    implied_volatility_one,
};
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{Greeks, Model, Options, price_chain, price_each, sensitivities_one};
use kernels::cpu::pricing::markets::{
    ForwardMarket, ForwardMarkets, NormalMarket, NormalMarkets, SpotMarket,
};
use kernels::cpu::pricing::normal::NormalTerms;
use kernels::cpu::pricing::{Contracts, ForwardTerms, Isa, Values, value, value_one};
use options::{Random, Table, bits};

const SEED: u64 = 0x5EED;

/// The bits that one contract has by itself on the portable instruction set.
fn alone<M: Model>(model: &M, table: &Table) -> Vec<[u64; 9]> {
    let portable = Isa::all().next().expect("the portable one is always there");
    let of = |i| bits(&sensitivities_one(portable, model, &table.contract(i)));
    (0..table.strike.len()).map(of).collect()
}

fn assert_results(table: &Table, start: usize, expected: &[[u64; 9]], what: &str) {
    for (i, expected) in expected.iter().enumerate().skip(start) {
        assert_eq!(table.result(i), *expected, "seed {SEED:#x}, {what} from {start}, option {i}");
    }
}

/// A chain of every length up to 70 from every offset up to 8, by the loop over all sensitivities, by the one over five, without
/// stored logarithms, and by the loop of quoting.
#[test]
fn a_chain_has_the_bits_of_its_contracts() {
    let mut random = Random(SEED);
    let names: Vec<_> = Isa::all().map(Isa::name).collect();
    println!("instruction sets of this machine: {names:?}");
    for len in 0..=70 {
        let [spot, rate, underlying_yield, years] = random.market();
        let market = SpotMarket::new(spot, rate, underlying_yield, years).expect("in range");
        let mut table = random.contracts(len);
        let terms = LognormalTerms::black_scholes_merton(Isa::detect(), &market);
        let expected = alone(&terms, &table);
        for isa in Isa::all() {
            assert_eq!(LognormalTerms::black_scholes_merton(isa, &market), terms);
            let forward = ForwardTerms::new(isa, &market.expiry(isa), spot);
            for start in 0..len.min(9) {
                let (contracts, out) = table.chain(start);
                price_chain(isa, &terms, &contracts, out);
                assert_results(&table, start, &expected, isa.name());
                five_of(isa, &terms, &mut table, start);
                assert_results(&table, start, &expected, "five");
                quoted(isa, &forward, &mut table, start);
                assert_results(&table, start, &expected, "quoting");
            }
        }
    }
}

/// Overwrites five of the results with those of the loop over five, from contracts without logarithms.
fn five_of<M: Model>(isa: Isa, model: &M, table: &mut Table, start: usize) {
    let [price, delta, gamma, vega, theta, rho, ..] = table.out.each_mut().map(|column| &mut column[start..]);
    let options = Options {
        strike: &table.strike[start..],
        volatility: &table.volatility[start..],
        sign: &table.sign[start..],
    };
    price_chain(isa, model, &options, Greeks { values: Values { price, delta, vega }, gamma, theta, rho });
}

/// Overwrites price, delta and vega with those of quoting, of a chain and then of each contract by itself.
fn quoted(isa: Isa, terms: &ForwardTerms, table: &mut Table, start: usize) {
    let contracts = Contracts {
        strike: &table.strike[start..],
        ln_strike: &table.ln_strike[start..],
        volatility: &table.volatility[start..],
        sign: &table.sign[start..],
    };
    let [price, delta, _, vega, ..] = table.out.each_mut().map(|column| &mut column[start..]);
    value(isa, terms, &contracts, Values { price, delta, vega });
    for i in start..table.strike.len() {
        let one = value_one(terms, &table.contract(i));
        let stored = [0, 1, 3].map(|field| table.out[field][i].to_bits());
        assert_eq!([one.price, one.delta, one.vega].map(f64::to_bits), stored, "{i}");
    }
}

/// Options that each have a market have the bits that a chain of one has, under every model.
#[test]
fn options_with_markets_of_their_own_have_the_bits_of_a_chain() {
    let mut random = Random(SEED);
    for len in (0..=40).chain([257]) {
        let mut table = random.contracts(len);
        for _ in 0..len {
            table.push_market(random.market());
        }
        let market = |table: &Table, i: usize| table.market.each_ref().map(|column| column[i]);
        let isas: Vec<_> = Isa::all().collect();
        let expected: Vec<_> = (0..len).map(|i| of_spot(isas[0], &table, i, market(&table, i))).collect();
        let on_forwards: Vec<_> =
            (0..len).map(|i| of_forward(isas[0], &table, i, market(&table, i))).collect();
        for isa in &isas {
            for start in 0..len.min(4) {
                let (markets, options, out) = table.each(start);
                price_each(*isa, &markets, &options, out).expect("in range");
                assert_results(&table, start, &expected, isa.name());
                for model in 0..2 {
                    price_forwards(*isa, &mut table, start, model);
                    for (i, expected) in on_forwards.iter().enumerate().skip(start) {
                        assert_eq!(table.result(i), expected[model], "seed {SEED:#x}, {}, {i}", isa.name());
                    }
                }
            }
        }
    }
}

fn of_spot(isa: Isa, table: &Table, i: usize, [spot, rate, underlying_yield, years]: [f64; 4]) -> [u64; 9] {
    let market = SpotMarket::new(spot, rate, underlying_yield, years).expect("in range");
    bits(&sensitivities_one(isa, &LognormalTerms::black_scholes_merton(isa, &market), &table.contract(i)))
}

fn of_forward(isa: Isa, table: &Table, i: usize, [forward, rate, _, years]: [f64; 4]) -> [[u64; 9]; 2] {
    let black_76 =
        LognormalTerms::black_76(isa, &ForwardMarket::new(forward, rate, years).expect("in range"));
    let bachelier = NormalTerms::bachelier(isa, &NormalMarket::new(forward, rate, years).expect("in range"));
    let contract = table.contract(i);
    [
        bits(&sensitivities_one(isa, &black_76, &contract)),
        bits(&sensitivities_one(isa, &bachelier, &contract)),
    ]
}

fn price_forwards(isa: Isa, table: &mut Table, start: usize, model: usize) {
    let [forward, rate, _, years] = table.market.clone();
    let (forward, rate, years) = (&forward[start..], &rate[start..], &years[start..]);
    let (_, options, out) = table.each(start);
    let priced = if model == 0 {
        price_each(isa, &ForwardMarkets::new(forward, rate, years), &options, out)
    } else {
        price_each(isa, &NormalMarkets::new(forward, rate, years), &options, out)
    };
    priced.expect("in range");
}

type Found = Vec<Result<u64, NoVolatility>>;

fn found(volatility: &[f64], refused: &[Option<NoVolatility>]) -> Found {
    let of = |(volatility, refused): (&f64, &Option<NoVolatility>)| {
        assert!(refused.is_none() || *volatility == 0.0);
        refused.map_or(Ok(volatility.to_bits()), Err)
    };
    volatility.iter().zip(refused).map(of).collect()
}

/// Prices, some of them impossible, and starts, some of them of no use.
fn asked(random: &mut Random, table: &mut Table, isa: Isa) -> Vec<f64> {
    let (markets, options, out) = table.each(0);
    price_each(isa, &markets, &options, out).expect("in range");
    let mut prices = Vec::new();
    for (price, volatility) in table.out[0].iter().zip(&mut table.volatility) {
        prices.push(match (random.unit() * 12.0) as u32 {
            0 => f64::NAN,
            1 => -*price,
            2 => 1e9 * *price,
            _ => *price,
        });
        *volatility *= match (random.unit() * 8.0) as u32 {
            0 => 0.0,
            1 => f64::NAN,
            2 => 1e-3,
            _ => random.between(0.8, 1.25),
        };
    }
    prices
}

#[test]
fn volatilities_have_one_bit_pattern_in_every_loop() {
    let (mut random, isas) = (Random(SEED), Isa::all().collect::<Vec<_>>());
    let mut solved = 0;
    for len in 0..=50 {
        let mut table = random.contracts(len);
        let market = random.market();
        (0..len).for_each(|_| table.push_market(market));
        let prices = asked(&mut random, &mut table, isas[0]);
        let [spot, rate, underlying_yield, years] = market;
        let market = SpotMarket::new(spot, rate, underlying_yield, years).expect("in range");
        let model = LognormalTerms::black_scholes_merton(isas[0], &market);
        let expected: Found = (0..len)
            .map(|i| implied_volatility_one(isas[0], &model, &table.contract(i), prices[i], 3))
            .map(|found| found.map(f64::to_bits))
            .collect();
        solved += expected.iter().filter(|found| found.is_ok()).count();
        let (mut volatility, mut refused) = (vec![0.0; len], vec![None; len]);
        for isa in &isas {
            for i in 0..len {
                // The same contract at another's price: a pair gives what each gives by itself.
                let pair = [prices[i], prices[(i + 1) % len]];
                let both = implied_volatilities_of(*isa, &model, &table.contract(i), pair, 3);
                let alone =
                    pair.map(|price| implied_volatility_one(isas[0], &model, &table.contract(i), price, 3));
                assert_eq!(
                    both.map(|f| f.map(f64::to_bits)),
                    alone.map(|f| f.map(f64::to_bits)),
                    "{len} {i}"
                );
            }
            for start in 0..len.min(5) {
                let (contracts, _) = table.chain(start);
                let out =
                    Volatilities { volatility: &mut volatility[start..], refused: &mut refused[start..] };
                implied_volatility(*isa, &model, &contracts, &prices[start..], 3, out);
                assert_eq!(found(&volatility, &refused)[start..], expected[start..], "{} {len}", isa.name());
                let (markets, options, _) = table.each(start);
                let out =
                    Volatilities { volatility: &mut volatility[start..], refused: &mut refused[start..] };
                implied_volatility_of_each(*isa, &markets, &options, &prices[start..], 3, out);
                assert_eq!(found(&volatility, &refused)[start..], expected[start..], "{} {len}", isa.name());
            }
        }
    }
    assert!(solved > 200, "{solved} volatilities test little");
}
