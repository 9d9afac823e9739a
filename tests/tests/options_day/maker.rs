//! An options maker over a small day: surfaces are fitted on the way, all options are quoted by them, and every run of it, by
//! whatever topology or backend, and its journal, come to the same orders.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use engine::control::accounts::Totals;
use engine::control::config::{Config, Topology};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::journal::{DecideReader, DecideRecord, verify};
use engine::control::options_day::{ChainShape, OptionsDayConfig};
use engine::control::outcome::Outcome;
use engine::control::recovery::Ledger;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::wide_backend::BackendKind;
use engine::control::wide_plan::WidePlan;
use engine::control::{journal_replay, startup, why};
use engine::order::{ExecutionKind, Order, OrderAction};
use engine::pipeline::paced::Pace;
use engine::pipeline::wide::SurfaceVol;
use feeds::event::Side;

use crate::value::volatility;
use crate::written::{self, bytes, number, table};

/// The example that the book of such a desk begins with.
const EXAMPLE: &str = include_str!("../../../engine/examples/options_maker.toml");

/// What the example's own words generate: an underlying with 36 options, whose volatilities rise at noon.
fn small(moves: u64) -> OptionsDayConfig {
    OptionsDayConfig {
        seed: 1,
        underlyings: 1,
        shape: ChainShape { expiries: 2, strikes: 9 },
        moves,
        mispricings: 0,
        later_volatility_percent: 115,
        ..written::config(1)
    }
}

/// A day, and what the engine reads of it.
struct Day {
    out: PathBuf,
    inputs: Inputs,
}

fn day(directory: &Path, config: &OptionsDayConfig) -> Day {
    let out = written::generate(directory, "day", config);
    let capture = |(suffix, venue): (&str, &str)| CaptureArgument {
        path: PathBuf::from(format!("{}.{suffix}", out.display())),
        venue: Some(venue.to_owned()),
    };
    let captures = [("nasdaq.itch", "NASDAQ"), ("bx.itch", "BX")].map(capture);
    let inputs = Inputs::open(&captures, Some("2026-01-05")).expect("the day");
    Day { out, inputs }
}

fn config(inputs: &Inputs, text: &str) -> Config {
    let config = Config::parse("options_maker.toml", text).expect("good settings");
    startup::complete(inputs, config).expect("a configuration for the day")
}

fn run(inputs: &Inputs, config: &Config, topology: Topology, journal: Option<&Path>) -> Outcome {
    let options = ReplayOptions { journal: journal.map(Path::to_owned), ..ReplayOptions::default() };
    run_with(inputs, config, topology, &options)
}

fn run_with(inputs: &Inputs, config: &Config, topology: Topology, options: &ReplayOptions) -> Outcome {
    let mut config = config.clone();
    config.pipeline.topology = topology;
    let outcome = replay(inputs, &config, options, Vec::new()).expect("the run starts");
    assert_eq!(outcome.failure, None);
    outcome
}

/// A journal's fits and actions.
fn told(journal: &Path) -> (Vec<(u64, Vec<SurfaceVol>)>, Vec<Order>) {
    let (mut fits, mut vols, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    for record in DecideReader::open(journal).expect("a journal") {
        let record = record.expect("whole records");
        match record.record {
            DecideRecord::SurfaceVols(some) => vols.extend_from_slice(some.as_slice()),
            DecideRecord::Surface(end) => {
                assert_eq!(end.fit, fits.len() as u64 + 1);
                assert_eq!(end.vols as usize, vols.len());
                fits.push((record.time_ns, std::mem::take(&mut vols)));
            }
            DecideRecord::Action(order) => actions.push(order),
            _ => {}
        }
    }
    (fits, actions)
}

#[test]
fn the_example_runs_the_same_in_both_topologies_and_its_journal_reproduces_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let Day { out, inputs } = day(directory.path(), &small(800));
    let config = config(&inputs, EXAMPLE);
    let (journal, inline) = same_by_every_way(directory.path(), &inputs, &config);
    let counters = &inline.counters;
    let surfaces = inline.summary.wide.surfaces.as_ref().expect("surfaces");
    assert!(surfaces.inputs >= 8 && surfaces.fitted >= 16, "{surfaces:?}");
    assert_eq!(counters.surfaces, surfaces.inputs);
    assert!(counters.new_orders > 50 && counters.replaces > 100, "{counters:?}");
    assert!(counters.fills > 10, "{counters:?}");
    let (fits, actions) = told(&journal);
    assert_eq!(fits.len() as u64, surfaces.inputs);
    let interval_ns = config.wide.as_ref().and_then(|wide| wide.surface).expect("fits").interval_ns();
    assert!(fits.iter().all(|(time_ns, _)| time_ns % interval_ns == 0), "at configured virtual times only");
    never_through_ourselves(&journal);
    assert_eq!(near_the_known_surface(&out, &inputs, &config, &fits), 36, "every option was fitted");
    // Who reads accounts off the records alone counts a fit as an input.
    let mut ledger = Ledger::of(&config).expect("a ledger");
    for record in DecideReader::open(&journal).expect("a journal") {
        ledger.apply(&record.expect("whole records")).expect("known records");
    }
    assert_eq!(ledger.carried([0; 32]).expect("a state").decision, counters.inputs);
    explained(&journal, &actions);
    positions_are_reported(&inline);
}

