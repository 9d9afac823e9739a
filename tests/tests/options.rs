//! A small day of options (`warptick_tests::option_day`): surfaces are fitted on the way, an options maker quotes by them,
//! and every run of it, by whatever topology or backend, and its journal, come to the same orders.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use engine::control::config::{Config, Topology};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::journal::{DecideReader, DecideRecord, verify};
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
use warptick_tests::option_day::{self, option_day};

/// The example that the book of such a desk begins with.
const EXAMPLE: &str = include_str!("../../engine/examples/options_maker.toml");

const DATE: &str = "2026-01-05";

fn inputs(directory: &Path, seed: u64, steps: u64) -> Inputs {
    let path = directory.join("options.itch");
    std::fs::write(&path, option_day(seed, steps)).expect("writable");
    let argument = CaptureArgument { path, venue: Some("NASDAQ".to_owned()) };
    Inputs::open(&[argument], Some(DATE)).expect("the day")
}

fn config(inputs: &Inputs) -> Config {
    let config = Config::parse("options_maker.toml", EXAMPLE).expect("good settings");
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
    let inputs = inputs(directory.path(), 1, 400);
    let config = config(&inputs);
    let journal = directory.path().join("journal");
    let inline = run(&inputs, &config, Topology::Inline, Some(&journal));
    let split = run(&inputs, &config, Topology::Split, None);
    assert_eq!((inline.digest, inline.book_hash), (split.digest, split.book_hash));
    assert_eq!((inline.counters, &inline.summary.wide), (split.counters, &split.summary.wide));
    let replayed = journal_replay::replay(&journal).expect("a replay");
    assert!(replayed.is_reproduced() && replayed.digest == inline.digest);
    assert!(verify(&journal).expect("whole").is_closed());

    let counters = &inline.counters;
    let surfaces = inline.summary.wide.surfaces.as_ref().expect("surfaces");
    println!("{counters:?}\n{surfaces:?}");
    assert!(surfaces.inputs >= 8 && surfaces.fitted >= 16, "{surfaces:?}");
    assert_eq!(counters.surfaces, surfaces.inputs);
    assert!(counters.new_orders > 50 && counters.replaces > 100, "{counters:?}");
    assert!(counters.fills > 10, "{counters:?}");
    let (fits, actions) = told(&journal);
    assert_eq!(fits.len() as u64, surfaces.inputs);
    let interval_ns = config.wide.as_ref().and_then(|wide| wide.surface).expect("fits").interval_ns();
    assert!(fits.iter().all(|(time_ns, _)| time_ns % interval_ns == 0), "at configured virtual times only");
    never_through_ourselves(&journal);
    near_the_known_surface(&inputs, &config, &fits);
    // Who reads accounts off the records alone counts a fit as an input.
    let mut ledger = Ledger::of(&config).expect("a ledger");
    for record in DecideReader::open(&journal).expect("a journal") {
        ledger.apply(&record.expect("whole records")).expect("known records");
    }
    assert_eq!(ledger.carried([0; 32]).expect("a state").decision, counters.inputs);
    explained(&journal, &actions);
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
                // A fill may have crossed a replace on the wire.
                open.retain(|_, (ids, _)| !(is_done && ids.contains(&execution.cl_ord_id)));
            }
            _ => {}
        }
    }
    assert!(decisions.values().all(|&count| count <= 16), "bounded work an input");
}

/// The last fit before noon and the last one are what everybody quoted by.
fn near_the_known_surface(inputs: &Inputs, config: &Config, fits: &[(u64, Vec<SurfaceVol>)]) {
    let plan = WidePlan::new(inputs, config).expect("a plan").expect("wide work");
    let mut last: BTreeMap<u32, f64> = BTreeMap::new();
    let half = fits.len() / 2 - 1;
    for (number, (_, vols)) in fits.iter().enumerate() {
        last.extend(vols.iter().map(|vol| (vol.option, vol.volatility())));
        let is_late = number + 1 == fits.len();
        if number != half && !is_late {
            continue;
        }
        let mut worst: f64 = 0.0;
        for (&option, &found) in &last {
            let terms = &plan.tables.options()[option as usize];
            // The forward has moved by a few parts in a hundred at most, and the smile with it.
            let forward = 100.0 * plan.tables.expiries()[terms.expiry as usize].carry;
            let known = option_day::volatility(terms.expiry as usize, terms.strike, forward, is_late);
            // Beyond, hardly any quote is tight enough to say something.
            if (terms.strike - 100.0).abs() <= 8.0 {
                worst = worst.max((found - known).abs());
            }
        }
        println!("fit {number}: {} options, worst distance from the known surface {worst:.4}", last.len());
        assert_eq!(last.len(), plan.tables.options().len());
        assert!(worst < 0.02, "fit {number}: {worst}");
    }
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
    let inputs = inputs(directory.path(), 2, 40);
    let mut config = config(&inputs);
    config.wide.as_mut().and_then(|wide| wide.surface.as_mut()).expect("fits").fit_interval_ms = 100;
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
        let inputs = inputs(directory.path(), 3, 60);
        let mut config = config(&inputs);
        config.wide.as_mut().and_then(|wide| wide.surface.as_mut()).expect("fits").fit_interval_ms = 50;
        let journal = directory.path().join("journal");
        let options = ReplayOptions {
            pace: Some(Pace::Times(1.0)),
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
    let inputs = inputs(directory.path(), 4, 60);
    let mut config = config(&inputs);
    let surface = config.wide.as_mut().and_then(|wide| wide.surface.as_mut()).expect("fits");
    // No quote of the day is that tight.
    (surface.spread_max, surface.fit_interval_ms) = (0.0, 200);
    let outcome = run(&inputs, &config, Topology::Inline, None);
    let surfaces = outcome.summary.wide.surfaces.as_ref().expect("surfaces");
    assert_eq!((surfaces.inputs, surfaces.fitted), (0, 0));
    assert!(surfaces.refused["too few quotes"] > 4, "{surfaces:?}");
    assert!(outcome.counters.new_orders > 0, "configured volatilities are quoted by");
}
