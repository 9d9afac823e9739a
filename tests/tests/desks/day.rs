//! A day by hand at one venue: what is shown, and what is shown a little later.

use std::path::{Path, PathBuf};

use engine::control::config::{Config, InstrumentConfig, Topology};
use engine::control::hits::{self, Found};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::replay::{ReplayOptions, replay};
use engine::control::universe::Universe;
use engine::control::{journal_replay, startup};
use engine::order::{Order, OrderAction, TimeInForce};
use feeds::event::Side;
use feeds::itch::encode::append_framed;
use feeds::itch::messages::{
    AddOrder, Header, Message, OrderDelete, StockDirectory, StockTradingAction, SystemEvent,
};
use feeds::symbol::Symbol;

/// ITCH's price units in one of the currency.
const UNITS: f64 = 10_000.0;

/// Between two messages, ns: longer than an answer takes.
const STEP_NS: u64 = 100_000;

/// What a listing shows: symbol, bid and its size, offer and its size.
pub type Shown<'a> = (&'a str, f64, u32, f64, u32);

/// An order as a person says it: side, quantity, symbol, price.
pub type Said = (&'static str, u64, String, i64);

struct Tape {
    out: Vec<u8>,
    now_ns: u64,
    references: u64,
    symbols: Vec<Symbol>,
    open: Vec<Vec<u64>>,
    /// The last bid of each.
    bids: Vec<f64>,
}

impl Tape {
    fn say(&mut self, locate: usize, message: impl FnOnce(Header) -> Message) {
        self.now_ns += STEP_NS;
        let header = Header { locate: locate as u16, tracking: 0, timestamp_ns: self.now_ns };
        append_framed(&message(header), &mut self.out);
    }

    fn event(&mut self, event_code: u8) {
        self.say(0, |header| Message::SystemEvent(SystemEvent { header, event_code }));
    }

    fn list(&mut self, locate: usize) {
        let stock = self.symbols[locate - 1];
        self.say(locate, |header| {
            let share = StockDirectory::common_share(header, stock);
            Message::StockDirectory(StockDirectory { round_lot_size: 1, ..share })
        });
        self.say(locate, |header| Message::StockTradingAction(StockTradingAction::trading(header, stock)));
    }

    /// Takes away what a listing shows, then shows this: the side that has become better comes last, so that what it makes
    /// possible is decided over a market of two sides.
    fn show(&mut self, &(symbol, bid, bid_size, ask, ask_size): &Shown<'_>) {
        let stock = Symbol::new(symbol).expect("short");
        let at = self.symbols.iter().position(|one| *one == stock).expect("listed");
        for reference in std::mem::take(&mut self.open[at]) {
            self.say(at + 1, |header| Message::OrderDelete(OrderDelete { header, reference }));
        }
        let mut sides = [(b'B', bid, bid_size), (b'S', ask, ask_size)];
        if bid > std::mem::replace(&mut self.bids[at], bid) {
            sides.reverse();
        }
        for (side, price, shares) in sides {
            self.references += 1;
            let (reference, price) = (self.references, (price * UNITS).round() as u32);
            self.open[at].push(reference);
            let message =
                |header| Message::AddOrder(AddOrder { header, reference, side, shares, stock, price });
            self.say(at + 1, message);
        }
    }
}

/// All of `shown`, then each of `later`, in BinaryFILE framing.
fn stream(shown: &[Shown<'_>], later: &[Shown<'_>]) -> Vec<u8> {
    let symbols: Vec<_> = shown.iter().map(|one| Symbol::new(one.0).expect("short")).collect();
    let (open, bids) = (vec![Vec::new(); symbols.len()], vec![0.0; symbols.len()]);
    let mut tape = Tape { out: Vec::new(), now_ns: 34_200_000_000_000, references: 0, symbols, open, bids };
    tape.event(b'O');
    (1..=shown.len()).for_each(|locate| tape.list(locate));
    tape.event(b'S');
    tape.event(b'Q');
    shown.iter().chain(later).for_each(|one| tape.show(one));
    // What was sent is answered before the day is over.
    tape.now_ns += 50_000_000;
    tape.event(b'M');
    tape.event(b'C');
    tape.out
}

/// What a desk did.
pub struct Done {
    /// What its relations found.
    pub found: Vec<Found>,
    /// The orders that it sent.
    pub orders: Vec<Said>,
    /// Fills.
    pub fills: u64,
}

/// Runs a desk, `wide` in its `[wide]`, over such a day in both topologies and through its journal: a quantity unit costs a
/// cent wherever it is taken.
pub fn run(shown: &[Shown<'_>], later: &[Shown<'_>], wide: &str) -> Done {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("day.itch");
    std::fs::write(&path, stream(shown, later)).expect("writable");
    let argument = CaptureArgument { path, venue: Some("NASDAQ".to_owned()) };
    let inputs = Inputs::open(&[argument], Some("2026-01-05")).expect("the day");
    let config = config(&inputs, shown, wide);
    let journal = directory.path().join("journal");
    let run = |topology, journal: Option<PathBuf>| {
        let mut config = config.clone();
        config.pipeline.topology = topology;
        let options = ReplayOptions { journal, ..ReplayOptions::default() };
        let outcome = replay(&inputs, &config, &options, Vec::new()).expect("the run starts");
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.counters.risk_rejects, 0, "{outcome}");
        outcome
    };
    let inline = run(Topology::Inline, Some(journal.clone()));
    assert_eq!(run(Topology::Split, None).digest, inline.digest);
    assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced());
    let found = hits::read(&journal).expect("hits");
    Done { found, orders: orders(&inputs, &journal), fills: inline.counters.fills }
}

fn config(inputs: &Inputs, shown: &[Shown<'_>], wide: &str) -> Config {
    let text = format!(
        "[[venues]]\nname = \"NASDAQ\"\ntaker_fee_e9 = 10000000\n\
         [limits]\norder_qty_max = 100000\norder_notional_max = 100000000\nposition_max = 100000\nprice_tick_e9 = 100000\n\
         {wide}\n[wide.taker]\ncool_down_ns = 1000000000\n"
    );
    let mut config = Config::parse("desk", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let named = |one: &Shown<'_>| InstrumentConfig {
        symbol: one.0.to_owned(),
        limits: None,
        market_maker: None,
        arbitrage: None,
    };
    config.instruments = shown.iter().map(named).collect();
    startup::complete(inputs, config).expect("a configuration for the day")
}

fn orders(inputs: &Inputs, journal: &Path) -> Vec<Said> {
    let directory = inputs.directory().expect("symbols");
    let said = |order: &Order| {
        assert_eq!((order.action, order.time_in_force), (OrderAction::New, TimeInForce::ImmediateOrCancel));
        let symbol = directory.symbol(order.instrument).expect("a symbol").to_string();
        let way = if order.side == Side::Sell { "sell" } else { "buy" };
        (way, order.quantity, symbol, order.price)
    };
    let records =
        DecideReader::open(journal).expect("a journal").map(|record| record.expect("whole records"));
    let actions = records.filter_map(|record| match record.record {
        DecideRecord::Action(order) => Some(said(&order)),
        _ => None,
    });
    actions.collect()
}
