//! Generated two-venue days with pairs, a cycle of three and a chain.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use engine::control::config::{Config, Topology};
use engine::control::digest::{OrderDigest, canonical_end, canonical_item, hex};
use engine::control::inputs::Inputs;
use engine::control::journal::{DecideReader, DecideRecord, verify};
use engine::control::outcome::Outcome;
use engine::control::recovery::Ledger;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::universe::Universe;
use engine::control::{journal_replay, why};
use engine::order::{Order, OrderAction};
use engine::pipeline::paced::Pace;
use kernels::abi::WideItem;
use warptick_tests::wide_day::{self, CHAIN, CYCLE, generated_day, pairs};

use crate::naive::NaiveWide;

/// Three threads a run on perhaps two cores: one run at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Of the first symbol a part of the amount is the fee at one venue, and a rebate for each unit.
const REBATE: &str = r#"
    [[wide.listings]]
    venue = "BX"
    symbol = "<0>"
    fee_ppb = 50_000
    fee_unit_e9 = -1_000_000
"#;

/// One more option of the chain.
const PUT: &str = r#"options = [{ expiry = 1, strike_e9 = 33_000_000_000, kind = "put", volatility = 0.4 }]"#;

/// Wide work over the day's symbols, and its taker; `more` is TOML in `[wide]`, before its tables.
fn config(inputs: &Inputs, more: &str) -> Config {
    let parts = [&format!("[wide]\n{more}"), REBATE, CYCLE, &pairs(100_000_000), CHAIN, PUT];
    wide_day::config(inputs, &format!("{}\n[wide.taker]\ncool_down_ns = 100_000\n", parts.join("\n")))
}

fn run(inputs: &Inputs, config: &Config, topology: Topology, journal: Option<&Path>) -> Outcome {
    paced(inputs, config, topology, journal, None)
}

fn paced(
    inputs: &Inputs,
    config: &Config,
    topology: Topology,
    journal: Option<&Path>,
    pace: Option<Pace>,
) -> Outcome {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut config = config.clone();
    config.pipeline.topology = topology;
    let options = ReplayOptions { pace, journal: journal.map(Path::to_owned), ..ReplayOptions::default() };
    replay(inputs, &config, &options, Vec::new()).expect("the run starts")
}

/// What the answers of a journal were found to be.
pub struct Checked {
    pub answers: u64,
    /// As the run's summary should give it.
    pub answers_sha256: String,
    /// Answers at the time of an execution before, or of a timer behind.
    pub ties: u64,
    pub actions: Vec<Order>,
    pub model: NaiveWide,
}

/// The place of inputs of the same time in lockstep: market, execution, answer, timer.
type Turn = (u64, u8);

/// Holds every answer of a journal against the model, which reads the captures again; in lockstep (a latency above zero)
/// also the order of all inputs.
pub fn check(inputs: &Inputs, config: &Config, journal: &Path, latency_ns: u64) -> Checked {
    let mut ingest = inputs.ingest(config.latency.line_ns).expect("captures");
    let mut model = NaiveWide::new(config, &inputs.directory().expect("symbols"));
    let (mut items, mut answers, mut actions): (Vec<WideItem>, u64, Vec<Order>) = Default::default();
    let (mut digest, mut turn, mut ties): (OrderDigest, Turn, u64) = Default::default();
    let mut in_turn = |next: Turn, place: u64| {
        assert!(latency_ns == 0 || next >= turn, "record {place}: {next:?} behind {turn:?}");
        ties += u64::from(next.0 == turn.0 && matches!((turn.1, next.1), (1, 2) | (2, 3)));
        turn = next;
    };
    for record in DecideReader::open(journal).expect("a journal") {
        let record = record.expect("whole records");
        match record.record {
            DecideRecord::MarketRun(run) => {
                for _ in 0..run.count {
                    let event = ingest.next_event().expect("readable").expect("as many as in the run");
                    in_turn((event.receive_ns, 0), record.sequence);
                    model.on_market(&event);
                }
            }
            DecideRecord::AnswerItems(some) => items.extend_from_slice(some.as_slice()),
            DecideRecord::Answer(end) => {
                let items = std::mem::take(&mut items);
                assert_eq!(items.len(), end.items as usize);
                in_turn((record.time_ns, 2), record.sequence);
                for item in &items {
                    digest.push_canonical(&canonical_item(end.request, end.listing, item));
                }
                digest.push_canonical(&canonical_end(end.request, end.listing, items.len()));
                let place = format!("record {}", record.sequence);
                let asked = model.on_answer(end.request, end.listing, &items, &place);
                assert_eq!(record.time_ns, asked.time_ns + latency_ns, "{place}: not at its time");
                answers += 1;
            }
            DecideRecord::Action(order) => actions.push(order),
            DecideRecord::Execution(_) => in_turn((record.time_ns, 1), record.sequence),
            DecideRecord::Timer(_) => in_turn((record.time_ns, 3), record.sequence),
            _ => {}
        }
    }
    Checked { answers, answers_sha256: hex(&digest.finish()), ties, actions, model }
}

/// Everything that two runs of the same input share.
fn same(one: &Outcome, other: &Outcome, place: &str) {
    assert_eq!((&one.failure, &other.failure), (&None, &None), "{place}");
    assert_eq!(one.counters, other.counters, "{place}");
    assert_eq!((one.digest, one.book_hash), (other.digest, other.book_hash), "{place}");
    assert_eq!(one.summary.wide, other.summary.wide, "{place}");
}

