//! 10,000 relations and quotes that leave nothing to take: half pairs of venues, a quarter cycles of three and four
//! currencies, a quarter what options owe each other.

use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms};
use kernels::cpu::book::Bbo;
use kernels::cpu::relation_kinds::{
    ChainExpiry, ChainKind, ChainOption, Discount, Exercise, Hedge, Market as CurrencyMarket, OptionChain,
    cycles,
};
use kernels::cpu::wide::{LinearSpec, RelationSpec, WideSpec};

/// Relations of each load.
pub const RELATIONS: usize = 10_000;

const SYMBOLS: u32 = 250;
const VENUES: u32 = 5;
const CURRENCIES: u32 = 10;
const UNDERLYINGS: u32 = 20;
const STRIKES: u64 = 11;
const EXPIRIES: u32 = 3;
const E9: u64 = 1_000_000_000;
const CENT: i64 = 10_000_000;

const SHARE: ListingTerms = ListingTerms { unit_e9: E9, lot: 1, fee_ppb: 0, fee_unit_e9: 3_000_000 };
const COIN: ListingTerms = ListingTerms { unit_e9: 1_000_000, lot: 1, fee_ppb: 200_000, fee_unit_e9: 0 };
const CONTRACT: ListingTerms =
    ListingTerms { unit_e9: 100 * E9, lot: 1, fee_ppb: 0, fee_unit_e9: 650_000_000 };

/// Relations and the quotes of their listings.
#[derive(Debug)]
pub struct Market {
    /// The relations.
    pub spec: WideSpec,
    /// By listing.
    pub quotes: Vec<Bbo>,
}

impl Market {
    fn new() -> Self {
        Self { spec: WideSpec::default(), quotes: Vec::new() }
    }

    fn list(&mut self, terms: ListingTerms, bid_px: i64, ask_px: i64) -> u32 {
        self.spec.listings.push(terms);
        self.quotes.push(Bbo { bid_px, bid_qty: 5_000, ask_px, ask_qty: 5_000 });
        self.quotes.len() as u32 - 1
    }
}

/// Over 3,000 listings none of which is in more than a few hundred relations: what is checked when much has changed.
#[must_use]
pub fn mixed() -> Market {
    let mut market = Market::new();
    for symbol in 0..SYMBOLS {
        let mid = 20 * E9 as i64 + i64::from(symbol) * 137 * CENT;
        let first = market.quotes.len() as u32;
        for venue in 0..VENUES {
            market.list(SHARE, mid - CENT * i64::from(1 + venue % 2), mid + CENT);
        }
        for bought in first..first + VENUES {
            for sold in (first..first + VENUES).filter(|sold| *sold != bought) {
                market.spec.relations.push(cycle(vec![Leg::buy(bought), Leg::sell(sold)]));
            }
        }
    }
    add_cycles(&mut market, RELATIONS / 4);
    let each = RELATIONS / 4 / UNDERLYINGS as usize;
    for underlying in 0..UNDERLYINGS {
        let spot = 100.0 + f64::from(underlying);
        let made = add_chain(&mut market, spot);
        market.spec.linears.extend(made.into_iter().step_by(3).take(each));
    }
    market
}

/// All of them are of listing 0: what one tick asks for.
#[must_use]
pub fn of_one_listing() -> Market {
    let mut market = Market::new();
    let (low, high) = (99_990_000_000, 100_000_000_000);
    let hub = market.list(SHARE, low, high);
    let others: Vec<u32> = (0..200).map(|_| market.list(SHARE, low, high)).collect();
    for at in 0..RELATIONS / 2 {
        let other = others[at / 2 % others.len()];
        let legs =
            if at % 2 == 0 { [Leg::buy(hub), Leg::sell(other)] } else { [Leg::buy(other), Leg::sell(hub)] };
        market.spec.relations.push(cycle(legs.to_vec()));
    }
    for at in 0..RELATIONS / 4 {
        let [a, b, c] = [0, 7, 31].map(|by| others[(at + by) % others.len()]);
        let mut legs = vec![Leg::buy(hub), Leg::buy(a), Leg::sell(b)];
        if at % 2 == 0 {
            legs.push(Leg::sell(c));
        }
        market.spec.relations.push(cycle(legs));
    }
    let mut made = Vec::new();
    while made.len() < RELATIONS / 4 {
        let of_chain = chain_on(&mut market, hub, 99.995 + made.len() as f64 * 1e-6);
        made.extend(of_chain.into_iter().filter(|spec| spec.legs.iter().any(|leg| leg.leg.listing() == hub)));
    }
    made.truncate(RELATIONS / 4);
    market.spec.linears = made;
    market
}

fn cycle(legs: Vec<Leg>) -> RelationSpec {
    RelationSpec { legs, amount_max: AMOUNT_MAX, profit_min: 1 }
}

/// Triangles and cycles of four, half and half, over two venues that list every pair.
fn add_cycles(market: &mut Market, count: usize) {
    let worth = |currency: u32| 1.0 + f64::from(currency * currency) * 0.37;
    let mut markets = Vec::new();
    for _venue in 0..2 {
        for base in 1..CURRENCIES {
            for quote in 0..base {
                let mid = worth(base) / worth(quote) * 1e9;
                let listing = market.list(COIN, (mid * 0.999_9) as i64, (mid * 1.000_1) as i64);
                markets.push(CurrencyMarket { listing, base, quote });
            }
        }
    }
    let all = cycles(&markets, &[0, 1, 2], 4, AMOUNT_MAX, 1).unwrap_or_default();
    for legs in [3, 4] {
        let of_length = all.iter().filter(|relation| relation.legs.len() == legs);
        market.spec.relations.extend(of_length.take(count / 2).cloned());
    }
}

fn add_chain(market: &mut Market, spot: f64) -> Vec<LinearSpec> {
    let mid = (spot * 1e9) as i64;
    let underlying = market.list(SHARE, mid - CENT, mid + CENT);
    chain_on(market, underlying, spot)
}

/// Options at prices that are convex in the strike, rise with time, and obey parity without interest.
fn chain_on(market: &mut Market, underlying: u32, spot: f64) -> Vec<LinearSpec> {
    let mut options = Vec::new();
    for expiry in 0..EXPIRIES {
        for strike in (0..STRIKES).map(|at| 80 + 4 * at) {
            for put in [false, true] {
                let forward = spot - strike as f64;
                let spread = (forward * forward + 200.0 * f64::from(expiry + 1)).sqrt();
                let price = (if put { spread - forward } else { spread + forward }) / 2.0;
                let (low, high) = ((price * 100.0).floor() as i64 - 1, (price * 100.0).ceil() as i64 + 1);
                let listing = market.list(CONTRACT, low * CENT, high * CENT);
                options.push(ChainOption { listing, expiry, strike_e9: strike * E9, put });
            }
        }
    }
    let expiry = |order| ChainExpiry {
        order,
        discount: Discount::NONE,
        dividends_received_e9: 0,
        dividends_paid_e9: 0,
        hedge: Some(Hedge::Underlying(underlying)),
    };
    let expiries: Vec<_> = (0..u64::from(EXPIRIES)).map(expiry).collect();
    let chain = OptionChain {
        listings: &market.spec.listings,
        options: &options,
        expiries: &expiries,
        exercise: Exercise::American,
        reach: 1,
        amount_max: AMOUNT_MAX,
        profit_min: 1,
    };
    ChainKind::ALL.into_iter().flat_map(|kind| chain.relations(kind).unwrap_or_default()).collect()
}