/// The maker's configuration that `generate` writes, on a day with mispricings: whoever is out of line trades with us.
#[test]
fn the_generated_maker_quotes_whole_chains() {
    let directory = tempfile::tempdir().expect("a directory");
    let shape = ChainShape { expiries: 3, strikes: 11 };
    let (mispricings, later_volatility_percent) = (12, 100);
    let of_two = OptionsDayConfig {
        seed: 5,
        underlyings: 2,
        shape,
        mispricings,
        later_volatility_percent,
        ..small(300)
    };
    let Day { out, inputs } = day(directory.path(), &of_two);
    let text = String::from_utf8(bytes(&out, "maker.toml")).expect("text");
    let config = config(&inputs, &text);
    let (journal, outcome) = same_by_every_way(directory.path(), &inputs, &config);
    never_through_ourselves(&journal);
    let (fits, _) = told(&journal);
    // The quotes of a cheap underlying's options are too wide for their values to say something.
    assert!(near_the_known_surface(&out, &inputs, &config, &fits) >= 66, "most options were fitted");
    let surfaces = outcome.summary.wide.surfaces.as_ref().expect("surfaces");
    assert!(surfaces.fitted >= 18, "{surfaces:?}");
    assert!(outcome.counters.fills > 5, "{:?}", outcome.counters);
    assert!(Totals::of(&outcome.summary.accounts).profit_e9() > 0, "quoting around the known values earns");
    positions_are_reported(&outcome);
}

/// Twenty chains of 250 options, as `generate` makes them unless told otherwise: two quotes of each stay open.
#[test]
fn the_generated_maker_has_room_for_the_quotes_of_a_whole_day() {
    let directory = tempfile::tempdir().expect("a directory");
    let whole = OptionsDayConfig { underlyings: 20, shape: ChainShape::MOST, ..small(20) };
    let Day { out, inputs } = day(directory.path(), &whole);
    let text = String::from_utf8(bytes(&out, "maker.toml")).expect("text");
    let mut config = config(&inputs, &text);
    let outcome = run(&inputs, &config, Topology::Inline, None);
    let counters = &outcome.counters;
    assert!(counters.new_orders > 9_000, "most quotes stand until the close: {counters:?}");
    assert!(!outcome.to_string().contains("TABLE_FULL"), "{outcome}");
    // All of them are cancelled in one moment, two megabytes of reports.
    assert!(outcome.to_string().contains("; 0 open at the end"), "{outcome}");
    config.pipeline.open_orders_max = 9_999;
    let plan = WidePlan::new(&inputs, &config).expect("a plan").expect("wide work");
    let Err(refused) = plan.options_maker(&inputs, &config) else { panic!("there is no room") };
    assert!(refused.to_string().contains("keeps 10000 orders open, two an option"), "{refused}");
}

