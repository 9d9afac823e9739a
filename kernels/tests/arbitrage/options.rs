//! Generated chains: quotes around the prices of one tree owe each other nothing; planted mispricings are found, all of
//! them and nothing else.

use crate::random::Random;
use crate::scan::Scan;
use crate::tree::Tree;
use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms};
use kernels::cpu::book::Bbo;
use kernels::cpu::relation_kinds::{
    Basis, Basket, ChainExpiry, ChainKind, ChainOption, Discount, Exercise, Hedge, OptionChain,
};
use kernels::cpu::wide::{LinearSpec, WideSpec};
use std::collections::BTreeSet;

const E9: f64 = 1e9;
const CENT: i64 = 10_000_000;
const STEPS: [u32; 3] = [12, 24, 40];
const HORIZON: u32 = 40;
const STOCK: ListingTerms = ListingTerms { unit_e9: 1_000_000_000, lot: 10, fee_ppb: 0, fee_unit_e9: 0 };
const CONTRACT: ListingTerms = ListingTerms { unit_e9: 100_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };
/// What a contract's trade costs where trading is not free.
const FEE_E9: i64 = 650_000_000;

/// Listing 0 is the underlying, then the future of each expiry, then two shares and a fund of them, then the options.
const FUTURES: u32 = 1;
const SHARES: u32 = 4;
const FUND: u32 = 6;
const OPTIONS: u32 = 7;

struct Day {
    tree: Tree,
    exercise: Exercise,
    listings: Vec<ListingTerms>,
    options: Vec<ChainOption>,
    expiries: Vec<ChainExpiry>,
}

fn day(exercise: Exercise, dividend: f64, fee_e9: i64) -> Day {
    let tree = Tree { spot: 100.0, growth: 1.001, up: 1.03, dividend, dividend_step: 17 };
    let expiry = |(order, steps): (u64, u32)| {
        let discount = tree.growth.powi(-(steps as i32)) * E9;
        let dividends = tree.dividends(steps) * E9;
        ChainExpiry {
            order,
            discount: Discount { receive_e9: discount.floor() as u64, pay_e9: discount.ceil() as u64 },
            dividends_received_e9: dividends.floor() as u64,
            dividends_paid_e9: dividends.ceil() as u64,
            hedge: Some(Hedge::Underlying(0)),
        }
    };
    let expiries: Vec<_> = (0..).zip(STEPS).map(expiry).collect();
    let mut options = Vec::new();
    for expiry in 0..3 {
        for strike in (80..=120).step_by(5) {
            for put in [false, true] {
                let listing = OPTIONS + options.len() as u32;
                options.push(ChainOption { listing, expiry, strike_e9: strike * 1_000_000_000, put });
            }
        }
    }
    let stock = ListingTerms { fee_unit_e9: fee_e9 / 100, ..STOCK };
    let future = ListingTerms { unit_e9: 50_000_000_000, fee_unit_e9: fee_e9, ..CONTRACT };
    let contract = ListingTerms { fee_unit_e9: fee_e9, ..CONTRACT };
    let mut listings = vec![stock, future, future, future, stock, stock, stock];
    listings.resize(OPTIONS as usize + options.len(), contract);
    Day { tree, exercise, listings, options, expiries }
}

