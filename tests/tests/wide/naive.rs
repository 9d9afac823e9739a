//! Wide work once more, slowly and without a line of the engine's or the kernels': orders in maps, whole books looked
//! through for each touch, relations in 128-bit arithmetic, options by a series for the normal distribution.
//!
//! It says what is asked for and what the answer to it is. Relations are exact. An option's values are exact to within
//! some 1e-9, so that a quote next to a tick's edge may be one of two.

use std::collections::{BTreeMap, VecDeque};

use engine::control::config::Config;
use engine::control::wide_config::{ExpiryTerms, LegSide, OptionKind};
use feeds::directory::Directory;
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use feeds::symbol::Symbol;
use feeds::units::PRICE_NONE;
use kernels::abi::{ItemKey, ItemKind, WideItem};

/// Amounts end here.
const AMOUNT_MAX: i128 = 1 << 62;

const E9: i128 = 1_000_000_000;

/// How far an option's value may be from the model's, 1e-9.
const TOLERANCE_E9: i64 = 3;

/// Price, quantity.
type Best = Option<(i64, u64)>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Top {
    bid: Best,
    offer: Best,
}

/// One instrument at one venue.
struct Listing {
    venue: u8,
    instrument: u32,
    unit: i128,
    lot: i128,
    fee_ppb: i128,
    fee_unit: i128,
}

struct Relation {
    /// Listing, and whether it sells there.
    legs: Vec<(usize, bool)>,
    amount_max: i128,
    profit_min: i128,
}

struct Chained {
    underlying: usize,
    expiry: usize,
    is_put: bool,
    strike: f64,
    volatility: f64,
    carry: f64,
    discount: f64,
    years: f64,
    half_width_min: i64,
    width_vega: f64,
    tick: i64,
}

/// What an option's values may be.
#[derive(Clone, Debug, PartialEq)]
struct OptionValues {
    bids: Vec<i64>,
    offers: Vec<i64>,
    /// Theoretical price, delta, vega, 1e-9.
    others: [i64; 3],
}

/// A request with its answer.
pub struct Expected {
    pub id: u64,
    pub listing: u32,
    /// Core time of the event, UTC ns.
    pub time_ns: u64,
    relations: Vec<(u32, [i64; 5])>,
    options: Vec<(u32, OptionValues)>,
}

/// See the module's text.
pub struct NaiveWide {
    listings: Vec<Listing>,
    relations: Vec<Relation>,
    options: Vec<Chained>,
    /// Instrument, side, price, quantity by venue and order id.
    orders: BTreeMap<(u8, u64), (u32, Side, i64, u64)>,
    instrument_status: BTreeMap<(u8, u32), u64>,
    venue_status: BTreeMap<u8, u64>,
    tops: Vec<Top>,
    counts: Vec<bool>,
    asked: Vec<(Top, bool)>,
    touched: Vec<usize>,
    waiting: VecDeque<usize>,
    unanswered_max: usize,
    pub unanswered: VecDeque<Expected>,
    next_id: u64,
    time_ns: u64,
    last_relations: BTreeMap<u32, [i64; 5]>,
    last_quotes: BTreeMap<u32, (i64, i64)>,
    /// Answered items, relations and options.
    pub items: [u64; 2],
    /// Answers in which an option's quote could have been either of two.
    pub at_an_edge: u64,
    /// Listings that found no room, summed over the ends of events.
    pub deferred: u64,
}

