//! What a configuration's wide work is in numbers: listings, compiled tables, the core's watch and the taker.
//!
//! Listings are numbered in the order in which relations, pairs, currencies, spreads, baskets, bases and chains first name
//! them. Made once at start; what
//! depends on the order of the configuration alone is the same in every run and every replay of it.

use std::collections::HashMap;
use std::sync::Arc;

use kernels::abi::{Leg, ListingTerms};
use kernels::cpu::arbitrage::NO_HIT;
use kernels::cpu::wide::{ExpirySpec, OptionSpec, RelationSpec, WideSpec, WideTables};

use crate::control::config::{Config, InstrumentConfig};
use crate::control::failure::Failure;
use crate::control::risk_config::LimitsConfig;
use crate::control::startup;
use crate::control::surface::config::SurfaceConfig;
use crate::control::universe::Universe;
use crate::control::wide_config::{
    ChainConfig, DeviceConfig, ExpiryConfig, ExpiryTerms, LegSide, OptionConfig, OptionKind, PairsConfig,
    RelationConfig, WideConfig, WideListingConfig, WorkKind, crossover,
};
use crate::control::wide_kinds::ExerciseConfig;
use crate::pipeline::wide::{QuotedOption, SurfaceChain, WideListing, WideWatch};
use crate::strategy::options_maker::{MadeOption, OptionsMaker};
use crate::strategy::relation_taker::{RelationTaker, TakenListing};
use feeds::directory::Directory;

mod kinds;

/// 1e-9 in a unit.
const UNIT_E9: f64 = 1e9;

/// See the module's text.
#[derive(Debug)]
pub struct WidePlan {
    /// The listings, by number.
    pub listings: Vec<WideListing>,
    /// What depends on them.
    pub tables: Arc<WideTables>,
    /// What each relation is, by its number in the tables: the kind that the configuration asked for.
    pub relation_kinds: Box<[&'static str]>,
    /// Where each option is listed, by its number in the tables; `None`: nowhere.
    pub option_listings: Box<[Option<WideListing>]>,
    /// Whether each option may be exercised early, by its number in the tables.
    pub is_american: Box<[bool]>,
    /// How volatilities are fitted; `None`: they are not.
    pub surface: Option<SurfaceConfig>,
    /// Resting orders of all venues' books at most.
    pub orders_max: u64,
    /// Requests that may be without an answer.
    pub unanswered_max: usize,
    /// Virtual time from a request to its answer's taking effect, ns.
    pub compute_latency_ns: u64,
    /// How a device is waited for and given up.
    pub device: DeviceConfig,
    /// From how many relations of a listing on a device is fast enough; `None`: never, or not measured.
    pub crossover_relations: Option<u32>,
    /// The same for options.
    pub crossover_options: Option<u32>,
}

impl WidePlan {
    /// Which listings a device computes with `--backend auto`: those that are wide enough, and those that share a relation
    /// with one, since a relation's last answer can be known in one place only.
    #[must_use]
    pub fn dispatched(&self) -> Box<[bool]> {
        let wide = |width: usize, from: Option<u32>| from.is_some_and(|from| width >= from.max(1) as usize);
        let is_wide = |listing: u32| {
            wide(self.tables.relations_of(listing).len(), self.crossover_relations)
                || wide(self.tables.options_of(listing).len(), self.crossover_options)
        };
        let mut dispatched: Box<[bool]> = (0..self.listings.len() as u32).map(is_wide).collect();
        loop {
            let mut grew = false;
            for relation in 0..self.tables.relation_count() {
                let legs =
                    || self.tables.quantities(relation, &NO_HIT).map(|(leg, _)| leg.listing() as usize);
                let any = legs().any(|listing| dispatched[listing]);
                for listing in legs() {
                    grew |= !std::mem::replace(&mut dispatched[listing], any) && any;
                }
            }
            if !grew {
                return dispatched;
            }
        }
    }

