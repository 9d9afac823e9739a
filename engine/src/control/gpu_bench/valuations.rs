//! Options, American options and simulated paths in bulk, beside one core on the same input in the same run.
//!
//! **Kernel** and **with copies** are by the device's events: the kernel alone, and from before the input is copied to after the
//! results are. **Call** is by the host's clock around the whole call, which also fills pinned memory and empties it. **CPU** is
//! the engine's own vector loop on one core. CPU and device take turns; the median of some passes after one that is thrown away.
//! All results are compared, bit for bit.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::json;

use super::Section;
use super::round_trip::late;
use crate::control::failure::Failure;
use crate::control::gpu::Where;
use crate::control::gpu_valuations::refused;
use crate::control::wide_backend::BackendKind;
use kernels::cpu::american::AmericanOption;
use kernels::cpu::monte_carlo::{Moments, Payoff, Simulation, TILE, tile};
use kernels::cpu::pricing::Isa;
use kernels::cpu::pricing::implied::{STEPS, Volatilities, implied_volatility_of_each};
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{price_chain, price_each};
use kernels::cpu::pricing::markets::SpotMarket;
use kernels::device::batch::draws::{Draws, GreekColumns, Reach};
use kernels::device::batch::{
    AmericanBatch, BatchError, BatchMarkets, OptionsBatch, Place, SimulationBatch, Spent,
};

/// Passes of which the median counts, and those before them.
const PASSES: usize = 5;
const WARM_UP: usize = 1;

const SEED: u64 = 7;

/// Prices of an arithmetic Asian option that the paths are drawn for, and paths of a sample.
const ASIAN_STEPS: u32 = 12;
const PATHS_A_SAMPLE: u64 = 2;

/// How wide the batches are.
#[derive(Clone, Debug)]
pub(super) struct Widths {
    options: Vec<usize>,
    american: Vec<usize>,
    tiles: Vec<usize>,
}

impl Widths {
    /// On a device up to four million options, less where fewer requests are asked for; in an interpreter as few as show that it
    /// runs.
    pub(super) fn of(backend: BackendKind, requests: u32) -> Self {
        if backend == BackendKind::Emulated {
            return Self { options: vec![64, 512], american: vec![16], tiles: vec![2] };
        }
        let most = requests as usize * 210;
        let up_to = |most: usize, widths: &[u32]| -> Vec<usize> {
            widths.iter().map(|bits| 1 << bits).filter(|width| *width <= most.max(1 << widths[0])).collect()
        };
        Self {
            options: up_to(most, &[8, 12, 16, 18, 20, 22]),
            american: up_to(most / 64, &[8, 12, 16]),
            tiles: up_to(most / 256, &[4, 8, 12, 14]),
        }
    }
}

/// One line of the table.
pub(super) struct Row {
    work: &'static str,
    width: usize,
    /// What is counted: options, or paths.
    items: u64,
    cpu_ns: u64,
    call_ns: u64,
    spent: Spent,
}

fn failed(error: &BatchError) -> Failure {
    late(&format!("failed: {error}"))
}

fn median(mut ns: Vec<u64>) -> u64 {
    ns.sort_unstable();
    ns[ns.len() / 2].max(1)
}

/// CPU and device in turn.
fn timed(
    work: &'static str,
    [width, items]: [usize; 2],
    mut cpu: impl FnMut(),
    mut device: impl FnMut() -> Result<Spent, BatchError>,
) -> Result<Row, Failure> {
    let [mut on_cpu, mut calls, mut kernels, mut with_copies] = [const { Vec::new() }; 4];
    for pass in 0..WARM_UP + PASSES {
        let begun = Instant::now();
        cpu();
        let middle = Instant::now();
        let spent = device().map_err(|error| failed(&error))?;
        let end = Instant::now();
        if pass >= WARM_UP {
            on_cpu.push((middle - begun).as_nanos() as u64);
            calls.push((end - middle).as_nanos() as u64);
            kernels.push(spent.kernel_ns);
            with_copies.push(spent.with_copies_ns);
        }
    }
    let spent = Spent { kernel_ns: median(kernels), with_copies_ns: median(with_copies) };
    let (cpu_ns, call_ns) = (median(on_cpu), median(calls));
    Ok(Row { work, width, items: items as u64, cpu_ns, call_ns, spent })
}