impl Day {
    fn chain(&self, reach: usize) -> OptionChain<'_> {
        OptionChain {
            listings: &self.listings,
            options: &self.options,
            expiries: &self.expiries,
            exercise: self.exercise,
            reach,
            amount_max: AMOUNT_MAX,
            profit_min: 1,
        }
    }

    fn linears(&self, reach: usize) -> Vec<LinearSpec> {
        let of_kind = |kind| self.chain(reach).relations(kind).unwrap_or_else(|error| panic!("{error}"));
        let mut linears: Vec<_> = ChainKind::ALL.into_iter().flat_map(of_kind).collect();
        for (number, expiry) in (0..).zip(&self.expiries) {
            let basis = Basis {
                spot: 0,
                future: FUTURES + number,
                discount: expiry.discount,
                income_e9: expiry.dividends_received_e9,
                cost_of_short_e9: expiry.dividends_paid_e9,
                amount_max: AMOUNT_MAX,
                profit_min: 1,
            };
            linears.extend(basis.relations(&self.listings).expect("a basis"));
        }
        let fund = Basket {
            fund: FUND,
            fund_weight: 1_000,
            components: vec![(SHARES, 700), (SHARES + 1, 300), (0, 100)],
            cash_e9: 40_000_000_000,
            fee_e9: 5_000_000_000,
            amount_max: AMOUNT_MAX,
            profit_min: 1,
        };
        linears.extend(fund.relations().expect("a basket"));
        linears
    }

    /// A market under the scan. What basis trades pay is said to the checker without what their late fees were taken for.
    fn scan(&self, reach: usize) -> Scan {
        let mut scan = Scan::new(self.spec(reach));
        let first = scan.spec.linears.len() as u32 - 2 - 2 * self.expiries.len() as u32;
        for (number, expiry) in (0..).zip(&self.expiries) {
            scan.payoffs.insert(first + 2 * number, 50 * expiry.dividends_received_e9 as i64);
            scan.payoffs.insert(first + 2 * number + 1, -50 * expiry.dividends_paid_e9 as i64);
        }
        scan
    }

    fn spec(&self, reach: usize) -> WideSpec {
        let linears = self.linears(reach);
        WideSpec { listings: self.listings.clone(), linears, ..WideSpec::default() }
    }

    /// What a listing is worth, 1e-9.
    fn fair(&self, listing: u32) -> f64 {
        let american = self.exercise == Exercise::American;
        match listing {
            0 => self.tree.spot,
            SHARES => 20.0,
            5 => 30.0,
            // 700 x 20 + 300 x 30 + 100 x 100 + 40, in 1,000 shares.
            FUND => 33.04,
            future if future < SHARES => {
                let steps = STEPS[(future - FUTURES) as usize];
                (self.tree.spot - self.tree.dividends(steps)) * self.tree.growth.powi(steps as i32)
            }
            option => {
                let ChainOption { expiry, strike_e9, put, .. } = self.options[(option - OPTIONS) as usize];
                let strike = strike_e9 as f64 / E9;
                self.tree.price(strike, put, STEPS[expiry as usize], american, HORIZON)
            }
        }
    }

    /// A quote of whole cents around what it is worth.
    fn quote(&self, listing: u32, random: &mut Random) -> Bbo {
        let fair = self.fair(listing) * 100.0;
        let wide = |random: &mut Random| random.below(3) as i64 * CENT;
        let bid_px = (fair - 1e-6).floor() as i64 * CENT - wide(random);
        let ask_px = (fair + 1e-6).ceil() as i64 * CENT + wide(random);
        let quantity = |random: &mut Random| match listing < FUTURES || (SHARES..=FUND).contains(&listing) {
            true => 1_000 + random.below(50) * 100,
            false => 10 + random.below(50),
        };
        let (bid_qty, ask_qty) = (quantity(random), quantity(random));
        if bid_px <= 0 {
            Bbo { ask_px, ask_qty, ..Bbo::EMPTY }
        } else {
            Bbo { bid_px, bid_qty, ask_px, ask_qty }
        }
    }

    fn quotes(&self, random: &mut Random) -> Vec<Bbo> {
        (0..self.listings.len() as u32).map(|listing| self.quote(listing, random)).collect()
    }
}

fn open(scan: &mut Scan, quotes: &[Bbo], random: &mut Random) {
    let mut order: Vec<u32> = (0..quotes.len() as u32).collect();
    random.shuffle(&mut order);
    order.iter().for_each(|&listing| scan.tick(listing, quotes[listing as usize]));
}