    /// The plan of a configuration; `None` where it has no wide work.
    ///
    /// # Errors
    /// A venue or a symbol that is not there, and what the tables refuse.
    pub fn new(universe: &impl Universe, config: &Config) -> Result<Option<Self>, Failure> {
        let Some(wide) = config.wide.as_ref().filter(|wide| !wide.is_empty()) else { return Ok(None) };
        let directory = universe.directory()?;
        let mut maker = Maker::new(&directory, config, wide);
        let (option_listings, mut american) = (&mut Vec::new(), Vec::new());
        for (number, relation) in wide.relations.iter().enumerate() {
            maker.add_relation(relation).map_err(named("relations", number))?;
            maker.call("relation");
        }
        for (number, pairs) in wide.pairs.iter().enumerate() {
            maker.add_pairs(pairs).map_err(named("pairs", number))?;
            maker.call("pair");
        }
        for (number, currencies) in wide.currencies.iter().enumerate() {
            maker.add_currencies(currencies).map_err(named("currencies", number))?;
            maker.call("cycle");
        }
        for (number, spreads) in wide.spreads.iter().enumerate() {
            maker.add_spreads(spreads).map_err(named("spreads", number))?;
        }
        for (number, basket) in wide.baskets.iter().enumerate() {
            maker.add_basket(basket).map_err(named("baskets", number))?;
            maker.call("basket");
        }
        for (number, basis) in wide.bases.iter().enumerate() {
            maker.add_basis(basis).map_err(named("bases", number))?;
            maker.call("basis");
        }
        for (number, chain) in wide.chains.iter().enumerate() {
            maker.add_chain(chain, option_listings).map_err(named("chains", number))?;
            american.resize(option_listings.len(), chain.exercise == ExerciseConfig::American);
        }
        for (number, listing) in wide.listings.iter().enumerate() {
            maker.check_terms(listing).map_err(named("listings", number))?;
            if listing.inverse {
                let inverse =
                    maker.number(&listing.venue, &listing.symbol).map_err(named("listings", number))?;
                maker.spec.inverse.push(inverse);
            }
        }
        let of_listings = maker.terms();
        let Maker { listings, mut spec, cycle_kinds, linear_kinds, .. } = maker;
        spec.listings = of_listings;
        let tables = WideTables::compile(&spec).map_err(|error| Failure::Input(format!("wide: {error}")))?;
        let mut by_number: Box<[_]> = vec![None; option_listings.len()].into();
        for (place, listing) in option_listings.iter().enumerate() {
            by_number[tables.option_of_spec(place) as usize] = *listing;
        }
        let is_american =
            (0..american.len() as u32).map(|option| american[tables.spec_of_option(option)]).collect();
        Ok(Some(Self {
            relation_kinds: cycle_kinds.into_iter().chain(linear_kinds).collect(),
            option_listings: by_number,
            is_american,
            surface: wide.surface,
            listings,
            tables: Arc::new(tables),
            orders_max: (0..universe.venue_count())
                .map(|venue| universe.book_config(venue).orders_max as u64)
                .sum(),
            unanswered_max: wide.unanswered_max,
            compute_latency_ns: wide.compute_latency_ns,
            device: wide.device,
            crossover_relations: crossover(&wide.measured, WorkKind::Relations, wide.min_speedup),
            crossover_options: crossover(&wide.measured, WorkKind::Options, wide.min_speedup),
        }))
    }

    /// The chains that have a quoted option, each of them one that a surface is fitted to; none without `surface`.
    #[must_use]
    pub fn surface_chains(&self) -> Vec<SurfaceChain> {
        if self.surface.is_none() {
            return Vec::new();
        }
        let chain = |(listing, &at): (u32, &WideListing)| {
            let options = self.tables.options_of(listing);
            let quoted = options.clone().filter_map(|option| {
                let at = *self.option_listings.get(option)?;
                at.map(|at| QuotedOption { option: option as u32, at })
            });
            let (quoted, options) = (quoted.collect(), options.start as u32..options.end as u32);
            SurfaceChain { listing, at, quoted, options }
        };
        (0..).zip(&self.listings).map(chain).filter(|chain| !chain.quoted.is_empty()).collect()
    }

