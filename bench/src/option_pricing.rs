//! Option prices, sensitivities and implied volatilities on one core, on every instruction set of the machine but the portable
//! one, and with feature `peers-options` the published crates `black_scholes` and `implied-vol` beside them in the same run.
//!
//! Load: 1,024 options out of the money around 100 (up to two standard deviations, 0.02 to 2 years, 10 to 80 %). *Chain*:
//! four chains of 256 contracts, what an expiry's contracts share is computed once for each. *Each*: spot, rate, yield, years,
//! strike and volatility of every option are its own, and are checked. *Volatility*: two Halley steps from 2 % off. A sample is
//! a pass over all options; rounds go over all in turns, each round beginning with another one.
//!
//! Every pass of ours gives, bit for bit, what the portable instruction set gives; the peers' prices are within 1e-9 of ours
//! and their volatilities within 1e-8.

#[cfg(feature = "peers-options")]
mod peers;

use std::hint::black_box;
use std::time::Instant;

use kernels::cpu::pricing::implied::{STEPS, Volatilities, implied_volatility, implied_volatility_of_each};
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{AllGreeks, Greeks, Options, price_chain, price_each};
use kernels::cpu::pricing::markets::{SpotMarket, SpotMarkets};
use kernels::cpu::pricing::{Contracts, ForwardTerms, Isa, Values, ln, value};

use crate::line::Line;
use crate::timing::{Random, tenths};

const OPTIONS: usize = 1_024;
const CHAIN: usize = 256;
/// Rounds, of which the first are thrown away.
const ROUNDS: usize = 440;
const WARM_UP: usize = 40;

/// Runs it.
///
/// # Errors
/// Bits that differ between instruction sets, or a peer that answers something else.
pub fn run() -> Result<Vec<Line>, String> {
    let load = Load::new();
    let mut ways = ours(&load)?;
    #[cfg(feature = "peers-options")]
    ways.extend(peers::ways(&load));
    let mut passes = vec![Vec::with_capacity(ROUNDS); ways.len()];
    for round in 0..ROUNDS {
        for turn in 0..ways.len() {
            let which = (round + turn) % ways.len();
            let Way { pass, out, .. } = &mut ways[which];
            let start = Instant::now();
            pass(out);
            let ns = start.elapsed().as_nanos() as f64;
            ways[which].check()?;
            if round >= WARM_UP {
                passes[which].push(ns / OPTIONS as f64);
            }
        }
    }
    let lines = ways.iter().zip(passes).map(|(way, passes)| line(way, passes));
    Ok(lines.collect())
}

/// Options one array a field; those of a chain share its market.
struct Load {
    spot: Vec<f64>,
    rate: Vec<f64>,
    underlying_yield: Vec<f64>,
    years: Vec<f64>,
    strike: Vec<f64>,
    chain_strike: Vec<f64>,
    ln_chain_strike: Vec<f64>,
    volatility: Vec<f64>,
    start: Vec<f64>,
    sign: Vec<f64>,
    price: Vec<f64>,
    chains: Vec<SpotMarket>,
    chain_price: Vec<f64>,
}

/// Results of a pass: price and sensitivities, or the volatility alone.
type Out = [Vec<f64>; 9];

fn room() -> Out {
    std::array::from_fn(|_| vec![f64::NAN; OPTIONS])
}

/// Market of each option, of which those of a chain are the first one's.
fn market(load: &Load, at: usize) -> Result<SpotMarket, String> {
    SpotMarket::new(load.spot[at], load.rate[at], load.underlying_yield[at], load.years[at])
        .map_err(|error| error.to_string())
}