fn equal(work: &str, is_equal: bool) -> Result<(), Failure> {
    if is_equal { Ok(()) } else { Err(late(&format!("has other results of {work} than the CPU"))) }
}

/// All of them; with what the device is called.
pub(super) fn measure(place: Where, widths: &Widths) -> Result<Vec<Row>, Failure> {
    let place = place.batch_place().map_err(|reason| refused(&reason))?;
    let mut rows = measure_options(&place, &widths.options)?;
    rows.extend(measure_american(&place, &widths.american)?);
    rows.extend(measure_paths(&place, &widths.tiles)?);
    Ok(rows)
}

fn measure_options(place: &Place, widths: &[usize]) -> Result<Vec<Row>, Failure> {
    let widest = widths.last().copied().unwrap_or(0);
    let mut batch = OptionsBatch::new(place, widest).map_err(|reason| refused(&reason))?;
    let isa = Isa::detect();
    let columns = Draws::new(SEED).options(widest, Reach::Ordinary);
    let options = columns.options();
    let market = SpotMarket::new(100.0, 0.04, 0.015, 0.4).map_err(|error| late(&error.to_string()))?;
    let terms = LognormalTerms::black_scholes_merton(isa, &market);
    let [mut cpu, mut device] = [(); 2].map(|()| GreekColumns::new(widest));
    let mut rows = Vec::new();
    for width in widths {
        let row = timed(
            "price_chain_spot",
            [*width; 2],
            || price_chain(isa, &terms, &options, cpu.first(*width)),
            || batch.price_chain(&market, &options, device.first(*width)),
        )?;
        equal(row.work, cpu.has_the_bits_of(&device))?;
        rows.push(row);
    }
    for width in widths {
        let row = measure_each(&mut batch, "price_each_spot", &columns.spots(), &options, *width)?;
        rows.push(row);
    }
    rows.push(measure_each(&mut batch, "price_each_forward", &columns.forwards(), &options, widest)?);
    let amounts = Draws::new(SEED).normal_options(widest, Reach::Ordinary);
    let (normals, options) = (amounts.normals(), amounts.options());
    rows.push(measure_each(&mut batch, "price_each_normal", &normals, &options, widest)?);
    rows.push(measure_implied(&mut batch, widest)?);
    Ok(rows)
}

fn measure_each<M: BatchMarkets>(
    batch: &mut OptionsBatch,
    work: &'static str,
    markets: &M,
    options: &kernels::cpu::pricing::loops::Options<'_>,
    width: usize,
) -> Result<Row, Failure> {
    let isa = Isa::detect();
    let [mut cpu, mut device] = [(); 2].map(|()| GreekColumns::new(width));
    let mut accepted = Ok(());
    let row = timed(
        work,
        [width; 2],
        || accepted = price_each(isa, markets, options, cpu.first(width)),
        || batch.price_each(markets, options, device.first(width)),
    )?;
    accepted.map_err(|error| late(&error.to_string()))?;
    equal(work, cpu.has_the_bits_of(&device))?;
    Ok(row)
}