/// Moves one leg's price so that a copy of the relation earns a little; `None` where no leg can be moved.
fn plant(scan: &Scan, at: usize, random: &mut Random) -> Option<(u32, Bbo)> {
    let relation = &scan.spec.linears[at];
    let mut short = i128::from(-relation.payoff_e9);
    for leg in &relation.legs {
        let (listing, bbo) = (leg.leg.listing() as usize, &scan.bbos[leg.leg.listing() as usize]);
        let terms = &scan.spec.listings[listing];
        let price = if leg.leg.sells() { bbo.bid_px } else { bbo.ask_px };
        if price <= 0 {
            return None;
        }
        let amount = i128::from(price) * i128::from(terms.unit_e9) / 1_000_000_000;
        let fee = i128::from(terms.fee_unit_e9);
        let signed = if leg.leg.sells() { fee - amount } else { amount + fee };
        short += signed * i128::from(leg.weight) * i128::from(leg.factor_e9) / 1_000_000_000;
    }
    let leg = &relation.legs[random.below(relation.legs.len() as u64) as usize];
    let listing = leg.leg.listing();
    let unit = i128::from(scan.spec.listings[listing as usize].unit_e9) * i128::from(leg.weight);
    let move_by = (short.max(0) * 1_000_000_000 / unit) as i64 + 3 * CENT;
    let bbo = scan.bbos[listing as usize];
    let enough = 1 << 40;
    if leg.leg.sells() {
        Some((listing, Bbo { bid_px: bbo.bid_px + move_by, bid_qty: enough, ..bbo }))
    } else {
        let ask_px = bbo.ask_px - move_by;
        (ask_px > 0).then_some((listing, Bbo { ask_px, ask_qty: enough, ..bbo }))
    }
}

/// The days that are tried: exercise, dividend, fee of a contract.
const DAYS: [(Exercise, f64, i64); 5] = [
    (Exercise::European, 0.0, 0),
    (Exercise::European, 1.5, FEE_E9),
    (Exercise::American, 0.0, 0),
    (Exercise::American, 1.5, 0),
    (Exercise::American, 1.5, FEE_E9),
];

fn planted_are_found(reach: usize, plants: u32) {
    for (number, (exercise, dividend, fee_e9)) in (0u64..).zip(DAYS) {
        let day = day(exercise, dividend, fee_e9);
        let mut random = Random(0xA5B1 + number);
        let mut scan = day.scan(reach);
        let quotes = day.quotes(&mut random);
        open(&mut scan, &quotes, &mut random);
        assert_eq!(scan.found, 0, "day {number}: quotes around the prices of a tree owe each other nothing");
        scan.check_all();
        let (mut planted, mut found) = (0, BTreeSet::new());
        while planted < plants {
            let at = random.below(scan.spec.linears.len() as u64) as usize;
            let Some((listing, bbo)) = plant(&scan, at, &mut random) else { continue };
            scan.tick(listing, bbo);
            assert!(
                scan.hits.contains_key(&(at as u32)),
                "day {number}: planted in relation {at}, not found"
            );
            scan.check_all();
            found.extend(scan.hits.keys().copied());
            scan.tick(listing, quotes[listing as usize]);
            assert!(scan.hits.is_empty(), "day {number}: what was taken back is gone");
            planted += 1;
        }
        println!(
            "{exercise:?}, dividend {dividend}, fee {fee_e9}: {} relations, {planted} planted and found, {} different hits",
            scan.spec.linears.len(),
            found.len()
        );
    }
}

#[test]
fn planted_mispricings_are_found_and_nothing_else() {
    planted_are_found(1, 60);
}

#[test]
#[ignore = "a minute: every planted mispricing against the brute force over all spreads"]
fn planted_mispricings_are_found_and_nothing_else_wide() {
    planted_are_found(8, 600);
}

