//! `warptick journal hits`: what the relations of a run's wide work found, from its journal.
//!
//! A hit is a relation's answer that has something to take: it stands until an answer says otherwise. The journal has the
//! answers; whose touches they are of comes from replaying it. Touches are kept as they were when an answer was asked for, and a
//! hit whose values these touches do not give (a live run's late answer) is told without prices.
//!
//! Cold: it replays, allocates and formats.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::{self, Write as _};
use std::path::Path;

use crate::control::atomic_file;
use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::journal_replay::{self, Onlooker};
use crate::control::live_run::LiveUniverse;
use crate::control::run_header::RunHeader;
use crate::control::universe::Universe;
use crate::control::wide_plan::WidePlan;
use crate::notation::{Money, Price, TimeOfDay};
use crate::order::Order;
use crate::pipeline::decision_core::{DecisionCore, Input, Probe};
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::stamps::Stage;
use crate::pipeline::wide::{TouchChange, WideAnswered, WideListing, WideRequest};
use kernels::abi::{ItemKind, Touch, WideItem};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::Hit;

/// One trade of a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLeg {
    /// It hits the bid; else it takes the offer.
    pub sells: bool,
    /// `SYMBOL@VENUE`.
    pub place: String,
    /// Quantity units.
    pub quantity: u64,
    /// The price that was shown, 1e-9, and what one quantity unit costs or brings after fees, 1e-9.
    pub prices_e9: Option<(i64, u64)>,
}

/// What a relation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Number of the relation.
    pub relation: u32,
    /// What the configuration calls it: `pair`, `box`.
    pub kind: &'static str,
    /// Time of the input from which on it stood, UTC ns.
    pub begin_ns: u64,
    /// Time of the input that changed or ended it; `None`: it stood at the end.
    pub end_ns: Option<u64>,
    /// The request whose answer said so.
    pub request: u64,
    /// The trades.
    pub legs: Vec<FoundLeg>,
    /// What all of it is surely worth afterwards, 1e-9; below zero: what it costs then.
    pub payoff_e9: i128,
    /// What goes in, 1e-9.
    pub into_e9: i128,
    /// What comes out, 1e-9.
    pub out_e9: i128,
}

/// All hits of a run, in the order in which they were found.
///
/// # Errors
/// A journal without wide work, or one that cannot be replayed.
pub fn read(dir: &Path) -> Result<Vec<Found>, Failure> {
    let header = RunHeader::read(dir)?;
    let inputs = if header.is_live() { None } else { Some(header.open_captures()?) };
    let watcher = match &inputs {
        Some(inputs) => Watcher::new(inputs, &header.config)?,
        None => Watcher::new(&LiveUniverse::new(&header.config)?, &header.config)?,
    };
    let (outcome, watcher) =
        journal_replay::replay_watched(dir, &header, inputs.as_ref(), Vec::new(), watcher);
    outcome.map(|_| watcher.found)
}

/// The hits of the journal in `dir` as text; their table is written to `csv`.
///
/// # Errors
/// As [`read`]; the table cannot be written.
pub fn run(dir: &Path, csv: Option<&Path>) -> Result<String, Failure> {
    let found = read(dir)?;
    if let Some(path) = csv {
        let written = atomic_file::write(path, table(&found).as_bytes());
        written.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    }
    let mut text = String::new();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for hit in &found {
        *kinds.entry(hit.kind).or_default() += 1;
        let _ = writeln!(text, "{hit}");
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let _ = writeln!(text, "hits          {}{}", found.len(), behind_colon(&kinds.join(", ")));
    Ok(text)
}

fn behind_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn table(found: &[Found]) -> String {
    let mut rows =
        "relation,kind,begin_ns,end_ns,request,legs,payoff_e9,into_e9,out_e9,profit_e9\n".to_owned();
    for hit in found {
        let Found { relation, kind, begin_ns, request, payoff_e9, into_e9, out_e9, .. } = hit;
        let end_ns = hit.end_ns.map_or_else(String::new, |end_ns| end_ns.to_string());
        let legs: Vec<_> = hit.legs.iter().map(FoundLeg::in_table).collect();
        let (legs, profit_e9) = (legs.join(" "), hit.profit_e9());
        let _ = writeln!(
            rows,
            "{relation},{kind},{begin_ns},{end_ns},{request},{legs},{payoff_e9},{into_e9},{out_e9},{profit_e9}"
        );
    }
    rows
}

impl Found {
    /// What is left, 1e-9.
    #[must_use]
    pub const fn profit_e9(&self) -> i128 {
        self.out_e9 - self.into_e9
    }
}

impl FoundLeg {
    const fn action(&self) -> &'static str {
        if self.sells { "sell" } else { "buy" }
    }

    /// `sell:UAAF1050@NASDAQ:2:4510000000:450997000000`: quantity, price, what a unit brings after fees.
    fn in_table(&self) -> String {
        let prices = self.prices_e9.map_or_else(String::new, |(shown, net)| format!("{shown}:{net}"));
        format!("{}:{}:{}:{prices}", self.action(), self.place, self.quantity)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to ", TimeOfDay(self.begin_ns))?;
        match self.end_ns {
            Some(end_ns) => write!(f, "{}", TimeOfDay(end_ns))?,
            None => write!(f, "the end")?,
        }
        write!(f, "  {} {}: ", self.kind, self.relation)?;
        for leg in &self.legs {
            write!(f, "{} {} {}", leg.action(), leg.quantity, leg.place)?;
            match leg.prices_e9 {
                Some((shown, _)) => write!(f, " @ {}, ", Price(shown))?,
                None => write!(f, " @ a price that is not known any more, ")?,
            }
        }
        if self.payoff_e9 != 0 {
            write!(f, "worth {} afterwards, ", Money(self.payoff_e9))?;
        }
        let (out, into) = (Money(self.out_e9), Money(self.into_e9));
        write!(f, "after fees {out} - {into} = {}", Money(self.profit_e9()))
    }
}

