//! Generated currency markets: cycles of two to four trades over several venues, some quoted upside-down.

use crate::random::Random;
use crate::scan::Scan;
use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms};
use kernels::cpu::book::Bbo;
use kernels::cpu::relation_kinds::{Market, cycles};
use kernels::cpu::wide::{RelationSpec, WideSpec};
use std::collections::BTreeSet;

/// Worth of a unit of each currency.
const WORTH: [f64; 5] = [1.0, 61_837.5, 2_683.4, 1.093, 0.85];
const FEE_PPB: i64 = 200_000;

struct Exchange {
    markets: Vec<Market>,
    inverse: Vec<u32>,
    listings: Vec<ListingTerms>,
}

/// Two venues with all pairs, and contracts of ten units of the first currency that are paid for in the second and third.
fn exchange() -> Exchange {
    let (mut markets, mut listings) = (Vec::new(), Vec::new());
    for _venue in 0..2 {
        for base in 1..5u32 {
            for quote in 0..base {
                markets.push(Market { listing: markets.len() as u32, base, quote });
                let unit_e9 =
                    [1_000_000_000, 1_000_000, 10_000_000, 50_000_000_000, 50_000_000_000][base as usize];
                listings.push(ListingTerms {
                    unit_e9,
                    lot: 1 + u64::from(base % 3),
                    fee_ppb: FEE_PPB,
                    fee_unit_e9: 0,
                });
            }
        }
    }
    let mut inverse = Vec::new();
    for coin in [1, 2] {
        inverse.push(markets.len() as u32);
        markets.push(Market { listing: markets.len() as u32, base: 0, quote: coin });
        listings.push(ListingTerms { unit_e9: 10_000_000_000, lot: 1, fee_ppb: FEE_PPB, fee_unit_e9: 0 });
    }
    Exchange { markets, inverse, listings }
}

impl Exchange {
    fn spec(&self, legs_max: usize) -> WideSpec {
        let relations = cycles(&self.markets, &[0, 1], legs_max, AMOUNT_MAX, 1).expect("few cycles");
        WideSpec {
            listings: self.listings.clone(),
            inverse: self.inverse.clone(),
            relations,
            ..WideSpec::default()
        }
    }

    /// A quote whose mid is what the two currencies are worth, times `error`; half a basis point wide.
    fn quote(&self, listing: usize, error: f64, random: &mut Random) -> Bbo {
        let Market { base, quote, .. } = self.markets[listing];
        let (mut price, unit) =
            (WORTH[base as usize] / WORTH[quote as usize], self.listings[listing].unit_e9);
        if self.inverse.contains(&(listing as u32)) {
            price = 1.0 / price;
        }
        let mid = price * error * 1e9;
        let contract = self.inverse.contains(&(listing as u32));
        let per_unit = if contract { 10.0 } else { WORTH[base as usize] * unit as f64 / 1e9 };
        let shown = |random: &mut Random| (5_000_000.0 / per_unit) as u64 + 10 + random.below(1_000);
        let (bid_qty, ask_qty) = (shown(random), shown(random));
        Bbo {
            bid_px: (mid * 0.999_95).floor() as i64,
            bid_qty,
            ask_px: (mid * 1.000_05).ceil() as i64,
            ask_qty,
        }
    }
}

fn open(scan: &mut Scan, exchange: &Exchange, random: &mut Random) -> Vec<Bbo> {
    let quotes: Vec<_> = (0..exchange.markets.len()).map(|l| exchange.quote(l, 1.0, random)).collect();
    (0..).zip(&quotes).for_each(|(listing, quote)| scan.tick(listing, *quote));
    quotes
}

fn reversed(relation: &RelationSpec) -> BTreeSet<u32> {
    relation.legs.iter().map(|leg| leg.0 ^ 1).collect()
}

#[test]
fn every_cycle_is_made_once_and_its_reverse_too() {
    let exchange = exchange();
    let spec = exchange.spec(4);
    let sets: Vec<BTreeSet<u32>> =
        spec.relations.iter().map(|relation| relation.legs.iter().map(|leg| leg.0).collect()).collect();
    assert_eq!(sets.iter().collect::<BTreeSet<_>>().len(), sets.len(), "each once");
    for relation in &spec.relations {
        let listings: BTreeSet<u32> = relation.legs.iter().map(|leg| leg.listing()).collect();
        assert_eq!(listings.len(), relation.legs.len());
        assert!(sets.contains(&reversed(relation)));
        // Currencies: what comes out of a leg goes into the next one.
        let ends = |leg: &Leg| {
            let Market { base, quote, .. } = exchange.markets[leg.listing() as usize];
            if leg.sells() { (base, quote) } else { (quote, base) }
        };
        for at in 0..relation.legs.len() {
            let next = (at + 1) % relation.legs.len();
            assert_eq!(ends(&relation.legs[at]).1, ends(&relation.legs[next]).0);
        }
    }
    // From dollars, by numbers of listings between each two currencies: counted by hand for two legs.
    let pairs = exchange.spec(2).relations.len();
    assert_eq!(pairs, [(0, 1), (0, 2)].len() * 3 * 2 + 2 * 2 + 3 * 2);
    let mut shuffled = exchange.markets.clone();
    Random(3).shuffle(&mut shuffled);
    assert_eq!(cycles(&shuffled, &[0, 1], 4, AMOUNT_MAX, 1).expect("few"), spec.relations);
}

fn planted(legs_max: usize, plants: u32) {
    let exchange = exchange();
    let mut random = Random(0xF0E1);
    let mut scan = Scan::new(exchange.spec(legs_max));
    let quotes = open(&mut scan, &exchange, &mut random);
    assert_eq!(scan.found, 0, "prices that agree leave nothing");
    let sets: Vec<BTreeSet<u32>> =
        scan.spec.relations.iter().map(|relation| relation.legs.iter().map(|leg| leg.0).collect()).collect();
    let mut hits = 0;
    for _ in 0..plants {
        // Half a percent: more than four fees and four half spreads.
        let listing = random.below(quotes.len() as u64) as u32;
        let dear = random.below(2) == 0;
        let quote = exchange.quote(listing as usize, if dear { 1.005 } else { 0.995 }, &mut random);
        scan.tick(listing, quote);
        scan.check_all();
        let inverse = exchange.inverse.contains(&listing);
        let wanted = if dear != inverse { Leg::sell(listing) } else { Leg::buy(listing) };
        for (number, set) in (0..).zip(&sets) {
            let hit = scan.hits.contains_key(&number);
            assert_eq!(hit, set.contains(&wanted.0), "relation {number}: exactly those with the planted leg");
            hits += u32::from(hit);
        }
        for hit in scan.hits.keys() {
            let back = reversed(&scan.spec.relations[*hit as usize]);
            let back = sets.iter().position(|set| *set == back).expect("its reverse") as u32;
            assert!(!scan.hits.contains_key(&back), "relation {hit} earns both ways");
        }
        scan.tick(listing, quotes[listing as usize]);
        assert!(scan.hits.is_empty());
    }
    println!("{} cycles, {plants} mispriced markets, {hits} hits, all and only theirs", sets.len());
    assert!(hits > plants);
}

#[test]
fn mispriced_markets_are_found_in_all_their_cycles_and_no_others() {
    planted(3, 40);
}

#[test]
#[ignore = "half a minute: four legs"]
fn mispriced_markets_are_found_in_all_their_cycles_and_no_others_wide() {
    planted(4, 200);
}