impl NaiveWide {
    /// The wide work of a configuration.
    pub fn new(config: &Config, directory: &Directory) -> Self {
        let wide = config.wide.as_ref().expect("wide work");
        let venue_of =
            |name: &str| config.venues.iter().position(|venue| venue.name == name).expect("a venue");
        let number_of = |symbol: &str| directory.instrument(Symbol::new(symbol).unwrap()).expect("a symbol");
        let mut listings: Vec<Listing> = Vec::new();
        let mut listing = |venue: &str, symbol: &str| {
            let (at, instrument) = (venue_of(venue) as u8, number_of(symbol));
            if let Some(known) =
                listings.iter().position(|one| (one.venue, one.instrument) == (at, instrument))
            {
                return known;
            }
            let own = wide.listings.iter().find(|own| own.venue == venue && own.symbol == symbol);
            let fee_unit = own.and_then(|own| own.fee_unit_e9);
            listings.push(Listing {
                venue: at,
                instrument,
                unit: own.map_or(E9, |own| i128::from(own.unit_e9)),
                lot: own.map_or(1, |own| i128::from(own.lot)),
                fee_ppb: own.map_or(0, |own| i128::from(own.fee_ppb)),
                fee_unit: i128::from(fee_unit.unwrap_or(config.venues[usize::from(at)].taker_fee_e9)),
            });
            listings.len() - 1
        };
        let mut relations = Vec::new();
        for relation in &wide.relations {
            relations.push(Relation {
                legs: relation
                    .legs
                    .iter()
                    .map(|leg| (listing(&leg.venue, &leg.symbol), leg.side == LegSide::Sell))
                    .collect(),
                amount_max: i128::from(relation.amount_max_e9),
                profit_min: i128::from(relation.profit_min_e9),
            });
        }
        for pairs in &wide.pairs {
            for symbol in &pairs.symbols {
                let at: Vec<_> = config.venues.iter().map(|venue| listing(&venue.name, symbol)).collect();
                for &bought in &at {
                    for &sold in at.iter().filter(|&&sold| sold != bought) {
                        relations.push(Relation {
                            legs: vec![(bought, false), (sold, true)],
                            amount_max: i128::from(pairs.amount_max_e9),
                            profit_min: i128::from(pairs.profit_min_e9),
                        });
                    }
                }
            }
        }
        let mut options = Vec::new();
        let mut expiries = 0;
        for chain in &wide.chains {
            let underlying = listing(&chain.venue, &chain.symbol);
            let mut add = |expiry: usize, strike_e9: i64, is_put: bool, volatility: f64| {
                let given = &chain.expiries[expiry];
                let (carry, discount) = match given.terms().expect("checked") {
                    ExpiryTerms::Factors { carry, discount } => (carry, discount),
                    ExpiryTerms::Rates { rate, dividend_yield } => (
                        (((rate - dividend_yield) * given.years).exp() * 1e9).round() / 1e9,
                        ((-rate * given.years).exp() * 1e9).round() / 1e9,
                    ),
                };
                options.push(Chained {
                    underlying,
                    expiry: expiries + expiry,
                    is_put,
                    strike: strike_e9 as f64 / 1e9,
                    volatility,
                    carry,
                    discount,
                    years: given.years,
                    half_width_min: chain.quote.half_width_min_e9,
                    width_vega: chain.quote.width_vega,
                    tick: chain.quote.tick_e9,
                });
            };
            for option in &chain.options {
                add(option.expiry, option.strike_e9, option.kind == OptionKind::Put, option.volatility);
            }
            if let Some(grid) = &chain.strikes {
                for expiry in 0..chain.expiries.len() {
                    let mut strike_e9 = grid.from_e9;
                    while strike_e9 <= grid.to_e9 {
                        add(expiry, strike_e9, false, grid.volatility);
                        add(expiry, strike_e9, true, grid.volatility);
                        strike_e9 += grid.step_e9;
                    }
                }
            }
            expiries += chain.expiries.len();
        }
        // Options are numbered by underlying, then expiry, then as configured.
        options.sort_by_key(|option| (option.underlying, option.expiry));
        let count = listings.len();
        Self {
            listings,
            relations,
            options,
            orders: BTreeMap::new(),
            instrument_status: BTreeMap::new(),
            venue_status: BTreeMap::new(),
            tops: vec![Top::default(); count],
            counts: vec![false; count],
            asked: vec![(Top::default(), false); count],
            touched: Vec::new(),
            waiting: VecDeque::new(),
            unanswered_max: wide.unanswered_max,
            unanswered: VecDeque::new(),
            next_id: 1,
            time_ns: 0,
            last_relations: BTreeMap::new(),
            last_quotes: BTreeMap::new(),
            items: [0; 2],
            at_an_edge: 0,
            deferred: 0,
        }
    }

