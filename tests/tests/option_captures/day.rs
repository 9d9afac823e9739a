//! One day of a chain through the engine, and what its journal says: looked at again at the end of each minute.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use engine::control::config::{Config, InstrumentConfig, Topology, VenueConfig};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::listed_chain::ListedChain;
use engine::control::outcome::Outcome;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::wide_plan::WidePlan;
use engine::control::{journal_replay, startup};
use engine::pipeline::wide::SurfaceVol;
use feeds::units::PRICE_NONE;
use kernels::abi::{ItemKind, WideItem};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{LinearLegSpec, LinearSpec, WideSpec};
use warptick_tests::captures::shared;

use crate::brute_force;
use crate::tops::Tops;

/// A chain's captures, completed to a configuration.
pub struct Day {
    pub inputs: Inputs,
    pub config: Config,
    pub plan: WidePlan,
}

/// What a day came to.
pub struct Seen {
    pub minutes: u64,
    /// Minutes that were compared with the brute force, and hits in them.
    pub compared: (u64, u64),
    /// Sum over the minutes of the hits that stood at their ends.
    pub hits: u64,
    /// By number of legs.
    pub by_legs: BTreeMap<usize, u64>,
    /// Options that were ever priced, by their number in the tables.
    pub priced: BTreeSet<u32>,
    /// Items of options, over all answers.
    pub repriced: u64,
    /// The last fit of every option.
    pub vols: BTreeMap<u32, SurfaceVol>,
    /// Of out-of-the-money options with a bid, at the ends of minutes in which their chain had been fitted: how far the
    /// theoretical value is from the quote's middle, in volatility.
    pub vol_errors: Vec<f64>,
    /// How many of these values lie between bid and offer.
    pub inside: u64,
}

impl Day {
    /// `files` with their venues; nothing is traded. `change` has the last word on the wide work.
    pub fn open(
        files: [(&str, &str); 2],
        chain: &ListedChain,
        change: impl FnOnce(&mut Config),
    ) -> Option<Self> {
        let mut arguments = Vec::new();
        for (file, venue) in files {
            let path: PathBuf = shared(&format!("lean_options/{file}"))?;
            arguments.push(CaptureArgument { path, venue: Some(venue.to_owned()) });
        }
        let inputs = Inputs::open(&arguments, None).expect("the archives");
        let free = |venue: &str| VenueConfig { taker_fee_e9: 0, ..VenueConfig::named(venue) };
        let named = InstrumentConfig {
            symbol: chain.underlying.symbol.clone(),
            limits: None,
            market_maker: None,
            arbitrage: None,
        };
        let mut config = Config {
            wide: Some(chain.wide(&inputs).expect("a chain")),
            venues: files.map(|(_, venue)| free(venue)).to_vec(),
            instruments: vec![named],
            ..Config::default()
        };
        change(&mut config);
        let config = startup::complete(&inputs, config).expect("a configuration for the captures");
        let plan = WidePlan::new(&inputs, &config).expect("a plan").expect("wide work");
        Some(Self { inputs, config, plan })
    }

    /// The relations, as they were specified.
    pub fn spec(&self) -> WideSpec {
        let tables = &self.plan.tables;
        let linear = |relation: &kernels::abi::LinearRelation| LinearSpec {
            legs: (tables.linear_legs(relation).iter())
                .map(|leg| LinearLegSpec {
                    leg: leg.leg,
                    weight: leg.weight,
                    factor_e9: leg.ratio_e9 / leg.weight,
                })
                .collect(),
            payoff_e9: relation.payoff_e9,
            amount_max: relation.amount_max,
            profit_min: relation.profit_min,
        };
        WideSpec {
            listings: tables.listings().to_vec(),
            linears: tables.linears().iter().map(linear).collect(),
            ..WideSpec::default()
        }
    }

    /// The symbol of an option by its number in the tables.
    pub fn symbol_of(&self, option: u32) -> &str {
        let place = self.plan.tables.spec_of_option(option);
        let chain = &self.config.wide.as_ref().expect("wide work").chains[0];
        chain.options[place].symbol.as_deref().expect("listed")
    }