    /// The decision core's part.
    #[must_use]
    pub fn watch(&self, venues: usize, instruments_max: usize) -> WideWatch {
        WideWatch::new(&self.listings, venues, instruments_max, self.unanswered_max)
    }

    /// The taker of what its relations find, where the configuration wants one.
    ///
    /// # Errors
    /// A leg in an instrument that the configuration does not allow to be traded.
    pub fn taker(&self, universe: &impl Universe, config: &Config) -> Result<Option<RelationTaker>, Failure> {
        let Some(taker) = config.wide.as_ref().and_then(|wide| wide.taker) else { return Ok(None) };
        let directory = universe.directory()?;
        let tradable = tradable(&directory, config);
        let mut listings = Vec::new();
        for ((number, &at), &terms) in (0..).zip(&self.listings).zip(self.tables.listings()) {
            let limits = tradable.get(&at.instrument);
            if limits.is_none() && !self.tables.relations_of(number).is_empty() {
                let symbol = directory.symbol(at.instrument).map_or_else(String::new, |s| s.to_string());
                return Err(Failure::Input(format!(
                    "wide: taker: {symbol} is a leg and may not be traded: name it in [[instruments]]"
                )));
            }
            let price_tick = limits.unwrap_or(&config.limits).price_tick_e9;
            listings.push(TakenListing { at, price_tick, terms });
        }
        Ok(Some(RelationTaker::new(&listings, &self.tables, taker)))
    }
}

impl WidePlan {
    /// The maker of quotes for options, where the configuration wants one: for those that are listed and may be traded.
    ///
    /// # Errors
    /// No such option, an option that is listed twice, fewer open orders than its quotes, and what the maker refuses.
    pub fn options_maker(
        &self,
        universe: &impl Universe,
        config: &Config,
    ) -> Result<Option<OptionsMaker>, Failure> {
        let Some(maker) = config.wide.as_ref().and_then(|wide| wide.options_maker) else { return Ok(None) };
        let tradable = tradable(&universe.directory()?, config);
        let made = |(option, at): (u32, &Option<WideListing>)| {
            let at = (*at)?;
            let price_tick = tradable.get(&at.instrument)?.price_tick_e9;
            let terms = self.tables.options()[option as usize];
            let underlying = self.listings[terms.underlying as usize];
            let expiry = self.tables.expiries()[terms.expiry as usize];
            Some(MadeOption { option, at, underlying, price_tick, terms, expiry })
        };
        let options: Vec<_> = (0..).zip(&self.option_listings).filter_map(made).collect();
        if options.is_empty() {
            let what = "no option has a symbol that [[instruments]] names";
            return Err(Failure::Input(format!("wide: options_maker: {what}")));
        }
        let (quotes, room) = (2 * options.len(), config.pipeline.open_orders_max);
        if quotes > room {
            return Err(Failure::Input(format!(
                "wide: options_maker: it keeps {quotes} orders open, two an option, and pipeline.open_orders_max is {room}; give \
                 it more, some to spare for orders that are on their way out"
            )));
        }
        let maker = OptionsMaker::new(&options, &maker);
        maker.map(Some).map_err(|what| Failure::Input(format!("wide: options_maker: {what}")))
    }
}

/// Limits of what may be traded, by instrument.
fn tradable(directory: &Directory, config: &Config) -> HashMap<u32, LimitsConfig> {
    let numbered = |entry: &InstrumentConfig| {
        let number = startup::number_in(directory, &entry.symbol).ok()?;
        Some((number, entry.limits.unwrap_or(config.limits)))
    };
    config.instruments.iter().filter_map(numbered).collect()
}

/// Says which entry of which list is refused.
fn named(list: &'static str, number: usize) -> impl Fn(String) -> Failure {
    move |what| Failure::Input(format!("wide: {list}[{number}]: {what}"))
}

/// Gives listings their numbers, and collects what depends on them.
struct Maker<'a> {
    directory: &'a Directory,
    config: &'a Config,
    wide: &'a WideConfig,
    listings: Vec<WideListing>,
    /// By venue and instrument.
    numbers: HashMap<(u8, u32), u32>,
    /// Terms that listings have of their own, by venue and instrument.
    own: HashMap<(u8, u32), &'a WideListingConfig>,
    /// What a quantity unit of an option is about, 1e-9, by venue and instrument.
    contract_units: HashMap<(u8, u32), u64>,
    spec: WideSpec,
    /// What the relations of either form are.
    cycle_kinds: Vec<&'static str>,
    linear_kinds: Vec<&'static str>,
}