    /// Listings, relations, options.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.listings.len(), self.relations.len(), self.options.len())
    }

    /// A market event, as the decision core consumes it.
    pub fn on_market(&mut self, event: &MarketEvent) {
        self.time_ns = self.time_ns.max(event.receive_ns);
        self.apply(event);
        // An event of a whole venue touches its listings by instrument.
        let mut by_instrument: Vec<_> = (0..self.listings.len()).collect();
        by_instrument.sort_by_key(|&at| self.listings[at].instrument);
        for at in by_instrument {
            let Listing { venue, instrument, .. } = self.listings[at];
            let is_of_it = event.instrument == INSTRUMENT_ALL || event.instrument == instrument;
            if venue != event.venue || !is_of_it {
                continue;
            }
            let trading = Some(&(TradingStatus::Trading as u64));
            let own = self.instrument_status.get(&(venue, instrument));
            let phase = self.venue_status.get(&venue);
            let counts = (own.is_none() || own == trading) && (phase.is_none() || phase == trading);
            let top = if counts { self.top(venue, instrument) } else { Top::default() };
            if (top, counts) != (self.tops[at], self.counts[at]) && !self.touched.contains(&at) {
                self.touched.push(at);
            }
            (self.tops[at], self.counts[at]) = (top, counts);
        }
        if event.flags & flags::LAST_OF_EVENT != 0 {
            self.ask();
        }
    }

    fn apply(&mut self, event: &MarketEvent) {
        let id = (event.venue, event.order_id);
        match event.kind {
            EventKind::OrderAdd => {
                self.orders.insert(id, (event.instrument, event.side, event.price, event.quantity));
            }
            EventKind::OrderReplace => {
                let (instrument, side, ..) = self.orders.remove(&id).expect("it is there");
                let new = (event.venue, event.second_id);
                self.orders.insert(new, (instrument, side, event.price, event.quantity));
            }
            EventKind::OrderReduce | EventKind::OrderExecute => {
                let order = self.orders.get_mut(&id).expect("it is there");
                order.3 -= event.quantity;
                if order.3 == 0 {
                    self.orders.remove(&id);
                }
            }
            EventKind::OrderDelete => drop(self.orders.remove(&id).expect("it is there")),
            EventKind::TradingStatus if event.instrument == INSTRUMENT_ALL => {
                self.venue_status.insert(event.venue, event.quantity);
            }
            EventKind::TradingStatus => {
                self.instrument_status.insert((event.venue, event.instrument), event.quantity);
            }
            EventKind::Trade => {}
            other => panic!("the model knows no {other:?}"),
        }
    }

    fn top(&self, venue: u8, instrument: u32) -> Top {
        let mut top = Top::default();
        let of_venue = self.orders.range((venue, 0)..=(venue, u64::MAX));
        for (_, &(of, side, price, quantity)) in of_venue.filter(|(_, order)| order.0 == instrument) {
            debug_assert_eq!(of, instrument);
            let best = if side == Side::Buy { &mut top.bid } else { &mut top.offer };
            *best = match *best {
                None => Some((price, quantity)),
                Some((old, sum)) if old == price => Some((price, sum + quantity)),
                Some((old, _)) if (side == Side::Buy) == (price > old) => Some((price, quantity)),
                kept => kept,
            };
        }
        top
    }

    fn ask(&mut self) {
        for at in std::mem::take(&mut self.touched) {
            if (self.tops[at], self.counts[at]) != self.asked[at] && !self.waiting.contains(&at) {
                self.waiting.push_back(at);
            }
        }
        while self.unanswered.len() < self.unanswered_max {
            let Some(at) = self.waiting.pop_front() else { return };
            let shown = (self.tops[at], self.counts[at]);
            if shown != self.asked[at] {
                self.asked[at] = shown;
                let expected = self.answer_to(at);
                self.unanswered.push_back(expected);
                self.next_id += 1;
            }
        }
        self.deferred += self.waiting.len() as u64;
    }

    fn answer_to(&self, at: usize) -> Expected {
        let relations = (0..).zip(&self.relations);
        let relations = relations.filter(|(_, relation)| relation.legs.iter().any(|(leg, _)| *leg == at));
        let options = (0..).zip(&self.options).filter(|(_, option)| option.underlying == at);
        Expected {
            id: self.next_id,
            listing: at as u32,
            time_ns: self.time_ns,
            relations: relations.map(|(number, relation)| (number, self.relation(relation))).collect(),
            options: options.map(|(number, option)| (number, self.option(option))).collect(),
        }
    }

    /// What one unit costs to buy and brings when sold, with fees; `None`: nobody is there.
    fn prices(&self, at: usize) -> (Option<i128>, Option<i128>) {
        let Listing { unit, fee_ppb, fee_unit, .. } = self.listings[at];
        let fits = |amount: i128| (1..=AMOUNT_MAX).contains(&amount).then_some(amount);
        let up = |product: i128| (product + E9 - 1).div_euclid(E9);
        let cost = self.tops[at].offer.filter(|(price, _)| *price > 0).and_then(|(price, _)| {
            let raw = up(i128::from(price) * unit);
            fits(up(raw * (E9 + fee_ppb)) + fee_unit)
        });
        let proceeds = self.tops[at].bid.filter(|(price, _)| *price > 0).and_then(|(price, _)| {
            let raw = (i128::from(price) * unit).div_euclid(E9);
            fits((raw * (E9 - fee_ppb)).div_euclid(E9) - fee_unit)
        });
        (cost, proceeds)
    }

    fn relation(&self, relation: &Relation) -> [i64; 5] {
        // Of each leg: what goes in and comes out of one unit, how many are shown.
        let mut legs = Vec::new();
        for &(at, sells) in &relation.legs {
            let (cost, proceeds) = self.prices(at);
            let unit = self.listings[at].unit;
            let shown = |best: Best| best.map_or(0, |(_, quantity)| i128::from(quantity));
            let leg = if sells {
                proceeds.map(|proceeds| (unit, proceeds, shown(self.tops[at].bid)))
            } else {
                cost.map(|cost| (cost, unit, shown(self.tops[at].offer)))
            };
            let Some(leg) = leg else { return [0; 5] };
            legs.push((leg, self.listings[at].lot));
        }
        let lots = |quantity: i128, lot: i128| quantity / lot * lot;
        let mut cap = AMOUNT_MAX;
        for ((goes_in, comes_out, shown), lot) in legs.iter().rev() {
            let most = (*shown).min(cap / comes_out).min(AMOUNT_MAX / goes_in);
            cap = lots(most, *lot) * goes_in;
        }
        let mut amount = cap.min(relation.amount_max);
        let mut values = [0; 5];
        let mut first = None;
        for (value, ((goes_in, comes_out, _), lot)) in values.iter_mut().zip(&legs) {
            let quantity = lots(amount / goes_in, *lot);
            if quantity == 0 {
                return [0; 5];
            }
            first.get_or_insert(quantity * goes_in);
            *value = quantity as i64;
            amount = quantity * comes_out;
        }
        let profit = amount - first.unwrap_or(0);
        if profit < relation.profit_min.max(1) {
            return [0; 5];
        }
        values[4] = profit as i64;
        values
    }

    fn option(&self, option: &Chained) -> OptionValues {
        let nothing = OptionValues { bids: vec![PRICE_NONE], offers: vec![PRICE_NONE], others: [0; 3] };
        let Top { bid: Some((bid, _)), offer: Some((offer, _)) } = self.tops[option.underlying] else {
            return nothing;
        };
        if bid > offer {
            return nothing;
        }
        let spot = (i128::from(bid) + i128::from(offer)).div_euclid(2) as f64 / 1e9;
        let forward = spot * option.carry;
        let deviation = option.volatility * option.years.sqrt();
        let d1 = (forward / option.strike).ln() / deviation + deviation / 2.0;
        let d2 = d1 - deviation;
        let sign = if option.is_put { -1.0 } else { 1.0 };
        let (n1, n2) = (normal(sign * d1), normal(sign * d2));
        let price = (option.discount * sign * (forward * n1 - option.strike * n2)).max(0.0);
        let delta = sign * option.discount * option.carry * n1;
        let density = (-0.5 * d1 * d1).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let vega = option.discount * forward * density * option.years.sqrt();
        let e9 = |value: f64| (value * 1e9).round() as i64;
        let edges = |from: i64, to: i64, of: &dyn Fn(i64) -> i64| {
            let mut found: Vec<i64> = (from..=to).map(of).collect();
            found.dedup();
            found
        };
        let half = ((vega * option.width_vega * 1e9).ceil() as i64).max(option.half_width_min);
        let tick = option.tick;
        let floor = |value: i64| {
            let bid = value.div_euclid(tick) * tick;
            if bid < tick { PRICE_NONE } else { bid }
        };
        let ceil = |value: i64| (-(-value).div_euclid(tick) * tick).max(tick);
        let around = |middle: i64, of: &dyn Fn(i64) -> i64| edges(middle - 4, middle + 4, of);
        OptionValues {
            bids: around(e9(price) - half, &floor),
            offers: around(e9(price) + half, &ceil),
            others: [e9(price), e9(delta), e9(vega)],
        }
    }

    /// The answer that the run had to the oldest request.
    pub fn on_answer(&mut self, request: u64, listing: u32, items: &[WideItem], place: &str) -> Expected {
        let expected = self.unanswered.pop_front().unwrap_or_else(|| panic!("{place}: nothing was asked"));
        assert_eq!((request, listing), (expected.id, expected.listing), "{place}");
        assert!(items.windows(2).all(|two| two[0].key < two[1].key), "{place}: not in order");
        let found = |kind: ItemKind, index: u32| {
            let key = ItemKey { kind, index };
            items.iter().find(|item| item.key == key).map(|item| item.values)
        };
        let mut seen = 0;
        for (index, values) in &expected.relations {
            let last = self.last_relations.entry(*index).or_insert([0; 5]);
            let changed = (last != values).then_some(*values);
            assert_eq!(found(ItemKind::Relation, *index), changed, "{place}: relation {index}");
            *last = *values;
            seen += usize::from(changed.is_some());
        }
        self.items[0] += seen as u64;
        for (index, values) in &expected.options {
            let last = self.last_quotes.entry(*index).or_insert((PRICE_NONE, PRICE_NONE));
            self.at_an_edge += u64::from(values.bids.len() + values.offers.len() > 2);
            let fits =
                |(bid, offer): (i64, i64)| values.bids.contains(&bid) && values.offers.contains(&offer);
            match found(ItemKind::Option, *index) {
                None => {
                    assert!(fits(*last), "{place}: option {index} stays {last:?}, the model has {values:?}")
                }
                Some([bid, offer, others @ ..]) => {
                    assert!(
                        fits((bid, offer)),
                        "{place}: option {index} {bid} {offer}, the model {values:?}"
                    );
                    assert_ne!((bid, offer), *last, "{place}: option {index} did not change");
                    let near = others.iter().zip(values.others).all(|(a, b)| (a - b).abs() <= TOLERANCE_E9);
                    assert!(near, "{place}: option {index} {others:?}, the model {:?}", values.others);
                    *last = (bid, offer);
                    seen += 1;
                    self.items[1] += 1;
                }
            }
        }
        assert_eq!(seen, items.len(), "{place}: items of something that does not depend on the listing");
        expected
    }
}

/// The standard normal distribution, to within 1e-15 absolute: half, and a series in odd powers.
fn normal(x: f64) -> f64 {
    if x.abs() > 7.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-20 * sum.abs() {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[test]
fn the_models_normal_distribution_has_known_values() {
    for (x, known) in [
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_542_9),
        (-1.0, 0.158_655_253_931_457_05),
        (3.0, 0.998_650_101_968_369_9),
        (-5.0, 2.866_515_718_791_939e-7),
        (6.9, 0.999_999_999_997_400_1),
    ] {
        assert!((normal(x) - known).abs() < 1e-14, "{x}: {}", normal(x));
    }
}