    /// Runs it in both topologies and from the journal, and looks at every `every`-th minute with the brute force.
    pub fn run(&self, every: u64) -> (Outcome, Seen) {
        let directory = tempfile::tempdir().expect("a directory");
        let journal = directory.path().join("journal");
        let options = ReplayOptions { journal: Some(journal.clone()), ..ReplayOptions::default() };
        let outcome = replay(&self.inputs, &self.config, &options, Vec::new()).expect("the run starts");
        assert_eq!(outcome.failure, None);
        let mut config = self.config.clone();
        config.pipeline.topology = Topology::Split;
        let split =
            replay(&self.inputs, &config, &ReplayOptions::default(), Vec::new()).expect("the run starts");
        assert_eq!((&split.summary.wide, split.digest), (&outcome.summary.wide, outcome.digest));
        assert_eq!(
            (split.failure, split.counters, split.book_hash),
            (None, outcome.counters, outcome.book_hash)
        );
        let mut reader = Reader::new(self, every);
        for record in DecideReader::open(&journal).expect("a journal") {
            reader.record(record.expect("whole records").record);
        }
        reader.end_minute(u64::MAX);
        let replayed = journal_replay::replay(&journal).expect("a replay");
        assert!(replayed.is_reproduced() && replayed.digest == outcome.digest);
        (outcome, reader.seen)
    }
}

struct Reader<'a> {
    day: &'a Day,
    every: u64,
    ingest: engine::pipeline::ingest::Ingest<'a>,
    spec: WideSpec,
    tops: Tops,
    /// Ends of bars, ascending: a row that shows what the one before did gives no event, and its minute passes all the same.
    row_times: Vec<u64>,
    time_ns: u64,
    items: Vec<WideItem>,
    vols: Vec<SurfaceVol>,
    hits: BTreeMap<u32, [i64; 5]>,
    values: BTreeMap<u32, [i64; 5]>,
    seen: Seen,
}

impl<'a> Reader<'a> {
    fn new(day: &'a Day, every: u64) -> Self {
        Self {
            every,
            ingest: day.inputs.ingest(day.config.latency.line_ns).expect("captures"),
            spec: day.spec(),
            tops: Tops::default(),
            row_times: row_times(&day.inputs),
            time_ns: 0,
            items: Vec::new(),
            vols: Vec::new(),
            hits: BTreeMap::new(),
            values: BTreeMap::new(),
            seen: Seen {
                minutes: 0,
                compared: (0, 0),
                hits: 0,
                by_legs: BTreeMap::new(),
                priced: BTreeSet::new(),
                repriced: 0,
                vols: BTreeMap::new(),
                vol_errors: Vec::new(),
                inside: 0,
            },
            day,
        }
    }

    fn record(&mut self, record: DecideRecord) {
        match record {
            DecideRecord::MarketRun(run) => {
                for _ in 0..run.count {
                    let event = self.ingest.next_event().expect("readable").expect("as many as in the run");
                    if event.receive_ns != self.time_ns {
                        self.end_minute(event.receive_ns);
                    }
                    self.time_ns = event.receive_ns;
                    self.tops.apply(&event);
                }
            }
            DecideRecord::AnswerItems(some) => self.items.extend_from_slice(some.as_slice()),
            DecideRecord::Answer(end) => {
                assert_eq!(self.items.len(), end.items as usize);
                for item in std::mem::take(&mut self.items) {
                    self.answered(&item);
                }
            }
            DecideRecord::SurfaceVols(some) => self.vols.extend_from_slice(some.as_slice()),
            DecideRecord::Surface(end) => {
                assert_eq!(self.vols.len(), end.vols as usize);
                self.seen.vols.extend(self.vols.drain(..).map(|vol| (vol.option, vol)));
            }
            _ => {}
        }
    }

    fn answered(&mut self, item: &WideItem) {
        match item.key.kind {
            ItemKind::Relation if item.values[4] > 0 => drop(self.hits.insert(item.key.index, item.values)),
            ItemKind::Relation => drop(self.hits.remove(&item.key.index)),
            ItemKind::Option => {
                self.seen.priced.insert(item.key.index);
                self.seen.repriced += 1;
                self.values.insert(item.key.index, item.values);
            }
        }
    }