/// Runs in both topologies and replays the journal: the journal, and the outcome.
fn same_by_every_way(directory: &Path, inputs: &Inputs, config: &Config) -> (PathBuf, Outcome) {
    let journal = directory.join("journal");
    let inline = run(inputs, config, Topology::Inline, Some(&journal));
    let split = run(inputs, config, Topology::Split, None);
    assert_eq!((inline.digest, inline.book_hash), (split.digest, split.book_hash));
    assert_eq!((inline.counters, &inline.summary.wide), (split.counters, &split.summary.wide));
    assert_eq!(inline.summary.accounts, split.summary.accounts);
    let replayed = journal_replay::replay(&journal).expect("a replay");
    assert!(replayed.is_reproduced() && replayed.digest == inline.digest);
    assert!(verify(&journal).expect("whole").is_closed());
    println!("{inline}");
    (journal, inline)
}

/// What is reported adds up to what was filled.
fn positions_are_reported(outcome: &Outcome) {
    let accounts = &outcome.summary.accounts;
    let held: u64 = accounts.iter().map(|account| account.position.unsigned_abs()).sum();
    assert!(!accounts.is_empty() && held <= outcome.counters.filled_quantity, "{accounts:?}");
    assert!(held % 2 == outcome.counters.filled_quantity % 2, "what is closed is closed by as much");
    assert!(outcome.to_string().contains("instruments traded"));
}

/// At no time does a message of ours ask for a bid at or above an offer of ours that may be open, or the other way round.
fn never_through_ourselves(journal: &Path) {
    let mut open: HashMap<(u32, bool), ([u64; 2], i64)> = HashMap::new();
    let mut decisions: HashMap<u64, u32> = HashMap::new();
    for record in DecideReader::open(journal).expect("a journal") {
        match record.expect("whole records").record {
            DecideRecord::Action(order) => {
                *decisions.entry(order.decision).or_default() += 1;
                if !matches!(order.action, OrderAction::New | OrderAction::Replace) {
                    continue;
                }
                assert_eq!(order.price % 10_000_000, 0, "not on the tick");
                let is_bid = order.side == Side::Buy;
                if let Some((_, other)) = open.get(&(order.instrument, !is_bid)) {
                    assert!(if is_bid { order.price < *other } else { order.price > *other }, "{order:?}");
                }
                let ids = [order.cl_ord_id, order.orig_cl_ord_id];
                open.insert((order.instrument, is_bid), (ids, order.price));
            }
            DecideRecord::Execution(execution) => {
                let is_done = matches!(
                    execution.kind,
                    ExecutionKind::Fill | ExecutionKind::Canceled | ExecutionKind::Rejected
                );
                // A fill may have crossed a replace on the wire; a cancel has an id of its own.
                let is_of = |ids: &[u64; 2]| {
                    let of = [execution.cl_ord_id, execution.orig_cl_ord_id];
                    of.iter().any(|id| *id != 0 && ids.contains(id))
                };
                open.retain(|_, (ids, _)| !(is_done && is_of(ids)));
            }
            _ => {}
        }
    }
    assert!(decisions.values().all(|&count| count <= 16), "bounded work an input");
}

/// The last fit before noon and the last one are what everybody quoted by, to within a quarter of a point of volatility near
/// the money: quotes are three to four cents around their values, and the middle of one is rounded to half a cent.
/// Gives how many options were fitted at all.
fn near_the_known_surface(
    out: &Path,
    inputs: &Inputs,
    config: &Config,
    fits: &[(u64, Vec<SurfaceVol>)],
) -> usize {
    let plan = WidePlan::new(inputs, config).expect("a plan").expect("wide work");
    let surfaces = table(out, "surfaces.csv");
    let mut last: HashMap<u32, f64> = HashMap::new();
    // Half of the moves is half of the time, within some fits: the last that was certainly before.
    let half = fits.len() * 4 / 10;
    for (fit, (_, vols)) in fits.iter().enumerate() {
        last.extend(vols.iter().map(|vol| (vol.option, vol.volatility())));
        let is_late = fit + 1 == fits.len();
        if fit != half && !is_late {
            continue;
        }
        let (mut worst, mut compared): (f64, usize) = (0.0, 0);
        for (&option, &found) in &last {
            let terms = &plan.tables.options()[option as usize];
            // Chains name the only listings, in the order of the table.
            let row = &surfaces[terms.underlying as usize];
            let level = if is_late { "later_atm_variance" } else { "atm_variance" };
            let surface = [number(row, level), number(row, "rho"), number(row, "eta")];
            let spot = number::<f64>(row, "opening_mid_e9") / 1e9;
            let expiry = &plan.tables.expiries()[terms.expiry as usize];
            let known = volatility(surface, terms.strike, spot * expiry.carry, expiry.years);
            // The underlying has moved by some cents, and the smile with it. Far from the money hardly any quote says something.
            if (terms.strike / spot).ln().abs() <= 0.08 {
                worst = worst.max((found - known).abs());
                compared += 1;
            }
        }
        println!(
            "fit {fit} of {}: {compared} of {} options, worst error in volatility {worst:.5}",
            fits.len(),
            last.len()
        );
        assert!(compared >= 6, "{compared} options near the money");
        assert!(worst < 0.0025, "fit {fit}: {worst}");
    }
    last.len()
}

