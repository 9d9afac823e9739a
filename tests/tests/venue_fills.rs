//! What the engine got on the GOOG replay is what the naive model of the venue's rules would have given, one by one: the
//! orders of the run's journal, at the times at which they arrived, against the same market events.

use engine::control::config::Config;
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::replay::{ReplayOptions, replay};
use engine::control::startup;
use engine::control::universe::Universe;
use engine::order::{Execution, ExecutionKind, Order};
use engine::venue::{ClOrdIdText, OrderRequest, VenueReport};
use feeds::units::ITCH_PRICE4_UNIT;
use warptick_tests::captures::{GOOG, shared};
use warptick_tests::naive_venue::NaiveVenue;

/// What a fill says, and when it was an input.
#[derive(Debug, PartialEq)]
struct Answer {
    time_ns: u64,
    kind: ExecutionKind,
    cl_ord_id: ClOrdIdText,
    last_price: i64,
    last_quantity: u64,
    leaves: u64,
    cumulative: u64,
}

fn is_fill(kind: ExecutionKind) -> bool {
    matches!(kind, ExecutionKind::Fill | ExecutionKind::PartialFill)
}

fn given(execution: &Execution) -> Answer {
    Answer {
        time_ns: execution.time_ns,
        kind: execution.kind,
        cl_ord_id: ClOrdIdText::from_number(execution.cl_ord_id),
        last_price: execution.last_price,
        last_quantity: execution.last_quantity,
        leaves: execution.leaves_quantity,
        cumulative: execution.cumulative_quantity,
    }
}

fn expected(report: &VenueReport, time_ns: u64) -> Answer {
    Answer {
        time_ns,
        kind: report.kind,
        cl_ord_id: report.cl_ord_id,
        last_price: report.last_px,
        last_quantity: report.last_qty,
        leaves: report.leaves_qty,
        cumulative: report.cum_qty,
    }
}

fn request(order: &Order) -> OrderRequest {
    OrderRequest {
        kind: order.action,
        session: 0,
        cl_ord_id: ClOrdIdText::from_number(order.cl_ord_id),
        orig_cl_ord_id: match order.orig_cl_ord_id {
            0 => ClOrdIdText::NONE,
            id => ClOrdIdText::from_number(id),
        },
        instrument: order.instrument,
        side: order.side,
        price: order.price,
        quantity: order.quantity,
        time_in_force: order.time_in_force,
    }
}

#[test]
fn every_answer_on_goog_is_the_naive_venues() {
    let Some(capture) = shared(GOOG) else { return };
    let argument = CaptureArgument { path: capture, venue: Some("NASDAQ".to_owned()) };
    let inputs = Inputs::open(&[argument], None).expect("the capture");
    let config = startup::complete(&inputs, Config::default()).expect("a configuration");
    let directory = tempfile::tempdir().expect("a directory");
    let journal = directory.path().join("journal");
    let options = ReplayOptions { journal: Some(journal.clone()), ..ReplayOptions::default() };
    let outcome = replay(&inputs, &config, &options, Vec::new()).expect("it runs");
    assert_eq!(outcome.failure, None);

    let (mut orders, mut answers) = (Vec::new(), Vec::new());
    for record in DecideReader::open(&journal).expect("a journal") {
        match record.expect("a whole journal").record {
            DecideRecord::Action(order) => orders.push(order),
            DecideRecord::Execution(execution) => answers.push(given(&execution)),
            _ => {}
        }
    }
    let fills = answers.iter().filter(|answer| is_fill(answer.kind)).count();
    assert!(orders.len() > 1_000 && fills > 100, "{} orders, {fills} fills", orders.len());

    let instruments = inputs.directory().expect("a directory").capacity();
    let price_tick = config.limits.price_tick_e9;
    let mut venue = NaiveVenue::new(0, instruments, ITCH_PRICE4_UNIT, price_tick, 1_000_000);
    let mut ingest = inputs.ingest(config.latency.line_ns).expect("the capture");
    let (mut reports, mut wanted) = (Vec::new(), Vec::new());
    let mut arriving = orders.iter().map(|order| (order.time_ns + config.latency.order_ns, order)).peekable();
    loop {
        let market_ns = ingest.next_time_ns();
        // At the same time the market event comes first.
        let arrival = arriving.next_if(|(time_ns, _)| market_ns.is_none_or(|market_ns| *time_ns < market_ns));
        let now_ns = match (arrival, market_ns) {
            (Some((time_ns, order)), _) => {
                venue.on_request(time_ns, &request(order), &mut reports);
                time_ns
            }
            (None, Some(time_ns)) => {
                if let Some(Some(event)) = ingest.next_message().expect("a good capture") {
                    venue.on_market(&event, &mut reports);
                }
                time_ns
            }
            (None, None) => break,
        };
        wanted.extend(reports.drain(..).map(|report| expected(&report, now_ns + config.latency.fill_ns)));
    }

    assert_eq!(answers.len(), wanted.len(), "answers");
    for (number, (answer, wanted)) in answers.iter().zip(&wanted).enumerate() {
        if is_fill(wanted.kind) {
            assert_eq!(answer, wanted, "answer {number}");
        } else {
            let what = |a: &Answer| (a.time_ns, a.kind, a.cl_ord_id);
            assert_eq!(what(answer), what(wanted), "answer {number}");
        }
    }
}
