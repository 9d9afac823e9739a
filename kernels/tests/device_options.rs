//! `cuda/options.cu`, as the PTX that is shipped, interpreted: every option's bits are the CPU's.

#[allow(dead_code, reason = "not every test looks at everything")]
mod options;

use emulator::{Module, RunOptions, Shape};
use kernels::cpu::pricing::Isa;
use kernels::cpu::pricing::implied::{NoVolatility, Volatilities, implied_volatility_of_each};
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{AllGreeks, Options, price_chain, price_each};
use kernels::cpu::pricing::markets::{ForwardMarkets, NormalMarkets, SpotMarket};
use options::{Random, Table};

const SEED: u64 = 0xD0_0D;
/// No multiple of a warp, more than the threads that are launched.
const LEN: usize = 3_001;
const STEPS: u32 = 3;

fn table(random: &mut Random) -> Table {
    let mut table = random.contracts(LEN);
    (0..LEN).for_each(|_| table.push_market(random.market()));
    table
}

fn addresses<'a>(columns: impl IntoIterator<Item = &'a [f64]>) -> Vec<u8> {
    columns.into_iter().flat_map(|column| (column.as_ptr() as u64).to_le_bytes()).collect()
}

fn contracts(table: &Table) -> Vec<u8> {
    addresses([&table.strike[..], &table.volatility, &table.sign])
}

fn run(name: &str, arguments: &[&[u8]]) {
    let module =
        Module::load(include_str!("../cuda/built/options.ptx")).unwrap_or_else(|error| panic!("{error}"));
    let kernel = module.kernel(name).expect("the kernel is in the module");
    // SAFETY: the arguments are those of the kernels of options.cu, whose arrays are as long as the length says and live here.
    unsafe { kernel.run(Shape::linear(4, 128), arguments, &RunOptions::default()) }
        .unwrap_or_else(|fault| panic!("{name}: {fault}"));
}

/// Prices on the device; then on the CPU, whose results stay in the table.
fn compare(name: &str, table: &mut Table, markets: &[u8], on_cpu: impl FnOnce(&mut Table)) {
    let mut out: [Vec<f64>; 9] = std::array::from_fn(|_| vec![f64::NAN; LEN]);
    let results: Vec<u8> =
        out.iter_mut().flat_map(|column| (column.as_mut_ptr() as u64).to_le_bytes()).collect();
    run(name, &[markets, &contracts(table), &results, &(LEN as u64).to_le_bytes()]);
    on_cpu(table);
    let device_of = |i: usize| -> [u64; 9] { std::array::from_fn(|field| out[field][i].to_bits()) };
    for i in 0..LEN {
        let device = device_of(i);
        assert_eq!(device, table.result(i), "{name}, seed {SEED:#x}, option {i}: {:?}", table.contract(i));
    }
    let live = out[2].iter().filter(|gamma| **gamma > 1e-9).count();
    assert!(live > LEN / 10, "{name}: {live} options with a gamma test little");
}

#[test]
fn a_chain_has_the_bits_of_the_cpu() {
    let mut table = table(&mut Random(SEED));
    let numbers = [100.0, 0.04, 0.015, 0.4];
    let bytes: Vec<u8> = numbers.iter().flat_map(|number: &f64| number.to_le_bytes()).collect();
    let market = SpotMarket::new(numbers[0], numbers[1], numbers[2], numbers[3]).expect("in range");
    let terms = LognormalTerms::black_scholes_merton(Isa::detect(), &market);
    compare("price_chain", &mut table, &bytes, |table| {
        let (contracts, out) = table.chain(0);
        price_chain(Isa::detect(), &terms, &contracts, out);
    });
}