impl Load {
    fn new() -> Self {
        let mut random = Random(8);
        let mut column = |low: f64, high: f64| -> Vec<f64> {
            (0..OPTIONS)
                .map(|_| low + (high - low) * random.below(1 << 30) as f64 / (1u64 << 30) as f64)
                .collect()
        };
        let (spot, deviations) = (column(80.0, 120.0), column(-2.0, 2.0));
        let (volatility, years) = (column(0.1, 0.8), column(0.02, 2.0));
        let strike_of = |i: usize, market: usize| {
            spot[market] * (deviations[i] * volatility[i] * f64::sqrt(years[market])).exp()
        };
        let mut load = Self {
            rate: column(0.0, 0.05),
            underlying_yield: column(0.0, 0.03),
            chain_strike: (0..OPTIONS).map(|i| strike_of(i, i - i % CHAIN)).collect(),
            ln_chain_strike: Vec::new(),
            start: volatility.iter().map(|volatility| 1.02 * volatility).collect(),
            sign: deviations.iter().map(|part| if *part < 0.0 { -1.0 } else { 1.0 }).collect(),
            strike: (0..OPTIONS).map(|i| strike_of(i, i)).collect(),
            spot,
            volatility,
            years,
            price: Vec::new(),
            chains: Vec::new(),
            chain_price: Vec::new(),
        };
        load.ln_chain_strike = load.chain_strike.iter().map(|strike| ln(*strike)).collect();
        let chain = |at| market(&load, at).expect("the columns are in range");
        load.chains = (0..OPTIONS).step_by(CHAIN).map(chain).collect();
        let (isa, mut out) = (Isa::detect(), room());
        each(isa, &load, &mut out);
        load.price = out[0].clone();
        for_chains(&load, |terms, range| {
            let [price, delta, vega, ..] = out.each_mut().map(|column| &mut column[range.clone()]);
            let out = Values { price, delta, vega };
            value(
                isa,
                &ForwardTerms::new(isa, &terms.expiry(isa), load.spot[range.start]),
                &load.contracts(range),
                out,
            );
        });
        load.chain_price = out[0].clone();
        load
    }

    fn contracts(&self, range: std::ops::Range<usize>) -> Contracts<'_> {
        Contracts {
            strike: &self.chain_strike[range.clone()],
            ln_strike: &self.ln_chain_strike[range.clone()],
            volatility: &self.volatility[range.clone()],
            sign: &self.sign[range],
        }
    }

    fn markets(&self) -> SpotMarkets<'_> {
        let (rate, underlying_yield) = (&self.rate, &self.underlying_yield);
        SpotMarkets { spot: &self.spot, rate, underlying_yield, years: &self.years }
    }
}

fn for_chains(load: &Load, mut work: impl FnMut(&SpotMarket, std::ops::Range<usize>)) {
    for (at, market) in load.chains.iter().enumerate() {
        work(market, at * CHAIN..(at + 1) * CHAIN);
    }
}

/// One thing that is timed.
struct Way<'l> {
    name: String,
    pass: Box<dyn FnMut(&mut Out) + 'l>,
    out: Out,
    expected: Out,
    /// How far a result may be from the expected one; 0 means the same bits.
    tolerance: f64,
}

impl Way<'_> {
    fn check(&mut self) -> Result<(), String> {
        for (field, (column, expected)) in self.out.iter_mut().zip(&self.expected).enumerate() {
            for (at, (number, expected)) in column.iter_mut().zip(expected).enumerate() {
                let same =
                    number.to_bits() == expected.to_bits() || (*number - expected).abs() < self.tolerance;
                if !same {
                    return Err(format!(
                        "{}: value {field} of option {at} is {number}, not {expected}",
                        self.name
                    ));
                }
                // Work that is not done shows.
                *number = f64::NAN;
            }
        }
        Ok(())
    }
}

fn greeks<'o>(out: &'o mut Out, range: &std::ops::Range<usize>) -> AllGreeks<'o> {
    let [price, delta, gamma, vega, theta, rho, vanna, volga, charm] =
        out.each_mut().map(|column| &mut column[range.clone()]);
    AllGreeks {
        greeks: Greeks { values: Values { price, delta, vega }, gamma, theta, rho },
        vanna,
        volga,
        charm,
    }
}

fn quoting(isa: Isa, load: &Load, out: &mut Out) {
    for_chains(load, |market, range| {
        let terms = ForwardTerms::new(isa, &market.expiry(isa), load.spot[range.start]);
        let greeks = greeks(out, &range).greeks;
        value(isa, &terms, &load.contracts(range), greeks.values);
    });
}

