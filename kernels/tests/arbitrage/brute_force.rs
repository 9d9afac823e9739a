//! Every relation of a specification, worked out from the books in numbers without limit, as the texts of its fields say.

use kernels::abi::{AMOUNT_MAX, Leg};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{LinearSpec, RelationSpec, WideSpec};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// Price of a unit after fees and what is displayed, buying and selling; `None` where there is nothing.
type Sides = [Option<(BigInt, u64)>; 2];

fn e9() -> BigInt {
    BigInt::from(1_000_000_000)
}

fn most() -> BigInt {
    BigInt::from(AMOUNT_MAX)
}

/// `a / b` upwards or downwards; both positive.
fn divided(a: BigInt, b: BigInt, up: bool) -> BigInt {
    if up { (a + &b - 1) / b } else { a / b }
}

fn sides(spec: &WideSpec, listing: usize, bbo: &Bbo) -> Sides {
    let terms = &spec.listings[listing];
    let inverse = spec.inverse.contains(&(listing as u32));
    [true, false].map(|buys| {
        let (price, shown) =
            if buys != inverse { (bbo.ask_px, bbo.ask_qty) } else { (bbo.bid_px, bbo.bid_qty) };
        if price <= 0 || shown == 0 {
            return None;
        }
        let unit = BigInt::from(terms.unit_e9);
        let raw = if inverse {
            divided(unit * e9(), BigInt::from(price), buys)
        } else {
            divided(unit * price, e9(), buys)
        };
        let sign = if buys { 1 } else { -1 };
        let with_fee = divided(&raw * (e9() + sign * terms.fee_ppb), e9(), buys);
        let amount = &with_fee + sign * BigInt::from(terms.fee_unit_e9);
        let fits = raw <= most() && with_fee <= most() && amount >= BigInt::from(1) && amount <= most();
        fits.then_some((amount, shown))
    })
}

struct Priced {
    goes_in: BigInt,
    comes_out: BigInt,
    shown: u64,
    lot: u64,
}

fn whole_lots(quantity: BigInt, lot: u64) -> BigInt {
    &quantity - &quantity % lot
}

fn number(value: &BigInt) -> i64 {
    i64::try_from(value).expect("an amount")
}

fn cycle(spec: &WideSpec, relation: &RelationSpec, all: &[Sides]) -> Option<[i64; 5]> {
    let priced = |leg: &Leg| {
        let terms = &spec.listings[leg.listing() as usize];
        let (price, shown) = all[leg.listing() as usize][usize::from(leg.sells())].clone()?;
        let unit = BigInt::from(terms.unit_e9);
        let (goes_in, comes_out) = if leg.sells() { (unit, price) } else { (price, unit) };
        Some(Priced { goes_in, comes_out, shown, lot: terms.lot })
    };
    let legs = relation.legs.iter().map(priced).collect::<Option<Vec<_>>>()?;
    let product = |of: fn(&Priced) -> &BigInt| legs.iter().map(of).product::<BigInt>();
    if product(|leg| &leg.comes_out) <= product(|leg| &leg.goes_in) {
        return None;
    }
    // Backward: no leg brings more than the next one can take.
    let mut cap = most();
    for leg in legs.iter().rev() {
        let fitting = BigInt::from(leg.shown).min(cap / &leg.comes_out).min(most() / &leg.goes_in);
        cap = whole_lots(fitting, leg.lot) * &leg.goes_in;
    }
    // Forward with what arrives.
    let mut amount = cap.min(BigInt::from(relation.amount_max));
    let mut values = [0; 5];
    let mut taken = None;
    for (leg, value) in legs.iter().zip(&mut values) {
        let quantity = whole_lots(amount / &leg.goes_in, leg.lot);
        if quantity == BigInt::ZERO {
            return None;
        }
        *value = number(&quantity);
        taken.get_or_insert_with(|| &quantity * &leg.goes_in);
        amount = quantity * &leg.comes_out;
    }
    values[4] = number(&(amount - taken?));
    (values[4] > 0 && values[4] as u64 >= relation.profit_min).then_some(values)
}

fn linear(spec: &WideSpec, relation: &LinearSpec, all: &[Sides]) -> Option<[i64; 5]> {
    let (mut into, mut out) = (BigInt::ZERO, BigInt::ZERO);
    let mut copies = most();
    let mut trades_whole_lots = Vec::new();
    for leg in &relation.legs {
        let (price, shown) = all[leg.leg.listing() as usize][usize::from(leg.leg.sells())].clone()?;
        let amount = price * leg.weight * leg.factor_e9;
        if leg.leg.sells() {
            out += amount
        } else {
            into += amount
        }
        copies = copies.min(BigInt::from(shown / leg.weight));
        trades_whole_lots.push((leg.weight, spec.listings[leg.leg.listing() as usize].lot));
    }
    let payoff = BigInt::from(relation.payoff_e9) * e9();
    if payoff < BigInt::ZERO {
        into -= payoff
    } else {
        out += payoff
    }
    let (into, out) = (divided(into, e9(), true), divided(out, e9(), false));
    if out <= into || into > most() || out > most() {
        return None;
    }
    copies = copies.min(BigInt::from(relation.amount_max) / &into).min(most() / &out);
    // The most copies that break no lot: one after the other, for no lot here is large.
    let breaks = |copies: &BigInt| trades_whole_lots.iter().any(|(w, lot)| copies * w % lot != BigInt::ZERO);
    while breaks(&copies) {
        copies -= 1;
    }
    let profit = number(&((&out - &into) * &copies));
    let values = [number(&copies), number(&into), number(&out), 0, profit];
    (profit > 0 && profit as u64 >= relation.profit_min).then_some(values)
}

/// All relations that have something to take, and their values.
pub fn hits(spec: &WideSpec, bbos: &[Bbo]) -> BTreeMap<u32, [i64; 5]> {
    let all: Vec<Sides> = bbos.iter().enumerate().map(|(listing, bbo)| sides(spec, listing, bbo)).collect();
    let cycles = spec.relations.iter().map(|relation| cycle(spec, relation, &all));
    let linears = spec.linears.iter().map(|relation| linear(spec, relation, &all));
    (0..).zip(cycles.chain(linears)).filter_map(|(number, values)| Some((number, values?))).collect()
}
