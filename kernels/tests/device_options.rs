//! Options in bulk on the device's code, the PTX that is shipped: every option's bits are the CPU's, whatever the width; what is
//! refused is refused with a word and leaves the results alone.

#[allow(dead_code, reason = "only the driver is needed here")]
mod emulated;
#[allow(dead_code, reason = "not every test looks at everything")]
mod options;

use kernels::cpu::pricing::Isa;
use kernels::cpu::pricing::implied::{Volatilities, implied_volatility_of_each};
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{Options, price_chain, price_each};
use kernels::cpu::pricing::markets::{ForwardMarkets, NormalMarkets, SpotMarket, SpotMarkets};
use kernels::cpu::pricing::range::Input;
use kernels::device::batch::{BatchError, BatchMarkets, OptionsBatch, Place};
use kernels::device::launch::Images;
use options::{Random, Table};
use proptest::prelude::*;

/// More than the widths that are drawn: a batch is used for any number of options up to its own.
const ROOM: usize = 700;
const STEPS: u32 = 3;

fn batch() -> OptionsBatch {
    let place = Place { driver: emulated::driver(), images: Images::Ptx, ordinal: 0 };
    OptionsBatch::new(&place, ROOM).unwrap_or_else(|error| panic!("{error}"))
}

fn table(random: &mut Random, len: usize) -> Table {
    let mut table = random.contracts(len);
    (0..len).for_each(|_| table.push_market(random.market()));
    table
}

/// Volatilities of the normal model: a part of 100, as an amount.
fn as_amounts(table: &mut Table) {
    table.volatility.iter_mut().for_each(|volatility| *volatility *= 100.0);
}

fn assert_same(device: &Table, cpu: &Table, what: &str) {
    for i in 0..cpu.strike.len() {
        assert_eq!(device.result(i), cpu.result(i), "{what}, option {i}: {:?}", cpu.contract(i));
    }
}

/// Prices and volatilities of options that each have a market.
fn each<M: BatchMarkets>(batch: &mut OptionsBatch, table: &Table, markets: &M, what: &str) {
    let (isa, len) = (Isa::detect(), table.strike.len());
    let (mut on_cpu, mut on_device) = (table.clone(), table.clone());
    let (_, options, out) = on_cpu.each(0);
    price_each(isa, markets, &options, out).expect("in range");
    let (_, options, out) = on_device.each(0);
    let spent = batch.price_each(markets, &options, out).unwrap_or_else(|error| panic!("{error}"));
    assert!(spent.kernel_ns <= spent.with_copies_ns, "{spent:?}");
    assert_same(&on_device, &on_cpu, what);
    let prices = on_cpu.out[0].clone();
    let [mut cpu, mut device] = [(); 2].map(|()| (vec![f64::NAN; len], vec![None; len]));
    let out = Volatilities { volatility: &mut cpu.0, refused: &mut cpu.1 };
    let options = Options { strike: &table.strike, volatility: &table.volatility, sign: &table.sign };
    implied_volatility_of_each(isa, markets, &options, &prices, STEPS, out);
    let out = Volatilities { volatility: &mut device.0, refused: &mut device.1 };
    batch
        .implied_volatility_of_each(markets, &options, &prices, STEPS, out)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((bits(&device.0), device.1), (bits(&cpu.0), cpu.1), "{what}");
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn chain(batch: &mut OptionsBatch, table: &Table, numbers: [f64; 4], what: &str) {
    let [spot, rate, underlying_yield, years] = numbers;
    let market = SpotMarket::new(spot, rate, underlying_yield, years).expect("in range");
    let terms = LognormalTerms::black_scholes_merton(Isa::detect(), &market);
    let (mut on_cpu, mut on_device) = (table.clone(), table.clone());
    // The CPU takes the logarithms that the table has, the device its own.
    let (contracts, out) = on_cpu.chain(0);
    price_chain(Isa::detect(), &terms, &contracts, out);
    let (_, options, out) = on_device.each(0);
    batch.price_chain(&market, &options, out).unwrap_or_else(|error| panic!("{error}"));
    assert_same(&on_device, &on_cpu, what);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_number_of_options_has_the_bits_of_the_cpu(seed in 1u64.., len in 0..=ROOM) {
        let (mut batch, mut random) = (batch(), Random(seed));
        let mut table = table(&mut random, len);
        let market = table.market.clone();
        let [forward, rate, underlying_yield, years] = market.each_ref().map(Vec::as_slice);
        let what = format!("seed {seed}, {len} options");
        chain(&mut batch, &table, random.market(), &what);
        let spots = SpotMarkets { spot: forward, rate, underlying_yield, years };
        each(&mut batch, &table, &spots, &what);
        each(&mut batch, &table, &ForwardMarkets::new(forward, rate, years), &what);
        as_amounts(&mut table);
        each(&mut batch, &table, &NormalMarkets::new(forward, rate, years), &what);
    }
}

#[test]
fn what_is_refused_leaves_the_results_alone() {
    let (mut batch, mut random) = (batch(), Random(5));
    let mut table = table(&mut random, 40);
    table.volatility[17] = f64::NAN;
    let (spots, options, out) = table.each(0);
    let said = batch.price_each(&spots, &options, out).expect_err("a volatility that is none");
    let BatchError::OutOfRange(refused) = &said else { panic!("{said:?}") };
    assert_eq!((refused.index, refused.input), (17, Input::Volatility));
    assert!(table.out.iter().flatten().all(|number| number.is_nan()), "something was written");
    table.volatility.truncate(39);
    let (spots, options, out) = table.each(0);
    let said = batch.price_each(&spots, &options, out).expect_err("a column too short");
    assert_eq!(said, BatchError::TooShort { column: "volatility", len: 39, wanted: 40 });
    assert!(table.out.iter().flatten().all(|number| number.is_nan()), "something was written");
}

#[test]
fn more_than_there_is_room_for_is_refused() {
    let (mut batch, mut random) = (batch(), Random(6));
    let mut table = table(&mut random, ROOM + 1);
    let (spots, options, out) = table.each(0);
    let said = batch.price_each(&spots, &options, out).expect_err("one too many");
    assert_eq!(said, BatchError::TooMany { asked: ROOM + 1, room: ROOM });
}

#[test]
fn what_lies_behind_the_results_is_not_touched() {
    let (mut batch, mut random) = (batch(), Random(7));
    let mut table = table(&mut random, 64);
    let (spots, options, out) = table.each(0);
    let mut out = out;
    // As many as there are prices: the other columns are longer.
    out.greeks.values.price = &mut out.greeks.values.price[..33];
    batch.price_each(&spots, &options, out).unwrap_or_else(|error| panic!("{error}"));
    for column in &table.out {
        assert!(column[..33].iter().all(|number| number.is_finite()));
        assert!(column[33..].iter().all(|number| number.is_nan()));
    }
}