impl<'a> Maker<'a> {
    fn new(directory: &'a Directory, config: &'a Config, wide: &'a WideConfig) -> Self {
        let mut maker = Self {
            directory,
            config,
            wide,
            listings: Vec::new(),
            numbers: HashMap::new(),
            own: HashMap::new(),
            contract_units: HashMap::new(),
            spec: WideSpec::default(),
            cycle_kinds: Vec::new(),
            linear_kinds: Vec::new(),
        };
        for own in &wide.listings {
            // One that is not there is refused when all relations are known.
            if let Ok(WideListing { venue, instrument }) = maker.find(&own.venue, &own.symbol) {
                maker.own.entry((venue, instrument)).or_insert(own);
            }
        }
        maker
    }

    /// Relations without a name so far are of this kind.
    fn call(&mut self, kind: &'static str) {
        self.cycle_kinds.resize(self.spec.relations.len(), kind);
        self.linear_kinds.resize(self.spec.linears.len(), kind);
    }

    /// Terms of the listings that have a number so far.
    fn terms(&self) -> Vec<ListingTerms> {
        self.listings.iter().map(|listing| self.terms_of(*listing)).collect()
    }

    /// The configured terms, else whole shares, or contracts of their size, at the venue's fee.
    fn terms_of(&self, listing: WideListing) -> ListingTerms {
        let venue_fee_e9 = self.config.venues[usize::from(listing.venue)].taker_fee_e9;
        let at = (listing.venue, listing.instrument);
        let unit_e9 = self.contract_units.get(&at).copied().unwrap_or(1_000_000_000);
        let usual = ListingTerms { unit_e9, lot: 1, fee_ppb: 0, fee_unit_e9: venue_fee_e9 };
        self.own.get(&at).map_or(usual, |own| ListingTerms {
            unit_e9: own.unit_e9,
            lot: own.lot,
            fee_ppb: own.fee_ppb,
            fee_unit_e9: own.fee_unit_e9.unwrap_or(venue_fee_e9),
        })
    }

    fn find(&self, venue: &str, symbol: &str) -> Result<WideListing, String> {
        let venue = startup::venue_number(self.config, venue).map_err(|error| error.to_string())?;
        let instrument = startup::number_in(self.directory, symbol).map_err(|error| error.to_string())?;
        Ok(WideListing { venue, instrument })
    }

    fn number(&mut self, venue: &str, symbol: &str) -> Result<u32, String> {
        let listing = self.find(venue, symbol)?;
        let next = u32::try_from(self.listings.len()).map_err(|_| "too many listings".to_owned())?;
        let number = *self.numbers.entry((listing.venue, listing.instrument)).or_insert(next);
        if number == next {
            self.listings.push(listing);
        }
        Ok(number)
    }

    fn is_inverse(&self, venue: &str, symbol: &str) -> bool {
        let named = |own: &&WideListingConfig| own.venue == venue && own.symbol == symbol;
        self.wide.listings.iter().find(named).is_some_and(|own| own.inverse)
    }

    /// Terms of what nothing depends on are a mistake in a name.
    fn check_terms(&self, terms: &WideListingConfig) -> Result<(), String> {
        let WideListingConfig { venue, symbol, .. } = terms;
        let found = self.find(venue, symbol).map(|listing| (listing.venue, listing.instrument));
        if found.is_ok_and(|listing| self.numbers.contains_key(&listing)) {
            return Ok(());
        }
        Err(format!("{symbol} at {venue} is in no relation of any kind, pair or chain"))
    }