/// Looks on at a replay.
struct Watcher {
    plan: WidePlan,
    /// `SYMBOL@VENUE` by listing.
    places: Vec<String>,
    /// As at the request that is answered next.
    touches: Vec<Touch>,
    bbos: Vec<Bbo>,
    /// Changes that later requests see, each with the requests asked before it.
    ahead: VecDeque<(u64, TouchChange)>,
    unanswered: VecDeque<WideRequest>,
    found: Vec<Found>,
    /// Of those that stand, the place in `found` by relation.
    standing: HashMap<u32, usize>,
}

impl Watcher {
    fn new(universe: &impl Universe, config: &Config) -> Result<Self, Failure> {
        let plan = WidePlan::new(universe, config)?;
        let plan = plan.ok_or_else(|| Failure::Input("journal: its run had no wide work".to_owned()))?;
        let directory = universe.directory()?;
        let place = |at: &WideListing| {
            let symbol =
                directory.symbol(at.instrument).map_or_else(String::new, |symbol| symbol.to_string());
            format!("{symbol}@{}", config.venues[usize::from(at.venue)].name)
        };
        Ok(Self {
            places: plan.listings.iter().map(place).collect(),
            touches: vec![Touch::default(); plan.listings.len()],
            bbos: vec![Bbo::EMPTY; plan.listings.len()],
            plan,
            ahead: VecDeque::new(),
            unanswered: VecDeque::new(),
            found: Vec::new(),
            standing: HashMap::new(),
        })
    }

    fn answered(&mut self, answer: &WideAnswered<'_>) {
        while let Some(&(asked, change)) = self.ahead.front() {
            if asked >= answer.request {
                break;
            }
            self.ahead.pop_front();
            self.bbos[change.listing as usize] = change.bbo;
            self.touches[change.listing as usize] = self.plan.tables.fold(change.listing, &change.bbo);
        }
        let Some(request) = self.unanswered.pop_front() else { return };
        for item in answer.items.iter().filter(|item| item.key.kind == ItemKind::Relation) {
            if let Some(place) = self.standing.remove(&item.key.index) {
                self.found[place].end_ns = Some(request.time_ns);
            }
            if let Some(found) = self.hit(item, &request) {
                self.standing.insert(item.key.index, self.found.len());
                self.found.push(found);
            }
        }
    }

    fn hit(&self, item: &WideItem, request: &WideRequest) -> Option<Found> {
        let (tables, relation) = (&self.plan.tables, item.key.index);
        let hit = Hit::new(tables, &self.touches, relation, &item.values)?;
        let are_known = tables.evaluate(relation, &self.touches) == item.values;
        let legs = hit.legs.iter().map(|leg| {
            let listing = leg.leg.listing();
            let bbo = &self.bbos[listing as usize];
            let sells = leg.leg.sells() != tables.is_inverse(listing);
            FoundLeg {
                sells,
                place: self.places[listing as usize].clone(),
                quantity: leg.quantity,
                prices_e9: are_known.then_some((if sells { bbo.bid_px } else { bbo.ask_px }, leg.price_e9)),
            }
        });
        let into_e9 = match tables.relations().get(relation as usize) {
            None => i128::from(item.values[0]) * i128::from(item.values[1]),
            Some(_) => {
                let first = hit.legs.first()?;
                let terms = &tables.listings()[first.leg.listing() as usize];
                let of_unit = if first.leg.sells() { terms.unit_e9 } else { first.price_e9 };
                i128::from(first.quantity) * i128::from(of_unit)
            }
        };
        Some(Found {
            relation,
            kind: self.plan.relation_kinds[relation as usize],
            begin_ns: request.time_ns,
            end_ns: None,
            request: request.id,
            legs: legs.collect(),
            payoff_e9: hit.payoff_e9,
            into_e9,
            out_e9: into_e9 + i128::from(hit.profit_e9),
        })
    }
}

impl Probe for Watcher {
    fn mark(&mut self, _stage: Stage) {}
}

impl Onlooker for Watcher {
    fn before(&mut self, _core: &DecisionCore, input: &Input<'_>) {
        if let Input::Answer(answer) = input {
            self.answered(answer);
        }
    }

    fn after(&mut self, core: &DecisionCore, _actions: &[RiskApproved<Order>]) {
        let Some(watch) = core.wide() else { return };
        let asked = watch.requested() - watch.requests().len() as u64;
        self.ahead.extend(watch.changes().iter().map(|change| (asked, *change)));
        self.unanswered.extend(watch.requests());
    }
}