fn explained(journal: &Path, actions: &[Order]) {
    let replaced = actions.iter().filter(|order| order.action == OrderAction::Replace);
    let mut shown = 0;
    for order in replaced.step_by(97).take(3) {
        let trace = why::trace(journal, &order.cl_ord_id.to_string(), &[], Vec::new()).expect("a trace");
        assert_eq!(trace.failure, None, "{}", trace.text);
        shown += u32::from(trace.text.contains("theoretical") && trace.text.contains("half width"));
    }
    assert!(shown > 0, "no replace is explained by the portfolio");
}

#[test]
fn an_emulated_device_switches_volatilities_at_the_same_numbers() {
    let directory = tempfile::tempdir().expect("a directory");
    let Day { inputs, .. } = day(directory.path(), &small(60));
    let mut config = config(&inputs, EXAMPLE);
    config.wide.as_mut().and_then(|wide| wide.surface.as_mut()).expect("fits").fit_interval_ms = 80;
    let options = |backend| ReplayOptions { backend, ..ReplayOptions::default() };
    let cpu = run_with(&inputs, &config, Topology::Inline, &options(BackendKind::Cpu));
    let device = run_with(&inputs, &config, Topology::Inline, &options(BackendKind::Emulated));
    assert_eq!(device.digest, cpu.digest);
    let (one, other) = (&device.summary.wide, &cpu.summary.wide);
    assert_eq!((&one.answers_sha256, &one.surfaces), (&other.answers_sha256, &other.surfaces));
    assert_eq!(one.fallbacks, 0);
    assert!(other.surfaces.as_ref().is_some_and(|surfaces| surfaces.inputs > 3), "{other:?}");
}

#[test]
fn a_paced_run_fits_on_its_own_thread_and_its_journal_reproduces_it() {
    for topology in [Topology::Inline, Topology::Split] {
        let directory = tempfile::tempdir().expect("a directory");
        let Day { inputs, .. } = day(directory.path(), &small(100));
        let mut config = config(&inputs, EXAMPLE);
        config.wide.as_mut().and_then(|wide| wide.surface.as_mut()).expect("fits").fit_interval_ms = 50;
        let journal = directory.path().join("journal");
        let options = ReplayOptions {
            pace: Some(Pace::Times(4.0)),
            journal: Some(journal.clone()),
            ..ReplayOptions::default()
        };
        let outcome = run_with(&inputs, &config, topology, &options);
        let surfaces = outcome.summary.wide.surfaces.as_ref().expect("surfaces");
        println!("{topology:?}: {surfaces:?}");
        assert!(surfaces.inputs > 0, "{surfaces:?}");
        assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced(), "{topology:?}");
    }
}

#[test]
fn bad_quotes_make_no_fit_and_the_run_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let Day { inputs, .. } = day(directory.path(), &small(120));
    let mut config = config(&inputs, EXAMPLE);
    let surface = config.wide.as_mut().and_then(|wide| wide.surface.as_mut()).expect("fits");
    // No quote of the day is that tight.
    (surface.spread_max, surface.fit_interval_ms) = (0.0, 200);
    let outcome = run(&inputs, &config, Topology::Inline, None);
    let surfaces = outcome.summary.wide.surfaces.as_ref().expect("surfaces");
    assert_eq!((surfaces.inputs, surfaces.fitted), (0, 0));
    assert!(surfaces.refused["too few quotes"] > 4, "{surfaces:?}");
    assert!(outcome.counters.new_orders > 0, "configured volatilities are quoted by");
}