#[test]
fn every_answer_is_the_models_and_every_run_the_same() {
    let (mut pairs, mut cycles, mut deferred, mut together) = (0, 0, 0, 0);
    for (seed, step_ns, more) in [
        (1, 1, "compute_latency_ns = 5_000\n"),
        (2, 1, "compute_latency_ns = 1\n"),
        (4, 1, "compute_latency_ns = 2_000_000\nunanswered_max = 3\n"),
        // The way of an order to the venue and back.
        (1, 40_000, "compute_latency_ns = 40_000\n"),
        (2, 40_000, "compute_latency_ns = 40_000\n"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let inputs = generated_day(directory.path(), seed, 12_000, step_ns);
        let mut config = config(&inputs, more);
        config.pipeline.timer_ms = 4;
        config.latency.line_ns = 0;
        let journal = directory.path().join("journal");
        let inline = run(&inputs, &config, Topology::Inline, Some(&journal));
        let split = run(&inputs, &config, Topology::Split, None);
        same(&inline, &split, &format!("seed {seed}"));
        let wide = &inline.summary.wide;
        assert_eq!(wide.answers_by_kind.get("cpu"), Some(&wide.requests), "seed {seed}: all are answered");
        assert_eq!(wide.fallbacks, 0);

        let latency_ns = config.wide.as_ref().expect("wide work").compute_latency_ns;
        let Checked { answers, answers_sha256, ties, actions, model } =
            check(&inputs, &config, &journal, latency_ns);
        let counters = &inline.counters;
        assert_eq!(answers_sha256, wide.answers_sha256, "seed {seed}");
        assert_eq!((answers, model.items.iter().sum::<u64>()), (counters.wide_answers, counters.wide_items));
        println!(
            "seed {seed}: {answers} answers, {} relations and {} options changed, {} options at an edge, {} pairs, {} \
             cycles, {} actions, {} risk rejects",
            model.items[0],
            model.items[1],
            model.at_an_edge,
            counters.pairs,
            counters.cycles,
            actions.len(),
            counters.risk_rejects,
        );
        assert!(answers > 500 && model.items[0] > 50 && model.items[1] > 1_000, "seed {seed}: too little");
        pairs += counters.pairs;
        cycles += counters.cycles;
        deferred += model.deferred;
        together += ties;
        assert_eq!(model.sizes(), (7, 7, 251), "listings, relations, options");

        let replayed = journal_replay::replay(&journal).expect("a replay");
        assert!(replayed.is_reproduced() && replayed.digest == inline.digest, "seed {seed}");
        let verified = verify(&journal).expect("whole");
        assert!(verified.is_closed(), "seed {seed}");
    }
    assert!(pairs > 5 && cycles > 50, "{pairs} pairs, {cycles} cycles");
    assert!(deferred > 10 && together > 50, "{deferred} deferred, {together} at the time of another input");
}

/// Answers count at once, on a clock: what is decided differs from run to run, but each journal tells its own.
#[test]
fn paced_answers_are_taken_when_they_are_there_and_the_journal_replays_them() {
    for topology in [Topology::Inline, Topology::Split] {
        let directory = tempfile::tempdir().expect("a directory");
        let inputs = generated_day(directory.path(), 1, 12_000, 1);
        let config = config(&inputs, "");
        let journal = directory.path().join("journal");
        let outcome = paced(&inputs, &config, topology, Some(&journal), Some(Pace::Max));
        assert_eq!(outcome.failure, None, "{topology:?}");
        // An answer that is taken at once takes effect at its request's time.
        let Checked { answers, actions, model, .. } = check(&inputs, &config, &journal, 0);
        assert_eq!((answers, model.unanswered.len()), (outcome.counters.wide_answers, 0), "{topology:?}");
        assert!(answers > 500 && !actions.is_empty() && model.items[0] > 10, "{topology:?}");
        assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced(), "{topology:?}");
    }
}

/// Who reads orders and accounts off the records alone counts answers as inputs, and comes to the same orders.
#[test]
fn the_ledger_counts_answers_as_inputs() {
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 1, 12_000, 1);
    let config = config(&inputs, "");
    let journal = directory.path().join("journal");
    let outcome = run(&inputs, &config, Topology::Inline, Some(&journal));
    let mut ledger = Ledger::of(&config).expect("a ledger");
    for record in DecideReader::open(&journal).expect("a journal") {
        let record = record.expect("whole records");
        ledger.apply(&record).unwrap_or_else(|error| panic!("record {}: {error}", record.sequence));
    }
    let carried = ledger.carried([0; 32]).expect("a state");
    assert_eq!(
        (carried.decision, carried.orders.len()),
        (outcome.counters.inputs, outcome.open_orders as usize)
    );
    assert!(outcome.counters.fills > 10 && outcome.counters.wide_answers > 500);
}

#[test]
fn an_orders_trace_shows_the_answer_and_the_arithmetic() {
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 1, 12_000, 1);
    let config = config(&inputs, "");
    let journal = directory.path().join("journal");
    run(&inputs, &config, Topology::Inline, Some(&journal));
    let actions = check(&inputs, &config, &journal, 5_000).actions;
    let mut traced = 0;
    for order in actions.iter().filter(|order| order.action == OrderAction::New).step_by(17).take(6) {
        let trace = why::trace(&journal, &order.cl_ord_id.to_string(), &[], Vec::new()).expect("a trace");
        assert_eq!(trace.failure, None, "{}", trace.text);
        if trace.text.contains("of the wide work, evaluated again") {
            assert!(trace.text.contains("of profit; all legs or none"), "{}", trace.text);
            assert!(trace.text.contains(" (wide listing "), "{}", trace.text);
            let is_of_answer = trace.text.contains("  the answer to request ");
            traced += u64::from(is_of_answer && trace.text.contains("; profit "));
        }
    }
    assert!(traced > 0, "no order of an answer among {}", actions.len());
}