    fn bbo(&self, listing: usize) -> Bbo {
        let at = self.day.plan.listings[listing];
        self.tops.of(at.venue, at.instrument)
    }

    /// All answers to the minute's quotes are in, and the next one that changes something comes at `next_ns`.
    fn end_minute(&mut self, next_ns: u64) {
        if self.time_ns == 0 {
            return;
        }
        let place = |time_ns| self.row_times.partition_point(|row| *row < time_ns);
        let minutes = (place(next_ns) - place(self.time_ns)) as u64;
        self.seen.minutes += minutes;
        self.seen.hits += minutes * self.hits.len() as u64;
        for relation in self.hits.keys() {
            *self.seen.by_legs.entry(self.spec.linears[*relation as usize].legs.len()).or_default() +=
                minutes;
        }
        if (self.time_ns / 60_000_000_000).is_multiple_of(self.every) {
            let bbos: Vec<Bbo> = (0..self.spec.listings.len()).map(|listing| self.bbo(listing)).collect();
            assert_eq!(brute_force::hits(&self.spec, &bbos), self.hits, "at {}", self.time_ns);
            self.seen.compared.0 += 1;
            self.seen.compared.1 += self.hits.len() as u64;
        }
        self.measure();
    }

    /// Theoretical values beside quotes.
    fn measure(&mut self) {
        let tables = &self.day.plan.tables;
        for (&option, values) in self.values.iter().filter(|(option, _)| self.seen.vols.contains_key(*option))
        {
            let terms = &tables.options()[option as usize];
            let at = self.day.plan.option_listings[option as usize].expect("listed");
            let (quote, underlying) =
                (self.tops.of(at.venue, at.instrument), self.bbo(terms.underlying as usize));
            let sides = [quote.bid_px, quote.ask_px, underlying.bid_px, underlying.ask_px];
            if sides.contains(&PRICE_NONE) || quote.bid_px > quote.ask_px {
                continue;
            }
            let spot = (underlying.bid_px + underlying.ask_px) as f64 / 2e9;
            let is_put = terms.flags & kernels::abi::option_flags::PUT != 0;
            let [_, _, theoretical, _, vega] = *values;
            // Below a cent a point the price says nothing about the volatility.
            if is_put != (terms.strike < spot) || vega < 1_000_000_000 {
                continue;
            }
            let middle = (quote.bid_px + quote.ask_px) / 2;
            self.seen.vol_errors.push((theoretical - middle).abs() as f64 / vega as f64);
            self.seen.inside += u64::from((quote.bid_px..=quote.ask_px).contains(&theoretical));
        }
    }
}

fn row_times(inputs: &Inputs) -> Vec<u64> {
    let mut times = BTreeSet::new();
    for input in &inputs.venues {
        let mut cursor = input.capture.packets();
        while let Some((record, _)) = cursor.next_record(&input.capture).expect("records") {
            times.insert(record.receive_ns());
        }
    }
    times.into_iter().collect()
}

/// The value that so many of a thousand do not exceed.
pub fn permille(values: &mut [f64], of_thousand: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * of_thousand / 1_000]
}

/// What a fit came to, in words.
pub fn told(outcome: &Outcome, seen: &mut Seen) -> String {
    let wide = &outcome.summary.wide;
    let surfaces = wide.surfaces.as_ref().expect("fits");
    let [median, p90, p99] = [500, 900, 990].map(|of| 100.0 * permille(&mut seen.vol_errors, of));
    format!(
        "{} messages in {} minutes, {} requests; {} options priced {} times; {} expiries fitted, refused {:?}, {} quotes left out; \
         out of the money, value against the quote's middle in points of volatility: median {median:.2}, p90 {p90:.2}, p99 \
         {p99:.2} of {}, {} of them between bid and offer; hits at the ends of minutes {} by legs {:?}; {} minutes equal to \
         the brute force with {} hits in them",
        outcome.messages,
        seen.minutes,
        wide.requests,
        seen.priced.len(),
        seen.repriced,
        surfaces.fitted,
        surfaces.refused,
        surfaces.left_out,
        seen.vol_errors.len(),
        seen.inside,
        seen.hits,
        seen.by_legs,
        seen.compared.0,
        seen.compared.1,
    )
}