/// Quotes that jump about, crossed and one-sided ones among them: hits come and go, each time as the brute force says.
#[test]
fn hits_come_and_go_as_the_brute_force_says() {
    let mut found = 0;
    for (number, (exercise, dividend, fee_e9)) in (0u64..).zip(DAYS) {
        let day = day(exercise, dividend, fee_e9);
        let mut random = Random(0xC0DE + number);
        let mut scan = day.scan(2);
        let quotes = day.quotes(&mut random);
        open(&mut scan, &quotes, &mut random);
        for step in 0..200 {
            let listing = random.below(quotes.len() as u64) as u32;
            let moved = quotes[listing as usize];
            let by = (random.below(41) as i64 - 20) * 2 * CENT;
            let moved = Bbo {
                bid_px: moved.bid_px.saturating_add(by),
                ask_px: moved.ask_px.saturating_add(by),
                ..moved
            };
            let bbo = match random.below(8) {
                0 => Bbo::EMPTY,
                1 => Bbo { ask_px: i64::MAX, ..moved },
                2 => Bbo { bid_px: -1, ..moved },
                _ => moved,
            };
            scan.tick(listing, bbo);
            if step % 20 == 0 {
                scan.check_all();
            }
        }
        scan.check_all();
        found += scan.found;
    }
    assert!(found > 1_000, "too little happened: {found}");
}

/// The same options in another order make the same relations, and the same quotes in another order the same hits.
#[test]
fn the_order_of_the_input_does_not_count() {
    let mut day = day(Exercise::American, 1.5, FEE_E9);
    let mut random = Random(7);
    let contents = |linears: &[LinearSpec]| {
        let content = |spec: &LinearSpec| {
            let mut legs: Vec<_> = spec.legs.iter().map(|l| (l.leg.0, l.weight, l.factor_e9)).collect();
            legs.sort_unstable();
            (legs, spec.payoff_e9)
        };
        linears.iter().map(content).collect::<Vec<_>>()
    };
    let mut quotes = day.quotes(&mut random);
    for quote in &mut quotes {
        quote.bid_px = quote.bid_px.saturating_add(random.below(30) as i64 * CENT);
    }
    let mut in_order = day.scan(3);
    random.shuffle(&mut day.options);
    let mut shuffled = day.scan(3);
    for scan in [&mut in_order, &mut shuffled] {
        open(scan, &quotes, &mut random);
        scan.check_all();
        assert!(!scan.hits.is_empty());
    }
    let found = |scan: &Scan| {
        let contents = contents(&scan.spec.linears);
        scan.hits
            .iter()
            .map(|(at, values)| (contents[*at as usize].clone(), *values))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        contents(&in_order.spec.linears).into_iter().collect::<BTreeSet<_>>(),
        contents(&shuffled.spec.linears).into_iter().collect::<BTreeSet<_>>()
    );
    assert_eq!(found(&in_order), found(&shuffled));
}

/// Trading a spread the other way, which is to pay what it pays, loses whenever the spread earns.
#[test]
fn a_package_that_earns_loses_when_reversed() {
    let day = day(Exercise::European, 0.0, 0);
    let mut random = Random(99);
    let mut spec = day.spec(2);
    let forward = spec.linears.len();
    let reversed = |linear: &LinearSpec| {
        let mut reversed = linear.clone();
        reversed.payoff_e9 = -linear.payoff_e9;
        reversed.legs.iter_mut().for_each(|leg| leg.leg = Leg(leg.leg.0 ^ 1));
        reversed
    };
    spec.linears.extend(spec.linears.clone().iter().map(reversed));
    let mut scan = Scan::new(spec);
    let quotes = day.quotes(&mut random);
    open(&mut scan, &quotes, &mut random);
    let mut earned = 0;
    for _ in 0..400 {
        let listing = random.below(quotes.len() as u64) as u32;
        let quote = quotes[listing as usize];
        let by = (random.below(81) as i64 - 40) * CENT;
        if quote.bid_px.saturating_add(by) > 0 {
            scan.tick(listing, Bbo { bid_px: quote.bid_px + by, ask_px: quote.ask_px + by, ..quote });
        }
        for &hit in scan.hits.keys().filter(|hit| (**hit as usize) < forward) {
            assert!(!scan.hits.contains_key(&(hit + forward as u32)), "relation {hit} earns both ways");
            earned += 1;
        }
    }
    assert!(earned > 1_000, "too little happened: {earned}");
}