    fn add_relation(&mut self, relation: &RelationConfig) -> Result<(), String> {
        let mut legs = Vec::new();
        for leg in &relation.legs {
            let listing = self.number(&leg.venue, &leg.symbol)?;
            legs.push(if leg.side == LegSide::Buy { Leg::buy(listing) } else { Leg::sell(listing) });
        }
        let RelationConfig { amount_max_e9, profit_min_e9, .. } = *relation;
        self.spec.relations.push(RelationSpec { legs, amount_max: amount_max_e9, profit_min: profit_min_e9 });
        Ok(())
    }

    /// Each symbol between each two venues, in both directions.
    fn add_pairs(&mut self, pairs: &PairsConfig) -> Result<(), String> {
        let venues: Vec<_> = self.config.venues.iter().map(|venue| venue.name.clone()).collect();
        let PairsConfig { symbols, amount_max_e9, profit_min_e9 } = pairs;
        let (amount_max, profit_min) = (*amount_max_e9, *profit_min_e9);
        for symbol in symbols {
            let mut listings = Vec::new();
            for venue in &venues {
                listings.push(self.number(venue, symbol)?);
            }
            for &bought in &listings {
                for &sold in listings.iter().filter(|&&sold| sold != bought) {
                    let legs = vec![Leg::buy(bought), Leg::sell(sold)];
                    self.spec.relations.push(RelationSpec { legs, amount_max, profit_min });
                }
            }
        }
        Ok(())
    }

    /// Its options, then the grid of strikes: expiry by expiry, strike by strike, the call before the put.
    fn add_chain(
        &mut self,
        chain: &ChainConfig,
        option_listings: &mut Vec<Option<WideListing>>,
    ) -> Result<(), String> {
        let underlying = self.number(&chain.venue, &chain.symbol)?;
        let first = self.spec.expiries.len();
        for expiry in &chain.expiries {
            self.spec.expiries.push(expiry_of(expiry)?);
        }
        let options_venue = chain.options_venue.as_ref().unwrap_or(&chain.venue);
        for option in chain.options.iter().cloned().chain(grid(chain)) {
            let symbol = option.symbol.as_ref().filter(|symbol| !symbol.is_empty());
            option_listings.push(symbol.map(|symbol| self.find(options_venue, symbol)).transpose()?);
            self.spec.options.push(OptionSpec {
                underlying,
                expiry: u32::try_from(first + option.expiry).map_err(|_| "too many expiries".to_owned())?,
                put: option.kind == OptionKind::Put,
                strike: option.strike_e9 as f64 / UNIT_E9,
                volatility: option.volatility,
                width_vega: chain.quote.width_vega,
                half_width_min_e9: chain.quote.half_width_min_e9,
                tick_e9: chain.quote.tick_e9,
            });
        }
        Ok(())
    }
}

fn grid(chain: &ChainConfig) -> impl Iterator<Item = OptionConfig> + '_ {
    let in_expiry = |expiry| {
        let strikes = chain.strikes.iter();
        let strikes =
            strikes.flat_map(|strikes| strikes.iter().map(|strike_e9| (strike_e9, strikes.volatility)));
        strikes.flat_map(move |(strike_e9, volatility)| {
            [OptionKind::Call, OptionKind::Put].map(|kind| OptionConfig {
                expiry,
                strike_e9,
                kind,
                volatility,
                symbol: None,
            })
        })
    };
    let symbol = move |number: usize| chain.strikes.as_ref()?.symbols.get(number).cloned();
    let options = (0..chain.expiries.len()).flat_map(in_expiry).enumerate();
    options.map(move |(number, option)| OptionConfig { symbol: symbol(number), ..option })
}

/// Factors that come of rates are rounded to 1e-9: the exponential is the machine's own.
fn expiry_of(expiry: &ExpiryConfig) -> Result<ExpirySpec, String> {
    let rounded = |power: f64| (power.exp() * UNIT_E9).round() / UNIT_E9;
    let years = expiry.years;
    Ok(match expiry.terms()? {
        ExpiryTerms::Factors { carry, discount } => ExpirySpec { carry, discount, years },
        ExpiryTerms::Rates { rate, dividend_yield } => {
            let (carry, discount) = (rounded((rate - dividend_yield) * years), rounded(-rate * years));
            ExpirySpec { carry, discount, years }
        }
    })
}