fn chain_of_five(isa: Isa, load: &Load, out: &mut Out) {
    for_chains(load, |market, range| {
        let terms = LognormalTerms::black_scholes_merton(isa, market);
        price_chain(isa, &terms, &load.contracts(range.clone()), greeks(out, &range).greeks);
    });
}

fn chain_of_eight(isa: Isa, load: &Load, out: &mut Out) {
    for_chains(load, |market, range| {
        let terms = LognormalTerms::black_scholes_merton(isa, market);
        price_chain(isa, &terms, &load.contracts(range.clone()), greeks(out, &range));
    });
}

fn each(isa: Isa, load: &Load, out: &mut Out) {
    let Load { strike, volatility, sign, .. } = load;
    let options = Options { strike, volatility, sign };
    price_each(isa, &load.markets(), &options, greeks(out, &(0..OPTIONS)).greeks).expect("in range");
}

fn chain_volatilities(isa: Isa, load: &Load, out: &mut Out) {
    let mut refused = [None; CHAIN];
    for_chains(load, |market, range| {
        let terms = LognormalTerms::black_scholes_merton(isa, market);
        let contracts = Contracts { volatility: &load.start[range.clone()], ..load.contracts(range.clone()) };
        let out = Volatilities { volatility: &mut out[0][range.clone()], refused: &mut refused };
        implied_volatility(isa, &terms, &contracts, &load.chain_price[range], STEPS, out);
        assert!(refused.iter().all(Option::is_none), "a volatility was not found");
    });
}

fn volatilities_of_each(isa: Isa, load: &Load, out: &mut Out) {
    let mut refused = [None; OPTIONS];
    let options = Options { strike: &load.strike, volatility: &load.start, sign: &load.sign };
    let out = Volatilities { volatility: &mut out[0], refused: &mut refused };
    implied_volatility_of_each(isa, &load.markets(), &options, &load.price, STEPS, out);
    assert!(refused.iter().all(Option::is_none), "a volatility was not found");
}

type Pass = fn(Isa, &Load, &mut Out);

fn ours(load: &Load) -> Result<Vec<Way<'_>>, String> {
    const PASSES: [(&str, Pass); 6] = [
        ("chain: price, delta, vega", quoting),
        ("chain: price and 5 Greeks", chain_of_five),
        ("chain: price and 8 Greeks", chain_of_eight),
        ("each: price and 5 Greeks", each),
        ("chain: volatility", chain_volatilities),
        ("each: volatility", volatilities_of_each),
    ];
    let portable = Isa::all().next().ok_or("no instruction set")?;
    let mut ways = Vec::new();
    for (name, pass) in PASSES {
        let mut expected = room();
        pass(portable, load, &mut expected);
        for isa in Isa::all().skip(1) {
            ways.push(Way {
                name: format!("{name}, {}", isa.name()),
                pass: Box::new(move |out| pass(isa, load, black_box(out))),
                out: room(),
                expected: expected.clone(),
                tolerance: 0.0,
            });
        }
    }
    Ok(ways)
}

fn line(way: &Way<'_>, mut passes: Vec<f64>) -> Line {
    passes.sort_by(f64::total_cmp);
    let median = passes[passes.len() / 2];
    Line::new(
        "option_pricing",
        &way.name,
        "closed loop, one thread, passes over 1,024 different options, all in turns",
        &format!("{WARM_UP} of {ROUNDS} rounds"),
    )
    .clock("CLOCK_MONOTONIC around a pass")
    .with("rounds", passes.len())
    .with("min_ns", tenths(passes[0]))
    .with("median_ns", tenths(median))
    .with("p90_ns", tenths(passes[passes.len() * 9 / 10]))
    .with("million_per_s", tenths(1e3 / median))
    .checked(if way.tolerance == 0.0 {
        "every pass gives, bit for bit, what the portable instruction set gives"
    } else {
        "every pass gives what ours gives, within 1e-9 (volatilities 1e-8)"
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_pass_gives_the_expected() {
        let lines = super::run().expect("equal answers");
        assert!(lines.len() >= 6 || kernels::cpu::pricing::Isa::all().count() == 1);
    }
}