/// From starts that are 5 % off at most.
fn measure_implied(batch: &mut OptionsBatch, width: usize) -> Result<Row, Failure> {
    let (isa, mut draws) = (Isa::detect(), Draws::new(SEED));
    let mut columns = draws.options(width, Reach::Ordinary);
    let mut priced = GreekColumns::new(width);
    price_each(isa, &columns.spots(), &columns.options(), priced.first(width))
        .map_err(|error| late(&error.to_string()))?;
    columns.move_volatilities(|volatility| *volatility *= draws.between(0.95, 1.05));
    let [mut cpu, mut device] = [(); 2].map(|()| (vec![0.0; width], vec![None; width]));
    let (spots, options, prices) = (columns.spots(), columns.options(), priced.prices());
    let row = timed(
        "implied_each_spot",
        [width; 2],
        || {
            let out = Volatilities { volatility: &mut cpu.0, refused: &mut cpu.1 };
            implied_volatility_of_each(isa, &spots, &options, prices, STEPS, out);
        },
        || {
            let out = Volatilities { volatility: &mut device.0, refused: &mut device.1 };
            batch.implied_volatility_of_each(&spots, &options, prices, STEPS, out)
        },
    )?;
    equal(row.work, bits(&cpu.0) == bits(&device.0) && cpu.1 == device.1)?;
    Ok(row)
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn measure_american(place: &Place, widths: &[usize]) -> Result<Vec<Row>, Failure> {
    let widest = widths.last().copied().unwrap_or(0);
    let mut batch = AmericanBatch::new(place, widest).map_err(|reason| refused(&reason))?;
    let (isa, mut draws) = (Isa::detect(), Draws::new(SEED));
    let (options, spots): (Vec<AmericanOption>, Vec<f64>) =
        (0..widest).map(|_| draws.american(Reach::Ordinary)).unzip();
    let [mut cpu, mut device] = [(); 2].map(|()| vec![0.0; widest]);
    let mut rows = Vec::new();
    for width in widths {
        let row = timed(
            "american_prices",
            [*width; 2],
            || {
                for ((price, option), spot) in cpu[..*width].iter_mut().zip(&options).zip(&spots) {
                    *price = option.price(isa, *spot).unwrap_or(f64::NAN);
                }
            },
            || batch.prices(&options, &spots, &mut device[..*width]),
        )?;
        equal(row.work, bits(&cpu) == bits(&device))?;
        rows.push(row);
    }
    Ok(rows)
}

fn measure_paths(place: &Place, widths: &[usize]) -> Result<Vec<Row>, Failure> {
    let widest = widths.last().copied().unwrap_or(0);
    let mut batch = SimulationBatch::new(place, widest).map_err(|reason| refused(&reason))?;
    let isa = Isa::detect();
    let mut rows = Vec::new();
    for (work, payoff, steps) in [
        ("paths_european", Payoff::European, 1),
        ("paths_asian_12_steps", Payoff::ArithmeticAsian, ASIAN_STEPS),
    ] {
        let simulation = Simulation {
            payoff,
            put: true,
            spot: 100.0,
            strike: 102.0,
            rate: 0.05,
            dividend_yield: 0.02,
            volatility: 0.25,
            years: 0.75,
            steps,
        };
        let samples = (widest * TILE) as u64;
        let terms = simulation.path_terms(isa, SEED, samples).map_err(|error| late(&error.to_string()))?;
        let [mut cpu, mut device] = [(); 2].map(|()| vec![Moments::default(); widest]);
        for width in widths {
            let paths = width * TILE * PATHS_A_SAMPLE as usize;
            let row = timed(
                work,
                [width * TILE, paths],
                || (0..).zip(&mut cpu[..*width]).for_each(|(at, sums)| *sums = tile(isa, &terms, at)),
                || batch.tiles(&terms, 0, &mut device[..*width]),
            )?;
            let sums = |tiles: &[Moments]| bits(&tiles.iter().flat_map(|sums| sums.0).collect::<Vec<_>>());
            equal(work, sums(&cpu) == sums(&device))?;
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What is printed of them.
pub(super) fn section(rows: &[Row]) -> Section {
    let mut text = format!(
        "valuations in bulk, a second; the median of {PASSES} passes, one core beside the device, all results equal\n{:<22} \
         {:>9} {:>14} {:>14} {:>14} {:>14} {:>8}\n",
        "work", "width", "cpu", "kernel", "with copies", "call", "speedup"
    );
    let mut lines = Vec::new();
    for row in rows {
        let Row { work, width, items, cpu_ns, call_ns, spent } = row;
        let rate = |ns: u64| *items as f64 * 1e9 / ns as f64;
        let [cpu, kernel, with_copies, call] =
            [*cpu_ns, spent.kernel_ns, spent.with_copies_ns, *call_ns].map(rate);
        let _ = writeln!(
            text,
            "{work:<22} {width:>9} {cpu:>14.0} {kernel:>14.0} {with_copies:>14.0} {call:>14.0} {:>8.2}",
            kernel / cpu
        );
        lines.push(json!({
            "work": work, "width": width, "items": items, "cpu_ns": cpu_ns, "kernel_ns": spent.kernel_ns,
            "with_copies_ns": spent.with_copies_ns, "call_ns": call_ns, "cpu_per_s": cpu, "kernel_per_s": kernel,
            "with_copies_per_s": with_copies, "call_per_s": call, "passes": PASSES,
        }));
    }
    Section { text, rows: lines }
}

/// The same as comments of a profile: no configuration goes by them.
pub(super) fn profile_text(rows: &[Row]) -> String {
    section(rows).text.lines().fold(String::new(), |text, line| text + "# " + line + "\n")
}