#[test]
fn options_with_markets_of_their_own_have_the_bits_of_the_cpu() {
    let mut table = table(&mut Random(SEED));
    let market = table.market.clone();
    let [forward, rate, _, years] = market.each_ref().map(Vec::as_slice);
    let columns = addresses([forward, rate, years]);
    let spots = addresses(market.each_ref().map(Vec::as_slice));
    let isa = Isa::detect();
    compare("price_each_spot", &mut table, &spots, |table| {
        let (markets, options, out) = table.each(0);
        price_each(isa, &markets, &options, out).expect("in range");
    });
    let each = |table: &mut Table, price: &dyn Fn(&Options<'_>, AllGreeks<'_>)| {
        let (_, options, out) = table.each(0);
        price(&options, out);
    };
    compare("price_each_forward", &mut table, &columns, |table| {
        let markets = ForwardMarkets::new(forward, rate, years);
        each(table, &|options, out| price_each(isa, &markets, options, out).expect("in range"));
    });
    as_amounts(&mut table);
    compare("price_each_normal", &mut table, &columns, |table| {
        let markets = NormalMarkets::new(forward, rate, years);
        each(table, &|options, out| price_each(isa, &markets, options, out).expect("in range"));
    });
}

/// Volatilities of the normal model: a part of 100, as an amount.
fn as_amounts(table: &mut Table) {
    table.volatility.iter_mut().for_each(|volatility| *volatility *= 100.0);
}

/// Prices of the table's options, some spoilt, and starts that are off.
fn asked(random: &mut Random, table: &mut Table) -> Vec<f64> {
    table.volatility.iter_mut().for_each(|volatility| *volatility *= random.between(0.9, 1.1));
    let spoil = |price: &f64| match (random.unit() * 10.0) as u32 {
        0 => f64::NAN,
        1 => -price,
        _ => *price,
    };
    table.out[0].iter().map(spoil).collect()
}

/// Volatilities on the device, which have to be those of the CPU.
fn compare_volatilities(
    name: &str,
    table: &Table,
    markets: &[u8],
    prices: &[f64],
    on_cpu: impl FnOnce(Volatilities<'_>),
) {
    let (mut found, mut numbers) = (vec![f64::NAN; LEN], vec![u32::MAX; LEN]);
    let addresses = [prices.as_ptr() as u64, found.as_mut_ptr() as u64, numbers.as_mut_ptr() as u64];
    let [prices_at, found_at, numbers_at] = addresses.map(u64::to_le_bytes);
    let (steps, len) = (STEPS.to_le_bytes(), (LEN as u64).to_le_bytes());
    run(name, &[markets, &contracts(table), &prices_at, &steps, &found_at, &numbers_at, &len]);
    let (mut volatility, mut refused) = (vec![f64::NAN; LEN], vec![None; LEN]);
    on_cpu(Volatilities { volatility: &mut volatility, refused: &mut refused });
    let number = |refused: &Option<NoVolatility>| refused.map_or(0, |why| why as u32);
    for i in 0..LEN {
        let device = (found[i].to_bits(), numbers[i]);
        let cpu = (volatility[i].to_bits(), number(&refused[i]));
        assert_eq!(device, cpu, "{name}, seed {SEED:#x}, option {i}");
    }
    let given = refused.iter().filter(|refused| refused.is_none()).count();
    assert!(given > LEN / 10 && given < LEN, "{name}: {given} volatilities test little");
}

#[test]
fn volatilities_have_the_bits_of_the_cpu() {
    let (mut random, isa) = (Random(SEED), Isa::detect());
    let mut table = table(&mut random);
    let market = table.market.clone();
    let [forward, rate, _, years] = market.each_ref().map(Vec::as_slice);
    let (spots, options, out) = table.each(0);
    price_each(isa, &spots, &options, out).expect("in range");
    let prices = asked(&mut random, &mut table);
    let columns = addresses(market.each_ref().map(Vec::as_slice));
    let mut same = table.clone();
    compare_volatilities("implied_spot", &table, &columns, &prices, |out| {
        let (spots, options, _) = same.each(0);
        implied_volatility_of_each(isa, &spots, &options, &prices, STEPS, out);
    });
    as_amounts(&mut table);
    let normals = NormalMarkets::new(forward, rate, years);
    let (_, options, out) = table.each(0);
    price_each(isa, &normals, &options, out).expect("in range");
    let prices = asked(&mut random, &mut table);
    let columns = addresses([forward, rate, years]);
    let mut same = table.clone();
    compare_volatilities("implied_normal", &table, &columns, &prices, |out| {
        let (_, options, _) = same.each(0);
        implied_volatility_of_each(isa, &normals, &options, &prices, STEPS, out);
    });
}
