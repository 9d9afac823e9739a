//! What a seed is made of: a generated session of two venues, and the parts of an engine and of the venues for it.

use std::path::Path;

use engine::control::config::{Config, LimitsConfig, RiskConfig};
use engine::control::inputs::Inputs;
use engine::control::journal::{self, JournalKeeper, JournalOptions, JournalThread};
use engine::control::{session_store, startup};
use engine::order::Execution;
use engine::pipeline::decision_core::DecisionCore;
use engine::pipeline::order_entry::OrderEntry;
use engine::pipeline::order_table::LiveOrder;
use engine::strategy::{Intents, Strategy, View};
use engine::venue::front::VenueFront;
use feeds::event::MarketEvent;
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use warptick_tests::captures::{generated, inputs, map_times};
use warptick_tests::chatter::{Chatter, Dice};

const HEARTBEAT_S: u32 = 2;
pub const OPEN_ORDERS_MAX: usize = 4_096;

/// A strategy that says nothing before a time: what the core hears until then is how its books come to be.
struct Late {
    chatter: Chatter,
    from_ns: u64,
}

impl Strategy for Late {
    fn instruments(&self) -> &[u32] {
        self.chatter.instruments()
    }

    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents) {
        if view.time_ns >= self.from_ns {
            self.chatter.on_market(view, event, intents);
        }
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        self.chatter.on_execution(view, execution, order, closed, intents);
    }
}

/// See the module's text.
pub struct Day {
    pub seed: u64,
    pub inputs: Inputs,
    pub config: Config,
    symbols: u32,
}

impl Day {
    /// A session of about `messages` messages, spread over `span_ns` and over by `end_ns` after its opening.
    pub fn new(seed: u64, dice: &mut Dice, messages: u64, span_ns: u64, end_ns: u64) -> Self {
        let settings = SyntheticConfig {
            seed,
            messages: messages + dice.below(messages / 2),
            symbols: 2 + dice.below(3) as usize,
            halts: 0,
            span_ns: Some(span_ns),
            ..SyntheticConfig::default()
        };
        let mut streams = generated(&settings);
        let (first_ns, last_ns) = (MARKET_OPEN_NS - 5_000_000, MARKET_OPEN_NS + end_ns);
        streams.iter_mut().for_each(|stream| map_times(stream, |time_ns| time_ns.clamp(first_ns, last_ns)));
        let inputs = inputs(streams, settings.date);
        let mut config = Config {
            limits: LimitsConfig {
                order_qty_max: 1_000,
                order_notional_max: 100_000_000,
                position_max: 1_000_000,
                collar_bp: 500,
                ..LimitsConfig::default()
            },
            risk: RiskConfig {
                messages_per_s: 10_000_000,
                messages_burst: 10_000_000,
                ..RiskConfig::default()
            },
            ..Config::default()
        };
        config.pipeline.messages_max = 100_000;
        config.pipeline.open_orders_max = OPEN_ORDERS_MAX;
        let mut config = startup::complete(&inputs, config).expect("a configuration for these captures");
        config.venues.iter_mut().for_each(|venue| venue.heartbeat_s = HEARTBEAT_S);
        Self { seed, inputs, config, symbols: settings.symbols as u32 }
    }

    /// A core whose strategies talk at one market event in `one_in`, from a time on.
    pub fn core(&self, one_in: u64, from_ns: u64) -> DecisionCore {
        let chatters = (0..3).map(|number| {
            let instruments = (0..self.symbols).collect();
            let chatter = Chatter::new(self.seed ^ number << 32, instruments, 2, one_in);
            Box::new(Late { chatter, from_ns }) as Box<dyn Strategy>
        });
        startup::decision_core(&self.inputs, &self.config, chatters.collect()).expect("a core")
    }

    /// The venues, by number.
    pub fn gateways(&self) -> Vec<VenueFront> {
        startup::gateways(&self.inputs, &self.config).expect("venues")
    }

    /// Order entry, and what keeps its journal in `directory`.
    pub fn order_entry(&self, directory: &Path) -> (OrderEntry, JournalKeeper) {
        let options = JournalOptions { segment_bytes: 8 << 20, ..JournalOptions::default() };
        let (keeper, mut writers) =
            journal::create(directory, &[JournalThread::OrderEntry], options, b"a test's run")
                .expect("a journal");
        let entry = startup::order_entry(&self.inputs, &self.config, writers.pop()).expect("order entry");
        (entry, keeper)
    }

    /// What a process that was killed now would go on with is what this one would.
    pub fn check_store(&self, directory: &Path, keeper: &mut JournalKeeper, entry: &OrderEntry) {
        keeper.poll().expect("a journal that can be kept");
        for number in 0..self.config.venues.len() as u8 {
            let Some(stored) = self.stored(directory, number) else { continue };
            let now = entry.sequence_numbers(number);
            assert_eq!(Some(stored), now, "seed {}: venue {number}", self.seed);
        }
    }

    /// The next sequence numbers of a venue's session, ours first, as the journal in `directory` has them.
    pub fn stored(&self, directory: &Path, number: u8) -> Option<(u32, u32)> {
        let venue = &self.config.venues[usize::from(number)];
        let session = startup::session_config(venue).expect("an identity");
        let stored = session_store::read(directory, number, &session, 0).expect("a whole journal");
        stored.map(|stored| (stored.next_outgoing, stored.next_incoming))
    }
}
